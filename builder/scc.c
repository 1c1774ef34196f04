// Tarjan's algorithm with the call stack as an array of frames, so that a chain of a million packages is no matter.
// Invariant: a node is on `open` exactly while its component is not yet known, and low[n] never exceeds order[n].
#include "builder/scc.h"

#include <stdlib.h>

#define UNSEEN UINT32_MAX

void adjacency_init(AdjacencyBuilder *builder, Arena *arena, uint32_t node_count_max) {
    *builder = (AdjacencyBuilder){.arena = arena, .node_cap = node_count_max, .target_cap = 64};
    builder->starts = ARENA_ARRAY(arena, uint32_t, (size_t)node_count_max + 1);
    builder->targets = ARENA_ARRAY(arena, uint32_t, builder->target_cap);
}

void adjacency_add(AdjacencyBuilder *builder, uint32_t target) {
    if (builder->target_count == builder->target_cap) {
        uint32_t *grown = ARENA_ARRAY(builder->arena, uint32_t, (size_t)builder->target_cap * 2);
        memcpy(grown, builder->targets, builder->target_count * sizeof *grown);
        builder->targets = grown;
        builder->target_cap *= 2;
    }
    builder->targets[builder->target_count++] = target;
}

void adjacency_end_node(AdjacencyBuilder *builder) {
    BUG_UNLESS(builder->node_count < builder->node_cap);
    builder->starts[++builder->node_count] = builder->target_count;
}

Adjacency adjacency_end(AdjacencyBuilder *builder) {
    return (Adjacency){builder->node_count, builder->starts, builder->targets};
}

typedef struct Search {
    Adjacency graph;
    uint32_t *order, *low; // by node; order UNSEEN until it is entered
    uint32_t *next;        // by node: the next edge to look at
    uint32_t *path, *open; // stacks of nodes: being visited; without a component yet
    uint32_t path_len, open_len, entered, found;
    uint32_t *components; // UNSEEN while open
} Search;

static void enter(Search *search, uint32_t node) {
    search->order[node] = search->low[node] = search->entered++;
    search->next[node] = search->graph.starts[node];
    search->path[search->path_len++] = node;
    search->open[search->open_len++] = node;
}

// All edges of the node were looked at.
static void leave(Search *search, uint32_t node) {
    search->path_len--;
    if (search->path_len > 0) {
        uint32_t parent = search->path[search->path_len - 1];
        if (search->low[node] < search->low[parent])
            search->low[parent] = search->low[node];
    }
    if (search->low[node] != search->order[node])
        return;
    uint32_t member;
    do {
        member = search->open[--search->open_len];
        search->components[member] = search->found;
    } while (member != node);
    search->found++;
}

static void visit(Search *search, uint32_t root) {
    enter(search, root);
    while (search->path_len > 0) {
        uint32_t node = search->path[search->path_len - 1];
        if (search->next[node] == search->graph.starts[node + 1]) {
            leave(search, node);
            continue;
        }
        uint32_t target = search->graph.targets[search->next[node]++];
        if (search->order[target] == UNSEEN)
            enter(search, target);
        else if (search->components[target] == UNSEEN && search->order[target] < search->low[node])
            search->low[node] = search->order[target];
    }
}

uint32_t scc_find(Adjacency graph, uint32_t *components) {
    uint32_t n = graph.node_count;
    uint32_t *memory = mem_realloc(NULL, (size_t)n * 5 + 1, sizeof *memory);
    Search search = {.graph = graph, .components = components};
    search.order = memory;
    search.low = memory + n;
    search.next = memory + (size_t)n * 2;
    search.path = memory + (size_t)n * 3;
    search.open = memory + (size_t)n * 4;
    for (uint32_t i = 0; i < n; i++)
        search.order[i] = components[i] = UNSEEN;
    for (uint32_t i = 0; i < n; i++)
        if (search.order[i] == UNSEEN)
            visit(&search, i);
    free(memory);
    return search.found;
}

// Stage 0 is where a cycle has to begin: each member is its breaker, or is built from the others' stage 0. This file
// decides whether that can be, and says in the specs' own words where it cannot.
// Invariant: a graph that passes has an order of building for every slot of every component.
#include "builder/graph_check.h"
#include "base/vec.h"
#include "builder/scc.h"

#include <stdlib.h>

// ---- outputs of breakers ----

static Error *check_breaker_output(const Graph *graph, PackageIndex from, const Edge *edge) {
    const Package *target = &graph->set->packages[edge->to];
    if (target->breaker == PACKAGE_NONE || !edge->dependency || !edge->dependency->is_subset)
        return NULL;
    const Package *breaker = &graph->set->packages[target->breaker];
    for (size_t i = 0; i < edge->dependency->outputs.count; i++) {
        Str wanted = edge->dependency->outputs.items[i];
        if (package_output(breaker, wanted))
            continue;
        Error *error = error_new(
            ERROR_INVALID, "breaker '%.*s' has no output '%.*s', which '%.*s' asks of '%.*s' on a cycle",
            STR_ARG(breaker->name), STR_ARG(wanted), STR_ARG(graph->set->packages[from].name), STR_ARG(target->name));
        error = error_at(error, edge->dependency->span);
        return error_hint(error, "give '%.*s' (%.*s:%u) an output of that name", STR_ARG(breaker->name),
                          STR_ARG(breaker->span.file), breaker->span.line);
    }
    return NULL;
}

// Edges of the members, and of those breakers that stand for them.
static Error *check_breaker_outputs(const Graph *graph, uint32_t index) {
    const Component *component = &graph->components[index];
    for (size_t m = 0; m < component->count; m++) {
        PackageIndex both[2] = {component->members[m], slot_package(graph, (Slot){component->members[m], 0})};
        for (size_t b = 0; b < (both[0] == both[1] ? 1 : 2); b++)
            for (uint32_t e = 0; e < graph->nodes[both[b]].edge_count; e++) {
                const Edge *edge = &graph->nodes[both[b]].edges[e];
                if (graph->nodes[edge->to].component == index)
                    TRY(check_breaker_output(graph, both[b], edge));
            }
    }
    return NULL;
}

// ---- an order for stage 0 ----

// Two nodes for each member of one component: that its stage 0 is built (even), and that it and all that it needs at
// run time are there (odd). A package is built when all that its root declares is there; it is there when it is built
// and its runtime dependencies are there. A cycle is harmless exactly when no "is built" is on it.
typedef struct StageZero {
    const Graph *graph;
    uint32_t component;
    uint32_t *local; // by PackageIndex: position among the members
    Adjacency needs;
    const Edge **edges; // parallel to needs.targets; NULL for "there" -> "built" of the same package
    uint32_t *cycle;    // by node: its component
} StageZero;

static void add_stage_zero_edges(StageZero *zero, AdjacencyBuilder *builder, const Edge **edges, PackageIndex member,
                                 bool there) {
    const Graph *graph = zero->graph;
    Slot slot = {member, STAGE_BREAKER};
    const GraphNode *node = &graph->nodes[slot_package(graph, slot)];
    for (uint32_t e = 0; e < node->edge_count; e++) {
        const Edge *edge = &node->edges[e];
        bool counts = there ? edge->kind != EDGE_BUILD : edge_in_root(graph, slot, edge);
        if (!counts || graph->nodes[edge->to].component != zero->component)
            continue;
        edges[builder->target_count] = edge;
        adjacency_add(builder, zero->local[edge->to] * 2 + 1);
    }
}

static void stage_zero_needs(StageZero *zero, Arena *arena) {
    const Component *component = &zero->graph->components[zero->component];
    size_t edge_max = component->count;
    for (size_t m = 0; m < component->count; m++) {
        zero->local[component->members[m]] = (uint32_t)m;
        edge_max += zero->graph->nodes[slot_package(zero->graph, (Slot){component->members[m], 0})].edge_count * 2;
    }
    const Edge **edges = ARENA_ARRAY(arena, const Edge *, edge_max);
    AdjacencyBuilder builder;
    adjacency_init(&builder, arena, (uint32_t)component->count * 2);
    for (size_t m = 0; m < component->count; m++) {
        add_stage_zero_edges(zero, &builder, edges, component->members[m], false);
        adjacency_end_node(&builder);
        adjacency_add(&builder, (uint32_t)m * 2);
        add_stage_zero_edges(zero, &builder, edges, component->members[m], true);
        adjacency_end_node(&builder);
    }
    zero->needs = adjacency_end(&builder);
    zero->edges = edges;
    zero->cycle = ARENA_ARRAY(arena, uint32_t, component->count * 2);
    scc_find(zero->needs, zero->cycle);
}

// Breadth first from "start is built" back to it, inside its cycle. came_by[n] is the edge (an index into targets)
// that reached n. Returns the length of the way, or UINT32_MAX.
static uint32_t shortest_way_round(const StageZero *zero, uint32_t start, uint32_t *came_by, uint32_t *came_from,
                                   uint32_t *queue) {
    uint32_t *distance = mem_realloc(NULL, zero->needs.node_count, sizeof *distance);
    for (uint32_t i = 0; i < zero->needs.node_count; i++)
        distance[i] = UINT32_MAX;
    uint32_t len = 0, found = UINT32_MAX;
    distance[start] = 0;
    queue[len++] = start;
    for (uint32_t at = 0; at < len && found == UINT32_MAX; at++) {
        uint32_t node = queue[at];
        for (uint32_t e = zero->needs.starts[node]; e < zero->needs.starts[node + 1]; e++) {
            uint32_t target = zero->needs.targets[e];
            if (zero->cycle[target] != zero->cycle[start] || (distance[target] != UINT32_MAX && target != start))
                continue;
            came_by[target] = e;
            came_from[target] = node;
            if (target == start) {
                found = distance[node] + 1;
                break;
            }
            distance[target] = distance[node] + 1;
            queue[len++] = target;
        }
    }
    free(distance);
    return found;
}

static void describe_member(const Graph *graph, PackageIndex member, Buf *out) {
    const Package *package = &graph->set->packages[member];
    buf_add_str(out, package->name);
    if (package->breaker != PACKAGE_NONE)
        buf_printf(out, " as its breaker '%.*s'", STR_ARG(graph->set->packages[package->breaker].name));
}

// " -> name (file:line)" for each dependency on the way, first to last.
static const Edge *describe_way(const StageZero *zero, uint32_t start, const uint32_t *came_by,
                                const uint32_t *came_from, Buf *out) {
    VEC(const Edge *) way = {0};
    uint32_t node = start;
    do {
        if (zero->edges[came_by[node]])
            vec_push(&way, zero->edges[came_by[node]]);
        node = came_from[node];
    } while (node != start);
    const Edge *first = vec_last(&way);
    for (size_t i = way.count; i-- > 0;) {
        buf_add_cstr(out, " -> ");
        describe_member(zero->graph, way.items[i]->to, out);
        const Dependency *dependency = way.items[i]->dependency;
        if (dependency && dependency->span.line > 0)
            buf_printf(out, " (%.*s:%u)", STR_ARG(dependency->span.file), dependency->span.line);
        else if (!dependency)
            buf_add_cstr(out, " (implied by needs.internet)");
    }
    vec_release(&way);
    return first;
}

static Error *missing_breaker(const StageZero *zero, uint32_t start, uint32_t *came_by, uint32_t *came_from,
                              uint32_t *queue) {
    const Graph *graph = zero->graph;
    const PackageIndex *members = graph->components[zero->component].members;
    BUG_UNLESS(shortest_way_round(zero, start, came_by, came_from, queue) != UINT32_MAX);
    AUTO_BUF Buf way;
    buf_init(&way, BUF_NO_LIMIT);
    const Package *package = &graph->set->packages[members[start / 2]];
    describe_member(graph, members[start / 2], &way);
    const Edge *first = describe_way(zero, start, came_by, came_from, &way);
    Error *error = error_new(ERROR_INVALID, "missing breaker in a cycle: %s", buf_cstr(&way));
    error = error_at(error, first->dependency ? first->dependency->span : package->span);
    if (package->breaker != PACKAGE_NONE) {
        const Package *breaker = &graph->set->packages[package->breaker];
        return error_hint(error,
                          "'%.*s' is to break this cycle, but needs it itself: a breaker must need none of it to "
                          "be built, as a prebuilt one does",
                          STR_ARG(breaker->name));
    }
    return error_hint(error, "give one of them `replace_on_cycle`: a package that needs none of them to be built, such "
                             "as a prebuilt one");
}

static Error *check_stage_zero(const Graph *graph, uint32_t index) {
    AUTO_ARENA Arena *arena = arena_new(0);
    StageZero zero = {.graph = graph, .component = index};
    zero.local = ARENA_ARRAY(arena, uint32_t, graph->set->count);
    stage_zero_needs(&zero, arena);
    uint32_t n = zero.needs.node_count;
    uint32_t *sizes = ARENA_ARRAY(arena, uint32_t, n);
    for (uint32_t i = 0; i < n; i++)
        sizes[zero.cycle[i]]++;
    uint32_t *came_by = ARENA_ARRAY(arena, uint32_t, n), *came_from = ARENA_ARRAY(arena, uint32_t, n);
    uint32_t *queue = ARENA_ARRAY(arena, uint32_t, n);
    // Of all cycles the shortest is the easiest to understand; of equals the first by name.
    uint32_t best = UINT32_MAX, best_len = UINT32_MAX;
    for (uint32_t i = 0; i < n; i += 2) {
        uint32_t len = sizes[zero.cycle[i]] > 1 ? shortest_way_round(&zero, i, came_by, came_from, queue) : UINT32_MAX;
        if (len < best_len) {
            best = i;
            best_len = len;
        }
    }
    return best == UINT32_MAX ? NULL : missing_breaker(&zero, best, came_by, came_from, queue);
}

Error *graph_check_breakers(const Graph *graph) {
    for (uint32_t c = 0; c < graph->component_count; c++)
        if (graph->components[c].staged) {
            TRY(check_breaker_outputs(graph, c));
            TRY(check_stage_zero(graph, c));
        }
    return NULL;
}

// ---- the order of components ----

// The chain from a package of component `from` to one of component `to`: by edges of members alone.
static void describe_chain(const Graph *graph, PackageIndex from, uint32_t to, Buf *out) {
    AUTO_ARENA Arena *arena = arena_new(0);
    PackageIndex *came_from = ARENA_ARRAY(arena, PackageIndex, graph->set->count);
    PackageIndex *queue = ARENA_ARRAY(arena, PackageIndex, graph->set->count);
    bool *seen = ARENA_ARRAY(arena, bool, graph->set->count);
    size_t len = 0;
    queue[len++] = from;
    seen[from] = true;
    PackageIndex end = from;
    for (size_t at = 0; at < len; at++) {
        end = queue[at];
        if (graph->nodes[end].component == to)
            break;
        for (uint32_t e = 0; e < graph->nodes[end].edge_count; e++) {
            PackageIndex next = graph->nodes[end].edges[e].to;
            if (seen[next])
                continue;
            seen[next] = true;
            came_from[next] = end;
            queue[len++] = next;
        }
    }
    VEC(PackageIndex) chain = {0};
    for (; end != from; end = came_from[end])
        vec_push(&chain, end);
    vec_push(&chain, from);
    while (chain.count > 0) {
        Str name = graph->set->packages[vec_pop(&chain)].name;
        buf_printf(out, " -> %.*s", STR_ARG(name));
    }
    vec_release(&chain);
}

static Error *leads_back(const Graph *graph, const uint32_t *found) {
    for (uint32_t c = 0; c < graph->component_count; c++)
        for (size_t m = 0; graph->components[c].staged && m < graph->components[c].count; m++) {
            const Package *member = &graph->set->packages[graph->components[c].members[m]];
            if (member->breaker == PACKAGE_NONE)
                continue;
            const GraphNode *breaker = &graph->nodes[member->breaker];
            for (uint32_t e = 0; e < breaker->edge_count; e++) {
                uint32_t target = graph->nodes[breaker->edges[e].to].component;
                if (target == c || found[target] != found[c])
                    continue;
                AUTO_BUF Buf chain;
                buf_init(&chain, BUF_NO_LIMIT);
                describe_chain(graph, breaker->edges[e].to, c, &chain);
                const Package *spec = &graph->set->packages[member->breaker];
                Error *error = error_new(ERROR_INVALID, "breaker of '%.*s' leads back to the cycle: %.*s%s",
                                         STR_ARG(member->name), STR_ARG(spec->name), buf_cstr(&chain));
                const Dependency *dependency = breaker->edges[e].dependency;
                error = error_at(error, dependency ? dependency->span : spec->span);
                return error_hint(error, "a breaker may need members of the cycle itself (their breakers are taken), "
                                         "and packages that do not need the cycle");
            }
        }
    BUG("components on a cycle without a breaker's edge");
}

static void add_outward(const Graph *graph, AdjacencyBuilder *builder, uint32_t from, const GraphNode *node) {
    for (uint32_t e = 0; e < node->edge_count; e++) {
        uint32_t target = graph->nodes[node->edges[e].to].component;
        if (target != from)
            adjacency_add(builder, target);
    }
}

Error *graph_order_components(Graph *graph) {
    uint32_t n = (uint32_t)graph->component_count;
    AdjacencyBuilder builder;
    adjacency_init(&builder, graph->arena, n);
    for (uint32_t c = 0; c < n; c++) {
        const Component *component = &graph->components[c];
        for (size_t m = 0; m < component->count; m++) {
            add_outward(graph, &builder, c, &graph->nodes[component->members[m]]);
            PackageIndex breaker = graph->set->packages[component->members[m]].breaker;
            if (component->staged && breaker != PACKAGE_NONE)
                add_outward(graph, &builder, c, &graph->nodes[breaker]);
        }
        adjacency_end_node(&builder);
    }
    uint32_t *found = ARENA_ARRAY(graph->arena, uint32_t, n);
    if (scc_find(adjacency_end(&builder), found) != n)
        return leads_back(graph, found);
    Component *ordered = ARENA_ARRAY(graph->arena, Component, n);
    for (uint32_t c = 0; c < n; c++) {
        ordered[found[c]] = graph->components[c];
        for (size_t m = 0; m < graph->components[c].count; m++)
            graph->nodes[graph->components[c].members[m]].component = found[c];
    }
    graph->components = ordered;
    return NULL;
}

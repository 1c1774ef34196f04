// A closure is one walk over runtime edges with an explicit stack, in declared order, depth first.
// Invariant: an artifact is walked into once, at its first mention; later mentions can only add outputs of it.
#include "builder/closure.h"

#include <stdlib.h>

typedef struct Entry {
    Slot slot;
    bool whole;
    uint8_t *wanted; // by output of slot_spec
    uint32_t via;
    EdgeKind kind;
    const Dependency *dependency;
} Entry;

typedef struct Frame {
    uint32_t entry;
    uint32_t next_edge;
} Frame;

typedef struct Walk {
    const Graph *graph;
    Arena *arena;
    Arena *scratch;
    Entry *entries;
    uint32_t count, cap;
    uint32_t *by_name; // [GraphNode.name_id]: entry + 1, or 0
    Frame *stack;
    uint32_t depth, depth_cap;
} Walk;

static void *grown(Arena *arena, const void *items, uint32_t count, uint32_t *cap, size_t item_size) {
    *cap = *cap ? *cap * 2 : 64;
    void *more = arena_array(arena, *cap, item_size);
    if (count > 0)
        memcpy(more, items, count * item_size);
    return more;
}

// ---- what is said when two artifacts of one name meet ----

static void describe_slot(const Graph *graph, Slot slot, Buf *out) {
    const Package *package = slot_spec(graph, slot);
    buf_add_str(out, graph->set->packages[slot.member].name);
    if (slot.stage != slot_last(graph, slot.member).stage)
        buf_printf(out, " (stage %u)", slot.stage);
    if (package->version.len > 0)
        buf_printf(out, " %.*s", STR_ARG(package->version));
}

// "app -> lib -> zlib", from what was declared to the entry, then the slot at the end.
static void describe_chain(const Walk *walk, uint32_t entry, const Slot *end, Buf *out) {
    uint32_t *chain = ARENA_ARRAY(walk->scratch, uint32_t, walk->count);
    uint32_t len = 0;
    for (; entry != CLOSURE_DECLARED; entry = walk->entries[entry].via)
        chain[len++] = entry;
    const char *arrow = "";
    while (len-- > 0) {
        buf_add_cstr(out, arrow);
        describe_slot(walk->graph, walk->entries[chain[len]].slot, out);
        arrow = " -> ";
    }
    if (end) {
        buf_add_cstr(out, arrow);
        describe_slot(walk->graph, *end, out);
    }
}

static void describe_place(const Package *package, const Dependency *dependency, Buf *out) {
    SourceSpan span = dependency ? dependency->span : package->span;
    if (span.line > 0)
        buf_printf(out, " (%.*s:%u)", STR_ARG(span.file), span.line);
}

static Error *two_artifacts(const Walk *walk, uint32_t first, Slot slot, uint32_t via, const Dependency *dependency) {
    const Graph *graph = walk->graph;
    AUTO_BUF Buf a, b;
    buf_init(&a, BUF_NO_LIMIT);
    buf_init(&b, BUF_NO_LIMIT);
    describe_chain(walk, first, NULL, &a);
    describe_place(slot_spec(graph, walk->entries[first].slot), walk->entries[first].dependency, &a);
    describe_chain(walk, via, &slot, &b);
    describe_place(slot_spec(graph, slot), dependency, &b);
    Error *error = error_new(ERROR_CONFLICT, "one root would hold two artifacts named '%.*s': %s, and %s",
                             STR_ARG(graph->set->packages[slot.member].name), buf_cstr(&a), buf_cstr(&b));
    if (dependency)
        error = error_at(error, dependency->span);
    return error_hint(error, "artifacts merge into one tree, so both chains have to lead to the same package");
}

// ---- the walk ----

static void want_outputs(const Walk *walk, Entry *entry, bool whole, StrSlice outputs) {
    if (whole || entry->whole) {
        entry->whole = true;
        return;
    }
    StrSlice names = walk->graph->nodes[slot_package(walk->graph, entry->slot)].output_names;
    for (size_t i = 0; i < outputs.count; i++)
        for (size_t n = 0; n < names.count; n++)
            if (str_eq(names.items[n], outputs.items[i]))
                entry->wanted[n] = 1;
}

// Enters the artifact, or adds outputs to the entry that is there. A new one is pushed, to be walked into.
static Error *add(Walk *walk, Slot slot, bool whole, StrSlice outputs, uint32_t via, EdgeKind kind,
                  const Dependency *dependency) {
    const GraphNode *node = &walk->graph->nodes[slot_package(walk->graph, slot)];
    uint32_t *seen = &walk->by_name[walk->graph->nodes[slot.member].name_id];
    if (*seen) {
        Entry *entry = &walk->entries[*seen - 1];
        if (!slot_eq(entry->slot, slot))
            return two_artifacts(walk, *seen - 1, slot, via, dependency);
        want_outputs(walk, entry, whole, outputs);
        return NULL;
    }
    if (walk->count == walk->cap)
        walk->entries = grown(walk->scratch, walk->entries, walk->count, &walk->cap, sizeof(Entry));
    Entry *entry = &walk->entries[walk->count];
    *entry = (Entry){.slot = slot, .via = via, .kind = kind, .dependency = dependency};
    entry->wanted = ARENA_ARRAY(walk->scratch, uint8_t, node->output_names.count);
    want_outputs(walk, entry, whole, outputs);
    *seen = ++walk->count;
    if (walk->depth == walk->depth_cap)
        walk->stack = grown(walk->scratch, walk->stack, walk->depth, &walk->depth_cap, sizeof(Frame));
    walk->stack[walk->depth++] = (Frame){walk->count - 1, node->build_count};
    return NULL;
}

static Error *add_edge(Walk *walk, Slot slot, const Edge *edge, uint32_t via) {
    bool subset = edge->dependency && edge->dependency->is_subset;
    return add(walk, slot, !subset, subset ? edge->dependency->outputs : (StrSlice){0}, via, edge->kind,
               edge->dependency);
}

// Follows runtime edges until nothing is left to walk into.
static Error *walk_on(Walk *walk) {
    while (walk->depth > 0) {
        Frame *frame = &walk->stack[walk->depth - 1];
        uint32_t from = frame->entry;
        Slot slot = walk->entries[from].slot;
        const GraphNode *node = &walk->graph->nodes[slot_package(walk->graph, slot)];
        if (frame->next_edge == node->edge_count) {
            walk->depth--;
            continue;
        }
        const Edge *edge = &node->edges[frame->next_edge++];
        TRY(add_edge(walk, slot_at_run(walk->graph, slot, edge), edge, from));
    }
    return NULL;
}

static void walk_init(Walk *walk, const Graph *graph, Arena *arena) {
    *walk = (Walk){.graph = graph, .arena = arena, .scratch = arena_new(0)};
    walk->by_name = ARENA_ARRAY(walk->scratch, uint32_t, graph->set->count);
}

// Frees the walk; hands out its entries unless there was an error.
static Error *walk_end(Walk *walk, Error *error, Closure *out) {
    if (!error) {
        ClosureEntry *items = ARENA_ARRAY(walk->arena, ClosureEntry, walk->count);
        for (uint32_t i = 0; i < walk->count; i++) {
            const Entry *entry = &walk->entries[i];
            StrSlice names = walk->graph->nodes[slot_package(walk->graph, entry->slot)].output_names;
            items[i] = (ClosureEntry){entry->slot, entry->whole, names, entry->via, entry->kind, entry->dependency};
            if (entry->whole)
                continue;
            Str *wanted = ARENA_ARRAY(walk->arena, Str, names.count);
            size_t count = 0;
            for (size_t n = 0; n < names.count; n++)
                if (entry->wanted[n])
                    wanted[count++] = names.items[n];
            items[i].outputs = (StrSlice){wanted, count};
        }
        *out = (Closure){items, walk->count};
    }
    arena_free(walk->scratch);
    return error;
}

static Error *walk_root(Walk *walk, Slot slot, bool runtime_alone) {
    const GraphNode *node = &walk->graph->nodes[slot_package(walk->graph, slot)];
    for (uint32_t e = runtime_alone ? node->build_count : 0; e < node->edge_count; e++) {
        const Edge *edge = &node->edges[e];
        if (!edge_in_root(walk->graph, slot, edge))
            continue;
        TRY(add_edge(walk, slot_at_build(walk->graph, slot, edge), edge, CLOSURE_DECLARED));
        TRY(walk_on(walk));
    }
    return NULL;
}

Error *closure_build_root(const Graph *graph, Slot slot, Arena *arena, Closure *out) {
    Walk walk;
    walk_init(&walk, graph, arena);
    return walk_end(&walk, walk_root(&walk, slot, false), out);
}

Error *closure_references(const Graph *graph, Slot slot, Arena *arena, Closure *out) {
    Walk walk;
    walk_init(&walk, graph, arena);
    return walk_end(&walk, walk_root(&walk, slot, true), out);
}

Error *closure_runtime_of(const Graph *graph, Slot slot, Arena *arena, Closure *out) {
    Walk walk;
    walk_init(&walk, graph, arena);
    Error *error = add(&walk, slot, true, (StrSlice){0}, CLOSURE_DECLARED, EDGE_RUNTIME, NULL);
    if (!error)
        error = walk_on(&walk);
    return walk_end(&walk, error, out);
}

static Error *walk_requests(Walk *walk, const ClosureRequest *requests, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const Package *package = &walk->graph->set->packages[requests[i].package];
        for (size_t o = 0; requests[i].is_subset && o < requests[i].outputs.count; o++)
            if (!package_output(package, requests[i].outputs.items[o]))
                return error_new(ERROR_NOT_FOUND, "package '%.*s' has no output '%.*s'", STR_ARG(package->name),
                                 STR_ARG(requests[i].outputs.items[o]));
        TRY(add(walk, slot_last(walk->graph, requests[i].package), !requests[i].is_subset, requests[i].outputs,
                CLOSURE_DECLARED, EDGE_RUNTIME, NULL));
        TRY(walk_on(walk));
    }
    return NULL;
}

Error *closure_runtime(const Graph *graph, const ClosureRequest *requests, size_t count, Arena *arena, Closure *out) {
    Walk walk;
    walk_init(&walk, graph, arena);
    return walk_end(&walk, walk_requests(&walk, requests, count), out);
}

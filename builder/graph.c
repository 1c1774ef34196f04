// Packages become nodes, dependencies edges, cycles components; what no order of building could satisfy is refused
// here, with the cycle written out, so that later stages need not ask.
// Invariant: every edge of a node that has edges leads to a node that has edges; components stand in an order in which
// they can be keyed and built.
#include "builder/graph.h"
#include "base/map.h"
#include "builder/graph_check.h"
#include "builder/scc.h"

#include <stdlib.h>

typedef struct Loader {
    Arena *arena;
    const PackageSet *set;
    Graph *graph;
    PackageIndex *queue; // packages whose targets are to be loaded
    size_t queue_len, queue_at;
    bool *loaded;                 // edges are made
    bool *reached;                // by way of edges, not merely as a breaker
    const PackageIndex *internet; // packages marked needed_for_internet
    size_t internet_count;
    Map names;
    bool with_tests;
} Loader;

static bool package_runs(const Package *package) {
    if (package->prebuilt)
        return false;
    bool has_command =
        package->commands.count > 1 || (package->commands.count == 1 && package->commands.items[0].argv.count > 0);
    return package->input_count > 0 || has_command;
}

static Error *check_outputs(const PackageSet *set, const Dependency *dependency) {
    const Package *target = &set->packages[dependency->package];
    for (size_t i = 0; dependency->is_subset && i < dependency->outputs.count; i++) {
        Str wanted = dependency->outputs.items[i];
        if (package_output(target, wanted))
            continue;
        Error *error =
            error_new(ERROR_NOT_FOUND, "package '%.*s' has no output '%.*s'", STR_ARG(target->name), STR_ARG(wanted));
        return error_at(error, dependency->span);
    }
    return NULL;
}

static uint32_t name_id(Loader *loader, PackageIndex index) {
    Str name = loader->set->packages[index].name;
    size_t at;
    if (map_find(&loader->names, name, &at))
        return (uint32_t)at;
    map_put(&loader->names, name, NULL);
    return (uint32_t)(loader->names.count - 1);
}

static size_t count_edges(const Loader *loader, const Package *package) {
    size_t count = package->runtime_deps.count + (package->needs.internet ? loader->internet_count : 0);
    for (size_t i = 0; i < package->input_count; i++)
        count += package->inputs[i].kind == INPUT_PACKAGE;
    return count;
}

static Error *load_edges(Loader *loader, PackageIndex index) {
    const Package *package = &loader->set->packages[index];
    GraphNode *node = &loader->graph->nodes[index];
    Edge *edges = ARENA_ARRAY(loader->arena, Edge, count_edges(loader, package));
    uint32_t count = 0;
    for (size_t i = 0; i < package->input_count; i++)
        if (package->inputs[i].kind == INPUT_PACKAGE) {
            const Dependency *dependency = &package->inputs[i].package;
            TRY(check_outputs(loader->set, dependency));
            edges[count++] = (Edge){dependency->package, EDGE_BUILD, dependency};
        }
    node->build_count = count;
    for (size_t i = 0; i < package->runtime_deps.count; i++) {
        const Dependency *dependency = &package->runtime_deps.items[i];
        TRY(check_outputs(loader->set, dependency));
        edges[count++] = (Edge){dependency->package, EDGE_RUNTIME, dependency};
    }
    for (size_t i = 0; package->needs.internet && i < loader->internet_count; i++)
        if (loader->internet[i] != index)
            edges[count++] = (Edge){loader->internet[i], EDGE_INTERNET, NULL};
    node->edges = edges;
    node->edge_count = count;
    node->runs = package_runs(package);
    node->name_id = name_id(loader, index);
    Str *names = ARENA_ARRAY(loader->arena, Str, package->output_count);
    for (size_t i = 0; i < package->output_count; i++)
        names[i] = package->outputs[i].name;
    node->output_names = (StrSlice){names, package->output_count};
    loader->loaded[index] = true;
    return NULL;
}

static Error *reach(Loader *loader, PackageIndex index) {
    if (loader->reached[index])
        return NULL;
    loader->reached[index] = true;
    loader->queue[loader->queue_len++] = index;
    return loader->loaded[index] ? NULL : load_edges(loader, index);
}

static Error *reach_tests(Loader *loader, PackageIndex index) {
    const Package *package = &loader->set->packages[index];
    for (size_t t = 0; t < package->test_count; t++)
        for (size_t i = 0; i < package->tests[t].deps.count; i++) {
            TRY(check_outputs(loader->set, &package->tests[t].deps.items[i]));
            TRY(reach(loader, package->tests[t].deps.items[i].package));
        }
    return NULL;
}

static Error *reach_all(Loader *loader) {
    while (loader->queue_at < loader->queue_len) {
        PackageIndex index = loader->queue[loader->queue_at++];
        const GraphNode *node = &loader->graph->nodes[index];
        for (uint32_t i = 0; i < node->edge_count; i++)
            TRY(reach(loader, node->edges[i].to));
        if (loader->with_tests)
            TRY(reach_tests(loader, index));
    }
    return NULL;
}

static int by_name(const void *a, const void *b, void *context) {
    const Package *packages = context;
    return str_compare(packages[*(const PackageIndex *)a].name, packages[*(const PackageIndex *)b].name);
}

// Components over the edges of the reached packages, each with its members sorted by name.
static void find_components(Loader *loader) {
    Graph *graph = loader->graph;
    uint32_t n = (uint32_t)loader->set->count;
    AdjacencyBuilder builder;
    adjacency_init(&builder, loader->arena, n);
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t e = 0; loader->reached[i] && e < graph->nodes[i].edge_count; e++)
            adjacency_add(&builder, graph->nodes[i].edges[e].to);
        adjacency_end_node(&builder);
    }
    uint32_t *found = ARENA_ARRAY(loader->arena, uint32_t, n);
    uint32_t found_count = scc_find(adjacency_end(&builder), found);

    // Packages that were not reached are components too: leave them out, keep the order.
    uint32_t *renumbered = ARENA_ARRAY(loader->arena, uint32_t, found_count);
    size_t *sizes = ARENA_ARRAY(loader->arena, size_t, found_count);
    for (uint32_t i = 0; i < n; i++)
        sizes[found[i]] += loader->reached[i];
    graph->components = ARENA_ARRAY(loader->arena, Component, found_count);
    graph->component_count = 0;
    for (uint32_t c = 0; c < found_count; c++)
        if (sizes[c] > 0) {
            renumbered[c] = (uint32_t)graph->component_count;
            graph->components[graph->component_count++].members = ARENA_ARRAY(loader->arena, PackageIndex, sizes[c]);
        }
    for (uint32_t i = 0; i < n; i++) {
        graph->nodes[i].component = loader->reached[i] ? renumbered[found[i]] : COMPONENT_NONE;
        if (!loader->reached[i])
            continue;
        Component *component = &graph->components[graph->nodes[i].component];
        component->members[component->count++] = i;
    }
}

static bool has_build_edge_inside(const Graph *graph, uint32_t component) {
    for (size_t m = 0; m < graph->components[component].count; m++) {
        const GraphNode *node = &graph->nodes[graph->components[component].members[m]];
        for (uint32_t e = 0; e < node->build_count; e++)
            if (graph->nodes[node->edges[e].to].component == component)
                return true;
    }
    return false;
}

static void finish_components(Loader *loader) {
    Graph *graph = loader->graph;
    for (uint32_t c = 0; c < graph->component_count; c++) {
        Component *component = &graph->components[c];
        qsort_r(component->members, component->count, sizeof(PackageIndex), by_name, loader->set->packages);
        component->staged = has_build_edge_inside(graph, c);
        component->last_stage = component->staged ? STAGE_LAST : STAGE_ONLY;
    }
}

// Loads the breakers of staged components, and reaches what they need. Sets *more_out when that was new.
static Error *reach_breakers(Loader *loader, bool *more_out) {
    Graph *graph = loader->graph;
    for (size_t c = 0; c < graph->component_count; c++)
        for (size_t m = 0; graph->components[c].staged && m < graph->components[c].count; m++) {
            PackageIndex breaker = loader->set->packages[graph->components[c].members[m]].breaker;
            if (breaker == PACKAGE_NONE)
                continue;
            if (!loader->loaded[breaker])
                TRY(load_edges(loader, breaker));
            for (uint32_t e = 0; e < graph->nodes[breaker].edge_count; e++)
                TRY(reach(loader, graph->nodes[breaker].edges[e].to));
        }
    *more_out = loader->queue_at < loader->queue_len;
    return reach_all(loader);
}

// Numbers the cycles of runtime edges: of the packages themselves, or with breakers in the place of their packages.
static void find_runtime_cycles(Loader *loader, bool with_breakers) {
    Graph *graph = loader->graph;
    uint32_t n = (uint32_t)loader->set->count;
    AdjacencyBuilder builder;
    adjacency_init(&builder, loader->arena, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t component = graph->nodes[i].component;
        if (component != COMPONENT_NONE) {
            const GraphNode *node = &graph->nodes[i];
            if (with_breakers && graph->components[component].staged)
                node = &graph->nodes[slot_package(graph, (Slot){i, STAGE_BREAKER})];
            for (uint32_t e = node->build_count; e < node->edge_count; e++)
                if (graph->nodes[node->edges[e].to].component == component)
                    adjacency_add(&builder, node->edges[e].to);
        }
        adjacency_end_node(&builder);
    }
    uint32_t *found = ARENA_ARRAY(loader->arena, uint32_t, n);
    scc_find(adjacency_end(&builder), found);
    for (uint32_t i = 0; i < n; i++)
        if (with_breakers)
            graph->nodes[i].breaker_cycle = found[i];
        else
            graph->nodes[i].runtime_cycle = found[i];
}

static Error *load_all(Loader *loader, const PackageIndex *roots, size_t root_count) {
    for (size_t i = 0; i < root_count; i++) {
        BUG_UNLESS(roots[i] < loader->set->count);
        TRY(reach(loader, roots[i]));
    }
    TRY(reach_all(loader));
    bool more = true;
    while (more) {
        find_components(loader);
        finish_components(loader);
        TRY(reach_breakers(loader, &more));
    }
    find_runtime_cycles(loader, false);
    find_runtime_cycles(loader, true);
    TRY(graph_check_breakers(loader->graph));
    return graph_order_components(loader->graph);
}

Error *graph_new(Arena *arena, const PackageSet *set, const PackageIndex *roots, size_t root_count, bool with_tests,
                 Graph **out) {
    Graph *graph = ARENA_NEW(arena, Graph);
    graph->arena = arena;
    graph->set = set;
    graph->nodes = ARENA_ARRAY(arena, GraphNode, set->count);
    Loader loader = {.arena = arena, .set = set, .graph = graph, .with_tests = with_tests};
    loader.queue = ARENA_ARRAY(arena, PackageIndex, set->count);
    loader.loaded = ARENA_ARRAY(arena, bool, set->count);
    loader.reached = ARENA_ARRAY(arena, bool, set->count);
    PackageIndex *internet = ARENA_ARRAY(arena, PackageIndex, set->count);
    for (PackageIndex i = 0; i < set->count; i++) {
        graph->nodes[i].component = COMPONENT_NONE;
        if (set->packages[i].needed_for_internet)
            internet[loader.internet_count++] = i;
    }
    loader.internet = internet;
    Error *error = load_all(&loader, roots, root_count);
    map_release(&loader.names);
    if (error)
        return error;
    *out = graph;
    return NULL;
}

// ---- slots ----

Slot slot_last(const Graph *graph, PackageIndex package) {
    return (Slot){package, graph->components[graph->nodes[package].component].last_stage};
}

PackageIndex slot_package(const Graph *graph, Slot slot) {
    PackageIndex breaker = graph->set->packages[slot.member].breaker;
    return slot.stage == STAGE_BREAKER && breaker != PACKAGE_NONE ? breaker : slot.member;
}

const Package *slot_spec(const Graph *graph, Slot slot) {
    return &graph->set->packages[slot_package(graph, slot)];
}

static bool is_inside(const Graph *graph, Slot from, const Edge *edge) {
    return graph->nodes[edge->to].component == graph->nodes[from.member].component;
}

Slot slot_at_run(const Graph *graph, Slot from, const Edge *edge) {
    return is_inside(graph, from, edge) ? (Slot){edge->to, from.stage} : slot_last(graph, edge->to);
}

Slot slot_at_build(const Graph *graph, Slot from, const Edge *edge) {
    bool staged = graph->components[graph->nodes[from.member].component].staged;
    if (!is_inside(graph, from, edge))
        return slot_last(graph, edge->to);
    return (Slot){edge->to, staged && from.stage > STAGE_BREAKER ? (uint8_t)(from.stage - 1) : from.stage};
}

bool edge_in_root(const Graph *graph, Slot from, const Edge *edge) {
    if (!graph->nodes[slot_package(graph, from)].runs)
        return false;
    if (edge->kind == EDGE_BUILD || slot_at_build(graph, from, edge).stage != from.stage ||
        !is_inside(graph, from, edge))
        return true;
    const GraphNode *target = &graph->nodes[edge->to], *own = &graph->nodes[from.member];
    return from.stage == STAGE_BREAKER ? target->breaker_cycle != own->breaker_cycle
                                       : target->runtime_cycle != own->runtime_cycle;
}

// Any graph of packages is refused, or has an order of building in which every root is there before it is needed, holds
// one stage of a component and nothing of a breaker in the last one; and its keys do not depend on the packages' order.
// Input: the number of packages, then three bytes for each edge or property.
#include "builder/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PACKAGES_MAX = 24, EDGES_MAX = 12 };

typedef struct Parts {
    Package packages[PACKAGES_MAX];
    Input inputs[PACKAGES_MAX][EDGES_MAX];
    Dependency runtime[PACKAGES_MAX][EDGES_MAX];
} Parts;

static const Output outputs[] = {{.name = {"a", 1}, .glob = {"a", 1}}, {.name = {"b", 1}, .glob = {"b", 1}}};
static const Str words[] = {{"a", 1}, {"b", 1}};
static const Command command = {.argv = {words, 1}};

static Dependency dependency_of(PackageIndex to, uint8_t bits) {
    Dependency dependency = {.package = to, .is_subset = (bits & 0x40) != 0};
    if (dependency.is_subset)
        dependency.outputs = (StrSlice){words + ((bits >> 4) & 1), 1};
    return dependency;
}

static void add_property(Parts *parts, PackageIndex from, PackageIndex to, uint8_t bits) {
    Package *package = &parts->packages[from];
    switch (bits & 0x0f) {
    case 0:
        package->prebuilt = true;
        break;
    case 1:
        package->needs.internet = true;
        break;
    case 2:
        package->output_count = 1;
        break;
    case 3:
        package->commands.count = 0;
        break;
    case 4:
    case 5:
        package->breaker = to;
        break;
    case 6:
    case 7:
    case 8:
        if (package->runtime_deps.count < EDGES_MAX)
            parts->runtime[from][package->runtime_deps.count++] = dependency_of(to, bits);
        break;
    default:
        if (package->input_count < EDGES_MAX)
            parts->inputs[from][package->input_count++] =
                (Input){.kind = INPUT_PACKAGE, .package = dependency_of(to, bits)};
    }
}

// The packages in order, or backwards.
static PackageSet read_set(Arena *arena, const uint8_t *data, size_t size, bool backwards) {
    Parts *parts = ARENA_NEW(arena, Parts);
    PackageIndex count = 1 + data[0] % PACKAGES_MAX;
    for (PackageIndex i = 0; i < count; i++) {
        PackageIndex at = backwards ? count - 1 - i : i;
        parts->packages[at] = (Package){.name = arena_printf(arena, "p%02u", i),
                                        .breaker = PACKAGE_NONE,
                                        .inputs = parts->inputs[at],
                                        .runtime_deps = {parts->runtime[at], 0},
                                        .commands = {&command, 1},
                                        .outputs = outputs,
                                        .output_count = 2,
                                        .needed_for_internet = i == 1};
    }
    for (size_t at = 1; at + 3 <= size; at += 3) {
        PackageIndex from = data[at] % count, to = data[at + 1] % count;
        add_property(parts, backwards ? count - 1 - from : from, backwards ? count - 1 - to : to, data[at + 2]);
    }
    return (PackageSet){.arena = arena, .packages = parts->packages, .count = count};
}

static void check_root(const Plan *plan, StepIndex index) {
    const PlanStep *step = plan->steps[index];
    for (size_t i = 0; i < step->root.count; i++) {
        const PlanStep *one = plan->steps[step->root.items[i].step];
        if (step->slot.stage == STAGE_LAST)
            BUG_UNLESS(one->slot.stage != STAGE_BREAKER);
        for (size_t j = 0; j < i; j++) {
            const PlanStep *other = plan->steps[step->root.items[j].step];
            BUG_UNLESS(one->member != other->member);
            bool together =
                plan->graph->nodes[one->slot.member].component == plan->graph->nodes[other->slot.member].component;
            BUG_UNLESS(!together || one->slot.stage == other->slot.stage);
        }
    }
}

static void check_plan(Plan *plan, Arena *arena) {
    const StepIndex *order = plan_order(plan, arena);
    size_t *position = ARENA_ARRAY(arena, size_t, plan->step_count);
    for (size_t i = 0; i < plan->step_count; i++)
        position[order[i]] = i;
    for (StepIndex i = 0; i < plan->step_count; i++) {
        for (size_t r = 0; r < plan->steps[i]->root.count; r++)
            BUG_UNLESS(position[plan->steps[i]->root.items[r].step] < position[i]);
        check_root(plan, i);
        for (StepIndex j = 0; j < i; j++)
            BUG_UNLESS(!hash_eq(plan->steps[i]->spec_key, plan->steps[j]->spec_key));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    AUTO_ARENA Arena *arena = arena_new(0);
    PackageSet set = read_set(arena, data, size, false), backwards = read_set(arena, data, size, true);
    PackageIndex root = 0, backwards_root = (PackageIndex)set.count - 1;
    Graph *graph, *other;
    AUTO_ERROR Error *error = graph_new(arena, &set, &root, 1, false, &graph);
    AUTO_ERROR Error *other_error = graph_new(arena, &backwards, &backwards_root, 1, false, &other);
    BUG_UNLESS(!error == !other_error);
    if (error)
        return 0;
    Hash key = spec_key(spec_keys_new(arena, graph), slot_last(graph, root));
    Hash other_key = spec_key(spec_keys_new(arena, other), slot_last(other, backwards_root));
    BUG_UNLESS(hash_eq(key, other_key));
    Plan *plan;
    error = plan_new(arena, graph, &(ClosureRequest){.package = root}, 1, &plan);
    if (!error)
        error = plan_complete(plan);
    BUG_UNLESS(!error);
    check_plan(plan, arena);
    return 0;
}

// A plan grows from requests to runtime closures to roots; each slot is one step, entered where it is first needed.
// Invariant: by_slot knows every step; an expanded step's root names steps of this plan alone.
#include "builder/plan.h"
#include "base/json.h"

enum { STAGES = STAGE_LAST + 1 };

static StepIndex add_step(Plan *plan, Slot slot, StepReason reason, StepIndex wanted_by) {
    StepIndex *known = &plan->by_slot[(size_t)slot.member * STAGES + slot.stage];
    if (*known != STEP_NONE)
        return *known;
    const Graph *graph = plan->graph;
    PlanStep *step = ARENA_NEW(plan->arena, PlanStep);
    *step = (PlanStep){
        .slot = slot,
        .member = &graph->set->packages[slot.member],
        .package = slot_spec(graph, slot),
        .is_last = slot_eq(slot, slot_last(graph, slot.member)),
        .runs = graph->nodes[slot_package(graph, slot)].runs,
        .spec_key = spec_key(plan->keys, slot),
        .reason = reason,
        .wanted_by = wanted_by,
    };
    if (plan->step_count == plan->step_cap) {
        plan->step_cap = plan->step_cap ? plan->step_cap * 2 : 64;
        PlanStep **grown = ARENA_ARRAY(plan->arena, PlanStep *, plan->step_cap);
        if (plan->step_count > 0)
            memcpy(grown, plan->steps, plan->step_count * sizeof *grown);
        plan->steps = grown;
    }
    *known = (StepIndex)plan->step_count;
    plan->steps[plan->step_count++] = step;
    return *known;
}

// Entries of a closure as inputs. What another entry brought is wanted by that entry, the rest by `wanted_by`.
static Error *add_closure(Plan *plan, const Closure *closure, StepReason reason, StepIndex wanted_by, PlanInputs *out) {
    plan->input_count += closure->count;
    if (plan->input_count > PLAN_INPUTS_MAX)
        return error_new(ERROR_LIMIT, "the roots of this plan would hold more than %d entries", PLAN_INPUTS_MAX);
    PlanInput *inputs = ARENA_ARRAY(plan->arena, PlanInput, closure->count);
    for (size_t i = 0; i < closure->count; i++) {
        const ClosureEntry *entry = &closure->items[i];
        bool declared = entry->via == CLOSURE_DECLARED;
        StepIndex step = add_step(plan, entry->slot, declared ? reason : STEP_RUNTIME_OF,
                                  declared ? wanted_by : inputs[entry->via].step);
        inputs[i] = (PlanInput){step, entry->whole, entry->outputs};
    }
    *out = (PlanInputs){inputs, closure->count};
    return NULL;
}

Error *plan_new(Arena *arena, const Graph *graph, const ClosureRequest *requests, size_t count, Plan **out) {
    Plan *plan = ARENA_NEW(arena, Plan);
    plan->arena = arena;
    plan->graph = graph;
    plan->keys = spec_keys_new(arena, graph);
    plan->by_slot = ARENA_ARRAY(arena, StepIndex, graph->set->count * STAGES);
    memset(plan->by_slot, 0xff, graph->set->count * STAGES * sizeof *plan->by_slot);
    for (size_t i = 0; i < count; i++)
        BUG_UNLESS(graph_has(graph, requests[i].package));
    PlanRequest *made = ARENA_ARRAY(arena, PlanRequest, count);
    for (size_t i = 0; i < count; i++) {
        Closure closure;
        TRY(closure_runtime(graph, &requests[i], 1, arena, &closure));
        TRY(add_closure(plan, &closure, STEP_REQUESTED, STEP_NONE, &made[i].runtime));
        made[i].step = made[i].runtime.items[0].step;
        PlanStep *step = plan->steps[made[i].step];
        step->requested = true;
        step->reason = STEP_REQUESTED;
        step->wanted_by = STEP_NONE;
    }
    plan->requests = made;
    plan->request_count = count;
    *out = plan;
    return NULL;
}

Error *plan_expand(Plan *plan, StepIndex index) {
    PlanStep *step = plan->steps[index];
    if (step->expanded)
        return NULL;
    Closure closure;
    TRY(closure_build_root(plan->graph, step->slot, plan->arena, &closure));
    TRY(add_closure(plan, &closure, STEP_IN_ROOT_OF, index, &step->root));
    step->expanded = true;
    return NULL;
}

Error *plan_complete(Plan *plan) {
    for (StepIndex i = 0; i < plan->step_count; i++)
        TRY(plan_expand(plan, i));
    return NULL;
}

Error *plan_add_root(Plan *plan, const ClosureRequest *requests, size_t count, StepReason reason, StepIndex wanted_by,
                     PlanInputs *out) {
    Closure closure;
    TRY(closure_runtime(plan->graph, requests, count, plan->arena, &closure));
    return add_closure(plan, &closure, reason, wanted_by, out);
}

Error *plan_add_test_root(Plan *plan, StepIndex index, size_t test_index, PlanInputs *out) {
    const PlanStep *step = plan->steps[index];
    const PackageTest *test = &step->package->tests[test_index];
    BUG_UNLESS(step->is_last && test_index < step->package->test_count);
    ClosureRequest *requests = ARENA_ARRAY(plan->arena, ClosureRequest, test->deps.count + 1);
    requests[0].package = step->slot.member;
    for (size_t i = 0; i < test->deps.count; i++) {
        const Dependency *dependency = &test->deps.items[i];
        requests[i + 1] = (ClosureRequest){dependency->package, dependency->is_subset, dependency->outputs};
    }
    TRY_CTX(plan_add_root(plan, requests, test->deps.count + 1, STEP_FOR_TEST_OF, index, out), "test '%.*s' of '%.*s'",
            STR_ARG(test->name), STR_ARG(step->package->name));
    return NULL;
}

StepIndex plan_step_of(const Plan *plan, Slot slot) {
    return plan->by_slot[(size_t)slot.member * STAGES + slot.stage];
}

// ---- order ----

typedef struct Visit {
    StepIndex step;
    size_t next;
} Visit;

// Depth first over roots, in order of appearance, with an explicit stack; a step is put behind its whole root.
const StepIndex *plan_order(const Plan *plan, Arena *arena) {
    StepIndex *order = ARENA_ARRAY(arena, StepIndex, plan->step_count);
    bool *entered = ARENA_ARRAY(arena, bool, plan->step_count);
    Visit *stack = ARENA_ARRAY(arena, Visit, plan->step_count);
    size_t depth = 0, count = 0;
    for (StepIndex i = 0; i < plan->step_count; i++) {
        if (entered[i])
            continue;
        entered[i] = true;
        stack[depth++] = (Visit){i, 0};
        while (depth > 0) {
            Visit *visit = &stack[depth - 1];
            PlanInputs root = plan->steps[visit->step]->root;
            if (visit->next == root.count) {
                order[count++] = visit->step;
                depth--;
                continue;
            }
            StepIndex next = root.items[visit->next++].step;
            if (!entered[next]) {
                entered[next] = true;
                stack[depth++] = (Visit){next, 0};
            }
        }
    }
    BUG_UNLESS(count == plan->step_count);
    return order;
}

// ---- for people and programs ----

Str plan_step_text(const Plan *plan, StepIndex index, Arena *arena) {
    const PlanStep *step = plan->steps[index];
    if (step->is_last)
        return step->member->name;
    return arena_printf(arena, "%.*s (stage %u)", STR_ARG(step->member->name), step->slot.stage);
}

static const char *const reason_texts[] = {
    [STEP_REQUESTED] = "requested",
    [STEP_RUNTIME_OF] = "at run time of",
    [STEP_IN_ROOT_OF] = "to build",
    [STEP_FOR_TEST_OF] = "to test",
};
static const char *const reason_names[] = {
    [STEP_REQUESTED] = "requested",
    [STEP_RUNTIME_OF] = "runtime-of",
    [STEP_IN_ROOT_OF] = "in-root-of",
    [STEP_FOR_TEST_OF] = "for-test-of",
};

static const char *kind_text(const PlanStep *step) {
    return step->package->prebuilt ? "prebuilt" : step->runs ? "build" : "collection";
}

// "gcc@1:lib+bin": shorter than plan_step_text, for lists.
static void add_input(const Plan *plan, const PlanInput *input, Buf *out) {
    const PlanStep *step = plan->steps[input->step];
    buf_add_str(out, step->member->name);
    if (!step->is_last)
        buf_printf(out, "@%u", step->slot.stage);
    if (input->whole)
        return;
    buf_add_byte(out, ':');
    for (size_t i = 0; i < input->outputs.count; i++)
        buf_printf(out, "%s%.*s", i > 0 ? "+" : "", STR_ARG(input->outputs.items[i]));
}

// Behind `title`, in lines of a width that a terminal has.
static void print_inputs(const Plan *plan, PlanInputs inputs, const char *title, Buf *out) {
    enum { WIDTH = 110 };
    size_t line_start = out->len;
    buf_add_cstr(out, title);
    for (size_t i = 0; i < inputs.count; i++) {
        size_t before = out->len;
        buf_add_byte(out, ' ');
        add_input(plan, &inputs.items[i], out);
        if (out->len - line_start <= WIDTH)
            continue;
        out->len = before;
        buf_add_cstr(out, "\n         ");
        line_start = out->len - 9;
        buf_add_byte(out, ' ');
        add_input(plan, &inputs.items[i], out);
    }
    buf_add_byte(out, '\n');
}

static void print_step(const Plan *plan, StepIndex index, const PlanPrint *options, Arena *arena, Buf *out) {
    const PlanStep *step = plan->steps[index];
    buf_add_str(out, plan_step_text(plan, index, arena));
    if (step->package != step->member)
        buf_printf(out, " = %.*s", STR_ARG(step->package->name));
    buf_printf(out, "  %s", kind_text(step));
    if (options->states)
        buf_printf(out, "  %s", options->states[index]);
    if (options->with_keys)
        buf_printf(out, "  %.12s", hash_hex(step->spec_key).text);
    buf_printf(out, "  %s", reason_texts[step->reason]);
    if (step->wanted_by != STEP_NONE) {
        buf_add_byte(out, ' ');
        buf_add_str(out, plan_step_text(plan, step->wanted_by, arena));
    }
    buf_add_byte(out, '\n');
    if (step->expanded && step->root.count > 0)
        print_inputs(plan, step->root, "    root:", out);
}

static bool is_printed(const PlanPrint *options, StepIndex step) {
    return !options->states || options->states[step];
}

void plan_print(const Plan *plan, const PlanPrint *options, Buf *out) {
    AUTO_ARENA Arena *arena = arena_new(0);
    const StepIndex *order = plan_order(plan, arena);
    for (size_t i = 0; i < plan->step_count; i++)
        if (is_printed(options, order[i]))
            print_step(plan, order[i], options, arena, out);
    for (size_t i = 0; i < plan->request_count; i++) {
        Str title =
            arena_printf(arena, "with %.*s at run time:", STR_ARG(plan_step_text(plan, plan->requests[i].step, arena)));
        print_inputs(plan, plan->requests[i].runtime, title.ptr, out);
    }
}

static void json_inputs(JsonWriter *json, const char *key, PlanInputs inputs, const int64_t *position) {
    json_key(json, key);
    json_open_array(json);
    for (size_t i = 0; i < inputs.count; i++) {
        json_open_object(json);
        json_key(json, "step");
        json_integer(json, position[inputs.items[i].step]);
        json_key(json, "whole");
        json_bool(json, inputs.items[i].whole);
        json_key(json, "outputs");
        json_open_array(json);
        for (size_t o = 0; o < inputs.items[i].outputs.count; o++)
            json_string(json, inputs.items[i].outputs.items[o]);
        json_close_array(json);
        json_close_object(json);
    }
    json_close_array(json);
}

static void json_step(JsonWriter *json, const PlanStep *step, const char *state, const int64_t *position) {
    json_open_object(json);
    json_key(json, "package");
    json_string(json, step->member->name);
    json_key(json, "stage");
    json_integer(json, step->slot.stage);
    json_key(json, "artifact");
    json_bool(json, step->is_last);
    json_key(json, "kind");
    json_cstring(json, kind_text(step));
    if (state) {
        json_key(json, "state");
        json_cstring(json, state);
    }
    json_key(json, "spec");
    json_string(json, step->package->name);
    json_key(json, "version");
    json_string(json, step->package->version);
    json_key(json, "spec_key");
    json_cstring(json, hash_hex(step->spec_key).text);
    json_key(json, "reason");
    json_cstring(json, reason_names[step->reason]);
    json_key(json, "wanted_by");
    if (step->wanted_by == STEP_NONE)
        json_null(json);
    else
        json_integer(json, position[step->wanted_by]);
    json_inputs(json, "root", step->root, position);
    json_close_object(json);
}

// Steps are named by their place in the list; those that are left out by -1.
static int64_t *positions(const Plan *plan, const PlanPrint *options, const StepIndex *order, Arena *arena) {
    int64_t *position = ARENA_ARRAY(arena, int64_t, plan->step_count), count = 0;
    for (size_t i = 0; i < plan->step_count; i++)
        position[order[i]] = is_printed(options, order[i]) ? count++ : -1;
    return position;
}

void plan_print_json(const Plan *plan, const PlanPrint *options, Buf *out) {
    AUTO_ARENA Arena *arena = arena_new(0);
    const StepIndex *order = plan_order(plan, arena);
    const int64_t *position = positions(plan, options, order, arena);
    JsonWriter json;
    json_begin(&json, out, true);
    json_open_object(&json);
    json_key(&json, "schema");
    json_cstring(&json, "minimal.plan.1");
    json_key(&json, "steps");
    json_open_array(&json);
    for (size_t i = 0; i < plan->step_count; i++)
        if (is_printed(options, order[i]))
            json_step(&json, plan->steps[order[i]], options->states ? options->states[order[i]] : NULL, position);
    json_close_array(&json);
    json_key(&json, "requested");
    json_open_array(&json);
    for (size_t i = 0; i < plan->request_count; i++) {
        json_open_object(&json);
        json_key(&json, "step");
        json_integer(&json, position[plan->requests[i].step]);
        json_inputs(&json, "runtime", plan->requests[i].runtime, position);
        json_close_object(&json);
    }
    json_close_array(&json);
    json_close_object(&json);
}

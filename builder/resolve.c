// Which results exist already. Deciding a step needs its references decided, or its whole root; both are built before
// it, so deciding goes depth first with an explicit stack and cannot meet itself.
// Invariant: within one resolution a step's contents are chosen once, and every present step's references name chosen
// contents. A reference to a step that nobody asks for (an earlier stage of a cycle) implies a choice for it; should
// that step be asked for later in the same pass, the pass starts over with that known.
#include "builder/resolve.h"
#include "base/map.h"
#include "base/vec.h"

#include <pthread.h>
#include <stdlib.h>

typedef struct Work {
    StepState state;
    bool demanded;       // persists when a pass starts over
    bool test_only;      // wanted by tests alone
    bool begun, decided; // in this pass
    bool looked_up;      // by_spec is what the store has under the spec key, or NULL
    const Record *by_spec;
    bool has_references;
    Closure references;
    StepOrigin origin;
    Record record; // when present: as found or built
    bool has_build_key;
    Hash build_key;
    StepIndex twin; // ready with the same build key; else STEP_NONE
    PlanInputs *test_roots;
} Work;

typedef struct Implied {
    Slot slot;
    Str output;
    Hash tree;
} Implied;

typedef enum Phase { PHASE_BEGIN, PHASE_REFERENCES, PHASE_ROOT } Phase;

typedef struct Frame {
    StepIndex step;
    Phase phase;
} Frame;

struct Resolution {
    Plan *plan;
    Store *store;
    ResolveOptions options;
    Arena *arena;
    pthread_mutex_t mutex;
    Work **works; // by step
    size_t work_count, work_cap;
    VEC(Implied) implied;
    VEC(Frame) stack;
    Map trees; // by hash, what was found: &tree_present or &tree_absent
    bool start_over;
};

static Work *work_of(Resolution *resolution, StepIndex step) {
    while (resolution->work_count <= step) {
        if (resolution->work_count == resolution->work_cap) {
            resolution->work_cap = resolution->work_cap ? resolution->work_cap * 2 : 64;
            resolution->works = mem_realloc(resolution->works, resolution->work_cap, sizeof *resolution->works);
        }
        Work *work = ARENA_NEW(resolution->arena, Work);
        work->twin = STEP_NONE;
        resolution->works[resolution->work_count++] = work;
    }
    return resolution->works[step];
}

static bool may_look_up(const Resolution *resolution, StepIndex step) {
    return !resolution->options.no_cache && !(resolution->options.rebuild && resolution->plan->steps[step]->requested);
}

// ---- trees, asked for once per run ----

static char tree_present, tree_absent;

static void note_tree(Resolution *resolution, Hash tree, bool present) {
    const Hash *kept = arena_dup(resolution->arena, &tree, sizeof tree);
    map_put(&resolution->trees, (Str){(const char *)kept->bytes, sizeof kept->bytes},
            present ? &tree_present : &tree_absent);
}

static Error *tree_is_present(Resolution *resolution, Hash tree, bool *present_out) {
    const void *known = map_get(&resolution->trees, (Str){(const char *)tree.bytes, sizeof tree.bytes});
    if (known) {
        *present_out = known == &tree_present;
        return NULL;
    }
    TRY((resolution->options.glance ? store_has_tree : store_check_tree)(resolution->store, tree, present_out));
    note_tree(resolution, tree, *present_out);
    return NULL;
}

// ---- records ----

static const RecordOutput *record_output(const Record *record, Str name) {
    for (size_t i = 0; i < record->output_count; i++)
        if (str_eq(record->outputs[i].name, name))
            return &record->outputs[i];
    return NULL;
}

// Whether the record is about this package, has all its outputs, and their trees are in the store.
static Error *record_is_usable(Resolution *resolution, const PlanStep *step, const Record *record, bool *usable_out) {
    *usable_out = false;
    if (!str_eq(record->package, step->package->name))
        return NULL;
    for (size_t i = 0; i < step->package->output_count; i++)
        if (!record_output(record, step->package->outputs[i].name))
            return NULL;
    for (size_t i = 0; i < record->output_count; i++) {
        bool present;
        TRY(tree_is_present(resolution, record->outputs[i].tree, &present));
        if (!present)
            return NULL;
    }
    *usable_out = true;
    return NULL;
}

// NULL in *out when there is none that can be used.
static Error *find_record(Resolution *resolution, const PlanStep *step, RecordKeyKind kind, Hash key,
                          const Record **out) {
    *out = NULL;
    Record *record = ARENA_NEW(resolution->arena, Record);
    bool found, usable;
    TRY(store_get_record(resolution->store, kind, key, resolution->arena, record, &found));
    if (!found || !hash_eq(kind == RECORD_SPEC_KEY ? record->spec_key : record->build_key, key))
        return NULL;
    TRY(record_is_usable(resolution, step, record, &usable));
    if (usable)
        *out = record;
    return NULL;
}

static void choose(Work *work, const Record *record, StepOrigin origin) {
    work->state = STEP_PRESENT;
    work->origin = origin;
    work->record = *record;
}

// ---- references: what a result is tied to ----

static Error *load_references(Resolution *resolution, StepIndex index) {
    Work *work = work_of(resolution, index);
    if (work->has_references)
        return NULL;
    TRY(closure_references(resolution->plan->graph, resolution->plan->steps[index]->slot, resolution->arena,
                           &work->references));
    work->has_references = true;
    return NULL;
}

// The step of a reference when it is one whose contents are decided in this run, else STEP_NONE.
static StepIndex demanded_step(Resolution *resolution, Slot slot) {
    StepIndex step = plan_step_of(resolution->plan, slot);
    return step != STEP_NONE && work_of(resolution, step)->demanded ? step : STEP_NONE;
}

static const Hash *implied_tree(const Resolution *resolution, Slot slot, Str output) {
    for (size_t i = 0; i < resolution->implied.count; i++)
        if (slot_eq(resolution->implied.items[i].slot, slot) && str_eq(resolution->implied.items[i].output, output))
            return &resolution->implied.items[i].tree;
    return NULL;
}

// Whether a reference to one output may stand: chosen so, or not chosen yet by anybody.
static bool reference_agrees(Resolution *resolution, Slot slot, Str output, Hash tree) {
    StepIndex step = demanded_step(resolution, slot);
    if (step == STEP_NONE) {
        const Hash *implied = implied_tree(resolution, slot, output);
        return !implied || hash_eq(*implied, tree);
    }
    const Work *work = work_of(resolution, step);
    if (work->state != STEP_PRESENT)
        return false;
    const RecordOutput *chosen = record_output(&work->record, output);
    return chosen && hash_eq(chosen->tree, tree);
}

static const RecordReference *find_reference(const Record *record, Str package, Str output) {
    for (size_t i = 0; i < record->reference_count; i++)
        if (str_eq(record->references[i].package, package) && str_eq(record->references[i].output, output))
            return &record->references[i];
    return NULL;
}

// The record names the contents of exactly the step's references, and they are the chosen ones.
static bool references_agree(Resolution *resolution, StepIndex index, const Record *record) {
    const Closure *references = &work_of(resolution, index)->references;
    size_t count = 0;
    for (size_t i = 0; i < references->count; i++) {
        const ClosureEntry *entry = &references->items[i];
        Str name = resolution->plan->graph->set->packages[entry->slot.member].name;
        for (size_t o = 0; o < entry->outputs.count; o++, count++) {
            const RecordReference *reference = find_reference(record, name, entry->outputs.items[o]);
            if (!reference || !reference_agrees(resolution, entry->slot, entry->outputs.items[o], reference->tree))
                return false;
        }
    }
    return count == record->reference_count;
}

static void imply_references(Resolution *resolution, StepIndex index, const Record *record) {
    const Closure *references = &work_of(resolution, index)->references;
    for (size_t i = 0; i < references->count; i++) {
        const ClosureEntry *entry = &references->items[i];
        if (demanded_step(resolution, entry->slot) != STEP_NONE)
            continue;
        Str name = resolution->plan->graph->set->packages[entry->slot.member].name;
        for (size_t o = 0; o < entry->outputs.count; o++) {
            Str output = entry->outputs.items[o];
            if (!implied_tree(resolution, entry->slot, output))
                vec_push(&resolution->implied,
                         (Implied){entry->slot, output, find_reference(record, name, output)->tree});
        }
    }
}

// Accepts the record found under the spec key, if its references are decided as it says.
static void try_spec_key(Resolution *resolution, StepIndex index) {
    Work *work = work_of(resolution, index);
    if (!work->by_spec || !references_agree(resolution, index, work->by_spec))
        return;
    imply_references(resolution, index, work->by_spec);
    choose(work, work->by_spec, STEP_BY_SPEC_KEY);
    work->has_build_key = true;
    work->build_key = work->by_spec->build_key;
}

// ---- build keys ----

static Error *root_trees(const Resolution *resolution, const PlanInput *inputs, size_t count, Arena *arena,
                         const RootTree **out, size_t *count_out) {
    size_t max = 0;
    for (size_t i = 0; i < count; i++) {
        const Work *work = inputs[i].step < resolution->work_count ? resolution->works[inputs[i].step] : NULL;
        if (!work || work->state != STEP_PRESENT) {
            Str text = plan_step_text(resolution->plan, inputs[i].step, arena);
            return error_new(ERROR_NOT_FOUND, "'%.*s' is not present", STR_ARG(text));
        }
        max += work->record.output_count;
    }
    RootTree *trees = ARENA_ARRAY(arena, RootTree, max);
    size_t made = 0;
    for (size_t i = 0; i < count; i++) {
        const Record *record = &resolution->works[inputs[i].step]->record;
        Str name = resolution->plan->steps[inputs[i].step]->member->name;
        for (size_t o = 0; inputs[i].whole && o < record->output_count; o++)
            trees[made++] = (RootTree){inputs[i].step, name, record->outputs[o].name, record->outputs[o].tree};
        for (size_t o = 0; !inputs[i].whole && o < inputs[i].outputs.count; o++) {
            const RecordOutput *output = record_output(record, inputs[i].outputs.items[o]);
            BUG_UNLESS(output);
            trees[made++] = (RootTree){inputs[i].step, name, output->name, output->tree};
        }
    }
    *out = trees;
    *count_out = made;
    return NULL;
}

static Error *reference_trees(Resolution *resolution, StepIndex index, Arena *arena, const RootTree **out,
                              size_t *count_out) {
    TRY(load_references(resolution, index));
    const Closure *references = &work_of(resolution, index)->references;
    PlanInput *inputs = ARENA_ARRAY(arena, PlanInput, references->count);
    for (size_t i = 0; i < references->count; i++) {
        inputs[i].step = plan_step_of(resolution->plan, references->items[i].slot);
        inputs[i].outputs = references->items[i].outputs;
        BUG_UNLESS(inputs[i].step != STEP_NONE);
    }
    return root_trees(resolution, inputs, references->count, arena, out, count_out);
}

static int compare_references(const void *a, const void *b) {
    const RecordReference *x = a, *y = b;
    int order = str_compare(x->package, y->package);
    return order ? order : str_compare(x->output, y->output);
}

static Error *fill_record(Resolution *resolution, StepIndex index, Arena *arena, Record *out) {
    const PlanStep *step = resolution->plan->steps[index];
    const RootTree *trees;
    size_t count;
    TRY(reference_trees(resolution, index, arena, &trees, &count));
    RecordReference *references = ARENA_ARRAY(arena, RecordReference, count);
    for (size_t i = 0; i < count; i++)
        references[i] = (RecordReference){trees[i].package, trees[i].output, trees[i].tree};
    qsort(references, count, sizeof *references, compare_references);
    *out = (Record){
        .package = step->package->name,
        .version = step->package->version,
        .spec_key = step->spec_key,
        .build_key = work_of(resolution, index)->build_key,
        .references = references,
        .reference_count = count,
        .tool_version = STR(MINIMAL_VERSION),
    };
    return NULL;
}

// The result of another spec key is this one's too: recorded, so that the next run finds it at once.
static Error *adopt(Resolution *resolution, StepIndex index, const Record *found) {
    Record *record = ARENA_NEW(resolution->arena, Record);
    TRY(fill_record(resolution, index, resolution->arena, record));
    record->outputs = found->outputs;
    record->output_count = found->output_count;
    record->built_at_s = found->built_at_s;
    record->build_ms = found->build_ms;
    record->tool_version = found->tool_version;
    record->network_used = found->network_used;
    record->wall_down = found->wall_down;
    TRY(store_put_record(resolution->store, record));
    choose(work_of(resolution, index), record, STEP_BY_BUILD_KEY);
    return NULL;
}

// Another step of this run with the same build key: built, or about to be.
static StepIndex find_twin(Resolution *resolution, StepIndex index) {
    const Work *work = work_of(resolution, index);
    for (StepIndex i = 0; i < resolution->work_count; i++) {
        const Work *other = resolution->works[i];
        bool counts = other->state == STEP_READY || (other->state == STEP_PRESENT && other->origin == STEP_BUILT);
        if (i != index && counts && other->has_build_key && hash_eq(other->build_key, work->build_key))
            return i;
    }
    return STEP_NONE;
}

// The step's whole root is present: present by its build key, waiting for its twin, or ready.
static Error *try_build_key(Resolution *resolution, StepIndex index) {
    const PlanStep *step = resolution->plan->steps[index];
    Work *work = work_of(resolution, index);
    AUTO_ARENA Arena *arena = arena_new(0);
    const RootTree *trees;
    size_t count;
    TRY(root_trees(resolution, step->root.items, step->root.count, arena, &trees, &count));
    work->build_key = build_key(step->package, trees, count);
    work->has_build_key = true;
    StepIndex twin = find_twin(resolution, index);
    if (twin != STEP_NONE && work_of(resolution, twin)->state == STEP_PRESENT)
        return adopt(resolution, index, &work_of(resolution, twin)->record);
    if (may_look_up(resolution, index)) {
        const Record *found;
        TRY(find_record(resolution, step, RECORD_BUILD_KEY, work->build_key, &found));
        if (found)
            return adopt(resolution, index, found);
    }
    work->twin = twin;
    work->state = twin == STEP_NONE ? STEP_READY : STEP_WAITING;
    return NULL;
}

static bool root_is_present(Resolution *resolution, const PlanStep *step) {
    for (size_t i = 0; i < step->root.count; i++)
        if (work_of(resolution, step->root.items[i].step)->state != STEP_PRESENT)
            return false;
    return true;
}

// ---- deciding, depth first ----

static void demand(Resolution *resolution, StepIndex index, bool test_only) {
    Work *work = work_of(resolution, index);
    if (!work->demanded) {
        work->demanded = true;
        work->test_only = test_only;
        for (size_t i = 0; i < resolution->implied.count; i++)
            if (slot_eq(resolution->implied.items[i].slot, resolution->plan->steps[index]->slot))
                resolution->start_over = true;
    }
    // Pushed again when it lies deeper in the stack: whoever asks needs it decided first.
    if (!work->decided)
        vec_push(&resolution->stack, (Frame){index, PHASE_BEGIN});
}

static void demand_inputs(Resolution *resolution, PlanInputs inputs, bool test_only) {
    // Pushed from the back: the first is decided first.
    for (size_t i = inputs.count; i-- > 0;)
        demand(resolution, inputs.items[i].step, test_only);
}

static Error *begin(Resolution *resolution, StepIndex index) {
    Work *work = work_of(resolution, index);
    const PlanStep *step = resolution->plan->steps[index];
    if (!may_look_up(resolution, index))
        return NULL;
    if (!work->looked_up) {
        TRY(find_record(resolution, step, RECORD_SPEC_KEY, step->spec_key, &work->by_spec));
        work->looked_up = true;
    }
    if (!work->by_spec)
        return NULL;
    TRY(load_references(resolution, index));
    for (size_t i = work->references.count; i-- > 0;) {
        StepIndex reference = plan_step_of(resolution->plan, work->references.items[i].slot);
        bool is_choice = reference != STEP_NONE &&
                         (resolution->plan->steps[reference]->is_last || work_of(resolution, reference)->demanded);
        if (is_choice)
            demand(resolution, reference, work->test_only);
    }
    return NULL;
}

static Error *decide(Resolution *resolution) {
    while (resolution->stack.count > 0) {
        Frame *frame = &vec_last(&resolution->stack);
        StepIndex index = frame->step;
        Work *work = work_of(resolution, index);
        switch (frame->phase) {
        case PHASE_BEGIN:
            if (work->begun) {
                (void)vec_pop(&resolution->stack);
                break;
            }
            work->begun = true;
            frame->phase = PHASE_REFERENCES;
            TRY(begin(resolution, index));
            break;
        case PHASE_REFERENCES:
            frame->phase = PHASE_ROOT;
            try_spec_key(resolution, index);
            if (work->state == STEP_PRESENT)
                break;
            TRY(plan_expand(resolution->plan, index));
            demand_inputs(resolution, resolution->plan->steps[index]->root, work->test_only);
            break;
        case PHASE_ROOT:
            (void)vec_pop(&resolution->stack);
            work->decided = true;
            if (work->state == STEP_PRESENT)
                break;
            if (root_is_present(resolution, resolution->plan->steps[index]))
                TRY(try_build_key(resolution, index));
            else
                work->state = STEP_WAITING;
            break;
        default:
            BUG("phase %d", (int)frame->phase);
        }
    }
    return NULL;
}

static Error *decide_inputs(Resolution *resolution, PlanInputs inputs, bool test_only) {
    for (size_t i = 0; i < inputs.count; i++) {
        demand(resolution, inputs.items[i].step, test_only);
        TRY(decide(resolution));
    }
    return NULL;
}

// What the tests of artifacts need that may be built in this run.
static Error *decide_tests(Resolution *resolution) {
    for (StepIndex i = 0; i < resolution->work_count; i++) {
        const PlanStep *step = resolution->plan->steps[i];
        Work *work = work_of(resolution, i);
        bool pending = work->state == STEP_WAITING || work->state == STEP_READY;
        if (!step->is_last || work->test_only || !pending || step->package->test_count == 0)
            continue;
        if (!work->test_roots) {
            work->test_roots = ARENA_ARRAY(resolution->arena, PlanInputs, step->package->test_count);
            for (size_t t = 0; t < step->package->test_count; t++)
                TRY(plan_add_test_root(resolution->plan, i, t, &work->test_roots[t]));
        }
        for (size_t t = 0; t < step->package->test_count; t++)
            TRY(decide_inputs(resolution, work->test_roots[t], true));
    }
    return NULL;
}

static Error *decide_all(Resolution *resolution) {
    do {
        resolution->start_over = false;
        resolution->implied.count = 0;
        for (size_t i = 0; i < resolution->work_count; i++) {
            resolution->works[i]->state = STEP_UNNEEDED;
            resolution->works[i]->begun = resolution->works[i]->decided = false;
        }
        for (size_t i = 0; i < resolution->plan->request_count; i++)
            TRY(decide_inputs(resolution, resolution->plan->requests[i].runtime, false));
        if (resolution->options.tests)
            TRY(decide_tests(resolution));
    } while (resolution->start_over);
    return NULL;
}

Error *resolution_new(Plan *plan, Store *store, const ResolveOptions *options, Resolution **out) {
    Resolution *resolution = mem_zalloc(sizeof *resolution);
    resolution->plan = plan;
    resolution->store = store;
    resolution->options = *options;
    resolution->arena = arena_new(0);
    pthread_mutex_init(&resolution->mutex, NULL);
    Error *error = decide_all(resolution);
    if (error) {
        resolution_free(resolution);
        return error;
    }
    // From here on the plan does not grow, and a lookup by any thread must not either.
    if (plan->step_count > 0)
        (void)work_of(resolution, (StepIndex)plan->step_count - 1);
    *out = resolution;
    return NULL;
}

void resolution_free(Resolution *resolution) {
    if (!resolution)
        return;
    vec_release(&resolution->implied);
    vec_release(&resolution->stack);
    map_release(&resolution->trees);
    pthread_mutex_destroy(&resolution->mutex);
    arena_free(resolution->arena);
    free(resolution->works);
    free(resolution);
}

void resolution_cleanup(Resolution **resolution) {
    resolution_free(*resolution);
    *resolution = NULL;
}

static Error *resolve_with(Arena *arena, const PackageSet *set, const ClosureRequest *requests, size_t count,
                           Store *store, const ResolveOptions *options, Plan **plan_out, Resolution **out) {
    PackageIndex *roots = ARENA_ARRAY(arena, PackageIndex, count);
    for (size_t i = 0; i < count; i++)
        roots[i] = requests[i].package;
    Graph *graph;
    TRY(graph_new(arena, set, roots, count, options->tests, &graph));
    TRY(plan_new(arena, graph, requests, count, plan_out));
    return resolution_new(*plan_out, store, options, out);
}

Error *resolve_request(Arena *arena, const PackageSet *set, const ClosureRequest *requests, size_t count, Store *store,
                       const ResolveOptions *options, Plan **plan_out, Resolution **out) {
    ResolveOptions without_tests = *options;
    without_tests.tests = false;
    TRY(resolve_with(arena, set, requests, count, store, &without_tests, plan_out, out));
    if (!options->tests || resolution_is_done(*out))
        return NULL;
    resolution_free(*out);
    *out = NULL;
    return resolve_with(arena, set, requests, count, store, options, plan_out, out);
}

// ---- asking and telling, from any thread ----

static void lock(const Resolution *resolution) {
    pthread_mutex_lock(&((Resolution *)(uintptr_t)resolution)->mutex);
}

static void unlock(const Resolution *resolution) {
    pthread_mutex_unlock(&((Resolution *)(uintptr_t)resolution)->mutex);
}

bool resolution_is_done(const Resolution *resolution) {
    bool done = true;
    lock(resolution);
    for (size_t i = 0; i < resolution->work_count; i++) {
        StepState state = resolution->works[i]->state;
        done = done && (state == STEP_PRESENT || state == STEP_UNNEEDED);
    }
    unlock(resolution);
    return done;
}

static StepResult result_of(const Resolution *resolution, StepIndex step) {
    if (step >= resolution->work_count)
        return (StepResult){.state = STEP_UNNEEDED};
    const Work *work = resolution->works[step];
    StepResult result = {.state = work->state};
    if (work->state == STEP_PRESENT) {
        result.origin = work->origin;
        result.outputs = work->record.outputs;
        result.output_count = work->record.output_count;
    }
    if (work->state == STEP_PRESENT || work->state == STEP_READY) {
        result.has_build_key = work->has_build_key;
        result.build_key = work->build_key;
    }
    return result;
}

StepResult resolution_step(const Resolution *resolution, StepIndex step) {
    lock(resolution);
    StepResult result = result_of(resolution, step);
    unlock(resolution);
    return result;
}

bool resolution_test_root(const Resolution *resolution, StepIndex step, size_t test, PlanInputs *out) {
    const Work *work = step < resolution->work_count ? resolution->works[step] : NULL;
    if (!work || !work->test_roots || test >= resolution->plan->steps[step]->package->test_count)
        return false;
    *out = work->test_roots[test];
    return true;
}

static Error *look_again(Resolution *resolution, StepIndex index) {
    Work *work = work_of(resolution, index);
    const PlanStep *step = resolution->plan->steps[index];
    if (work->state == STEP_READY && may_look_up(resolution, index)) {
        const Record *found;
        TRY(find_record(resolution, step, RECORD_BUILD_KEY, work->build_key, &found));
        return found ? adopt(resolution, index, found) : NULL;
    }
    if (work->state != STEP_WAITING)
        return NULL;
    if (work->twin != STEP_NONE && work_of(resolution, work->twin)->state == STEP_READY)
        return NULL;
    if (may_look_up(resolution, index))
        try_spec_key(resolution, index);
    if (work->state == STEP_PRESENT || !root_is_present(resolution, step))
        return NULL;
    return try_build_key(resolution, index);
}

Error *resolve_step(Resolution *resolution, StepIndex step, StepResult *out) {
    lock(resolution);
    Error *error = look_again(resolution, step);
    *out = result_of(resolution, step);
    unlock(resolution);
    return error;
}

Error *resolution_root_trees(const Resolution *resolution, PlanInputs inputs, Arena *arena, const RootTree **out,
                             size_t *count_out) {
    lock(resolution);
    Error *error = root_trees(resolution, inputs.items, inputs.count, arena, out, count_out);
    unlock(resolution);
    return error;
}

Error *resolution_reference_trees(Resolution *resolution, StepIndex step, Arena *arena, const RootTree **out,
                                  size_t *count_out) {
    lock(resolution);
    Error *error = reference_trees(resolution, step, arena, out, count_out);
    unlock(resolution);
    return error;
}

Error *resolution_record(Resolution *resolution, StepIndex step, Arena *arena, Record *out) {
    lock(resolution);
    BUG_UNLESS(work_of(resolution, step)->has_build_key);
    Error *error = fill_record(resolution, step, arena, out);
    unlock(resolution);
    return error;
}

// The record's strings may go; what later steps read is copied.
static void keep_record(Resolution *resolution, Work *work, const Record *record) {
    RecordOutput *outputs = arena_dup(resolution->arena, record->outputs, record->output_count * sizeof *outputs);
    for (size_t i = 0; i < record->output_count; i++) {
        outputs[i].name = arena_str(resolution->arena, outputs[i].name);
        note_tree(resolution, outputs[i].tree, true);
    }
    choose(work, record, STEP_BUILT);
    work->record.outputs = outputs;
    work->record.references = NULL;
    work->record.reference_count = 0;
    work->record.package = work->record.version = STR_NULL;
    work->record.tool_version = STR(MINIMAL_VERSION);
}

Error *resolution_built(Resolution *resolution, StepIndex step, const Record *record) {
    Error *error = NULL;
    lock(resolution);
    Work *work = work_of(resolution, step);
    bool is_asked_for = work->has_build_key && hash_eq(work->build_key, record->build_key);
    if (is_asked_for && work->state == STEP_PRESENT) {
        // Somebody looked again between the record's publication and this call: the choice stands.
        work->origin = STEP_BUILT;
    } else if (!is_asked_for || work->state != STEP_READY) {
        AUTO_ARENA Arena *arena = arena_new(0);
        Str text = plan_step_text(resolution->plan, step, arena);
        error = error_new(ERROR_MISMATCH, "a result of '%.*s' came for another build key than the one asked for",
                          STR_ARG(text));
    } else {
        keep_record(resolution, work, record);
    }
    unlock(resolution);
    return error;
}

static bool waits_for_failed(Resolution *resolution, StepIndex index) {
    const PlanStep *step = resolution->plan->steps[index];
    const Work *work = resolution->works[index];
    if (work->state != STEP_WAITING)
        return false;
    if (work->twin != STEP_NONE && work_of(resolution, work->twin)->state == STEP_FAILED)
        return true;
    for (size_t i = 0; i < step->root.count; i++)
        if (work_of(resolution, step->root.items[i].step)->state == STEP_FAILED)
            return true;
    return false;
}

void resolution_failed(Resolution *resolution, StepIndex step) {
    lock(resolution);
    work_of(resolution, step)->state = STEP_FAILED;
    bool more = true;
    while (more) {
        more = false;
        for (StepIndex i = 0; i < resolution->work_count; i++)
            if (waits_for_failed(resolution, i)) {
                resolution->works[i]->state = STEP_FAILED;
                more = true;
            }
    }
    unlock(resolution);
}

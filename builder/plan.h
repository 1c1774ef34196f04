// The plan: which slots a request needs, what each is built from, and why it is there. Plain data, no effects.
//
// A plan grows: it begins with what was asked for and its runtime closures, and a step's root is added when somebody
// needs to know it (plan_expand), so that a run in which everything is present never looks at build dependencies.
// plan_complete adds all. Growing is for one thread at a time; builder/resolve.h does it before jobs start.
#ifndef BUILDER_PLAN_H
#define BUILDER_PLAN_H

#include "builder/closure.h"
#include "builder/identity.h"

typedef uint32_t StepIndex;
#define STEP_NONE UINT32_MAX

// Some outputs of a step's result.
typedef struct PlanInput {
    StepIndex step;
    bool whole;
    StrSlice outputs; // sorted by name; of the whole: every output
} PlanInput;

typedef struct PlanInputs {
    const PlanInput *items;
    size_t count;
} PlanInputs;

typedef enum StepReason {
    STEP_REQUESTED,   // by the caller
    STEP_RUNTIME_OF,  // in the runtime closure of `wanted_by`
    STEP_IN_ROOT_OF,  // in the build root of `wanted_by`
    STEP_FOR_TEST_OF, // in the root of a test of `wanted_by`
} StepReason;

typedef struct PlanStep {
    Slot slot;
    const Package *member;  // whose slot it is
    const Package *package; // what is built: the member, or its breaker in stage 0
    bool is_last;           // the artifact, not an earlier stage
    bool runs;              // commands run in a root; else prebuilt or a pure collection
    bool requested;
    Hash spec_key;
    StepReason reason; // the first one
    StepIndex wanted_by;
    bool expanded;   // the root is known
    PlanInputs root; // the build root in order, each step once: all that has to be present before it is built
} PlanStep;

typedef struct PlanRequest {
    StepIndex step;
    PlanInputs runtime; // what goes with it at run time, in order, the step itself first
} PlanRequest;

// Of all roots of a plan together. The whole public registry, 466 packages with a component of 46, has 23,000.
#define PLAN_INPUTS_MAX 2000000

typedef struct Plan {
    Arena *arena;
    const Graph *graph;
    const SpecKeys *keys;
    PlanStep **steps; // in order of appearance; the pointers stay valid while the plan grows
    size_t step_count, step_cap;
    const PlanRequest *requests; // in order
    size_t request_count;
    StepIndex *by_slot; // [member * 3 + stage], or STEP_NONE
    size_t input_count; // of all roots
} Plan;

// Steps for the requested packages and all that they need at run time. Everything lives in the arena.
MUST_CHECK Error *plan_new(Arena *arena, const Graph *graph, const ClosureRequest *requests, size_t count, Plan **out);
// The step's root, and a step for each entry of it. ERROR_LIMIT past PLAN_INPUTS_MAX, as all that makes a plan grow.
MUST_CHECK Error *plan_expand(Plan *plan, StepIndex step);
// Expands until nothing is left, whatever is present.
MUST_CHECK Error *plan_complete(Plan *plan);
// One root for several packages' artifacts and their runtime closures (a task's, `exec`'s, a test's); its steps are
// added with the given reason.
MUST_CHECK Error *plan_add_root(Plan *plan, const ClosureRequest *requests, size_t count, StepReason reason,
                                StepIndex wanted_by, PlanInputs *out);
// The root of test `index` of the step's package: the artifact with its runtime closure, then the test's dependencies
// with theirs.
MUST_CHECK Error *plan_add_test_root(Plan *plan, StepIndex step, size_t index, PlanInputs *out);

// STEP_NONE when the plan has no step for the slot.
StepIndex plan_step_of(const Plan *plan, Slot slot);
// The expanded steps in an order in which each stands behind all that it waits for; unexpanded ones first.
const StepIndex *plan_order(const Plan *plan, Arena *arena);
// "gcc"; "gcc (stage 1)", or "gcc (stage 0)" for what is no artifact; in arena.
Str plan_step_text(const Plan *plan, StepIndex step, Arena *arena);

// What is printed with the steps.
typedef struct PlanPrint {
    bool with_keys;
    const char *const *states; // by step, one word for each; a step with NULL is left out. NULL: all steps, no states
} PlanPrint;
// For people, and as one JSON object with a schema field (keys always). Of an incomplete plan: the part that is known.
void plan_print(const Plan *plan, const PlanPrint *options, Buf *out);
void plan_print_json(const Plan *plan, const PlanPrint *options, Buf *out);

#endif

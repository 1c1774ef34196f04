// Resolution: which steps of a plan have a result already, decided from the store's records before anything is built.
//
// Content is chosen once per run for each step. A record found by spec key counts when its trees are in the store and
// the contents that it names for its runtime closure are the ones chosen here; else the step's root is resolved, and
// when all of it is chosen the build key is known and a record of that key counts. What has neither is to be built.
// After a build (resolution_built) its dependents can be asked again: equal bytes give an equal build key, and the
// rebuilding stops there. A run in which all that was asked for is present reads one record per step of the runtime
// closures and looks at no build dependency. Every call may come from any thread.
#ifndef BUILDER_RESOLVE_H
#define BUILDER_RESOLVE_H

#include "builder/plan.h"
#include "store/store.h"

typedef struct ResolveOptions {
    bool no_cache; // every step of the complete plan is built anew, from the bootstrap upward
    bool rebuild;  // the requested steps are built anew
    bool glance;   // a tree counts as present when its directory is there: for running what was checked when it was made
    bool tests;    // also make present what the tests of artifacts need that may be built (the graph must have it)
} ResolveOptions;

typedef enum StepState {
    STEP_UNNEEDED, // nothing that will be built asks for it
    STEP_PRESENT,  // outputs are known and in the store
    STEP_WAITING,  // something in its root is not known yet, or another step with the same build key is being built
    STEP_READY,    // its whole root is present, the build key is known, no record has it: build it
    STEP_FAILED,   // resolution_failed was called for it or for a step that it waits for
} StepState;

// Where a present step's result came from.
typedef enum StepOrigin {
    STEP_BY_SPEC_KEY,
    STEP_BY_BUILD_KEY, // dependencies changed, their bytes did not
    STEP_BUILT,        // in this run
} StepOrigin;

typedef struct StepResult {
    StepState state;
    StepOrigin origin;           // when present
    const RecordOutput *outputs; // when present; sorted by name
    size_t output_count;
    bool has_build_key; // when ready, or present by or after a build key
    Hash build_key;
} StepResult;

typedef struct Resolution Resolution;

// The usual way in: graph, plan and resolution of a request at once. What tests need is looked at only when something
// has to be built. Plan and graph live in `arena`.
MUST_CHECK Error *resolve_request(Arena *arena, const PackageSet *set, const ClosureRequest *requests, size_t count,
                                  Store *store, const ResolveOptions *options, Plan **plan_out, Resolution **out);
// Resolves the requested steps with their runtime closures, and whatever building the absent ones needs; expands the
// plan as far as that goes. The plan and the store must outlive the result, which must be freed.
MUST_CHECK Error *resolution_new(Plan *plan, Store *store, const ResolveOptions *options, Resolution **out);
void resolution_free(Resolution *resolution); // NULL is fine
void resolution_cleanup(Resolution **resolution);
#define AUTO_RESOLUTION __attribute__((cleanup(resolution_cleanup)))

// Nothing is to be built: every requested step and its runtime closure is present.
bool resolution_is_done(const Resolution *resolution);
// What is known of a step, without looking again.
StepResult resolution_step(const Resolution *resolution, StepIndex step);
// The root of a test of a step that is or was to be built, as plan_add_test_root gives it; false when tests were not
// asked for, or the step is there only for another's test.
bool resolution_test_root(const Resolution *resolution, StepIndex step, size_t test, PlanInputs *out);
// Looks again: a waiting step whose root has become known gets its build key and is present or ready; a ready one is
// looked up once more by build key (to be called after store_lock_key(build_key): another process may have built it).
// A result that is found by build key is also recorded under the step's spec key.
MUST_CHECK Error *resolve_step(Resolution *resolution, StepIndex step, StepResult *out);

// The trees of a list of inputs in order, all of them being present: of a step's root, of a request's runtime closure;
// in arena.
// An input that is whole gives every output of the result.
MUST_CHECK Error *resolution_root_trees(const Resolution *resolution, PlanInputs inputs, Arena *arena,
                                        const RootTree **out, size_t *count_out);
// The trees that a result of the step is tied to: what its own runtime dependencies brought into its root (in a staged
// component those of the stage before). With the new artifact itself they are where its symlinks have to lead.
MUST_CHECK Error *resolution_reference_trees(Resolution *resolution, StepIndex step, Arena *arena, const RootTree **out,
                                             size_t *count_out);
// Everything of the step's record that is not the builder's to say: package, version, keys, references, tool version.
// Outputs, times and network are zero. For a ready step.
MUST_CHECK Error *resolution_record(Resolution *resolution, StepIndex step, Arena *arena, Record *out);
// The step was built and its record published. ERROR_MISMATCH when that is not the build key which was asked for.
MUST_CHECK Error *resolution_built(Resolution *resolution, StepIndex step, const Record *record);
// The step failed: all that waits for it fails too.
void resolution_failed(Resolution *resolution, StepIndex step);

#endif

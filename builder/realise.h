// Realising one step of a plan: from "its build key is known and nobody has it" to "its outputs are in the store, under
// both keys". realise.c reads as the whole story.
#ifndef BUILDER_REALISE_H
#define BUILDER_REALISE_H

#include "builder/box.h"
#include "builder/paths.h"
#include "builder/resolve.h"
#include "cache/fetch.h"

typedef enum RealisePhase {
    PHASE_STARTING,
    PHASE_WAITING, // another process builds the same
    PHASE_FETCHING,
    PHASE_UNPACKING,
    PHASE_BUILDING,
    PHASE_COLLECTING,
    PHASE_TESTING,
    PHASE_COUNT
} RealisePhase;

const char *realise_phase_name(RealisePhase phase); // "fetching", ...

// Who wants to know how a job goes. Called from the job's thread.
typedef struct RealiseWatch {
    void (*on_phase)(void *context, RealisePhase phase);
    void (*on_bytes)(void *context, FetchProgress progress);
    void (*on_output)(void *context, Str bytes); // of a build's or test's commands, as it comes
    void *context;
} RealiseWatch;

// What all jobs of a run share; nothing of it changes while they run.
typedef struct Realiser {
    Store *store;
    const Plan *plan;
    Resolution *resolution;
    const FetchOptions *fetch;
    const Paths *paths;
    BoxLimits limits; // cpus is each job's own
    Cancel *cancel;
} Realiser;

typedef struct StepReport {
    bool made; // false: it had appeared meanwhile
    const RecordOutput *outputs;
    size_t output_count;
    uint64_t phase_ns[PHASE_COUNT];
    uint64_t total_ns;
    // Of a failure; NULL or empty when there is none.
    const char *log_path, *kept_path;
    Str log_tail; // the last lines, fit for a terminal
} StepReport;

// Brings a step's sources into the download store, without waiting for anything that it is built from.
MUST_CHECK Error *realise_fetch(const Realiser *realiser, StepIndex step, const RealiseWatch *watch);
// The step must be ready (resolve_step). On success the resolution knows its result. `out` is filled also on an error;
// what it holds is in the arena. `cpus` 0: all.
MUST_CHECK Error *realise_step(const Realiser *realiser, StepIndex step, uint32_t cpus, const RealiseWatch *watch,
                               Arena *arena, StepReport *out);

// For the steps of a root, all present: its trees as compose() wants them.
MUST_CHECK Error *realise_root_trees(const Realiser *realiser, PlanInputs inputs, Arena *arena, ComposeTree **trees_out,
                                     size_t *count_out);
// Their layers. Conflicts between packages of legacy layers are noted in the log.
MUST_CHECK Error *realise_compose(const Realiser *realiser, PlanInputs inputs, StrSlice prefer, BuildLog *log,
                                  Arena *arena, Composed *out);

#endif

// The schedule: which job runs when. Each running job is a thread of this process; what a job is built from is present
// before it starts; among those that could start, the one that most others wait for goes first.
//
// Builds and tests share slots (a build of cost N takes N of them); fetching and unpacking have lanes of their own, so
// that the network and the processors are busy at the same time. One failure stops what depends on it, and nothing
// else. A request to cancel stops the running jobs and starts no more; what was finished stays.
#ifndef BUILDER_SCHEDULE_H
#define BUILDER_SCHEDULE_H

#include "base/vec.h"
#include "builder/package_test.h"
#include "builder/realise.h"

enum { SCHEDULE_LANES = 4 };

typedef enum JobKind {
    JOB_FETCH,  // sources of a step that is built
    JOB_UNPACK, // a prebuilt package, or a collection: fetched, unpacked, committed
    JOB_BUILD,
    JOB_TEST, // the Standalone tests of an artifact
} JobKind;

typedef enum ScheduleEventKind {
    EVENT_STARTED,
    EVENT_PHASE,
    EVENT_BYTES,
    EVENT_OUTPUT,
    EVENT_DONE,
    EVENT_FAILED, // `error` says why; ERROR_INTERRUPTED for one that was cancelled
} ScheduleEventKind;

typedef struct ScheduleEvent {
    ScheduleEventKind kind;
    uint32_t job; // counts from 1 in order of starting
    JobKind job_kind;
    StepIndex step;
    RealisePhase phase;       // of EVENT_PHASE
    FetchProgress bytes;      // of EVENT_BYTES
    Str output;               // of EVENT_OUTPUT: a piece, not a line
    const StepReport *report; // of EVENT_DONE and EVENT_FAILED; zero for JOB_FETCH
    const Error *error;       // of EVENT_FAILED
    size_t finished, total;   // steps that were to be made: so many are, of so many
} ScheduleEvent;

// Called by one thread at a time, from any thread.
typedef void (*ScheduleEventFn)(void *context, const ScheduleEvent *event);

typedef struct ScheduleOptions {
    unsigned slots;           // 0: by cores and memory
    ScheduleEventFn on_event; // may be NULL
    void *context;
} ScheduleOptions;

typedef enum Outcome {
    OUTCOME_UNNEEDED,
    OUTCOME_PRESENT, // was there
    OUTCOME_MADE,
    OUTCOME_FAILED,  // `error`
    OUTCOME_SKIPPED, // because of `because`
    OUTCOME_STOPPED, // cancelled, or never started
} Outcome;

typedef struct StepOutcome {
    Outcome outcome;
    Error *error; // owned by the result
    StepReport report;
    StepIndex because; // of SKIPPED: a step that failed
    // The Standalone tests: OUTCOME_UNNEEDED when they were not to run.
    Outcome tests;
    Error *test_error;
    StepReport test_report;
} StepOutcome;

typedef struct ScheduleResult {
    StepOutcome *steps; // by StepIndex
    size_t count;
    VEC(Arena *) arenas; // of the jobs: what the reports hold
    size_t made, failed, skipped, stopped, tests_passed, tests_failed;
} ScheduleResult;

// Tests of an artifact that was present already; every step of the roots is in the plan.
typedef struct PendingTest {
    StepIndex step;
    const PlanInputs *roots; // by index of the package's tests
} PendingTest;

// Runs until everything that can be made is. An error means that the schedule itself could not run; failures of jobs
// are in the result, which lives in the arena until schedule_release.
MUST_CHECK Error *schedule_run(const Realiser *realiser, const ScheduleOptions *options, const PendingTest *pending,
                               size_t pending_count, Arena *arena, ScheduleResult *out);
void schedule_release(ScheduleResult *result);

// How many builds at a time this machine takes, and its processors that we may use.
unsigned schedule_default_slots(unsigned cpus, uint64_t memory_bytes);
unsigned schedule_cpus(void);

#endif

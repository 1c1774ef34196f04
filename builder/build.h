// `build`, from names to artifacts: the one story that every verb tells that needs packages. Plan, resolve, and when
// something is missing, schedule.
#ifndef BUILDER_BUILD_H
#define BUILDER_BUILD_H

#include "builder/schedule.h"

typedef struct BuildOptions {
    Store *store;
    const Paths *paths;
    const PackageSet *set;
    const ClosureRequest *requests;
    size_t request_count;
    ResolveOptions resolve; // `tests` is set by build_run
    bool skip_tests;
    bool offline;
    const char *worker_path; // as in FetchOptions
    BoxLimits limits;
    ScheduleOptions schedule;
    // Called once, before jobs start, when there is something to do; may be NULL.
    void (*on_plan)(void *context, const Plan *plan, const Resolution *resolution);
    Cancel *cancel;
} BuildOptions;

typedef struct Build {
    Arena *arena;
    Plan *plan;
    Resolution *resolution;
    Realiser realiser;
    FetchOptions fetch;
    ScheduleResult result; // zero when nothing had to be done
    bool ran;              // something had to be done
} Build;

// Everything that was asked for, with its runtime closure, present; or as much of it as could be made: then the result
// says what failed, and build_error makes one error of it. An error from here means that nothing was tried. `out` must
// be released, also after an error.
MUST_CHECK Error *build_run(const BuildOptions *options, Arena *arena, Build *out);
void build_release(Build *build);

// NULL when all went well. The message of a single failure is its own, with where the log and the build directory are;
// of several, their names.
MUST_CHECK Error *build_error(const Build *build, Arena *arena);

// A failure's own error with, in its hint, where the log and the build directory are.
Error *build_failure(const Error *error, const StepReport *report) __attribute__((returns_nonnull));

// The outputs of the request's own artifact; false when it is not present.
bool build_outputs(const Build *build, size_t request, const RecordOutput **outputs_out, size_t *count_out);

#endif

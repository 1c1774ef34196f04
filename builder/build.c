// From names to artifacts. Nothing here touches a file: the parts do.
#include "builder/build.h"

#include <stdlib.h>

static const char *proxy_setting(void) {
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *value = getenv(names[i]);
        if (value && value[0])
            return value;
    }
    return NULL;
}

static FetchOptions fetch_options(const BuildOptions *options, Arena *arena) {
    const PackageSet *set = options->set;
    FetchMirror *mirrors = ARENA_ARRAY(arena, FetchMirror, set->mirror_count);
    for (size_t i = 0; i < set->mirror_count; i++)
        mirrors[i] = (FetchMirror){set->mirrors[i].name, set->mirrors[i].bases};
    return (FetchOptions){.mirrors = mirrors,
                          .mirror_count = set->mirror_count,
                          .offline = options->offline,
                          .worker_path = options->worker_path,
                          .proxy = proxy_setting()};
}

// ---- tests that an earlier run left open ----

static bool is_open(const BuildOptions *options, const Build *build, size_t request) {
    StepIndex step = build->plan->requests[request].step;
    return resolution_step(build->resolution, step).state == STEP_PRESENT &&
           package_test_is_remembered(options->paths, build->plan->steps[step]);
}

// The requests, then what the open tests of the first ones need besides.
static const ClosureRequest *with_test_needs(const BuildOptions *options, const bool *open, Arena *arena,
                                             size_t *count_out) {
    VEC(ClosureRequest) requests = {0};
    for (size_t i = 0; i < options->request_count; i++)
        vec_push(&requests, options->requests[i]);
    for (size_t i = 0; i < options->request_count; i++) {
        const Package *package = &options->set->packages[options->requests[i].package];
        for (size_t t = 0; open[i] && t < package->test_count; t++)
            for (size_t d = 0; d < package->tests[t].deps.count; d++) {
                const Dependency *dep = &package->tests[t].deps.items[d];
                vec_push(&requests, ((ClosureRequest){dep->package, dep->is_subset, dep->outputs}));
            }
    }
    *count_out = requests.count;
    const ClosureRequest *all = arena_dup(arena, requests.items, requests.count * sizeof *requests.items);
    vec_release(&requests);
    return all;
}

// A test's root holds all of its artifact, also where only some outputs were asked for.
static Error *test_roots(Build *build, StepIndex step, PlanInputs **out) {
    const Package *package = build->plan->steps[step]->package;
    *out = ARENA_ARRAY(build->arena, PlanInputs, package->test_count);
    for (size_t i = 0; i < package->test_count; i++)
        if (package->tests[i].class == TEST_STANDALONE)
            TRY(plan_add_test_root(build->plan, step, i, &(*out)[i]));
    return NULL;
}

static Error *reopen_tests(const BuildOptions *options, const ResolveOptions *resolve, Build *build,
                           PendingTest **pending_out, size_t *count_out) {
    *count_out = 0;
    *pending_out = ARENA_ARRAY(build->arena, PendingTest, options->request_count);
    bool *open = ARENA_ARRAY(build->arena, bool, options->request_count), any = false;
    for (size_t i = 0; i < options->request_count && !options->skip_tests; i++)
        any |= open[i] = is_open(options, build, i);
    if (!any)
        return NULL;
    size_t request_count;
    const ClosureRequest *requests = with_test_needs(options, open, build->arena, &request_count);
    resolution_free(build->resolution);
    build->resolution = NULL;
    TRY(resolve_request(build->arena, options->set, requests, request_count, options->store, resolve, &build->plan,
                        &build->resolution));
    for (size_t i = 0; i < options->request_count; i++) {
        if (!open[i])
            continue;
        PendingTest *pending = &(*pending_out)[(*count_out)++];
        PlanInputs *roots;
        pending->step = build->plan->requests[i].step;
        size_t steps_before = build->plan->step_count;
        TRY(test_roots(build, pending->step, &roots));
        BUG_UNLESS(build->plan->step_count == steps_before);
        pending->roots = roots;
    }
    return NULL;
}

// ---- the story ----

Error *build_run(const BuildOptions *options, Arena *arena, Build *out) {
    *out = (Build){.arena = arena};
    ResolveOptions resolve = options->resolve;
    resolve.tests = !options->skip_tests;
    TRY(resolve_request(arena, options->set, options->requests, options->request_count, options->store, &resolve,
                        &out->plan, &out->resolution));
    PendingTest *pending;
    size_t pending_count;
    TRY(reopen_tests(options, &resolve, out, &pending, &pending_count));
    if (resolution_is_done(out->resolution) && pending_count == 0)
        return NULL;
    out->ran = true;
    out->fetch = fetch_options(options, arena);
    out->realiser = (Realiser){.store = options->store,
                               .plan = out->plan,
                               .resolution = out->resolution,
                               .fetch = &out->fetch,
                               .paths = options->paths,
                               .limits = options->limits,
                               .cancel = options->cancel};
    if (options->on_plan)
        options->on_plan(options->schedule.context, out->plan, out->resolution);
    return schedule_run(&out->realiser, &options->schedule, pending, pending_count, arena, &out->result);
}

void build_release(Build *build) {
    schedule_release(&build->result);
    resolution_free(build->resolution);
    build->resolution = NULL;
}

bool build_outputs(const Build *build, size_t request, const RecordOutput **outputs_out, size_t *count_out) {
    StepResult result = resolution_step(build->resolution, build->plan->requests[request].step);
    *outputs_out = result.outputs;
    *count_out = result.output_count;
    return result.state == STEP_PRESENT;
}

// ---- what went wrong ----

Error *build_failure(const Error *error, const StepReport *report) {
    Error *copy = error_copy(error); // the result keeps the original
    const char *hint = error_get_hint(error);
    if (!report->log_path)
        return copy;
    if (report->kept_path)
        return error_hint(copy, "%s%slog: %s\n      build directory: %s", hint ? hint : "", hint ? "\n      " : "",
                          report->log_path, report->kept_path);
    return error_hint(copy, "%s%slog: %s", hint ? hint : "", hint ? "\n      " : "", report->log_path);
}

static void add_name(Buf *names, Str name) {
    buf_printf(names, "%s%.*s", names->len ? ", " : "", STR_ARG(name));
}

Error *build_error(const Build *build, Arena *arena) {
    const ScheduleResult *result = &build->result;
    AUTO_BUF Buf names, skipped;
    buf_init(&names, BUF_NO_LIMIT);
    buf_init(&skipped, BUF_NO_LIMIT);
    const Error *only = NULL;
    const StepReport *report = NULL;
    size_t failures = 0;
    for (StepIndex i = 0; i < result->count; i++) {
        const StepOutcome *outcome = &result->steps[i];
        bool tests_failed = outcome->tests == OUTCOME_FAILED;
        if (outcome->outcome == OUTCOME_SKIPPED && build->plan->steps[i]->is_last)
            add_name(&skipped, build->plan->steps[i]->member->name);
        if (outcome->outcome != OUTCOME_FAILED && !tests_failed)
            continue;
        failures++;
        only = tests_failed ? outcome->test_error : outcome->error;
        report = tests_failed ? &outcome->test_report : &outcome->report;
        Str text = plan_step_text(build->plan, i, arena);
        add_name(&names, tests_failed ? arena_printf(arena, "%.*s (tests)", STR_ARG(text)) : text);
    }
    if (failures == 0 && result->stopped)
        return error_new(ERROR_INTERRUPTED, "interrupted; what was finished is kept");
    if (failures == 0)
        return NULL;
    if (failures == 1)
        return build_failure(only, report);
    Error *error = error_new(ERROR_BUILD_FAILED, "%zu packages failed: %s", failures, buf_cstr(&names));
    return skipped.len ? error_hint(error, "not built because of them: %s", buf_cstr(&skipped)) : error;
}

// `minimal build`: names become artifacts. On stdout one path per named package, in order; on stderr what is going on
// while it lasts, and a few lines at the end about what was made.
#include "builder/build.h"
#include "base/json.h"
#include "builder/artifact.h"
#include "cmd/cmd.h"
#include "cmd/progress.h"
#include "cmd/session.h"

#include <time.h>

typedef struct Named {
    ClosureRequest *requests;
    size_t count;
} Named;

static Error *take_names(const PackageSet *set, int argc, char **argv, bool all, Arena *arena, Named *out) {
    *out = (Named){.requests = ARENA_ARRAY(arena, ClosureRequest, set->count + (size_t)argc)};
    if (all && argc > 1)
        return error_new(ERROR_USAGE, "build takes names or --all, not both");
    if (!all && argc < 2)
        return error_hint(error_new(ERROR_USAGE, "build needs the names of packages, or --all"),
                          "`minimal list` prints the names; running the tasks of a project is no part of this version");
    for (int i = 1; i < argc; i++)
        TRY(package_lookup(set, str_from(argv[i]), &out->requests[out->count++].package));
    for (PackageIndex i = 0; all && i < set->count; i++)
        if (set->packages[i].layer + 1 == set->layer_count)
            out->requests[out->count++].package = i;
    return NULL;
}

// ---- the summary ----

static void print_present(const ScheduleResult *result, const Plan *plan, Buf *out) {
    size_t unpacked = 0, collections = 0;
    uint64_t ns = 0;
    for (StepIndex i = 0; i < result->count; i++) {
        if (result->steps[i].outcome != OUTCOME_MADE || plan->steps[i]->runs)
            continue;
        collections += !plan->steps[i]->package->prebuilt;
        unpacked += plan->steps[i]->package->prebuilt;
        ns += result->steps[i].report.total_ns;
    }
    if (unpacked) {
        buf_printf(out, "  unpacked %zu prebuilt package%s, ", unpacked, unpacked == 1 ? "" : "s");
        progress_add_time(out, ns);
        buf_add_cstr(out, " of work\n");
    }
    if (collections)
        buf_printf(out, "  put together %zu collection%s\n", collections, collections == 1 ? "" : "s");
}

static const char *tests_text(const StepOutcome *outcome) {
    switch (outcome->tests) {
    case OUTCOME_MADE:
        return ", its tests passed";
    case OUTCOME_FAILED:
        return ", its tests FAILED; it is kept, and tested again by the next build that names it";
    case OUTCOME_SKIPPED:
        return ", untested: what its tests need could not be made";
    case OUTCOME_STOPPED:
        return ", untested";
    case OUTCOME_UNNEEDED:
    case OUTCOME_PRESENT:
    default:
        return "";
    }
}

// Of several failures the one error at the end holds the names alone: here is what each was.
static void print_failures(const Build *build, Arena *arena) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (StepIndex i = 0; i < build->result.count; i++) {
        const StepOutcome *outcome = &build->result.steps[i];
        bool failed = outcome->outcome == OUTCOME_FAILED;
        if (!failed && outcome->tests != OUTCOME_FAILED)
            continue;
        AUTO_ERROR Error *error = failed ? build_failure(outcome->error, &outcome->report)
                                         : build_failure(outcome->test_error, &outcome->test_report);
        buf_printf(&text, "failed: %.*s\n", STR_ARG(plan_step_text(build->plan, i, arena)));
        error_format(error, &text);
        buf_add_byte(&text, '\n');
    }
    fwrite(buf_cstr(&text), 1, text.len, stderr);
}

static void print_step(const Build *build, StepIndex step, Arena *arena, Buf *out) {
    const StepOutcome *outcome = &build->result.steps[step];
    const PlanStep *planned = build->plan->steps[step];
    Str text = plan_step_text(build->plan, step, arena);
    switch (outcome->outcome) {
    case OUTCOME_MADE:
        if (!planned->runs && outcome->tests == OUTCOME_UNNEEDED)
            return;
        buf_printf(out, "  %s %.*s%s%.*s in ", planned->runs ? "built" : "unpacked", STR_ARG(text),
                   planned->package->version.len ? " " : "", STR_ARG(planned->package->version));
        progress_add_time(out, outcome->report.total_ns);
        buf_printf(out, "%s\n", tests_text(outcome));
        break;
    case OUTCOME_SKIPPED:
        buf_printf(out, "  not built: %.*s", STR_ARG(text));
        if (outcome->because != STEP_NONE)
            buf_printf(out, ", because of %.*s", STR_ARG(plan_step_text(build->plan, outcome->because, arena)));
        buf_add_byte(out, '\n');
        break;
    case OUTCOME_PRESENT:
        if (outcome->tests != OUTCOME_UNNEEDED)
            buf_printf(out, "  found %.*s%s\n", STR_ARG(text), tests_text(outcome));
        break;
    case OUTCOME_FAILED:
    case OUTCOME_STOPPED:
    case OUTCOME_UNNEEDED:
    default:
        break;
    }
}

static void print_summary(const Build *build, uint64_t began_ns, uint64_t now, Arena *arena) {
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    const ScheduleResult *result = &build->result;
    size_t found = 0, wanted = result->made + result->failed + result->skipped + result->stopped;
    for (StepIndex i = 0; i < result->count; i++)
        found += result->steps[i].outcome == OUTCOME_PRESENT && result->steps[i].report.total_ns > 0;
    if (wanted || !found)
        buf_printf(&out, "made %zu of %zu packages in ", result->made, wanted);
    else
        buf_printf(&out, "found %zu package%s that another run made meanwhile, in ", found,
                   found == 1 ? "" : "s");
    progress_add_time(&out, now - began_ns);
    buf_add_cstr(&out, "\n");
    print_present(result, build->plan, &out);
    for (StepIndex i = 0; i < result->count; i++)
        print_step(build, i, arena, &out);
    if (result->stopped)
        buf_printf(&out, "  interrupted: %zu not made; what was finished is kept\n", result->stopped);
    fwrite(out.ptr, 1, out.len, stderr);
}

// ---- results ----

static const char *outcome_name(Outcome outcome) {
    static const char *const names[] = {
        [OUTCOME_UNNEEDED] = "unneeded", [OUTCOME_PRESENT] = "present", [OUTCOME_MADE] = "made",
        [OUTCOME_FAILED] = "failed",     [OUTCOME_SKIPPED] = "skipped", [OUTCOME_STOPPED] = "stopped"};
    return names[outcome];
}

static void json_outputs(JsonWriter *json, Store *store, const RecordOutput *outputs, size_t count, Arena *arena) {
    json_key(json, "outputs");
    json_open_object(json);
    for (size_t i = 0; i < count; i++) {
        json_key_str(json, outputs[i].name);
        json_open_object(json);
        json_key(json, "hash");
        json_cstring(json, hash_hex(outputs[i].tree).text);
        json_key(json, "path");
        json_string(
            json, arena_printf(arena, "%s/%.*s", store_path(store), STR_ARG(store_tree_path(arena, outputs[i].tree))));
        json_key(json, "files");
        json_integer(json, (int64_t)outputs[i].file_count);
        json_key(json, "size_bytes");
        json_integer(json, (int64_t)outputs[i].size_bytes);
        json_close_object(json);
    }
    json_close_object(json);
}

static void json_failure(JsonWriter *json, const Error *error, const StepReport *report) {
    if (report->log_path) {
        json_key(json, "log");
        json_cstring(json, report->log_path);
    }
    if (report->kept_path) {
        json_key(json, "kept");
        json_cstring(json, report->kept_path);
    }
    if (!error)
        return;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format_json(error, &text);
    json_key(json, "failure");
    json_raw(json, buf_str(&text));
}

static void json_steps(JsonWriter *json, const Build *build, Arena *arena) {
    json_key(json, "steps");
    json_open_array(json);
    for (StepIndex i = 0; i < build->result.count; i++) {
        const StepOutcome *outcome = &build->result.steps[i];
        if (outcome->outcome == OUTCOME_UNNEEDED || outcome->outcome == OUTCOME_PRESENT)
            continue;
        json_open_object(json);
        json_key(json, "name");
        json_string(json, plan_step_text(build->plan, i, arena));
        json_key(json, "outcome");
        json_cstring(json, outcome_name(outcome->outcome));
        json_key(json, "ms");
        json_integer(json, (int64_t)(outcome->report.total_ns / 1000000));
        if (outcome->tests != OUTCOME_UNNEEDED) {
            json_key(json, "tests");
            json_cstring(json, outcome->tests == OUTCOME_MADE ? "passed" : outcome_name(outcome->tests));
        }
        json_failure(json, outcome->error, &outcome->report);
        json_failure(json, outcome->test_error, &outcome->test_report);
        json_close_object(json);
    }
    json_close_array(json);
}

typedef struct Printer {
    Session *session;
    const Build *build;
    const PackageSet *set;
    const Named *named;
    Arena *arena;
} Printer;

static Error *print_json(const Printer *printer) {
    AUTO_BUF Buf text;
    JsonWriter json;
    buf_init(&text, BUF_NO_LIMIT);
    json_begin(&json, &text, false);
    json_open_object(&json);
    json_key(&json, "schema");
    json_cstring(&json, "minimal.build.1");
    json_key(&json, "packages");
    json_open_array(&json);
    for (size_t i = 0; i < printer->named->count; i++) {
        const RecordOutput *outputs;
        size_t count;
        const Package *package = &printer->set->packages[printer->named->requests[i].package];
        bool present = build_outputs(printer->build, i, &outputs, &count);
        json_open_object(&json);
        json_key(&json, "name");
        json_string(&json, package->name);
        json_key(&json, "version");
        json_string(&json, package->version);
        json_key(&json, "present");
        json_bool(&json, present);
        if (present) {
            const char *path;
            TRY(artifact_show(printer->session->store, &printer->session->paths, package->name, outputs, count,
                              printer->arena, &path));
            json_key(&json, "path");
            json_cstring(&json, path);
            json_outputs(&json, printer->session->store, outputs, count, printer->arena);
        }
        json_close_object(&json);
    }
    json_close_array(&json);
    json_steps(&json, printer->build, printer->arena);
    json_close_object(&json);
    puts(buf_cstr(&text));
    return NULL;
}

static Error *print_paths(const Printer *printer) {
    for (size_t i = 0; i < printer->named->count; i++) {
        const RecordOutput *outputs;
        size_t count;
        const char *path;
        if (!build_outputs(printer->build, i, &outputs, &count))
            continue;
        TRY(artifact_show(printer->session->store, &printer->session->paths,
                          printer->set->packages[printer->named->requests[i].package].name, outputs, count,
                          printer->arena, &path));
        puts(path);
    }
    return NULL;
}

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static Error *build_and_print(Globals *globals, Session *session, BuildOptions *options, const Named *named) {
    uint64_t began_ns = now_ns();
    Progress *progress = progress_new(globals, stderr);
    options->on_plan = progress_plan;
    options->schedule = (ScheduleOptions){globals->jobs, progress_event, progress};
    Build build;
    Error *error = build_run(options, globals->arena, &build);
    progress_free(progress);
    if (!error && build.ran && !globals->quiet && !globals->json)
        print_summary(&build, began_ns, now_ns(), globals->arena);
    if (!error && !globals->json && build.result.failed + build.result.tests_failed > 1)
        print_failures(&build, globals->arena);
    Printer printer = {session, &build, options->set, named, globals->arena};
    if (!error)
        error = globals->json ? print_json(&printer) : print_paths(&printer);
    if (!error)
        error = build_error(&build, globals->arena);
    build_release(&build);
    return error;
}

Error *cmd_build(Globals *globals, int argc, char **argv, int *exit_out) {
    bool all = false, rebuild = false;
    const Option table[] = {{.name = "--all", .flag = &all}, {.name = "--rebuild", .flag = &rebuild}};
    TRY(cmd_options(globals, table, ARRAY_LEN(table), false, &argc, argv));
    if (!all && argc < 2) { // before anything is read
        Named none;
        PackageSet empty = {0};
        TRY(take_names(&empty, argc, argv, all, globals->arena, &none));
    }
    AUTO_SESSION Session session = {0};
    TRY(session_open(globals, &session));
    Named named;
    TRY(take_names(session.set, argc, argv, all, globals->arena, &named));
    if (globals->no_cache && !globals->no_fetch && !globals->quiet && !globals->json)
        fputs("no binary cache is configured: everything is built here\n", stderr);
    BuildOptions options = {.store = session.store,
                            .paths = &session.paths,
                            .set = session.set,
                            .requests = named.requests,
                            .request_count = named.count,
                            .resolve = {.no_cache = globals->no_cache, .rebuild = rebuild},
                            .offline = globals->offline,
                            .limits = session.settings.limits,
                            .cancel = globals->cancel};
    TRY(build_and_print(globals, &session, &options, &named));
    *exit_out = EXIT_OK;
    return NULL;
}

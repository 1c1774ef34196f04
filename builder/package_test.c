// A package's promise about itself, kept or broken. A test sees what a user of the package would see, and no more.
#include "builder/package_test.h"
#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

size_t package_test_count(const PlanStep *step) {
    size_t count = 0;
    for (size_t i = 0; i < step->package->test_count; i++)
        count += step->package->tests[i].class == TEST_STANDALONE;
    return step->is_last ? count : 0;
}

static Str what(const Package *package, const PackageTest *test, Arena *arena) {
    return arena_printf(arena, "'%.*s', test '%.*s'", STR_ARG(package->name), STR_ARG(test->name));
}

Error *package_test_in_build(const BoxRequest *build, const Package *package, Cancel *cancel, Arena *arena) {
    for (size_t i = 0; i < package->test_count; i++) {
        const PackageTest *test = &package->tests[i];
        if (test->class != TEST_BUILD)
            continue;
        if (test->deps.count)
            return error_at(error_hint(error_new(ERROR_INVALID,
                                                 "%.*s: a 'Build test runs in the build's root and has no "
                                                 "dependencies of its own",
                                                 STR_ARG(what(package, test, arena))),
                                       "add what it needs to build_deps"),
                            test->span);
        BoxRequest box = *build;
        box.what = what(package, test, arena);
        box.commands = &test->commands;
        BoxReport report;
        Error *error = box_run(&box, cancel, arena, &report);
        if (error)
            return error_at(error, test->span);
    }
    return NULL;
}

// ---- what is remembered ----

static Str marker_path(const Paths *paths, const PlanStep *step, Arena *arena) {
    return arena_printf(arena, "%s/untested/%s", paths->state, hash_hex(step->spec_key).text);
}

Error *package_test_remember(const Paths *paths, const PlanStep *step) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Str path = marker_path(paths, step, arena);
    TRY(fd_make_dirs(AT_FDCWD, arena_cstr(arena, path_dir(path))));
    AUTO_FD int fd = -1;
    TRY(fd_open(AT_FDCWD, path.ptr, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644, &fd));
    return fd_write_all(fd, step->package->name.ptr, step->package->name.len);
}

bool package_test_is_remembered(const Paths *paths, const PlanStep *step) {
    AUTO_ARENA Arena *arena = arena_new(0);
    return package_test_count(step) > 0 && access(marker_path(paths, step, arena).ptr, F_OK) == 0;
}

static Error *forget(const Paths *paths, const PlanStep *step) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Str path = marker_path(paths, step, arena);
    if (unlink(path.ptr) < 0 && errno != ENOENT)
        return error_sys(errno, "cannot remove %s", path.ptr);
    return NULL;
}

// ---- running ----

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

typedef struct Run {
    const Realiser *realiser;
    const PlanStep *step;
    const RealiseWatch *watch;
    uint32_t cpus;
    Arena *arena;
    BuildLog *log;
    Staging *staging;
    Workspace workspace;
} Run;

// What is tested wins against what only helps to test it: sed's test may use a shell that brings another sed.
static StrSlice prefer_itself(const Package *package, Arena *arena) {
    Str *names = ARENA_ARRAY(arena, Str, package->prefer.count + 1);
    names[0] = package->name;
    for (size_t i = 0; i < package->prefer.count; i++)
        names[i + 1] = package->prefer.items[i];
    return (StrSlice){names, package->prefer.count + 1};
}

static Error *run_test(Run *run, const PackageTest *test, PlanInputs root) {
    const Package *package = run->step->package;
    Composed composed;
    BoxRequest box = {.what = what(package, test, run->arena),
                      .commands = &test->commands,
                      .root = &composed,
                      .workspace = &run->workspace,
                      .limits = run->realiser->limits,
                      .log = run->log,
                      .on_output = run->watch->on_output,
                      .context = run->watch->context};
    box.limits.cpus = run->cpus;
    workspace_release(&run->workspace);
    if (run->staging)
        staging_free(run->staging);
    run->staging = NULL;
    TRY_CTX(realise_compose(run->realiser, root, prefer_itself(package, run->arena), run->log, run->arena, &composed),
            "%.*s", STR_ARG(box.what));
    TRY(staging_new(run->realiser->store, &run->staging));
    TRY(workspace_new(staging_dirfd(run->staging), staging_path(run->staging), false, &run->workspace));
    TRY(environment_variables(package, true, run->arena, &box.env));
    BoxReport report;
    return box_run(&box, run->realiser->cancel, run->arena, &report);
}

static Error *run_all(Run *run, const PlanInputs *roots) {
    const Package *package = run->step->package;
    for (size_t i = 0; i < package->test_count; i++) {
        if (package->tests[i].class != TEST_STANDALONE)
            continue;
        Error *error = run_test(run, &package->tests[i], roots[i]);
        if (error)
            return error_at(error, package->tests[i].span);
    }
    return forget(run->realiser->paths, run->step);
}

// The tests' log is one of its own, beside the build's.
static Hash log_key(Hash spec_key) {
    AUTO_BUF Buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    buf_add_cstr(&bytes, "tests ");
    buf_add(&bytes, spec_key.bytes, HASH_SIZE);
    return hash_bytes(buf_str(&bytes));
}

Error *package_test_run(const Realiser *realiser, StepIndex step, const PlanInputs *roots, uint32_t cpus,
                        const RealiseWatch *watch, Arena *arena, StepReport *out) {
    *out = (StepReport){0};
    uint64_t began_ns = now_ns();
    Run run = {.realiser = realiser,
               .step = realiser->plan->steps[step],
               .watch = watch,
               .cpus = cpus,
               .arena = arena,
               .workspace = WORKSPACE_NONE};
    if (watch->on_phase)
        watch->on_phase(watch->context, PHASE_TESTING);
    const Package *package = run.step->package;
    Str log_name = arena_printf(arena, "%.*s.tests", STR_ARG(package->name));
    TRY(buildlog_open(realiser->paths->logs, log_name, log_key(run.step->spec_key), &run.log));
    Error *error = run_all(&run, roots);
    if (error) {
        out->log_path = arena_cstr(arena, str_from(buildlog_path(run.log)));
        out->log_tail = buildlog_tail(run.log, arena, BUILDLOG_TAIL_LINES);
        buildlog_note(run.log, "failed: %s", error_text(error));
    }
    workspace_release(&run.workspace);
    if (run.staging)
        staging_free(run.staging);
    buildlog_close(run.log);
    out->phase_ns[PHASE_TESTING] = out->total_ns = now_ns() - began_ns;
    return error;
}

// `minimal exec`: one command in a one-shot box made of packages. It has their runtime closures and nothing of the
// host; what it writes is gone with it. Its input, output, signals and exit code are the caller's.
#include "base/fd.h"
#include "builder/build.h"
#include "builder/compose.h"
#include "cmd/cmd.h"
#include "cmd/progress.h"
#include "cmd/session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

// ---- packages ----

// "PKG" or "PKG:OUTPUT,OUTPUT".
static Error *parse_request(const PackageSet *set, Str word, Arena *arena, ClosureRequest *out) {
    *out = (ClosureRequest){0};
    ptrdiff_t colon = str_find_byte(word, ':');
    Str name = colon < 0 ? word : str_slice(word, 0, (size_t)colon);
    TRY(package_lookup(set, name, &out->package));
    if (colon < 0)
        return NULL;
    Str rest = str_slice(word, (size_t)colon + 1, word.len), output;
    Str *outputs = ARENA_ARRAY(arena, Str, rest.len + 1);
    size_t count = 0, kept = 0;
    while (str_cut(&rest, ',', &output)) {
        if (output.len == 0)
            return error_new(ERROR_USAGE, "--package %.*s: an output has no name", STR_ARG(word));
        outputs[count++] = output;
    }
    qsort(outputs, count, sizeof *outputs, str_compare_qsort);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || !str_eq(outputs[kept - 1], outputs[i]))
            outputs[kept++] = outputs[i];
    out->is_subset = true;
    out->outputs = (StrSlice){outputs, kept};
    return NULL;
}

static Error *parse_requests(const PackageSet *set, StrSlice words, Arena *arena, ClosureRequest **out) {
    *out = ARENA_ARRAY(arena, ClosureRequest, words.count + 1);
    for (size_t i = 0; i < words.count; i++)
        TRY(parse_request(set, words.items[i], arena, &(*out)[i]));
    return NULL;
}

// The layers of one root that holds all packages with what they need at run time, made present before.
static Error *make_layers(Globals *globals, Session *session, Build *build, const ClosureRequest *requests,
                          size_t count, Composed *out) {
    PlanInputs inputs;
    if (count == 1)
        inputs = build->plan->requests[0].runtime;
    else
        TRY(plan_add_root(build->plan, requests, count, STEP_REQUESTED, STEP_NONE, &inputs));
    Realiser realiser = {.store = session->store,
                         .plan = build->plan,
                         .resolution = build->resolution,
                         .paths = &session->paths,
                         .cancel = globals->cancel};
    TRY(realise_compose(&realiser, inputs, (StrSlice){0}, NULL, globals->arena, out));
    for (size_t i = 0; i < out->warnings.count && globals->verbose; i++)
        fprintf(stderr, "warning: %.*s\n", STR_ARG(out->warnings.items[i]));
    return NULL;
}

static Error *realise(Globals *globals, Session *session, StrSlice packages, bool *built_out, Composed *out) {
    *out = (Composed){0};
    ClosureRequest *requests;
    TRY(parse_requests(session->set, packages, globals->arena, &requests));
    BuildOptions options = {.store = session->store,
                            .paths = &session->paths,
                            .set = session->set,
                            .requests = requests,
                            .request_count = packages.count,
                            .resolve = {.no_cache = globals->no_cache, .glance = true},
                            .skip_tests = true,
                            .offline = globals->offline,
                            .limits = session->settings.limits,
                            .cancel = globals->cancel};
    Progress *progress = progress_new(globals, stderr);
    options.on_plan = progress_plan;
    options.schedule = (ScheduleOptions){globals->jobs, progress_event, progress};
    Build build;
    Error *error = build_run(&options, globals->arena, &build);
    progress_free(progress);
    if (!error)
        error = build_error(&build, globals->arena);
    if (!error)
        error = make_layers(globals, session, &build, requests, packages.count, out);
    *built_out = build.ran;
    build_release(&build);
    return error;
}

// ---- the box ----

// The box's own variables, and what the caller's terminal is called where there is one.
static const char *const *make_environment(Arena *arena) {
    const char *const *base = sandbox_base_env();
    const char *term = getenv("TERM");
    size_t count = 0;
    while (base[count])
        count++;
    const char **env = ARENA_ARRAY(arena, const char *, count + 2);
    memcpy(env, base, count * sizeof *env);
    if (term && isatty(STDIN_FILENO))
        env[count++] = arena_printf(arena, "TERM=%s", term).ptr;
    return env;
}

static const char *const tmp_dirs[] = {"home", NULL};
static const char *const state_dirs[] = {"home", "data", "state", "cache", NULL};
static const SandboxMount exec_mounts[] = {
    {.kind = SANDBOX_MOUNT_TMPFS, .path = "/build", .source_fd = -1, .may_exec = true, .mode = 0755},
    {.kind = SANDBOX_MOUNT_TMPFS, .path = "/tmp", .source_fd = -1, .may_exec = true, .mode = 01777, .dirs = tmp_dirs},
    {.kind = SANDBOX_MOUNT_TMPFS, .path = "/state", .source_fd = -1, .may_exec = true, .mode = 0755, .dirs = state_dirs},
    {.kind = SANDBOX_MOUNT_TMPFS, .path = "/run", .source_fd = -1, .mode = 0700},
};

// All of it but the layers.
static SandboxSpec make_spec(Globals *globals, char **command) {
    SandboxSpec spec = {
        .mounts = exec_mounts,
        .mount_count = ARRAY_LEN(exec_mounts),
        .argv = (const char *const *)command,
        .env = make_environment(globals->arena),
        .cwd = "/build",
        .hostname = "minimal",
        .uid = 1000,
        .gid = 1000,
        .network = SANDBOX_NETWORK_NONE,
        .limits = {.watched_fd = -1},
        .stdin_fd = STDIN_FILENO,
        .stdout_fd = STDOUT_FILENO,
        .stderr_fd = STDERR_FILENO,
        .log_fd = -1,
    };
    spec.skeleton = sandbox_base_skeleton(&spec.skeleton_count);
    return spec;
}

// From here on signals are the command's: they are read instead of caught, and sent on.
static Error *take_signals(int *fd_out) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGWINCH};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        sigaddset(&set, numbers[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return error_sys(errno, "cannot block signals");
    *fd_out = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return *fd_out < 0 ? error_sys(errno, "cannot make a descriptor for signals") : NULL;
}

// As a shell: a command that is not there is 127, one that cannot be executed 126, and both are told.
static Error *tell(Error *error, int *exit_out) {
    bool absent = error_kind(error) == ERROR_NOT_FOUND;
    if (!absent && error_kind(error) != ERROR_DENIED)
        return error;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    error_free(error);
    fprintf(stderr, "minimal: %s\n", buf_cstr(&text));
    *exit_out = absent ? 127 : 126;
    return NULL;
}

static Error *run_command(SandboxSpec *spec, SandboxStart *begun, const Composed *composed, int *exit_out) {
    AUTO_FD int signals = -1;
    Error *error = take_signals(&signals);
    if (error) {
        sandbox_abandon(begun);
        return error;
    }
    SandboxResult result;
    spec->signals_fd = signals;
    if (begun) {
        error = sandbox_finish(begun, composed->layers, composed->count, NULL, &result);
    } else {
        spec->layers = composed->layers;
        spec->layer_count = composed->count;
        error = sandbox_run(spec, NULL, &result);
    }
    if (error)
        return tell(error, exit_out);
    *exit_out = sandbox_exit_code(&result);
    return NULL;
}

static Error *print_box(SandboxSpec *spec, const Composed *composed, int *exit_out) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    spec->layers = composed->layers;
    spec->layer_count = composed->count;
    sandbox_describe(spec, &text);
    fputs(buf_cstr(&text), stdout);
    *exit_out = EXIT_OK;
    return NULL;
}

Error *cmd_exec(Globals *globals, int argc, char **argv, int *exit_out) {
    StrSlice packages = {0};
    bool dry_run = false, built = false;
    const Option table[] = {{.name = "--package", .short_name = "-p", .values = &packages},
                            {.name = "--dry-run", .flag = &dry_run}};
    TRY(cmd_options(globals, table, ARRAY_LEN(table), true, &argc, argv));
    if (argc < 2)
        return error_hint(error_new(ERROR_USAGE, "exec needs a command"),
                          "minimal exec --package PKG -- COMMAND [ARG...]");
    if (packages.count == 0)
        return error_hint(error_new(ERROR_USAGE, "exec needs at least one --package: the sandbox holds nothing else"),
                          "minimal exec --package PKG -- COMMAND [ARG...]");
    SandboxSpec spec = make_spec(globals, argv + 1);
    SandboxStart *begun = NULL;
    // Most of a box does not depend on what is in it: it is made while we find that out.
    if (!dry_run)
        TRY(sandbox_begin(&spec, &begun));
    AUTO_SESSION Session session = {0};
    Composed composed;
    Error *error = session_open(globals, &session);
    if (!error)
        error = realise(globals, &session, packages, &built, &composed);
    if (error || built) { // after a build its clock would be old
        sandbox_abandon(begun);
        begun = NULL;
    }
    if (error)
        return error;
    return dry_run ? print_box(&spec, &composed, exit_out) : run_command(&spec, begun, &composed, exit_out);
}

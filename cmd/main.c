// The door: global flags, the table of verbs, signals, the one place that prints an error chain and chooses the exit
// code. A verb does its work and returns; it never prints an error of its own.
#include "cmd/cmd.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static Error *cmd_help(Globals *globals, int argc, char **argv, int *exit_out);
static Error *cmd_version(Globals *globals, int argc, char **argv, int *exit_out);

static const Verb verbs[] = {
    {"build", "build packages, and print where they are",
     "minimal build PKG... [--rebuild] | --all\n"
     "\n"
     "Makes the named packages present: from the store, or by building them and what they need in cleanrooms.\n"
     "Prints one path per named package, in order.\n"
     "\n"
     "  --all        every package of the layer\n"
     "  --rebuild    build the named packages anew, even when they are present\n",
     cmd_build},
    {"exec", "run one command in a sandbox made of packages",
     "minimal exec --package PKG[:OUTPUT,...] [--package PKG...] [--dry-run] -- COMMAND [ARG...]\n"
     "\n"
     "Runs COMMAND in a sandbox that holds the packages and what they need at run time, and nothing of the host.\n"
     "The exit code is the command's own.\n"
     "\n"
     "  -p, --package PKG    a package, or some of its outputs\n"
     "  --dry-run            print the sandbox as it would be set up\n",
     cmd_exec},
    {"eval", "evaluate a file and print it as JSON",
     "minimal eval FILE [--field a.b]\n"
     "\n"
     "  --field PATH    print that field alone\n",
     cmd_eval},
    {"list", "list the packages of the layer",
     "minimal list [--json]\n"
     "\n"
     "Prints each package of the chain of layers: name, version, and what it depends on directly.\n",
     cmd_list},
    {"plan", "print what a build would do, and why",
     "minimal plan PKG... [--full] [--rebuild] [--json]\n"
     "\n"
     "Prints the steps that `minimal build` would take, in order, without taking them: what each is built in, and why\n"
     "it is there. A waiting step is not built if its inputs turn out to be the same bytes as before.\n"
     "\n"
     "  --full       all steps down to the bootstrap, whatever is present\n"
     "  --rebuild    as for `minimal build`\n",
     cmd_plan},
    {"log", "print the log of a package's last build",
     "minimal log PKG [--tests] [--path]\n"
     "\n"
     "  --tests    the log of its tests instead\n"
     "  --path     print where the log is\n",
     cmd_log},
    {"cache", "look after the store",
     "minimal cache verify            check every object and record, and repair what can be repaired\n"
     "minimal cache info              sizes and counts\n"
     "minimal cache add FILE...       keep a downloaded file for every spec that pins its sha256\n"
     "minimal cache gc [--dry-run]    remove what nothing needs\n",
     cmd_cache},
    {"doctor", "say what this host gives for sandboxes, and what to do where it does not",
     "minimal doctor\n", cmd_doctor},
    {"help", "say what a verb does", "minimal help [VERB]\n", cmd_help},
    {"version", "print the version", "minimal version\n", cmd_version},
};

// Other words for a verb.
static const struct {
    const char *alias, *name;
} aliases[] = {{"package", "build"}, {"pkg", "build"}, {"--help", "help"}, {"-h", "help"}, {"--version", "version"}};

static const Verb *verb_find(const char *word) {
    for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
        if (strcmp(word, aliases[i].alias) == 0)
            word = aliases[i].name;
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (strcmp(word, verbs[i].name) == 0)
            return &verbs[i];
    return NULL;
}

static void print_usage(FILE *out) {
    fputs("minimal builds packages in cleanrooms, and runs commands in sandboxes made of them.\n\n"
          "usage: minimal [-C DIR] VERB [WORD...]\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        fprintf(out, "  %-9s %s\n", verbs[i].name, verbs[i].summary);
    fputs("\nbefore or after the verb:\n", out);
    fputs(CMD_GLOBAL_OPTIONS_HELP, out);
    fputs("\n`minimal help VERB` says more.\n", out);
}

static Error *unknown_verb(const char *word) {
    Str names[ARRAY_LEN(verbs)];
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        names[i] = str_from(verbs[i].name);
    Str nearest = str_nearest(str_from(word), names, ARRAY_LEN(verbs));
    Error *error = error_new(ERROR_USAGE, "'%s' is not a verb of minimal", word);
    if (nearest.ptr)
        return error_hint(error, "did you mean `minimal %.*s`?", STR_ARG(nearest));
    return error_hint(error, "`minimal help` lists the verbs");
}

static Error *cmd_help(Globals *globals, int argc, char **argv, int *exit_out) {
    TRY(cmd_options(globals, NULL, 0, false, &argc, argv));
    if (argc < 2) {
        print_usage(stdout);
    } else {
        const Verb *verb = verb_find(argv[1]);
        if (!verb)
            return unknown_verb(argv[1]);
        fputs(verb->usage, stdout);
    }
    *exit_out = EXIT_OK;
    return NULL;
}

static Error *cmd_version(Globals *globals, int argc, char **argv, int *exit_out) {
    TRY(cmd_options(globals, NULL, 0, false, &argc, argv));
    puts("minimal " MINIMAL_VERSION);
    *exit_out = EXIT_OK;
    return NULL;
}

// The first request stops in order; a second one of the same kind ends the program at once.
static Cancel run_cancel = {.fd = -1};
static volatile sig_atomic_t stopped_by; // the first signal that asked us to stop

static void on_signal(int number) {
    if (!stopped_by)
        stopped_by = number;
    cancel_request(&run_cancel);
    signal(number, SIG_DFL);
}

static void catch_signals(void) {
    static const int stopping[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(stopping); i++)
        sigaction(stopping[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_DFL); // whoever started us may ignore it: then the kernel would reap our children
}

static int exit_code_of(const Error *error) {
    switch (error_kind(error)) {
    case ERROR_USAGE:
        return EXIT_USAGE;
    case ERROR_SANDBOX:
        return EXIT_SANDBOX;
    case ERROR_TIMEOUT:
        return EXIT_TIMED_OUT;
    case ERROR_INTERRUPTED:
        return 128 + (stopped_by ? stopped_by : SIGINT);
    case ERROR_INVALID:
    case ERROR_NOT_FOUND:
    case ERROR_MISMATCH:
    case ERROR_CONFLICT:
    case ERROR_DENIED:
    case ERROR_NETWORK:
    case ERROR_BUILD_FAILED:
    case ERROR_LIMIT:
    case ERROR_SYSTEM:
    case ERROR_KIND_COUNT:
    default:
        return EXIT_FAILED;
    }
}

static void report(const Globals *globals, const Error *error) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    if (globals->json)
        error_format_json(error, &text);
    else
        error_format(error, &text);
    fflush(stdout);
    fprintf(stderr, "%s%s\n", globals->json ? "" : "minimal: ", buf_cstr(&text));
}

static Error *run(Globals *globals, int argc, char **argv, int *exit_out) {
    int at = 1;
    TRY(cmd_leading_globals(globals, argc, argv, &at));
    if (at >= argc) {
        print_usage(stderr);
        *exit_out = EXIT_USAGE;
        return NULL;
    }
    const Verb *verb = verb_find(argv[at]);
    if (!verb)
        return unknown_verb(argv[at]);
    if (argc - at == 2 && (strcmp(argv[at + 1], "--help") == 0 || strcmp(argv[at + 1], "-h") == 0)) {
        fputs(verb->usage, stdout);
        *exit_out = EXIT_OK;
        return NULL;
    }
    return verb->run(globals, argc - at, argv + at, exit_out);
}

// A closed stdin, stdout or stderr would be the number of the next file that we open, and be written to or handed to a
// command as what it is not.
static void open_standard_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            _exit(EXIT_FAILED);
}

int main(int argc, char **argv) {
    open_standard_descriptors();
    int exit_code = EXIT_FAILED;
    Globals globals = {.color = isatty(STDERR_FILENO) == 1, .cancel = &run_cancel};
    globals.arena = arena_new(0);
    Error *error = cancel_init(&run_cancel);
    if (!error) {
        catch_signals();
        error = run(&globals, argc, argv, &exit_code);
    }
    if (!error && (fflush(stdout) != 0 || ferror(stdout)))
        error = error_sys(errno, "cannot write to standard output");
    if (error) {
        report(&globals, error);
        exit_code = exit_code_of(error);
        error_free(error);
    }
    cancel_release(&run_cancel);
    arena_free(globals.arena);
    return exit_code;
}

// How boxes are made, run and ended: layers, mounts, ends, output, signals, and the errors of bad specs.
#include "tests/sandbox/box.h"

#include <pthread.h>
#include <sys/signalfd.h>

static void expect_error(TestBox *box, ErrorKind kind, const char *text) {
    Error *error = box_run_error(box);
    CHECK(error, "no error, but end %d with %d: %s", box->result.end, box->result.code, box->output);
    AUTO_BUF Buf whole;
    buf_init(&whole, BUF_NO_LIMIT);
    for (const Error *link = error; link; link = error_cause(link))
        buf_printf(&whole, "%s%s", link == error ? "" : ": ", error_text(link));
    CHECK(error_kind(error) == kind && strcmp(buf_cstr(&whole), text) == 0, "kind %d: %s", (int)error_kind(error),
          buf_cstr(&whole));
    error_free(error);
}

static void make_layer(const char *layer, const char *dir, const char *name, const char *text) {
    char path[2 * PATH_MAX];
    AUTO_FD int fd = open(case_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "%s/%s", layer, dir);
    Error *error = fd_make_dirs(fd, path);
    CHECK(!error, "%s", path);
    snprintf(path, sizeof path, "%.*s/%s/%s", PATH_MAX - 256, case_dir, layer, dir);
    write_file(path, name, text);
}

static void add_layer(TestBox *box, const char *path) {
    static int fd = -1;
    static char of[PATH_MAX];
    if (fd < 0 || strcmp(of, case_dir) != 0) {
        fd = open(case_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        memcpy(of, case_dir, sizeof of);
    }
    box->layers[box->spec.layer_count++] = (SandboxLayer){fd, path};
}

static void expect_output(TestBox *box, const char *want) {
    box_expect(box, SANDBOX_EXITED, 0);
    CHECK(strcmp(box->output, want) == 0, "said: %s", box->output);
}

static TestBox *shell_box(const char *script) {
    TestBox *box = box_new("true", NULL);
    box_argv(box, "/usr/bin/sh", "-c", script);
    return box;
}

// ---- ends ----

static void ends_are_told_apart(void) {
    static const struct {
        const char *script;
        SandboxEnd end;
        int code, shell_code;
    } cases[] = {{"exit 0", SANDBOX_EXITED, 0, 0},           {"exit 7", SANDBOX_EXITED, 7, 7},
                 {"exit 255", SANDBOX_EXITED, 255, 255},     {"kill -TERM $$", SANDBOX_SIGNALLED, SIGTERM, 143},
                 {"kill -KILL $$", SANDBOX_SIGNALLED, SIGKILL, 137}, {"sleep 100 & exit 3", SANDBOX_EXITED, 3, 3}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        TestBox *box = shell_box(cases[i].script);
        box_expect(box, cases[i].end, cases[i].code);
        CHECK(sandbox_exit_code(&box->result) == cases[i].shell_code, "%s", cases[i].script);
        CHECK(box->result.wall_ns > 0 && box->result.network_used == 0, "result");
    }
}

static void programs_are_found_or_named(void) {
    TestBox *box = box_new("true", NULL);
    box_argv(box, "true", NULL, NULL);
    box_expect(box, SANDBOX_EXITED, 0);
    box_argv(box, "no-such-tool", NULL, NULL);
    expect_error(box, ERROR_NOT_FOUND, "no-such-tool: there is no such command in the sandbox");
    box_argv(box, "/usr/bin/no-such-tool", NULL, NULL);
    expect_error(box, ERROR_NOT_FOUND, "/usr/bin/no-such-tool: there is no such command in the sandbox");
    box_argv(box, "/etc/passwd", NULL, NULL);
    expect_error(box, ERROR_DENIED, "/etc/passwd: not an executable file in the sandbox");
    box_argv(box, "/usr/bin", NULL, NULL);
    expect_error(box, ERROR_DENIED, "/usr/bin: not an executable file in the sandbox");
    box_argv(box, "", NULL, NULL);
    expect_error(box, ERROR_INVALID, "there is no command to run in the sandbox");
}

static void a_cancelled_run_starts_nothing(void) {
    Cancel cancel;
    CHECK(!cancel_init(&cancel), "cancel");
    TestBox *box = shell_box("touch /build/ran");
    cancel_request(&cancel);
    Error *error = sandbox_run(&box->spec, &cancel, &box->result);
    CHECK(error && error_kind(error) == ERROR_INTERRUPTED, "no error");
    CHECK(!read_file(case_dir, "build/ran"), "it ran");
    error_free(error);
}

static void *cancel_later(void *cancel) {
    usleep(200000);
    cancel_request(cancel);
    return NULL;
}

static void cancelling_ends_a_running_box(void) {
    Cancel cancel;
    CHECK(!cancel_init(&cancel), "cancel");
    TestBox *box = shell_box("trap '' TERM INT; while :; do sleep 1; done");
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, cancel_later, &cancel) == 0, "thread");
    Error *error = sandbox_run(&box->spec, &cancel, &box->result);
    CHECK(!error && box->result.end == SANDBOX_CANCELLED && sandbox_exit_code(&box->result) == 130, "end %d",
          box->result.end);
    pthread_join(thread, NULL);
}

static void *signal_later(void *unused) {
    (void)unused;
    for (int i = 0; i < 6000; i++) {
        char *text = read_file(case_dir, "build/ready");
        if (text) {
            kill(getpid(), SIGUSR1);
            free(text);
            return NULL;
        }
        usleep(10000);
    }
    return NULL;
}

static void signals_are_sent_on(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    CHECK(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0, "block");
    TestBox *box = shell_box("trap 'echo got it; exit 9' USR1; echo > /build/ready; while :; do sleep 0.05; done");
    box->spec.signals_fd = signalfd(-1, &set, SFD_CLOEXEC);
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, signal_later, NULL) == 0, "thread");
    box_expect(box, SANDBOX_EXITED, 9);
    CHECK(strcmp(box->output, "got it\n") == 0, "%s", box->output);
    pthread_join(thread, NULL);
}

// ---- output and input ----

typedef struct Seen {
    size_t bytes, calls;
} Seen;

static void see(void *context, Str bytes) {
    Seen *seen = context;
    seen->bytes += bytes.len;
    seen->calls++;
}

static void output_goes_to_the_log_and_the_callback_in_order(void) {
    Seen seen = {0};
    TestBox *box = shell_box("echo one; echo two >&2; echo three; seq 1 20000 >/tmp/n; cat /tmp/n");
    box->spec.on_output = see;
    box->spec.context = &seen;
    box_expect(box, SANDBOX_EXITED, 0);
    CHECK(strncmp(box->output, "one\ntwo\nthree\n1\n2\n", 18) == 0, "%.40s", box->output);
    CHECK(strlen(box->output) == 14 + 108894 && seen.bytes == strlen(box->output) && seen.calls > 0, "%zu bytes",
          strlen(box->output));
}

static void pipes_open_by_their_names_in_dev(void) {
    expect_output(shell_box("echo a >/dev/stdout; echo b >/dev/stderr; echo c >/dev/fd/1; echo d >/proc/self/fd/2"),
                  "a\nb\nc\nd\n");
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "hello\n", 6) == 6 && close(ends[1]) == 0, "pipe");
    TestBox *box = shell_box("cat /dev/stdin");
    box->spec.stdin_fd = ends[0];
    expect_output(box, "hello\n");
}

static void stdin_is_what_the_spec_says(void) {
    expect_output(shell_box("cat; echo end"), "end\n");
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "hello\n", 6) == 6 && close(ends[1]) == 0, "pipe");
    TestBox *box = shell_box("cat");
    box->spec.stdin_fd = ends[0];
    expect_output(box, "hello\n");
}

// The three descriptors in every order, also where their numbers are those that they are to become.
static void descriptors_may_have_any_numbers(void) {
    char path[PATH_MAX + 32], *text;
    TestBox *box = shell_box("cat; echo out; echo err >&2");
    snprintf(path, sizeof path, "%s/in", case_dir);
    write_file(case_dir, "in", "in\n");
    int in = open(path, O_RDONLY), out, err;
    snprintf(path, sizeof path, "%s/out", case_dir);
    out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    snprintf(path, sizeof path, "%s/err", case_dir);
    err = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(in > 2 && out > 2 && err > 2, "open");
    int saved = fcntl(2, F_DUPFD_CLOEXEC, 20);
    dup2(out, 0); // stdin of the box is 2, stdout 0, stderr 1
    dup2(err, 1);
    dup2(in, 2);
    box->spec.stdin_fd = 2;
    box->spec.stdout_fd = 0;
    box->spec.stderr_fd = 1;
    SandboxResult result;
    Error *error = sandbox_run(&box->spec, NULL, &result);
    dup2(saved, 2);
    CHECK(!error && result.end == SANDBOX_EXITED && result.code == 0, "run");
    CHECK((text = read_file(case_dir, "out")) && strcmp(text, "in\nout\n") == 0, "%s", text);
    CHECK((text = read_file(case_dir, "err")) && strcmp(text, "err\n") == 0, "%s", text);
}

static void directories_are_no_input(void) {
    TestBox *box = shell_box("true");
    box->spec.stdin_fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect_error(box, ERROR_SANDBOX, "stdin is a directory of the host, which a sandbox must not have");
    box->spec.stdin_fd = open("/", O_PATH | O_CLOEXEC);
    expect_error(box, ERROR_SANDBOX, "stdin is a directory of the host, which a sandbox must not have");
    box->spec.stdin_fd = -1;
    box->spec.stdout_fd = box->spec.stderr_fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect_error(box, ERROR_SANDBOX, "stdout is a directory of the host, which a sandbox must not have");
    box->spec.stdout_fd = 1000;
    expect_error(box, ERROR_SYSTEM, "cannot look at the stdout that a sandbox is to have: Bad file descriptor");
}

static void usage_counts_all_processes(void) {
    TestBox *box = shell_box("i=0; (while [ $i -lt 60000 ]; do i=$((i+1)); done) & wait");
    box_expect(box, SANDBOX_EXITED, 0);
    struct timeval user = box->result.usage.ru_utime;
    CHECK(user.tv_sec > 0 || user.tv_usec > 10000, "%ld us", (long)user.tv_usec);
}

// ---- roots ----

static void the_first_layer_wins(void) {
    make_layer("a", "opt", "which", "a\n");
    make_layer("a", "opt/only-a", "f", "a\n");
    make_layer("b", "opt", "which", "b\n");
    make_layer("b", "opt/only-b", "f", "b\n");
    TestBox *box = shell_box("cat /opt/which /opt/only-a/f /opt/only-b/f");
    add_layer(box, "a");
    add_layer(box, "b");
    expect_output(box, "a\na\nb\n");
    box = shell_box("cat /opt/which");
    add_layer(box, "b");
    add_layer(box, "a");
    expect_output(box, "b\n");
    box = shell_box("cat /opt/which; ls /opt");
    add_layer(box, "b");
    expect_output(box, "b\nonly-b\nwhich\n");
    box = shell_box("ls -A / | tr '\\n' ' '"); // no layer: the skeleton alone
    expect_output(box, "bin build dev etc lib lib64 probe proc run sbin state tmp usr ");
}

static void layers_may_lie_in_several_directories(void) {
    make_layer("x/a", "opt", "a", "a\n");
    make_layer("y/b", "opt", "b", "b\n");
    char path[PATH_MAX + 32];
    TestBox *box = shell_box("cat /opt/a /opt/b /opt/c /opt/d");
    snprintf(path, sizeof path, "%s/x", case_dir);
    box->layers[0] = (SandboxLayer){open_dir(path), "a"};
    snprintf(path, sizeof path, "%s/y", case_dir);
    box->layers[1] = (SandboxLayer){open_dir(path), "b"};
    make_layer("z", "opt", "c", "c\n");
    snprintf(path, sizeof path, "%s/z", case_dir);
    box->layers[2] = (SandboxLayer){open_dir(path), "."};
    box->layers[3] = (SandboxLayer){box->layers[0].dirfd, "c"};
    make_layer("x/c", "opt", "d", "d\n");
    box->spec.layer_count = 4;
    expect_output(box, "a\nb\nc\nd\n");
}

static void the_skeleton_lies_over_the_layers(void) {
    make_layer("a", "etc", "passwd", "not ours\n");
    make_layer("a", "etc", "motd", "from the layer\n");
    make_layer("a", "extra", "x", "x\n");
    TestBox *box = shell_box("head -1 /etc/passwd; cat /etc/motd /made; readlink /link; stat -c %a:%u:%g:%Y /made /");
    box_entry(box, (SkeletonEntry){SKELETON_FILE, "/made", 0444, "made\n"});
    box_entry(box, (SkeletonEntry){SKELETON_LINK, "/link", 0, "over/there"});
    box_entry(box, (SkeletonEntry){SKELETON_DIR, "/dev", 0755, NULL}); // again
    add_layer(box, "a");
    expect_output(box, "root:x:0:0:root:/root:/bin/sh\nfrom the layer\nmade\nover/there\n"
                       "444:1000:1000:315619200\n755:1000:1000:315619200\n");
}

static void files_of_layers_belong_to_the_boxes_user(void) {
    make_layer("a", "opt", "f", "f\n");
    TestBox *box = shell_box("stat -c %u:%g /opt /opt/f");
    add_layer(box, "a");
    expect_output(box, "1000:1000\n1000:1000\n");
}

// As root: a store below a home that nobody else may enter.
static void a_store_may_lie_below_a_private_home(void) {
    char path[PATH_MAX + 32];
    make_layer("home/.cache/store/a", "opt", "f", "hidden\n");
    make_layer("home/.cache/store/b", "opt", "g", "too\n");
    snprintf(path, sizeof path, "%s/home", case_dir);
    CHECK(chmod(path, 0700) == 0, "chmod");
    snprintf(path, sizeof path, "%s/home/.cache/store", case_dir);
    TestBox *box = shell_box("cat /opt/f /opt/g");
    box->layers[0] = (SandboxLayer){open_dir(path), "a"};
    box->layers[1] = (SandboxLayer){box->layers[0].dirfd, "b"};
    box->spec.layer_count = 2;
    expect_output(box, "hidden\ntoo\n");
}

static void many_layers(unsigned count, bool old) {
    static char names[TABLE_LAYERS_MAX + 2][16];
    static SandboxLayer layers[TABLE_LAYERS_MAX + 2];
    AUTO_FD int dir = open(case_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < count; i++) {
        char path[64];
        snprintf(names[i], sizeof names[i], "%u", i);
        snprintf(path, sizeof path, "%u/opt", i);
        error_free(fd_make_dirs(dir, path));
        snprintf(path, sizeof path, "%u/opt/f%u", i, i);
        close(openat(dir, path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
        layers[i] = (SandboxLayer){dir, names[i]};
    }
    TestBox *box = shell_box("ls /opt | wc -l");
    box->spec.layers = layers;
    box->spec.layer_count = count;
    if (count > TABLE_LAYERS_MAX) {
        expect_error(box, ERROR_LIMIT, "a root of 500 layers; overlayfs takes 499");
        return;
    }
    AUTO_ARENA Arena *arena = arena_new(0);
    Plan *plan = arena_alloc(arena, sizeof *plan);
    char path[PATH_MAX + 32], want[16];
    snprintf(path, sizeof path, "%s/output", case_dir);
    AUTO_FD int log = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    box->spec.log_fd = log;
    Error *error = plan_make(arena, &box->spec, plan);
    if (!error) {
        plan->old_overlay = old;
        error = plan_run(plan, &box->spec, NULL, &box->result);
    }
    if (error)
        report_error(error);
    CHECK(!error && box->result.end == SANDBOX_EXITED && box->result.code == 0, "%u layers", count);
    snprintf(want, sizeof want, "%u\n", count);
    CHECK(strcmp(read_file(case_dir, "output"), want) == 0, "%s", read_file(case_dir, "output"));
}

static void as_many_layers_as_overlayfs_takes(void) {
    many_layers(1, false);
    many_layers(64, false);
    many_layers(TABLE_LAYERS_MAX, false);
    many_layers(TABLE_LAYERS_MAX + 1, false);
}

static void kernels_without_lowerdir_plus_get_short_names(void) {
    many_layers(1, true);
    many_layers(64, true);
    many_layers(TABLE_LAYERS_MAX, true);
}

// ---- mounts ----

static void a_writable_directory_keeps_its_owner(void) {
    expect_output(shell_box("touch /build/made && mkdir /build/dir && stat -c %u:%g /build /build/made"),
                  "1000:1000\n1000:1000\n");
    char path[PATH_MAX + 32];
    struct stat dir, made;
    snprintf(path, sizeof path, "%s/build", case_dir);
    CHECK(stat(path, &dir) == 0, "%s", path);
    snprintf(path, sizeof path, "%s/build/made", case_dir);
    CHECK(stat(path, &made) == 0 && made.st_uid == dir.st_uid && made.st_gid == dir.st_gid, "made by %u", made.st_uid);
}

static void what_belongs_to_the_boxes_user_needs_no_map(void) {
    uid_t uid;
    gid_t gid;
    CHECK(!sandbox_owner(&uid, &gid), "owner");
    CHECK(geteuid() != 0 || (uid != 0 && gid != 0), "root is handed out");
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/build", case_dir);
    TestBox *box = shell_box("touch /build/made && stat -c %u:%g /build/made");
    CHECK(geteuid() != 0 || chown(path, uid, gid) == 0, "chown");
    // Planned after the change of owner.
    expect_output(box, "1000:1000\n");
    struct stat made;
    snprintf(path, sizeof path, "%s/build/made", case_dir);
    CHECK(stat(path, &made) == 0 && made.st_uid == uid && made.st_gid == gid, "made by %u", made.st_uid);
}

static void mounts_have_their_flags(void) {
    TestBox *box = shell_box("cp /usr/bin/true /noexec/t; /noexec/t 2>/dev/null; echo $?; "
                             "cp /usr/bin/true /tmp/t; /tmp/t; echo $?; "
                             "touch /ro/x 2>/dev/null; echo $?; ls /full; "
                             "head -c 2000000 /dev/zero > /full/x 2>/dev/null; echo $?");
    static const char *const dirs[] = {"a", "a/b", NULL};
    box_entry(box, (SkeletonEntry){SKELETON_DIR, "/noexec", 0755, NULL});
    box_entry(box, (SkeletonEntry){SKELETON_DIR, "/ro", 0755, NULL});
    box_entry(box, (SkeletonEntry){SKELETON_DIR, "/full", 0755, NULL});
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_TMPFS, .path = "/noexec", .source_fd = -1, .mode = 0755});
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_TMPFS, .path = "/ro", .source_fd = -1, .mode = 0755, .read_only = true});
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_TMPFS, .path = "/full", .source_fd = -1, .mode = 0755, .size_bytes = 1 << 20, .dirs = dirs});
    expect_output(box, "126\n0\n1\na\n1\n");
}

static void a_mount_of_something_else_is_refused(void) {
    // The path is exchanged after the descriptor was opened: what the child finds is another inode.
    char path[PATH_MAX + 32], other[PATH_MAX + 16];
    TestBox *box = shell_box("true");
    snprintf(path, sizeof path, "%s/source", case_dir);
    snprintf(other, sizeof other, "%s/other", case_dir);
    CHECK(mkdir(path, 0755) == 0 && mkdir(other, 0755) == 0, "mkdir");
    box_entry(box, (SkeletonEntry){SKELETON_DIR, "/in", 0755, NULL});
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_BIND, .path = "/in", .source_fd = open_dir(path)});
    AUTO_ARENA Arena *arena = arena_new(0);
    Plan *plan = arena_alloc(arena, sizeof *plan);
    Error *error = plan_make(arena, &box->spec, plan);
    CHECK(!error && renameat2(AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE) == 0, "exchange");
    error = plan_run(plan, &box->spec, NULL, &box->result);
    CHECK(error && error_kind(error) == ERROR_SANDBOX && strstr(error_text(error), "Stale file handle"), "%s",
          error ? error_text(error) : "no error");
    error_free(error);
    // And by a link.
    CHECK(rmdir(path) == 0 && symlink("/etc", path) == 0, "symlink");
    error = plan_run(plan, &box->spec, NULL, &box->result);
    CHECK(error && error_kind(error) == ERROR_SANDBOX, "no error");
    error_free(error);
}

static void bad_specs_are_refused_by_name(void) {
    TestBox *box = shell_box("true");
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_TMPFS, .path = "/nowhere", .source_fd = -1, .mode = 0755});
    expect_error(box, ERROR_SANDBOX, "cannot set up the sandbox: cannot find a mountpoint: nowhere: No such file or directory");
    box = shell_box("true");
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_TMPFS, .path = "/tmp/../etc", .source_fd = -1, .mode = 0755});
    expect_error(box, ERROR_SANDBOX, "the mount on /tmp/../etc: '/tmp/../etc' is not an absolute, clean path inside a sandbox");
    box = shell_box("true");
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_TMPFS, .path = "tmp", .source_fd = -1, .mode = 0755});
    expect_error(box, ERROR_SANDBOX, "the mount on tmp: 'tmp' is not an absolute, clean path inside a sandbox");
    box = shell_box("true");
    box_entry(box, (SkeletonEntry){SKELETON_FILE, "/etc/../../x", 0644, "x"});
    expect_error(box, ERROR_SANDBOX, "'/etc/../../x' is not an absolute, clean path inside a sandbox");
    box = shell_box("true");
    box_entry(box, (SkeletonEntry){SKELETON_FILE, "/no/parent", 0644, "x"});
    expect_error(box, ERROR_SANDBOX, "cannot set up the sandbox: cannot make a name in its root: no/parent: No such file or directory");
    box = shell_box("true");
    box_entry(box, (SkeletonEntry){SKELETON_LINK, "/dev", 0, "etc"});
    expect_error(box, ERROR_SANDBOX, "cannot set up the sandbox: cannot make a name in its root: dev: File exists");
    box = shell_box("true");
    add_layer(box, "../..");
    expect_error(box, ERROR_SANDBOX, "layer '../..' is not a clean relative path");
    box = shell_box("true");
    add_layer(box, "missing");
    expect_error(box, ERROR_SANDBOX, "cannot set up the sandbox: cannot add a layer to its root: missing: No such file or directory");
    box = shell_box("true");
    box->spec.cwd = "/missing";
    expect_error(box, ERROR_SANDBOX, "cannot set up the sandbox: cannot enter its working directory: /missing: No such file or directory");
}

// ---- in two halves ----

static SandboxStart *begin(TestBox *box) {
    char path[PATH_MAX + 32];
    SandboxStart *begun = NULL;
    snprintf(path, sizeof path, "%s/output", case_dir);
    box->spec.log_fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    Error *error = sandbox_begin(&box->spec, &begun);
    if (error)
        report_error(error);
    CHECK(!error && begun, "begin");
    return begun;
}

static void layers_may_come_later(void) {
    make_layer("a", "opt", "f", "late\n");
    make_layer("b", "opt", "g", "too\n");
    TestBox *box = shell_box("cat /opt/f /opt/g; stat -c %u:%g /opt/f; exit 6"), *other = shell_box("true");
    SandboxStart *begun = begin(box);
    add_layer(other, "a");
    add_layer(other, "b");
    SandboxResult result;
    Error *error = sandbox_finish(begun, other->layers, 2, NULL, &result);
    CHECK(!error && result.end == SANDBOX_EXITED && result.code == 6, "end %d with %d", result.end, result.code);
    CHECK(strcmp(read_file(case_dir, "output"), "late\ntoo\n1000:1000\n") == 0, "%s", read_file(case_dir, "output"));
    // None at all.
    box = shell_box("ls -A /opt 2>/dev/null; exit 5");
    error = sandbox_finish(begin(box), NULL, 0, NULL, &result);
    CHECK(!error && result.end == SANDBOX_EXITED && result.code == 5, "end %d with %d", result.end, result.code);
}

static void layers_of_another_owner_take_the_long_way(void) {
    make_layer("a", "opt", "f", "other\n");
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/a", case_dir);
    if (geteuid() == 0)
        CHECK(chown(path, 1234, 1234) == 0, "chown");
    TestBox *box = shell_box("cat /opt/f");
    SandboxLayer layer = {open_dir(path), "."};
    SandboxResult result;
    Error *error = sandbox_finish(begin(box), &layer, 1, NULL, &result);
    if (error)
        report_error(error);
    CHECK(!error && result.end == SANDBOX_EXITED && result.code == 0, "end %d with %d", result.end, result.code);
    CHECK(strcmp(read_file(case_dir, "output"), "other\n") == 0, "%s", read_file(case_dir, "output"));
}

static void a_second_half_can_fail(void) {
    Cancel cancel;
    CHECK(!cancel_init(&cancel), "cancel");
    TestBox *box = shell_box("true");
    SandboxLayer layer = {open_dir(case_dir), "missing"};
    SandboxResult result;
    Error *error = sandbox_finish(begin(box), &layer, 1, NULL, &result);
    CHECK(error && error_kind(error) == ERROR_SANDBOX &&
              strcmp(error_text(error), "cannot set up the sandbox: cannot add a layer to its root: missing: "
                                        "No such file or directory") == 0, "%s", error ? error_text(error) : "none");
    error_free(error);
    layer.path = "../x";
    error = sandbox_finish(begin(box), &layer, 1, NULL, &result);
    CHECK(error && strcmp(error_text(error), "layer '../x' is not a clean relative path") == 0, "no error");
    error_free(error);
    cancel_request(&cancel);
    error = sandbox_finish(begin(box), NULL, 0, &cancel, &result);
    CHECK(error && error_kind(error) == ERROR_INTERRUPTED, "no error");
    error_free(error);
    // A first half that fails in the child is told by the second.
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_TMPFS, .path = "/nowhere", .source_fd = -1, .mode = 0755});
    error = sandbox_finish(begin(box), NULL, 0, NULL, &result);
    CHECK(error && strstr(error_text(error), "cannot find a mountpoint: nowhere"), "no error");
    error_free(error);
    box_entry(box, (SkeletonEntry){SKELETON_FILE, "/no/parent", 0644, "x"});
    error = sandbox_finish(begin(box), NULL, 0, NULL, &result);
    CHECK(error && strstr(error_text(error), "cannot make a name in its root: no/parent"), "no error");
    error_free(error);
}

static unsigned count_fds(void) {
    unsigned count = 0;
    AUTO_DIR DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir))
        count++;
    return count;
}

static void an_abandoned_box_leaves_nothing(void) {
    TestBox *box = shell_box("touch /build/ran");
    box_expect(box, SANDBOX_EXITED, 0); // what is made once is made
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/build/ran", case_dir);
    unlink(path);
    box->spec.log_fd = -1;
    plan_settle();
    unsigned before = count_fds();
    for (int i = 0; i < 20; i++) {
        SandboxStart *begun;
        Error *error = sandbox_begin(&box->spec, &begun);
        CHECK(!error, "begin");
        sandbox_abandon(begun);
    }
    sandbox_abandon(NULL);
    CHECK(count_fds() == before, "%u descriptors, %u before", count_fds(), before);
    CHECK(waitpid(-1, NULL, __WALL | WNOHANG) < 0 && errno == ECHILD, "a child is left");
    CHECK(access(path, F_OK) < 0, "it ran");
}

static void a_begun_box_dies_with_its_maker(void) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    pid_t maker = fork();
    if (maker == 0) {
        TestBox *box = shell_box("true");
        SandboxStart *begun;
        box->spec.stdout_fd = box->spec.stderr_fd = ends[1];
        Error *error = sandbox_begin(&box->spec, &begun);
        CHECK(!error && write(ends[1], "b", 1) == 1, "begin");
        for (;;)
            pause();
    }
    close(ends[1]);
    char byte;
    CHECK(read(ends[0], &byte, 1) == 1, "begin");
    kill(maker, SIGKILL);
    waitpid(maker, NULL, 0);
    CHECK(read(ends[0], &byte, 1) == 0, "somebody lives on");
}

// ---- many at once ----

static void *run_ten(void *box) {
    for (int i = 0; i < 10; i++) {
        SandboxResult result;
        Error *error = sandbox_run(&((TestBox *)box)->spec, NULL, &result);
        if (error)
            report_error(error);
        CHECK(!error && result.end == SANDBOX_EXITED && result.code == 5, "end %d with %d", result.end, result.code);
    }
    return NULL;
}

static void threads_run_boxes_at_the_same_time_and_leave_nothing(void) {
    enum { THREADS = 6 };
    pthread_t threads[THREADS];
    TestBox *box = shell_box("exit 5");
    box_expect(box, SANDBOX_EXITED, 5); // what is made once is made
    box->spec.log_fd = -1;
    plan_settle();
    unsigned before = count_fds();
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, run_ten, box) == 0, "thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    plan_settle();
    CHECK(count_fds() == before, "%u descriptors, %u before", count_fds(), before);
    errno = 0;
    CHECK(waitpid(-1, NULL, __WALL | WNOHANG) < 0 && errno == ECHILD, "a child is left");
}

static void the_host_is_checked(void) {
    AUTO_ARENA Arena *arena = arena_new(0);
    SandboxCheck checks[SANDBOX_CHECKS_MAX];
    size_t count = sandbox_check_host(arena, checks);
    bool whole = false;
    for (size_t i = 0; i < count; i++) {
        CHECK(!checks[i].needed || checks[i].works, "%s: %.*s", checks[i].name, STR_ARG(checks[i].detail));
        CHECK(checks[i].works || checks[i].hint.len, "%s has no hint", checks[i].name);
        whole |= strcmp(checks[i].name, "a whole sandbox") == 0;
    }
    CHECK(whole, "no box was tried");
}

static void probe_true(const char *argument) {
    (void)argument;
}

static const Probe probes[] = {{"true", probe_true}};

int main(int argc, char **argv) {
    run_probe(argc, argv, probes, ARRAY_LEN(probes));
    const struct CMUnitTest tests[] = {
        BOX_CASE(ends_are_told_apart),
        BOX_CASE(programs_are_found_or_named),
        BOX_CASE(a_cancelled_run_starts_nothing),
        BOX_CASE(cancelling_ends_a_running_box),
        BOX_CASE(signals_are_sent_on),
        BOX_CASE(output_goes_to_the_log_and_the_callback_in_order),
        BOX_CASE(pipes_open_by_their_names_in_dev),
        BOX_CASE(stdin_is_what_the_spec_says),
        BOX_CASE(descriptors_may_have_any_numbers),
        BOX_CASE(directories_are_no_input),
        BOX_CASE(usage_counts_all_processes),
        BOX_CASE(the_first_layer_wins),
        BOX_CASE(layers_may_lie_in_several_directories),
        BOX_CASE(the_skeleton_lies_over_the_layers),
        BOX_CASE(files_of_layers_belong_to_the_boxes_user),
        BOX_CASE(a_store_may_lie_below_a_private_home),
        BOX_CASE(as_many_layers_as_overlayfs_takes),
        BOX_CASE(kernels_without_lowerdir_plus_get_short_names),
        BOX_CASE(a_writable_directory_keeps_its_owner),
        BOX_CASE(what_belongs_to_the_boxes_user_needs_no_map),
        BOX_CASE(mounts_have_their_flags),
        BOX_CASE(a_mount_of_something_else_is_refused),
        BOX_CASE(bad_specs_are_refused_by_name),
        BOX_CASE(layers_may_come_later),
        BOX_CASE(layers_of_another_owner_take_the_long_way),
        BOX_CASE(a_second_half_can_fail),
        BOX_CASE(an_abandoned_box_leaves_nothing),
        BOX_CASE(a_begun_box_dies_with_its_maker),
        BOX_CASE(threads_run_boxes_at_the_same_time_and_leave_nothing),
        BOX_CASE(the_host_is_checked),
    };
    box_prepare();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    box_clean();
    return failed;
}

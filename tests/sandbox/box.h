// What the sandbox's tests share: a box made of the host's /usr, a probe (the test program itself, seen as /probe) that
// runs in it, and cases that run as we are and, when we are root, once more as an ordinary user.
#ifndef TESTS_SANDBOX_BOX_H
#define TESTS_SANDBOX_BOX_H

#include "base/fd.h"
#include "base/vec.h"
#include "sandbox/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

// In a case or a probe: says what is wrong and ends the process, which its parent sees as a failure.
#define CHECK(cond, ...)                                                                                               \
    do {                                                                                                               \
        if (!(cond)) {                                                                                                 \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond);                                                 \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fprintf(stderr, " (errno %d, %s)\n", errno, strerror(errno));                                              \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

extern char box_dir[PATH_MAX]; // of this test program, readable by all; probe, and what a case makes
char box_dir[PATH_MAX];
static char case_dir[PATH_MAX]; // writable by the user that the case runs as, fresh

static inline void box_prepare(void) {
    const char *base = getenv("TEST_DIR");
    snprintf(box_dir, sizeof box_dir, "%s/box.XXXXXX", base && *base ? base : "/tmp");
    CHECK(mkdtemp(box_dir) && chmod(box_dir, 0755) == 0, "no test directory");
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/probe", box_dir);
    int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    CHECK(in >= 0 && out >= 0, "no probe");
    Error *error = fd_copy(in, out);
    CHECK(!error, "no probe");
    CHECK(fchmod(out, 0755) == 0, "no probe");
    close(in);
    close(out);
}

static inline void box_clean(void) {
    char *slash = strrchr(box_dir, '/');
    *slash = '\0';
    AUTO_FD int parent = open(box_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *slash = '/';
    Error *error = fd_remove_tree(parent, slash + 1);
    CHECK(!error, "%s: %s", box_dir, error_text(error));
}

// ---- cases ----

typedef void (*BoxCase)(void);

static inline void become_user(void) {
    CHECK(setgroups(0, NULL) == 0 && setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0,
          "cannot become an ordinary user");
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0, "dumpable");
}

static inline bool run_case_as(BoxCase body, bool as_user) {
    static int number;
    snprintf(case_dir, sizeof case_dir, "%.*s/case%d", (int)(sizeof case_dir - 32), box_dir, ++number);
    CHECK(mkdir(case_dir, 0755) == 0, "%s", case_dir);
    if (as_user)
        CHECK(chown(case_dir, 65534, 65534) == 0, "chown");
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        // cmocka would go on with the next test in this process.
        static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS};
        for (size_t i = 0; i < ARRAY_LEN(fatal); i++)
            signal(fatal[i], SIG_DFL);
        if (as_user)
            become_user();
        body();
        fflush(NULL);
        _exit(0);
    }
    int status;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status != 0)
        fprintf(stderr, "# failed as %s (wait status %d)\n", as_user ? "an ordinary user" : "the caller", status);
    return status == 0;
}

// A cmocka test whose initial state is a BoxCase.
static inline void run_case(void **state) {
    union {
        void *pointer;
        BoxCase body;
    } test = {.pointer = *state};
    bool ok = run_case_as(test.body, false);
    if (geteuid() == 0)
        ok &= run_case_as(test.body, true);
    assert_true(ok);
}
#define BOX_CASE(body)                                                                                                 \
    { #body, run_case, NULL, NULL, (void *)(uintptr_t)(body) }

// ---- a box ----

enum { BOX_MOUNTS_MAX = 12, BOX_LAYERS_MAX = 160 };

typedef struct TestBox {
    SandboxSpec spec;
    SandboxMount mounts[BOX_MOUNTS_MAX];
    SandboxLayer layers[BOX_LAYERS_MAX];
    SkeletonEntry skeleton[64];
    const char *argv[8];
    SandboxResult result;
    char *output; // stdout and stderr of the box, read when it has ended
} TestBox;

static inline int open_dir(const char *path) {
    int fd = open(path, O_PATH | O_CLOEXEC);
    CHECK(fd >= 0, "%s", path);
    return fd;
}

static inline SandboxMount *box_mount(TestBox *box, SandboxMount mount) {
    CHECK(box->spec.mount_count < BOX_MOUNTS_MAX, "too many mounts");
    box->mounts[box->spec.mount_count] = mount;
    return &box->mounts[box->spec.mount_count++];
}

static inline void box_entry(TestBox *box, SkeletonEntry entry) {
    box->skeleton[box->spec.skeleton_count++] = entry;
}

// The host's /usr read-only, the probe, /tmp, and a private writable /build at case_dir/build.
static inline TestBox *box_new(const char *probe, const char *argument) {
    static const char *const env[] = {"PATH=/usr/bin:/bin", "HOME=/tmp/home", "LC_ALL=C.UTF-8", NULL};
    static const char *const tmp_dirs[] = {"home", NULL};
    char path[PATH_MAX + 16];
    TestBox *box = mem_zalloc(sizeof *box);
    size_t base_count;
    const SkeletonEntry *base = sandbox_base_skeleton(&base_count);
    for (size_t i = 0; i < base_count; i++)
        if (strncmp(base[i].path, "/lib64", 6) == 0)
            box_entry(box, (SkeletonEntry){SKELETON_LINK, "/lib64", 0, "usr/lib64"});
        else
            box_entry(box, base[i]);
    box_entry(box, (SkeletonEntry){SKELETON_FILE, "/probe", 0555, ""});
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_BIND, .path = "/usr", .source_fd = open_dir("/usr"), .read_only = true, .may_exec = true});
    snprintf(path, sizeof path, "%s/probe", box_dir);
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_BIND, .path = "/probe", .source_fd = open_dir(path), .read_only = true, .may_exec = true});
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_TMPFS, .path = "/tmp", .source_fd = -1, .may_exec = true, .mode = 01777, .dirs = tmp_dirs});
    snprintf(path, sizeof path, "%s/build", case_dir);
    CHECK(mkdir(path, 0755) == 0 || errno == EEXIST, "%s", path);
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_BIND, .path = "/build", .source_fd = open_dir(path), .may_exec = true});
    box->argv[0] = "/probe";
    box->argv[1] = "--probe";
    box->argv[2] = probe;
    box->argv[3] = argument;
    SandboxSpec spec = {.skeleton = box->skeleton, .skeleton_count = box->spec.skeleton_count, .mounts = box->mounts, .mount_count = box->spec.mount_count,
                        .layers = box->layers, .argv = box->argv, .env = env, .cwd = "/build", .hostname = "minimal", .uid = 1000, .gid = 1000,
                        .stdin_fd = -1, .stdout_fd = -1, .stderr_fd = -1, .log_fd = -1,
                        .limits = {.watched_fd = -1, .total_timeout_s = 120}};
    box->spec = spec;
    return box;
}

static inline void box_argv(TestBox *box, const char *a, const char *b, const char *c) {
    box->argv[0] = a;
    box->argv[1] = b;
    box->argv[2] = c;
    box->argv[3] = NULL;
}

// Runs it with its output in a file of case_dir.
static inline Error *box_run_error(TestBox *box) {
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/output", case_dir);
    AUTO_FD int log = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(log >= 0, "%s", path);
    if (box->spec.stdout_fd < 0)
        box->spec.log_fd = log;
    Error *error = sandbox_run(&box->spec, NULL, &box->result);
    AUTO_BUF Buf text;
    buf_init(&text, 16 << 20);
    lseek(log, 0, SEEK_SET);
    error_free(fd_read_all(log, &text));
    box->output = mem_strdup(buf_cstr(&text));
    return error;
}

static inline void report_error(Error *error) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    fprintf(stderr, "# %s\n", buf_cstr(&text));
}

static inline void box_run(TestBox *box) {
    Error *error = box_run_error(box);
    if (error)
        report_error(error);
    CHECK(!error, "the box could not be made");
}

static inline void box_expect(TestBox *box, SandboxEnd end, int code) {
    box_run(box);
    CHECK(box->result.end == end && box->result.code == code, "ended %d with %d, said:\n%s", box->result.end,
          box->result.code, box->output);
}

// The usual case: the probe finds nothing wrong.
static inline void box_probe(const char *probe, const char *argument) {
    box_expect(box_new(probe, argument), SANDBOX_EXITED, 0);
}

static inline void write_file(const char *dir, const char *name, const char *text) {
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%.*s/%s", PATH_MAX, dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text), "%s", path);
    close(fd);
}

static inline char *read_file(const char *dir, const char *name) {
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%.*s/%s", PATH_MAX, dir, name);
    AUTO_BUF Buf text;
    buf_init(&text, 16 << 20);
    Error *error = fd_read_file(AT_FDCWD, path, &text);
    if (error) {
        error_free(error);
        return NULL;
    }
    return mem_strdup(buf_cstr(&text));
}

// ---- probes: what a test program does when it finds itself in the box ----

typedef struct Probe {
    const char *name;
    void (*run)(const char *argument);
} Probe;

static inline void run_probe(int argc, char **argv, const Probe *probes, size_t count) {
    if (argc < 3 || strcmp(argv[1], "--probe") != 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (strcmp(argv[2], probes[i].name) == 0) {
            probes[i].run(argc > 3 ? argv[3] : NULL);
            fflush(NULL);
            _exit(0); // a leak sanitizer's last act would be to trace itself, which a box forbids
        }
    fprintf(stderr, "no probe %s\n", argv[2]);
    exit(3);
}

#endif

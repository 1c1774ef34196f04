// The walls around the worker, each tried from inside by a process that was confined as the worker is: as root and as
// an ordinary user, with Landlock and with the fallback for kernels without it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/worker/confine.h"
#include "cache/worker/tree_writer.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 65534 };

// What a child tells of what went wrong, one line each; nothing means that every wall held.
static char *report;
enum { REPORT_MAX = 8192 };

static void wrong(const char *what) {
    size_t len = strlen(report);
    snprintf(report + len, REPORT_MAX - len, "%s (errno %d)\n", what, errno);
}

#define MUST_FAIL(call) ((call) >= 0 ? wrong(#call " was allowed") : (void)0)
#define MUST_WORK(call) ((call) < 0 ? wrong(#call " failed") : (void)0)

typedef struct Place {
    char path[512];
    int dirfd;
} Place;

static int open_by(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve) {
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    return (int)syscall(SYS_openat2, dirfd, path, &how, sizeof how);
}

static void in_child(uid_t uid, ConfineWall wall, void (*body)(Place *, ConfineWall)) {
    Place place;
    snprintf(place.path, sizeof place.path, "%s/confine.XXXXXX", getenv("TEST_DIR") ? getenv("TEST_DIR") : "/tmp");
    assert_non_null(mkdtemp(place.path));
    char canary[600], inside[600];
    snprintf(canary, sizeof canary, "%s/canary", place.path);
    snprintf(inside, sizeof inside, "%s/inside", place.path);
    assert_int_equal(mkdir(inside, 0755), 0);
    int fd = open(canary, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    assert_int_equal(fchmod(fd, 0666), 0);
    close(fd);
    if (uid) {
        assert_int_equal(chown(place.path, uid, uid), 0);
        assert_int_equal(chown(inside, uid, uid), 0);
    }
    report[0] = '\0';
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (uid && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0))
            wrong("cannot become an ordinary user");
        if (chdir(place.path) < 0)
            wrong("cannot enter the directory");
        place.dirfd = open("inside", O_RDONLY | O_DIRECTORY);
        body(&place, wall);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    char name[640];
    static const char *const made[] = {"new", "dir", "link"};
    for (size_t i = 0; i < ARRAY_LEN(made); i++) {
        snprintf(name, sizeof name, "%s/%s", place.path, made[i]);
        if (faccessat(AT_FDCWD, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
            wrong("something was made outside");
    }
    if (access(canary, F_OK) < 0)
        wrong("the canary is gone");
    Error *error = fd_remove_tree(AT_FDCWD, place.path);
    error_free(error);
    if (status != 0)
        fail_msg("the child ended with status %d: %s", status, report);
    assert_string_equal(report, "");
}

static bool has_landlock(void) {
#ifdef __SANITIZE_THREAD__
    return false; // its runtime needs calls that the walls refuse
#endif
    return syscall(444 /* landlock_create_ruleset */, NULL, (size_t)0, 1 /* its version */) > 0;
}

// ---- unpacking ----

static void try_to_leave(Place *place, bool root_is_changed) {
    MUST_FAIL(open_by(AT_FDCWD, "/etc/passwd", O_RDONLY, 0, 0));
    MUST_FAIL(open_by(place->dirfd, "../canary", O_RDONLY, 0, 0));
    MUST_FAIL(open_by(place->dirfd, "../canary", O_WRONLY | O_TRUNC, 0, 0));
    char absolute[600];
    snprintf(absolute, sizeof absolute, "%s/canary", place->path);
    MUST_FAIL(open_by(AT_FDCWD, absolute, O_WRONLY, 0, 0));
    MUST_FAIL(unlinkat(place->dirfd, "../canary", 0));
    MUST_FAIL(openat(place->dirfd, "file", O_RDONLY));
    // Above a changed root is that root: these then make something inside, and in_child looks for it outside.
    int new = open_by(place->dirfd, "../new", O_WRONLY | O_CREAT, 0644, 0);
    int dir = mkdirat(place->dirfd, "../dir", 0755), link = symlinkat("x", place->dirfd, "../link");
    if (!root_is_changed && (new >= 0 || dir >= 0 || link >= 0))
        wrong("something could be made through ..");
}

static void try_other_calls(void) {
    MUST_FAIL(socket(AF_INET, SOCK_STREAM, 0));
    MUST_FAIL(socket(AF_UNIX, SOCK_STREAM, 0));
    MUST_FAIL(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    MUST_FAIL(syscall(SYS_clone3, NULL, 0));
    MUST_FAIL(execl("/bin/true", "true", (char *)NULL));
    MUST_FAIL(syscall(SYS_ptrace, 0, 0, 0, 0));
    MUST_FAIL(kill(getppid(), 0));
    MUST_FAIL(unshare(CLONE_NEWUSER));
    MUST_FAIL(chroot("."));
    MUST_FAIL(mknod("node", S_IFIFO | 0644, 0));
    MUST_FAIL(prctl(PR_SET_DUMPABLE, 1));
    MUST_FAIL(syscall(SYS_io_uring_setup, 1, NULL));
    MUST_FAIL(syscall(SYS_fchmodat, AT_FDCWD, "file", 04755));
    MUST_FAIL(syscall(SYS_linkat, AT_FDCWD, "file", AT_FDCWD, "other", 0));
    MUST_FAIL(setuid(0));
    if (mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        wrong("memory that can be executed was allowed");
    void *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        wrong("memory was refused");
    MUST_FAIL(mprotect(memory, 4096, PROT_READ | PROT_EXEC));
}

static Error *write_some(int dirfd) {
    TreeWriter *writer = tree_writer_new(dirfd, (TreeWriterLimits){1 << 20, 100, 1 << 16});
    TRY(tree_writer_directory(writer, STR("d")));
    TRY(tree_writer_file_begin(writer, STR("d/f"), true, 5));
    TRY(tree_writer_file_data(writer, "abc", 3, 0));
    TRY(tree_writer_file_end(writer));
    TRY(tree_writer_file_begin(writer, STR("d/f"), false, 5)); // once more: replaces
    TRY(tree_writer_file_data(writer, "abcd", 4, 0));
    TRY(tree_writer_file_end(writer));
    TRY(tree_writer_hardlink(writer, STR("e/h"), STR("d/f")));
    TRY(tree_writer_symlink(writer, STR("l"), STR("/etc/passwd"), 5));
    TRY(tree_writer_finish(writer));
    tree_writer_free(writer);
    return NULL;
}

static void unpacking(Place *place, ConfineWall wall) {
    Error *error = confine_start(place->dirfd + 1);
    if (!error)
        error = confine_unpack(place->dirfd, 1 << 20, wall);
    if (!error)
        error = write_some(place->dirfd);
    if (error) {
        wrong(error_text(error));
        return;
    }
    try_to_leave(place, wall == CONFINE_CHROOT);
    try_other_calls();
    struct stat st;
    if (fstatat(place->dirfd, "e/h", &st, 0) < 0 || st.st_size != 4 || (st.st_mode & 07777) != 0644 || st.st_nlink != 1)
        wrong("e/h is not as it should be");
    // The descriptor's own directory stays open, but a link out of it leads nowhere.
    MUST_FAIL(open_by(place->dirfd, "l", O_RDONLY, 0, 0));
    int big = open_by(place->dirfd, "big", O_WRONLY | O_CREAT, 0644, 0);
    MUST_WORK(big);
    MUST_WORK(pwrite(big, "x", 1, 100));
    MUST_FAIL(pwrite(big, "x", 1, 2 << 20));
}

static void unpacking_is_confined(void **state) {
    (void)state;
    if (!has_landlock())
        skip();
    for (ConfineWall wall = CONFINE_BEST; wall <= CONFINE_CHROOT; wall++) {
        in_child(0, wall, unpacking);
        if (geteuid() == 0)
            in_child(NOBODY, wall, unpacking);
    }
}

// ---- fetching ----

static int loopback_listener(struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)address, len) < 0 || listen(fd, 1) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &len) < 0)
        wrong("cannot listen on the loopback");
    return fd;
}

static struct sockaddr_in listening;

static void fetching(Place *place, ConfineWall wall) {
    (void)wall;
    int file = openat(place->dirfd, "file", O_RDWR | O_CREAT, 0600);
    int sock = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "\0minimal-test-canary"};
    Error *error = confine_start(sock + 1);
    if (!error)
        error = confine_fetch("", 1 << 20);
    if (error) {
        wrong(error_text(error));
        return;
    }
    MUST_WORK(pwrite(file, "x", 1, 0));
    MUST_WORK(ftruncate(file, 0));
    MUST_FAIL(pwrite(file, "x", 1, 2 << 20));
    int inet = socket(AF_INET, SOCK_STREAM, 0);
    MUST_WORK(inet);
    MUST_WORK(connect(inet, (struct sockaddr *)&listening, sizeof listening));
    MUST_FAIL(socket(AF_UNIX, SOCK_STREAM, 0));
    MUST_FAIL(socket(AF_PACKET, SOCK_RAW, 0));
    MUST_FAIL(socket(AF_NETLINK, SOCK_RAW, 12 /* NETLINK_NETFILTER */));
    MUST_FAIL(connect(sock, (struct sockaddr *)&name, sizeof name));
    MUST_FAIL(open("/etc/passwd", O_RDONLY));
    MUST_FAIL(open("/proc/self/environ", O_RDONLY));
    MUST_FAIL(open("canary", O_RDONLY));
    MUST_FAIL(open("canary", O_WRONLY));
    MUST_FAIL(open("new", O_WRONLY | O_CREAT, 0644));
    MUST_FAIL(open_by(AT_FDCWD, "/etc/hosts", O_RDONLY, 0, 0));
    if (access("/etc/hosts", F_OK) == 0)
        MUST_WORK(open("/etc/hosts", O_RDONLY));
    MUST_FAIL(open("/etc/hosts", O_RDWR));
    MUST_FAIL(mkdir("dir", 0755));
    MUST_FAIL(unlink("canary"));
    MUST_FAIL(rename("canary", "other"));
    MUST_FAIL(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
    MUST_FAIL(execl("/bin/true", "true", (char *)NULL));
    MUST_FAIL(kill(getppid(), 0));
    MUST_FAIL(unshare(CLONE_NEWUSER));
}

static void fetching_is_confined(void **state) {
    (void)state;
    if (!has_landlock())
        skip();
    int fd = loopback_listener(&listening);
    in_child(0, CONFINE_BEST, fetching);
    if (geteuid() == 0)
        in_child(NOBODY, CONFINE_BEST, fetching);
    close(fd);
}

// ---- the start ----

static void starting(Place *place, ConfineWall wall) {
    (void)wall;
    int kept = open("/dev/null", O_RDONLY), closed = open("/dev/null", O_RDONLY);
    Error *error = confine_start(closed);
    if (error)
        wrong(error_text(error));
    MUST_WORK(fcntl(kept, F_GETFD));
    MUST_WORK(fcntl(place->dirfd, F_GETFD));
    MUST_FAIL(fcntl(closed, F_GETFD));
    struct rlimit core;
    if (getrlimit(RLIMIT_CORE, &core) < 0 || core.rlim_max != 0 || prctl(PR_GET_DUMPABLE) != 0 ||
        prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1)
        wrong("core, dumpable or new privileges");
}

static void the_start_closes_and_forbids(void **state) {
    (void)state;
    in_child(0, CONFINE_BEST, starting);
}

static int set_up(void **state) {
    (void)state;
    report = mmap(NULL, REPORT_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return report == MAP_FAILED ? -1 : 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_start_closes_and_forbids),
        cmocka_unit_test(unpacking_is_confined),
        cmocka_unit_test(fetching_is_confined),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}

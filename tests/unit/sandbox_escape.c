// Ways out of a box that were found in other tools, one case each, as root and as an ordinary user. The names carry the
// numbers of the catalogue in docs/security.md. A case ends well when the wall held.
#include "tests/sandbox/box.h"

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <pty.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/xattr.h>
#include <time.h>

// The call must fail, with one of two reasons.
#define REFUSED(call, e1, e2)                                                                                          \
    do {                                                                                                               \
        errno = 0;                                                                                                     \
        long result_ = (long)(call);                                                                                   \
        CHECK(result_ == -1 && (errno == (e1) || errno == (e2)), "not refused: %ld", result_);                         \
    } while (0)

static struct sockaddr_un abstract(const char *name, socklen_t *len) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t n = strlen(name);
    memcpy(address.sun_path + 1, name, n);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
    return address;
}

static int listen_abstract(const char *name) {
    socklen_t len;
    struct sockaddr_un address = abstract(name, &len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, len) == 0 && listen(fd, 4) == 0, "listen");
    return fd;
}

static int connect_abstract(const char *name) {
    socklen_t len;
    struct sockaddr_un address = abstract(name, &len);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int done = connect(fd, (struct sockaddr *)&address, len);
    int saved = errno;
    close(fd);
    errno = saved;
    return done;
}

static char *unique_name(void) {
    static char name[64];
    snprintf(name, sizeof name, "minimal-test-%d", (int)getpid());
    return name;
}

// ---- S1, S2: abstract sockets ----

static void probe_connect_abstract(const char *name) {
    REFUSED(connect_abstract(name), ECONNREFUSED, ECONNREFUSED);
}

static void S1_the_hosts_abstract_sockets_are_out_of_reach(void) {
    int fd = listen_abstract(unique_name());
    CHECK(connect_abstract(unique_name()) == 0, "the listener works on the host");
    box_probe("connect_abstract", unique_name());
    close(fd);
}

static void probe_listen_abstract(const char *name) {
    int fd = listen_abstract(name);
    CHECK(connect_abstract(name) == 0, "works inside");
    close(open("/build/listening", O_CREAT | O_WRONLY, 0644));
    for (int i = 0; i < 6000 && access("/build/tried", F_OK) < 0; i++)
        usleep(10000);
    struct pollfd waiting = {.fd = fd, .events = POLLIN};
    close(accept(fd, NULL, NULL)); // our own
    CHECK(poll(&waiting, 1, 0) == 0, "somebody came in");
}

static void *run_in_thread(void *box) {
    box_expect(box, SANDBOX_EXITED, 0);
    return NULL;
}

static void wait_for(const char *name) {
    char path[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s/build/%s", case_dir, name);
    for (int i = 0; i < 6000 && access(path, F_OK) < 0; i++)
        usleep(10000);
    CHECK(access(path, F_OK) == 0, "%s never came", path);
}

static void say(const char *name) {
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/build", case_dir);
    write_file(path, name, "");
}

static void S2_nobody_outside_can_connect_in(void) {
    pthread_t thread;
    TestBox *box = box_new("listen_abstract", unique_name());
    CHECK(pthread_create(&thread, NULL, run_in_thread, box) == 0, "thread");
    wait_for("listening");
    REFUSED(connect_abstract(unique_name()), ECONNREFUSED, ECONNREFUSED);
    say("tried");
    pthread_join(thread, NULL);
}

// ---- S4: processes left behind ----

static void probe_leave_daemon(const char *argument) {
    (void)argument;
    if (fork() == 0) {
        setsid();
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        if (fork() == 0)
            for (;;) {
                int fd = open("/build/file", O_WRONLY | O_CREAT | O_APPEND, 0644);
                CHECK(write(fd, "x", 1) == 1, "write");
                close(fd);
            }
        _exit(0);
    }
    while (access("/build/file", F_OK) < 0)
        usleep(1000);
}

static void S4_a_daemon_is_dead_when_the_run_returns(void) {
    struct stat before, after;
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/build/file", case_dir);
    box_probe("leave_daemon", NULL);
    CHECK(stat(path, &before) == 0, "%s", path);
    usleep(50000);
    CHECK(stat(path, &after) == 0 && after.st_size == before.st_size, "somebody still writes");
}

// ---- S8, S9, S10: what is the host's stays as it is ----

static void probe_link_inputs(const char *argument) {
    (void)argument;
    REFUSED(link("/usr/bin/env", "/build/env"), EXDEV, EPERM);
    REFUSED(link("/probe", "/build/probe"), EXDEV, EPERM);
    REFUSED(link("/etc/passwd", "/build/passwd"), EXDEV, EPERM);
    REFUSED(linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, "/build/exe", AT_SYMLINK_FOLLOW), EXDEV, EPERM);
    int fd = open("/usr/bin/env", O_RDONLY);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    REFUSED(linkat(AT_FDCWD, path, AT_FDCWD, "/build/fd", AT_SYMLINK_FOLLOW), EXDEV, EPERM);
    REFUSED(linkat(fd, "", AT_FDCWD, "/build/empty", AT_EMPTY_PATH), ENOENT, EXDEV);
}

static void S8_inputs_cannot_be_linked_to(void) {
    box_probe("link_inputs", NULL);
}

static void probe_write_layer(const char *path) {
    REFUSED(open(path, O_WRONLY), EROFS, EACCES);
    REFUSED(open(path, O_RDWR), EROFS, EACCES);
    REFUSED(open(path, O_RDONLY | O_TRUNC), EROFS, EACCES);
    REFUSED(truncate(path, 0), EROFS, EACCES);
    REFUSED(chmod(path, 0777), EROFS, EPERM);
    REFUSED(chown(path, 1000, 1000), EROFS, EPERM);
    REFUSED(utimensat(AT_FDCWD, path, NULL, 0), EROFS, EACCES);
    REFUSED(setxattr(path, "user.x", "y", 1, 0), EROFS, EOPNOTSUPP);
    REFUSED(unlink(path), EROFS, EACCES);
    REFUSED(rename(path, "/build/x"), EROFS, EXDEV);
    REFUSED(mkdir("/usr/new", 0755), EROFS, EROFS);
    REFUSED(open("/new", O_CREAT | O_WRONLY, 0644), EROFS, EROFS);
    REFUSED(open("/dev/new", O_CREAT | O_WRONLY, 0644), EROFS, EROFS);
    // By way of a descriptor that was opened for reading.
    int fd = open(path, O_RDONLY);
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
    CHECK(fd >= 0, "%s", path);
    REFUSED(open(self, O_RDWR), EROFS, EACCES);
    REFUSED(fchmod(fd, 0777), EROFS, EPERM);
    REFUSED(futimens(fd, NULL), EROFS, EACCES);
    REFUSED(mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), EACCES, EACCES);
    REFUSED(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL), EPERM, EPERM);
    // An ioctl that would make a file immutable, against our own cleaning up.
    int own = open("/build/own", O_CREAT | O_RDWR, 0644);
    long flags = 0x10; // FS_IMMUTABLE_FL
    REFUSED(ioctl(own, _IOW('f', 2, long), &flags), EPERM, ENOTTY);
}

static TestBox *box_with_layers(const char *probe, const char *argument, unsigned count) {
    TestBox *box = box_new(probe, argument);
    char path[2 * PATH_MAX], *names = mem_alloc((size_t)count * 16);
    snprintf(path, sizeof path, "%s/layers", case_dir);
    CHECK(mkdir(path, 0700) == 0 || errno == EEXIST, "layers");
    AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%u/opt/p%u", i, i);
        error_free(fd_make_dirs(dir, path));
        snprintf(path, sizeof path, "%s/layers/%u/opt", case_dir, i);
        char text[32];
        snprintf(text, sizeof text, "layer %u\n", i);
        write_file(path, "which", text);
        snprintf(names + (size_t)i * 16, 16, "%u", i);
        box->layers[i] = (SandboxLayer){fcntl(dir, F_DUPFD_CLOEXEC, 3), names + (size_t)i * 16};
        if (i > 0) { // one descriptor for all, as the store has it
            close(box->layers[i].dirfd);
            box->layers[i].dirfd = box->layers[0].dirfd;
        }
    }
    box->spec.layer_count = count;
    return box;
}

static void S9_no_layer_can_be_changed(void) {
    box_expect(box_with_layers("write_layer", "/opt/which", 3), SANDBOX_EXITED, 0);
    char path[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/layers/0/opt", case_dir);
    char *text = read_file(path, "which");
    CHECK(text && strcmp(text, "layer 0\n") == 0, "the layer was changed");
    box_probe("write_layer", "/usr/lib/os-release"); // a program may be busy on the host
    box_probe("write_layer", "/etc/passwd");
}

static void probe_overwrite_tool(const char *argument) {
    (void)argument;
    CHECK(open("/proc/self/exe", O_WRONLY) < 0 && (errno == EROFS || errno == ETXTBSY || errno == EACCES), "exe");
    CHECK(open("/proc/self/exe", O_RDWR) < 0 && (errno == EROFS || errno == ETXTBSY || errno == EACCES), "exe");
    REFUSED(open("/proc/1/exe", O_RDONLY), ENOENT, EACCES);
    REFUSED(open("/proc/1/exe", O_WRONLY), ENOENT, EACCES);
    REFUSED(execve("/proc/1/exe", (char *const[]){(char *)(uintptr_t)"x", NULL}, NULL), ENOENT, EACCES);
    for (int pid = 1; pid < 5; pid++) {
        char path[64], target[PATH_MAX];
        snprintf(path, sizeof path, "/proc/%d/exe", pid);
        ssize_t len = readlink(path, target, sizeof target - 1);
        CHECK(len < 0 || (target[len] = '\0', strcmp(target, "/probe") == 0), "%s is %s", path, target);
    }
}

static void S10_the_tool_itself_is_out_of_reach(void) {
    box_probe("overwrite_tool", NULL);
}

// ---- S11, S12: descriptors and /proc ----

static void probe_descriptors(const char *argument) {
    (void)argument;
    int seen = 0;
    AUTO_DIR DIR *dir = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(dir));) {
        int fd = atoi(entry->d_name);
        if (entry->d_name[0] != '.' && fd != dirfd(dir))
            seen |= 1 << fd;
        CHECK(fd <= 3, "descriptor %d", fd);
    }
    CHECK(seen == 7, "descriptors %#x", seen);
    char path[PATH_MAX];
    CHECK(getcwd(path, sizeof path) && strcmp(path, "/build") == 0, "%s", path);
    ssize_t len = readlink("/proc/self/root", path, sizeof path);
    CHECK(len == 1 && path[0] == '/', "root");
    struct stat here, above;
    CHECK(stat("/", &here) == 0, "/");
    static const char *const ways[] = {"/..", "/../..", "/proc/self/root/..", "/proc/self/cwd/../..", "/build/../.."};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        CHECK(stat(ways[i], &above) == 0 && above.st_ino == here.st_ino && above.st_dev == here.st_dev, "%s", ways[i]);
    REFUSED(open("/proc/self/fd/0/../../etc/shadow", O_RDONLY), ENOTDIR, ENOTDIR);
    REFUSED(chroot("/tmp"), EPERM, EPERM);
    REFUSED(syscall(SYS_pivot_root, ".", "."), EPERM, EPERM);
}

static void S11_three_descriptors_and_no_way_above_the_root(void) {
    int leaked = open("/", O_RDONLY | O_DIRECTORY); // on purpose not close-on-exec
    CHECK(leaked > 2, "open");
    box_probe("descriptors", NULL);
}

static void probe_proc(const char *argument) {
    (void)argument;
    static const char *const absent[] = {"/proc/1/root", "/proc/1/cwd", "/proc/1/environ", "/proc/1/maps",
                                         "/proc/1/cmdline", "/proc/1/mem", "/proc/1/fd/0"};
    for (size_t i = 0; i < ARRAY_LEN(absent); i++)
        REFUSED(open(absent[i], O_RDONLY), ENOENT, EACCES);
    static const char *const shut[] = {"/proc/kcore", "/proc/keys", "/proc/key-users", "/proc/kallsyms", "/proc/kmsg"};
    for (size_t i = 0; i < ARRAY_LEN(shut); i++) {
        char byte;
        int fd = open(shut[i], O_RDONLY | O_NONBLOCK);
        CHECK(fd < 0 || read(fd, &byte, 1) <= 0, "%s can be read", shut[i]);
        close(fd);
    }
    static const char *const writable[] = {"/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/keys",
                                           "/proc/sys/kernel/hostname", "/proc/sys/vm/drop_caches", "/proc/irq/0/smp_affinity",
                                           "/proc/kcore", "/proc/1/oom_score_adj", "/proc/self/timens_offsets",
                                           "/proc/self/uid_map", "/proc/self/setgroups"};
    for (size_t i = 0; i < ARRAY_LEN(writable); i++) {
        int fd = open(writable[i], O_WRONLY);
        CHECK(fd < 0 || write(fd, "0", 1) < 0, "%s can be written", writable[i]);
        close(fd);
    }
    AUTO_DIR DIR *sys = opendir("/proc/sys");
    for (struct dirent *entry; sys && (entry = readdir(sys));)
        CHECK(entry->d_name[0] == '.', "/proc/sys/%s", entry->d_name);
    CHECK(access("/sys", F_OK) < 0, "/sys");
    // Pids that we see are ours alone.
    AUTO_DIR DIR *proc = opendir("/proc");
    for (struct dirent *entry; (entry = readdir(proc));)
        CHECK(atoi(entry->d_name) == 0 || atoi(entry->d_name) == (int)getpid(), "pid %s", entry->d_name);
}

static void S12_proc_shows_this_box_alone_and_nothing_of_the_kernel(void) {
    box_probe("proc", NULL);
}

// ---- S13: terminals ----

static void probe_type_into_terminal(const char *argument) {
    (void)argument;
    char byte = 'x';
    CHECK(isatty(0), "stdin is no terminal");
    REFUSED(ioctl(0, TIOCSTI, &byte), EPERM, EPERM);
    REFUSED(syscall(SYS_ioctl, 0L, 0x100000000L | TIOCSTI, &byte), EPERM, EPERM);
    REFUSED(syscall(SYS_ioctl, 0L, 0x7f00000000L | TIOCLINUX, &byte), EPERM, EPERM);
    REFUSED(open("/dev/tty", O_RDWR), ENXIO, ENXIO); // no controlling terminal
    REFUSED(ioctl(0, TIOCSCTTY, 1), EPERM, EPERM);   // nor can the caller's be stolen
}

static void S13_nothing_can_be_typed_into_the_callers_terminal(void) {
    int master, slave;
    CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0, "openpty");
    pid_t holder = fork(); // a session whose terminal it is, as a shell's
    if (holder == 0) {
        setsid();
        ioctl(slave, TIOCSCTTY, 0);
        for (;;)
            pause();
    }
    TestBox *box = box_new("type_into_terminal", NULL);
    box->spec.stdin_fd = slave;
    box_run(box);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    CHECK(box->result.end == SANDBOX_EXITED && box->result.code == 0, "%s", box->output);
    struct pollfd typed = {.fd = slave, .events = POLLIN};
    CHECK(poll(&typed, 1, 0) == 0, "bytes were typed");
}

// ---- S14, S15, S16: system calls ----

static void probe_namespaces(const char *argument) {
    (void)argument;
    static const int flags[] = {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS,
                                CLONE_NEWCGROUP, 0x80};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        REFUSED(unshare(flags[i]), EPERM, EPERM);
        if (flags[i] != 0x80)
            REFUSED(syscall(SYS_clone, flags[i] | SIGCHLD, 0, 0, 0, 0), EPERM, EPERM);
    }
    uint64_t args[11] = {CLONE_NEWUSER};
    REFUSED(syscall(SYS_clone3, args, sizeof args), ENOSYS, ENOSYS);
    int fd = open("/proc/self/ns/user", O_RDONLY);
    REFUSED(setns(fd, 0), EPERM, EPERM);
    int pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    REFUSED(setns(pidfd, CLONE_NEWNS), EPERM, EPERM);
}

static void S14_no_new_namespace_and_no_other_one(void) {
    box_probe("namespaces", NULL);
}

// Calls that do not come back, or that would end the probe, when they are allowed.
static bool not_to_be_called(int number) {
    static const int numbers[] = {SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_clone, SYS_rt_sigsuspend,
#ifdef SYS_fork
                                  SYS_fork, SYS_vfork, SYS_pause,
#endif
                                  SYS_futex /* says ENOSYS to an unknown operation */,
                                  SYS_rt_sigtimedwait, SYS_ppoll, SYS_pselect6, SYS_kill, SYS_tkill, SYS_close_range};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i] == number)
            return true;
    return false;
}

static void probe_sweep(const char *argument) {
    (void)argument;
    for (int number = 0; number <= 600; number++) {
        SyscallVerdict verdict = SYSCALL_ABSENT;
        for (size_t i = 0; i < seccomp_row_count; i++)
            if (seccomp_rows[i].number == number)
                verdict = seccomp_rows[i].verdict;
#if defined(__x86_64__)
        // uretprobe and uprobe: never filtered by the kernel, and a SIGILL unless a probe's own trampoline calls them.
        if (number == 335 || number == 336)
            continue;
#endif
        if (verdict != SYSCALL_DENY && verdict != SYSCALL_ABSENT && verdict != SYSCALL_NOTSUP)
            continue;
        errno = 0;
        long result = syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
        int want = verdict == SYSCALL_DENY ? EPERM : verdict == SYSCALL_NOTSUP ? EOPNOTSUPP : ENOSYS;
        CHECK(result == -1 && errno == want, "call %d: %ld, wanted %s", number, result, strerror(want));
    }
    // And the other way round: what the table allows is not shut by mistake.
    for (size_t i = 0; i < seccomp_row_count; i++) {
        if (seccomp_rows[i].verdict != SYSCALL_ALLOW || not_to_be_called(seccomp_rows[i].number))
            continue;
        pid_t pid = fork();
        if (pid == 0) {
            alarm(5);
            errno = 0;
            long result = syscall(seccomp_rows[i].number, -1L, -1L, -1L, -1L, -1L, -1L);
            _exit(result == -1 && errno == ENOSYS);
        }
        int status;
        CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
        CHECK(!WIFEXITED(status) || WEXITSTATUS(status) == 0, "%s is absent", seccomp_rows[i].name);
    }
}

static void S15_every_number_is_answered_as_the_table_says(void) {
    box_probe("sweep", NULL);
}

static void probe_foreign(const char *argument) {
    (void)argument;
#if defined(__x86_64__)
    pid_t pid = fork();
    if (pid == 0) {
        long result;
        __asm__ volatile("int $0x80" : "=a"(result) : "a"(20L) : "memory"); // getpid for i386
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid, "fork");
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "int $0x80 went through: %#x", status);
    REFUSED(syscall(0x40000000 + SYS_getpid), ENOSYS, ENOSYS);
#endif
}

static void S16_another_architectures_calls_end_the_process(void) {
    box_probe("foreign", NULL);
}

// ---- S17, S18: set-id bits, attributes, devices ----

static void probe_set_id(const char *argument) {
    (void)argument;
    int fd = open("/build/file", O_CREAT | O_RDWR, 0755);
    CHECK(fd >= 0, "open");
    REFUSED(chmod("/build/file", 04755), EPERM, EPERM);
    REFUSED(fchmod(fd, 06755), EPERM, EPERM);
    REFUSED(fchmodat(AT_FDCWD, "/build/file", 02755, 0), EPERM, EPERM);
    REFUSED(syscall(452, AT_FDCWD, "/build/file", 04755, 0), EPERM, ENOSYS);
    REFUSED(open("/build/new", O_CREAT | O_RDWR, 04755), EPERM, EPERM);
    REFUSED(open("/build", O_TMPFILE | O_RDWR, 04755), EPERM, EPERM);
    REFUSED(creat("/build/new", 04755), EPERM, EPERM);
    REFUSED(mknod("/build/new", S_IFREG | 04755, 0), EPERM, EPERM);
    REFUSED(mkdir("/build/dir", 02755), EPERM, EPERM);
    uint64_t how[3] = {O_CREAT | O_RDWR, 04755, 0};
    REFUSED(syscall(SYS_openat2, AT_FDCWD, "/build/new", how, sizeof how), ENOSYS, ENOSYS);
    char caps[20] = {1, 0, 0, 2};
    REFUSED(setxattr("/build/file", "security.capability", caps, sizeof caps, 0), EOPNOTSUPP, EPERM);
    REFUSED(fsetxattr(fd, "user.x", "y", 1, 0), EOPNOTSUPP, EOPNOTSUPP);
    REFUSED(syscall(463, AT_FDCWD, "/build/file", 0, "user.x", NULL, 0), EOPNOTSUPP, EOPNOTSUPP);
    struct stat st;
    CHECK(fstat(fd, &st) == 0 && (st.st_mode & 07777) == 0755, "mode %o", st.st_mode);
}

static void S17_no_set_id_bit_and_no_attribute(void) {
    box_probe("set_id", NULL);
}

static void probe_devices(const char *argument) {
    (void)argument;
    REFUSED(mknod("/build/null", S_IFCHR | 0666, makedev(1, 3)), EPERM, EPERM);
    REFUSED(mknod("/build/whiteout", S_IFCHR | 0666, makedev(0, 0)), EPERM, EPERM);
    REFUSED(mknod("/build/disk", S_IFBLK | 0666, makedev(254, 0)), EPERM, EPERM);
    static const char *const dev[] = {"null", "zero", "full", "random", "urandom", "tty"};
    AUTO_DIR DIR *dir = opendir("/dev");
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        bool known = false;
        CHECK(fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0, "%s", entry->d_name);
        for (size_t i = 0; i < ARRAY_LEN(dev); i++)
            known |= strcmp(entry->d_name, dev[i]) == 0;
        CHECK(known == (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode)), "/dev/%s", entry->d_name);
    }
    // Those that are there work, and cannot be changed for the host.
    char byte = 1;
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY), full = open("/dev/full", O_WRONLY);
    CHECK(read(zero, &byte, 1) == 1 && byte == 0, "/dev/zero");
    CHECK(write(null, &byte, 1) == 1, "/dev/null");
    CHECK(write(full, &byte, 1) < 0 && errno == ENOSPC, "/dev/full");
    REFUSED(chmod("/dev/null", 0600), EROFS, EPERM);
    int master, slave;
    CHECK(openpty(&master, &slave, NULL, NULL, NULL) == 0, "a terminal of its own");
    CHECK(close(open("/dev/shm/x", O_CREAT | O_RDWR, 0600)) == 0, "/dev/shm");
}

static void S18_no_device_can_be_made_and_six_are_there(void) {
    box_probe("devices", NULL);
}

// ---- S19, S20: other processes, and doors into the kernel ----

static void probe_processes(const char *argument) {
    int host_pid = atoi(argument);
    REFUSED(kill(host_pid, 0), ESRCH, ESRCH);
    REFUSED(syscall(SYS_pidfd_open, host_pid, 0), ESRCH, EINVAL);
    REFUSED(ptrace(PTRACE_ATTACH, 1, NULL, NULL), EPERM, EPERM);
    REFUSED(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM, EPERM);
    char byte;
    struct iovec local = {&byte, 1}, remote = {&byte, 1};
    REFUSED(process_vm_readv(1, &local, 1, &remote, 1, 0), EPERM, EPERM);
    int init = (int)syscall(SYS_pidfd_open, 1, 0);
    CHECK(init >= 0, "pidfd_open");
    REFUSED(syscall(SYS_pidfd_getfd, init, 0, 0), EPERM, EPERM);
    // What init may be sent does it no harm.
    kill(1, SIGKILL);
    kill(1, SIGSTOP);
    kill(1, SIGSEGV);
    usleep(20000);
    CHECK(kill(1, 0) == 0, "init is gone");
    REFUSED(prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0 ? -1 + 0 * (errno = EPERM) : 0, EPERM, EPERM);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2];
    CHECK(syscall(SYS_capget, &header, caps) == 0, "capget");
    CHECK(!(caps[0].effective | caps[0].permitted | caps[0].inheritable | caps[1].effective | caps[1].permitted |
            caps[1].inheritable), "capabilities");
    REFUSED(setuid(0), EINVAL, EPERM);
    REFUSED(setgid(0), EINVAL, EPERM);
    REFUSED(setgroups(0, NULL), EPERM, EPERM);
    CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1, "no_new_privs");
}

static void S19_no_process_of_the_host_or_of_the_tool_can_be_touched(void) {
    char pid[16];
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    box_probe("processes", pid);
}

static void probe_doors(const char *argument) {
    (void)argument;
    REFUSED(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0), EPERM, EPERM);
    REFUSED(syscall(SYS_add_key, "user", "x", "y", 1, KEY_SPEC_USER_KEYRING), EPERM, EPERM);
    struct io_uring_params params = {0};
    REFUSED(syscall(SYS_io_uring_setup, 4, &params), ENOSYS, ENOSYS);
    REFUSED(syscall(SYS_userfaultfd, 1), EPERM, EPERM);
    REFUSED(syscall(SYS_bpf, 0, NULL, 0), EPERM, EPERM);
    REFUSED(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0), EPERM, EPERM);
    REFUSED(syscall(SYS_open_by_handle_at, 0, NULL, 0), EPERM, EPERM);
    REFUSED(socket(38, SOCK_SEQPACKET, 0), EAFNOSUPPORT, EAFNOSUPPORT); // AF_ALG
    REFUSED(socket(40, SOCK_STREAM, 0), EAFNOSUPPORT, EAFNOSUPPORT);    // AF_VSOCK
    REFUSED(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT, EAFNOSUPPORT);
    REFUSED(socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER), EAFNOSUPPORT, EAFNOSUPPORT);
    REFUSED(socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT), EAFNOSUPPORT, EAFNOSUPPORT);
    REFUSED(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM, EPERM);
    // The network: loopback, and nothing beyond.
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0xcb007109)};
    REFUSED(connect(fd, (struct sockaddr *)&there, sizeof there), ENETUNREACH, ENETUNREACH);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof here;
    CHECK(bind(listener, (struct sockaddr *)&here, sizeof here) == 0 && listen(listener, 1) == 0 &&
              getsockname(listener, (struct sockaddr *)&here, &len) == 0 &&
              connect(fd, (struct sockaddr *)&here, sizeof here) == 0, "loopback does not work");
}

static void S20_doors_into_the_kernel_are_shut(void) {
    box_probe("doors", NULL);
}

// ---- S21, S33: what is seen is what the spec says ----

static void probe_environment(const char *argument) {
    (void)argument;
    extern char **environ;
    static const char *const want[] = {"PATH=/usr/bin:/bin", "HOME=/tmp/home", "LC_ALL=C.UTF-8", NULL};
    for (size_t i = 0; want[i] || environ[i]; i++)
        CHECK(want[i] && environ[i] && strcmp(want[i], environ[i]) == 0, "variable %zu: %s", i, environ[i]);
}

static void S21_the_environment_is_the_specs(void) {
    static const char *const names[] = {"LD_PRELOAD", "LD_LIBRARY_PATH", "GIT_DIR", "http_proxy",
                                        "DBUS_SESSION_BUS_ADDRESS", "SSH_AUTH_SOCK", "MINIMAL_TEST"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        setenv(names[i], "/nowhere", 1);
    box_probe("environment", NULL);
}

// The mount table without what differs between hosts: path, kind, and the mount's own flags.
static const char *const golden_mounts[] = {
    "/ ro,nosuid,nodev,relatime",
    "/build rw,nosuid,nodev,relatime",
    "/dev ro,nosuid,nodev,noexec,relatime",
    "/dev/full ro,nosuid,noexec,relatime",
    "/dev/null ro,nosuid,noexec,relatime",
    "/dev/pts rw,nosuid,noexec,relatime",
    "/dev/random ro,nosuid,noexec,relatime",
    "/dev/shm rw,nosuid,nodev,noexec,relatime",
    "/dev/tty ro,nosuid,noexec,relatime",
    "/dev/urandom ro,nosuid,noexec,relatime",
    "/dev/zero ro,nosuid,noexec,relatime",
    "/probe ro,nosuid,nodev,relatime",
    "/proc rw,nosuid,nodev,noexec,relatime",
    "/tmp rw,nosuid,nodev,relatime",
    "/usr ro,nosuid,nodev,relatime",
};

static void probe_mounts(const char *argument) {
    (void)argument;
    bool seen[ARRAY_LEN(golden_mounts)] = {false};
    FILE *file = fopen("/proc/self/mountinfo", "r");
    char line[4096], path[1024], flags[1024];
    CHECK(file, "mountinfo");
    while (fgets(line, sizeof line, file)) {
        CHECK(sscanf(line, "%*d %*d %*s %*s %1023s %1023s", path, flags) == 2, "%s", line);
        char *idmapped = strstr(flags, ",idmapped");
        if (idmapped)
            *idmapped = '\0';
        bool mask = false;
        for (size_t i = 0; i < table_mask_count; i++)
            mask |= strncmp(path, "/proc/", 6) == 0 && strcmp(path + 6, table_masks[i].name) == 0;
        if (mask) {
            CHECK(strcmp(flags, "ro,nosuid,nodev,noexec,relatime") == 0, "%s %s", path, flags);
            continue;
        }
        char both[2100];
        snprintf(both, sizeof both, "%s %s", path, flags);
        bool known = false;
        for (size_t i = 0; i < ARRAY_LEN(golden_mounts); i++)
            if (strcmp(both, golden_mounts[i]) == 0)
                known = seen[i] = true;
        CHECK(known, "'%s' is in no list", both);
    }
    for (size_t i = 0; i < ARRAY_LEN(golden_mounts); i++)
        CHECK(seen[i], "'%s' is missing", golden_mounts[i]);
}

static void S21_the_mounts_are_the_documented_ones(void) {
    box_probe("mounts", NULL);
}

static void probe_view(const char *argument) {
    (void)argument;
    char name[64];
    CHECK(gethostname(name, sizeof name) == 0 && strcmp(name, "minimal") == 0, "%s", name);
    CHECK(getdomainname(name, sizeof name) == 0 && strcmp(name, "(none)") == 0, "%s", name);
    CHECK(getuid() == 1000 && geteuid() == 1000 && getgid() == 1000 && getegid() == 1000, "ids");
    CHECK(umask(0) == 022, "umask");
    CHECK(getpid() == 2 && getppid() == 1 && getsid(0) == 2, "pid %d of %d", (int)getpid(), (int)getppid());
    struct timespec up;
    CHECK(clock_gettime(CLOCK_BOOTTIME, &up) == 0 && up.tv_sec < 100, "uptime %lld", (long long)up.tv_sec);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &up) == 0 && up.tv_sec < 100, "monotonic %lld", (long long)up.tv_sec);
    CHECK(access("/proc/sys/kernel/random/boot_id", F_OK) < 0 && access("/etc/machine-id", F_OK) < 0, "ids of the host");
    cpu_set_t cpus;
    CHECK(sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) == 1, "%d processors", CPU_COUNT(&cpus));
    struct rlimit limit;
    for (size_t i = 0; i < table_limit_count; i++)
        CHECK(getrlimit((__rlimit_resource_t)table_limits[i].resource, &limit) == 0 &&
                  limit.rlim_cur <= table_limits[i].soft && limit.rlim_max <= table_limits[i].hard,
              "%s is %llu", table_limits[i].name, (unsigned long long)limit.rlim_cur);
    sigset_t blocked;
    CHECK(sigprocmask(SIG_SETMASK, NULL, &blocked) == 0 && !sigismember(&blocked, SIGTERM), "blocked signals");
    struct sigaction action;
    CHECK(sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL, "ignored signals");
    struct stat st;
    static const char *const ours[] = {"/", "/etc", "/etc/passwd", "/build", "/tmp", "/tmp/home", "/dev/shm"};
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        CHECK(stat(ours[i], &st) == 0 && st.st_uid == 1000 && st.st_gid == 1000, "%s is %u's", ours[i], st.st_uid);
    CHECK(stat("/etc/passwd", &st) == 0 && st.st_mtime == TABLE_EPOCH_S, "time of /etc/passwd");
    CHECK(stat("/etc", &st) == 0 && st.st_mtime == TABLE_EPOCH_S, "time of /etc");
    CHECK(close(open("/build/x", O_CREAT | O_WRONLY, 0644)) == 0, "/build is writable");
}

static void S33_what_a_build_can_ask_the_host_for_is_fixed(void) {
    signal(SIGPIPE, SIG_IGN);
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    umask(077);
    TestBox *box = box_new("view", NULL);
    box->spec.limits.cpus = 1;
    box_expect(box, SANDBOX_EXITED, 0);
}

// ---- S25: names that a layer puts in the way ----

static void probe_true(const char *argument) {
    (void)argument;
}

static void S25_a_layer_cannot_lead_a_mount_astray(void) {
    char path[2 * PATH_MAX];
    TestBox *box = box_with_layers("true", NULL, 2);
    static const char *const links[] = {"dev", "proc", "etc", "build"};
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        snprintf(path, sizeof path, "%s/layers/0/%s", case_dir, links[i]);
        CHECK(symlink(case_dir, path) == 0, "symlink");
    }
    box_expect(box, SANDBOX_EXITED, 0);
    // A mountpoint that only a layer has, and has as a link to somewhere.
    box = box_with_layers("true", NULL, 2);
    snprintf(path, sizeof path, "%s/layers/0/elsewhere", case_dir);
    CHECK(symlink("/tmp", path) == 0, "symlink");
    box_mount(box, (SandboxMount){.kind = SANDBOX_MOUNT_TMPFS, .path = "/elsewhere", .source_fd = -1, .mode = 0755});
    Error *error = box_run_error(box);
    CHECK(error && error_kind(error) == ERROR_SANDBOX &&
              strstr(error_text(error), "cannot find a mountpoint: elsewhere: Too many levels of symbolic links"),
          "%s", error ? error_text(error) : "no error");
    error_free(error);
}

// ---- S26, S30: ends ----

static void probe_sleep(const char *argument) {
    (void)argument;
    for (int number = 1; number < 32; number++)
        signal(number, SIG_IGN);
    if (fork() == 0)
        raise(SIGSTOP);
    close(open("/build/sleeping", O_CREAT | O_WRONLY, 0644));
    for (;;)
        sleep(1000);
}

static void S26_the_box_dies_with_the_process_that_made_it(void) {
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    pid_t maker = fork();
    if (maker == 0) {
        TestBox *box = box_new("sleep", NULL);
        box->spec.stdout_fd = ends[1];
        box_run(box);
        _exit(0);
    }
    close(ends[1]);
    wait_for("sleeping");
    kill(maker, SIGKILL);
    waitpid(maker, NULL, 0);
    // The pipe ends when no process of the box is left to hold it.
    struct pollfd pipe_end = {.fd = ends[0], .events = POLLIN};
    CHECK(poll(&pipe_end, 1, 20000) == 1 && (pipe_end.revents & POLLHUP), "somebody lives on");
}

static void S30_a_time_out_ends_those_that_ignore_and_stop(void) {
    TestBox *box = box_new("sleep", NULL);
    box->spec.limits.total_timeout_s = 1;
    box_expect(box, SANDBOX_TOTAL_TIMEOUT, 0);
    CHECK(sandbox_exit_code(&box->result) == 124, "code");
    box = box_new("sleep", NULL);
    box->spec.limits.idle_timeout_s = 1;
    box_expect(box, SANDBOX_IDLE_TIMEOUT, 0);
}

// ---- S27, S29: bombs ----

static void probe_fork_bomb(const char *argument) {
    (void)argument;
    for (;;)
        if (fork() < 0)
            usleep(1000);
}

// AddressSanitizer needs more address space than any limit would leave it.
#if defined(__SANITIZE_ADDRESS__)
enum { MEMORY_IS_LIMITED = false };
#else
enum { MEMORY_IS_LIMITED = true };
#endif

static void probe_files(const char *memory_is_limited) {
    int count = 0;
    while (open("/dev/null", O_RDONLY) >= 0)
        count++;
    CHECK(errno == EMFILE && count <= (int)TABLE_OPEN_FILES, "%d files", count);
    signal(SIGXFSZ, SIG_IGN);
    close(100);
    int fd = open("/build/sparse", O_CREAT | O_WRONLY, 0644);
    REFUSED(ftruncate(fd, INT64_C(64) << 30), EFBIG, EFBIG);
    if (!memory_is_limited)
        return;
    void *memory = mmap(NULL, (size_t)4 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(memory == MAP_FAILED && errno == ENOMEM, "4 GiB were given");
}

static void probe_flood(const char *argument) {
    (void)argument;
    static char bytes[65536];
    memset(bytes, 'x', sizeof bytes);
    while (write(1, bytes, sizeof bytes) > 0)
        ;
}

static void probe_fill(const char *argument) {
    (void)argument;
    static char bytes[65536];
    memset(bytes, 'x', sizeof bytes);
    for (int i = 0;; i++) {
        char path[64];
        snprintf(path, sizeof path, "/build/%d", i);
        int fd = open(path, O_CREAT | O_WRONLY, 0644);
        for (int k = 0; k < 16; k++)
            CHECK(write(fd, bytes, sizeof bytes) > 0, "full before it was stopped");
        close(fd);
        if (i > 2000)
            usleep(100000);
    }
}

static void probe_deep(const char *argument) {
    (void)argument;
    for (int i = 0; i < 2000; i++)
        CHECK(mkdir("d", 0755) == 0 && chdir("d") == 0, "mkdir");
    for (;;)
        sleep(1000);
}

static void S27_a_fork_bomb_ends(void) {
    TestBox *box = box_new("fork_bomb", NULL);
    box->spec.limits.total_timeout_s = 2;
    box->spec.limits.processes = 300;
    box_expect(box, SANDBOX_TOTAL_TIMEOUT, 0);
}

static void S27_files_and_memory_are_limited(void) {
    TestBox *box = box_new("files", MEMORY_IS_LIMITED ? "memory" : NULL);
    box->spec.limits.memory_bytes = MEMORY_IS_LIMITED ? (uint64_t)2 << 30 : 0;
    box_expect(box, SANDBOX_EXITED, 0);
}

static void S27_a_flood_of_output_ends_the_box(void) {
    TestBox *box = box_new("flood", NULL);
    box->spec.limits.output_bytes = 1 << 20;
    box_expect(box, SANDBOX_OUTPUT_LIMIT, 0);
    CHECK(strlen(box->output) <= 1 << 20 && sandbox_exit_code(&box->result) == 1, "%zu bytes", strlen(box->output));
}

static TestBox *watched_box(const char *probe) {
    TestBox *box = box_new(probe, NULL);
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/build", case_dir);
    box->spec.limits.watched_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    box->spec.limits.disk_bytes = 64 << 20;
    box->spec.limits.total_timeout_s = 60;
    return box;
}

static void S27_a_full_disk_ends_the_box(void) {
    box_expect(watched_box("fill"), SANDBOX_DISK_LIMIT, 0);
}

static void S27_a_deep_tree_ends_the_box(void) {
    box_expect(watched_box("deep"), SANDBOX_DISK_LIMIT, 0);
}

// ---- S31: sandbox or nothing ----

// From here on `number` fails with `value`, as a container's profile would have it.
static void refuse_call(int number, int value) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)value),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {ARRAY_LEN(code), code};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0,
          "cannot refuse call %d", number);
}

static void probe_mark(const char *argument) {
    (void)argument;
    close(open("/build/ran", O_CREAT | O_WRONLY, 0644));
}

static void S31_without_a_wall_nothing_runs(void) {
    static const struct {
        int number;
        const char *name;
        bool root_only;
    } walls[] = {{SYS_clone3, "clone3", false},         {SYS_unshare, "unshare", false},
                 {SYS_mount, "mount", false},           {SYS_fsopen, "fsopen", false},
                 {SYS_fsconfig, "fsconfig", false},     {SYS_fsmount, "fsmount", false},
                 {SYS_move_mount, "move_mount", false}, {SYS_open_tree, "open_tree", false},
                 {SYS_mount_setattr, "mount_setattr", false},
                 {SYS_pivot_root, "pivot_root", false}, {SYS_umount2, "umount2", false},
                 {SYS_sethostname, "sethostname", false},
                 {SYS_setdomainname, "setdomainname", false},
                 {SYS_openat2, "openat2", false},       {SYS_seccomp, "seccomp", false},
                 {SYS_prctl, "prctl", false},           {SYS_capset, "capset", false},
                 {SYS_setsid, "setsid", false},         {SYS_close_range, "close_range", false},
                 {SYS_ioctl, "ioctl", false},           {SYS_setresuid, "setresuid", true},
                 {SYS_setresgid, "setresgid", true},    {SYS_setgroups, "setgroups", true},
                 {SYS_statx, "statx", false}};
    bool as_root = geteuid() == 0;
    char ran[PATH_MAX + 16];
    snprintf(ran, sizeof ran, "%s/build/ran", case_dir);
    for (size_t i = 0; i < ARRAY_LEN(walls); i++) {
        if (walls[i].root_only && !as_root)
            continue;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            TestBox *box = box_with_layers("mark", NULL, 2);
            refuse_call(walls[i].number, EPERM);
            Error *error = box_run_error(box);
            CHECK(error, "%s is refused, and nothing happens", walls[i].name);
            CHECK(error_kind(error) == ERROR_SANDBOX, "%s: %s", walls[i].name, error_text(error));
            CHECK(strstr(error_text(error), "Operation not permitted"), "%s: %s", walls[i].name, error_text(error));
            CHECK(error_get_hint(error), "%s: no hint for %s", walls[i].name, error_text(error));
            _exit(0);
        }
        int status;
        CHECK(waitpid(pid, &status, 0) == pid && status == 0, "%s", walls[i].name);
        CHECK(access(ran, F_OK) < 0, "the command ran without %s", walls[i].name);
    }
    // And with every wall it does run.
    box_expect(box_with_layers("mark", NULL, 2), SANDBOX_EXITED, 0);
    CHECK(access(ran, F_OK) == 0, "the command did not run");
}

// A host that allows no user namespaces, made of a user namespace whose own limit is zero.
static void S31_a_host_without_user_namespaces_is_named(void) {
    if (geteuid() == 0)
        return; // root needs none until later; the next test is the ordinary user's turn
    uid_t uid = geteuid();
    gid_t gid = getegid();
    char map[64];
    CHECK(unshare(CLONE_NEWUSER) == 0, "unshare");
    write_file("/proc/self", "setgroups", "deny");
    snprintf(map, sizeof map, "0 %u 1", (unsigned)uid);
    write_file("/proc/self", "uid_map", map);
    snprintf(map, sizeof map, "0 %u 1", (unsigned)gid);
    write_file("/proc/self", "gid_map", map);
    // A container with a single id: its only user is not the host's root, and 1000 maps to it.
    box_probe("true", NULL);
    write_file("/proc/sys/user", "max_user_namespaces", "0");
    Error *error = box_run_error(box_new("mark", NULL));
    CHECK(error && error_kind(error) == ERROR_SANDBOX, "no error");
    CHECK(strcmp(error_text(error), "this host does not let us make a sandbox: cannot clone into new namespaces: "
                                    "No space left on device") == 0, "%s", error_text(error));
    CHECK(strstr(error_get_hint(error), "sudo sysctl user.max_user_namespaces="), "%s", error_get_hint(error));
    error_free(error);
}

// ---- S32: two boxes ----

static void probe_neighbour(const char *argument) {
    bool first = strcmp(argument, "1") == 0;
    if (first) {
        listen_abstract("neighbour");
        int shm = shmget(0x6d696e, 4096, IPC_CREAT | 0666);
        CHECK(shm >= 0, "shmget");
        close(open("/tmp/mine", O_CREAT | O_WRONLY, 0644));
        close(open("/dev/shm/mine", O_CREAT | O_WRONLY, 0644));
        int listener = socket(AF_INET, SOCK_STREAM, 0);
        struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(7777), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        CHECK(bind(listener, (struct sockaddr *)&here, sizeof here) == 0 && listen(listener, 1) == 0, "listen");
        close(open("/build/there", O_CREAT | O_WRONLY, 0644));
        for (int i = 0; i < 6000 && access("/build/looked", F_OK) < 0; i++)
            usleep(10000);
        return;
    }
    for (int i = 0; i < 6000 && access("/build/there", F_OK) < 0; i++)
        usleep(10000);
    CHECK(access("/build/there", F_OK) == 0, "the other box never came");
    REFUSED(connect_abstract("neighbour"), ECONNREFUSED, ECONNREFUSED);
    REFUSED(shmget(0x6d696e, 4096, 0), ENOENT, ENOENT);
    REFUSED(access("/tmp/mine", F_OK), ENOENT, ENOENT);
    REFUSED(access("/dev/shm/mine", F_OK), ENOENT, ENOENT);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(7777), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    REFUSED(connect(fd, (struct sockaddr *)&here, sizeof here), ECONNREFUSED, ECONNREFUSED);
    probe_proc(NULL);
    for (int pid = 3; pid < 100; pid++)
        REFUSED(kill(pid, SIGKILL), ESRCH, ESRCH);
    close(open("/build/looked", O_CREAT | O_WRONLY, 0644));
}

static void S32_two_boxes_do_not_see_each_other(void) {
    pthread_t threads[2];
    TestBox *boxes[2] = {box_new("neighbour", "1"), box_new("neighbour", "2")};
    // Each output goes to a log of its own; the output file of case_dir is for one box.
    for (int i = 0; i < 2; i++) {
        boxes[i]->spec.stdout_fd = boxes[i]->spec.stderr_fd = 2;
        CHECK(pthread_create(&threads[i], NULL, run_in_thread, boxes[i]) == 0, "thread");
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

static const Probe probes[] = {
    {"connect_abstract", probe_connect_abstract},
    {"listen_abstract", probe_listen_abstract},
    {"leave_daemon", probe_leave_daemon},
    {"link_inputs", probe_link_inputs},
    {"write_layer", probe_write_layer},
    {"overwrite_tool", probe_overwrite_tool},
    {"descriptors", probe_descriptors},
    {"proc", probe_proc},
    {"type_into_terminal", probe_type_into_terminal},
    {"namespaces", probe_namespaces},
    {"sweep", probe_sweep},
    {"foreign", probe_foreign},
    {"set_id", probe_set_id},
    {"devices", probe_devices},
    {"processes", probe_processes},
    {"doors", probe_doors},
    {"environment", probe_environment},
    {"mounts", probe_mounts},
    {"view", probe_view},
    {"true", probe_true},
    {"sleep", probe_sleep},
    {"fork_bomb", probe_fork_bomb},
    {"files", probe_files},
    {"flood", probe_flood},
    {"fill", probe_fill},
    {"deep", probe_deep},
    {"mark", probe_mark},
    {"neighbour", probe_neighbour},
};

int main(int argc, char **argv) {
    run_probe(argc, argv, probes, ARRAY_LEN(probes));
    const struct CMUnitTest tests[] = {
        BOX_CASE(S1_the_hosts_abstract_sockets_are_out_of_reach),
        BOX_CASE(S2_nobody_outside_can_connect_in),
        BOX_CASE(S4_a_daemon_is_dead_when_the_run_returns),
        BOX_CASE(S8_inputs_cannot_be_linked_to),
        BOX_CASE(S9_no_layer_can_be_changed),
        BOX_CASE(S10_the_tool_itself_is_out_of_reach),
        BOX_CASE(S11_three_descriptors_and_no_way_above_the_root),
        BOX_CASE(S12_proc_shows_this_box_alone_and_nothing_of_the_kernel),
        BOX_CASE(S13_nothing_can_be_typed_into_the_callers_terminal),
        BOX_CASE(S14_no_new_namespace_and_no_other_one),
        BOX_CASE(S15_every_number_is_answered_as_the_table_says),
        BOX_CASE(S16_another_architectures_calls_end_the_process),
        BOX_CASE(S17_no_set_id_bit_and_no_attribute),
        BOX_CASE(S18_no_device_can_be_made_and_six_are_there),
        BOX_CASE(S19_no_process_of_the_host_or_of_the_tool_can_be_touched),
        BOX_CASE(S20_doors_into_the_kernel_are_shut),
        BOX_CASE(S21_the_environment_is_the_specs),
        BOX_CASE(S21_the_mounts_are_the_documented_ones),
        BOX_CASE(S25_a_layer_cannot_lead_a_mount_astray),
        BOX_CASE(S26_the_box_dies_with_the_process_that_made_it),
        BOX_CASE(S27_a_fork_bomb_ends),
        BOX_CASE(S27_files_and_memory_are_limited),
        BOX_CASE(S27_a_flood_of_output_ends_the_box),
        BOX_CASE(S27_a_full_disk_ends_the_box),
        BOX_CASE(S27_a_deep_tree_ends_the_box),
        BOX_CASE(S30_a_time_out_ends_those_that_ignore_and_stop),
        BOX_CASE(S31_without_a_wall_nothing_runs),
        BOX_CASE(S31_a_host_without_user_namespaces_is_named),
        BOX_CASE(S32_two_boxes_do_not_see_each_other),
        BOX_CASE(S33_what_a_build_can_ask_the_host_for_is_fixed),
    };
    box_prepare();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    box_clean();
    return failed;
}

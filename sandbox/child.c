// The child's life: init of the box. It raises the walls in order, starts the command as its only child, then waits for
// it, sends signals on and buries orphans. When it ends, the kernel ends every process of the pid namespace.
// Invariant: no step is skipped; one that fails is reported and ends the box before the command exists.
#include "sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NO_LOG = -1, KERNEL_SIGSET_SIZE = 8 };

static void report(const Plan *plan, const ChildReport *message) {
    ssize_t done;
    do
        done = write(plan->report_fd, message, sizeof *message);
    while (done < 0 && errno == EINTR);
}

void child_fail(const Plan *plan, ChildStep step, size_t index, int mount_log_fd) {
    ChildReport message = {.kind = REPORT_FAILED, .step = step, .index = (uint32_t)index, .error = errno};
    // What fsopen(2)'s descriptor has to say, one message per read, the last one being about what just failed.
    while (mount_log_fd >= 0) {
        ssize_t len = read(mount_log_fd, message.detail, sizeof message.detail - 1);
        if (len <= 0)
            break;
        message.detail[len] = '\0';
    }
    report(plan, &message);
    _exit(125);
}

static void close_between(const Plan *plan, int from, int to) {
    if (from <= to && syscall(SYS_close_range, (unsigned)from, (unsigned)to, 0) < 0)
        child_fail(plan, STEP_DESCRIPTORS, 0, NO_LOG);
}

// Closes all that the plan does not name: among it the parent's other files, and other boxes' pipes.
static void close_others(const Plan *plan) {
    int from = 0;
    for (size_t i = 0; i < plan->keep_count; i++) {
        close_between(plan, from, plan->keep[i] - 1);
        from = plan->keep[i] + 1;
    }
    close_between(plan, from, INT32_MAX);
}

static void write_text(const Plan *plan, const char *path, const char *text, ChildStep step) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t len = strlen(text);
    if (fd < 0 || write(fd, text, len) != (ssize_t)len)
        child_fail(plan, step, 0, NO_LOG);
    close(fd);
}

// A dumpable process owns its files in /proc, which it has to write; one that is not is closed to every other process
// of the same user, in /proc and to ptrace(2). So it is opened for the moments that need it, when no other process of
// that user is in reach, and shut before the command exists.
static void set_dumpable(const Plan *plan, int dumpable) {
    if (prctl(PR_SET_DUMPABLE, dumpable) < 0)
        child_fail(plan, STEP_ID_MAP, 0, NO_LOG);
}

// Our own ids, one to one: what an unprivileged process may map by itself, so that no moment exists in which the parent
// has to act for a child that already runs.
static void map_ids(const Plan *plan) {
    write_text(plan, "/proc/self/setgroups", "deny", STEP_ID_MAP);
    write_text(plan, "/proc/self/uid_map", plan->uid_map, STEP_ID_MAP);
    write_text(plan, "/proc/self/gid_map", plan->gid_map, STEP_ID_MAP);
}

static void make_network(const Plan *plan) {
    if (unshare(CLONE_NEWNET) < 0)
        child_fail(plan, STEP_NETWORK, 0, NO_LOG);
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        child_fail(plan, STEP_NETWORK, 0, NO_LOG);
    close(fd);
}

static void name_host(const Plan *plan) {
    static const char domain[] = "(none)";
    if (sethostname(plan->hostname, strlen(plan->hostname)) < 0 || setdomainname(domain, sizeof domain - 1) < 0)
        child_fail(plan, STEP_HOSTNAME, 0, NO_LOG);
}

// Takes effect for processes that are made from now on, which the command is the first of.
static void zero_uptime(const Plan *plan) {
    if (unshare(CLONE_NEWTIME) < 0)
        child_fail(plan, STEP_TIME, 0, NO_LOG);
    write_text(plan, "/proc/self/timens_offsets", plan->time_offsets, STEP_TIME);
}

// Root becomes the box's unprivileged user, first on the host, then in a user namespace of its own.
static void leave_root(const Plan *plan) {
    if (syscall(SYS_setgroups, 0, NULL) < 0 ||
        syscall(SYS_setresgid, plan->identity.gid, plan->identity.gid, plan->identity.gid) < 0 ||
        syscall(SYS_setresuid, plan->identity.uid, plan->identity.uid, plan->identity.uid) < 0)
        child_fail(plan, STEP_IDENTITY, 0, NO_LOG);
    if (unshare(CLONE_NEWUSER) < 0)
        child_fail(plan, STEP_IDENTITY, 1, NO_LOG);
    set_dumpable(plan, 1);
    map_ids(plan);
    set_dumpable(plan, 0);
}

static void drop_capabilities(const Plan *plan) {
    // From 0 until the kernel knows no more of them, which it says with EINVAL.
    unsigned capability = 0;
    while (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
        capability++;
    if (errno != EINVAL || capability <= CAP_BPF)
        child_fail(plan, STEP_CAPABILITIES, capability, NO_LOG);
    unsigned long bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                         SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;
    if (prctl(PR_SET_SECUREBITS, bits, 0, 0, 0) < 0 || prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        child_fail(plan, STEP_CAPABILITIES, 0, NO_LOG);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    if (syscall(SYS_capset, &header, none) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        child_fail(plan, STEP_CAPABILITIES, 0, NO_LOG);
}

static void filter_calls(const Plan *plan) {
    struct sock_fprog program = {plan->seccomp->length, plan->seccomp->code};
    // Without this flag kernels before 5.16 slow a filtered process down against a leak between its own threads.
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_SPEC_ALLOW, &program) < 0)
        child_fail(plan, STEP_SECCOMP, 0, NO_LOG);
}

// ---- the command ----

static void set_stdio(const Plan *plan) {
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = plan->stdio[i] >= 0 ? fcntl(plan->stdio[i], F_DUPFD_CLOEXEC, 3)
                                     : open("/dev/null", (i == 0 ? O_RDONLY : O_WRONLY) | O_CLOEXEC);
        if (fds[i] >= 0 && fds[i] < 3)
            fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (fds[i] < 0)
            child_fail(plan, STEP_STDIO, (size_t)i, NO_LOG);
    }
    for (int i = 0; i < 3; i++)
        if (dup2(fds[i], i) < 0)
            child_fail(plan, STEP_STDIO, (size_t)i, NO_LOG);
}

static _Noreturn void run_command(const Plan *plan) {
    if (setsid() < 0)
        child_fail(plan, STEP_STDIO, 3, NO_LOG);
    set_stdio(plan);
    close_between(plan, 3, plan->report_fd - 1);
    close_between(plan, plan->report_fd + 1, INT32_MAX);
    for (size_t i = 0; i < table_limit_count; i++)
        if (setrlimit((__rlimit_resource_t)table_limits[i].resource, &plan->limits[i]) < 0)
            child_fail(plan, STEP_LIMIT, i, NO_LOG);
    if (plan->set_cpus && sched_setaffinity(0, sizeof plan->cpus, &plan->cpus) < 0)
        child_fail(plan, STEP_CPUS, 0, NO_LOG);
    umask(022);
    if (chdir(plan->cwd) < 0)
        child_fail(plan, STEP_CWD, 0, NO_LOG);
    uint64_t no_signals = 0;
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &no_signals, NULL, (size_t)KERNEL_SIGSET_SIZE);
    int denied = 0;
    for (size_t i = 0; plan->programs[i]; i++) {
        execve(plan->programs[i], plan->argv, plan->env);
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            break;
        denied |= errno == EACCES;
    }
    if (denied && (errno == ENOENT || errno == ENOTDIR))
        errno = EACCES;
    child_fail(plan, STEP_EXEC, 0, NO_LOG);
}

// ---- init ----

static void send_on(pid_t command, int number) {
    // As a terminal would: what it sends goes to the whole foreground group, which the command leads.
    bool to_group = number == SIGINT || number == SIGQUIT || number == SIGHUP || number == SIGTSTP ||
                    number == SIGCONT || number == SIGWINCH;
    if (!to_group || kill(-command, number) < 0)
        kill(command, number);
}

// Ends whatever the command has left behind, and says so once it is gone. The kernel would do the same at our own end;
// but then the caller would have to wait until it has also taken the mounts and the network apart.
static _Noreturn void end_box(const Plan *plan, int status) {
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno != ECHILD)
        ;
    ChildReport message = {.kind = REPORT_ENDED, .error = status};
    getrusage(RUSAGE_CHILDREN, &message.usage);
    report(plan, &message);
    _exit(0);
}

static _Noreturn void be_init(const Plan *plan, pid_t command) {
    int kept = plan->report_fd;
    close_between(plan, 0, kept - 1);
    close_between(plan, kept + 1, INT32_MAX);
    uint64_t all_signals = UINT64_MAX;
    for (;;) {
        int status;
        pid_t ended;
        while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
            if (ended == command)
                end_box(plan, status);
        siginfo_t info = {0};
        long number = syscall(SYS_rt_sigtimedwait, &all_signals, &info, NULL, (size_t)KERNEL_SIGSET_SIZE);
        // Pid 0 is one that has no number in here: the parent's. What the box itself sends to init is dropped.
        if (number > 0 && number != SIGCHLD && info.si_pid == 0)
            send_on(command, (int)number);
    }
}

void child_wait_for_layers(const Plan *plan) {
    char byte;
    ssize_t got;
    if (plan->layers_fd < 0)
        return;
    do
        got = read(plan->layers_fd, &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1)
        _exit(125); // nobody wants this box any more
    close(plan->layers_fd);
}

// A parent that was gone before PR_SET_PDEATHSIG sends no signal; but then nobody reads the report.
static void end_if_orphaned(const Plan *plan) {
    struct pollfd reader = {.fd = plan->report_fd};
    if (poll(&reader, 1, 0) > 0 && (reader.revents & POLLERR))
        _exit(125);
}

static void reset_signals(void) {
    // The clone has reset handlers; what the parent ignores would be ignored by the command, too.
    struct sigaction action = {.sa_handler = SIG_DFL};
    for (int number = 1; number < NSIG; number++)
        sigaction(number, &action, NULL);
}

void child_main(const Plan *plan) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    reset_signals();
    setsid(); // what a terminal sends to the caller's processes is the caller's to send on
    close_others(plan);
    set_dumpable(plan, plan->identity.mode == HOST_USER);
    if (plan->identity.mode == HOST_USER)
        map_ids(plan);
    zero_uptime(plan);
    set_dumpable(plan, 0);
    if (plan->own_network)
        make_network(plan);
    name_host(plan);
    child_make_root(plan);
    if (plan->identity.mode == HOST_ROOT)
        leave_root(plan);
    drop_capabilities(plan);
    // Lost with each change of ids.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    end_if_orphaned(plan);
    prctl(PR_SET_NAME, "init");
    filter_calls(plan);
    // Shares our memory until it executes; a kernel that refuses this across a time namespace gets a copy made.
    pid_t command = vfork();
    if (command < 0 && errno == EINVAL)
        command = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (command == 0)
        run_command(plan);
    if (command < 0)
        child_fail(plan, STEP_FORK, 0, NO_LOG);
    be_init(plan, command);
}

// The walls around the worker, each raised by the process around itself before it reads a foreign byte. What is not
// allowed answers ENOSYS or EACCES rather than killing, so that a library's own fallbacks work and an error has words.
#include "cache/worker/confine.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || __has_feature(address_sanitizer) ||               \
    __has_feature(thread_sanitizer)
enum { ADDRESS_SPACE_IS_LIMITED = 0 }; // their shadow memory takes terabytes of it
#else
enum { ADDRESS_SPACE_IS_LIMITED = 1 };
#endif

enum { CPU_FETCH_S = 3600, CPU_UNPACK_S = 1200, FILES_MAX = 64 };
static const rlim_t address_space_max = 1u << 30;

Error *confine_start(int first_fd) {
    struct rlimit none = {0, 0};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
        return error_sys(errno, "cannot begin to confine the worker");
    if (syscall(SYS_close_range, (unsigned)first_fd, ~0u, 0) < 0)
        return error_sys(errno, "cannot close inherited descriptors");
    signal(SIGXFSZ, SIG_IGN); // writing past the limit is EFBIG, which has words
    signal(SIGPIPE, SIG_IGN);
    umask(0);
    return NULL;
}

static Error *limit(int what, rlim_t soft, rlim_t hard) {
    struct rlimit now, wanted = {soft, hard};
    if (getrlimit(what, &now) == 0 && now.rlim_max < hard)
        wanted = (struct rlimit){now.rlim_max < soft ? now.rlim_max : soft, now.rlim_max};
    return setrlimit(what, &wanted) < 0 ? error_sys(errno, "cannot limit the worker's resources") : NULL;
}

static Error *limit_all(uint64_t file_size_max, rlim_t cpu_s) {
    TRY(limit(RLIMIT_FSIZE, file_size_max, file_size_max));
    TRY(limit(RLIMIT_CPU, cpu_s, cpu_s + 5));
    TRY(limit(RLIMIT_NOFILE, FILES_MAX, FILES_MAX));
    return ADDRESS_SPACE_IS_LIMITED ? limit(RLIMIT_AS, address_space_max, address_space_max) : NULL;
}

static Error *drop_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    return syscall(SYS_capset, &header, data) < 0 ? error_sys(errno, "cannot give up capabilities") : NULL;
}

// ---- Landlock (landlock(7)); spelled out here, as kernel headers of the time of Linux 5.11 do not have it ----

enum {
    LL_WRITE_FILE = 1 << 1,
    LL_READ_FILE = 1 << 2,
    LL_READ_DIR = 1 << 3,
    LL_REMOVE_FILE = 1 << 5,
    LL_MAKE_DIR = 1 << 7,
    LL_MAKE_REG = 1 << 8,
    LL_MAKE_SYM = 1 << 12,
    LL_TRUNCATE = 1 << 14,
    LL_NET_BIND_TCP = 1 << 0,
    LL_SCOPE_ABSTRACT_UNIX = 1 << 0,
    LL_SCOPE_SIGNAL = 1 << 1,
};
enum { LL_CREATE = 444, LL_ADD_RULE = 445, LL_RESTRICT = 446, LL_VERSION = 1, LL_PATH_BENEATH = 1 };

typedef struct LandlockRuleset {
    uint64_t fs, net, scoped;
} LandlockRuleset;

typedef struct __attribute__((packed)) LandlockPath {
    uint64_t allowed;
    int32_t parent_fd;
} LandlockPath;

// 0: the kernel has none, or it is switched off.
static int landlock_abi(void) {
    long abi = syscall(LL_CREATE, NULL, (size_t)0, LL_VERSION);
    return abi < 0 ? 0 : (int)abi;
}

static uint64_t landlock_fs_rights(int abi) {
    unsigned bits = abi >= 5 ? 16 : abi >= 3 ? 15 : abi == 2 ? 14 : 13;
    return (1ull << bits) - 1;
}

static Error *landlock_new(int abi, int *fd_out) {
    LandlockRuleset set = {.fs = landlock_fs_rights(abi)};
    size_t size = sizeof set.fs;
    if (abi >= 4) {
        set.net = LL_NET_BIND_TCP;
        size = offsetof(LandlockRuleset, scoped);
    }
    if (abi >= 6) {
        set.scoped = LL_SCOPE_ABSTRACT_UNIX | LL_SCOPE_SIGNAL;
        size = sizeof set;
    }
    long fd = syscall(LL_CREATE, &set, size, 0);
    if (fd < 0)
        return error_sys(errno, "cannot make a Landlock rule set");
    *fd_out = (int)fd;
    return NULL;
}

static Error *landlock_allow(int ruleset, int fd, uint64_t rights) {
    LandlockPath rule = {.allowed = rights, .parent_fd = fd};
    if (syscall(LL_ADD_RULE, ruleset, LL_PATH_BENEATH, &rule, 0) < 0)
        return error_sys(errno, "cannot add a Landlock rule");
    return NULL;
}

// A path that is absent needs no rule.
static Error *landlock_allow_reading(int ruleset, const char *path) {
    AUTO_FD int fd = open(path, O_PATH | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return NULL;
    return landlock_allow(ruleset, fd, S_ISDIR(st.st_mode) ? LL_READ_FILE | LL_READ_DIR : LL_READ_FILE);
}

static Error *landlock_enter(int ruleset) {
    return syscall(LL_RESTRICT, ruleset, 0) < 0 ? error_sys(errno, "cannot enter the Landlock rule set") : NULL;
}

// ---- system calls ----

static Error *filter_error(int result) {
    return error_sys(-result, "cannot make the worker's system call filter");
}

static Error *filter_allow(scmp_filter_ctx filter, const int *calls, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int result = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
        if (result < 0)
            return filter_error(result);
    }
    return NULL;
}

// Allows a call when (argument & mask) is value.
static Error *filter_allow_if(scmp_filter_ctx filter, int call, unsigned arg, uint64_t mask, uint64_t value) {
    const struct scmp_arg_cmp compare = {.arg = arg, .op = SCMP_CMP_MASKED_EQ, .datum_a = mask, .datum_b = value};
    int result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call, 1, &compare);
    return result < 0 ? filter_error(result) : NULL;
}

static Error *filter_new(scmp_filter_ctx *out) {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(ENOSYS));
    if (!filter)
        return error_new(ERROR_SANDBOX, "cannot make the worker's system call filter");
    *out = filter;
    int result = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (result < 0)
        return filter_error(result);
    static const int common[] = {
        SCMP_SYS(read),         SCMP_SYS(write),       SCMP_SYS(readv),         SCMP_SYS(writev),
        SCMP_SYS(pread64),      SCMP_SYS(pwrite64),    SCMP_SYS(lseek),         SCMP_SYS(_llseek),
        SCMP_SYS(close),        SCMP_SYS(fstat),       SCMP_SYS(fstat64),       SCMP_SYS(newfstatat),
        SCMP_SYS(fstatat64),    SCMP_SYS(ftruncate),   SCMP_SYS(ftruncate64),   SCMP_SYS(munmap),
        SCMP_SYS(mremap),       SCMP_SYS(brk),         SCMP_SYS(madvise),       SCMP_SYS(futex),
        SCMP_SYS(exit),         SCMP_SYS(exit_group),  SCMP_SYS(rt_sigaction),  SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(clock_gettime), SCMP_SYS(clock_gettime64),
        SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),   SCMP_SYS(getpid),        SCMP_SYS(gettid),
        SCMP_SYS(tgkill),       SCMP_SYS(send),        SCMP_SYS(sendto),        SCMP_SYS(restart_syscall),
        SCMP_SYS(sched_yield),
    };
    return filter_allow(filter, common, ARRAY_LEN(common));
}

static Error *filter_load(scmp_filter_ctx filter) {
    int result = seccomp_load(filter);
    return result < 0 ? filter_error(result) : NULL;
}

static void filter_cleanup(scmp_filter_ctx *filter) {
    if (*filter)
        seccomp_release(*filter);
}
#define AUTO_FILTER __attribute__((cleanup(filter_cleanup)))

static Error *filter_unpack(void) {
    AUTO_FILTER scmp_filter_ctx filter = NULL;
    TRY(filter_new(&filter));
    static const int calls[] = {
        SCMP_SYS(openat2),   SCMP_SYS(mkdirat),          SCMP_SYS(unlinkat),        SCMP_SYS(symlinkat),
        SCMP_SYS(utimensat), SCMP_SYS(utimensat_time64), SCMP_SYS(copy_file_range),
    };
    TRY(filter_allow(filter, calls, ARRAY_LEN(calls)));
    // Memory, but never memory that can be executed.
    static const int maps[] = {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        TRY(filter_allow_if(filter, maps[i], 2, PROT_EXEC, 0));
    return filter_load(filter);
}

#define LOW_HALF 0xffffffffu // of a register: all that the kernel reads of an int

static Error *filter_sockets(scmp_filter_ctx filter) {
    TRY(filter_allow_if(filter, SCMP_SYS(socket), 0, LOW_HALF, AF_INET));
    TRY(filter_allow_if(filter, SCMP_SYS(socket), 0, LOW_HALF, AF_INET6));
    // Which addresses this host has: getaddrinfo asks.
    const struct scmp_arg_cmp route[] = {
        {.arg = 0, .op = SCMP_CMP_MASKED_EQ, .datum_a = LOW_HALF, .datum_b = AF_NETLINK},
        {.arg = 2, .op = SCMP_CMP_MASKED_EQ, .datum_a = LOW_HALF, .datum_b = NETLINK_ROUTE},
    };
    int result = seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), ARRAY_LEN(route), route);
    if (result < 0)
        return filter_error(result);
    // A pair is connected to nobody else: libcurl wakes its threads with one.
    return filter_allow_if(filter, SCMP_SYS(socketpair), 0, LOW_HALF, AF_UNIX);
}

// Threads, but no processes; files, but for reading alone.
static Error *filter_threads_and_files(scmp_filter_ctx filter) {
    const uint64_t thread = CLONE_VM | CLONE_THREAD, temporary = O_TMPFILE & ~O_DIRECTORY;
    const uint64_t writing = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | temporary;
    TRY(filter_allow_if(filter, SCMP_SYS(clone), 0, thread, thread));
    TRY(filter_allow_if(filter, SCMP_SYS(openat), 2, writing, 0));
    TRY(filter_allow_if(filter, SCMP_SYS(open), 1, writing, 0));
    // glibc asks for a thread's stack limit; nobody sets one.
    return filter_allow_if(filter, SCMP_SYS(prlimit64), 2, UINT64_MAX, 0);
}

static Error *filter_fetch(void) {
    AUTO_FILTER scmp_filter_ctx filter = NULL;
    TRY(filter_new(&filter));
    static const int calls[] = {
        SCMP_SYS(mmap),         SCMP_SYS(mmap2),       SCMP_SYS(mprotect),        SCMP_SYS(connect),
        SCMP_SYS(bind),         SCMP_SYS(getsockname), SCMP_SYS(getpeername),     SCMP_SYS(setsockopt),
        SCMP_SYS(getsockopt),   SCMP_SYS(sendmsg),     SCMP_SYS(sendmmsg),        SCMP_SYS(recv),
        SCMP_SYS(recvfrom),     SCMP_SYS(recvmsg),     SCMP_SYS(recvmmsg),        SCMP_SYS(shutdown),
        SCMP_SYS(poll),         SCMP_SYS(ppoll),       SCMP_SYS(ppoll_time64),    SCMP_SYS(select),
        SCMP_SYS(_newselect),   SCMP_SYS(pselect6),    SCMP_SYS(fcntl),           SCMP_SYS(fcntl64),
        SCMP_SYS(ioctl),        SCMP_SYS(pipe2),       SCMP_SYS(eventfd2),        SCMP_SYS(set_robust_list),
        SCMP_SYS(rseq),         SCMP_SYS(stat),        SCMP_SYS(lstat),           SCMP_SYS(access),
        SCMP_SYS(faccessat),    SCMP_SYS(faccessat2),  SCMP_SYS(readlink),        SCMP_SYS(readlinkat),
        SCMP_SYS(getdents64),   SCMP_SYS(nanosleep),   SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_nanosleep_time64),
        SCMP_SYS(futex_time64), SCMP_SYS(uname),       SCMP_SYS(sysinfo),         SCMP_SYS(sched_getaffinity),
        SCMP_SYS(getuid),       SCMP_SYS(geteuid),     SCMP_SYS(getgid),          SCMP_SYS(getegid),
        SCMP_SYS(arch_prctl),   SCMP_SYS(membarrier),  SCMP_SYS(statx),           SCMP_SYS(clock_getres),
    };
    TRY(filter_allow(filter, calls, ARRAY_LEN(calls)));
    TRY(filter_sockets(filter));
    TRY(filter_threads_and_files(filter));
    return filter_load(filter);
}

// ---- the two jobs ----

static Error *confine_fetch_files(const char *ca_file) {
    static const char *const readable[] = {
        "/etc/resolv.conf",
        "/etc/hosts",
        "/etc/nsswitch.conf",
        "/etc/host.conf",
        "/etc/gai.conf",
        "/etc/services",
        "/etc/protocols",
        "/run/systemd/resolve",
        "/etc/ld.so.cache",
        "/etc/localtime",
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/dev/urandom",
    };
    int abi = landlock_abi();
    if (abi == 0)
        return NULL;
    AUTO_FD int ruleset = -1;
    TRY(landlock_new(abi, &ruleset));
    for (size_t i = 0; i < ARRAY_LEN(readable); i++)
        TRY(landlock_allow_reading(ruleset, readable[i]));
    if (*ca_file)
        TRY(landlock_allow_reading(ruleset, ca_file));
    return landlock_enter(ruleset);
}

Error *confine_fetch(const char *ca_file, uint64_t file_size_max) {
    TRY(limit_all(file_size_max, CPU_FETCH_S));
    TRY(confine_fetch_files(ca_file));
    TRY(drop_capabilities());
    return filter_fetch();
}

static Error *enter_landlock(int dirfd, int abi) {
    if (abi == 0)
        return error_new(ERROR_SANDBOX, "this kernel has no Landlock");
    uint64_t rights =
        LL_WRITE_FILE | LL_READ_FILE | LL_READ_DIR | LL_REMOVE_FILE | LL_MAKE_DIR | LL_MAKE_REG | LL_MAKE_SYM;
    AUTO_FD int ruleset = -1;
    TRY(landlock_new(abi, &ruleset));
    TRY(landlock_allow(ruleset, dirfd, (rights | LL_TRUNCATE) & landlock_fs_rights(abi)));
    return landlock_enter(ruleset);
}

static Error *enter_chroot(int dirfd) {
    // The namespace lends the right to chroot and nothing else; ids stay what they are to the file system.
    if (unshare(CLONE_NEWUSER) < 0 && geteuid() != 0)
        return error_hint(error_sys(errno, "cannot confine the unpacker: no Landlock, and no user namespace"),
                          "allow user namespaces, or use a kernel with Landlock (Linux 5.13 and later, lsm=landlock)");
    if (fchdir(dirfd) < 0 || chroot(".") < 0 || chdir("/") < 0)
        return error_sys(errno, "cannot confine the unpacker to its directory");
    return NULL;
}

Error *confine_unpack(int dirfd, uint64_t file_size_max, ConfineWall wall) {
    int abi = landlock_abi();
    TRY(limit_all(file_size_max, CPU_UNPACK_S));
    TRY(wall == CONFINE_LANDLOCK || (wall == CONFINE_BEST && abi > 0) ? enter_landlock(dirfd, abi)
                                                                      : enter_chroot(dirfd));
    TRY(drop_capabilities());
    return filter_unpack();
}

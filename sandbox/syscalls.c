// Which system call is what in a box. Everything that is not here is answered ENOSYS, so a call that a later kernel
// adds is shut until somebody has looked at it. Numbers that the C library's headers may not know stand here as numbers;
// from 424 on they are the same on every architecture.
#include "sandbox/seccomp.h"

#include <sys/syscall.h>

#define ROW(name, verdict, arg) {#name, SYS_##name, verdict, arg}
#define ALLOW(name) ROW(name, SYSCALL_ALLOW, 0)
#define DENY(name) ROW(name, SYSCALL_DENY, 0)
#define ABSENT(name) ROW(name, SYSCALL_ABSENT, 0)

// clang-format off
const SyscallRow seccomp_rows[] = {
    // files and directories
    ALLOW(read), ALLOW(write), ALLOW(readv), ALLOW(writev), ALLOW(pread64), ALLOW(pwrite64), ALLOW(preadv),
    ALLOW(pwritev), ALLOW(preadv2), ALLOW(pwritev2), ALLOW(lseek), ALLOW(close), ALLOW(close_range), ALLOW(dup),
    ALLOW(dup3), ALLOW(fcntl), ALLOW(flock), ALLOW(fsync), ALLOW(fdatasync), ALLOW(sync), ALLOW(syncfs),
    ALLOW(sync_file_range), ALLOW(truncate), ALLOW(ftruncate), ALLOW(fallocate), ALLOW(fadvise64), ALLOW(readahead),
    ALLOW(getdents64), ALLOW(getcwd), ALLOW(chdir), ALLOW(fchdir), ALLOW(faccessat), ALLOW(faccessat2),
    ALLOW(newfstatat), ALLOW(fstat), ALLOW(statx), ALLOW(statfs), ALLOW(fstatfs), ALLOW(readlinkat), ALLOW(linkat),
    ALLOW(symlinkat), ALLOW(unlinkat), ALLOW(renameat2), ALLOW(fchown), ALLOW(fchownat), ALLOW(utimensat),
    ALLOW(umask), ALLOW(copy_file_range), ALLOW(sendfile), ALLOW(splice), ALLOW(tee), ALLOW(vmsplice),
    ALLOW(pipe2), ALLOW(memfd_create), ALLOW(getxattr), ALLOW(lgetxattr), ALLOW(fgetxattr), ALLOW(listxattr),
    ALLOW(llistxattr), ALLOW(flistxattr), ALLOW(inotify_init1), ALLOW(inotify_add_watch), ALLOW(inotify_rm_watch),
    ALLOW(io_setup), ALLOW(io_destroy), ALLOW(io_submit), ALLOW(io_cancel), ALLOW(io_getevents),
    ALLOW(io_pgetevents),
    ROW(fchmod, SYSCALL_MODE, 1), ROW(fchmodat, SYSCALL_MODE, 2), ROW(mkdirat, SYSCALL_MODE, 2),
    ROW(openat, SYSCALL_OPEN, 2), ROW(mknodat, SYSCALL_MKNOD, 2), {"fchmodat2", 452, SYSCALL_MODE, 2},
    ROW(setxattr, SYSCALL_NOTSUP, 0), ROW(lsetxattr, SYSCALL_NOTSUP, 0), ROW(fsetxattr, SYSCALL_NOTSUP, 0),
    ROW(removexattr, SYSCALL_NOTSUP, 0), ROW(lremovexattr, SYSCALL_NOTSUP, 0),
    ROW(fremovexattr, SYSCALL_NOTSUP, 0), {"setxattrat", 463, SYSCALL_NOTSUP, 0},
    {"removexattrat", 466, SYSCALL_NOTSUP, 0},
    ABSENT(openat2), // its mode and flags lie behind a pointer, where a filter cannot look
    ABSENT(io_uring_setup), ABSENT(io_uring_enter), ABSENT(io_uring_register),
    DENY(name_to_handle_at), DENY(open_by_handle_at), DENY(fanotify_init), DENY(fanotify_mark), DENY(quotactl),
    DENY(quotactl_fd), DENY(vhangup), {"file_setattr", 469, SYSCALL_DENY, 0},
#ifdef SYS_renameat
    ALLOW(renameat),
#endif
#ifdef SYS_open
    ALLOW(dup2), ALLOW(pipe), ALLOW(access), ALLOW(stat), ALLOW(lstat), ALLOW(readlink), ALLOW(link), ALLOW(symlink),
    ALLOW(unlink), ALLOW(rmdir), ALLOW(rename), ALLOW(chown), ALLOW(lchown), ALLOW(utime), ALLOW(utimes),
    ALLOW(futimesat), ALLOW(getdents), ALLOW(inotify_init), ROW(open, SYSCALL_OPEN, 1), ROW(creat, SYSCALL_MODE, 1),
    ROW(chmod, SYSCALL_MODE, 1), ROW(mkdir, SYSCALL_MODE, 1), ROW(mknod, SYSCALL_MKNOD, 1),
#endif

    // mounts, roots and namespaces
    ROW(clone, SYSCALL_NEWNS, 0), ROW(unshare, SYSCALL_NEWNS, 0),
    ABSENT(clone3), // as openat2: libraries then use clone
    DENY(setns), DENY(mount), DENY(umount2), DENY(pivot_root), DENY(chroot), DENY(open_tree), DENY(move_mount),
    DENY(fsopen), DENY(fsconfig), DENY(fsmount), DENY(fspick), DENY(mount_setattr), {"open_tree_attr", 467, SYSCALL_DENY, 0},

    // processes
    ALLOW(execve), ALLOW(execveat), ALLOW(exit), ALLOW(exit_group), ALLOW(wait4), ALLOW(waitid), ALLOW(kill),
    ALLOW(tkill), ALLOW(tgkill), ALLOW(getpid), ALLOW(getppid), ALLOW(gettid), ALLOW(getpgid), ALLOW(setpgid),
    ALLOW(getsid), ALLOW(setsid), ALLOW(getuid), ALLOW(geteuid), ALLOW(getgid), ALLOW(getegid), ALLOW(getresuid),
    ALLOW(getresgid), ALLOW(getgroups), ALLOW(setuid), ALLOW(setgid), ALLOW(setreuid), ALLOW(setregid),
    ALLOW(setresuid), ALLOW(setresgid), ALLOW(setfsuid), ALLOW(setfsgid), ALLOW(setgroups), ALLOW(capget),
    ALLOW(capset), ALLOW(prctl), ALLOW(getrlimit), ALLOW(setrlimit), ALLOW(prlimit64), ALLOW(getrusage),
    ALLOW(getpriority), ALLOW(setpriority), ALLOW(ioprio_get), ALLOW(ioprio_set), ALLOW(times), ALLOW(uname),
    ALLOW(sysinfo), ALLOW(set_tid_address), ALLOW(set_robust_list), ALLOW(get_robust_list), ALLOW(rseq),
    ALLOW(membarrier), ALLOW(getcpu), ALLOW(pidfd_open), ALLOW(pidfd_send_signal), ALLOW(seccomp),
    ALLOW(landlock_create_ruleset), ALLOW(landlock_add_rule), ALLOW(landlock_restrict_self), ALLOW(restart_syscall),
    ROW(personality, SYSCALL_PERSONALITY, 0),
    DENY(ptrace), DENY(process_vm_readv), DENY(process_vm_writev), DENY(process_madvise), DENY(process_mrelease),
    DENY(pidfd_getfd), DENY(kcmp), DENY(acct), DENY(reboot),
    ALLOW(sched_yield), ALLOW(sched_getaffinity), ALLOW(sched_setaffinity), ALLOW(sched_getparam),
    ALLOW(sched_setparam), ALLOW(sched_getscheduler), ALLOW(sched_setscheduler), ALLOW(sched_getattr),
    ALLOW(sched_setattr), ALLOW(sched_get_priority_max), ALLOW(sched_get_priority_min), ALLOW(sched_rr_get_interval),
#ifdef SYS_fork
    ALLOW(fork), ALLOW(vfork), ALLOW(getpgrp),
#endif
#ifdef SYS_arch_prctl
    ALLOW(arch_prctl), DENY(modify_ldt), DENY(iopl), DENY(ioperm),
#endif

    // memory
    ALLOW(mmap), ALLOW(munmap), ALLOW(mremap), ALLOW(mprotect), ALLOW(madvise), ALLOW(mincore), ALLOW(msync),
    ALLOW(mlock), ALLOW(mlock2), ALLOW(munlock), ALLOW(mlockall), ALLOW(munlockall), ALLOW(brk),
    ALLOW(pkey_mprotect), ALLOW(pkey_alloc), ALLOW(pkey_free), DENY(userfaultfd), DENY(memfd_secret),
    // The machine's memory nodes are none of a build's business: libnuma then says that there are none.
    ABSENT(mbind), ABSENT(get_mempolicy), ABSENT(set_mempolicy), ABSENT(set_mempolicy_home_node),
    ABSENT(migrate_pages), ABSENT(move_pages),

    // signals, time, waiting
    ALLOW(rt_sigaction), ALLOW(rt_sigprocmask), ALLOW(rt_sigreturn), ALLOW(rt_sigpending), ALLOW(rt_sigtimedwait),
    ALLOW(rt_sigqueueinfo), ALLOW(rt_tgsigqueueinfo), ALLOW(rt_sigsuspend), ALLOW(sigaltstack), ALLOW(signalfd4),
    ALLOW(eventfd2), ALLOW(timerfd_create), ALLOW(timerfd_settime), ALLOW(timerfd_gettime), ALLOW(timer_create),
    ALLOW(timer_settime), ALLOW(timer_gettime), ALLOW(timer_getoverrun), ALLOW(timer_delete), ALLOW(getitimer),
    ALLOW(setitimer), ALLOW(nanosleep), ALLOW(clock_nanosleep), ALLOW(clock_gettime), ALLOW(clock_getres),
    ALLOW(gettimeofday), ALLOW(futex), ALLOW(futex_waitv), ALLOW(ppoll), ALLOW(pselect6), ALLOW(epoll_create1),
    ALLOW(epoll_ctl), ALLOW(epoll_pwait), ALLOW(epoll_pwait2), DENY(settimeofday), DENY(clock_settime),
    DENY(clock_adjtime), DENY(adjtimex),
#ifdef SYS_poll
    ALLOW(poll), ALLOW(select), ALLOW(epoll_create), ALLOW(epoll_wait), ALLOW(signalfd), ALLOW(eventfd),
    ALLOW(alarm), ALLOW(pause), ALLOW(time),
#endif

    // sockets and System V
    ROW(socket, SYSCALL_SOCKET, 0), ROW(socketpair, SYSCALL_SOCKETPAIR, 0), ALLOW(bind), ALLOW(connect),
    ALLOW(listen), ALLOW(accept), ALLOW(accept4), ALLOW(getsockname), ALLOW(getpeername), ALLOW(getsockopt),
    ALLOW(setsockopt), ALLOW(shutdown), ALLOW(sendto), ALLOW(recvfrom), ALLOW(sendmsg), ALLOW(recvmsg),
    ALLOW(sendmmsg), ALLOW(recvmmsg), ALLOW(shmget), ALLOW(shmat), ALLOW(shmdt), ALLOW(shmctl), ALLOW(semget),
    ALLOW(semop), ALLOW(semtimedop), ALLOW(semctl), ALLOW(msgget), ALLOW(msgsnd), ALLOW(msgrcv), ALLOW(msgctl),
    ROW(mq_open, SYSCALL_MODE, 2), ALLOW(mq_unlink), ALLOW(mq_timedsend), ALLOW(mq_timedreceive), ALLOW(mq_notify),
    ALLOW(mq_getsetattr),

    // terminals and the kernel
    ROW(ioctl, SYSCALL_IOCTL, 1), ALLOW(getrandom), DENY(bpf), DENY(perf_event_open), DENY(add_key),
    DENY(request_key), DENY(keyctl), DENY(kexec_load), DENY(init_module), DENY(finit_module), DENY(delete_module),
    DENY(swapon), DENY(swapoff), DENY(sethostname), DENY(setdomainname), DENY(syslog),
#ifdef SYS_kexec_file_load
    DENY(kexec_file_load),
#endif
};
// clang-format on
const size_t seccomp_row_count = sizeof seccomp_rows / sizeof seccomp_rows[0];

// For LD_PRELOAD: kills the program named by FAULT_PROGRAM at its FAULT_AT'th call that changes something on disk. When
// the program ends before, the file FAULT_COUNT gets the number of calls that there were. Programs that it starts (the
// worker) are left alone.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static long at;
static pid_t target; // a child that was forked counts for nothing
static atomic_long count;

__attribute__((constructor)) static void begin(void) {
    const char *program = getenv("FAULT_PROGRAM"), *text = getenv("FAULT_AT");
    if (program && text && strcmp(program, program_invocation_short_name) == 0) {
        at = atol(text);
        target = getpid();
    }
}

__attribute__((destructor)) static void end(void) {
    const char *path = getenv("FAULT_COUNT");
    char text[32];
    if (!target || target != getpid() || !path)
        return;
    int len = snprintf(text, sizeof text, "%ld\n", atomic_load(&count));
    long fd = syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (syscall(SYS_write, fd, text, (long)len) != len)
        _exit(97);
}

static void change(void) {
    if (!target || target != (pid_t)syscall(SYS_getpid))
        return;
    if (atomic_fetch_add(&count, 1) + 1 == at)
        syscall(SYS_kill, target, SIGKILL);
}

static int do_open(int dirfd, const char *path, int flags, mode_t mode) {
    if (flags & (O_CREAT | O_TRUNC))
        change();
    return (int)syscall(SYS_openat, dirfd, path, flags, mode);
}

#define WITH_MODE(dirfd)                                                                                               \
    va_list ap;                                                                                                        \
    va_start(ap, flags);                                                                                               \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;                                              \
    va_end(ap);                                                                                                        \
    return do_open(dirfd, path, flags, mode)

int open(const char *path, int flags, ...) {
    WITH_MODE(AT_FDCWD);
}
int open64(const char *path, int flags, ...) {
    WITH_MODE(AT_FDCWD);
}
int openat(int dirfd, const char *path, int flags, ...) {
    WITH_MODE(dirfd);
}
int openat64(int dirfd, const char *path, int flags, ...) {
    WITH_MODE(dirfd);
}
ssize_t write(int fd, const void *bytes, size_t len) {
    change();
    return syscall(SYS_write, fd, bytes, len);
}
ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t len, unsigned flags) {
    change();
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, len, flags);
}
int ftruncate(int fd, off_t len) {
    change();
    return (int)syscall(SYS_ftruncate, fd, len);
}
int rename(const char *from, const char *to) {
    change();
    return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}
int renameat(int from_dirfd, const char *from, int to_dirfd, const char *to) {
    change();
    return (int)syscall(SYS_renameat2, from_dirfd, from, to_dirfd, to, 0);
}
int renameat2(int from_dirfd, const char *from, int to_dirfd, const char *to, unsigned flags) {
    change();
    return (int)syscall(SYS_renameat2, from_dirfd, from, to_dirfd, to, flags);
}
int mkdir(const char *path, mode_t mode) {
    change();
    return (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}
int mkdirat(int dirfd, const char *path, mode_t mode) {
    change();
    return (int)syscall(SYS_mkdirat, dirfd, path, mode);
}
int unlink(const char *path) {
    change();
    return (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}
int unlinkat(int dirfd, const char *path, int flags) {
    change();
    return (int)syscall(SYS_unlinkat, dirfd, path, flags);
}
int symlink(const char *to, const char *path) {
    change();
    return (int)syscall(SYS_symlinkat, to, AT_FDCWD, path);
}
int symlinkat(const char *to, int dirfd, const char *path) {
    change();
    return (int)syscall(SYS_symlinkat, to, dirfd, path);
}
int fchmod(int fd, mode_t mode) {
    change();
    return (int)syscall(SYS_fchmod, fd, mode);
}
int futimens(int fd, const struct timespec times[2]) {
    change();
    return (int)syscall(SYS_utimensat, fd, NULL, times, 0);
}
int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags) {
    change();
    return (int)syscall(SYS_utimensat, dirfd, path, times, flags);
}
int fsync(int fd) {
    change();
    return (int)syscall(SYS_fsync, fd);
}
int syncfs(int fd) {
    change();
    return (int)syscall(SYS_syncfs, fd);
}

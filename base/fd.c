#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

void fd_close(int *fd) {
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

void fd_close_dir(DIR **dir) {
    int saved = errno;
    if (*dir)
        closedir(*dir);
    *dir = NULL;
    errno = saved;
}

Error *fd_open(int dirfd, const char *path, int flags, mode_t mode, int *fd_out) {
    int fd;
    do
        fd = openat(dirfd, path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    if (fd < 0)
        return error_sys(errno, "cannot open %s", path);
    *fd_out = fd;
    return NULL;
}

Error *fd_open_beneath(int dirfd, const char *path, int flags, int *fd_out) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;
    do
        fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    if (fd < 0)
        return error_sys(errno, "cannot open %s without following links", path);
    *fd_out = (int)fd;
    return NULL;
}

Error *fd_write_all(int fd, const void *bytes, size_t len) {
    const char *at = bytes;
    while (len > 0) {
        ssize_t done = write(fd, at, len);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_sys(errno, "cannot write");
        at += done;
        len -= (size_t)done;
    }
    return NULL;
}

Error *fd_read_all(int fd, Buf *out) {
    struct stat st;
    size_t step = 16 * 1024;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        step = (size_t)st.st_size + 1;
    for (;;) {
        size_t room = out->max - out->len;
        if (room == 0) {
            char extra;
            ssize_t more = read(fd, &extra, 1);
            return more == 0 ? NULL : error_new(ERROR_LIMIT, "larger than the limit of %zu bytes", out->max);
        }
        size_t want = step < room ? step : room;
        char *to = buf_reserve(out, want);
        BUG_UNLESS(to != NULL);
        ssize_t got = read(fd, to, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_sys(errno, "cannot read");
        out->len += (size_t)got;
        out->ptr[out->len] = '\0';
        if (got == 0)
            return NULL;
        step = 64 * 1024;
    }
}

Error *fd_read_file(int dirfd, const char *path, Buf *out) {
    AUTO_FD int fd = -1;
    TRY(fd_open(dirfd, path, O_RDONLY | O_NOCTTY, 0, &fd));
    TRY_CTX(fd_read_all(fd, out), "%s", path);
    return NULL;
}

static Error *sync_parent(int dirfd, const char *path) {
    AUTO_FREE char *parent = mem_strdup(path);
    char *slash = strrchr(parent, '/');
    if (slash)
        *slash = '\0';
    AUTO_FD int fd = -1;
    TRY(fd_open(dirfd, !slash ? "." : (slash == parent ? "/" : parent), O_RDONLY | O_DIRECTORY, 0, &fd));
    if (fsync(fd) < 0)
        return error_sys(errno, "cannot sync the directory of %s", path);
    return NULL;
}

Error *fd_replace_file(int dirfd, const char *path, Str contents, mode_t mode) {
    static unsigned counter;
    AUTO_BUF Buf temp;
    buf_init(&temp, BUF_NO_LIMIT);
    buf_printf(&temp, "%s.new-%d-%u", path, (int)getpid(), __atomic_add_fetch(&counter, 1, __ATOMIC_RELAXED));
    AUTO_FD int fd = -1;
    TRY(fd_open(dirfd, buf_cstr(&temp), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode, &fd));
    Error *error = fd_write_all(fd, contents.ptr, contents.len);
    if (!error && fsync(fd) < 0)
        error = error_sys(errno, "cannot sync %s", path);
    if (!error && close(fd_take(&fd)) < 0)
        error = error_sys(errno, "cannot close %s", path);
    if (!error && renameat(dirfd, buf_cstr(&temp), dirfd, path) < 0)
        error = error_sys(errno, "cannot rename over %s", path);
    if (!error)
        return sync_parent(dirfd, path);
    unlinkat(dirfd, buf_cstr(&temp), 0);
    return error_wrap(error, "%s", path);
}

static Error *copy_by_reading(int in, int out) {
    enum { STEP = 256 * 1024 };
    AUTO_FREE char *bytes = mem_alloc(STEP);
    for (;;) {
        ssize_t got = read(in, bytes, STEP);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_sys(errno, "cannot read");
        if (got == 0)
            return NULL;
        TRY(fd_write_all(out, bytes, (size_t)got));
    }
}

Error *fd_copy(int in, int out) {
    for (;;) {
        ssize_t done = copy_file_range(in, NULL, out, NULL, 1u << 30, 0);
        if (done == 0)
            return NULL;
        if (done < 0 && errno != EINTR)
            break;
    }
    // Not between these two file systems, or not from where we stand: the offsets say what is left.
    if (errno == EXDEV || errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP || errno == EBADF ||
        errno == EPERM)
        return copy_by_reading(in, out);
    return error_sys(errno, "cannot copy");
}

Error *fd_make_dirs(int dirfd, const char *path) {
    AUTO_FREE char *partial = mem_strdup(path);
    for (char *at = partial + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char saved = *at;
        *at = '\0';
        if (mkdirat(dirfd, partial, 0755) < 0 && errno != EEXIST)
            return error_sys(errno, "cannot make the directory %s", partial);
        *at = saved;
        if (saved == '\0')
            return NULL;
    }
}

// Removing what something foreign has made: as deep as it likes, with any modes. Below REMOVE_DEPTH_MAX a directory is
// moved up to the top of the tree, where the next pass finds it, so that neither stack nor descriptors run out.
enum { REMOVE_DEPTH_MAX = 64 };

typedef struct Removal {
    int top;        // the directory whose contents go
    unsigned moved; // how many were moved up
} Removal;

static Error *remove_contents(Removal *removal, int dirfd, unsigned depth);

// A directory that its owner may not read or write gets the permissions; by a handle, so that no link is followed.
static int open_locked(int dirfd, const char *name) {
    AUTO_FD int handle = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char self[64];
    snprintf(self, sizeof self, "/proc/self/fd/%d", handle);
    if (handle < 0 || chmod(self, 0700) < 0)
        return -1;
    return openat(handle, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static Error *move_up(Removal *removal, int dirfd, const char *name, int sub) {
    char moved[64];
    fchmod(sub, 0700); // its ".." changes
    for (unsigned attempt = 0; attempt < 1000; attempt++) {
        snprintf(moved, sizeof moved, ".moved-up-%u", removal->moved++);
        if (renameat(dirfd, name, removal->top, moved) == 0)
            return NULL;
        // A name that was there before, except that an empty directory is replaced.
        if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
            continue;
        if (errno != EACCES || attempt > 0 || fchmod(dirfd, 0700) < 0 || fchmod(removal->top, 0700) < 0)
            break;
    }
    return error_sys(errno, "cannot move the directory %s up, in order to remove it", name);
}

static Error *remove_entry(Removal *removal, int dirfd, const char *name, unsigned depth) {
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return NULL;
    if (errno != EISDIR && errno != EPERM && errno != EACCES)
        return error_sys(errno, "cannot remove %s", name);
    if (errno == EACCES && fchmod(dirfd, 0700) == 0 && unlinkat(dirfd, name, 0) == 0)
        return NULL;
    AUTO_FD int sub = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub < 0 && errno == EACCES)
        sub = open_locked(dirfd, name);
    if (sub < 0)
        return error_sys(errno, "cannot remove %s", name);
    if (depth >= REMOVE_DEPTH_MAX)
        return move_up(removal, dirfd, name, sub);
    TRY_CTX(remove_contents(removal, sub, depth + 1), "%s", name);
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return NULL;
    if (errno == EACCES && fchmod(dirfd, 0700) == 0 && unlinkat(dirfd, name, AT_REMOVEDIR) == 0)
        return NULL;
    return error_sys(errno, "cannot remove the directory %s", name);
}

static Error *remove_contents(Removal *removal, int dirfd, unsigned depth) {
    int own = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0)
        return error_sys(errno, "cannot list a directory that is to be removed");
    AUTO_DIR DIR *dir = fdopendir(own);
    if (!dir) {
        close(own);
        return error_sys(errno, "cannot list a directory that is to be removed");
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        TRY(remove_entry(removal, dirfd, entry->d_name, depth));
    }
    return NULL;
}

Error *fd_remove_tree(int dirfd, const char *name) {
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return NULL;
    if (errno != EISDIR && errno != EPERM && errno != EACCES)
        return error_sys(errno, "cannot remove %s", name);
    AUTO_FD int top = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (top < 0 && errno == EACCES)
        top = open_locked(dirfd, name);
    if (top < 0)
        return error_sys(errno, "cannot remove %s", name);
    Removal removal = {top, 0};
    for (unsigned moved_before;;) {
        moved_before = removal.moved;
        TRY_CTX(remove_contents(&removal, top, 1), "%s", name);
        if (removal.moved == moved_before)
            break;
    }
    if (unlinkat(dirfd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return NULL;
    return error_sys(errno, "cannot remove the directory %s", name);
}

enum { FD_PASS_MAX = 16 };

Error *fd_send(int sock, Str bytes, const int *fds, size_t fd_count) {
    BUG_UNLESS(fd_count <= FD_PASS_MAX && bytes.len > 0);
    struct iovec iov = {(void *)(uintptr_t)bytes.ptr, bytes.len};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
    if (fd_count) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * fd_count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * fd_count);
    }
    ssize_t sent;
    do
        sent = sendmsg(sock, &msg, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return error_sys(errno, "cannot send to a helper process");
    if ((size_t)sent < bytes.len)
        return fd_write_all(sock, bytes.ptr + sent, bytes.len - (size_t)sent);
    return NULL;
}

static void collect_fds(struct msghdr *msg, int *fds, size_t max, size_t *count_out, bool *surplus_out) {
    for (struct cmsghdr *header = CMSG_FIRSTHDR(msg); header; header = CMSG_NXTHDR(msg, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof fd);
            if (*count_out < max)
                fds[(*count_out)++] = fd;
            else {
                close(fd);
                *surplus_out = true;
            }
        }
    }
}

Error *fd_receive(int sock, void *bytes, size_t cap, size_t *len_out, int *fds, size_t max, size_t *fd_count_out) {
    struct iovec iov = {bytes, cap};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
    } control = {0};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return error_sys(errno, "cannot receive from a helper process");
    size_t count = 0;
    bool surplus = (msg.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
    collect_fds(&msg, fds, max, &count, &surplus);
    if (surplus) {
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
        return error_new(ERROR_SYSTEM, "a helper process sent more than was asked for");
    }
    *len_out = (size_t)got;
    *fd_count_out = count;
    return NULL;
}

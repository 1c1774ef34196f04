// File descriptors: scope-bound closing, whole reads and writes, and the few directory operations that must not
// follow a path twice. Everything opened here is close-on-exec.
#ifndef BASE_FD_H
#define BASE_FD_H

#include "base/buf.h"
#include "base/error.h"

#include <dirent.h>
#include <sys/stat.h>
#include <sys/types.h>

void fd_close(int *fd); // closes unless -1; leaves -1; keeps errno
#define AUTO_FD __attribute__((cleanup(fd_close)))
static inline int fd_take(int *fd) {
    int taken = *fd;
    *fd = -1;
    return taken;
}
void fd_close_dir(DIR **dir);
#define AUTO_DIR __attribute__((cleanup(fd_close_dir)))

// open(2) with O_CLOEXEC, EINTR retried. dirfd may be AT_FDCWD.
MUST_CHECK Error *fd_open(int dirfd, const char *path, int flags, mode_t mode, int *fd_out);
// openat2(2) with RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS: for trees that something foreign wrote.
MUST_CHECK Error *fd_open_beneath(int dirfd, const char *path, int flags, int *fd_out);
MUST_CHECK Error *fd_write_all(int fd, const void *bytes, size_t len);
// Appends what is left of fd to out; passing out->max is ERROR_LIMIT.
MUST_CHECK Error *fd_read_all(int fd, Buf *out);
MUST_CHECK Error *fd_read_file(int dirfd, const char *path, Buf *out);
// Writes a new file beside path, syncs it, renames it over path, syncs the directory: all or nothing, also after a
// power cut. `path` is relative to dirfd.
MUST_CHECK Error *fd_replace_file(int dirfd, const char *path, Str contents, mode_t mode);
// Copies the rest of in to out (copy_file_range where it works).
MUST_CHECK Error *fd_copy(int in, int out);
// mkdir -p below dirfd, mode 0755 before umask; existing directories are fine.
MUST_CHECK Error *fd_make_dirs(int dirfd, const char *path);
// Removes a name and all below it, by descriptors, never following a link, unlocking directories without write
// permission on the way. Absent is fine.
MUST_CHECK Error *fd_remove_tree(int dirfd, const char *name);
// Sends and receives one message with descriptors over a Unix socket (SCM_RIGHTS). Received ones are close-on-exec
// and owned by the caller; more than max is an error and closes them all. *len_out 0 means the other side has closed.
MUST_CHECK Error *fd_send(int sock, Str bytes, const int *fds, size_t fd_count);
MUST_CHECK Error *fd_receive(int sock, void *bytes, size_t cap, size_t *len_out, int *fds, size_t max, size_t *fd_count_out);

#endif

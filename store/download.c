// Files by the hash of their bytes: what was downloaded, or handed in. Invariant: bytes are hashed through the very
// descriptor that is handed out, each time; a name that no longer tells the truth is removed.
#include "store/internal.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static Error *mismatch(const char *what, Hash want, Hash got) {
    return error_new(ERROR_MISMATCH, "%s has another sha256: want %s, got %s", what, hash_hex(want).text,
                     hash_hex(got).text);
}

// ERROR_MISMATCH when the bytes are others; *fd_out stays -1 unless all is well.
static Error *open_hashed(int dirfd, const char *path, Hash want, struct stat *st, int *fd_out) {
    AUTO_FD int fd = -1;
    TRY(fd_open(dirfd, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, &fd));
    if (fstat(fd, st) < 0)
        return error_sys(errno, "cannot look at %s", path);
    if (!S_ISREG(st->st_mode))
        return error_new(ERROR_MISMATCH, "%s is not a file", path);
    Hash got;
    TRY_CTX(hash_fd(fd, &got, NULL), "%s", path);
    if (!hash_eq(got, want))
        return mismatch(path, want, got);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_sys(errno, "cannot read %s again", path);
    *fd_out = fd_take(&fd);
    return NULL;
}

Error *store_open_download(Store *store, Hash sha256, int *fd_out) {
    StorePath path = download_path(sha256);
    struct stat st;
    *fd_out = -1;
    Error *error = open_hashed(store->dirfd, path.text, sha256, &st, fd_out);
    if (!error) {
        store_touch(*fd_out, st.st_mtim.tv_sec);
        return NULL;
    }
    bool is_damaged = error_kind(error) == ERROR_MISMATCH || error_errno(error) == EIO || error_errno(error) == ELOOP ||
                      error_errno(error) == EISDIR;
    if (!is_damaged && error_errno(error) != ENOENT)
        return error;
    error_free(error);
    return is_damaged ? store_discard(store, path.text) : NULL;
}

// fsync(2) for one file: a download need not wait for what builds write meanwhile.
Error *store_add_download(Store *store, Staging *staging, const char *name, Hash sha256) {
    StorePath path = download_path(sha256);
    AUTO_FD int fd = -1, folder = -1;
    struct stat st;
    TRY(open_hashed(staging_dirfd(staging), name, sha256, &st, &fd));
    if (fchmod(fd, 0444) < 0 || futimens(fd, NULL) < 0)
        return error_sys(errno, "cannot set mode and time of %s/%s", staging_path(staging), name);
    if (fsync(fd) < 0)
        return error_sys(errno, "cannot write %s/%s to its disk", staging_path(staging), name);
    TRY(store_publish(store, staging_dirfd(staging), name, path.text));
    TRY(fd_open(store->dirfd, "downloads", O_RDONLY | O_DIRECTORY, 0, &folder));
    if (fsync(folder) < 0)
        return error_sys(errno, "cannot write %s/downloads to its disk", store->path);
    return NULL;
}

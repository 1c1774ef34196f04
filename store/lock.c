// Locks between processes and threads: flock(2) on named files. Invariant: a lock that was handed out is on the file
// that has the name at that moment, so whoever asks for the name next meets it; a lock dies with its owner.
#include "store/internal.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

static Error *lock_failed(int errno_value, const char *name) {
    Error *error = error_sys(errno_value, "cannot lock %s", name);
    if (errno_value != ENOLCK && errno_value != EOPNOTSUPP)
        return error;
    return error_hint(error, "the store's file system must support flock(2): give a local directory, --minimal-dir");
}

int lock_fd(int fd, int operation) {
    int result;
    do
        result = flock(fd, operation);
    while (result < 0 && errno == EINTR);
    return result;
}

// A wait that can be cancelled: a thread sits in flock(2), since nothing that poll(2) knows tells of it, and the caller
// polls for both. When the caller gives up, the thread stays behind and lets go of the lock as soon as it gets it.
typedef struct Waiter {
    int lock_fd, done_fd, operation; // the descriptors are closed by the last of the two
    atomic_int failed_errno, users;
} Waiter;

static void waiter_release(Waiter *waiter) {
    if (atomic_fetch_sub(&waiter->users, 1) != 1)
        return;
    fd_close(&waiter->lock_fd);
    fd_close(&waiter->done_fd);
    free(waiter);
}

static void *waiter_main(void *argument) {
    Waiter *waiter = argument;
    atomic_store(&waiter->failed_errno, lock_fd(waiter->lock_fd, waiter->operation) < 0 ? errno : 0);
    uint64_t one = 1;
    ssize_t written = write(waiter->done_fd, &one, sizeof one);
    (void)written; // eight bytes into a fresh eventfd
    waiter_release(waiter);
    return NULL;
}

static Error *poll_for_lock(Waiter *waiter, Cancel *cancel, const char *name) {
    struct pollfd fds[] = {{waiter->done_fd, POLLIN, 0}, {cancel->fd, POLLIN, 0}};
    while (poll(fds, ARRAY_LEN(fds), -1) < 0)
        if (errno != EINTR)
            return error_sys(errno, "cannot wait for the lock %s", name);
    if (!(fds[0].revents & POLLIN))
        return error_new(ERROR_INTERRUPTED, "interrupted while another minimal held the lock %s", name);
    int failed = atomic_load(&waiter->failed_errno);
    return failed ? lock_failed(failed, name) : NULL;
}

// Takes *fd over, and gives it back locked.
static Error *wait_with_cancel(int *fd, int operation, Cancel *cancel, const char *name) {
    Waiter *waiter = mem_zalloc(sizeof *waiter);
    waiter->operation = operation;
    waiter->done_fd = eventfd(0, EFD_CLOEXEC);
    waiter->lock_fd = fd_take(fd);
    atomic_init(&waiter->users, 2);
    pthread_t thread;
    int failed = waiter->done_fd < 0 ? errno : pthread_create(&thread, NULL, waiter_main, waiter);
    if (failed) {
        atomic_store(&waiter->users, 1);
        waiter_release(waiter);
        return error_sys(failed, "cannot wait for the lock %s", name);
    }
    pthread_detach(thread);
    Error *error = poll_for_lock(waiter, cancel, name);
    if (!error)
        *fd = fd_take(&waiter->lock_fd); // the thread is done with it
    waiter_release(waiter);
    return error;
}

static bool is_still(const Store *store, const char *path, int fd) {
    struct stat held, named;
    return fstat(fd, &held) == 0 && fstatat(store->dirfd, path, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

static Error *open_lock(const Store *store, const char *path, int *fd_out) {
    enum { FLAGS = O_RDWR | O_CREAT | O_NOFOLLOW | O_NOCTTY };
    Error *error = fd_open(store->dirfd, path, FLAGS, 0600, fd_out);
    if (!error || error_errno(error) != ENOENT)
        return error;
    error_free(error); // somebody removed the directory
    TRY(store_make_layout(store->dirfd));
    return fd_open(store->dirfd, path, FLAGS, 0600, fd_out);
}

Error *lock_file(const Store *store, const char *name, int operation, bool wait, Cancel *cancel, int *fd_out,
                 bool *waited_out) {
    char path[128];
    snprintf(path, sizeof path, "locks/%s", name);
    if (waited_out)
        *waited_out = false;
    for (;;) {
        AUTO_FD int fd = -1;
        TRY(open_lock(store, path, &fd));
        bool have = lock_fd(fd, operation | LOCK_NB) == 0;
        if (!have && errno != EWOULDBLOCK)
            return lock_failed(errno, name);
        if (!have && !wait) {
            *fd_out = -1;
            return NULL;
        }
        if (!have && waited_out)
            *waited_out = true;
        if (!have && cancel)
            TRY(wait_with_cancel(&fd, operation, cancel, name));
        else if (!have && lock_fd(fd, operation) < 0)
            return lock_failed(errno, name);
        if (is_still(store, path, fd)) {
            *fd_out = fd_take(&fd);
            return NULL;
        }
    }
}

Error *store_lock_key(Store *store, Hash key, Cancel *cancel, int *fd_out, bool *waited_out) {
    return lock_file(store, hash_hex(key).text, LOCK_EX, true, cancel, fd_out, waited_out);
}

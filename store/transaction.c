// How things appear in the store and go from it. Invariant: a name outside staging/ is made and removed by one rename,
// and what it names was synced before; everything half-done lies in staging/, below a directory whose flock is held by
// the process that works there, so that whoever comes later can tell the dead from the living.
#include "store/internal.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/xattr.h>
#include <unistd.h>

struct Staging {
    Store *store;
    int fd;
    char name[96]; // relative to the store
    char *path;
};

// ---- durability ----

// One call serves every file of a commit, where an fsync each would cost a journal commit each. syncfs(2) reports the
// file system's write errors since the descriptor was opened (Linux 5.8), which was before anything was written.
static Error *sync_now(const Store *store) {
    if (syncfs(store->dirfd) == 0)
        return NULL;
    return error_hint(error_sys(errno, "cannot write the store %s to its disk", store->path),
                      "the kernel's log (dmesg) has the disk's errors; afterwards run `minimal cache verify`");
}

// A failed sync is final for all who wait: what it should have written may be gone from memory, and asking again would
// answer yes. One whose own sync went well but who wakes after a later one has failed is told of a failure too: better
// than to miss one.
Error *store_sync(Store *store) {
    GroupSync *sync = &store->sync;
    Error *error = NULL;
    pthread_mutex_lock(&sync->mutex);
    uint64_t ticket = ++sync->asked;
    while (sync->served < ticket) {
        if (sync->running) {
            pthread_cond_wait(&sync->changed, &sync->mutex);
            continue;
        }
        sync->running = true;
        uint64_t covers = sync->asked;
        pthread_mutex_unlock(&sync->mutex);
        error = sync_now(store);
        pthread_mutex_lock(&sync->mutex);
        if (error)
            sync->failed_until = covers;
        sync->running = false;
        sync->served = covers;
        pthread_cond_broadcast(&sync->changed);
    }
    if (!error && ticket <= sync->failed_until)
        error = error_new(ERROR_SYSTEM, "the store %s could not be written to its disk", store->path);
    pthread_mutex_unlock(&sync->mutex);
    return error;
}

// ---- the session, and staging directories in it ----

// Between the mkdir and the flock a directory looks dead; the sweeper holds off while this lock is held shared.
#define SWEEP_LOCK "sweep"

static Error *start_session(Store *store) {
    TRY(store_make_layout(store->dirfd));
    error_free(store_sweep(store)); // what cannot be removed is in nobody's way
    AUTO_FD int sweep = -1, fd = -1;
    TRY(lock_file(store, SWEEP_LOCK, LOCK_SH, true, NULL, &sweep, NULL));
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return error_sys(errno, "cannot get random bytes");
    snprintf(store->session_name, sizeof store->session_name, "%016llx", (unsigned long long)random);
    char path[64];
    snprintf(path, sizeof path, "staging/%s", store->session_name);
    if (mkdirat(store->dirfd, path, 0700) < 0)
        return error_sys(errno, "cannot make the directory %s/%s", store->path, path);
    TRY(fd_open(store->dirfd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd));
    if (lock_fd(fd, LOCK_EX | LOCK_NB) < 0)
        return error_sys(errno, "cannot lock the directory %s/%s", store->path, path);
    // A set-group-id bit or a default ACL of the store's parent would come back on every file made below.
    if (fchown(fd, (uid_t)-1, getegid()) < 0 || fchmod(fd, 0700) < 0)
        return error_sys(errno, "cannot set the mode of %s/%s", store->path, path);
    if (fremovexattr(fd, "system.posix_acl_default") < 0 && errno != ENODATA && errno != EOPNOTSUPP)
        return error_sys(errno, "cannot remove the default ACL of %s/%s", store->path, path);
    store->session_fd = fd_take(&fd);
    return NULL;
}

static Error *need_session(Store *store) {
    pthread_mutex_lock(&store->session_mutex);
    Error *error = store->session_fd < 0 ? start_session(store) : NULL;
    pthread_mutex_unlock(&store->session_mutex);
    return error;
}

// A failure to remove leaves work for the next sweep.
void store_close_session(Store *store) {
    if (store->session_fd < 0)
        return;
    char path[64];
    snprintf(path, sizeof path, "staging/%s", store->session_name);
    error_free(fd_remove_tree(store->dirfd, path));
    fd_close(&store->session_fd);
}

static Error *sweep_one(const Store *store, const char *name) {
    char path[300];
    snprintf(path, sizeof path, "staging/%s", name);
    AUTO_FD int fd = -1;
    TRY(store_open_if_there(store, path, O_RDONLY | O_DIRECTORY, &fd));
    if (fd >= 0 && lock_fd(fd, LOCK_EX | LOCK_NB) < 0)
        return NULL; // its owner lives
    return fd_remove_tree(store->dirfd, path);
}

Error *store_sweep(Store *store) {
    AUTO_FD int lock = -1, own = -1;
    TRY(lock_file(store, SWEEP_LOCK, LOCK_EX, false, NULL, &lock, NULL));
    if (lock < 0)
        return NULL;
    TRY(fd_open(store->dirfd, "staging", O_RDONLY | O_DIRECTORY, 0, &own));
    AUTO_DIR DIR *dir = fdopendir(own);
    if (!dir)
        return error_sys(errno, "cannot list %s/staging", store->path);
    own = -1;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            TRY_CTX(sweep_one(store, entry->d_name), "cannot clear away what a run that was killed left behind");
    return NULL;
}

static Error *open_staging(Staging *staging) {
    Store *store = staging->store;
    TRY(need_session(store));
    unsigned long number = atomic_fetch_add(&store->counter, 1);
    snprintf(staging->name, sizeof staging->name, "staging/%s/%lu", store->session_name, number);
    if (mkdirat(store->dirfd, staging->name, 0700) < 0)
        return error_sys(errno, "cannot make the directory %s/%s", store->path, staging->name);
    TRY(fd_open(store->dirfd, staging->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &staging->fd));
    size_t size = strlen(store->path) + strlen(staging->name) + 2;
    staging->path = mem_alloc(size);
    snprintf(staging->path, size, "%s/%s", store->path, staging->name);
    return NULL;
}

Error *staging_new(Store *store, Staging **out) {
    Staging *staging = mem_zalloc(sizeof *staging);
    staging->store = store;
    staging->fd = -1;
    Error *error = open_staging(staging);
    if (error) {
        staging_free(staging);
        return error;
    }
    *out = staging;
    return NULL;
}

int staging_dirfd(const Staging *staging) {
    return staging->fd;
}

const char *staging_path(const Staging *staging) {
    return staging->path;
}

Error *staging_keep(Staging *staging, const char *name, Arena *arena, Str *path_out) {
    Store *store = staging->store;
    Str path = arena_printf(arena, "kept/%s", name);
    TRY(store_discard(store, path.ptr));
    if (renameat(store->dirfd, staging->name, store->dirfd, path.ptr) < 0)
        return error_sys(errno, "cannot keep %s as %s/%s", staging->path, store->path, path.ptr);
    staging->name[0] = '\0';
    *path_out = arena_printf(arena, "%s/%s", store->path, path.ptr);
    return NULL;
}

void staging_free(Staging *staging) {
    if (!staging)
        return;
    fd_close(&staging->fd);
    if (staging->name[0])
        error_free(fd_remove_tree(staging->store->dirfd, staging->name)); // or the next sweep does
    free(staging->path);
    free(staging);
}

void staging_cleanup(Staging **staging) {
    staging_free(*staging);
    *staging = NULL;
}

// ---- names that appear and go ----

static Error *make_parent(const Store *store, const char *target) {
    char parent[128];
    snprintf(parent, sizeof parent, "%.*s", (int)(strrchr(target, '/') - target), target);
    TRY(store_make_layout(store->dirfd));
    if (mkdirat(store->dirfd, parent, 0755) < 0 && errno != EEXIST)
        return error_sys(errno, "cannot make the directory %s/%s", store->path, parent);
    return NULL;
}

Error *store_publish(Store *store, int dirfd, const char *name, const char *target) {
    if (renameat(dirfd, name, store->dirfd, target) == 0)
        return NULL;
    if (errno == ENOENT) {
        TRY(make_parent(store, target));
        if (renameat(dirfd, name, store->dirfd, target) == 0)
            return NULL;
    }
    // A directory replaces an empty directory at most.
    if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
        return error_new(ERROR_CONFLICT, "%s/%s is there already", store->path, target);
    return error_sys(errno, "cannot publish %s/%s", store->path, target);
}

Error *store_discard(Store *store, const char *target) {
    TRY(need_session(store));
    char name[96];
    unsigned long number = atomic_fetch_add(&store->counter, 1);
    snprintf(name, sizeof name, "staging/%s/%lu", store->session_name, number);
    if (renameat(store->dirfd, target, store->dirfd, name) < 0) {
        if (errno == ENOENT)
            return NULL;
        return error_sys(errno, "cannot remove %s/%s", store->path, target);
    }
    return fd_remove_tree(store->dirfd, name);
}

// What the files of this folder share and nobody else needs.
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/store.h"
#include "store/tree.h"

#include <pthread.h>
#include <stdatomic.h>

// Sync requests of all threads of a process, met together: whoever asks while one runs waits for the next, which
// serves everybody who asked until it began.
typedef struct GroupSync {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint64_t asked, served; // tickets
    uint64_t failed_until;  // the last ticket of the last sync that failed
    bool running;
} GroupSync;

struct Store {
    char *path; // absolute, links resolved
    int dirfd;
    int use_fd; // holds locks/use shared: gc waits for nobody and runs only when it gets it alone
    GroupSync sync;
    // The session: a directory in staging/ with a flock for as long as this process lives.
    pthread_mutex_t session_mutex;
    int session_fd; // -1 until the first staging
    char session_name[32];
    atomic_ulong counter; // names inside the session
};

// Where a thing is, relative to store->dirfd.
typedef struct StorePath {
    char text[128];
} StorePath;
StorePath object_path(Hash hash, const char *below); // "objects/ab/cdef...", then below ("", "/tree", "/manifest")
StorePath record_path(RecordKeyKind kind, Hash key);
StorePath download_path(Hash sha256);

// place.c: whether `path` may hold a store. It need not exist; nothing is made. Absolute, clean.
MUST_CHECK Error *place_check(const char *path);
// NULL, or the name of the network file system whose number (statfs(2), f_type) this is.
const char *place_network_fs(uint64_t magic);
MUST_CHECK Error *place_check_fs(int dirfd, const char *path);

// store.c: fd_open below the store; *fd_out is -1 where there is nothing of that kind (no such name, a link, no
// directory).
MUST_CHECK Error *store_open_if_there(const Store *store, const char *path, int flags, int *fd_out);
// Makes what is missing of the store's own directories.
MUST_CHECK Error *store_make_layout(int dirfd);

// transaction.c
MUST_CHECK Error *store_sync(Store *store);
// Moves `name` below dirfd to `target`, relative to the store, whose parent is made when absent. ERROR_CONFLICT when
// there is something already.
MUST_CHECK Error *store_publish(Store *store, int dirfd, const char *name, const char *target);
// Moves `target` out of sight in one step, then removes it piece by piece. Absent is fine.
MUST_CHECK Error *store_discard(Store *store, const char *target);
// Removes what dead owners left in staging/; never waits.
MUST_CHECK Error *store_sweep(Store *store);
void store_close_session(Store *store);

// lock.c: flock(2), again where a signal interrupts.
int lock_fd(int fd, int operation);
// Flocks the named file in locks/ (LOCK_EX or LOCK_SH) and looks again whether it is still the one of that
// name. With `wait` false *fd_out is -1 when somebody else has it.
MUST_CHECK Error *lock_file(const Store *store, const char *name, int operation, bool wait, Cancel *cancel, int *fd_out,
                            bool *waited_out);

// object.c: removes an object, in one step for readers.
MUST_CHECK Error *object_remove(Store *store, Hash hash);
// Calls visit for each object, record or download by name, in no order. Names that are not ours go to `stray` (may be
// NULL) with their path relative to the store.
typedef Error *(*HashVisit)(void *context, Hash hash);
typedef void (*StrayVisit)(void *context, const char *path);
MUST_CHECK Error *store_each_object(const Store *store, HashVisit visit, StrayVisit stray, void *context);
MUST_CHECK Error *store_each_record(const Store *store, RecordKeyKind kind, HashVisit visit, StrayVisit stray,
                                    void *context);
MUST_CHECK Error *store_each_download(const Store *store, HashVisit visit, StrayVisit stray, void *context);

// A file or object that was used today keeps its mtime within a day of now, so that gc knows. `mtime_s` as fstat gave.
void store_touch(int fd, int64_t mtime_s);

// record.c: ERROR_SYSTEM when it cannot be read, another kind when it is damaged or another key's.
MUST_CHECK Error *record_read(const Store *store, RecordKeyKind kind, Hash key, Arena *arena, Record *out);

// gc.c
MUST_CHECK Error *store_count_kept(const Store *store, uint64_t *out);

// parallel.c: calls work(context, i) for every i below count, on as many threads as pay; returns the error of the
// lowest i that failed, after all threads have ended. `grain`: how many items are worth a thread.
typedef Error *(*ParallelWork)(void *context, size_t i);
MUST_CHECK Error *parallel_each(size_t count, size_t grain, ParallelWork work, void *context);

#endif

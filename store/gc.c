// Collecting what was not used for long. Invariant: nobody else has the store open meanwhile; a record goes before the
// objects that it names, so that no record ever leads to nothing, wherever this stops.
#include "store/index.h"
#include "store/internal.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

typedef struct Gc {
    Store *store;
    bool dry_run;
    StoreNote note;
    void *context;
    GcReport *report;
    int64_t before_s;
} Gc;

static Error *collect_path(Gc *gc, const char *path, const char *what, uint64_t size_bytes, uint64_t *counter) {
    if (!gc->dry_run)
        TRY(store_discard(gc->store, path));
    ++*counter;
    gc->report->freed_bytes += size_bytes;
    char line[512];
    snprintf(line, sizeof line, "%s%s%s", path, *what ? "  " : "", what);
    if (gc->note)
        gc->note(gc->context, line);
    return NULL;
}

static Error *collect_object(void *context, const IndexItem *item) {
    Gc *gc = context;
    return collect_path(gc, object_path(item->hash, "").text, "", item->size_bytes, &gc->report->objects);
}

static Error *collect_record(void *context, const IndexItem *item) {
    Gc *gc = context;
    char name[256];
    snprintf(name, sizeof name, "%.*s", STR_ARG(item->name));
    return collect_path(gc, record_path(item->kind, item->hash).text, name, 0, &gc->report->records);
}

static Error *collect_download(void *context, const IndexItem *item) {
    Gc *gc = context;
    return collect_path(gc, download_path(item->hash).text, "", item->size_bytes, &gc->report->downloads);
}

typedef Error *(*NameVisit)(Gc *gc, const char *name, const struct stat *st);

static Error *each_name(const Store *store, const char *folder, NameVisit visit, Gc *gc, uint64_t *count_out) {
    AUTO_FD int own = -1;
    TRY(fd_open(store->dirfd, folder, O_RDONLY | O_DIRECTORY, 0, &own));
    AUTO_DIR DIR *dir = fdopendir(own);
    if (!dir)
        return error_sys(errno, "cannot list %s/%s", store->path, folder);
    int fd = fd_take(&own);
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (count_out)
            ++*count_out;
        if (visit)
            TRY(visit(gc, entry->d_name, &st));
    }
    return NULL;
}

Error *store_count_kept(const Store *store, uint64_t *out) {
    *out = 0;
    return each_name(store, "kept", NULL, NULL, out);
}

static Error *collect_kept(Gc *gc, const char *name, const struct stat *st) {
    char path[300];
    snprintf(path, sizeof path, "kept/%s", name);
    return st->st_ctim.tv_sec < gc->before_s ? collect_path(gc, path, "", 0, &gc->report->kept) : NULL;
}

// One file per key that was ever built. With the store to ourselves nobody holds one; who waits for one that goes looks
// at its inode again. "use" is ours.
static Error *remove_lock(Gc *gc, const char *name, const struct stat *st) {
    (void)st;
    char path[300];
    snprintf(path, sizeof path, "locks/%s", name);
    if (strlen(name) == HASH_HEX_LEN && unlinkat(gc->store->dirfd, path, 0) < 0 && errno != ENOENT)
        return error_sys(errno, "cannot remove %s/%s", gc->store->path, path);
    return NULL;
}

static Error *collect_all(Gc *gc) {
    AUTO_INDEX Index *index = NULL;
    // From the files themselves: what an older index says is no ground to remove anything.
    TRY(index_open(gc->store, true, &index));
    TRY(index_each_unused_record(index, gc->before_s, collect_record, gc));
    if (!gc->dry_run)
        TRY(store_sync(gc->store));
    TRY(index_each_unused_object(index, gc->before_s, collect_object, gc));
    TRY(index_each_unused_download(index, gc->before_s, collect_download, gc));
    TRY(each_name(gc->store, "kept", collect_kept, gc, NULL));
    return gc->dry_run ? NULL : each_name(gc->store, "locks", remove_lock, gc, NULL);
}

static Error *hold_alone(const Store *store) {
    if (lock_fd(store->use_fd, LOCK_EX | LOCK_NB) == 0)
        return NULL;
    if (errno != EWOULDBLOCK)
        return error_sys(errno, "cannot lock %s/locks/use", store->path);
    if (lock_fd(store->use_fd, LOCK_SH) < 0) // asking for more may have cost what we had (flock(2))
        return error_sys(errno, "cannot lock %s/locks/use", store->path);
    return error_hint(error_new(ERROR_CONFLICT, "another minimal is using the store %s", store->path),
                      "try again when it has ended");
}

Error *store_gc(Store *store, const GcOptions *options, StoreNote note, void *context, GcReport *out) {
    memset(out, 0, sizeof *out);
    Gc gc = {.store = store, .dry_run = options->dry_run, .note = note, .context = context, .report = out};
    int64_t now = (int64_t)time(NULL);
    gc.before_s = options->unused_s > (uint64_t)now ? 0 : now - (int64_t)options->unused_s;
    if (!gc.dry_run)
        TRY(hold_alone(store));
    Error *error = collect_all(&gc);
    if (!gc.dry_run && lock_fd(store->use_fd, LOCK_SH) < 0 && !error)
        error = error_sys(errno, "cannot lock %s/locks/use", store->path);
    return error;
}

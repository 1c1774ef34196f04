// Looking at everything again, byte by byte. Invariant: verify removes only what is provably not what its name says,
// and records that lead to something missing; what it removes, the next build makes anew.
#include "store/index.h"
#include "store/internal.h"
#include "store/scan.h"

#include "base/fd.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

typedef struct Verify {
    Store *store;
    Cancel *cancel;
    StoreNote note;
    void *context;
    VerifyReport *report;
    pthread_mutex_t mutex; // of report and note
    VEC(Hash) hashes;      // what is looked at now
    RecordKeyKind kind;
} Verify;

static void say(Verify *verify, uint64_t *counter, const Buf *line) {
    pthread_mutex_lock(&verify->mutex);
    ++*counter;
    if (verify->note)
        verify->note(verify->context, buf_cstr(line));
    pthread_mutex_unlock(&verify->mutex);
}

// Frees why (may be NULL).
static void say_removed(Verify *verify, uint64_t *counter, StorePath path, Error *why) {
    AUTO_BUF Buf line;
    buf_init(&line, BUF_NO_LIMIT);
    buf_printf(&line, "%s is damaged and was removed", path.text);
    for (const Error *link = why; link; link = error_cause(link))
        buf_printf(&line, ": %s", error_text(link));
    error_free(why);
    say(verify, counter, &line);
}

static Error *collect(void *context, Hash hash) {
    Verify *verify = context;
    vec_push(&verify->hashes, hash);
    return NULL;
}

static void note_stray(void *context, const char *path) {
    Verify *verify = context;
    AUTO_BUF Buf line;
    buf_init(&line, BUF_NO_LIMIT);
    buf_printf(&line, "%s is none of the store's files; left alone", path);
    say(verify, &verify->report->strays, &line);
}

// ---- objects ----

static Error *hash_file(int tree_fd, TreeEntry *entry) {
    AUTO_FD int fd = -1;
    struct stat st;
    TRY(scan_open_file(tree_fd, entry->path.ptr, &fd, &st));
    entry->kind = st.st_mode & S_IXUSR ? TREE_EXEC : TREE_FILE;
    TRY_CTX(hash_fd(fd, &entry->sha256, &entry->size_bytes), "%s", entry->path.ptr);
    return NULL;
}

// The first difference between what the manifest says and what is there, or that there is more than it says.
static Error *compare(const Tree *want, const Scan *have, size_t directories) {
    size_t i = 0;
    for (; i < want->count && i < have->count; i++) {
        const TreeEntry *a = &want->entries[i], *b = &have->entries[i];
        if (!str_eq(a->path, b->path))
            break;
        bool equal = a->kind == b->kind &&
                     (a->kind == TREE_LINK ? str_eq(a->link_target, b->link_target) : hash_eq(a->sha256, b->sha256));
        if (!equal)
            return error_new(ERROR_MISMATCH, "%.*s is not what it was", STR_ARG(a->path));
    }
    bool has_want = i < want->count, has_have = i < have->count;
    if (has_want && (!has_have || str_compare(want->entries[i].path, have->entries[i].path) < 0))
        return error_new(ERROR_MISMATCH, "%.*s is missing", STR_ARG(want->entries[i].path));
    if (has_have)
        return error_new(ERROR_MISMATCH, "%.*s does not belong there", STR_ARG(have->entries[i].path));
    if (directories != have->directories)
        return error_new(ERROR_MISMATCH, "there is an empty directory");
    return NULL;
}

static Error *count_directory(void *context, Str path, size_t at) {
    (void)path, (void)at;
    ++*(size_t *)context;
    return NULL;
}

// ERROR_SYSTEM with EMFILE, ENOMEM and the like says nothing about the object; all else is damage.
static Error *check_object(Verify *verify, Hash hash, Arena *arena, Tree *tree) {
    TRY(store_read_tree(verify->store, hash, arena, tree));
    AUTO_FD int fd = -1;
    TRY(fd_open(verify->store->dirfd, object_path(hash, "/tree").text, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fd));
    Scan scan;
    TRY(scan_tree(fd, NULL, NULL, arena, &scan));
    for (size_t i = 0; i < scan.count; i++) {
        TRY(cancel_check(verify->cancel));
        if (scan.entries[i].kind != TREE_LINK)
            TRY(hash_file(fd, &scan.entries[i]));
    }
    size_t directories = 0;
    TRY(tree_each_directory(tree->entries, tree->count, count_directory, &directories));
    TRY(compare(tree, &scan, directories));
    bool present;
    TRY(store_check_tree(verify->store, hash, &present));
    return present ? NULL : error_new(ERROR_MISMATCH, "a mode or a time is not what it was");
}

static bool is_our_trouble(const Error *error) {
    int number = error_errno(error);
    return error_kind(error) == ERROR_INTERRUPTED || number == EMFILE || number == ENFILE || number == ENOMEM ||
           number == EINTR;
}

static Error *verify_object(void *context, size_t i) {
    Verify *verify = context;
    Hash hash = verify->hashes.items[i];
    AUTO_ARENA Arena *arena = arena_new(0);
    Tree tree = {0};
    Error *error = check_object(verify, hash, arena, &tree);
    if (error && is_our_trouble(error))
        return error;
    pthread_mutex_lock(&verify->mutex);
    verify->report->objects++;
    verify->report->files += tree.count;
    verify->report->file_bytes += tree.size_bytes;
    pthread_mutex_unlock(&verify->mutex);
    if (!error)
        return NULL;
    Error *failed = object_remove(verify->store, hash);
    if (failed) {
        error_free(error);
        return failed;
    }
    say_removed(verify, &verify->report->damaged_objects, object_path(hash, ""), error);
    return NULL;
}

// ---- records ----

static Error *check_record(const Store *store, RecordKeyKind kind, Hash key, Arena *arena) {
    Record record;
    TRY(record_read(store, kind, key, arena, &record));
    for (size_t i = 0; i < record.output_count; i++)
        if (faccessat(store->dirfd, object_path(record.outputs[i].tree, "/manifest").text, F_OK, 0) < 0)
            return error_new(ERROR_NOT_FOUND, "its output %.*s is gone", STR_ARG(record.outputs[i].name));
    return NULL;
}

static Error *verify_record(void *context, size_t i) {
    Verify *verify = context;
    Hash key = verify->hashes.items[i];
    AUTO_ARENA Arena *arena = arena_new(0);
    TRY(cancel_check(verify->cancel));
    Error *error = check_record(verify->store, verify->kind, key, arena);
    if (error && is_our_trouble(error))
        return error;
    pthread_mutex_lock(&verify->mutex);
    verify->report->records++;
    pthread_mutex_unlock(&verify->mutex);
    if (!error)
        return NULL;
    StorePath path = record_path(verify->kind, key);
    Error *failed = store_discard(verify->store, path.text);
    if (failed) {
        error_free(error);
        return failed;
    }
    say_removed(verify, &verify->report->dropped_records, path, error);
    return NULL;
}

// ---- downloads ----

static Error *verify_download(void *context, size_t i) {
    Verify *verify = context;
    Hash hash = verify->hashes.items[i];
    AUTO_FD int fd = -1;
    TRY(cancel_check(verify->cancel));
    TRY(store_open_download(verify->store, hash, &fd));
    pthread_mutex_lock(&verify->mutex);
    verify->report->downloads++;
    pthread_mutex_unlock(&verify->mutex);
    if (fd < 0)
        say_removed(verify, &verify->report->damaged_downloads, download_path(hash), NULL);
    return NULL;
}

// ---- all of it ----

static Error *verify_root(Verify *verify) {
    static const char *const known[] = {
        ".",     "..",      "format",       "format.new",          "objects", "records", "downloads", "staging", "kept",
        "locks", "partial", "index.sqlite", "index.sqlite-journal"};
    AUTO_FD int own = -1;
    TRY(fd_open(verify->store->dirfd, ".", O_RDONLY | O_DIRECTORY, 0, &own));
    AUTO_DIR DIR *dir = fdopendir(own);
    if (!dir)
        return error_sys(errno, "cannot list %s", verify->store->path);
    own = -1;
    for (struct dirent *entry; (entry = readdir(dir));) {
        bool is_known = false;
        for (size_t i = 0; i < ARRAY_LEN(known); i++)
            is_known = is_known || strcmp(entry->d_name, known[i]) == 0;
        if (!is_known)
            note_stray(verify, entry->d_name);
    }
    return NULL;
}

static Error *verify_records(Verify *verify, RecordKeyKind kind) {
    verify->kind = kind;
    verify->hashes.count = 0;
    TRY(store_each_record(verify->store, kind, collect, note_stray, verify));
    return parallel_each(verify->hashes.count, 64, verify_record, verify);
}

static Error *verify_all(Verify *verify) {
    TRY(store_make_layout(verify->store->dirfd));
    TRY(store_sweep(verify->store));
    TRY(verify_root(verify));
    TRY(store_each_object(verify->store, collect, note_stray, verify));
    TRY(parallel_each(verify->hashes.count, 1, verify_object, verify));
    TRY(verify_records(verify, RECORD_SPEC_KEY));
    TRY(verify_records(verify, RECORD_BUILD_KEY));
    verify->hashes.count = 0;
    TRY(store_each_download(verify->store, collect, note_stray, verify));
    TRY(parallel_each(verify->hashes.count, 1, verify_download, verify));
    AUTO_INDEX Index *index = NULL;
    return index_open(verify->store, true, &index);
}

Error *store_verify(Store *store, Cancel *cancel, StoreNote note, void *context, VerifyReport *out) {
    memset(out, 0, sizeof *out);
    Verify verify = {.store = store, .cancel = cancel, .note = note, .context = context, .report = out};
    pthread_mutex_init(&verify.mutex, NULL);
    Error *error = verify_all(&verify);
    pthread_mutex_destroy(&verify.mutex);
    vec_release(&verify.hashes);
    return error;
}

// Objects that are there: reading a manifest, a fast look for damage, listing, removing. Invariant: what is called
// present here can be mounted; whether each byte is right only verify can say.
#include "store/internal.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void store_touch(int fd, int64_t mtime_s) {
    enum { DAY_S = 24 * 60 * 60 };
    int64_t now = (int64_t)time(NULL);
    if (mtime_s > now - DAY_S && mtime_s <= now)
        return;
    int failed = futimens(fd, NULL); // a hint for gc: on a read-only file system it is not needed either
    (void)failed;
}

// ERROR_NOT_FOUND, or ERROR_MISMATCH when these are not the bytes of that name.
static Error *read_manifest(const Store *store, Hash hash, Buf *bytes) {
    StorePath path = object_path(hash, "/manifest");
    AUTO_FD int fd = -1;
    TRY(store_open_if_there(store, path.text, O_RDONLY, &fd));
    if (fd < 0)
        return error_new(ERROR_NOT_FOUND, "the tree %s is not in the store %s", hash_hex(hash).text, store->path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_sys(errno, "cannot look at %s/%s", store->path, path.text);
    if (!S_ISREG(st.st_mode))
        return error_new(ERROR_MISMATCH, "%s/%s is not a file", store->path, path.text);
    TRY_CTX(fd_read_all(fd, bytes), "%s/%s", store->path, path.text);
    if (!hash_eq(hash_bytes(buf_str(bytes)), hash))
        return error_new(ERROR_MISMATCH, "%s/%s is damaged", store->path, path.text);
    store_touch(fd, st.st_mtim.tv_sec);
    return NULL;
}

Error *store_read_tree(Store *store, Hash hash, Arena *arena, Tree *out) {
    AUTO_BUF Buf bytes;
    buf_init(&bytes, TREE_MANIFEST_MAX);
    TRY(read_manifest(store, hash, &bytes));
    TRY_CTX(tree_decode(arena_str(arena, buf_str(&bytes)), arena, out), "the manifest of the tree %s",
            hash_hex(hash).text);
    return NULL;
}

// ---- the look for damage ----

// Entries of one directory stand together as a rule, so its descriptor saves walking the path again for each.
typedef struct Look {
    const Tree *tree;
    int tree_fd, directory_fd; // of what `directory` names, or -1
    Str directory;             // with its last slash; the root's is empty
    bool intact;
    char path[TREE_PATH_MAX + 1];
} Look;

static bool times_match(const struct stat *st) {
    return st->st_mtim.tv_sec == TREE_MTIME_S && st->st_mtim.tv_nsec == 0;
}

static bool directory_matches(const struct stat *st) {
    return S_ISDIR(st->st_mode) && (st->st_mode & 07777) == TREE_MODE_DIRECTORY && times_match(st);
}

static bool entry_matches(const TreeEntry *entry, const struct stat *st) {
    if (!times_match(st))
        return false;
    if (entry->kind == TREE_LINK)
        return S_ISLNK(st->st_mode) && (uint64_t)st->st_size == entry->link_target.len;
    unsigned mode = entry->kind == TREE_EXEC ? TREE_MODE_EXEC : TREE_MODE_FILE;
    return S_ISREG(st->st_mode) && (st->st_mode & 07777) == mode && (uint64_t)st->st_size == entry->size_bytes;
}

static const char *path_text(Look *look, Str path) {
    memcpy(look->path, path.ptr, path.len);
    look->path[path.len] = '\0';
    return look->path;
}

// A damaged file system's EIO is damage too: the object is made anew elsewhere on the disk.
static bool look_at(Look *look, int dirfd, Str path, struct stat *st) {
    return fstatat(dirfd, path_text(look, path), st, AT_SYMLINK_NOFOLLOW) == 0;
}

static Str directory_of(Str path) {
    return str_slice(path, 0, (size_t)(str_rfind_byte(path, '/') + 1));
}

static Error *look_at_directory(void *context, Str path, size_t at) {
    Look *look = context;
    struct stat st;
    if (directory_of(look->tree->entries[at].path).len == path.len + 1)
        return NULL; // enter_directory does, for this very entry
    look->intact = look->intact && look_at(look, look->tree_fd, path, &st) && directory_matches(&st);
    return NULL;
}

// Without a descriptor (too many may be open) the directory is looked at by path, and its entries are.
static void enter_directory(Look *look, Str directory) {
    struct stat st;
    Str path = directory.len ? str_slice(directory, 0, directory.len - 1) : STR(".");
    fd_close(&look->directory_fd);
    look->directory = directory;
    look->directory_fd = openat(look->tree_fd, path_text(look, path), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (look->directory_fd >= 0)
        look->intact = fstat(look->directory_fd, &st) == 0 && directory_matches(&st);
    else
        look->intact = look_at(look, look->tree_fd, path, &st) && directory_matches(&st);
}

static void look_at_entry(Look *look, const TreeEntry *entry) {
    struct stat st;
    Str directory = directory_of(entry->path);
    if (!str_eq(directory, look->directory))
        enter_directory(look, directory);
    bool by_path = look->directory_fd < 0;
    Str name = by_path ? entry->path : str_slice(entry->path, directory.len, entry->path.len);
    look->intact = look->intact && look_at(look, by_path ? look->tree_fd : look->directory_fd, name, &st) &&
                   entry_matches(entry, &st);
}

static Error *look_at_tree(const Store *store, const Tree *tree, bool *intact_out) {
    AUTO_FD int fd = -1;
    struct stat st;
    TRY(store_open_if_there(store, object_path(tree->hash, "/tree").text, O_PATH | O_DIRECTORY, &fd));
    *intact_out = fd >= 0 && fstat(fd, &st) == 0 && directory_matches(&st);
    if (!*intact_out)
        return NULL;
    Look look = {.tree = tree, .tree_fd = fd, .directory_fd = -1, .intact = true};
    Error *error = tree_each_directory(tree->entries, tree->count, look_at_directory, &look);
    for (size_t i = 0; look.intact && i < tree->count; i++)
        look_at_entry(&look, &tree->entries[i]);
    fd_close(&look.directory_fd);
    *intact_out = look.intact;
    return error;
}

Error *store_check_tree(Store *store, Hash hash, bool *present_out) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Tree tree;
    *present_out = false;
    Error *error = store_read_tree(store, hash, arena, &tree);
    if (!error)
        return look_at_tree(store, &tree, present_out);
    ErrorKind kind = error_kind(error);
    if (kind == ERROR_SYSTEM && error_errno(error) != EIO)
        return error;
    error_free(error);
    return NULL;
}

Error *store_has_tree(Store *store, Hash hash, bool *present_out) {
    struct stat st;
    *present_out = false;
    if (fstatat(store_dirfd(store), object_path(hash, "/tree").text, &st, AT_SYMLINK_NOFOLLOW) == 0)
        *present_out = directory_matches(&st);
    else if (errno != ENOENT && errno != ENOTDIR && errno != EIO)
        return error_sys(errno, "cannot look at an object of %s", store_path(store));
    return NULL;
}

Error *object_remove(Store *store, Hash hash) {
    return store_discard(store, object_path(hash, "").text);
}

// ---- listing ----

static bool is_lower_hex(const char *text, size_t len) {
    if (strlen(text) != len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!((text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f')))
            return false;
    return true;
}

typedef struct Listing {
    const Store *store;
    HashVisit visit;
    StrayVisit stray;
    void *context;
} Listing;

// *out stays NULL where there is no such directory: somebody removed it, and what was in it.
static Error *open_listing(const Listing *listing, const char *path, DIR **out) {
    int fd;
    TRY_CTX(store_open_if_there(listing->store, path, O_RDONLY | O_DIRECTORY, &fd), "%s", listing->store->path);
    if (fd < 0)
        return NULL;
    *out = fdopendir(fd);
    if (*out)
        return NULL;
    Error *error = error_sys(errno, "cannot list %s/%s", listing->store->path, path);
    close(fd);
    return error;
}

static Error *next_entry(const Listing *listing, const char *path, DIR *dir, struct dirent **out) {
    do {
        errno = 0;
        *out = readdir(dir);
    } while (*out && (strcmp((*out)->d_name, ".") == 0 || strcmp((*out)->d_name, "..") == 0));
    if (!*out && errno != 0)
        return error_sys(errno, "cannot list %s/%s", listing->store->path, path);
    return NULL;
}

static void note_stray(const Listing *listing, const char *folder, const char *name) {
    char path[512];
    if (listing->stray && (size_t)snprintf(path, sizeof path, "%s/%s", folder, name) < sizeof path)
        listing->stray(listing->context, path);
}

// Names of `len` digits in `folder`, each behind `prefix`, are hashes.
static Error *list_hashes(const Listing *listing, const char *folder, const char *prefix) {
    AUTO_DIR DIR *dir = NULL;
    TRY(open_listing(listing, folder, &dir));
    for (;;) {
        struct dirent *entry = NULL;
        if (dir)
            TRY(next_entry(listing, folder, dir, &entry));
        if (!entry)
            return NULL;
        if (!is_lower_hex(entry->d_name, HASH_HEX_LEN - strlen(prefix))) {
            note_stray(listing, folder, entry->d_name);
            continue;
        }
        char hex[HASH_HEX_LEN];
        Hash hash;
        memcpy(hex, prefix, strlen(prefix));
        memcpy(hex + strlen(prefix), entry->d_name, HASH_HEX_LEN - strlen(prefix));
        BUG_UNLESS(hash_parse((Str){hex, sizeof hex}, &hash));
        TRY(listing->visit(listing->context, hash));
    }
}

static Error *list_fans(const Listing *listing, const char *folder) {
    AUTO_DIR DIR *dir = NULL;
    TRY(open_listing(listing, folder, &dir));
    for (;;) {
        struct dirent *entry = NULL;
        if (dir)
            TRY(next_entry(listing, folder, dir, &entry));
        if (!entry)
            return NULL;
        if (!is_lower_hex(entry->d_name, 2) || (entry->d_type != DT_DIR && entry->d_type != DT_UNKNOWN)) {
            note_stray(listing, folder, entry->d_name);
            continue;
        }
        char path[64];
        snprintf(path, sizeof path, "%s/%.2s", folder, entry->d_name);
        TRY(list_hashes(listing, path, entry->d_name));
    }
}

Error *store_each_object(const Store *store, HashVisit visit, StrayVisit stray, void *context) {
    return list_fans(&(Listing){store, visit, stray, context}, "objects");
}

Error *store_each_record(const Store *store, RecordKeyKind kind, HashVisit visit, StrayVisit stray, void *context) {
    return list_fans(&(Listing){store, visit, stray, context},
                     kind == RECORD_SPEC_KEY ? "records/spec" : "records/build");
}

Error *store_each_download(const Store *store, HashVisit visit, StrayVisit stray, void *context) {
    return list_hashes(&(Listing){store, visit, stray, context}, "downloads", "");
}

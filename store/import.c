// A foreign tree becomes an object. Invariant: what is published was read by us through descriptors that follow no
// link, lies in inodes that nobody else ever had a descriptor into, and looks the same whoever made it; its manifest
// was computed from the very bytes that were written.
#include "store/internal.h"
#include "store/scan.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

typedef struct Import {
    Store *store;
    int source;
    bool owned;
    TreeEntry *entries; // as scanned; size and hash are filled in while copying
    size_t count;
    int tree_fd; // of the new object
    atomic_bool no_clone;
    atomic_uint_fast64_t size_bytes;
} Import;

static const struct timespec tree_times[2] = {{.tv_sec = TREE_MTIME_S}, {.tv_sec = TREE_MTIME_S}};

// ---- copying ----

static Error *copy_and_hash(int in, int out, const char *path, TreeEntry *entry) {
    enum { STEP = 64 * 1024 };
    unsigned char bytes[STEP];
    Hasher hasher;
    hasher_init(&hasher);
    entry->size_bytes = 0;
    for (;;) {
        ssize_t got = read(in, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_sys(errno, "cannot read %s", path);
        if (got == 0)
            break;
        hasher_add(&hasher, bytes, (size_t)got);
        entry->size_bytes += (uint64_t)got;
        if (entry->size_bytes > TREE_SIZE_MAX)
            return error_new(ERROR_LIMIT, "%s is larger than 64 GiB", path);
        TRY_CTX(fd_write_all(out, bytes, (size_t)got), "%s", path);
    }
    entry->sha256 = hasher_end(&hasher);
    return NULL;
}

static Error *copy_file(Import *import, int in, TreeEntry *entry, int *out) {
    const char *path = entry->path.ptr;
    TRY(fd_open(import->tree_fd, path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, out));
    if (!atomic_load(&import->no_clone)) {
        if (ioctl(*out, FICLONE, in) == 0) {
            TRY_CTX(hash_fd(*out, &entry->sha256, &entry->size_bytes), "%s", path);
            return NULL;
        }
        atomic_store(&import->no_clone, true); // this file system has no sharing of blocks, or not between these two
    }
    return copy_and_hash(in, *out, path, entry);
}

// Moving keeps the inode, so it must be one that nobody else can reach and that carries nothing we would have to undo.
static bool can_move(const Import *import, int fd, const struct stat *st) {
    if (!import->owned || st->st_nlink != 1 || st->st_uid != geteuid() || st->st_gid != getegid())
        return false;
    char names[256];
    ssize_t len = flistxattr(fd, names, sizeof names);
    // The label is the system's own (SELinux), and a new file would get one as well.
    return len == 0 || (len < 0 && errno == EOPNOTSUPP) ||
           (len > 0 && (size_t)len == strlen(names) + 1 && strcmp(names, "security.selinux") == 0);
}

// *out: the new file, which is *in when that could be moved.
static Error *take_bytes(Import *import, int *in, const struct stat *st, TreeEntry *entry, int *out) {
    const char *path = entry->path.ptr;
    if (!can_move(import, *in, st))
        return copy_file(import, *in, entry, out);
    if (renameat(import->source, path, import->tree_fd, path) < 0)
        return errno == EXDEV ? copy_file(import, *in, entry, out) : error_sys(errno, "cannot move %s", path);
    *out = fd_take(in);
    TRY_CTX(hash_fd(*out, &entry->sha256, &entry->size_bytes), "%s", path);
    return NULL;
}

static Error *count_size(Import *import, uint64_t size) {
    uint64_t before = atomic_fetch_add(&import->size_bytes, size);
    if (size > TREE_SIZE_MAX || before + size > TREE_SIZE_MAX)
        return error_new(ERROR_LIMIT, "the files of one tree are larger than 64 GiB");
    return NULL;
}

static Error *take_file(Import *import, TreeEntry *entry) {
    const char *path = entry->path.ptr;
    AUTO_FD int in = -1, out = -1;
    struct stat st;
    TRY(scan_open_file(import->source, path, &in, &st));
    TRY(count_size(import, (uint64_t)st.st_size));
    entry->kind = st.st_mode & S_IXUSR ? TREE_EXEC : TREE_FILE;
    TRY(take_bytes(import, &in, &st, entry, &out));
    if (fchmod(out, entry->kind == TREE_EXEC ? TREE_MODE_EXEC : TREE_MODE_FILE) < 0 || futimens(out, tree_times) < 0)
        return error_sys(errno, "cannot set mode and time of %s", path);
    if (close(fd_take(&out)) < 0)
        return error_sys(errno, "cannot write %s", path);
    return NULL;
}

static Error *take_entry(void *context, size_t i) {
    Import *import = context;
    TreeEntry *entry = &import->entries[i];
    if (entry->kind != TREE_LINK)
        return take_file(import, entry);
    const char *path = entry->path.ptr;
    if (symlinkat(entry->link_target.ptr, import->tree_fd, path) < 0 ||
        utimensat(import->tree_fd, path, tree_times, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(errno, "cannot make the link %s", path);
    return NULL;
}

static Error *make_directory(void *context, Str path, size_t at) {
    (void)at;
    const Import *import = context;
    char name[TREE_PATH_MAX + 1];
    snprintf(name, sizeof name, "%.*s", STR_ARG(path));
    if (mkdirat(import->tree_fd, name, TREE_MODE_DIRECTORY) < 0)
        return error_sys(errno, "cannot make the directory %s", name);
    return NULL;
}

// Once everything is in it: adding an entry changes a directory's mtime. The umask may have taken bits of its mode.
static Error *finish_directory(void *context, Str path, size_t at) {
    (void)at;
    const Import *import = context;
    char name[TREE_PATH_MAX + 1];
    snprintf(name, sizeof name, "%.*s", STR_ARG(path));
    if (fchmodat(import->tree_fd, name, TREE_MODE_DIRECTORY, 0) < 0 ||
        utimensat(import->tree_fd, name, tree_times, AT_SYMLINK_NOFOLLOW) < 0)
        return error_sys(errno, "cannot set mode and time of %s", name);
    return NULL;
}

static Error *copy_tree(Import *import) {
    enum { FILES_PER_THREAD = 16 };
    TRY(tree_each_directory(import->entries, import->count, make_directory, import));
    TRY(parallel_each(import->count, FILES_PER_THREAD, take_entry, import));
    TRY(tree_each_directory(import->entries, import->count, finish_directory, import));
    return finish_directory(import, STR("."), 0);
}

// ---- the object ----

static Error *make_object(Import *import, const Staging *staging, Tree *out) {
    int dirfd = staging_dirfd(staging);
    if (mkdirat(dirfd, "object", 0755) < 0 || mkdirat(dirfd, "object/tree", 0755) < 0)
        return error_sys(errno, "cannot make a directory in %s", staging_path(staging));
    TRY(fd_open(dirfd, "object/tree", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &import->tree_fd));
    TRY(copy_tree(import));
    AUTO_BUF Buf manifest;
    buf_init(&manifest, TREE_MANIFEST_MAX);
    tree_encode(import->entries, import->count, &manifest);
    if (manifest.overflow)
        return error_new(ERROR_LIMIT, "the list of the tree's files is larger than %d MiB", TREE_MANIFEST_MAX >> 20);
    AUTO_FD int fd = -1;
    TRY(fd_open(dirfd, "object/manifest", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0444, &fd));
    TRY_CTX(fd_write_all(fd, manifest.ptr, manifest.len), "%s/object/manifest", staging_path(staging));
    if (close(fd_take(&fd)) < 0)
        return error_sys(errno, "cannot write %s/object/manifest", staging_path(staging));
    *out = (Tree){hash_bytes(buf_str(&manifest)), import->entries, import->count, 0};
    for (size_t i = 0; i < import->count; i++)
        out->size_bytes += import->entries[i].size_bytes;
    return NULL;
}

static Error *publish_new(Store *store, const Staging *staging, const Tree *tree) {
    return store_publish(store, staging_dirfd(staging), "object", object_path(tree->hash, "").text);
}

// There is one of that name, and it was found damaged: one process at a time looks again and exchanges it.
static Error *replace_damaged(Store *store, const Staging *staging, const Tree *tree) {
    AUTO_FD int lock = -1;
    TRY(lock_file(store, "repair", LOCK_EX, true, NULL, &lock, NULL));
    bool present;
    TRY(store_check_tree(store, tree->hash, &present));
    if (present)
        return NULL;
    TRY(object_remove(store, tree->hash));
    return publish_new(store, staging, tree);
}

static Error *publish_object(Store *store, const Staging *staging, const Tree *tree) {
    bool present;
    TRY(store_check_tree(store, tree->hash, &present));
    if (present)
        return NULL;
    TRY(store_sync(store));
    Error *error = publish_new(store, staging, tree);
    if (!error || error_kind(error) != ERROR_CONFLICT)
        return error;
    error_free(error);
    return replace_damaged(store, staging, tree);
}

static Error *run_import(Import *import, TreeFilter filter, void *context, Arena *arena, Tree *out) {
    AUTO_STAGING Staging *staging = NULL;
    Scan scan;
    TRY(scan_tree(import->source, filter, context, arena, &scan));
    import->entries = scan.entries;
    import->count = scan.count;
    TRY(staging_new(import->store, &staging));
    TRY(make_object(import, staging, out));
    return publish_object(import->store, staging, out);
}

Error *store_add_tree(Store *store, int dirfd, bool owned, TreeFilter filter, void *context, Arena *arena, Tree *out) {
    Import import = {.store = store, .source = dirfd, .owned = owned, .tree_fd = -1};
    Error *error = run_import(&import, filter, context, arena, out);
    fd_close(&import.tree_fd);
    return error;
}

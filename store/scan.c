// Reading a foreign tree: what is in it, in one order, by descriptors that follow no link. Used to take a tree into the
// store and to look at one that is there. Invariant: nothing outside of the root is ever opened or named.
#include "store/scan.h"

#include "base/fd.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

typedef struct Found {
    Str path;
    unsigned char type; // DT_REG, DT_LNK, or another
} Found;

typedef struct Walk {
    Arena *arena;
    int root;
    VEC(Found) found;
    VEC(Str) directories; // to be walked, or walked
    Scan *scan;
} Walk;

// A build may leave what its owner cannot read, and root can: whoever owns it is given the permission, so that both
// get the same tree.
static Error *open_readable(int root, const char *path, int flags, int *fd_out) {
    flags |= O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
    Error *error = fd_open_beneath(root, path, flags, fd_out);
    if (!error || error_errno(error) != EACCES)
        return error;
    AUTO_FD int handle = -1;
    struct stat st;
    char self[64];
    Error *second = fd_open_beneath(root, path, O_PATH, &handle);
    if (second) {
        error_free(second);
        return error;
    }
    snprintf(self, sizeof self, "/proc/self/fd/%d", handle);
    if (fstat(handle, &st) < 0 || st.st_uid != geteuid() ||
        chmod(self, (st.st_mode & 0777) | (S_ISDIR(st.st_mode) ? 0700 : 0400)) < 0)
        return error;
    error_free(error);
    return fd_open_beneath(root, path, flags, fd_out);
}

static Error *type_of(const Walk *walk, const char *path, unsigned char *type_out) {
    AUTO_FD int fd = -1;
    TRY(fd_open_beneath(walk->root, path, O_PATH | O_NOFOLLOW, &fd));
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_sys(errno, "cannot look at %s", path);
    *type_out = (unsigned char)IFTODT(st.st_mode);
    return NULL;
}

static Error *walk_entry(Walk *walk, Str directory, const struct dirent *entry) {
    const char *sep = directory.len ? "/" : "";
    Str path = arena_printf(walk->arena, "%.*s%s%s", STR_ARG(directory), sep, entry->d_name);
    if (path.len > TREE_PATH_MAX)
        return error_new(ERROR_LIMIT, "a path of more than %d bytes: %.60s...", TREE_PATH_MAX, path.ptr);
    unsigned char type = entry->d_type;
    if (type == DT_UNKNOWN)
        TRY(type_of(walk, path.ptr, &type));
    if (type == DT_DIR)
        vec_push(&walk->directories, path);
    else
        vec_push(&walk->found, (Found){path, type});
    if (walk->found.count + walk->directories.count > TREE_ENTRIES_MAX)
        return error_new(ERROR_LIMIT, "more than %d entries in one tree", TREE_ENTRIES_MAX);
    return NULL;
}

static Error *walk_directory(Walk *walk, Str directory) {
    int fd;
    if (directory.len)
        TRY(open_readable(walk->root, directory.ptr, O_DIRECTORY, &fd));
    else
        TRY(fd_open(walk->root, ".", O_RDONLY | O_DIRECTORY, 0, &fd));
    AUTO_DIR DIR *dir = fdopendir(fd);
    if (!dir) {
        Error *error = error_sys(errno, "cannot list %.*s", STR_ARG(directory));
        close(fd);
        return error;
    }
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry)
            return errno ? error_sys(errno, "cannot list %.*s", STR_ARG(directory)) : NULL;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            TRY(walk_entry(walk, directory, entry));
    }
}

static int found_compare(const void *a, const void *b) {
    return str_compare(((const Found *)a)->path, ((const Found *)b)->path);
}

// One directory is open at a time, however deep they are.
static Error *walk_all(Walk *walk) {
    vec_push(&walk->directories, (Str){"", 0});
    for (size_t i = 0; i < walk->directories.count; i++)
        TRY(walk_directory(walk, walk->directories.items[i]));
    if (walk->found.count)
        qsort(walk->found.items, walk->found.count, sizeof(Found), found_compare);
    return NULL;
}

// ---- choosing ----

static Error *refuse_special(const Found *found) {
    const char *kind = found->type == DT_FIFO   ? "a fifo"
                       : found->type == DT_SOCK ? "a socket"
                       : found->type == DT_BLK  ? "a block device"
                       : found->type == DT_CHR  ? "a character device"
                                                : "neither file, link nor directory";
    return error_hint(error_new(ERROR_INVALID, "%s is %s, and a tree holds files, links and directories alone",
                                found->path.ptr, kind),
                      "remove it, or leave it out of what is to be stored");
}

static Error *read_link(const Walk *walk, TreeEntry *entry) {
    AUTO_FD int fd = -1;
    TRY(fd_open_beneath(walk->root, entry->path.ptr, O_PATH | O_NOFOLLOW, &fd));
    char target[TREE_PATH_MAX + 2];
    ssize_t len = readlinkat(fd, "", target, sizeof target);
    if (len < 0)
        return error_sys(errno, "cannot read the link %s", entry->path.ptr);
    entry->link_target = arena_str(walk->arena, (Str){target, (size_t)len});
    return NULL;
}

static Error *choose(const Walk *walk, TreeFilter filter, void *context) {
    TreeEntry *entries = ARENA_ARRAY(walk->arena, TreeEntry, walk->found.count);
    size_t count = 0;
    for (size_t i = 0; i < walk->found.count; i++) {
        const Found *found = &walk->found.items[i];
        if (filter && !filter(context, found->path))
            continue;
        TreeEntry *entry = &entries[count++];
        entry->path = found->path;
        entry->kind = found->type == DT_LNK ? TREE_LINK : TREE_FILE; // TREE_EXEC shows when it is opened
        if (found->type == DT_LNK)
            TRY(read_link(walk, entry));
        else if (found->type != DT_REG)
            return refuse_special(found);
    }
    *walk->scan = (Scan){entries, count, walk->directories.count - 1};
    return tree_check(entries, count);
}

Error *scan_tree(int root, TreeFilter filter, void *context, Arena *arena, Scan *out) {
    Walk walk = {.arena = arena, .root = root, .scan = out};
    Error *error = walk_all(&walk);
    if (!error)
        error = choose(&walk, filter, context);
    vec_release(&walk.found);
    vec_release(&walk.directories);
    return error;
}

Error *scan_open_file(int root, const char *path, int *fd_out, struct stat *st_out) {
    AUTO_FD int fd = -1;
    TRY(open_readable(root, path, 0, &fd));
    if (fstat(fd, st_out) < 0)
        return error_sys(errno, "cannot look at %s", path);
    if (!S_ISREG(st_out->st_mode))
        return error_new(ERROR_INVALID, "%s became something else while it was read", path);
    *fd_out = fd_take(&fd);
    return NULL;
}

// A view of an artifact, made of links and thrown away at will: nothing that is built reads it.
#include "builder/artifact.h"
#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

const char *artifact_path(const Paths *paths, Str package, const RecordOutput *outputs, size_t count, Arena *arena) {
    AUTO_BUF Buf bytes, name;
    buf_init(&bytes, BUF_NO_LIMIT);
    buf_init(&name, BUF_NO_LIMIT);
    for (size_t i = 0; i < count; i++) {
        buf_add_framed(&bytes, outputs[i].name);
        buf_add(&bytes, outputs[i].tree.bytes, HASH_SIZE);
    }
    for (size_t i = 0; i < package.len; i++) {
        char byte = package.ptr[i];
        buf_add_byte(&name, byte == '/' || byte == '\0' || byte == ' ' || (i == 0 && byte == '.') ? '_' : byte);
    }
    return arena_printf(arena, "%s/artifacts/%s-%.16s", paths->cache, buf_cstr(&name),
                        hash_hex(hash_bytes(buf_str(&bytes))).text)
        .ptr;
}

// Where the store lies as seen from artifacts/<name>: relative when both are where they belong, so that the whole can
// be moved.
static Str store_from_view(Store *store, const Paths *paths, Arena *arena) {
    return strcmp(store_path(store), paths->store) == 0 &&
                   str_starts_with(str_from(paths->store), str_from(paths->cache))
               ? STR("../../store")
               : arena_str(arena, str_from(store_path(store)));
}

static Error *link_entry(int dirfd, const TreeEntry *entry, Str store_at, Str tree_path, Arena *arena) {
    const char *path = arena_cstr(arena, entry->path);
    Str parent = path_dir(entry->path);
    if (!str_is(parent, "."))
        TRY(fd_make_dirs(dirfd, arena_cstr(arena, parent)));
    Str target = entry->link_target;
    if (entry->kind != TREE_LINK) {
        AUTO_BUF Buf up; // from the link's directory to the view's
        buf_init(&up, BUF_NO_LIMIT);
        for (size_t i = 0; i < entry->path.len && store_at.ptr[0] != '/'; i++)
            if (entry->path.ptr[i] == '/')
                buf_add_cstr(&up, "../");
        target = arena_printf(arena, "%s%.*s/%.*s/%s", buf_cstr(&up), STR_ARG(store_at), STR_ARG(tree_path), path);
    }
    // Two outputs may hold one file.
    if (symlinkat(arena_cstr(arena, target), dirfd, path) < 0 && errno != EEXIST)
        return error_sys(errno, "cannot make the link %s", path);
    return NULL;
}

static Error *fill(Store *store, const Paths *paths, int dirfd, const RecordOutput *outputs, size_t count) {
    for (size_t i = 0; i < count; i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        Tree tree;
        TRY(store_read_tree(store, outputs[i].tree, arena, &tree));
        Str store_at = store_from_view(store, paths, arena), tree_path = store_tree_path(arena, outputs[i].tree);
        for (size_t j = 0; j < tree.count; j++)
            TRY(link_entry(dirfd, &tree.entries[j], store_at, tree_path, arena));
    }
    return NULL;
}

Error *artifact_show(Store *store, const Paths *paths, Str package, const RecordOutput *outputs, size_t count,
                     Arena *arena, const char **path_out) {
    const char *path = artifact_path(paths, package, outputs, count, arena);
    *path_out = path;
    if (access(path, F_OK) == 0)
        return NULL;
    Str temp = arena_printf(arena, "%s.new-%d", path, (int)getpid());
    AUTO_FD int dirfd = -1;
    TRY(fd_make_dirs(AT_FDCWD, temp.ptr));
    Error *error = fd_open(AT_FDCWD, temp.ptr, O_RDONLY | O_DIRECTORY, 0, &dirfd);
    if (!error)
        error = fill(store, paths, dirfd, outputs, count);
    if (!error && rename(temp.ptr, path) == 0)
        return NULL;
    // Somebody else was as fast: what they made is the same.
    if (!error && errno != EEXIST && errno != ENOTEMPTY)
        error = error_sys(errno, "cannot make %s", path);
    error_free(fd_remove_tree(AT_FDCWD, temp.ptr));
    return error;
}

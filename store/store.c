// Opening and closing a store. Invariant: a store that opens has a safe place, our format, and every directory that
// the other files of this folder write into; opening alone changes nothing in one that exists.
#include "store/internal.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

static const char format_text[] = "minimal store 1\n";

static const char *const layout[] = {"objects",   "records", "records/spec", "records/build",
                                     "downloads", "staging", "kept",         "locks"};

Error *store_make_layout(int dirfd) {
    for (size_t i = 0; i < ARRAY_LEN(layout); i++)
        if (mkdirat(dirfd, layout[i], 0755) < 0 && errno != EEXIST)
            return error_sys(errno, "cannot make the store's directory %s", layout[i]);
    return NULL;
}

Error *store_open_if_there(const Store *store, const char *path, int flags, int *fd_out) {
    *fd_out = -1;
    Error *error = fd_open(store->dirfd, path, flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0, fd_out);
    int number = error_errno(error);
    if (number != ENOENT && number != ENOTDIR && number != ELOOP)
        return error;
    error_free(error);
    return NULL;
}

static Error *read_format(const Store *store, Buf *text) {
    AUTO_FD int fd = -1;
    TRY_CTX(store_open_if_there(store, "format", O_RDONLY, &fd), "%s", store->path);
    if (fd >= 0)
        TRY_CTX(fd_read_all(fd, text), "%s/format", store->path);
    return NULL;
}

// Under a lock, so that one name for the new file serves and a kill leaves at most that one, for the next to replace.
static Error *write_format(const Store *store) {
    TRY(store_make_layout(store->dirfd));
    AUTO_FD int lock = -1, fd = -1;
    TRY(lock_file(store, "format", LOCK_EX, true, NULL, &lock, NULL));
    TRY(fd_open(store->dirfd, "format.new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0644, &fd));
    TRY_CTX(fd_write_all(fd, format_text, sizeof format_text - 1), "%s/format.new", store->path);
    if (fsync(fd) < 0 || renameat(store->dirfd, "format.new", store->dirfd, "format") < 0 || fsync(store->dirfd) < 0)
        return error_sys(errno, "cannot write %s/format", store->path);
    return NULL;
}

// Written last, so that a store with this file has been made whole. An empty file, which a power cut may leave on some
// file systems, is as good as none: the objects tell for themselves.
static Error *check_format(const Store *store) {
    AUTO_BUF Buf text;
    buf_init(&text, 256);
    TRY(read_format(store, &text));
    if (text.len == 0)
        return write_format(store);
    if (str_is(buf_str(&text), format_text))
        return NULL;
    Str found = str_trim(buf_str(&text));
    if (!str_starts_with(found, STR("minimal store ")))
        return error_new(ERROR_INVALID, "%s is no store of minimal: its file 'format' says something else",
                         store->path);
    return error_hint(error_new(ERROR_INVALID, "the store %s has the format '%.*s', and this minimal knows '%.*s'",
                                store->path, STR_ARG(found), (int)sizeof format_text - 2, format_text),
                      "use the newer minimal that made it, or another store with --minimal-dir");
}

// Private from the first moment: each missing directory is made with mode 0700.
static Error *make_private_dirs(const char *path) {
    AUTO_FREE char *partial = mem_strdup(path);
    for (char *at = partial + 1;; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char saved = *at;
        *at = '\0';
        if (mkdir(partial, 0700) < 0 && errno != EEXIST)
            return error_sys(errno, "cannot make the directory %s", partial);
        *at = saved;
        if (saved == '\0')
            return NULL;
    }
}

static Error *absolute_path(const char *path, Arena *arena, char **out) {
    Str full = str_from(path);
    if (path[0] != '/') {
        char here[PATH_MAX];
        if (!getcwd(here, sizeof here))
            return error_sys(errno, "cannot tell the current directory");
        full = path_join(arena, str_from(here), full);
    }
    *out = arena_cstr(arena, path_clean(arena, full));
    return NULL;
}

static Error *open_place(Store *store, const StoreOptions *options) {
    AUTO_ARENA Arena *arena = arena_new(0);
    char *path;
    TRY(absolute_path(options->path, arena, &path));
    TRY(place_check(path));
    char *real = realpath(path, NULL);
    if (!real && errno == ENOENT) {
        TRY(make_private_dirs(path));
        real = realpath(path, NULL);
    }
    if (!real)
        return error_sys(errno, "cannot find the store %s", path);
    store->path = real;
    if (strcmp(real, path) != 0)
        TRY(place_check(real));
    TRY(fd_open(AT_FDCWD, real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &store->dirfd));
    struct stat st;
    if (fstat(store->dirfd, &st) < 0)
        return error_sys(errno, "cannot look at %s", real);
    if (st.st_uid != geteuid())
        return error_new(ERROR_DENIED, "the store %s was exchanged for another's while it was opened", real);
    if (!options->allow_network_fs)
        TRY(place_check_fs(store->dirfd, real));
    TRY(check_format(store));
    return lock_file(store, "use", LOCK_SH, true, NULL, &store->use_fd, NULL);
}

Error *store_open(const StoreOptions *options, Store **out) {
    Store *store = mem_zalloc(sizeof *store);
    store->dirfd = store->use_fd = store->session_fd = -1;
    pthread_mutex_init(&store->session_mutex, NULL);
    pthread_mutex_init(&store->sync.mutex, NULL);
    pthread_cond_init(&store->sync.changed, NULL);
    Error *error = open_place(store, options);
    if (error) {
        store_close(store);
        return error;
    }
    *out = store;
    return NULL;
}

void store_close(Store *store) {
    if (!store)
        return;
    store_close_session(store);
    fd_close(&store->use_fd);
    fd_close(&store->dirfd);
    pthread_cond_destroy(&store->sync.changed);
    pthread_mutex_destroy(&store->sync.mutex);
    pthread_mutex_destroy(&store->session_mutex);
    free(store->path);
    free(store);
}

void store_cleanup(Store **store) {
    store_close(*store);
    *store = NULL;
}

int store_dirfd(const Store *store) {
    return store->dirfd;
}

const char *store_path(const Store *store) {
    return store->path;
}

static StorePath path_of(const char *folder, Hash hash, const char *below) {
    StorePath path;
    HashHex hex = hash_hex(hash);
    snprintf(path.text, sizeof path.text, "%s/%.2s/%s%s", folder, hex.text, hex.text + 2, below);
    return path;
}

StorePath object_path(Hash hash, const char *below) {
    return path_of("objects", hash, below);
}

StorePath record_path(RecordKeyKind kind, Hash key) {
    return path_of(kind == RECORD_SPEC_KEY ? "records/spec" : "records/build", key, "");
}

StorePath download_path(Hash sha256) {
    StorePath path;
    snprintf(path.text, sizeof path.text, "downloads/%s", hash_hex(sha256).text);
    return path;
}

Str store_tree_path(Arena *arena, Hash hash) {
    return arena_str(arena, str_from(object_path(hash, "/tree").text));
}

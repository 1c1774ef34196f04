// Files on their way into a build: nothing in /build is shared with the download store or with the user's own files,
// and what counts is hashed in the copy, so that a change in between cannot slip in.
#include "builder/sources.h"
#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MERGE_DEPTH_MAX = 256, FILE_TIME_S = 315619200 }; // as SOURCE_DATE_EPOCH

static Error *source_urls(const Package *package, const Source *source, Arena *arena, StrSlice *out) {
    Str *urls = ARENA_ARRAY(arena, Str, source->mirrors.count + 1);
    urls[0] = source->url;
    for (size_t i = 0; i < source->mirrors.count; i++)
        urls[i + 1] = source->mirrors.items[i];
    if (source->url.len == 0)
        return error_new(ERROR_INVALID, "'%.*s': a source without a URL", STR_ARG(package->name));
    *out = (StrSlice){urls, source->mirrors.count + 1};
    return NULL;
}

static Error *fetch_one(const SourcesRequest *request, const Source *source, int *fd_out, bool *downloaded_out) {
    AUTO_ARENA Arena *arena = arena_new(0);
    FetchRequest fetch = {.sha256 = source->sha256, .on_progress = request->on_progress, .context = request->context};
    TRY(source_urls(request->package, source, arena, &fetch.urls));
    TRY_CTX(fetch_source(request->store, request->fetch, &fetch, request->cancel, fd_out, downloaded_out),
            "'%.*s': cannot get the source %.*s", STR_ARG(request->package->name), STR_ARG(source->name));
    return NULL;
}

Error *sources_fetch(const SourcesRequest *request, bool *downloaded_out) {
    bool any = false;
    for (size_t i = 0; i < request->package->input_count; i++) {
        const Input *input = &request->package->inputs[i];
        if (input->kind != INPUT_SOURCE || input->source.path.len)
            continue;
        AUTO_FD int fd = -1;
        bool downloaded = false;
        Error *error = fetch_one(request, &input->source, &fd, &downloaded);
        if (error)
            return error_at(error, input->span);
        any |= downloaded;
    }
    if (downloaded_out)
        *downloaded_out = any;
    return NULL;
}

// ---- laying ----

// Checks what was copied, not what was read: the copy is what the build sees.
static Error *check_copy(const Package *package, int fd, Str path, Hash want) {
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_sys(errno, "cannot read a copy of %.*s", STR_ARG(path));
    Hash got;
    TRY(hash_fd(fd, &got, NULL));
    if (hash_eq(got, want))
        return NULL;
    Error *error = error_new(ERROR_MISMATCH, "'%.*s': %.*s changed after its spec was read", STR_ARG(package->name),
                             STR_ARG(path));
    return error_hint(error, "run it again, when nobody writes to it");
}

static Error *lay_file(const SourcesRequest *request, int into, int from, Str name, Str path, Hash want, bool is_exec) {
    if (!path_is_safe_relative(name) || str_find_byte(name, '/') >= 0 || str_is(name, "output"))
        return error_new(ERROR_INVALID, "'%.*s': an input cannot be called '%.*s' in /build",
                         STR_ARG(request->package->name), STR_ARG(name));
    AUTO_ARENA Arena *arena = arena_new(0);
    const char *file = arena_cstr(arena, name);
    AUTO_FD int to = -1;
    TRY(fd_open(into, file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600, &to));
    TRY_CTX(fd_copy(from, to), "cannot copy %.*s", STR_ARG(path));
    TRY(check_copy(request->package, to, path, want));
    struct timespec times[2] = {{.tv_sec = FILE_TIME_S}, {.tv_sec = FILE_TIME_S}};
    if (fchmod(to, is_exec ? 0755 : 0644) < 0 || futimens(to, times) < 0)
        return error_sys(errno, "cannot set the mode of %.*s", STR_ARG(name));
    return NULL;
}

static Error *name_taken(const SourcesRequest *request, const char *name) {
    return error_new(ERROR_CONFLICT, "'%.*s': two inputs both bring '%s' into /build", STR_ARG(request->package->name),
                     name);
}

// Moves what was unpacked beside what is there; directories unite.
static Error *move_contents(const SourcesRequest *request, int from, int into, unsigned depth) {
    if (depth > MERGE_DEPTH_MAX)
        return error_new(ERROR_LIMIT, "directories are nested more than %d deep", MERGE_DEPTH_MAX);
    AUTO_FD int listed = -1;
    TRY(fd_open(from, ".", O_RDONLY | O_DIRECTORY, 0, &listed));
    AUTO_DIR DIR *dir = fdopendir(listed);
    if (!dir)
        return error_sys(errno, "cannot list what was unpacked");
    listed = -1;
    for (struct dirent *entry; (entry = readdir(dir));) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
            continue;
        if (renameat2(from, name, into, name, RENAME_NOREPLACE) == 0)
            continue;
        if (errno != EEXIST && errno != ENOTEMPTY)
            return error_sys(errno, "cannot move %s", name);
        AUTO_FD int sub_from = -1, sub_into = -1;
        sub_from = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        sub_into = openat(into, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (sub_from < 0 || sub_into < 0)
            return name_taken(request, name);
        TRY(move_contents(request, sub_from, sub_into, depth + 1));
    }
    return NULL;
}

static Error *lay_archive(const SourcesRequest *request, const Source *source, int fd, Staging *staging, int into) {
    static const char unpacked[] = "unpacked";
    AUTO_FD int fresh = -1;
    TRY(fd_remove_tree(staging_dirfd(staging), unpacked));
    TRY(fd_make_dirs(staging_dirfd(staging), unpacked));
    TRY(fd_open(staging_dirfd(staging), unpacked, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &fresh));
    UnpackRequest unpack = {.archive_fd = fd,
                            .name = source->name,
                            .kind = unpack_kind_of(source->name),
                            .has_strip_prefix = source->has_strip_prefix,
                            .strip_prefix = source->strip_prefix,
                            .into_dirfd = fresh};
    UnpackResult result;
    TRY_CTX(unpack_archive(request->fetch, &unpack, request->cancel, &result), "'%.*s'",
            STR_ARG(request->package->name));
    TRY(move_contents(request, fresh, into, 0));
    return fd_remove_tree(staging_dirfd(staging), unpacked);
}

static Error *open_source(const SourcesRequest *request, const Source *source, int *fd_out) {
    bool downloaded;
    if (source->path.len == 0)
        return fetch_one(request, source, fd_out, &downloaded);
    return fd_open(AT_FDCWD, source->path.ptr, O_RDONLY | O_NOCTTY, 0, fd_out);
}

// A plain file takes the place of what an archive brought; what another plain file brought, it does not.
static Error *clear_name(const SourcesRequest *request, size_t index, Str name, int into) {
    const Package *package = request->package;
    AUTO_ARENA Arena *arena = arena_new(0);
    const char *file = arena_cstr(arena, name);
    for (size_t i = 0; i < index; i++) {
        const Input *other = &package->inputs[i];
        bool is_file = other->kind == INPUT_LOCAL || (other->kind == INPUT_SOURCE && !other->source.extract);
        if (is_file && str_eq(other->kind == INPUT_LOCAL ? other->local.name : other->source.name, name))
            return name_taken(request, file);
    }
    if (unlinkat(into, file, 0) == 0 || errno == ENOENT || !path_is_safe_relative(name))
        return NULL;
    return errno == EISDIR ? name_taken(request, file) : error_sys(errno, "cannot replace %s", file);
}

static Error *lay_plain(const SourcesRequest *request, size_t index, int into) {
    const Input *input = &request->package->inputs[index];
    AUTO_FD int fd = -1;
    if (input->kind == INPUT_LOCAL) {
        const Local *local = &input->local;
        TRY(clear_name(request, index, local->name, into));
        TRY_CTX(fd_open(AT_FDCWD, local->path.ptr, O_RDONLY | O_NOCTTY, 0, &fd), "'%.*s'",
                STR_ARG(request->package->name));
        return lay_file(request, into, fd, local->name, local->path, local->sha256, local->is_exec);
    }
    const Source *source = &input->source;
    TRY(clear_name(request, index, source->name, into));
    TRY(open_source(request, source, &fd));
    return lay_file(request, into, fd, source->name, source->path.len ? source->path : source->url, source->sha256,
                    false);
}

// A file beside the spec that is to be unpacked is copied first, so that what is unpacked is what was hashed.
static Error *open_archive(const SourcesRequest *request, const Source *source, Staging *staging, int *fd_out) {
    AUTO_FD int fd = -1;
    TRY(open_source(request, source, &fd));
    if (source->path.len == 0) {
        *fd_out = fd_take(&fd);
        return NULL;
    }
    AUTO_FD int copy = -1;
    TRY(fd_open(staging_dirfd(staging), "archive", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600, &copy));
    TRY_CTX(fd_copy(fd, copy), "cannot copy %.*s", STR_ARG(source->path));
    TRY(check_copy(request->package, copy, source->path, source->sha256));
    if (lseek(copy, 0, SEEK_SET) < 0)
        return error_sys(errno, "cannot read a copy of %.*s", STR_ARG(source->path));
    *fd_out = fd_take(&copy);
    return NULL;
}

Error *sources_lay(const SourcesRequest *request, Staging *staging, int into_dirfd) {
    const Package *package = request->package;
    for (size_t i = 0; i < package->input_count; i++) {
        const Input *input = &package->inputs[i];
        if (input->kind != INPUT_SOURCE || !input->source.extract)
            continue;
        AUTO_FD int fd = -1;
        Error *error = open_archive(request, &input->source, staging, &fd);
        if (!error)
            error = lay_archive(request, &input->source, fd, staging, into_dirfd);
        if (error)
            return error_at(error, input->span);
    }
    for (size_t i = 0; i < package->input_count; i++) {
        const Input *input = &package->inputs[i];
        if (input->kind == INPUT_PACKAGE || (input->kind == INPUT_SOURCE && input->source.extract))
            continue;
        Error *error = lay_plain(request, i, into_dirfd);
        if (error)
            return error_at(error, input->span);
    }
    return NULL;
}

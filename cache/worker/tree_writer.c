// The only code that makes anything from an archive. Its invariant: until tree_writer_finish there is no link below the
// directory at all, and every name is resolved by the kernel beneath the directory without following any.
#include "cache/worker/tree_writer.h"

#include "base/arena.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/path.h"
#include "base/vec.h"
#include "cache/worker/names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

// What every directory's time becomes: the time that builds run at (SOURCE_DATE_EPOCH of the box).
enum { DIRECTORY_MTIME_S = 315619200 };

typedef struct Link {
    Str path, target;
    bool hard;
    int64_t mtime_s; // of a symbolic one
} Link;

struct TreeWriter {
    int dirfd;
    TreeWriterLimits limits;
    uint64_t size, things;
    Arena *arena;
    Map links;            // path -> Link, in order
    VEC(Str) directories; // that we made
    int parent_fd;        // of parent_path, which is the last directory that something was made in
    char *parent;         // NULL: none
    int file_fd;          // of the file that is being written, or -1
    uint64_t file_size;
    int64_t file_mtime_s;
    Str file_path; // in file_name
    char file_name[NAME_PATH_MAX + 1];
};

TreeWriter *tree_writer_new(int dirfd, TreeWriterLimits limits) {
    TreeWriter *writer = mem_zalloc(sizeof *writer);
    writer->dirfd = dirfd;
    writer->limits = limits;
    writer->arena = arena_new(limits.text_max);
    writer->parent_fd = writer->file_fd = -1;
    return writer;
}

void tree_writer_free(TreeWriter *writer) {
    if (!writer)
        return;
    fd_close(&writer->file_fd);
    fd_close(&writer->parent_fd);
    map_release(&writer->links);
    vec_release(&writer->directories);
    arena_free(writer->arena);
    free(writer->parent);
    free(writer);
}

uint64_t tree_writer_size_bytes(const TreeWriter *writer) {
    return writer->size;
}

static int open_beneath(int dirfd, const char *path, int flags, mode_t mode) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC | O_NOFOLLOW),
        .mode = mode,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    long fd;
    do
        fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return (int)fd;
}

static Error *sys_error(const char *what, Str path) {
    return error_sys(errno, "cannot %s \"%s\"", what, name_show(path).text);
}

static Error *count_thing(TreeWriter *writer, Str path) {
    if (writer->things++ < writer->limits.things_max)
        return NULL;
    return error_new(ERROR_LIMIT, "more than %llu files, links and directories (at \"%s\")",
                     (unsigned long long)writer->limits.things_max, name_show(path).text);
}

static Error *count_bytes(TreeWriter *writer, uint64_t more, Str path) {
    if (more > writer->limits.size_max - writer->size)
        return error_new(ERROR_LIMIT, "unpacks to more than %llu bytes (at \"%s\")",
                         (unsigned long long)writer->limits.size_max, name_show(path).text);
    writer->size += more;
    return NULL;
}

static Error *too_much_text(const TreeWriter *writer, Str at) {
    return error_new(ERROR_LIMIT, "the names of its links and directories need more than %zu bytes (at \"%s\")",
                     writer->limits.text_max, name_show(at).text);
}

static Error *keep_text(TreeWriter *writer, Str text, Str *out) {
    char *copy = arena_try_alloc(writer->arena, text.len + 1);
    if (!copy)
        return too_much_text(writer, text);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = (Str){copy, text.len};
    return NULL;
}

static Error *through(Str path, Str over, const char *what) {
    return error_new(ERROR_INVALID, "entry \"%s\" goes through \"%s\", which the archive says is a %s",
                     name_show(path).text, name_show(over).text, what);
}

static const char *link_kind(const Link *link) {
    return link->hard ? "hard link" : "symbolic link";
}

// No directory of `path` may be one of the recorded links.
static Error *check_parents(const TreeWriter *writer, Str path) {
    if (writer->links.count == 0)
        return NULL;
    for (size_t i = 0; i < path.len; i++) {
        if (path.ptr[i] != '/')
            continue;
        const Link *link = map_get(&writer->links, str_slice(path, 0, i));
        if (link)
            return through(path, link->path, link_kind(link));
    }
    return NULL;
}

static Error *check_no_link(const TreeWriter *writer, Str path, const char *what) {
    const Link *link = map_get(&writer->links, path);
    if (!link)
        return NULL;
    return error_new(ERROR_INVALID, "entry \"%s\" is in the archive as a %s and as a %s", name_show(path).text,
                     link_kind(link), what);
}

// One directory below `at`; it may be there already.
static Error *make_one(TreeWriter *writer, int at, const char *name, Str so_far, Str whole, int *fd_out) {
    if (mkdirat(at, name, 0755) == 0) {
        Str kept;
        TRY(count_thing(writer, so_far));
        TRY(keep_text(writer, so_far, &kept));
        vec_push(&writer->directories, kept);
    } else if (errno != EEXIST)
        return sys_error("make the directory", so_far);
    int fd = open_beneath(at, name, O_PATH | O_DIRECTORY, 0);
    struct stat st;
    if (fd < 0 && errno == ENOTDIR && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
        return through(whole, so_far, "symbolic link"); // made by somebody else, as ours come last
    if (fd < 0 && errno == ENOTDIR)
        return str_eq(so_far, whole)
                   ? error_new(ERROR_INVALID, "entry \"%s\" is in the archive as a file and as a directory",
                               name_show(whole).text)
                   : through(whole, so_far, "file");
    if (fd < 0)
        return sys_error("open the directory", so_far);
    *fd_out = fd;
    return NULL;
}

// Makes what is missing of the directory `dir` and opens it. `path` is whose directory it is, for messages.
static Error *open_directory(TreeWriter *writer, Str dir, Str path, int *fd_out) {
    AUTO_FREE char *text = mem_zalloc(dir.len + 1);
    memcpy(text, dir.ptr, dir.len);
    AUTO_FD int at = open_beneath(writer->dirfd, dir.len ? text : ".", O_PATH | O_DIRECTORY, 0);
    if (at >= 0) {
        *fd_out = fd_take(&at);
        return NULL;
    }
    TRY(check_parents(writer, path));
    at = open_beneath(writer->dirfd, ".", O_PATH | O_DIRECTORY, 0);
    if (at < 0)
        return sys_error("open the directory to unpack into for", path);
    for (size_t from = 0; from < dir.len;) {
        size_t to = from;
        while (to < dir.len && text[to] != '/')
            to++;
        text[to] = '\0';
        int next = -1;
        TRY(make_one(writer, at, text + from, str_slice(dir, 0, to), path, &next));
        fd_close(&at);
        at = next;
        from = to + 1;
    }
    *fd_out = fd_take(&at);
    return NULL;
}

// Leaves writer->parent_fd open on the directory that `path` stands in; *name_out is its last component.
static Error *enter_parent(TreeWriter *writer, Str path, const char **name_out) {
    ptrdiff_t slash = str_rfind_byte(path, '/');
    Str dir = slash < 0 ? (Str){"", 0} : str_slice(path, 0, (size_t)slash);
    *name_out = path.ptr + (slash < 0 ? 0 : slash + 1);
    if (writer->parent && str_is(dir, writer->parent))
        return NULL;
    fd_close(&writer->parent_fd);
    free(writer->parent);
    writer->parent = NULL;
    TRY(open_directory(writer, dir, path, &writer->parent_fd));
    writer->parent = mem_zalloc(dir.len + 1);
    memcpy(writer->parent, dir.ptr, dir.len);
    return NULL;
}

Error *tree_writer_directory(TreeWriter *writer, Str path) {
    TRY(check_no_link(writer, path, "directory"));
    AUTO_FD int fd = -1;
    return open_directory(writer, path, path, &fd);
}

static int64_t clamp_mtime(int64_t mtime_s) {
    return mtime_s < 1 ? 1 : mtime_s > UINT32_MAX ? UINT32_MAX : mtime_s;
}

// Creates the file at `path`, in place of an earlier file of that name.
static Error *create_file(TreeWriter *writer, Str path, bool executable, int *fd_out) {
    const char *name;
    TRY(enter_parent(writer, path, &name));
    TRY(count_thing(writer, path));
    mode_t mode = executable ? 0755 : 0644;
    int fd = open_beneath(writer->parent_fd, name, O_WRONLY | O_CREAT | O_EXCL, mode);
    if (fd < 0 && errno == EEXIST) {
        if (unlinkat(writer->parent_fd, name, 0) < 0 && (errno == EISDIR || errno == EPERM))
            return error_new(ERROR_INVALID, "entry \"%s\" is in the archive as a directory and as a file",
                             name_show(path).text);
        fd = open_beneath(writer->parent_fd, name, O_WRONLY | O_CREAT | O_EXCL, mode);
    }
    if (fd < 0)
        return sys_error("create", path);
    *fd_out = fd;
    return NULL;
}

Error *tree_writer_file_begin(TreeWriter *writer, Str path, bool executable, int64_t mtime_s) {
    BUG_UNLESS(writer->file_fd < 0 && path.len > 0 && path.len <= NAME_PATH_MAX);
    memcpy(writer->file_name, path.ptr, path.len);
    writer->file_name[path.len] = '\0';
    writer->file_path = (Str){writer->file_name, path.len};
    writer->file_size = 0;
    writer->file_mtime_s = clamp_mtime(mtime_s);
    TRY(check_no_link(writer, path, "file"));
    return create_file(writer, writer->file_path, executable, &writer->file_fd);
}

Error *tree_writer_file_data(TreeWriter *writer, const void *bytes, size_t len, uint64_t offset) {
    BUG_UNLESS(writer->file_fd >= 0);
    uint64_t end;
    if (__builtin_add_overflow(offset, len, &end) || end > INT64_MAX)
        return error_new(ERROR_LIMIT, "entry \"%s\" has bytes at an offset that no file has",
                         name_show(writer->file_path).text);
    if (end > writer->file_size) {
        TRY(count_bytes(writer, end - writer->file_size, writer->file_path));
        writer->file_size = end;
    }
    for (const char *at = bytes; len > 0;) {
        ssize_t done = pwrite(writer->file_fd, at, len, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return sys_error("write", writer->file_path);
        at += done;
        len -= (size_t)done;
        offset += (uint64_t)done;
    }
    return NULL;
}

Error *tree_writer_file_grow(TreeWriter *writer, uint64_t size) {
    BUG_UNLESS(writer->file_fd >= 0);
    if (size <= writer->file_size)
        return NULL;
    TRY(count_bytes(writer, size - writer->file_size, writer->file_path));
    writer->file_size = size;
    if (ftruncate(writer->file_fd, (off_t)size) < 0)
        return sys_error("write", writer->file_path);
    return NULL;
}

uint64_t tree_writer_file_size(const TreeWriter *writer) {
    return writer->file_size;
}

Error *tree_writer_file_end(TreeWriter *writer) {
    const struct timespec times[2] = {{.tv_sec = writer->file_mtime_s}, {.tv_sec = writer->file_mtime_s}};
    if (futimens(writer->file_fd, times) < 0)
        return sys_error("set the time of", writer->file_path);
    if (close(fd_take(&writer->file_fd)) < 0)
        return sys_error("write", writer->file_path);
    return NULL;
}

static Error *record_link(TreeWriter *writer, Str path, Link link) {
    TRY(check_parents(writer, path));
    Link *known = map_get(&writer->links, path);
    if (known && known->hard != link.hard)
        return error_new(ERROR_INVALID, "entry \"%s\" is in the archive as a %s and as a %s", name_show(path).text,
                         link_kind(known), link_kind(&link));
    TRY(keep_text(writer, link.target, &link.target));
    if (known) {
        known->target = link.target;
        known->mtime_s = link.mtime_s;
        return NULL;
    }
    TRY(count_thing(writer, path));
    TRY(keep_text(writer, path, &link.path));
    Link *kept = arena_try_alloc(writer->arena, sizeof *kept);
    if (!kept)
        return too_much_text(writer, path);
    *kept = link;
    map_put(&writer->links, kept->path, kept);
    return NULL;
}

Error *tree_writer_symlink(TreeWriter *writer, Str path, Str target, int64_t mtime_s) {
    return record_link(writer, path, (Link){.target = target, .mtime_s = clamp_mtime(mtime_s)});
}

Error *tree_writer_hardlink(TreeWriter *writer, Str path, Str target) {
    return record_link(writer, path, (Link){.target = target, .hard = true});
}

static Error *already_there(const Link *link) {
    return error_new(ERROR_INVALID, "entry \"%s\" is in the archive as a %s and as something else",
                     name_show(link->path).text, link_kind(link));
}

static Error *copy_contents(TreeWriter *writer, const Link *link, int from, const struct stat *st) {
    const char *name;
    TRY(enter_parent(writer, link->path, &name));
    TRY(count_bytes(writer, (uint64_t)st->st_size, link->path));
    AUTO_FD int to = open_beneath(writer->parent_fd, name, O_WRONLY | O_CREAT | O_EXCL, st->st_mode & 0777);
    if (to < 0 && errno == EEXIST)
        return already_there(link);
    if (to < 0)
        return sys_error("create", link->path);
    TRY_CTX(fd_copy(from, to), "cannot copy \"%s\" to \"%s\"", name_show(link->target).text,
            name_show(link->path).text);
    const struct timespec times[2] = {st->st_mtim, st->st_mtim};
    if (futimens(to, times) < 0)
        return sys_error("set the time of", link->path);
    if (close(fd_take(&to)) < 0)
        return sys_error("write", link->path);
    return NULL;
}

static Error *make_hard_link(TreeWriter *writer, Link *link) {
    const Link *other = map_get(&writer->links, link->target);
    if (other && !other->hard) {
        *link = (Link){.path = link->path, .target = other->target, .mtime_s = other->mtime_s};
        return NULL; // the same symbolic link once more, made with the rest of them
    }
    AUTO_FD int from = open_beneath(writer->dirfd, link->target.ptr, O_RDONLY | O_NONBLOCK, 0);
    struct stat st;
    if (from < 0 && (errno == ENOENT || errno == ENOTDIR))
        return error_new(ERROR_INVALID, "entry \"%s\" is a hard link to \"%s\", which is not in the archive before it",
                         name_show(link->path).text, name_show(link->target).text);
    if (from < 0 || fstat(from, &st) < 0)
        return sys_error("open", link->target);
    if (!S_ISREG(st.st_mode))
        return error_new(ERROR_INVALID, "entry \"%s\" is a hard link to \"%s\", which is no file",
                         name_show(link->path).text, name_show(link->target).text);
    return copy_contents(writer, link, from, &st);
}

static Error *make_symbolic_link(TreeWriter *writer, const Link *link) {
    const char *name;
    TRY(enter_parent(writer, link->path, &name));
    if (symlinkat(link->target.ptr, writer->parent_fd, name) < 0)
        return errno == EEXIST ? already_there(link) : sys_error("make the link", link->path);
    const struct timespec times[2] = {{.tv_sec = link->mtime_s}, {.tv_sec = link->mtime_s}};
    if (utimensat(writer->parent_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return sys_error("set the time of", link->path);
    return NULL;
}

static Error *set_directory_time(const TreeWriter *writer, Str path) {
    const struct timespec times[2] = {{.tv_sec = DIRECTORY_MTIME_S}, {.tv_sec = DIRECTORY_MTIME_S}};
    AUTO_FD int fd = open_beneath(writer->dirfd, path.ptr, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 || futimens(fd, times) < 0)
        return sys_error("set the time of", path);
    return NULL;
}

Error *tree_writer_finish(TreeWriter *writer) {
    for (size_t i = 0; i < writer->links.count; i++) {
        Link *link = writer->links.entries[i].value;
        if (link->hard)
            TRY(make_hard_link(writer, link));
    }
    for (size_t i = 0; i < writer->links.count; i++) {
        const Link *link = writer->links.entries[i].value;
        if (!link->hard)
            TRY(make_symbolic_link(writer, link));
    }
    for (size_t i = 0; i < writer->directories.count; i++)
        TRY(set_directory_time(writer, writer->directories.items[i]));
    return set_directory_time(writer, STR("."));
}

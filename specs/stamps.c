// Reads files and directories for an evaluation and keeps the state in which they were read.
// Invariant: a stamp is taken from the open descriptor before the first byte is read, so a change during or after
// reading leaves times behind that the stamp does not have.
#include "specs/stamps.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

enum { NS_PER_SECOND = 1000000000 };

int64_t stamps_now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (int64_t)now.tv_sec * NS_PER_SECOND + now.tv_nsec;
}

Error *stamps_init(Stamps *stamps, Arena *arena, const char *root) {
    *stamps = (Stamps){.arena = arena, .root = -1, .began_ns = stamps_now_ns()};
    return fd_open(AT_FDCWD, root, O_PATH | O_DIRECTORY, 0, &stamps->root);
}

void stamps_release(Stamps *stamps) {
    fd_close(&stamps->root);
    vec_release(&stamps->items);
    map_release(&stamps->by_path);
}

static int64_t time_ns(const struct statx_timestamp *time) {
    return time->tv_sec * NS_PER_SECOND + time->tv_nsec;
}

static uint64_t device_number(const struct statx *stat) {
    return (uint64_t)stat->stx_dev_major << 32 | stat->stx_dev_minor;
}

static void fill(Stamp *stamp, const struct statx *stat) {
    stamp->kind = S_ISDIR(stat->stx_mode) ? STAMP_DIRECTORY : STAMP_FILE;
    stamp->mode = stat->stx_mode;
    stamp->device = device_number(stat);
    stamp->inode = stat->stx_ino;
    stamp->size = stat->stx_size;
    stamp->mtime_ns = time_ns(&stat->stx_mtime);
    stamp->ctime_ns = time_ns(&stat->stx_ctime);
}

static bool is_absence(int error_number) {
    return error_number == ENOENT || error_number == ENOTDIR;
}

static Stamp *stamp_new(Stamps *stamps, Str path) {
    Stamp *stamp = ARENA_NEW(stamps->arena, Stamp);
    stamp->path = arena_str(stamps->arena, path);
    vec_push(&stamps->items, stamp);
    map_put(&stamps->by_path, stamp->path, stamp);
    return stamp;
}

// Opens and stamps. *fd_out is -1 when nothing is there.
static Error *open_stamped(int root, const char *path, Stamp *stamp, int *fd_out) {
    AUTO_FD int fd = openat(root, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *fd_out = -1;
    stamp->kind = STAMP_ABSENT;
    if (fd < 0 && is_absence(errno))
        return NULL;
    struct statx stat;
    if (fd < 0 || statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &stat) < 0)
        return error_sys(errno, "cannot read %s", path);
    fill(stamp, &stat);
    *fd_out = fd_take(&fd);
    return NULL;
}

static Error *read_contents(int fd, const Stamp *stamp, Arena *arena, Str *out) {
    if (stamp->size > STAMPS_FILE_MAX_BYTES)
        return error_new(ERROR_LIMIT, "%.*s is larger than %d MiB", STR_ARG(stamp->path), STAMPS_FILE_MAX_BYTES >> 20);
    // One byte more than it has: a file that grows meanwhile is read up to its old size, and its stamp fails later.
    char *bytes = arena_alloc(arena, stamp->size + 1);
    size_t len = 0;
    while (len < stamp->size) {
        ssize_t got = read(fd, bytes + len, stamp->size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_sys(errno, "cannot read %.*s", STR_ARG(stamp->path));
        if (got == 0)
            break;
        len += (size_t)got;
    }
    bytes[len] = '\0';
    *out = (Str){bytes, len};
    return NULL;
}

static Error *not_a_file(const Stamp *stamp) {
    return error_new(ERROR_INVALID, "%.*s is %s, where a file is wanted", STR_ARG(stamp->path),
                     stamp->kind == STAMP_DIRECTORY ? "a directory" : "no regular file");
}

Error *stamps_file(Stamps *stamps, Str path, Arena *arena, const Stamp **out, Str *contents_out) {
    Stamp *stamp = map_get(&stamps->by_path, path);
    bool is_known = stamp != NULL;
    *out = NULL;
    if (is_known && (stamp->kind == STAMP_ABSENT || !contents_out)) {
        if (stamp->kind == STAMP_DIRECTORY)
            return not_a_file(stamp);
        *out = stamp->kind == STAMP_FILE ? stamp : NULL;
        return NULL;
    }
    Stamp fresh = {.path = arena_str(stamps->arena, path)};
    AUTO_FD int fd = -1;
    TRY(open_stamped(stamps->root, fresh.path.ptr, &fresh, &fd));
    if (fresh.kind != STAMP_ABSENT) {
        if (!S_ISREG(fresh.mode))
            return not_a_file(&fresh);
        if (contents_out) {
            TRY(read_contents(fd, &fresh, arena, contents_out));
            fresh.content = hash_bytes(*contents_out);
        } else {
            TRY_CTX(hash_fd(fd, &fresh.content, NULL), "%.*s", STR_ARG(path));
        }
    }
    // The first state that was seen is the one that must hold: a change between two readings shows as stale.
    if (!is_known) {
        stamp = stamp_new(stamps, path);
        fresh.path = stamp->path;
        *stamp = fresh;
    }
    *out = fresh.kind == STAMP_FILE ? stamp : NULL;
    return NULL;
}

static Error *list_names(int fd, Arena *arena, StrSlice *out) {
    AUTO_DIR DIR *dir = fdopendir(fd);
    if (!dir) {
        int error_number = errno;
        close(fd);
        return error_sys(error_number, "cannot list");
    }
    VEC(Str) names = {0};
    errno = 0;
    for (struct dirent *entry; (entry = readdir(dir)); errno = 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            vec_push(&names, arena_str(arena, str_from(entry->d_name)));
    int error_number = errno;
    if (names.count)
        qsort(names.items, names.count, sizeof(Str), str_compare_qsort);
    Str *items = ARENA_ARRAY(arena, Str, names.count);
    if (names.count)
        memcpy(items, names.items, names.count * sizeof(Str));
    *out = (StrSlice){items, names.count};
    vec_release(&names);
    return error_number ? error_sys(error_number, "cannot list") : NULL;
}

static Hash hash_names(StrSlice names) {
    Hasher hasher;
    hasher_init(&hasher);
    for (size_t i = 0; i < names.count; i++)
        hasher_add(&hasher, names.items[i].ptr, names.items[i].len + 1);
    return hasher_end(&hasher);
}

Error *stamps_directory(Stamps *stamps, Str path, Arena *arena, StrSlice *names_out, bool *found_out) {
    Stamp *known = map_get(&stamps->by_path, path);
    Stamp fresh = {.path = arena_str(stamps->arena, path)};
    AUTO_FD int fd = -1;
    *names_out = (StrSlice){0};
    *found_out = false;
    TRY(open_stamped(stamps->root, fresh.path.ptr, &fresh, &fd));
    if (fresh.kind == STAMP_DIRECTORY) {
        TRY_CTX(list_names(fd_take(&fd), arena, names_out), "%.*s", STR_ARG(path));
        fresh.content = hash_names(*names_out);
        *found_out = true;
    }
    if (!known) {
        known = stamp_new(stamps, path);
        fresh.path = known->path;
        *known = fresh;
    }
    return NULL;
}

Error *stamps_presence(Stamps *stamps, Str path, StampKind *kind_out) {
    Stamp *known = map_get(&stamps->by_path, path);
    if (known) {
        *kind_out = known->kind;
        return NULL;
    }
    struct statx stat;
    Str copy = arena_str(stamps->arena, path);
    if (statx(stamps->root, copy.ptr, 0, STATX_BASIC_STATS, &stat) == 0) {
        *kind_out = S_ISDIR(stat.stx_mode) ? STAMP_DIRECTORY : STAMP_FILE;
        if (S_ISDIR(stat.stx_mode)) {
            StrSlice names;
            bool found;
            return stamps_directory(stamps, path, stamps->arena, &names, &found);
        }
        if (!S_ISREG(stat.stx_mode))
            return NULL; // a socket or the like: not of ours, and nothing to come back to
        const Stamp *stamp;
        return stamps_file(stamps, path, stamps->arena, &stamp, NULL);
    }
    if (!is_absence(errno))
        return error_sys(errno, "cannot look at %s", copy.ptr);
    *kind_out = STAMP_ABSENT;
    stamp_new(stamps, path)->kind = STAMP_ABSENT;
    return NULL;
}

// Some file systems keep whole seconds, or two (FAT): then no time of theirs has a fraction.
bool stamp_is_racy(const Stamp *stamp, int64_t began_ns) {
    if (stamp->kind == STAMP_ABSENT)
        return false;
    int64_t newest = stamp->mtime_ns > stamp->ctime_ns ? stamp->mtime_ns : stamp->ctime_ns;
    bool whole_seconds = stamp->mtime_ns % NS_PER_SECOND == 0 && stamp->ctime_ns % NS_PER_SECOND == 0;
    return newest >= began_ns - (whole_seconds ? 2ll * NS_PER_SECOND : 0);
}

static bool content_holds(const Stamp *stamp, int root) {
    Stamp now = {0};
    AUTO_FD int fd = -1;
    AUTO_ERROR Error *error = open_stamped(root, stamp->path.ptr, &now, &fd);
    if (error || now.kind != stamp->kind)
        return false;
    AUTO_ARENA Arena *scratch = arena_new(0);
    if (now.kind == STAMP_DIRECTORY) {
        StrSlice names = {0};
        error = list_names(fd_take(&fd), scratch, &names);
        now.content = hash_names(names);
    } else {
        error = hash_fd(fd, &now.content, NULL);
    }
    return !error && hash_eq(now.content, stamp->content);
}

bool stamp_holds(const Stamp *stamp, int root, int64_t began_ns) {
    struct statx stat;
    if (statx(root, stamp->path.ptr, AT_STATX_SYNC_AS_STAT, STATX_BASIC_STATS, &stat) < 0)
        return stamp->kind == STAMP_ABSENT && is_absence(errno);
    if (stamp->kind == STAMP_ABSENT || stat.stx_ino != stamp->inode || stat.stx_size != stamp->size ||
        time_ns(&stat.stx_mtime) != stamp->mtime_ns || time_ns(&stat.stx_ctime) != stamp->ctime_ns ||
        stat.stx_mode != stamp->mode || device_number(&stat) != stamp->device)
        return false;
    return !stamp_is_racy(stamp, began_ns) || content_holds(stamp, root);
}

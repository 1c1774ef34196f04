// A walk is the truth, and dear; the free space of the file system is cheap, and everybody's. So the cheap one decides
// when the dear one is made, and never more than that.
#include "sandbox/watch.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t free_space(int fd) {
    struct statvfs st;
    return fstatvfs(fd, &st) == 0 ? (uint64_t)st.f_bavail * st.f_frsize : 0;
}

void watch_init(DiskWatch *watch, int fd, uint64_t limit_bytes, uint64_t now_ns) {
    *watch = (DiskWatch){.fd = limit_bytes ? fd : -1, .limit_bytes = limit_bytes};
    if (watch->fd >= 0) {
        watch->free_bytes = free_space(fd);
        watch->next_walk_ns = now_ns + UINT64_C(2000000000);
    }
}

typedef struct Walk {
    DIR *dirs[WATCH_DEPTH_MAX];
    unsigned depth;
    uint64_t bytes, entries;
    bool too_deep;
} Walk;

static void walk_enter(Walk *walk, int parent, const char *name) {
    if (walk->depth == WATCH_DEPTH_MAX) {
        walk->too_deep = true;
        return;
    }
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return;
    DIR *dir = fdopendir(fd);
    if (dir)
        walk->dirs[walk->depth++] = dir;
    else
        close(fd);
}

static void walk_entry(Walk *walk, const char *name) {
    int parent = dirfd(walk->dirs[walk->depth - 1]);
    struct stat st;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return;
    walk->entries++;
    // A file with several names counts by its share, so that links are neither free nor counted twice.
    walk->bytes += (uint64_t)st.st_blocks * 512 / (S_ISDIR(st.st_mode) || st.st_nlink == 0 ? 1 : (uint64_t)st.st_nlink);
    if (S_ISDIR(st.st_mode))
        walk_enter(walk, parent, name);
}

static bool walk_over(const Walk *walk, const DiskWatch *watch) {
    return walk->too_deep || walk->bytes > watch->limit_bytes || walk->entries > WATCH_ENTRIES_MAX;
}

static bool walk_tree(DiskWatch *watch, const Cancel *cancel) {
    Walk *walk = mem_zalloc(sizeof *walk);
    walk_enter(walk, watch->fd, ".");
    while (walk->depth > 0 && !walk_over(walk, watch) && !cancel_requested(cancel)) {
        struct dirent *entry = readdir(walk->dirs[walk->depth - 1]);
        if (!entry)
            closedir(walk->dirs[--walk->depth]);
        else if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            walk_entry(walk, entry->d_name);
    }
    bool over = walk_over(walk, watch);
    while (walk->depth > 0)
        closedir(walk->dirs[--walk->depth]);
    watch->used_bytes = walk->bytes;
    free(walk);
    return over;
}

bool watch_exceeded(DiskWatch *watch, uint64_t now_ns, const Cancel *cancel) {
    if (watch->fd < 0)
        return false;
    uint64_t free_bytes = free_space(watch->fd);
    uint64_t shrunk = watch->free_bytes > free_bytes ? watch->free_bytes - free_bytes : 0;
    uint64_t left = watch->limit_bytes > watch->used_bytes ? watch->limit_bytes - watch->used_bytes : 0;
    // Files that share blocks or lie on a tmpfs of another size are found by the walk that comes now and then.
    if (shrunk <= left / 2 && now_ns < watch->next_walk_ns)
        return false;
    uint64_t began = clock_ns();
    bool over = walk_tree(watch, cancel);
    uint64_t took = clock_ns() - began;
    watch->free_bytes = free_bytes;
    watch->next_walk_ns = clock_ns() + (took * 20 > UINT64_C(2000000000) ? took * 20 : UINT64_C(2000000000));
    return over;
}

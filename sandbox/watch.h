// How much a directory tree that a box writes has grown, at a bounded price.
#ifndef SANDBOX_WATCH_H
#define SANDBOX_WATCH_H

#include "base/cancel.h"

typedef struct DiskWatch {
    int fd;               // the tree; -1: nothing is watched
    uint64_t limit_bytes; // 0: nothing is watched
    uint64_t used_bytes;  // at the last walk
    uint64_t free_bytes;  // of the file system, then
    uint64_t next_walk_ns;
} DiskWatch;

enum { WATCH_INTERVAL_MS = 250, WATCH_DEPTH_MAX = 256, WATCH_ENTRIES_MAX = 4000000 };

void watch_init(DiskWatch *watch, int fd, uint64_t limit_bytes, uint64_t now_ns);
// To be called every WATCH_INTERVAL_MS. Looks at the file system's free space each time, and walks the tree when that
// shrank enough to matter, or now and then, at most a twentieth of the time. Returns whether the tree takes more than
// the limit, has more than WATCH_ENTRIES_MAX names, or is deeper than WATCH_DEPTH_MAX. Hostile trees are no danger: by
// descriptors, never through links, and a name that vanishes is nothing.
bool watch_exceeded(DiskWatch *watch, uint64_t now_ns, const Cancel *cancel);

#endif

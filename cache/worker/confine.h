// Gives up everything that one job does not need (docs/worker.md, Confinement). Once confined, always confined.
#ifndef CACHE_WORKER_CONFINE_H
#define CACHE_WORKER_CONFINE_H

#include "base/error.h"

// At the very start of the process: no core, not dumpable, no new privileges, dies with its parent; every descriptor
// from `first_fd` on is closed.
MUST_CHECK Error *confine_start(int first_fd);
// For a transfer: the network, and reading what name resolution and certificates need. ca_file may be "".
MUST_CHECK Error *confine_fetch(const char *ca_file, uint64_t file_size_max);
// For an archive: the directory. Which wall keeps it there is said by `wall`; CONFINE_BEST takes the first that the
// kernel has, and it is an error when there is none. The others are for tests.
typedef enum ConfineWall { CONFINE_BEST, CONFINE_LANDLOCK, CONFINE_CHROOT } ConfineWall;
MUST_CHECK Error *confine_unpack(int dirfd, uint64_t file_size_max, ConfineWall wall);

#endif

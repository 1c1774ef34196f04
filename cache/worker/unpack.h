// One archive into one directory: libarchive reads, tree_writer makes. Formats, rules and caps: docs/worker.md.
#ifndef CACHE_WORKER_UNPACK_H
#define CACHE_WORKER_UNPACK_H

#include "base/error.h"
#include "cache/protocol.h"

// Called often; false ends the work (ERROR_INTERRUPTED).
typedef bool (*UnpackAlive)(void *context, uint64_t done_bytes);

typedef struct UnpackJob {
    int archive_fd; // read by offset; its position is left alone
    int dirfd;      // an empty directory
    const WorkerUnpack *request;
    UnpackAlive alive; // may be NULL
    void *context;
} UnpackJob;

// Loads what libarchive needs from files: before the process is confined.
void unpack_prepare(void);
MUST_CHECK Error *unpack_run(const UnpackJob *job, uint64_t *entries_out, uint64_t *size_out);

#endif

// Starts minimal-worker for one request and listens to it until it is dead (docs/worker.md). From any thread.
#ifndef CACHE_WORKER_CLIENT_H
#define CACHE_WORKER_CLIENT_H

#include "base/cancel.h"
#include "base/error.h"
#include "cache/protocol.h"

typedef struct WorkerCall {
    const char *worker_path; // NULL: where it is installed
    const WorkerRequest *request;
    const int *fds; // become descriptors 4, 5
    size_t fd_count;
    uint32_t silence_s; // without a message for so long it is killed
    uint32_t total_s;   // 0: no limit
    Cancel *cancel;     // may be NULL
    // For each MESSAGE_HEAD and MESSAGE_PROGRESS, and four times a second besides (answer NULL). An error ends the
    // call.
    Error *(*on_answer)(void *context, const WorkerAnswer *answer);
    void *context;
} WorkerCall;

typedef struct WorkerEnd {
    bool started;
    bool answered;       // what follows came from the worker; else it died, hung or lied, and only the error says so
    WorkerAnswer answer; // MESSAGE_DONE or MESSAGE_FAILED; text and validator are empty: the error holds the text
} WorkerEnd;

// NULL after MESSAGE_DONE. Whatever it returns, the worker is dead and reaped.
MUST_CHECK Error *worker_call(const WorkerCall *call, WorkerEnd *end_out);

// The installed worker's path: beside the running program, or ../libexec/minimal/minimal-worker from there.
MUST_CHECK Error *worker_find(Buf *path_out);

#endif

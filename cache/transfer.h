// One URL into one file over the network: attempts, pauses and resuming, with a worker for each attempt.
#ifndef CACHE_TRANSFER_H
#define CACHE_TRANSFER_H

#include "cache/fetch.h"
#include "cache/url.h"

typedef struct Transfer {
    const FetchOptions *options;
    const Url *url;              // http, https or gs
    int fd;                      // O_RDWR; what it holds already is resumed
    FetchProgressFn on_progress; // may be NULL
    void *context;
    Cancel *cancel; // may be NULL
} Transfer;

// On success the file holds the whole answer; *resumed_out: it was put together from more than one, which may have been
// of different versions. On an error it holds what came, for the next time.
MUST_CHECK Error *transfer_run(const Transfer *transfer, bool *resumed_out);

#endif

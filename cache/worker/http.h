// One transfer over HTTP into one descriptor: the only file that knows libcurl. Rules: docs/worker.md, Fetching.
#ifndef CACHE_WORKER_HTTP_H
#define CACHE_WORKER_HTTP_H

#include "base/error.h"
#include "cache/protocol.h"
#include "cache/worker/session.h"

// Before the process is confined: initialises libcurl and TLS, and finds the certificates. *ca_file_out: the bundle
// that will be read (static, or a view into the request), "" when this host has none.
MUST_CHECK Error *http_prepare(const WorkerFetch *request, const char **ca_file_out);
// Writes to file_fd from where the transfer begins. Progress and the head go to the session as they happen; *how_out
// says, with an error, whether another attempt may help. *size_out: bytes in the file at the end.
MUST_CHECK Error *http_fetch(const WorkerFetch *request, const char *ca_file, int file_fd, Session *session,
                             WorkerAnswer *how_out, uint64_t *size_out);

#endif

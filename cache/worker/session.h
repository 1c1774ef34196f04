// The worker's end of the socket: the one request, and answers.
#ifndef CACHE_WORKER_SESSION_H
#define CACHE_WORKER_SESSION_H

#include "base/arena.h"
#include "base/error.h"
#include "cache/protocol.h"

typedef struct Session {
    int sock;
    Arena *arena; // of the request's strings
    Buf out;
    int64_t last_progress_ms;
} Session;

// False when what came is no request of this version, or nothing came. The request's strings end with NUL.
bool session_open(Session *session, int sock, WorkerRequest *out);
// False when the parent is gone: there is nobody left to work for.
bool session_answer(Session *session, const WorkerAnswer *answer);
// Sends a sign of life, unless one was sent in the last quarter of a second.
bool session_progress(Session *session, uint64_t done, uint64_t total);
// Takes the error and sends it as the last answer. `how` gives flags, HTTP status and wait.
void session_fail(Session *session, Error *error, WorkerAnswer how);

#endif

// One request in, answers out. Nothing is believed of the worker's side by the parent, so nothing is checked twice
// here.
#include "cache/worker/session.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>

enum { PROGRESS_EVERY_MS = 250 };

static int64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void keep(Session *session, Str *s) {
    *s = arena_str(session->arena, *s);
}

bool session_open(Session *session, int sock, WorkerRequest *out) {
    *session = (Session){.sock = sock, .arena = arena_new(0)};
    buf_init(&session->out, PROTOCOL_MESSAGE_MAX);
    char *bytes = arena_alloc(session->arena, PROTOCOL_MESSAGE_MAX);
    ssize_t got;
    do
        got = recv(sock, bytes, PROTOCOL_MESSAGE_MAX, MSG_TRUNC);
    while (got < 0 && errno == EINTR);
    if (got <= 0 || got > PROTOCOL_MESSAGE_MAX || !protocol_read_request((Str){bytes, (size_t)got}, out))
        return false;
    keep(session, &out->fetch.url);
    keep(session, &out->fetch.secret);
    keep(session, &out->fetch.proxy);
    keep(session, &out->fetch.ca_file);
    keep(session, &out->fetch.validator);
    keep(session, &out->unpack.strip_prefix);
    return true;
}

bool session_answer(Session *session, const WorkerAnswer *answer) {
    protocol_add_answer(&session->out, answer);
    ssize_t sent;
    do
        sent = send(session->sock, session->out.ptr, session->out.len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent == (ssize_t)session->out.len;
}

bool session_progress(Session *session, uint64_t done, uint64_t total) {
    int64_t now = now_ms();
    if (now - session->last_progress_ms < PROGRESS_EVERY_MS)
        return true;
    session->last_progress_ms = now;
    return session_answer(session, &(WorkerAnswer){.type = MESSAGE_PROGRESS, .a = done, .b = total});
}

void session_fail(Session *session, Error *error, WorkerAnswer how) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (const Error *link = error; link; link = error_cause(link))
        buf_printf(&text, "%s%s", link == error ? "" : ": ", error_text(link));
    how.type = MESSAGE_FAILED;
    how.kind = error_kind(error);
    how.errno_value = (uint32_t)error_errno(error);
    how.text = buf_str(&text);
    how.hint = str_from(error_get_hint(error));
    session_answer(session, &how);
    error_free(error);
}

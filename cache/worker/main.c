// minimal-worker: one request from the socket that it was started with, carried out confined, then the end. It is no
// command for people; docs/worker.md says what it is told and what it answers.
#include "base/fd.h"
#include "cache/protocol.h"
#include "cache/worker/confine.h"
#include "cache/worker/http.h"
#include "cache/worker/session.h"
#include "cache/worker/unpack.h"

#include <sys/socket.h>
#include <unistd.h>

static bool say_alive(void *context, uint64_t done_bytes) {
    return session_progress(context, done_bytes, 0);
}

static Error *run_unpack(Session *session, const WorkerUnpack *request, WorkerAnswer *answer) {
    unpack_prepare();
    TRY(confine_unpack(WORKER_FD_DIR, request->size_max, CONFINE_BEST));
    const UnpackJob job = {
        .archive_fd = WORKER_FD_FILE,
        .dirfd = WORKER_FD_DIR,
        .request = request,
        .alive = say_alive,
        .context = session,
    };
    return unpack_run(&job, &answer->a, &answer->b);
}

static Error *run_fetch(Session *session, const WorkerFetch *request, WorkerAnswer *answer) {
    const char *ca_file;
    TRY(http_prepare(request, &ca_file));
    TRY(confine_fetch(ca_file, request->size_max));
    return http_fetch(request, ca_file, WORKER_FD_FILE, session, answer, &answer->a);
}

int main(void) {
    int type = 0;
    socklen_t len = sizeof type;
    if (getsockopt(WORKER_FD_SOCKET, SOL_SOCKET, SO_TYPE, &type, &len) < 0 || type != SOCK_SEQPACKET) {
        static const char text[] = "minimal-worker is started by minimal, which gives it its work over a socket.\n";
        ssize_t done = write(STDERR_FILENO, text, sizeof text - 1);
        return done < 0 ? 3 : 2;
    }
    Session session;
    WorkerRequest request;
    Error *error = confine_start(WORKER_FD_DIR + 1);
    if (!session_open(&session, WORKER_FD_SOCKET, &request)) {
        session_fail(&session, error_new(ERROR_SYSTEM, "minimal and minimal-worker are not of the same version"),
                     (WorkerAnswer){0});
        return 2;
    }
    WorkerAnswer answer = {.type = MESSAGE_DONE};
    if (!error)
        error = request.type == MESSAGE_FETCH ? run_fetch(&session, &request.fetch, &answer)
                                              : run_unpack(&session, &request.unpack, &answer);
    if (error)
        session_fail(&session, error, answer);
    else
        session_answer(&session, &answer);
    _exit(error ? 1 : 0);
}

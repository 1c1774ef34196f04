// The parent's side of the worker. Its invariant: whatever the worker does, worker_call returns after a bounded time
// with the worker reaped, and nothing of what the worker said was used for anything but progress and the words of an
// error.
#include "cache/worker_client.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CALL_FDS_MAX = 2,
    FD_PARKING = 16, // descriptors are moved here first, so that giving them their numbers overwrites none of them
    TICK_MS = 250,
    MESSAGES_PER_S_MAX = 200,
};

static int64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

// ---- starting ----

Error *worker_find(Buf *path_out) {
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self);
    if (len <= 0 || (size_t)len >= sizeof self)
        return error_sys(errno, "cannot find the running program (is /proc mounted?)");
    Str dir = path_dir((Str){self, (size_t)len});
    static const char *const places[] = {"minimal-worker", "../libexec/minimal/minimal-worker"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        buf_clear(path_out);
        buf_printf(path_out, "%.*s/%s", STR_ARG(dir), places[i]);
        if (access(buf_cstr(path_out), X_OK) == 0)
            return NULL;
    }
    return error_hint(error_new(ERROR_NOT_FOUND,
                                "minimal-worker is not installed: neither %.*s/%s nor %.*s/%s is there", STR_ARG(dir),
                                places[0], STR_ARG(dir), places[1]),
                      "install both programs together (make install), or run the one in the build directory");
}

typedef struct Spawn {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
} Spawn;

// Descriptors: 0 to 2 on /dev/null, then those given, in order, from 3; nothing else.
static int spawn_prepare(Spawn *spawn, const int *fds, size_t count) {
    int code = 0;
    for (int fd = 0; fd <= 2 && code == 0; fd++)
        code = posix_spawn_file_actions_addopen(&spawn->actions, fd, "/dev/null", O_RDWR, 0);
    for (size_t i = 0; i < count && code == 0; i++)
        code = posix_spawn_file_actions_adddup2(&spawn->actions, fds[i], WORKER_FD_SOCKET + (int)i);
    if (code == 0)
        code = posix_spawn_file_actions_addclosefrom_np(&spawn->actions, WORKER_FD_SOCKET + (int)count);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    if (code == 0)
        code = posix_spawnattr_setsigmask(&spawn->attributes, &none);
    if (code == 0)
        code = posix_spawnattr_setsigdefault(&spawn->attributes, &all);
    if (code == 0)
        code = posix_spawnattr_setflags(&spawn->attributes,
                                        POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    return code;
}

static Error *spawn_worker(const char *path, const int *fds, size_t count, pid_t *pid_out) {
    char *const argv[] = {(char[]){"minimal-worker"}, NULL};
    char *const environment[] = {NULL};
    Spawn spawn;
    if (posix_spawn_file_actions_init(&spawn.actions) != 0)
        return error_new(ERROR_SYSTEM, "cannot start %s: no memory", path);
    posix_spawnattr_init(&spawn.attributes); // fills a struct; cannot fail in glibc or musl
    int code = spawn_prepare(&spawn, fds, count);
    if (code == 0)
        code = posix_spawn(pid_out, path, &spawn.actions, &spawn.attributes, argv, environment);
    posix_spawnattr_destroy(&spawn.attributes);
    posix_spawn_file_actions_destroy(&spawn.actions);
    if (code == 0)
        return NULL;
    return error_hint(error_sys(code, "cannot start %s", path), "minimal-worker is installed together with minimal");
}

// ---- the call ----

typedef struct Call {
    const WorkerCall *call;
    pid_t pid;
    int sock;
    int64_t started_ms, heard_ms, window_ms;
    unsigned window_count; // messages since window_ms
    bool head_seen;
    WorkerEnd *end;
    char bytes[PROTOCOL_MESSAGE_MAX + 1];
} Call;

static Error *park(const int *fds, size_t count, int *parked) {
    for (size_t i = 0; i < count; i++) {
        parked[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FD_PARKING);
        if (parked[i] < 0)
            return error_sys(errno, "cannot duplicate a descriptor for the worker");
    }
    return NULL;
}

static Error *start(Call *call) {
    AUTO_BUF Buf path;
    buf_init(&path, BUF_NO_LIMIT);
    if (call->call->worker_path)
        buf_add_cstr(&path, call->call->worker_path);
    else
        TRY(worker_find(&path));
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_sys(errno, "cannot make a socket pair for the worker");
    call->sock = pair[0];
    int given[CALL_FDS_MAX + 1] = {pair[1]}, parked[CALL_FDS_MAX + 1] = {-1, -1, -1};
    BUG_UNLESS(call->call->fd_count <= CALL_FDS_MAX);
    for (size_t i = 0; i < call->call->fd_count; i++)
        given[i + 1] = call->call->fds[i];
    size_t count = call->call->fd_count + 1;
    Error *error = park(given, count, parked);
    if (!error)
        error = spawn_worker(buf_cstr(&path), parked, count, &call->pid);
    for (size_t i = 0; i < ARRAY_LEN(parked); i++)
        fd_close(&parked[i]);
    fd_close(&pair[1]);
    return error;
}

static Error *broke_protocol(const char *what) {
    return error_hint(error_new(ERROR_SYSTEM, "minimal-worker broke its protocol: %s", what),
                      "install minimal and minimal-worker together; if they are, please report this");
}

// Kinds that a worker has no business with would make the caller believe something about the user or a build.
static ErrorKind believable(ErrorKind kind) {
    switch (kind) {
    case ERROR_INVALID:
    case ERROR_NOT_FOUND:
    case ERROR_DENIED:
    case ERROR_NETWORK:
    case ERROR_TIMEOUT:
    case ERROR_LIMIT:
    case ERROR_SANDBOX:
        return kind;
    case ERROR_MISMATCH:
    case ERROR_CONFLICT:
    case ERROR_BUILD_FAILED:
    case ERROR_INTERRUPTED:
    case ERROR_USAGE:
    case ERROR_SYSTEM:
    case ERROR_KIND_COUNT:
        break;
    }
    return ERROR_SYSTEM;
}

// What a worker says is printed to people: without anything that a terminal would obey.
static void add_harmless(Buf *out, Str said) {
    for (size_t i = 0; i < said.len; i++) {
        unsigned char c = (unsigned char)said.ptr[i];
        buf_add_byte(out, c == '\n' ? ' ' : c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

static Error *worker_error(const WorkerAnswer *answer) {
    AUTO_BUF Buf text, hint;
    buf_init(&text, PROTOCOL_TEXT_MAX);
    buf_init(&hint, PROTOCOL_HINT_MAX);
    Str said = answer->text;
    ErrorKind kind = believable(answer->kind);
    bool system = kind == ERROR_SYSTEM && answer->errno_value != 0;
    if (system) { // error_sys adds the reason itself
        Str reason = str_from(strerror((int)answer->errno_value));
        if (str_ends_with(said, reason) && said.len > reason.len + 2)
            said.len -= reason.len + 2;
    }
    add_harmless(&text, said);
    add_harmless(&hint, answer->hint);
    Error *error =
        system ? error_sys((int)answer->errno_value, "%s", buf_cstr(&text)) : error_new(kind, "%s", buf_cstr(&text));
    return hint.len ? error_hint(error, "%s", buf_cstr(&hint)) : error;
}

static Error *count_message(Call *call) {
    int64_t now = now_ms();
    call->heard_ms = now;
    if (now - call->window_ms >= 1000) {
        call->window_ms = now;
        call->window_count = 0;
    }
    return ++call->window_count > MESSAGES_PER_S_MAX ? broke_protocol("it floods") : NULL;
}

static Error *take_answer(Call *call, size_t len, bool *last_out) {
    WorkerAnswer answer;
    if (!protocol_read_answer((Str){call->bytes, len}, &answer))
        return broke_protocol("what it sent is no answer");
    if (answer.type == MESSAGE_HEAD && (call->head_seen || call->call->request->type != MESSAGE_FETCH))
        return broke_protocol("an answer out of order");
    call->head_seen = call->head_seen || answer.type == MESSAGE_HEAD;
    if (answer.type == MESSAGE_DONE && call->call->request->type == MESSAGE_FETCH && !call->head_seen)
        return broke_protocol("an answer out of order");
    if (answer.type == MESSAGE_HEAD || answer.type == MESSAGE_PROGRESS)
        return call->call->on_answer ? call->call->on_answer(call->call->context, &answer) : NULL;
    *last_out = true;
    call->end->answered = true;
    Error *error = answer.type == MESSAGE_FAILED ? worker_error(&answer) : NULL;
    answer.text = answer.hint = answer.validator = STR_NULL;
    call->end->answer = answer;
    return error;
}

// All messages that are there. *closed_out: the other end is shut.
static Error *receive(Call *call, bool *last_out, bool *closed_out) {
    while (!*last_out && !*closed_out) {
        ssize_t got = recv(call->sock, call->bytes, PROTOCOL_MESSAGE_MAX, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0 && errno == EAGAIN)
            return NULL;
        *closed_out = got == 0 || (got < 0 && errno == ECONNRESET);
        if (*closed_out)
            return NULL;
        if (got < 0)
            return error_sys(errno, "cannot hear the worker");
        if (got > PROTOCOL_MESSAGE_MAX)
            return broke_protocol("an answer of more than 32 KiB");
        TRY(count_message(call));
        TRY(take_answer(call, (size_t)got, last_out));
    }
    return NULL;
}

static Error *check_time(const Call *call) {
    int64_t now = now_ms();
    uint32_t silence_s = call->call->silence_s, total_s = call->call->total_s;
    if (now - call->heard_ms > (int64_t)silence_s * 1000)
        return error_new(ERROR_TIMEOUT, "minimal-worker gave no sign of life for %u s, and was killed", silence_s);
    if (total_s && now - call->started_ms > (int64_t)total_s * 1000)
        return error_new(ERROR_TIMEOUT, "minimal-worker was not done after %u s, and was killed", total_s);
    return NULL;
}

static Error *listen_to(Call *call, bool *closed_out) {
    struct pollfd polls[2] = {{.fd = call->sock, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    if (call->call->cancel)
        polls[1].fd = call->call->cancel->fd;
    for (bool last = false;;) {
        TRY(cancel_check(call->call->cancel));
        if (poll(polls, ARRAY_LEN(polls), TICK_MS) < 0 && errno != EINTR)
            return error_sys(errno, "cannot wait for the worker");
        TRY(receive(call, &last, closed_out));
        if (last || *closed_out)
            return NULL;
        if (call->call->on_answer)
            TRY(call->call->on_answer(call->call->context, NULL));
        TRY(check_time(call));
    }
}

static Error *send_request(Call *call) {
    AUTO_BUF Buf message;
    buf_init(&message, PROTOCOL_MESSAGE_MAX);
    protocol_add_request(&message, call->call->request);
    if (message.overflow)
        return error_new(ERROR_LIMIT, "a request to the worker is too long");
    ssize_t sent;
    do
        sent = send(call->sock, message.ptr, message.len, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0 || errno == EPIPE || errno == ECONNRESET)
        return NULL; // a worker that died at its start is reported as that
    return error_sys(errno, "cannot speak to the worker");
}

static Error *death(int status) {
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);
        return error_new(ERROR_SYSTEM, "minimal-worker died of signal %d (%s)%s", number, strsignal(number),
                         number == SIGXCPU || number == SIGKILL ? ": perhaps at a limit of this host or of its own"
                                                                : "");
    }
    return error_new(ERROR_SYSTEM, "minimal-worker ended with code %d without an answer",
                     WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

// One that closed its socket by itself is about to die; its own end says more than our signal would.
static int reap(const Call *call, bool closed) {
    int status = 0;
    for (int i = 0; closed && i < 100; i++) {
        pid_t done = waitpid(call->pid, &status, WNOHANG);
        if (done != 0 && !(done < 0 && errno == EINTR))
            return status;
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
    kill(call->pid, SIGKILL);
    while (waitpid(call->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return status;
}

Error *worker_call(const WorkerCall *request, WorkerEnd *end_out) {
    AUTO_FREE Call *call = mem_zalloc(sizeof *call);
    *end_out = (WorkerEnd){0};
    *call = (Call){.call = request, .sock = -1, .end = end_out};
    call->started_ms = call->heard_ms = call->window_ms = now_ms();
    TRY(cancel_check(request->cancel));
    Error *error = start(call);
    if (error) {
        fd_close(&call->sock);
        return error;
    }
    end_out->started = true;
    bool closed = false;
    error = send_request(call);
    if (!error)
        error = listen_to(call, &closed);
    int status = reap(call, closed);
    fd_close(&call->sock);
    if (error || end_out->answered)
        return error;
    return death(status);
}

// When to try again and when to give up is decided here, by the parent: a worker makes one attempt and dies. What an
// attempt brought is judged by the size of our own file, not by what the worker says of it.
#include "cache/transfer.h"

#include "base/fd.h"
#include "cache/worker_client.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum {
    ATTEMPTS_DEFAULT = 4,
    ATTEMPTS_TOTAL_MAX = 64,
    STALL_DEFAULT_S = 30,
    PAUSE_FIRST_MS = 250,
    PAUSE_MAX_MS = 8000,
    RETRY_AFTER_MAX_S = 60,
    PROGRESS_EVERY_MS = 200,
    GAIN_BYTES = 64 * 1024, // an attempt that brought so much was no failure
};
static const uint64_t size_max_default = 8ull << 30;

typedef struct Attempt {
    const Transfer *transfer;
    uint64_t resume_from, total, size;
    int64_t grown_ms, shown_ms;
    bool from_start; // the server began at 0
    char validator[PROTOCOL_VALIDATOR_MAX + 1];
} Attempt;

static int64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static uint32_t stall_s(const Transfer *transfer) {
    return transfer->options->stall_timeout_s ? transfer->options->stall_timeout_s : STALL_DEFAULT_S;
}

static uint64_t file_size(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void show(Attempt *attempt, int64_t now) {
    const Transfer *transfer = attempt->transfer;
    if (!transfer->on_progress || now - attempt->shown_ms < PROGRESS_EVERY_MS)
        return;
    attempt->shown_ms = now;
    uint64_t total = attempt->total >= attempt->size ? attempt->total : 0;
    transfer->on_progress(transfer->context, (FetchProgress){attempt->size, total});
}

static Error *on_answer(void *context, const WorkerAnswer *answer) {
    Attempt *attempt = context;
    int64_t now = now_ms();
    if (answer && answer->type == MESSAGE_HEAD) {
        if (answer->a != 0 && answer->a != attempt->resume_from)
            return error_new(ERROR_SYSTEM, "minimal-worker broke its protocol: it resumed at a place of its own");
        attempt->total = answer->b;
        attempt->from_start = answer->a == 0;
        memcpy(attempt->validator, answer->validator.ptr, answer->validator.len);
        attempt->validator[answer->validator.len] = '\0';
    }
    uint64_t size = file_size(attempt->transfer->fd);
    if (size != attempt->size)
        attempt->grown_ms = now;
    attempt->size = size;
    uint32_t limit_s = 2 * stall_s(attempt->transfer) + 10;
    if (now - attempt->grown_ms > (int64_t)limit_s * 1000)
        return error_new(ERROR_TIMEOUT, "no byte for %u s", limit_s);
    show(attempt, now);
    return NULL;
}

static Error *run_attempt(Attempt *attempt, WorkerEnd *end) {
    const Transfer *transfer = attempt->transfer;
    const FetchOptions *options = transfer->options;
    attempt->resume_from = attempt->size = file_size(transfer->fd);
    attempt->grown_ms = now_ms();
    const WorkerRequest request = {
        .type = MESSAGE_FETCH,
        .fetch = {.url = transfer->url->fetch,
                  .secret = transfer->url->secret,
                  .proxy = str_from(options->proxy),
                  .ca_file = str_from(options->ca_file),
                  .validator = str_from(attempt->validator),
                  .resume_from = attempt->resume_from,
                  .size_max = options->size_max_bytes ? options->size_max_bytes : size_max_default,
                  .stall_s = stall_s(transfer)},
    };
    const WorkerCall call = {
        .worker_path = options->worker_path,
        .request = &request,
        .fds = &transfer->fd,
        .fd_count = 1,
        .silence_s = stall_s(transfer) + 5,
        .cancel = transfer->cancel,
        .on_answer = on_answer,
        .context = attempt,
    };
    TRY(worker_call(&call, end));
    if (file_size(transfer->fd) != end->answer.a)
        return error_new(ERROR_SYSTEM, "minimal-worker broke its protocol: it wrote another size than it says");
    return NULL;
}

static Error *pause_before_next(const Transfer *transfer, unsigned failures, uint32_t retry_after_s) {
    int64_t wait_ms = PAUSE_FIRST_MS;
    for (unsigned i = 1; i < failures && wait_ms < PAUSE_MAX_MS; i++)
        wait_ms *= 2;
    if (retry_after_s > RETRY_AFTER_MAX_S)
        retry_after_s = RETRY_AFTER_MAX_S;
    if (wait_ms < (int64_t)retry_after_s * 1000)
        wait_ms = (int64_t)retry_after_s * 1000;
    struct pollfd waiting = {.fd = transfer->cancel ? transfer->cancel->fd : -1, .events = POLLIN};
    for (int64_t until = now_ms() + wait_ms, left; (left = until - now_ms()) > 0;) {
        TRY(cancel_check(transfer->cancel));
        if (poll(&waiting, 1, (int)left) < 0 && errno != EINTR)
            return error_sys(errno, "cannot wait");
    }
    return cancel_check(transfer->cancel);
}

// Whether an attempt that ended so may be followed by another. One that never began (no worker) may not.
static bool may_try_again(const WorkerEnd *end, const Error *error) {
    if (error_kind(error) == ERROR_INTERRUPTED)
        return false;
    return end->answered ? (end->answer.flags & FAILED_AGAIN) != 0 : end->started;
}

Error *transfer_run(const Transfer *transfer, bool *resumed_out) {
    unsigned attempts_max = transfer->options->attempts ? transfer->options->attempts : ATTEMPTS_DEFAULT;
    Attempt attempt = {.transfer = transfer};
    for (unsigned total = 1, failures = 0;; total++) {
        WorkerEnd end;
        uint64_t before = file_size(transfer->fd);
        attempt.from_start = false;
        Error *error = run_attempt(&attempt, &end);
        if (!error) {
            *resumed_out = !attempt.from_start;
            if (transfer->on_progress)
                transfer->on_progress(transfer->context, (FetchProgress){end.answer.a, end.answer.a});
            return NULL;
        }
        if (end.answered && (end.answer.flags & FAILED_RESTART)) {
            attempt.validator[0] = '\0';
            if (ftruncate(transfer->fd, 0) < 0)
                return error_wrap(error, "cannot start over");
        }
        failures = file_size(transfer->fd) >= before + GAIN_BYTES ? 0 : failures + 1;
        if (!may_try_again(&end, error) || failures >= attempts_max || total >= ATTEMPTS_TOTAL_MAX)
            return total > 1 ? error_wrap(error, "after %u attempts", total) : error;
        uint32_t retry_after_s = end.answered ? end.answer.retry_after_s : 0;
        error_free(error);
        TRY(pause_before_next(transfer, failures, retry_after_s));
    }
}

// The outside of a box: makes the child by one clone, watches it to its end and says how it ended. Whatever happens
// here, the function returns only once nothing that the box ran is left: when init has said that it is alone, or when it
// is reaped, which the kernel allows only when its pid namespace is empty.
#include "base/fd.h"
#include "base/vec.h"
#include "sandbox/child.h"
#include "sandbox/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { OUTPUT_STEP = 64 * 1024 };

typedef struct Running {
    const Plan *plan;
    const SandboxSpec *spec;
    Cancel *cancel;
    int pidfd, report_fd, output_fd; // -1: none
    uint64_t began_ns, output_ns;    // the last byte of output, or the start
    uint64_t output_bytes;
    DiskWatch disk;
    SandboxEnd end; // why we killed it
    bool killed;
    bool has_report;
    ChildReport report; // the last one
    Error *error; // of our own doing, such as a log that cannot be written
} Running;

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

// ---- the clone ----

static Error *make_pipe(int *read_out, int *write_out) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return error_sys(errno, "cannot make a pipe");
    *read_out = fds[0];
    *write_out = fds[1];
    return NULL;
}

static Error *start_child(Plan *plan, Running *running) {
    // No exit signal: nothing else in this process that waits for children can take this one away. No signal before
    // the child has reset the handlers that it inherits.
    struct clone_args args = {.flags = plan->namespaces | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
                              .pidfd = (uint64_t)(uintptr_t)&running->pidfd};
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    long pid = syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0)
        child_main(plan);
    int saved = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pid < 0 ? host_namespace_error(saved, "cannot clone into new namespaces") : NULL;
}

// ---- watching ----

static void end_box(Running *running, SandboxEnd end) {
    if (running->killed)
        return;
    running->killed = true;
    running->end = end;
    syscall(SYS_pidfd_send_signal, running->pidfd, SIGKILL, NULL, 0);
}

// Takes what the pipe has now; false at its end.
static bool read_output(Running *running, char *bytes) {
    ssize_t len = read(running->output_fd, bytes, OUTPUT_STEP);
    if (len < 0)
        return errno == EAGAIN || errno == EINTR;
    if (len == 0)
        return false;
    running->output_ns = clock_ns();
    running->output_bytes += (uint64_t)len;
    uint64_t limit = running->spec->limits.output_bytes;
    if (running->output_bytes > (limit ? limit : TABLE_OUTPUT_BYTES)) {
        end_box(running, SANDBOX_OUTPUT_LIMIT);
        return true;
    }
    if (!running->error)
        running->error = fd_write_all(running->spec->log_fd, bytes, (size_t)len);
    if (running->error)
        end_box(running, SANDBOX_CANCELLED);
    else if (running->spec->on_output)
        running->spec->on_output(running->spec->context, (Str){bytes, (size_t)len});
    return true;
}

static void send_signals(const Running *running) {
    struct signalfd_siginfo info;
    if (read(running->spec->signals_fd, &info, sizeof info) == sizeof info)
        syscall(SYS_pidfd_send_signal, running->pidfd, (int)info.ssi_signo, NULL, 0);
}

static uint64_t earlier(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

// Ends what has run too long or taken too much; returns how long to wait before looking again.
static int check_limits(Running *running) {
    const SandboxLimits *limits = &running->spec->limits;
    uint64_t now = clock_ns(), next = UINT64_MAX;
    if (limits->total_timeout_s) {
        uint64_t at = running->began_ns + limits->total_timeout_s * UINT64_C(1000000000);
        if (now >= at)
            end_box(running, SANDBOX_TOTAL_TIMEOUT);
        next = earlier(next, at);
    }
    if (limits->idle_timeout_s && running->output_fd >= 0) {
        uint64_t at = running->output_ns + limits->idle_timeout_s * UINT64_C(1000000000);
        if (now >= at)
            end_box(running, SANDBOX_IDLE_TIMEOUT);
        next = earlier(next, at);
    }
    if (running->disk.fd >= 0) {
        if (watch_exceeded(&running->disk, now, running->cancel))
            end_box(running, SANDBOX_DISK_LIMIT);
        next = earlier(next, clock_ns() + WATCH_INTERVAL_MS * UINT64_C(1000000));
    }
    if (next == UINT64_MAX || running->killed)
        return -1;
    now = clock_ns();
    uint64_t wait_ms = next > now ? (next - now) / 1000000 + 1 : 0;
    return wait_ms > INT_MAX ? INT_MAX : (int)wait_ms;
}

// True when there is one; the child sends one at most, or one of a failed exec and then one of the end.
static bool read_report(Running *running) {
    if (running->has_report && running->report.kind == REPORT_FAILED)
        return true;
    ChildReport report;
    if (read(running->report_fd, &report, sizeof report) != sizeof report)
        return false;
    report.detail[sizeof report.detail - 1] = '\0';
    running->report = report;
    running->has_report = true;
    return true;
}

// Returns when the box is over: its last report says so, or its init is gone.
static void watch_child(Running *running) {
    AUTO_FREE char *bytes = running->output_fd >= 0 ? mem_alloc(OUTPUT_STEP) : NULL;
    bool output_open = running->output_fd >= 0;
    for (;;) {
        if (cancel_requested(running->cancel))
            end_box(running, SANDBOX_CANCELLED);
        int wait_ms = check_limits(running);
        struct pollfd fds[] = {
            {.fd = running->pidfd, .events = POLLIN},
            {.fd = running->has_report ? -1 : running->report_fd, .events = POLLIN},
            {.fd = output_open ? running->output_fd : -1, .events = POLLIN},
            {.fd = running->cancel && !running->killed ? running->cancel->fd : -1, .events = POLLIN},
            {.fd = running->spec->signals_fd > 0 ? running->spec->signals_fd : -1, .events = POLLIN},
        };
        if (poll(fds, ARRAY_LEN(fds), wait_ms) < 0)
            continue;
        if (fds[2].revents)
            output_open = read_output(running, bytes);
        if (fds[4].revents)
            send_signals(running);
        if ((fds[1].revents & POLLIN) && read_report(running) && running->report.kind == REPORT_ENDED)
            break;
        if (fds[0].revents)
            break;
    }
    // Nobody is left to write; what the pipe still holds is the end of the log.
    while (output_open && !running->error) {
        struct pollfd rest = {.fd = running->output_fd, .events = POLLIN};
        if (poll(&rest, 1, 0) <= 0)
            break;
        output_open = read_output(running, bytes);
    }
}

// ---- the end ----

static bool reap(int pidfd, int flags, struct rusage *usage) {
    siginfo_t info = {0};
    long done;
    do
        done = syscall(SYS_waitid, P_PIDFD, pidfd, &info, WEXITED | __WALL | flags, usage);
    while (done < 0 && errno == EINTR);
    return done < 0 || info.si_pid != 0;
}

// Inits that have said their last and were not yet to be reaped then.
static pthread_mutex_t ending_lock = PTHREAD_MUTEX_INITIALIZER;
static VEC(int) ending;

static void reap_ending(int flags) {
    pthread_mutex_lock(&ending_lock);
    size_t kept = 0;
    for (size_t i = 0; i < ending.count; i++) {
        if (reap(ending.items[i], flags, NULL))
            close(ending.items[i]);
        else
            ending.items[kept++] = ending.items[i];
    }
    ending.count = kept;
    pthread_mutex_unlock(&ending_lock);
}

void plan_settle(void) {
    reap_ending(0);
}

static void leave_child(Running *running, SandboxResult *out) {
    if (running->has_report && running->report.kind == REPORT_ENDED) {
        out->usage = running->report.usage;
        if (reap(running->pidfd, WNOHANG, NULL))
            return;
        pthread_mutex_lock(&ending_lock);
        vec_push(&ending, fd_take(&running->pidfd));
        pthread_mutex_unlock(&ending_lock);
        return;
    }
    reap(running->pidfd, 0, &out->usage);
    read_report(running); // one that came together with the end
}

static Error *conclude(const Running *running, SandboxResult *out) {
    bool has_ended = running->has_report && running->report.kind == REPORT_ENDED;
    if (running->has_report && running->report.kind == REPORT_FAILED)
        return child_error(running->plan, &running->report);
    if (running->killed && !(has_ended && running->end != SANDBOX_OUTPUT_LIMIT)) {
        out->end = running->end;
        return NULL;
    }
    // Without a word from init it was killed from outside: by a person, or for want of memory.
    int status = has_ended ? running->report.error : SIGKILL;
    out->end = WIFEXITED(status) ? SANDBOX_EXITED : SANDBOX_SIGNALLED;
    out->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    return NULL;
}

// /dev/stdout and the like open a pipe anew, by its owner and mode. Root's own pipes are given to the box's user; any
// other file is left as it is.
static Error *give_pipes(const Plan *plan) {
    if (plan->identity.mode != HOST_ROOT)
        return NULL;
    for (int i = 0; i < 3; i++) {
        struct statfs fs;
        if (plan->stdio[i] < 0 || fstatfs(plan->stdio[i], &fs) < 0 || fs.f_type != PIPEFS_MAGIC)
            continue;
        if (fchown(plan->stdio[i], plan->identity.uid, plan->identity.gid) < 0)
            return error_sys(errno, "cannot give a pipe to the sandbox's user");
    }
    return NULL;
}

// From plan to process.
static Error *start(Plan *plan, const SandboxSpec *spec, Running *running) {
    AUTO_FD int report_write = -1, output_write = -1;
    *running = (Running){.plan = plan, .spec = spec, .pidfd = -1, .report_fd = -1, .output_fd = -1};
    reap_ending(WNOHANG);
    TRY(make_pipe(&running->report_fd, &report_write));
    plan->report_fd = report_write;
    plan_keep(plan, report_write);
    plan_keep(plan, plan->layers_fd);
    if (spec->log_fd >= 0) {
        TRY(make_pipe(&running->output_fd, &output_write));
        if (fcntl(running->output_fd, F_SETFL, O_NONBLOCK) < 0)
            return error_sys(errno, "cannot set up a pipe");
        plan->stdio[1] = plan->stdio[2] = output_write;
    }
    for (int i = 0; i < 3; i++)
        plan_keep(plan, plan->stdio[i]);
    TRY(give_pipes(plan));
    return start_child(plan, running);
}

// From process to result.
static Error *finish(Running *running, Cancel *cancel, SandboxResult *out) {
    *out = (SandboxResult){0};
    running->cancel = cancel;
    running->began_ns = running->output_ns = clock_ns();
    watch_init(&running->disk, running->spec->limits.watched_fd, running->spec->limits.disk_bytes, running->began_ns);
    watch_child(running);
    leave_child(running, out);
    out->wall_ns = clock_ns() - running->began_ns;
    out->network_used = !running->plan->own_network;
    Error *error = conclude(running, out);
    if (running->error && error)
        error_free(running->error);
    else if (running->error)
        error = error_wrap(running->error, "cannot write the log");
    return error;
}

static void close_running(Running *running) {
    fd_close(&running->pidfd);
    fd_close(&running->report_fd);
    fd_close(&running->output_fd);
}

Error *plan_run(Plan *plan, const SandboxSpec *spec, Cancel *cancel, SandboxResult *out) {
    *out = (SandboxResult){0};
    TRY(cancel_check(cancel));
    Running running;
    Error *error = start(plan, spec, &running);
    if (!error)
        error = finish(&running, cancel, out);
    close_running(&running);
    return error;
}

Error *sandbox_run(const SandboxSpec *spec, Cancel *cancel, SandboxResult *out) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Plan *plan = arena_alloc(arena, sizeof *plan);
    TRY(plan_make(arena, spec, plan));
    return plan_run(plan, spec, cancel, out);
}

int sandbox_exit_code(const SandboxResult *result) {
    switch (result->end) {
    case SANDBOX_EXITED:
        return result->code;
    case SANDBOX_SIGNALLED:
        return 128 + result->code;
    case SANDBOX_TOTAL_TIMEOUT:
    case SANDBOX_IDLE_TIMEOUT:
        return 124;
    case SANDBOX_CANCELLED:
        return 128 + SIGINT;
    case SANDBOX_DISK_LIMIT:
    case SANDBOX_OUTPUT_LIMIT:
        break;
    }
    return 1;
}

// ---- in two halves ----

struct SandboxStart {
    Arena *arena;
    Plan plan;
    Running running;
    int layers_write;
    int idmap_fd; // of those that stores may need, the one that the child has; not ours to close
    char *shared; // with the child, at the same address
};

enum { SHARED_SIZE = 1024 * 1024 };

Error *sandbox_begin(const SandboxSpec *spec, SandboxStart **out) {
    Arena *arena = arena_new(0);
    SandboxStart *made = arena_zalloc(arena, sizeof *made);
    made->arena = arena;
    made->layers_write = made->idmap_fd = -1;
    made->running = (Running){.pidfd = -1, .report_fd = -1, .output_fd = -1};
    int layers_read = -1;
    Error *error = plan_make_early(arena, spec, &made->plan);
    // Stores belong to whoever runs us; one that does not is for sandbox_run.
    if (!error && made->plan.identity.mode == HOST_ROOT)
        error = idmap_userns(geteuid(), getegid(), made->plan.identity, &made->idmap_fd);
    int ends[2] = {-1, -1}; // a socket rather than a pipe: writing to a child that is gone must not end us
    if (!error && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        error = error_sys(errno, "cannot make a socket");
    layers_read = ends[0];
    made->layers_write = ends[1];
    made->shared = mmap(NULL, SHARED_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!error && made->shared == MAP_FAILED)
        error = error_sys(errno, "cannot map memory");
    if (!error) {
        plan_keep(&made->plan, made->idmap_fd);
        made->plan.layers_fd = layers_read;
        made->plan.layers = (const PlanLayers *)made->shared;
        error = start(&made->plan, spec, &made->running);
    }
    fd_close(&layers_read);
    if (error)
        sandbox_abandon(made);
    else
        *out = made;
    return error;
}

// Memory that both sides see, handed out once.
typedef struct Room {
    char *at;
    size_t left;
    bool full;
} Room;

static void *room_copy(Room *room, const void *bytes, size_t len) {
    size_t step = (len + 15) & ~(size_t)15;
    if (step > room->left) {
        room->full = true;
        return NULL;
    }
    void *to = room->at;
    if (len)
        memcpy(to, bytes, len);
    room->at += step;
    room->left -= step;
    return to;
}

static const char *room_text(Room *room, const char *text) {
    return room_copy(room, text, strlen(text) + 1);
}

// False when the child could not use them: too long, or owned by somebody that it brought no map for.
static bool share_layers(SandboxStart *begun, const PlanLayers *layers) {
    Room room = {begun->shared + sizeof(PlanLayers), SHARED_SIZE - sizeof(PlanLayers), false};
    PlanLayers shared = *layers;
    PlanSource *stores = room_copy(&room, layers->stores, layers->store_count * sizeof *stores);
    PlanLayer *items = room_copy(&room, layers->layers, layers->layer_count * sizeof *items);
    const char **links = room_copy(&room, layers->old_links, layers->layer_count * 2 * sizeof *links);
    for (size_t i = 0; !room.full && i < layers->store_count; i++) {
        room.full |= stores[i].idmap_fd >= 0 && stores[i].idmap_fd != begun->idmap_fd;
        stores[i].path = room_text(&room, stores[i].path);
    }
    for (size_t i = 0; !room.full && i < layers->layer_count; i++) {
        items[i].path = room_text(&room, items[i].path);
        links[2 * i] = room_text(&room, links[2 * i]);
        links[2 * i + 1] = room_text(&room, links[2 * i + 1]);
    }
    shared.stores = stores;
    shared.layers = items;
    shared.old_links = links;
    shared.old_options = room_text(&room, layers->old_options);
    memcpy(begun->shared, &shared, sizeof shared);
    return !room.full;
}

Error *sandbox_finish(SandboxStart *begun, const SandboxLayer *layers, size_t count, Cancel *cancel,
                      SandboxResult *out) {
    const PlanLayers *planned;
    *out = (SandboxResult){0};
    Error *error = cancel_check(cancel);
    if (!error)
        error = plan_make_layers(begun->arena, begun->plan.identity, layers, count, &planned);
    if (!error && !share_layers(begun, planned)) {
        SandboxSpec spec = *begun->running.spec;
        spec.layers = layers;
        spec.layer_count = count;
        error = sandbox_run(&spec, cancel, out);
    } else if (!error) {
        // Where the child has ended already, its report says why.
        ssize_t sent = send(begun->layers_write, "g", 1, MSG_NOSIGNAL);
        (void)sent;
        error = finish(&begun->running, cancel, out);
        begun->running.has_report = true; // it is over
    }
    sandbox_abandon(begun);
    return error;
}

void sandbox_abandon(SandboxStart *begun) {
    if (!begun)
        return;
    fd_close(&begun->layers_write);
    if (begun->running.pidfd >= 0 && !begun->running.has_report) {
        syscall(SYS_pidfd_send_signal, begun->running.pidfd, SIGKILL, NULL, 0);
        reap(begun->running.pidfd, 0, NULL);
    }
    close_running(&begun->running);
    if (begun->shared && begun->shared != MAP_FAILED)
        munmap(begun->shared, SHARED_SIZE);
    arena_free(begun->arena);
}

// The face of a running build. Events come from many threads, one at a time; a thread of our own redraws, so that times
// move while nothing happens.
// Invariant: `drawn` lines of ours are the last ones on the terminal, and nobody else writes there while we live.
#include "cmd/progress.h"
#include "base/vec.h"
#include "builder/buildlog.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    REDRAW_MS = 200,
    BAR_CELLS = 20,
    NAME_COLUMNS = 28,
    COLUMNS_DEFAULT = 80,
    ROWS_DEFAULT = 24,
    OUTPUT_LINE_MAX = 8192
};

typedef struct Running {
    uint32_t job;
    StepIndex step;
    JobKind kind;
    RealisePhase phase;
    FetchProgress bytes;
    uint64_t began_ns;
    Buf line; // the begun line of its output, with --verbose
} Running;

struct Progress {
    FILE *out;
    const Plan *plan;
    bool terminal, quiet, silent, verbose;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t ticker;
    bool ticking, ended;
    VEC(Running) running;
    size_t finished, total;
    unsigned drawn;
    Buf frame; // what is about to be written, in one piece
};

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// ---- words ----

void progress_add_time(Buf *out, uint64_t ns) {
    uint64_t seconds = ns / 1000000000u;
    if (seconds < 60)
        buf_printf(out, "%.1f s", (double)ns / 1e9);
    else
        buf_printf(out, "%llu min %02llu s", (unsigned long long)(seconds / 60), (unsigned long long)(seconds % 60));
}

void progress_add_bytes(Buf *out, uint64_t bytes) {
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    double value = (double)bytes;
    for (; value >= 999.95 && unit + 1 < ARRAY_LEN(units); unit++)
        value /= 1000;
    buf_printf(out, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

static void add_name(const Progress *progress, Buf *out, StepIndex step) {
    AUTO_ARENA Arena *arena = arena_new(0);
    buildlog_sanitise(out, plan_step_text(progress->plan, step, arena));
}

// ---- drawing in place ----

// One write for each frame: a terminal that saw half of one would flicker.
static void show(Progress *progress) {
    if (progress->frame.len)
        fwrite(progress->frame.ptr, 1, progress->frame.len, progress->out);
    fflush(progress->out);
    buf_clear(&progress->frame);
}

static void erase(Progress *progress) {
    for (; progress->drawn > 0; progress->drawn--)
        buf_add_cstr(&progress->frame, "\033[1A\033[2K");
    buf_add_byte(&progress->frame, '\r');
}

static void terminal_size(unsigned *columns, unsigned *rows) {
    struct winsize size;
    *columns = COLUMNS_DEFAULT;
    *rows = ROWS_DEFAULT;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0) {
        *columns = size.ws_col;
        *rows = size.ws_row;
    }
}

static void add_bar(Buf *line, FetchProgress bytes) {
    if (bytes.total_bytes) {
        uint64_t done = bytes.done_bytes < bytes.total_bytes ? bytes.done_bytes : bytes.total_bytes;
        unsigned cells = (unsigned)((double)done / (double)bytes.total_bytes * BAR_CELLS);
        buf_add_cstr(line, " [");
        for (unsigned i = 0; i < BAR_CELLS; i++)
            buf_add_byte(line, i < cells ? '#' : '.');
        buf_add_byte(line, ']');
    }
    buf_add_byte(line, ' ');
    progress_add_bytes(line, bytes.done_bytes);
    if (bytes.total_bytes) {
        buf_add_cstr(line, " of ");
        progress_add_bytes(line, bytes.total_bytes);
    }
}

static void draw_line(Progress *progress, Buf *line, unsigned columns) {
    // Names are ASCII nearly always; one that is not may be cut early, never drawn too long.
    size_t len = line->len < columns ? line->len : columns - 1;
    while (len > 0 && len < line->len && ((unsigned char)line->ptr[len] & 0xc0) == 0x80)
        len--;
    buf_add(&progress->frame, line->ptr, len);
    buf_add_byte(&progress->frame, '\n');
    progress->drawn++;
    buf_clear(line);
}

static void draw_job(Progress *progress, const Running *running, Buf *line, unsigned columns) {
    buf_printf(line, "  %-10s ", realise_phase_name(running->phase));
    size_t from = line->len;
    add_name(progress, line, running->step);
    while (line->len - from < NAME_COLUMNS)
        buf_add_byte(line, ' ');
    buf_add_byte(line, ' ');
    progress_add_time(line, now_ns() - running->began_ns);
    if (running->phase == PHASE_FETCHING && running->bytes.done_bytes)
        add_bar(line, running->bytes);
    draw_line(progress, line, columns);
}

static void draw(Progress *progress) {
    if (!progress->terminal || progress->silent || progress->quiet)
        return;
    unsigned columns, rows;
    terminal_size(&columns, &rows);
    erase(progress);
    AUTO_BUF Buf line;
    buf_init(&line, BUF_NO_LIMIT);
    size_t shown = progress->running.count;
    if (shown + 3 > rows)
        shown = rows > 3 ? rows - 3 : 0;
    for (size_t i = 0; i < shown; i++)
        draw_job(progress, &progress->running.items[i], &line, columns);
    if (progress->running.count) {
        buf_printf(&line, "%zu of %zu done, %zu running", progress->finished, progress->total, progress->running.count);
        draw_line(progress, &line, columns);
    }
    show(progress);
}

static void *tick(void *context) {
    Progress *progress = context;
    pthread_mutex_lock(&progress->mutex);
    while (!progress->ended) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += REDRAW_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&progress->changed, &progress->mutex, &until);
        if (!progress->ended)
            draw(progress);
    }
    pthread_mutex_unlock(&progress->mutex);
    return NULL;
}

// ---- lines that stay ----

static void print_line(Progress *progress, const Buf *line) {
    if (progress->terminal)
        erase(progress);
    buf_add_str(&progress->frame, buf_str(line));
    buf_add_byte(&progress->frame, '\n');
    show(progress);
}

static const char *begun_word(JobKind kind) {
    static const char *const words[] = {
        [JOB_FETCH] = "fetching", [JOB_UNPACK] = "unpacking", [JOB_BUILD] = "building", [JOB_TEST] = "testing"};
    return words[kind];
}

static const char *done_word(JobKind kind) {
    static const char *const words[] = {
        [JOB_FETCH] = "fetched", [JOB_UNPACK] = "unpacked", [JOB_BUILD] = "built", [JOB_TEST] = "tested"};
    return words[kind];
}

// "name | what it said", clean.
static void print_output_line(Progress *progress, Running *running) {
    AUTO_BUF Buf line;
    buf_init(&line, BUF_NO_LIMIT);
    add_name(progress, &line, running->step);
    buf_add_cstr(&line, " | ");
    buildlog_sanitise(&line, buf_str(&running->line));
    buf_clear(&running->line);
    print_line(progress, &line);
}

static void on_output(Progress *progress, Running *running, Str bytes) {
    if (!progress->verbose || !running)
        return;
    Str part;
    while (str_cut(&bytes, '\n', &part)) {
        buf_add_str(&running->line, part);
        if (bytes.ptr || running->line.len >= OUTPUT_LINE_MAX)
            print_output_line(progress, running);
    }
}

static void on_started(Progress *progress, const ScheduleEvent *event) {
    Running running = {.job = event->job, .step = event->step, .kind = event->job_kind, .began_ns = now_ns()};
    buf_init(&running.line, BUF_NO_LIMIT);
    running.phase = event->job_kind == JOB_TEST ? PHASE_TESTING : PHASE_STARTING;
    vec_push(&progress->running, running);
    bool worth = event->job_kind == JOB_BUILD || event->job_kind == JOB_TEST || progress->verbose;
    if (progress->terminal || progress->quiet || !worth)
        return;
    AUTO_BUF Buf line;
    buf_init(&line, BUF_NO_LIMIT);
    buf_printf(&line, "%s ", begun_word(event->job_kind));
    add_name(progress, &line, event->step);
    print_line(progress, &line);
}

static Running *find_running(Progress *progress, uint32_t job) {
    for (size_t i = 0; i < progress->running.count; i++)
        if (progress->running.items[i].job == job)
            return &progress->running.items[i];
    return NULL;
}

static uint64_t remove_running(Progress *progress, uint32_t job) {
    Running *running = find_running(progress, job);
    if (!running)
        return 0;
    uint64_t spent = now_ns() - running->began_ns;
    if (running->line.len)
        print_output_line(progress, running);
    buf_release(&running->line);
    size_t at = (size_t)(running - progress->running.items);
    memmove(running, running + 1, (progress->running.count - at - 1) * sizeof *running);
    progress->running.count--;
    return spent;
}

static void on_done(Progress *progress, const ScheduleEvent *event) {
    uint64_t spent = remove_running(progress, event->job);
    bool worth = event->job_kind == JOB_BUILD || event->job_kind == JOB_TEST || progress->verbose ||
                 (event->job_kind == JOB_UNPACK && !progress->terminal);
    if (progress->quiet || !worth)
        return;
    AUTO_BUF Buf line;
    buf_init(&line, BUF_NO_LIMIT);
    bool found = (event->job_kind == JOB_BUILD || event->job_kind == JOB_UNPACK) && !event->report->made;
    buf_printf(&line, "%s ", found ? "found" : done_word(event->job_kind));
    add_name(progress, &line, event->step);
    buf_add_cstr(&line, " in ");
    progress_add_time(&line, spent);
    print_line(progress, &line);
}

static void on_failed(Progress *progress, const ScheduleEvent *event) {
    uint64_t spent = remove_running(progress, event->job);
    AUTO_BUF Buf line;
    buf_init(&line, BUF_NO_LIMIT);
    bool stopped = error_kind(event->error) == ERROR_INTERRUPTED;
    if (stopped && progress->quiet)
        return;
    buf_printf(&line, "%s %s ", stopped ? "stopped" : "failed", begun_word(event->job_kind));
    add_name(progress, &line, event->step);
    buf_add_cstr(&line, " after ");
    progress_add_time(&line, spent);
    Str tail = stopped || progress->verbose ? STR_NULL : event->report->log_tail, text;
    while (tail.len && str_cut(&tail, '\n', &text))
        if (text.len || tail.ptr)
            buf_printf(&line, "\n  | %.*s", STR_ARG(text));
    print_line(progress, &line);
}

// ---- from outside ----

Progress *progress_new(const Globals *globals, FILE *out) {
    Progress *progress = mem_zalloc(sizeof *progress);
    progress->out = out;
    buf_init(&progress->frame, BUF_NO_LIMIT);
    progress->silent = globals->json;
    progress->quiet = globals->quiet;
    progress->verbose = globals->verbose > 0;
    progress->terminal = isatty(fileno(out)) == 1 && !globals->json;
    pthread_mutex_init(&progress->mutex, NULL);
    pthread_cond_init(&progress->changed, NULL);
    return progress;
}

void progress_plan(void *context, const Plan *plan, const Resolution *resolution) {
    Progress *progress = context;
    (void)resolution;
    progress->plan = plan;
    if (progress->terminal && !progress->quiet && !progress->silent)
        progress->ticking = pthread_create(&progress->ticker, NULL, tick, progress) == 0;
}

void progress_event(void *context, const ScheduleEvent *event) {
    Progress *progress = context;
    if (progress->silent)
        return;
    pthread_mutex_lock(&progress->mutex);
    progress->finished = event->finished;
    progress->total = event->total;
    Running *running = find_running(progress, event->job);
    switch (event->kind) {
    case EVENT_STARTED:
        on_started(progress, event);
        break;
    case EVENT_PHASE:
        if (running)
            running->phase = event->phase;
        break;
    case EVENT_BYTES:
        if (running)
            running->bytes = event->bytes;
        break;
    case EVENT_DONE:
        on_done(progress, event);
        break;
    case EVENT_FAILED:
        on_failed(progress, event);
        break;
    case EVENT_OUTPUT:
        on_output(progress, running, event->output);
        break;
    default:
        break;
    }
    pthread_mutex_unlock(&progress->mutex);
}

void progress_free(Progress *progress) {
    if (!progress)
        return;
    pthread_mutex_lock(&progress->mutex);
    progress->ended = true;
    pthread_cond_signal(&progress->changed);
    if (progress->terminal)
        erase(progress);
    show(progress);
    pthread_mutex_unlock(&progress->mutex);
    if (progress->ticking)
        pthread_join(progress->ticker, NULL);
    pthread_cond_destroy(&progress->changed);
    pthread_mutex_destroy(&progress->mutex);
    vec_release(&progress->running);
    buf_release(&progress->frame);
    free(progress);
}

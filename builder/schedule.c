// One thread decides, one thread per job works. The deciding thread alone touches the tables below but for what the
// mutex guards; a job's thread hands its result over through `finished` and ends.
// Invariant: a job is started at most once, and only when resolution says that all it needs is present.
#include "builder/schedule.h"
#include "base/vec.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

typedef struct Schedule Schedule;

typedef struct Job {
    Schedule *schedule;
    uint32_t number;
    JobKind kind;
    StepIndex step;
    unsigned slots; // of builds and tests
    uint32_t cpus;
    const PlanInputs *roots; // of tests
    Arena *arena;
    pthread_t thread;
    StepReport report;
    Error *error;
} Job;

typedef enum FetchState { FETCH_NONE, FETCH_RUNNING, FETCH_DONE } FetchState;

typedef struct Entry {
    StepState state;
    uint64_t dependents; // how many steps wait for it, directly or not
    FetchState fetch;
    bool started, test_started;
    const PlanInputs *test_roots; // set when its tests are to run
} Entry;

struct Schedule {
    const Realiser *realiser;
    const Plan *plan;
    ScheduleOptions options;
    Arena *arena;
    ScheduleResult *result;
    Entry *entries; // by step
    size_t count;
    unsigned slots, slots_used, lanes_used, cpus, running;
    uint32_t job_count;
    size_t total;
    bool stopping;         // cancelled, or no box can be made
    pthread_mutex_t mutex; // of events, and of what follows
    size_t finished_steps;
    pthread_cond_t changed;
    VEC(Job *) finished;
};

// ---- how much at a time ----

unsigned schedule_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    return 1;
}

// Half the cores when there are many (a build starts several processes of its own), 2 GiB of memory for each.
unsigned schedule_default_slots(unsigned cpus, uint64_t memory_bytes) {
    unsigned by_cpus = cpus <= 2 ? cpus : (cpus + 1) / 2;
    uint64_t by_memory = memory_bytes >> 31;
    unsigned slots = by_memory < by_cpus ? (unsigned)by_memory : by_cpus;
    return slots ? slots : 1;
}

static uint64_t memory_bytes(void) {
    struct sysinfo info;
    return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

// ---- events ----

static void tell(const Job *job, ScheduleEvent event) {
    Schedule *schedule = job->schedule;
    if (!schedule->options.on_event)
        return;
    event.job = job->number;
    event.job_kind = job->kind;
    event.step = job->step;
    pthread_mutex_lock(&schedule->mutex);
    event.finished = schedule->finished_steps;
    event.total = schedule->total;
    schedule->options.on_event(schedule->options.context, &event);
    pthread_mutex_unlock(&schedule->mutex);
}

static void on_phase(void *context, RealisePhase phase) {
    tell(context, (ScheduleEvent){.kind = EVENT_PHASE, .phase = phase});
}

static void on_bytes(void *context, FetchProgress progress) {
    tell(context, (ScheduleEvent){.kind = EVENT_BYTES, .bytes = progress});
}

static void on_output(void *context, Str bytes) {
    tell(context, (ScheduleEvent){.kind = EVENT_OUTPUT, .output = bytes});
}

static void count_finished(Schedule *schedule) {
    pthread_mutex_lock(&schedule->mutex);
    schedule->finished_steps++;
    pthread_mutex_unlock(&schedule->mutex);
}

// ---- jobs ----

static void *job_main(void *context) {
    Job *job = context;
    const Realiser *realiser = job->schedule->realiser;
    RealiseWatch watch = {on_phase, on_bytes, on_output, job};
    switch (job->kind) {
    case JOB_FETCH:
        job->error = realise_fetch(realiser, job->step, &watch);
        break;
    case JOB_UNPACK:
    case JOB_BUILD:
        job->error = realise_step(realiser, job->step, job->cpus, &watch, job->arena, &job->report);
        break;
    case JOB_TEST:
        job->error = package_test_run(realiser, job->step, job->roots, job->cpus, &watch, job->arena, &job->report);
        break;
    default:
        BUG("job %d", (int)job->kind);
    }
    pthread_mutex_lock(&job->schedule->mutex);
    vec_push(&job->schedule->finished, job);
    pthread_cond_signal(&job->schedule->changed);
    pthread_mutex_unlock(&job->schedule->mutex);
    return NULL;
}

static Error *start(Schedule *schedule, JobKind kind, StepIndex step, unsigned slots, uint32_t cpus) {
    Job *job = ARENA_NEW(schedule->arena, Job);
    *job = (Job){.schedule = schedule,
                 .number = ++schedule->job_count,
                 .kind = kind,
                 .step = step,
                 .slots = slots,
                 .cpus = cpus,
                 .roots = schedule->entries[step].test_roots,
                 .arena = arena_new(0)};
    tell(job, (ScheduleEvent){.kind = EVENT_STARTED});
    int failed = pthread_create(&job->thread, NULL, job_main, job);
    if (failed) {
        arena_free(job->arena);
        Error *error = error_sys(failed, "cannot start a thread");
        tell(job, (ScheduleEvent){.kind = EVENT_FAILED, .error = error, .report = &job->report});
        return error;
    }
    vec_push(&schedule->result->arenas, job->arena);
    schedule->running++;
    schedule->slots_used += slots;
    schedule->lanes_used += kind == JOB_FETCH || kind == JOB_UNPACK;
    return NULL;
}

// ---- who goes next ----

static bool has_sources(const Package *package) {
    for (size_t i = 0; i < package->input_count; i++)
        if (package->inputs[i].kind == INPUT_SOURCE && package->inputs[i].source.path.len == 0)
            return true;
    return false;
}

static bool roots_are_present(const Schedule *schedule, StepIndex step, StepIndex *failed_out) {
    const Package *package = schedule->plan->steps[step]->package;
    const PlanInputs *roots = schedule->entries[step].test_roots;
    *failed_out = STEP_NONE;
    bool present = true;
    for (size_t i = 0; i < package->test_count; i++)
        for (size_t j = 0; package->tests[i].class == TEST_STANDALONE && j < roots[i].count; j++) {
            StepState state = schedule->entries[roots[i].items[j].step].state;
            if (state == STEP_FAILED)
                *failed_out = roots[i].items[j].step;
            present = present && state == STEP_PRESENT;
        }
    return present;
}

static bool can_start(const Schedule *schedule, StepIndex index, JobKind kind) {
    const Entry *entry = &schedule->entries[index];
    const PlanStep *step = schedule->plan->steps[index];
    StepIndex failed;
    switch (kind) {
    case JOB_FETCH:
        return step->runs && entry->fetch == FETCH_NONE && (entry->state == STEP_READY || entry->state == STEP_WAITING);
    case JOB_UNPACK:
        return !step->runs && !entry->started && entry->state == STEP_READY;
    case JOB_BUILD:
        return step->runs && !entry->started && entry->state == STEP_READY && entry->fetch == FETCH_DONE;
    case JOB_TEST:
        return entry->test_roots && !entry->test_started && roots_are_present(schedule, index, &failed);
    default:
        return false;
    }
}

// What can start now, before what must still wait; then what most others wait for; then the earliest in the plan.
static StepIndex best(const Schedule *schedule, JobKind kind) {
    StepIndex found = STEP_NONE;
    for (StepIndex i = 0; i < schedule->count; i++) {
        if (!can_start(schedule, i, kind))
            continue;
        const Entry *entry = &schedule->entries[i], *other = found == STEP_NONE ? NULL : &schedule->entries[found];
        bool ready = entry->state != STEP_WAITING;
        if (!other || (ready && other->state == STEP_WAITING) ||
            (ready == (other->state != STEP_WAITING) && entry->dependents > other->dependents))
            found = i;
    }
    return found;
}

// Processors for one more build: all of them when it is alone, a fair share when others run or could.
static uint32_t share_of_cpus(const Schedule *schedule) {
    unsigned jobs = 0;
    for (StepIndex i = 0; i < schedule->count; i++)
        jobs += can_start(schedule, i, JOB_BUILD);
    jobs += schedule->running - schedule->lanes_used;
    if (jobs > schedule->slots)
        jobs = schedule->slots;
    uint32_t share = jobs > 1 ? (schedule->cpus + jobs - 1) / jobs : schedule->cpus;
    return share ? share : 1;
}

static Error *start_in_lanes(Schedule *schedule) {
    while (schedule->lanes_used < SCHEDULE_LANES) {
        StepIndex unpack = best(schedule, JOB_UNPACK), fetch = best(schedule, JOB_FETCH);
        if (unpack == STEP_NONE && fetch == STEP_NONE)
            return NULL;
        if (unpack != STEP_NONE) {
            schedule->entries[unpack].started = true;
            TRY(start(schedule, JOB_UNPACK, unpack, 0, 0));
            continue;
        }
        schedule->entries[fetch].fetch = FETCH_RUNNING;
        TRY(start(schedule, JOB_FETCH, fetch, 0, 0));
    }
    return NULL;
}

// Tests go before builds: they are short, and a package that does not work is known before hours are spent above it.
static Error *start_tests(Schedule *schedule) {
    while (schedule->slots_used < schedule->slots) {
        StepIndex test = best(schedule, JOB_TEST);
        if (test == STEP_NONE)
            return NULL;
        schedule->entries[test].test_started = true;
        TRY(start(schedule, JOB_TEST, test, 1, schedule->cpus));
    }
    return NULL;
}

static Error *start_builds(Schedule *schedule) {
    for (;;) {
        StepIndex build = best(schedule, JOB_BUILD);
        if (build == STEP_NONE)
            return NULL;
        uint32_t cost = schedule->plan->steps[build]->package->cost;
        unsigned slots = cost < 1 ? 1 : cost < schedule->slots ? cost : schedule->slots;
        if (schedule->slots_used + slots > schedule->slots)
            return NULL; // it waits for room; nothing smaller overtakes it for good
        uint32_t cpus = share_of_cpus(schedule);
        schedule->entries[build].started = true;
        TRY(start(schedule, JOB_BUILD, build, slots, cpus));
    }
}

// ---- what a finished job changes ----

static void step_failed(Schedule *schedule, StepIndex step, Error *error) {
    StepOutcome *outcome = &schedule->result->steps[step];
    bool interrupted = error_kind(error) == ERROR_INTERRUPTED;
    outcome->outcome = interrupted ? OUTCOME_STOPPED : OUTCOME_FAILED;
    outcome->error = error;
    if (interrupted || error_kind(error) == ERROR_SANDBOX)
        schedule->stopping = true; // no other box could be made either
    resolution_failed(schedule->realiser->resolution, step);
    schedule->entries[step].state = STEP_FAILED;
}

// Finds out which steps the last change has made ready, present or hopeless.
static void look_again(Schedule *schedule) {
    bool changed;
    do {
        changed = false;
        for (StepIndex i = 0; i < schedule->count; i++) {
            Entry *entry = &schedule->entries[i];
            if (entry->state != STEP_WAITING)
                continue;
            StepResult result;
            Error *error = resolve_step(schedule->realiser->resolution, i, &result);
            if (error) {
                step_failed(schedule, i, error);
                changed = true;
                continue;
            }
            entry->state = result.state;
            changed |= result.state == STEP_PRESENT || result.state == STEP_FAILED;
            if (result.state == STEP_PRESENT)
                count_finished(schedule);
        }
    } while (changed);
}

static void plan_tests(Schedule *schedule, StepIndex step) {
    const Package *package = schedule->plan->steps[step]->package;
    PlanInputs *roots = ARENA_ARRAY(schedule->arena, PlanInputs, package->test_count);
    if (package_test_count(schedule->plan->steps[step]) == 0)
        return;
    for (size_t i = 0; i < package->test_count; i++)
        if (package->tests[i].class == TEST_STANDALONE &&
            !resolution_test_root(schedule->realiser->resolution, step, i, &roots[i]))
            return;
    schedule->entries[step].test_roots = roots;
}

static void step_done(Schedule *schedule, const Job *job) {
    StepOutcome *outcome = &schedule->result->steps[job->step];
    outcome->outcome = job->report.made ? OUTCOME_MADE : OUTCOME_PRESENT;
    schedule->entries[job->step].state = STEP_PRESENT;
    count_finished(schedule);
    if (job->report.made)
        plan_tests(schedule, job->step);
}

static void take_result(Schedule *schedule, Job *job) {
    StepOutcome *outcome = &schedule->result->steps[job->step];
    Entry *entry = &schedule->entries[job->step];
    if (job->error)
        tell(job, (ScheduleEvent){.kind = EVENT_FAILED, .error = job->error, .report = &job->report});
    switch (job->kind) {
    case JOB_FETCH:
        entry->fetch = FETCH_DONE;
        // One that was found present meanwhile does not need its sources.
        if (job->error && entry->state != STEP_PRESENT && entry->state != STEP_FAILED)
            step_failed(schedule, job->step, job->error);
        else
            error_free(job->error);
        break;
    case JOB_UNPACK:
    case JOB_BUILD:
        outcome->report = job->report;
        if (job->error)
            step_failed(schedule, job->step, job->error);
        else
            step_done(schedule, job);
        break;
    case JOB_TEST:
        outcome->test_report = job->report;
        outcome->test_error = job->error;
        outcome->tests = !job->error                                   ? OUTCOME_MADE
                         : error_kind(job->error) == ERROR_INTERRUPTED ? OUTCOME_STOPPED
                                                                       : OUTCOME_FAILED;
        break;
    default:
        break;
    }
    if (!job->error)
        tell(job, (ScheduleEvent){.kind = EVENT_DONE, .report = &job->report});
    schedule->slots_used -= job->slots;
    schedule->lanes_used -= job->kind == JOB_FETCH || job->kind == JOB_UNPACK;
    schedule->running--;
}

static Job *wait_for_one(Schedule *schedule) {
    pthread_mutex_lock(&schedule->mutex);
    while (schedule->finished.count == 0)
        pthread_cond_wait(&schedule->changed, &schedule->mutex);
    Job *job = vec_pop(&schedule->finished);
    pthread_mutex_unlock(&schedule->mutex);
    pthread_join(job->thread, NULL);
    return job;
}

// ---- the whole ----

// For each step: which others wait for it, through however many steps in between. One bit per pair.
static void count_dependents(Schedule *schedule) {
    size_t words = (schedule->count + 63) / 64;
    AUTO_ARENA Arena *scratch = arena_new(0);
    uint64_t *bits = ARENA_ARRAY(scratch, uint64_t, schedule->count * words);
    const StepIndex *order = plan_order(schedule->plan, scratch);
    for (size_t at = schedule->count; at-- > 0;) {
        StepIndex step = order[at];
        const PlanInputs *root = &schedule->plan->steps[step]->root;
        for (size_t i = 0; i < root->count; i++) {
            uint64_t *to = bits + root->items[i].step * words;
            to[step / 64] |= UINT64_C(1) << (step % 64);
            for (size_t w = 0; w < words; w++)
                to[w] |= bits[step * words + w];
        }
    }
    for (size_t i = 0; i < schedule->count; i++)
        for (size_t w = 0; w < words; w++)
            schedule->entries[i].dependents += (uint64_t)__builtin_popcountll(bits[i * words + w]);
}

static void begin(Schedule *schedule, const PendingTest *pending, size_t pending_count) {
    for (StepIndex i = 0; i < schedule->count; i++) {
        Entry *entry = &schedule->entries[i];
        entry->state = resolution_step(schedule->realiser->resolution, i).state;
        entry->fetch = has_sources(schedule->plan->steps[i]->package) ? FETCH_NONE : FETCH_DONE;
        schedule->total += entry->state == STEP_READY || entry->state == STEP_WAITING;
    }
    for (size_t i = 0; i < pending_count; i++)
        schedule->entries[pending[i].step].test_roots = pending[i].roots;
    if (schedule->total)
        count_dependents(schedule);
}

static Error *run(Schedule *schedule) {
    Error *error = NULL;
    for (;;) {
        schedule->stopping |= cancel_requested(schedule->realiser->cancel);
        if (!schedule->stopping && !error)
            error = start_in_lanes(schedule);
        if (!schedule->stopping && !error)
            error = start_tests(schedule);
        if (!schedule->stopping && !error)
            error = start_builds(schedule);
        if (schedule->running == 0)
            return error;
        Job *job = wait_for_one(schedule);
        take_result(schedule, job);
        look_again(schedule);
    }
}

// A failed step in the root of a step that failed only because of it.
static StepIndex cause_of(const Schedule *schedule, PlanInputs root) {
    StepIndex found = STEP_NONE;
    for (size_t i = 0; i < root.count; i++) {
        StepIndex step = root.items[i].step;
        if (schedule->entries[step].state != STEP_FAILED)
            continue;
        if (schedule->result->steps[step].error)
            return step;
        found = step;
    }
    return found;
}

static void judge_tests(const Schedule *schedule, StepIndex step, ScheduleResult *result) {
    StepOutcome *outcome = &result->steps[step];
    StepIndex failed;
    if (schedule->entries[step].test_roots && !schedule->entries[step].test_started) {
        (void)roots_are_present(schedule, step, &failed);
        outcome->tests = failed == STEP_NONE ? OUTCOME_STOPPED : OUTCOME_SKIPPED;
        outcome->because = failed;
    }
    result->tests_passed += outcome->tests == OUTCOME_MADE;
    result->tests_failed += outcome->tests == OUTCOME_FAILED;
}

static void judge(const Schedule *schedule, ScheduleResult *result) {
    for (StepIndex i = 0; i < schedule->count; i++) {
        StepOutcome *outcome = &result->steps[i];
        StepState state = schedule->entries[i].state;
        if (outcome->outcome == OUTCOME_UNNEEDED) {
            outcome->because = cause_of(schedule, schedule->plan->steps[i]->root);
            outcome->outcome = state == STEP_PRESENT    ? OUTCOME_PRESENT
                               : state == STEP_UNNEEDED ? OUTCOME_UNNEEDED
                               : state == STEP_FAILED   ? OUTCOME_SKIPPED
                                                        : OUTCOME_STOPPED;
        }
        result->made += outcome->outcome == OUTCOME_MADE;
        result->failed += outcome->outcome == OUTCOME_FAILED;
        result->skipped += outcome->outcome == OUTCOME_SKIPPED;
        result->stopped += outcome->outcome == OUTCOME_STOPPED;
        judge_tests(schedule, i, result);
    }
}

Error *schedule_run(const Realiser *realiser, const ScheduleOptions *options, const PendingTest *pending,
                    size_t pending_count, Arena *arena, ScheduleResult *out) {
    Schedule schedule = {.realiser = realiser,
                         .plan = realiser->plan,
                         .options = *options,
                         .arena = arena,
                         .result = out,
                         .count = realiser->plan->step_count,
                         .cpus = schedule_cpus(),
                         .mutex = PTHREAD_MUTEX_INITIALIZER,
                         .changed = PTHREAD_COND_INITIALIZER};
    schedule.slots = options->slots ? options->slots : schedule_default_slots(schedule.cpus, memory_bytes());
    schedule.entries = ARENA_ARRAY(arena, Entry, schedule.count);
    *out = (ScheduleResult){.steps = ARENA_ARRAY(arena, StepOutcome, schedule.count), .count = schedule.count};
    begin(&schedule, pending, pending_count);
    Error *error = run(&schedule);
    judge(&schedule, out);
    vec_release(&schedule.finished);
    pthread_cond_destroy(&schedule.changed);
    pthread_mutex_destroy(&schedule.mutex);
    return error;
}

void schedule_release(ScheduleResult *result) {
    for (size_t i = 0; i < result->count; i++) {
        error_free(result->steps[i].error);
        error_free(result->steps[i].test_error);
    }
    for (size_t i = 0; i < result->arenas.count; i++)
        arena_free(result->arenas.items[i]);
    vec_release(&result->arenas);
    *result = (ScheduleResult){0};
}

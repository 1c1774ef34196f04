// The whole story of one step: lock its key, look again, fetch, unpack, compose, run, collect, commit.
//
// Invariant: a record appears in the store only after every output it names is there, was checked, and (for a build)
// after every command and every test that belongs to the build has succeeded. Until then all that exists is a staging
// directory that vanishes with us.
#include "builder/realise.h"
#include "base/fd.h"
#include "base/path.h"
#include "builder/outputs.h"
#include "builder/package_test.h"
#include "builder/sources.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

static const char *const phase_names[PHASE_COUNT] = {
    [PHASE_STARTING] = "starting",   [PHASE_WAITING] = "waiting",   [PHASE_FETCHING] = "fetching",
    [PHASE_UNPACKING] = "unpacking", [PHASE_BUILDING] = "building", [PHASE_COLLECTING] = "collecting",
    [PHASE_TESTING] = "testing",
};

const char *realise_phase_name(RealisePhase phase) {
    return phase_names[phase];
}

// One step on its way.
typedef struct Job {
    const Realiser *realiser;
    const RealiseWatch *watch;
    StepIndex index;
    const PlanStep *step;
    const Package *package;
    uint32_t cpus;
    Arena *arena;
    StepReport *report;
    Hash build_key;
    Staging *staging;
    Workspace workspace; // of a build
    Composed root;       // of a build
    BuildLog *log;       // of a build; for others made when there is something to say
    BoxReport box;
    RealisePhase phase;
    uint64_t phase_began_ns;
} Job;

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void enter(Job *job, RealisePhase phase) {
    uint64_t now = now_ns();
    job->report->phase_ns[job->phase] += now - job->phase_began_ns;
    job->phase = phase;
    job->phase_began_ns = now;
    if (job->watch->on_phase)
        job->watch->on_phase(job->watch->context, phase);
}

// ---- parts that tests and `exec` share ----

static ComposeTree compose_tree(const Realiser *realiser, const RootTree *tree) {
    const PlanStep *step = realiser->plan->steps[tree->step];
    const PackageSet *set = realiser->plan->graph->set;
    return (ComposeTree){
        {tree->package, tree->output, set->layers[step->package->layer].legacy, step->package->prebuilt}, tree->tree};
}

Error *realise_root_trees(const Realiser *realiser, PlanInputs inputs, Arena *arena, ComposeTree **trees_out,
                          size_t *count_out) {
    const RootTree *trees;
    TRY(resolution_root_trees(realiser->resolution, inputs, arena, &trees, count_out));
    *trees_out = ARENA_ARRAY(arena, ComposeTree, *count_out);
    for (size_t i = 0; i < *count_out; i++)
        (*trees_out)[i] = compose_tree(realiser, &trees[i]);
    return NULL;
}

Error *realise_compose(const Realiser *realiser, PlanInputs inputs, StrSlice prefer, BuildLog *log, Arena *arena,
                       Composed *out) {
    ComposeTree *trees;
    ComposeRequest request = {.prefer = prefer};
    Str verdicts = path_join(arena, str_from(realiser->paths->cache), STR("closures"));
    request.verdicts_dir = verdicts.ptr;
    TRY(realise_root_trees(realiser, inputs, arena, &trees, &request.count));
    request.trees = trees;
    TRY(compose(realiser->store, &request, arena, out));
    for (size_t i = 0; log && i < out->warnings.count; i++)
        buildlog_note(log, "warning: %.*s", STR_ARG(out->warnings.items[i]));
    return NULL;
}

// ---- logs ----

static Error *open_log(Job *job) {
    if (job->log)
        return NULL;
    TRY(buildlog_open(job->realiser->paths->logs, job->package->name, job->build_key, &job->log));
    const Package *package = job->package;
    buildlog_note(job->log, "%.*s %.*s", STR_ARG(plan_step_text(job->realiser->plan, job->index, job->arena)),
                  STR_ARG(package->version));
    buildlog_note(job->log, "spec key %s", hash_hex(job->step->spec_key).text);
    buildlog_note(job->log, "build key %s", hash_hex(job->build_key).text);
    return NULL;
}

static void note(void *context, Str text) {
    Job *job = context;
    Error *error = open_log(job);
    if (error)
        error_free(error); // a log of notes alone is worth no failure
    else
        buildlog_note(job->log, "%.*s", STR_ARG(text));
}

// ---- fetching and unpacking ----

static SourcesRequest sources_of(const Realiser *realiser, StepIndex step, const RealiseWatch *watch) {
    return (SourcesRequest){.store = realiser->store,
                            .fetch = realiser->fetch,
                            .package = realiser->plan->steps[step]->package,
                            .on_progress = watch->on_bytes,
                            .context = watch->context,
                            .cancel = realiser->cancel};
}

Error *realise_fetch(const Realiser *realiser, StepIndex step, const RealiseWatch *watch) {
    SourcesRequest request = sources_of(realiser, step, watch);
    if (watch->on_phase)
        watch->on_phase(watch->context, PHASE_FETCHING);
    return sources_fetch(&request, NULL);
}

static Error *fetch_and_lay(Job *job, int into) {
    SourcesRequest request = sources_of(job->realiser, job->index, job->watch);
    enter(job, PHASE_FETCHING);
    TRY(sources_fetch(&request, NULL));
    enter(job, PHASE_UNPACKING);
    return sources_lay(&request, job->staging, into);
}

// ---- collecting and committing ----

static Error *add_trees(Job *job, const RootTree *trees, size_t count, OutputsRequest *request) {
    ComposeTree *closure = ARENA_ARRAY(job->arena, ComposeTree, request->closure_count + count);
    if (request->closure_count)
        memcpy(closure, request->closure, request->closure_count * sizeof *closure);
    for (size_t i = 0; i < count; i++)
        closure[request->closure_count + i] = compose_tree(job->realiser, &trees[i]);
    request->closure = closure;
    request->closure_count += count;
    return NULL;
}

// What a result will have around it at run time. A build waited for all of that but its partners on a runtime cycle; a
// prebuilt package waited for nothing, and takes what happens to be there, for the notes in its log.
static Error *closure_trees(Job *job, OutputsRequest *request) {
    const Graph *graph = job->realiser->plan->graph;
    Closure closure;
    const RootTree *trees;
    size_t count;
    TRY(closure_runtime_of(graph, job->step->slot, job->arena, &closure));
    request->closure_complete = true;
    for (size_t i = 1; i < closure.count; i++) {
        PackageIndex other = closure.items[i].slot.member;
        if (graph->nodes[other].runtime_cycle == graph->nodes[job->step->slot.member].runtime_cycle)
            request->closure_complete = false;
        StepIndex step = plan_step_of(job->realiser->plan, closure.items[i].slot);
        if (job->step->runs || step == STEP_NONE ||
            resolution_step(job->realiser->resolution, step).state != STEP_PRESENT)
            continue;
        PlanInput input = {step, closure.items[i].whole, closure.items[i].outputs};
        TRY(resolution_root_trees(job->realiser->resolution, (PlanInputs){&input, 1}, job->arena, &trees, &count));
        TRY(add_trees(job, trees, count, request));
    }
    if (!job->step->runs)
        return NULL;
    TRY(resolution_reference_trees(job->realiser->resolution, job->index, job->arena, &trees, &count));
    return add_trees(job, trees, count, request);
}

static Error *collect(Job *job, int dirfd, bool owned, RecordOutput **outputs_out, size_t *count_out) {
    enter(job, PHASE_COLLECTING);
    OutputsRequest request = {.store = job->realiser->store,
                              .package = job->package,
                              .dirfd = dirfd,
                              .owned = owned,
                              .note = note,
                              .context = job};
    TRY(closure_trees(job, &request));
    if (job->step->runs) {
        ComposeTree *root;
        TRY(realise_root_trees(job->realiser, job->step->root, job->arena, &root, &request.build_root_count));
        request.build_root = root;
    }
    return outputs_collect(&request, job->arena, outputs_out, count_out);
}

static Error *commit(Job *job, const RecordOutput *outputs, size_t count) {
    Record record;
    TRY(resolution_record(job->realiser->resolution, job->index, job->arena, &record));
    record.outputs = outputs;
    record.output_count = count;
    record.built_at_s = (uint64_t)time(NULL);
    record.build_ms = (now_ns() - job->report->total_ns) / 1000000; // total_ns still holds the beginning
    record.network_used = job->box.network_used;
    // Before the record: a run that is killed in between leaves a result that is known to be untested.
    if (package_test_count(job->step) > 0)
        TRY(package_test_remember(job->realiser->paths, job->step));
    TRY(store_put_record(job->realiser->store, &record));
    TRY(resolution_built(job->realiser->resolution, job->index, &record));
    job->report->made = true;
    job->report->outputs = outputs;
    job->report->output_count = count;
    return NULL;
}

// ---- the three kinds of steps ----

static Error *open_fresh(Job *job, const char *name, int *fd_out) {
    TRY(fd_make_dirs(staging_dirfd(job->staging), name));
    return fd_open(staging_dirfd(job->staging), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, fd_out);
}

static Error *realise_prebuilt(Job *job) {
    AUTO_FD int files = -1;
    TRY(open_fresh(job, "files", &files));
    TRY(fetch_and_lay(job, files));
    RecordOutput *outputs;
    size_t count;
    TRY(collect(job, files, true, &outputs, &count));
    return commit(job, outputs, count);
}

static Error *realise_collection(Job *job) {
    if (job->package->output_count)
        return error_at(error_new(ERROR_INVALID, "'%.*s' declares outputs, but nothing that could make them",
                                  STR_ARG(job->package->name)),
                        job->package->outputs[0].span);
    return commit(job, NULL, 0);
}

static Error *check_buildable(const Job *job) {
    const Package *package = job->package;
    Target host = target_host();
    if (package->target.arch != host.arch || package->target.os != host.os)
        return error_at(error_new(ERROR_DENIED, "'%.*s' is for %.*s and cannot be built on %.*s",
                                  STR_ARG(package->name), STR_ARG(target_text(package->target)),
                                  STR_ARG(target_text(host))),
                        package->span);
    if (!package->needs.internet && !package->needs.dns && package->needs.allow.count == 0)
        return NULL;
    Error *error = error_new(ERROR_DENIED, "'%.*s' declares that its build needs the network, and a build has none",
                             STR_ARG(package->name));
    return error_at(error_hint(error, "pin what it downloads as a Source"), package->span);
}

static Error *realise_build(Job *job) {
    const Package *package = job->package;
    TRY(check_buildable(job));
    TRY(open_log(job));
    Error *error =
        realise_compose(job->realiser, job->step->root, package->prefer, job->log, job->arena, &job->root);
    if (error)
        return error_at(error_wrap(error, "'%.*s'", STR_ARG(package->name)), package->span);
    TRY(workspace_new(staging_dirfd(job->staging), staging_path(job->staging), true, &job->workspace));
    TRY(fetch_and_lay(job, job->workspace.build_fd));
    TRY(workspace_give(job->workspace.build_fd));
    enter(job, PHASE_BUILDING);
    BoxRequest box = {.what = arena_printf(job->arena, "'%.*s'", STR_ARG(package->name)),
                      .commands = &package->commands,
                      .root = &job->root,
                      .workspace = &job->workspace,
                      .limits = job->realiser->limits,
                      .log = job->log,
                      .on_output = job->watch->on_output,
                      .context = job->watch->context};
    box.limits.cpus = job->cpus;
    TRY(environment_variables(package, false, job->arena, &box.env));
    TRY(box_run(&box, job->realiser->cancel, job->arena, &job->box));
    AUTO_FD int made = -1;
    TRY_CTX(fd_open_beneath(job->workspace.build_fd, "output", O_RDONLY | O_DIRECTORY, &made),
            "'%.*s': the build removed its output directory", STR_ARG(package->name));
    RecordOutput *outputs;
    size_t count;
    TRY(collect(job, made, false, &outputs, &count));
    enter(job, PHASE_TESTING);
    TRY(package_test_in_build(&box, package, job->realiser->cancel, job->arena));
    return commit(job, outputs, count);
}

static Error *realise_locked(Job *job) {
    TRY(staging_new(job->realiser->store, &job->staging));
    if (job->package->prebuilt)
        return realise_prebuilt(job);
    return job->step->runs ? realise_build(job) : realise_collection(job);
}

// ---- failing ----

// A build that failed is worth looking at; one that was interrupted, or never began (what was unpacked so far of a
// decompression bomb), is not.
static void keep_evidence(Job *job, const Error *error) {
    StepReport *report = job->report;
    if (!job->log)
        return;
    report->log_path = arena_cstr(job->arena, str_from(buildlog_path(job->log)));
    report->log_tail = buildlog_tail(job->log, job->arena, BUILDLOG_TAIL_LINES);
    buildlog_note(job->log, "failed: %s", error_text(error));
    if (report->phase_ns[PHASE_BUILDING] == 0 || error_kind(error) == ERROR_INTERRUPTED ||
        error_kind(error) == ERROR_SANDBOX)
        return;
    AUTO_BUF Buf name;
    buf_init(&name, BUF_NO_LIMIT);
    buf_printf(&name, "%.*s-%.8s", STR_ARG(job->package->name), hash_hex(job->build_key).text);
    for (size_t i = 0; i < name.len; i++)
        if (name.ptr[i] == '/' || name.ptr[i] == ' ')
            name.ptr[i] = '_';
    Str kept;
    Error *unkept = staging_keep(job->staging, buf_cstr(&name), job->arena, &kept);
    if (unkept)
        buildlog_note(job->log, "the build directory could not be kept: %s", error_text(unkept));
    else
        report->kept_path = kept.ptr;
    error_free(unkept);
}

static void finish(Job *job, Error *error) {
    enter(job, PHASE_STARTING);
    if (error)
        keep_evidence(job, error);
    else if (job->log)
        buildlog_note(job->log, "done in %.1f s", (double)(now_ns() - job->report->total_ns) / 1e9);
    workspace_release(&job->workspace);
    if (job->staging)
        staging_free(job->staging);
    buildlog_close(job->log);
    job->report->total_ns = now_ns() - job->report->total_ns;
}

Error *realise_step(const Realiser *realiser, StepIndex index, uint32_t cpus, const RealiseWatch *watch, Arena *arena,
                    StepReport *out) {
    *out = (StepReport){.total_ns = now_ns()};
    const PlanStep *step = realiser->plan->steps[index];
    Job job = {.realiser = realiser,
               .watch = watch,
               .index = index,
               .step = step,
               .package = step->package,
               .cpus = cpus,
               .arena = arena,
               .report = out,
               .workspace = WORKSPACE_NONE,
               .phase_began_ns = out->total_ns};
    StepResult result = resolution_step(realiser->resolution, index);
    BUG_UNLESS(result.state == STEP_READY && result.has_build_key);
    job.build_key = result.build_key;
    AUTO_FD int lock = -1;
    enter(&job, PHASE_WAITING);
    Error *error = store_lock_key(realiser->store, job.build_key, realiser->cancel, &lock, NULL);
    if (!error)
        error = resolve_step(realiser->resolution, index, &result);
    if (!error && result.state == STEP_READY)
        error = realise_locked(&job);
    else if (!error) {
        out->outputs = result.outputs;
        out->output_count = result.output_count;
    }
    finish(&job, error);
    return error;
}

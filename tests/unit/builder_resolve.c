// Resolution against a real store, with a builder that "builds" by writing one small file per output. The file's bytes
// are name, output and `version`: as attrs are in no key, a fixture can keep a key and change the bytes (a build that
// is not reproducible), or change the key with `arg` and keep the bytes.
#include "base/path.h"
#include "builder/resolve.h"
#include "tests/unit/plan_fixture.h"
#include "tests/unit/store_helper.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct Run {
    Fixture *fixture;
    PlanFixture *packages;
    Plan *plan;
    Resolution *resolution;
    Buf built; // names of what was built, in order
} Run;

static void run_start(Run *run, Fixture *fixture, const char *text, ResolveOptions options) {
    *run = (Run){.fixture = fixture};
    buf_init(&run->built, BUF_NO_LIMIT);
    run->packages = fixture_read(fixture->arena, str_from(text));
    ok(resolve_request(fixture->arena, &run->packages->set, run->packages->requests, run->packages->request_count,
                       fixture->store, &options, &run->plan, &run->resolution));
}

static void run_end(Run *run) {
    resolution_free(run->resolution);
    buf_release(&run->built);
}

static Hash output_tree(Run *run, const Package *package, Str output) {
    const char *dir = arena_printf(run->fixture->arena, "made/%.*s.%.*s.%.*s", STR_ARG(package->name), STR_ARG(output),
                                   STR_ARG(package->version))
                          .ptr;
    const char *file = arena_printf(run->fixture->arena, "%s/file", dir).ptr;
    write_file(run->fixture, file, dir, 0644);
    return add_tree(run->fixture, dir, false).hash;
}

static void build_step(Run *run, StepIndex step) {
    const Package *package = run->plan->steps[step]->package;
    Arena *arena = run->fixture->arena;
    Record record;
    ok(resolution_record(run->resolution, step, arena, &record));
    RecordOutput *outputs = ARENA_ARRAY(arena, RecordOutput, package->output_count);
    for (size_t i = 0; i < package->output_count; i++)
        outputs[i] = (RecordOutput){.name = package->outputs[i].name,
                                    .tree = output_tree(run, package, package->outputs[i].name)};
    record.outputs = outputs;
    record.output_count = package->output_count;
    record.built_at_s = 1;
    ok(store_put_record(run->fixture->store, &record));
    ok(resolution_built(run->resolution, step, &record));
    buf_printf(&run->built, "%s%s", run->built.len ? " " : "",
               arena_cstr(arena, plan_step_text(run->plan, step, arena)));
}

// Builds whatever becomes ready, until nothing does.
static void run_build(Run *run) {
    for (bool more = true; more;) {
        more = false;
        for (StepIndex i = 0; i < run->plan->step_count; i++) {
            StepState before = resolution_step(run->resolution, i).state;
            StepResult result;
            ok(resolve_step(run->resolution, i, &result));
            if (result.state == STEP_READY)
                build_step(run, i);
            more |= resolution_step(run->resolution, i).state != before;
        }
    }
}

// A whole run; what it built must be `built`, and then all that was asked for is there.
static void runs(Fixture *fixture, const char *text, ResolveOptions options, const char *built) {
    Run run;
    run_start(&run, fixture, text, options);
    run_build(&run);
    assert_string_equal(buf_cstr(&run.built), built);
    assert_true(resolution_is_done(run.resolution));
    for (size_t i = 0; i < run.plan->request_count; i++) {
        const RootTree *trees;
        size_t count;
        ok(resolution_root_trees(run.resolution, run.plan->requests[i].runtime, fixture->arena, &trees, &count));
        for (size_t t = 0; t < count; t++)
            assert_true(is_present(fixture, trees[t].tree));
    }
    run_end(&run);
}

static StepIndex step_named(Run *run, const char *text) {
    for (StepIndex i = 0; i < run->plan->step_count; i++)
        if (str_is(plan_step_text(run->plan, i, run->fixture->arena), text))
            return i;
    return STEP_NONE;
}

static StepResult state_of(Run *run, const char *text) {
    StepIndex step = step_named(run, text);
    return step == STEP_NONE ? (StepResult){.state = STEP_UNNEEDED} : resolution_step(run->resolution, step);
}

static void lose_tree(Fixture *fixture, const char *made) {
    const char *dir = arena_printf(fixture->arena, "made/%s", made).ptr;
    Hash hash = add_tree(fixture, dir, false).hash;
    const char *path = inside(fixture, hash, "file");
    const char *parent = arena_cstr(fixture->arena, path_dir(str_from(path)));
    assert_int_equal(fchmodat(fixture->dirfd, parent, 0755, 0), 0);
    assert_int_equal(unlinkat(fixture->dirfd, path, 0), 0);
    assert_false(is_present(fixture, hash));
}

#define CHAIN(zlib, app)                                                                                               \
    "package app\n build cc zlib\n run zlib\n cmd make\n outputs bin\n" app "\n"                                       \
    "package zlib\n build cc\n cmd make\n outputs lib\n" zlib "\n"                                                     \
    "package cc\n prebuilt\n source cc bytes\n outputs bin\n"

static void test_builds_once(void **state) {
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc zlib app");
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "");
}

// All present: nothing but the runtime closure is a step.
static void test_presence_looks_no_further(void **state) {
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc zlib app");
    Run run;
    run_start(&run, *state, CHAIN("", "") "request app\n", (ResolveOptions){.tests = true});
    assert_true(resolution_is_done(run.resolution));
    assert_int_equal(run.plan->step_count, 2);
    assert_int_equal(state_of(&run, "app").origin, STEP_BY_SPEC_KEY);
    assert_true(state_of(&run, "app").has_build_key);
    run_end(&run);
}

// Another spec, the same bytes: what stands behind is not built again, and the next run finds it by spec key.
static void test_early_cutoff(void **state) {
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc zlib app");
    Run run;
    run_start(&run, *state, CHAIN(" arg changed yes", "") "request app\n", (ResolveOptions){0});
    assert_int_equal(state_of(&run, "zlib").state, STEP_READY);
    assert_int_equal(state_of(&run, "app").state, STEP_WAITING);
    run_build(&run);
    assert_string_equal(buf_cstr(&run.built), "zlib");
    assert_int_equal(state_of(&run, "app").state, STEP_PRESENT);
    assert_int_equal(state_of(&run, "app").origin, STEP_BY_BUILD_KEY);
    run_end(&run);
    run_start(&run, *state, CHAIN(" arg changed yes", "") "request app\n", (ResolveOptions){0});
    assert_true(resolution_is_done(run.resolution));
    assert_int_equal(state_of(&run, "app").origin, STEP_BY_SPEC_KEY);
    run_end(&run);
}

static void test_other_bytes_go_on(void **state) {
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc zlib app");
    runs(*state, CHAIN(" arg changed yes\n version 2", "") "request app\n", (ResolveOptions){0}, "zlib app");
}

static void test_attrs_build_nothing(void **state) {
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc zlib app");
    runs(*state, CHAIN(" version 2\n test cc", " version 3") "request app\n", (ResolveOptions){0}, "");
}

static void test_lost_trees(void **state) {
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc zlib app");
    lose_tree(*state, "app.bin.");
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "app");
    lose_tree(*state, "zlib.lib.");
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "zlib");
    lose_tree(*state, "cc.bin.");
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, ""); // of no use at run time
    lose_tree(*state, "app.bin.");
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc app");
}

static void test_no_cache(void **state) {
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc zlib app");
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){.no_cache = true}, "cc zlib app");
}

static void test_rebuild(void **state) {
    runs(*state, CHAIN("", "") "request app zlib\n", (ResolveOptions){0}, "cc zlib app");
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){.rebuild = true}, "app");
    runs(*state, CHAIN("", "") "request zlib\n", (ResolveOptions){.rebuild = true}, "zlib");
    runs(*state, CHAIN("", "") "request app zlib\n", (ResolveOptions){.rebuild = true}, "zlib app");
}

// A build that is not reproducible: app was made with other bytes of zlib than those that are chosen now.
static void test_closures_are_not_mixed(void **state) {
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc zlib app");
    runs(*state, CHAIN(" version 2", "") "request zlib\n", (ResolveOptions){.rebuild = true}, "zlib");
    runs(*state, CHAIN(" version 2", "") "request app\n", (ResolveOptions){0}, "app");
    runs(*state, CHAIN(" version 2", "") "request app\n", (ResolveOptions){0}, "");
}

// A build dependency that is not reproducible is nothing that a result is tied to.
static void test_build_dependencies_do_not_tie(void **state) {
    runs(*state, CHAIN("", "") "request app\n", (ResolveOptions){0}, "cc zlib app");
    runs(*state, CHAIN("", "") "request cc\n", (ResolveOptions){.rebuild = true}, "cc");
    runs(*state, CHAIN("", "") "package other\n prebuilt\n version 2\nrequest app\n", (ResolveOptions){0}, "");
}

#define CYCLE(zlib, gcc, make)                                                                                         \
    "package gcc\n build make zlib gcc\n run zlib\n breaker seed\n cmd build\n outputs bin lib\n" gcc "\n"             \
    "package seed\n prebuilt\n source seed bytes\n outputs bin lib\n"                                                  \
    "package zlib\n build gcc make\n breaker seed-zlib\n cmd build\n outputs so\n" zlib "\n"                           \
    "package seed-zlib\n prebuilt\n source zlib bytes\n outputs so\n"                                                  \
    "package make\n build gcc\n run zlib\n cmd build\n outputs bin\n" make "\n"

// make's stages 0 and 1 have one root and one build key: built once, whatever else is built anew.
static void test_stages(void **state) {
    const char *all = "gcc (stage 0) zlib (stage 0) make (stage 0) zlib (stage 1) gcc (stage 1) gcc zlib";
    for (int pass = 0; pass < 2; pass++) {
        Run run;
        run_start(&run, *state, CYCLE("", "", "") "request gcc\n", (ResolveOptions){.no_cache = pass > 0});
        run_build(&run);
        assert_string_equal(buf_cstr(&run.built), all);
        assert_int_equal(state_of(&run, "make (stage 1)").state, STEP_PRESENT);
        assert_int_equal(state_of(&run, "make (stage 1)").origin, STEP_BY_BUILD_KEY);
        assert_int_equal(step_named(&run, "make"), STEP_NONE);
        assert_true(resolution_is_done(run.resolution));
        run_end(&run);
    }
    runs(*state, CYCLE("", "", "") "request gcc\n", (ResolveOptions){0}, "");
}

// The stages before the last need not be there for the artifacts to be.
static void test_earlier_stages_may_be_gone(void **state) {
    Run run;
    run_start(&run, *state, CYCLE("", "", "") "request gcc make\n", (ResolveOptions){0});
    run_build(&run);
    run_end(&run);
    lose_tree(*state, "seed.bin.");
    lose_tree(*state, "seed-zlib.so.");
    run_start(&run, *state, CYCLE("", "", "") "request gcc make\n", (ResolveOptions){0});
    assert_true(resolution_is_done(run.resolution));
    assert_int_equal(run.plan->step_count, 3); // gcc, zlib, make
    run_end(&run);
}

static Record record_of(Run *run, const char *name) {
    Record record;
    bool found;
    StepIndex step = step_named(run, name);
    ok(store_get_record(run->fixture->store, RECORD_SPEC_KEY, run->plan->steps[step]->spec_key, run->fixture->arena,
                        &record, &found));
    assert_true(found);
    return record;
}

// Two artifacts whose records name different bytes for the same earlier stage do not go together.
static void test_cycles_are_not_mixed(void **state) {
    Fixture *fixture = *state;
    Run run;
    run_start(&run, fixture, CYCLE("", "", "") "request gcc make\n", (ResolveOptions){0});
    run_build(&run);
    Record record = record_of(&run, "make");
    assert_int_equal(record.reference_count, 1);
    assert_true(str_is(record.references[0].package, "zlib"));
    RecordReference other = record.references[0];
    write_file(fixture, "made/other/file", "other", 0644);
    other.tree = add_tree(fixture, "made/other", false).hash;
    record.references = &other;
    record.build_key = hash_bytes(STR("of another machine"));
    ok(store_put_record(fixture->store, &record));
    run_end(&run);

    run_start(&run, fixture, CYCLE("", "", "") "request gcc make\n", (ResolveOptions){0});
    // gcc came first and chose; make's own build key still leads to what was built here.
    assert_int_equal(state_of(&run, "gcc").origin, STEP_BY_SPEC_KEY);
    assert_int_equal(state_of(&run, "make").state, STEP_PRESENT);
    assert_int_equal(state_of(&run, "make").origin, STEP_BY_BUILD_KEY);
    run_end(&run);

    record.references = &other;
    ok(store_put_record(fixture->store, &record));
    run_start(&run, fixture, CYCLE("", "", "") "request make gcc\n", (ResolveOptions){0});
    // Now make is asked first, and its record implies bytes for zlib's stage 1; gcc's does not agree. So gcc's root is
    // looked at, zlib's stage 1 is asked for, the pass starts over, and make's record has to give way.
    assert_true(resolution_is_done(run.resolution));
    assert_int_equal(state_of(&run, "make").origin, STEP_BY_BUILD_KEY);
    assert_int_equal(state_of(&run, "zlib (stage 1)").state, STEP_PRESENT);
    run_end(&run);
}

static void test_failure_spreads(void **state) {
    Run run;
    run_start(&run, *state,
              CHAIN("", "") "package top\n build app\n cmd x\n package side\n build cc\n cmd y\nrequest top side\n",
              (ResolveOptions){0});
    build_step(&run, step_named(&run, "cc"));
    StepResult result;
    ok(resolve_step(run.resolution, step_named(&run, "zlib"), &result));
    assert_int_equal(result.state, STEP_READY);
    resolution_failed(run.resolution, step_named(&run, "zlib"));
    assert_int_equal(state_of(&run, "app").state, STEP_FAILED);
    assert_int_equal(state_of(&run, "top").state, STEP_FAILED);
    run_build(&run);
    assert_string_equal(buf_cstr(&run.built), "cc side");
    assert_false(resolution_is_done(run.resolution));
    run_end(&run);
}

static void test_twins_fail_together(void **state) {
    Run run;
    run_start(&run, *state, CYCLE("", "", "") "request gcc\n", (ResolveOptions){0});
    build_step(&run, step_named(&run, "gcc (stage 0)"));
    build_step(&run, step_named(&run, "zlib (stage 0)"));
    StepResult result;
    ok(resolve_step(run.resolution, step_named(&run, "make (stage 0)"), &result));
    assert_int_equal(result.state, STEP_READY);
    ok(resolve_step(run.resolution, step_named(&run, "make (stage 1)"), &result));
    assert_int_equal(result.state, STEP_WAITING);
    resolution_failed(run.resolution, step_named(&run, "make (stage 0)"));
    assert_int_equal(state_of(&run, "make (stage 1)").state, STEP_FAILED);
    run_end(&run);
}

// Another process was faster: asked again under the lock, the step is there.
static void test_built_by_another(void **state) {
    Run first, second;
    run_start(&first, *state, CHAIN("", "") "request app\n", (ResolveOptions){0});
    run_start(&second, *state, CHAIN("", "") "request app\n", (ResolveOptions){0});
    run_build(&first);
    StepResult result = state_of(&second, "cc");
    assert_int_equal(result.state, STEP_READY);
    run_build(&second);
    assert_string_equal(buf_cstr(&second.built), "");
    assert_true(resolution_is_done(second.resolution));
    run_end(&first);
    run_end(&second);
}

#define WITH_TEST                                                                                                      \
    CHAIN("", " test shell cc")                                                                                        \
    "package shell\n build cc\n cmd x\n outputs sh\n test nothing\n"                                                   \
    "package nothing\n prebuilt\n outputs none\n"

// What tests need is made when the artifact is, and never asked for when it is there.
static void test_tests(void **state) {
    Run run;
    run_start(&run, *state, WITH_TEST "request app\n", (ResolveOptions){.tests = true});
    PlanInputs inputs;
    assert_true(resolution_test_root(run.resolution, step_named(&run, "app"), 0, &inputs));
    assert_int_equal(inputs.count, 4); // app, zlib, shell, cc
    assert_false(resolution_test_root(run.resolution, step_named(&run, "shell"), 0, &inputs));
    assert_int_equal(step_named(&run, "nothing"), STEP_NONE); // tests of what is there for a test are not run
    run_build(&run);
    assert_string_equal(buf_cstr(&run.built), "cc shell zlib app");
    run_end(&run);
    lose_tree(*state, "shell.sh.");
    runs(*state, WITH_TEST "request app\n", (ResolveOptions){.tests = true}, "");
    runs(*state, WITH_TEST "request app\n", (ResolveOptions){.tests = false}, "");
}

// Records that do not fit are as good as none.
static void test_unfit_records(void **state) {
    Fixture *fixture = *state;
    Run run;
    run_start(&run, fixture, CHAIN("", "") "request app\n", (ResolveOptions){0});
    run_build(&run);
    Record app = record_of(&run, "app"), broken = app;
    run_end(&run);
    broken.package = STR("other");
    ok(store_put_record(fixture->store, &broken));
    runs(fixture, CHAIN("", "") "request app\n", (ResolveOptions){0}, "app");
    broken = app;
    broken.output_count = 0;
    ok(store_put_record(fixture->store, &broken));
    runs(fixture, CHAIN("", "") "request app\n", (ResolveOptions){0}, "app");
    // A reference too many: not what this spec key is tied to. The build key still leads to it.
    broken = app;
    RecordReference more[2] = {{STR("a"), STR("b"), hash_bytes(STR("c"))}, app.references[0]};
    broken.references = more;
    broken.reference_count = 2;
    ok(store_put_record(fixture->store, &broken));
    run_start(&run, fixture, CHAIN("", "") "request app\n", (ResolveOptions){0});
    assert_int_equal(state_of(&run, "app").origin, STEP_BY_BUILD_KEY);
    run_end(&run);
    broken = app;
    broken.reference_count = 0;
    broken.build_key = hash_bytes(STR("x"));
    ok(store_put_record(fixture->store, &broken));
    runs(fixture, CHAIN("", "") "request app\n", (ResolveOptions){0}, ""); // by its build key
}

static void test_wrong_answers(void **state) {
    Fixture *fixture = *state;
    Run run;
    run_start(&run, fixture, CHAIN("", "") "request app\n", (ResolveOptions){0});
    const RootTree *trees;
    size_t count;
    StepIndex app = step_named(&run, "app"), cc = step_named(&run, "cc");
    assert_fails(NULL,
                 resolution_root_trees(run.resolution, run.plan->steps[app]->root, fixture->arena, &trees, &count),
                 ERROR_NOT_FOUND, "'cc' is not present");
    Record record;
    ok(resolution_record(run.resolution, cc, fixture->arena, &record));
    record.build_key.bytes[0] ^= 1;
    assert_fails(NULL, resolution_built(run.resolution, cc, &record), ERROR_MISMATCH,
                 "a result of 'cc' came for another build key than the one asked for");
    ok(resolution_record(run.resolution, cc, fixture->arena, &record));
    assert_fails(NULL, resolution_built(run.resolution, app, &record), ERROR_MISMATCH,
                 "a result of 'app' came for another build key than the one asked for");
    run_end(&run);
}

static void test_refused_requests(void **state) {
    Fixture *fixture = *state;
    PlanFixture *packages = fixture_read(fixture->arena, STR("package a\n outputs lib\nrequest a:bin\n"));
    Plan *plan;
    Resolution *resolution = NULL;
    assert_fails(NULL,
                 resolve_request(fixture->arena, &packages->set, packages->requests, 1, fixture->store,
                                 &(ResolveOptions){0}, &plan, &resolution),
                 ERROR_NOT_FOUND, "package 'a' has no output 'bin'");
    packages = fixture_read(fixture->arena, STR("package a\n build a\n cmd x\nrequest a\n"));
    assert_fails(
        NULL,
        resolve_request(fixture->arena, &packages->set, packages->requests, 1, fixture->store, &(ResolveOptions){0},
                        &plan, &resolution),
        ERROR_INVALID,
        "a.ncl:2:1: missing breaker in a cycle: a -> a (a.ncl:2)\nhint: give one of them `replace_on_cycle`: a "
        "package that needs none of them to be built, such as a prebuilt one");
    assert_null(resolution);
}

// ---- from several threads, as jobs of a schedule do ----

typedef struct Crowd {
    Run run;
    pthread_mutex_t building; // the test's own parts are for one thread at a time
    atomic_bool taken[64];
    atomic_bool failed;
} Crowd;

static void *work_along(void *context) {
    Crowd *crowd = context;
    Resolution *resolution = crowd->run.resolution;
    while (!resolution_is_done(resolution) && !crowd->failed)
        for (StepIndex i = 0; i < crowd->run.plan->step_count; i++) {
            StepResult result;
            AUTO_ERROR Error *error = resolve_step(resolution, i, &result);
            if (error)
                crowd->failed = true;
            if (error || result.state != STEP_READY || atomic_exchange(&crowd->taken[i], true))
                continue;
            pthread_mutex_lock(&crowd->building);
            if (resolution_step(resolution, i).state == STEP_READY)
                build_step(&crowd->run, i);
            pthread_mutex_unlock(&crowd->building);
        }
    return NULL;
}

static void test_threads(void **state) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < 30; i++)
        buf_printf(&text, "package p%d\n arg n %d\n build%s\n cmd x\n outputs o\n", i, i,
                   i == 0  ? ""
                   : i % 3 ? " p0"
                           : " p1 p2");
    buf_add_cstr(&text, "package all\n build");
    for (int i = 0; i < 30; i++)
        buf_printf(&text, " p%d", i);
    buf_add_cstr(&text, "\n cmd y\n outputs o\nrequest all\n");
    Crowd *crowd = mem_zalloc(sizeof *crowd);
    pthread_mutex_init(&crowd->building, NULL);
    run_start(&crowd->run, *state, buf_cstr(&text), (ResolveOptions){0});
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work_along, crowd), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_false(crowd->failed);
    size_t built = 1;
    for (size_t i = 0; i < crowd->run.built.len; i++)
        built += crowd->run.built.ptr[i] == ' ';
    assert_int_equal(built, 31); // each once
    run_end(&crowd->run);
    pthread_mutex_destroy(&crowd->building);
    free(crowd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        STORE_TEST(test_builds_once),
        STORE_TEST(test_presence_looks_no_further),
        STORE_TEST(test_early_cutoff),
        STORE_TEST(test_other_bytes_go_on),
        STORE_TEST(test_attrs_build_nothing),
        STORE_TEST(test_lost_trees),
        STORE_TEST(test_no_cache),
        STORE_TEST(test_rebuild),
        STORE_TEST(test_closures_are_not_mixed),
        STORE_TEST(test_build_dependencies_do_not_tie),
        STORE_TEST(test_stages),
        STORE_TEST(test_earlier_stages_may_be_gone),
        STORE_TEST(test_cycles_are_not_mixed),
        STORE_TEST(test_failure_spreads),
        STORE_TEST(test_twins_fail_together),
        STORE_TEST(test_built_by_another),
        STORE_TEST(test_tests),
        STORE_TEST(test_unfit_records),
        STORE_TEST(test_wrong_answers),
        STORE_TEST(test_refused_requests),
        STORE_TEST(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

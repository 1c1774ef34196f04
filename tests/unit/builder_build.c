// Whole builds, from packages as data to artifacts in a store, in real boxes: what is made, what is found again, and
// how each kind of failure is told. The root is a shell and a few tools of the host, packed as a prebuilt package.
#include "builder/build.h"
#include "builder/artifact.h"
#include "store_helper.h"

#include <pthread.h>
#include <sys/stat.h>

enum { PACKAGES_MAX = 16, PARTS_MAX = 8 };

typedef struct Made {
    Package package;
    Input inputs[PARTS_MAX];
    Dependency runtime[PARTS_MAX];
    Command commands[PARTS_MAX];
    Str words[PARTS_MAX][4];
    Output outputs[PARTS_MAX];
    PackageTest tests[PARTS_MAX];
    Command test_commands[PARTS_MAX];
    Str test_words[PARTS_MAX][4];
    Dependency test_deps[PARTS_MAX];
} Made;

typedef struct World {
    Fixture *fixture;
    Made made[PACKAGES_MAX];
    Package packages[PACKAGES_MAX];
    Layer layer;
    PackageSet set;
    Paths paths;
    BoxLimits limits;
    Cancel cancel;
    unsigned slots;
    ResolveOptions resolve;
    Build build;
    // What events said, for tests that look at the order of things.
    size_t started, done, failed;
} World;

static char root_tar[128];
static Hash root_hash;

// ---- the host's shell as a package ----

static void run_script(const char *script, const char *argument) {
    pid_t child = fork();
    if (child == 0) {
        execl("/bin/sh", "sh", "-euc", script, "sh", argument, (char *)NULL);
        _exit(127);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static char tar_dir[] = "/tmp/minimal-build.XXXXXX";

static int pack_root(void **state) {
    (void)state;
    if (!mkdtemp(tar_dir))
        return -1;
    run_script("cd \"$1\"; mkdir -p root/usr/bin root/usr/lib\n"
               "for tool in sh cat cp env grep head id ln ls mkdir mkfifo rm sleep sort stat touch; do\n"
               "  path=$(readlink -f \"$(command -v $tool)\"); cp \"$path\" root/usr/bin/$tool\n"
               "  ldd \"$path\" | grep -o '/[^ ]*' >> libs\n"
               "done\n"
               "for lib in $(sort -u libs); do cp -L \"$lib\" root/usr/lib/; done\n"
               "tar -C root -cf root.tar .",
               tar_dir);
    snprintf(root_tar, sizeof root_tar, "%s/root.tar", tar_dir);
    AUTO_FD int fd = -1;
    ok(fd_open(AT_FDCWD, root_tar, O_RDONLY, 0, &fd));
    ok(hash_fd(fd, &root_hash, NULL));
    return 0;
}

static int unpack_root(void **state) {
    (void)state;
    ok(fd_remove_tree(AT_FDCWD, tar_dir));
    return 0;
}

// ---- packages ----

static Made *add_package(World *world, const char *name) {
    Made *made = &world->made[world->set.count];
    made->package = (Package){.name = str_from(name),
                              .span = {STR("build.ncl"), 1, 1, 1, 1, {0}},
                              .target = target_host(),
                              .breaker = PACKAGE_NONE,
                              .cost = 1,
                              .inputs = made->inputs,
                              .runtime_deps = {made->runtime, 0},
                              .commands = {made->commands, 0},
                              .outputs = made->outputs,
                              .tests = made->tests};
    world->set.count++;
    return made;
}

static void depend(Made *made, PackageIndex package) {
    made->inputs[made->package.input_count++] =
        (Input){.kind = INPUT_PACKAGE, .package = {.package = package, .is_subset = false}};
}

static Command shell_command(Str words[4], const char *script) {
    words[0] = STR("sh");
    words[1] = STR("-euc");
    words[2] = str_from(script);
    return (Command){{words, 3}};
}

static void add_command(Made *made, const char *script) {
    size_t at = made->package.commands.count++;
    made->commands[at] = shell_command(made->words[at], script);
}

static void add_output(Made *made, const char *name, const char *glob) {
    made->outputs[made->package.output_count++] = (Output){.name = str_from(name),
                                                           .type = OUTPUT_DATA,
                                                           .glob = str_from(glob),
                                                           .span = {STR("build.ncl"), 5, 3, 5, 4, {0}}};
}

static void add_test(Made *made, const char *name, TestClass class, const char *script) {
    size_t at = made->package.test_count++;
    made->test_commands[at] = shell_command(made->test_words[at], script);
    made->test_deps[at] = (Dependency){.package = 0};
    made->tests[at] = (PackageTest){.name = str_from(name),
                                    .class = class,
                                    .commands = {&made->test_commands[at], 1},
                                    .deps = {&made->test_deps[at], class == TEST_STANDALONE},
                                    .span = {STR("build.ncl"), 9, 3, 9, 4, {0}}};
}

// A package that is built by one script on the shell, package 0, and whose output is everything.
static Made *add_build(World *world, const char *name, const char *script) {
    Made *made = add_package(world, name);
    depend(made, 0);
    add_command(made, script);
    add_output(made, "files", "**");
    return made;
}

static void add_local(World *world, Made *made, const char *name, const char *text) {
    write_file(world->fixture, name, text, 0755);
    Local local = {.path = arena_printf(world->fixture->arena, "%s/%s", world->fixture->path, name),
                   .name = str_from(name),
                   .sha256 = hash_bytes(str_from(text)),
                   .is_exec = true};
    made->inputs[made->package.input_count++] = (Input){.kind = INPUT_LOCAL, .local = local};
}

static World *new_world(void **state) {
    Fixture *fixture = *state;
    World *world = ARENA_NEW(fixture->arena, World);
    world->fixture = fixture;
    world->layer = (Layer){.name = STR("test")};
    world->set = (PackageSet){.arena = fixture->arena,
                              .packages = world->packages,
                              .layers = &world->layer,
                              .layer_count = 1,
                              .target = target_host()};
    ok(paths_resolve(fixture->arena, fixture->path, &world->paths));
    world->paths.store = store_path(fixture->store);
    ok(cancel_init(&world->cancel));
    Made *shell = add_package(world, "shell");
    shell->package.prebuilt = true;
    shell->inputs[shell->package.input_count++] =
        (Input){.kind = INPUT_SOURCE,
                .source = {.url = arena_printf(fixture->arena, "file://%s", root_tar),
                           .name = STR("root.tar"),
                           .sha256 = root_hash,
                           .extract = true}};
    return world;
}

static const char *worker_path(Arena *arena) {
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(len > 0);
    Str unit = {self, (size_t)str_rfind_byte((Str){self, (size_t)len}, '/')};
    return arena_printf(arena, "%.*s/minimal-worker", (int)str_rfind_byte(unit, '/'), self).ptr;
}

static void count_event(void *context, const ScheduleEvent *event) {
    World *world = context;
    world->started += event->kind == EVENT_STARTED;
    world->done += event->kind == EVENT_DONE;
    world->failed += event->kind == EVENT_FAILED;
}

// Builds packages [first, set.count); what failed is in the result.
static Error *try_build(World *world, PackageIndex first) {
    for (PackageIndex i = 0; i < world->set.count; i++)
        world->packages[i] = world->made[i].package;
    ClosureRequest *requests = ARENA_ARRAY(world->fixture->arena, ClosureRequest, PACKAGES_MAX);
    for (PackageIndex i = first; i < world->set.count; i++)
        requests[i - first].package = i;
    BuildOptions options = {.store = world->fixture->store,
                            .paths = &world->paths,
                            .set = &world->set,
                            .requests = requests,
                            .request_count = world->set.count - first,
                            .resolve = world->resolve,
                            .worker_path = worker_path(world->fixture->arena),
                            .limits = world->limits,
                            .schedule = {world->slots, count_event, world},
                            .cancel = &world->cancel};
    build_release(&world->build);
    ok(build_run(&options, world->fixture->arena, &world->build));
    return build_error(&world->build, world->fixture->arena);
}

static void build(World *world, PackageIndex first) {
    ok(try_build(world, first));
}

static void end_world(World *world) {
    build_release(&world->build);
    cancel_release(&world->cancel);
}

// The message alone; hints with paths of logs are looked at where they matter.
static void fails(World *world, ErrorKind kind, const char *message) {
    AUTO_ERROR Error *error = try_build(world, 1);
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    assert_non_null(error);
    for (const Error *link = error; link; link = error_cause(link))
        buf_printf(&text, "%s%s", link == error ? "" : ": ", error_text(link));
    assert_string_equal(buf_cstr(&text), message);
    assert_int_equal(error_kind(error), kind);
}

static const StepOutcome *outcome_of(const World *world, size_t request) {
    return &world->build.result.steps[world->build.plan->requests[request].step];
}

static const char *read_artifact(const World *world, size_t request, const char *path) {
    const RecordOutput *outputs;
    size_t count;
    const char *dir;
    AUTO_BUF Buf text;
    buf_init(&text, 1 << 20);
    assert_true(build_outputs(&world->build, request, &outputs, &count));
    Str name = world->build.plan->steps[world->build.plan->requests[request].step]->member->name;
    ok(artifact_show(world->fixture->store, &world->paths, name, outputs, count, world->fixture->arena, &dir));
    ok(fd_read_file(AT_FDCWD, arena_printf(world->fixture->arena, "%s/%s", dir, path).ptr, &text));
    return arena_cstr(world->fixture->arena, buf_str(&text));
}

// ---- what works ----

static void test_a_build_and_its_dependent(void **state) {
    World *world = new_world(state);
    add_build(world, "lib", "mkdir -p $OUTPUT_DIR/usr/share; echo from-lib > $OUTPUT_DIR/usr/share/lib");
    Made *app =
        add_build(world, "app", "mkdir -p $OUTPUT_DIR/usr/share; cat /usr/share/lib > $OUTPUT_DIR/usr/share/app");
    depend(app, 1);
    build(world, 2);
    assert_string_equal(read_artifact(world, 0, "usr/share/app"), "from-lib\n");
    assert_int_equal(world->build.result.made, 3);
    build(world, 2);
    assert_false(world->build.ran);
    assert_string_equal(read_artifact(world, 0, "usr/share/app"), "from-lib\n");
    end_world(world);
}

static void test_what_a_build_sees(void **state) {
    World *world = new_world(state);
    Made *see = add_build(world, "see",
                          "mkdir -p $OUTPUT_DIR/usr/share; exec > $OUTPUT_DIR/usr/share/see\n"
                          "env | sort; id -u; id -g; stat -c '%n %a' build.sh plain /build /tmp /tmp/home /state/home\n"
                          "stat -c %Y build.sh; ls / /state; ls -A /tmp /state/home; cat /etc/hosts");
    add_local(world, see, "build.sh", "#!/bin/sh\n");
    add_local(world, see, "plain", "x");
    see->inputs[2].local.is_exec = false;
    NamedValue args[] = {{STR(" pkg:version"), STR("1.2 = x")}};
    see->package.build_args = (NamedValues){args, 1};
    build(world, 1);
    assert_string_equal(
        read_artifact(world, 0, "usr/share/see"),
        "GIT_TERMINAL_PROMPT=0\nHOME=/tmp/home\nIS_SANDBOX=1\nLANG=C.UTF-8\nLC_ALL=C.UTF-8\n"
        "MINIMAL_ARG_PKGVERSION=1.2 = x\nOUTPUT_DIR=/build/output\nPATH=/usr/bin:/bin:/usr/sbin:/sbin\n"
        "PERL_HASH_SEED=0\nPWD=/build\nPYTHONHASHSEED=0\nSOURCE_DATE_EPOCH=315619200\nTZ=UTC\n"
        "XDG_CACHE_HOME=/state/cache\nXDG_CONFIG_HOME=/state/home\nXDG_DATA_HOME=/state/data\nXDG_RUNTIME_DIR=/run\n"
        "XDG_STATE_HOME=/state/state\n1000\n1000\n"
        "build.sh 755\nplain 644\n/build 755\n/tmp 1777\n/tmp/home 755\n/state/home 755\n315619200\n"
        "/:\nbin\nbuild\ndev\netc\nlib\nlib64\nproc\nrun\nsbin\nstate\ntmp\nusr\n\n"
        "/state:\ncache\ndata\nhome\nstate\n"
        "/state/home:\n\n/tmp:\nhome\n"
        "127.0.0.1 localhost minimal\n::1 localhost minimal\n");
    end_world(world);
}

static void test_equal_bytes_stop_a_rebuild(void **state) {
    World *world = new_world(state);
    Made *lib = add_build(world, "lib", "mkdir -p $OUTPUT_DIR/usr/share; echo same > $OUTPUT_DIR/usr/share/lib");
    Made *app = add_build(world, "app", "mkdir -p $OUTPUT_DIR/usr; cat /usr/share/lib > $OUTPUT_DIR/usr/app");
    depend(app, 1);
    build(world, 2);
    lib->words[0][2] = STR("mkdir -p $OUTPUT_DIR/usr/share; echo sa''me > $OUTPUT_DIR/usr/share/lib");
    build(world, 2);
    assert_int_equal(world->build.result.made, 1); // lib; app is found by its build key
    build(world, 2);
    assert_false(world->build.ran);
    end_world(world);
}

static void test_outputs_do_not_depend_on_umask_or_time(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", "umask 077; mkdir -p $OUTPUT_DIR/usr; touch $OUTPUT_DIR/usr/x; : 1");
    build(world, 1);
    const RecordOutput *outputs;
    size_t count;
    assert_true(build_outputs(&world->build, 0, &outputs, &count));
    Hash first = outputs[0].tree;
    made->words[0][2] = STR("umask 000; mkdir -p $OUTPUT_DIR/usr; sleep 0.01; touch $OUTPUT_DIR/usr/x; : 2");
    build(world, 1);
    assert_true(build_outputs(&world->build, 0, &outputs, &count));
    assert_true(hash_eq(first, outputs[0].tree));
    end_world(world);
}

static void test_independent_builds_run_side_by_side(void **state) {
    World *world = new_world(state);
    world->slots = 3;
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        Made *made = add_build(world, names[i], "mkdir -p $OUTPUT_DIR/usr; echo $0 > $OUTPUT_DIR/usr/x; sleep 0.1");
        made->package.cost = (uint32_t)i + 1; // more than there are slots is all of them
    }
    build(world, 1);
    assert_int_equal(world->build.result.made, 7);
    assert_int_equal(world->started, world->done);
    end_world(world);
}

static void test_a_collection_is_empty(void **state) {
    World *world = new_world(state);
    Made *all = add_package(world, "all");
    all->runtime[all->package.runtime_deps.count++] = (Dependency){.package = 0};
    build(world, 1);
    const RecordOutput *outputs;
    size_t count;
    assert_true(build_outputs(&world->build, 0, &outputs, &count));
    assert_int_equal(count, 0);
    end_world(world);
}

// ---- tests of packages ----

static void test_tests_see_the_artifact_alone(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", "mkdir -p $OUTPUT_DIR/usr/share; echo x > $OUTPUT_DIR/usr/share/x");
    add_test(made, "built", TEST_BUILD, "test -e $OUTPUT_DIR/usr/share/x; touch $OUTPUT_DIR/usr/share/late");
    add_test(made, "runs", TEST_STANDALONE,
             "test \"$(cat /usr/share/x)\" = x; test -z \"$(ls -A /build)\"; test -z \"${OUTPUT_DIR-}\"");
    build(world, 1);
    assert_int_equal(world->build.result.tests_passed, 1);
    const RecordOutput *outputs;
    size_t count;
    assert_true(build_outputs(&world->build, 0, &outputs, &count));
    assert_int_equal(outputs[0].file_count, 1); // a test adds nothing
    build(world, 1);
    assert_false(world->build.ran);
    end_world(world);
}

static void test_a_failed_test_is_remembered(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", "mkdir -p $OUTPUT_DIR/usr/share; echo x > $OUTPUT_DIR/usr/share/x");
    add_test(made, "wrong", TEST_STANDALONE, "echo here; exit 3");
    for (int round = 0; round < 2; round++) {
        fails(world, ERROR_BUILD_FAILED, "'p', test 'wrong': `sh -euc echo here; exit 3` failed with exit code 3");
        assert_int_equal(world->build.result.made, round == 0 ? 2 : 0); // built once, tested twice
        assert_int_equal(world->build.result.tests_failed, 1);
        assert_string_equal(outcome_of(world, 0)->test_report.log_tail.ptr, "here\n");
    }
    made->test_words[0][2] = STR("test -e /usr/share/x");
    build(world, 1);
    assert_int_equal(world->build.result.made, 0);
    assert_int_equal(world->build.result.tests_passed, 1);
    build(world, 1);
    assert_false(world->build.ran);
    end_world(world);
}

static void test_what_is_tested_wins(void **state) {
    World *world = new_world(state);
    add_build(world, "old", "mkdir -p $OUTPUT_DIR/usr; echo old > $OUTPUT_DIR/usr/x");
    Made *made = add_build(world, "new", "mkdir -p $OUTPUT_DIR/usr; echo new > $OUTPUT_DIR/usr/x");
    add_test(made, "runs", TEST_STANDALONE, "test $(cat /usr/x) = new");
    Dependency deps[] = {{.package = 0}, {.package = 1}};
    made->tests[0].deps = (Dependencies){deps, 2};
    build(world, 2);
    assert_int_equal(world->build.result.tests_passed, 1);
    end_world(world);
}

static void test_a_failed_build_test_is_a_failed_build(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", "mkdir -p $OUTPUT_DIR/usr/share; echo x > $OUTPUT_DIR/usr/share/x");
    add_test(made, "check", TEST_BUILD, "exit 4");
    for (int round = 0; round < 2; round++) {
        fails(world, ERROR_BUILD_FAILED, "'p', test 'check': `sh -euc exit 4` failed with exit code 4");
        assert_int_equal(outcome_of(world, 0)->outcome, OUTCOME_FAILED);
    }
    end_world(world);
}

// ---- what fails ----

static void test_a_failed_build_leaves_evidence(void **state) {
    World *world = new_world(state);
    add_build(world, "p", "echo one; echo 'two \033[31mred' >&2; touch left; exit 7");
    fails(world, ERROR_BUILD_FAILED,
          "'p': `sh -euc echo one; echo 'two red' >&2; touch left; exit 7` failed with exit code 7");
    const StepReport *report = &outcome_of(world, 0)->report;
    assert_string_equal(report->log_tail.ptr, "one\ntwo red\n");
    assert_non_null(report->log_path);
    assert_int_equal(access(report->log_path, R_OK), 0);
    assert_non_null(report->kept_path);
    assert_int_equal(access(arena_printf(world->fixture->arena, "%s/build/left", report->kept_path).ptr, F_OK), 0);
    AUTO_ERROR Error *error = build_error(&world->build, world->fixture->arena);
    assert_string_equal(error_get_hint(error), arena_printf(world->fixture->arena, "log: %s\n      build directory: %s",
                                                            report->log_path, report->kept_path)
                                                   .ptr);
    end_world(world);
}

static void test_a_failure_stops_only_what_depends_on_it(void **state) {
    World *world = new_world(state);
    add_build(world, "bad", "exit 1");
    Made *above = add_build(world, "above", "mkdir -p $OUTPUT_DIR/usr; touch $OUTPUT_DIR/usr/x");
    depend(above, 1);
    Made *top = add_build(world, "top", "mkdir -p $OUTPUT_DIR/usr; touch $OUTPUT_DIR/usr/y");
    depend(top, 2);
    add_build(world, "good", "mkdir -p $OUTPUT_DIR/usr; touch $OUTPUT_DIR/usr/z");
    fails(world, ERROR_BUILD_FAILED, "'bad': `sh -euc exit 1` failed with exit code 1");
    assert_int_equal(outcome_of(world, 0)->outcome, OUTCOME_FAILED);
    assert_int_equal(outcome_of(world, 1)->outcome, OUTCOME_SKIPPED);
    assert_int_equal(outcome_of(world, 1)->because, world->build.plan->requests[0].step);
    assert_int_equal(outcome_of(world, 2)->outcome, OUTCOME_SKIPPED);
    assert_int_equal(outcome_of(world, 3)->outcome, OUTCOME_MADE);
    end_world(world);
}

static void test_several_failures(void **state) {
    World *world = new_world(state);
    add_build(world, "one", "exit 1");
    add_build(world, "two", "exit 2");
    Made *three = add_build(world, "three", "exit 3");
    depend(three, 1);
    fails(world, ERROR_BUILD_FAILED, "2 packages failed: one, two");
    AUTO_ERROR Error *error = build_error(&world->build, world->fixture->arena);
    assert_string_equal(error_get_hint(error), "not built because of them: three");
    end_world(world);
}

static const struct {
    const char *script, *message;
    BoxLimits limits;
} endings[] = {
    {"kill -9 $$", "'p': `sh -euc kill -9 $$` was ended by signal 9 (Killed)", {0}},
    {"sleep 1000", "'p': `sh -euc sleep 1000` was ended: it said nothing for 1 s", {.idle_timeout_s = 1}},
    {"while :; do echo x; sleep 0.05; done",
     "'p': `sh -euc while :; do echo x; sleep 0.05; done` was ended: it took longer than 1 s",
     {.total_timeout_s = 1}},
    {"head -c 99999999 /dev/zero > x; sleep 1000",
     "'p': `sh -euc head -c 99999999 /dev/zero > x; sleep 1000` was ended: it wrote more than 8 MiB",
     {.disk_bytes = 8 << 20}},
    {"rm -r $OUTPUT_DIR",
     "'p': the build removed its output directory: cannot open output without following links: No such file or "
     "directory",
     {0}},
    {":", "'p', output 'files': nothing matches the glob '**'", {0}},
    {"mkdir -p $OUTPUT_DIR/bin; touch $OUTPUT_DIR/bin/x",
     "/bin is a directory in 'p', but in every root it is a link to usr/bin",
     {0}},
    {"touch /usr/x", "'p': `sh -euc touch /usr/x` failed with exit code 1", {0}},
};

static void test_how_builds_end(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
        World *world = new_world(state);
        add_build(world, "p", endings[i].script);
        world->limits = endings[i].limits;
        AUTO_ERROR Error *error = try_build(world, 1);
        AUTO_BUF Buf text;
        buf_init(&text, BUF_NO_LIMIT);
        assert_non_null(error);
        for (const Error *link = error; link; link = error_cause(link))
            buf_printf(&text, "%s%s", link == error ? "" : ": ", error_text(link));
        assert_string_equal(buf_cstr(&text), endings[i].message);
        end_world(world);
    }
}

static void test_a_command_that_is_not_there(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", ":");
    made->words[0][0] = STR("gcc");
    fails(world, ERROR_NOT_FOUND, "'p': there is no 'gcc' in /build nor in /usr/bin of the root");
    end_world(world);
}

static void test_a_later_command_is_named(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", ":");
    add_command(made, "exit 5");
    add_command(made, "exit 6");
    fails(world, ERROR_BUILD_FAILED, "'p': command 2 of 3, `sh -euc exit 5`, failed with exit code 5");
    end_world(world);
}

static void test_a_local_that_changed(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", ":");
    add_local(world, made, "build.sh", "as the spec was read");
    write_file(world->fixture, "build.sh", "changed", 0755);
    fails(world, ERROR_MISMATCH,
          arena_printf(world->fixture->arena, "'p': %s/build.sh changed after its spec was read", world->fixture->path)
              .ptr);
    end_world(world);
}

static void test_two_inputs_of_one_name(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", ":");
    add_local(world, made, "build.sh", "x");
    add_local(world, made, "build.sh", "x");
    fails(world, ERROR_CONFLICT, "'p': two inputs both bring 'build.sh' into /build");
    end_world(world);
}

static void test_an_input_called_output(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", ":");
    add_local(world, made, "output", "x");
    AUTO_ERROR Error *error = try_build(world, 1);
    assert_non_null(error);
    assert_string_equal(error_text(error), "'p': two inputs both bring 'output' into /build");
    end_world(world);
}

static void test_what_cannot_be_built_here(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", ":");
    made->package.target.arch = target_host().arch == ARCH_AMD64 ? ARCH_ARM64 : ARCH_AMD64;
    fails(world, ERROR_DENIED,
          target_host().arch == ARCH_AMD64 ? "'p' is for arm64/linux and cannot be built on amd64/linux"
                                           : "'p' is for amd64/linux and cannot be built on arm64/linux");
    end_world(world);
    world = new_world(state);
    made = add_build(world, "p", ":");
    made->package.needs.internet = true;
    fails(world, ERROR_DENIED, "'p' declares that its build needs the network, and a build has none");
    end_world(world);
}

static void test_two_args_of_one_variable(void **state) {
    World *world = new_world(state);
    Made *made = add_build(world, "p", ":");
    NamedValue args[] = {{STR("a:b"), STR("1")}, {STR("ab"), STR("2")}};
    made->package.build_args = (NamedValues){args, 2};
    fails(world, ERROR_INVALID, "'p': two names in build_args both become MINIMAL_ARG_AB");
    end_world(world);
}

static void test_a_wrong_hash(void **state) {
    World *world = new_world(state);
    add_build(world, "p", ":");
    world->made[0].inputs[0].source.sha256 = hash_bytes(STR("other"));
    AUTO_ERROR Error *error = try_build(world, 1);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_MISMATCH);
    assert_string_equal(error_text(error), "'shell': cannot get the source root.tar");
    assert_int_equal(outcome_of(world, 0)->outcome, OUTCOME_SKIPPED);
    end_world(world);
}

static void test_conflicting_dependencies(void **state) {
    World *world = new_world(state);
    add_build(world, "a", "mkdir -p $OUTPUT_DIR/usr; echo a > $OUTPUT_DIR/usr/x");
    add_build(world, "b", "mkdir -p $OUTPUT_DIR/usr; echo b > $OUTPUT_DIR/usr/x");
    Made *both = add_build(world, "both", "mkdir -p $OUTPUT_DIR/usr; cat /usr/x > $OUTPUT_DIR/usr/y");
    depend(both, 1);
    depend(both, 2);
    fails(world, ERROR_CONFLICT, "'both': /usr/x differs between 'a' (output files) and 'b' (output files)");
    Str prefer[] = {STR("b")};
    both->package.prefer = (StrSlice){prefer, 1};
    build(world, 3);
    assert_string_equal(read_artifact(world, 0, "usr/y"), "b\n");
    end_world(world);
}

// ---- being stopped ----

static void test_cancelled_before_it_began(void **state) {
    World *world = new_world(state);
    add_build(world, "p", ":");
    cancel_request(&world->cancel);
    fails(world, ERROR_INTERRUPTED, "interrupted; what was finished is kept");
    assert_int_equal(world->started, 0);
    end_world(world);
}

static void *cancel_when_running(void *context) {
    World *world = context;
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s/state/logs/slow/last", world->fixture->path);
    while (access(path, F_OK) != 0)
        usleep(1000);
    cancel_request(&world->cancel);
    return NULL;
}

static void test_cancelled_while_it_runs(void **state) {
    World *world = new_world(state);
    add_build(world, "quick", "mkdir -p $OUTPUT_DIR/usr; touch $OUTPUT_DIR/usr/x");
    Made *slow = add_build(world, "slow", "trap '' TERM INT; while :; do sleep 1; done");
    depend(slow, 1);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_running, world), 0);
    fails(world, ERROR_INTERRUPTED, "interrupted; what was finished is kept");
    pthread_join(thread, NULL);
    assert_int_equal(outcome_of(world, 0)->outcome, OUTCOME_MADE);
    assert_int_equal(outcome_of(world, 1)->outcome, OUTCOME_STOPPED);
    assert_null(outcome_of(world, 1)->report.kept_path);
    end_world(world);
}

// ---- two at once ----

static void test_two_processes_build_once(void **state) {
    World *world = new_world(state);
    add_build(world, "p", "mkdir -p $OUTPUT_DIR/usr; touch $OUTPUT_DIR/usr/x; sleep 0.2");
    pid_t child = fork();
    if (child == 0) {
        open_store(world->fixture);
        AUTO_ERROR Error *error = try_build(world, 1);
        _exit(error ? 99 : (int)world->build.result.made);
    }
    build(world, 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal((size_t)WEXITSTATUS(status) + world->build.result.made, 2); // the shell and p, each once
    end_world(world);
}

// ---- how much at a time ----

static void test_slots(void **state) {
    (void)state;
    static const struct {
        unsigned cpus;
        uint64_t gib;
        unsigned slots;
    } cases[] = {{1, 64, 1}, {2, 64, 2}, {2, 3, 1}, {4, 64, 2}, {8, 64, 4}, {64, 16, 8}, {8, 0, 1}, {5, 64, 3}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(schedule_default_slots(cases[i].cpus, cases[i].gib << 30), cases[i].slots);
}

static const struct CMUnitTest tests[] = {
    STORE_TEST(test_a_build_and_its_dependent),
    STORE_TEST(test_what_a_build_sees),
    STORE_TEST(test_equal_bytes_stop_a_rebuild),
    STORE_TEST(test_outputs_do_not_depend_on_umask_or_time),
    STORE_TEST(test_independent_builds_run_side_by_side),
    STORE_TEST(test_a_collection_is_empty),
    STORE_TEST(test_tests_see_the_artifact_alone),
    STORE_TEST(test_a_failed_test_is_remembered),
    STORE_TEST(test_what_is_tested_wins),
    STORE_TEST(test_a_failed_build_test_is_a_failed_build),
    STORE_TEST(test_a_failed_build_leaves_evidence),
    STORE_TEST(test_a_failure_stops_only_what_depends_on_it),
    STORE_TEST(test_several_failures),
    STORE_TEST(test_how_builds_end),
    STORE_TEST(test_a_command_that_is_not_there),
    STORE_TEST(test_a_later_command_is_named),
    STORE_TEST(test_a_local_that_changed),
    STORE_TEST(test_two_inputs_of_one_name),
    STORE_TEST(test_an_input_called_output),
    STORE_TEST(test_what_cannot_be_built_here),
    STORE_TEST(test_two_args_of_one_variable),
    STORE_TEST(test_a_wrong_hash),
    STORE_TEST(test_conflicting_dependencies),
    STORE_TEST(test_cancelled_before_it_began),
    STORE_TEST(test_cancelled_while_it_runs),
    STORE_TEST(test_two_processes_build_once),
    cmocka_unit_test(test_slots),
    cmocka_unit_test(passes_as_an_ordinary_user),
};

int main(void) {
    return _cmocka_run_group_tests("tests", tests, ARRAY_LEN(tests) - (geteuid() != 0), pack_root, unpack_root);
}

// Text in, plan out: each file tests/plan/*.plan is a test. What stands behind its line "---" must be the plan, or the
// error, of what stands before. `builder_plan --keys FILE` prints the keys, for tests/plan/test_keys.
#include "base/fd.h"
#include "builder/plan.h"
#include "tests/unit/plan_fixture.h"

#include <dirent.h>

static void read_text(Arena *arena, const char *path, Str *out) {
    FILE *file = fopen(path, "re");
    if (!file)
        fail_msg("cannot open %s", path);
    char *text = arena_alloc(arena, 1 << 20);
    size_t len = fread(text, 1, 1 << 20, file);
    assert_true(len < 1 << 20);
    fclose(file);
    *out = (Str){text, len};
}

static Error *plan_of(PlanFixture *fixture, Buf *out) {
    Graph *graph;
    Plan *plan;
    TRY(fixture_graph(fixture, &graph));
    TRY(plan_new(fixture->arena, graph, fixture->requests, fixture->request_count, &plan));
    TRY(plan_complete(plan));
    if (fixture->with_tests) {
        for (StepIndex i = 0, count = (StepIndex)plan->step_count; i < count; i++)
            for (size_t t = 0; plan->steps[i]->is_last && t < plan->steps[i]->package->test_count; t++) {
                PlanInputs inputs;
                TRY(plan_add_test_root(plan, i, t, &inputs));
            }
        TRY(plan_complete(plan));
    }
    plan_print(plan, &(PlanPrint){0}, out);
    return NULL;
}

static void plan_or_error(PlanFixture *fixture, Buf *out) {
    AUTO_ERROR Error *error = plan_of(fixture, out);
    if (!error)
        return;
    buf_clear(out);
    error_format(error, out);
    buf_add_byte(out, '\n');
}

static void test_fixture(void **state) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Str text;
    read_text(arena, *state, &text);
    PlanFixture *fixture = fixture_read(arena, text);
    assert_non_null(fixture->expected.ptr);
    AUTO_BUF Buf got;
    buf_init(&got, BUF_NO_LIMIT);
    plan_or_error(fixture, &got);
    Str expected = str_trim(fixture->expected);
    if (!str_eq(str_trim(buf_str(&got)), expected))
        fail_msg("%s: expected\n%.*s\ngot\n%s", (const char *)*state, STR_ARG(expected), buf_cstr(&got));
}

// The plan's JSON is JSON, names its steps by position, and every step stands behind its root.
static void test_json(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    PlanFixture *fixture = fixture_read(arena, STR("package app\n build gcc:cc\n cmd make\n outputs bin\n"
                                                   "package gcc\n build gcc\n breaker seed\n cmd x\n outputs cc lib\n"
                                                   "package seed\n prebuilt\n outputs cc lib\nrequest app\n"));
    Graph *graph;
    Plan *plan;
    assert_null(fixture_graph(fixture, &graph));
    assert_null(plan_new(arena, graph, fixture->requests, fixture->request_count, &plan));
    assert_null(plan_complete(plan));
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    plan_print_json(plan, &(PlanPrint){0}, &text);
    for (char *at = strstr(text.ptr, "\"spec_key\": \""); at; at = strstr(at + 1, "\"spec_key\": \""))
        memset(at + 13, 'k', HASH_HEX_LEN);
    char *keys;
    while ((keys = strstr(text.ptr, "kk")))
        memmove(keys, keys + 1, strlen(keys));
    assert_string_equal(
        text.ptr,
        "{\"schema\": \"minimal.plan.1\", \"steps\": [{\"package\": \"gcc\", \"stage\": 0, \"artifact\": false, "
        "\"kind\": \"prebuilt\", \"spec\": \"seed\", \"version\": \"\", \"spec_key\": \"k\", \"reason\": "
        "\"in-root-of\", "
        "\"wanted_by\": 1, \"root\": []}, {\"package\": \"gcc\", \"stage\": 1, \"artifact\": false, \"kind\": "
        "\"build\", "
        "\"spec\": \"gcc\", \"version\": \"\", \"spec_key\": \"k\", \"reason\": \"in-root-of\", \"wanted_by\": 2, "
        "\"root\": "
        "[{\"step\": 0, \"whole\": true, \"outputs\": [\"cc\", \"lib\"]}]}, {\"package\": \"gcc\", \"stage\": 2, "
        "\"artifact\": true, \"kind\": \"build\", \"spec\": \"gcc\", \"version\": \"\", \"spec_key\": \"k\", "
        "\"reason\": "
        "\"in-root-of\", \"wanted_by\": 3, \"root\": [{\"step\": 1, \"whole\": true, \"outputs\": [\"cc\", "
        "\"lib\"]}]}, "
        "{\"package\": \"app\", \"stage\": 1, \"artifact\": true, \"kind\": \"build\", \"spec\": \"app\", \"version\": "
        "\"\", "
        "\"spec_key\": \"k\", \"reason\": \"requested\", \"wanted_by\": null, \"root\": [{\"step\": 2, \"whole\": "
        "false, "
        "\"outputs\": [\"cc\"]}]}], \"requested\": [{\"step\": 3, \"runtime\": [{\"step\": 3, \"whole\": true, "
        "\"outputs\": [\"bin\"]}]}]}");
}

// A plan is not expanded before somebody asks: a run in which all is present looks at no build dependency.
static void test_lazy(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    PlanFixture *fixture = fixture_read(arena, STR("package app\n build cc\n run lib\n cmd make\n"
                                                   "package lib\n build cc\n cmd make\n"
                                                   "package cc\n prebuilt\nrequest app\n"));
    Graph *graph;
    Plan *plan;
    assert_null(fixture_graph(fixture, &graph));
    assert_null(plan_new(arena, graph, fixture->requests, fixture->request_count, &plan));
    assert_int_equal(plan->step_count, 2); // app, lib
    assert_null(plan_expand(plan, 1));
    assert_int_equal(plan->step_count, 3);
    assert_string_equal(plan->steps[2]->package->name.ptr ? "cc" : "", "cc");
    assert_false(plan->steps[0]->expanded);
}

// A chain far longer than any C stack would bear.
static void test_long_chain(void **state) {
    (void)state;
    enum { LENGTH = 200000 };
    AUTO_ARENA Arena *arena = arena_new(0);
    Package *packages = ARENA_ARRAY(arena, Package, LENGTH);
    Dependency *dependencies = ARENA_ARRAY(arena, Dependency, LENGTH);
    for (PackageIndex i = 0; i < LENGTH; i++) {
        dependencies[i].package = i + 1;
        packages[i] = (Package){.name = arena_printf(arena, "p%u", i), .breaker = PACKAGE_NONE};
        packages[i].runtime_deps = (Dependencies){&dependencies[i], i + 1 < LENGTH ? 1 : 0};
    }
    PackageSet set = {.arena = arena, .packages = packages, .count = LENGTH};
    Graph *graph;
    assert_null(graph_new(arena, &set, (PackageIndex[]){0}, 1, false, &graph));
    assert_int_equal(graph->component_count, LENGTH);
    Closure closure;
    assert_null(closure_runtime(graph, &(ClosureRequest){.package = 0}, 1, arena, &closure));
    assert_int_equal(closure.count, LENGTH);
}

// Roots grow with the square of such a chain; the plan says so before memory is gone.
static void test_too_large(void **state) {
    (void)state;
    enum { LENGTH = 3000 };
    AUTO_ARENA Arena *arena = arena_new(0);
    Package *packages = ARENA_ARRAY(arena, Package, LENGTH);
    Dependency *dependencies = ARENA_ARRAY(arena, Dependency, LENGTH);
    Command command = {.argv = {(Str[]){STR("make")}, 1}};
    for (PackageIndex i = 0; i < LENGTH; i++) {
        dependencies[i].package = i + 1;
        packages[i] = (Package){.name = arena_printf(arena, "p%u", i), .breaker = PACKAGE_NONE};
        packages[i].runtime_deps = (Dependencies){&dependencies[i], i + 1 < LENGTH ? 1 : 0};
        packages[i].commands = (Commands){&command, 1};
    }
    PackageSet set = {.arena = arena, .packages = packages, .count = LENGTH};
    Graph *graph;
    Plan *plan;
    assert_null(graph_new(arena, &set, (PackageIndex[]){0}, 1, false, &graph));
    assert_null(plan_new(arena, graph, &(ClosureRequest){.package = 0}, 1, &plan));
    AUTO_ERROR Error *error = plan_complete(plan);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_LIMIT);
    assert_string_equal(error_text(error), "the roots of this plan would hold more than 2000000 entries");
}

// ---- keys, for an independent calculation to be compared with ----

static int print_keys(const char *path) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Str text;
    read_text(arena, path, &text);
    PlanFixture *fixture = fixture_read(arena, text);
    Graph *graph;
    AUTO_ERROR Error *error = fixture_graph(fixture, &graph);
    if (error) {
        fprintf(stderr, "%s\n", error_text(error));
        return 1;
    }
    const SpecKeys *keys = spec_keys_new(arena, graph);
    for (PackageIndex i = 0; i < fixture->set.count; i++) {
        const Package *package = &fixture->set.packages[i];
        for (uint8_t stage = 0; graph_has(graph, i) && stage <= STAGE_LAST; stage++) {
            const Component *component = &graph->components[graph->nodes[i].component];
            if (component->staged || stage == STAGE_ONLY)
                printf("spec %.*s %u %s\n", STR_ARG(package->name), stage,
                       hash_hex(spec_key(keys, (Slot){i, stage})).text);
        }
        // Three trees by name, to have all of a build key's encoding.
        RootTree trees[3];
        static const char *const names[] = {"one", "two", "three"};
        for (size_t t = 0; t < 3; t++)
            trees[t] = (RootTree){.package = str_from(names[t]), .tree = hash_bytes(str_from(names[t]))};
        printf("build %.*s %s\n", STR_ARG(package->name), hash_hex(build_key(package, trees, 3)).text);
    }
    return 0;
}

// What a new fixture gives, to be read with care before it is put behind its "---".
static int print_plan(const char *path) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Str text;
    read_text(arena, path, &text);
    AUTO_BUF Buf got;
    buf_init(&got, BUF_NO_LIMIT);
    plan_or_error(fixture_read(arena, text), &got);
    printf("%s", buf_cstr(&got));
    return 0;
}

static int by_test_name(const void *a, const void *b) {
    return strcmp(((const struct CMUnitTest *)a)->name, ((const struct CMUnitTest *)b)->name);
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--keys") == 0)
        return print_keys(argv[2]);
    if (argc == 3 && strcmp(argv[1], "--plan") == 0)
        return print_plan(argv[2]);
    AUTO_ARENA Arena *arena = arena_new(0);
    VEC(struct CMUnitTest) tests = {0};
    DIR *dir = opendir("tests/plan");
    if (!dir) {
        fprintf(stderr, "run this in the source directory\n");
        return 1;
    }
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (!str_ends_with(str_from(entry->d_name), STR(".plan")))
            continue;
        char *path = arena_cstr(arena, arena_printf(arena, "tests/plan/%s", entry->d_name));
        vec_push(&tests, (struct CMUnitTest){path, test_fixture, NULL, NULL, path});
    }
    closedir(dir);
    qsort(tests.items, tests.count, sizeof *tests.items, by_test_name);
    vec_push(&tests, (struct CMUnitTest)cmocka_unit_test(test_json));
    vec_push(&tests, (struct CMUnitTest)cmocka_unit_test(test_lazy));
    vec_push(&tests, (struct CMUnitTest)cmocka_unit_test(test_long_chain));
    vec_push(&tests, (struct CMUnitTest)cmocka_unit_test(test_too_large));
    int failed = _cmocka_run_group_tests("builder_plan", tests.items, tests.count, NULL, NULL);
    vec_release(&tests);
    return failed;
}

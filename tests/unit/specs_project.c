// minimal.toml: which one holds, what it may say, the chain of layers, and where specs are looked for.
#include "specs/layers.h"
#include "tests/unit/specs_helper.h"

static Stamps stamps;

static Error *read_project(const char *text, Project *out) {
    write_file("minimal.toml", text);
    stamps_release(&stamps);
    ok(stamps_init(&stamps, scratch_arena, scratch_path));
    return project_read(&stamps, scratch_arena, STR("."), out);
}

static int set_up(void **state) {
    stamps = (Stamps){.root = -1};
    return scratch_set_up(state);
}

static int tear_down(void **state) {
    stamps_release(&stamps);
    return scratch_tear_down(state);
}

// ---- finding ----

static void finds_upward(void **state) {
    (void)state;
    Str dir;
    make_dir("home/project/src/deep");
    write_file("home/project/minimal.toml", "");
    ok(project_find(scratch_arena, scratch("home/project/src/deep"), scratch("home"), &dir));
    assert_string_equal(dir.ptr, scratch("home/project").ptr);
    ok(project_find(scratch_arena, scratch("home/project"), STR(""), &dir));
    assert_string_equal(dir.ptr, scratch("home/project").ptr);
}

static void finds_the_hidden_one(void **state) {
    (void)state;
    Str dir;
    make_dir("project/src");
    write_file("project/.minimal/minimal.toml", "");
    ok(project_find(scratch_arena, scratch("project/src"), STR(""), &dir));
    assert_string_equal(dir.ptr, scratch("project/.minimal").ptr);
}

static void a_directory_with_packages_is_a_layer(void **state) {
    (void)state;
    Str dir;
    make_dir("bare/packages");
    ok(project_find(scratch_arena, scratch("bare"), scratch(""), &dir));
    assert_string_equal(dir.ptr, scratch("bare").ptr);
}

static void home_counts_only_from_within(void **state) {
    (void)state;
    Str dir;
    make_dir("home/project");
    write_file("home/minimal.toml", "");
    ok(project_find(scratch_arena, scratch("home"), scratch("home"), &dir));
    assert_string_equal(dir.ptr, scratch("home").ptr);
    assert_fails(project_find(scratch_arena, scratch("home/project"), scratch("home"), &dir),
                 arena_printf(scratch_arena,
                              "there is no minimal.toml in %s, nor above it // an empty minimal.toml makes a directory "
                              "a layer; -C DIR works in another one",
                              scratch("home/project").ptr)
                     .ptr);
}

static void refuses_two_files(void **state) {
    (void)state;
    Str dir;
    write_file("both/minimal.toml", "");
    write_file("both/.minimal/minimal.toml", "");
    assert_fails(project_find(scratch_arena, scratch("both"), STR(""), &dir),
                 arena_printf(scratch_arena, "%s has both minimal.toml and .minimal/minimal.toml // remove one of them",
                              scratch("both").ptr)
                     .ptr);
}

// ---- reading ----

static void reads_all_of_its_sections(void **state) {
    (void)state;
    Project project;
    ok(read_project("legacy = true\n"
                    "[stdlib]\nminimum_version = \"0.0.15\"\n"
                    "[mirrors]\ndebian = [\"https://a.example/debian\", \"file:///srv/debian\"]\n"
                    "[params]\n"
                    "level = { type = \"number\", default = 3, help = \"how much\" }\n"
                    "ratio = { type = \"Number\", default = \"-0.5\" }\n"
                    "name = { default = \"x\" }\n"
                    "fast = { type = \"boolean\", default = \"true\" }\n"
                    "kind = { type = \"[a, \\\"b c\\\"]\", default = \"b c\" }\n"
                    "list = { type = \"Array string\", default = [\"p\", \"q\"] }\n"
                    "[upstream]\ndir = \"../up\"\n"
                    "[[upstream.sideloads]]\ndir = \"side\"\nparams = { a = 1 }\n"
                    "[tasks.shell]\ninteractive = true\n[session]\n[harness]\nuse = \"make\"\n[cache]\n[outputs]\n"
                    "[defaults]\n[profiles]\n",
                    &project));
    assert_true(project.legacy);
    assert_int_equal(project.mirror_count, 1);
    assert_int_equal(project.mirrors[0].bases.count, 2);
    assert_string_equal(project.mirrors[0].bases.items[1].ptr, "file:///srv/debian");
    assert_int_equal(project.params.count, 6);
    assert_string_equal(project.params.items[0].text.ptr, "3");
    assert_string_equal(project.params.items[1].text.ptr, "-0.5");
    assert_true(project.params.items[3].boolean);
    assert_string_equal(project.params.items[4].text.ptr, "b c");
    assert_int_equal(project.params.items[5].items.count, 2);
    assert_true(project.has_upstream);
    assert_string_equal(project.upstream.dir.ptr, "../up");
    assert_int_equal(project.sideload_count, 1);
    assert_string_equal(project.sideloads[0].dir.ptr, "side");
}

static void a_layer_needs_no_file(void **state) {
    (void)state;
    Project project;
    ok(stamps_init(&stamps, scratch_arena, scratch_path));
    ok(project_read(&stamps, scratch_arena, STR("."), &project));
    assert_int_equal(project.file.len, 0);
    assert_false(project.has_upstream);
}

static const struct {
    const char *text, *message;
} refused[] = {
    {"legcy = true\n", "minimal.toml:1:1: minimal.toml has no 'legcy' // did you mean 'legacy'?"},
    {"[upstraem]\ndir = \"x\"\n", "minimal.toml:1:2: minimal.toml has no 'upstraem' // did you mean 'upstream'?"},
    {"[zzzzz]\n", "minimal.toml:1:2: minimal.toml has no 'zzzzz'"},
    {"legacy = \"yes\"\n", "minimal.toml:1:10: legacy must be a boolean, not a string"},
    {"[stdlib]\nminimum = \"1.0.0\"\n", "minimal.toml:2:1: [stdlib] has no 'minimum'"},
    {"[stdlib]\nminimum_version = 1\n", "minimal.toml:2:19: minimum_version must be a string, not an integer"},
    {"[stdlib]\nminimum_version = \"new\"\n",
     "minimal.toml:2:19: 'new' is no version: three numbers are, as in \"0.1.0\""},
    {"[stdlib]\nminimum_version = \"1.2\"\n",
     "minimal.toml:2:19: '1.2' is no version: three numbers are, as in \"0.1.0\""},
    {"[stdlib]\nminimum_version = \"99.0.0\"\n",
     "minimal.toml:2:19: the layer needs minimal 99.0.0 or newer; this is " MINIMAL_VERSION " // update minimal"},
    {"[stdlib]\nminimum_version = \"0.0.1\"\nmin_version = \"0.0.1\"\n",
     "minimal.toml:3:15: 'minimum_version' and 'min_version' are two names for one thing: keep one"},
    {"upstream = \"x\"\n", "minimal.toml:1:12: [upstream] must be a table, not a string"},
    {"[upstream]\n", "minimal.toml:1:1: [upstream] needs a `dir`"},
    {"[upstream]\ndri = \"x\"\n", "minimal.toml:2:1: [upstream] has no 'dri' // did you mean 'dir'?"},
    {"[upstream]\ndir = 3\n", "minimal.toml:2:7: dir must be a string, not an integer"},
    {"[upstream]\ndir = \"\"\n", "minimal.toml:2:7: dir is empty"},
    {"[upstream]\nrepo = \"https://example.org/x.git\"\n",
     "minimal.toml:2:8: [upstream] names a git repository; layers are directories here // clone the repository, and "
     "write `dir = \"PATH\"` instead of repo, branch and locked_commit"},
    {"[[upstream.sideloads]]\nrepo = \"x\"\n",
     "minimal.toml:2:8: a sideload names a git repository; layers are directories here // clone the repository, and "
     "write `dir = \"PATH\"` instead of repo, branch and locked_commit"},
    {"[[upstream.sideloads]]\ndir = \"x\"\nparam = {}\n",
     "minimal.toml:3:1: a sideload has no 'param' // did you mean 'params'?"},
    {"[[upstream.sideloads]]\ndir = \"x\"\nparams = 3\n", "minimal.toml:3:10: params must be a table, not an integer"},
    {"[mirrors]\ndebian = \"https://x.example\"\n", "minimal.toml:2:10: a mirror must be an array, not a string"},
    {"[mirrors]\ndebian = [3]\n", "minimal.toml:2:11: each item must be a string, not an integer"},
    {"[mirrors]\ndebian = [\"ftp://x.example\"]\n",
     "minimal.toml:2:11: a mirror is an http, https or file URL, not 'ftp://x.example'"},
    {"[params]\na = { type = \"string\" }\n", "minimal.toml:2:1: the parameter 'a' has no default // a = { type = "
                                              "\"string\", default = \"...\" }"},
    {"[params]\na = \"string\"\n", "minimal.toml:2:1: the parameter 'a' has no default // a = { type = \"string\", "
                                   "default = \"...\" }"},
    {"[params]\na = { type = \"text\", default = \"\" }\n",
     "minimal.toml:2:14: 'text' is no type of a parameter // types are string, number, bool, Array string and \"[one, "
     "of, these]\""},
    {"[params]\na = { type = \"number\", default = \"x\" }\n", "minimal.toml:2:34: the parameter 'a' must be a number"},
    {"[params]\na = { type = \"bool\", default = 1 }\n", "minimal.toml:2:32: the parameter 'a' must be true or false"},
    {"[params]\na = { type = \"[x, y]\", default = \"z\" }\n",
     "minimal.toml:2:34: 'z' is none of the choices for the parameter 'a'"},
    {"[params]\na = { type = [\"x\"], default = \"z\" }\n",
     "minimal.toml:2:31: 'z' is none of the choices for the parameter 'a'"},
    {"[params]\na = { default = \"z\", hlep = \"\" }\n",
     "minimal.toml:2:22: a parameter has no 'hlep' // did you mean 'help'?"},
    {"base = { dir = \"x\" }\nupstream = { dir = \"y\" }\n",
     "minimal.toml:1:8: 'upstream' and 'base' are two names for one thing: keep one"},
    {"a b\n", NULL}, // the reader's own message, with its place
};

static void refuses_what_it_does_not_know(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        Project project;
        Error *error = read_project(refused[i].text, &project);
        if (refused[i].message) {
            assert_fails(error, refused[i].message);
        } else {
            assert_true(str_starts_with(message_of(error), STR("minimal.toml:1:")));
        }
    }
}

// ---- the chain ----

static Error *chain(Layers *out) {
    ok(stamps_init(&stamps, scratch_arena, scratch("leaf").ptr));
    return layers_chain(&stamps, scratch_arena, STR("."), out);
}

static void upstreams_come_first_then_sideloads(void **state) {
    (void)state;
    Layers layers;
    write_file("leaf/minimal.toml", "[upstream]\ndir = \"../middle\"\n[[upstream.sideload]]\ndir = \"../s1\"\n"
                                    "params = { level = 7 }\n[[upstream.sideload]]\ndir = \"../s2\"\n");
    write_file("middle/.minimal/minimal.toml", "[upstream]\ndir = \"../../root\"\n");
    write_file("root/minimal.toml", "");
    write_file("s1/minimal.toml", "[params]\nlevel = { type = \"number\", default = 1 }\n"
                                  "[upstream]\ndir = \"../ignored\"\n");
    make_dir("s2");
    ok(chain(&layers));
    const char *const want[] = {"../root", "../middle/.minimal", "../s1", "../s2", "."};
    assert_int_equal(layers.count, ARRAY_LEN(want));
    for (size_t i = 0; i < layers.count; i++)
        assert_string_equal(layers.items[i].project.dir.ptr, want[i]);
    assert_string_equal(layers.items[2].params.items[0].text.ptr, "7");
}

static void refuses_chains_that_do_not_end(void **state) {
    (void)state;
    Layers layers;
    write_file("leaf/minimal.toml", "[upstream]\ndir = \"../a\"\n");
    write_file("a/minimal.toml", "[upstream]\ndir = \"../b\"\n");
    write_file("b/minimal.toml", "[upstream]\ndir = \"../a\"\n");
    assert_fails(chain(&layers), "../b/minimal.toml:2:7: the layer ../a is in the chain of layers twice");
}

static void refuses_a_directory_that_is_not_there(void **state) {
    (void)state;
    Layers layers;
    write_file("leaf/minimal.toml", "[upstream]\ndir = \"../nowhere\"\n");
    assert_fails(chain(&layers), "minimal.toml:2:7: there is no directory ../nowhere");
}

static void refuses_parameters_that_a_sideload_does_not_have(void **state) {
    (void)state;
    Layers layers;
    write_file("leaf/minimal.toml", "[[upstream.sideloads]]\ndir = \"../s\"\nparams = { levle = 7 }\n");
    write_file("s/minimal.toml", "[params]\nlevel = { type = \"number\", default = 1 }\n");
    assert_fails(chain(&layers), "minimal.toml:3:12: the layer ../s has no parameter 'levle'");
}

// ---- specs ----

static void scans_packages_partitions_and_stacks(void **state) {
    (void)state;
    StrSlice packages, harnesses;
    const char *const files[] = {
        "packages/zlib/build.ncl",     "packages/a/abseil/build.ncl",  "packages/jq/build.ncl",
        "packages/jq/inner/build.ncl", "packages/xyz/inner/build.ncl", "packages/empty/readme",
        "packages/README.md",          "packages/.git/build.ncl",      "packages/a-/deep/er/build.ncl",
        "stacks/go/stack.ncl",         "stacks/none/readme",           "harnesses/c/harness.ncl"};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        write_file(files[i], "");
    assert_int_equal(symlink("zlib", scratch("packages/alias").ptr), 0);
    ok(stamps_init(&stamps, scratch_arena, scratch_path));
    ok(layers_scan(&stamps, scratch_arena, STR("."), &packages, &harnesses));
    const char *const want[] = {"packages/a/abseil/build.ncl", "packages/jq/build.ncl", "packages/jq/inner/build.ncl",
                                "packages/zlib/build.ncl"};
    assert_int_equal(packages.count, ARRAY_LEN(want));
    for (size_t i = 0; i < packages.count; i++)
        assert_string_equal(packages.items[i].ptr, want[i]);
    assert_int_equal(harnesses.count, 2);
    assert_string_equal(harnesses.items[0].ptr, "harnesses/c/harness.ncl");
    assert_string_equal(harnesses.items[1].ptr, "stacks/go/stack.ncl");
}

#define PROJECT_TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        PROJECT_TEST(finds_upward),
        PROJECT_TEST(finds_the_hidden_one),
        PROJECT_TEST(a_directory_with_packages_is_a_layer),
        PROJECT_TEST(home_counts_only_from_within),
        PROJECT_TEST(refuses_two_files),
        PROJECT_TEST(reads_all_of_its_sections),
        PROJECT_TEST(a_layer_needs_no_file),
        PROJECT_TEST(refuses_what_it_does_not_know),
        PROJECT_TEST(upstreams_come_first_then_sideloads),
        PROJECT_TEST(refuses_chains_that_do_not_end),
        PROJECT_TEST(refuses_a_directory_that_is_not_there),
        PROJECT_TEST(refuses_parameters_that_a_sideload_does_not_have),
        PROJECT_TEST(scans_packages_partitions_and_stacks),
    };
    return cmocka_run_group_tests_name("specs_project", tests, NULL, NULL);
}

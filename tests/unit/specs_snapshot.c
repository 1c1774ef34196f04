// Snapshots: what is kept comes back the same, nothing that is broken is believed, and whatever changes is noticed.
#include "specs/load.h"
#include "specs/snapshot.h"
#include "tests/unit/specs_helper.h"

#include <sys/stat.h>
#include <time.h>

// ---- the body ----

static const Str strings_ab[] = {{"a", 1}, {"b", 1}};
static const Str argv_words[] = {{"./build.sh", 10}, {"--fast", 6}};

static SourceSpan span_of(const char *file, uint32_t line) {
    return (SourceSpan){.file = str_from(file), .line = line, .column = 3, .end_line = line, .end_column = 9};
}

// A set that uses every field.
static PackageSet *made_by_hand(void) {
    Arena *arena = scratch_arena;
    StrSlice ab = {strings_ab, 2};
    PackageSet *set = ARENA_NEW(arena, PackageSet);
    set->packages = ARENA_ARRAY(arena, Package, 2);
    set->count = 2;
    Dependency *deps = ARENA_ARRAY(arena, Dependency, 2);
    deps[0] = (Dependency){.package = 1, .is_subset = true, .outputs = ab, .span = span_of("packages/a/build.ncl", 4)};
    deps[1] = (Dependency){.package = 0, .span = span_of("packages/a/build.ncl", 5)};
    Input *inputs = ARENA_ARRAY(arena, Input, 3);
    inputs[0] = (Input){.kind = INPUT_SOURCE,
                        .span = span_of("packages/a/build.ncl", 6),
                        .source = {.url = STR("https://example.org/a.tar"),
                                   .path = STR(""),
                                   .mirrors = ab,
                                   .name = STR("a.tar"),
                                   .sha256 = hash_bytes(STR("a")),
                                   .extract = true,
                                   .has_strip_prefix = true,
                                   .strip_prefix = STR("a-1")}};
    inputs[1] = (Input){.kind = INPUT_LOCAL,
                        .span = span_of("packages/a/build.ncl", 7),
                        .local = {.path = STR("/l/build.sh"), .name = STR("build.sh"), .is_exec = true}};
    inputs[2] = (Input){.kind = INPUT_PACKAGE, .span = span_of("packages/a/build.ncl", 8), .package = deps[0]};
    Command *commands = ARENA_ARRAY(arena, Command, 1);
    commands[0].argv = (StrSlice){argv_words, 2};
    NamedValue *args = ARENA_ARRAY(arena, NamedValue, 1);
    args[0] = (NamedValue){STR("version"), STR("1")};
    Output *outputs = ARENA_ARRAY(arena, Output, 2);
    outputs[0] = (Output){.name = STR("a"), .type = OUTPUT_DATA, .glob = STR("usr/**"), .allow_executable = true};
    outputs[1] = (Output){.name = STR("b"), .type = OUTPUT_BIN, .glob = STR("usr/bin/*")};
    outputs[0].span = outputs[1].span = span_of("packages/a/build.ncl", 9);
    PackageTest *tests = ARENA_ARRAY(arena, PackageTest, 1);
    tests[0] = (PackageTest){.name = STR("runs"),
                             .class = TEST_BUILD,
                             .commands = {commands, 1},
                             .deps = {deps, 2},
                             .span = span_of("packages/a/build.ncl", 10)};
    Attr *attrs = ARENA_ARRAY(arena, Attr, 1);
    attrs[0] = (Attr){STR("description"), STR("\"x\"")};
    set->packages[0] = (Package){.name = STR("a"),
                                 .layer = 1,
                                 .span = span_of("packages/a/build.ncl", 2),
                                 .dir = STR("/l/packages/a"),
                                 .target = {ARCH_ARM64, OS_LINUX},
                                 .inputs = inputs,
                                 .input_count = 3,
                                 .runtime_deps = {deps, 2},
                                 .breaker = 1,
                                 .commands = {commands, 1},
                                 .build_args = {args, 1},
                                 .outputs = outputs,
                                 .output_count = 2,
                                 .tests = tests,
                                 .test_count = 1,
                                 .needs = {.internet = true, .allow = ab},
                                 .prefer = ab,
                                 .attrs = attrs,
                                 .attr_count = 1,
                                 .version = STR("1"),
                                 .not_redistributable = true,
                                 .cost = 3};
    set->packages[1] = (Package){.name = STR("a (prebuilt)"),
                                 .span = span_of("packages/a/build.ncl", 20),
                                 .dir = STR("/l/packages/a"),
                                 .prebuilt = true,
                                 .breaker = PACKAGE_NONE,
                                 .outputs = outputs,
                                 .output_count = 2,
                                 .version = STR(""),
                                 .needed_for_internet = true,
                                 .cost = 1};
    PackageIndex *by_name = ARENA_ARRAY(arena, PackageIndex, 2);
    by_name[1] = 1;
    set->by_name = by_name;
    set->layers = ARENA_ARRAY(arena, Layer, 2);
    set->layer_count = 2;
    set->layers[0] = (Layer){STR("/up"), STR("up"), true};
    set->layers[1] = (Layer){STR("/l"), STR("l"), false};
    Mirror *mirrors = ARENA_ARRAY(arena, Mirror, 1);
    mirrors[0] = (Mirror){STR("debian"), ab};
    set->mirrors = mirrors;
    set->mirror_count = 1;
    Harness *harnesses = ARENA_ARRAY(arena, Harness, 1);
    harnesses[0] = (Harness){STR("make"), 1, span_of("stacks/make/stack.ncl", 2)};
    set->harnesses = harnesses;
    set->harness_count = 1;
    return set;
}

static Buf encode(void) {
    SnapshotRoot root = {.set = *made_by_hand(), .layer = STR("/l"), .stamp_count = 1};
    root.stamps = ARENA_ARRAY(scratch_arena, Stamp, 1);
    root.stamps[0] = (Stamp){.path = STR("minimal.toml"), .kind = STAMP_FILE, .size = 7, .mtime_ns = -1};
    Buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    ok(snapshot_encode(&root, &bytes));
    return bytes;
}

static void a_body_comes_back_the_same(void **state) {
    (void)state;
    AUTO_BUF Buf bytes = encode();
    SnapshotRoot *root = snapshot_decode(arena_dup(scratch_arena, bytes.ptr, bytes.len), bytes.len);
    assert_non_null(root);
    assert_string_equal(root->layer.ptr, "/l");
    assert_string_equal(root->stamps[0].path.ptr, "minimal.toml");
    assert_int_equal(root->stamps[0].mtime_ns, -1);
    const Package *package = &root->set.packages[0];
    assert_string_equal(package->name.ptr, "a");
    assert_string_equal(package->span.file.ptr, "packages/a/build.ncl");
    assert_int_equal(package->span.line, 2);
    assert_string_equal(package->inputs[0].source.mirrors.items[1].ptr, "b");
    assert_string_equal(package->inputs[0].source.strip_prefix.ptr, "a-1");
    assert_true(hash_eq(package->inputs[0].source.sha256, hash_bytes(STR("a"))));
    assert_true(package->inputs[1].local.is_exec);
    assert_int_equal(package->inputs[2].package.package, 1);
    assert_string_equal(package->inputs[2].package.outputs.items[0].ptr, "a");
    assert_string_equal(package->tests[0].commands.items[0].argv.items[1].ptr, "--fast");
    assert_int_equal(package->tests[0].deps.count, 2);
    assert_string_equal(package->build_args.items[0].value.ptr, "1");
    assert_string_equal(package->attrs[0].json.ptr, "\"x\"");
    assert_string_equal(package->needs.allow.items[1].ptr, "b");
    assert_int_equal(package->cost, 3);
    assert_int_equal(root->set.packages[1].breaker, PACKAGE_NONE);
    assert_string_equal(root->set.mirrors[0].bases.items[0].ptr, "a");
    assert_string_equal(root->set.harnesses[0].span.file.ptr, "stacks/make/stack.ncl");
    assert_true(root->set.layers[0].legacy);
    assert_int_equal(package_find(&root->set, STR("a (prebuilt)")), 1);

    // Encoding what was decoded gives the same bytes: nothing was lost.
    AUTO_BUF Buf again;
    buf_init(&again, BUF_NO_LIMIT);
    ok(snapshot_encode(root, &again));
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.ptr, bytes.ptr, bytes.len);
}

static void a_shorter_body_is_none(void **state) {
    (void)state;
    AUTO_BUF Buf bytes = encode();
    for (size_t len = 0; len < bytes.len; len++) {
        void *copy = malloc(len ? len : 1); // on its own, so that reading past its end shows
        assert_non_null(copy);
        memcpy(copy, bytes.ptr, len);
        assert_null(snapshot_decode(copy, len));
        free(copy);
    }
}

// Whatever one byte becomes, the result is none, or one whose every pointer can be followed: encoding follows them all.
static void a_changed_byte_leads_nowhere(void **state) {
    (void)state;
    AUTO_BUF Buf bytes = encode();
    static const unsigned char masks[] = {0x01, 0x80, 0xff};
    size_t refused = 0;
    for (size_t at = 0; at < bytes.len; at++) {
        for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
            unsigned char *copy = malloc(bytes.len);
            assert_non_null(copy);
            memcpy(copy, bytes.ptr, bytes.len);
            copy[at] ^= masks[i];
            SnapshotRoot *root = snapshot_decode(copy, bytes.len);
            AUTO_BUF Buf again;
            buf_init(&again, SNAPSHOT_MAX_BYTES);
            if (root)
                ok(snapshot_encode(root, &again));
            refused += root == NULL;
            free(copy);
        }
    }
    assert_true(refused > bytes.len); // pointers, counts, enums, bools, ends of strings
}

// ---- a layer with a snapshot ----

static SpecsStats stats;

static PackageSet *load(void) {
    PackageSet *set = NULL;
    SpecsOptions options = {.start = scratch("layer"),
                            .home = STR(""),
                            .target = {ARCH_AMD64, OS_LINUX},
                            .snapshot_dir = scratch("snapshots"),
                            .program = scratch("program").ptr,
                            .stats = &stats};
    ok(specs_load(&options, scratch_arena, &set));
    return set;
}

// Until the clock of file systems has moved past this moment, so that what was written before has an older time. That
// clock runs behind the real one, which newer kernels stamp with where somebody has looked.
static void let_the_clock_tick(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    while (stamps_now_ns() <= (int64_t)now.tv_sec * 1000000000 + now.tv_nsec)
        usleep(500);
}

static const char first_spec[] = "let { BuildSpec, Local, .. } = import \"minimal.ncl\" in\n"
                                 "let shared = import \"../shared.ncl\" in\n"
                                 "{ name = \"one\", build_deps = [{ file = \"build.sh\" } | Local],\n"
                                 "  cmd = shared.command, attrs.upstream_version = shared.version } | BuildSpec\n";

static void make_layer(void) {
    write_file("program", "the program");
    write_file("layer/minimal.toml", "legacy = false\n");
    write_file("layer/packages/one/build.ncl", first_spec);
    write_file("layer/packages/one/build.sh", "#!/bin/sh\n");
    write_file("layer/packages/shared.ncl", "let far = import \"../far.ncl\" in\n"
                                            "{ command = \"./build.sh\", version = far.version }\n");
    write_file("layer/far.ncl", "{ version = \"1\" }\n");
    let_the_clock_tick();
}

static const char *version_of_one(const PackageSet *set) {
    PackageIndex index = package_find(set, STR("one"));
    assert_int_not_equal(index, PACKAGE_NONE);
    return set->packages[index].version.ptr;
}

static PackageSet *load_expecting(bool from_snapshot) {
    PackageSet *set = load();
    assert_int_equal(stats.from_snapshot, from_snapshot);
    return set;
}

static void the_second_load_reads_the_snapshot(void **state) {
    (void)state;
    make_layer();
    PackageSet *evaluated = load_expecting(false), *read = load_expecting(true);
    assert_int_equal(read->count, evaluated->count);
    assert_string_equal(version_of_one(read), "1");
    assert_string_equal(read->packages[0].inputs[0].local.path.ptr, scratch("layer/packages/one/build.sh").ptr);
    assert_ptr_equal(read->arena, scratch_arena);
}

static void notices_a_byte_with_size_and_mtime_restored(void **state) {
    (void)state;
    make_layer();
    struct stat before;
    Str path = scratch("layer/far.ncl");
    load_expecting(false);
    let_the_clock_tick();
    assert_int_equal(stat(path.ptr, &before), 0);
    write_file("layer/far.ncl", "{ version = \"2\" }\n");
    struct timespec times[2] = {before.st_atim, before.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, path.ptr, times, 0), 0);
    assert_string_equal(version_of_one(load_expecting(false)), "2");
    load_expecting(true);
}

static void notices_edits_in_the_same_tick(void **state) {
    (void)state;
    make_layer();
    load();
    for (int i = 0; i < 50; i++) {
        char text[40], want[2] = {(char)('0' + i % 10), '\0'};
        snprintf(text, sizeof text, "{ version = \"%s\" }\n", want);
        write_file("layer/far.ncl", text);
        assert_string_equal(version_of_one(load()), want);
    }
}

// What the loop above may not hit on kernels that give finer times when somebody looks: a stamp of a state that was
// overwritten within the tick, so that only the content can tell.
static void a_racy_stamp_is_checked_by_content(void **state) {
    (void)state;
    Stamps stamps;
    const Stamp *stamp;
    write_file("file", "old");
    ok(stamps_init(&stamps, scratch_arena, scratch_path));
    ok(stamps_file(&stamps, STR("file"), scratch_arena, &stamp, NULL));
    Stamp overwritten = *stamp;
    overwritten.content = hash_bytes(STR("as it was a moment before"));
    int64_t later = stamp->ctime_ns + 1, earlier = stamp->ctime_ns;
    assert_true(stamp_holds(stamp, stamps.root, earlier));
    assert_true(stamp_holds(stamp, stamps.root, later));
    assert_false(stamp_holds(&overwritten, stamps.root, earlier));
    assert_true(stamp_holds(&overwritten, stamps.root, later));
    stamps_release(&stamps);
}

static void whole_seconds_are_racy_for_longer(void **state) {
    (void)state;
    Stamp stamp = {.path = STR("x"), .kind = STAMP_FILE, .mtime_ns = 5000000000, .ctime_ns = 5000000000};
    assert_true(stamp_is_racy(&stamp, 6900000000));
    assert_false(stamp_is_racy(&stamp, 7100000000));
    stamp.ctime_ns = 5000000001;
    assert_false(stamp_is_racy(&stamp, 6900000000));
}

static void racy_stamps_are_settled_once_they_are_old(void **state) {
    (void)state;
    make_layer();
    write_file("layer/far.ncl", "{ version = \"3\" }\n"); // in the tick in which loading begins
    load();
    let_the_clock_tick();
    load_expecting(true);
    struct stat settled, after;
    AUTO_BUF Buf list;
    buf_init(&list, BUF_NO_LIMIT);
    DIR *dir = opendir(scratch("snapshots").ptr);
    assert_non_null(dir);
    Str name = STR("");
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            name = arena_printf(scratch_arena, "snapshots/%s", entry->d_name);
    closedir(dir);
    assert_int_equal(stat(scratch(name.ptr).ptr, &settled), 0);
    load_expecting(true); // finds nothing racy, and so leaves the file alone
    assert_int_equal(stat(scratch(name.ptr).ptr, &after), 0);
    assert_int_equal(settled.st_ino, after.st_ino);
}

static void notices_a_changed_import_two_levels_up(void **state) {
    (void)state;
    make_layer();
    load_expecting(false);
    write_file("layer/far.ncl", "{ version = \"1.2.3\" }\n");
    assert_string_equal(version_of_one(load_expecting(false)), "1.2.3");
}

static void notices_a_new_package_directory(void **state) {
    (void)state;
    make_layer();
    assert_int_equal(load_expecting(false)->count, 1);
    write_file("layer/packages/two/build.ncl",
               "let { BuildSpec, .. } = import \"minimal.ncl\" in { name = \"two\", build_deps = [] } | BuildSpec");
    assert_int_equal(load_expecting(false)->count, 2);
    assert_int_equal(load_expecting(true)->count, 2);
}

static void notices_a_spec_in_a_directory_that_had_none(void **state) {
    (void)state;
    make_layer();
    make_dir("layer/packages/two");
    let_the_clock_tick();
    assert_int_equal(load_expecting(false)->count, 1);
    write_file("layer/packages/two/build.ncl",
               "let { BuildSpec, .. } = import \"minimal.ncl\" in { name = \"two\", build_deps = [] } | BuildSpec");
    assert_int_equal(load_expecting(false)->count, 2);
}

static void notices_a_package_that_is_gone(void **state) {
    (void)state;
    make_layer();
    write_file("layer/packages/two/build.ncl",
               "let { BuildSpec, .. } = import \"minimal.ncl\" in { name = \"two\", build_deps = [] } | BuildSpec");
    assert_int_equal(load_expecting(false)->count, 2);
    ok(fd_remove_tree(AT_FDCWD, scratch("layer/packages/two").ptr));
    assert_int_equal(load_expecting(false)->count, 1);
}

static void notices_a_changed_local_file(void **state) {
    (void)state;
    make_layer();
    Hash before = load_expecting(false)->packages[0].inputs[0].local.sha256;
    write_file("layer/packages/one/build.sh", "#!/bin/ax\n");
    assert_false(hash_eq(before, load_expecting(false)->packages[0].inputs[0].local.sha256));
    assert_int_equal(chmod(scratch("layer/packages/one/build.sh").ptr, 0755), 0);
    assert_true(load_expecting(false)->packages[0].inputs[0].local.is_exec);
}

static void notices_a_changed_minimal_toml(void **state) {
    (void)state;
    make_layer();
    assert_false(load_expecting(false)->layers[0].legacy);
    write_file("layer/minimal.toml", "legacy = true \n");
    assert_true(load_expecting(false)->layers[0].legacy);
}

static void notices_a_new_stack(void **state) {
    (void)state;
    make_layer();
    assert_int_equal(load_expecting(false)->harness_count, 0);
    write_file("layer/stacks/make/stack.ncl",
               "let { stack, .. } = import \"minimal.ncl\" in stack { name = \"make\" }");
    assert_int_equal(load_expecting(false)->harness_count, 1);
}

static void notices_changes_in_the_layer_above(void **state) {
    (void)state;
    make_layer();
    write_file("layer/minimal.toml", "[upstream]\ndir = \"../up\"\n");
    write_file("up/packages/two/build.ncl",
               "let { BuildSpec, .. } = import \"minimal.ncl\" in { name = \"two\", build_deps = [] } | BuildSpec");
    assert_int_equal(load_expecting(false)->layer_count, 2);
    load_expecting(true);
    write_file("up/minimal.toml", "legacy = true\n"); // there was none
    assert_true(load_expecting(false)->layers[0].legacy);
    write_file("up/packages/three/build.ncl",
               "let { BuildSpec, .. } = import \"minimal.ncl\" in { name = \"three\", build_deps = [] } | BuildSpec");
    assert_int_equal(load_expecting(false)->count, 3);
    write_file("up/.minimal/minimal.toml", ""); // another place for the layer's file, next to the first
    PackageSet *set;
    SpecsOptions options = {.start = scratch("layer"), .home = STR(""), .snapshot_dir = scratch("snapshots")};
    options.program = scratch("program").ptr;
    assert_fails(specs_load(&options, scratch_arena, &set),
                 "minimal.toml:2:7: ../up has both minimal.toml and .minimal/minimal.toml");
}

static void notices_another_program(void **state) {
    (void)state;
    make_layer();
    load_expecting(false);
    load_expecting(true);
    write_file("program", "the Program");
    let_the_clock_tick();
    load_expecting(false);
    load_expecting(true);
    write_file("new program", "the Program");
    assert_int_equal(rename(scratch("new program").ptr, scratch("program").ptr), 0);
    let_the_clock_tick();
    load_expecting(false);
}

static Str snapshot_file(void) {
    DIR *dir = opendir(scratch("snapshots").ptr);
    assert_non_null(dir);
    Str name = STR("");
    for (struct dirent *entry; (entry = readdir(dir));)
        if (str_ends_with(str_from(entry->d_name), STR(".specs")))
            name = arena_printf(scratch_arena, "%s/snapshots/%s", scratch_path, entry->d_name);
    closedir(dir);
    assert_true(name.len > 0);
    return name;
}

static void rewrite(Str path, Str bytes) {
    AUTO_FD int fd = -1;
    ok(fd_open(AT_FDCWD, path.ptr, O_WRONLY | O_TRUNC, 0, &fd));
    ok(fd_write_all(fd, bytes.ptr, bytes.len));
}

static void a_broken_snapshot_is_evaluated_anew(void **state) {
    (void)state;
    make_layer();
    load_expecting(false);
    Str path = snapshot_file();
    AUTO_BUF Buf whole;
    buf_init(&whole, BUF_NO_LIMIT);
    ok(fd_read_file(AT_FDCWD, path.ptr, &whole));
    for (size_t at = 0; at < whole.len; at += 61) {
        AUTO_FREE char *copy = mem_dup(whole.ptr, whole.len);
        copy[at] = (char)(copy[at] ^ 0x10);
        rewrite(path, (Str){copy, whole.len});
        bool in_reserved_bytes = at >= 80 && at < 96;
        if (!in_reserved_bytes)
            assert_string_equal(version_of_one(load_expecting(false)), "1");
    }
    const size_t cuts[] = {0, 1, 95, 96, 97, whole.len / 2, whole.len - 1};
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        rewrite(path, (Str){whole.ptr, cuts[i]});
        assert_string_equal(version_of_one(load_expecting(false)), "1");
    }
    load_expecting(true);
}

static void what_others_could_write_is_not_read(void **state) {
    (void)state;
    make_layer();
    load_expecting(false);
    assert_int_equal(chmod(snapshot_file().ptr, 0666), 0);
    load_expecting(false);
    load_expecting(true); // it was replaced by one of our own
    Str path = snapshot_file(), moved = scratch("moved");
    assert_int_equal(rename(path.ptr, moved.ptr), 0);
    assert_int_equal(symlink(moved.ptr, path.ptr), 0);
    load_expecting(false);
}

static void no_place_for_snapshots_is_no_error(void **state) {
    (void)state;
    make_layer();
    write_file("snapshots", "a file where the directory should be");
    assert_string_equal(version_of_one(load_expecting(false)), "1");
    assert_string_equal(version_of_one(load_expecting(false)), "1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        SCRATCH_TEST(a_body_comes_back_the_same),
        SCRATCH_TEST(a_shorter_body_is_none),
        SCRATCH_TEST(a_changed_byte_leads_nowhere),
        SCRATCH_TEST(a_racy_stamp_is_checked_by_content),
        SCRATCH_TEST(whole_seconds_are_racy_for_longer),
        SCRATCH_TEST(the_second_load_reads_the_snapshot),
        SCRATCH_TEST(notices_a_byte_with_size_and_mtime_restored),
        SCRATCH_TEST(notices_edits_in_the_same_tick),
        SCRATCH_TEST(racy_stamps_are_settled_once_they_are_old),
        SCRATCH_TEST(notices_a_changed_import_two_levels_up),
        SCRATCH_TEST(notices_a_new_package_directory),
        SCRATCH_TEST(notices_a_spec_in_a_directory_that_had_none),
        SCRATCH_TEST(notices_a_package_that_is_gone),
        SCRATCH_TEST(notices_a_changed_local_file),
        SCRATCH_TEST(notices_a_changed_minimal_toml),
        SCRATCH_TEST(notices_a_new_stack),
        SCRATCH_TEST(notices_changes_in_the_layer_above),
        SCRATCH_TEST(notices_another_program),
        SCRATCH_TEST(a_broken_snapshot_is_evaluated_anew),
        SCRATCH_TEST(what_others_could_write_is_not_read),
        SCRATCH_TEST(no_place_for_snapshots_is_no_error),
    };
    return cmocka_run_group_tests_name("specs_snapshot", tests, NULL, NULL);
}

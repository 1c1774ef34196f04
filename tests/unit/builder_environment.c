// Around a build: its variables, how its first word becomes a program, how its files are laid, and where all that we
// write has its place.
#include "builder/environment.h"
#include "builder/paths.h"
#include "builder/sources.h"
#include "store_helper.h"

#include <sys/stat.h>

// ---- variables ----

static void test_names_of_args(void **state) {
    Fixture *fixture = *state;
    static const struct {
        const char *name, *want;
    } cases[] = {{"version", "MINIMAL_ARG_VERSION"},
                 {" with space ", "MINIMAL_ARG_WITH SPACE"},
                 {"a=b:c/d\"e'f", "MINIMAL_ARG_ABCDEF"},
                 {"x-1.y", "MINIMAL_ARG_X-1.Y"},
                 {"", "MINIMAL_ARG_"},
                 {"\xc3\xa9", "MINIMAL_ARG_\xc3\xa9"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(environment_arg_name(fixture->arena, str_from(cases[i].name)).ptr, cases[i].want);
}

static void test_variables(void **state) {
    Fixture *fixture = *state;
    NamedValue args[] = {{STR("a"), STR("1")}, {STR("ab"), STR("two words")}};
    Package package = {.name = STR("p"), .build_args = {args, 2}};
    for (int for_test = 0; for_test < 2; for_test++) {
        const char *const *env;
        ok(environment_variables(&package, for_test, fixture->arena, &env));
        size_t count = 0, base_count = 0;
        while (env[count])
            count++;
        while (sandbox_base_env()[base_count])
            base_count++;
        assert_int_equal(count, base_count + (for_test ? 2 : 3));
        assert_string_equal(env[count - 2], "MINIMAL_ARG_A=1");
        assert_string_equal(env[count - 1], "MINIMAL_ARG_AB=two words");
        if (!for_test)
            assert_string_equal(env[base_count], "OUTPUT_DIR=/build/output");
    }
}

static void test_a_value_that_no_variable_can_hold(void **state) {
    Fixture *fixture = *state;
    NamedValue args[] = {{STR("a"), {"x\0y", 3}}};
    Package package = {.name = STR("p"), .build_args = {args, 1}, .span = {STR("build.ncl"), 3, 1, 3, 2, {0}}};
    const char *const *env;
    assert_fails(fixture, environment_variables(&package, false, fixture->arena, &env), ERROR_INVALID,
                 "build.ncl:3:1: 'p': the value of build_args.a holds a NUL byte");
}

// ---- programs ----

static Error *find_program(Fixture *fixture, const char *word, const char **out) {
    AUTO_WORKSPACE Workspace workspace = WORKSPACE_NONE;
    ok(fd_remove_tree(fixture->dirfd, "box"));
    ok(fd_make_dirs(fixture->dirfd, "box"));
    AUTO_FD int box = -1;
    ok(fd_open(fixture->dirfd, "box", O_RDONLY | O_DIRECTORY, 0, &box));
    ok(workspace_new(box, "box", true, &workspace));
    write_file(fixture, "box/build/build.sh", "", 0755);
    write_file(fixture, "box/build/sub/run", "", 0755);
    write_file(fixture, "layer1/usr/bin/tool", "", 0755);
    write_file(fixture, "layer2/usr/bin/build.sh", "", 0755);
    SandboxLayer layers[] = {{fixture->dirfd, "layer1"}, {fixture->dirfd, "layer2"}};
    Str words[] = {str_from(word), STR("argument")};
    Command command = {{words, 2}};
    const char *const *argv;
    TRY(environment_argv(&command, &workspace, layers, 2, fixture->arena, &argv));
    assert_string_equal(argv[1], "argument");
    assert_null(argv[2]);
    *out = argv[0];
    return NULL;
}

static void test_where_programs_are_found(void **state) {
    static const struct {
        const char *word, *want;
    } cases[] = {{"/anything", "/anything"}, {"./build.sh", "./build.sh"}, {"build.sh", "./build.sh"},
                 {"sub/run", "sub/run"},     {"tool", "/usr/bin/tool"},    {"output", "./output"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *path;
        ok(find_program(*state, cases[i].word, &path));
        assert_string_equal(path, cases[i].want);
    }
}

static void test_programs_that_are_not_there(void **state) {
    const char *path;
    assert_fails(*state, find_program(*state, "gcc", &path), ERROR_NOT_FOUND,
                 "there is no 'gcc' in /build nor in /usr/bin of the root\n"
                 "hint: a dependency that has it belongs into the spec");
    assert_fails(*state, find_program(*state, "./gone.sh", &path), ERROR_NOT_FOUND,
                 "there is no './gone.sh' in /build nor in /usr/bin of the root\n"
                 "hint: a dependency that has it belongs into the spec");
    assert_fails(*state, find_program(*state, "", &path), ERROR_INVALID, "a command without words");
}

// ---- private directories ----

static void test_directories_have_their_modes(void **state) {
    Fixture *fixture = *state;
    ok(fd_make_dirs(fixture->dirfd, "box"));
    AUTO_FD int box = -1;
    ok(fd_open(fixture->dirfd, "box", O_RDONLY | O_DIRECTORY, 0, &box));
    mode_t old = umask(077);
    AUTO_WORKSPACE Workspace workspace = WORKSPACE_NONE;
    ok(workspace_new(box, "box", true, &workspace));
    umask(old);
    uid_t uid;
    gid_t gid;
    ok(sandbox_owner(&uid, &gid));
    static const struct {
        const char *path;
        mode_t mode;
    } want[] = {{"box/build", 0755},
                {"box/tmp", 01777},
                {"box/tmp/home", 0755},
                {"box/state", 0755},
                {"box/state/home", 0755},
                {"box/state/data", 0755},
                {"box/state/state", 0755},
                {"box/state/cache", 0755},
                {"box/run", 0700},
                {"box/build/output", 0755},
                {"box/build/output/usr/lib", 0755}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct stat st = stat_of(fixture, want[i].path);
        assert_int_equal(st.st_mode & 07777, want[i].mode);
        assert_int_equal(st.st_uid, uid);
        assert_int_equal(st.st_gid, gid);
    }
    SandboxMount mounts[WORKSPACE_MOUNTS];
    workspace_mounts(&workspace, mounts);
    assert_string_equal(mounts[0].path, "/build");
    assert_false(mounts[0].read_only);
}

static void test_giving_follows_no_link(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "outside", "", 0644);
    write_file(fixture, "box/in/file", "", 0644);
    assert_int_equal(symlinkat("../../outside", fixture->dirfd, "box/in/link"), 0);
    AUTO_FD int box = -1;
    ok(fd_open(fixture->dirfd, "box", O_RDONLY | O_DIRECTORY, 0, &box));
    ok(workspace_give(box));
    uid_t uid;
    gid_t gid;
    ok(sandbox_owner(&uid, &gid));
    assert_int_equal(stat_of(fixture, "box/in/file").st_uid, uid);
    assert_int_equal(stat_of(fixture, "box/in/link").st_uid, uid);
    assert_int_equal(stat_of(fixture, "outside").st_uid, geteuid());
}

// ---- inputs ----

typedef struct Laying {
    Fixture *fixture;
    Package package;
    Input inputs[4];
} Laying;

static void add_source(Laying *laying, const char *name, const char *text) {
    Fixture *fixture = laying->fixture;
    write_file(fixture, name, text, 0755);
    laying->inputs[laying->package.input_count++] =
        (Input){.kind = INPUT_SOURCE,
                .span = {STR("build.ncl"), 4, 7, 4, 8, {0}},
                .source = {.path = arena_printf(fixture->arena, "%s/%s", fixture->path, name),
                           .name = str_from(name),
                           .sha256 = hash_bytes(str_from(text))}};
}

static Error *lay(Laying *laying) {
    Fixture *fixture = laying->fixture;
    laying->package.name = STR("p");
    laying->package.inputs = laying->inputs;
    AUTO_STAGING Staging *staging = NULL;
    ok(staging_new(fixture->store, &staging));
    ok(fd_make_dirs(fixture->dirfd, "into"));
    AUTO_FD int into = -1;
    ok(fd_open(fixture->dirfd, "into", O_RDONLY | O_DIRECTORY, 0, &into));
    SourcesRequest request = {.store = fixture->store, .package = &laying->package};
    return sources_lay(&request, staging, into);
}

static void test_files_are_private_copies(void **state) {
    Laying laying = {.fixture = *state};
    add_source(&laying, "data.txt", "text");
    ok(lay(&laying));
    struct stat copy = stat_of(*state, "into/data.txt"), original = stat_of(*state, "data.txt");
    assert_true(copy.st_ino != original.st_ino);
    assert_int_equal(copy.st_mode & 07777, 0644); // a Source is data, whatever the file's mode is
    assert_int_equal(copy.st_mtime, 315619200);
    assert_int_equal(copy.st_size, 4);
}

static void test_a_file_takes_the_place_of_what_was_unpacked(void **state) {
    Laying laying = {.fixture = *state};
    write_file(*state, "into/data.txt", "from an archive", 0644);
    add_source(&laying, "data.txt", "text");
    ok(lay(&laying));
    assert_int_equal(stat_of(*state, "into/data.txt").st_size, 4);
}

static void test_a_file_against_a_directory(void **state) {
    Laying laying = {.fixture = *state};
    write_file(*state, "into/data.txt/x", "from an archive", 0644);
    add_source(&laying, "data.txt", "text");
    assert_fails(*state, lay(&laying), ERROR_CONFLICT,
                 "build.ncl:4:7: 'p': two inputs both bring 'data.txt' into /build");
}

static void test_two_files_of_one_name(void **state) {
    Laying laying = {.fixture = *state};
    add_source(&laying, "data.txt", "text");
    add_source(&laying, "data.txt", "text");
    assert_fails(*state, lay(&laying), ERROR_CONFLICT,
                 "build.ncl:4:7: 'p': two inputs both bring 'data.txt' into /build");
}

static void test_names_that_lead_away(void **state) {
    static const char *const names[] = {"..", "a/b", ".", ""};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        Laying laying = {.fixture = *state};
        add_source(&laying, "data.txt", "text");
        laying.inputs[0].source.name = str_from(names[i]);
        AUTO_BUF Buf want;
        buf_init(&want, BUF_NO_LIMIT);
        buf_printf(&want, "build.ncl:4:7: 'p': an input cannot be called '%s' in /build", names[i]);
        assert_fails(*state, lay(&laying), ERROR_INVALID, buf_cstr(&want));
    }
}

static void test_a_file_that_changed(void **state) {
    Laying laying = {.fixture = *state};
    add_source(&laying, "data.txt", "text");
    write_file(*state, "data.txt", "tExt", 0644);
    assert_fails(*state, lay(&laying), ERROR_MISMATCH,
                 "build.ncl:4:7: 'p': @/data.txt changed after its spec was read\n"
                 "hint: run it again, when nobody writes to it");
}

static void test_a_file_that_is_gone(void **state) {
    Laying laying = {.fixture = *state};
    add_source(&laying, "data.txt", "text");
    assert_int_equal(unlinkat(laying.fixture->dirfd, "data.txt", 0), 0);
    assert_fails(*state, lay(&laying), ERROR_SYSTEM,
                 "build.ncl:4:7: cannot open @/data.txt: No such file or directory");
}

// ---- paths ----

static void set_variable(const char *name, const char *value) {
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}

static void test_where_things_are_kept(void **state) {
    Fixture *fixture = *state;
    static const struct {
        const char *cache, *state_home, *dir;
        const char *want_store, *want_logs; // @ is the home
    } cases[] = {
        {NULL, NULL, NULL, "@/.cache/minimal/store", "@/.local/state/minimal/logs"},
        {"/c", "/s", NULL, "/c/minimal/store", "/s/minimal/logs"},
        {"relative", "", NULL, "@/.cache/minimal/store", "@/.local/state/minimal/logs"},
        {"/c", "/s", "/d/./x/..", "/d/cache/store", "/d/state/logs"},
    };
    set_variable("HOME", fixture->path);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        Paths paths;
        set_variable("XDG_CACHE_HOME", cases[i].cache);
        set_variable("XDG_STATE_HOME", cases[i].state_home);
        ok(paths_resolve(fixture->arena, cases[i].dir, &paths));
        const char *home = fixture->path;
        const char *const wants[] = {cases[i].want_store, cases[i].want_logs}, *const gots[] = {paths.store,
                                                                                                paths.logs};
        for (size_t j = 0; j < 2; j++) {
            bool below_home = wants[j][0] == '@';
            Str want = arena_printf(fixture->arena, "%s%s", below_home ? home : "", wants[j] + below_home);
            assert_string_equal(gots[j], want.ptr);
        }
    }
    set_variable("XDG_CACHE_HOME", NULL);
    set_variable("XDG_STATE_HOME", NULL);
}

static void test_no_home(void **state) {
    Fixture *fixture = *state;
    Paths paths;
    set_variable("XDG_CACHE_HOME", NULL);
    static const char *const homes[] = {NULL, "", "not/absolute"};
    for (size_t i = 0; i < ARRAY_LEN(homes); i++) {
        set_variable("HOME", homes[i]);
        assert_fails(fixture, paths_resolve(fixture->arena, NULL, &paths), ERROR_NOT_FOUND,
                     "HOME is not set to an absolute path, nor is XDG_CACHE_HOME\n"
                     "hint: set HOME, or choose a directory with --minimal-dir");
        ok(paths_resolve(fixture->arena, "/d", &paths));
    }
    assert_fails(fixture, paths_resolve(fixture->arena, "", &paths), ERROR_USAGE,
                 "--minimal-dir needs a directory, not an empty word");
}

static void test_root_stays_out_of_a_users_home(void **state) {
    Fixture *fixture = *state;
    if (geteuid() != 0)
        return; // only root can be somebody else's guest
    Paths paths;
    assert_int_equal(mkdirat(fixture->dirfd, "home", 0755), 0);
    assert_int_equal(fchownat(fixture->dirfd, "home", 65534, 65534, 0), 0);
    set_variable("HOME", arena_printf(fixture->arena, "%s/home", fixture->path).ptr);
    assert_fails(fixture, paths_resolve(fixture->arena, NULL, &paths), ERROR_DENIED,
                 "HOME is @/home, which belongs to user 65534, but this runs as root\n"
                 "hint: run it without sudo, or choose a directory of root's with --minimal-dir");
}

static const struct CMUnitTest tests[] = {
    STORE_TEST(test_names_of_args),
    STORE_TEST(test_variables),
    STORE_TEST(test_a_value_that_no_variable_can_hold),
    STORE_TEST(test_where_programs_are_found),
    STORE_TEST(test_programs_that_are_not_there),
    STORE_TEST(test_directories_have_their_modes),
    STORE_TEST(test_giving_follows_no_link),
    STORE_TEST(test_files_are_private_copies),
    STORE_TEST(test_a_file_takes_the_place_of_what_was_unpacked),
    STORE_TEST(test_a_file_against_a_directory),
    STORE_TEST(test_two_files_of_one_name),
    STORE_TEST(test_names_that_lead_away),
    STORE_TEST(test_a_file_that_changed),
    STORE_TEST(test_a_file_that_is_gone),
    STORE_TEST(test_where_things_are_kept),
    STORE_TEST(test_no_home),
    STORE_TEST(test_root_stays_out_of_a_users_home),
    cmocka_unit_test(passes_as_an_ordinary_user),
};

STORE_TESTS_MAIN(tests)

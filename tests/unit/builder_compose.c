// Roots as data: who wins a path, what is a conflict and how it is told, where links lead; and that a verdict about a
// closure is kept.
#include "builder/compose.h"
#include "store_helper.h"

#include <sys/stat.h>

static ComposeTree tree_of(const Fixture *fixture, const char *dir, const char *package, bool legacy) {
    Tree tree = add_tree(fixture, dir, false);
    return (ComposeTree){{str_from(package), STR("files"), legacy, false}, tree.hash};
}

static Error *compose_two(const Fixture *fixture, const ComposeTree *trees, size_t count, StrSlice prefer,
                          Composed *out) {
    ComposeRequest request = {trees, count, prefer, arena_printf(fixture->arena, "%s/verdicts", fixture->path).ptr};
    return compose(fixture->store, &request, fixture->arena, out);
}

static void test_equal_files_agree(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/share/x", "same", 0644);
    write_file(fixture, "a/usr/bin/a", "a", 0755);
    write_file(fixture, "b/usr/share/x", "same", 0644);
    write_file(fixture, "b/usr/bin/b", "b", 0755);
    ComposeTree trees[] = {tree_of(fixture, "a", "a", false), tree_of(fixture, "b", "b", false)};
    Composed composed;
    ok(compose_two(fixture, trees, 2, (StrSlice){0}, &composed));
    assert_int_equal(composed.count, 2);
    assert_int_equal(composed.warnings.count, 0);
    assert_string_equal(composed.layers[0].path, store_tree_path(fixture->arena, trees[0].tree).ptr);
    assert_string_equal(composed.layers[1].path, store_tree_path(fixture->arena, trees[1].tree).ptr);
}

static void test_one_tree_twice_is_one_layer(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/share/x", "same", 0644);
    ComposeTree trees[] = {tree_of(fixture, "a", "a", false), tree_of(fixture, "a", "b", false)};
    Composed composed;
    ok(compose_two(fixture, trees, 2, (StrSlice){0}, &composed));
    assert_int_equal(composed.count, 1);
}

static void test_different_files_clash(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/share/x", "one", 0644);
    write_file(fixture, "b/usr/share/x", "other", 0644);
    ComposeTree trees[] = {tree_of(fixture, "a", "a", false), tree_of(fixture, "b", "b", true)};
    Composed composed;
    assert_fails(fixture, compose_two(fixture, trees, 2, (StrSlice){0}, &composed), ERROR_CONFLICT,
                 "/usr/share/x differs between 'a' (output files) and 'b' (output files)\n"
                 "hint: `prefer = [\"a\"]` in the spec takes its file");
}

static void test_a_mode_is_a_difference(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/bin/x", "same", 0755);
    write_file(fixture, "b/usr/bin/x", "same", 0644);
    ComposeTree trees[] = {tree_of(fixture, "a", "a", false), tree_of(fixture, "b", "b", false)};
    Composed composed;
    assert_fails(fixture, compose_two(fixture, trees, 2, (StrSlice){0}, &composed), ERROR_CONFLICT,
                 "/usr/bin/x differs between 'a' (output files) and 'b' (output files)\n"
                 "hint: `prefer = [\"a\"]` in the spec takes its file");
}

static void test_links_that_differ(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/lib/x", "", 0644);
    write_file(fixture, "b/usr/lib/x", "", 0644);
    assert_int_equal(symlinkat("x", fixture->dirfd, "a/usr/lib/l"), 0);
    assert_int_equal(symlinkat("y", fixture->dirfd, "b/usr/lib/l"), 0);
    ComposeTree trees[] = {tree_of(fixture, "a", "a", false), tree_of(fixture, "b", "b", false)};
    Composed composed;
    assert_fails(fixture, compose_two(fixture, trees, 2, (StrSlice){0}, &composed), ERROR_CONFLICT,
                 "/usr/lib/l differs between 'a' (output files) and 'b' (output files)\n"
                 "hint: `prefer = [\"a\"]` in the spec takes its file");
}

static void test_preferred_files_win(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/share/x", "one", 0644);
    write_file(fixture, "b/usr/share/x", "other", 0644);
    ComposeTree trees[] = {tree_of(fixture, "a", "a", false), tree_of(fixture, "b", "b", false)};
    Str names[] = {STR("b")};
    Composed composed;
    ok(compose_two(fixture, trees, 2, (StrSlice){names, 1}, &composed));
    assert_string_equal(composed.layers[0].path, store_tree_path(fixture->arena, trees[1].tree).ptr);
}

static void test_legacy_layers_are_warned_about(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/share/x", "one", 0644);
    write_file(fixture, "b/usr/share/x", "other", 0644);
    ComposeTree trees[] = {tree_of(fixture, "a", "a", true), tree_of(fixture, "b", "b", true)};
    for (int round = 0; round < 2; round++) { // the second time from the verdict that was kept
        Composed composed;
        ok(compose_two(fixture, trees, 2, (StrSlice){0}, &composed));
        assert_int_equal(composed.warnings.count, 1);
        assert_string_equal(composed.warnings.items[0].ptr,
                            "/usr/share/x differs between 'a' (output files), whose is taken, and 'b' (output files)");
    }
}

static void test_a_directory_against_a_file(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/share/x", "file", 0644);
    write_file(fixture, "b/usr/share/x/y", "in a directory", 0644);
    ComposeTree forth[] = {tree_of(fixture, "a", "a", true), tree_of(fixture, "b", "b", true)};
    ComposeTree back[] = {forth[1], forth[0]};
    Composed composed;
    assert_fails(fixture, compose_two(fixture, forth, 2, (StrSlice){0}, &composed), ERROR_CONFLICT,
                 "/usr/share/x is a directory in one of 'a' (output files) and 'b' (output files), and none in the "
                 "other");
    assert_fails(fixture, compose_two(fixture, back, 2, (StrSlice){0}, &composed), ERROR_CONFLICT,
                 "/usr/share/x is a directory in one of 'b' (output files) and 'a' (output files), and none in the "
                 "other");
}

static void test_names_that_every_root_links(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "bin/bin/x", "", 0755);
    write_file(fixture, "lib64/usr/lib64/x", "", 0644);
    ComposeTree bin = tree_of(fixture, "bin", "a", true), lib64 = tree_of(fixture, "lib64", "b", true);
    Composed composed;
    assert_fails(fixture, compose_two(fixture, &bin, 1, (StrSlice){0}, &composed), ERROR_CONFLICT,
                 "/bin is a directory in 'a', but in every root it is a link to usr/bin\n"
                 "hint: install into usr/bin instead");
    assert_fails(fixture, compose_two(fixture, &lib64, 1, (StrSlice){0}, &composed), ERROR_CONFLICT,
                 "/usr/lib64 is a directory in 'b', but in every root it is a link to usr/lib\n"
                 "hint: install into usr/lib instead");
}

static void test_a_tree_that_is_gone(void **state) {
    Fixture *fixture = *state;
    ComposeTree tree = {{STR("a"), STR("files"), false, false}, hash_bytes(STR("nothing"))};
    Composed composed;
    AUTO_ERROR Error *error = compose_two(fixture, &tree, 1, (StrSlice){0}, &composed);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_NOT_FOUND);
    assert_string_equal(error_text(error), "'a'");
}

// The second time no manifest is read: the verdict answers even when the trees are gone.
static void test_the_verdict_is_kept(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/share/x", "one", 0644);
    ComposeTree tree = tree_of(fixture, "a", "a", false);
    Composed composed;
    ok(compose_two(fixture, &tree, 1, (StrSlice){0}, &composed));
    ok(fd_remove_tree(fixture->dirfd, "store/objects"));
    ok(compose_two(fixture, &tree, 1, (StrSlice){0}, &composed));
    assert_int_equal(composed.count, 1);
}

static void test_a_torn_verdict_is_none(void **state) {
    Fixture *fixture = *state;
    write_file(fixture, "a/usr/share/x", "one", 0644);
    write_file(fixture, "b/usr/share/x", "other", 0644);
    ComposeTree trees[] = {tree_of(fixture, "a", "a", true), tree_of(fixture, "b", "b", true)};
    Composed composed;
    ok(compose_two(fixture, trees, 2, (StrSlice){0}, &composed));
    AUTO_FD int dirfd = -1;
    ok(fd_open(fixture->dirfd, "verdicts", O_RDONLY | O_DIRECTORY, 0, &dirfd));
    AUTO_DIR DIR *dir = fdopendir(dup(dirfd));
    unsigned torn = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            assert_int_equal(
                truncate(arena_printf(fixture->arena, "%s/verdicts/%s", fixture->path, entry->d_name).ptr, 30), 0);
            torn++;
        }
    assert_int_equal(torn, 1);
    ok(compose_two(fixture, trees, 2, (StrSlice){0}, &composed));
    assert_int_equal(composed.warnings.count, 1);
}

static void test_more_trees_than_an_overlay_holds(void **state) {
    Fixture *fixture = *state;
    enum { COUNT = COMPOSE_LAYERS_MAX + 3 };
    ComposeTree *trees = ARENA_ARRAY(fixture->arena, ComposeTree, COUNT);
    for (unsigned i = 0; i < COUNT; i++) {
        char dir[32], path[64];
        snprintf(dir, sizeof dir, "t%u", i);
        snprintf(path, sizeof path, "t%u/usr/share/f%u", i, i);
        write_file(fixture, path, dir, 0644);
        trees[i] = tree_of(fixture, dir, "p", false);
    }
    for (int round = 0; round < 2; round++) {
        Composed composed;
        ok(compose_two(fixture, trees, COUNT, (StrSlice){0}, &composed));
        assert_int_equal(composed.count, COMPOSE_LAYERS_MAX);
        const char *merged = composed.layers[COMPOSE_LAYERS_MAX - 1].path;
        for (unsigned i = 0; i < COUNT; i++) {
            const char *path = arena_printf(fixture->arena, "store/%s/usr/share/f%u", merged, i).ptr;
            assert_int_equal(exists(fixture, path), i >= COMPOSE_LAYERS_MAX - 1);
        }
    }
}

// ---- following links ----

static void put_link(TreeEntry *entry, const char *path, const char *target) {
    *entry = (TreeEntry){.path = str_from(path), .kind = TREE_LINK, .link_target = str_from(target)};
}

static void test_following(void **state) {
    Fixture *fixture = *state;
    static const RootSource source = {{"p", 1}, {"o", 1}, false, false};
    TreeEntry entries[12] = {{.path = STR("usr/bin/real"), .kind = TREE_EXEC},
                             {.path = STR("usr/lib/libz.so.1"), .kind = TREE_FILE},
                             {.path = STR("usr/share/d/f"), .kind = TREE_FILE}};
    put_link(&entries[3], "usr/bin/rel", "../lib/libz.so.1");
    put_link(&entries[4], "usr/bin/abs", "/usr/share/d");
    put_link(&entries[5], "usr/bin/out", "../../../etc/x");
    put_link(&entries[6], "usr/bin/loop", "loop");
    put_link(&entries[7], "usr/bin/gone", "nothing");
    put_link(&entries[8], "usr/bin/box", "/proc/self/mounts");
    put_link(&entries[9], "usr/bin/merged", "/lib64/libz.so.1");
    put_link(&entries[10], "usr/bin/through", "abs//f");
    put_link(&entries[11], "usr/bin/below", "real/x");
    AUTO_ROOT Root *root = root_new(fixture->arena);
    ok(root_add(root, entries, ARRAY_LEN(entries), &source, NULL, NULL));
    root_add_skeleton(root);
    static const struct {
        const char *path;
        RootFound found;
        const char *at; // where it leads, or what is missing
    } cases[] = {
        {"real", ROOT_FOUND, "usr/bin/real"},
        {"rel", ROOT_FOUND, "usr/lib/libz.so.1"},
        {"abs", ROOT_FOUND, "usr/share/d"},
        {"abs/f", ROOT_FOUND, "usr/share/d/f"},
        {"out", ROOT_LEAVES, NULL},
        {"loop", ROOT_LOOP, NULL},
        {"gone", ROOT_MISSING, "usr/bin/nothing"},
        {"box", ROOT_FOUND, NULL},
        {"merged", ROOT_FOUND, "usr/lib/libz.so.1"},
        {"through", ROOT_FOUND, "usr/share/d/f"},
        {"below", ROOT_MISSING, "usr/bin/real"},
        {"/bin/real", ROOT_FOUND, "usr/bin/real"},
        {"/etc/passwd", ROOT_FOUND, "etc/passwd"},
        {"/", ROOT_FOUND, NULL},
        {".././bin/real", ROOT_FOUND, "usr/bin/real"},
        {"../../..", ROOT_LEAVES, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const RootNode *node = NULL;
        Str missing = STR_NULL;
        RootFound found = root_follow(root, STR("usr/bin"), str_from(cases[i].path), fixture->arena, &node, &missing);
        Str at = found == ROOT_MISSING ? missing : node ? node->path : STR_NULL;
        if (found != cases[i].found ||
            (found != ROOT_LEAVES && found != ROOT_LOOP && !str_eq(at, str_from(cases[i].at))))
            fail_msg("%s: %d at %.*s", cases[i].path, (int)found, STR_ARG(at));
    }
    assert_true(str_is(root_find_name(root, STR("libz.so.1"))->path, "usr/lib/libz.so.1"));
    assert_null(root_find_name(root, STR("libz.so.2")));
}

static const struct CMUnitTest tests[] = {
    STORE_TEST(test_equal_files_agree),
    STORE_TEST(test_one_tree_twice_is_one_layer),
    STORE_TEST(test_different_files_clash),
    STORE_TEST(test_a_mode_is_a_difference),
    STORE_TEST(test_links_that_differ),
    STORE_TEST(test_preferred_files_win),
    STORE_TEST(test_legacy_layers_are_warned_about),
    STORE_TEST(test_a_directory_against_a_file),
    STORE_TEST(test_names_that_every_root_links),
    STORE_TEST(test_a_tree_that_is_gone),
    STORE_TEST(test_the_verdict_is_kept),
    STORE_TEST(test_a_torn_verdict_is_none),
    STORE_TEST(test_more_trees_than_an_overlay_holds),
    STORE_TEST(test_following),
    cmocka_unit_test(passes_as_an_ordinary_user),
};

STORE_TESTS_MAIN(tests)

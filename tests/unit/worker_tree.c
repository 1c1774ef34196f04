// The writer against a directory that somebody else changes under its hands (S56), and its caps at the limit and beside
// it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/worker/tree_writer.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char root[512];
static int rootfd;
static TreeWriter *writer;

static void must(Error *error) {
    if (!error)
        return;
    Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    error_free(error);
    fail_msg("%s", buf_cstr(&text));
}

static void refused(Error *error, const char *want) {
    assert_non_null(error);
    assert_string_equal(error_text(error), want);
    error_free(error);
}

static void begin(TreeWriterLimits limits) {
    int in = openat(rootfd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(in >= 0);
    writer = tree_writer_new(in, limits);
}

static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s/tree.XXXXXX", getenv("TEST_DIR") ? getenv("TEST_DIR") : "/tmp");
    if (!mkdtemp(root))
        return -1;
    rootfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return mkdirat(rootfd, "in", 0755) < 0 || mkdirat(rootfd, "canary", 0755) < 0 ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    tree_writer_free(writer);
    writer = NULL;
    close(rootfd);
    Error *error = fd_remove_tree(AT_FDCWD, root);
    error_free(error);
    return 0;
}

static bool exists(const char *path) {
    return faccessat(rootfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static Error *put(const char *path, const char *text) {
    TRY(tree_writer_file_begin(writer, str_from(path), false, 1));
    TRY(tree_writer_file_data(writer, text, strlen(text), 0));
    return tree_writer_file_end(writer);
}

static const TreeWriterLimits wide = {1 << 30, 1 << 20, 1 << 20};

static void the_directory_itself_is_swapped(void **state) {
    (void)state;
    begin(wide);
    assert_int_equal(renameat(rootfd, "in", rootfd, "moved"), 0);
    assert_int_equal(symlinkat("canary", rootfd, "in"), 0);
    must(put("d/f", "x"));
    must(tree_writer_finish(writer));
    assert_true(exists("moved/d/f"));
    assert_false(exists("canary/d"));
}

static void a_directory_inside_is_swapped(void **state) {
    (void)state;
    begin(wide);
    must(put("d/one", "x"));
    must(put("other", "x")); // so that d is looked up again
    assert_int_equal(renameat(rootfd, "in/d", rootfd, "in/moved"), 0);
    assert_int_equal(symlinkat("../canary", rootfd, "in/d"), 0);
    refused(put("d/two", "x"), "entry \"d/two\" goes through \"d\", which the archive says is a symbolic link");
    assert_false(exists("canary/two"));
}

static void a_file_is_swapped_for_a_link(void **state) {
    (void)state;
    begin(wide);
    assert_int_equal(symlinkat("../canary/f", rootfd, "in/f"), 0);
    must(put("f", "x")); // replaces the link, and does not follow it
    assert_false(exists("canary/f"));
    must(put("g", "x"));
    must(tree_writer_hardlink(writer, STR("h"), STR("g")));
    assert_int_equal(unlinkat(rootfd, "in/g", 0), 0);
    assert_int_equal(symlinkat("/etc/passwd", rootfd, "in/g"), 0);
    Error *error = tree_writer_finish(writer);
    refused(error, "cannot open \"g\": Too many levels of symbolic links");
    assert_false(exists("in/h"));
}

static atomic_bool stop;

static void *swap_for_ever(void *unused) {
    (void)unused;
    while (!atomic_load(&stop))
        renameat2(rootfd, "in/d", rootfd, "link", RENAME_EXCHANGE);
    return NULL;
}

static void a_directory_is_swapped_all_the_time(void **state) {
    (void)state;
    pthread_t thread;
    begin(wide);
    must(tree_writer_directory(writer, STR("d")));
    assert_int_equal(symlinkat("../canary", rootfd, "link"), 0);
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&thread, NULL, swap_for_ever, NULL), 0);
    unsigned written = 0;
    for (int i = 0; i < 4000; i++) {
        char path[64];
        snprintf(path, sizeof path, i % 2 ? "d/f%d" : "e/f%d", i);
        Error *error = put(path, "x");
        written += !error;
        error_free(error);
    }
    atomic_store(&stop, true);
    pthread_join(thread, NULL);
    assert_true(written >= 2000); // those below e at least
    DIR *dir = fdopendir(openat(rootfd, "canary", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    unsigned names = 0;
    while (readdir(dir))
        names++;
    closedir(dir);
    assert_int_equal(names, 2); // . and ..
}

static void the_cap_on_bytes(void **state) {
    (void)state;
    begin((TreeWriterLimits){10, 100, 1 << 16});
    must(put("a", "12345"));
    must(put("b", "1234"));
    must(put("c", "1"));
    must(put("d", ""));
    refused(put("e", "1"), "unpacks to more than 10 bytes (at \"e\")");
}

static void holes_count(void **state) {
    (void)state;
    begin((TreeWriterLimits){10, 100, 1 << 16});
    must(tree_writer_file_begin(writer, STR("a"), false, 1));
    must(tree_writer_file_data(writer, "x", 1, 8));
    must(tree_writer_file_grow(writer, 10));
    assert_int_equal(tree_writer_file_size(writer), 10);
    refused(tree_writer_file_grow(writer, 11), "unpacks to more than 10 bytes (at \"a\")");
    refused(tree_writer_file_data(writer, "x", 1, UINT64_MAX), "entry \"a\" has bytes at an offset that no file has");
    refused(tree_writer_file_data(writer, "x", 1, (uint64_t)INT64_MAX),
            "entry \"a\" has bytes at an offset that no file has");
}

static void the_cap_on_things(void **state) {
    (void)state;
    begin((TreeWriterLimits){10, 4, 1 << 16});
    must(put("d/a", ""));                                     // two
    must(tree_writer_symlink(writer, STR("l"), STR("x"), 1)); // three
    must(tree_writer_symlink(writer, STR("l"), STR("y"), 1)); // the same one
    must(tree_writer_hardlink(writer, STR("h"), STR("d/a"))); // four
    refused(tree_writer_symlink(writer, STR("m"), STR("x"), 1), "more than 4 files, links and directories (at \"m\")");
}

static void the_cap_on_text(void **state) {
    (void)state;
    begin((TreeWriterLimits){10, 1000, 256});
    char target[200];
    memset(target, 'x', sizeof target);
    Error *error = NULL;
    for (int i = 0; i < 3 && !error; i++) {
        char path[16];
        snprintf(path, sizeof path, "l%d", i);
        error = tree_writer_symlink(writer, str_from(path), (Str){target, sizeof target}, 1);
    }
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_LIMIT);
    assert_non_null(strstr(error_text(error), "the names of its links and directories need more than 256 bytes"));
    error_free(error);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(the_directory_itself_is_swapped),
        TEST(a_directory_inside_is_swapped),
        TEST(a_file_is_swapped_for_a_link),
        TEST(a_directory_is_swapped_all_the_time),
        TEST(the_cap_on_bytes),
        TEST(holes_count),
        TEST(the_cap_on_things),
        TEST(the_cap_on_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

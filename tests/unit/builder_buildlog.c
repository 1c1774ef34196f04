// Logs: what is written comes back byte for byte, what is shown on a terminal is clean, and old ones go.
#include "base/fd.h"
#include "builder/buildlog.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/buildlog-XXXXXX";

static int make_dir(void **state) {
    (void)state;
    memcpy(dir + sizeof dir - 7, "XXXXXX", 6);
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    error_free(fd_remove_tree(AT_FDCWD, dir));
    return 0;
}

static Hash key_of(unsigned number) {
    return hash_bytes((Str){(const char *)&number, sizeof number});
}

static void assert_clean(const char *raw, size_t len, const char *want) {
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    buildlog_sanitise(&out, (Str){raw, len});
    if (strcmp(buf_cstr(&out), want) != 0)
        fail_msg("'%s' became '%s', not '%s'", raw, buf_cstr(&out), want);
}

#define CLEAN(raw, want) assert_clean(raw, sizeof raw - 1, want)

static void test_sanitise(void **state) {
    (void)state;
    CLEAN("plain\ttext\n", "plain\ttext\n");
    CLEAN("", "");
    // colours, cursor movement, titles, links, charset switches
    CLEAN("\033[1;31mred\033[0m", "red");
    CLEAN("\033[2J\033[10;10Hx", "x");
    CLEAN("\033]0;title\007x", "x");
    CLEAN("\033]8;;http://a\033\\link\033]8;;\033\\", "link");
    CLEAN("\033(Bx", "x");
    CLEAN("\033=x\033>y", "xy");
    CLEAN("\033Pq#0\033\\x", "x");
    CLEAN("cut \033[31", "cut ");
    CLEAN("cut \033", "cut ");
    // an open string ends with its line
    CLEAN("\033]0;never closed\nnext", "\nnext");
    // control characters
    CLEAN("a\007b\010c\000d\177e", "abcde");
    CLEAN("a\016b\017c", "abc");
    // overwritten lines
    CLEAN(" 10%\r 20%\r100%\n", "100%\n");
    CLEAN("dos\r\nlines\r\n", "dos\nlines\n");
    CLEAN("one\ntwo\rthree", "one\nthree");
    CLEAN("held\r", "held");
    // UTF-8, and what is none
    CLEAN("\xe2\x80\x98ok\xe2\x80\x99 \xc3\xa9", "\xe2\x80\x98ok\xe2\x80\x99 \xc3\xa9");
    CLEAN("bad \xff\xc3", "bad ??");
    CLEAN("\xc0\xaf", "??");
    CLEAN("\xed\xa0\x80", "???");
    CLEAN("\xc2\x9b[31m", "??[31m"); // the C1 form of ESC [
    CLEAN("a\xe2\x80\xae"
          "b",
          "a???b"); // right-to-left override
}

static void test_log_and_tail(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_BUILDLOG BuildLog *log = NULL;
    assert_null(buildlog_open(dir, STR("jq"), key_of(1), &log));
    buildlog_note(log, "first %d", 1);
    for (int i = 0; i < 30; i++) {
        char line[32];
        snprintf(line, sizeof line, "line %d\n", i);
        buildlog_output(log, str_from(line));
    }
    buildlog_output(log, STR("\033[31mno newline"));
    buildlog_note(log, "second");
    Str tail = buildlog_tail(log, arena, 3);
    assert_string_equal(tail.ptr, "line 28\nline 29\nno newline\n");
    AUTO_BUF Buf text;
    buf_init(&text, 1 << 20);
    const char *path;
    assert_null(buildlog_find(dir, STR("jq"), arena, &path));
    assert_string_equal(path, buildlog_path(log));
    assert_null(fd_read_file(AT_FDCWD, path, &text));
    assert_true(str_starts_with(buf_str(&text), STR("## first 1\nline 0\nline 1\n")));
    assert_true(str_ends_with(buf_str(&text), STR("line 29\n\033[31mno newline\n## second\n")));
}

static void test_tail_of_much_output(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_BUILDLOG BuildLog *log = NULL;
    assert_null(buildlog_open(dir, STR("big"), key_of(1), &log));
    assert_int_equal(buildlog_tail(log, arena, 20).len, 0);
    enum { SIZE = 300 * 1000 };
    AUTO_FREE char *bytes = mem_alloc(SIZE);
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = i % 50 == 49 ? '\n' : (char)('a' + i / 50 % 26);
    buildlog_output(log, (Str){bytes, SIZE});
    buildlog_output(log, STR("the end\n"));
    Str tail = buildlog_tail(log, arena, 2);
    assert_int_equal(tail.len, 50 + 8);
    assert_true(str_ends_with(tail, STR("\nthe end\n")));
}

static void test_names_stay_inside(void **state) {
    (void)state;
    static const char *const names[] = {"../../etc/x", "gcc (prebuilt)", ".", "a/b", "-rf"};
    AUTO_ARENA Arena *arena = arena_new(0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        AUTO_BUILDLOG BuildLog *log = NULL;
        assert_null(buildlog_open(dir, str_from(names[i]), key_of(2), &log));
        const char *path;
        assert_null(buildlog_find(dir, str_from(names[i]), arena, &path));
        Str rest = str_from(path + strlen(dir) + 1);
        ptrdiff_t slash = str_find_byte(rest, '/');
        assert_true(slash > 0);
        assert_true(str_find_byte(str_slice(rest, (size_t)slash + 1, rest.len), '/') < 0);
        assert_false(str_is(str_slice(rest, 0, (size_t)slash), ".."));
    }
}

static void test_old_logs_go(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    const char *first = NULL;
    for (unsigned i = 0; i < BUILDLOG_KEPT + 3; i++) {
        AUTO_BUILDLOG BuildLog *log = NULL;
        assert_null(buildlog_open(dir, STR("many"), key_of(100 + i), &log));
        if (i == 0)
            first = arena_cstr(arena, str_from(buildlog_path(log)));
        // Made in the order of their numbers, whatever the clock's grain is.
        struct timespec times[2] = {{.tv_sec = 1000 + i}, {.tv_sec = 1000 + i}};
        assert_int_equal(utimensat(AT_FDCWD, buildlog_path(log), times, 0), 0);
    }
    assert_int_equal(access(first, F_OK), -1);
    const char *last;
    assert_null(buildlog_find(dir, STR("many"), arena, &last));
}

static void test_no_log(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    const char *path;
    AUTO_ERROR Error *error = buildlog_find("/nowhere", STR("jq"), arena, &path);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_NOT_FOUND);
    assert_string_equal(error_text(error), "no build of 'jq' has left a log in /nowhere");
    assert_string_equal(error_get_hint(error), "a package that was present, or was unpacked as it came, is not built");
}

static void test_a_log_that_names_another_file(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_BUILDLOG BuildLog *log = NULL;
    assert_null(buildlog_open(dir, STR("evil"), key_of(3), &log));
    char last[256];
    snprintf(last, sizeof last, "%s/evil/last", dir);
    assert_null(fd_replace_file(AT_FDCWD, last, STR("../../../etc/passwd"), 0644));
    const char *path;
    AUTO_ERROR Error *error = buildlog_find(dir, STR("evil"), arena, &path);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_NOT_FOUND);
}

static void test_a_directory_that_cannot_be_made(void **state) {
    (void)state;
    BuildLog *log = NULL;
    AUTO_ERROR Error *error = buildlog_open("/dev/null/logs", STR("jq"), key_of(1), &log);
    assert_non_null(error);
    assert_string_equal(error_text(error), "cannot keep build logs");
    assert_null(log);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sanitise),
        cmocka_unit_test(test_log_and_tail),
        cmocka_unit_test(test_tail_of_much_output),
        cmocka_unit_test(test_names_stay_inside),
        cmocka_unit_test(test_old_logs_go),
        cmocka_unit_test(test_no_log),
        cmocka_unit_test(test_a_log_that_names_another_file),
        cmocka_unit_test(test_a_directory_that_cannot_be_made),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

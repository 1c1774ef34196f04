// A layer on disk, made of texts, for the tests of specs/.
#ifndef TESTS_UNIT_SPECS_HELPER_H
#define TESTS_UNIT_SPECS_HELPER_H

#include "base/fd.h"
#include "base/path.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static char scratch_path[] = "/tmp/minimal-specs.XXXXXX"; // one for each test
static Arena *scratch_arena;

static inline void ok(Error *error) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    if (!error)
        return;
    error_format(error, &text);
    fail_msg("%s", buf_cstr(&text));
}

// The whole message but the excerpt: place, chain of texts, and the hint behind " // ".
static inline Str message_of(Error *error) {
    AUTO_ERROR Error *held = error;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    if (!held)
        return STR("no error");
    error_format(held, &text);
    Str rest = buf_str(&text), first = STR("");
    str_cut(&rest, '\n', &first);
    const char *hint = error_get_hint(held);
    if (hint)
        return arena_printf(scratch_arena, "%.*s // %s", STR_ARG(first), hint);
    return arena_str(scratch_arena, first);
}

static inline void assert_fails(Error *error, const char *want) {
    assert_string_equal(message_of(error).ptr, want);
}

static inline Str scratch(const char *path) {
    return arena_printf(scratch_arena, "%s%s%s", scratch_path, path[0] ? "/" : "", path);
}

static inline void write_file(const char *path, const char *text) {
    Str full = scratch(path);
    AUTO_FD int fd = -1;
    ok(fd_make_dirs(AT_FDCWD, arena_cstr(scratch_arena, path_dir(full))));
    ok(fd_open(AT_FDCWD, full.ptr, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd));
    ok(fd_write_all(fd, text, strlen(text)));
}

static inline void make_dir(const char *path) {
    ok(fd_make_dirs(AT_FDCWD, scratch(path).ptr));
}

static inline int scratch_set_up(void **state) {
    (void)state;
    scratch_arena = arena_new(0);
    memcpy(scratch_path + sizeof scratch_path - 7, "XXXXXX", 6);
    return mkdtemp(scratch_path) ? 0 : -1;
}

static inline int scratch_tear_down(void **state) {
    (void)state;
    ok(fd_remove_tree(AT_FDCWD, scratch_path));
    arena_free(scratch_arena);
    return 0;
}

#define SCRATCH_TEST(f) cmocka_unit_test_setup_teardown(f, scratch_set_up, scratch_tear_down)

#endif

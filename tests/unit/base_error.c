// Errors: the chain as a person reads it, as JSON, and over a pipe.
#include "base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_format(const Error *error, const char *want) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    assert_string_equal(buf_cstr(&text), want);
}

static Error *inner(void) {
    return error_hint(error_sys(ENOSPC, "cannot write %s", "x.tar"), "free some space in %s", "/tmp");
}

static Error *outer(void) {
    TRY_CTX(inner(), "package %s", "jq");
    return NULL;
}

static void formats_the_chain(void **state) {
    (void)state;
    AUTO_ERROR Error *error = outer();
    assert_non_null(error);
    assert_format(error, "package jq: cannot write x.tar: No space left on device\nhint: free some space in /tmp");
    assert_int_equal(error_kind(error), ERROR_SYSTEM);
    assert_int_equal(error_errno(error), ENOSPC);
}

static void shows_the_place(void **state) {
    (void)state;
    SourceSpan span = {STR("a/build.ncl"), 2, 5, 2, 8, STR("first\n\tx = foo\nthird")};
    AUTO_ERROR Error *error = error_at(error_new(ERROR_INVALID, "unbound name foo"), span);
    error = error_wrap(error, "package a");
    assert_format(error, "a/build.ncl:2:5: package a: unbound name foo\n     2 | \tx = foo\n       | \t   ^^^");
}

static void a_copy_says_the_same(void **state) {
    (void)state;
    SourceSpan span = {STR("a/build.ncl"), 2, 5, 2, 8, STR("first\n\tx = foo\nthird")};
    Error *error = error_wrap(error_at(inner(), span), "package a");
    AUTO_ERROR Error *copy = error_copy(error);
    error_free(error);
    assert_format(copy, "a/build.ncl:2:5: package a: cannot write x.tar: No space left on device\n"
                        "     2 | \tx = foo\n       | \t   ^^^\nhint: free some space in /tmp");
    assert_int_equal(error_errno(copy), ENOSPC);
    AUTO_BUF Buf line;
    buf_init(&line, BUF_NO_LIMIT);
    error_format_line(copy, &line);
    assert_string_equal(buf_cstr(&line), "a/build.ncl:2:5: package a: cannot write x.tar: No space left on device");
}

static void points_behind_wide_characters(void **state) {
    (void)state;
    SourceSpan span = {STR("f"), 1, 3, 1, 4, STR("\xC3\xA9\xC3\xA9x")};
    AUTO_ERROR Error *error = error_at(error_new(ERROR_INVALID, "here"), span);
    assert_format(error, "f:1:3: here\n     1 | \xC3\xA9\xC3\xA9x\n       |   ^");
}

static void a_line_that_is_not_there_has_no_excerpt(void **state) {
    (void)state;
    SourceSpan span = {STR("f"), 9, 1, 9, 2, STR("one line")};
    AUTO_ERROR Error *error = error_at(error_new(ERROR_INVALID, "here"), span);
    assert_format(error, "f:9:1: here");
}

static void is_json(void **state) {
    (void)state;
    SourceSpan span = {.file = STR("f"), .line = 1, .column = 2};
    AUTO_ERROR Error *error = error_wrap(error_at(error_new(ERROR_NOT_FOUND, "no \"x\""), span), "outer");
    error_hint(error, "look");
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format_json(error, &text);
    assert_string_equal(buf_cstr(&text),
                        "{\"error\": {\"kind\": \"not-found\", \"message\": \"outer\", \"hint\": \"look\", \"cause\": "
                        "{\"kind\": \"not-found\", \"message\": \"no \\\"x\\\"\", \"where\": {\"file\": \"f\", "
                        "\"line\": 1, \"column\": 2}}}}");
}

static void survives_a_pipe(void **state) {
    (void)state;
    AUTO_ERROR Error *error = outer();
    AUTO_BUF Buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    error_serialise(error, &bytes);
    AUTO_ERROR Error *back = error_deserialise(buf_str(&bytes));
    assert_format(back, "package jq: cannot write x.tar: No space left on device\nhint: free some space in /tmp");
    assert_int_equal(error_errno(back), ENOSPC);
}

static void any_cut_is_an_error_of_its_own(void **state) {
    (void)state;
    AUTO_ERROR Error *error = outer();
    AUTO_BUF Buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    error_serialise(error, &bytes);
    for (size_t len = 0; len < bytes.len; len++) {
        AUTO_ERROR Error *back = error_deserialise((Str){bytes.ptr, len});
        assert_format(back, "a helper process ended without saying why");
    }
}

static void every_kind_has_a_name(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < ERROR_KIND_COUNT; kind++)
        assert_non_null(error_kind_name((ErrorKind)kind));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_the_chain),
        cmocka_unit_test(shows_the_place),
        cmocka_unit_test(a_copy_says_the_same),
        cmocka_unit_test(points_behind_wide_characters),
        cmocka_unit_test(a_line_that_is_not_there_has_no_excerpt),
        cmocka_unit_test(is_json),
        cmocka_unit_test(survives_a_pipe),
        cmocka_unit_test(any_cut_is_an_error_of_its_own),
        cmocka_unit_test(every_kind_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

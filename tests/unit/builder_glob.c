// The dialect, case by case; what is refused, with its message; and that no pattern makes matching explode.
#include "builder/glob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct {
    const char *glob, *path;
    bool matches;
} cases[] = {
    {"usr/bin/jq", "usr/bin/jq", true},
    {"usr/bin/jq", "usr/bin/jqq", false},
    {"usr/bin/jq", "usr/bin/j", false},
    {"usr/bin/jq", "usr/bin/JQ", false},
    {"/usr/bin/jq", "usr/bin/jq", false},
    {"./usr/bin/jq", "usr/bin/jq", false},
    {"", "", true},
    {"", "a", false},
    // * and ? stop at '/'; a leading dot is not special
    {"usr/bin/*", "usr/bin/jq", true},
    {"usr/bin/*", "usr/bin/.hidden", true},
    {"usr/bin/*", "usr/bin/a/b", false},
    {"usr/*/jq", "usr/bin/jq", true},
    {"usr/*/jq", "usr/a/b/jq", false},
    {"*", "", true},
    {"*.so*", "libz.so.1", true},
    {"*.so", "libz.so.1", false},
    {"lib*.so.?", "libz.so.1", true},
    {"lib*.so.?", "libz.so.12", false},
    {"a?c", "a/c", false},
    {"a?c", "abc", true},
    {"a*c", "a/c", false},
    {"a*b*c", "aXbYbZc", true},
    {"a*b*c", "aXcYcZb", false},
    // ** as a whole component
    {"**", "a", true},
    {"**", "a/b/c", true},
    {"**", "", true},
    {"usr/**", "usr/bin/jq", true},
    {"usr/**", "usr/x", true},
    {"usr/**", "usr", false},
    {"usr/**", "usrx/y", false},
    {"**/x", "x", true},
    {"**/x", "a/x", true},
    {"**/x", "a/b/x", true},
    {"**/x", "ax", false},
    {"**/x", "a/bx", false},
    {"a/**/b", "a/b", true},
    {"a/**/b", "a/x/b", true},
    {"a/**/b", "a/x/y/b", true},
    {"a/**/b", "ab", false},
    {"a/**/b", "a/xb", false},
    {"a/**/**/b", "a/b", true},
    {"**/*", "a", true},
    {"**/*", "a/b/c", true},
    {"**/**", "a/b", true},
    {"**/.*", "a/.b", true},
    {"usr/lib/**/*.so", "usr/lib/libz.so", true},
    {"usr/lib/**/*.so", "usr/lib/x86_64/libz.so", true},
    {"usr/lib/**/*.so", "usr/lib/x86_64/libz.a", false},
    // ** beside other characters is one *
    {"a**", "abc", true},
    {"a**", "a/b", false},
    {"**a", "xa", true},
    {"**a", "x/a", false},
    {"a/**b", "a/xb", true},
    {"a/**b", "a/x/b", false},
    {"a/***", "a/x", true},
    {"a/***", "a/x/y", false},
    // sets
    {"[abc]", "b", true},
    {"[abc]", "d", false},
    {"[a-c]x", "cx", true},
    {"[a-c]x", "dx", false},
    {"[!a-c]", "d", true},
    {"[!a-c]", "a", false},
    {"[^a-c]", "d", true},
    {"[^a-c]", "b", false},
    {"a[!x]b", "a/b", false},
    {"a[.-0]b", "a/b", false},
    {"[]]", "]", true},
    {"[]-]", "-", true},
    {"[!]]", "]", false},
    {"[!]]", "x", true},
    {"[-a]", "-", true},
    {"[a-]", "-", true},
    {"[a-]", "b", false},
    {"[*]", "*", true},
    {"[*]", "x", false},
    {"[\\]", "\\", true},
    {"lib[a-z0-9_]*.a", "libgcc_eh.a", true},
    // alternatives, empty and nested
    {"{a,b}", "a", true},
    {"{a,b}", "b", true},
    {"{a,b}", "c", false},
    {"{a,b}", "a,b", false},
    {"x{,y}z", "xz", true},
    {"x{,y}z", "xyz", true},
    {"x{y,}z", "xz", true},
    {"x{}z", "xz", true},
    {"x{,}z", "xz", true},
    {"{a}", "a", true},
    {"usr/{bin,sbin}/*", "usr/sbin/x", true},
    {"usr/{bin,sbin}/*", "usr/lib/x", false},
    {"{a{b,c},d}", "ac", true},
    {"{a{b,c},d}", "d", true},
    {"{a{b,c},d}", "a", false},
    {"{a,b/{c,**}}", "b/x/y", true},
    {"{**/x,y}", "a/b/x", true},
    {"{**/x,y}", "x", true},
    {"{y,**/x}", "q/x", true},
    {"usr/{lib/**,bin/*}", "usr/lib/a/b", true},
    {"usr/{lib/**,bin/*}", "usr/bin/a/b", false},
    {"{?,a*}", "abc", true},
    {"a,b", "a,b", true},
    {"{[,],x}", ",", true},
    // escapes
    {"\\*", "*", true},
    {"\\*", "x", false},
    {"a\\{b\\}", "a{b}", true},
    {"{a\\,b,c}", "a,b", true},
    {"{a\\,b,c}", "b", false},
    {"\\\\", "\\", true},
    {"usr/bin/\\[", "usr/bin/[", true},
    {"usr/bin/[[]", "usr/bin/[", true},
    // bytes, not characters
    {"\xc3\xa9", "\xc3\xa9", true},
    {"?", "\xc3\xa9", false},
    {"??", "\xc3\xa9", true},
    {"*", "new\nline", true},
};

static void test_dialect(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        const Glob *glob;
        Error *error = glob_compile(arena, str_from(cases[i].glob), &glob);
        if (error)
            fail_msg("glob '%s': %s", cases[i].glob, error_text(error));
        if (glob_match(glob, str_from(cases[i].path)) != cases[i].matches)
            fail_msg("glob '%s' %s '%s'", cases[i].glob, cases[i].matches ? "does not match" : "matches",
                     cases[i].path);
    }
}

static const struct {
    const char *glob, *message;
} bad[] = {
    {"a[bc", "glob 'a[bc', character 2: this '[' has no ']'"},
    {"a[", "glob 'a[', character 2: this '[' has no ']'"},
    {"[]", "glob '[]', character 1: this '[' has no ']'"},
    {"[!]", "glob '[!]', character 1: this '[' has no ']'"},
    {"x[z-a]", "glob 'x[z-a]', character 3: this range runs backwards"},
    {"{a,b", "glob '{a,b', character 1: this '{' has no '}'"},
    {"{a,{b,c}", "glob '{a,{b,c}', character 1: this '{' has no '}'"},
    {"a{", "glob 'a{', character 2: this '{' has no '}'"},
    {"a}b", "glob 'a}b', character 2: this '}' has no '{'"},
    {"{a}}", "glob '{a}}', character 4: this '}' has no '{'"},
    {"a\\", "glob 'a\\', character 2: nothing stands behind this '\\'"},
    {"{{{{{{{{{{{{{{{{{a}}}}}}}}}}}}}}}}}",
     "glob '{{{{{{{{{{{{{{{{{a}}}}}}}}}}}}}}}}}': braces are nested more than 16 deep"},
};

static void test_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        const Glob *glob;
        AUTO_ERROR Error *error = glob_compile(arena, str_from(bad[i].glob), &glob);
        assert_non_null(error);
        assert_string_equal(error_text(error), bad[i].message);
    }
}

static void test_length_is_capped(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    char text[GLOB_LEN_MAX + 2];
    memset(text, 'a', sizeof text);
    const Glob *glob;
    AUTO_ERROR Error *error = glob_compile(arena, (Str){text, GLOB_LEN_MAX + 1}, &glob);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_LIMIT);
    assert_string_equal(error_text(error), "a glob of 4097 bytes is longer than the limit of 4096");
    assert_null(glob_compile(arena, (Str){text, GLOB_LEN_MAX}, &glob));
    assert_true(glob_match(glob, (Str){text, GLOB_LEN_MAX}));
}

// A backtracking matcher takes longer than the age of the universe for each of these.
static void test_hostile_patterns_end(void **state) {
    (void)state;
    static const char *const patterns[] = {
        "**/**/**/**/**/**/**/**/**/**/**/**/**/x",
        "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*x",
        "{a,aa,aaa,*}{a,aa,aaa,*}{a,aa,aaa,*}{a,aa,aaa,*}{a,aa,aaa,*}{a,aa,aaa,*}{a,aa,aaa,*}x",
        "{**/,a}{**/,a}{**/,a}{**/,a}{**/,a}{**/,a}x",
    };
    char path[4000];
    for (size_t i = 0; i < sizeof path; i++)
        path[i] = i % 2 ? '/' : 'a';
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        const Glob *glob;
        assert_null(glob_compile(arena, str_from(patterns[i]), &glob));
        assert_false(glob_match(glob, (Str){path, sizeof path}));
        memset(path, 'a', sizeof path);
        assert_false(glob_match(glob, (Str){path, sizeof path}));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialect),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_length_is_capped),
        cmocka_unit_test(test_hostile_patterns_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Strings, buffers, arenas, maps, paths and UTF-8: the small things that everything else trusts.
#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/path.h"
#include "base/utf8.h"
#include "base/vec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void assert_str(Str got, const char *want) {
    if (!str_is(got, want))
        fail_msg("got '%.*s', want '%s'", STR_ARG(got), want);
}

static void cuts_at_separators(void **state) {
    (void)state;
    Str rest = STR("a,,b"), part;
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, "a");
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, "");
    assert_true(str_cut(&rest, ',', &part));
    assert_str(part, "b");
    assert_false(str_cut(&rest, ',', &part));
    rest = STR("");
    assert_true(str_cut(&rest, ',', &part));
    assert_false(str_cut(&rest, ',', &part));
}

static void parses_whole_numbers_alone(void **state) {
    (void)state;
    uint64_t value;
    assert_true(str_parse_u64(STR("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "1x", "0x1", "18446744073709551616"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(str_parse_u64(str_from(bad[i]), &value));
}

static void finds_the_nearest_name(void **state) {
    (void)state;
    const Str names[] = {STR("build"), STR("eval"), STR("exec"), STR("list")};
    assert_str(str_nearest(STR("biuld"), names, 4), "build");
    assert_str(str_nearest(STR("evla"), names, 4), "eval");
    assert_null(str_nearest(STR("materialize"), names, 4).ptr);
    assert_null(str_nearest(STR("x"), names, 4).ptr);
    assert_int_equal(str_distance(STR("abc"), STR("acb")), 1);
    assert_int_equal(str_distance(STR(""), STR("abc")), 3);
    assert_int_equal(str_distance(STR("kitten"), STR("sitting")), 3);
}

static void sorts_by_bytes(void **state) {
    (void)state;
    assert_true(str_compare(STR("a"), STR("ab")) < 0);
    assert_true(str_compare(STR("b"), STR("ab")) > 0);
    assert_true(str_compare(STR("\xFF"), STR("a")) > 0);
    assert_int_equal(str_compare(STR(""), STR("")), 0);
}

static void a_buffer_keeps_its_ceiling(void **state) {
    (void)state;
    AUTO_BUF Buf buf;
    buf_init(&buf, 4);
    buf_add_cstr(&buf, "abc");
    buf_add_cstr(&buf, "de");
    assert_true(buf.overflow);
    assert_string_equal(buf_cstr(&buf), "abc");
    buf_add_byte(&buf, 'd');
    assert_string_equal(buf_cstr(&buf), "abcd");
    buf_printf(&buf, "%d", 5);
    assert_string_equal(buf_cstr(&buf), "abcd");
    buf_clear(&buf);
    assert_false(buf.overflow);
    buf_printf(&buf, "%d", 5);
    assert_string_equal(buf_cstr(&buf), "5");
}

static void framing_is_injective_in_length(void **state) {
    (void)state;
    AUTO_BUF Buf one;
    AUTO_BUF Buf two;
    buf_init(&one, BUF_NO_LIMIT);
    buf_init(&two, BUF_NO_LIMIT);
    buf_add_framed(&one, STR("ab"));
    buf_add_framed(&one, STR("c"));
    buf_add_framed(&two, STR("a"));
    buf_add_framed(&two, STR("bc"));
    assert_int_equal(one.len, two.len);
    assert_memory_not_equal(one.ptr, two.ptr, one.len);
}

static void an_arena_with_a_budget_ends(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(100000);
    size_t got = 0;
    while (arena_try_alloc(arena, 1000))
        got++;
    assert_true(got > 90 && got <= 100);
    assert_non_null(arena_try_alloc(arena, 1));
    assert_null(arena_try_alloc(arena, SIZE_MAX));
}

static void an_arena_gives_aligned_zeroes(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    for (size_t size = 0; size < 70000; size = size * 3 + 1) {
        char *bytes = arena_zalloc(arena, size);
        assert_int_equal((uintptr_t)bytes % 16, 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(bytes[i], 0);
    }
    assert_str(arena_printf(arena, "%s-%d", "x", 7), "x-7");
}

static void a_map_keeps_order_and_finds_all(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_MAP Map map = {0};
    for (uintptr_t i = 1; i <= 5000; i++)
        assert_true(map_put(&map, arena_printf(arena, "key%lu", (unsigned long)i), (void *)i));
    assert_false(map_put(&map, STR("key77"), (void *)(uintptr_t)9));
    assert_ptr_equal(map_get(&map, STR("key77")), (void *)(uintptr_t)9);
    assert_ptr_equal(map_get(&map, STR("key5000")), (void *)(uintptr_t)5000);
    assert_null(map_get(&map, STR("key5001")));
    assert_str(map.entries[0].key, "key1");
    assert_str(map.entries[4999].key, "key5000");
    AUTO_MAP Map empty = {0};
    assert_null(map_get(&empty, STR("x")));
}

static void cleans_paths(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    static const char *const cases[][2] = {
        {"a/b/../c", "a/c"}, {"./a//b/.", "a/b"},   {"..", ".."},     {"../../a", "../../a"}, {"a/../..", ".."},
        {"/..", "/"},        {"/a/../../b", "/b"}, {"", "."},        {"a/..", "."},          {"/", "/"},
        {"/a/", "/a"},       {".", "."},           {"a/./b", "a/b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_str(path_clean(arena, str_from(cases[i][0])), cases[i][1]);
    assert_str(path_join(arena, STR("a/"), STR("b")), "a/b");
    assert_str(path_join(arena, STR("a"), STR("/b")), "/b");
    assert_str(path_dir(STR("/x")), "/");
    assert_str(path_dir(STR("x")), ".");
    assert_str(path_base(STR("/a/x")), "x");
}

static void knows_safe_paths(void **state) {
    (void)state;
    char long_name[300];
    memset(long_name, 'x', sizeof long_name);
    assert_true(path_is_safe_relative(STR("usr/bin/a..b")));
    assert_false(path_is_safe_relative(STR("")));
    assert_false(path_is_safe_relative(STR("/a")));
    assert_false(path_is_safe_relative(STR("a/../b")));
    assert_false(path_is_safe_relative(STR("..")));
    assert_false(path_is_safe_relative(STR("a//b")));
    assert_false(path_is_safe_relative(STR("a/")));
    assert_false(path_is_safe_relative(STR("./a")));
    assert_false(path_is_safe_relative(STR("a\0b")));
    assert_false(path_is_safe_relative((Str){long_name, sizeof long_name}));
    assert_true(path_is_within(STR("/a/b"), STR("/a")));
    assert_true(path_is_within(STR("/a"), STR("/a")));
    assert_false(path_is_within(STR("/ab"), STR("/a")));
    assert_true(path_is_within(STR("/ab"), STR("/")));
}

static void utf8_is_strict(void **state) {
    (void)state;
    static const char *const good[] = {"", "a", "\xC2\x80", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"};
    static const char *const bad[] = {"\x80",         "\xC0\xAF",         "\xC1\xBF",         "\xE0\x80\x80", "\xED\xA0\x80",
                                      "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82",         "\xFF"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(utf8_is_valid(str_from(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(utf8_is_valid(str_from(bad[i])));
    AUTO_BUF Buf buf;
    buf_init(&buf, BUF_NO_LIMIT);
    for (uint32_t point = 1; point < 0x110000; point += 97) {
        if (point >= 0xD800 && point <= 0xDFFF)
            continue;
        uint32_t back;
        buf_clear(&buf);
        utf8_add(&buf, point);
        assert_int_equal(utf8_decode(buf_str(&buf), &back), buf.len);
        assert_int_equal(back, point);
    }
    assert_int_equal(utf8_count(STR("a\xC3\xA9\xFFz")), 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_at_separators),
        cmocka_unit_test(parses_whole_numbers_alone),
        cmocka_unit_test(finds_the_nearest_name),
        cmocka_unit_test(sorts_by_bytes),
        cmocka_unit_test(a_buffer_keeps_its_ceiling),
        cmocka_unit_test(framing_is_injective_in_length),
        cmocka_unit_test(an_arena_with_a_budget_ends),
        cmocka_unit_test(an_arena_gives_aligned_zeroes),
        cmocka_unit_test(a_map_keeps_order_and_finds_all),
        cmocka_unit_test(cleans_paths),
        cmocka_unit_test(knows_safe_paths),
        cmocka_unit_test(utf8_is_strict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

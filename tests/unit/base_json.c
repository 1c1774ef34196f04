// JSON: what the writer writes, what the reader reads, and every way in which a text is no JSON.
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static Arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static void write_sample(JsonWriter *writer) {
    json_open_object(writer);
    json_key(writer, "name");
    json_cstring(writer, "a\"b\\c\nd\x01\xC3\xA9\xFF");
    json_key(writer, "list");
    json_open_array(writer);
    json_integer(writer, -5);
    json_bool(writer, true);
    json_null(writer);
    json_open_object(writer);
    json_close_object(writer);
    json_close_array(writer);
    json_close_object(writer);
}

static void writes_compact(void **state) {
    (void)state;
    AUTO_BUF Buf out;
    JsonWriter writer;
    buf_init(&out, BUF_NO_LIMIT);
    json_begin(&writer, &out, true);
    write_sample(&writer);
    assert_string_equal(buf_cstr(&out), "{\"name\": \"a\\\"b\\\\c\\nd\\u0001\xC3\xA9\xEF\xBF\xBD\", "
                                        "\"list\": [-5, true, null, {}]}");
}

static void writes_indented(void **state) {
    (void)state;
    AUTO_BUF Buf out;
    JsonWriter writer;
    buf_init(&out, BUF_NO_LIMIT);
    json_begin(&writer, &out, false);
    write_sample(&writer);
    assert_string_equal(buf_cstr(&out), "{\n  \"name\": \"a\\\"b\\\\c\\nd\\u0001\xC3\xA9\xEF\xBF\xBD\",\n"
                                        "  \"list\": [\n    -5,\n    true,\n    null,\n    {}\n  ]\n}");
}

static const JsonValue *parse(const char *text) {
    const JsonValue *value;
    Error *error = json_parse(arena, STR("t.json"), str_from(text), 0, &value);
    if (error)
        fail_msg("%s: %s", text, error_text(error));
    return value;
}

static void reads_values(void **state) {
    (void)state;
    const JsonValue *value = parse(" {\"a\": [1, -2.5e2, \"x\\u00e9\\ud83d\\ude00\\/\"], \"b\": {\"c\": null}, \"d\": []} ");
    assert_int_equal(value->type, JSON_OBJECT);
    assert_int_equal(value->count, 3);
    const JsonValue *list = json_member(value, "a");
    assert_int_equal(list->count, 3);
    assert_true(list->items[0].number == 1 && list->items[1].number == -250);
    assert_true(str_is(list->items[1].text, "-2.5e2"));
    assert_true(str_is(list->items[2].text, "x\xC3\xA9\xF0\x9F\x98\x80/"));
    assert_int_equal(json_member(json_member(value, "b"), "c")->type, JSON_NULL);
    assert_int_equal(json_member(value, "d")->count, 0);
    assert_null(json_member(value, "e"));
    assert_true(parse("true")->boolean);
    assert_int_equal(parse("[[[[]]]]")->items[0].items[0].count, 1);
}

static void refuses(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "t.json:1:1: the text ends where a value was expected"},
        {"[1,]", "t.json:1:4: a value was expected"},
        {"[1 2]", "t.json:1:4: ',' or ']' was expected"},
        {"{\"a\" 1}", "t.json:1:6: ':' was expected behind a key"},
        {"{a: 1}", "t.json:1:2: a key in double quotes was expected"},
        {"{\"a\": 1,}", "t.json:1:9: a key in double quotes was expected"},
        {"{\"a\": 1]", "t.json:1:8: ',' or '}' was expected"},
        {"{\"a\": 1, \"a\": 2}", "t.json:1:17: a key stands twice in one object"},
        {"[1", "t.json:1:3: ',' or ']' was expected"},
        {"01", "t.json:1:3: malformed number"},
        {"1.", "t.json:1:3: malformed number"},
        {"-", "t.json:1:2: malformed number"},
        {"1e", "t.json:1:3: malformed number"},
        {"\"abc", "t.json:1:5: the text ends inside a string"},
        {"\"a\nb\"", "t.json:1:3: a control character in a string must be escaped"},
        {"\"\\q\"", "t.json:1:4: unknown escape in a string"},
        {"\"\\u12g4\"", "t.json:1:6: \\u needs four hexadecimal digits"},
        {"\"\\ud800x\"", "t.json:1:8: a high surrogate stands alone"},
        {"\"\\udc00\"", "t.json:1:8: a low surrogate stands alone"},
        {"\"\xC0\xAF\"", "t.json:1:2: invalid UTF-8 in a string"},
        {"\n\n nul", "t.json:3:2: a value was expected"},
        {"1 2", "t.json:1:3: more text behind the value"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const JsonValue *value;
        AUTO_BUF Buf text;
        buf_init(&text, BUF_NO_LIMIT);
        AUTO_ERROR Error *error = json_parse(arena, STR("t.json"), str_from(cases[i].text), 0, &value);
        if (!error)
            fail_msg("accepted: %s", cases[i].text);
        error_format(error, &text);
        Str first, rest = buf_str(&text);
        assert_true(str_cut(&rest, '\n', &first));
        assert_string_equal(arena_cstr(arena, first), cases[i].message);
    }
}

static void keeps_its_caps(void **state) {
    (void)state;
    const JsonValue *value;
    char deep[4 * JSON_DEPTH_MAX];
    memset(deep, '[', sizeof deep);
    AUTO_ERROR Error *too_deep = json_parse(arena, STR("t"), (Str){deep, sizeof deep}, 0, &value);
    assert_non_null(too_deep);
    assert_int_equal(error_kind(too_deep), ERROR_LIMIT);
    AUTO_ERROR Error *too_many = json_parse(arena, STR("t"), STR("[1, 2, 3]"), 3, &value);
    assert_non_null(too_many);
    assert_int_equal(error_kind(too_many), ERROR_LIMIT);
    assert_null(json_parse(arena, STR("t"), STR("[1, 2]"), 3, &value));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_compact), cmocka_unit_test(writes_indented), cmocka_unit_test(reads_values),
        cmocka_unit_test(refuses),        cmocka_unit_test(keeps_its_caps),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

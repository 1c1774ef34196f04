// TOML 1.0: what is valid means exactly this, and everything else is refused with its place. The cases follow the
// specification, section by section.
#include "base/json.h"
#include "base/toml.h"

#include <math.h>
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

// A value as one line of JSON; dates and times as strings in angle brackets, so that they cannot pass for text.
static void print(const TomlValue *value, JsonWriter *writer) {
    switch (value->type) {
    case TOML_STRING:
        json_string(writer, value->text);
        break;
    case TOML_INTEGER:
        json_integer(writer, value->integer);
        break;
    case TOML_FLOAT:
        json_raw(writer, arena_printf(arena, "f%g", value->number));
        break;
    case TOML_BOOL:
        json_bool(writer, value->boolean);
        break;
    case TOML_OFFSET_DATETIME:
    case TOML_LOCAL_DATETIME:
    case TOML_LOCAL_DATE:
    case TOML_LOCAL_TIME:
        json_raw(writer, arena_printf(arena, "<%.*s>", STR_ARG(value->text)));
        break;
    case TOML_ARRAY:
        json_open_array(writer);
        for (size_t i = 0; i < value->count; i++)
            print(value->items[i], writer);
        json_close_array(writer);
        break;
    case TOML_TABLE:
        json_open_object(writer);
        for (size_t i = 0; i < value->count; i++) {
            json_key_str(writer, value->entries[i].key);
            print(value->entries[i].value, writer);
        }
        json_close_object(writer);
        break;
    }
}

static const char *const valid[][2] = {
    // comments, blank text, line ends
    {"", "{}"},
    {"# only a comment", "{}"},
    {"\n\r\n \t\n", "{}"},
    {"a = 1 # behind", "{\"a\": 1}"},
    {"a = '# no comment'\r\nb = 2", "{\"a\": \"# no comment\", \"b\": 2}"},
    {"\xEF\xBB\xBF" "a = 1", "{\"a\": 1}"},
    // keys
    {"bare_key-9 = 1", "{\"bare_key-9\": 1}"},
    {"1234 = 1", "{\"1234\": 1}"},
    {"\"a b\" = 1\n'c\"d' = 2", "{\"a b\": 1, \"c\\\"d\": 2}"},
    {"\"\" = 1", "{\"\": 1}"},
    {"'' = 1", "{\"\": 1}"},
    {"a.b.c = 1\na.b.d = 2", "{\"a\": {\"b\": {\"c\": 1, \"d\": 2}}}"},
    {"a . b\t.\"c d\" = 1", "{\"a\": {\"b\": {\"c d\": 1}}}"},
    {"3.14 = 'pi'", "{\"3\": {\"14\": \"pi\"}}"},
    {"a.x = 1\nb.x = 2\na.y = 3", "{\"a\": {\"x\": 1, \"y\": 3}, \"b\": {\"x\": 2}}"},
    {"true = 1\ninf = 2", "{\"true\": 1, \"inf\": 2}"},
    {"\"\\u00e9\" = 1", "{\"\xC3\xA9\": 1}"},
    // strings
    {"a = \"x\\\"\\\\\\n\\t\\u00E9\\U0001F600\"", "{\"a\": \"x\\\"\\\\\\n\\t\xC3\xA9\xF0\x9F\x98\x80\"}"},
    {"a = ''", "{\"a\": \"\"}"},
    {"a = \"\"", "{\"a\": \"\"}"},
    {"a = 'C:\\new'", "{\"a\": \"C:\\\\new\"}"},
    {"a = \"\"\"\nx\ny\"\"\"", "{\"a\": \"x\\ny\"}"},
    {"a = \"\"\"\r\nx\r\ny\"\"\"", "{\"a\": \"x\\ny\"}"},
    {"a = \"\"\"x \\\n\n   y\"\"\"", "{\"a\": \"x y\"}"},
    {"a = \"\"\"x \\  \t \n   y\"\"\"", "{\"a\": \"x y\"}"},
    {"a = \"\"\"\"two quotes\"\"\"\"\"", "{\"a\": \"\\\"two quotes\\\"\\\"\"}"},
    {"a = \"\"\"a\"\"b\"\"\"", "{\"a\": \"a\\\"\\\"b\"}"},
    {"a = '''\nfirst\\n\n  second'''", "{\"a\": \"first\\\\n\\n  second\"}"},
    {"a = ''''quoted''''", "{\"a\": \"'quoted'\"}"},
    {"a = \"tab\there\"", "{\"a\": \"tab\\there\"}"},
    // integers
    {"a = 0\nb = +99\nc = -17\nd = -0", "{\"a\": 0, \"b\": 99, \"c\": -17, \"d\": 0}"},
    {"a = 1_000_000", "{\"a\": 1000000}"},
    {"a = 0xDEAD_beef\nb = 0o755\nc = 0b1101", "{\"a\": 3735928559, \"b\": 493, \"c\": 13}"},
    {"a = 9223372036854775807\nb = -9223372036854775808", "{\"a\": 9223372036854775807, \"b\": -9223372036854775808}"},
    {"a = 0x00ff", "{\"a\": 255}"},
    {"a = 0xe5", "{\"a\": 229}"},
    // floats
    {"a = +1.0\nb = -0.5\nc = 3.25", "{\"a\": f1, \"b\": f-0.5, \"c\": f3.25}"},
    {"a = 5e+2\nb = 1E0_6\nc = -2e-2", "{\"a\": f500, \"b\": f1e+06, \"c\": f-0.02}"},
    {"a = 6.5e3\nb = 224_617.5", "{\"a\": f6500, \"b\": f224618}"},
    {"a = inf\nb = -inf\nc = +inf", "{\"a\": finf, \"b\": f-inf, \"c\": finf}"},
    {"a = 0.0\nb = 0e0", "{\"a\": f0, \"b\": f0}"},
    {"a = 1e06", "{\"a\": f1e+06}"},
    // booleans, dates, times
    {"a = true\nb = false", "{\"a\": true, \"b\": false}"},
    {"a = 1979-05-27T07:32:00Z", "{\"a\": <1979-05-27T07:32:00Z>}"},
    {"a = 1979-05-27 00:32:00.999999-07:00", "{\"a\": <1979-05-27 00:32:00.999999-07:00>}"},
    {"a = 1979-05-27t07:32:00z", "{\"a\": <1979-05-27t07:32:00z>}"},
    {"a = 1979-05-27T07:32:00", "{\"a\": <1979-05-27T07:32:00>}"},
    {"a = 1979-05-27 # a day", "{\"a\": <1979-05-27>}"},
    {"a = 07:32:00.5", "{\"a\": <07:32:00.5>}"},
    {"a = 2024-02-29\nb = 2000-02-29", "{\"a\": <2024-02-29>, \"b\": <2000-02-29>}"},
    {"a = 1990-12-31T23:59:60Z", "{\"a\": <1990-12-31T23:59:60Z>}"},
    // arrays
    {"a = []", "{\"a\": []}"},
    {"a = [1, 'x', [2.5], {b = 1}]", "{\"a\": [1, \"x\", [f2.5], {\"b\": 1}]}"},
    {"a = [ # first\n 1, # one\n\n 2, ]", "{\"a\": [1, 2]}"},
    {"a = [[],[[]]]", "{\"a\": [[], [[]]]}"},
    {"a = [\n'x' # y\n,\n'z'\n]", "{\"a\": [\"x\", \"z\"]}"},
    // tables
    {"[a]", "{\"a\": {}}"},
    {"[a]\nb = 1\n[c]\nb = 2", "{\"a\": {\"b\": 1}, \"c\": {\"b\": 2}}"},
    {"[ a . b . 'c d' ]", "{\"a\": {\"b\": {\"c d\": {}}}}"},
    {"[x.y.z]\n[x]\nw = 1", "{\"x\": {\"y\": {\"z\": {}}, \"w\": 1}}"},
    {"[a.b]\n[c]\n[a]\nx = 1", "{\"a\": {\"b\": {}, \"x\": 1}, \"c\": {}}"},
    {"[fruit]\napple.color = 'red'\n[fruit.apple.texture]\nsmooth = true",
     "{\"fruit\": {\"apple\": {\"color\": \"red\", \"texture\": {\"smooth\": true}}}}"},
    {"top = 1\n[a]", "{\"top\": 1, \"a\": {}}"},
    // inline tables
    {"a = {}", "{\"a\": {}}"},
    {"a = { x = 1, y.z = 2, y.w = 3 }", "{\"a\": {\"x\": 1, \"y\": {\"z\": 2, \"w\": 3}}}"},
    {"a = { x = [\n1,\n2\n] }", "{\"a\": {\"x\": [1, 2]}}"},
    {"a.b = {c = 1}\na.d = 2", "{\"a\": {\"b\": {\"c\": 1}, \"d\": 2}}"},
    // arrays of tables
    {"[[a]]\nx = 1\n[[a]]\n[[a]]\nx = 3", "{\"a\": [{\"x\": 1}, {}, {\"x\": 3}]}"},
    {"[[f]]\n[f.p]\nc = 1\n[[f.v]]\nn = 1\n[[f.v]]\nn = 2\n[[f]]\n[[f.v]]\nn = 3",
     "{\"f\": [{\"p\": {\"c\": 1}, \"v\": [{\"n\": 1}, {\"n\": 2}]}, {\"v\": [{\"n\": 3}]}]}"},
    {"[[a.b]]\n[[a.b]]", "{\"a\": {\"b\": [{}, {}]}}"},
};

static void means_what_it_says(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(valid); i++) {
        TomlValue *root;
        AUTO_ERROR Error *error = toml_parse(arena, STR("t.toml"), str_from(valid[i][0]), &root);
        if (error)
            fail_msg("refused: %s: %s", valid[i][0], error_text(error));
        AUTO_BUF Buf text;
        JsonWriter writer;
        buf_init(&text, BUF_NO_LIMIT);
        json_begin(&writer, &text, true);
        print(root, &writer);
        if (strcmp(buf_cstr(&text), valid[i][1]) != 0)
            fail_msg("%s\n got %s\nwant %s", valid[i][0], buf_cstr(&text), valid[i][1]);
    }
}

static const char *const invalid[][2] = {
    {"a", "1:2: '=' was expected behind a key"},
    {"a =", "1:4: the text ends where a value was expected"},
    {"a = # x", "1:5: a value was expected"},
    {"= 1", "1:1: a key was expected"},
    {"a = 1 b = 2", "1:7: the line should end here"},
    {"a b = 1", "1:3: '=' was expected behind a key"},
    {"a. = 1", "1:4: a key was expected"},
    {".a = 1", "1:1: a key was expected"},
    {"a..b = 1", "1:3: a key was expected"},
    {"\"\"\"a\"\"\" = 1", "1:1: a key cannot be a multi-line string"},
    {"\xC3\xA9 = 1", "1:1: a key was expected"},
    {"a = 1\na = 2", "2:1: 'a' was already defined on line 1"},
    {"a = 1\n\"a\" = 2", "2:1: 'a' was already defined on line 1"},
    {"a = 1\na.b = 2", "2:1: 'a' was defined on line 1 and cannot be added to here"},
    {"a.b = 1\na = 2", "2:1: 'a' was already defined on line 1"},
    {"a = x", "1:5: 'x' is no TOML value"},
    {"a = True", "1:5: 'True' is no TOML value"},
    {"a = \"x", "1:7: the text ends inside a string"},
    {"a = \"x\ny\"", "1:7: the line ends inside a string"},
    {"a = 'x\ny'", "1:7: the line ends inside a string"},
    {"a = \"\"\"x", "1:9: the text ends inside a string"},
    {"a = '''x''", "1:11: the text ends inside a string"},
    {"a = \"\\q\"", "1:7: unknown escape in a string"},
    {"a = \"\\x41\"", "1:7: unknown escape in a string"},
    {"a = \"\\u12\"", "1:10: \\u needs 4 hexadecimal digits"},
    {"a = \"\\ud800\"", "1:12: the escape names no character"},
    {"a = \"\\U00110000\"", "1:16: the escape names no character"},
    {"a = \"\x01\"", "1:6: a control character in a string must be escaped"},
    {"a = '\x7f'", "1:6: a control character in a string must be escaped"},
    {"a = \"\"\"x \\ y\"\"\"", "1:12: unknown escape in a string"},
    {"a = \"\"\"\"\"\"\"\"\"", "1:8: more than five quotes in a row"},
    {"a = 01", "1:5: a number does not begin with 0"},
    {"a = -01", "1:5: a number does not begin with 0"},
    {"a = 1__0", "1:5: '1__0' is no TOML value"},
    {"a = _1", "1:5: '_1' is no TOML value"},
    {"a = 1_", "1:5: '1_' is no TOML value"},
    {"a = +0x1", "1:5: '+0x1' is no TOML value"},
    {"a = 0X1", "1:5: '0X1' is no TOML value"},
    {"a = 0x", "1:5: '0x' is no TOML value"},
    {"a = 0o8", "1:5: '0o8' is no TOML value"},
    {"a = 0b2", "1:5: '0b2' is no TOML value"},
    {"a = 0x_1", "1:5: '0x_1' is no TOML value"},
    {"a = 9223372036854775808", "1:5: 9223372036854775808 does not fit into 64 bits"},
    {"a = ++1", "1:5: '++1' is no TOML value"},
    {"a = 1.", "1:5: '1.' is no TOML value"},
    {"a = .5", "1:5: '.5' is no TOML value"},
    {"a = 1.e5", "1:5: '1.e5' is no TOML value"},
    {"a = 1e", "1:5: '1e' is no TOML value"},
    {"a = 00.5", "1:5: '00.5' is no TOML value"},
    {"a = 1.5.5", "1:5: '1.5.5' is no TOML value"},
    {"a = 1_.5", "1:5: '1_.5' is no TOML value"},
    {"a = Inf", "1:5: 'Inf' is no TOML value"},
    {"a = 2023-02-29", "1:5: '2023-02-29' is no date or time"},
    {"a = 1900-02-29", "1:5: '1900-02-29' is no date or time"},
    {"a = 2023-13-01", "1:5: '2023-13-01' is no date or time"},
    {"a = 2023-00-01", "1:5: '2023-00-01' is no date or time"},
    {"a = 2023-1-01", "1:5: '2023-1-01' is no date or time"},
    {"a = 24:00:00", "1:5: '24:00:00' is no date or time"},
    {"a = 12:60:00", "1:5: '12:60:00' is no date or time"},
    {"a = 12:30", "1:5: '12:30' is no date or time"},
    {"a = 2023-01-01T12:00:00.", "1:5: '2023-01-01T12:00:00.' is no date or time"},
    {"a = 2023-01-01T12:00:00+25:00", "1:5: '2023-01-01T12:00:00+25:00' is no date or time"},
    {"a = 2023-01-01T", "1:5: '2023-01-01T' is no date or time"},
    {"a = [1, 2", "1:10: ',' or ']' was expected"},
    {"a = [1 2]", "1:8: ',' or ']' was expected"},
    {"a = [,]", "1:6: a value was expected"},
    {"a = [1,,2]", "1:8: a value was expected"},
    {"a = { x = 1, }", "1:14: a key was expected"},
    {"a = { x = 1\n}", "1:12: ',' or '}' was expected"},
    {"a = { x = 1, x = 2 }", "1:14: 'x' was already defined on line 1"},
    {"a = {x=1}\na.y = 2", "2:1: 'a' was defined on line 1 and cannot be added to here"},
    {"a = {x=1}\n[a.b]", "2:2: 'a' was defined on line 1 and cannot be added to here"},
    {"a = {b.c = 1}\na.b.d = 2", "2:1: 'a' was defined on line 1 and cannot be added to here"},
    {"a = { b.c = 1, b = 2 }", "1:16: 'b' was already defined on line 1"},
    {"[a", "1:3: ']' was expected"},
    {"[a]]", "1:4: the line should end here"},
    {"[]", "1:2: a key was expected"},
    {"[a] b = 1", "1:5: the line should end here"},
    {"[[a]", "1:4: ']]' was expected"},
    {"[ [a]]", "1:3: a key was expected"},
    {"[a]\n[a]", "2:2: 'a' was already defined on line 1"},
    {"[a]\nb = 1\n[a.b]", "3:4: 'b' was already defined on line 2"},
    {"a.b = 1\n[a]", "2:2: 'a' was already defined on line 1"},
    {"[fruit]\napple.taste.sweet = true\n[fruit.apple.taste]", "3:14: 'taste' was already defined on line 2"},
    {"[a.b.c]\nz = 9\n[a]\nb.c.t = 1", "4:1: 'b' was defined on line 1 and cannot be added to here"},
    {"[[a]]\n[a]", "2:2: 'a' was already defined on line 1"},
    {"[a]\n[[a]]", "2:3: 'a' was already defined on line 1, not as an array of tables"},
    {"a = []\n[[a]]", "2:3: 'a' was already defined on line 1, not as an array of tables"},
    {"a = [{}]\n[a.b]", "2:2: 'a' was defined on line 1 and cannot be added to here"},
    {"[[a.b]]\n[a.b]", "2:4: 'b' was already defined on line 1"},
    {"a = 1\r b = 2", "1:6: a carriage return stands alone"},
    {"# x\x01", "1:4: a control character in a comment"},
    {"a = '\xFF'", "1:6: the text is not valid UTF-8 here"},
    {"a = 1\n\n  b = \"\xC0\xAF\"", "3:8: the text is not valid UTF-8 here"},
    {"a = 1\n\xEF\xBB\xBF" "b = 1", "2:1: a key was expected"},
};

static void refuses_with_the_place(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
        TomlValue *root;
        AUTO_ERROR Error *error = toml_parse(arena, STR("t.toml"), str_from(invalid[i][0]), &root);
        if (!error)
            fail_msg("accepted: %s", invalid[i][0]);
        const SourceSpan *span = error_span(error, NULL);
        assert_non_null(span);
        Str got = arena_printf(arena, "%u:%u: %s", span->line, span->column, error_text(error));
        if (!str_is(got, invalid[i][1]))
            fail_msg("%s\n got %s\nwant %s", invalid[i][0], got.ptr, invalid[i][1]);
    }
}

static void keeps_its_caps(void **state) {
    (void)state;
    TomlValue *root;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_add_cstr(&text, "a = ");
    for (int i = 0; i < 1000000; i++)
        buf_add_byte(&text, '[');
    AUTO_ERROR Error *deep = toml_parse(arena, STR("t"), buf_str(&text), &root);
    assert_int_equal(error_kind(deep), ERROR_LIMIT);
    buf_clear(&text);
    for (int i = 0; i < 200000; i++)
        buf_add_cstr(&text, "a.");
    AUTO_ERROR Error *dotted = toml_parse(arena, STR("t"), buf_str(&text), &root);
    assert_int_equal(error_kind(dotted), ERROR_LIMIT);
    AUTO_FREE char *large = mem_zalloc(TOML_SIZE_MAX + 1);
    AUTO_ERROR Error *size = toml_parse(arena, STR("t"), (Str){large, TOML_SIZE_MAX + 1}, &root);
    assert_int_equal(error_kind(size), ERROR_LIMIT);
}

static void finds_many_keys(void **state) {
    (void)state;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < 50000; i++)
        buf_printf(&text, "k%d = %d\n", i, i);
    TomlValue *root;
    assert_null(toml_parse(arena, STR("t"), buf_str(&text), &root));
    assert_int_equal(toml_get(root, "k49999")->integer, 49999);
    assert_null(toml_get(root, "k50000"));
}

static void knows_where_things_stand(void **state) {
    (void)state;
    Str text = STR("# head\n[a] # x\n  key = 'value' # y\nother.dotted = [1,\n 2]\n");
    TomlValue *root;
    assert_null(toml_parse(arena, STR("t"), text, &root));
    const TomlValue *a = toml_get(root, "a");
    const TomlEntry *key = toml_find(a, STR("key"));
    assert_int_equal(key->line, 3);
    assert_int_equal(key->column, 3);
    assert_true(str_is(str_slice(text, key->key_start, key->key_end), "key"));
    assert_true(str_is(str_slice(text, key->value->start, key->value->end), "'value'"));
    const TomlValue *list = toml_get(toml_get(a, "other"), "dotted");
    assert_true(str_is(str_slice(text, list->start, list->end), "[1,\n 2]"));
    assert_true(str_starts_with(str_slice(text, a->start, a->end), STR("[a] # x")));
    assert_int_equal(a->end, text.len);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_what_it_says), cmocka_unit_test(refuses_with_the_place), cmocka_unit_test(keeps_its_caps),
        cmocka_unit_test(finds_many_keys),    cmocka_unit_test(knows_where_things_stand),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

// Commands split into words, against what a POSIX shell makes of them, and what no shell would take.
#include "specs/words.h"
#include "tests/unit/specs_helper.h"

static const struct {
    const char *text;
    const char *words; // each followed by '|'
} cases[] = {
    {"", ""},
    {"   ", ""},
    {"./build.sh", "./build.sh|"},
    {"  make   -j4 all ", "make|-j4|all|"},
    {"a\tb\nc\rd", "a|b|c|d|"},
    {"echo 'a  b' c", "echo|a  b|c|"},
    {"echo \"a  b\"", "echo|a  b|"},
    {"a'b'c\"d\"e", "abcde|"},
    {"''", "|"},
    {"a '' b", "a||b|"},
    {"a \"\"", "a||"},
    {"a\\ b", "a b|"},
    {"\\'", "'|"},
    {"'a\\b'", "a\\b|"},
    {"'\"'", "\"|"},
    {"\"'\"", "'|"},
    {"\"\\\"\"", "\"|"},
    {"\"a\\$b\\`c\\\\d\"", "a$b`c\\d|"},
    {"\"a\\nb\"", "a\\nb|"},
    {"a\\\nb", "ab|"},
    {"\"a\\\nb\"", "ab|"},
    {"\\\n", ""},
    {"a # b c", "a|"},
    {"a#b", "a#b|"},
    {"a # b\nc", "a|c|"},
    {"'#'", "#|"},
    {"\\#", "#|"},
    {"$HOME *.c | x > y; z", "$HOME|*.c|||x|>|y;|z|"},
    {"bash -c 'echo \"x y\"'", "bash|-c|echo \"x y\"|"},
    {"\xc3\xa9 x", "\xc3\xa9|x|"},
};

static const struct {
    const char *text, *message;
} refused[] = {
    {"'", "a ' is not closed in the command `'`"},
    {"echo 'a", "a ' is not closed in the command `echo 'a`"},
    {"echo a'", "a ' is not closed in the command `echo a'`"},
    {"\"", "a \" is not closed in the command `\"`"},
    {"a \"b c", "a \" is not closed in the command `a \"b c`"},
    {"\"a\\\"", "a \" is not closed in the command `\"a\\\"`"},
    {"\"a\\", "a \\ has nothing behind it in the command `\"a\\`"},
    {"a\\", "a \\ has nothing behind it in the command `a\\`"},
    {"\\", "a \\ has nothing behind it in the command `\\`"},
    {"'a' 'b' \"c", "a \" is not closed in the command `'a' 'b' \"c`"},
};

static void splits_as_a_shell(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        StrSlice words;
        AUTO_BUF Buf got;
        buf_init(&got, BUF_NO_LIMIT);
        ok(words_split(scratch_arena, str_from(cases[i].text), &words));
        for (size_t j = 0; j < words.count; j++) {
            assert_int_equal(words.items[j].ptr[words.items[j].len], '\0');
            buf_printf(&got, "%.*s|", STR_ARG(words.items[j]));
        }
        assert_string_equal(buf_cstr(&got), cases[i].words);
    }
}

static void refuses_what_is_open(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        StrSlice words;
        assert_fails(words_split(scratch_arena, str_from(refused[i].text), &words), refused[i].message);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {SCRATCH_TEST(splits_as_a_shell), SCRATCH_TEST(refuses_what_is_open)};
    return cmocka_run_group_tests_name("specs_words", tests, NULL, NULL);
}

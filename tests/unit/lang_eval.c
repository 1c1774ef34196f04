// The evaluator, over the programs of tests/lang/eval: ok-*.ncl must export as the JSON of ok-*.exp, fail-*.ncl must
// fail with exactly the message of fail-*.err. And what only C can ask: budgets, identity, places, loaders.
#include "base/fd.h"
#include "base/vec.h"
#include "specs/lang/lang.h"

#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

// An interpreter with two modules of its own.
static Lang *new_lang(LangOptions options) {
    LangModule modules[] = {{STR("minimal.ncl"), STR("{ answer = 42, deeper = import \"deeper.ncl\" }")},
                            {STR("deeper.ncl"), STR("{ value = 1 }")}};
    Lang *lang = NULL;
    options.modules = modules;
    options.module_count = ARRAY_LEN(modules);
    assert_null(lang_new(&options, &lang));
    return lang;
}

static void cleanup_lang(Lang **lang) {
    lang_free(*lang);
}
#define AUTO_TEST_LANG __attribute__((cleanup(cleanup_lang)))

static Value *program(Lang *lang, const char *text) {
    Value *value = NULL;
    assert_null(lang_program(lang, STR("test.ncl"), str_from(text), &value));
    return value;
}

static void must_say(Error *error, ErrorKind kind, const char *part) {
    assert_non_null(error);
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    if (error_kind(error) != kind || !strstr(buf_cstr(&text), part))
        fail_msg("expected %s and \"%s\", got %s: %s", error_kind_name(kind), part, error_kind_name(error_kind(error)),
                 buf_cstr(&text));
    error_free(error);
}

// ---- files ----

typedef struct Case {
    char *program, *expected;
    bool fails;
} Case;

static void run_case(void **state) {
    const Case *c = *state;
    AUTO_BUF Buf expected, got;
    buf_init(&expected, 1 << 20);
    buf_init(&got, 1 << 24);
    Error *error = fd_read_file(AT_FDCWD, c->expected, &expected);
    assert_null(error);
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
    Value *value = NULL;
    error = lang_import(lang, str_from(c->program), &value);
    if (!error)
        error = lang_export_json(lang, value, false, &got);
    if (c->fails)
        assert_non_null(error);
    if (error) {
        buf_clear(&got);
        error_format(error, &got);
        error_free(error);
    }
    buf_add_byte(&got, '\n');
    assert_string_equal(buf_cstr(&got), buf_cstr(&expected));
}

// ---- budgets ----

static void test_steps(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){.step_budget = 100000});
    must_say(lang_force(lang, program(lang, "let rec f = fun x => f (x + 1) in f 0")), ERROR_LIMIT,
             "evaluation takes more than 100000 steps");
}

static void test_memory(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){.memory_budget_bytes = 8 << 20});
    must_say(lang_force(lang, program(lang, "let rec f = fun a => f (a @ [1]) in f []")), ERROR_LIMIT,
             "evaluation needs more than its 8 MiB of memory");
}

static void test_huge_sizes(void **state) {
    (void)state;
    static const char *const programs[] = {
        "std.array.range 0 1000000000000", "std.array.replicate 9000000000000000000 1",
        "std.array.generate (fun x => x) 9000000000000000",
        "let rec s = fun n a => if n == 0 then a else s (n - 1) (a ++ a) in s 40 \"0123456789\""};
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){.memory_budget_bytes = 16 << 20});
        must_say(lang_force(lang, program(lang, programs[i])), ERROR_LIMIT, "16 MiB of memory");
    }
}

// Long numbers cost more than one step, so computing with them ends as well.
static void test_long_numbers(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){.step_budget = 1000000});
    const char *text = "let step = 1 / std.number.pow 3 1000 in"
                       " std.array.fold_left (fun acc i => (acc + step) % 1) 0 (std.array.range 0 2000)";
    must_say(lang_force(lang, program(lang, text)), ERROR_LIMIT, "evaluation takes more than 1000000 steps");
    AUTO_TEST_LANG Lang *other = new_lang((LangOptions){.step_budget = 1000000});
    assert_null(lang_force(other, program(other, "std.array.fold_left (fun acc i => (acc + 1 / 3) % 1) 0"
                                                 " (std.array.range 0 2000)")));
}

// A text that could not be parsed within the budget is refused before it is parsed.
static void test_large_text(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){.memory_budget_bytes = 8 << 20});
    AUTO_BUF Buf text;
    buf_init(&text, 1 << 20);
    for (int i = 0; i < 30000; i++)
        buf_add_cstr(&text, "[1],");
    must_say(lang_force(lang, program(lang, buf_cstr(&text))), ERROR_LIMIT, "8 MiB of memory");
}

static void test_depth(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
    must_say(lang_force(lang, program(lang, "let rec f = fun x => 1 + f x in f 0")), ERROR_LIMIT,
             "evaluation is nested too deeply");
    // And it can be used afterwards.
    Value *value = program(lang, "let rec f = fun n => if n == 0 then 0 else 1 + f (n - 1) in f 3000");
    assert_null(lang_force(lang, value));
    int64_t n = 0;
    assert_true(lang_get_integer(value, &n));
    assert_int_equal(n, 3000);
}

static void test_regex_limit(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
    must_say(
        lang_force(lang,
                   program(lang, "std.string.is_match \"^(a+)+$\" \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\"")),
        ERROR_LIMIT, "a regular expression takes too long");
}

static void test_error_again(void **state) {
    (void)state; // A value that failed fails again in the same way, rather than being a black hole.
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
    Value *value = program(lang, "1 + \"x\"");
    must_say(lang_force(lang, value), ERROR_INVALID, "+ expects a Number");
    must_say(lang_force(lang, value), ERROR_INVALID, "+ expects a Number");
}

// ---- the interface ----

static Value *field(Lang *lang, Value *record, const char *name) {
    Value *value = NULL;
    assert_null(lang_record_field(lang, record, str_from(name), &value));
    return value;
}

static void test_identity(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
    Value *value = program(
        lang, "let C = { name | String, ty | [| 'A |] = 'A } in let make = fun n => { name = n } in "
              "let x = { name = \"x\" } in "
              "{ plain = x, once = x | C, twice = (x | C) | { _ : Dyn }, made = make \"1\" | C, made2 = make \"2\","
              "  array = ([x] | Array C), open = x | { name | String, .. } }");
    assert_null(lang_force(lang, value));
    const void *x = lang_record_identity(field(lang, value, "plain"));
    assert_ptr_equal(x, lang_record_identity(field(lang, value, "once")));
    assert_ptr_equal(x, lang_record_identity(field(lang, value, "twice")));
    assert_ptr_equal(x, lang_record_identity(field(lang, value, "open")));
    Value *item = NULL;
    assert_null(lang_array_item(lang, field(lang, value, "array"), 0, &item));
    assert_ptr_equal(x, lang_record_identity(item));
    const void *made = lang_record_identity(field(lang, value, "made"));
    assert_ptr_not_equal(x, made);
    assert_ptr_not_equal(made, lang_record_identity(field(lang, value, "made2")));
}

static void test_fields(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
    Value *value = program(lang, "{ b = 1, a | optional, c | String, d = 'T 2,\n  long = \"s\" }");
    assert_null(lang_force(lang, value));
    assert_null(field(lang, value, "a"));
    assert_null(field(lang, value, "nowhere"));
    Value *missing = NULL;
    must_say(lang_record_field(lang, value, STR("c"), &missing), ERROR_INVALID, "missing definition for `c`");
    StrSlice names = {0};
    assert_null(lang_record_names(lang, value, &names));
    assert_int_equal(names.count, 4);
    assert_true(str_is(names.items[0], "b") && str_is(names.items[1], "c") && str_is(names.items[3], "long"));
    Value *tag = field(lang, value, "d");
    assert_true(lang_type(tag) == LANG_ENUM && str_is(lang_get_tag(tag), "T"));
    assert_non_null(lang_get_argument(tag));
    SourceSpan span = lang_field_span(lang, value, STR("long"));
    assert_int_equal(span.line, 2);
    assert_int_equal(span.column, 10);
    assert_int_equal(lang_field_span(lang, value, STR("zz")).line, 0);
    assert_int_equal(lang_span(lang, value).line, 1);
}

static void test_field_path(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
    Value *value = program(lang, "{ a.b.\"c d\" = 7 }"), *found = NULL;
    assert_null(lang_field_path(lang, value, STR("a.b.\"c d\""), &found));
    assert_int_equal((int)lang_get_number(found), 7);
    must_say(lang_field_path(lang, value, STR("a.x"), &found), ERROR_INVALID, "missing field `x`");
    must_say(lang_field_path(lang, value, STR("a.\"b"), &found), ERROR_INVALID, "unfinished quoted name");
    must_say(lang_field_path(lang, value, STR("a..b"), &found), ERROR_INVALID, "empty name in the field path");
    must_say(lang_field_path(lang, value, STR("a."), &found), ERROR_INVALID, "ends with `.`");
}

static void test_injected(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
    Str names[] = {STR("os"), STR("arch")};
    Value *values[] = {lang_make_enum(lang, STR("Linux")), lang_make_string(lang, STR("x"))};
    lang_define(lang, STR("__config"), lang_make_record(lang, names, values, 2));
    Value *value =
        program(lang, "\"%{__config.os}-%{__config.arch}-%{std.to_string (import \"minimal.ncl\").answer}\"");
    assert_null(lang_force(lang, value));
    assert_true(str_is(lang_get_string(value), "Linux-x-42"));
}

static void test_modules(void **state) {
    (void)state;
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
    Value *value = program(lang, "(import \"minimal.ncl\").deeper.value");
    assert_null(lang_force(lang, value));
    must_say(lang_force(lang, program(lang, "import \"minimall.ncl\"")), ERROR_INVALID, "did you mean `minimal.ncl`?");
}

typedef struct Asked {
    size_t count;
    char paths[8][64];
} Asked;

static Error *load(void *context, Str path, Str *out) {
    Asked *asked = context;
    if (asked->count < ARRAY_LEN(asked->paths))
        snprintf(asked->paths[asked->count++], sizeof asked->paths[0], "%.*s", STR_ARG(path));
    if (str_is(path, "/layer/a/build.ncl")) {
        *out = STR("{ name = \"a\", b = import \"../b/build.ncl\", m = import \"minimal.ncl\" }");
        return NULL;
    }
    if (str_is(path, "/layer/b/build.ncl")) {
        *out = STR("{ name = \"b\", a = import \"../a/build.ncl\" }");
        return NULL;
    }
    return error_new(ERROR_NOT_FOUND, "no %.*s", STR_ARG(path));
}

// Each file is read once, whatever way leads to it; absent ones are asked for as well.
static void test_loader(void **state) {
    (void)state;
    Asked asked = {0};
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){.loader = {&asked, load}});
    Value *a = NULL, *name = NULL;
    assert_null(lang_import(lang, STR("/layer/x/../a/build.ncl"), &a));
    assert_null(lang_field_path(lang, a, STR("b.a.b.name"), &name));
    assert_true(str_is(lang_get_string(name), "b"));
    assert_null(lang_field_path(lang, a, STR("m.answer"), &name));
    assert_int_equal(asked.count, 3);
    assert_string_equal(asked.paths[2], "/layer/a/minimal.ncl");
    assert_int_equal(lang_stats(lang).files, 3);
    must_say(lang_import(lang, STR("/layer/none.ncl"), &a), ERROR_NOT_FOUND, "no file /layer/none.ncl");
}

static void keep(void *context, Str text) {
    Buf *seen = context;
    buf_printf(seen, "%.*s;", STR_ARG(text));
}

// In the order in which values are computed, and once each.
static void test_trace(void **state) {
    (void)state;
    AUTO_BUF Buf seen;
    buf_init(&seen, 4096);
    AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){.trace = keep, .trace_context = &seen});
    assert_null(lang_force(lang, program(lang, "let x = std.trace \"x\" 1, y = %trace% \"y\" 2 in y + x + x")));
    assert_string_equal(buf_cstr(&seen), "y;x;");
}

static void test_two_environments(void **state) {
    (void)state; // The same text with two targets, as for two architectures.
    static const char text[] =
        "{ outputs = { bin = \"b\" } | match { 'Amd64 => { lib64 = \"l\", .. }, _ => { .. } } target }";
    size_t counts[2];
    for (int i = 0; i < 2; i++) {
        AUTO_TEST_LANG Lang *lang = new_lang((LangOptions){0});
        lang_define(lang, STR("target"), lang_make_enum(lang, i ? STR("Arm64") : STR("Amd64")));
        Value *value = program(lang, text), *outputs = NULL;
        StrSlice names;
        assert_null(lang_field_path(lang, value, STR("outputs"), &outputs));
        assert_null(lang_record_names(lang, outputs, &names));
        counts[i] = names.count;
    }
    assert_int_equal(counts[0], 2);
    assert_int_equal(counts[1], 1);
}

typedef VEC(struct CMUnitTest) Tests;

static void add_files(Tests *tests) {
    struct dirent **entries = NULL;
    int count = scandir("tests/lang/eval", &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        Str name = str_from(entries[i]->d_name);
        bool fails = str_starts_with(name, STR("fail-"));
        if (str_ends_with(name, STR(".ncl")) && (fails || str_starts_with(name, STR("ok-")))) {
            Case *c = mem_zalloc(sizeof *c);
            Buf path;
            c->fails = fails;
            buf_init(&path, 4096);
            buf_printf(&path, "tests/lang/eval/%s", entries[i]->d_name);
            c->program = buf_take(&path);
            buf_printf(&path, "tests/lang/eval/%.*s%s", (int)(name.len - 4), name.ptr, fails ? ".err" : ".exp");
            c->expected = buf_take(&path);
            vec_push(tests, (struct CMUnitTest){.name = c->program, .test_func = run_case, .initial_state = c});
        }
        free(entries[i]);
    }
    free(entries);
}

int main(void) {
    const struct CMUnitTest own[] = {
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_huge_sizes),
        cmocka_unit_test(test_large_text),
        cmocka_unit_test(test_long_numbers),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_regex_limit),
        cmocka_unit_test(test_error_again),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_field_path),
        cmocka_unit_test(test_injected),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_loader),
        cmocka_unit_test(test_two_environments),
        cmocka_unit_test(test_trace),
    };
    Tests tests = {0};
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        vec_push(&tests, own[i]);
    add_files(&tests);
    // Fewer means that the programs were not found.
    if (tests.count < ARRAY_LEN(own) + 80)
        fail_msg("only %zu programs in tests/lang/eval", tests.count - ARRAY_LEN(own));
    int failed = _cmocka_run_group_tests("lang_eval", tests.items, tests.count, NULL, NULL);
    for (size_t i = ARRAY_LEN(own); i < tests.count; i++) {
        Case *c = tests.items[i].initial_state;
        free(c->program);
        free(c->expected);
        free(c);
    }
    vec_release(&tests);
    return failed;
}

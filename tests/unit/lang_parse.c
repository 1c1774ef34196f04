// The parser over the cases of tests/lang/parse: ok-*.ncl must give the tree of ok-*.tree, fail-*.ncl the message of
// fail-*.err. UPDATE=1 writes those files anew, for a person to read. Then what no small file can show: the bounds.
#include "base/fd.h"
#include "base/vec.h"
#include "specs/lang/lex.h"
#include "specs/lang/parse.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

// ---- the tree as text -----------------------------------------------------------------------------------------------

static const Symbols *names;

static void dump(Buf *out, const AstNode *node);
static void dump_pattern(Buf *out, const AstPattern *pattern);

static void dump_symbol(Buf *out, Symbol symbol) {
    buf_add_str(out, symbol_text(names, symbol));
}

static void dump_text(Buf *out, Str text) {
    buf_add_byte(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\n')
            buf_add_cstr(out, "\\n");
        else
            buf_add_byte(out, text.ptr[i]);
    }
    buf_add_byte(out, '"');
}

static void dump_annotations(Buf *out, const AstAnnotation *annotations, size_t count) {
    for (size_t i = 0; i < count; i++) {
        buf_add_cstr(out, annotations[i].is_static ? " : " : " | ");
        dump(out, annotations[i].type);
    }
}

static void dump_field(Buf *out, const AstField *field) {
    static const char *const priorities[] = {"", " | default", " | priority ", " | force"};
    if (field->include)
        buf_add_cstr(out, "include ");
    if (field->dynamic_name)
        dump(out, field->dynamic_name);
    else
        dump_symbol(out, field->name);
    dump_annotations(out, field->annotations, field->annotation_count);
    if (field->doc.ptr) {
        buf_add_cstr(out, " | doc ");
        dump_text(out, field->doc);
    }
    buf_add_cstr(out, priorities[field->priority]);
    buf_add_str(out, field->priority_text);
    buf_add_cstr(out, field->optional ? " | optional" : "");
    buf_add_cstr(out, field->not_exported ? " | not_exported" : "");
    if (field->value) {
        buf_add_cstr(out, " = ");
        dump(out, field->value);
    }
}

static void dump_record(Buf *out, const AstNode *node) {
    buf_add_cstr(out, node->flags & AST_FLAG_PATH ? "{path " : "{");
    for (uint32_t i = 0; i < node->record->count; i++) {
        buf_add_cstr(out, i ? ", " : "");
        dump_field(out, &node->record->fields[i]);
    }
    buf_add_cstr(out, node->record->open ? " ..}" : "}");
}

static void dump_rows(Buf *out, const AstNode *node) {
    const AstRows *rows = node->rows;
    buf_add_cstr(out, node->kind == AST_TYPE_ENUM ? "(enum" : "(rows");
    for (uint32_t i = 0; i < rows->count; i++) {
        buf_add_byte(out, ' ');
        dump_symbol(out, rows->rows[i].name);
        if (rows->rows[i].type) {
            buf_add_cstr(out, ":");
            dump(out, rows->rows[i].type);
        }
    }
    if (rows->tail == AST_TAIL_DYN)
        buf_add_cstr(out, "; Dyn");
    if (rows->tail == AST_TAIL_VAR) {
        buf_add_cstr(out, "; ");
        dump(out, rows->tail_var);
    }
    buf_add_byte(out, ')');
}

static void dump_chunks(Buf *out, const AstNode *node) {
    buf_add_cstr(out, node->kind == AST_SYMBOLIC ? "(symbolic " : "(chunks");
    if (node->kind == AST_SYMBOLIC)
        dump_symbol(out, node->symbol);
    for (uint32_t i = 0; i < node->chunks.count; i++) {
        buf_add_byte(out, ' ');
        dump(out, node->chunks.chunks[i].node);
        if (node->chunks.chunks[i].indent)
            buf_printf(out, "+%u", node->chunks.chunks[i].indent);
    }
    buf_add_byte(out, ')');
}

static void dump_list(Buf *out, const char *head, AstNode *const *items, uint32_t count) {
    buf_add_cstr(out, head);
    for (uint32_t i = 0; i < count; i++) {
        buf_add_cstr(out, i ? " " : "");
        dump(out, items[i]);
    }
}

static void dump_let(Buf *out, const AstNode *node) {
    buf_add_cstr(out, node->flags & AST_FLAG_REC ? "(let rec" : "(let");
    for (uint32_t i = 0; i < node->let->count; i++) {
        const AstBinding *binding = &node->let->bindings[i];
        buf_add_cstr(out, i ? ", " : " ");
        dump_pattern(out, binding->pattern);
        if (binding->doc.ptr)
            dump_text(out, binding->doc);
        buf_add_cstr(out, " = ");
        dump(out, binding->value);
    }
    buf_add_cstr(out, " in ");
    dump(out, node->let->body);
    buf_add_byte(out, ')');
}

static void dump_fun(Buf *out, const AstFun *fun) {
    buf_add_cstr(out, "(fun");
    for (uint32_t i = 0; i < fun->count; i++) {
        buf_add_byte(out, ' ');
        dump_pattern(out, fun->params[i]);
    }
    buf_add_cstr(out, " => ");
    dump(out, fun->body);
    buf_add_byte(out, ')');
}

static void dump_match(Buf *out, const AstMatch *match) {
    buf_add_cstr(out, "(match");
    for (uint32_t i = 0; i < match->count; i++) {
        buf_add_cstr(out, i ? ", " : " ");
        dump_pattern(out, match->branches[i].pattern);
        if (match->branches[i].guard) {
            buf_add_cstr(out, " if ");
            dump(out, match->branches[i].guard);
        }
        buf_add_cstr(out, " => ");
        dump(out, match->branches[i].body);
    }
    buf_add_byte(out, ')');
}

static const char *const ops[AST_OP_COUNT] = {"!", "neg", "++", "@",  "*",  "/",  "%",  "+",  "-",  "&",
                                              "<", "<=",  ">",  ">=", "==", "!=", "&&", "||", "|>", "."};

// ("head" left right)
static void dump_pair(Buf *out, const char *head, const AstNode *node) {
    buf_printf(out, "(%s ", head);
    dump(out, node->pair.left);
    buf_add_byte(out, ' ');
    dump(out, node->pair.right);
    buf_add_byte(out, ')');
}

static void dump_child(Buf *out, const char *head, const AstNode *child) {
    buf_printf(out, "(%s ", head);
    dump(out, child);
    buf_add_byte(out, ')');
}

static void dump_word(Buf *out, const AstNode *node) {
    static const char *const formats[] = {"", " as Nickel", " as Json", " as Yaml", " as Toml", " as Text"};
    switch ((int)node->kind) {
    case AST_NULL:
        buf_add_cstr(out, "null");
        break;
    case AST_BOOL:
        buf_add_cstr(out, node->boolean ? "true" : "false");
        break;
    case AST_NUMBER:
        buf_add_str(out, node->text);
        break;
    case AST_STRING:
        dump_text(out, node->text);
        break;
    case AST_VAR:
        dump_symbol(out, node->symbol);
        break;
    case AST_OPERATOR:
        buf_printf(out, "(op %s)", ops[node->op]);
        break;
    case AST_PRIMOP:
        buf_printf(out, "%%%.*s%%", STR_ARG(symbol_text(names, node->symbol)));
        break;
    case AST_IMPORT_PACKAGE:
        buf_printf(out, "(import %.*s)", STR_ARG(symbol_text(names, node->symbol)));
        break;
    case AST_IMPORT:
        buf_printf(out, "(import \"%.*s\"%s)", STR_ARG(node->import.path), formats[node->import.format]);
        break;
    case AST_TYPE_DYN:
        buf_add_cstr(out, "Dyn");
        break;
    case AST_TYPE_NUMBER:
        buf_add_cstr(out, "Number");
        break;
    case AST_TYPE_BOOL:
        buf_add_cstr(out, "Bool");
        break;
    case AST_TYPE_STRING:
        buf_add_cstr(out, "String");
        break;
    case AST_TYPE_WILDCARD:
        buf_add_cstr(out, "_");
        break;
    default:
        fail_msg("node of kind %d", node->kind);
    }
}

static void dump_forall(Buf *out, const AstForall *forall) {
    buf_add_cstr(out, "(forall");
    for (uint32_t i = 0; i < forall->count; i++) {
        buf_add_byte(out, ' ');
        dump_symbol(out, forall->variables[i]);
    }
    buf_add_cstr(out, ". ");
    dump(out, forall->body);
    buf_add_byte(out, ')');
}

static void dump_annotated(Buf *out, const AstAnnotated *annotated) {
    buf_add_cstr(out, "(");
    if (annotated->name) {
        buf_add_byte(out, '<');
        dump_symbol(out, annotated->name);
        buf_add_cstr(out, "> ");
    }
    dump(out, annotated->value);
    dump_annotations(out, annotated->annotations, annotated->count);
    buf_add_byte(out, ')');
}

static void dump_compound(Buf *out, const AstNode *node) {
    switch ((int)node->kind) {
    case AST_ARRAY:
        dump_list(out, "[", node->list.items, node->list.count);
        buf_add_byte(out, ']');
        break;
    case AST_APP:
        dump_child(out, "app", node->app.head);
        out->len--;
        dump_list(out, " ", node->app.args, node->app.count);
        buf_add_byte(out, ')');
        break;
    case AST_IF:
        dump_child(out, "if", node->three.condition);
        out->len--;
        dump_list(out, " ", (AstNode *[]){node->three.yes, node->three.no}, 2);
        buf_add_byte(out, ')');
        break;
    case AST_UNARY:
        dump_child(out, ops[node->unary.op], node->unary.child);
        break;
    case AST_BINARY:
        dump_pair(out, ops[node->pair.op], node);
        break;
    case AST_GET:
        dump_child(out, "get", node->child);
        out->len--;
        buf_printf(out, " %.*s)", STR_ARG(symbol_text(names, node->symbol)));
        break;
    case AST_GET_DYNAMIC:
        dump_pair(out, "get", node);
        break;
    case AST_TYPE_ARROW:
        dump_pair(out, "->", node);
        break;
    case AST_TYPE_ARRAY:
        dump_child(out, "Array", node->child);
        break;
    case AST_TYPE_DICT:
        dump_child(out, node->flags & AST_FLAG_DICT_CONTRACT ? "dict|" : "dict", node->child);
        break;
    default:
        dump_word(out, node);
        break;
    }
}

static void dump(Buf *out, const AstNode *node) {
    switch ((int)node->kind) {
    case AST_ENUM:
        buf_printf(out, node->child ? "('%.*s " : "'%.*s", STR_ARG(symbol_text(names, node->symbol)));
        if (node->child) {
            dump(out, node->child);
            buf_add_byte(out, ')');
        }
        break;
    case AST_RECORD:
        dump_record(out, node);
        break;
    case AST_CHUNKS:
    case AST_SYMBOLIC:
        dump_chunks(out, node);
        break;
    case AST_FUN:
        dump_fun(out, node->fun);
        break;
    case AST_LET:
        dump_let(out, node);
        break;
    case AST_MATCH:
        dump_match(out, node->match);
        break;
    case AST_ANNOTATED:
        dump_annotated(out, node->annotated);
        break;
    case AST_TYPE_FORALL:
        dump_forall(out, node->forall);
        break;
    case AST_TYPE_ENUM:
    case AST_TYPE_RECORD:
        dump_rows(out, node);
        break;
    default:
        dump_compound(out, node);
        break;
    }
}

static void dump_rest(Buf *out, const AstPattern *pattern, const char *close) {
    if (pattern->rest != PATTERN_CLOSED)
        buf_add_cstr(out, " ..");
    if (pattern->rest == PATTERN_REST)
        dump_symbol(out, pattern->rest_name);
    buf_add_cstr(out, close);
}

static void dump_field_patterns(Buf *out, const AstPattern *pattern) {
    buf_add_byte(out, '{');
    for (uint32_t i = 0; i < pattern->count; i++) {
        const AstFieldPattern *field = &pattern->fields[i];
        buf_add_cstr(out, i ? ", " : "");
        dump_symbol(out, field->name);
        dump_annotations(out, field->annotations, field->annotation_count);
        if (field->default_value) {
            buf_add_cstr(out, " ? ");
            dump(out, field->default_value);
        }
        buf_add_cstr(out, " = ");
        dump_pattern(out, field->pattern);
    }
    dump_rest(out, pattern, "}");
}

static void dump_items(Buf *out, const char *head, const AstPattern *pattern, const char *close) {
    buf_add_cstr(out, head);
    for (uint32_t i = 0; i < pattern->count; i++) {
        buf_add_cstr(out, i ? " " : "");
        dump_pattern(out, pattern->items[i]);
    }
    dump_rest(out, pattern, close);
}

static void dump_pattern(Buf *out, const AstPattern *pattern) {
    if (pattern->alias) {
        dump_symbol(out, pattern->alias);
        buf_add_byte(out, '@');
    }
    switch (pattern->kind) {
    case PATTERN_ANY:
        buf_add_byte(out, '_');
        break;
    case PATTERN_VAR:
        dump_symbol(out, pattern->symbol);
        break;
    case PATTERN_CONSTANT:
        dump(out, pattern->constant);
        break;
    case PATTERN_ENUM:
        buf_printf(out, pattern->child ? "('%.*s " : "'%.*s", STR_ARG(symbol_text(names, pattern->symbol)));
        if (pattern->child) {
            dump_pattern(out, pattern->child);
            buf_add_byte(out, ')');
        }
        break;
    case PATTERN_RECORD:
        dump_field_patterns(out, pattern);
        break;
    case PATTERN_ARRAY:
        dump_items(out, "[", pattern, "]");
        break;
    case PATTERN_OR:
        dump_items(out, "(or ", pattern, ")");
        break;
    default:
        fail_msg("pattern of kind %d", pattern->kind);
    }
}

// ---- the cases in files ---------------------------------------------------------------------------------------------

static int cases_fd(void) {
    const char *src = getenv("SRC");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/lang/parse", src ? src : ".");
    int fd = -1;
    Error *error = fd_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY, 0, &fd);
    if (error)
        fail_msg("%s", error_text(error));
    return fd;
}

static Error *parse_text(Arena *arena, Str path, Str text, AstNode **out) {
    SourceFile *file = ARENA_NEW(arena, SourceFile);
    *file = (SourceFile){.path = path, .text = text, .index = 7};
    Symbols *symbols = symbols_new(arena);
    Error *error = parse_file(arena, symbols, file, out);
    symbols_free(symbols);
    return error;
}

// What the case gives: a line for each item of the file's array, or the message.
static void outcome(Str path, Str text, Buf *out) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Symbols *symbols = symbols_new(arena);
    SourceFile file = {.path = path, .text = text};
    AstNode *root;
    AUTO_ERROR Error *error = parse_file(arena, symbols, &file, &root);
    names = symbols;
    if (error) {
        error_format(error, out);
        buf_add_byte(out, '\n');
    } else if (root->kind == AST_ARRAY) {
        for (uint32_t i = 0; i < root->list.count; i++) {
            dump(out, root->list.items[i]);
            buf_add_byte(out, '\n');
        }
    } else {
        dump(out, root);
        buf_add_byte(out, '\n');
    }
    symbols_free(symbols);
}

static void check_case(int dir, const char *name, const char *suffix) {
    AUTO_BUF Buf text, wanted, got;
    buf_init(&text, BUF_NO_LIMIT);
    buf_init(&wanted, BUF_NO_LIMIT);
    buf_init(&got, BUF_NO_LIMIT);
    char expectation[300];
    snprintf(expectation, sizeof expectation, "%.*s%s", (int)(strlen(name) - 4), name, suffix);
    AUTO_ERROR Error *error = fd_read_file(dir, name, &text);
    assert_null(error);
    outcome(str_from(name), buf_str(&text), &got);
    bool failed = strstr(buf_cstr(&got), ".ncl:") != NULL;
    if (failed != (suffix[1] == 'e'))
        fail_msg("%s: %s", name, buf_cstr(&got));
    if (getenv("UPDATE")) {
        AUTO_ERROR Error *write = fd_replace_file(dir, expectation, buf_str(&got), 0644);
        assert_null(write);
        return;
    }
    AUTO_ERROR Error *read = fd_read_file(dir, expectation, &wanted);
    if (read)
        fail_msg("%s", error_text(read));
    if (!str_eq(buf_str(&wanted), buf_str(&got)))
        fail_msg("%s:\n%sinstead of\n%s", name, buf_cstr(&got), buf_cstr(&wanted));
}

static void run_cases(const char *prefix, const char *suffix, unsigned at_least) {
    AUTO_FD int dir = cases_fd();
    AUTO_DIR DIR *entries = fdopendir(fcntl(dir, F_DUPFD_CLOEXEC, 0));
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(entries));) {
        Str name = str_from(entry->d_name);
        if (!str_starts_with(name, str_from(prefix)) || !str_ends_with(name, STR(".ncl")))
            continue;
        check_case(dir, entry->d_name, suffix);
        count++;
    }
    if (count < at_least)
        fail_msg("only %u cases %s*", count, prefix);
}

static void test_trees(void **state) {
    (void)state;
    run_cases("ok-", ".tree", 10);
}

static void test_messages(void **state) {
    (void)state;
    run_cases("fail-", ".err", 60);
}

// ---- bounds ---------------------------------------------------------------------------------------------------------

static void repeat(Buf *out, const char *text, size_t times) {
    for (size_t i = 0; i < times; i++)
        buf_add_cstr(out, text);
}

static Error *parse_repeated(Arena *arena, const char *before, const char *middle, const char *after, size_t times) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    repeat(&text, before, times);
    buf_add_cstr(&text, middle);
    repeat(&text, after, times);
    AstNode *root;
    return parse_text(arena, STR("deep.ncl"), buf_str(&text), &root);
}

static const struct {
    const char *before, *middle, *after;
} nests[] = {
    {"(", "1", ")"},
    {"[", "", "]"},
    {"{a = ", "1", "}"},
    {"\"%{", "1", "}\""},
    {"fun x => ", "1", ""},
    {"-", "1", ""},
    {"!", "1", ""},
    {"a -> ", "a", ""},
    {"Array (", "a", ")"},
    {"x | {", "", "}"},
    {"match { _ => ", "1", "}"},
    {"", "x", ".a"},
    {"", "x", " |> f"},
    {"if (", "a", ") then 1 else 1"},
    {"let x = ", "1", " in 1"},
    {"a.", "a", ""},
    {"{ _ : ", "Dyn", "}"},
    {"[| 'A ", "Dyn", " |]"},
    {"forall a. ", "a", ""},
    {"'A (", "1", ")"},
    {"m%\"%{", "1", "}\"%"},
    {"1 + (", "1", ")"},
    {"%typeof% (", "1", ")"},
    {"x | a -> (", "a", ")"},
};

static void test_depth_is_bounded(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(nests); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        AUTO_ERROR Error *error = parse_repeated(arena, nests[i].before, nests[i].middle, nests[i].after, 100000);
        if (!error)
            fail_msg("100,000 times '%s' was accepted", nests[i].before);
        if (error_kind(error) != ERROR_LIMIT)
            fail_msg("100,000 times '%s': %s", nests[i].before, error_text(error));
        assert_string_equal(error_text(error), "nested more than 1000 levels deep");
        AUTO_ERROR Error *shallow = parse_repeated(arena, nests[i].before, nests[i].middle, nests[i].after, 100);
        if (shallow)
            fail_msg("100 times '%s': %s", nests[i].before, error_text(shallow));
    }
}

static void test_nested_patterns_are_bounded(void **state) {
    (void)state;
    static const char *const opens[] = {"[", "{a = ", "('A ", "(x or "};
    for (size_t i = 0; i < ARRAY_LEN(opens); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        AUTO_BUF Buf text;
        buf_init(&text, BUF_NO_LIMIT);
        buf_add_cstr(&text, "fun ");
        repeat(&text, opens[i], 100000);
        AstNode *root;
        AUTO_ERROR Error *error = parse_text(arena, STR("deep.ncl"), buf_str(&text), &root);
        assert_non_null(error);
        if (error_kind(error) != ERROR_LIMIT)
            fail_msg("'%s': %s", opens[i], error_text(error));
    }
}

// Access on access on access, each in parentheses of its own: the chain's length and the nesting add up.
static void test_chains_count_as_depth(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    repeat(&text, "(", 40);
    buf_add_byte(&text, 'x');
    repeat(&text, ".a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a)", 40);
    AstNode *root;
    AUTO_ERROR Error *error = parse_text(arena, STR("deep.ncl"), buf_str(&text), &root);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_LIMIT);
}

static void test_long_chains_are_fine(void **state) {
    (void)state;
    static const struct {
        const char *before, *middle, *after;
    } chains[] = {
        {"let a = 1 in ", "a", ""},
        {"if a then b else ", "c", ""},
        {"", "1", " + 1"},
        {"", "a", " & b"},
        {"", "f", " a"},
        {"#\n", "1", "\n#"},
        {"let a = 1 in if a then a else ", "a", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        AUTO_ERROR Error *error = parse_repeated(arena, chains[i].before, chains[i].middle, chains[i].after, 20000);
        if (error)
            fail_msg("'%s' '%s': %s", chains[i].before, chains[i].after, error_text(error));
    }
}

static void test_size_is_bounded(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    memset(buf_reserve(&text, SOURCE_MAX_BYTES + 1), ' ', SOURCE_MAX_BYTES + 1);
    text.len = SOURCE_MAX_BYTES + 1;
    AstNode *root;
    AUTO_ERROR Error *error = parse_text(arena, STR("big.ncl"), buf_str(&text), &root);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_LIMIT);
    assert_string_equal(error_text(error), "a source file of 16777217 bytes is over the limit of 16 MiB");
}

// The densest texts stay within PARSE_MEMORY_FACTOR, and a budget that might not suffice is refused beforehand.
static void test_memory_is_bounded(void **state) {
    (void)state;
    static const struct {
        const char *before, *item, *after;
    } dense[] = {{"[", "a,", "]"},      {"{", "a,", "}"},         {"[", "{},", "]"},         {"", "a ", ""},
                 {"fun ", "_ ", "=>1"}, {"fun {", "}{", "}=>1"},  {"match {", "_=>1,", "}"}, {"", "1+", "1"},
                 {"[", "[],", "]"},     {"\"", "%{a}", "\""},     {"[|", "'a,", "|]"},       {"[", "(+),", "]"},
                 {"{", "a|b,", "}"},    {"let ", "_=1,", "in 1"}, {"m%\"", "%{a}\n", "\"%"}, {"x", "|a", ""},
                 {"{", "a.b,", "}"},    {"[", "a.b,", "]"},       {"[", "a a,", "]"},        {"fun ", "[]", "=>1"}};
    for (size_t i = 0; i < ARRAY_LEN(dense); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        AUTO_BUF Buf text;
        buf_init(&text, BUF_NO_LIMIT);
        buf_add_cstr(&text, dense[i].before);
        repeat(&text, dense[i].item, 10000);
        buf_add_cstr(&text, dense[i].after);
        AstNode *root;
        AUTO_ERROR Error *error = parse_text(arena, STR("dense.ncl"), buf_str(&text), &root);
        if (error)
            fail_msg("'%s': %s", dense[i].item, error_text(error));
        if (arena_used_bytes(arena) > text.len * PARSE_MEMORY_FACTOR)
            fail_msg("'%s': %zu bytes for %zu", dense[i].item, arena_used_bytes(arena), text.len);
        AUTO_ARENA Arena *small = arena_new(text.len * 10);
        AUTO_ERROR Error *refused = parse_text(small, STR("dense.ncl"), buf_str(&text), &root);
        assert_non_null(refused);
        assert_int_equal(error_kind(refused), ERROR_LIMIT);
    }
}

static void test_only_utf8(void **state) {
    (void)state;
    const struct {
        Str text;
        const char *message;
        uint32_t line, column;
    } bad[] = {
        {STR("\"a\xff\""), "the file is not valid UTF-8: byte 0xff at offset 2", 1, 3},
        {STR("1 +\n# \xc3\xa4 \xed\xa0\x80"), "the file is not valid UTF-8: byte 0xed at offset 9", 2, 5},
        {STR("\xc3"), "the file is not valid UTF-8: byte 0xc3 at offset 0", 1, 1},
        {STR("1 \0"), "unexpected control character 0x00", 1, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        AstNode *root;
        AUTO_ERROR Error *error = parse_text(arena, STR("x.ncl"), bad[i].text, &root);
        assert_non_null(error);
        assert_string_equal(error_text(error), bad[i].message);
        assert_int_equal(error_span(error, NULL)->line, bad[i].line);
        assert_int_equal(error_span(error, NULL)->column, bad[i].column);
    }
}

// ---- places and comments --------------------------------------------------------------------------------------------

static Str source_of(const AstNode *node, const char *text) {
    return str_slice(str_from(text), node->start, node->end);
}

static void assert_str(Str got, const char *wanted) {
    if (!str_is(got, wanted))
        fail_msg("'%.*s' instead of '%s'", STR_ARG(got), wanted);
}

static void test_spans(void **state) {
    (void)state;
    static const char text[] = "let x = f  1 in\n if x then { a.b = [1 , 2] | C } else x.y.\"z\" # end";
    AUTO_ARENA Arena *arena = arena_new(0);
    AstNode *root;
    assert_null(parse_text(arena, STR("x.ncl"), str_from(text), &root));
    const AstNode *value = root->let->bindings[0].value, *branch = root->let->body, *record = branch->three.yes;
    const AstField *field = &record->record->fields[0];
    const AstNode *inner = field->value->record->fields[0].value;
    assert_int_equal(root->file, 7);
    assert_str(source_of(root, text), "let x = f  1 in\n if x then { a.b = [1 , 2] | C } else x.y.\"z\"");
    assert_str(source_of(value, text), "f  1");
    assert_str(source_of(branch, text), "if x then { a.b = [1 , 2] | C } else x.y.\"z\"");
    assert_str(source_of(record, text), "{ a.b = [1 , 2] | C }");
    assert_str(str_slice(str_from(text), field->start, field->end), "a");
    assert_str(source_of(field->value, text), "b = [1 , 2] | C");
    assert_str(source_of(inner, text), "[1 , 2] | C");
    assert_str(source_of(inner->annotated->value, text), "[1 , 2]");
    assert_str(source_of(branch->three.no, text), "x.y.\"z\"");
    assert_str(source_of(branch->three.no->child, text), "x.y");
}

static void test_line_and_column(void **state) {
    (void)state;
    SourceFile file = {STR("x.ncl"), STR("ab\n\xc3\xa4\xc3\xb6 c\n\n"), 0};
    static const uint32_t wanted[][3] = {{0, 1, 1}, {2, 1, 3},  {3, 2, 1},  {5, 2, 2}, {8, 2, 4},
                                         {9, 2, 5}, {10, 3, 1}, {11, 4, 1}, {99, 4, 1}};
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        SourceSpan span = source_span(&file, wanted[i][0], wanted[i][0]);
        assert_int_equal(span.line, wanted[i][1]);
        assert_int_equal(span.column, wanted[i][2]);
        assert_int_equal(source_line(&file, wanted[i][0]), wanted[i][1]);
    }
    SourceSpan span = source_span(&file, 1, 5);
    assert_int_equal(span.end_line, 2);
    assert_int_equal(span.end_column, 2);
}

// A token's lead holds the comments before it, so that a formatter can keep them.
static void test_comments_can_be_found(void **state) {
    (void)state;
    SourceFile file = {STR("x.ncl"), STR("# one\r\n  # two #2\n\"# no\" # three\n1#four"), 0};
    AUTO_ARENA Arena *arena = arena_new(0);
    Symbols *symbols = symbols_new(arena);
    Lexer lexer;
    Token token;
    lexer_init(&lexer, &file, symbols);
    static const char *const wanted[] = {"# one", "# two #2", "# three", "#four"};
    size_t count = 0;
    do {
        assert_null(lex_next(&lexer, &token));
        uint32_t at = token.lead;
        for (Str comment; lex_comment(file.text, &at, token.start, &comment); count++) {
            assert_true(count < ARRAY_LEN(wanted));
            assert_str(comment, wanted[count]);
        }
        if (token.kind == TOKEN_STRING) {
            Str text;
            PieceEnd end;
            assert_null(lex_string_piece(&lexer, arena, &token, &text, &end));
            assert_str(text, "# no");
            assert_int_equal(end, PIECE_CLOSED);
        }
    } while (token.kind != TOKEN_END);
    assert_int_equal(count, ARRAY_LEN(wanted));
    symbols_free(symbols);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trees),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_nested_patterns_are_bounded),
        cmocka_unit_test(test_chains_count_as_depth),
        cmocka_unit_test(test_long_chains_are_fine),
        cmocka_unit_test(test_size_is_bounded),
        cmocka_unit_test(test_memory_is_bounded),
        cmocka_unit_test(test_only_utf8),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_line_and_column),
        cmocka_unit_test(test_comments_can_be_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

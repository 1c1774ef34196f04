// YAML 1.2, the part of it that data is written in: block and flow collections, plain, quoted and block scalars,
// several documents. Anchors, aliases, tags, directives and keys that are no scalars are refused with their place.
//
// Invariant: the reader stands on a token or at the end of the text; columns are bytes from the line's start.
#include "base/utf8.h"
#include "specs/lang/data.h"
#include "specs/lang/source.h"

enum { YAML_MAX_DEPTH = 100 };

typedef struct Yaml {
    Lang *lang;
    const SourceFile *source;
    Str text;
    size_t at;
    unsigned depth;
} Yaml;

static Error *read_node(Yaml *y, int parent, bool inline_value, Value **out);
static Error *read_flow(Yaml *y, Value **out);

static Error *bad(const Yaml *y, const char *what) {
    size_t end = y->at < y->text.len ? y->at + 1 : y->at;
    return error_at(error_new(ERROR_INVALID, "invalid YAML: %s", what),
                    source_span(y->source, (uint32_t)y->at, (uint32_t)end));
}

// ---- looking ----

static char peek(const Yaml *y, size_t ahead) {
    return y->at + ahead < y->text.len ? y->text.ptr[y->at + ahead] : '\n';
}

static bool ends_word(char c) {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static int column(const Yaml *y) {
    size_t start = y->at;
    while (start > 0 && y->text.ptr[start - 1] != '\n')
        start--;
    return (int)(y->at - start);
}

static bool at_marker(const Yaml *y, const char *marker) {
    return (y->at == 0 || y->text.ptr[y->at - 1] == '\n') && y->text.len - y->at >= 3 &&
           memcmp(y->text.ptr + y->at, marker, 3) == 0 && ends_word(peek(y, 3));
}

static bool at_end(const Yaml *y) {
    return y->at >= y->text.len || at_marker(y, "---") || at_marker(y, "...");
}

static void skip_line_space(Yaml *y) {
    while (y->at < y->text.len && (peek(y, 0) == ' ' || peek(y, 0) == '\t' || peek(y, 0) == '\r'))
        y->at++;
}

static bool at_comment(const Yaml *y) {
    return y->at < y->text.len && peek(y, 0) == '#' && (y->at == 0 || ends_word(y->text.ptr[y->at - 1]));
}

// To the next token, over line ends and comments. Returns whether a line end was passed.
static bool skip_space(Yaml *y) {
    bool line = false;
    for (;;) {
        skip_line_space(y);
        if (at_comment(y))
            while (y->at < y->text.len && y->text.ptr[y->at] != '\n')
                y->at++;
        if (y->at >= y->text.len || y->text.ptr[y->at] != '\n')
            return line;
        y->at++;
        line = true;
    }
}

static bool at_dash(const Yaml *y) {
    return y->at < y->text.len && peek(y, 0) == '-' && ends_word(peek(y, 1));
}

static bool at_colon(const Yaml *y) {
    return y->at < y->text.len && peek(y, 0) == ':' && ends_word(peek(y, 1));
}

// ---- scalars ----

static Error *resolve(Yaml *y, Str text, Value **out) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"}, *const yes[] = {"true", "True", "TRUE"},
                             *const no[] = {"false", "False", "FALSE"};
    Number n;
    for (size_t i = 0; i < ARRAY_LEN(nulls); i++)
        if (str_is(text, nulls[i])) {
            *out = y->lang->null_value;
            return NULL;
        }
    for (size_t i = 0; i < ARRAY_LEN(yes); i++)
        if (str_is(text, yes[i]) || str_is(text, no[i])) {
            *out = value_bool(y->lang, str_is(text, yes[i]));
            return NULL;
        }
    Str digits = text.len && (text.ptr[0] == '-' || text.ptr[0] == '+') ? str_slice(text, 1, text.len) : text;
    if (str_is(digits, ".inf") || str_is(digits, ".Inf") || str_is(digits, ".INF") || str_is(text, ".nan") ||
        str_is(text, ".NaN") || str_is(text, ".NAN"))
        return bad(y, "infinite numbers and not-a-number are no Numbers");
    bool number = digits.len && ((digits.ptr[0] >= '0' && digits.ptr[0] <= '9') || digits.ptr[0] == '.') &&
                  !str_starts_with(digits, STR("0b")) && number_parse(y->lang->arena, text, &n);
    *out = number ? value_number(y->lang, n, NULL) : value_string(y->lang, text, NULL);
    return NULL;
}

static bool hex_digits(Yaml *y, int count, uint32_t *out) {
    *out = 0;
    for (int i = 0; i < count; i++) {
        char c = peek(y, 0);
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        *out = *out << 4 | digit;
        y->at++;
    }
    return *out <= 0x10ffff && (*out < 0xd800 || *out > 0xdfff);
}

static Error *read_escape(Yaml *y, Buf *out) {
    static const char from[] = "0abtnvfre \"/\\", to[] = "\0\a\b\t\n\v\f\r\033 \"/\\";
    char c = peek(y, 0);
    uint32_t point = 0;
    if (c == 'x' || c == 'u' || c == 'U') {
        y->at++;
        if (!hex_digits(y, c == 'x' ? 2 : c == 'u' ? 4 : 8, &point))
            return bad(y, "an escape of a character that is none");
        utf8_add(out, point);
        return NULL;
    }
    const char *found = c ? strchr(from, c) : NULL;
    if (!found)
        return bad(y, "unknown escape");
    buf_add_byte(out, to[found - from]);
    y->at++;
    return NULL;
}

// A line end within a quoted scalar: one is a space, more are line ends.
static void fold_lines(Yaml *y, Buf *out) {
    size_t lines = 0;
    while (out->len && (out->ptr[out->len - 1] == ' ' || out->ptr[out->len - 1] == '\t'))
        out->len--;
    while (y->at < y->text.len && ends_word(y->text.ptr[y->at]))
        lines += y->text.ptr[y->at++] == '\n';
    if (lines <= 1)
        buf_add_byte(out, ' ');
    for (size_t i = 1; i < lines; i++)
        buf_add_byte(out, '\n');
}

static Error *read_quoted(Yaml *y, Str *out) {
    AUTO_BUF Buf text;
    char quote = y->text.ptr[y->at++];
    buf_init(&text, y->text.len + 16);
    for (;;) {
        if (y->at >= y->text.len)
            return bad(y, "this string is never closed");
        char c = y->text.ptr[y->at];
        if (c == quote && quote == '\'' && peek(y, 1) == '\'') {
            buf_add_byte(&text, c);
            y->at += 2;
        } else if (c == quote) {
            y->at++;
            *out = arena_str(y->lang->arena, buf_str(&text));
            return NULL;
        } else if (c == '\n') {
            fold_lines(y, &text);
        } else if (c == '\\' && quote == '"') {
            y->at++;
            TRY(read_escape(y, &text));
        } else {
            buf_add_byte(&text, c);
            y->at++;
        }
    }
}

// The rest of a plain scalar on this line: up to `: `, ` #`, or in a flow collection one of its signs.
static Str plain_line(Yaml *y, bool flow) {
    size_t start = y->at;
    while (y->at < y->text.len && y->text.ptr[y->at] != '\n' && !at_comment(y)) {
        char c = y->text.ptr[y->at];
        if (c == ':' && (ends_word(peek(y, 1)) || (flow && strchr(",[]{}", peek(y, 1)))))
            break;
        if (flow && c && strchr(",[]{}", c))
            break;
        y->at++;
    }
    return str_trim(str_slice(y->text, start, y->at));
}

static Error *refuse_sign(Yaml *y) {
    char c = peek(y, 0);
    if (c == '&' || c == '*')
        return bad(y, "anchors and aliases are not supported");
    if (c == '!')
        return bad(y, "tags are not supported");
    if (c == '%')
        return bad(y, "directives are not supported");
    if (c == '?' && ends_word(peek(y, 1)))
        return bad(y, "keys that are no plain or quoted words are not supported");
    return c == '@' || c == '`' ? bad(y, "a plain word cannot begin with this sign") : NULL;
}

// Lines that are indented more than the parent go on with a plain scalar.
static Error *read_plain(Yaml *y, int parent, Str first, Value **out) {
    AUTO_BUF Buf text;
    buf_init(&text, y->text.len + 16);
    buf_add_str(&text, first);
    for (;;) {
        size_t before = y->at, lines = 0;
        for (size_t at = y->at; at < y->text.len && ends_word(y->text.ptr[at]); at++)
            lines += y->text.ptr[at] == '\n';
        skip_line_space(y);
        bool comment = at_comment(y);
        if (comment || !lines || !skip_space(y) || at_end(y) || column(y) <= parent || at_comment(y)) {
            y->at = before;
            break;
        }
        Str more = plain_line(y, false);
        if (at_colon(y))
            return bad(y, "a mapping cannot begin within a plain word");
        if (lines == 1)
            buf_add_byte(&text, ' ');
        for (size_t i = 1; i < lines; i++)
            buf_add_byte(&text, '\n');
        buf_add_str(&text, more);
    }
    return resolve(y, arena_str(y->lang->arena, buf_str(&text)), out);
}

// ---- block scalars ----

typedef struct BlockScalar {
    bool folded;
    char chomp; // '-', '+' or 0
    int indent; // 0: as the first line has it
} BlockScalar;

static Error *read_block_header(Yaml *y, BlockScalar *out) {
    *out = (BlockScalar){.folded = peek(y, 0) == '>'};
    y->at++;
    for (char c = peek(y, 0); c == '-' || c == '+' || (c >= '1' && c <= '9'); c = peek(y, 0)) {
        if (c == '-' || c == '+')
            out->chomp = c;
        else
            out->indent = c - '0';
        y->at++;
    }
    skip_line_space(y);
    if (at_comment(y))
        while (y->at < y->text.len && y->text.ptr[y->at] != '\n')
            y->at++;
    if (y->at < y->text.len && y->text.ptr[y->at] != '\n')
        return bad(y, "something behind the head of a block scalar");
    y->at += y->at < y->text.len;
    return NULL;
}

static void add_block_line(Buf *text, Str line, size_t blanks, bool folded, bool *was_indented) {
    bool indented = line.len && (line.ptr[0] == ' ' || line.ptr[0] == '\t');
    bool first = text->len == 0 && blanks == 0;
    if (!folded || indented || *was_indented || text->len == 0) {
        for (size_t i = first || text->len == 0 ? 1 : 0; i <= blanks; i++)
            buf_add_byte(text, '\n');
    } else {
        for (size_t i = 0; i < blanks; i++)
            buf_add_byte(text, '\n');
        if (blanks == 0)
            buf_add_byte(text, ' ');
    }
    *was_indented = indented;
    buf_add_str(text, line);
}

static Error *read_block(Yaml *y, int parent, Value **out) {
    AUTO_BUF Buf text;
    BlockScalar scalar;
    size_t blanks = 0;
    bool was_indented = false;
    buf_init(&text, y->text.len + 16);
    TRY(read_block_header(y, &scalar));
    int indent = scalar.indent ? (parent < 0 ? 0 : parent) + scalar.indent : 0;
    while (y->at < y->text.len) {
        size_t start = y->at, end = start;
        while (end < y->text.len && y->text.ptr[end] != '\n')
            end++;
        int spaces = 0;
        while (start + (size_t)spaces < end && y->text.ptr[start + (size_t)spaces] == ' ')
            spaces++;
        bool blank = str_trim(str_slice(y->text, start, end)).len == 0;
        if (!blank && !indent)
            indent = spaces;
        if (!blank && (spaces < indent || indent <= parent || at_end(y)))
            break;
        if (blank) {
            blanks++;
        } else {
            add_block_line(&text, str_slice(y->text, start + (size_t)indent, end), blanks, scalar.folded,
                           &was_indented);
            blanks = 0;
        }
        y->at = end + (end < y->text.len);
    }
    if (scalar.chomp != '-' && text.len)
        buf_add_byte(&text, '\n');
    for (size_t i = 0; scalar.chomp == '+' && i < blanks; i++)
        buf_add_byte(&text, '\n');
    if (y->at > 0 && y->at < y->text.len)
        y->at--; // back onto the line end, as behind any other scalar
    *out = value_string(y->lang, arena_str(y->lang->arena, buf_str(&text)), NULL);
    return NULL;
}

// ---- collections ----

typedef struct Items {
    Value **items;
    Symbol *names;
    size_t count, cap;
} Items;

static Error *add_item(Yaml *y, Items *items, Symbol name, Value *value) {
    if (items->count == items->cap) {
        size_t cap = items->cap ? items->cap * 2 : 8;
        TRY(lang_reserve(y->lang, cap, sizeof(Value *) + sizeof(Symbol), NULL));
        Value **more = ARENA_ARRAY(y->lang->arena, Value *, cap);
        Symbol *names = ARENA_ARRAY(y->lang->arena, Symbol, cap);
        if (items->count) {
            memcpy(more, items->items, items->count * sizeof *more);
            memcpy(names, items->names, items->count * sizeof *names);
        }
        items->items = more;
        items->names = names;
        items->cap = cap;
    }
    items->names[items->count] = name;
    items->items[items->count++] = value;
    return NULL;
}

static Error *finish_mapping(Yaml *y, const Items *items, Value **out) {
    *out = record_make(y->lang, items->names, items->items, (uint32_t)items->count, NULL);
    const Record *record = (*out)->record;
    for (uint32_t i = 1; i < record->count; i++)
        if (record->fields[i].name == record->fields[i - 1].name)
            return bad(y, "the same key twice");
    return NULL;
}

// What stands behind `key:` or `-`: on the same line, on the next ones with more indentation, or nothing.
static Error *read_value(Yaml *y, int indent, bool of_key, Value **out) {
    skip_line_space(y);
    bool next_line = skip_space(y);
    int col = column(y);
    if (at_end(y) || (next_line && (col < indent || (col == indent && !(of_key && at_dash(y)))))) {
        *out = y->lang->null_value;
        return NULL;
    }
    return read_node(y, of_key && next_line && col == indent ? indent - 1 : indent, of_key && !next_line, out);
}

static Error *read_sequence(Yaml *y, int indent, Value **out) {
    Items items = {0};
    while (!at_end(y) && column(y) == indent && at_dash(y)) {
        Value *value = NULL;
        y->at++;
        TRY(read_value(y, indent, false, &value));
        TRY(add_item(y, &items, SYMBOL_NONE, value));
        skip_space(y);
    }
    if (!at_end(y) && column(y) > indent)
        return bad(y, "this does not belong to the list above it");
    *out = value_array(y->lang, items.items, items.count, NULL);
    return NULL;
}

static Error *read_key(Yaml *y, Str *out) {
    TRY(refuse_sign(y));
    if (peek(y, 0) == '"' || peek(y, 0) == '\'')
        TRY(read_quoted(y, out));
    else
        *out = plain_line(y, false);
    skip_line_space(y);
    if (!at_colon(y))
        return bad(y, "expected `:` behind a key");
    y->at++;
    return NULL;
}

static Error *read_mapping(Yaml *y, int indent, Value **out) {
    Items items = {0};
    while (!at_end(y) && column(y) == indent && !at_dash(y)) {
        Value *value = NULL;
        Str key;
        TRY(read_key(y, &key));
        TRY(read_value(y, indent, true, &value));
        TRY(add_item(y, &items, symbol_intern(y->lang->symbols, key), value));
        skip_space(y);
    }
    if (!at_end(y) && column(y) > indent)
        return bad(y, "this does not belong to the mapping above it");
    return finish_mapping(y, &items, out);
}

static Error *expect_flow(Yaml *y, char close, bool *closed) {
    (void)skip_space(y);
    *closed = peek(y, 0) == close && y->at < y->text.len;
    if (!*closed && (y->at >= y->text.len || peek(y, 0) != ','))
        return bad(y, close == ']' ? "expected `,` or `]`" : "expected `,` or `}`");
    y->at++;
    return NULL;
}

static Error *read_flow_pair(Yaml *y, Items *items) {
    Value *value = y->lang->null_value;
    Str key;
    TRY(refuse_sign(y));
    if (peek(y, 0) == '"' || peek(y, 0) == '\'')
        TRY(read_quoted(y, &key));
    else
        key = plain_line(y, true);
    (void)skip_space(y);
    if (y->at < y->text.len && peek(y, 0) == ':') {
        y->at++;
        (void)skip_space(y);
        if (y->at < y->text.len && peek(y, 0) != ',' && peek(y, 0) != '}')
            TRY(read_flow(y, &value));
    }
    return add_item(y, items, symbol_intern(y->lang->symbols, key), value);
}

static Error *read_flow_collection(Yaml *y, Value **out) {
    char close = y->text.ptr[y->at++] == '[' ? ']' : '}';
    Items items = {0};
    for (bool closed = false; !closed;) {
        (void)skip_space(y);
        if (y->at < y->text.len && peek(y, 0) == close) {
            y->at++;
            break;
        }
        Value *value = NULL;
        if (close == '}') {
            TRY(read_flow_pair(y, &items));
        } else {
            TRY(read_flow(y, &value));
            TRY(add_item(y, &items, SYMBOL_NONE, value));
        }
        TRY(expect_flow(y, close, &closed));
    }
    if (close == '}')
        return finish_mapping(y, &items, out);
    *out = value_array(y->lang, items.items, items.count, NULL);
    return NULL;
}

static Error *read_flow(Yaml *y, Value **out) {
    Str text;
    if (++y->depth > YAML_MAX_DEPTH)
        return bad(y, "nested more than 100 levels");
    TRY(refuse_sign(y));
    char c = peek(y, 0);
    if (c == '[' || c == '{') {
        TRY(read_flow_collection(y, out));
    } else if (c == '"' || c == '\'') {
        TRY(read_quoted(y, &text));
        *out = value_string(y->lang, text, NULL);
    } else {
        text = plain_line(y, true);
        if (text.len == 0)
            return bad(y, "a value was expected");
        TRY(resolve(y, text, out));
    }
    y->depth--;
    return NULL;
}

// Whether a key begins here: a word on this line with `: ` behind it.
static Error *is_key(Yaml *y, bool *out) {
    size_t start = y->at;
    Str text;
    if (peek(y, 0) == '"' || peek(y, 0) == '\'')
        TRY(read_quoted(y, &text));
    else
        (void)plain_line(y, false);
    skip_line_space(y);
    *out = at_colon(y) && memchr(y->text.ptr + start, '\n', y->at - start) == NULL;
    y->at = start;
    return NULL;
}

static bool is_indented_by_tab(const Yaml *y) {
    size_t start = y->at - (size_t)column(y);
    while (start < y->at && y->text.ptr[start] == ' ')
        start++;
    return start < y->at && y->text.ptr[start] == '\t';
}

static Error *read_block_node(Yaml *y, int parent, bool inline_value, Value **out) {
    if (is_indented_by_tab(y))
        return bad(y, "tabs cannot indent");
    char c = peek(y, 0);
    bool key = false;
    Str text;
    if (at_dash(y))
        return inline_value ? bad(y, "a list cannot begin on the line of its key") : read_sequence(y, column(y), out);
    TRY(refuse_sign(y));
    if (c == '[' || c == '{')
        return read_flow(y, out);
    if (c == '|' || c == '>')
        return read_block(y, parent, out);
    TRY(is_key(y, &key));
    if (key)
        return inline_value ? bad(y, "a mapping cannot begin on the line of its key") : read_mapping(y, column(y), out);
    if (c == '"' || c == '\'') {
        TRY(read_quoted(y, &text));
        *out = value_string(y->lang, text, NULL);
        return NULL;
    }
    return read_plain(y, parent, plain_line(y, false), out);
}

static Error *read_node(Yaml *y, int parent, bool inline_value, Value **out) {
    if (++y->depth > YAML_MAX_DEPTH)
        return bad(y, "nested more than 100 levels");
    TRY(charge_step(y->lang, NULL));
    TRY(read_block_node(y, parent, inline_value, out));
    y->depth--;
    return NULL;
}

static Error *read_document(Yaml *y, Value **out) {
    *out = y->lang->null_value;
    (void)skip_space(y);
    if (!at_end(y))
        TRY(read_node(y, -1, false, out));
    (void)skip_space(y);
    return at_end(y) ? NULL : bad(y, "something behind the value");
}

Error *yaml_parse(Lang *lang, const SourceFile *source, bool always_array, Value **out) {
    Yaml y = {.lang = lang, .source = source, .text = source->text};
    Items documents = {0};
    (void)skip_space(&y);
    bool more = true;
    if (at_marker(&y, "---"))
        y.at += 3;
    while (more) {
        Value *value = NULL;
        TRY(read_document(&y, &value));
        TRY(add_item(&y, &documents, SYMBOL_NONE, value));
        while (at_marker(&y, "...")) {
            y.at += 3;
            (void)skip_space(&y);
        }
        more = at_marker(&y, "---");
        y.at += more ? 3 : 0;
    }
    if (y.at < y.text.len)
        return bad(&y, "something behind the end of the document");
    *out = documents.count == 1 && !always_array ? documents.items[0]
                                                 : value_array(lang, documents.items, documents.count, NULL);
    return NULL;
}

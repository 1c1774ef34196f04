// The reader keeps its own stack of open containers, so no text can exhaust the C stack; children are collected in one
// growing array and copied to the arena when their container closes.
#include "base/json.h"
#include "base/map.h"
#include "base/utf8.h"
#include "base/vec.h"

#include <errno.h>
#include <stdlib.h>

// ---- writing ----

void json_add_string(Buf *out, Str text) {
    buf_add_byte(out, '"');
    while (text.len) {
        uint32_t point;
        size_t size = utf8_decode(text, &point);
        if (size == 0) {
            buf_add_cstr(out, "\xEF\xBF\xBD");
            size = 1;
        } else if (point == '"' || point == '\\') {
            buf_printf(out, "\\%c", (char)point);
        } else if (point == '\n') {
            buf_add_cstr(out, "\\n");
        } else if (point == '\t') {
            buf_add_cstr(out, "\\t");
        } else if (point < 0x20 || point == 0x7f) {
            buf_printf(out, "\\u%04x", point);
        } else {
            buf_add(out, text.ptr, size);
        }
        text = str_slice(text, size, text.len);
    }
    buf_add_byte(out, '"');
}

void json_begin(JsonWriter *writer, Buf *out, bool compact) {
    *writer = (JsonWriter){.out = out, .compact = compact};
}

static void new_line(JsonWriter *writer) {
    if (writer->compact)
        return;
    buf_add_byte(writer->out, '\n');
    for (unsigned i = 0; i < writer->depth; i++)
        buf_add_cstr(writer->out, "  ");
}

// What stands before a value or a key.
static void separate(JsonWriter *writer) {
    if (writer->after_key) {
        writer->after_key = false;
        return;
    }
    if (writer->depth == 0)
        return;
    bool *has_items = &writer->has_items[writer->depth - 1];
    if (*has_items)
        buf_add_cstr(writer->out, writer->compact ? ", " : ",");
    *has_items = true;
    new_line(writer);
}

static void open_container(JsonWriter *writer, char bracket) {
    separate(writer);
    BUG_UNLESS(writer->depth < JSON_DEPTH_MAX);
    buf_add_byte(writer->out, bracket);
    writer->has_items[writer->depth++] = false;
}

static void close_container(JsonWriter *writer, char bracket) {
    BUG_UNLESS(writer->depth > 0 && !writer->after_key);
    bool had_items = writer->has_items[--writer->depth];
    if (had_items)
        new_line(writer);
    buf_add_byte(writer->out, bracket);
}

void json_open_object(JsonWriter *writer) {
    open_container(writer, '{');
}

void json_close_object(JsonWriter *writer) {
    close_container(writer, '}');
}

void json_open_array(JsonWriter *writer) {
    open_container(writer, '[');
}

void json_close_array(JsonWriter *writer) {
    close_container(writer, ']');
}

void json_key_str(JsonWriter *writer, Str key) {
    BUG_UNLESS(writer->depth > 0 && !writer->after_key);
    separate(writer);
    json_add_string(writer->out, key);
    buf_add_cstr(writer->out, ": ");
    writer->after_key = true;
}

void json_key(JsonWriter *writer, const char *key) {
    json_key_str(writer, str_from(key));
}

void json_string(JsonWriter *writer, Str value) {
    separate(writer);
    json_add_string(writer->out, value);
}

void json_cstring(JsonWriter *writer, const char *value) {
    json_string(writer, str_from(value));
}

void json_integer(JsonWriter *writer, int64_t value) {
    separate(writer);
    buf_printf(writer->out, "%lld", (long long)value);
}

void json_bool(JsonWriter *writer, bool value) {
    json_raw(writer, value ? STR("true") : STR("false"));
}

void json_null(JsonWriter *writer) {
    json_raw(writer, STR("null"));
}

void json_raw(JsonWriter *writer, Str text) {
    separate(writer);
    buf_add_str(writer->out, text);
}

// ---- reading ----

typedef struct Open { // a container that is not closed yet
    JsonValue value;
    size_t first_child; // in Reader.children
    Str key;            // under which it stands in the one around it
} Open;

typedef struct Reader {
    Arena *arena;
    Str file, text;
    size_t at, line_start, items, items_max;
    uint32_t line;
    Open open[JSON_DEPTH_MAX];
    unsigned depth;
    VEC(JsonValue) children;
    VEC(Str) keys; // parallel to children; empty in arrays
} Reader;

static uint32_t column_of(const Reader *reader) {
    return (uint32_t)utf8_count(str_slice(reader->text, reader->line_start, reader->at)) + 1;
}

static Error *fail(Reader *reader, ErrorKind kind, const char *what) {
    SourceSpan span = {.file = reader->file, .line = reader->line, .column = column_of(reader), .source = reader->text};
    return error_at(error_new(kind, "%s", what), span);
}

static int peek(const Reader *reader) {
    return reader->at < reader->text.len ? (unsigned char)reader->text.ptr[reader->at] : -1;
}

static void skip_blank(Reader *reader) {
    for (;; reader->at++) {
        int c = peek(reader);
        if (c == '\n') {
            reader->line++;
            reader->line_start = reader->at + 1;
        } else if (c != ' ' && c != '\t' && c != '\r') {
            return;
        }
    }
}

static Error *read_hex4(Reader *reader, uint32_t *out) {
    uint32_t value = 0;
    for (int i = 0; i < 4; i++, reader->at++) {
        int c = peek(reader);
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return fail(reader, ERROR_INVALID, "\\u needs four hexadecimal digits");
        value = value << 4 | digit;
    }
    *out = value;
    return NULL;
}

static Error *read_unicode_escape(Reader *reader, Buf *out) {
    uint32_t point, low;
    TRY(read_hex4(reader, &point));
    if (point >= 0xDC00 && point <= 0xDFFF)
        return fail(reader, ERROR_INVALID, "a low surrogate stands alone");
    if (point >= 0xD800 && point <= 0xDBFF) {
        if (peek(reader) != '\\' || reader->at + 1 >= reader->text.len || reader->text.ptr[reader->at + 1] != 'u')
            return fail(reader, ERROR_INVALID, "a high surrogate stands alone");
        reader->at += 2;
        TRY(read_hex4(reader, &low));
        if (low < 0xDC00 || low > 0xDFFF)
            return fail(reader, ERROR_INVALID, "a high surrogate stands alone");
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
    }
    utf8_add(out, point);
    return NULL;
}

static Error *read_escape(Reader *reader, Buf *out) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    int c = peek(reader);
    reader->at += c >= 0;
    if (c == 'u')
        return read_unicode_escape(reader, out);
    const char *hit = c > 0 ? strchr(names, c) : NULL;
    if (!hit)
        return fail(reader, ERROR_INVALID, "unknown escape in a string");
    buf_add_byte(out, values[hit - names]);
    return NULL;
}

static Error *read_string(Reader *reader, Str *out) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    reader->at++; // the quote
    for (;;) {
        int c = peek(reader);
        uint32_t point;
        if (c < 0)
            return fail(reader, ERROR_INVALID, "the text ends inside a string");
        if (c < 0x20)
            return fail(reader, ERROR_INVALID, "a control character in a string must be escaped");
        if (c == '"')
            break;
        if (c == '\\') {
            reader->at++;
            TRY(read_escape(reader, &text));
            continue;
        }
        size_t size = utf8_decode(str_slice(reader->text, reader->at, reader->text.len), &point);
        if (size == 0)
            return fail(reader, ERROR_INVALID, "invalid UTF-8 in a string");
        buf_add(&text, reader->text.ptr + reader->at, size);
        reader->at += size;
    }
    reader->at++;
    *out = arena_str(reader->arena, buf_str(&text));
    return NULL;
}

static size_t count_digits(Reader *reader) {
    size_t start = reader->at;
    while (peek(reader) >= '0' && peek(reader) <= '9')
        reader->at++;
    return reader->at - start;
}

static Error *read_number(Reader *reader, JsonValue *out) {
    size_t start = reader->at;
    reader->at += peek(reader) == '-';
    size_t first_digit = reader->at, digits = count_digits(reader);
    if (digits == 0 || (digits > 1 && reader->text.ptr[first_digit] == '0'))
        return fail(reader, ERROR_INVALID, "malformed number");
    if (peek(reader) == '.') {
        reader->at++;
        if (count_digits(reader) == 0)
            return fail(reader, ERROR_INVALID, "malformed number");
    }
    if (peek(reader) == 'e' || peek(reader) == 'E') {
        reader->at++;
        reader->at += peek(reader) == '+' || peek(reader) == '-';
        if (count_digits(reader) == 0)
            return fail(reader, ERROR_INVALID, "malformed number");
    }
    out->type = JSON_NUMBER;
    out->text = arena_str(reader->arena, str_slice(reader->text, start, reader->at));
    out->number = strtod(out->text.ptr, NULL);
    return NULL;
}

static Error *read_scalar(Reader *reader, JsonValue *out) {
    static const struct {
        Str word;
        JsonType type;
        bool boolean;
    } words[] = {
        {STR_INIT("null"), JSON_NULL, false},
        {STR_INIT("true"), JSON_BOOL, true},
        {STR_INIT("false"), JSON_BOOL, false},
    };
    int c = peek(reader);
    if (c == '"') {
        out->type = JSON_STRING;
        return read_string(reader, &out->text);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(reader, out);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!str_starts_with(str_slice(reader->text, reader->at, reader->text.len), words[i].word))
            continue;
        reader->at += words[i].word.len;
        out->type = words[i].type;
        out->boolean = words[i].boolean;
        return NULL;
    }
    return fail(reader, ERROR_INVALID, c < 0 ? "the text ends where a value was expected" : "a value was expected");
}

static Error *read_key(Reader *reader, Str *out) {
    if (peek(reader) != '"')
        return fail(reader, ERROR_INVALID, "a key in double quotes was expected");
    TRY(read_string(reader, out));
    skip_blank(reader);
    if (peek(reader) != ':')
        return fail(reader, ERROR_INVALID, "':' was expected behind a key");
    reader->at++;
    skip_blank(reader);
    return NULL;
}

static Error *check_unique(Reader *reader, const JsonMember *members, size_t count) {
    AUTO_MAP Map seen = {0};
    for (size_t i = 0; i < count; i++)
        if (!map_put(&seen, members[i].key, NULL))
            return fail(reader, ERROR_INVALID, "a key stands twice in one object");
    return NULL;
}

// Moves the children of the innermost container to the arena and takes it off the stack.
static Error *close_open(Reader *reader, JsonValue *out, Str *key_out) {
    Open *open = &reader->open[reader->depth - 1];
    size_t count = reader->children.count - open->first_child;
    const JsonValue *children = reader->children.items ? reader->children.items + open->first_child : NULL;
    JsonValue *items = ARENA_ARRAY(reader->arena, JsonValue, count);
    if (count)
        memcpy(items, children, count * sizeof *items);
    open->value.items = items;
    open->value.count = count;
    if (open->value.type == JSON_OBJECT) {
        JsonMember *members = ARENA_ARRAY(reader->arena, JsonMember, count);
        for (size_t i = 0; i < count; i++)
            members[i] = (JsonMember){reader->keys.items[open->first_child + i], &items[i]};
        TRY(check_unique(reader, members, count));
        open->value.members = members;
    }
    reader->children.count = reader->keys.count = open->first_child;
    *out = open->value;
    *key_out = open->key;
    reader->depth--;
    return NULL;
}

// Reads up to the first scalar or empty container, opening what stands around it.
static Error *read_down(Reader *reader, JsonValue *out, Str *key, bool *closed_out) {
    for (;;) {
        int c = peek(reader);
        if (++reader->items > reader->items_max)
            return fail(reader, ERROR_LIMIT, "more values than the limit allows");
        *out = (JsonValue){.line = reader->line, .column = column_of(reader)};
        *closed_out = true;
        if (c != '{' && c != '[')
            return read_scalar(reader, out);
        if (reader->depth == JSON_DEPTH_MAX)
            return fail(reader, ERROR_LIMIT, "nested too deeply");
        out->type = c == '{' ? JSON_OBJECT : JSON_ARRAY;
        reader->open[reader->depth++] = (Open){*out, reader->children.count, *key};
        reader->at++;
        skip_blank(reader);
        *closed_out = false;
        if (peek(reader) == (c == '{' ? '}' : ']'))
            return NULL;
        *key = STR_NULL;
        if (c == '{')
            TRY(read_key(reader, key));
    }
}

// Behind a finished value: closes what ends here, or leaves the reader at the next value of an open container.
static Error *read_up(Reader *reader, JsonValue *value, Str *key, bool closed, bool *done_out) {
    *done_out = false;
    for (;;) {
        if (closed && reader->depth == 0) {
            *done_out = true;
            return NULL;
        }
        if (closed) {
            vec_push(&reader->children, *value);
            vec_push(&reader->keys, *key);
            skip_blank(reader);
        }
        bool object = reader->open[reader->depth - 1].value.type == JSON_OBJECT;
        int c = peek(reader);
        if (closed && c == ',') {
            reader->at++;
            skip_blank(reader);
            *key = STR_NULL;
            return object ? read_key(reader, key) : NULL;
        }
        if (c != (object ? '}' : ']'))
            return fail(reader, ERROR_INVALID, object ? "',' or '}' was expected" : "',' or ']' was expected");
        reader->at++;
        TRY(close_open(reader, value, key));
        closed = true;
    }
}

static Error *read_whole(Reader *reader, JsonValue *out) {
    Str key = STR_NULL;
    bool closed = false, done = false;
    skip_blank(reader);
    while (!done) {
        TRY(read_down(reader, out, &key, &closed));
        TRY(read_up(reader, out, &key, closed, &done));
    }
    skip_blank(reader);
    return peek(reader) < 0 ? NULL : fail(reader, ERROR_INVALID, "more text behind the value");
}

Error *json_parse(Arena *arena, Str file, Str text, size_t items_max, const JsonValue **out) {
    enum { ITEMS_MAX = 1000000 };
    Reader reader = {.arena = arena, .file = file, .text = text, .line = 1};
    reader.items_max = items_max ? items_max : ITEMS_MAX;
    JsonValue *value = ARENA_NEW(arena, JsonValue);
    Error *error = read_whole(&reader, value);
    vec_release(&reader.children);
    vec_release(&reader.keys);
    *out = value;
    return error;
}

const JsonValue *json_member(const JsonValue *value, const char *key) {
    if (!value || value->type != JSON_OBJECT)
        return NULL;
    for (size_t i = 0; i < value->count; i++)
        if (str_is(value->members[i].key, key))
            return value->members[i].value;
    return NULL;
}

// Data as values: plain text and JSON. Depth and size are bounded by the text and by PARSE_MAX_DEPTH.
#include "specs/lang/data.h"
#include "specs/lang/number.h"
#include "specs/lang/parse.h"
#include "specs/lang/source.h"

#include <stdlib.h>

typedef struct Reader {
    Lang *lang;
    const SourceFile *source;
    Str text;
    size_t at;
    unsigned depth;
} Reader;

static Error *read_value(Reader *r, Value **out);

static Error *bad(const Reader *r, const char *what) {
    size_t end = r->at < r->text.len ? r->at + 1 : r->at;
    Error *error = error_new(ERROR_INVALID, "invalid JSON: %s", what);
    return error_at(error, source_span(r->source, (uint32_t)r->at, (uint32_t)end));
}

static void skip_space(Reader *r) {
    while (r->at < r->text.len && strchr(" \t\r\n", r->text.ptr[r->at]) && r->text.ptr[r->at])
        r->at++;
}

static bool take(Reader *r, char c) {
    skip_space(r);
    if (r->at >= r->text.len || r->text.ptr[r->at] != c)
        return false;
    r->at++;
    return true;
}

static bool hex4(Reader *r, uint32_t *out) {
    *out = 0;
    if (r->text.len - r->at < 4)
        return false;
    for (int i = 0; i < 4; i++) {
        char c = r->text.ptr[r->at++];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 16;
        if (digit == 16)
            return false;
        *out = *out * 16 + digit;
    }
    return true;
}

static void add_utf8(Buf *out, uint32_t c) {
    if (c < 0x80) {
        buf_add_byte(out, (char)c);
    } else if (c < 0x800) {
        buf_add_byte(out, (char)(0xc0 | c >> 6));
        buf_add_byte(out, (char)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        buf_add_byte(out, (char)(0xe0 | c >> 12));
        buf_add_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_byte(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_add_byte(out, (char)(0xf0 | c >> 18));
        buf_add_byte(out, (char)(0x80 | (c >> 12 & 0x3f)));
        buf_add_byte(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_add_byte(out, (char)(0x80 | (c & 0x3f)));
    }
}

static Error *read_unicode(Reader *r, Buf *out) {
    uint32_t c = 0, low = 0;
    if (!hex4(r, &c))
        return bad(r, "\\u needs four hex digits");
    if (c >= 0xd800 && c < 0xdc00) {
        if (r->text.len - r->at < 6 || r->text.ptr[r->at] != '\\' || r->text.ptr[r->at + 1] != 'u')
            return bad(r, "half of a surrogate pair");
        r->at += 2;
        if (!hex4(r, &low) || low < 0xdc00 || low > 0xdfff)
            return bad(r, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    } else if (c >= 0xdc00 && c <= 0xdfff) {
        return bad(r, "half of a surrogate pair");
    }
    add_utf8(out, c);
    return NULL;
}

static Error *read_string(Reader *r, Str *out) {
    static const char escapes[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
    AUTO_BUF Buf text;
    buf_init(&text, r->text.len + 1);
    for (;;) {
        if (r->at >= r->text.len)
            return bad(r, "unfinished string");
        char c = r->text.ptr[r->at++];
        if (c == '"')
            break;
        if ((unsigned char)c < 0x20)
            return bad(r, "control character in a string");
        if (c != '\\') {
            buf_add_byte(&text, c);
            continue;
        }
        if (r->at >= r->text.len)
            return bad(r, "unfinished string");
        c = r->text.ptr[r->at++];
        if (c == 'u') {
            TRY(read_unicode(r, &text));
            continue;
        }
        const char *found = NULL;
        for (size_t i = 0; i + 1 < sizeof escapes - 1 + 1 && !found; i += 2)
            if (escapes[i] == c && c)
                found = &escapes[i + 1];
        if (!found)
            return bad(r, "unknown escape");
        buf_add_byte(&text, *found);
    }
    *out = arena_str(r->lang->arena, buf_str(&text));
    return NULL;
}

static Error *read_number(Reader *r, Value **out) {
    size_t start = r->at;
    while (r->at < r->text.len && r->text.ptr[r->at] && strchr("+-0123456789.eE", r->text.ptr[r->at]))
        r->at++;
    Number n;
    if (!number_parse(str_slice(r->text, start, r->at), &n)) {
        r->at = start;
        return bad(r, "not a number, or one that is too large or too precise");
    }
    *out = value_number(r->lang, n.num, n.den, NULL);
    return NULL;
}

static Error *read_array(Reader *r, Value **out) {
    size_t count = 0, cap = 8;
    Value **items = ARENA_ARRAY(r->lang->arena, Value *, cap);
    if (!take(r, ']'))
        do {
            if (count == cap) {
                TRY(lang_reserve(r->lang, cap * 2, sizeof *items, NULL));
                Value **more = ARENA_ARRAY(r->lang->arena, Value *, cap * 2);
                memcpy(more, items, cap * sizeof *items);
                items = more;
                cap *= 2;
            }
            TRY(read_value(r, &items[count]));
            count++;
            if (take(r, ']'))
                break;
            if (!take(r, ','))
                return bad(r, "expected `,` or `]`");
        } while (true);
    *out = value_array(r->lang, items, count, NULL);
    return NULL;
}

static int compare_json_fields(const void *a, const void *b) {
    Symbol left = ((const Field *)a)->name, right = ((const Field *)b)->name;
    return left < right ? -1 : left > right;
}

static Error *read_record(Reader *r, Value **out) {
    Record *record = record_new(r->lang, 8);
    uint32_t cap = 8;
    record->count = 0;
    if (!take(r, '}'))
        do {
            Str name;
            Value *value = NULL;
            if (record->count == cap) {
                TRY(lang_reserve(r->lang, cap * 2u, sizeof(Field), NULL));
                Field *more = ARENA_ARRAY(r->lang->arena, Field, cap * 2u);
                memcpy(more, record->fields, cap * sizeof *more);
                record->fields = more;
                cap *= 2;
            }
            if (!take(r, '"'))
                return bad(r, "expected the name of a field");
            TRY(read_string(r, &name));
            if (!take(r, ':'))
                return bad(r, "expected `:`");
            TRY(read_value(r, &value));
            record_add(record, symbol_intern(r->lang->symbols, name), value);
            if (take(r, '}'))
                break;
            if (!take(r, ','))
                return bad(r, "expected `,` or `}`");
        } while (true);
    qsort(record->fields, record->count, sizeof(Field), compare_json_fields);
    for (uint32_t i = 1; i < record->count; i++)
        if (record->fields[i].name == record->fields[i - 1].name)
            return bad(r, "the same field twice");
    *out = value_record(r->lang, record, NULL);
    return NULL;
}

static bool take_word(Reader *r, const char *word) {
    if (!str_starts_with(str_slice(r->text, r->at, r->text.len), str_from(word)))
        return false;
    r->at += strlen(word);
    return true;
}

static Error *read_value_at(Reader *r, Value **out) {
    skip_space(r);
    if (r->at >= r->text.len)
        return bad(r, "unexpected end");
    char c = r->text.ptr[r->at];
    if (c == '"') {
        Str text;
        r->at++;
        TRY(read_string(r, &text));
        *out = value_string(r->lang, text, NULL);
        return NULL;
    }
    if (c == '[' || c == '{') {
        r->at++;
        return c == '[' ? read_array(r, out) : read_record(r, out);
    }
    if (c == '-' || (c >= '0' && c <= '9'))
        return read_number(r, out);
    if (take_word(r, "true") || take_word(r, "false"))
        *out = value_bool(r->lang, c == 't');
    else if (take_word(r, "null"))
        *out = r->lang->null_value;
    else
        return bad(r, "unexpected character");
    return NULL;
}

enum { JSON_MAX_DEPTH = 128 };

static Error *read_value(Reader *r, Value **out) {
    if (r->depth == JSON_MAX_DEPTH)
        return bad(r, "nested more than 128 levels");
    r->depth++;
    TRY(read_value_at(r, out));
    r->depth--;
    return NULL;
}

Error *data_parse_text(Lang *lang, uint8_t format, const SourceFile *source, Value **out) {
    if (format == IMPORT_TEXT) {
        *out = value_string(lang, source->text, NULL);
        return NULL;
    }
    if (format != IMPORT_JSON)
        return error_new(ERROR_INVALID, "%.*s: only Nickel, JSON and plain text can be imported", STR_ARG(source->path));
    Reader reader = {.lang = lang, .source = source, .text = source->text};
    TRY(read_value(&reader, out));
    skip_space(&reader);
    return reader.at == reader.text.len ? NULL : bad(&reader, "something behind the value");
}

Error *data_parse(Lang *lang, const LoadedFile *file, Value **out) {
    return data_parse_text(lang, file->format, &file->source, out);
}

// TOML's structure: keys, tables, headers, arrays, and the rules about what may be defined once and what may be added
// to. Arrays and inline tables nest in the C stack, at most TOML_DEPTH_MAX deep; everything else is flat.
#include "base/toml_internal.h"
#include "base/utf8.h"
#include "base/vec.h"

#include <stdarg.h>

uint32_t toml_column(const TomlReader *reader) {
    return (uint32_t)utf8_count(str_slice(reader->text, reader->line_start, reader->at)) + 1;
}

static __attribute__((format(printf, 5, 0), returns_nonnull)) Error *fail_at(const TomlReader *reader, ErrorKind kind, uint32_t line,
                                                                              uint32_t column, const char *fmt,
                                                                              va_list ap) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_vprintf(&text, fmt, ap);
    SourceSpan span = {.file = reader->file, .line = line, .column = column, .source = reader->text};
    return error_at(error_new(kind, "%s", buf_cstr(&text)), span);
}

Error *toml_fail(const TomlReader *reader, ErrorKind kind, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Error *error = fail_at(reader, kind, reader->line, toml_column(reader), fmt, ap);
    va_end(ap);
    return error;
}

static __attribute__((format(printf, 3, 4), returns_nonnull)) Error *fail_key(const TomlReader *reader,
                                                                              const TomlEntry *key, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Error *error = fail_at(reader, ERROR_INVALID, key->line, key->column, fmt, ap);
    va_end(ap);
    return error;
}

bool toml_take_newline(TomlReader *reader) {
    size_t size = toml_peek(reader, 0) == '\n' ? 1 : toml_peek(reader, 0) == '\r' && toml_peek(reader, 1) == '\n' ? 2 : 0;
    if (size == 0)
        return false;
    reader->at += size;
    reader->line++;
    reader->line_start = reader->at;
    return true;
}

static void skip_blank(TomlReader *reader) {
    while (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t')
        reader->at++;
}

static Error *skip_comment(TomlReader *reader) {
    if (toml_peek(reader, 0) != '#')
        return NULL;
    for (;; reader->at++) {
        int c = toml_peek(reader, 0);
        if (c < 0 || c == '\n' || (c == '\r' && toml_peek(reader, 1) == '\n'))
            return NULL;
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return toml_fail(reader, ERROR_INVALID, "a control character in a comment");
    }
}

// Blanks, comments and line breaks, as many as there are (inside arrays, and between lines).
static Error *skip_lines(TomlReader *reader) {
    do {
        skip_blank(reader);
        TRY(skip_comment(reader));
    } while (toml_take_newline(reader));
    return NULL;
}

static Error *expect_line_end(TomlReader *reader) {
    skip_blank(reader);
    TRY(skip_comment(reader));
    if (toml_peek(reader, 0) >= 0 && !toml_take_newline(reader))
        return toml_fail(reader, ERROR_INVALID, "the line should end here");
    return NULL;
}

// ---- tables ----

static size_t slot_of(const TomlValue *table, Str key) {
    size_t slot = (size_t)str_hash(key) & (table->slot_count - 1);
    while (table->slots[slot] && !str_eq(table->entries[table->slots[slot] - 1].key, key))
        slot = (slot + 1) & (table->slot_count - 1);
    return slot;
}

const TomlEntry *toml_find(const TomlValue *table, Str key) {
    if (!table || table->type != TOML_TABLE || table->slot_count == 0)
        return NULL;
    uint32_t index = table->slots[slot_of(table, key)];
    return index ? &table->entries[index - 1] : NULL;
}

TomlValue *toml_get(const TomlValue *table, const char *key) {
    const TomlEntry *entry = toml_find(table, str_from(key));
    return entry ? entry->value : NULL;
}

static void *grown(Arena *arena, const void *items, size_t count, size_t *cap, size_t item_size) {
    *cap = *cap ? *cap * 2 : 4;
    void *copy = arena_array(arena, *cap, item_size);
    if (count)
        memcpy(copy, items, count * item_size);
    return copy;
}

static void table_add(TomlReader *reader, TomlValue *table, const TomlEntry *key, TomlValue *value) {
    if (table->count == table->cap)
        table->entries = grown(reader->arena, table->entries, table->count, &table->cap, sizeof *table->entries);
    table->entries[table->count] = *key;
    table->entries[table->count++].value = value;
    if (table->count * 2 > table->slot_count) {
        table->slot_count = table->slot_count ? table->slot_count * 2 : 8;
        table->slots = ARENA_ARRAY(reader->arena, uint32_t, table->slot_count);
        for (size_t i = 0; i < table->count; i++)
            table->slots[slot_of(table, table->entries[i].key)] = (uint32_t)i + 1;
        return;
    }
    table->slots[slot_of(table, key->key)] = (uint32_t)table->count;
}

static void array_add(TomlReader *reader, TomlValue *array, TomlValue *item) {
    if (array->count == array->cap)
        array->items = grown(reader->arena, array->items, array->count, &array->cap, sizeof *array->items);
    array->items[array->count++] = item;
}

static Error *new_value(TomlReader *reader, TomlType type, TomlOrigin origin, TomlValue **out) {
    if (++reader->values > TOML_VALUES_MAX)
        return toml_fail(reader, ERROR_LIMIT, "more than %d values", TOML_VALUES_MAX);
    TomlValue *value = ARENA_NEW(reader->arena, TomlValue);
    value->type = type;
    value->origin = origin;
    value->line = reader->line;
    value->column = toml_column(reader);
    value->start = value->end = reader->at;
    *out = value;
    return NULL;
}

// ---- keys ----

typedef VEC(TomlEntry) Keys; // one entry per part of a dotted key

static bool is_bare(int c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

static Error *read_key_part(TomlReader *reader, Str *out) {
    int c = toml_peek(reader, 0);
    if (c == '"' || c == '\'')
        return toml_read_string(reader, true, out);
    size_t start = reader->at;
    while (is_bare(toml_peek(reader, 0)))
        reader->at++;
    if (reader->at == start)
        return toml_fail(reader, ERROR_INVALID, "a key was expected");
    *out = str_slice(reader->text, start, reader->at);
    return NULL;
}

static Error *read_key(TomlReader *reader, Keys *keys) {
    size_t start = reader->at;
    for (;;) {
        TomlEntry part = {.line = reader->line, .column = toml_column(reader), .key_start = start};
        if (keys->count == TOML_DEPTH_MAX)
            return toml_fail(reader, ERROR_LIMIT, "a key of more than %d parts", TOML_DEPTH_MAX);
        TRY(read_key_part(reader, &part.key));
        part.key_end = reader->at;
        vec_push(keys, part);
        skip_blank(reader);
        if (toml_peek(reader, 0) != '.')
            return NULL;
        reader->at++;
        skip_blank(reader);
    }
}

// ---- values ----

static Error *read_value(TomlReader *reader, TomlValue **out);

// key = value, into table. Dotted parts make tables of their own, and may extend only tables that dots have made.
static Error *add_pair(TomlReader *reader, TomlValue *table, const Keys *keys, TomlValue *value) {
    for (size_t i = 0; i + 1 < keys->count; i++) {
        const TomlEntry *found = toml_find(table, keys->items[i].key);
        TomlValue *next = found ? found->value : NULL;
        if (!next) {
            TRY(new_value(reader, TOML_TABLE, TOML_BY_DOTS, &next));
            next->line = keys->items[i].line;
            next->column = keys->items[i].column;
            table_add(reader, table, &keys->items[i], next);
        } else if (next->type != TOML_TABLE || next->origin != TOML_BY_DOTS) {
            return fail_key(reader, &keys->items[i], "'%.*s' was defined on line %u and cannot be added to here",
                            STR_ARG(keys->items[i].key), found->line);
        }
        table = next;
    }
    const TomlEntry *last = &keys->items[keys->count - 1];
    const TomlEntry *found = toml_find(table, last->key);
    if (found)
        return fail_key(reader, last, "'%.*s' was already defined on line %u", STR_ARG(last->key), found->line);
    table_add(reader, table, last, value);
    return NULL;
}

static Error *read_pair_with(TomlReader *reader, TomlValue *table, Keys *keys) {
    TomlValue *value;
    TRY(read_key(reader, keys));
    if (toml_peek(reader, 0) != '=')
        return toml_fail(reader, ERROR_INVALID, "'=' was expected behind a key");
    reader->at++;
    skip_blank(reader);
    TRY(read_value(reader, &value));
    return add_pair(reader, table, keys, value);
}

static Error *read_pair(TomlReader *reader, TomlValue *table) {
    Keys keys = {0};
    Error *error = read_pair_with(reader, table, &keys);
    vec_release(&keys);
    return error;
}

static Error *read_array(TomlReader *reader, TomlValue *array) {
    reader->at++;
    for (;;) {
        TomlValue *item;
        TRY(skip_lines(reader));
        if (toml_peek(reader, 0) == ']')
            break;
        TRY(read_value(reader, &item));
        array_add(reader, array, item);
        TRY(skip_lines(reader));
        if (toml_peek(reader, 0) == ']')
            break;
        if (toml_peek(reader, 0) != ',')
            return toml_fail(reader, ERROR_INVALID, "',' or ']' was expected");
        reader->at++;
    }
    reader->at++;
    return NULL;
}

static Error *read_inline_table(TomlReader *reader, TomlValue *table) {
    reader->at++;
    skip_blank(reader);
    if (toml_peek(reader, 0) == '}') {
        reader->at++;
        return NULL;
    }
    for (;;) {
        skip_blank(reader);
        TRY(read_pair(reader, table));
        skip_blank(reader);
        int c = toml_peek(reader, 0);
        if (c != ',' && c != '}')
            return toml_fail(reader, ERROR_INVALID, "',' or '}' was expected");
        reader->at++;
        if (c == '}')
            return NULL;
    }
}

// What stands in an inline table is complete, the tables that its dotted keys made as well.
static void seal(TomlValue *value) {
    value->origin = TOML_BY_VALUE;
    for (size_t i = 0; value->type == TOML_TABLE && i < value->count; i++)
        if (value->entries[i].value->origin == TOML_BY_DOTS)
            seal(value->entries[i].value);
}

static Error *read_value(TomlReader *reader, TomlValue **out) {
    TomlValue *value;
    TRY(new_value(reader, TOML_STRING, TOML_BY_VALUE, &value));
    int c = toml_peek(reader, 0);
    if ((c == '[' || c == '{') && ++reader->depth > TOML_DEPTH_MAX)
        return toml_fail(reader, ERROR_LIMIT, "nested more than %d deep", TOML_DEPTH_MAX);
    if (c == '"' || c == '\'') {
        TRY(toml_read_string(reader, false, &value->text));
    } else if (c == '[') {
        value->type = TOML_ARRAY;
        TRY(read_array(reader, value));
        reader->depth--;
    } else if (c == '{') {
        value->type = TOML_TABLE;
        TRY(read_inline_table(reader, value));
        seal(value);
        reader->depth--;
    } else {
        TRY(toml_read_word(reader, value));
    }
    value->end = reader->at;
    *out = value;
    return NULL;
}

// ---- headers ----

// One step of a header's path that is not its last: the table that the next part is looked up in.
static Error *step_into(TomlReader *reader, TomlValue **table, const TomlEntry *part) {
    const TomlEntry *found = toml_find(*table, part->key);
    if (!found) {
        TomlValue *made;
        TRY(new_value(reader, TOML_TABLE, TOML_IMPLICIT, &made));
        table_add(reader, *table, part, made);
        *table = made;
        return NULL;
    }
    TomlValue *next = found->value;
    if (next->type == TOML_ARRAY && next->origin == TOML_BY_DOUBLE_HEADER)
        next = next->items[next->count - 1];
    if (next->type != TOML_TABLE || next->origin == TOML_BY_VALUE)
        return fail_key(reader, part, "'%.*s' was defined on line %u and cannot be added to here", STR_ARG(part->key),
                        found->line);
    *table = next;
    return NULL;
}

static Error *open_table(TomlReader *reader, TomlValue *parent, const TomlEntry *last, TomlValue *fresh,
                         TomlValue **section_out) {
    const TomlEntry *found = toml_find(parent, last->key);
    if (!found) {
        table_add(reader, parent, last, fresh);
        *section_out = fresh;
        return NULL;
    }
    if (found->value->type != TOML_TABLE || found->value->origin != TOML_IMPLICIT)
        return fail_key(reader, last, "'%.*s' was already defined on line %u", STR_ARG(last->key), found->line);
    TomlValue *table = found->value;
    table->origin = TOML_BY_HEADER;
    table->line = fresh->line;
    table->column = fresh->column;
    table->start = fresh->start;
    *section_out = table;
    return NULL;
}

static Error *open_array_item(TomlReader *reader, TomlValue *parent, const TomlEntry *last, TomlValue *fresh,
                              TomlValue **section_out) {
    const TomlEntry *found = toml_find(parent, last->key);
    TomlValue *array = found ? found->value : NULL;
    if (!array) {
        TRY(new_value(reader, TOML_ARRAY, TOML_BY_DOUBLE_HEADER, &array));
        table_add(reader, parent, last, array);
    } else if (array->type != TOML_ARRAY || array->origin != TOML_BY_DOUBLE_HEADER) {
        return fail_key(reader, last, "'%.*s' was already defined on line %u, not as an array of tables",
                        STR_ARG(last->key), found->line);
    }
    array_add(reader, array, fresh);
    *section_out = fresh;
    return NULL;
}

static Error *read_header_with(TomlReader *reader, TomlValue *root, Keys *keys, TomlValue **section_out) {
    TomlValue *fresh, *parent = root;
    TRY(new_value(reader, TOML_TABLE, TOML_BY_HEADER, &fresh));
    bool is_double = toml_peek(reader, 1) == '[';
    reader->at += is_double ? 2 : 1;
    skip_blank(reader);
    TRY(read_key(reader, keys));
    if (toml_peek(reader, 0) != ']' || (is_double && toml_peek(reader, 1) != ']'))
        return toml_fail(reader, ERROR_INVALID, is_double ? "']]' was expected" : "']' was expected");
    reader->at += is_double ? 2 : 1;
    for (size_t i = 0; i + 1 < keys->count; i++)
        TRY(step_into(reader, &parent, &keys->items[i]));
    const TomlEntry *last = &keys->items[keys->count - 1];
    if (is_double)
        return open_array_item(reader, parent, last, fresh, section_out);
    return open_table(reader, parent, last, fresh, section_out);
}

static Error *read_header(TomlReader *reader, TomlValue *root, TomlValue **section_out) {
    Keys keys = {0};
    Error *error = read_header_with(reader, root, &keys, section_out);
    vec_release(&keys);
    return error;
}

static Error *read_document(TomlReader *reader, TomlValue *root) {
    TomlValue *section = root;
    for (;;) {
        TRY(skip_lines(reader));
        if (toml_peek(reader, 0) < 0)
            break;
        if (toml_peek(reader, 0) == '[')
            TRY(read_header(reader, root, &section));
        else
            TRY(read_pair(reader, section));
        TRY(expect_line_end(reader));
        section->end = reader->at;
    }
    root->end = reader->text.len;
    return NULL;
}

// Where the text stops being UTF-8, if it does.
static Error *check_encoding(TomlReader *reader) {
    while (reader->at < reader->text.len) {
        uint32_t point;
        size_t size = utf8_decode(str_slice(reader->text, reader->at, reader->text.len), &point);
        if (size == 0)
            return toml_fail(reader, ERROR_INVALID, "the text is not valid UTF-8 here");
        if (point == '\r' && toml_peek(reader, 1) != '\n')
            return toml_fail(reader, ERROR_INVALID, "a carriage return stands alone");
        reader->at += size;
        if (point == '\n') {
            reader->line++;
            reader->line_start = reader->at;
        }
    }
    return NULL;
}

Error *toml_parse(Arena *arena, Str file, Str text, TomlValue **out) {
    TomlReader reader = {.arena = arena, .file = file, .text = text, .line = 1};
    if (text.len > TOML_SIZE_MAX)
        return error_new(ERROR_LIMIT, "%.*s: larger than %d bytes", STR_ARG(file), TOML_SIZE_MAX);
    TRY(check_encoding(&reader));
    size_t mark = str_starts_with(text, STR("\xEF\xBB\xBF")) ? 3 : 0;
    reader.at = reader.line_start = mark;
    reader.line = 1;
    TRY(new_value(&reader, TOML_TABLE, TOML_BY_HEADER, out));
    return read_document(&reader, *out);
}

const char *toml_type_name(TomlType type) {
    static const char *const names[] = {
        [TOML_STRING] = "a string",
        [TOML_INTEGER] = "an integer",
        [TOML_FLOAT] = "a float",
        [TOML_BOOL] = "a boolean",
        [TOML_OFFSET_DATETIME] = "a date and time",
        [TOML_LOCAL_DATETIME] = "a date and time",
        [TOML_LOCAL_DATE] = "a date",
        [TOML_LOCAL_TIME] = "a time",
        [TOML_ARRAY] = "an array",
        [TOML_TABLE] = "a table",
    };
    return names[type];
}

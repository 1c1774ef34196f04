// Data as values: plain text; JSON and TOML through the readers of base/; YAML by yaml.c. Numbers are taken from their text, so they
// are exact. Depth and size are bounded by those readers.
#include "specs/lang/data.h"
#include "base/json.h"
#include "base/toml.h"
#include "specs/lang/number.h"

typedef struct Converter {
    Lang *lang;
    const SourceFile *source;
} Converter;

static Error *bad_number(const Converter *c, Str text, uint32_t line, uint32_t column) {
    SourceSpan span = {.file = c->source->path, .line = line, .column = column, .source = c->source->text};
    return error_at(error_new(ERROR_INVALID, "the number %.*s is too large or too precise", STR_ARG(text)), span);
}

// ---- JSON ----

static Error *from_json(Converter *c, const JsonValue *json, Value **out) {
    Lang *lang = c->lang;
    Number n;
    switch (json->type) {
    case JSON_NULL:
        *out = lang->null_value;
        return NULL;
    case JSON_BOOL:
        *out = value_bool(lang, json->boolean);
        return NULL;
    case JSON_NUMBER:
        if (!number_parse(lang->arena, json->text, &n))
            return bad_number(c, json->text, json->line, json->column);
        *out = value_number(lang, n, NULL);
        return NULL;
    case JSON_STRING:
        *out = value_string(lang, json->text, NULL);
        return NULL;
    case JSON_ARRAY: {
        Value **items = ARENA_ARRAY(lang->arena, Value *, json->count ? json->count : 1);
        for (size_t i = 0; i < json->count; i++)
            TRY(from_json(c, &json->items[i], &items[i]));
        *out = value_array(lang, items, json->count, NULL);
        return NULL;
    }
    case JSON_OBJECT:
        break;
    }
    Record *record = record_new(lang, (uint32_t)json->count);
    record->count = 0;
    for (size_t i = 0; i < json->count; i++) {
        Value *value = NULL;
        TRY(from_json(c, json->members[i].value, &value));
        record_add(record, symbol_intern(lang->symbols, json->members[i].key), value);
    }
    record_sort(record);
    *out = value_record(lang, record, NULL);
    return NULL;
}

// ---- TOML ----

// Without the underscores that TOML allows between digits.
static Error *toml_number(Converter *c, const TomlValue *toml, Value **out) {
    char digits[64];
    size_t len = 0;
    Number n;
    Str text = str_slice(c->source->text, toml->start, toml->end);
    for (size_t i = 0; i < text.len && len < sizeof digits; i++)
        if (text.ptr[i] != '_')
            digits[len++] = text.ptr[i];
    if (len == sizeof digits || !number_parse(c->lang->arena, (Str){digits, len}, &n))
        return bad_number(c, text, toml->line, toml->column);
    *out = value_number(c->lang, n, NULL);
    return NULL;
}

static Error *from_toml(Converter *c, const TomlValue *toml, Value **out) {
    Lang *lang = c->lang;
    switch (toml->type) {
    case TOML_BOOL:
        *out = value_bool(lang, toml->boolean);
        return NULL;
    case TOML_INTEGER:
        *out = value_number(lang, number_of(toml->integer), NULL);
        return NULL;
    case TOML_FLOAT:
        return toml_number(c, toml, out);
    case TOML_STRING:
    case TOML_OFFSET_DATETIME:
    case TOML_LOCAL_DATETIME:
    case TOML_LOCAL_DATE:
    case TOML_LOCAL_TIME:
        *out = value_string(lang, toml->text, NULL);
        return NULL;
    case TOML_ARRAY: {
        Value **items = ARENA_ARRAY(lang->arena, Value *, toml->count ? toml->count : 1);
        for (size_t i = 0; i < toml->count; i++)
            TRY(from_toml(c, toml->items[i], &items[i]));
        *out = value_array(lang, items, toml->count, NULL);
        return NULL;
    }
    case TOML_TABLE:
        break;
    }
    Record *record = record_new(lang, (uint32_t)toml->count);
    record->count = 0;
    for (size_t i = 0; i < toml->count; i++) {
        Value *value = NULL;
        TRY(from_toml(c, toml->entries[i].value, &value));
        record_add(record, symbol_intern(lang->symbols, toml->entries[i].key), value);
    }
    record_sort(record);
    *out = value_record(lang, record, NULL);
    return NULL;
}

// ---- by format ----

Error *data_parse_text(Lang *lang, uint8_t format, const SourceFile *source, Value **out) {
    Converter converter = {lang, source};
    if (format == IMPORT_TEXT) {
        *out = value_string(lang, source->text, NULL);
        return NULL;
    }
    // The readers build trees of their own in the arena: a bound on the text is one on them.
    TRY(lang_reserve(lang, source->text.len, 64, NULL));
    if (format == IMPORT_JSON) {
        const JsonValue *json = NULL;
        TRY(json_parse(lang->arena, source->path, source->text, 0, &json));
        return from_json(&converter, json, out);
    }
    if (format == IMPORT_TOML) {
        TomlValue *toml = NULL;
        TRY(toml_parse(lang->arena, source->path, source->text, &toml));
        return from_toml(&converter, toml, out);
    }
    return yaml_parse(lang, source, false, out);
}

Error *data_parse(Lang *lang, const LoadedFile *file, Value **out) {
    return data_parse_text(lang, file->format, &file->source, out);
}

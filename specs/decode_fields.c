// Typed access to the fields of records: every look into a value goes through here, so that every mistake in a spec
// ends as one line with the place and the path of the field.
#include "specs/decode_private.h"

#include <stdio.h>

void decode_enter(Decoder *decoder, Str field) {
    BUG_UNLESS(decoder->depth < DECODE_MAX_DEPTH);
    decoder->path[decoder->depth++] = (Step){field, 0};
}

void decode_enter_item(Decoder *decoder, size_t index) {
    BUG_UNLESS(decoder->depth < DECODE_MAX_DEPTH);
    decoder->path[decoder->depth++] = (Step){STR_NULL, index};
}

void decode_leave(Decoder *decoder) {
    decoder->depth--;
}

static void path_text(const Decoder *decoder, Buf *out) {
    for (size_t i = 0; i < decoder->depth; i++) {
        const Step *step = &decoder->path[i];
        if (step->field.ptr)
            buf_printf(out, "%s%.*s", i ? "." : "", STR_ARG(step->field));
        else
            buf_printf(out, "[%zu]", step->index);
    }
}

static bool lies_within(SourceSpan inner, SourceSpan outer) {
    if (!str_eq(inner.file, outer.file) || inner.line < outer.line || inner.line > outer.end_line)
        return false;
    if (inner.line == outer.line && inner.column < outer.column)
        return false;
    return inner.end_line < outer.end_line || inner.end_column <= outer.end_column;
}

static SourceSpan field_place(const Lang *lang, const Value *record, Str field) {
    SourceSpan span = lang_field_span(lang, record, field);
    return span.line ? span : lang_span(lang, record);
}

static SourceSpan item_place(const Decoder *decoder, Where where, SourceSpan field) {
    SourceSpan own = where.item ? lang_span(decoder->lang, where.item) : field;
    if (where.item && where.record && !lies_within(own, field))
        own = field;
    return own.line ? own : decoder->place;
}

SourceSpan decode_place(const Decoder *decoder, Where where) {
    SourceSpan span = where.known ? *where.known : (SourceSpan){0};
    if (where.record)
        span = field_place(decoder->lang, where.record, where.field);
    return item_place(decoder, where, span);
}

SourceSpan decode_span(Decoder *decoder, Where where) {
    Where *last = &decoder->last_field;
    if (where.record && (where.record != last->record || !str_eq(where.field, last->field))) {
        *last = where;
        decoder->last_span = field_place(decoder->lang, where.record, where.field);
    }
    SourceSpan span = item_place(decoder, where, where.record ? decoder->last_span : (SourceSpan){0});
    if (span.file.ptr != decoder->last_file.ptr || span.file.len != decoder->last_file.len) {
        decoder->last_file = span.file;
        decoder->kept_file = arena_str(decoder->builder->arena, span.file);
    }
    span.file = decoder->kept_file;
    return span;
}

Error *decode_error(const Decoder *decoder, ErrorKind kind, Where at, const char *fmt, ...) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    path_text(decoder, &text);
    if (text.len)
        buf_add_cstr(&text, ": ");
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    return error_at(error_new(kind, "%s", buf_cstr(&text)), decode_place(decoder, at));
}

static bool is_in_std(const Error *error) {
    bool found = false;
    for (; error; error = error_cause(error)) {
        const SourceSpan *span = error_span(error, NULL);
        if (span)
            found = str_starts_with(span->file, STR("<"));
    }
    return found;
}

// An error without the places that it knows: those in our own modules are no use to who wrote the spec.
static Error *without_places(Error *cause) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (const Error *link = cause; link; link = error_cause(link))
        buf_printf(&text, "%s%s", link == cause ? "" : ": ", error_text(link));
    Error *error = error_new(error_kind(cause), "%s", buf_cstr(&text));
    if (error_get_hint(cause))
        error = error_hint(error, "%s", error_get_hint(cause));
    error_free(cause);
    return error;
}

Error *decode_wrap(const Decoder *decoder, Error *cause) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    path_text(decoder, &text);
    if (is_in_std(cause) && decoder->place.line)
        cause = without_places(cause);
    if (text.len == 0)
        return cause;
    Error *error = error_wrap(cause, "%s", buf_cstr(&text));
    return decoder->place.line ? error_at(error, decoder->place) : error;
}

Error *decode_field(Decoder *decoder, Value *record, const char *name, Value **out) {
    decode_enter(decoder, str_from(name));
    DECODE_TRY(decoder, lang_record_field(decoder->lang, record, str_from(name), out));
    decode_leave(decoder);
    return NULL;
}

static const char *type_text(LangType type) {
    static const char *const texts[] = {
        [LANG_NULL] = "null",       [LANG_BOOL] = "true or false",  [LANG_NUMBER] = "a number",
        [LANG_STRING] = "a string", [LANG_ENUM] = "a tag",          [LANG_ARRAY] = "an array",
        [LANG_RECORD] = "a record", [LANG_FUNCTION] = "a function", [LANG_OTHER] = "a value of another kind"};
    return texts[type];
}

Error *decode_expect(Decoder *decoder, const Value *value, LangType type, Where at) {
    if (lang_type(value) == type)
        return NULL;
    return decode_error(decoder, ERROR_INVALID, at, "must be %s, not %s", type_text(type), lang_type_name(value));
}

Error *decode_string_value(Decoder *decoder, Value *value, Where at, Str *out) {
    TRY(decode_expect(decoder, value, LANG_STRING, at));
    Str text = lang_get_string(value);
    if (str_find_byte(text, '\0') >= 0)
        return decode_error(decoder, ERROR_INVALID, at, "must not hold a NUL character");
    *out = arena_str(decoder->builder->arena, text);
    return NULL;
}

Error *decode_string(Decoder *decoder, Value *record, const char *name, bool *found, Str *out) {
    Value *value;
    TRY(decode_field(decoder, record, name, &value));
    if (found)
        *found = value != NULL;
    if (!value)
        return NULL;
    decode_enter(decoder, str_from(name));
    TRY(decode_string_value(decoder, value, where_field(record, name), out));
    decode_leave(decoder);
    return NULL;
}

Error *decode_bool(Decoder *decoder, Value *record, const char *name, bool *out) {
    Value *value;
    TRY(decode_field(decoder, record, name, &value));
    if (!value)
        return NULL;
    decode_enter(decoder, str_from(name));
    TRY(decode_expect(decoder, value, LANG_BOOL, where_field(record, name)));
    decode_leave(decoder);
    *out = lang_get_bool(value);
    return NULL;
}

Error *decode_items(Decoder *decoder, Value *record, const char *name, ItemReader *out) {
    *out = (ItemReader){0};
    Value *array;
    TRY(decode_field(decoder, record, name, &array));
    if (!array)
        return NULL;
    out->place = where_field(record, name);
    decode_enter(decoder, str_from(name));
    TRY(decode_expect(decoder, array, LANG_ARRAY, out->place));
    decode_leave(decoder);
    out->array = array;
    out->count = lang_array_count(array);
    return NULL;
}

Error *decode_next(Decoder *decoder, ItemReader *reader, Value **out, Where *at_out) {
    decode_enter_item(decoder, reader->at);
    DECODE_TRY(decoder, lang_array_item(decoder->lang, reader->array, reader->at, out));
    reader->at++;
    *at_out = reader->place;
    at_out->item = *out;
    return NULL;
}

Error *decode_strings(Decoder *decoder, Value *record, const char *name, StrSlice *out) {
    ItemReader reader;
    TRY(decode_items(decoder, record, name, &reader));
    *out = (StrSlice){0};
    Str *items = ARENA_ARRAY(decoder->builder->arena, Str, reader.count);
    decode_enter(decoder, str_from(name));
    while (reader.at < reader.count) {
        Value *item;
        Where at;
        Str *slot = &items[reader.at];
        TRY(decode_next(decoder, &reader, &item, &at));
        TRY(decode_string_value(decoder, item, at, slot));
        decode_leave(decoder);
    }
    decode_leave(decoder);
    *out = (StrSlice){items, reader.count};
    return NULL;
}

static bool is_one_of(Str name, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (str_is(name, names[i]))
            return true;
    return false;
}

Error *decode_only(Decoder *decoder, Value *record, const char *const *names, size_t count, const char *what) {
    StrSlice present;
    DECODE_TRY(decoder, lang_record_names(decoder->lang, record, &present));
    for (size_t i = 0; i < present.count; i++) {
        Str name = present.items[i];
        if (is_one_of(name, names, count))
            continue;
        Error *error = decode_error(decoder, ERROR_INVALID, where_named(record, name), "%s has no field '%.*s'", what,
                                    STR_ARG(name));
        Str known[32];
        BUG_UNLESS(count <= ARRAY_LEN(known));
        for (size_t j = 0; j < count; j++)
            known[j] = str_from(names[j]);
        Str nearest = str_nearest(name, known, count);
        return nearest.ptr ? error_hint(error, "did you mean '%.*s'?", STR_ARG(nearest)) : error;
    }
    return NULL;
}

Error *decode_kind(Decoder *decoder, Value *value, Where at, const char *expected, Str *out) {
    if (lang_type(value) != LANG_RECORD)
        return decode_error(decoder, ERROR_INVALID, at, "must be %s, not %s", expected, lang_type_name(value));
    Value *kind;
    DECODE_TRY(decoder, lang_record_field(decoder->lang, value, STR("ty"), &kind));
    if (!kind || lang_type(kind) != LANG_ENUM)
        return error_hint(decode_error(decoder, ERROR_INVALID, at, "must be %s, not a plain record", expected),
                          "its contract makes it one, as in `{ .. } | BuildSpec`, `{ .. } | Source`");
    *out = lang_get_tag(kind);
    return NULL;
}

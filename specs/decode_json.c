// Attributes as JSON: they carry values of any shape, and nothing reads them but people and programs outside.
#include "base/json.h"
#include "specs/decode_private.h"
#include "specs/export.h"

static Error *write_array(Decoder *decoder, Value *array, Where at, Buf *out) {
    buf_add_byte(out, '[');
    for (size_t i = 0; i < lang_array_count(array); i++) {
        Value *item;
        decode_enter_item(decoder, i);
        DECODE_TRY(decoder, lang_array_item(decoder->lang, array, i, &item));
        if (i)
            buf_add_byte(out, ',');
        TRY(decode_json(decoder, item, at, out));
        decode_leave(decoder);
    }
    buf_add_byte(out, ']');
    return NULL;
}

static Error *write_record(Decoder *decoder, Value *record, Buf *out) {
    StrSlice names;
    DECODE_TRY(decoder, lang_record_names(decoder->lang, record, &names));
    buf_add_byte(out, '{');
    bool first = true;
    for (size_t i = 0; i < names.count; i++) {
        Value *field;
        decode_enter(decoder, names.items[i]);
        DECODE_TRY(decoder, lang_record_field(decoder->lang, record, names.items[i], &field));
        if (field) {
            if (!first)
                buf_add_byte(out, ',');
            first = false;
            json_add_string(out, names.items[i]);
            buf_add_byte(out, ':');
            TRY(decode_json(decoder, field, where_named(record, names.items[i]), out));
        }
        decode_leave(decoder);
    }
    buf_add_byte(out, '}');
    return NULL;
}

static Error *write_enum(Decoder *decoder, Value *value, Where at, Buf *out) {
    Value *argument = lang_get_argument(value);
    if (!argument) {
        json_add_string(out, lang_get_tag(value));
        return NULL;
    }
    decode_enter(decoder, lang_get_tag(value));
    DECODE_TRY(decoder, lang_force(decoder->lang, argument));
    buf_add_cstr(out, "{\"arg\":");
    TRY(decode_json(decoder, argument, at, out));
    decode_leave(decoder);
    buf_add_cstr(out, ",\"tag\":");
    json_add_string(out, lang_get_tag(value));
    buf_add_byte(out, '}');
    return NULL;
}

// Every level takes a step of the path, so the depth of the path bounds the recursion.
Error *decode_json(Decoder *decoder, Value *value, Where at, Buf *out) {
    if (decoder->depth + 1 >= DECODE_MAX_DEPTH)
        return decode_error(decoder, ERROR_LIMIT, at, "nested too deep");
    switch (lang_type(value)) {
    case LANG_NULL:
        buf_add_cstr(out, "null");
        return NULL;
    case LANG_BOOL:
        buf_add_cstr(out, lang_get_bool(value) ? "true" : "false");
        return NULL;
    case LANG_NUMBER:
        if (!export_number(value, out))
            return decode_error(decoder, ERROR_INVALID, at, "the number is too large");
        return NULL;
    case LANG_STRING:
        json_add_string(out, lang_get_string(value));
        return NULL;
    case LANG_ENUM:
        return write_enum(decoder, value, at, out);
    case LANG_ARRAY:
        return write_array(decoder, value, at, out);
    case LANG_RECORD:
        return write_record(decoder, value, out);
    case LANG_FUNCTION:
    case LANG_OTHER:
    default:
        return decode_error(decoder, ERROR_INVALID, at, "must be data, not %s", lang_type_name(value));
    }
}

// Values as JSON (or TOML): sorted keys, numbers exact where they are whole, else the shortest text that reads back.
#include "specs/lang/data.h"
#include "specs/lang/operators.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Writer {
    Lang *lang;
    Buf *out;
    bool compact, toml;
    Buf path; // of the value being written
} Writer;

typedef struct WriteCall {
    Writer *w;
    Value *value;
    unsigned depth;
} WriteCall;

static Error *write_value(Writer *w, Value *value, unsigned depth);

static void newline(Writer *w, unsigned depth) {
    if (w->compact)
        return;
    buf_add_byte(w->out, '\n');
    for (unsigned i = 0; i < depth; i++)
        buf_add_cstr(w->out, "  ");
}

static void write_string(Buf *out, Str s) {
    buf_add_byte(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        const char *found = c < 0x20 || c == '"' || c == '\\' ? strchr("\"\"\\\\\nn\rr\tt\bb\ff", c) : NULL;
        if (found && c)
            buf_printf(out, "\\%c", found[1]);
        else if (c < 0x20)
            buf_printf(out, "\\u%04x", c);
        else
            buf_add_byte(out, (char)c);
    }
    buf_add_byte(out, '"');
}

static Error *write_number(Writer *w, const Value *value) {
    if (value->number.den == 1) {
        buf_printf(w->out, "%lld", (long long)value->number.num);
        return NULL;
    }
    double d = number_to_double(value->number);
    if (number_is_whole(value->number) && fabs(d) <= 0x1p64) {
        number_format(value->number, w->out);
        return NULL;
    }
    if (isinf(d))
        return eval_error(w->lang, value->origin, "the number is out of the range of what can be exported (a double)");
    char text[40] = "";
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, d);
        if (strtod(text, NULL) == d)
            break;
    }
    const char *exponent = strchr(text, 'e');
    if (!exponent) {
        buf_add_cstr(w->out, text);
    } else { // without the leading zeros that C gives an exponent
        buf_add(w->out, text, (size_t)(exponent - text));
        buf_printf(w->out, "e%d", atoi(exponent + 1));
    }
    return NULL;
}

static Error *write_array(Writer *w, const Value *value, unsigned depth) {
    buf_add_byte(w->out, '[');
    for (size_t i = 0; i < value->array.count; i++) {
        size_t path_len = w->path.len;
        buf_printf(&w->path, "[%zu]", i);
        if (i)
            buf_add_byte(w->out, ',');
        newline(w, depth + 1);
        TRY(write_value(w, value->array.items[i], depth + 1));
        w->path.len = path_len;
    }
    if (value->array.count)
        newline(w, depth);
    buf_add_byte(w->out, ']');
    return NULL;
}

static Error *write_record(Writer *w, Record *record, unsigned depth) {
    uint32_t count = 0;
    Field **fields = record_sorted(w->lang, record, false, &count);
    bool first = true, lines = w->toml && depth == 0;
    if (!lines)
        buf_add_byte(w->out, '{');
    for (uint32_t i = 0; i < count; i++) {
        if (fields[i]->flags & FIELD_NOT_EXPORTED)
            continue;
        Str name = name_text(w->lang, fields[i]->name);
        size_t path_len = w->path.len;
        if (path_len)
            buf_add_byte(&w->path, '.');
        add_field_name(name, &w->path);
        if (!first)
            buf_add_byte(w->out, lines ? '\n' : ',');
        first = false;
        newline(w, depth + 1);
        write_string(w->out, name);
        buf_add_cstr(w->out, w->toml ? " = " : w->compact ? ":" : ": ");
        TRY(write_value(w, field_value(w->lang, record, fields[i]), depth + 1));
        w->path.len = path_len;
    }
    if (!first && !lines)
        newline(w, depth);
    buf_add_byte(w->out, lines ? '\n' : '}');
    return NULL;
}

static Error *not_exportable(const Writer *w, const Value *value) {
    Lang *lang = w->lang;
    const char *what = value->kind == VALUE_ENUM ? "an enum tag with an argument" : value_kind_name(value);
    if (!w->path.len)
        return eval_error(lang, value->origin, "%s cannot be exported", what);
    return eval_error(lang, value->origin, "%s cannot be exported (at `%.*s`)", what, (int)w->path.len, w->path.ptr);
}

static Error *write_on_segment(void *argument) {
    WriteCall *call = argument;
    return write_value(call->w, call->value, call->depth);
}

static Error *write_value(Writer *w, Value *value, unsigned depth) {
    Lang *lang = w->lang;
    if (stack_is_low(&lang->stack)) {
        WriteCall call = {w, value, depth};
        return on_fresh_stack(lang, write_on_segment, &call);
    }
    TRY(charge_step(lang, value->origin));
    TRY(force(lang, value));
    if (w->out->overflow)
        return error_new(ERROR_LIMIT, "the exported text is larger than %zu MiB", w->out->max / (1024 * 1024));
    switch (value->kind) {
    case VALUE_NULL:
        if (w->toml)
            return not_exportable(w, value);
        buf_add_cstr(w->out, "null");
        return NULL;
    case VALUE_BOOL:
        buf_add_cstr(w->out, value->boolean ? "true" : "false");
        return NULL;
    case VALUE_NUMBER:
        return write_number(w, value);
    case VALUE_STRING:
        write_string(w->out, value->string);
        return NULL;
    case VALUE_ENUM:
        if (value->argument)
            return not_exportable(w, value);
        write_string(w->out, name_text(lang, value->symbol));
        return NULL;
    case VALUE_ARRAY:
        return write_array(w, value, depth);
    case VALUE_RECORD:
        return write_record(w, value->record, depth);
    default:
        return not_exportable(w, value);
    }
}

static Error *write_all(Lang *lang, Value *value, bool compact, bool toml, Buf *out) {
    TRY(force_deep(lang, value, true));
    Writer writer = {.lang = lang, .out = out, .compact = compact, .toml = toml};
    buf_init(&writer.path, 64 * 1024);
    Error *error = write_value(&writer, value, 0);
    buf_release(&writer.path);
    if (!error && out->overflow)
        error = error_new(ERROR_LIMIT, "the exported text is larger than %zu MiB", out->max / (1024 * 1024));
    return error;
}

Error *data_export_json(Lang *lang, Value *value, bool compact, Buf *out) {
    return write_all(lang, value, compact, false, out);
}

Error *data_export_toml(Lang *lang, Value *value, Buf *out) {
    TRY(force(lang, value));
    if (value->kind != VALUE_RECORD)
        return eval_error(lang, value->origin, "TOML is made of records only: %s cannot be written",
                          value_kind_name(value));
    return write_all(lang, value, true, true, out);
}

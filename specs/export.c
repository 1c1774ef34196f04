// Packages as JSON. The walk goes down plain data alone and stops at every package below the first, so it ends.
#include "specs/export.h"
#include "base/json.h"

#include <math.h>
#include <stdio.h>

bool export_number(const Value *number, Buf *out) {
    int64_t integer;
    if (lang_get_integer(number, &integer)) {
        buf_printf(out, "%lld", (long long)integer);
        return true;
    }
    double value = lang_get_number(number);
    if (!isfinite(value))
        return false;
    for (int digits = 1; digits <= 17; digits++) {
        char text[40];
        double again;
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (sscanf(text, "%lf", &again) == 1 && again == value) {
            buf_add_cstr(out, text);
            return true;
        }
    }
    BUG("17 digits do not bring back a double");
}

static Error *is_package(Lang *lang, Value *value, bool *out) {
    Value *kind;
    *out = false;
    if (lang_type(value) != LANG_RECORD)
        return NULL;
    TRY(lang_record_field(lang, value, STR("ty"), &kind));
    *out = kind && lang_type(kind) == LANG_ENUM && str_is(lang_get_tag(kind), "Builder");
    return NULL;
}

static Error *add_value(Lang *lang, Value *value, JsonWriter *json);

static Error *add_field(Lang *lang, Value *record, Str name, JsonWriter *json) {
    Value *field;
    TRY(lang_record_field(lang, record, name, &field));
    if (!field)
        return NULL;
    json_key_str(json, name);
    return add_value(lang, field, json);
}

static Error *add_record(Lang *lang, Value *record, JsonWriter *json, bool names_only) {
    StrSlice names;
    TRY(lang_record_names(lang, record, &names));
    json_open_object(json);
    for (size_t i = 0; i < names.count; i++)
        if (!names_only || str_is(names.items[i], "name") || str_is(names.items[i], "ty"))
            TRY(add_field(lang, record, names.items[i], json));
    json_close_object(json);
    return NULL;
}

static Error *add_array(Lang *lang, Value *array, JsonWriter *json) {
    json_open_array(json);
    for (size_t i = 0; i < lang_array_count(array); i++) {
        Value *item;
        TRY(lang_array_item(lang, array, i, &item));
        TRY(add_value(lang, item, json));
    }
    json_close_array(json);
    return NULL;
}

// Bounded by the depth that JsonWriter admits.
static Error *add_value(Lang *lang, Value *value, JsonWriter *json) {
    bool package;
    if (json->depth + 1 >= JSON_DEPTH_MAX)
        return error_at(error_new(ERROR_LIMIT, "nested deeper than %d levels", JSON_DEPTH_MAX), lang_span(lang, value));
    if (lang_type(value) == LANG_ARRAY)
        return add_array(lang, value, json);
    if (lang_type(value) != LANG_RECORD) {
        AUTO_BUF Buf scalar;
        buf_init(&scalar, BUF_NO_LIMIT);
        TRY(lang_export_json(lang, value, true, &scalar));
        json_raw(json, buf_str(&scalar));
        return NULL;
    }
    TRY(is_package(lang, value, &package));
    return add_record(lang, value, json, package);
}

Error *specs_export_json(Lang *lang, Value *file, Value *value, Buf *out) {
    bool package;
    TRY(lang_force(lang, file));
    TRY(lang_force(lang, value));
    TRY(is_package(lang, file, &package));
    if (!package)
        return lang_export_json(lang, value, false, out);
    JsonWriter json;
    json_begin(&json, out, false);
    return lang_type(value) == LANG_RECORD ? add_record(lang, value, &json, false) : add_value(lang, value, &json);
}

// Top-level std: types of values, forcing, hashes, text of data, and std.function, std.enum, std.test.
#include "base/hash.h"
#include "specs/lang/builtins.h"
#include "specs/lang/data.h"

#include <stdio.h>

Symbol value_typeof(const Lang *lang, const Value *value) {
    switch (value->kind) {
    case VALUE_NUMBER:
        return lang->sym_Number;
    case VALUE_BOOL:
        return lang->sym_Bool;
    case VALUE_STRING:
        return lang->sym_String;
    case VALUE_ENUM:
        return lang->sym_Enum;
    case VALUE_ARRAY:
        return lang->sym_Array;
    case VALUE_RECORD:
        return lang->sym_Record;
    case VALUE_CLOSURE:
    case VALUE_PARTIAL:
    case VALUE_NATIVE:
    case VALUE_ARROW:
        return lang->sym_Function;
    case VALUE_LABEL:
        return lang->sym_Label;
    case VALUE_CUSTOM:
        return lang->sym_CustomContract;
    case VALUE_TYPE:
        return lang->sym_Type;
    default:
        return lang->sym_Other;
    }
}

static Error *core_typeof(Lang *lang, Value **args, Value **out) {
    if (args[0]->kind == VALUE_SEALED)
        return sealed_error(lang, args[0], lang->site);
    *out = value_enum(lang, value_typeof(lang, args[0]), NULL, NULL);
    return NULL;
}

static Error *is_type(Lang *lang, const Value *value, Symbol type, Value **out) {
    if (value->kind == VALUE_SEALED)
        return sealed_error(lang, value, lang->site);
    *out = value_bool(lang, value_typeof(lang, value) == type);
    return NULL;
}

#define IS_TYPE(name, Type)                                                                                            \
    static Error *core_is_##name(Lang *lang, Value **args, Value **out) {                                              \
        return is_type(lang, args[0], lang->sym_##Type, out);                                                          \
    }
IS_TYPE(number, Number)
IS_TYPE(bool, Bool)
IS_TYPE(string, String)
IS_TYPE(enum, Enum)
IS_TYPE(array, Array)
IS_TYPE(record, Record)
IS_TYPE(function, Function)

static Error *core_seq(Lang *lang, Value **args, Value **out) {
    (void)lang;
    *out = args[1];
    return NULL;
}

static Error *core_deep_seq(Lang *lang, Value **args, Value **out) {
    TRY(force_deep(lang, args[0], false));
    *out = args[1];
    return NULL;
}

static Error *core_cast(Lang *lang, Value **args, Value **out) {
    *out = value_enum(lang, value_typeof(lang, args[0]), args[0], NULL);
    return NULL;
}

static Error *core_to_string(Lang *lang, Value **args, Value **out) {
    Str text;
    TRY(value_to_text(lang, args[0], lang->site, &text));
    *out = value_text(lang, text);
    return NULL;
}

static Error *core_hash(Lang *lang, Value **args, Value **out) {
    if (args[0]->symbol != lang->sym_Sha256)
        return caller_error(lang, "only 'Sha256 is offered as a hash");
    HashHex hex = hash_hex(hash_bytes(args[1]->string));
    *out = value_text(lang, arena_str(lang->arena, str_from(hex.text)));
    return NULL;
}

static Error *write_documents(Lang *lang, Value *value, Buf *text) {
    TRY(force(lang, value));
    if (value->kind != VALUE_ARRAY)
        return caller_error(lang, "'YamlDocuments takes an Array, this is %s", value_kind_name(value));
    for (size_t i = 0; i < value->array.count; i++) {
        buf_add_cstr(text, "---\n");
        TRY(data_export_json(lang, value->array.items[i], false, text));
        buf_add_byte(text, '\n');
    }
    return NULL;
}

static Error *core_serialize(Lang *lang, Value **args, Value **out) {
    AUTO_BUF Buf text;
    buf_init(&text, lang->memory_budget);
    Symbol format = args[0]->symbol;
    if (format == lang->sym_Json || format == lang->sym_Yaml) // JSON is YAML, too
        TRY(data_export_json(lang, args[1], false, &text));
    else if (format == lang->sym_Toml)
        TRY(data_export_toml(lang, args[1], &text));
    else if (format == lang->sym_YamlDocuments)
        TRY(write_documents(lang, args[1], &text));
    else
        return caller_error(lang, "the format must be 'Json, 'Toml, 'Yaml or 'YamlDocuments");
    TRY(lang_reserve(lang, text.len, 1, lang->site));
    *out = value_text(lang, arena_str(lang->arena, buf_str(&text)));
    return NULL;
}

typedef struct ReadText {
    Lang *lang;
    Symbol format;
    SourceFile source;
    Value **out;
} ReadText;

static Error *read_text(void *argument) {
    ReadText *call = argument;
    Lang *lang = call->lang;
    if (call->format == lang->sym_YamlDocuments)
        return yaml_parse(lang, &call->source, true, call->out);
    uint8_t kind = call->format == lang->sym_Json   ? IMPORT_JSON
                   : call->format == lang->sym_Toml ? IMPORT_TOML
                                                    : IMPORT_YAML;
    return data_parse_text(lang, kind, &call->source, call->out);
}

// On a fresh stack, because the readers are recursive up to limits of their own.
static Error *core_deserialize(Lang *lang, Value **args, Value **out) {
    Symbol format = args[0]->symbol;
    if (format != lang->sym_Json && format != lang->sym_Toml && format != lang->sym_Yaml &&
        format != lang->sym_YamlDocuments)
        return caller_error(lang, "the format must be 'Json, 'Toml, 'Yaml or 'YamlDocuments");
    ReadText call = {lang, format, {.path = STR("<text>"), .text = args[1]->string}, out};
    Error *error = on_fresh_stack(lang, read_text, &call);
    return error ? error_wrap(error, "std.deserialize") : NULL;
}

static Error *core_trace(Lang *lang, Value **args, Value **out) {
    if (lang->trace)
        lang->trace(lang->trace_context, args[0]->string);
    *out = args[1];
    return NULL;
}

static Error *fail_with_contract(Lang *lang, Value **args, Value **out) {
    *out = value_error(lang, args[0]->string);
    return NULL;
}

static Error *core_fail_contract(Lang *lang, Value **args, Value **out) {
    static const Native native = {"std.FailWith", "s..", fail_with_contract};
    *out = value_custom_of(lang, &native, args[0]);
    return NULL;
}

static Error *core_fail_with(Lang *lang, Value **args, Value **out) {
    (void)out;
    return eval_error(lang, lang->site, "%.*s", STR_ARG(args[0]->string));
}

// ---- std.test ----

static Error *test_assert(Lang *lang, Value **args, Value **out) {
    TRY(force(lang, args[1]));
    if (args[1]->kind == VALUE_BOOL && args[1]->boolean)
        *out = value_ok(lang, args[1]);
    else
        *out = value_error(lang, args[1]->kind == VALUE_BOOL ? STR("assertion failed: the value is false")
                                                             : STR("assertion failed: the value is not a Bool"));
    return NULL;
}

static Error *test_assert_all(Lang *lang, Value **args, Value **out) {
    for (size_t i = 0; i < args[0]->array.count; i++) {
        Value *item = args[0]->array.items[i];
        TRY(force(lang, item));
        if (item->kind != VALUE_BOOL || !item->boolean)
            return eval_error(lang, item->origin ? item->origin : lang->site,
                              "contract broken by the caller of `std.test.assert_all`: assertion %zu failed", i);
    }
    *out = value_bool(lang, true);
    return NULL;
}

// ---- std.function ----

static Error *function_id(Lang *lang, Value **args, Value **out) {
    (void)lang;
    *out = args[0];
    return NULL;
}

static Error *function_compose(Lang *lang, Value **args, Value **out) {
    return call1(lang, args[0], value_apply(lang, args[1], args[2]), out);
}

static Error *function_flip(Lang *lang, Value **args, Value **out) {
    return call2(lang, args[0], args[2], args[1], out);
}

static Error *function_second(Lang *lang, Value **args, Value **out) {
    (void)lang;
    *out = args[1];
    return NULL;
}

static Error *function_pipe(Lang *lang, Value **args, Value **out) {
    Value *value = args[0];
    for (size_t i = 0; i < args[1]->array.count; i++)
        TRY(call1(lang, args[1]->array.items[i], value, &value));
    *out = value;
    return NULL;
}

// ---- std.enum ----

static Error *enum_is_tag(Lang *lang, Value **args, Value **out) {
    *out = value_bool(lang, args[0]->kind == VALUE_ENUM && !args[0]->argument);
    return NULL;
}

static Error *enum_is_variant(Lang *lang, Value **args, Value **out) {
    *out = value_bool(lang, args[0]->kind == VALUE_ENUM && args[0]->argument);
    return NULL;
}

static Error *enum_to_tag_and_arg(Lang *lang, Value **args, Value **out) {
    Symbol names[] = {lang->sym_tag, lang->sym_arg};
    Value *values[] = {value_text(lang, name_text(lang, args[0]->symbol)), args[0]->argument};
    *out = record_make(lang, names, values, args[0]->argument ? 2 : 1, NULL);
    return NULL;
}

static Error *enum_from_tag_and_arg(Lang *lang, Value **args, Value **out) {
    Value *tag = NULL;
    TRY(record_get(lang, args[0], lang->sym_tag, lang->site, &tag));
    if (tag->kind != VALUE_STRING)
        return caller_error(lang, "`tag` must be a String, this is %s", value_kind_name(tag));
    Field *field = record_visible(args[0]->record, lang->sym_arg);
    Value *argument = field ? field_value(lang, args[0]->record, field) : NULL;
    *out = value_enum(lang, symbol_intern(lang->symbols, tag->string), argument, NULL);
    return NULL;
}

static Error *enum_map(Lang *lang, Value **args, Value **out) {
    *out = args[1];
    if (args[1]->argument)
        *out = value_enum(lang, args[1]->symbol, value_apply(lang, args[0], args[1]->argument), NULL);
    return NULL;
}

static Error *enum_contract(Lang *lang, Value *value, bool holds, const char *wanted, Value **out) {
    *out = holds ? value_ok(lang, value)
                 : value_error(lang, arena_printf(lang->arena, "expected %s, got %s", wanted, value_kind_name(value)));
    return NULL;
}

static Error *enum_tag_contract(Lang *lang, Value **args, Value **out) {
    return enum_contract(lang, args[1], args[1]->kind == VALUE_ENUM && !args[1]->argument, "an enum tag", out);
}

static Error *enum_enum_contract(Lang *lang, Value **args, Value **out) {
    return enum_contract(lang, args[1], args[1]->kind == VALUE_ENUM, "an enum", out);
}

static Error *enum_tag_or_string(Lang *lang, Value **args, Value **out) {
    if (args[1]->kind == VALUE_STRING) {
        *out = value_ok(lang, value_enum(lang, symbol_intern(lang->symbols, args[1]->string), NULL, args[1]->origin));
        return NULL;
    }
    return enum_contract(lang, args[1], args[1]->kind == VALUE_ENUM && !args[1]->argument, "an enum tag or a String",
                         out);
}

static const Native natives[] = {
    {"std.typeof", "v", core_typeof},
    {"std.is_number", "v", core_is_number},
    {"std.is_bool", "v", core_is_bool},
    {"std.is_string", "v", core_is_string},
    {"std.is_enum", "v", core_is_enum},
    {"std.is_array", "v", core_is_array},
    {"std.is_record", "v", core_is_record},
    {"std.is_function", "v", core_is_function},
    {"std.seq", "v.", core_seq},
    {"std.deep_seq", "..", core_deep_seq},
    {"std.cast", "v", core_cast},
    {"std.to_string", "v", core_to_string},
    {"std.hash", "es", core_hash},
    {"std.serialize", "e.", core_serialize},
    {"std.deserialize", "es", core_deserialize},
    {"std.trace", "s.", core_trace},
    {"std.FailWith", "s", core_fail_contract},
    {"std.fail_with", "s", core_fail_with},
    {"std.test.Assert", "l.", test_assert},
    {"std.test.assert_all", "a", test_assert_all},
    {"std.enum.is_enum_tag", "v", enum_is_tag},
    {"std.enum.is_enum_variant", "v", enum_is_variant},
    {"std.enum.to_tag_and_arg", "e", enum_to_tag_and_arg},
    {"std.enum.from_tag_and_arg", "r", enum_from_tag_and_arg},
    {"std.enum.map", "fe", enum_map},
    {"std.enum.Tag", "lv", enum_tag_contract},
    {"std.enum.Enum", "lv", enum_enum_contract},
    {"std.enum.TagOrString", "lv", enum_tag_or_string},
};
const NativeTable core_natives = {natives, ARRAY_LEN(natives)};

static const Native functions[] = {
    {"std.function.id", ".", function_id},       {"std.function.compose", "...", function_compose},
    {"std.function.flip", "...", function_flip}, {"std.function.const", "..", function_id},
    {"std.function.first", "..", function_id},   {"std.function.second", "..", function_second},
    {"std.function.pipe", ".a", function_pipe},
};
const NativeTable function_natives = {functions, ARRAY_LEN(functions)};

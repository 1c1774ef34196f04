// %operators%: the primitive layer under std, with its own argument orders. Most are what std offers, called directly.
#include "specs/lang/builtins.h"

static Error *find_std(Lang *lang, const char *module, const char *name, Value **out) {
    Value *std = lang->globals[0].value;
    if (module)
        TRY(record_get(lang, std, symbol_intern(lang->symbols, str_from(module)), NULL, &std));
    return record_get(lang, std, symbol_intern(lang->symbols, str_from(name)), NULL, out);
}

static Error *call_std(Lang *lang, const char *module, const char *name, Value **args, uint32_t count, Value **out) {
    Value *function = NULL;
    TRY(find_std(lang, module, name, &function));
    return apply_n(lang, function, args, count, lang->site, out);
}

// The same function with the same order of arguments.
#define SAME(id, module, name, count)                                                                                  \
    static Error *prim_##id(Lang *lang, Value **args, Value **out) {                                                   \
        return call_std(lang, module, name, args, count, out);                                                         \
    }
SAME(typeof, NULL, "typeof", 1)
SAME(cast, NULL, "cast", 1)
SAME(to_string, NULL, "to_string", 1)
SAME(hash, NULL, "hash", 2)
SAME(serialize, NULL, "serialize", 2)
SAME(deserialize, NULL, "deserialize", 2)
SAME(has_field, "record", "has_field", 2)
SAME(has_field_with_opts, "record", "has_field_with_opts", 2)
SAME(fields, "record", "fields", 1)
SAME(fields_with_opts, "record", "fields_with_opts", 1)
SAME(values, "record", "values", 1)
SAME(freeze, "record", "freeze", 1)
SAME(remove, "record", "remove", 2)
SAME(remove_with_opts, "record", "remove_with_opts", 2)
SAME(length, "array", "length", 1)
SAME(slice, "array", "slice", 3)
SAME(generate_swapped, "array", "generate", 2)
SAME(string_length, "string", "length", 1)
SAME(trim, "string", "trim", 1)
SAME(chars, "string", "characters", 1)
SAME(uppercase, "string", "uppercase", 1)
SAME(lowercase, "string", "lowercase", 1)
SAME(string_contains, "string", "contains", 2)
SAME(is_variant, "enum", "is_enum_variant", 1)
SAME(from_string, "string", "to_enum", 1)
SAME(custom, "contract", "custom", 1)
SAME(check, "contract", "check", 3)
SAME(apply, "contract", "apply", 3)
SAME(pow, "number", "pow", 2)

// Strict in one argument, then a function that hands on the next.
static Error *prim_seq(Lang *lang, Value **args, Value **out) {
    (void)args;
    return find_std(lang, "function", "id", out);
}

static Error *prim_trace(Lang *lang, Value **args, Value **out) {
    if (lang->trace)
        lang->trace(lang->trace_context, args[0]->string);
    return prim_seq(lang, args, out);
}

static Error *prim_deep_seq(Lang *lang, Value **args, Value **out) {
    TRY(force_deep(lang, args[0], false));
    return find_std(lang, "function", "id", out);
}

static Error *prim_force(Lang *lang, Value **args, Value **out) {
    TRY(force_deep(lang, args[0], false));
    *out = args[0];
    return NULL;
}

static Error *prim_blame(Lang *lang, Value **args, Value **out) {
    Failure failure = {.failed = true};
    (void)out;
    return blame(lang, args[0]->label, &failure);
}

static Error *prim_at(Lang *lang, Value **args, Value **out) {
    const Value *index = args[1];
    size_t count = args[0]->array.count;
    if (index->number.den != 1 || index->number.num < 0)
        return eval_error(lang, lang->site, "%%array/at%% expects an index that is a whole number and not negative");
    if ((uint64_t)index->number.num >= count)
        return eval_error(lang, lang->site, "%%array/at%%: index %lld is out of bounds, the array's length is %zu",
                          (long long)index->number.num, count);
    *out = args[0]->array.items[index->number.num];
    return NULL;
}

static Error *prim_array_map(Lang *lang, Value **args, Value **out) {
    Value *swapped[] = {args[1], args[0]};
    return call_std(lang, "array", "map", swapped, 2, out);
}

static Error *prim_record_map(Lang *lang, Value **args, Value **out) {
    Value *swapped[] = {args[1], args[0]};
    return call_std(lang, "record", "map", swapped, 2, out);
}

static Error *prim_generate(Lang *lang, Value **args, Value **out) {
    Value *swapped[] = {args[1], args[0]};
    return prim_generate_swapped(lang, swapped, out);
}

static Error *prim_insert(Lang *lang, Value **args, Value **out) {
    Value *swapped[] = {args[0], args[2], args[1]};
    return call_std(lang, "record", "insert", swapped, 3, out);
}

static Error *prim_insert_with_opts(Lang *lang, Value **args, Value **out) {
    Value *swapped[] = {args[0], args[2], args[1]};
    return call_std(lang, "record", "insert_with_opts", swapped, 3, out);
}

static Error *prim_enum_tag(Lang *lang, Value **args, Value **out) {
    *out = value_enum(lang, args[0]->symbol, NULL, NULL);
    return NULL;
}

static Error *prim_enum_arg(Lang *lang, Value **args, Value **out) {
    if (!args[0]->argument)
        return eval_error(lang, lang->site, "%%enum/get_arg%% expects an enum tag with an argument");
    *out = args[0]->argument;
    return NULL;
}

static Error *prim_make_variant(Lang *lang, Value **args, Value **out) {
    *out = value_enum(lang, symbol_intern(lang->symbols, args[0]->string), args[1], NULL);
    return NULL;
}

static Error *prim_embed(Lang *lang, Value **args, Value **out) {
    (void)lang;
    *out = args[1];
    return NULL;
}

static const Native natives[] = {
    {"%typeof%", "v", prim_typeof},
    {"%cast%", "v", prim_cast},
    {"%to_string%", "v", prim_to_string},
    {"%seq%", "v", prim_seq},
    {"%deep_seq%", ".", prim_deep_seq},
    {"%force%", ".", prim_force},
    {"%blame%", "l", prim_blame},
    {"%hash%", "es", prim_hash},
    {"%serialize%", "e.", prim_serialize},
    {"%deserialize%", "es", prim_deserialize},
    {"%trace%", "s", prim_trace},
    {"%pow%", "NN", prim_pow},
    {"%array/at%", "an", prim_at},
    {"%array/length%", "a", prim_length},
    {"%array/map%", "af", prim_array_map},
    {"%array/slice%", "nna", prim_slice},
    {"%array/generate%", "nf", prim_generate},
    {"%record/insert%", "sr.", prim_insert},
    {"%record/insert_with_opts%", "sr.", prim_insert_with_opts},
    {"%record/remove%", "sr", prim_remove},
    {"%record/remove_with_opts%", "sr", prim_remove_with_opts},
    {"%record/has_field%", "sr", prim_has_field},
    {"%record/has_field_with_opts%", "sr", prim_has_field_with_opts},
    {"%record/fields%", "r", prim_fields},
    {"%record/fields_with_opts%", "r", prim_fields_with_opts},
    {"%record/values%", "r", prim_values},
    {"%record/map%", "rf", prim_record_map},
    {"%record/freeze%", "r", prim_freeze},
    {"%string/length%", "s", prim_string_length},
    {"%string/trim%", "s", prim_trim},
    {"%string/chars%", "s", prim_chars},
    {"%string/uppercase%", "s", prim_uppercase},
    {"%string/lowercase%", "s", prim_lowercase},
    {"%string/contains%", "ss", prim_string_contains},
    {"%enum/is_variant%", "e", prim_is_variant},
    {"%enum/get_tag%", "e", prim_enum_tag},
    {"%enum/get_arg%", "e", prim_enum_arg},
    {"%enum/make_variant%", "s.", prim_make_variant},
    {"%enum/from_string%", "s", prim_from_string},
    {"%enum/embed%", "..", prim_embed},
    {"%contract/custom%", "v", prim_custom},
    {"%contract/check%", "vl.", prim_check},
    {"%contract/apply%", "vl.", prim_apply},
};
const NativeTable primop_natives = {natives, ARRAY_LEN(natives)};

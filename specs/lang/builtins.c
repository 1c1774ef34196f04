// std: tables of native functions, made into records when an interpreter is made. A native says by letters what its
// arguments must be; they are forced and checked here, before it runs.
#include "specs/lang/builtins.h"

// ---- shared ----

Error *caller_error(Lang *lang, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Str text = arena_vprintf(lang->arena, fmt, ap);
    va_end(ap);
    const char *name = lang->running ? lang->running->name : "this function";
    return eval_error(lang, lang->site, "contract broken by the caller of `%s`: %.*s", name, STR_ARG(text));
}

Error *native_index(Lang *lang, const Value *value, size_t max, const char *what, size_t *out) {
    if (value->number.den != 1 || value->number.num < 0)
        return caller_error(lang, "%s must be a whole number that is not negative", what);
    if ((uint64_t)value->number.num > max)
        return caller_error(lang, "%s must be at most %zu, this is %lld", what, max, (long long)value->number.num);
    *out = (size_t)value->number.num;
    return NULL;
}

Error *call1(Lang *lang, Value *function, Value *a, Value **out) {
    return apply_n(lang, function, &a, 1, lang->site, out);
}

Error *call2(Lang *lang, Value *function, Value *a, Value *b, Value **out) {
    Value *args[] = {a, b};
    return apply_n(lang, function, args, 2, lang->site, out);
}

Error *call_bool(Lang *lang, Value *function, Value *a, bool *out) {
    Value *result = NULL;
    TRY(call1(lang, function, a, &result));
    if (result->kind != VALUE_BOOL)
        return caller_error(lang, "the function must return a Bool, not %s", value_kind_name(result));
    *out = result->boolean;
    return NULL;
}

Error *call_order(Lang *lang, Value *function, Value *a, Value *b, int *out) {
    Value *result = NULL;
    TRY(call2(lang, function, a, b, &result));
    if (result->kind == VALUE_ENUM && !result->argument) {
        *out = result->symbol == lang->sym_Lesser ? -1 : result->symbol == lang->sym_Greater;
        if (*out != 0 || result->symbol == lang->sym_Equal)
            return NULL;
    }
    return caller_error(lang, "the function must return 'Lesser, 'Equal or 'Greater, not %s", value_kind_name(result));
}

Value *value_int(Lang *lang, int64_t n) {
    return value_number(lang, number_of(n), NULL);
}

Value *value_order(Lang *lang, int order) {
    Symbol tag = order < 0 ? lang->sym_Lesser : order > 0 ? lang->sym_Greater : lang->sym_Equal;
    return value_enum(lang, tag, NULL, NULL);
}

Value *value_text(Lang *lang, Str s) {
    return value_string(lang, s, NULL);
}

Value *value_error(Lang *lang, Str message) {
    Value *text = value_text(lang, message);
    return value_enum(lang, lang->sym_Error, record_make(lang, &lang->sym_message, &text, 1, NULL), NULL);
}

Value *value_custom(Lang *lang, Value *function) {
    Value *custom = value_new(lang, VALUE_CUSTOM, lang->site ? lang->site : function->origin);
    custom->argument = function;
    return custom;
}

Value *value_custom_of(Lang *lang, const Native *native, Value *collected) {
    Partial *partial = arena_alloc(lang->arena, sizeof *partial + sizeof(Value *));
    partial->function = value_native(lang, native);
    partial->count = 1;
    partial->args[0] = collected;
    Value *function = value_new(lang, VALUE_PARTIAL, NULL);
    function->partial = partial;
    return value_custom(lang, function);
}

Error *new_items(Lang *lang, size_t count, Value ***out) {
    TRY(lang_reserve(lang, count, sizeof(Value *), lang->site));
    *out = ARENA_ARRAY(lang->arena, Value *, count ? count : 1);
    return NULL;
}

// ---- running a native ----

static bool argument_fits(char letter, const Value *value) {
    switch (letter) {
    case 's':
        return value->kind == VALUE_STRING;
    case 'n':
        return value->kind == VALUE_NUMBER && number_is_small(value->number);
    case 'N':
        return value->kind == VALUE_NUMBER;
    case 'b':
        return value->kind == VALUE_BOOL;
    case 'a':
        return value->kind == VALUE_ARRAY;
    case 'r':
        return value->kind == VALUE_RECORD;
    case 'f':
        return value->kind == VALUE_CLOSURE || value->kind == VALUE_PARTIAL || value->kind == VALUE_NATIVE ||
               value->kind == VALUE_ARROW;
    case 'e':
        return value->kind == VALUE_ENUM;
    case 'l':
        return value->kind == VALUE_LABEL;
    default:
        return true;
    }
}

static const char *letter_text(char letter) {
    static const char *const texts[] = {['s' - 'a'] = "a String", ['n' - 'a'] = "a Number of 64 bits", ['b' - 'a'] = "a Bool",
                                        ['a' - 'a'] = "an Array", ['r' - 'a'] = "a record", ['f' - 'a'] = "a function",
                                        ['e' - 'a'] = "an enum",  ['l' - 'a'] = "a label"};
    return letter == 'N' ? "a Number" : texts[letter - 'a'];
}

static Error *bad_argument(Lang *lang, const Native *native, size_t index, Value *value, const AstNode *site) {
    if (site && site->kind == AST_APP && index < site->app.count && !str_eq(str_from(native->name), STR("(.)")))
        site = site->app.args[index];
    if (value->kind == VALUE_SEALED)
        return sealed_error(lang, value, site);
    Str brief = value_brief(lang, value);
    const char *wanted = letter_text(native->args[index]), *got = value_kind_name(value);
    if (str_starts_with(str_from(native->name), STR("std.")))
        return eval_error(lang, site,
                          "contract broken by the caller of `%s`: argument %zu must be %s, this is %s (%.*s)",
                          native->name, index + 1, wanted, got, STR_ARG(brief));
    return eval_error(lang, site, "%s expects %s as argument %zu, this is %s (%.*s)", native->name, wanted, index + 1,
                      got, STR_ARG(brief));
}

typedef struct NativeCall {
    Lang *lang;
    const Native *native;
    Value **args;
    const AstNode *site;
    Value **out;
} NativeCall;

static Error *native_on_segment(void *argument) {
    NativeCall *call = argument;
    return run_native(call->lang, call->native, call->args, call->site, call->out);
}

Error *run_native(Lang *lang, const Native *native, Value **args, const AstNode *site, Value **out) {
    if (stack_is_low(&lang->stack)) {
        NativeCall call = {lang, native, args, site, out};
        return on_fresh_stack(lang, native_on_segment, &call);
    }
    TRY(charge_step(lang, site));
    for (size_t i = 0; native->args[i]; i++) {
        if (native->args[i] == '.')
            continue;
        TRY(force(lang, args[i]));
        if (!argument_fits(native->args[i], args[i]))
            return bad_argument(lang, native, i, args[i], site);
    }
    const AstNode *outer_site = lang->site;
    const Native *outer = lang->running;
    lang->site = site ? site : outer_site;
    lang->running = native;
    Error *error = native->run(lang, args, out);
    if (!error)
        error = force(lang, *out);
    lang->site = outer_site;
    lang->running = outer;
    return error;
}

// ---- std ----

const Native *builtin_primop(Str name) {
    for (size_t i = 0; i < primop_natives.count; i++) {
        Str entry = str_from(primop_natives.items[i].name);
        if (str_eq(str_slice(entry, 1, entry.len - 1), name))
            return &primop_natives.items[i];
    }
    return NULL;
}

enum { MODULE_MAX_FIELDS = 64 };

// The record at a name within another one, made if need be.
static Record *submodule(Lang *lang, Record *parent, Str name) {
    Symbol symbol = symbol_intern(lang->symbols, name);
    for (uint32_t i = 0; i < parent->count; i++)
        if (parent->fields[i].name == symbol)
            return parent->fields[i].raw->record;
    Record *module = record_new(lang, MODULE_MAX_FIELDS);
    module->count = 0;
    record_add(parent, symbol, value_record(lang, module, NULL));
    return module;
}

static void add_native(Lang *lang, Record *std, const Native *native) {
    Str rest = str_from(native->name), name;
    Record *module = std;
    (void)str_cut(&rest, '.', &name); // "std"
    while (str_cut(&rest, '.', &name) && rest.ptr)
        module = submodule(lang, module, name);
    Value *value = native->args[0] ? value_native(lang, native) : NULL;
    if (!value) { // a constant
        Error *error = native->run(lang, NULL, &value);
        BUG_UNLESS(error == NULL);
    }
    // Std.Capitalised, called with a label first, is a custom contract.
    if (native->args[0] == 'l' && name.ptr[0] >= 'A' && name.ptr[0] <= 'Z')
        value = value_custom(lang, value);
    BUG_UNLESS(module->count < MODULE_MAX_FIELDS);
    record_add(module, symbol_intern(lang->symbols, name), value);
}

// Modules are at most three deep: std.contract.label.with_message.
static void sort_modules(Record *module, int depth) {
    record_sort(module);
    for (uint32_t i = 0; depth > 1 && i < module->count; i++)
        if (module->fields[i].raw->kind == VALUE_RECORD)
            sort_modules(module->fields[i].raw->record, depth - 1);
}

void builtins_init(Lang *lang) {
    const NativeTable *tables[] = {&array_natives,  &array_more_natives, &contract_natives,
                                   &core_natives,   &function_natives,   &number_natives,
                                   &record_natives, &string_natives,     &regex_natives};
    Record *std = record_new(lang, MODULE_MAX_FIELDS);
    std->count = 0;
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            add_native(lang, std, &tables[t]->items[i]);
    sort_modules(std, 3);
    lang_define(lang, STR("std"), value_record(lang, std, NULL));
}

// What goes through whole values: forcing to the bottom, equality. Each recursion moves to a fresh stack when it must.
#include "specs/lang/eval.h"

// Marks on forced values (Value.thunk): a value that is met inside itself has no end.
enum { DEEP_NONE, DEEP_RUNNING, DEEP_EXPORTED, DEEP_ALL };

typedef struct DeepCall {
    Lang *lang;
    Value *value, *other;
    bool exported_only;
    bool *out;
} DeepCall;

static Error *deep_on_segment(void *argument) {
    DeepCall *call = argument;
    return force_deep(call->lang, call->value, call->exported_only);
}

static Error *deep_record(Lang *lang, Record *record, bool exported_only) {
    for (uint32_t i = 0; i < record->count; i++) {
        Field *field = &record->fields[i];
        if (field_is_absent(field) || (exported_only && (field->flags & FIELD_NOT_EXPORTED)))
            continue;
        TRY(force_deep(lang, field_value(lang, record, field), exported_only));
    }
    return NULL;
}

Error *force_deep(Lang *lang, Value *value, bool exported_only) {
    if (stack_is_low(&lang->stack)) {
        DeepCall call = {lang, value, NULL, exported_only, NULL};
        return on_fresh_stack(lang, deep_on_segment, &call);
    }
    TRY(force(lang, value));
    if (value->kind != VALUE_RECORD && value->kind != VALUE_ARRAY && value->kind != VALUE_ENUM)
        return NULL;
    if (value->thunk >= (exported_only ? DEEP_EXPORTED : DEEP_ALL))
        return NULL;
    if (value->thunk == DEEP_RUNNING)
        return eval_error(lang, value->origin, "infinite recursion: this value contains itself, so it has no end");
    value->thunk = DEEP_RUNNING;
    Error *error = charge_step(lang, value->origin);
    if (value->kind == VALUE_RECORD && !error)
        error = deep_record(lang, value->record, exported_only);
    for (size_t i = 0; value->kind == VALUE_ARRAY && !error && i < value->array.count; i++)
        error = force_deep(lang, value->array.items[i], exported_only);
    if (value->kind == VALUE_ENUM && !error && value->argument)
        error = force_deep(lang, value->argument, exported_only);
    value->thunk = error ? DEEP_NONE : exported_only ? DEEP_EXPORTED : DEEP_ALL;
    return error;
}

// ---- equality ----

static Error *equal_on_segment(void *argument) {
    DeepCall *call = argument;
    return values_equal(call->lang, call->value, call->other, call->out);
}

static uint32_t next_visible(const Record *record, uint32_t at) {
    while (at < record->count && field_is_absent(&record->fields[at]))
        at++;
    return at;
}

static Error *equal_records(Lang *lang, Record *a, Record *b, bool *out) {
    if (a->tail || b->tail)
        return tail_access(lang, a->tail ? a : b, "compare", a->literal);
    uint32_t i = next_visible(a, 0), k = next_visible(b, 0);
    *out = false;
    for (; i < a->count && k < b->count; i = next_visible(a, i + 1), k = next_visible(b, k + 1))
        if (a->fields[i].name != b->fields[k].name)
            return NULL;
    if (i < a->count || k < b->count)
        return NULL;
    *out = true;
    i = next_visible(a, 0), k = next_visible(b, 0);
    for (; i < a->count && *out; i = next_visible(a, i + 1), k = next_visible(b, k + 1))
        TRY(values_equal(lang, field_value(lang, a, &a->fields[i]), field_value(lang, b, &b->fields[k]), out));
    return NULL;
}

static bool is_opaque(const Value *value) {
    return value->kind == VALUE_CLOSURE || value->kind == VALUE_PARTIAL || value->kind == VALUE_NATIVE ||
           value->kind == VALUE_ARROW || value->kind == VALUE_CUSTOM || value->kind == VALUE_TYPE;
}

static Error *equal_forced(Lang *lang, Value *a, Value *b, bool *out) {
    *out = true;
    switch (a->kind) {
    case VALUE_BOOL:
        *out = a->boolean == b->boolean;
        break;
    case VALUE_NUMBER:
        *out = number_equal(a->number, b->number);
        break;
    case VALUE_STRING:
        *out = str_eq(a->string, b->string);
        break;
    case VALUE_LABEL:
        *out = a->label == b->label;
        break;
    case VALUE_KEY:
        *out = a->key.id == b->key.id;
        break;
    case VALUE_ENUM:
        *out = a->symbol == b->symbol && !a->argument == !b->argument;
        if (*out && a->argument)
            return values_equal(lang, a->argument, b->argument, out);
        break;
    case VALUE_ARRAY:
        *out = a->array.count == b->array.count;
        for (size_t i = 0; *out && i < a->array.count; i++)
            TRY(values_equal(lang, a->array.items[i], b->array.items[i], out));
        break;
    case VALUE_RECORD:
        return equal_records(lang, a->record, b->record, out);
    default:
        break; // null
    }
    return NULL;
}

Error *values_equal(Lang *lang, Value *a, Value *b, bool *out) {
    if (stack_is_low(&lang->stack)) {
        DeepCall call = {lang, a, b, false, out};
        return on_fresh_stack(lang, equal_on_segment, &call);
    }
    TRY(charge_step(lang, a->origin));
    TRY(force(lang, a));
    TRY(force(lang, b));
    if (a->kind == VALUE_SEALED || b->kind == VALUE_SEALED)
        return sealed_error(lang, a->kind == VALUE_SEALED ? a : b, a->origin);
    if (is_opaque(a) && is_opaque(b)) {
        const char *kind = value_kind_name(a);
        return eval_error(lang, a->origin, "cannot compare %s with %s", kind, value_kind_name(b));
    }
    *out = false;
    return a->kind == b->kind ? equal_forced(lang, a, b, out) : NULL;
}

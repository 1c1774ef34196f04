// std.contract: contracts made by user code, combined, and applied by hand.
#include "specs/lang/builtins.h"

static Error *contract_custom(Lang *lang, Value **args, Value **out) {
    *out = value_custom(lang, args[0]);
    return NULL;
}

static Error *run_predicate(Lang *lang, Value **args, Value **out) {
    bool holds = false;
    TRY(call_bool(lang, args[0], args[2], &holds));
    *out = holds ? value_ok(lang, args[2])
                 : value_enum(lang, lang->sym_Error, record_make(lang, NULL, NULL, 0, NULL), NULL);
    return NULL;
}

static Error *contract_from_predicate(Lang *lang, Value **args, Value **out) {
    static const Native native = {"std.contract.from_predicate", "f..", run_predicate};
    *out = value_custom_of(lang, &native, args[0]);
    return NULL;
}

static Error *run_validator(Lang *lang, Value **args, Value **out) {
    Value *result = NULL;
    TRY(call1(lang, args[0], args[2], &result));
    *out = result->kind == VALUE_ENUM && result->symbol == lang->sym_Ok ? value_ok(lang, args[2]) : result;
    return NULL;
}

static Error *contract_from_validator(Lang *lang, Value **args, Value **out) {
    static const Native native = {"std.contract.from_validator", "f..", run_validator};
    *out = value_custom_of(lang, &native, args[0]);
    return NULL;
}

static Error *check_one(Lang *lang, Value *contract, Label *label, Value *value, Value **out) {
    Failure failure = {0};
    Value *result = NULL;
    TRY(contract_check(lang, contract, label, value, &result, &failure));
    *out = failure.failed ? failure_value(lang, &failure, label) : value_ok(lang, result);
    return NULL;
}

// What the outer label says of where, for a contract that user code applies under it.
static Label *inner_label(Lang *lang, Label *outer, Value *contract, Value *value) {
    Label *label = label_step(lang, outer, STEP_MESSAGE, SYMBOL_NONE);
    label->contract = contract->origin ? contract->origin : outer->contract;
    label->value = value;
    return label;
}

static Error *contract_check_native(Lang *lang, Value **args, Value **out) {
    return check_one(lang, args[0], inner_label(lang, args[1]->label, args[0], args[2]), args[2], out);
}

static Error *contract_apply_native(Lang *lang, Value **args, Value **out) {
    Label *label = inner_label(lang, args[1]->label, args[0], args[2]);
    return contract_apply(lang, contract_of_value(lang, args[0]), label, args[2], out);
}

static Error *run_any_of(Lang *lang, Value **args, Value **out) {
    Label *label = label_dup(lang, args[1]->label);
    label->message = STR("any_of: a delayed check of the chosen contract failed");
    for (size_t i = 0; i < args[0]->array.count; i++) {
        Failure failure = {0};
        Value *contract = args[0]->array.items[i], *result = NULL;
        TRY(force(lang, contract));
        TRY(contract_check(lang, contract, inner_label(lang, label, contract, args[2]), args[2], &result, &failure));
        if (failure.failed)
            continue;
        *out = value_ok(lang, result);
        return NULL;
    }
    *out = value_error(lang, STR("any_of: value didn't match any of the contracts"));
    return NULL;
}

static Error *contract_any_of(Lang *lang, Value **args, Value **out) {
    static const Native native = {"std.contract.any_of", "a..", run_any_of};
    *out = value_custom_of(lang, &native, args[0]);
    return NULL;
}

static Error *run_sequence(Lang *lang, Value **args, Value **out) {
    Value *value = args[2];
    for (size_t i = 0; i < args[0]->array.count; i++) {
        Failure failure = {0};
        Value *contract = args[0]->array.items[i];
        TRY(force(lang, contract));
        Label *label = inner_label(lang, args[1]->label, contract, value);
        TRY(contract_check(lang, contract, label, value, &value, &failure));
        if (!failure.failed)
            continue;
        *out = failure_value(lang, &failure, label);
        return NULL;
    }
    *out = value_ok(lang, value);
    return NULL;
}

static Error *contract_sequence(Lang *lang, Value **args, Value **out) {
    static const Native native = {"std.contract.Sequence", "a..", run_sequence};
    *out = value_custom_of(lang, &native, args[0]);
    return NULL;
}

static Error *run_not(Lang *lang, Value **args, Value **out) {
    Failure failure = {0};
    Value *result = NULL;
    Label *label = inner_label(lang, args[1]->label, args[0], args[2]);
    TRY(contract_check(lang, args[0], label, args[2], &result, &failure));
    *out = failure.failed ? value_ok(lang, args[2])
                          : value_error(lang, STR("not: the value satisfies the contract that it must not satisfy"));
    return NULL;
}

static Error *contract_not(Lang *lang, Value **args, Value **out) {
    static const Native native = {"std.contract.not", "v..", run_not};
    *out = value_custom_of(lang, &native, args[0]);
    return NULL;
}

static Error *run_equal(Lang *lang, Value **args, Value **out) {
    bool equal = false;
    TRY(values_equal(lang, args[0], args[2], &equal));
    *out = equal ? value_ok(lang, args[2]) : value_error(lang, STR("the values are not equal"));
    return NULL;
}

static Error *contract_equal(Lang *lang, Value **args, Value **out) {
    static const Native native = {"std.contract.Equal", "...", run_equal};
    *out = value_custom_of(lang, &native, args[0]);
    return NULL;
}

static Error *contract_blame(Lang *lang, Value **args, Value **out) {
    Failure failure = {.failed = true};
    (void)out;
    return blame(lang, args[0]->label, &failure);
}

static Error *contract_blame_with_message(Lang *lang, Value **args, Value **out) {
    Failure failure = {.failed = true, .message = args[0]->string};
    (void)out;
    return blame(lang, args[1]->label, &failure);
}

// ---- labels ----

static Error *label_with_message(Lang *lang, Value **args, Value **out) {
    Label *label = label_dup(lang, args[1]->label);
    label->message = args[0]->string;
    *out = value_label(lang, label);
    return NULL;
}

static Error *add_note(Lang *lang, Label *label, Value *note) {
    TRY(force(lang, note));
    if (note->kind != VALUE_STRING)
        return caller_error(lang, "a note must be a String, this is %s", value_kind_name(note));
    label->notes = label->notes.ptr
                       ? arena_printf(lang->arena, "%.*s; %.*s", STR_ARG(label->notes), STR_ARG(note->string))
                       : note->string;
    return NULL;
}

static Error *label_with_notes(Lang *lang, Value **args, Value **out) {
    Label *label = label_dup(lang, args[1]->label);
    label->notes = STR_NULL;
    for (size_t i = 0; i < args[0]->array.count; i++)
        TRY(add_note(lang, label, args[0]->array.items[i]));
    *out = value_label(lang, label);
    return NULL;
}

static Error *label_append_note(Lang *lang, Value **args, Value **out) {
    Label *label = label_dup(lang, args[1]->label);
    TRY(add_note(lang, label, args[0]));
    *out = value_label(lang, label);
    return NULL;
}

static const Native natives[] = {
    {"std.contract.custom", "v", contract_custom},
    {"std.contract.from_predicate", "f", contract_from_predicate},
    {"std.contract.from_validator", "f", contract_from_validator},
    {"std.contract.check", "vl.", contract_check_native},
    {"std.contract.apply", "vl.", contract_apply_native},
    {"std.contract.any_of", "a", contract_any_of},
    {"std.contract.all_of", "a", contract_sequence},
    {"std.contract.Sequence", "a", contract_sequence},
    {"std.contract.not", "v", contract_not},
    {"std.contract.Equal", ".", contract_equal},
    {"std.contract.blame", "l", contract_blame},
    {"std.contract.blame_with_message", "sl", contract_blame_with_message},
    {"std.contract.label.with_message", "sl", label_with_message},
    {"std.contract.label.with_notes", "al", label_with_notes},
    {"std.contract.label.append_note", "vl", label_append_note},
};
const NativeTable contract_natives = {natives, ARRAY_LEN(natives)};

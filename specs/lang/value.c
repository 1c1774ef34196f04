// Making values: the arena is the only memory, its budget is checked by the evaluator's steps (charge_step), and before
// anything whose size the program chose (lang_reserve).
#include "specs/lang/value.h"
#include "specs/lang/eval.h"

Value *value_new(Lang *lang, ValueKind kind, const AstNode *origin) {
    Value *value = arena_alloc(lang->arena, sizeof *value);
    value->kind = (uint8_t)kind;
    value->thunk = 0;
    value->symbol = SYMBOL_NONE;
    value->origin = origin;
    value->string = STR_NULL;
    return value;
}

Value *value_bool(Lang *lang, bool b) {
    return b ? lang->true_value : lang->false_value;
}

Value *value_number(Lang *lang, Number number, const AstNode *origin) {
    Value *value = value_new(lang, VALUE_NUMBER, origin);
    value->number = number;
    return value;
}

Value *value_string(Lang *lang, Str s, const AstNode *origin) {
    Value *value = value_new(lang, VALUE_STRING, origin);
    value->string = s;
    return value;
}

Value *value_enum(Lang *lang, Symbol tag, Value *argument, const AstNode *origin) {
    Value *value = value_new(lang, VALUE_ENUM, origin);
    value->symbol = tag;
    value->argument = argument;
    value->tag = symbol_text(lang->symbols, tag).ptr;
    return value;
}

Value *value_array(Lang *lang, Value **items, size_t count, const AstNode *origin) {
    Value *value = value_new(lang, VALUE_ARRAY, origin);
    value->array.items = items;
    value->array.count = count;
    return value;
}

Value *value_record(Lang *lang, Record *record, const AstNode *origin) {
    Value *value = value_new(lang, VALUE_RECORD, origin);
    value->record = record;
    return value;
}

Value *value_thunk(Lang *lang, const AstNode *node, Frame *frame) {
    Value *value = value_new(lang, THUNK_EXPR, node);
    value->code.node = node;
    value->code.frame = frame;
    return value;
}

Value *value_apply(Lang *lang, Value *function, Value *arg) {
    Value *value = value_new(lang, THUNK_APPLY, NULL);
    value->apply.function = function;
    value->apply.arg = arg;
    return value;
}

Value *value_native(Lang *lang, const Native *native) {
    Value *value = value_new(lang, VALUE_NATIVE, NULL);
    value->native = native;
    return value;
}

Value *value_call(Lang *lang, const Native *native, Value *const *args) {
    size_t count = strlen(native->args);
    Call *call = arena_alloc(lang->arena, sizeof *call + count * sizeof(Value *));
    call->native = native;
    memcpy(call->args, args, count * sizeof(Value *));
    Value *value = value_new(lang, THUNK_NATIVE, NULL);
    value->call = call;
    return value;
}

Value *value_ok(Lang *lang, Value *value) {
    return value_enum(lang, lang->sym_Ok, value, value->origin);
}

Value *value_label(Lang *lang, Label *label) {
    Value *value = value_new(lang, VALUE_LABEL, NULL);
    value->label = label;
    return value;
}

Frame *frame_new(Lang *lang, Frame *parent, uint32_t slots) {
    Frame *frame = arena_alloc(lang->arena, sizeof *frame + slots * sizeof(Value *));
    frame->parent = parent;
    frame->record = NULL;
    frame->forward = NULL;
    memset(frame->slots, 0, slots * sizeof(Value *));
    return frame;
}

Record *record_new(Lang *lang, uint32_t count) {
    Record *record = ARENA_NEW(lang->arena, Record);
    record->fields = ARENA_ARRAY(lang->arena, Field, count ? count : 1);
    record->count = count;
    record->identity = record;
    return record;
}

Error *lang_reserve(Lang *lang, size_t count, size_t item_size, const AstNode *node) {
    size_t used = arena_used_bytes(lang->arena), size;
    if (!__builtin_mul_overflow(count, item_size, &size) && size <= lang->memory_budget &&
        used <= lang->memory_budget - size)
        return NULL;
    Error *error =
        error_new(ERROR_LIMIT, "evaluation needs more than its %zu MiB of memory", lang->memory_budget / (1024 * 1024));
    return error_at(error, node_span(lang, node));
}

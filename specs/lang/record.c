// Records: from literals to fields, and reading them. A field holds the value as written and the contracts that wait on
// it; `final` is the two together, made once. Siblings see each other through the slots of the record's frame, which
// hold the final values, so a merge can give the same expressions other siblings by giving them another frame.
//
// Invariant: fields are sorted by symbol, so a lookup is a search and a merge is one pass over both.
#include "specs/lang/eval.h"
#include "specs/lang/number.h"

#include <stdlib.h>

Field *record_find(const Record *record, Symbol name) {
    uint32_t low = 0, high = record->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (record->fields[middle].name < name)
            low = middle + 1;
        else
            high = middle;
    }
    return low < record->count && record->fields[low].name == name ? &record->fields[low] : NULL;
}

Field *record_visible(const Record *record, Symbol name) {
    Field *field = record_find(record, name);
    return field && !field_is_absent(field) ? field : NULL;
}

// ---- literals ----

static void set_pending(Lang *lang, Field *field, const AstField *definition, Frame *frame) {
    uint32_t count = definition->annotation_count;
    Pending *pending = ARENA_ARRAY(lang->arena, Pending, count);
    for (uint32_t i = 0; i < count; i++) {
        const AstNode *type = definition->annotations[i].type;
        pending[i].contract = contract_new(lang, type, frame);
        pending[i].contract->revertible = definition->revertible;
        pending[i].node = type;
    }
    field->pending = pending;
    field->pending_count = (uint16_t)count;
}

static void set_field(Lang *lang, Field *field, const AstField *definition, Frame *frame) {
    field->definition = definition;
    field->flags =
        (uint8_t)((definition->optional ? FIELD_OPTIONAL : 0) | (definition->not_exported ? FIELD_NOT_EXPORTED : 0));
    field->priority = definition->priority;
    if (definition->priority == AST_PRIORITY_NUMBER) {
        Number n = number_of(0);
        (void)number_parse(lang->arena, definition->priority_text, &n);
        field->priority_value = value_number(lang, n, NULL);
    }
    if (definition->annotation_count)
        set_pending(lang, field, definition, frame);
    if (!definition->value)
        return;
    field->raw = delay(lang, definition->value, frame);
    if (definition->revertible && !definition->include) {
        Recipe *recipe = ARENA_NEW(lang->arena, Recipe);
        recipe->node = definition->value;
        recipe->frame = frame;
        field->recipe = recipe;
    }
}

static Error *already_there(Lang *lang, Symbol name, const AstNode *site) {
    return eval_error(lang, site, "the record already has a field `%.*s`", STR_ARG(name_text(lang, name)));
}

static int compare_fields(const void *a, const void *b) {
    Symbol left = ((const Field *)a)->name, right = ((const Field *)b)->name;
    return left < right ? -1 : left > right;
}

// Dynamic names are computed when all static fields are in place, then all become fields at once.
static Error *add_dynamic(Lang *lang, Record *record, const AstRecord *literal, Frame *frame) {
    uint32_t first = literal->static_count, total = literal->count;
    Symbol *names = ARENA_ARRAY(lang->arena, Symbol, total - first);
    for (uint32_t i = first; i < total; i++) {
        const AstField *definition = &literal->fields[i];
        Value *name = NULL;
        TRY(eval(lang, definition->dynamic_name, frame, &name));
        if (name->kind != VALUE_STRING)
            return eval_error(lang, definition->dynamic_name, "the name of a field must be a String, this is %s",
                              value_kind_name(name));
        names[i - first] = symbol_intern(lang->symbols, name->string);
    }
    for (uint32_t i = first; i < total; i++) {
        record->fields[i].name = names[i - first];
        set_field(lang, &record->fields[i], &literal->fields[i], frame);
    }
    record->count = total;
    record_sort(record);
    for (uint32_t i = 1; i < total; i++)
        if (record->fields[i].name == record->fields[i - 1].name) {
            const AstField *a = record->fields[i].definition, *b = record->fields[i - 1].definition;
            return already_there(lang, record->fields[i].name, (a > b ? a : b)->dynamic_name);
        }
    return NULL;
}

static void fill_slots(Lang *lang, Record *record, const AstRecord *literal, Frame *frame) {
    for (uint32_t i = 0; i < literal->static_count; i++)
        if (literal->fields[i].slot != AST_NO_SLOT) {
            Field *field = record_find(record, literal->fields[i].name);
            frame->slots[literal->fields[i].slot] = field_value(lang, record, field);
        }
}

enum { RECORD_LARGE = 64 }; // more fields are checked against the budget before they are made

Error *eval_record(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    const AstRecord *literal = node->record;
    if (literal->count > RECORD_LARGE)
        TRY(lang_reserve(lang, literal->count, sizeof(Field) + sizeof(Value), node));
    Record *record = record_new(lang, literal->count);
    record->literal = node;
    record->open = literal->open;
    if (literal->has_frame) {
        frame = frame_new(lang, frame, literal->frame_size);
        frame->record = literal;
        record->frames = ARENA_ARRAY(lang->arena, Frame *, 1);
        record->frames[0] = frame;
        record->frame_count = 1;
    }
    record->count = literal->static_count;
    for (uint32_t i = 0; i < literal->static_count; i++) {
        record->fields[i].name = literal->fields[i].name;
        set_field(lang, &record->fields[i], &literal->fields[i], frame);
    }
    if (literal->has_frame)
        fill_slots(lang, record, literal, frame);
    if (literal->count > literal->static_count)
        TRY(add_dynamic(lang, record, literal, frame));
    *out = value_record(lang, record, node);
    return NULL;
}

// ---- reading ----

Value *field_value(Lang *lang, Record *record, Field *field) {
    if (field->final)
        return field->final;
    bool plain = field->raw != NULL;
    for (uint32_t i = 0; plain && i < field->pending_count; i++)
        plain = contract_is_kept(field->pending[i].contract, field->raw);
    if (plain)
        return field->final = field->raw;
    Value *thunk = value_new(lang, THUNK_FIELD, field->raw ? field->raw->origin : record->literal);
    thunk->field_of = record;
    thunk->symbol = field->name;
    return field->final = thunk;
}

static Error *missing_definition(Lang *lang, const Record *record, const Field *field, const AstNode *site) {
    AUTO_BUF Buf name;
    buf_init(&name, 4096);
    add_field_name(name_text(lang, field->name), &name);
    Error *error = eval_error(lang, site ? site : record->literal, "missing definition for `%s`", buf_cstr(&name));
    for (uint32_t i = 0; i < field->pending_count; i++)
        if (field->pending[i].node) {
            Str place = place_text(lang, field->pending[i].node);
            return error_hint(error, "%.*s requires the field `%s`", STR_ARG(place), buf_cstr(&name));
        }
    return error;
}

static Label *pending_label(Lang *lang, const Pending *pending, const Field *field, Value *value) {
    Label *label = label_step(lang, pending->parent, STEP_FIELD, field->name);
    label->written = field->definition ? field->definition->value : NULL;
    label->contract = pending->node;
    label->value = value;
    return label;
}

Error *force_field(Lang *lang, Record *record, Symbol name, Value **out) {
    const Field *field = record_find(record, name);
    if (!field->raw)
        return missing_definition(lang, record, field, NULL);
    Value *value = field->raw;
    for (uint32_t i = 0; i < field->pending_count; i++) {
        const Pending *pending = &field->pending[i];
        if (contract_is_kept(pending->contract, value))
            continue;
        TRY(contract_apply(lang, pending->contract, pending_label(lang, pending, field, value), value, &value));
    }
    *out = value;
    return force(lang, value);
}

Error *missing_field(Lang *lang, const Record *record, Symbol name, const AstNode *site) {
    Str *names = ARENA_ARRAY(lang->arena, Str, record->count + 1);
    for (uint32_t i = 0; i < record->count; i++)
        names[i] = name_text(lang, record->fields[i].name);
    Str nearest = str_nearest(name_text(lang, name), names, record->count);
    Error *error = eval_error(lang, site, "missing field `%.*s`", STR_ARG(name_text(lang, name)));
    if (nearest.ptr)
        return error_hint(error, "did you mean `%.*s`?", STR_ARG(nearest));
    return error;
}

Error *tail_access(Lang *lang, const Record *record, const char *action, const AstNode *site) {
    Error *error = eval_error(lang, site, "a polymorphic function cannot %s fields that its type hides", action);
    if (record->tail->label && record->tail->label->contract) {
        Str place = place_text(lang, record->tail->label->contract);
        error = error_hint(error, "they are hidden by the type at %.*s", STR_ARG(place));
    }
    return error;
}

Error *record_get(Lang *lang, const Value *value, Symbol name, const AstNode *site, Value **out) {
    if (value->kind == VALUE_SEALED)
        return sealed_error(lang, value, site);
    if (value->kind != VALUE_RECORD) {
        const AstNode *at = site && site->kind == AST_GET           ? site->child
                            : site && site->kind == AST_GET_DYNAMIC ? site->pair.left
                                                                    : site;
        return eval_error(lang, at, "cannot read the field `%.*s`: this is %s, not a record",
                          STR_ARG(name_text(lang, name)), value_kind_name(value));
    }
    Record *record = value->record;
    Field *field = record_find(record, name);
    if (!field || field_is_absent(field)) {
        if (record->tail && record_find(record->tail->hidden, name))
            return tail_access(lang, record, "read", site);
        return missing_field(lang, record, name, site);
    }
    if (!field->raw)
        return missing_definition(lang, record, field, site);
    *out = field_value(lang, record, field);
    return force(lang, *out);
}

// ---- making other records ----

void record_sort(Record *record) {
    Field *fields = record->fields;
    uint32_t count = record->count, sorted = 1;
    while (sorted < count && fields[sorted - 1].name < fields[sorted].name)
        sorted++;
    if (sorted >= count)
        return;
    if (sorted + 1 < count) {
        qsort(fields, count, sizeof *fields, compare_fields);
        return;
    }
    Field last = fields[sorted]; // the usual case: one field was added
    for (; sorted > 0 && fields[sorted - 1].name > last.name; sorted--)
        fields[sorted] = fields[sorted - 1];
    fields[sorted] = last;
}

void record_add(Record *record, Symbol name, Value *value) {
    Field *field = &record->fields[record->count++];
    *field = (Field){.name = name, .raw = value, .final = value, .priority = AST_PRIORITY_NORMAL};
}

Record *record_freeze(Lang *lang, Record *record, uint32_t extra) {
    Record *copy = record_new(lang, record->count + extra);
    copy->count = record->count;
    copy->open = record->open;
    copy->frozen = true;
    copy->tail = record->tail;
    copy->literal = record->literal;
    for (uint32_t i = 0; i < record->count; i++) {
        Field *field = &copy->fields[i];
        *field = record->fields[i];
        field->recipe = NULL;
        if (!field->raw)
            continue;
        // The source's own field remembers its final value, so the copy shares the evaluation.
        field->raw = field->final = field_value(lang, record, &record->fields[i]);
        field->pending = NULL;
        field->pending_count = 0;
    }
    return copy;
}

typedef struct NamedField {
    Str name;
    Field *field;
} NamedField;

static int compare_named(const void *a, const void *b) {
    return str_compare(((const NamedField *)a)->name, ((const NamedField *)b)->name);
}

Field **record_sorted(Lang *lang, const Record *record, bool with_absent, uint32_t *count_out) {
    NamedField *named = ARENA_ARRAY(lang->arena, NamedField, record->count + 1);
    uint32_t count = 0;
    for (uint32_t i = 0; i < record->count; i++)
        if (with_absent || !field_is_absent(&record->fields[i]))
            named[count++] = (NamedField){name_text(lang, record->fields[i].name), &record->fields[i]};
    qsort(named, count, sizeof *named, compare_named);
    Field **fields = ARENA_ARRAY(lang->arena, Field *, count + 1);
    for (uint32_t i = 0; i < count; i++)
        fields[i] = named[i].field;
    *count_out = count;
    return fields;
}

Value *record_make(Lang *lang, const Symbol *names, Value *const *values, uint32_t count, const AstNode *origin) {
    Record *record = record_new(lang, count);
    record->count = 0;
    for (uint32_t i = 0; i < count; i++)
        record_add(record, names[i], values[i]);
    record_sort(record);
    return value_record(lang, record, origin);
}

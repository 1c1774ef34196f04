// std.record. What changes a record freezes it first: contracts are applied (later), fields no longer follow each
// other.
#include "specs/lang/builtins.h"

static Symbol field_symbol(Lang *lang, const Value *name) {
    return symbol_intern(lang->symbols, name->string);
}

static Error *no_tail(Lang *lang, const Record *record, const char *action) {
    return record->tail ? tail_access(lang, record, action, lang->site) : NULL;
}

static Error *names_of(Lang *lang, const Value *record, bool with_absent, Value **out) {
    TRY(no_tail(lang, record->record, "list"));
    uint32_t count = 0;
    Field **fields = record_sorted(lang, record->record, with_absent, &count);
    Value **items = NULL;
    TRY(new_items(lang, count, &items));
    for (uint32_t i = 0; i < count; i++)
        items[i] = value_text(lang, name_text(lang, fields[i]->name));
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *record_fields(Lang *lang, Value **args, Value **out) {
    return names_of(lang, args[0], false, out);
}

static Error *record_fields_with_opts(Lang *lang, Value **args, Value **out) {
    return names_of(lang, args[0], true, out);
}

static Error *record_values(Lang *lang, Value **args, Value **out) {
    TRY(no_tail(lang, args[0]->record, "list"));
    uint32_t count = 0;
    Field **fields = record_sorted(lang, args[0]->record, false, &count);
    Value **items = NULL;
    TRY(new_items(lang, count, &items));
    for (uint32_t i = 0; i < count; i++)
        items[i] = field_value(lang, args[0]->record, fields[i]);
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *record_has_field(Lang *lang, Value **args, Value **out) {
    Symbol name = field_symbol(lang, args[0]);
    const Record *record = args[1]->record;
    if (record->tail && record_find(record->tail->hidden, name))
        return tail_access(lang, record, "look for", lang->site);
    *out = value_bool(lang, record_visible(record, name) != NULL);
    return NULL;
}

static Error *record_has_field_with_opts(Lang *lang, Value **args, Value **out) {
    *out = value_bool(lang, record_find(args[1]->record, field_symbol(lang, args[0])) != NULL);
    return NULL;
}

static Error *record_get_native(Lang *lang, Value **args, Value **out) {
    Symbol name = field_symbol(lang, args[0]);
    if (!record_visible(args[1]->record, name))
        return caller_error(lang, "missing field `%.*s`", STR_ARG(args[0]->string));
    return record_get(lang, args[1], name, lang->site, out);
}

static Error *record_get_or(Lang *lang, Value **args, Value **out) {
    const Field *field = record_visible(args[2]->record, field_symbol(lang, args[0]));
    *out = args[1];
    return field && field->raw ? record_get(lang, args[2], field->name, lang->site, out) : NULL;
}

static Error *insert(Lang *lang, Value *source, Symbol name, Value *value, bool with_absent, Value **out) {
    if (source->record->tail && record_find(source->record->tail->hidden, name))
        return tail_access(lang, source->record, "insert", lang->site);
    Record *record = record_freeze(lang, source->record, 1);
    Field *field = record_find(record, name);
    if (field && (with_absent || !field_is_absent(field)))
        return eval_error(lang, lang->site, "cannot insert the field `%.*s`: the record already has it",
                          STR_ARG(name_text(lang, name)));
    if (field) {
        field->raw = field->final = value;
        field->flags = 0;
        field->pending_count = 0;
    } else {
        record_add(record, name, value);
        record_sort(record);
    }
    *out = value_record(lang, record, source->origin);
    return NULL;
}

static Error *record_insert(Lang *lang, Value **args, Value **out) {
    return insert(lang, args[2], field_symbol(lang, args[0]), args[1], false, out);
}

static Error *record_insert_with_opts(Lang *lang, Value **args, Value **out) {
    return insert(lang, args[2], field_symbol(lang, args[0]), args[1], true, out);
}

static Error *remove_field(Lang *lang, Value *source, Symbol name, bool with_absent, Value **out) {
    if (source->record->tail && record_find(source->record->tail->hidden, name))
        return tail_access(lang, source->record, "remove", lang->site);
    Record *record = record_freeze(lang, source->record, 0);
    Field *field = record_find(record, name);
    if (!field || (!with_absent && field_is_absent(field)))
        return missing_field(lang, record, name, lang->site);
    size_t behind = (size_t)(record->fields + record->count - (field + 1));
    memmove(field, field + 1, behind * sizeof *field);
    record->count--;
    *out = value_record(lang, record, source->origin);
    return NULL;
}

static Error *record_remove(Lang *lang, Value **args, Value **out) {
    return remove_field(lang, args[1], field_symbol(lang, args[0]), false, out);
}

static Error *record_remove_with_opts(Lang *lang, Value **args, Value **out) {
    return remove_field(lang, args[1], field_symbol(lang, args[0]), true, out);
}

static Error *record_update(Lang *lang, Value **args, Value **out) {
    TRY(no_tail(lang, args[2]->record, "update"));
    Record *record = record_freeze(lang, args[2]->record, 1);
    Symbol name = field_symbol(lang, args[0]);
    Field *field = record_find(record, name);
    if (field) {
        field->raw = field->final = args[1];
        field->pending_count = 0;
        field->flags &= (uint8_t)~FIELD_OPTIONAL;
    } else {
        record_add(record, name, args[1]);
        record_sort(record);
    }
    *out = value_record(lang, record, args[2]->origin);
    return NULL;
}

// f name value, or f value.
static Error *map_fields(Lang *lang, Value *function, Value *source, bool with_name, Value **out) {
    TRY(no_tail(lang, source->record, "map"));
    Record *record = record_freeze(lang, source->record, 0);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        Field *field = &record->fields[i];
        if (field_is_absent(field))
            continue;
        if (field->raw) {
            Value *f = function;
            if (with_name)
                f = value_apply(lang, function, value_text(lang, name_text(lang, field->name)));
            field->raw = field->final = value_apply(lang, f, field->raw);
        }
        record->fields[kept++] = *field;
    }
    record->count = kept;
    *out = value_record(lang, record, source->origin);
    return NULL;
}

static Error *record_map(Lang *lang, Value **args, Value **out) {
    return map_fields(lang, args[0], args[1], true, out);
}

static Error *record_map_values(Lang *lang, Value **args, Value **out) {
    return map_fields(lang, args[0], args[1], false, out);
}

static Error *record_to_array(Lang *lang, Value **args, Value **out) {
    TRY(no_tail(lang, args[0]->record, "list"));
    uint32_t count = 0;
    Field **fields = record_sorted(lang, args[0]->record, false, &count);
    Value **items = NULL;
    TRY(new_items(lang, count, &items));
    Symbol names[] = {lang->sym_field, lang->sym_value};
    for (uint32_t i = 0; i < count; i++) {
        Value *values[] = {value_text(lang, name_text(lang, fields[i]->name)),
                           field_value(lang, args[0]->record, fields[i])};
        items[i] = record_make(lang, names, values, 2, NULL);
    }
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *record_from_array(Lang *lang, Value **args, Value **out) {
    size_t count = args[0]->array.count;
    TRY(lang_reserve(lang, count, sizeof(Field), lang->site));
    Record *record = record_new(lang, (uint32_t)count);
    record->count = 0;
    for (size_t i = 0; i < count; i++) {
        Value *item = args[0]->array.items[i], *name = NULL;
        TRY(force(lang, item));
        TRY(record_get(lang, item, lang->sym_field, lang->site, &name));
        if (name->kind != VALUE_STRING)
            return caller_error(lang, "`field` of element %zu must be a String", i);
        Field *field = record_find(item->record, lang->sym_value);
        if (!field || !field->raw)
            return caller_error(lang, "element %zu has no `value`", i);
        record_add(record, field_symbol(lang, name), field_value(lang, item->record, field));
    }
    record_sort(record);
    for (uint32_t i = 1; i < record->count; i++)
        if (record->fields[i - 1].name == record->fields[i].name)
            return eval_error(lang, lang->site, "cannot insert the field `%.*s`: the record already has it",
                              STR_ARG(name_text(lang, record->fields[i].name)));
    *out = value_record(lang, record, NULL);
    return NULL;
}

static Error *record_is_empty(Lang *lang, Value **args, Value **out) {
    uint32_t count = 0;
    TRY(no_tail(lang, args[0]->record, "count"));
    (void)record_sorted(lang, args[0]->record, false, &count);
    *out = value_bool(lang, count == 0);
    return NULL;
}

static Error *record_length(Lang *lang, Value **args, Value **out) {
    uint32_t count = 0;
    TRY(no_tail(lang, args[0]->record, "count"));
    (void)record_sorted(lang, args[0]->record, false, &count);
    *out = value_int(lang, count);
    return NULL;
}

static Error *record_merge_all(Lang *lang, Value **args, Value **out) {
    Value *all = record_make(lang, NULL, NULL, 0, NULL);
    Failure none = {0};
    for (size_t i = 0; i < args[0]->array.count; i++) {
        TRY(force(lang, args[0]->array.items[i]));
        TRY(merge_values(lang, all, args[0]->array.items[i], NULL, &none, lang->site, &all));
    }
    *out = all;
    return NULL;
}

static Error *record_filter(Lang *lang, Value **args, Value **out) {
    TRY(no_tail(lang, args[1]->record, "filter"));
    Record *record = record_freeze(lang, args[1]->record, 0);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < record->count; i++) {
        Field *field = &record->fields[i];
        if (field_is_absent(field))
            continue;
        Value *keep = NULL;
        Value *value =
            field->raw ? field->raw : field_value(lang, args[1]->record, record_find(args[1]->record, field->name));
        TRY(call2(lang, args[0], value_text(lang, name_text(lang, field->name)), value, &keep));
        if (keep->kind != VALUE_BOOL)
            return caller_error(lang, "the function must return a Bool, not %s", value_kind_name(keep));
        if (keep->boolean)
            record->fields[kept++] = *field;
    }
    record->count = kept;
    *out = value_record(lang, record, args[1]->origin);
    return NULL;
}

static Error *record_apply_on(Lang *lang, Value **args, Value **out) {
    Value *value = NULL;
    Symbol name = field_symbol(lang, args[0]);
    TRY(record_get(lang, args[2], name, lang->site, &value));
    Record *record = record_freeze(lang, args[2]->record, 0);
    Field *field = record_find(record, name);
    field->raw = field->final = value_apply(lang, args[1], value);
    *out = value_record(lang, record, NULL);
    return NULL;
}

static Error *record_freeze_native(Lang *lang, Value **args, Value **out) {
    *out = value_record(lang, record_freeze(lang, args[0]->record, 0), args[0]->origin);
    return NULL;
}

static const Native natives[] = {
    {"std.record.map", "fr", record_map},
    {"std.record.map_values", "fr", record_map_values},
    {"std.record.fields", "r", record_fields},
    {"std.record.fields_with_opts", "r", record_fields_with_opts},
    {"std.record.values", "r", record_values},
    {"std.record.has_field", "sr", record_has_field},
    {"std.record.has_field_with_opts", "sr", record_has_field_with_opts},
    {"std.record.get", "sr", record_get_native},
    {"std.record.get_or", "s.r", record_get_or},
    {"std.record.insert", "s.r", record_insert},
    {"std.record.insert_with_opts", "s.r", record_insert_with_opts},
    {"std.record.remove", "sr", record_remove},
    {"std.record.remove_with_opts", "sr", record_remove_with_opts},
    {"std.record.update", "s.r", record_update},
    {"std.record.to_array", "r", record_to_array},
    {"std.record.from_array", "a", record_from_array},
    {"std.record.is_empty", "r", record_is_empty},
    {"std.record.merge_all", "a", record_merge_all},
    {"std.record.filter", "fr", record_filter},
    {"std.record.apply_on", "sfr", record_apply_on},
    {"std.record.length", "r", record_length},
    {"std.record.freeze", "r", record_freeze_native},
};
const NativeTable record_natives = {natives, ARRAY_LEN(natives)};

// std.array: making, taking apart, mapping and folding. Elements stay lazy wherever the result does not need them.
#include "specs/lang/builtins.h"

static Error *not_empty(Lang *lang, const Value *array) {
    return array->array.count ? NULL : caller_error(lang, "the array must not be empty");
}

static Error *array_first(Lang *lang, Value **args, Value **out) {
    TRY(not_empty(lang, args[0]));
    *out = args[0]->array.items[0];
    return NULL;
}

static Error *array_last(Lang *lang, Value **args, Value **out) {
    TRY(not_empty(lang, args[0]));
    *out = args[0]->array.items[args[0]->array.count - 1];
    return NULL;
}

static Error *array_drop_first(Lang *lang, Value **args, Value **out) {
    TRY(not_empty(lang, args[0]));
    *out = value_array(lang, args[0]->array.items + 1, args[0]->array.count - 1, NULL);
    return NULL;
}

static Error *array_drop_last(Lang *lang, Value **args, Value **out) {
    TRY(not_empty(lang, args[0]));
    *out = value_array(lang, args[0]->array.items, args[0]->array.count - 1, NULL);
    return NULL;
}

static Error *array_length(Lang *lang, Value **args, Value **out) {
    *out = value_int(lang, (int64_t)args[0]->array.count);
    return NULL;
}

static Error *array_map(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count;
    Value **items = NULL;
    TRY(lang_reserve(lang, count, sizeof(Value) + sizeof(Value *), lang->site));
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++)
        items[i] = value_apply(lang, args[0], args[1]->array.items[i]);
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *array_map_with_index(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count;
    Value **items = NULL;
    TRY(lang_reserve(lang, count, 3 * sizeof(Value) + sizeof(Value *), lang->site));
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++)
        items[i] = value_apply(lang, value_apply(lang, args[0], value_int(lang, (int64_t)i)), args[1]->array.items[i]);
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *array_at(Lang *lang, Value **args, Value **out) {
    size_t index = 0, count = args[1]->array.count;
    if (count == 0)
        return caller_error(lang, "invalid array indexing: the array is empty");
    Error *error = native_index(lang, args[0], count - 1, "the index", &index);
    if (error)
        return error_hint(error, "invalid array indexing: the array's length is %zu", count);
    *out = args[1]->array.items[index];
    return NULL;
}

static Error *array_at_or(Lang *lang, Value **args, Value **out) {
    size_t index = 0;
    TRY(native_index(lang, args[0], SIZE_MAX >> 1, "the index", &index));
    *out = index < args[2]->array.count ? args[2]->array.items[index] : args[1];
    return NULL;
}

static Error *array_concat(Lang *lang, Value **args, Value **out) {
    size_t left = args[0]->array.count, right = args[1]->array.count;
    Value **items = NULL;
    TRY(new_items(lang, left + right, &items));
    if (left)
        memcpy(items, args[0]->array.items, left * sizeof *items);
    if (right)
        memcpy(items + left, args[1]->array.items, right * sizeof *items);
    *out = value_array(lang, items, left + right, NULL);
    return NULL;
}

static Error *array_fold_left(Lang *lang, Value **args, Value **out) {
    Value *acc = args[1];
    TRY(force(lang, acc));
    for (size_t i = 0; i < args[2]->array.count; i++)
        TRY(call2(lang, args[0], acc, args[2]->array.items[i], &acc));
    *out = acc;
    return NULL;
}

static Error *array_try_fold_left(Lang *lang, Value **args, Value **out) {
    Value *acc = args[1];
    for (size_t i = 0; i < args[2]->array.count; i++) {
        Value *result = NULL;
        TRY(call2(lang, args[0], acc, args[2]->array.items[i], &result));
        if (result->kind != VALUE_ENUM || !result->argument ||
            (result->symbol != lang->sym_Ok && result->symbol != lang->sym_Error))
            return caller_error(lang, "the function must return 'Ok or 'Error with an argument, not %s",
                                value_kind_name(result));
        if (result->symbol == lang->sym_Error) {
            *out = result;
            return NULL;
        }
        acc = result->argument;
        TRY(force(lang, acc));
    }
    *out = value_ok(lang, acc);
    return NULL;
}

static Error *array_fold_right(Lang *lang, Value **args, Value **out);
static const Native fold_right_native = {"std.array.fold_right", "..a", array_fold_right};

// f x (the fold of the rest, later)
static Error *array_fold_right(Lang *lang, Value **args, Value **out) {
    const Value *array = args[2];
    if (array->array.count == 0) {
        *out = args[1];
        return NULL;
    }
    Value *rest[] = {args[0], args[1], value_array(lang, array->array.items + 1, array->array.count - 1, NULL)};
    return call2(lang, args[0], array->array.items[0], value_call(lang, &fold_right_native, rest), out);
}

static Error *array_reduce_left(Lang *lang, Value **args, Value **out) {
    TRY(not_empty(lang, args[1]));
    Value *rest[] = {args[0], args[1]->array.items[0],
                     value_array(lang, args[1]->array.items + 1, args[1]->array.count - 1, NULL)};
    return array_fold_left(lang, rest, out);
}

static Error *array_reduce_right(Lang *lang, Value **args, Value **out) {
    TRY(not_empty(lang, args[1]));
    size_t last = args[1]->array.count - 1;
    Value *rest[] = {args[0], args[1]->array.items[last], value_array(lang, args[1]->array.items, last, NULL)};
    return array_fold_right(lang, rest, out);
}

static Error *array_prepend(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count;
    Value **items = NULL;
    TRY(new_items(lang, count + 1, &items));
    items[0] = args[0];
    if (count)
        memcpy(items + 1, args[1]->array.items, count * sizeof *items);
    *out = value_array(lang, items, count + 1, NULL);
    return NULL;
}

static Error *array_append(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count;
    Value **items = NULL;
    TRY(new_items(lang, count + 1, &items));
    if (count)
        memcpy(items, args[1]->array.items, count * sizeof *items);
    items[count] = args[0];
    *out = value_array(lang, items, count + 1, NULL);
    return NULL;
}

static Error *array_reverse(Lang *lang, Value **args, Value **out) {
    size_t count = args[0]->array.count;
    Value **items = NULL;
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++)
        items[i] = args[0]->array.items[count - 1 - i];
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *split_by(Lang *lang, Value *function, const Value *array, Value **yes_out, Value **no_out) {
    size_t count = array->array.count, yes = 0, no = 0;
    Value **kept = NULL, **left = NULL;
    TRY(new_items(lang, count, &kept));
    TRY(new_items(lang, count, &left));
    for (size_t i = 0; i < count; i++) {
        bool keep = false;
        TRY(call_bool(lang, function, array->array.items[i], &keep));
        if (keep)
            kept[yes++] = array->array.items[i];
        else
            left[no++] = array->array.items[i];
    }
    *yes_out = value_array(lang, kept, yes, NULL);
    *no_out = value_array(lang, left, no, NULL);
    return NULL;
}

static Error *array_filter(Lang *lang, Value **args, Value **out) {
    Value *rest = NULL;
    return split_by(lang, args[0], args[1], out, &rest);
}

static Error *array_partition(Lang *lang, Value **args, Value **out) {
    Symbol names[] = {lang->sym_right, lang->sym_wrong};
    Value *values[] = {NULL, NULL};
    TRY(split_by(lang, args[0], args[1], &values[0], &values[1]));
    *out = record_make(lang, names, values, 2, NULL);
    return NULL;
}

static Error *concat_all(Lang *lang, Value *const *arrays, size_t count, Value **out) {
    size_t total = 0, at = 0;
    for (size_t i = 0; i < count; i++) {
        TRY(force(lang, arrays[i]));
        if (arrays[i]->kind != VALUE_ARRAY)
            return caller_error(lang, "element %zu must be an Array, this is %s", i, value_kind_name(arrays[i]));
        total += arrays[i]->array.count;
    }
    Value **items = NULL;
    TRY(new_items(lang, total, &items));
    for (size_t i = 0; i < count; i++) {
        if (arrays[i]->array.count)
            memcpy(items + at, arrays[i]->array.items, arrays[i]->array.count * sizeof *items);
        at += arrays[i]->array.count;
    }
    *out = value_array(lang, items, total, NULL);
    return NULL;
}

static Error *array_flatten(Lang *lang, Value **args, Value **out) {
    return concat_all(lang, args[0]->array.items, args[0]->array.count, out);
}

static Error *array_flat_map(Lang *lang, Value **args, Value **out) {
    Value *mapped = NULL;
    TRY(array_map(lang, args, &mapped));
    return concat_all(lang, mapped->array.items, mapped->array.count, out);
}

static Error *quantify(Lang *lang, Value **args, bool stop_at, Value **out) {
    *out = value_bool(lang, !stop_at);
    for (size_t i = 0; i < args[1]->array.count; i++) {
        bool holds = false;
        TRY(call_bool(lang, args[0], args[1]->array.items[i], &holds));
        if (holds != stop_at)
            continue;
        *out = value_bool(lang, stop_at);
        break;
    }
    return NULL;
}

static Error *array_all(Lang *lang, Value **args, Value **out) {
    return quantify(lang, args, false, out);
}

static Error *array_any(Lang *lang, Value **args, Value **out) {
    return quantify(lang, args, true, out);
}

static Error *array_elem(Lang *lang, Value **args, Value **out) {
    bool equal = false;
    for (size_t i = 0; i < args[1]->array.count && !equal; i++)
        TRY(values_equal(lang, args[0], args[1]->array.items[i], &equal));
    *out = value_bool(lang, equal);
    return NULL;
}

static Error *array_generate(Lang *lang, Value **args, Value **out) {
    size_t count = 0;
    Value **items = NULL;
    TRY(native_index(lang, args[1], SIZE_MAX >> 1, "the length", &count));
    TRY(lang_reserve(lang, count, 2 * sizeof(Value) + sizeof(Value *), lang->site));
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++)
        items[i] = value_apply(lang, args[0], value_int(lang, (int64_t)i));
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *array_replicate(Lang *lang, Value **args, Value **out) {
    size_t count = 0;
    Value **items = NULL;
    TRY(native_index(lang, args[0], SIZE_MAX >> 1, "the length", &count));
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++)
        items[i] = args[1];
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *array_slice(Lang *lang, Value **args, Value **out) {
    size_t start = 0, end = 0;
    TRY(native_index(lang, args[1], args[2]->array.count, "the end of the slice", &end));
    TRY(native_index(lang, args[0], end, "the start of the slice", &start));
    *out = value_array(lang, args[2]->array.items + start, end - start, NULL);
    return NULL;
}

static Error *array_split_at(Lang *lang, Value **args, Value **out) {
    size_t at = 0, count = args[1]->array.count;
    TRY(native_index(lang, args[0], count, "the index", &at));
    Symbol names[] = {lang->sym_left, lang->sym_right};
    Value *values[] = {value_array(lang, args[1]->array.items, at, NULL),
                       value_array(lang, args[1]->array.items + at, count - at, NULL)};
    *out = record_make(lang, names, values, 2, NULL);
    return NULL;
}

static Error *make_range(Lang *lang, Number start, Number end, Number step, Value **out) {
    Number span, steps;
    if (number_compare(start, end) > 0)
        return caller_error(lang, "the end of a range must not be below its start");
    if (number_sign(step) <= 0)
        return caller_error(lang, "the step of a range must be positive");
    if (!number_sub(lang->arena, end, start, &span) || !number_div(lang->arena, span, step, &steps) || !number_is_small(steps))
        return caller_error(lang, "the range is too large");
    size_t count = (size_t)(steps.num / steps.den) + (steps.num % steps.den != 0);
    Value **items = NULL;
    TRY(lang_reserve(lang, count, sizeof(Value) + sizeof(Value *), lang->site));
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++) {
        items[i] = value_number(lang, start, NULL);
        if (i + 1 < count && !number_add(lang->arena, start, step, &start))
            return caller_error(lang, "the range is too large");
    }
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *array_range(Lang *lang, Value **args, Value **out) {
    return make_range(lang, args[0]->number, args[1]->number, number_of(1), out);
}

static Error *array_range_step(Lang *lang, Value **args, Value **out) {
    return make_range(lang, args[0]->number, args[1]->number, args[2]->number, out);
}

static const Native natives[] = {
    {"std.array.first", "a", array_first},
    {"std.array.last", "a", array_last},
    {"std.array.drop_first", "a", array_drop_first},
    {"std.array.drop_last", "a", array_drop_last},
    {"std.array.length", "a", array_length},
    {"std.array.map", "fa", array_map},
    {"std.array.map_with_index", "fa", array_map_with_index},
    {"std.array.at", "na", array_at},
    {"std.array.at_or", "n.a", array_at_or},
    {"std.array.concat", "aa", array_concat},
    {"std.array.fold_left", "f.a", array_fold_left},
    {"std.array.try_fold_left", "f.a", array_try_fold_left},
    {"std.array.fold_right", "f.a", array_fold_right},
    {"std.array.reduce_left", "fa", array_reduce_left},
    {"std.array.reduce_right", "fa", array_reduce_right},
    {"std.array.prepend", ".a", array_prepend},
    {"std.array.append", ".a", array_append},
    {"std.array.reverse", "a", array_reverse},
    {"std.array.filter", "fa", array_filter},
    {"std.array.partition", "fa", array_partition},
    {"std.array.flatten", "a", array_flatten},
    {"std.array.flat_map", "fa", array_flat_map},
    {"std.array.all", "fa", array_all},
    {"std.array.any", "fa", array_any},
    {"std.array.elem", ".a", array_elem},
    {"std.array.generate", "fn", array_generate},
    {"std.array.replicate", "n.", array_replicate},
    {"std.array.slice", "nna", array_slice},
    {"std.array.split_at", "na", array_split_at},
    {"std.array.range", "nn", array_range},
    {"std.array.range_step", "nnn", array_range_step},
};
const NativeTable array_natives = {natives, ARRAY_LEN(natives)};

// The rest of std.array: sorting, grouping, and what compares elements.
#include "specs/lang/builtins.h"

#include <stdlib.h>

typedef struct Sort {
    Lang *lang;
    Value *function;
    Value **items, **scratch;
} Sort;

// Stable merge sort, from the bottom up: no recursion, and the number of calls is bounded.
static Error *sort_items(Sort *s, size_t count) {
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t from = 0; from < count; from += 2 * width) {
            size_t middle = from + width < count ? from + width : count;
            size_t end = from + 2 * width < count ? from + 2 * width : count;
            size_t a = from, b = middle;
            for (size_t at = from; at < end; at++) {
                int order = -1;
                if (a < middle && b < end)
                    TRY(call_order(s->lang, s->function, s->items[a], s->items[b], &order));
                bool left = a < middle && (b == end || order <= 0);
                s->scratch[at] = left ? s->items[a++] : s->items[b++];
            }
        }
        Value **swap = s->items;
        s->items = s->scratch;
        s->scratch = swap;
    }
    return NULL;
}

static Error *array_sort(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count;
    Sort sort = {.lang = lang, .function = args[0]};
    TRY(new_items(lang, count, &sort.items));
    TRY(new_items(lang, count, &sort.scratch));
    if (count)
        memcpy(sort.items, args[1]->array.items, count * sizeof(Value *));
    TRY(sort_items(&sort, count));
    *out = value_array(lang, sort.items, count, NULL);
    return NULL;
}

static Error *array_dedup_sorted(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count, kept = 0;
    Value **items = NULL;
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++) {
        int order = 1;
        if (kept)
            TRY(call_order(lang, args[0], items[kept - 1], args[1]->array.items[i], &order));
        if (order != 0)
            items[kept++] = args[1]->array.items[i];
    }
    *out = value_array(lang, items, kept, NULL);
    return NULL;
}

static Error *array_sort_dedup(Lang *lang, Value **args, Value **out) {
    Value *sorted = NULL;
    TRY(array_sort(lang, args, &sorted));
    Value *again[] = {args[0], sorted};
    return array_dedup_sorted(lang, again, out);
}

static Error *array_dedup(Lang *lang, Value **args, Value **out) {
    size_t count = args[0]->array.count, kept = 0;
    Value **items = NULL;
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        for (size_t k = 0; k < kept && !known; k++)
            TRY(values_equal(lang, items[k], args[0]->array.items[i], &known));
        if (!known)
            items[kept++] = args[0]->array.items[i];
    }
    *out = value_array(lang, items, kept, NULL);
    return NULL;
}

static Error *array_compare(Lang *lang, Value **args, Value **out) {
    size_t left = args[1]->array.count, right = args[2]->array.count;
    int order = 0;
    for (size_t i = 0; i < left && i < right && order == 0; i++)
        TRY(call_order(lang, args[0], args[1]->array.items[i], args[2]->array.items[i], &order));
    if (order == 0)
        order = left < right ? -1 : left > right;
    *out = value_order(lang, order);
    return NULL;
}

static Error *array_intersperse(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count, total = count ? 2 * count - 1 : 0;
    Value **items = NULL;
    TRY(new_items(lang, total, &items));
    for (size_t i = 0; i < total; i++)
        items[i] = i % 2 ? args[0] : args[1]->array.items[i / 2];
    *out = value_array(lang, items, total, NULL);
    return NULL;
}

static Error *array_zip_with(Lang *lang, Value **args, Value **out) {
    size_t left = args[1]->array.count, right = args[2]->array.count, count = left < right ? left : right;
    Value **items = NULL;
    TRY(lang_reserve(lang, count, 2 * sizeof(Value) + sizeof(Value *), lang->site));
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++)
        items[i] = value_apply(lang, value_apply(lang, args[0], args[1]->array.items[i]), args[2]->array.items[i]);
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *array_filter_map(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count, kept = 0;
    Value **items = NULL;
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++) {
        Value *result = NULL;
        TRY(call1(lang, args[0], args[1]->array.items[i], &result));
        if (result->kind == VALUE_ENUM && result->symbol == lang->sym_Some && result->argument)
            items[kept++] = result->argument;
        else if (result->kind != VALUE_ENUM || result->symbol != lang->sym_None)
            return caller_error(lang, "the function must return 'Some value or 'None, not %s", value_kind_name(result));
    }
    *out = value_array(lang, items, kept, NULL);
    return NULL;
}

// Runs of neighbours whose keys are equal.
static Error *array_chunk(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count, chunks = 0, from = 0;
    Value **items = NULL, *previous = NULL;
    TRY(new_items(lang, count, &items));
    for (size_t i = 0; i < count; i++) {
        Value *key = NULL;
        bool same = true;
        TRY(call1(lang, args[0], args[1]->array.items[i], &key));
        if (previous)
            TRY(values_equal(lang, previous, key, &same));
        previous = key;
        if (same)
            continue;
        items[chunks++] = value_array(lang, args[1]->array.items + from, i - from, NULL);
        from = i;
    }
    if (count)
        items[chunks++] = value_array(lang, args[1]->array.items + from, count - from, NULL);
    *out = value_array(lang, items, chunks, NULL);
    return NULL;
}

typedef struct KeyedItem {
    Symbol key;
    size_t index;
} KeyedItem;

static int compare_keyed(const void *a, const void *b) {
    const KeyedItem *left = a, *right = b;
    if (left->key != right->key)
        return left->key < right->key ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

static Error *read_keys(Lang *lang, Value **args, KeyedItem *items) {
    for (size_t i = 0; i < args[1]->array.count; i++) {
        Value *key = NULL;
        TRY(call1(lang, args[0], args[1]->array.items[i], &key));
        if (key->kind != VALUE_STRING)
            return caller_error(lang, "the function must return a String, not %s", value_kind_name(key));
        items[i] = (KeyedItem){symbol_intern(lang->symbols, key->string), i};
    }
    return NULL;
}

static Error *array_group(Lang *lang, Value **args, Value **out) {
    size_t count = args[1]->array.count;
    Value **items = NULL;
    TRY(lang_reserve(lang, count, sizeof(KeyedItem) + sizeof(Field) + sizeof(Value *), lang->site));
    TRY(new_items(lang, count, &items));
    KeyedItem *keyed = ARENA_ARRAY(lang->arena, KeyedItem, count ? count : 1);
    TRY(read_keys(lang, args, keyed));
    qsort(keyed, count, sizeof *keyed, compare_keyed);
    Record *groups = record_new(lang, (uint32_t)count);
    groups->count = 0;
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from; to < count && keyed[to].key == keyed[from].key; to++)
            items[to] = args[1]->array.items[keyed[to].index];
        record_add(groups, keyed[from].key, value_array(lang, items + from, to - from, NULL));
    }
    *out = value_record(lang, groups, NULL);
    return NULL;
}

static Error *contract_non_empty(Lang *lang, Value **args, Value **out) {
    if (args[1]->kind == VALUE_ARRAY && args[1]->array.count)
        *out = value_ok(lang, args[1]);
    else
        *out = value_error(lang, args[1]->kind == VALUE_ARRAY ? STR("empty array")
                                                              : arena_printf(lang->arena, "expected an Array, got %s",
                                                                             value_kind_name(args[1])));
    return NULL;
}

static const Native natives[] = {
    {"std.array.sort", "fa", array_sort},
    {"std.array.dedup", "a", array_dedup},
    {"std.array.dedup_sorted", "fa", array_dedup_sorted},
    {"std.array.sort_dedup", "fa", array_sort_dedup},
    {"std.array.compare", "faa", array_compare},
    {"std.array.intersperse", ".a", array_intersperse},
    {"std.array.zip_with", "faa", array_zip_with},
    {"std.array.filter_map", "fa", array_filter_map},
    {"std.array.chunk", "fa", array_chunk},
    {"std.array.group", "fa", array_group},
    {"std.array.NonEmpty", "lv", contract_non_empty},
};
const NativeTable array_more_natives = {natives, ARRAY_LEN(natives)};

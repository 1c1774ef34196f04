// The merge operator, and with it record contracts: a record contract is a merge in which the right side may add
// contracts, defaults and values, and (when closed) nothing may be left over on the left.
//
// Fields that mention siblings are made again from their recipes, in copies of their frames whose slots are the fields
// of the result: that is how overriding reaches what depends on it.
#include "specs/lang/eval.h"
#include "specs/lang/number.h"

typedef struct Merge {
    Lang *lang;
    const Record *a, *b;
    Record *result;
    const Label *label; // of a contract, else NULL
    const AstNode *site;
} Merge;

static Error *incompatible(Lang *lang, const Value *a, const Value *b, const AstNode *site) {
    const AstNode *at = site ? site : b->origin;
    Str left = value_brief(lang, a), right = value_brief(lang, b);
    Error *error = eval_error(lang, at, "non mergeable terms: %.*s and %.*s", STR_ARG(left), STR_ARG(right));
    if (!a->origin || !b->origin)
        return error;
    Str left_place = place_text(lang, a->origin), right_place = place_text(lang, b->origin);
    if (a->kind == b->kind && value_is_forced(a))
        return error_hint(error, "%.*s (at %.*s) and %.*s (at %.*s) differ and have the same priority", STR_ARG(left),
                          STR_ARG(left_place), STR_ARG(right), STR_ARG(right_place));
    return error_hint(error, "%s at %.*s cannot be merged with %s at %.*s", value_kind_name(a), STR_ARG(left_place),
                      value_kind_name(b), STR_ARG(right_place));
}

// ---- arrays: mergeable when equal ----

static Error *equal_item(Lang *lang, Value **args, Value **out) {
    bool equal = false;
    TRY(values_equal(lang, args[0], args[1], &equal));
    *out = args[1];
    if (equal)
        return NULL;
    return error_wrap(incompatible(lang, args[0], args[1], args[1]->origin), "cannot merge unequal arrays");
}

static const Native equal_item_native = {"merge of arrays", "vv", equal_item};

static Error *merge_arrays(Lang *lang, Value *a, Value *b, const AstNode *site, Value **out) {
    size_t count = a->array.count;
    if (count != b->array.count) {
        Error *error =
            eval_error(lang, site ? site : b->origin,
                       "cannot merge unequal arrays: of length %zu and %zu", count, b->array.count);
        return error_hint(error, "arrays can only be merged if they are equal; give one `| force` or `| default`");
    }
    Value **items = ARENA_ARRAY(lang->arena, Value *, count ? count : 1);
    for (size_t i = 0; i < count; i++) {
        Value *pair[] = {a->array.items[i], b->array.items[i]};
        items[i] = pair[0] == pair[1] ? pair[1] : value_call(lang, &equal_item_native, pair);
    }
    *out = value_array(lang, items, count, site);
    return NULL;
}

// ---- recipes ----

typedef struct RecipeCall {
    Lang *lang;
    const Recipe *recipe;
    const Recipe **out;
    Value **value_out;
} RecipeCall;

static Error *forward_recipe(Lang *lang, const Recipe *recipe, const Recipe **out, Value **value_out);

static Error *forward_on_segment(void *argument) {
    RecipeCall *call = argument;
    return forward_recipe(call->lang, call->recipe, call->out, call->value_out);
}

// The same recipe in the frames' copies, and a thunk that follows it.
static Error *forward_recipe(Lang *lang, const Recipe *recipe, const Recipe **out, Value **value_out) {
    if (stack_is_low(&lang->stack)) {
        RecipeCall call = {lang, recipe, out, value_out};
        return on_fresh_stack(lang, forward_on_segment, &call);
    }
    TRY(charge_step(lang, recipe->node));
    Recipe *copy = ARENA_NEW(lang->arena, Recipe);
    *copy = *recipe;
    *out = copy;
    if (recipe->fixed) {
        *value_out = recipe->fixed;
    } else if (recipe->node) {
        if (recipe->frame->forward)
            copy->frame = recipe->frame->forward;
        *value_out = value_thunk(lang, copy->node, copy->frame);
    } else {
        Value *merge = value_new(lang, THUNK_MERGE, recipe->site);
        merge->symbol = recipe->name;
        TRY(forward_recipe(lang, recipe->left, &copy->left, &merge->merge.left));
        TRY(forward_recipe(lang, recipe->right, &copy->right, &merge->merge.right));
        *value_out = merge;
    }
    return NULL;
}

static const Recipe *recipe_of(Lang *lang, const Field *field) {
    if (field->recipe)
        return field->recipe;
    Recipe *recipe = ARENA_NEW(lang->arena, Recipe);
    recipe->fixed = field->raw;
    return recipe;
}

// ---- contracts that wait on fields ----

static bool same_contract(const Contract *a, const Contract *b) {
    return a == b || (a->node && a->node == b->node && a->frame == b->frame) || (a->value && a->value == b->value);
}

static Contract *forward_contract(Lang *lang, Contract *contract) {
    if (!contract->revertible || !contract->frame->forward)
        return contract;
    Contract *copy = contract_new(lang, contract->node, contract->frame->forward);
    copy->revertible = true;
    return copy;
}

static void add_pending(Merge *m, Pending *to, uint32_t *count, const Field *from, const Label *label) {
    uint32_t before = *count;
    for (uint32_t i = 0; i < from->pending_count; i++) {
        Pending pending = from->pending[i];
        bool known = false;
        for (uint32_t k = 0; k < before && !known; k++)
            known = same_contract(to[k].contract, pending.contract);
        if (known)
            continue;
        pending.contract = forward_contract(m->lang, pending.contract);
        if (!pending.parent)
            pending.parent = label;
        to[(*count)++] = pending;
    }
}

static void set_pending(Merge *m, Field *to, const Field *a, const Field *b) {
    uint32_t count = 0, max = (uint32_t)(a ? a->pending_count : 0) + (b ? b->pending_count : 0);
    if (max == 0)
        return;
    Pending *pending = ARENA_ARRAY(m->lang->arena, Pending, max);
    if (a)
        add_pending(m, pending, &count, a, NULL);
    if (b)
        add_pending(m, pending, &count, b, m->label);
    to->pending = pending;
    to->pending_count = (uint16_t)(count < UINT16_MAX ? count : UINT16_MAX);
}

static bool has_revertible_contract(const Field *field) {
    for (uint32_t i = 0; i < field->pending_count; i++)
        if (field->pending[i].contract->revertible)
            return true;
    return false;
}

// ---- fields ----

static int compare_priority(const Field *a, const Field *b) {
    static const int rank[] = {
        [AST_PRIORITY_DEFAULT] = 0, [AST_PRIORITY_NORMAL] = 1, [AST_PRIORITY_NUMBER] = 1, [AST_PRIORITY_FORCE] = 2};
    if (rank[a->priority] != rank[b->priority])
        return rank[a->priority] < rank[b->priority] ? -1 : 1;
    if (rank[a->priority] != 1)
        return 0;
    Number left = a->priority_value ? a->priority_value->number : number_of(0);
    Number right = b->priority_value ? b->priority_value->number : number_of(0);
    return number_compare(left, right);
}

static Error *take_value(Merge *m, Field *to, const Field *from) {
    to->priority = from->priority;
    to->priority_value = from->priority_value;
    to->raw = from->raw;
    to->recipe = from->recipe;
    if (from->recipe)
        TRY(forward_recipe(m->lang, from->recipe, &to->recipe, &to->raw));
    return NULL;
}

// A field of one side alone.
static Error *copy_field(Merge *m, Field *to, const Field *from, bool from_right) {
    bool again = from->recipe || has_revertible_contract(from);
    *to = *from;
    if (!again && !(from_right && m->label && from->pending_count))
        return NULL; // the evaluation, if there was one, is shared
    to->final = NULL;
    TRY(take_value(m, to, from));
    to->pending = NULL;
    to->pending_count = 0;
    set_pending(m, to, from_right ? NULL : from, from_right ? from : NULL);
    return NULL;
}

static Error *merge_both(Merge *m, Field *to, const Field *a, const Field *b) {
    Lang *lang = m->lang;
    to->priority = a->priority;
    to->priority_value = a->priority_value;
    if (a->recipe || b->recipe) {
        Recipe recipe = {.left = recipe_of(lang, a), .right = recipe_of(lang, b), .site = m->site, .name = a->name};
        return forward_recipe(lang, &recipe, &to->recipe, &to->raw);
    }
    // Equal constants need no merge: the tag that a record contract repeats, most of all.
    if (a->raw->kind == VALUE_ENUM && b->raw->kind == VALUE_ENUM && !a->raw->argument && !b->raw->argument &&
        a->raw->symbol == b->raw->symbol) {
        to->raw = a->raw;
        return NULL;
    }
    Value *merge = value_new(lang, THUNK_MERGE, m->site);
    merge->symbol = a->name;
    merge->merge.left = a->raw;
    merge->merge.right = b->raw;
    to->raw = merge;
    return NULL;
}

static Error *merge_fields(Merge *m, Field *to, const Field *a, const Field *b) {
    int order = compare_priority(a, b);
    *to = (Field){.name = a->name, .definition = a->definition ? a->definition : b->definition};
    if (a->raw && b->raw && order == 0) {
        TRY(merge_both(m, to, a, b));
    } else if (a->raw && (!b->raw || order > 0)) {
        TRY(take_value(m, to, a));
    } else if (b->raw) {
        TRY(take_value(m, to, b));
        to->definition = b->definition;
    }
    to->flags = (uint8_t)((a->flags & b->flags & FIELD_OPTIONAL) | ((a->flags | b->flags) & FIELD_NOT_EXPORTED));
    set_pending(m, to, a, b);
    return NULL;
}

// ---- records ----

static uint32_t count_union(const Record *a, const Record *b) {
    uint32_t i = 0, k = 0, count = 0;
    for (; i < a->count && k < b->count; count++) {
        Symbol left = a->fields[i].name, right = b->fields[k].name;
        i += left <= right;
        k += right <= left;
    }
    return count + (a->count - i) + (b->count - k);
}

static Error *forward_frames(Merge *m, const Record *from) {
    for (uint32_t i = 0; i < from->frame_count; i++) {
        Frame *frame = from->frames[i];
        TRY(charge_step(m->lang, m->site));
        if (frame->forward)
            continue;
        Frame *copy = frame_new(m->lang, frame->parent, frame->record->frame_size);
        copy->record = frame->record;
        frame->forward = copy;
        m->result->frames[m->result->frame_count++] = copy;
    }
    return NULL;
}

static void end_forward(const Record *from) {
    for (uint32_t i = 0; i < from->frame_count; i++)
        from->frames[i]->forward = NULL;
}

static void fill_slots(Merge *m) {
    for (uint32_t f = 0; f < m->result->frame_count; f++) {
        Frame *frame = m->result->frames[f];
        const AstRecord *literal = frame->record;
        for (uint32_t i = 0; i < literal->static_count; i++) {
            if (literal->fields[i].slot == AST_NO_SLOT)
                continue;
            Field *field = record_find(m->result, literal->fields[i].name);
            frame->slots[literal->fields[i].slot] = field_value(m->lang, m->result, field);
        }
    }
}

static Error *join_fields(Merge *m) {
    const Record *a = m->a, *b = m->b;
    uint32_t i = 0, k = 0;
    for (uint32_t at = 0; at < m->result->count; at++) {
        Field *to = &m->result->fields[at];
        if (k == b->count || (i < a->count && a->fields[i].name < b->fields[k].name))
            TRY(copy_field(m, to, &a->fields[i++], false));
        else if (i == a->count || b->fields[k].name < a->fields[i].name)
            TRY(copy_field(m, to, &b->fields[k++], true));
        else
            TRY(merge_fields(m, to, &a->fields[i++], &b->fields[k++]));
    }
    return NULL;
}

static Error *merge_records(Lang *lang, const Record *a, const Record *b, const Label *label, const AstNode *site,
                            Record **out) {
    uint32_t count = count_union(a, b);
    TRY(lang_reserve(lang, count, sizeof(Field), site));
    Record *result = record_new(lang, count);
    Merge m = {lang, a, b, result, label, site};
    result->open = a->open || b->open;
    result->frozen = a->frozen || b->frozen;
    if (label) {
        result->identity = a->identity;
        result->literal = a->literal;
        result->kept = b;
    }
    result->frames = ARENA_ARRAY(lang->arena, Frame *, a->frame_count + b->frame_count + 1);
    Error *error = forward_frames(&m, a);
    if (!error)
        error = forward_frames(&m, b);
    if (!error)
        error = join_fields(&m);
    if (!error)
        fill_slots(&m);
    end_forward(a);
    end_forward(b);
    *out = result;
    return error;
}

static bool find_extra(const Record *a, const Record *b, const Field **first_out, uint32_t *count_out, Lang *lang,
                       Buf *names) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        if (record_find(b, a->fields[i].name))
            continue;
        if (count++ == 0)
            *first_out = &a->fields[i];
        Str name = name_text(lang, a->fields[i].name);
        buf_printf(names, "%s`%.*s`", count > 1 ? ", " : "", STR_ARG(name));
    }
    *count_out = count;
    return count > 0;
}

// A closed record contract admits no field that it does not list.
static bool reject_extra(Lang *lang, const Record *a, const Record *b, Label *label, Failure *failure) {
    AUTO_BUF Buf names;
    buf_init(&names, 4096);
    const Field *first = NULL;
    uint32_t count = 0;
    if (b->open || !find_extra(a, b, &first, &count, lang, &names))
        return false;
    failure->failed = true;
    failure->message = arena_printf(lang->arena, "extra field%s %s", count > 1 ? "s" : "", buf_cstr(&names));
    Str *known = ARENA_ARRAY(lang->arena, Str, b->count + 1);
    for (uint32_t i = 0; i < b->count; i++)
        known[i] = name_text(lang, b->fields[i].name);
    Str nearest = str_nearest(name_text(lang, first->name), known, b->count);
    if (nearest.ptr)
        failure->notes = arena_printf(lang->arena, "did you mean `%.*s`?", STR_ARG(nearest));
    else
        failure->notes = STR("a record contract admits only the fields that it lists, unless it ends with `..`");
    if (first->raw && first->raw->origin) {
        failure->label = label_dup(lang, label);
        failure->label->site = first->raw->origin;
        failure->label->value = first->raw;
    }
    return true;
}

static Error *merge_record_values(Lang *lang, Value *a, Value *b, Label *label, Failure *failure, const AstNode *site,
                                  Value **out) {
    const Record *left = a->record, *right = b->record;
    if (left->tail || right->tail)
        return tail_access(lang, left->tail ? left : right, "merge", site);
    if (label && left->kept == right) { // contracts are idempotent
        *out = a;
        return NULL;
    }
    if (label && reject_extra(lang, left, right, label, failure))
        return NULL;
    if (right->count == 0 && (label || !right->open)) {
        *out = a;
        return NULL;
    }
    if (left->count == 0 && !label && !left->open) {
        *out = b;
        return NULL;
    }
    Record *result = NULL;
    TRY(merge_records(lang, left, right, label, site ? site : b->origin, &result));
    *out = value_record(lang, result, label ? a->origin : site);
    return NULL;
}

Error *merge_add_contract(Lang *lang, Value *value, Contract *contract, Label *label, const AstNode *node,
                          Value **out) {
    const Record *record = value->record;
    Record *schema = record_new(lang, record->count);
    Pending *pending = ARENA_NEW(lang->arena, Pending);
    *pending = (Pending){.contract = contract, .node = node};
    for (uint32_t i = 0; i < record->count; i++)
        schema->fields[i] =
            (Field){.name = record->fields[i].name, .flags = FIELD_OPTIONAL, .pending = pending, .pending_count = 1};
    Record *result = NULL;
    TRY(merge_records(lang, record, schema, label, node, &result));
    *out = value_record(lang, result, value->origin);
    return NULL;
}

// ---- all values ----

static Error *merge_enums(Lang *lang, Value *a, Value *b, const AstNode *site, Value **out) {
    if (a->symbol != b->symbol || !a->argument != !b->argument)
        return incompatible(lang, a, b, site);
    *out = a;
    if (!a->argument || a->argument == b->argument)
        return NULL;
    Value *merge = value_new(lang, THUNK_MERGE, site);
    merge->merge.left = a->argument;
    merge->merge.right = b->argument;
    *out = value_enum(lang, a->symbol, merge, site);
    return NULL;
}

Error *merge_values(Lang *lang, Value *a, Value *b, Label *label, Failure *failure, const AstNode *site, Value **out) {
    if (a->kind == VALUE_SEALED || b->kind == VALUE_SEALED)
        return sealed_error(lang, a->kind == VALUE_SEALED ? a : b, site);
    if (a->kind != b->kind)
        return incompatible(lang, a, b, site);
    bool same = true;
    switch (a->kind) {
    case VALUE_NULL:
        break;
    case VALUE_BOOL:
        same = a->boolean == b->boolean;
        break;
    case VALUE_NUMBER:
        same = number_equal(a->number, b->number);
        break;
    case VALUE_STRING:
        same = str_eq(a->string, b->string);
        break;
    case VALUE_LABEL:
        same = a->label == b->label;
        break;
    case VALUE_ENUM:
        return merge_enums(lang, a, b, site, out);
    case VALUE_ARRAY:
        return merge_arrays(lang, a, b, site, out);
    case VALUE_RECORD:
        return merge_record_values(lang, a, b, label, failure, site, out);
    default:
        same = false;
    }
    *out = a;
    return same ? NULL : incompatible(lang, a, b, site);
}

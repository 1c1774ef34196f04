// One walk over the tree of a file. A binder knows the scope that it stands in; which scopes get a frame of their own
// is known only at the end (a record literal gets one only if its fields mention each other), so places are handed out
// last.
//
// Invariant: top[s] is the innermost binder of symbol s that is visible at this point of the walk.
#include "specs/lang/scope.h"
#include "base/vec.h"
#include "specs/lang/eval.h"
#include "specs/lang/number.h"

#define NO_FIELD UINT32_MAX

typedef struct Scope Scope;
struct Scope {
    Scope *parent;
    AstRecord *record;      // of a record literal, else NULL
    uint32_t current_field; // of a record literal: the one being walked
    bool has_frame;
    uint32_t frame_size;
    Scope *owner; // the scope whose frame holds what is bound here; known at the end
};

typedef struct Binder Binder;
struct Binder {
    Symbol name;
    bool is_type; // a forall's variable
    uint32_t level;
    Scope *scope;
    AstField *field; // a record's field, else NULL
    Binder *shadowed;
    uint32_t slot;
    bool used;
};

typedef struct Use {
    AstNode *node;
    Scope *scope;
    Binder *binder;
} Use;

typedef struct SlotOut {
    uint32_t *out;
    Binder *binder;
} SlotOut;

typedef struct Scoper {
    Lang *lang;
    LoadedFile *file;
    Arena *scratch;
    Scope *scope;
    Binder **top;
    size_t top_count;
    uint32_t type_barrier; // type variables of a lower level are out of sight ({ _ | T })
    VEC(Binder *) active;  // in order of binding
    VEC(Binder *) binders; // all that were ever made
    VEC(Scope *) scopes;
    VEC(Use) uses;
    VEC(SlotOut) slots;
} Scoper;

static Error *walk(Scoper *s, AstNode *node);

static Scope *push_scope(Scoper *s, bool has_frame, AstRecord *record) {
    Scope *scope = ARENA_NEW(s->scratch, Scope);
    scope->parent = s->scope;
    scope->record = record;
    scope->has_frame = has_frame;
    scope->current_field = NO_FIELD;
    vec_push(&s->scopes, scope);
    s->scope = scope;
    return scope;
}

static Binder **top_of(Scoper *s, Symbol name) {
    if (name >= s->top_count) {
        size_t count = symbols_count(s->lang->symbols) + 256;
        s->top = mem_realloc(s->top, count, sizeof *s->top);
        memset(s->top + s->top_count, 0, (count - s->top_count) * sizeof *s->top);
        s->top_count = count;
    }
    return &s->top[name];
}

static Binder *bind(Scoper *s, Symbol name) {
    Binder *binder = ARENA_NEW(s->scratch, Binder);
    Binder **top = top_of(s, name);
    *binder = (Binder){.name = name, .scope = s->scope, .shadowed = *top, .level = (uint32_t)s->active.count};
    *top = binder;
    vec_push(&s->active, binder);
    vec_push(&s->binders, binder);
    return binder;
}

static void bind_slot(Scoper *s, Symbol name, uint32_t *out) {
    Binder *binder = bind(s, name);
    binder->used = true;
    vec_push(&s->slots, (SlotOut){out, binder});
}

static void unbind_to(Scoper *s, size_t count) {
    while (s->active.count > count) {
        Binder *binder = vec_pop(&s->active);
        *top_of(s, binder->name) = binder->shadowed;
    }
}

static Error *unbound(Scoper *s, const AstNode *node) {
    Lang *lang = s->lang;
    VEC(Str) names = {0};
    for (size_t i = 0; i < s->active.count; i++)
        vec_push(&names, symbol_text(lang->symbols, s->active.items[i]->name));
    for (size_t i = 0; i < lang->global_count; i++)
        vec_push(&names, symbol_text(lang->symbols, lang->globals[i].name));
    Str wanted = symbol_text(lang->symbols, node->symbol);
    Str nearest = str_nearest(wanted, names.items, names.count);
    vec_release(&names);
    Error *error = eval_error(lang, node, "unbound identifier `%.*s`", STR_ARG(wanted));
    if (nearest.ptr)
        error = error_hint(error, "did you mean `%.*s`?", STR_ARG(nearest));
    return error;
}

// A sibling is mentioned from within the field that its record is being walked at.
static void mark_mention(Binder *binder) {
    Scope *scope = binder->scope;
    if (!binder->field)
        return;
    scope->has_frame = true;
    if (scope->current_field != NO_FIELD)
        scope->record->fields[scope->current_field].revertible = true;
}

// hidden: a scope whose fields are not seen (of `include`), or NULL.
static Error *resolve(Scoper *s, AstNode *node, const Scope *hidden) {
    Binder *binder = *top_of(s, node->symbol);
    while (binder &&
           ((binder->field && binder->scope == hidden) || (binder->is_type && binder->level < s->type_barrier)))
        binder = binder->shadowed;
    if (!binder) {
        for (size_t i = 0; i < s->lang->global_count; i++)
            if (s->lang->globals[i].name == node->symbol) {
                node->var.kind = AST_VAR_GLOBAL;
                node->value = s->lang->globals[i].value;
                return NULL;
            }
        return unbound(s, node);
    }
    binder->used = true;
    mark_mention(binder);
    node->var.kind = binder->is_type ? AST_VAR_TYPE : AST_VAR_LOCAL;
    vec_push(&s->uses, (Use){node, s->scope, binder});
    return NULL;
}

static Error *walk_annotations(Scoper *s, AstAnnotation *annotations, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        TRY(walk(s, annotations[i].type));
    return NULL;
}

// ---- patterns ----

static Error *walk_pattern(Scoper *s, AstPattern *pattern);

// The branches bind the same names (the parser sees to that); the first branch's places hold for all of them.
static Error *walk_or(Scoper *s, AstPattern *pattern) {
    size_t base = s->active.count;
    TRY(walk_pattern(s, pattern->items[0]));
    size_t first_end = s->active.count;
    for (uint32_t i = 1; i < pattern->count; i++) {
        size_t slots_before = s->slots.count;
        TRY(walk_pattern(s, pattern->items[i]));
        for (size_t k = slots_before; k < s->slots.count; k++) {
            Binder *same = NULL;
            for (size_t b = base; b < first_end; b++)
                if (s->active.items[b]->name == s->slots.items[k].binder->name)
                    same = s->active.items[b];
            BUG_UNLESS(same != NULL);
            s->slots.items[k].binder = same;
        }
        unbind_to(s, first_end);
    }
    return NULL;
}

static Error *walk_record_pattern(Scoper *s, AstPattern *pattern) {
    for (uint32_t i = 0; i < pattern->count; i++) {
        AstFieldPattern *field = &pattern->fields[i];
        TRY(walk_annotations(s, field->annotations, field->annotation_count));
        if (field->default_value)
            TRY(walk(s, field->default_value));
        TRY(walk_pattern(s, field->pattern));
    }
    return NULL;
}

static Error *walk_pattern(Scoper *s, AstPattern *pattern) {
    if (pattern->alias != SYMBOL_NONE)
        bind_slot(s, pattern->alias, &pattern->alias_slot);
    switch ((PatternKind)pattern->kind) {
    case PATTERN_ANY:
        break;
    case PATTERN_VAR:
        bind_slot(s, pattern->symbol, &pattern->slot);
        break;
    case PATTERN_CONSTANT:
        TRY(walk(s, pattern->constant));
        break;
    case PATTERN_ENUM:
        if (pattern->child)
            TRY(walk_pattern(s, pattern->child));
        break;
    case PATTERN_RECORD:
        TRY(walk_record_pattern(s, pattern));
        break;
    case PATTERN_ARRAY:
        for (uint32_t i = 0; i < pattern->count; i++)
            TRY(walk_pattern(s, pattern->items[i]));
        break;
    case PATTERN_OR:
        TRY(walk_or(s, pattern));
        break;
    }
    if (pattern->rest == PATTERN_REST)
        bind_slot(s, pattern->rest_name, &pattern->rest_slot);
    return NULL;
}

// ---- record literals ----

// How strongly a priority counts, for two definitions in one literal.
static int priority_order(Scoper *s, const AstField *a, const AstField *b) {
    static const int rank[] = {
        [AST_PRIORITY_DEFAULT] = 0, [AST_PRIORITY_NORMAL] = 1, [AST_PRIORITY_NUMBER] = 1, [AST_PRIORITY_FORCE] = 2};
    if (rank[a->priority] != rank[b->priority])
        return rank[a->priority] < rank[b->priority] ? -1 : 1;
    Number left = number_of(0), right = number_of(0);
    if (a->priority == AST_PRIORITY_NUMBER)
        (void)number_parse(s->lang->arena, a->priority_text, &left);
    if (b->priority == AST_PRIORITY_NUMBER)
        (void)number_parse(s->lang->arena, b->priority_text, &right);
    return rank[a->priority] == 1 ? number_compare(left, right) : 0;
}

static bool is_path_record(const AstNode *node) {
    return node->kind == AST_RECORD && (node->flags & AST_FLAG_PATH);
}

static AstNode *piecewise(Scoper *s, AstNode *a, AstNode *b) {
    Arena *arena = s->lang->arena;
    AstNode *node = ARENA_NEW(arena, AstNode);
    *node = *a;
    node->value = NULL;
    if (is_path_record(a) && is_path_record(b)) {
        AstRecord *both = ARENA_NEW(arena, AstRecord);
        both->count = a->record->count + b->record->count;
        both->fields = ARENA_ARRAY(arena, AstField, both->count);
        memcpy(both->fields, a->record->fields, a->record->count * sizeof(AstField));
        memcpy(both->fields + a->record->count, b->record->fields, b->record->count * sizeof(AstField));
        both->open = a->record->open || b->record->open;
        node->record = both;
        return node;
    }
    node->kind = AST_BINARY;
    node->flags = AST_FLAG_PIECEWISE;
    node->pair.left = a;
    node->pair.right = b;
    node->pair.op = AST_OP_MERGE;
    return node;
}

static void combine_fields(Scoper *s, AstField *a, const AstField *b) {
    int order = priority_order(s, a, b);
    bool take_right = b->value && (!a->value || order < 0);
    bool both = a->value && b->value && order == 0;
    if (both)
        a->value = piecewise(s, a->value, b->value);
    else if (take_right)
        a->value = b->value;
    if (take_right && !both) {
        a->priority = b->priority;
        a->priority_text = b->priority_text;
        a->include = b->include;
    }
    if (!a->doc.ptr)
        a->doc = b->doc;
    a->optional = a->optional && b->optional;
    a->not_exported = a->not_exported || b->not_exported;
    if (b->annotation_count) {
        uint32_t count = (uint32_t)a->annotation_count + b->annotation_count;
        AstAnnotation *all = ARENA_ARRAY(s->lang->arena, AstAnnotation, count);
        if (a->annotation_count)
            memcpy(all, a->annotations, a->annotation_count * sizeof *all);
        memcpy(all + a->annotation_count, b->annotations, b->annotation_count * sizeof *all);
        a->annotations = all;
        a->annotation_count = (uint16_t)count;
    }
}

typedef struct FieldOrder {
    Symbol name;
    uint32_t index;
} FieldOrder;

static int compare_order(const void *a, const void *b) {
    const FieldOrder *left = a, *right = b;
    if (left->name != right->name)
        return left->name < right->name ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

// Static fields sorted by symbol, each once; dynamic ones behind them in order.
static void normalise_record(Scoper *s, AstRecord *record) {
    FieldOrder *order = arena_array(s->scratch, record->count + 1, sizeof *order);
    uint32_t static_count = 0, at = 0;
    for (uint32_t i = 0; i < record->count; i++)
        if (record->fields[i].name != SYMBOL_NONE)
            order[static_count++] = (FieldOrder){record->fields[i].name, i};
    qsort(order, static_count, sizeof *order, compare_order);
    AstField *sorted = arena_array(s->scratch, record->count + 1, sizeof *sorted);
    for (uint32_t i = 0; i < static_count; i++) {
        const AstField *field = &record->fields[order[i].index];
        if (at > 0 && sorted[at - 1].name == field->name)
            combine_fields(s, &sorted[at - 1], field);
        else
            sorted[at++] = *field;
    }
    record->static_count = at;
    for (uint32_t i = 0; i < record->count; i++)
        if (record->fields[i].name == SYMBOL_NONE)
            sorted[at++] = record->fields[i];
    if (at)
        memcpy(record->fields, sorted, at * sizeof *sorted);
    record->count = at;
}

static Error *walk_include(Scoper *s, AstField *field, uint16_t file, const Scope *scope) {
    AstNode *var = ARENA_NEW(s->lang->arena, AstNode);
    *var = (AstNode){.kind = AST_VAR, .file = file, .start = field->start, .end = field->end, .symbol = field->name};
    field->value = var;
    return resolve(s, var, scope);
}

static Error *walk_field(Scoper *s, AstField *field, uint16_t file, const Scope *scope) {
    TRY(walk_annotations(s, field->annotations, field->annotation_count));
    if (field->include)
        return walk_include(s, field, file, scope);
    return field->value ? walk(s, field->value) : NULL;
}

static Error *walk_record(Scoper *s, AstNode *node) {
    AstRecord *record = node->record;
    normalise_record(s, record);
    size_t before = s->active.count;
    Scope *scope = push_scope(s, false, record);
    if (!(node->flags & AST_FLAG_PATH))
        for (uint32_t i = 0; i < record->static_count; i++)
            bind(s, record->fields[i].name)->field = &record->fields[i];
    for (uint32_t i = 0; i < record->count; i++)
        record->fields[i].slot = AST_NO_SLOT;
    for (uint32_t i = record->static_count; i < record->count; i++)
        TRY(walk(s, record->fields[i].dynamic_name));
    for (uint32_t i = 0; i < record->count; i++) {
        scope->current_field = i;
        TRY(walk_field(s, &record->fields[i], node->file, scope));
    }
    unbind_to(s, before);
    s->scope = scope->parent;
    return NULL;
}

// ---- the rest ----

static Error *walk_let(Scoper *s, AstNode *node) {
    AstLet *let = node->let;
    bool rec = node->flags & AST_FLAG_REC;
    if (!rec)
        for (uint32_t i = 0; i < let->count; i++)
            TRY(walk(s, let->bindings[i].value));
    for (uint32_t i = 0; i < let->count; i++)
        TRY(walk_pattern(s, let->bindings[i].pattern));
    if (rec)
        for (uint32_t i = 0; i < let->count; i++)
            TRY(walk(s, let->bindings[i].value));
    return NULL;
}

static void want_frame_size(Scoper *s, Scope *scope, uint32_t *out) {
    Binder *mark = ARENA_NEW(s->scratch, Binder);
    mark->scope = scope;
    vec_push(&s->slots, (SlotOut){out, mark});
}

static Error *walk_fun(Scoper *s, AstNode *node) {
    size_t before = s->active.count;
    Scope *scope = push_scope(s, true, NULL);
    for (uint32_t i = 0; i < node->fun->count; i++)
        TRY(walk_pattern(s, node->fun->params[i]));
    TRY(walk(s, node->fun->body));
    unbind_to(s, before);
    s->scope = scope->parent;
    want_frame_size(s, scope, &node->fun->frame_size);
    return NULL;
}

static Error *walk_match(Scoper *s, AstNode *node) {
    Scope *scope = push_scope(s, true, NULL);
    for (uint32_t i = 0; i < node->match->count; i++) {
        AstBranch *branch = &node->match->branches[i];
        size_t before = s->active.count;
        TRY(walk_pattern(s, branch->pattern));
        if (branch->guard)
            TRY(walk(s, branch->guard));
        TRY(walk(s, branch->body));
        unbind_to(s, before);
    }
    s->scope = scope->parent;
    want_frame_size(s, scope, &node->match->frame_size);
    return NULL;
}

static Error *walk_forall(Scoper *s, AstNode *node) {
    size_t before = s->active.count;
    Scope *scope = push_scope(s, true, NULL);
    for (uint32_t i = 0; i < node->forall->count; i++) {
        Binder *binder = bind(s, node->forall->variables[i]);
        binder->is_type = binder->used = true;
    }
    TRY(walk(s, node->forall->body));
    unbind_to(s, before);
    s->scope = scope->parent;
    want_frame_size(s, scope, &node->forall->frame_size);
    return NULL;
}

static Error *walk_rows(Scoper *s, AstRows *rows) {
    for (uint32_t i = 0; i < rows->count; i++)
        if (rows->rows[i].type)
            TRY(walk(s, rows->rows[i].type));
    return rows->tail == AST_TAIL_VAR ? resolve(s, rows->tail_var, NULL) : NULL;
}

static Error *walk_chunks(Scoper *s, AstNode *node) {
    for (uint32_t i = 0; i < node->chunks.count; i++)
        TRY(walk(s, node->chunks.chunks[i].node));
    return NULL;
}

static Error *walk_dict(Scoper *s, AstNode *node) {
    uint32_t barrier = s->type_barrier;
    if (node->flags & AST_FLAG_DICT_CONTRACT)
        s->type_barrier = (uint32_t)s->active.count;
    TRY(walk(s, node->child));
    s->type_barrier = barrier;
    return NULL;
}

static Error *make_constant(Scoper *s, AstNode *node) {
    Lang *lang = s->lang;
    Number n;
    switch (node->kind) {
    case AST_NULL:
        node->value = value_new(lang, VALUE_NULL, node);
        break;
    case AST_BOOL:
        node->value = value_bool(lang, node->boolean);
        break;
    case AST_NUMBER:
        if (!number_parse(lang->arena, node->text, &n))
            return eval_error(lang, node,
                              "the number %.*s is too large or too precise: numerator and denominator may have 4,096 bits",
                              STR_ARG(node->text));
        node->value = value_number(lang, n, node);
        break;
    case AST_STRING:
        node->value = value_string(lang, node->text, node);
        break;
    case AST_ENUM:
        node->value = value_enum(lang, node->symbol, NULL, node);
        break;
    case AST_ARRAY:
        node->value = value_array(lang, NULL, 0, node);
        break;
    default: {
        Value *type = value_new(lang, VALUE_TYPE, node);
        type->type.parts = NULL;
        type->type.frame = NULL;
        node->value = type;
    }
    }
    return NULL;
}

static Error *walk_list(Scoper *s, AstNode **items, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        TRY(walk(s, items[i]));
    return NULL;
}

static Error *walk_children(Scoper *s, AstNode *node) {
    switch ((AstKind)node->kind) {
    case AST_NULL:
    case AST_BOOL:
    case AST_NUMBER:
    case AST_STRING:
    case AST_TYPE_DYN:
    case AST_TYPE_NUMBER:
    case AST_TYPE_BOOL:
    case AST_TYPE_STRING:
    case AST_TYPE_WILDCARD:
        return make_constant(s, node);
    case AST_ENUM:
        return node->child ? walk(s, node->child) : make_constant(s, node);
    case AST_ARRAY:
        return node->list.count ? walk_list(s, node->list.items, node->list.count) : make_constant(s, node);
    case AST_CHUNKS:
    case AST_SYMBOLIC:
        return walk_chunks(s, node);
    case AST_VAR:
        return resolve(s, node, NULL);
    case AST_RECORD:
        return walk_record(s, node);
    case AST_FUN:
        return walk_fun(s, node);
    case AST_APP:
        TRY(walk(s, node->app.head));
        return walk_list(s, node->app.args, node->app.count);
    case AST_MATCH:
        return walk_match(s, node);
    case AST_UNARY:
        return walk(s, node->unary.child);
    case AST_BINARY:
    case AST_GET_DYNAMIC:
    case AST_TYPE_ARROW:
        TRY(walk(s, node->pair.left));
        return walk(s, node->pair.right);
    case AST_GET:
        return walk(s, node->child);
    case AST_ANNOTATED:
        TRY(walk_annotations(s, node->annotated->annotations, node->annotated->count));
        return walk(s, node->annotated->value);
    case AST_TYPE_ARRAY:
        return node->child ? walk(s, node->child) : make_constant(s, node);
    case AST_TYPE_DICT:
        return walk_dict(s, node);
    case AST_TYPE_FORALL:
        return walk_forall(s, node);
    case AST_TYPE_ENUM:
    case AST_TYPE_RECORD:
        return walk_rows(s, node->rows);
    case AST_IMPORT:
    case AST_IMPORT_PACKAGE:
    case AST_PRIMOP:
    case AST_OPERATOR:
        return NULL;
    case AST_LET:
    case AST_IF:
    case AST_KIND_COUNT:
        break;
    }
    BUG("node of kind %u in the walk", node->kind);
}

typedef struct WalkCall {
    Scoper *s;
    AstNode *node;
} WalkCall;

static Error *walk_on_segment(void *argument) {
    WalkCall *call = argument;
    return walk(call->s, call->node);
}

// Bodies of lets and arms of ifs may form chains as long as the file, so they are followed without recursion.
static Error *walk(Scoper *s, AstNode *node) {
    if (stack_is_low(&s->lang->stack)) {
        WalkCall call = {s, node};
        return stack_call(&s->lang->stack, walk_on_segment, &call);
    }
    size_t before = s->active.count;
    for (;;) {
        if (node->kind == AST_LET) {
            TRY(walk_let(s, node));
            node = node->let->body;
        } else if (node->kind == AST_IF) {
            TRY(walk(s, node->three.condition));
            TRY(walk(s, node->three.yes));
            node = node->three.no;
        } else {
            break;
        }
    }
    TRY(walk_children(s, node));
    unbind_to(s, before);
    return NULL;
}

// Frames are known now: every binder gets its slot, every use its distance.
static void place(Scoper *s) {
    for (size_t i = 0; i < s->scopes.count; i++) { // parents stand before children
        Scope *scope = s->scopes.items[i];
        scope->owner = scope->has_frame ? scope : scope->parent->owner;
    }
    for (size_t i = 0; i < s->binders.count; i++) {
        Binder *binder = s->binders.items[i];
        if (!binder->used)
            continue;
        binder->slot = binder->scope->owner->frame_size++;
        if (binder->field)
            binder->field->slot = binder->slot;
    }
    for (size_t i = 0; i < s->slots.count; i++) {
        SlotOut *slot = &s->slots.items[i];
        *slot->out = slot->binder->name == SYMBOL_NONE ? slot->binder->scope->frame_size : slot->binder->slot;
    }
    for (size_t i = 0; i < s->scopes.count; i++) {
        Scope *scope = s->scopes.items[i];
        if (scope->record) {
            scope->record->has_frame = scope->has_frame;
            scope->record->frame_size = scope->frame_size;
        }
    }
    for (size_t i = 0; i < s->uses.count; i++) {
        Use *use = &s->uses.items[i];
        uint32_t depth = 0;
        for (Scope *at = use->scope->owner; at != use->binder->scope->owner; at = at->parent->owner)
            depth++;
        use->node->var.depth = depth;
        use->node->var.slot = use->binder->slot;
    }
}

Error *scope_resolve(Lang *lang, LoadedFile *file) {
    AUTO_ARENA Arena *scratch = arena_new(0);
    Scoper s = {.lang = lang, .file = file, .scratch = scratch};
    Scope *root = push_scope(&s, true, NULL);
    Error *error = walk(&s, file->root);
    if (!error)
        place(&s);
    file->frame_size = root->frame_size;
    free(s.top);
    vec_release(&s.active);
    vec_release(&s.binders);
    vec_release(&s.scopes);
    vec_release(&s.uses);
    vec_release(&s.slots);
    return error;
}

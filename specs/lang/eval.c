// The machine: call by need over the syntax tree. Bodies of lets, ifs, calls and matches are followed in a loop, so
// tail calls take no stack; all other recursion moves to a fresh stack segment when the present one is nearly used up.
//
// Invariant: a thunk under evaluation is THUNK_RUNNING, so meeting it again is noticed; on an error it is put back.
#include "specs/lang/eval.h"
#include "specs/lang/operators.h"

// ---- budgets and stack ----

Error *charge_step(Lang *lang, const AstNode *node) {
    uint64_t step = ++lang->steps;
    if (step > lang->step_budget) {
        Error *error =
            error_new(ERROR_LIMIT, "evaluation takes more than %llu steps", (unsigned long long)lang->step_budget);
        return error_at(error, node_span(lang, node));
    }
    if ((step & 63) == 0)
        return lang_reserve(lang, 0, 0, node);
    return NULL;
}

Error *on_fresh_stack(Lang *lang, StackFn fn, void *argument) {
    return stack_call(&lang->stack, fn, argument);
}

typedef struct EvalCall {
    Lang *lang;
    const AstNode *node;
    Frame *frame;
    Value **out;
} EvalCall;

static Error *eval_on_segment(void *argument) {
    EvalCall *call = argument;
    return eval(call->lang, call->node, call->frame, call->out);
}

static Error *force_on_segment(void *argument) {
    EvalCall *call = argument;
    return force(call->lang, *call->out);
}

// ---- thunks ----

static Value *make_closure(Lang *lang, const AstNode *node, Frame *frame) {
    Value *closure = value_new(lang, VALUE_CLOSURE, node);
    closure->code.node = node;
    closure->code.frame = frame;
    return closure;
}

Value *delay(Lang *lang, const AstNode *node, Frame *frame) {
    if (node->value)
        return node->value;
    if (node->kind == AST_VAR && node->var.kind == AST_VAR_LOCAL) {
        const Frame *at = frame;
        for (uint32_t i = node->var.depth; i > 0; i--)
            at = at->parent;
        if (at->slots[node->var.slot])
            return at->slots[node->var.slot];
    }
    if (node->kind == AST_FUN || node->kind == AST_MATCH)
        return make_closure(lang, node, frame);
    return value_thunk(lang, node, frame);
}

static Error *infinite_recursion(Lang *lang, const AstNode *origin) {
    Error *error = eval_error(lang, origin, "infinite recursion: this value depends on itself");
    Str name = origin ? field_that_names_itself(lang, origin) : STR_NULL;
    if (name.ptr && origin->kind == AST_VAR)
        return error_hint(error,
                          "in a record `%.*s = %.*s` means the field itself; `include %.*s` is the variable outside",
                          STR_ARG(name), STR_ARG(name), STR_ARG(name));
    if (name.ptr)
        return error_hint(error,
                          "within its own field `%.*s` means the field, not a variable outside; give one another name",
                          STR_ARG(name));
    return error_hint(error, "a field or variable that needs its own value to be computed can never have one");
}

static Error *force_merge(Lang *lang, const Value *thunk, Value **out) {
    Failure none = {0};
    TRY(force(lang, thunk->merge.left));
    TRY(force(lang, thunk->merge.right));
    Error *error = merge_values(lang, thunk->merge.left, thunk->merge.right, NULL, &none, thunk->origin, out);
    if (error && thunk->symbol != SYMBOL_NONE)
        return error_wrap(error, "in the field `%.*s`", STR_ARG(name_text(lang, thunk->symbol)));
    return error;
}

static Error *run_thunk(Lang *lang, const Value *thunk, Value **out) {
    switch (thunk->kind) {
    case THUNK_EXPR:
        return eval(lang, thunk->code.node, thunk->code.frame, out);
    case THUNK_APPLY:
        return apply(lang, thunk->apply.function, thunk->apply.arg, thunk->origin, out);
    case THUNK_CONTRACT:
        return contract_apply(lang, thunk->guarded.guard->contract, thunk->guarded.guard->label, thunk->guarded.value,
                              out);
    case THUNK_FIELD:
        return force_field(lang, thunk->field_of, thunk->symbol, out);
    case THUNK_MERGE:
        return force_merge(lang, thunk, out);
    case THUNK_NATIVE:
        return run_native(lang, thunk->call->native, thunk->call->args, thunk->origin, out);
    case THUNK_FILE:
        return force_file(lang, thunk->file, out);
    case THUNK_RUNNING:
        return infinite_recursion(lang, thunk->origin);
    default:
        BUG("thunk of kind %u", thunk->kind);
    }
}

Error *force(Lang *lang, Value *value) {
    if (value_is_forced(value))
        return NULL;
    if (stack_is_low(&lang->stack)) {
        EvalCall call = {lang, NULL, NULL, &value};
        return on_fresh_stack(lang, force_on_segment, &call);
    }
    Value saved = *value, *result = NULL;
    value->kind = THUNK_RUNNING;
    Error *error = charge_step(lang, saved.origin);
    if (!error)
        error = run_thunk(lang, &saved, &result);
    *value = error ? saved : *result;
    if (!error)
        value->thunk = 0; // marks of force_deep belong to the place, not to the value
    return error;
}

// ---- application ----

static Error *not_a_function(Lang *lang, Value *function, const AstNode *site) {
    if (function->kind == VALUE_SEALED)
        return sealed_error(lang, function, site);
    Str brief = value_brief(lang, function);
    const AstNode *at = site && site->kind == AST_APP ? site->app.head : site;
    return eval_error(lang, at, "not a function: this is %s (%.*s), but it is applied to an argument",
                      value_kind_name(function), STR_ARG(brief));
}

static Value *make_partial(Lang *lang, Value *function, Value *const *args, uint32_t count) {
    Partial *partial = arena_alloc(lang->arena, sizeof *partial + count * sizeof(Value *));
    partial->function = function;
    partial->count = count;
    memcpy(partial->args, args, count * sizeof(Value *));
    Value *value = value_new(lang, VALUE_PARTIAL, function->origin);
    value->partial = partial;
    return value;
}

static uint32_t function_arity(const Value *function) {
    if (function->kind == VALUE_CLOSURE)
        return function->code.node->kind == AST_FUN ? function->code.node->fun->count : 1;
    if (function->kind == VALUE_NATIVE)
        return (uint32_t)strlen(function->native->args);
    return 1;
}

// A closure with all of its arguments: what to evaluate, and where.
static Error *enter_closure(Lang *lang, const Value *closure, Value **args, const AstNode **body, Frame **frame) {
    const AstNode *node = closure->code.node;
    if (node->kind == AST_MATCH)
        return eval_match(lang, node, closure->code.frame, args[0], body, frame);
    const AstFun *fun = node->fun;
    Frame *own = frame_new(lang, closure->code.frame, fun->frame_size);
    for (uint32_t i = 0; i < fun->count; i++) {
        const AstPattern *param = fun->params[i];
        if (param->kind == PATTERN_VAR && param->alias == SYMBOL_NONE)
            own->slots[param->slot] = args[i];
        else
            TRY(pattern_bind(lang, param, args[i], own));
    }
    *body = fun->body;
    *frame = own;
    return NULL;
}

// All arguments but those of the last closure are used up here. Then either *body is NULL and *out is the result, or
// *body in *frame is what the result is the value of.
static Error *call(Lang *lang, Value *function, Value **args, uint32_t count, const AstNode *site, const AstNode **body,
                   Frame **frame, Value **out) {
    *body = NULL;
    for (;;) {
        TRY(force(lang, function));
        if (function->kind == VALUE_PARTIAL) {
            const Partial *partial = function->partial;
            Value **all = ARENA_ARRAY(lang->arena, Value *, partial->count + count);
            memcpy(all, partial->args, partial->count * sizeof(Value *));
            memcpy(all + partial->count, args, count * sizeof(Value *));
            args = all;
            count += partial->count;
            function = partial->function;
            continue;
        }
        uint32_t need = function_arity(function);
        if (function->kind != VALUE_CLOSURE && function->kind != VALUE_NATIVE && function->kind != VALUE_ARROW)
            return not_a_function(lang, function, site);
        if (count < need) {
            *out = make_partial(lang, function, args, count);
            return NULL;
        }
        Value *result = NULL;
        if (function->kind == VALUE_NATIVE) {
            TRY(run_native(lang, function->native, args, site, &result));
        } else if (function->kind == VALUE_ARROW) {
            TRY(apply_arrow(lang, function, args[0], site, &result));
        } else {
            TRY(enter_closure(lang, function, args, body, frame));
            if (count == need)
                return NULL;
            TRY(eval(lang, *body, *frame, &result));
            *body = NULL;
        }
        *out = result;
        if (count == need)
            return NULL;
        function = result;
        args += need;
        count -= need;
    }
}

Error *apply_n(Lang *lang, Value *function, Value **args, uint32_t count, const AstNode *site, Value **out) {
    const AstNode *body = NULL;
    Frame *frame = NULL;
    TRY(call(lang, function, args, count, site, &body, &frame, out));
    return body ? eval(lang, body, frame, out) : force(lang, *out);
}

Error *apply(Lang *lang, Value *function, Value *arg, const AstNode *site, Value **out) {
    return apply_n(lang, function, &arg, 1, site, out);
}

enum { CALL_LOCAL_ARGS = 8 };

// *body NULL: *out is the result.
static Error *eval_app(Lang *lang, const AstNode *node, Frame *frame, const AstNode **body, Frame **body_frame,
                       Value **out) {
    Value *local[CALL_LOCAL_ARGS], **args = local, *function = NULL;
    uint32_t count = node->app.count;
    TRY(eval(lang, node->app.head, frame, &function));
    if (count > CALL_LOCAL_ARGS)
        args = ARENA_ARRAY(lang->arena, Value *, count);
    for (uint32_t i = 0; i < count; i++)
        args[i] = delay(lang, node->app.args[i], frame);
    TRY(call(lang, function, args, count, node, body, body_frame, out));
    return *body ? NULL : force(lang, *out);
}

// ---- the other nodes ----

static Error *eval_let(Lang *lang, const AstNode *node, Frame *frame) {
    const AstLet *let = node->let;
    for (uint32_t i = 0; i < let->count; i++) {
        const AstBinding *binding = &let->bindings[i];
        Value *value = delay(lang, binding->value, frame);
        if (binding->pattern->kind == PATTERN_VAR && binding->pattern->alias == SYMBOL_NONE)
            frame->slots[binding->pattern->slot] = value;
        else
            TRY(pattern_bind(lang, binding->pattern, value, frame));
    }
    return NULL;
}

// Recursive names must be in place before any value is delayed, or the delayed one would not find them.
static Error *eval_let_rec(Lang *lang, const AstNode *node, Frame *frame) {
    const AstLet *let = node->let;
    for (uint32_t i = 0; i < let->count; i++) {
        const AstBinding *binding = &let->bindings[i];
        if (binding->pattern->kind == PATTERN_VAR && binding->pattern->alias == SYMBOL_NONE)
            frame->slots[binding->pattern->slot] = value_thunk(lang, binding->value, frame);
    }
    for (uint32_t i = 0; i < let->count; i++) {
        const AstBinding *binding = &let->bindings[i];
        if (binding->pattern->kind != PATTERN_VAR || binding->pattern->alias != SYMBOL_NONE)
            TRY(pattern_bind(lang, binding->pattern, value_thunk(lang, binding->value, frame), frame));
    }
    return NULL;
}

static Error *eval_var(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    Value *value = node->value;
    if (node->var.kind != AST_VAR_GLOBAL) {
        for (uint32_t i = node->var.depth; i > 0; i--)
            frame = frame->parent;
        value = frame->slots[node->var.slot];
        if (!value)
            return infinite_recursion(lang, node);
    }
    *out = value;
    return force(lang, value);
}

static Error *eval_array(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    uint32_t count = node->list.count;
    Value **items = ARENA_ARRAY(lang->arena, Value *, count);
    for (uint32_t i = 0; i < count; i++)
        items[i] = delay(lang, node->list.items[i], frame);
    *out = value_array(lang, items, count, node);
    return NULL;
}

static Error *eval_symbolic(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    uint32_t count = node->chunks.count;
    Value **items = ARENA_ARRAY(lang->arena, Value *, count ? count : 1);
    for (uint32_t i = 0; i < count; i++)
        items[i] = delay(lang, node->chunks.chunks[i].node, frame);
    Symbol names[] = {lang->sym_tag, lang->sym_prefix, lang->sym_fragments};
    Value *values[] = {value_enum(lang, lang->sym_SymbolicString, NULL, node),
                       value_enum(lang, node->symbol, NULL, node), value_array(lang, items, count, node)};
    *out = record_make(lang, names, values, 3, node);
    return NULL;
}

static Error *eval_if(Lang *lang, const AstNode **node, Frame *frame) {
    Value *condition = NULL;
    const AstNode *at = (*node)->three.condition;
    TRY(eval(lang, at, frame, &condition));
    if (condition->kind == VALUE_SEALED)
        return sealed_error(lang, condition, at);
    if (condition->kind != VALUE_BOOL)
        return eval_error(lang, at, "the condition of an `if` must be a Bool, this is %s", value_kind_name(condition));
    *node = condition->boolean ? (*node)->three.yes : (*node)->three.no;
    return NULL;
}

static Error *eval_get(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    Value *record = NULL;
    TRY(eval(lang, node->child, frame, &record));
    return record_get(lang, record, node->symbol, node, out);
}

static Error *eval_get_dynamic(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    Value *record = NULL, *name = NULL;
    TRY(eval(lang, node->pair.left, frame, &record));
    TRY(eval(lang, node->pair.right, frame, &name));
    if (name->kind != VALUE_STRING)
        return eval_error(lang, node->pair.right, "the name of a field must be a String, this is %s",
                          value_kind_name(name));
    return record_get(lang, record, symbol_intern(lang->symbols, name->string), node, out);
}

static Error *eval_primop(Lang *lang, const AstNode *node, Value **out) {
    Str name = symbol_text(lang->symbols, node->symbol);
    const Native *native = builtin_primop(name);
    if (!native)
        return eval_error(lang, node, "unknown primitive operator %%%.*s%%", STR_ARG(name));
    *out = value_native(lang, native);
    return NULL;
}

// Nodes that are evaluated on the spot, without a tail to follow.
static Error *eval_plain(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    switch (node->kind) {
    case AST_CHUNKS:
        return eval_chunks(lang, node, frame, out);
    case AST_SYMBOLIC:
        return eval_symbolic(lang, node, frame, out);
    case AST_ENUM:
        *out = value_enum(lang, node->symbol, delay(lang, node->child, frame), node);
        return NULL;
    case AST_VAR:
        return eval_var(lang, node, frame, out);
    case AST_ARRAY:
        return eval_array(lang, node, frame, out);
    case AST_RECORD:
        return eval_record(lang, node, frame, out);
    case AST_FUN:
    case AST_MATCH:
        *out = make_closure(lang, node, frame);
        return NULL;
    case AST_UNARY:
        return eval_unary(lang, node, frame, out);
    case AST_BINARY:
        return eval_binary(lang, node, frame, out);
    case AST_OPERATOR:
        *out = value_native(lang, operator_native((AstOp)node->op));
        return NULL;
    case AST_GET:
        return eval_get(lang, node, frame, out);
    case AST_GET_DYNAMIC:
        return eval_get_dynamic(lang, node, frame, out);
    case AST_ANNOTATED:
        return eval_annotated(lang, node, frame, out);
    case AST_IMPORT:
        TRY(import_value(lang, node, out));
        if ((*out)->kind == THUNK_RUNNING)
            return eval_error(lang, node, "infinite recursion: the value of this file needs itself");
        return force(lang, *out);
    case AST_IMPORT_PACKAGE:
        return eval_error(lang, node, "packages cannot be imported here: there is no package map");
    case AST_PRIMOP:
        return eval_primop(lang, node, out);
    case AST_TYPE_ARRAY:
    case AST_TYPE_DICT:
    case AST_TYPE_ARROW:
    case AST_TYPE_FORALL:
    case AST_TYPE_ENUM:
    case AST_TYPE_RECORD:
        *out = value_new(lang, VALUE_TYPE, node);
        (*out)->type.parts = NULL;
        (*out)->type.frame = frame;
        return NULL;
    default:
        BUG("node of kind %u in the evaluator", node->kind);
    }
}

Error *eval(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    if (stack_is_low(&lang->stack)) {
        EvalCall call_there = {lang, node, frame, out};
        return on_fresh_stack(lang, eval_on_segment, &call_there);
    }
    for (;;) {
        if (node->value && node->kind != AST_VAR) {
            *out = node->value;
            return NULL;
        }
        TRY(charge_step(lang, node));
        if (node->kind == AST_APP) {
            const AstNode *body = NULL;
            TRY(eval_app(lang, node, frame, &body, &frame, out));
            if (!body)
                return NULL;
            node = body;
        } else if (node->kind == AST_LET) {
            TRY(node->flags & AST_FLAG_REC ? eval_let_rec(lang, node, frame) : eval_let(lang, node, frame));
            node = node->let->body;
        } else if (node->kind == AST_IF) {
            TRY(eval_if(lang, &node, frame));
        } else {
            return eval_plain(lang, node, frame, out);
        }
    }
}

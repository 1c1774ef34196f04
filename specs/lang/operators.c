// Operators are strict from left to right, except && and ||, and check the types of what they are given.
#include "specs/lang/operators.h"

static const char *const op_texts[AST_OP_COUNT] = {
    [AST_OP_NOT] = "!", [AST_OP_NEGATE] = "-", [AST_OP_CONCAT] = "++", [AST_OP_APPEND] = "@", [AST_OP_MUL] = "*",
    [AST_OP_DIV] = "/", [AST_OP_MOD] = "%",    [AST_OP_ADD] = "+",     [AST_OP_SUB] = "-",    [AST_OP_MERGE] = "&",
    [AST_OP_LT] = "<",  [AST_OP_LE] = "<=",    [AST_OP_GT] = ">",      [AST_OP_GE] = ">=",    [AST_OP_EQ] = "==",
    [AST_OP_NE] = "!=", [AST_OP_AND] = "&&",   [AST_OP_OR] = "||",     [AST_OP_PIPE] = "|>",  [AST_OP_GET] = ".",
};

static Error *operand_error(Lang *lang, const char *op, const char *wanted, const Value *got, const AstNode *site) {
    if (got->kind == VALUE_SEALED)
        return sealed_error(lang, got, site);
    Str brief = value_brief(lang, got);
    return eval_error(lang, site, "%s expects %s, but this is %s (%.*s)", op, wanted, value_kind_name(got),
                      STR_ARG(brief));
}

static const char *wanted_text(ValueKind kind) {
    switch ((int)kind) {
    case VALUE_NUMBER:
        return "a Number";
    case VALUE_STRING:
        return "a String";
    case VALUE_ARRAY:
        return "an Array";
    default:
        return "a Bool";
    }
}

// The operand's own place in the message, where the operator was written with operands.
static const AstNode *operand_site(const AstNode *site, bool right) {
    if (site && site->kind == AST_BINARY)
        return right ? site->pair.right : site->pair.left;
    return site && site->kind == AST_UNARY ? site->unary.child : site;
}

static Error *want(Lang *lang, AstOp op, ValueKind kind, const Value *a, const Value *b, const AstNode *site) {
    if (a->kind != kind)
        return operand_error(lang, op_texts[op], wanted_text(kind), a, operand_site(site, false));
    if (b && b->kind != kind)
        return operand_error(lang, op_texts[op], wanted_text(kind), b, operand_site(site, true));
    return NULL;
}

Error *arithmetic(Lang *lang, AstOp op, const Value *a, const Value *b, const AstNode *site, Value **out) {
    Number left = a->number, right = b->number, n = number_of(0);
    Arena *arena = lang->arena;
    bool ok;
    lang->steps += number_cost(left, right);
    if ((op == AST_OP_DIV || op == AST_OP_MOD) && number_sign(right) == 0)
        return eval_error(lang, site, "division by zero");
    if (op == AST_OP_ADD)
        ok = number_add(arena, left, right, &n);
    else if (op == AST_OP_SUB)
        ok = number_sub(arena, left, right, &n);
    else if (op == AST_OP_MUL)
        ok = number_mul(arena, left, right, &n);
    else if (op == AST_OP_DIV)
        ok = number_div(arena, left, right, &n);
    else
        ok = number_mod(arena, left, right, &n);
    if (!ok)
        return eval_error(lang, site,
                          "the result of %s is too large or too precise: numerator and denominator may have 4,096 bits",
                          op_texts[op]);
    *out = value_number(lang, n, site);
    return NULL;
}

static Error *concat_strings(Lang *lang, Str a, Str b, const AstNode *site, Value **out) {
    TRY(lang_reserve(lang, a.len + b.len + 1, 1, site));
    char *text = arena_alloc(lang->arena, a.len + b.len + 1);
    if (a.len)
        memcpy(text, a.ptr, a.len);
    if (b.len)
        memcpy(text + a.len, b.ptr, b.len);
    text[a.len + b.len] = '\0';
    *out = value_string(lang, (Str){text, a.len + b.len}, site);
    return NULL;
}

static Error *append_arrays(Lang *lang, Value *a, Value *b, const AstNode *site, Value **out) {
    size_t count = a->array.count + b->array.count;
    if (a->array.count == 0 || b->array.count == 0) {
        *out = a->array.count == 0 ? b : a;
        return NULL;
    }
    TRY(lang_reserve(lang, count, sizeof(Value *), site));
    Value **items = ARENA_ARRAY(lang->arena, Value *, count);
    memcpy(items, a->array.items, a->array.count * sizeof(Value *));
    memcpy(items + a->array.count, b->array.items, b->array.count * sizeof(Value *));
    *out = value_array(lang, items, count, site);
    return NULL;
}

static Error *compare(Lang *lang, AstOp op, const Value *a, const Value *b, Value **out) {
    int order = number_compare(a->number, b->number);
    bool result = op == AST_OP_LT ? order < 0 : op == AST_OP_LE ? order <= 0 : op == AST_OP_GT ? order > 0 : order >= 0;
    *out = value_bool(lang, result);
    return NULL;
}

// Both operands forced.
static Error *strict_operator(Lang *lang, AstOp op, Value *a, Value *b, const AstNode *site, Value **out) {
    bool equal = false;
    Failure none = {0};
    switch ((int)op) {
    case AST_OP_ADD:
    case AST_OP_SUB:
    case AST_OP_MUL:
    case AST_OP_DIV:
    case AST_OP_MOD:
        TRY(want(lang, op, VALUE_NUMBER, a, b, site));
        return arithmetic(lang, op, a, b, site, out);
    case AST_OP_LT:
    case AST_OP_LE:
    case AST_OP_GT:
    case AST_OP_GE:
        TRY(want(lang, op, VALUE_NUMBER, a, b, site));
        return compare(lang, op, a, b, out);
    case AST_OP_CONCAT:
        TRY(want(lang, op, VALUE_STRING, a, b, site));
        return concat_strings(lang, a->string, b->string, site, out);
    case AST_OP_APPEND:
        TRY(want(lang, op, VALUE_ARRAY, a, b, site));
        return append_arrays(lang, a, b, site, out);
    case AST_OP_EQ:
    case AST_OP_NE:
        TRY(values_equal(lang, a, b, &equal));
        *out = value_bool(lang, equal == (op == AST_OP_EQ));
        return NULL;
    case AST_OP_MERGE:
        return merge_values(lang, a, b, NULL, &none, site, out);
    default:
        BUG("operator %d is not strict", op);
    }
}

static Error *eval_logic(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    AstOp op = (AstOp)node->pair.op;
    TRY(eval(lang, node->pair.left, frame, out));
    TRY(want(lang, op, VALUE_BOOL, *out, NULL, node));
    if ((*out)->boolean == (op == AST_OP_OR))
        return NULL;
    TRY(eval(lang, node->pair.right, frame, out));
    if ((*out)->kind != VALUE_BOOL)
        return operand_error(lang, op_texts[op], "a Bool", *out, node->pair.right);
    return NULL;
}

Error *eval_binary(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    AstOp op = (AstOp)node->pair.op;
    Value *left = NULL, *right = NULL;
    if (op == AST_OP_AND || op == AST_OP_OR)
        return eval_logic(lang, node, frame, out);
    TRY(eval(lang, node->pair.left, frame, &left));
    TRY(eval(lang, node->pair.right, frame, &right));
    return strict_operator(lang, op, left, right, node, out);
}

Error *eval_unary(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    AstOp op = (AstOp)node->unary.op;
    Value *value = NULL;
    TRY(eval(lang, node->unary.child, frame, &value));
    if (op == AST_OP_NOT) {
        TRY(want(lang, op, VALUE_BOOL, value, NULL, node));
        *out = value_bool(lang, !value->boolean);
    } else {
        TRY(want(lang, op, VALUE_NUMBER, value, NULL, node));
        *out = value_number(lang, number_negate(lang->arena, value->number), node);
    }
    return NULL;
}

// ---- operators as functions ----

#define OPERATOR(name, op)                                                                                             \
    static Error *name(Lang *lang, Value **args, Value **out) {                                                        \
        return strict_operator(lang, op, args[0], args[1], lang->site, out);                                                 \
    }
OPERATOR(op_concat, AST_OP_CONCAT)
OPERATOR(op_append, AST_OP_APPEND)
OPERATOR(op_mul, AST_OP_MUL)
OPERATOR(op_div, AST_OP_DIV)
OPERATOR(op_mod, AST_OP_MOD)
OPERATOR(op_add, AST_OP_ADD)
OPERATOR(op_sub, AST_OP_SUB)
OPERATOR(op_merge, AST_OP_MERGE)
OPERATOR(op_lt, AST_OP_LT)
OPERATOR(op_le, AST_OP_LE)
OPERATOR(op_gt, AST_OP_GT)
OPERATOR(op_ge, AST_OP_GE)
OPERATOR(op_eq, AST_OP_EQ)
OPERATOR(op_ne, AST_OP_NE)

static Error *op_logic(Lang *lang, AstOp op, Value **args, Value **out) {
    *out = args[0];
    if (args[0]->boolean == (op == AST_OP_OR))
        return NULL;
    TRY(force(lang, args[1]));
    *out = args[1];
    return (*out)->kind == VALUE_BOOL ? NULL : operand_error(lang, op_texts[op], "a Bool", *out, lang->site);
}

static Error *op_and(Lang *lang, Value **args, Value **out) {
    return op_logic(lang, AST_OP_AND, args, out);
}

static Error *op_or(Lang *lang, Value **args, Value **out) {
    return op_logic(lang, AST_OP_OR, args, out);
}

static Error *op_not(Lang *lang, Value **args, Value **out) {
    *out = value_bool(lang, !args[0]->boolean);
    return NULL;
}

static Error *op_negate(Lang *lang, Value **args, Value **out) {
    *out = value_number(lang, number_negate(lang->arena, args[0]->number), NULL);
    return NULL;
}

static Error *op_pipe(Lang *lang, Value **args, Value **out) {
    return apply(lang, args[1], args[0], lang->site, out);
}

static Error *op_get(Lang *lang, Value **args, Value **out) {
    return record_get(lang, args[0], symbol_intern(lang->symbols, args[1]->string), lang->site, out);
}

static const Native op_natives[AST_OP_COUNT] = {
    [AST_OP_NOT] = {"(!)", "b", op_not},         [AST_OP_NEGATE] = {"(-)", "N", op_negate},
    [AST_OP_CONCAT] = {"(++)", "vv", op_concat}, [AST_OP_APPEND] = {"(@)", "vv", op_append},
    [AST_OP_MUL] = {"(*)", "vv", op_mul},        [AST_OP_DIV] = {"(/)", "vv", op_div},
    [AST_OP_MOD] = {"(%)", "vv", op_mod},        [AST_OP_ADD] = {"(+)", "vv", op_add},
    [AST_OP_SUB] = {"(-)", "vv", op_sub},        [AST_OP_MERGE] = {"(&)", "vv", op_merge},
    [AST_OP_LT] = {"(<)", "vv", op_lt},          [AST_OP_LE] = {"(<=)", "vv", op_le},
    [AST_OP_GT] = {"(>)", "vv", op_gt},          [AST_OP_GE] = {"(>=)", "vv", op_ge},
    [AST_OP_EQ] = {"(==)", "vv", op_eq},         [AST_OP_NE] = {"(!=)", "vv", op_ne},
    [AST_OP_AND] = {"(&&)", "b.", op_and},       [AST_OP_OR] = {"(||)", "b.", op_or},
    [AST_OP_PIPE] = {"(|>)", ".v", op_pipe},     [AST_OP_GET] = {"(.)", "vs", op_get},
};

const Native *operator_native(AstOp op) {
    return &op_natives[op];
}

// ---- strings ----

static Error *not_stringable(Lang *lang, const Value *value, const AstNode *site) {
    if (value->kind == VALUE_SEALED)
        return sealed_error(lang, value, site);
    Error *error = eval_error(lang, site, "%s cannot be turned into a String", value_kind_name(value));
    return error_hint(error, "strings, numbers, booleans, enum tags and null can be interpolated");
}

Error *value_to_text(Lang *lang, const Value *value, const AstNode *site, Str *out) {
    AUTO_BUF Buf text;
    buf_init(&text, 4096);
    switch (value->kind) {
    case VALUE_STRING:
        *out = value->string;
        return NULL;
    case VALUE_NULL:
        *out = STR("null");
        return NULL;
    case VALUE_BOOL:
        *out = value->boolean ? STR("true") : STR("false");
        return NULL;
    case VALUE_NUMBER:
        number_format(value->number, &text);
        *out = arena_str(lang->arena, buf_str(&text));
        return NULL;
    case VALUE_ENUM:
        if (value->argument)
            return not_stringable(lang, value, site);
        *out = symbol_text(lang->symbols, value->symbol);
        return NULL;
    default:
        return not_stringable(lang, value, site);
    }
}

// Behind every newline of the inserted text stand `indent` spaces.
static void add_indented(Buf *out, Str text, uint32_t indent) {
    if (!indent) {
        buf_add_str(out, text);
        return;
    }
    for (size_t i = 0; i < text.len; i++) {
        buf_add_byte(out, text.ptr[i]);
        for (uint32_t k = 0; text.ptr[i] == '\n' && k < indent; k++)
            buf_add_byte(out, ' ');
    }
}

Error *eval_chunks(Lang *lang, const AstNode *node, Frame *frame, Value **out) {
    AUTO_BUF Buf text;
    buf_init(&text, lang->memory_budget);
    for (uint32_t i = 0; i < node->chunks.count; i++) {
        const AstChunk *chunk = &node->chunks.chunks[i];
        if (chunk->node->kind == AST_STRING) {
            add_indented(&text, chunk->node->text, chunk->indent);
            continue;
        }
        Value *value = NULL;
        Str part;
        TRY(eval(lang, chunk->node, frame, &value));
        TRY(value_to_text(lang, value, chunk->node, &part));
        add_indented(&text, part, chunk->indent);
    }
    if (text.overflow)
        return lang_reserve(lang, SIZE_MAX, 1, node);
    TRY(lang_reserve(lang, text.len, 1, node));
    *out = value_string(lang, arena_str(lang->arena, buf_str(&text)), node);
    return NULL;
}

// Terms and types: recursive descent, precedence climbing for operators. Nickel has one grammar for both; what may not
// stand in a type's place is refused where types are read. Let bodies and else branches are a loop, so packages with
// hundreds of imports cost no stack; everything else that nests passes parse_enter.
#include "specs/lang/parse_impl.h"

static Error *parse_infix(Parser *p, unsigned max_level, AstNode **out);

// ---- annotations ----------------------------------------------------------------------------------------------------

// null, numbers, strings... can never be a contract, so a slip such as `| "String"` is told at once.
static Error *check_type(Parser *p, const AstNode *node) {
    const char *what = node->kind == AST_NULL     ? "`null`"
                       : node->kind == AST_BOOL   ? "a boolean"
                       : node->kind == AST_NUMBER ? "a number"
                       : node->kind == AST_STRING ? "a string"
                       : node->kind == AST_CHUNKS ? "a string"
                       : node->kind == AST_ARRAY  ? "an array"
                       : node->kind == AST_ENUM   ? "an enum tag"
                                                  : NULL;
    if (!what)
        return NULL;
    Error *error = parse_error(p, node->start, node->end, "%s is not a type or contract", what);
    if (node->kind == AST_ENUM)
        return error_hint(error, "an enum type is written [| 'A, 'B |]");
    return node->kind == AST_ARRAY ? error_hint(error, "an array type is written Array T") : error;
}

static Error *parse_forall(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    size_t base = p->symbols_found.count;
    TRY(parse_advance(p));
    while (p->token.kind == TOKEN_IDENT) {
        vec_push(&p->symbols_found, p->token.symbol);
        TRY(parse_advance(p));
    }
    if (p->symbols_found.count == base)
        return parse_unexpected(p, "a type variable");
    if (p->token.kind != TOKEN_DOT)
        return parse_unexpected(p, "`.` behind the type variables");
    TRY(parse_advance(p));
    AstForall *forall = ARENA_NEW(p->arena, AstForall);
    forall->variables = TAKE(p, symbols_found, base, &forall->count);
    TRY(parse_type(p, &forall->body));
    *out = parse_node(p, AST_TYPE_FORALL, start);
    (*out)->forall = forall;
    return NULL;
}

enum { LEVEL_ARROW = 11 };

static bool starts_infix(const Token *token) {
    return parse_starts_atom(token) || token->kind == TOKEN_ARRAY_TYPE || token->kind == TOKEN_PRIMOP ||
           token->kind == TOKEN_MATCH || token->kind == TOKEN_MINUS || token->kind == TOKEN_NOT;
}

Error *parse_type(Parser *p, AstNode **out) {
    TRY(parse_enter(p));
    if (p->token.kind == TOKEN_FORALL) {
        TRY(parse_forall(p, out));
    } else if (!starts_infix(&p->token)) {
        return parse_unexpected(p, "a type or contract");
    } else {
        TRY(parse_infix(p, LEVEL_ARROW, out));
        TRY(check_type(p, *out));
    }
    parse_leave(p);
    return NULL;
}

Error *parse_type_atom(Parser *p, AstNode **out) {
    TRY(parse_atom(p, out));
    return check_type(p, *out);
}

// ---- operators ------------------------------------------------------------------------------------------------------

typedef struct Operator {
    uint8_t level; // lower binds tighter; 0: no operator
    uint8_t op;    // AstOp
} Operator;

static const Operator operators[TOKEN_COUNT] = {
    [TOKEN_CONCAT] = {2, AST_OP_CONCAT}, [TOKEN_AT] = {2, AST_OP_APPEND},       [TOKEN_TIMES] = {3, AST_OP_MUL},
    [TOKEN_DIV] = {3, AST_OP_DIV},       [TOKEN_PERCENT] = {3, AST_OP_MOD},     [TOKEN_PLUS] = {4, AST_OP_ADD},
    [TOKEN_MINUS] = {4, AST_OP_SUB},     [TOKEN_AMPERSAND] = {6, AST_OP_MERGE}, [TOKEN_APPLY] = {6, AST_OP_PIPE},
    [TOKEN_LT] = {7, AST_OP_LT},         [TOKEN_LE] = {7, AST_OP_LE},           [TOKEN_GT] = {7, AST_OP_GT},
    [TOKEN_GE] = {7, AST_OP_GE},         [TOKEN_EQ] = {8, AST_OP_EQ},           [TOKEN_NE] = {8, AST_OP_NE},
    [TOKEN_AND] = {9, AST_OP_AND},       [TOKEN_OR] = {10, AST_OP_OR},          [TOKEN_ARROW] = {LEVEL_ARROW, 0},
};
enum { LEVEL_NEGATE = 1, LEVEL_NOT = 5 };

static Error *parse_applicative(Parser *p, AstNode **out);

// A unary operator with its operand, or an application.
static Error *parse_operand(Parser *p, unsigned max_level, AstNode **out) {
    bool negate = p->token.kind == TOKEN_MINUS;
    if (!negate && p->token.kind != TOKEN_NOT)
        return parse_applicative(p, out);
    if (!negate && max_level < LEVEL_NOT)
        return error_hint(parse_unexpected(p, "an operand"), "put parentheses around the negation");
    uint32_t start = p->token.start;
    TRY(parse_enter(p));
    TRY(parse_advance(p));
    AstNode *operand;
    TRY(parse_infix(p, negate ? LEVEL_NEGATE : LEVEL_NOT, &operand));
    parse_leave(p);
    *out = parse_node(p, AST_UNARY, start);
    (*out)->unary.op = negate ? AST_OP_NEGATE : AST_OP_NOT;
    (*out)->unary.child = operand;
    return NULL;
}

static Error *make_infix(Parser *p, TokenKind kind, AstNode *left, AstNode *right, AstNode **out) {
    if (kind == TOKEN_APPLY) {
        *out = parse_node(p, AST_APP, left->start);
        AstNode **args = ARENA_ARRAY(p->arena, AstNode *, 1);
        args[0] = left;
        (*out)->app.head = right;
        (*out)->app.args = args;
        (*out)->app.count = 1;
        return parse_link(p);
    }
    if (kind == TOKEN_ARROW) {
        TRY(check_type(p, left));
        TRY(check_type(p, right));
    }
    *out = parse_node(p, kind == TOKEN_ARROW ? AST_TYPE_ARROW : AST_BINARY, left->start);
    (*out)->pair.left = left;
    (*out)->pair.right = right;
    (*out)->pair.op = operators[kind].op;
    return NULL;
}

static Error *parse_infix(Parser *p, unsigned max_level, AstNode **out) {
    unsigned outer = parse_measure(p);
    AstNode *left;
    TRY(parse_operand(p, max_level, &left));
    for (;;) {
        TokenKind kind = (TokenKind)p->token.kind;
        unsigned level = operators[kind].level;
        if (level == 0 || level > max_level)
            break;
        TRY(parse_enter(p));
        TRY(parse_advance(p));
        AstNode *right;
        TRY(parse_infix(p, kind == TOKEN_ARROW ? level : level - 1, &right));
        parse_leave(p);
        TRY(make_infix(p, kind, left, right, &left));
    }
    parse_measured(p, outer);
    *out = left;
    return NULL;
}

// ---- applications and atoms -----------------------------------------------------------------------------------------

static Error *parse_match(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    size_t base = p->branches.count;
    TRY(parse_advance(p));
    if (p->token.kind != TOKEN_LBRACE)
        return parse_unexpected(p, "`{` behind `match`");
    TRY(parse_open(p));
    while (p->token.kind != TOKEN_RBRACE) {
        AstBranch branch = {0};
        size_t bound = p->bound.count;
        TRY(parse_pattern(p, PATTERN_FULL, &branch.pattern));
        p->bound.count = bound;
        if (p->token.kind == TOKEN_IF) {
            TRY(parse_advance(p));
            TRY(parse_term(p, &branch.guard));
        }
        if (p->token.kind != TOKEN_FAT_ARROW)
            return parse_unexpected(p, branch.guard ? "`=>`" : "`=>` or `if`");
        TRY(parse_advance(p));
        TRY(parse_term(p, &branch.body));
        vec_push(&p->branches, branch);
        if (p->token.kind != TOKEN_COMMA)
            break;
        TRY(parse_advance(p));
    }
    TRY(parse_close(p, TOKEN_RBRACE, "`,` or `}`"));
    AstMatch *match = ARENA_NEW(p->arena, AstMatch);
    match->branches = TAKE(p, branches, base, &match->count);
    *out = parse_node(p, AST_MATCH, start);
    (*out)->match = match;
    return NULL;
}

// %op% with the arguments that it needs, pushed on p->nodes; those that follow are added by the caller.
static Error *parse_primop(Parser *p, AstNode **out) {
    Token op = p->token;
    TRY(parse_advance(p));
    *out = parse_node(p, AST_PRIMOP, op.start);
    (*out)->symbol = op.symbol;
    for (unsigned i = 0; i < op.arity; i++) {
        AstNode *arg;
        if (op.symbol == p->words.embed && i == 0 && p->token.kind == TOKEN_IDENT) {
            // %enum/embed% takes a name, not a value.
            Symbol name = p->token.symbol;
            TRY(parse_advance(p));
            arg = parse_node(p, AST_ENUM, p->previous.start);
            arg->symbol = name;
        } else if (!parse_starts_atom(&p->token)) {
            Str name = symbol_text(p->symbols, op.symbol);
            return error_hint(parse_unexpected(p, "an argument"), "%%%.*s%% takes %u argument%s", STR_ARG(name),
                              op.arity, op.arity == 1 ? "" : "s");
        } else {
            TRY(parse_atom(p, &arg));
        }
        vec_push(&p->nodes, arg);
    }
    return NULL;
}

static Error *parse_array_type(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    TRY(parse_advance(p));
    if (!parse_starts_atom(&p->token))
        return error_hint(parse_unexpected(p, "the type of the array's elements"),
                          "write Array Dyn for an array of anything");
    AstNode *element;
    TRY(parse_type_atom(p, &element));
    *out = parse_node(p, AST_TYPE_ARRAY, start);
    (*out)->child = element;
    return NULL;
}

static Error *parse_applicative(Parser *p, AstNode **out) {
    size_t base = p->nodes.count;
    AstNode *head;
    switch (p->token.kind) {
    case TOKEN_ARRAY_TYPE:
        TRY(parse_array_type(p, &head));
        break;
    case TOKEN_PRIMOP:
        TRY(parse_primop(p, &head));
        break;
    case TOKEN_MATCH:
        TRY(parse_match(p, &head));
        break;
    default:
        TRY(parse_atom(p, &head));
        break;
    }
    while (parse_starts_atom(&p->token)) {
        AstNode *arg;
        TRY(parse_atom(p, &arg));
        vec_push(&p->nodes, arg);
    }
    size_t count = p->nodes.count - base;
    *out = head;
    if (count == 0)
        return NULL;
    if (count == 1 && head->kind == AST_ENUM && !head->child) { // 'Tag argument
        head->child = vec_pop(&p->nodes);
        head->end = p->previous.end;
        return NULL;
    }
    *out = parse_node(p, AST_APP, head->start);
    (*out)->app.head = head;
    (*out)->app.args = TAKE(p, nodes, base, &(*out)->app.count);
    return NULL;
}

static Error *parse_array(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    size_t base = p->nodes.count;
    TRY(parse_open(p));
    while (p->token.kind != TOKEN_RBRACKET) {
        AstNode *item;
        TRY(parse_term(p, &item));
        vec_push(&p->nodes, item);
        if (p->token.kind != TOKEN_COMMA)
            break;
        TRY(parse_advance(p));
    }
    TRY(parse_close(p, TOKEN_RBRACKET, "`,` or `]`"));
    *out = parse_node(p, AST_ARRAY, start);
    (*out)->list.items = TAKE(p, nodes, base, &(*out)->list.count);
    return NULL;
}

// `(op)`: an operator as a function. Nothing is consumed, and *op_out is AST_OP_COUNT, when it is something else.
static Error *parse_operator(Parser *p, AstOp *op_out) {
    TokenKind kind = (TokenKind)p->token.kind;
    *op_out = AST_OP_COUNT;
    if (kind == TOKEN_ARROW || (kind != TOKEN_NOT && kind != TOKEN_DOT && operators[kind].level == 0))
        return NULL;
    Lexer lexer = p->lexer;
    Token token = p->token, previous = p->previous;
    TRY(parse_advance(p));
    if (p->token.kind == TOKEN_RPAREN) {
        *op_out = kind == TOKEN_NOT ? AST_OP_NOT : kind == TOKEN_DOT ? AST_OP_GET : (AstOp)operators[kind].op;
        return NULL;
    }
    p->lexer = lexer;
    p->token = token;
    p->previous = previous;
    return NULL;
}

static Error *parse_parentheses(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    TRY(parse_open(p));
    AstOp op;
    TRY(parse_operator(p, &op));
    if (op != AST_OP_COUNT) {
        TRY(parse_close(p, TOKEN_RPAREN, "`)`"));
        *out = parse_node(p, AST_OPERATOR, start);
        (*out)->op = (uint8_t)op;
        return NULL;
    }
    TRY(parse_term(p, out));
    TRY(parse_close(p, TOKEN_RPAREN, "`)`"));
    (*out)->flags |= AST_FLAG_PARENS;
    return NULL;
}

// An atom of one token.
static Error *parse_simple(Parser *p, AstKind kind, AstNode **out) {
    Token token = p->token;
    TRY(parse_advance(p));
    *out = parse_node(p, kind, token.start);
    (*out)->symbol = token.symbol;
    if (kind == AST_BOOL)
        (*out)->boolean = token.kind == TOKEN_TRUE;
    if (kind == AST_NUMBER)
        (*out)->text = str_slice(p->file->text, token.start, token.end);
    return NULL;
}

static Error *parse_tag_atom(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    Symbol tag;
    TRY(parse_tag(p, &tag));
    *out = parse_node(p, AST_ENUM, start);
    (*out)->symbol = tag;
    return NULL;
}

static Error *not_an_expression(Parser *p) {
    Error *error = parse_unexpected(p, "an expression");
    if (p->token.kind >= TOKEN_DEFAULT && p->token.kind <= TOKEN_NOT_EXPORTED)
        return error_hint(error, "this is a keyword: no variable can have its name");
    return error;
}

static Error *parse_base_atom(Parser *p, AstNode **out) {
    switch (p->token.kind) {
    case TOKEN_IDENT:
        return parse_simple(p, AST_VAR, out);
    case TOKEN_NUMBER:
        return parse_simple(p, AST_NUMBER, out);
    case TOKEN_NULL:
        return parse_simple(p, AST_NULL, out);
    case TOKEN_TRUE:
    case TOKEN_FALSE:
        return parse_simple(p, AST_BOOL, out);
    case TOKEN_DYN:
        return parse_simple(p, AST_TYPE_DYN, out);
    case TOKEN_NUMBER_TYPE:
        return parse_simple(p, AST_TYPE_NUMBER, out);
    case TOKEN_BOOL_TYPE:
        return parse_simple(p, AST_TYPE_BOOL, out);
    case TOKEN_STRING_TYPE:
        return parse_simple(p, AST_TYPE_STRING, out);
    case TOKEN_UNDERSCORE:
        return parse_simple(p, AST_TYPE_WILDCARD, out);
    case TOKEN_STRING:
    case TOKEN_MULTILINE:
    case TOKEN_SYMBOLIC:
        return parse_string(p, out);
    case TOKEN_TAG:
    case TOKEN_TAG_STRING:
        return parse_tag_atom(p, out);
    case TOKEN_LBRACE:
        return parse_record(p, out);
    case TOKEN_LBRACKET:
        return parse_array(p, out);
    case TOKEN_ENUM_OPEN:
        return parse_enum_type(p, out);
    case TOKEN_LPAREN:
        return parse_parentheses(p, out);
    default:
        return not_an_expression(p);
    }
}

// .name, ."name", ."%{name}"
static Error *parse_access(Parser *p, AstNode *record, AstNode **out) {
    TRY(parse_link(p));
    TRY(parse_advance(p));
    if (parse_is_name(&p->token)) {
        Symbol name = p->token.symbol;
        TRY(parse_advance(p));
        *out = parse_node(p, AST_GET, record->start);
        (*out)->symbol = name;
        (*out)->child = record;
        return NULL;
    }
    if (!parse_starts_string(&p->token))
        return parse_not_a_name(p);
    AstNode *name;
    TRY(parse_string(p, &name));
    bool fixed = name->kind == AST_STRING;
    *out = parse_node(p, fixed ? AST_GET : AST_GET_DYNAMIC, record->start);
    if (fixed) {
        (*out)->symbol = symbol_intern(p->symbols, name->text);
        (*out)->child = record;
    } else {
        (*out)->pair.left = record;
        (*out)->pair.right = name;
    }
    return NULL;
}

Error *parse_atom(Parser *p, AstNode **out) {
    unsigned outer = parse_measure(p);
    TRY(parse_enter(p));
    AstNode *node;
    TRY(parse_base_atom(p, &node));
    while (p->token.kind == TOKEN_DOT)
        TRY(parse_access(p, node, &node));
    parse_leave(p);
    parse_measured(p, outer);
    *out = node;
    return NULL;
}

// ---- let, fun, if, import -------------------------------------------------------------------------------------------

// The name that messages about this value's contracts use.
static void name_annotated(AstNode *value, Symbol name) {
    if (value->kind == AST_ANNOTATED && value->annotated->name == SYMBOL_NONE)
        value->annotated->name = name;
}

static Error *parse_binding(Parser *p, AstBinding *out) {
    *out = (AstBinding){0};
    TRY(parse_pattern(p, PATTERN_FULL, &out->pattern));
    Metadata metadata;
    TRY(parse_metadata(p, METADATA_LET, &metadata));
    out->doc = metadata.doc;
    if (p->token.kind != TOKEN_EQUALS)
        return parse_unexpected(p, "`=` and the value");
    TRY(parse_advance(p));
    TRY(parse_term(p, &out->value));
    Symbol name = out->pattern->kind == PATTERN_VAR ? out->pattern->symbol : out->pattern->alias;
    if (metadata.count) {
        AstAnnotated *annotated = ARENA_NEW(p->arena, AstAnnotated);
        *annotated = (AstAnnotated){out->value, metadata.annotations, metadata.count, SYMBOL_NONE};
        AstNode *value = parse_node(p, AST_ANNOTATED, out->value->start);
        value->annotated = annotated;
        out->value = value;
    }
    name_annotated(out->value, name);
    return NULL;
}

static Error *duplicate_binding(Parser *p, size_t base) {
    NameAt first, second;
    if (!parse_duplicate(FROM(p->bound, base), p->bound.count - base, &first, &second))
        return NULL;
    return parse_error(p, second.start, second.end, "`%.*s` is bound twice in one `let`: first on line %u",
                       STR_ARG(symbol_text(p->symbols, second.name)), source_line(p->file, first.start));
}

// `let [rec] bindings in`, without the body.
static Error *parse_let(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    size_t base = p->bindings.count, bound = p->bound.count;
    uint8_t flags = 0;
    TRY(parse_advance(p));
    if (p->token.kind == TOKEN_REC) {
        flags = AST_FLAG_REC;
        TRY(parse_advance(p));
    }
    do {
        AstBinding binding;
        TRY(parse_binding(p, &binding));
        vec_push(&p->bindings, binding);
        if (p->token.kind != TOKEN_COMMA)
            break;
        TRY(parse_advance(p));
    } while (p->token.kind != TOKEN_IN);
    if (p->bindings.count - base > 1)
        TRY(duplicate_binding(p, bound));
    p->bound.count = bound;
    if (p->token.kind != TOKEN_IN)
        return parse_unexpected(p, "`in` or `,`");
    TRY(parse_advance(p));
    AstLet *let = ARENA_NEW(p->arena, AstLet);
    let->bindings = TAKE(p, bindings, base, &let->count);
    *out = parse_node(p, AST_LET, start);
    (*out)->flags = flags;
    (*out)->let = let;
    return NULL;
}

// `if condition then yes else`, without the rest.
static Error *parse_if(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    AstNode *condition, *yes;
    TRY(parse_advance(p));
    TRY(parse_term(p, &condition));
    if (p->token.kind == TOKEN_EQUALS)
        return error_hint(parse_unexpected(p, "`then`"), "two values are compared with `==`");
    TRY(parse_expect(p, TOKEN_THEN));
    TRY(parse_term(p, &yes));
    if (p->token.kind != TOKEN_ELSE)
        return error_hint(parse_unexpected(p, "`else`"), "every `if` has an `else`, since it must have a value");
    TRY(parse_advance(p));
    *out = parse_node(p, AST_IF, start);
    (*out)->three.condition = condition;
    (*out)->three.yes = yes;
    return NULL;
}

static Error *parse_fun(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    size_t base = p->patterns.count, bound = p->bound.count;
    TRY(parse_advance(p));
    while (parse_starts_pattern(&p->token)) {
        AstPattern *pattern;
        TRY(parse_pattern(p, PATTERN_ARGUMENT, &pattern));
        vec_push(&p->patterns, pattern);
    }
    p->bound.count = bound;
    if (p->patterns.count == base)
        return parse_unexpected(p, "a parameter");
    if (p->token.kind != TOKEN_FAT_ARROW)
        return parse_unexpected(p, "`=>` or another parameter");
    TRY(parse_advance(p));
    AstFun *fun = ARENA_NEW(p->arena, AstFun);
    fun->params = TAKE(p, patterns, base, &fun->count);
    TRY(parse_term(p, &fun->body));
    *out = parse_node(p, AST_FUN, start);
    (*out)->fun = fun;
    return NULL;
}

static Error *parse_import_format(Parser *p, uint8_t *out) {
    static const struct {
        const char *name;
        uint8_t format;
    } formats[] = {{"Nickel", IMPORT_NICKEL},
                   {"Json", IMPORT_JSON},
                   {"Yaml", IMPORT_YAML},
                   {"Toml", IMPORT_TOML},
                   {"Text", IMPORT_TEXT}};
    uint32_t start = p->token.start;
    if (p->token.kind != TOKEN_TAG && p->token.kind != TOKEN_TAG_STRING)
        return parse_unexpected(p, "a format such as 'Json");
    Symbol tag;
    TRY(parse_tag(p, &tag));
    Str name = symbol_text(p->symbols, tag);
    for (size_t i = 0; i < ARRAY_LEN(formats); i++)
        if (str_is(name, formats[i].name)) {
            *out = formats[i].format;
            return NULL;
        }
    return error_hint(parse_error(p, start, p->previous.end, "unknown import format '%.*s", STR_ARG(name)),
                      "known are 'Nickel, 'Json, 'Yaml, 'Toml and 'Text");
}

static Error *parse_import(Parser *p, AstNode **out) {
    uint32_t start = p->token.start;
    TRY(parse_advance(p));
    if (p->token.kind == TOKEN_IDENT) {
        Symbol package = p->token.symbol;
        TRY(parse_advance(p));
        *out = parse_node(p, AST_IMPORT_PACKAGE, start);
        (*out)->symbol = package;
        return NULL;
    }
    if (p->token.kind != TOKEN_STRING)
        return parse_unexpected(p, "a path in double quotes, or a package's name");
    Str path;
    uint8_t format = IMPORT_BY_EXTENSION;
    TRY(parse_static_string(p, "an import path", false, &path));
    if (p->token.kind == TOKEN_IDENT && p->token.symbol == p->words.as_word) {
        TRY(parse_advance(p));
        TRY(parse_import_format(p, &format));
    }
    *out = parse_node(p, AST_IMPORT, start);
    (*out)->import.path = path;
    (*out)->import.format = format;
    return NULL;
}

// Operators with their annotations.
static Error *parse_annotated(Parser *p, AstNode **out) {
    AstNode *value;
    TRY(parse_infix(p, LEVEL_ARROW, &value));
    *out = value;
    if (p->token.kind != TOKEN_PIPE && p->token.kind != TOKEN_COLON)
        return NULL;
    Metadata metadata;
    TRY(parse_metadata(p, METADATA_TERM, &metadata));
    AstAnnotated *annotated = ARENA_NEW(p->arena, AstAnnotated);
    *annotated = (AstAnnotated){value, metadata.annotations, metadata.count, SYMBOL_NONE};
    *out = parse_node(p, AST_ANNOTATED, value->start);
    (*out)->annotated = annotated;
    return NULL;
}

Error *parse_term(Parser *p, AstNode **out) {
    TRY(parse_enter(p));
    size_t base = p->nodes.count;
    AstNode **slot = out;
    while (p->token.kind == TOKEN_LET || p->token.kind == TOKEN_IF) {
        bool let = p->token.kind == TOKEN_LET;
        AstNode *node;
        TRY(let ? parse_let(p, &node) : parse_if(p, &node));
        *slot = node;
        slot = let ? &node->let->body : &node->three.no;
        vec_push(&p->nodes, node);
    }
    switch (p->token.kind) {
    case TOKEN_FUN:
        TRY(parse_fun(p, slot));
        break;
    case TOKEN_IMPORT:
        TRY(parse_import(p, slot));
        break;
    case TOKEN_FORALL:
        TRY(parse_forall(p, slot));
        break;
    default:
        TRY(parse_annotated(p, slot));
        break;
    }
    while (p->nodes.count > base)
        vec_pop(&p->nodes)->end = p->previous.end;
    parse_leave(p);
    return NULL;
}

// ---- the file -------------------------------------------------------------------------------------------------------

static void parser_release(Parser *p) {
    vec_release(&p->open);
    vec_release(&p->nodes);
    vec_release(&p->chunks);
    vec_release(&p->bindings);
    vec_release(&p->branches);
    vec_release(&p->fields);
    vec_release(&p->rows);
    vec_release(&p->annotations);
    vec_release(&p->patterns);
    vec_release(&p->field_patterns);
    vec_release(&p->path);
    vec_release(&p->symbols_found);
    vec_release(&p->bound);
    vec_release(&p->names);
}

static Error *parse_whole(Parser *p, AstNode **out) {
    TRY(lex_next(&p->lexer, &p->token));
    TRY(parse_term(p, out));
    if (p->token.kind == TOKEN_END)
        return NULL;
    bool looks_like_fields = p->token.kind == TOKEN_EQUALS || p->token.kind == TOKEN_COMMA;
    Error *error = parse_unexpected(p, "the end of the file");
    return looks_like_fields ? error_hint(error, "a file is one expression: put fields in { }") : error;
}

Error *parse_file(Arena *arena, Symbols *symbols, const SourceFile *file, AstNode **out) {
    TRY(source_check(file));
    if (arena_left_bytes(arena) / PARSE_MEMORY_FACTOR <= file->text.len)
        return error_at(error_new(ERROR_LIMIT,
                                  "not enough memory is left of the evaluation's budget to parse %zu bytes",
                                  file->text.len),
                        (SourceSpan){.file = file->path});
    Parser p = {.arena = arena, .symbols = symbols, .file = file};
    lexer_init(&p.lexer, file, symbols);
    p.words.or_word = symbol_intern(symbols, STR("or"));
    p.words.as_word = symbol_intern(symbols, STR("as"));
    p.words.include_word = symbol_intern(symbols, STR("include"));
    p.words.embed = symbol_intern(symbols, STR("enum/embed"));
    Error *error = parse_whole(&p, out);
    parser_release(&p);
    return error;
}

// Patterns, and which variables they bind. Alternatives (`p or q`) must bind the same names; `or` is a word only
// between two patterns, so `'Tag or` alone is a variant whose argument is called `or`.
#include "specs/lang/parse_impl.h"

static Error *parse_alternatives(Parser *p, AstPattern **out);

bool parse_starts_pattern(const Token *token) {
    switch (token->kind) {
    case TOKEN_IDENT:
    case TOKEN_UNDERSCORE:
    case TOKEN_LBRACE:
    case TOKEN_LBRACKET:
    case TOKEN_LPAREN:
    case TOKEN_NULL:
    case TOKEN_TRUE:
    case TOKEN_FALSE:
    case TOKEN_NUMBER:
    case TOKEN_MINUS:
    case TOKEN_STRING:
    case TOKEN_TAG:
    case TOKEN_TAG_STRING:
        return true;
    default:
        return false;
    }
}

static AstPattern *make_pattern(Parser *p, PatternKind kind, uint32_t start) {
    AstPattern *pattern = ARENA_NEW(p->arena, AstPattern);
    pattern->kind = (uint8_t)kind;
    pattern->file = p->file->index;
    pattern->start = start;
    pattern->end = p->previous.end;
    return pattern;
}

static void bind(Parser *p, Symbol name, uint32_t start, uint32_t end) {
    vec_push(&p->bound, (NameAt){name, start, end, (uint32_t)p->bound.count, 0});
}

// At the word `or`: whether another pattern follows, so that it separates alternatives.
static Error *is_separator(Parser *p, bool *out) {
    *out = p->token.kind == TOKEN_IDENT && p->token.symbol == p->words.or_word;
    if (!*out)
        return NULL;
    Lexer ahead = p->lexer;
    Token next;
    TRY(lex_next(&ahead, &next));
    *out = parse_starts_pattern(&next);
    return NULL;
}

static Error *parse_variable(Parser *p, AstPattern **out) {
    Token token = p->token;
    TRY(parse_advance(p));
    *out = make_pattern(p, PATTERN_VAR, token.start);
    (*out)->symbol = token.symbol;
    bind(p, token.symbol, token.start, token.end);
    return NULL;
}

// ---- constants and tags ---------------------------------------------------------------------------------------------

static Error *parse_constant(Parser *p, AstPattern **out) {
    Token token = p->token;
    Str text = STR_NULL;
    AstKind kind = AST_BOOL;
    if (token.kind == TOKEN_NUMBER || token.kind == TOKEN_MINUS) {
        kind = AST_NUMBER;
        TRY(parse_signed_number(p, &text));
    } else if (token.kind == TOKEN_STRING) {
        kind = AST_STRING;
        TRY(parse_static_string(p, "a string in a pattern", false, &text));
    } else {
        kind = token.kind == TOKEN_NULL ? AST_NULL : AST_BOOL;
        TRY(parse_advance(p));
    }
    *out = make_pattern(p, PATTERN_CONSTANT, token.start);
    AstNode *node = parse_node(p, kind, token.start);
    if (kind == AST_BOOL)
        node->boolean = token.kind == TOKEN_TRUE;
    else
        node->text = text;
    (*out)->constant = node;
    return NULL;
}

// 'tag, and where variants need no parentheses, its argument.
static Error *parse_enum(Parser *p, PatternPlace place, AstPattern **out) {
    uint32_t start = p->token.start;
    Symbol tag;
    AstPattern *argument = NULL;
    TRY(parse_tag(p, &tag));
    if (place == PATTERN_FULL && parse_starts_pattern(&p->token)) {
        bool is_or = p->token.kind == TOKEN_IDENT && p->token.symbol == p->words.or_word, separator;
        TRY(is_separator(p, &separator));
        if (is_or && !separator)
            TRY(parse_variable(p, &argument));
        else if (!separator)
            TRY(parse_pattern(p, PATTERN_VARIANT, &argument));
    }
    *out = make_pattern(p, PATTERN_ENUM, start);
    (*out)->symbol = tag;
    (*out)->child = argument;
    return NULL;
}

static Error *parse_parenthesised(Parser *p, AstPattern **out) {
    uint32_t start = p->token.start;
    TRY(parse_open(p));
    TRY(parse_alternatives(p, out));
    bool variant = (*out)->kind == PATTERN_ENUM && (*out)->child;
    if ((!variant && (*out)->kind != PATTERN_OR) || (*out)->alias)
        return error_hint(parse_error(p, start, p->previous.end, "these parentheses are not allowed in a pattern"),
                          "they go around alternatives (p or q) and around a tag with its argument ('Tag p)");
    return parse_close(p, TOKEN_RPAREN, "`)`");
}

// ---- records and arrays ---------------------------------------------------------------------------------------------

// `..` or `..rest`, the last thing in a pattern of either kind.
static Error *parse_rest(Parser *p, AstPattern *rest) {
    TRY(parse_advance(p));
    rest->rest = PATTERN_OPEN;
    if (p->token.kind != TOKEN_IDENT)
        return NULL;
    rest->rest = PATTERN_REST;
    rest->rest_name = p->token.symbol;
    bind(p, p->token.symbol, p->token.start, p->token.end);
    return parse_advance(p);
}

static Error *parse_field_pattern(Parser *p) {
    if (p->token.kind != TOKEN_IDENT)
        return parse_unexpected(p, "a field's name, `..` or `}`");
    AstFieldPattern field = {.name = p->token.symbol, .start = p->token.start, .end = p->token.end};
    TRY(parse_advance(p));
    vec_push(&p->names, (NameAt){field.name, field.start, field.end, (uint32_t)p->names.count, 0});
    Metadata metadata;
    TRY(parse_metadata(p, METADATA_TERM, &metadata));
    field.annotations = metadata.annotations;
    field.annotation_count = metadata.count;
    if (p->token.kind == TOKEN_QUESTION) {
        TRY(parse_advance(p));
        TRY(parse_term(p, &field.default_value));
    }
    if (p->token.kind == TOKEN_EQUALS) {
        TRY(parse_advance(p));
        TRY(parse_pattern(p, PATTERN_FULL, &field.pattern));
    } else {
        field.pattern = make_pattern(p, PATTERN_VAR, field.start);
        field.pattern->end = field.end;
        field.pattern->symbol = field.name;
        bind(p, field.name, field.start, field.end);
    }
    vec_push(&p->field_patterns, field);
    return NULL;
}

static Error *parse_record_pattern(Parser *p, AstPattern **out) {
    uint32_t start = p->token.start;
    size_t base = p->field_patterns.count, names = p->names.count;
    AstPattern rest = {.rest = PATTERN_CLOSED};
    TRY(parse_open(p));
    while (p->token.kind != TOKEN_RBRACE) {
        if (p->token.kind == TOKEN_ELLIPSIS) {
            TRY(parse_rest(p, &rest));
            break;
        }
        TRY(parse_field_pattern(p));
        if (p->token.kind != TOKEN_COMMA)
            break;
        TRY(parse_advance(p));
    }
    TRY(parse_close(p, TOKEN_RBRACE, rest.rest ? "`}`" : "`,` or `}`"));
    NameAt first, second;
    if (parse_duplicate(FROM(p->names, names), p->names.count - names, &first, &second))
        return parse_error(p, second.start, second.end,
                           "the field `%.*s` stands twice in this pattern: first on line %u",
                           STR_ARG(symbol_text(p->symbols, second.name)), source_line(p->file, first.start));
    p->names.count = names;
    *out = make_pattern(p, PATTERN_RECORD, start);
    (*out)->rest = rest.rest;
    (*out)->rest_name = rest.rest_name;
    (*out)->fields = TAKE(p, field_patterns, base, &(*out)->count);
    return NULL;
}

static Error *parse_array_pattern(Parser *p, AstPattern **out) {
    uint32_t start = p->token.start;
    size_t base = p->patterns.count;
    AstPattern rest = {.rest = PATTERN_CLOSED};
    TRY(parse_open(p));
    while (p->token.kind != TOKEN_RBRACKET) {
        if (p->token.kind == TOKEN_ELLIPSIS) {
            TRY(parse_rest(p, &rest));
            break;
        }
        AstPattern *item;
        TRY(parse_pattern(p, PATTERN_FULL, &item));
        vec_push(&p->patterns, item);
        if (p->token.kind != TOKEN_COMMA)
            break;
        TRY(parse_advance(p));
    }
    TRY(parse_close(p, TOKEN_RBRACKET, rest.rest ? "`]`" : "`,` or `]`"));
    *out = make_pattern(p, PATTERN_ARRAY, start);
    (*out)->rest = rest.rest;
    (*out)->rest_name = rest.rest_name;
    (*out)->items = TAKE(p, patterns, base, &(*out)->count);
    return NULL;
}

// ---- one pattern, and alternatives ----------------------------------------------------------------------------------

static Error *parse_data(Parser *p, PatternPlace place, AstPattern **out) {
    switch (p->token.kind) {
    case TOKEN_IDENT:
        return parse_variable(p, out);
    case TOKEN_LBRACE:
        return parse_record_pattern(p, out);
    case TOKEN_LBRACKET:
        return parse_array_pattern(p, out);
    case TOKEN_LPAREN:
        return parse_parenthesised(p, out);
    case TOKEN_TAG:
    case TOKEN_TAG_STRING:
        return parse_enum(p, place, out);
    case TOKEN_NULL:
    case TOKEN_TRUE:
    case TOKEN_FALSE:
    case TOKEN_NUMBER:
    case TOKEN_MINUS:
    case TOKEN_STRING:
        return parse_constant(p, out);
    case TOKEN_UNDERSCORE:
        TRY(parse_advance(p));
        *out = make_pattern(p, PATTERN_ANY, p->previous.start);
        return NULL;
    default:
        return parse_unexpected(p, "a pattern");
    }
}

// [name @] data
static Error *parse_one(Parser *p, PatternPlace place, AstPattern **out) {
    uint32_t start = p->token.start;
    TRY(parse_data(p, place, out));
    if (p->token.kind != TOKEN_AT || (*out)->kind != PATTERN_VAR)
        return NULL;
    Symbol alias = (*out)->symbol;
    TRY(parse_advance(p));
    TRY(parse_data(p, place, out));
    (*out)->alias = alias;
    (*out)->start = start;
    return NULL;
}

// Names from `from` up to `to` on p->bound, sorted, each once; returns how many.
static size_t unique_names(Parser *p, size_t from, size_t to) {
    NameAt *names = FROM(p->bound, from);
    parse_sort_names(names, to - from);
    size_t kept = 0;
    for (size_t i = 0; i < to - from; i++)
        if (kept == 0 || names[kept - 1].name != names[i].name)
            names[kept++] = names[i];
    return kept;
}

// Both ends are on p->bound: those of the first alternative, and those of the one just read.
static Error *check_same_names(Parser *p, size_t first, size_t first_count, size_t other) {
    size_t other_count = unique_names(p, other, p->bound.count);
    const NameAt *a = FROM(p->bound, first), *b = FROM(p->bound, other);
    for (size_t i = 0, j = 0; i < first_count || j < other_count; i++, j++) {
        const NameAt *odd = j == other_count || (i < first_count && a[i].name < b[j].name) ? &a[i] : &b[j];
        if (i < first_count && j < other_count && a[i].name == b[j].name)
            continue;
        return parse_error(p, odd->start, odd->end, "`%.*s` is not bound by every alternative of this pattern",
                           STR_ARG(symbol_text(p->symbols, odd->name)));
    }
    return NULL;
}

static Error *parse_alternatives(Parser *p, AstPattern **out) {
    uint32_t start = p->token.start;
    size_t base = p->patterns.count, bound = p->bound.count;
    bool more;
    TRY(parse_enter(p));
    TRY(parse_one(p, PATTERN_FULL, out));
    TRY(is_separator(p, &more));
    if (!more) {
        parse_leave(p);
        return NULL;
    }
    // An alias in front of the first names them all.
    Symbol alias = (*out)->alias;
    (*out)->alias = SYMBOL_NONE;
    if (alias)
        bound++;
    size_t first_count = unique_names(p, bound, p->bound.count);
    p->bound.count = bound + first_count;
    vec_push(&p->patterns, *out);
    while (more) {
        TRY(parse_advance(p));
        AstPattern *item;
        TRY(parse_one(p, PATTERN_FULL, &item));
        TRY(is_separator(p, &more));
        if (item->alias && more)
            return parse_unexpected(p, "parentheses around alternatives that are named with `@`");
        TRY(check_same_names(p, bound, first_count, bound + first_count));
        p->bound.count = bound + first_count;
        vec_push(&p->patterns, item);
    }
    *out = make_pattern(p, PATTERN_OR, start);
    (*out)->alias = alias;
    (*out)->items = TAKE(p, patterns, base, &(*out)->count);
    parse_leave(p);
    return NULL;
}

Error *parse_pattern(Parser *p, PatternPlace place, AstPattern **out) {
    if (place == PATTERN_FULL)
        return parse_alternatives(p, out);
    TRY(parse_enter(p));
    TRY(parse_one(p, place, out));
    parse_leave(p);
    return NULL;
}

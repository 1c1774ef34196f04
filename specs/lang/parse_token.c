// The parser's hands and mouth: stepping over tokens, remembering what is open, and saying what went wrong. A message
// names what is there and what was expected; where the file simply ends, it points at the delimiter that is still open
// instead, because that is where the person has to look.
#include "specs/lang/parse_impl.h"

#include <stdarg.h>
#include <stdlib.h>

void *parse_take(Parser *p, const void *items, size_t item_size, size_t *count, size_t base, uint32_t *count_out) {
    size_t taken = *count - base;
    *count = base;
    *count_out = (uint32_t)taken;
    return taken ? arena_dup(p->arena, (const char *)items + base * item_size, taken * item_size) : NULL;
}

// ---- errors ---------------------------------------------------------------------------------------------------------

Error *parse_error(Parser *p, uint32_t start, uint32_t end, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Str text = arena_vprintf(p->arena, fmt, ap);
    va_end(ap);
    return error_at(error_new(ERROR_INVALID, "%.*s", STR_ARG(text)), source_span(p->file, start, end));
}

static bool closes(TokenKind kind) {
    return kind == TOKEN_RBRACE || kind == TOKEN_RBRACKET || kind == TOKEN_RPAREN || kind == TOKEN_ENUM_CLOSE;
}

static TokenKind closing_of(TokenKind kind) {
    return kind == TOKEN_LBRACE     ? TOKEN_RBRACE
           : kind == TOKEN_LBRACKET ? TOKEN_RBRACKET
           : kind == TOKEN_LPAREN   ? TOKEN_RPAREN
                                    : TOKEN_ENUM_CLOSE;
}

// An interpolation is remembered as a TOKEN_STRING.
static Str open_text(const Parser *p, const Token *open) {
    return open->kind == TOKEN_STRING ? STR("%{") : str_slice(p->file->text, open->start, open->end);
}

static TokenKind wanted_closing(const Token *open) {
    return open->kind == TOKEN_STRING ? TOKEN_RBRACE : closing_of((TokenKind)open->kind);
}

static Error *unexpected_closing(Parser *p, const char *expected) {
    const Token *token = &p->token;
    const char *name = lex_kind_name((TokenKind)token->kind);
    if (p->open.count == 0)
        return parse_error(p, token->start, token->end, "unexpected %s: nothing is open here", name);
    const Token *open = &vec_last(&p->open);
    if (wanted_closing(open) == (TokenKind)token->kind)
        return parse_error(p, token->start, token->end, "unexpected %s: expected %s", name, expected);
    return parse_error(p, token->start, token->end, "unexpected %s: the `%.*s` of line %u is still open", name,
                       STR_ARG(open_text(p, open)), source_line(p->file, open->start));
}

// What probably happened, where the token tells.
static Error *add_hint(Parser *p, Error *error, const char *expected) {
    const Token *token = &p->token;
    if (token->kind == TOKEN_EQUALS && p->previous.kind == TOKEN_IDENT &&
        str_starts_with(str_from(expected), STR("`,`"))) {
        Str name = symbol_text(p->symbols, p->previous.symbol);
        return error_hint(error, "is a `,` missing in front of `%.*s`?", STR_ARG(name));
    }
    if (token->kind == TOKEN_FUN || token->kind == TOKEN_LET || token->kind == TOKEN_IF ||
        token->kind == TOKEN_IMPORT || token->kind == TOKEN_MATCH)
        return error_hint(error, "as an argument or operand it needs parentheses around it");
    if (p->open.count) {
        const Token *open = &vec_last(&p->open);
        uint32_t line = source_line(p->file, open->start);
        if (line != source_line(p->file, token->start))
            return error_hint(error, "the `%.*s` of line %u is still open", STR_ARG(open_text(p, open)), line);
    }
    return error;
}

Error *parse_unexpected(Parser *p, const char *expected) {
    const Token *token = &p->token;
    if (token->kind == TOKEN_END && p->open.count) {
        const Token *open = &vec_last(&p->open);
        return parse_error(p, open->start, open->end,
                           "this `%.*s` is never closed: the file ends where %s was expected",
                           STR_ARG(open_text(p, open)), expected);
    }
    if (token->kind == TOKEN_END)
        return parse_error(p, token->start, token->end, "the file ends where %s was expected", expected);
    if (closes((TokenKind)token->kind))
        return unexpected_closing(p, expected);
    Str found = lex_describe(p->arena, p->file, token);
    Error *error = parse_error(p, token->start, token->end, "unexpected %.*s: expected %s", STR_ARG(found), expected);
    return add_hint(p, error, expected);
}

Error *parse_not_a_name(Parser *p) {
    Error *error = parse_unexpected(p, "a field's name");
    bool keyword = p->token.kind >= TOKEN_DYN && p->token.kind < TOKEN_DEFAULT;
    return keyword ? error_hint(error, "this is a keyword: put the name in double quotes") : error;
}

// ---- tokens ---------------------------------------------------------------------------------------------------------

Error *parse_advance(Parser *p) {
    p->previous = p->token;
    return lex_next(&p->lexer, &p->token);
}

Error *parse_expect(Parser *p, TokenKind kind) {
    return p->token.kind == kind ? parse_advance(p) : parse_unexpected(p, lex_kind_name(kind));
}

Error *parse_open(Parser *p) {
    vec_push(&p->open, p->token);
    return parse_advance(p);
}

Error *parse_close(Parser *p, TokenKind kind, const char *wanted) {
    if (p->token.kind != kind)
        return parse_unexpected(p, wanted);
    (void)vec_pop(&p->open);
    return parse_advance(p);
}

bool parse_is_name(const Token *token) {
    return token->kind == TOKEN_IDENT || (token->kind >= TOKEN_DEFAULT && token->kind <= TOKEN_NOT_EXPORTED);
}

bool parse_starts_string(const Token *token) {
    return token->kind == TOKEN_STRING || token->kind == TOKEN_MULTILINE || token->kind == TOKEN_SYMBOLIC;
}

bool parse_starts_atom(const Token *token) {
    switch (token->kind) {
    case TOKEN_IDENT:
    case TOKEN_NUMBER:
    case TOKEN_NULL:
    case TOKEN_TRUE:
    case TOKEN_FALSE:
    case TOKEN_DYN:
    case TOKEN_NUMBER_TYPE:
    case TOKEN_BOOL_TYPE:
    case TOKEN_STRING_TYPE:
    case TOKEN_UNDERSCORE:
    case TOKEN_TAG:
    case TOKEN_TAG_STRING:
    case TOKEN_LBRACE:
    case TOKEN_LBRACKET:
    case TOKEN_LPAREN:
    case TOKEN_ENUM_OPEN:
        return true;
    default:
        return parse_starts_string(token);
    }
}

AstNode *parse_node(Parser *p, AstKind kind, uint32_t start) {
    AstNode *node = ARENA_NEW(p->arena, AstNode);
    node->kind = (uint8_t)kind;
    node->file = p->file->index;
    node->start = start;
    node->end = p->previous.end;
    return node;
}

// ---- nesting --------------------------------------------------------------------------------------------------------

static Error *too_deep(Parser *p) {
    return error_at(error_new(ERROR_LIMIT, "nested more than %d levels deep", PARSE_MAX_DEPTH),
                    source_span(p->file, p->token.start, p->token.end));
}

Error *parse_enter(Parser *p) {
    if (++p->depth > PARSE_MAX_DEPTH)
        return too_deep(p);
    if (p->depth > p->deepest)
        p->deepest = p->depth;
    return NULL;
}

void parse_leave(Parser *p) {
    p->depth--;
}

unsigned parse_measure(Parser *p) {
    unsigned outer = p->deepest;
    p->deepest = p->depth;
    return outer;
}

Error *parse_link(Parser *p) {
    return ++p->deepest > PARSE_MAX_DEPTH ? too_deep(p) : NULL;
}

void parse_measured(Parser *p, unsigned outer) {
    if (outer > p->deepest)
        p->deepest = outer;
}

// ---- duplicates -----------------------------------------------------------------------------------------------------

static int compare_names(const void *a, const void *b) {
    const NameAt *x = a, *y = b;
    if (x->name != y->name)
        return x->name < y->name ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

void parse_sort_names(NameAt *names, size_t count) {
    if (count > 1)
        qsort(names, count, sizeof *names, compare_names);
}

bool parse_duplicate(NameAt *names, size_t count, NameAt *first_out, NameAt *second_out) {
    bool found = false;
    parse_sort_names(names, count);
    for (size_t i = 1; i < count; i++) {
        if (names[i].name != names[i - 1].name || (found && second_out->index < names[i].index))
            continue;
        *first_out = names[i - 1];
        *second_out = names[i];
        found = true;
    }
    return found;
}

// Strings, tags and numbers. A multi-line string loses the indentation that all of its lines share, by the rules of the
// manual: blank lines do not count, a blank first and last line go, and an interpolation alone on its line remembers
// how far it was indented beyond the rest, for the lines of the value that will stand there.
#include "specs/lang/parse_impl.h"

// ---- indentation ----------------------------------------------------------------------------------------------------

static bool is_text(const AstChunk *chunk) {
    return chunk->node->kind == AST_STRING && !chunk->indent && chunk->node->flags == 0;
}

enum { INDENT_NONE = 0x7fffffff };

static uint32_t least_indent(const AstChunk *chunks, size_t count) {
    uint32_t least = INDENT_NONE, current = 0;
    bool line_start = true;
    for (size_t i = 0; i < count; i++) {
        bool text = is_text(&chunks[i]);
        Str s = text ? chunks[i].node->text : STR("%");
        for (size_t j = 0; j < s.len; j++) {
            char c = s.ptr[j];
            if (c == '\n' && text) {
                current = 0;
                line_start = true;
            } else if (line_start && (c == ' ' || c == '\t')) {
                current++;
            } else if (line_start) {
                least = current < least ? current : least;
                line_start = false;
            }
        }
    }
    return least;
}

typedef struct Strip {
    uint32_t least, current;
    bool line_start;
    AstChunk *alone; // the one interpolation on this line, which began it
} Strip;

static void strip_text(Strip *strip, Str text, Buf *out) {
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '\n') {
            strip->current = 0;
            strip->line_start = true;
            strip->alone = NULL;
        } else if (strip->line_start && (c == ' ' || c == '\t')) {
            if (strip->current++ < strip->least)
                continue;
        } else {
            strip->line_start = false;
        }
        buf_add_byte(out, c);
    }
}

static bool is_blank(Str s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] != ' ' && s.ptr[i] != '\t')
            return false;
    return true;
}

static void strip_expression(Strip *strip, AstChunk *chunk) {
    if (strip->line_start) {
        chunk->indent = strip->current - strip->least;
        strip->line_start = false;
        strip->alone = chunk;
    } else if (strip->alone) {
        strip->alone->indent = 0;
        strip->alone = NULL;
    }
}

void parse_strip_indent(Parser *p, AstChunk *chunks, size_t count) {
    Strip strip = {.least = least_indent(chunks, count), .line_start = true};
    AUTO_BUF Buf buf;
    buf_init(&buf, BUF_NO_LIMIT);
    for (size_t i = 0; i < count; i++) {
        if (!is_text(&chunks[i])) {
            strip_expression(&strip, &chunks[i]);
            continue;
        }
        buf_clear(&buf);
        strip_text(&strip, chunks[i].node->text, &buf);
        Str text = buf_str(&buf);
        ptrdiff_t first = i == 0 ? str_find_byte(text, '\n') : -1;
        if (first >= 0 && is_blank(str_slice(text, 0, (size_t)first)))
            text = str_slice(text, (size_t)first + 1, text.len);
        ptrdiff_t last = i == count - 1 ? str_rfind_byte(text, '\n') : -1;
        if (last >= 0 && is_blank(str_slice(text, (size_t)last + 1, text.len)))
            text = str_slice(text, 0, (size_t)last);
        chunks[i].node->text = arena_str(p->arena, text);
    }
}

// ---- strings --------------------------------------------------------------------------------------------------------

static Error *unclosed_string(Parser *p, const Token *opening) {
    Str delimiter = str_slice(p->file->text, opening->start, opening->end);
    Error *error = parse_error(p, opening->start, opening->end, "this string is never closed");
    if (opening->percents)
        return error_hint(error, "%.*s is closed by a quote and %u `%%`", STR_ARG(delimiter), opening->percents);
    return error;
}

static void push_text(Parser *p, Str text, uint32_t start) {
    AstNode *node = parse_node(p, AST_STRING, start);
    node->end = p->lexer.at;
    node->text = text;
    vec_push(&p->chunks, (AstChunk){node, 0});
}

// Behind `%{`: the expression up to, but not beyond, its `}`, so that the lexer stands on the string again.
static Error *push_interpolation(Parser *p) {
    Token mark = {.kind = TOKEN_STRING, .start = p->lexer.at - 2, .end = p->lexer.at};
    vec_push(&p->open, mark);
    TRY(parse_advance(p));
    AstNode *node;
    TRY(parse_term(p, &node));
    if (p->token.kind != TOKEN_RBRACE)
        return parse_unexpected(p, "`}`");
    (void)vec_pop(&p->open);
    node->flags |= AST_FLAG_PARENS; // tells it from text
    vec_push(&p->chunks, (AstChunk){node, 0});
    return NULL;
}

// All pieces of the string that p->token opens, onto p->chunks; leaves p->token as the whole string.
static Error *read_pieces(Parser *p, const Token *opening) {
    PieceEnd end = PIECE_INTERPOLATION;
    while (end == PIECE_INTERPOLATION) {
        uint32_t start = p->lexer.at;
        Str text;
        TRY(lex_string_piece(&p->lexer, p->arena, opening, &text, &end));
        if (text.len)
            push_text(p, text, start);
        if (end == PIECE_UNCLOSED)
            return unclosed_string(p, opening);
        if (end == PIECE_INTERPOLATION)
            TRY(push_interpolation(p));
    }
    p->token = *opening;
    p->token.end = p->lexer.at;
    return NULL;
}

Error *parse_string(Parser *p, AstNode **out) {
    Token opening = p->token;
    size_t base = p->chunks.count;
    TRY(read_pieces(p, &opening));
    AstChunk *chunks = FROM(p->chunks, base);
    size_t count = p->chunks.count - base;
    if (opening.percents && count)
        parse_strip_indent(p, chunks, count);
    bool symbolic = opening.kind == TOKEN_SYMBOLIC;
    bool fixed = !symbolic && (count == 0 || (count == 1 && is_text(&chunks[0])));
    Str text = count && fixed ? chunks[0].node->text : STR("");
    TRY(parse_advance(p));
    *out = parse_node(p, symbolic ? AST_SYMBOLIC : fixed ? AST_STRING : AST_CHUNKS, opening.start);
    if (fixed) {
        (*out)->text = text;
        p->chunks.count = base;
        return NULL;
    }
    (*out)->symbol = opening.symbol;
    (*out)->chunks.chunks = TAKE(p, chunks, base, &(*out)->chunks.count);
    return NULL;
}

Error *parse_static_string(Parser *p, const char *what, bool multiline, Str *out) {
    if (p->token.kind != TOKEN_STRING && (!multiline || p->token.kind != TOKEN_MULTILINE))
        return parse_unexpected(p, "a string");
    AstNode *node;
    TRY(parse_string(p, &node));
    if (node->kind != AST_STRING)
        return parse_error(p, node->start, node->end, "%s cannot contain an interpolation", what);
    *out = node->text;
    return NULL;
}

// ---- tags and numbers -----------------------------------------------------------------------------------------------

Error *parse_tag(Parser *p, Symbol *out) {
    Token token = p->token;
    if (token.kind == TOKEN_TAG) {
        *out = token.symbol;
        return parse_advance(p);
    }
    size_t base = p->chunks.count;
    TRY(read_pieces(p, &token));
    size_t count = p->chunks.count - base;
    if (count > 1 || (count == 1 && !is_text(&p->chunks.items[base])))
        return parse_error(p, token.start, p->token.end, "an enum tag cannot contain an interpolation");
    *out = symbol_intern(p->symbols, count ? p->chunks.items[base].node->text : STR(""));
    p->chunks.count = base;
    return parse_advance(p);
}

Error *parse_signed_number(Parser *p, Str *out) {
    bool negative = p->token.kind == TOKEN_MINUS;
    if (negative)
        TRY(parse_advance(p));
    if (p->token.kind != TOKEN_NUMBER)
        return parse_unexpected(p, "a number");
    Str digits = str_slice(p->file->text, p->token.start, p->token.end);
    *out = negative ? arena_printf(p->arena, "-%.*s", STR_ARG(digits)) : digits;
    return parse_advance(p);
}

// The text between the quotes. Most pieces have nothing to resolve and stay views of the file; a copy is made only
// from the first byte on that differs.
#include "base/utf8.h"
#include "specs/lang/lex.h"

static unsigned char peek(const Lexer *lexer, uint32_t at) {
    return at < lexer->file->text.len ? (unsigned char)lexer->file->text.ptr[at] : '\0';
}

static Error *piece_error(const Lexer *lexer, uint32_t start, uint32_t end, Error *error) {
    return error_at(error, source_span(lexer->file, start, end));
}

static int hex_value(unsigned char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static Error *bad_escape(const Lexer *lexer, uint32_t at) {
    uint32_t end = at + 1;
    Str text = lexer->file->text;
    if (end < text.len && text.ptr[end] != '\n' && text.ptr[end] != '\r')
        for (end++; end < text.len && ((unsigned char)text.ptr[end] & 0xC0) == 0x80;)
            end++;
    return piece_error(
        lexer, at, end,
        error_hint(
            error_new(ERROR_INVALID, "invalid escape sequence `%.*s` in a string", (int)(end - at), text.ptr + at),
            "known are \\\\ \\\" \\' \\%% \\n \\r \\t \\xHH \\u{H...}; a multi-line string m%%\"...\"%% "
            "takes every backslash as it is"));
}

// \xHH, at most 7F
static Error *escape_ascii(const Lexer *lexer, uint32_t at, uint32_t *code_out, uint32_t *end_out) {
    int high = hex_value(peek(lexer, at + 2)), low = high < 0 ? -1 : hex_value(peek(lexer, at + 3));
    if (high < 0 || low < 0)
        return bad_escape(lexer, at);
    *code_out = (uint32_t)(high * 16 + low);
    *end_out = at + 4;
    if (*code_out > 0x7F)
        return piece_error(lexer, at, *end_out,
                           error_hint(error_new(ERROR_INVALID, "invalid ASCII escape \\x%02x: above 7F", *code_out),
                                      "write \\u{%x} for the character of that number", *code_out));
    return NULL;
}

// \u{H...}: 1 to 6 digits
static Error *escape_unicode(const Lexer *lexer, uint32_t at, uint32_t *code_out, uint32_t *end_out) {
    uint32_t code = 0, i = at + 3;
    if (peek(lexer, at + 2) != '{')
        return bad_escape(lexer, at);
    for (; hex_value(peek(lexer, i)) >= 0 && i < at + 9; i++)
        code = code * 16 + (uint32_t)hex_value(peek(lexer, i));
    if (i == at + 3 || peek(lexer, i) != '}')
        return bad_escape(lexer, at);
    if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return piece_error(lexer, at, i + 1,
                           error_new(ERROR_INVALID, "invalid Unicode escape \\u{%x}: no such character", code));
    *code_out = code;
    *end_out = i + 1;
    return NULL;
}

static Error *resolve_escape(const Lexer *lexer, uint32_t at, uint32_t *code_out, uint32_t *end_out) {
    *end_out = at + 2;
    unsigned char c = peek(lexer, at + 1);
    switch (c) {
    case '\'':
    case '"':
    case '\\':
    case '%':
        *code_out = c;
        return NULL;
    case 'n':
        *code_out = '\n';
        return NULL;
    case 'r':
        *code_out = '\r';
        return NULL;
    case 't':
        *code_out = '\t';
        return NULL;
    case 'x':
        return escape_ascii(lexer, at, code_out, end_out);
    case 'u':
        return escape_unicode(lexer, at, code_out, end_out);
    default:
        return bad_escape(lexer, at);
    }
}

// At a quote in a multi-line string. Sets *len_out to the length of the closing delimiter, or to 0 when the quote is
// text.
static Error *closing_len(const Lexer *lexer, const Token *opening, uint32_t at, uint32_t *len_out) {
    uint32_t end = at + 1;
    while (peek(lexer, end) == '%')
        end++;
    uint32_t percents = end - at - 1;
    *len_out = percents == opening->percents && peek(lexer, end) != '{' ? end - at : 0;
    if (percents > opening->percents && peek(lexer, end) != '{')
        return piece_error(lexer, at, end,
                           error_hint(error_new(ERROR_INVALID,
                                                "string closing delimiter has too many `%%`: %u, but the string of "
                                                "line %u opens with %u",
                                                percents, source_line(lexer->file, opening->start), opening->percents),
                                      "open the string with more `%%` than any `\"%%` inside it has"));
    return NULL;
}

// At a '%': behind the last of the run, and whether an interpolation begins with it.
static bool opens_interpolation(const Lexer *lexer, uint32_t needed, uint32_t at, uint32_t *end_out) {
    uint32_t end = at;
    while (peek(lexer, end) == '%')
        end++;
    *end_out = end;
    return peek(lexer, end) == '{' && end - at >= needed;
}

static uint32_t find_special(Str text, uint32_t at, bool standard) {
    for (; at < text.len; at++) {
        char c = text.ptr[at];
        if (c == '"' || c == '%' || c == '\r' || (c == '\\' && standard))
            break;
    }
    return at;
}

// What a special byte at `at` does: ends the piece (*end_out, and *text_end_out where its text ends), or is text up to
// *next_out, which `code` replaces if it is not NO_CODE.
#define NO_CODE UINT32_MAX
typedef struct Special {
    bool ends;
    PieceEnd end;
    uint32_t text_end, next, code;
} Special;

static Error *at_special(const Lexer *lexer, const Token *opening, uint32_t at, Special *out) {
    bool standard = opening->percents == 0;
    uint32_t needed = standard ? 1 : opening->percents, end;
    *out = (Special){.next = at + 1, .code = NO_CODE};
    switch (peek(lexer, at)) {
    case '\\':
        return resolve_escape(lexer, at, &out->code, &out->next);
    case '\r':
        if (peek(lexer, at + 1) != '\n')
            return piece_error(lexer, at, at + 1,
                               error_new(ERROR_INVALID, "a carriage return without a line feed behind it"));
        out->code = '\n';
        out->next = at + 2;
        return NULL;
    case '%':
        if (opens_interpolation(lexer, needed, at, &end))
            *out = (Special){true, PIECE_INTERPOLATION, end - needed, end + 1, NO_CODE};
        else
            out->next = end;
        return NULL;
    default: // a quote
        end = 1;
        if (!standard)
            TRY(closing_len(lexer, opening, at, &end));
        if (end)
            *out = (Special){true, PIECE_CLOSED, at, at + end, NO_CODE};
        return NULL;
    }
}

Error *lex_string_piece(Lexer *lexer, Arena *arena, const Token *opening, Str *text_out, PieceEnd *end_out) {
    Str text = lexer->file->text;
    bool standard = opening->percents == 0;
    uint32_t len = (uint32_t)text.len, plain = lexer->at; // from plain on, nothing was resolved yet
    AUTO_BUF Buf copy;
    buf_init(&copy, BUF_NO_LIMIT);
    Special special = {.next = lexer->at};
    while (!special.ends) {
        uint32_t at = find_special(text, special.next, standard);
        if (at == len) {
            special = (Special){true, PIECE_UNCLOSED, len, len, NO_CODE};
            break;
        }
        TRY(at_special(lexer, opening, at, &special));
        if (special.code != NO_CODE) {
            buf_add_str(&copy, str_slice(text, plain, at));
            utf8_add(&copy, special.code);
            plain = special.next;
        }
    }
    Str rest = str_slice(text, plain, special.text_end);
    if (plain == lexer->at) {
        *text_out = rest;
    } else {
        buf_add_str(&copy, rest);
        *text_out = arena_str(arena, buf_str(&copy));
    }
    lexer->at = special.next;
    *end_out = special.end;
    return NULL;
}

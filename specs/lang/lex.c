// One pass by hand, longest match, no tables: every token is decided by its first one or two bytes. Names are interned
// here, so that nothing behind the lexer ever compares text. The text ends with a NUL that is not part of it, hence
// looking one byte ahead is always allowed.
#include "specs/lang/lex.h"

#include <stdlib.h>

static bool is_letter(unsigned char c) {
    return (unsigned char)((c | 0x20) - 'a') < 26;
}

static bool is_digit(unsigned char c) {
    return (unsigned char)(c - '0') < 10;
}

static bool is_hex(unsigned char c) {
    return is_digit(c) || (unsigned char)((c | 0x20) - 'a') < 6;
}

static bool is_word(unsigned char c) {
    return is_letter(c) || is_digit(c) || c == '_' || c == '-' || c == '\'';
}

void lexer_init(Lexer *lexer, const SourceFile *file, Symbols *symbols) {
    *lexer = (Lexer){.file = file, .symbols = symbols};
}

static Error *lex_error(const Lexer *lexer, uint32_t start, uint32_t end, Error *error) {
    return error_at(error, source_span(lexer->file, start, end));
}

// The byte at an offset, or NUL behind the end.
static unsigned char peek(const Lexer *lexer, uint32_t at) {
    return at < lexer->file->text.len ? (unsigned char)lexer->file->text.ptr[at] : '\0';
}

static Str text_between(const Lexer *lexer, uint32_t start, uint32_t end) {
    return str_slice(lexer->file->text, start, end);
}

// ---- white space and comments ---------------------------------------------------------------------------------------

static uint32_t line_end(Str text, uint32_t at) {
    const char *newline = memchr(text.ptr + at, '\n', text.len - at);
    return newline ? (uint32_t)(newline - text.ptr) : (uint32_t)text.len;
}

// Behind all white space and comments; stands on a lone '\r', which belongs to nothing.
static uint32_t skip_blank(const Lexer *lexer, uint32_t at) {
    Str text = lexer->file->text;
    for (;;) {
        unsigned char c = peek(lexer, at);
        if (c == ' ' || c == '\t' || c == '\n')
            at++;
        else if (c == '\r' && peek(lexer, at + 1) == '\n')
            at += 2;
        else if (c == '#')
            at = line_end(text, at);
        else
            return at;
    }
}

bool lex_comment(Str text, uint32_t *at, uint32_t end, Str *comment_out) {
    while (*at < end && text.ptr[*at] != '#')
        ++*at;
    if (*at >= end)
        return false;
    uint32_t start = *at;
    *at = line_end(text, start);
    uint32_t stop = *at;
    if (stop > start && text.ptr[stop - 1] == '\r')
        stop--;
    *comment_out = str_slice(text, start, stop);
    return true;
}

// ---- words ----------------------------------------------------------------------------------------------------------

static const struct {
    const char *text;
    uint8_t kind;
} keywords[] = {
    // Sorted by first byte: see keyword_kind.
    {"Array", TOKEN_ARRAY_TYPE}, {"Bool", TOKEN_BOOL_TYPE},     {"Dyn", TOKEN_DYN},
    {"Number", TOKEN_NUMBER_TYPE}, {"String", TOKEN_STRING_TYPE}, {"default", TOKEN_DEFAULT},
    {"doc", TOKEN_DOC},          {"else", TOKEN_ELSE},          {"false", TOKEN_FALSE},
    {"forall", TOKEN_FORALL},    {"force", TOKEN_FORCE},        {"fun", TOKEN_FUN},
    {"if", TOKEN_IF},            {"import", TOKEN_IMPORT},      {"in", TOKEN_IN},
    {"let", TOKEN_LET},          {"match", TOKEN_MATCH},        {"not_exported", TOKEN_NOT_EXPORTED},
    {"null", TOKEN_NULL},        {"optional", TOKEN_OPTIONAL},  {"priority", TOKEN_PRIORITY},
    {"rec", TOKEN_REC},          {"then", TOKEN_THEN},          {"true", TOKEN_TRUE},
};

static uint8_t keyword_kind(Str word) {
    if (word.len < 2 || word.len > 12)
        return TOKEN_IDENT;
    for (size_t i = 0; i < ARRAY_LEN(keywords); i++) {
        const char *keyword = keywords[i].text;
        if (keyword[0] > word.ptr[0])
            break;
        if (keyword[0] == word.ptr[0] && strncmp(keyword, word.ptr, word.len) == 0 && keyword[word.len] == '\0')
            return keywords[i].kind;
    }
    return TOKEN_IDENT;
}

// Behind a name that begins at `at`, or `at` itself when none does.
static uint32_t name_end(const Lexer *lexer, uint32_t at) {
    uint32_t start = at;
    while (peek(lexer, at) == '_')
        at++;
    if (!is_letter(peek(lexer, at)))
        return start;
    while (is_word(peek(lexer, at)))
        at++;
    return at;
}

// Number of '%' at `at`, when a quote follows them; else 0.
static uint32_t percents_before_quote(const Lexer *lexer, uint32_t at) {
    uint32_t end = at;
    while (peek(lexer, end) == '%')
        end++;
    return peek(lexer, end) == '"' ? end - at : 0;
}

static void lex_word(Lexer *lexer, Token *token) {
    uint32_t end = name_end(lexer, token->start);
    Str word = text_between(lexer, token->start, end);
    if (peek(lexer, end) == '%' && word.ptr[0] != '_') {
        bool multiline = word.len == 1 && word.ptr[0] == 'm';
        bool symbolic = word.len > 2 && str_ends_with(word, STR("-s"));
        uint32_t percents = multiline || symbolic ? percents_before_quote(lexer, end) : 0;
        if (percents) {
            token->kind = multiline ? TOKEN_MULTILINE : TOKEN_SYMBOLIC;
            token->percents = percents;
            token->end = end + percents + 1;
            if (symbolic)
                token->symbol = symbol_intern(lexer->symbols, str_slice(word, 0, word.len - 2));
            return;
        }
    }
    token->end = end;
    token->kind = keyword_kind(word);
    bool is_name = token->kind == TOKEN_IDENT || (token->kind >= TOKEN_DEFAULT && token->kind <= TOKEN_NOT_EXPORTED);
    if (is_name)
        token->symbol = symbol_intern(lexer->symbols, word);
}

// [0-9]* .? [0-9]+ ([eE][+-]?[0-9]+)? | 0x.. | 0o.. | 0b..
static void lex_number(Lexer *lexer, Token *token) {
    uint32_t at = token->start;
    token->kind = TOKEN_NUMBER;
    unsigned char base = peek(lexer, at + 1), digit = peek(lexer, at + 2);
    if (peek(lexer, at) == '0' && ((base == 'x' && is_hex(digit)) || (base == 'o' && digit >= '0' && digit <= '7') ||
                                   (base == 'b' && (digit == '0' || digit == '1')))) {
        unsigned char last = base == 'o' ? '7' : '1';
        at += 2;
        while (base == 'x' ? is_hex(peek(lexer, at)) : peek(lexer, at) >= '0' && peek(lexer, at) <= last)
            at++;
        token->end = at;
        return;
    }
    while (is_digit(peek(lexer, at)))
        at++;
    if (peek(lexer, at) == '.' && is_digit(peek(lexer, at + 1)))
        for (at++; is_digit(peek(lexer, at));)
            at++;
    if ((peek(lexer, at) | 0x20) == 'e') {
        uint32_t exponent = at + 1;
        if (peek(lexer, exponent) == '+' || peek(lexer, exponent) == '-')
            exponent++;
        if (is_digit(peek(lexer, exponent)))
            for (at = exponent; is_digit(peek(lexer, at));)
                at++;
    }
    token->end = at;
}

// 'tag and '"
static Error *lex_tag(Lexer *lexer, Token *token) {
    uint32_t start = token->start + 1;
    if (peek(lexer, start) == '"') {
        token->kind = TOKEN_TAG_STRING;
        token->end = start + 1;
        return NULL;
    }
    uint32_t end = name_end(lexer, start);
    if (end == start)
        return lex_error(lexer, token->start, start,
                         error_hint(error_new(ERROR_INVALID, "a tag's name is missing behind this `'`"),
                                    "a tag is written 'Name; strings have double quotes"));
    if (end == start + 1 && peek(lexer, start) == 'm' && percents_before_quote(lexer, end))
        return lex_error(lexer, token->start, end,
                         error_hint(error_new(ERROR_INVALID, "a multi-line string cannot be a tag"),
                                    "write '\"...\" for a tag with unusual characters"));
    token->kind = TOKEN_TAG;
    token->end = end;
    token->symbol = symbol_intern(lexer->symbols, text_between(lexer, start, end));
    return NULL;
}

// ---- primitive operations -------------------------------------------------------------------------------------------

// Name, and how many arguments must stand behind it. Sorted.
static const struct {
    const char *name;
    uint8_t arity;
} primops[] = {
    {"array/at", 2}, {"array/generate", 1}, {"array/length", 1}, {"array/map", 1}, {"array/slice", 3}, {"blame", 1},
    {"cast", 1}, {"contract/apply", 2}, {"contract/array_lazy_apply", 2}, {"contract/check", 2},
    {"contract/custom", 1}, {"contract/record_lazy_apply", 2}, {"deep_seq", 1}, {"deserialize", 2}, {"enum/embed", 2},
    {"enum/from_string", 1}, {"enum/get_arg", 1}, {"enum/get_tag", 1}, {"enum/is_variant", 1},
    {"enum/make_variant", 1}, {"force", 1}, {"hash", 2}, {"label/append_note", 2}, {"label/flip_polarity", 1},
    {"label/go_array", 1}, {"label/go_codom", 1}, {"label/go_dict", 1}, {"label/go_dom", 1}, {"label/go_field", 2},
    {"label/insert_type_variable", 3}, {"label/lookup_type_variable", 2}, {"label/polarity", 1},
    {"label/push_diag", 1}, {"label/with_message", 2}, {"label/with_notes", 2}, {"number/arccos", 1},
    {"number/arcsin", 1}, {"number/arctan", 1}, {"number/arctan2", 2}, {"number/cos", 1}, {"number/from_string", 1},
    {"number/log", 2}, {"number/sin", 1}, {"number/tan", 1}, {"pow", 2}, {"record/disjoint_merge", 2},
    {"record/empty_with_tail", 1}, {"record/field_is_defined", 2}, {"record/field_is_defined_with_opts", 2},
    {"record/fields", 1}, {"record/fields_with_opts", 1}, {"record/freeze", 1}, {"record/has_field", 2},
    {"record/has_field_with_opts", 2}, {"record/insert", 2}, {"record/insert_with_opts", 2}, {"record/map", 1},
    {"record/merge_contract", 3}, {"record/remove", 2}, {"record/remove_with_opts", 2}, {"record/seal_tail", 4},
    {"record/split_pair", 2}, {"record/unseal_tail", 3}, {"record/values", 1}, {"seal", 2}, {"seq", 1},
    {"serialize", 2}, {"string/base64_decode", 2}, {"string/base64_encode", 2}, {"string/chars", 1},
    {"string/compare", 2}, {"string/contains", 2}, {"string/find", 1}, {"string/find_all", 1},
    {"string/is_match", 1}, {"string/length", 1}, {"string/lowercase", 1}, {"string/replace", 3},
    {"string/replace_regex", 3}, {"string/split", 2}, {"string/substr", 3}, {"string/trim", 1},
    {"string/uppercase", 1}, {"to_string", 1}, {"trace", 1}, {"typeof", 1}, {"unseal", 2},
};

// `%name%` when that is a primitive operation; otherwise the sign stands alone and means modulo.
static bool lex_primop(Lexer *lexer, Token *token) {
    uint32_t at = token->start + 1;
    while (is_letter(peek(lexer, at)) || is_digit(peek(lexer, at)) || peek(lexer, at) == '_' || peek(lexer, at) == '/')
        at++;
    if (peek(lexer, at) != '%' || at == token->start + 1)
        return false;
    Str name = text_between(lexer, token->start + 1, at);
    size_t low = 0, high = ARRAY_LEN(primops);
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_compare(name, str_from(primops[middle].name));
        if (order == 0) {
            token->kind = TOKEN_PRIMOP;
            token->arity = primops[middle].arity;
            token->symbol = symbol_intern(lexer->symbols, name);
            token->end = at + 1;
            return true;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

// ---- signs ----------------------------------------------------------------------------------------------------------

// The sign that begins with these two bytes; *len_out is 1 or 2. TOKEN_COUNT when there is none.
static TokenKind sign_kind(unsigned char first, unsigned char second, uint32_t *len_out) {
#define TWO(byte, kind)                                                                                                \
    if (second == (byte)) {                                                                                            \
        *len_out = 2;                                                                                                  \
        return (kind);                                                                                                 \
    }
    *len_out = 1;
    switch (first) {
    case '?': return TOKEN_QUESTION;
    case ',': return TOKEN_COMMA;
    case ';': return TOKEN_SEMICOLON;
    case ':': return TOKEN_COLON;
    case '$': return TOKEN_DOLLAR;
    case '_': return TOKEN_UNDERSCORE;
    case '{': return TOKEN_LBRACE;
    case '}': return TOKEN_RBRACE;
    case ']': return TOKEN_RBRACKET;
    case '(': return TOKEN_LPAREN;
    case ')': return TOKEN_RPAREN;
    case '*': return TOKEN_TIMES;
    case '/': return TOKEN_DIV;
    case '%': return TOKEN_PERCENT;
    case '@': return TOKEN_AT;
    case '"': return TOKEN_STRING;
    case '=': TWO('=', TOKEN_EQ) TWO('>', TOKEN_FAT_ARROW) return TOKEN_EQUALS;
    case '!': TWO('=', TOKEN_NE) return TOKEN_NOT;
    case '&': TWO('&', TOKEN_AND) return TOKEN_AMPERSAND;
    case '|': TWO('|', TOKEN_OR) TWO('>', TOKEN_APPLY) TWO(']', TOKEN_ENUM_CLOSE) return TOKEN_PIPE;
    case '[': TWO('|', TOKEN_ENUM_OPEN) return TOKEN_LBRACKET;
    case '.': TWO('.', TOKEN_ELLIPSIS) return TOKEN_DOT;
    case '+': TWO('+', TOKEN_CONCAT) return TOKEN_PLUS;
    case '-': TWO('>', TOKEN_ARROW) return TOKEN_MINUS;
    case '<': TWO('=', TOKEN_LE) return TOKEN_LT;
    case '>': TWO('=', TOKEN_GE) return TOKEN_GT;
    default: return TOKEN_COUNT;
    }
#undef TWO
}

static Error *stray_byte(const Lexer *lexer, uint32_t at) {
    Str text = lexer->file->text;
    unsigned char c = (unsigned char)text.ptr[at];
    uint32_t end = at + 1;
    while (end < text.len && ((unsigned char)text.ptr[end] & 0xC0) == 0x80)
        end++;
    if (c == '\r')
        return lex_error(lexer, at, end,
                         error_hint(error_new(ERROR_INVALID, "a carriage return without a line feed behind it"),
                                    "save the file with Unix line endings"));
    if (c < 0x20 || c == 0x7F)
        return lex_error(lexer, at, end, error_new(ERROR_INVALID, "unexpected control character 0x%02x", c));
    return lex_error(lexer, at, end,
                     error_new(ERROR_INVALID, "unexpected character `%.*s`", (int)(end - at), text.ptr + at));
}

Error *lex_next(Lexer *lexer, Token *out) {
    uint32_t start = skip_blank(lexer, lexer->at);
    Token token = {.lead = lexer->at, .start = start, .end = start};
    unsigned char c = peek(lexer, start), next = peek(lexer, start + 1);
    if (start >= lexer->file->text.len) {
        token.kind = TOKEN_END;
    } else if (is_letter(c) || (c == '_' && name_end(lexer, start) != start)) {
        lex_word(lexer, &token);
    } else if (is_digit(c) || (c == '.' && is_digit(next))) {
        lex_number(lexer, &token);
    } else if (c == '\'') {
        TRY(lex_tag(lexer, &token));
    } else if (c != '%' || !lex_primop(lexer, &token)) {
        uint32_t len;
        token.kind = (uint8_t)sign_kind(c, next, &len);
        if (token.kind == TOKEN_COUNT)
            return stray_byte(lexer, start);
        token.end = start + len;
    }
    lexer->at = token.end;
    *out = token;
    return NULL;
}

// ---- names of tokens ------------------------------------------------------------------------------------------------

static const char *const kind_names[TOKEN_COUNT] = {
    [TOKEN_END] = "the end of the file",
    [TOKEN_IDENT] = "an identifier",
    [TOKEN_NUMBER] = "a number",
    [TOKEN_TAG] = "an enum tag",
    [TOKEN_TAG_STRING] = "an enum tag",
    [TOKEN_STRING] = "a string",
    [TOKEN_MULTILINE] = "a multi-line string",
    [TOKEN_SYMBOLIC] = "a symbolic string",
    [TOKEN_PRIMOP] = "a primitive operation",
    [TOKEN_QUESTION] = "`?`",
    [TOKEN_COMMA] = "`,`",
    [TOKEN_SEMICOLON] = "`;`",
    [TOKEN_COLON] = "`:`",
    [TOKEN_DOLLAR] = "`$`",
    [TOKEN_EQUALS] = "`=`",
    [TOKEN_DOT] = "`.`",
    [TOKEN_ELLIPSIS] = "`..`",
    [TOKEN_PIPE] = "`|`",
    [TOKEN_UNDERSCORE] = "`_`",
    [TOKEN_FAT_ARROW] = "`=>`",
    [TOKEN_LBRACE] = "`{`",
    [TOKEN_RBRACE] = "`}`",
    [TOKEN_LBRACKET] = "`[`",
    [TOKEN_RBRACKET] = "`]`",
    [TOKEN_LPAREN] = "`(`",
    [TOKEN_RPAREN] = "`)`",
    [TOKEN_ENUM_OPEN] = "`[|`",
    [TOKEN_ENUM_CLOSE] = "`|]`",
    [TOKEN_ARROW] = "`->`",
    [TOKEN_PLUS] = "`+`",
    [TOKEN_MINUS] = "`-`",
    [TOKEN_TIMES] = "`*`",
    [TOKEN_DIV] = "`/`",
    [TOKEN_PERCENT] = "`%`",
    [TOKEN_CONCAT] = "`++`",
    [TOKEN_AT] = "`@`",
    [TOKEN_EQ] = "`==`",
    [TOKEN_NE] = "`!=`",
    [TOKEN_LT] = "`<`",
    [TOKEN_LE] = "`<=`",
    [TOKEN_GT] = "`>`",
    [TOKEN_GE] = "`>=`",
    [TOKEN_AND] = "`&&`",
    [TOKEN_OR] = "`||`",
    [TOKEN_NOT] = "`!`",
    [TOKEN_AMPERSAND] = "`&`",
    [TOKEN_APPLY] = "`|>`",
    [TOKEN_DYN] = "`Dyn`",
    [TOKEN_NUMBER_TYPE] = "`Number`",
    [TOKEN_BOOL_TYPE] = "`Bool`",
    [TOKEN_STRING_TYPE] = "`String`",
    [TOKEN_ARRAY_TYPE] = "`Array`",
    [TOKEN_IF] = "`if`",
    [TOKEN_THEN] = "`then`",
    [TOKEN_ELSE] = "`else`",
    [TOKEN_FORALL] = "`forall`",
    [TOKEN_IN] = "`in`",
    [TOKEN_LET] = "`let`",
    [TOKEN_REC] = "`rec`",
    [TOKEN_MATCH] = "`match`",
    [TOKEN_NULL] = "`null`",
    [TOKEN_TRUE] = "`true`",
    [TOKEN_FALSE] = "`false`",
    [TOKEN_FUN] = "`fun`",
    [TOKEN_IMPORT] = "`import`",
    [TOKEN_DEFAULT] = "`default`",
    [TOKEN_DOC] = "`doc`",
    [TOKEN_OPTIONAL] = "`optional`",
    [TOKEN_PRIORITY] = "`priority`",
    [TOKEN_FORCE] = "`force`",
    [TOKEN_NOT_EXPORTED] = "`not_exported`",
};

const char *lex_kind_name(TokenKind kind) {
    return kind_names[kind];
}

enum { DESCRIBE_MAX = 60 };

Str lex_describe(Arena *arena, const SourceFile *file, const Token *token) {
    Str text = str_slice(file->text, token->start, token->end);
    const char *what = token->kind == TOKEN_IDENT    ? "identifier "
                       : token->kind == TOKEN_NUMBER ? "number "
                       : token->kind == TOKEN_TAG    ? "enum tag "
                                                     : "";
    if ((*what || token->kind == TOKEN_PRIMOP) && text.len <= DESCRIBE_MAX)
        return arena_printf(arena, "%s`%.*s`", what, STR_ARG(text));
    Str name = str_from(kind_names[token->kind]);
    size_t article = str_starts_with(name, STR("a ")) ? 2 : str_starts_with(name, STR("an ")) ? 3 : 0;
    return str_slice(name, article, name.len);
}

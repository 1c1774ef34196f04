// Tokens of a Nickel text. Normal tokens come from lex_next; when one opens a string, the parser reads its pieces with
// lex_string_piece and goes on with lex_next behind the closing delimiter. So the parser's own recursion is the stack
// of modes that interpolation needs.
//
// Comments and white space are not tokens: they are the bytes from a token's `lead` up to its `start` (lex_comment
// walks them), which is all that a formatter needs to keep them.
#ifndef SPECS_LANG_LEX_H
#define SPECS_LANG_LEX_H

#include "specs/lang/source.h"

typedef enum TokenKind {
    TOKEN_END,   // of the file
    TOKEN_IDENT, // symbol; also `or`, `as`, `include`, which are words only in places
    TOKEN_NUMBER,
    TOKEN_TAG,        // 'tag: symbol
    TOKEN_TAG_STRING, // '" : opens a standard string that is a tag
    TOKEN_STRING,     // " : opens a standard string
    TOKEN_MULTILINE,  // m%" : opens; percents
    TOKEN_SYMBOLIC,   // nix-s%" : opens; percents; symbol is the prefix
    TOKEN_PRIMOP,     // %typeof% : symbol is the name between the percent signs; arity
    // Keywords
    TOKEN_DYN,
    TOKEN_NUMBER_TYPE,
    TOKEN_BOOL_TYPE,
    TOKEN_STRING_TYPE,
    TOKEN_ARRAY_TYPE,
    TOKEN_IF,
    TOKEN_THEN,
    TOKEN_ELSE,
    TOKEN_FORALL,
    TOKEN_IN,
    TOKEN_LET,
    TOKEN_REC,
    TOKEN_MATCH,
    TOKEN_NULL,
    TOKEN_TRUE,
    TOKEN_FALSE,
    TOKEN_FUN,
    TOKEN_IMPORT,
    // Keywords that are also names of fields: symbol
    TOKEN_DEFAULT,
    TOKEN_DOC,
    TOKEN_OPTIONAL,
    TOKEN_PRIORITY,
    TOKEN_FORCE,
    TOKEN_NOT_EXPORTED,
    // Signs
    TOKEN_QUESTION,
    TOKEN_COMMA,
    TOKEN_SEMICOLON,
    TOKEN_COLON,
    TOKEN_DOLLAR,
    TOKEN_EQUALS,
    TOKEN_DOT,
    TOKEN_ELLIPSIS,
    TOKEN_PIPE,
    TOKEN_UNDERSCORE,
    TOKEN_FAT_ARROW,
    TOKEN_LBRACE,
    TOKEN_RBRACE,
    TOKEN_LBRACKET,
    TOKEN_RBRACKET,
    TOKEN_LPAREN,
    TOKEN_RPAREN,
    TOKEN_ENUM_OPEN,
    TOKEN_ENUM_CLOSE,
    // Operators
    TOKEN_ARROW,
    TOKEN_PLUS,
    TOKEN_MINUS,
    TOKEN_TIMES,
    TOKEN_DIV,
    TOKEN_PERCENT,
    TOKEN_CONCAT,
    TOKEN_AT,
    TOKEN_EQ,
    TOKEN_NE,
    TOKEN_LT,
    TOKEN_LE,
    TOKEN_GT,
    TOKEN_GE,
    TOKEN_AND,
    TOKEN_OR,
    TOKEN_NOT,
    TOKEN_AMPERSAND,
    TOKEN_APPLY,
    TOKEN_COUNT
} TokenKind;

typedef struct Token {
    uint8_t kind;              // TokenKind
    uint8_t arity;             // of a primop
    uint32_t percents;         // of a multi-line or symbolic string
    uint32_t lead, start, end; // white space and comments from lead up to start, the token from start up to end
    Symbol symbol;
} Token;

// Plain data: a copy is a place to come back to.
typedef struct Lexer {
    const SourceFile *file;
    Symbols *symbols;
    uint32_t at;
} Lexer;

// The file has passed source_check.
void lexer_init(Lexer *lexer, const SourceFile *file, Symbols *symbols);
MUST_CHECK Error *lex_next(Lexer *lexer, Token *out);

typedef enum PieceEnd { PIECE_CLOSED, PIECE_INTERPOLATION, PIECE_UNCLOSED } PieceEnd;

// Reads text from where the lexer stands up to the closing delimiter or the next `%{`, and stands behind it.
// percents 0 is a standard string, whose escapes are resolved; else a multi-line one of that many, raw. \r\n becomes
// \n. *text_out points into the file, or into arena when it had to be changed. `opening` is the token that opened the
// string.
MUST_CHECK Error *lex_string_piece(Lexer *lexer, Arena *arena, const Token *opening, Str *text_out, PieceEnd *end_out);

// The next comment between *at and end (which hold nothing but white space and comments, as a token's lead does),
// from `#` up to its end of line; moves *at behind it. False when there is none left.
bool lex_comment(Str text, uint32_t *at, uint32_t end, Str *comment_out);

// What a token is called in a message: "`then`", "identifier `x`", "string".
Str lex_describe(Arena *arena, const SourceFile *file, const Token *token);
// The same of a kind alone, for what was expected: "`=`", "an identifier".
const char *lex_kind_name(TokenKind kind);

#endif

// What the parser's files share; nobody else includes it.
//
// Every parse_X stands on the first token of an X and leaves standing on the first token behind it. Lists of unknown
// length grow on shared stacks (Parser.nodes and the like) and are copied to the arena when they are complete.
#ifndef SPECS_LANG_PARSE_IMPL_H
#define SPECS_LANG_PARSE_IMPL_H

#include "base/vec.h"
#include "specs/lang/lex.h"
#include "specs/lang/parse.h"

typedef struct NameAt { // for finding duplicates
    Symbol name;
    uint32_t start, end;
    uint32_t index; // order of appearance
    uint8_t tag;
} NameAt;

typedef struct PathPart {
    Symbol name;      // SYMBOL_NONE when dynamic
    AstNode *dynamic; // AST_CHUNKS
    uint32_t start, end;
} PathPart;

typedef struct Parser {
    Arena *arena;
    Symbols *symbols;
    const SourceFile *file;
    Lexer lexer;
    Token token, previous;   // the one to look at, and the one before it
    unsigned depth, deepest; // nesting now, and the deepest that the construct being measured has reached
    struct {
        Symbol or_word, as_word, include_word, embed;
    } words;
    VEC(Token) open; // delimiters that wait for their closing one
    VEC(AstNode *) nodes;
    VEC(AstChunk) chunks;
    VEC(AstBinding) bindings;
    VEC(AstBranch) branches;
    VEC(AstField) fields;
    VEC(AstRow) rows;
    VEC(AstAnnotation) annotations;
    VEC(AstPattern *) patterns;
    VEC(AstFieldPattern) field_patterns;
    VEC(PathPart) path;
    VEC(Symbol) symbols_found;
    VEC(NameAt) bound; // variables that the patterns being parsed bind, in order
    VEC(NameAt) names;
} Parser;

// Moves what a stack holds from `base` up to the arena; the stack shrinks back to base.
#define TAKE(p, stack, base, count_out)                                                                                \
    parse_take((p), (p)->stack.items, sizeof *(p)->stack.items, &(p)->stack.count, (base), (count_out))
void *parse_take(Parser *p, const void *items, size_t item_size, size_t *count, size_t base, uint32_t *count_out);

// What a stack holds from `base` on; NULL when it never held anything.
#define FROM(stack, base) ((stack).items ? (stack).items + (base) : NULL)

// ---- tokens and errors ----

MUST_CHECK Error *parse_advance(Parser *p);
// Steps over a token of this kind, or says that it was expected.
MUST_CHECK Error *parse_expect(Parser *p, TokenKind kind);
// Opening and closing delimiters. `wanted` says what may stand there, the closing one included: "`,` or `}`".
MUST_CHECK Error *parse_open(Parser *p);
MUST_CHECK Error *parse_close(Parser *p, TokenKind kind, const char *wanted);
// "unexpected T: expected E", or what is better said about it. Never NULL.
Error *parse_unexpected(Parser *p, const char *expected) __attribute__((returns_nonnull));
Error *parse_not_a_name(Parser *p) __attribute__((returns_nonnull)); // where a field's name was expected
Error *parse_error(Parser *p, uint32_t start, uint32_t end, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull));

// Around everything that nests.
MUST_CHECK Error *parse_enter(Parser *p);
void parse_leave(Parser *p);
// Around a chain that grows upward, such as a.b.c: what it stands on is already parsed, so each link pushes that one
// deeper. parse_measure begins; parse_link counts one; parse_measured ends.
unsigned parse_measure(Parser *p);
MUST_CHECK Error *parse_link(Parser *p);
void parse_measured(Parser *p, unsigned outer);

AstNode *parse_node(Parser *p, AstKind kind, uint32_t start) __attribute__((returns_nonnull)); // ends at p->previous
bool parse_is_name(const Token *token);       // an identifier or a metadata keyword
bool parse_starts_string(const Token *token); // of any of the three kinds
bool parse_starts_atom(const Token *token);

// ---- the grammar ----

MUST_CHECK Error *parse_term(Parser *p, AstNode **out);
MUST_CHECK Error *parse_type(Parser *p, AstNode **out); // behind `:` or `|`
MUST_CHECK Error *parse_atom(Parser *p, AstNode **out);
// An atom in the place of a type: a constant is refused.
MUST_CHECK Error *parse_type_atom(Parser *p, AstNode **out);

typedef enum MetadataKind { METADATA_TERM, METADATA_LET, METADATA_FIELD } MetadataKind;
typedef struct Metadata {
    AstAnnotation *annotations;
    uint16_t count;
    bool optional, not_exported;
    uint8_t priority;
    Str priority_text, doc;
    bool has_static, is_plain; // a `:` is there; nothing but one `:` is there
    uint32_t static_start, static_end;
} Metadata;
// What follows in `: T`, `| T`, and where allowed `| doc ".."`, `| default` and so on; perhaps nothing.
MUST_CHECK Error *parse_metadata(Parser *p, MetadataKind kind, Metadata *out);

MUST_CHECK Error *parse_record(Parser *p, AstNode **out);    // at `{`: record, record type or dictionary type
MUST_CHECK Error *parse_enum_type(Parser *p, AstNode **out); // at `[|`
MUST_CHECK Error *parse_string(Parser *p, AstNode **out);    // AST_STRING, AST_CHUNKS or AST_SYMBOLIC
MUST_CHECK Error *parse_static_string(Parser *p, const char *what, bool multiline, Str *out);
MUST_CHECK Error *parse_tag(Parser *p, Symbol *out); // 'tag or '"tag"
MUST_CHECK Error *parse_signed_number(Parser *p, Str *out);
void parse_strip_indent(Parser *p, AstChunk *chunks, size_t count);

// PATTERN_ARGUMENT: a function's parameter, where variants and alternatives need parentheses.
typedef enum PatternPlace { PATTERN_FULL, PATTERN_ARGUMENT, PATTERN_VARIANT } PatternPlace;
// Appends the variables that it binds to p->bound.
MUST_CHECK Error *parse_pattern(Parser *p, PatternPlace place, AstPattern **out);
bool parse_starts_pattern(const Token *token);

// The first name that stands twice among those from `base` on, by order of the second; sorts them. False if none.
bool parse_duplicate(NameAt *names, size_t count, NameAt *first_out, NameAt *second_out);
void parse_sort_names(NameAt *names, size_t count);

#endif

// From a file's text to its syntax tree. Reports the first error with its place. Bounded: SOURCE_MAX_BYTES of text,
// PARSE_MAX_DEPTH of nesting (ERROR_LIMIT), so no text can exhaust the C stack here or in a walk over the tree.
#ifndef SPECS_LANG_PARSE_H
#define SPECS_LANG_PARSE_H

#include "specs/lang/ast.h"
#include "specs/lang/source.h"

enum { PARSE_MAX_DEPTH = 1000 };

// Tree, and what it points to, in arena: at most PARSE_MEMORY_FACTOR bytes for each byte of text; ERROR_LIMIT when the
// arena's budget may not suffice. Texts without escapes point into the file, which must outlive the tree.
//
// The tree is at most PARSE_MAX_DEPTH deep, not counting these chains, which may be as long as the file: a let's body,
// the else of an if, the left side of operators (AST_BINARY's pair.left; a |> counts).
enum { PARSE_MEMORY_FACTOR = 160 };
MUST_CHECK Error *parse_file(Arena *arena, Symbols *symbols, const SourceFile *file, AstNode **out);

#endif

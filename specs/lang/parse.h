// From a file's text to its syntax tree. Reports the first error with its place. Bounded: SOURCE_MAX_BYTES of text,
// PARSE_MAX_DEPTH of nesting (ERROR_LIMIT), so no text can exhaust the C stack here or in a walk over the tree.
#ifndef SPECS_LANG_PARSE_H
#define SPECS_LANG_PARSE_H

#include "specs/lang/ast.h"

enum { SOURCE_MAX_BYTES = 64 * 1024 * 1024, PARSE_MAX_DEPTH = 2000 };

// Tree, and what it points to, in arena. The file must outlive it. Chains are counted by their nesting in the tree: a
// let's body, the arms of if/else-if and the left side of operators may be as long as the file.
MUST_CHECK Error *parse_file(Arena *arena, Symbols *symbols, const SourceFile *file, AstNode **out);

#endif

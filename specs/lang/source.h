// A file's text: what may be parsed at all, and from byte offsets to lines and columns.
#ifndef SPECS_LANG_SOURCE_H
#define SPECS_LANG_SOURCE_H

#include "specs/lang/ast.h"

enum { SOURCE_MAX_BYTES = 16 * 1024 * 1024 };

// ERROR_LIMIT above SOURCE_MAX_BYTES; ERROR_INVALID, with its place, unless the text is UTF-8.
MUST_CHECK Error *source_check(const SourceFile *file);

// The place of the bytes from start up to end, for error_at. Costs a pass over the text before it: for errors and for
// the few places that are shown, not for every node.
SourceSpan source_span(const SourceFile *file, uint32_t start, uint32_t end);
// Line of a byte, from 1.
uint32_t source_line(const SourceFile *file, uint32_t offset);

#endif

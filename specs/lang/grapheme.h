// Characters as people count them: a code point with what combines with it (extended grapheme clusters, UAX 29). The
// table holds the combining marks of the common scripts and emoji, not of all of Unicode.
#ifndef SPECS_LANG_GRAPHEME_H
#define SPECS_LANG_GRAPHEME_H

#include "base/str.h"

// The text is UTF-8. End of the cluster that starts at `at` (< len).
size_t grapheme_end(Str text, size_t at);
// Whether a cluster ends, and another begins, at this byte.
bool grapheme_border(Str text, size_t at);
// The code point at `at` and its length in bytes.
size_t grapheme_decode(Str text, size_t at, uint32_t *out);

#endif

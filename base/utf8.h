// UTF-8 (RFC 3629): strict, one character at a time.
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/buf.h"
#include "base/str.h"

// Length of the first character and its code point; 0 when the text is empty or does not begin with a valid one
// (overlong forms, surrogates and what is above U+10FFFF are not valid).
size_t utf8_decode(Str text, uint32_t *point_out);
// point must be valid: at most U+10FFFF, no surrogate.
void utf8_add(Buf *out, uint32_t point);
// Number of characters; a byte that is part of none counts as one.
size_t utf8_count(Str text);
// Bytes before the first that is part of no valid character: text.len when all is valid.
size_t utf8_valid_len(Str text);
bool utf8_is_valid(Str text);

#endif

// A command line taken apart into words, as a POSIX shell's quoting says, without any expansion.
#ifndef SPECS_WORDS_H
#define SPECS_WORDS_H

#include "base/arena.h"
#include "base/error.h"

// Blanks and newlines separate words; '...' and "..." quote; a backslash takes the next character as it is (inside
// "..." only before $ ` " \ and a newline); a backslash before a newline vanishes with it; # begins a comment where a
// word could begin. Nothing else is special: $, *, ; and | stand for themselves. Source: POSIX.1-2017, Shell Command
// Language, 2.2. ERROR_INVALID for a quote that is not closed or a backslash at the end. Words live in the arena.
MUST_CHECK Error *words_split(Arena *arena, Str text, StrSlice *out);

#endif

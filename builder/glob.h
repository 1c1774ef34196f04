// Globs that name the files of an output: the dialect of upstream's tool, matched in time linear in the path.
//
// A glob is matched against a whole relative path, byte for byte and case-sensitive; a leading dot is not special.
//   *  any run without '/'      ?  one byte, not '/'       [a-z] [!a-z] [^a-z]  one byte of a set, never '/'
//   ** as a whole component     any number of components: a/** all below a, **/x at any depth (also none), a/**/b
//   ** beside other characters  the same as *
//   {a,b{c,d},}                 one of these; may be empty, may nest
//   \x                          x itself
// A path never begins with '/', so a glob that does matches nothing.
#ifndef BUILDER_GLOB_H
#define BUILDER_GLOB_H

#include "base/arena.h"
#include "base/error.h"

enum { GLOB_LEN_MAX = 4096, GLOB_NESTING_MAX = 16 };

typedef struct Glob Glob;

// ERROR_INVALID with the offset of what is wrong, ERROR_LIMIT past the caps. The result lives in the arena; it is
// immutable and may be used by any number of threads.
MUST_CHECK Error *glob_compile(Arena *arena, Str pattern, const Glob **out);
bool glob_match(const Glob *glob, Str path);

#endif

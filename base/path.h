// Paths as text: joining, cleaning, and asking what a path is, without touching the file system.
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include "base/arena.h"

// a + "/" + b, without doubling the slash; an absolute b stands alone.
Str path_join(Arena *arena, Str a, Str b);
// Resolves ".", ".." and doubled slashes by text. ".." above the root of an absolute path is dropped; a relative path
// keeps the leading ".." that it cannot resolve; the empty result is ".".
Str path_clean(Arena *arena, Str path);
Str path_dir(Str path);  // "." when there is none; "/" for "/x"
Str path_base(Str path); // behind the last slash
// Relative, no empty, "." or ".." component, no NUL, components of at most 255 bytes: safe to use below a directory.
bool path_is_safe_relative(Str path);
// Whether path is dir itself or below it, by whole components; both clean.
bool path_is_within(Str path, Str dir);

#endif

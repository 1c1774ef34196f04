// Where minimal keeps what it writes. Source: the XDG Base Directory Specification, 0.8.
#ifndef BUILDER_PATHS_H
#define BUILDER_PATHS_H

#include "base/arena.h"
#include "base/error.h"

typedef struct Paths {
    const char *cache; // what can be made again: store, downloads, checkouts
    const char *state; // what cannot, or is for people: logs, task state
    const char *store; // <cache>/store
    const char *logs;  // <state>/logs
} Paths;

// All absolute, in the arena; nothing is made. With `minimal_dir` (may be NULL; relative to the current directory)
// everything lies below it; else in $XDG_CACHE_HOME/minimal or ~/.cache/minimal, and $XDG_STATE_HOME/minimal or
// ~/.local/state/minimal. As the specification says, a relative XDG value counts as unset. ERROR_NOT_FOUND without a
// home, ERROR_DENIED when root would write below another user's home.
MUST_CHECK Error *paths_resolve(Arena *arena, const char *minimal_dir, Paths *out);

#endif

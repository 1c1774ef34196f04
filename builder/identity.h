// Keys: names for results, known before (spec key) and shortly before (build key) anything is built.
//
// SHA-256 over an injective encoding: every string and list is framed by its length, every key begins with a version
// tag. docs/identity.md writes the encoding down byte by byte; tests/plan/keys.py reads that page and computes the same
// keys on its own. What can affect a result is in; attrs, tests, comments, places, URLs, mirrors and cost are not.
#ifndef BUILDER_IDENTITY_H
#define BUILDER_IDENTITY_H

#include "builder/graph.h"

// A package's own fields, without its dependencies: appended to out.
void identity_own_fields(const Package *package, Buf *out);

typedef struct SpecKeys SpecKeys;

// Keys of every component of the graph; in the arena.
const SpecKeys *spec_keys_new(Arena *arena, const Graph *graph) __attribute__((returns_nonnull));
// K(C).
Hash spec_keys_component(const SpecKeys *keys, uint32_t component);
Hash spec_key(const SpecKeys *keys, Slot slot);

// One tree of a composed root.
typedef struct RootTree {
    uint32_t step; // of the plan that the root belongs to
    Str package;   // the member's name, also in stage 0
    Str output;
    Hash tree;
} RootTree;

// The trees in the root's order, then the package's own fields and the sandbox's version. Of the trees' names only the
// rank in the package's `prefer` counts.
Hash build_key(const Package *package, const RootTree *trees, size_t count);

#endif

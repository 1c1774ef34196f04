// Composing a root: the trees of a closure become the layers of a box, and what they disagree about is found before.
//
// The check reads manifests, never files, and once per closure: its verdict is kept in a small file named after the
// closure, so the next box of the same closure costs one read. docs/sandbox.md has the rules.
#ifndef BUILDER_COMPOSE_H
#define BUILDER_COMPOSE_H

#include "builder/root.h"
#include "sandbox/sandbox.h"

// Overlayfs takes 500 lower layers; the box's own skeleton is one. What is beyond is merged into one tree.
#define COMPOSE_LAYERS_MAX 499

typedef struct ComposeTree {
    RootSource source;
    Hash tree;
} ComposeTree;

typedef struct ComposeRequest {
    const ComposeTree *trees; // in the root's order; the first wins
    size_t count;
    StrSlice prefer;          // packages whose files win, in order
    const char *verdicts_dir; // absolute; made when absent
} ComposeRequest;

typedef struct Composed {
    const SandboxLayer *layers; // paths relative to the store's descriptor
    size_t count;
    StrSlice warnings; // conflicts between packages of legacy layers
} Composed;

// The layers of a box that holds the trees. ERROR_CONFLICT names the path and both packages; ERROR_NOT_FOUND when a
// tree is gone from the store. The result is in the arena.
MUST_CHECK Error *compose(Store *store, const ComposeRequest *request, Arena *arena, Composed *out);

// The same trees in the order in which they stand in the root: those of preferred packages first, no tree twice.
const ComposeTree *compose_order(const ComposeRequest *request, Arena *arena, size_t *count_out);

// Refuses a tree in which a name that the box itself links (bin, sbin, lib, lib64, usr/lib64) is a directory.
MUST_CHECK Error *compose_check_names(const Root *root);

#endif

// The chain of layers that a project stands on, and the specs that each of them holds.
#ifndef SPECS_LAYERS_H
#define SPECS_LAYERS_H

#include "specs/project.h"

enum { LAYERS_MAX = 64 };

typedef struct LayerEntry {
    Project project;
    Params params; // with the values that a sideload gives
} LayerEntry;

typedef struct Layers {
    LayerEntry items[LAYERS_MAX]; // root upstream first, the project's own layer last
    size_t count;
} Layers;

// From the layer at `dir` (as `stamps` takes it) along [upstream]: root upstream first, then its users, each behind
// its own sideloads in their order. ERROR_CONFLICT when a layer stands on itself or appears twice, ERROR_NOT_FOUND
// for a directory that is none, ERROR_LIMIT beyond LAYERS_MAX; else as project_read.
MUST_CHECK Error *layers_chain(Stamps *stamps, Arena *arena, Str dir, Layers *out);

// Paths of the layer's specs, sorted: packages/NAME/build.ncl, also packages/P/NAME/build.ncl where P has one
// character, or two of letters, digits, '_' and '-'; stacks/NAME/stack.ncl and harnesses/NAME/harness.ncl. Symlinks
// to directories are passed over.
MUST_CHECK Error *layers_scan(Stamps *stamps, Arena *arena, Str dir, StrSlice *packages_out, StrSlice *harnesses_out);

#endif

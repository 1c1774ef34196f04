// Closures: which outputs of which packages a root holds, in which order, and who brought them.
//
// Order is declared order, depth first: a dependency stands before what it needs at run time, that before the next
// dependency; the first mention decides the place. Asking twice unites the outputs; asking for the whole wins. What a
// dependency needed for its own build never enters. Nothing here recurses.
#ifndef BUILDER_CLOSURE_H
#define BUILDER_CLOSURE_H

#include "builder/graph.h"

#define CLOSURE_DECLARED UINT32_MAX

typedef struct ClosureEntry {
    Slot slot;
    bool whole;                   // every output
    StrSlice outputs;             // sorted by name; of the whole: every output of slot_spec
    uint32_t via;                 // index of the entry that brought it first, or CLOSURE_DECLARED
    EdgeKind kind;                // of the edge that brought it first
    const Dependency *dependency; // the same edge's; NULL: implied by needs.internet, or asked for by the caller
} ClosureEntry;

typedef struct Closure {
    const ClosureEntry *items;
    size_t count;
} Closure;

// What a caller asks for: all of a package's artifact, or some outputs of it.
typedef struct ClosureRequest {
    PackageIndex package;
    bool is_subset;
    StrSlice outputs; // of a subset: sorted, no duplicates
} ClosureRequest;

// All three fail with ERROR_CONFLICT when one root would hold two artifacts of one name (both chains in the message),
// and the last one with ERROR_NOT_FOUND for an output that is not there. Results live in `arena`.

// The root in which the slot is built; empty when it runs nothing.
MUST_CHECK Error *closure_build_root(const Graph *graph, Slot slot, Arena *arena, Closure *out);
// The part of that root that the package's own runtime dependencies bring: what a result is tied to.
MUST_CHECK Error *closure_references(const Graph *graph, Slot slot, Arena *arena, Closure *out);
// One root that holds the slot's outputs and what they need at run time; the slot itself is the first entry.
MUST_CHECK Error *closure_runtime_of(const Graph *graph, Slot slot, Arena *arena, Closure *out);
// The same for several packages' artifacts together: a task's root, a test's root.
MUST_CHECK Error *closure_runtime(const Graph *graph, const ClosureRequest *requests, size_t count, Arena *arena,
                                  Closure *out);

#endif

// The graph of packages: who needs whom to build and to run, which of them form cycles, and how a cycle is built.
//
// Nodes are the packages that the requested ones can reach. Edges are build dependencies, runtime dependencies, and one
// implied kind: a package that declares `needs.internet` needs every package marked `needed_for_internet` at run time
// (so each root that holds the one holds the others). A strongly connected component over these edges is keyed and
// built as one. docs/identity.md has the rules with their reasons; here in short:
//
// A component with a build edge inside is *staged*. Each member exists in stages 0, 1 and 2. Stage 0 is the member's
// breaker (`replace_on_cycle`), or, where it has none, a build with what stage 0 holds. A build of stage N > 0 sees the
// members in stage N - 1, at run time a member of stage N goes with members of stage N. The last stage is the artifact:
// nothing that a breaker gave is in the root that it was built in. All other components have the one stage 1.
//
// All data is plain, lives in the arena that was given, and is not changed after graph_new: any thread may read it.
#ifndef BUILDER_GRAPH_H
#define BUILDER_GRAPH_H

#include "specs/package.h"

typedef enum EdgeKind {
    EDGE_BUILD,    // in build_deps
    EDGE_RUNTIME,  // in runtime_deps
    EDGE_INTERNET, // implied by needs.internet; acts as a runtime edge
} EdgeKind;

typedef struct Edge {
    PackageIndex to;
    EdgeKind kind;
    const Dependency *dependency; // as declared; NULL for EDGE_INTERNET, which means the whole package
} Edge;

#define COMPONENT_NONE UINT32_MAX

typedef struct GraphNode {
    const Edge *edges; // build edges in order of the spec, then runtime edges, then internet edges
    uint32_t edge_count;
    uint32_t build_count;  // how many of them are build edges
    uint32_t component;    // COMPONENT_NONE: not reached
    bool runs;             // its build runs commands in a root; false for prebuilt packages and pure collections
    StrSlice output_names; // sorted
    // Equal for two packages exactly when a cycle of runtime and internet edges joins them; the second is about stage
    // 0, in which breakers stand for their packages.
    uint32_t runtime_cycle, breaker_cycle;
    uint32_t name_id; // equal for packages of the same name
} GraphNode;

enum { STAGE_BREAKER = 0, STAGE_ONLY = 1, STAGE_LAST = 2 };

typedef struct Component {
    PackageIndex *members; // sorted by name
    size_t count;
    bool staged;        // there is a build edge inside
    uint8_t last_stage; // STAGE_LAST when staged, else STAGE_ONLY
} Component;

typedef struct Graph {
    Arena *arena;
    const PackageSet *set;
    GraphNode *nodes; // by PackageIndex
    Component *components;
    size_t component_count; // what a component (or a breaker of it) needs stands before it
} Graph;

// Errors, ERROR_INVALID with the place and the cycle written out: a cycle of build edges that no breaker breaks; a
// breaker that leads back to the cycle it is to break by way of a package outside of it; a breaker without an output
// that somebody on the cycle asks of its package. A dependency on an output that its package does not have is
// ERROR_NOT_FOUND. `roots` are indices into the set. With `with_tests` all that tests of reached packages depend on is
// reached too (as a root: tests make no edges, and no key depends on them).
MUST_CHECK Error *graph_new(Arena *arena, const PackageSet *set, const PackageIndex *roots, size_t root_count,
                            bool with_tests, Graph **out);
static inline bool graph_has(const Graph *graph, PackageIndex package) {
    return graph->nodes[package].component != COMPONENT_NONE;
}

// A package in a stage of its component.
typedef struct Slot {
    PackageIndex member;
    uint8_t stage;
} Slot;

static inline bool slot_eq(Slot a, Slot b) {
    return a.member == b.member && a.stage == b.stage;
}
// The artifact itself.
Slot slot_last(const Graph *graph, PackageIndex package);
// Whose fields, outputs and edges count in this slot: the breaker's in stage 0 where there is one, else the member's.
PackageIndex slot_package(const Graph *graph, Slot slot);
const Package *slot_spec(const Graph *graph, Slot slot);
// The slot at the other end of an edge of slot_package: as the build of `from` sees it, and as it goes with `from` at
// run time.
Slot slot_at_build(const Graph *graph, Slot from, const Edge *edge);
Slot slot_at_run(const Graph *graph, Slot from, const Edge *edge);
// Whether the build of `from` has the edge's target in its root: all build edges, and the package's own runtime edges,
// but for those that would have to be built in the same stage and are on a runtime cycle with it: neither could be
// first. False for what does not run.
bool edge_in_root(const Graph *graph, Slot from, const Edge *edge);

#endif

// A root as data: the union of several trees, by their manifests, without touching a file.
//
// Trees are added in order and the first that holds a path wins, as overlayfs does it. What two trees disagree about is
// reported as they are added. Lookups follow links as the kernel would inside the box.
#ifndef BUILDER_ROOT_H
#define BUILDER_ROOT_H

#include "store/store.h"

// Whose tree it is.
typedef struct RootSource {
    Str package, output;
    bool legacy;   // of a layer in which different files are only warned about
    bool prebuilt; // not built from source here
} RootSource;

typedef enum RootKind { ROOT_DIR, ROOT_FILE, ROOT_EXEC, ROOT_LINK } RootKind;

typedef struct RootNode {
    Str path; // relative, clean
    RootKind kind;
    Str link_target;
    Hash sha256;
    const RootSource *source; // who brought it first; NULL: the box itself
} RootNode;

typedef enum RootClash {
    ROOT_CLASH_CONTENT,   // two files, or two links, that differ; or a file and a link
    ROOT_CLASH_DIRECTORY, // a directory here, something else there
} RootClash;

typedef struct RootConflict {
    Str path;
    RootClash clash;
    const RootSource *first, *second;
} RootConflict;

typedef Error *(*RootConflictFn)(void *context, const RootConflict *conflict);

typedef struct Root Root;

Root *root_new(Arena *arena) __attribute__((returns_nonnull)); // lives, with all nodes, in the arena
void root_release(Root *root);                                 // its table, which does not; NULL is fine
void root_cleanup(Root **root);
#define AUTO_ROOT __attribute__((cleanup(root_cleanup)))

// `on_conflict` may be NULL: then the first silently wins. Its error ends the adding and is returned. The entries'
// strings and the source must outlive the root.
MUST_CHECK Error *root_add(Root *root, const TreeEntry *entries, size_t count, const RootSource *source,
                           RootConflictFn on_conflict, void *context);
// What every box has beside its layers; lies over them.
void root_add_skeleton(Root *root);

const RootNode *root_get(const Root *root, Str path); // without following links; NULL when absent

typedef enum RootFound {
    ROOT_FOUND,   // *node_out; NULL for what lies below a directory that the box fills itself, as /proc
    ROOT_MISSING, // *missing_out is the path that is not there
    ROOT_LEAVES,  // ".." above the root
    ROOT_LOOP,    // more than 40 links
} RootFound;

// Follows `path`, absolute or seen from the directory `from` (relative to the root, clean, "" for the root).
RootFound root_follow(const Root *root, Str from, Str path, Arena *arena, const RootNode **node_out, Str *missing_out);
// The first file (or link) whose last component is `name`, in order of adding; NULL when there is none.
const RootNode *root_find_name(const Root *root, Str name);

#endif

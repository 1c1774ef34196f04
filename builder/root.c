// The union of manifests that composing, output checks and error messages ask about.
// Invariant: when a path is in the table, each of its parents is there as a directory.
#include "builder/root.h"
#include "base/map.h"
#include "base/path.h"
#include "sandbox/sandbox.h"

#include <stdlib.h>

enum { LINKS_MAX = 40, FOLLOW_LEN_MAX = 64 * 1024 }; // MAXSYMLINKS of the kernel

struct Root {
    Arena *arena;
    Map nodes;
};

Root *root_new(Arena *arena) {
    Root *root = ARENA_NEW(arena, Root);
    root->arena = arena;
    return root;
}

void root_release(Root *root) {
    if (root)
        map_release(&root->nodes);
}

void root_cleanup(Root **root) {
    root_release(*root);
    *root = NULL;
}

const RootNode *root_get(const Root *root, Str path) {
    return map_get(&root->nodes, path);
}

static void put(Root *root, RootNode node) {
    map_put(&root->nodes, node.path, arena_dup(root->arena, &node, sizeof node));
}

static RootKind kind_of(TreeEntryKind kind) {
    return kind == TREE_FILE ? ROOT_FILE : kind == TREE_EXEC ? ROOT_EXEC : ROOT_LINK;
}

static Error *clash(RootConflictFn on_conflict, void *context, const RootNode *old, RootClash kind,
                    const RootSource *source) {
    if (!on_conflict || !old->source)
        return NULL;
    RootConflict conflict = {old->path, kind, old->source, source};
    return on_conflict(context, &conflict);
}

// The parents of a path, nearest first: once one is there as a directory, all above it are.
static Error *add_parents(Root *root, Str path, const RootSource *source, RootConflictFn on_conflict, void *context,
                          bool *blocked_out) {
    *blocked_out = false;
    for (ptrdiff_t slash; (slash = str_rfind_byte(path, '/')) > 0;) {
        path = str_slice(path, 0, (size_t)slash);
        const RootNode *old = root_get(root, path);
        if (!old) {
            put(root, (RootNode){.path = path, .kind = ROOT_DIR, .source = source});
            continue;
        }
        if (old->kind == ROOT_DIR)
            return NULL;
        *blocked_out = true;
        return clash(on_conflict, context, old, ROOT_CLASH_DIRECTORY, source);
    }
    return NULL;
}

Error *root_add(Root *root, const TreeEntry *entries, size_t count, const RootSource *source,
                RootConflictFn on_conflict, void *context) {
    for (size_t i = 0; i < count; i++) {
        const TreeEntry *entry = &entries[i];
        const RootNode *old = root_get(root, entry->path);
        if (!old) {
            bool blocked;
            TRY(add_parents(root, entry->path, source, on_conflict, context, &blocked));
            if (!blocked)
                put(root, (RootNode){entry->path, kind_of(entry->kind), entry->link_target, entry->sha256, source});
            continue;
        }
        if (old->kind == ROOT_DIR)
            TRY(clash(on_conflict, context, old, ROOT_CLASH_DIRECTORY, source));
        else if (old->kind != kind_of(entry->kind) || !str_eq(old->link_target, entry->link_target) ||
                 (old->kind != ROOT_LINK && !hash_eq(old->sha256, entry->sha256)))
            TRY(clash(on_conflict, context, old, ROOT_CLASH_CONTENT, source));
    }
    return NULL;
}

void root_add_skeleton(Root *root) {
    size_t count;
    const SkeletonEntry *entries = sandbox_base_skeleton(&count);
    for (size_t i = 0; i < count; i++) {
        Str path = str_from(entries[i].path + 1);
        const RootNode *old = root_get(root, path);
        bool blocked;
        if (entries[i].kind == SKELETON_DIR && old && old->kind == ROOT_DIR)
            continue;
        error_free(add_parents(root, path, NULL, NULL, NULL, &blocked));
        RootNode node = {.path = path, .kind = ROOT_DIR};
        if (entries[i].kind == SKELETON_LINK) {
            node.kind = ROOT_LINK;
            node.link_target = str_from(entries[i].text);
        } else if (entries[i].kind == SKELETON_FILE) {
            node.kind = ROOT_FILE;
        }
        if (!blocked)
            put(root, node);
    }
}

// Directories whose contents no manifest knows.
static bool box_fills(Str path) {
    static const char *const dirs[] = {"proc", "dev", "sys", "run", "tmp", "state", "build"};
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        if (path_is_within(path, str_from(dirs[i])))
            return true;
    return false;
}

// Where following stands: `at` is resolved, `rest` is still to be walked.
typedef struct Walk {
    const Root *root;
    Arena *arena;
    Str at;
    Str rest;
    unsigned links;
} Walk;

static RootFound walk_link(Walk *walk, const RootNode *link) {
    if (++walk->links > LINKS_MAX || link->link_target.len + walk->rest.len > FOLLOW_LEN_MAX)
        return ROOT_LOOP;
    walk->rest = walk->rest.ptr
                     ? arena_printf(walk->arena, "%.*s/%.*s", STR_ARG(link->link_target), STR_ARG(walk->rest))
                     : link->link_target;
    if (link->link_target.len && link->link_target.ptr[0] == '/')
        walk->at = STR("");
    return ROOT_FOUND;
}

static RootFound walk_component(Walk *walk, Str name, const RootNode **node_out, Str *missing_out) {
    if (name.len == 0 || str_is(name, "."))
        return ROOT_FOUND;
    if (str_is(name, "..")) {
        if (walk->at.len == 0)
            return ROOT_LEAVES;
        ptrdiff_t slash = str_rfind_byte(walk->at, '/');
        walk->at = str_slice(walk->at, 0, slash > 0 ? (size_t)slash : 0);
        *node_out = root_get(walk->root, walk->at);
        return ROOT_FOUND;
    }
    Str path = path_join(walk->arena, walk->at, name);
    const RootNode *node = root_get(walk->root, path);
    bool goes_on = walk->rest.ptr != NULL;
    if (!node && box_fills(path)) {
        walk->at = path;
        *node_out = NULL;
        return ROOT_FOUND;
    }
    if (!node || (goes_on && node->kind != ROOT_DIR && node->kind != ROOT_LINK)) {
        *missing_out = path;
        return ROOT_MISSING;
    }
    if (node->kind == ROOT_LINK)
        return walk_link(walk, node);
    walk->at = path;
    *node_out = node;
    return ROOT_FOUND;
}

RootFound root_follow(const Root *root, Str from, Str path, Arena *arena, const RootNode **node_out, Str *missing_out) {
    Walk walk = {.root = root, .arena = arena, .at = from, .rest = path};
    *node_out = NULL;
    if (path.len && path.ptr[0] == '/')
        walk.at = STR("");
    Str name;
    while (str_cut(&walk.rest, '/', &name)) {
        RootFound found = walk_component(&walk, name, node_out, missing_out);
        if (found != ROOT_FOUND)
            return found;
    }
    return ROOT_FOUND;
}

const RootNode *root_find_name(const Root *root, Str name) {
    for (size_t i = 0; i < root->nodes.count; i++) {
        const RootNode *node = root->nodes.entries[i].value;
        if (node->kind != ROOT_DIR && str_eq(path_base(node->path), name))
            return node;
    }
    return NULL;
}

// The manifest of a tree: what is accepted is exactly what would be written for it, and is safe to mount.
#include "base/path.h"
#include "store/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static Error *check_directory(void *context, Str path, size_t at) {
    const Tree *tree = context;
    BUG_UNLESS(path_is_safe_relative(path) && at < tree->count && str_starts_with(tree->entries[at].path, path));
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_BUF Buf again;
    buf_init(&again, BUF_NO_LIMIT);
    Str bytes = {(const char *)data, size};
    Tree tree;
    AUTO_ERROR Error *error = tree_decode(bytes, arena, &tree);
    if (error)
        return 0;
    tree_encode(tree.entries, tree.count, &again);
    BUG_UNLESS(str_eq(buf_str(&again), bytes) && hash_eq(tree.hash, hash_bytes(bytes)));
    for (size_t i = 0; i < tree.count; i++)
        BUG_UNLESS(path_is_safe_relative(tree.entries[i].path));
    AUTO_ERROR Error *second = tree_each_directory(tree.entries, tree.count, check_directory, &tree);
    BUG_UNLESS(!second);
    return 0;
}

// The manifest of a tree: its canonical bytes, whose SHA-256 is the tree's hash. docs/formats/tree.md has it byte by
// byte. Pure: no file is touched here.
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "store/store.h"

// Caps, each tested at the limit and one above.
enum {
    TREE_ENTRIES_MAX = 1 << 20,
    TREE_PATH_MAX = 4095, // PATH_MAX without its NUL: every path can be handed to one system call
    TREE_MANIFEST_MAX = 256 * 1024 * 1024,
};
#define TREE_SIZE_MAX (UINT64_C(64) << 30) // of all files together

// What an object's files and directories look like on disk, the same for every user of every machine.
enum { TREE_MODE_FILE = 0444, TREE_MODE_EXEC = 0555, TREE_MODE_DIRECTORY = 0755 };
#define TREE_MTIME_S 315619200 // 1980-01-02 00:00:00 UTC: zip refuses dates before 1980

// Entries must be sorted and valid (tree_check).
void tree_encode(const TreeEntry *entries, size_t count, Buf *out);
// The strict inverse: what tree_encode gave, and nothing else, is accepted (ERROR_INVALID). Paths and targets are
// views into `bytes`; the entries are in arena. Sets all of *out, the hash too.
MUST_CHECK Error *tree_decode(Str bytes, Arena *arena, Tree *out);
// Sorted without a path twice, every path safe and within the caps, no entry below one that is no directory.
MUST_CHECK Error *tree_check(const TreeEntry *entries, size_t count);
// For qsort: by path.
int tree_entry_compare(const void *a, const void *b);

// Calls visit with each directory that the entries imply (never the root), parents first. `at` is the index of the
// first entry below it.
typedef Error *(*TreeDirectoryFn)(void *context, Str path, size_t at);
MUST_CHECK Error *tree_each_directory(const TreeEntry *entries, size_t count, TreeDirectoryFn visit, void *context);

#endif

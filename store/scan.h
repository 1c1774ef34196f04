// What is in a directory tree, sorted by path, without following a link.
#ifndef STORE_SCAN_H
#define STORE_SCAN_H

#include "store/tree.h"

#include <sys/stat.h>

typedef struct Scan {
    TreeEntry *entries; // kind is TREE_FILE for every file, size and hash are not set; paths end with NUL
    size_t count;
    size_t directories; // walked below the root, empty ones too
} Scan;

// All in arena. Fifos, sockets and devices that the filter (NULL: all) wants are ERROR_INVALID with their path.
MUST_CHECK Error *scan_tree(int root, TreeFilter filter, void *context, Arena *arena, Scan *out);
// A regular file of it, for reading; one that its owner may not read is made readable first.
MUST_CHECK Error *scan_open_file(int root, const char *path, int *fd_out, struct stat *st_out);

#endif

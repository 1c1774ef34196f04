// Makes files, directories and links below one directory, and can make nothing anywhere else.
//
// Paths are what name_resolve() gave, but are not trusted: each thing is made by openat2(2) beneath the directory,
// through no link, never over what is there. Links are recorded and made last, so that nothing is written through one.
#ifndef CACHE_WORKER_TREE_WRITER_H
#define CACHE_WORKER_TREE_WRITER_H

#include "base/error.h"

typedef struct TreeWriter TreeWriter;

typedef struct TreeWriterLimits {
    uint64_t size_max;   // bytes of all files, holes and copies counted
    uint64_t things_max; // files, links, directories
    size_t text_max;     // bytes of the names and texts of links and directories, which are kept in memory
} TreeWriterLimits;

// dirfd is borrowed. Nothing here is called again after an error.
TreeWriter *tree_writer_new(int dirfd, TreeWriterLimits limits);
void tree_writer_free(TreeWriter *writer); // NULL is fine

MUST_CHECK Error *tree_writer_directory(TreeWriter *writer, Str path);
// A file is begun, gets its bytes in any order, and is ended; the next thing comes after that. mtime in seconds,
// clamped to [1, 2^32 - 1].
MUST_CHECK Error *tree_writer_file_begin(TreeWriter *writer, Str path, bool executable, int64_t mtime_s);
MUST_CHECK Error *tree_writer_file_data(TreeWriter *writer, const void *bytes, size_t len, uint64_t offset);
MUST_CHECK Error *tree_writer_file_grow(TreeWriter *writer, uint64_t size); // a hole at the end
uint64_t tree_writer_file_size(const TreeWriter *writer);
MUST_CHECK Error *tree_writer_file_end(TreeWriter *writer);
MUST_CHECK Error *tree_writer_symlink(TreeWriter *writer, Str path, Str target, int64_t mtime_s);
// Becomes a copy of the file (or of the symbolic link) at `target`, a path as `path` is.
MUST_CHECK Error *tree_writer_hardlink(TreeWriter *writer, Str path, Str target);
// Makes the links and sets the directories' times.
MUST_CHECK Error *tree_writer_finish(TreeWriter *writer);

uint64_t tree_writer_size_bytes(const TreeWriter *writer);

#endif

// Stamps: which files and directories an evaluation has consulted, and in what state, so that a later run can tell
// without reading them that none has changed.
//
// A stamp is (device, inode, size, mtime, ctime) and a hash of the content. ctime cannot be set from outside, so a
// change with size and mtime restored shows. A change in the same tick of the file system's clock as the reading does
// not show; so a stamp whose times are not older than the moment when reading began is "racy" and counts only after
// its content was hashed again (the rule of git's index: racy-git.txt in git's documentation).
#ifndef SPECS_STAMPS_H
#define SPECS_STAMPS_H

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/vec.h"

#include <sys/types.h>

typedef enum StampKind { STAMP_ABSENT, STAMP_FILE, STAMP_DIRECTORY } StampKind;

typedef struct Stamp {
    Str path; // relative to the root of the Stamps, or absolute
    StampKind kind;
    uint32_t mode; // st_mode: of a file, its type and permission bits
    uint64_t device, inode, size;
    int64_t mtime_ns, ctime_ns; // since the epoch
    Hash content;               // of a file: its bytes; of a directory: the sorted names of its entries
} Stamp;

typedef struct Stamps {
    Arena *arena;
    int root; // O_PATH descriptor of the directory that relative paths start from
    int64_t began_ns;
    VEC(Stamp *) items;
    Map by_path;
} Stamps;

// Opens root; began_ns is now, by the clock that file systems stamp with.
MUST_CHECK Error *stamps_init(Stamps *stamps, Arena *arena, const char *root);
void stamps_release(Stamps *stamps);

// The time that file systems would stamp a change with now, in ns since the epoch.
int64_t stamps_now_ns(void);

enum { STAMPS_FILE_MAX_BYTES = 64 * 1024 * 1024 };

// Records the state of a regular file, following links, and gives its stamp; *out is NULL when there is no such file
// (that is recorded too). With contents_out: its bytes, NUL-terminated, in `arena`, at most STAMPS_FILE_MAX_BYTES.
// Anything but a regular file is ERROR_INVALID. `path` is copied.
MUST_CHECK Error *stamps_file(Stamps *stamps, Str path, Arena *arena, const Stamp **out, Str *contents_out);
// Records a directory and gives the sorted names of its entries, without "." and ".."; *found_out is false when there
// is none (or what is there is no directory).
MUST_CHECK Error *stamps_directory(Stamps *stamps, Str path, Arena *arena, StrSlice *names_out, bool *found_out);
// Records the state of a path without reading it, where only its presence matters: *kind_out says what is there.
MUST_CHECK Error *stamps_presence(Stamps *stamps, Str path, StampKind *kind_out);

// Whether the stamp's times are too near to began_ns, or behind it, to tell by them that nothing has changed.
bool stamp_is_racy(const Stamp *stamp, int64_t began_ns);
// Whether what is at the stamp's path now is what was there then; a racy one's content is hashed again. Cannot fail:
// what cannot be told is a change.
bool stamp_holds(const Stamp *stamp, int root, int64_t began_ns);

#endif

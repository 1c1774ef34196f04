// Snapshots: what an evaluation came to, kept with the state of everything that it depended on, so that the next run
// reads one file instead of hundreds.
//
// A snapshot is a cache: one that is missing, stale, torn, foreign or of another version is as good as none, and never
// an error. It is the plain structs of PackageSet with offsets where they have pointers, followed by their strings.
// It is read by the very program that wrote it (the program's own stamp is in it), so struct layout is no concern.
#ifndef SPECS_SNAPSHOT_H
#define SPECS_SNAPSHOT_H

#include "specs/package.h"
#include "specs/stamps.h"

typedef struct SnapshotKey {
    Str dir;   // absolute directory of snapshots; "": none are read or kept
    Str layer; // absolute path of the project's layer
    Target target;
    const char *program; // path of the program's file
} SnapshotKey;

// The set, in arena, or NULL when there is no current snapshot. A snapshot with racy stamps (specs/stamps.h) that hold
// is written anew, so that they need not be hashed again.
PackageSet *snapshot_load(const SnapshotKey *key, Arena *arena, size_t *stamp_count_out);
// Keeps the set; what goes wrong leaves no snapshot, or the one before.
void snapshot_save(const SnapshotKey *key, const PackageSet *set, const Stamps *stamps);

// ---- the bytes of a snapshot, for tests ----

typedef struct SnapshotRoot {
    PackageSet set;
    Stamp *stamps;
    size_t stamp_count;
    Str layer;
} SnapshotRoot;

enum { SNAPSHOT_MAX_BYTES = 256 * 1024 * 1024 };

// Appends a body; ERROR_LIMIT past SNAPSHOT_MAX_BYTES.
MUST_CHECK Error *snapshot_encode(const SnapshotRoot *root, Buf *out);
// Turns the offsets of a body into pointers, in place, after checking each; the bytes are 16-byte aligned and belong to
// the result afterwards. NULL when they are no body: every pointer lies inside, no two arrays overlap, every enum, bool
// and index has a value that is allowed, every string ends with NUL.
SnapshotRoot *snapshot_decode(void *bytes, size_t size);

#endif

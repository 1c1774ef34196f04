// The store: immutable trees by content hash, and records that say which trees a package's outputs are.
//
// Layout, durability and locking: docs/formats/store.md. An object is a directory tree fit to be an overlay's lower
// layer, beside a manifest whose SHA-256 is its name. Objects and records appear by rename, complete or not at all.
// The SQLite index can be made anew from them. All calls may come from any thread.
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"

typedef struct Store Store;

// `path` is made with mode 0700 when absent. Refused (ERROR_DENIED, with the fix) when it or a parent belongs to
// another or is writable by others, or when it lies on a network file system and allow_network_fs is false.
typedef struct StoreOptions {
    const char *path;
    bool allow_network_fs;
} StoreOptions;
MUST_CHECK Error *store_open(const StoreOptions *options, Store **out);
void store_close(Store *store);
void store_cleanup(Store **store);
#define AUTO_STORE __attribute__((cleanup(store_cleanup)))
int store_dirfd(const Store *store);      // of the store's directory
const char *store_path(const Store *store); // absolute

// ---- trees ----

typedef enum TreeEntryKind { TREE_FILE, TREE_EXEC, TREE_LINK } TreeEntryKind;

// One non-directory; directories are implied by paths, empty ones do not exist.
typedef struct TreeEntry {
    Str path; // relative, clean, components never "." or ".."
    TreeEntryKind kind;
    uint64_t size_bytes; // of a file
    Hash sha256;         // of a file's bytes
    Str link_target;     // of a link
} TreeEntry;

typedef struct Tree {
    Hash hash;
    const TreeEntry *entries; // sorted by path, byte order
    size_t count;
    uint64_t size_bytes;
} Tree;

// A private directory in the store's file system, removed when released, swept if its owner dies.
typedef struct Staging Staging;
MUST_CHECK Error *staging_new(Store *store, Staging **out);
int staging_dirfd(const Staging *staging);
const char *staging_path(const Staging *staging); // absolute
// Keeps the directory for a person to look into, under `name` in the store's kept/ directory; path_out in arena.
MUST_CHECK Error *staging_keep(Staging *staging, const char *name, Arena *arena, Str *path_out);
void staging_free(Staging *staging);

// What to take of a staged tree: called for each non-directory with its path, in byte order. NULL takes all.
typedef bool (*TreeFilter)(void *context, Str path);

// Reads the tree under dirfd, hashes and normalises it in a copy of our own (or in place when `owned`: nobody else can
// have a descriptor into it), makes it durable and publishes it. Refuses devices, sockets and fifos with their path.
// One already there is not written again.
MUST_CHECK Error *store_add_tree(Store *store, int dirfd, bool owned, TreeFilter filter, void *context, Arena *arena,
                                 Tree *out);
// ERROR_NOT_FOUND when absent. Reads the manifest alone.
MUST_CHECK Error *store_read_tree(Store *store, Hash hash, Arena *arena, Tree *out);
// Whether the object is there and each file of it still has the size, kind and times that it was published with: one
// stat per file, no content read. A damaged one counts as absent and is moved aside by the next store_add_tree.
MUST_CHECK Error *store_check_tree(Store *store, Hash hash, bool *present_out);
// "objects/ab/cdef.../tree", relative to store_dirfd, in arena.
Str store_tree_path(Arena *arena, Hash hash);

// ---- records ----

typedef struct RecordOutput {
    Str name;
    Hash tree;
    uint64_t size_bytes;
    uint64_t file_count;
} RecordOutput;

// A tree of the runtime closure that the result was made with: the choice that a reader must share.
typedef struct RecordReference {
    Str package, output;
    Hash tree;
} RecordReference;

typedef enum RecordKeyKind { RECORD_SPEC_KEY, RECORD_BUILD_KEY } RecordKeyKind;

typedef struct Record {
    Str package, version;
    Hash spec_key, build_key;
    const RecordOutput *outputs; // sorted by name
    size_t output_count;
    const RecordReference *references; // sorted by package, output
    size_t reference_count;
    uint64_t built_at_s; // wall clock, for people alone
    uint64_t build_ms;
    Str tool_version;
    bool network_used, wall_down;
} Record;

// Publishes under both keys. The trees it names must be there.
MUST_CHECK Error *store_put_record(Store *store, const Record *record);
// *found_out false when there is none; one that does not parse counts as none.
MUST_CHECK Error *store_get_record(Store *store, RecordKeyKind kind, Hash key, Arena *arena, Record *out,
                                   bool *found_out);

// ---- files by content: downloads, whatever URL they came from ----

// *fd_out is -1 when absent. A file whose bytes no longer match is removed and counts as absent.
MUST_CHECK Error *store_open_download(Store *store, Hash sha256, int *fd_out);
// Publishes the staged file `name` of the staging directory, after hashing it through a descriptor; ERROR_MISMATCH
// with want and got when it is not `sha256`.
MUST_CHECK Error *store_add_download(Store *store, Staging *staging, const char *name, Hash sha256);

// One builder per key at a time, across processes; waits, and takes over at once when the owner dies. Released by
// closing *fd_out. `waited_out` (may be NULL): whether somebody else held it.
MUST_CHECK Error *store_lock_key(Store *store, Hash key, int *fd_out, bool *waited_out);

#endif

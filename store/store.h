// The store: immutable trees by content hash, and records that say which trees a package's outputs are.
//
// Layout, durability and locking: docs/formats/store.md. An object is a directory tree fit to be an overlay's lower
// layer, beside a manifest whose SHA-256 is its name. Objects and records appear by rename, complete or not at all.
// The SQLite index can be made anew from them; only what counts or collects opens it (store_info, _verify, _gc).
// All calls may come from any thread; store_close comes last.
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/cancel.h"
#include "base/error.h"
#include "base/hash.h"

typedef struct Store Store;

// `path` is made with mode 0700 when absent. Refused (ERROR_DENIED, with the fix) when it or a parent belongs to
// another (to anybody but root and the caller; for root, to anybody but root: sudo never writes below a user's home) or
// is writable by others, or when it lies on a network file system and allow_network_fs is false.
typedef struct StoreOptions {
    const char *path;
    bool allow_network_fs;
} StoreOptions;
MUST_CHECK Error *store_open(const StoreOptions *options, Store **out);
void store_close(Store *store);
void store_cleanup(Store **store);
#define AUTO_STORE __attribute__((cleanup(store_cleanup)))
int store_dirfd(const Store *store);        // of the store's directory
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
void staging_cleanup(Staging **staging);
#define AUTO_STAGING __attribute__((cleanup(staging_cleanup)))

// What to take of a staged tree: called for each non-directory with its path, in byte order. NULL takes all.
typedef bool (*TreeFilter)(void *context, Str path);

// Takes the tree under dirfd into the store: what the filter wants is hashed while it is copied, normalised
// (docs/formats/tree.md), made durable and published under the hash of its manifest. Where `owned` says that nobody
// else has, or ever had, a descriptor into the tree, files are moved out of it instead of copied, so that what was
// taken is gone from there (which parts after an error is undefined). Refuses devices, sockets and fifos that the
// filter wants, with their path (ERROR_INVALID). One already there is not written again. The content is durable when
// this returns; the name is by the next store_put_record.
MUST_CHECK Error *store_add_tree(Store *store, int dirfd, bool owned, TreeFilter filter, void *context, Arena *arena,
                                 Tree *out);
// ERROR_NOT_FOUND when absent, ERROR_MISMATCH when damaged. Reads the manifest alone.
MUST_CHECK Error *store_read_tree(Store *store, Hash hash, Arena *arena, Tree *out);
// Whether the object is there and each file and directory of it still has the kind, mode, size and mtime that it was
// published with, so that nothing was added, removed, truncated or written to: one stat each, no content read. A
// damaged one counts as absent and is moved aside by the next store_add_tree of the same tree.
MUST_CHECK Error *store_check_tree(Store *store, Hash hash, bool *present_out);
// A glance: whether the object's tree is there at all, one stat. For a use that a file missing from it would only fail.
MUST_CHECK Error *store_has_tree(Store *store, Hash hash, bool *present_out);
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

// Publishes under both keys, durably; one that was there is replaced. The trees of its outputs must be there
// (ERROR_NOT_FOUND); those of its references need not be.
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

// One builder per key at a time, across threads and processes; waits, and takes over at once when the owner dies.
// Released by closing *fd_out. `cancel` (may be NULL) ends the wait with ERROR_INTERRUPTED. `waited_out` (may be NULL):
// whether somebody else held it.
MUST_CHECK Error *store_lock_key(Store *store, Hash key, Cancel *cancel, int *fd_out, bool *waited_out);

// ---- looking after it ----

typedef struct StoreInfo {
    uint64_t objects, object_files, object_bytes;
    uint64_t records; // results, not files: one that stands under two keys counts once
    uint64_t downloads, download_bytes;
    uint64_t kept; // directories of failed builds
} StoreInfo;
// From the index, after it was brought up to date with what is there.
MUST_CHECK Error *store_info(Store *store, StoreInfo *out);

// One line for a person about something that was found or removed; from one thread at a time.
typedef void (*StoreNote)(void *context, const char *line);

typedef struct VerifyReport {
    uint64_t objects, files, file_bytes, records, downloads;      // looked at; a record is two files, one for each key
    uint64_t damaged_objects, dropped_records, damaged_downloads; // removed: the next build makes them anew
    uint64_t strays;                                              // names that are none of ours: reported, left alone
} VerifyReport;
// Hashes everything again, on all cores; removes what is damaged and the records that name it; makes the index anew.
MUST_CHECK Error *store_verify(Store *store, Cancel *cancel, StoreNote note, void *context, VerifyReport *out);

typedef struct GcOptions {
    uint64_t unused_s; // what was not used for so long goes, unless a record that stays needs it
    bool dry_run;
} GcOptions;
typedef struct GcReport {
    uint64_t objects, records, downloads, kept, freed_bytes;
} GcReport;
// ERROR_CONFLICT while another process has the store open.
MUST_CHECK Error *store_gc(Store *store, const GcOptions *options, StoreNote note, void *context, GcReport *out);

#endif

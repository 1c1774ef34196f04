// Pinned bytes from elsewhere, and archives turned into trees, by way of the confined worker (docs/worker.md).
//
// Nothing in this header's program parses a foreign byte: the worker downloads into one descriptor or unpacks into one
// directory, and what identity rests on is computed here afterwards, from the descriptor.
#ifndef CACHE_FETCH_H
#define CACHE_FETCH_H

#include "base/cancel.h"
#include "base/error.h"
#include "base/hash.h"
#include "store/store.h"

typedef struct FetchProgress {
    uint64_t done_bytes, total_bytes; // total 0: not known
} FetchProgress;

// Called from the thread that fetches, a few times a second at most, and at the end of a transfer.
typedef void (*FetchProgressFn)(void *context, FetchProgress progress);

typedef struct FetchMirror { // mirror://NAME/... -> bases in order
    Str name;
    StrSlice bases;
} FetchMirror;

typedef struct FetchOptions {
    const FetchMirror *mirrors;
    size_t mirror_count;
    bool offline;
    const char *worker_path;  // NULL: beside the running program (../libexec/minimal/minimal-worker, or the build dir)
    const char *proxy;        // NULL: none, whatever the environment says
    uint32_t attempts;        // per URL; 0: 4
    uint32_t stall_timeout_s; // no byte for so long ends an attempt; 0: 30
    uint64_t size_max_bytes;  // 0: 8 GiB
    const char *ca_file;      // certificates that servers are verified against; NULL: the system's
    const char *apt_dir;      // for mirror://debian and debian-security; NULL: /etc/apt
} FetchOptions;

typedef struct FetchRequest {
    StrSlice urls; // in order of preference: http, https, file, gs, mirror
    Hash sha256;
    FetchProgressFn on_progress;
    void *context;
} FetchRequest;

// The bytes, from the download store when they are there, else from the first URL that gives them; read-only
// descriptor at offset 0. Errors name the package-independent facts: each URL with what went wrong, want and got.
// Two processes or threads that want the same bytes fetch once.
MUST_CHECK Error *fetch_source(Store *store, const FetchOptions *options, const FetchRequest *request, Cancel *cancel,
                               int *fd_out, bool *downloaded_out);

typedef enum UnpackKind {
    UNPACK_TAR_OR_ZIP, // tar in any usual compression, or zip: by content, not by name
    UNPACK_DEB,        // a Debian binary package's data, with bin, sbin, lib, lib64 moved below usr
} UnpackKind;

typedef struct UnpackRequest {
    int archive_fd; // read from offset 0
    Str name;       // for messages
    UnpackKind kind;
    bool has_strip_prefix;
    Str strip_prefix;        // literal leading components that every entry must have
    int into_dirfd;          // an empty directory of ours
    uint64_t size_max_bytes; // of what is unpacked; 0: 8 GiB
    uint64_t entries_max;    // 0: 1 million
} UnpackRequest;

typedef struct UnpackResult {
    uint64_t entries, size_bytes;
} UnpackResult;

// On any error the directory is left as it is for the caller to remove; the entry at fault is named. When this
// returns, the unpacker is dead.
MUST_CHECK Error *unpack_archive(const FetchOptions *options, const UnpackRequest *request, Cancel *cancel,
                                 UnpackResult *out);
// UNPACK_DEB for *.deb, UNPACK_TAR_OR_ZIP for everything else.
UnpackKind unpack_kind_of(Str file_name);
// In every spec key: raised when the same archive would unpack to other bytes.
#define UNPACK_VERSION 1

#endif

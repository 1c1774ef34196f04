// A package's inputs that are files: fetched, checked, and laid into /build as private copies.
#ifndef BUILDER_SOURCES_H
#define BUILDER_SOURCES_H

#include "base/cancel.h"
#include "builder/buildlog.h"
#include "cache/fetch.h"
#include "specs/package.h"

typedef struct SourcesRequest {
    Store *store;
    const FetchOptions *fetch;
    const Package *package;
    FetchProgressFn on_progress; // may be NULL
    void *context;
    Cancel *cancel;
} SourcesRequest;

// Brings every source of the package into the download store; *downloaded_out (may be NULL): whether any had to come
// over the network.
MUST_CHECK Error *sources_fetch(const SourcesRequest *request, bool *downloaded_out);

// Lays archives (unpacked where the spec says `extract`), then plain files and Locals into the directory, which is
// `staging`'s own "build" or the like and need not be empty. A Local or plain file wins over an archive's file of the
// same name; two archives, or two plain files, that hold the same name are ERROR_CONFLICT. Their bytes are checked
// against the hashes in the spec after they were copied: ERROR_MISMATCH for a file that changed since then.
MUST_CHECK Error *sources_lay(const SourcesRequest *request, Staging *staging, int into_dirfd);

#endif

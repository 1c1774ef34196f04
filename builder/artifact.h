// Where a person finds an artifact: one directory per artifact, in which the files of all its outputs stand together.
//
// <cache>/artifacts/<name>-<16 hex digits of its contents' hash>: real directories, and a link to the store's file for
// each file, so that `$(minimal build jq)/usr/bin/jq` names one. The artifact's own links are repeated as they are.
// The same contents always have the same path.
#ifndef BUILDER_ARTIFACT_H
#define BUILDER_ARTIFACT_H

#include "builder/paths.h"
#include "store/store.h"

// Makes the directory when it is not there yet; the path is absolute, in the arena.
MUST_CHECK Error *artifact_show(Store *store, const Paths *paths, Str package, const RecordOutput *outputs,
                                size_t count, Arena *arena, const char **path_out);
// The path alone.
const char *artifact_path(const Paths *paths, Str package, const RecordOutput *outputs, size_t count, Arena *arena);

#endif

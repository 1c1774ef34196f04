// The index: sizes, times of use, and who names whom, as tables. All of it is read from the objects' and records' own
// files, so it can be thrown away at any time; it saves reading them all again. The only user of SQLite.
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "store/internal.h"

typedef struct Index Index;

// Opens it, alone among all processes, and brings it up to date with what is there. A missing, damaged or foreign file
// is made anew; with `anew` any is.
MUST_CHECK Error *index_open(const Store *store, bool anew, Index **out);
void index_close(Index *index); // NULL is fine
void index_cleanup(Index **index);
#define AUTO_INDEX __attribute__((cleanup(index_cleanup)))

MUST_CHECK Error *index_totals(Index *index, StoreInfo *out); // all but `kept`

typedef struct IndexItem {
    RecordKeyKind kind; // of a record
    Hash hash;
    Str name; // a record's package and version; until the callback returns
    uint64_t size_bytes;
} IndexItem;
typedef Error *(*IndexVisit)(void *context, const IndexItem *item);
// Objects used last before `before_s` that no record names whose own outputs were used since; then the records that
// name one of those (or have no outputs and are that old); then downloads.
MUST_CHECK Error *index_each_unused_object(Index *index, int64_t before_s, IndexVisit visit, void *context);
MUST_CHECK Error *index_each_unused_record(Index *index, int64_t before_s, IndexVisit visit, void *context);
MUST_CHECK Error *index_each_unused_download(Index *index, int64_t before_s, IndexVisit visit, void *context);

#endif

// A result record as text: canonical, with a checksum of its own. docs/formats/record.md has it line by line. Pure: no
// file is touched here.
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "store/store.h"

enum {
    RECORD_BYTES_MAX = 4 * 1024 * 1024,
    RECORD_ITEMS_MAX = 1 << 16, // outputs and references together
    RECORD_NAME_MAX = 1024,     // bytes of a name, version or output's name
};

// ERROR_INVALID when a name is empty or too long, or a list is not sorted, or has one item twice.
MUST_CHECK Error *record_encode(const Record *record, Buf *out);
// The strict inverse: what record_encode gave, and nothing else, is accepted. All of *out is in arena.
MUST_CHECK Error *record_decode(Str bytes, Arena *arena, Record *out);

#endif

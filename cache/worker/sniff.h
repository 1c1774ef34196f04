// What a file is by its first bytes: to choose a reader, and to name what is refused.
#ifndef CACHE_WORKER_SNIFF_H
#define CACHE_WORKER_SNIFF_H

#include "base/str.h"

typedef enum SniffKind {
    SNIFF_STREAM, // anything that may be a tar, compressed or not
    SNIFF_ZIP,
    SNIFF_AR,
    SNIFF_EMPTY,
    SNIFF_REFUSED, // a format that is known and not enabled
} SniffKind;

enum { SNIFF_BYTES = 32 * 1024 + 8 }; // an ISO image says so this late

// `head`: as much of the file's first SNIFF_BYTES as there is. *name_out: the format's name, for SNIFF_REFUSED.
SniffKind sniff(Str head, const char **name_out);

#endif

// Names out of archives: what they may be, and what they become (docs/worker.md, Unpacking).
#ifndef CACHE_WORKER_NAMES_H
#define CACHE_WORKER_NAMES_H

#include "base/buf.h"
#include "base/error.h"

enum { NAME_PATH_MAX = 4095, NAME_COMPONENT_MAX = 255, NAME_DEPTH_MAX = 255 };

// What every name of one archive goes through.
typedef struct NameRules {
    bool has_strip_prefix;
    Str strip_prefix;
    bool deb; // bin, sbin, lib, lib64 move below usr
} NameRules;

// The path below the root that an entry's name means: relative, clean, into `out` (cleared first); empty for the root
// itself. *outside_out: it does not begin with the strip prefix. Errors (ERROR_INVALID) name the entry and what is
// wrong.
MUST_CHECK Error *name_resolve(const NameRules *rules, Str raw, bool is_directory, Buf *out, bool *outside_out);
// ERROR_INVALID when the strip prefix itself is no path that an entry could have.
MUST_CHECK Error *name_check_rules(const NameRules *rules);

// Whether a relative link text climbs above the root when followed by text from where the link stands. An absolute
// one does not.
bool name_link_climbs(Str link_path, Str target);

// For messages: printable, quoted by nobody, at most about 200 characters.
typedef struct NameShown {
    char text[256];
} NameShown;
NameShown name_show(Str name);

#endif

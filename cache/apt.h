// Which mirrors of Debian this host's own apt uses: mirror://debian/... tries them (sources.list(5), deb822(5)).
#ifndef CACHE_APT_H
#define CACHE_APT_H

#include "base/arena.h"
#include "base/error.h"
#include "base/vec.h"

typedef VEC(Str) AptBases;

// Appends to `out` the URIs in one file's text whose path ends in "/" + name, once each, in order; http, https and file
// alone, and none of an entry that is switched off. Lines that are not understood are passed over: apt is who
// complains. URIs that name a list of mirrors (mirror+file:/PATH) go to `lists` (may be NULL) as paths. Strings live in
// the arena.
void apt_parse_list(Arena *arena, Str text, Str name, AptBases *out, AptBases *lists);    // *.list, one-line style
void apt_parse_sources(Arena *arena, Str text, Str name, AptBases *out, AptBases *lists); // *.sources, deb822 style
// A list of mirrors: one URI at the beginning of each line.
void apt_parse_mirror_list(Arena *arena, Str text, Str name, AptBases *out);

// What the files below apt_dir ("/etc/apt") say together; files that cannot be read count as empty. At most 64 files of
// 256 KiB, and 32 bases. The result lives in the arena.
StrSlice apt_bases(Arena *arena, const char *apt_dir, Str name);

#endif

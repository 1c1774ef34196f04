// The log of one build, kept for people: what ran, and what it said, byte for byte.
//
// Files: <logs>/<package>/<key prefix>.log, and `last` beside it, which holds the name of the newest. The newest few of
// a package are kept. Names that are no plain file names are written with %XX.
#ifndef BUILDER_BUILDLOG_H
#define BUILDER_BUILDLOG_H

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"

enum { BUILDLOG_KEPT = 8, BUILDLOG_TAIL_LINES = 20 };
#define BUILDLOG_BYTES_MAX (UINT64_C(256) << 20) // what is written of one log; the rest is counted

typedef struct BuildLog BuildLog;

// Makes the directories on the way (mode 0755 before umask). An older log of the same key is replaced.
MUST_CHECK Error *buildlog_open(const char *logs_dir, Str package, Hash key, BuildLog **out);
// Writes what is left and closes. The log's file stays.
void buildlog_close(BuildLog *log); // NULL is fine
void buildlog_cleanup(BuildLog **log);
#define AUTO_BUILDLOG __attribute__((cleanup(buildlog_cleanup)))

const char *buildlog_path(const BuildLog *log); // absolute
// A line of our own, marked as such: "## <text>".
void buildlog_note(BuildLog *log, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
// Output of the build, as it came. Fits SandboxSpec.on_output with the log as context.
void buildlog_output(void *log, Str bytes);
// The last lines, fit for a terminal, each ended by '\n'; in arena.
Str buildlog_tail(BuildLog *log, Arena *arena, unsigned lines);

// The newest log of a package: its path, in arena. ERROR_NOT_FOUND when there is none.
MUST_CHECK Error *buildlog_find(const char *logs_dir, Str package, Arena *arena, const char **path_out);

// Appends text without what a terminal would obey: escape sequences and control characters other than newline and tab
// go, of a line that was overwritten by '\r' the last state stays, bytes that are no UTF-8 become '?'.
void buildlog_sanitise(Buf *out, Str text);

#endif

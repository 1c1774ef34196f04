// Runs a package's commands, one after the other, each in a cleanroom of its own over the same root and the same
// private directories, and turns how a command ended into an error for a person.
#ifndef BUILDER_BOX_H
#define BUILDER_BOX_H

#include "builder/buildlog.h"
#include "builder/compose.h"
#include "builder/environment.h"

typedef struct BoxLimits {
    uint32_t idle_timeout_s, total_timeout_s; // 0: 30 minutes, 6 hours
    uint64_t disk_bytes;                      // of the private directories; 0: 64 GiB or what the disk has
    uint32_t cpus;                            // 0: all of ours
} BoxLimits;

typedef struct BoxRequest {
    Str what; // for messages: "'jq'", "'jq', test 'regex'"
    const Commands *commands;
    const Composed *root;
    const Workspace *workspace;
    const char *const *env;
    BoxLimits limits;
    BuildLog *log;
    void (*on_output)(void *context, Str bytes); // what goes to the log, as it comes; may be NULL
    void *context;
} BoxRequest;

typedef struct BoxReport {
    uint64_t wall_ns;
    bool network_used;
} BoxReport;

// Stops at the first command that fails: ERROR_BUILD_FAILED with how it ended (also for time and disk limits),
// ERROR_INTERRUPTED when cancelled, ERROR_SANDBOX when a wall could not be raised.
MUST_CHECK Error *box_run(const BoxRequest *request, Cancel *cancel, Arena *arena, BoxReport *out);

// The command as a person would type it.
Str box_command_text(const Command *command, Arena *arena);

#endif

// What verbs share: the global flags, how they report, and the table of verbs. One verb per file.
#ifndef CMD_CMD_H
#define CMD_CMD_H

#include "base/arena.h"
#include "base/cancel.h"
#include "base/error.h"

#include <stdio.h>

enum { EXIT_OK = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_TIMED_OUT = 124, EXIT_SANDBOX = 125 };

// The global flags, before or after the verb.
typedef struct Globals {
    const char *directory;   // -C
    const char *minimal_dir; // --minimal-dir
    bool no_cache, no_fetch, offline, json, quiet, color;
    int verbose;
    unsigned jobs; // -n, -j; 0: by cores and memory
    Arena *arena;  // of the whole run
    Cancel *cancel;
} Globals;

typedef struct Verb {
    const char *name;
    const char *summary;                                  // one line of `minimal help`
    const char *usage;                                    // the text of `minimal help VERB`
    Error *(*run)(Globals *globals, int argc, char **argv, int *exit_out); // argv[0] is the verb
} Verb;

Error *cmd_build(Globals *globals, int argc, char **argv, int *exit_out);
Error *cmd_cache(Globals *globals, int argc, char **argv, int *exit_out);
Error *cmd_doctor(Globals *globals, int argc, char **argv, int *exit_out);
Error *cmd_eval(Globals *globals, int argc, char **argv, int *exit_out);
Error *cmd_exec(Globals *globals, int argc, char **argv, int *exit_out);
Error *cmd_list(Globals *globals, int argc, char **argv, int *exit_out);
Error *cmd_log(Globals *globals, int argc, char **argv, int *exit_out);
Error *cmd_plan(Globals *globals, int argc, char **argv, int *exit_out);

// An option of a verb, for cmd_options. Words that begin with '-' and are not in the table, nor global, are an error
// with the nearest name. "--" ends options; what follows is left alone.
typedef struct Option {
    const char *name;     // "--layer"
    const char *short_name; // "-l", or NULL
    bool *flag;           // set when present; or
    const char **value;   // set to the value ("--layer X" or "--layer=X"); or
    StrSlice *values;     // every value, in order
} Option;
// Leaves the words that are no options in argv[0..*argc_out); `stop_at_word` ends at the first such word.
MUST_CHECK Error *cmd_options(Globals *globals, const Option *options, size_t count, bool stop_at_word, int *argc,
                              char **argv);

// The global flags that stand before the verb; *at moves to the verb.
MUST_CHECK Error *cmd_leading_globals(Globals *globals, int argc, char **argv, int *at);

#define CMD_GLOBAL_OPTIONS_HELP                                                                                        \
    "  -C DIR              work in DIR\n"                                                                              \
    "  --minimal-dir DIR   keep everything that minimal writes below DIR\n"                                            \
    "  --no-cache          take nothing from the local store: fetch or build it all anew\n"                            \
    "  --no-fetch          take nothing from a binary cache\n"                                                         \
    "  --offline           no network at all\n"                                                                        \
    "  -n N, -j N          at most N jobs at a time\n"                                                                 \
    "  --json              for programs\n"                                                                             \
    "  -v, -q              say more, say less\n"                                                                       \
    "  --color WHEN        auto, always or never\n"

#endif

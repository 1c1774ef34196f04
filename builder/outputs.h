// Outputs: which files of a finished build belong to which output, whether they are what the spec says, and their way
// into the store. docs/sandbox.md and docs/language.md have the rules for people.
#ifndef BUILDER_OUTPUTS_H
#define BUILDER_OUTPUTS_H

#include "builder/compose.h"
#include "builder/elf.h"
#include "specs/package.h"

enum { OUTPUT_FILES_MAX = 1000000, OUTPUT_DEPTH_MAX = 256 };

// A prebuilt package that declares no outputs has this one, of everything.
#define OUTPUT_ALL "all"

typedef enum OutputContent {
    CONTENT_UNREAD,
    CONTENT_ELF,
    CONTENT_DAMAGED_ELF,
    CONTENT_SCRIPT,      // begins with "#!"
    CONTENT_ARCHIVE,     // of ar(1)
    CONTENT_LINKER_TEXT, // a script for ld(1)
    CONTENT_OTHER,
} OutputContent;

// A file or link that a build left, found by walking.
typedef struct OutputFile {
    TreeEntry entry; // path, kind, size, link target; no hash
    bool special;    // a device, socket or fifo: `special_name` says which
    const char *special_name;
    bool matched; // by any output
    // Filled when the content was looked at.
    OutputContent content;
    const Elf *elf; // of CONTENT_ELF
    Str interpreter; // of a script, "" when it names none
    Str damage;      // what is wrong with a damaged ELF file
} OutputFile;

// Something that a person who reads the log should know, and that is no error.
typedef void (*OutputNoteFn)(void *context, Str note);

typedef struct OutputsRequest {
    Store *store;
    const Package *package;
    int dirfd;                  // of the directory that holds what was made
    bool owned;                 // nobody else ever had a descriptor into it
    const ComposeTree *closure; // of the runtime closure without the package itself; the first wins
    size_t closure_count;
    bool closure_complete;         // false: a part of it is not built yet (a cycle), so what is missing is no error
    const ComposeTree *build_root; // for a hint about who has what is missing; may be empty
    size_t build_root_count;
    OutputNoteFn note;
    void *context;
} OutputsRequest;

// The build's files, walked without following a link, matched, checked and added to the store, output by output, sorted
// by name. Errors name the package, the output and the file: ERROR_INVALID for one that is not what its output says, or
// that has no place in a root; ERROR_NOT_FOUND for a glob without a match, a link to nowhere, a library that no
// declared package has. Results are in the arena.
MUST_CHECK Error *outputs_collect(const OutputsRequest *request, Arena *arena, RecordOutput **outputs_out,
                                  size_t *count_out);

// The parts of it, for tests.
MUST_CHECK Error *outputs_walk(int dirfd, Arena *arena, OutputFile **files_out, size_t *count_out); // sorted by path

#endif

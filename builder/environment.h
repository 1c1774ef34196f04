// What a build or a test finds around itself beside its root: variables, private writable directories, and how the
// first word of a command becomes a program. The constant part of it is the box's own (sandbox/table.c);
// docs/sandbox.md prints both.
#ifndef BUILDER_ENVIRONMENT_H
#define BUILDER_ENVIRONMENT_H

#include "sandbox/sandbox.h"
#include "specs/package.h"

#define ENVIRONMENT_OUTPUT_DIR "/build/output"

// The box's variables, then OUTPUT_DIR (unless for_test), then MINIMAL_ARG_<NAME> for each build_args entry.
// ERROR_INVALID when two names of build_args become one variable, or a value holds a NUL. NULL-terminated, in arena.
MUST_CHECK Error *environment_variables(const Package *package, bool for_test, Arena *arena,
                                        const char *const **env_out);
// "MINIMAL_ARG_" + the name trimmed, without = : / " ', in upper case.
Str environment_arg_name(Arena *arena, Str name);

// The private directories of one box, below `dirfd`: build, tmp (with home), state (with home, data, state, cache),
// run.
typedef struct Workspace {
    int dirfd, build_fd, tmp_fd, state_fd, run_fd;
    char *path; // absolute, of dirfd
} Workspace;

// Makes them, empty, but for build/output/usr/lib and build/output/usr/lib64 -> lib where `with_output`.
MUST_CHECK Error *workspace_new(int dirfd, const char *path, bool with_output, Workspace *out);
void workspace_release(Workspace *workspace);
#define AUTO_WORKSPACE __attribute__((cleanup(workspace_release)))
#define WORKSPACE_NONE ((Workspace){-1, -1, -1, -1, -1, NULL})
// Gives all below a directory to the user that the box's processes are on the host (sandbox_owner); nothing to do for
// an ordinary user. Never follows a link.
MUST_CHECK Error *workspace_give(int dirfd);
// The four binds; `mounts` has room for WORKSPACE_MOUNTS.
enum { WORKSPACE_MOUNTS = 4 };
void workspace_mounts(const Workspace *workspace, SandboxMount *mounts);

// argv with the program's path in front: an absolute word and one that exists below /build as they are (the latter seen
// from /build), any other that the root has in /usr/bin as /usr/bin/<word>. ERROR_NOT_FOUND names the word.
MUST_CHECK Error *environment_argv(const Command *command, const Workspace *workspace, const SandboxLayer *layers,
                                   size_t layer_count, Arena *arena, const char *const **argv_out);

#endif

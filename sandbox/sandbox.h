// One process, contained: the whole sandbox as data, and the few calls that run it.
//
// This folder knows paths and descriptors, never packages. Everything that allocates, resolves or decides happens
// before the first clone; the child only applies the plan, in order, and any step that fails ends the sandbox: there is
// no weaker one. docs/sandbox.md has the table of what a box sees. Sources: clone(2), namespaces(7), mount_setattr(2),
// fsconfig(2), seccomp(2), pidfd_open(2).
#ifndef SANDBOX_SANDBOX_H
#define SANDBOX_SANDBOX_H

#include "base/arena.h"
#include "base/cancel.h"
#include "base/error.h"

#include <sys/resource.h>
#include <sys/types.h>

// A directory that becomes a read-only layer of the root. `path` is relative to dirfd.
typedef struct SandboxLayer {
    int dirfd;
    const char *path;
} SandboxLayer;

// What the root holds beside its layers. It lies over them.
typedef enum SkeletonKind { SKELETON_DIR, SKELETON_LINK, SKELETON_FILE } SkeletonKind;
typedef struct SkeletonEntry {
    SkeletonKind kind;
    const char *path; // absolute, inside
    mode_t mode;      // of a dir or file
    const char *text; // a link's target or a file's contents
} SkeletonEntry;

typedef enum SandboxMountKind {
    SANDBOX_MOUNT_BIND,  // source_fd (O_PATH or a plain descriptor: a directory or a regular file) onto path
    SANDBOX_MOUNT_TMPFS, // a fresh one
} SandboxMountKind;

// A mount over the root. Its mountpoint must be in the skeleton or in a layer.
typedef struct SandboxMount {
    SandboxMountKind kind;
    const char *path; // absolute, inside
    int source_fd;
    bool read_only;
    bool may_exec;
    mode_t mode;         // tmpfs
    uint64_t size_bytes; // tmpfs; 0: one size for all of a box that say so, of docs/sandbox.md
    const char *const *dirs; // tmpfs: names of directories made in it, mode 0755, parents first; NULL-terminated, or NULL
} SandboxMount;

typedef enum SandboxNetwork {
    SANDBOX_NETWORK_NONE, // own namespace, loopback alone
    SANDBOX_NETWORK_HOST, // tasks alone, by hand
} SandboxNetwork;

typedef struct SandboxLimits {
    uint32_t total_timeout_s; // wall clock; 0: none
    uint32_t idle_timeout_s;  // no byte on stdout or stderr for so long; 0: none
    uint64_t processes;       // 0: the default of docs/sandbox.md
    uint64_t file_size_bytes; // of one file; 0: the default
    uint64_t open_files;      // 0: the default
    uint64_t memory_bytes;    // address space of one process; 0: none
    uint64_t disk_bytes;      // of watched_fd's tree; 0: none
    int watched_fd;           // the writable directory whose growth is watched, or -1
    uint32_t cpus;            // size of the affinity mask; 0: as the caller's
    uint64_t output_bytes;    // read through log_fd; 0: the default
} SandboxLimits;

typedef struct SandboxSpec {
    const SandboxLayer *layers; // the first wins; may be empty
    size_t layer_count;
    const SkeletonEntry *skeleton; // parents before children
    size_t skeleton_count;
    const SandboxMount *mounts; // in order
    size_t mount_count;
    // NULL-terminated. argv[0] with a slash is the path that is executed; without one it is looked up in PATH of env,
    // inside.
    const char *const *argv;
    const char *const *env;  // NULL-terminated, the whole environment
    const char *cwd;         // inside
    const char *hostname;
    uid_t uid; // inside
    gid_t gid;
    SandboxNetwork network;
    SandboxLimits limits;
    int stdin_fd; // -1: /dev/null
    int stdout_fd, stderr_fd; // given to the process as they are; -1: /dev/null
    int log_fd; // >= 0: stdout and stderr are one pipe that we read and append here (then idle time is measured)
    // Called with each piece that goes to log_fd; may be NULL.
    void (*on_output)(void *context, Str bytes);
    void *context;
    // A signalfd(2): each signal that is read from it is sent on to the command. 0: none.
    int signals_fd;
} SandboxSpec;

typedef enum SandboxEnd {
    SANDBOX_EXITED,    // code
    SANDBOX_SIGNALLED, // code is the signal
    SANDBOX_TOTAL_TIMEOUT,
    SANDBOX_IDLE_TIMEOUT,
    SANDBOX_DISK_LIMIT,
    SANDBOX_CANCELLED,
    SANDBOX_OUTPUT_LIMIT,
} SandboxEnd;

typedef struct SandboxResult {
    SandboxEnd end;
    int code;
    struct rusage usage; // of all processes of the box that were waited for
    uint64_t wall_ns;
    char network_used; // 0 or 1
} SandboxResult;

// Runs the box to its end; when it returns, no process of it is alive but our own init, which may still be ending, holds
// nothing and is reaped by a later call. An error means that a wall could not be raised
// (ERROR_SANDBOX with what to do) or that the program could not be executed (ERROR_NOT_FOUND, ERROR_DENIED).
MUST_CHECK Error *sandbox_run(const SandboxSpec *spec, Cancel *cancel, SandboxResult *out);
// The same in two halves, for a caller that knows everything but the layers and still has to find those: all that needs
// no layer is done meanwhile, in the child. The layers of spec are ignored; spec must outlive the second half.
typedef struct SandboxStart SandboxStart;
MUST_CHECK Error *sandbox_begin(const SandboxSpec *spec, SandboxStart **out);
// Runs it to its end, as sandbox_run does, and frees `begun`, also after an error.
MUST_CHECK Error *sandbox_finish(SandboxStart *begun, const SandboxLayer *layers, size_t count, Cancel *cancel,
                                 SandboxResult *out);
void sandbox_abandon(SandboxStart *begun); // it was not needed after all; NULL is fine

// The host's ids that the processes of a box have: what a private copy must belong to that they are to write. An
// ordinary user's own; a fixed unprivileged pair when run by the host's root.
MUST_CHECK Error *sandbox_owner(uid_t *uid_out, gid_t *gid_out);
// The shell's code for an end: the exit code, 128+signal, 124 for a timeout, 130 when cancelled.
int sandbox_exit_code(const SandboxResult *result);
// The plan as text, line by line, for --dry-run and tests.
void sandbox_describe(const SandboxSpec *spec, Buf *out);

// What every box's root and environment hold beside what its maker adds: the links of a merged /usr, /etc/passwd and
// the like, mountpoints. Constant data; docs/sandbox.md prints it.
const SkeletonEntry *sandbox_base_skeleton(size_t *count_out);
const char *const *sandbox_base_env(void); // NULL-terminated

// What this host gives, for people: one line each. Nothing is changed by asking.
typedef struct SandboxCheck {
    const char *name; // "user namespaces"
    bool works;
    bool needed;  // without it no box can be made
    Str detail;   // what was found, or why it does not work
    Str hint;     // what to do; empty when it works
} SandboxCheck;
enum { SANDBOX_CHECKS_MAX = 16 };
size_t sandbox_check_host(Arena *arena, SandboxCheck checks[SANDBOX_CHECKS_MAX]);

// In every key: raised whenever a box's visible world changes.
#define SANDBOX_VERSION 1

#endif

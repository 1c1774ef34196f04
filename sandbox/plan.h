// The plan of one box: a SandboxSpec with everything resolved, formatted and checked, as plain data. The child that
// applies it allocates nothing and decides nothing. Made in an arena.
#ifndef SANDBOX_PLAN_H
#define SANDBOX_PLAN_H

#include "sandbox/host.h"
#include "sandbox/seccomp.h"
#include "sandbox/table.h"

#include <sched.h>

// A directory or file of the host. The child is in a mount namespace of its own, where the descriptor's mount is not:
// it opens the path again and takes it only if it is still this inode, which the descriptor keeps alive.
typedef struct PlanSource {
    const char *path;
    dev_t dev;
    ino_t ino;
    int idmap_fd; // a user namespace for MOUNT_ATTR_IDMAP, or -1; not ours to close
} PlanSource;

typedef struct PlanLayer {
    size_t store; // in Plan.stores
    const char *path;
} PlanLayer;

typedef struct PlanEntry {
    SkeletonKind kind;
    const char *path; // relative
    mode_t mode;
    const char *text;
    size_t len;
} PlanEntry;

// A string option of a file system.
typedef struct PlanOption {
    const char *key, *value;
} PlanOption;
enum { PLAN_OPTIONS_MAX = 6 };

typedef struct PlanMount {
    SandboxMountKind kind;
    const char *target; // relative
    PlanSource source;  // of a bind
    uint64_t attributes; // MOUNT_ATTR_*
    mode_t mode;                          // of a tmpfs that is a directory of the scratch file system
    PlanOption options[PLAN_OPTIONS_MAX]; // of one with a size of its own; up to a NULL key
    const char *const *dirs;
} PlanMount;

// What a root is made of beside the skeleton. It may be known later than the rest of a plan: then it lies in memory that
// parent and child share, at the same address in both, and is read once the parent has said so.
typedef struct PlanLayers {
    const PlanSource *stores; // the distinct directories that layers lie in
    size_t store_count;
    const PlanLayer *layers;
    size_t layer_count;
    // For kernels before 6.8, which have mount(2) alone: per layer the name and target of a link, and the option string.
    const char *const *old_links;
    const char *old_options;
} PlanLayers;

typedef struct Plan {
    HostIdentity identity;
    uint64_t namespaces; // CLONE_NEW* of the first clone
    const char *uid_map, *gid_map, *time_offsets;
    const PlanLayers *layers;
    int layers_fd;    // a byte comes when layers may be read; -1: they may be
    bool old_overlay; // as if the kernel were old; said by tests
    PlanOption scratch_options[PLAN_OPTIONS_MAX];
    PlanEntry *skeleton;
    size_t skeleton_count;
    PlanMount *mounts;
    size_t mount_count;
    int *mount_fds;              // the child's, one per mount
    const char *const *programs; // candidates in order, NULL-terminated
    char *const *argv;
    char *const *env;
    const char *cwd, *hostname;
    struct rlimit limits[16]; // as table_limits
    cpu_set_t cpus;
    bool set_cpus;
    bool own_network;
    const SeccompProgram *seccomp;
    int stdio[3]; // -1: /dev/null
    int report_fd;
    int keep[64]; // descriptors that the child keeps, sorted
    size_t keep_count;
} Plan;

// All strings live in arena. The descriptors of spec must outlive the plan.
MUST_CHECK Error *plan_make(Arena *arena, const SandboxSpec *spec, Plan *plan);
// The two halves of it: all but the layers; and layers. The first leaves plan->layers NULL.
MUST_CHECK Error *plan_make_early(Arena *arena, const SandboxSpec *spec, Plan *plan);
MUST_CHECK Error *plan_make_layers(Arena *arena, HostIdentity identity, const SandboxLayer *layers, size_t count,
                                   const PlanLayers **out);
// Adds a descriptor to those that the child keeps.
void plan_keep(Plan *plan, int fd);

// Runs a plan that plan_make made from spec.
MUST_CHECK Error *plan_run(Plan *plan, const SandboxSpec *spec, Cancel *cancel, SandboxResult *out);

// Waits until every init whose box has ended is reaped. A run does not wait for its own: init says that it is the last
// process before the kernel takes its namespaces apart, which nobody needs to wait for.
void plan_settle(void);

// A user namespace in which the host's on-disk ids are the box's (user_namespaces(7), mount_setattr(2)), made once per
// pair and kept for the life of the process. For HOST_ROOT alone.
MUST_CHECK Error *idmap_userns(uid_t disk_uid, gid_t disk_gid, HostIdentity identity, int *fd_out);

#endif

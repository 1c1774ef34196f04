// The inside: what happens between the clone and the command, in the child. Nothing here allocates, locks, formats or
// uses a library that might: the parent may have other threads, whose locks were copied as they stood.
#ifndef SANDBOX_CHILD_H
#define SANDBOX_CHILD_H

#include "sandbox/plan.h"

// Where the child is; child_step_text says it in words. A step that works on an item of the plan gives its index.
typedef enum ChildStep {
    STEP_DESCRIPTORS,
    STEP_ID_MAP,
    STEP_PRIVATE,
    STEP_SCRATCH,
    STEP_SKELETON, // Plan.skeleton
    STEP_STORE,    // Plan.stores
    STEP_STORE_IDMAP,
    STEP_LAYER, // Plan.layers
    STEP_OVERLAY,
    STEP_PROC,
    STEP_MASK,   // table_masks
    STEP_DEVICE, // table_devices
    STEP_SHM,
    STEP_PTS,
    STEP_SOURCE, // Plan.mounts
    STEP_SOURCE_IDMAP,
    STEP_MOUNTPOINT,
    STEP_MOUNT,
    STEP_NETWORK,
    STEP_HOSTNAME,
    STEP_TIME,
    STEP_PIVOT,
    STEP_IDENTITY,
    STEP_CAPABILITIES,
    STEP_SECCOMP,
    STEP_FORK,
    STEP_LIMIT, // table_limits
    STEP_CPUS,
    STEP_STDIO,
    STEP_CWD,
    STEP_EXEC,
    STEP_COUNT
} ChildStep;

typedef enum ReportKind { REPORT_FAILED = 1, REPORT_ENDED = 2 } ReportKind;

// One write to the report pipe, smaller than PIPE_BUF and so never torn. REPORT_ENDED says more than that the command
// has ended: that init is the only process left, and has nothing to do but to end.
typedef struct ChildReport {
    uint32_t kind; // ReportKind
    uint32_t step;
    uint32_t index;
    int32_t error;       // errno of a failed step; the wait status of an ended command
    char detail[200];    // what the kernel's mount log says, or ""
    struct rusage usage; // of an ended command: of all that init has waited for
} ChildReport;

// The error that a report of a failed step is. failure.c
Error *child_error(const Plan *plan, const ChildReport *report) __attribute__((returns_nonnull));

// Never returns. The calling process is alone in its pid namespace, with all signals blocked.
_Noreturn void child_main(const Plan *plan);

// Ends the child with a report.
_Noreturn void child_fail(const Plan *plan, ChildStep step, size_t index, int mount_log_fd);
// Returns once Plan.layers may be read.
void child_wait_for_layers(const Plan *plan);
// The root: mounts, devices, and the pivot into it. child_root.c
void child_make_root(const Plan *plan);

#endif

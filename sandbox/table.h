// What a box looks like, as tables: sandbox/plan.c and sandbox/child.c apply them, docs/sandbox.md is printed from them
// and a test compares the two. A changed row changes what a build can see: raise SANDBOX_VERSION with it.
#ifndef SANDBOX_TABLE_H
#define SANDBOX_TABLE_H

#include "sandbox/sandbox.h"

typedef struct NamespaceRow {
    const char *name;
    uint64_t flag; // CLONE_NEW*
    const char *effect;
} NamespaceRow;

typedef struct DeviceRow {
    const char *name; // below /dev, on both sides
    unsigned major, minor;
} DeviceRow;

typedef struct LimitRow {
    const char *name; // as ulimit(1) or getrlimit(2) calls it
    int resource;
    uint64_t soft, hard; // RLIM_INFINITY: none
    const char *note;
} LimitRow;

// A name below /proc that is covered by nothing: an empty read-only directory, or /dev/null.
typedef struct MaskRow {
    const char *name;
    bool directory;
    const char *why;
} MaskRow;

extern const NamespaceRow table_namespaces[];
extern const size_t table_namespace_count;
extern const DeviceRow table_devices[];
extern const size_t table_device_count;
extern const LimitRow table_limits[];
extern const size_t table_limit_count;
extern const MaskRow table_masks[];
extern const size_t table_mask_count;
// What lies in the root under everything that a spec says: /dev's links, mountpoints.
extern const SkeletonEntry table_own_skeleton[];
extern const size_t table_own_skeleton_count;

#define TABLE_TMPFS_DEFAULT_BYTES (UINT64_C(2) << 30)
#define TABLE_TMPFS_INODES 1048576
#define TABLE_PROCESSES UINT64_C(4096)
#define TABLE_OPEN_FILES UINT64_C(4096)
#define TABLE_FILE_SIZE_BYTES (UINT64_C(32) << 30)
#define TABLE_OUTPUT_BYTES (UINT64_C(1) << 30)
#define TABLE_EPOCH_S 315619200 // times of what the box's maker writes: 1980-01-02, as SOURCE_DATE_EPOCH
#define TABLE_LAYERS_MAX 499    // overlayfs takes 500, one is the skeleton
#define TABLE_UID 1000
#define TABLE_GID 1000

// docs/sandbox.md's tables, between its two markers.
void table_print(Buf *out);

#endif

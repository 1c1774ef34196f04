// Who we are on this host, as far as a box cares, and what the host refuses.
//
// Sources: user_namespaces(7), proc(5). Facts are read once per process.
#ifndef SANDBOX_HOST_H
#define SANDBOX_HOST_H

#include "sandbox/sandbox.h"

// How the mounts of a box are made.
typedef enum HostMode {
    HOST_USER, // as an ordinary user: in a user namespace of our own, from the first step; 1000 is the caller
    HOST_ROOT, // as the host's root: by it, then into a user namespace in which 1000 is an unprivileged id
} HostMode;

typedef struct HostIdentity {
    HostMode mode;
    uid_t uid; // the host's ids of a box's processes
    gid_t gid;
} HostIdentity;

// The pair that the host's root gives to boxes: in the range that systemd's documentation (UIDS-GIDS) leaves to nobody,
// so that no service and no container shares it. "pmin" in ASCII.
#define HOST_BOX_ID 1886218606u

MUST_CHECK Error *host_identity(HostIdentity *out);
// ERROR_SANDBOX for a clone(2) or unshare(2) that failed with errno_value, naming the setting that refuses it.
Error *host_namespace_error(int errno_value, const char *what) __attribute__((returns_nonnull));
// The number in a one-line file below /proc/sys; false when there is none.
bool host_setting(const char *path, uint64_t *out);

#endif

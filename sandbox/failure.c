// What a child's report means to a person: which step, on what, why, and what to do about it.
#include "sandbox/child.h"

#include <errno.h>

static const char *const step_texts[STEP_COUNT] = {
    [STEP_DESCRIPTORS] = "close the files that are none of its business",
    [STEP_ID_MAP] = "map its user and group",
    [STEP_PRIVATE] = "make its mounts private",
    [STEP_SCRATCH] = "prepare its root",
    [STEP_SKELETON] = "make a name in its root",
    [STEP_STORE] = "enter a directory of layers",
    [STEP_STORE_IDMAP] = "show the layers as its user's own (an idmapped mount)",
    [STEP_LAYER] = "add a layer to its root",
    [STEP_OVERLAY] = "put its root together",
    [STEP_PROC] = "mount its /proc",
    [STEP_MASK] = "cover a name in its /proc",
    [STEP_DEVICE] = "give it a device",
    [STEP_SHM] = "mount its /dev/shm",
    [STEP_PTS] = "mount its /dev/pts",
    [STEP_SOURCE] = "take a directory or file of the host for a mount",
    [STEP_SOURCE_IDMAP] = "show a directory of the host as its user's own (an idmapped mount)",
    [STEP_MOUNTPOINT] = "find a mountpoint",
    [STEP_MOUNT] = "make a mount",
    [STEP_NETWORK] = "raise its loopback device",
    [STEP_HOSTNAME] = "name it",
    [STEP_TIME] = "zero its uptime",
    [STEP_PIVOT] = "enter its root",
    [STEP_IDENTITY] = "become its unprivileged user",
    [STEP_CAPABILITIES] = "drop capabilities",
    [STEP_SECCOMP] = "filter its system calls",
    [STEP_FORK] = "start a process in it",
    [STEP_LIMIT] = "set a limit",
    [STEP_CPUS] = "choose its processors",
    [STEP_STDIO] = "give it its input and output",
    [STEP_CWD] = "enter its working directory",
    [STEP_EXEC] = "execute its command",
};

// What the step was working on; "" when that says nothing.
static const char *step_item(const Plan *plan, const ChildReport *report) {
    size_t i = report->index;
    switch ((ChildStep)report->step) {
    case STEP_SKELETON:
        return i < plan->skeleton_count ? plan->skeleton[i].path : "";
    case STEP_STORE:
    case STEP_STORE_IDMAP:
        return plan->layers && i < plan->layers->store_count ? plan->layers->stores[i].path : "";
    case STEP_LAYER:
        return plan->layers && i < plan->layers->layer_count ? plan->layers->layers[i].path : "";
    case STEP_MASK:
        return i < table_mask_count ? table_masks[i].name : "";
    case STEP_DEVICE:
        return i < table_device_count ? table_devices[i].name : "";
    case STEP_SOURCE:
    case STEP_SOURCE_IDMAP:
        return i < plan->mount_count && plan->mounts[i].source.path ? plan->mounts[i].source.path : "";
    case STEP_MOUNTPOINT:
    case STEP_MOUNT:
        return i < plan->mount_count ? plan->mounts[i].target : "";
    case STEP_LIMIT:
        return i < table_limit_count ? table_limits[i].name : "";
    case STEP_CWD:
        return plan->cwd;
    case STEP_DESCRIPTORS:
    case STEP_ID_MAP:
    case STEP_PRIVATE:
    case STEP_SCRATCH:
    case STEP_OVERLAY:
    case STEP_PROC:
    case STEP_SHM:
    case STEP_PTS:
    case STEP_NETWORK:
    case STEP_HOSTNAME:
    case STEP_TIME:
    case STEP_PIVOT:
    case STEP_IDENTITY:
    case STEP_CAPABILITIES:
    case STEP_SECCOMP:
    case STEP_FORK:
    case STEP_CPUS:
    case STEP_STDIO:
    case STEP_EXEC:
    case STEP_COUNT:
        break;
    }
    return "";
}

static Error *exec_error(const Plan *plan, const ChildReport *report) {
    const char *name = plan->argv[0];
    if (report->error == ENOENT || report->error == ENOTDIR) {
        Error *error = error_new(ERROR_NOT_FOUND, "%s: there is no such command in the sandbox", name);
        if (strchr(name, '/'))
            return error_hint(error, "if the file is there, its interpreter (the first line of a script, or the loader of "
                                     "a dynamic program) is not");
        return error_hint(error, "it is looked up in the sandbox's PATH; name the package that has it");
    }
    if (report->error == EACCES)
        return error_new(ERROR_DENIED, "%s: not an executable file in the sandbox", name);
    return error_new(ERROR_DENIED, "%s: cannot be executed: %s", name, strerrordesc_np(report->error));
}

// The first steps that need the powers of our own namespaces: where those can be made but give none, as AppArmor does it,
// these are the ones that fail.
static Error *namespace_error(Error *error, const ChildReport *report) {
    error_free(error);
    AUTO_BUF Buf what;
    buf_init(&what, 4096);
    buf_printf(&what, "cannot %s", step_texts[report->step]);
    return host_namespace_error(report->error, buf_cstr(&what));
}

Error *child_error(const Plan *plan, const ChildReport *report) {
    if (report->step == STEP_EXEC)
        return exec_error(plan, report);
    if (report->step >= STEP_COUNT)
        return error_new(ERROR_SANDBOX, "cannot set up the sandbox: the child sent nonsense");
    if (report->step == STEP_IDENTITY && report->index == 1)
        return host_namespace_error(report->error, "cannot make a user namespace");
    const char *item = step_item(plan, report), *why = strerrordesc_np(report->error);
    int detail_len = (int)strcspn(report->detail, "\n");
    Error *error = error_new(ERROR_SANDBOX, "cannot set up the sandbox: cannot %s%s%s: %s%s%.*s", step_texts[report->step],
                             *item ? ": " : "", item, why ? why : "unknown error", detail_len ? "; " : "", detail_len,
                             report->detail);
    switch ((ChildStep)report->step) {
    case STEP_STORE_IDMAP:
    case STEP_SOURCE_IDMAP:
        return error_hint(error, "the file system there cannot be idmapped (ext4, xfs, btrfs and tmpfs can; an overlay needs "
                                 "Linux 5.19): move it with --minimal-dir, or run minimal as an ordinary user");
    case STEP_PROC:
        return error_hint(error, "the kernel gives a new /proc only where the host's own is whole: in a container, unmask "
                                 "its /proc (podman, docker: --security-opt unmask=ALL)");
    case STEP_SOURCE:
    case STEP_STORE:
        if (report->error == ESTALE)
            return error_hint(error, "another file lies at that path now; try again");
        break;
    case STEP_TIME:
        if (report->error == EPERM || report->error == EACCES)
            return namespace_error(error, report);
        return error_hint(error, "a kernel with CONFIG_TIME_NS is needed");
    case STEP_LAYER:
    case STEP_OVERLAY:
        if (plan->identity.mode == HOST_ROOT && report->error != ENOENT)
            return error_hint(error, "overlayfs takes idmapped layers, as root has them, since Linux 5.19 and from ext4, "
                                     "xfs, btrfs and tmpfs: move the store with --minimal-dir, or run minimal as an "
                                     "ordinary user");
        break;
    case STEP_NETWORK:
    case STEP_HOSTNAME:
    case STEP_ID_MAP:
    case STEP_PRIVATE:
    case STEP_SCRATCH:
        return namespace_error(error, report);
    case STEP_CWD:
    case STEP_DESCRIPTORS:
    case STEP_SKELETON:
    case STEP_MASK:
    case STEP_DEVICE:
    case STEP_SHM:
    case STEP_PTS:
    case STEP_MOUNTPOINT:
    case STEP_MOUNT:
    case STEP_PIVOT:
    case STEP_IDENTITY:
    case STEP_CAPABILITIES:
    case STEP_SECCOMP:
    case STEP_FORK:
    case STEP_LIMIT:
    case STEP_CPUS:
    case STEP_STDIO:
    case STEP_EXEC:
    case STEP_COUNT:
        break;
    }
    return error_hint(error, "`minimal doctor` says what this host gives");
}

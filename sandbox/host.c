// Who we are decides how a box is made. The danger is the host's uid 0: a box whose user it is passes every owner check
// of the kernel's own files, capabilities or not. So root is never mapped, under whatever number it goes here.
#include "sandbox/host.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

bool host_setting(const char *path, uint64_t *out) {
    AUTO_BUF Buf text;
    buf_init(&text, 64);
    Error *error = fd_read_file(AT_FDCWD, path, &text);
    bool ok = !error && str_parse_u64(str_trim(buf_str(&text)), out);
    error_free(error);
    return ok;
}

// Whether `id` exists in our own user namespace, by /proc/self/uid_map or gid_map: "inside outside count" per line.
static bool map_has(const char *path, uint64_t id) {
    AUTO_BUF Buf text;
    buf_init(&text, 64 * 1024);
    Error *error = fd_read_file(AT_FDCWD, path, &text);
    bool found = false;
    if (!error) {
        Str rest = buf_str(&text), line;
        while (!found && str_cut(&rest, '\n', &line)) {
            unsigned long long inside = 0, outside = 0, count = 0;
            if (line.len && sscanf(line.ptr, "%llu %llu %llu", &inside, &outside, &count) == 3)
                found = id >= inside && id - inside < count;
        }
    }
    error_free(error);
    return found;
}

static bool has_capability(unsigned number) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return syscall(SYS_capget, &header, data) == 0 && (data[number / 32].effective & (1u << (number % 32)));
}

static Error *root_identity(HostIdentity *out) {
    if (!has_capability(CAP_SYS_ADMIN))
        return error_hint(error_new(ERROR_SANDBOX, "we are the host's root, but without CAP_SYS_ADMIN, so that no mount "
                                                   "can be made and root must not be handed to a sandbox"),
                          "run minimal as an ordinary user, or start this container with CAP_SYS_ADMIN");
    static const uint32_t candidates[] = {HOST_BOX_ID, 65534};
    for (size_t i = 0; i < ARRAY_LEN(candidates); i++) {
        if (!map_has("/proc/self/uid_map", candidates[i]) || !map_has("/proc/self/gid_map", candidates[i]))
            continue;
        *out = (HostIdentity){HOST_ROOT, candidates[i], candidates[i]};
        return NULL;
    }
    return error_hint(error_new(ERROR_SANDBOX, "the only user id here is the host's root, which must not be handed to a "
                                               "sandbox"),
                      "run minimal as an ordinary user of the host");
}

static Error *find_identity(HostIdentity *out) {
    uid_t uid = geteuid();
    // The kernel's own files belong to the host's uid 0, shown here by the number that it has in our namespace.
    struct stat st;
    if (stat("/proc/sys/kernel/ostype", &st) < 0 && stat("/proc/sys", &st) < 0)
        return error_hint(error_wrap(error_sys(errno, "cannot look at /proc/sys"),
                                     "cannot tell whether we are the host's root"),
                          "sandboxes need /proc; mount it, or give it to this container");
    if (st.st_uid == uid && uid == 0)
        return root_identity(out);
    // 65534 also stands for "a uid that does not exist here", as the host's root does not in a rootless container.
    if (st.st_uid == uid && uid != 65534)
        return error_hint(error_new(ERROR_SANDBOX, "uid %u is the host's root under another number, which must not be "
                                                   "handed to a sandbox", (unsigned)uid),
                          "run minimal as an ordinary user of the host");
    *out = (HostIdentity){HOST_USER, uid, getegid()};
    return NULL;
}

// Kept only once found: a failure is asked for anew, so that each caller gets an error of its own.
Error *host_identity(HostIdentity *out) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static HostIdentity known;
    static bool found;
    pthread_mutex_lock(&lock);
    Error *error = found ? NULL : find_identity(&known);
    found = found || !error;
    *out = known;
    pthread_mutex_unlock(&lock);
    return error;
}

Error *sandbox_owner(uid_t *uid_out, gid_t *gid_out) {
    HostIdentity identity;
    TRY(host_identity(&identity));
    *uid_out = identity.uid;
    *gid_out = identity.gid;
    return NULL;
}

Error *host_namespace_error(int errno_value, const char *what) {
    static const char clone_setting[] = "/proc/sys/kernel/unprivileged_userns_clone";
    static const char apparmor_setting[] = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    uint64_t value;
    Error *sandbox = error_new(ERROR_SANDBOX, "this host does not let us make a sandbox: %s: %s", what,
                               strerrordesc_np(errno_value));
    if (host_setting("/proc/sys/user/max_user_namespaces", &value) && value == 0)
        return error_hint(sandbox, "user namespaces are switched off: sudo sysctl user.max_user_namespaces=28633");
    if (host_setting(clone_setting, &value) && value == 0)
        return error_hint(sandbox, "user namespaces are root's alone here: sudo sysctl kernel.unprivileged_userns_clone=1");
    if (host_setting(apparmor_setting, &value) && value == 1)
        return error_hint(sandbox, "AppArmor keeps user namespaces from programs without a profile: "
                                   "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0, "
                                   "or give minimal a profile with the rule `userns,`");
    if (errno_value == ENOSPC || errno_value == EUSERS)
        return error_hint(sandbox, "a limit on namespaces is reached: see the max_*_namespaces files in /proc/sys/user");
    if (errno_value == ENOSYS || errno_value == EINVAL)
        return error_hint(sandbox, "Linux 5.12 or later is needed, with user, pid, net, ipc, uts, cgroup and time "
                                   "namespaces; `minimal doctor` says which is missing");
    return error_hint(sandbox, "something outside forbids it, such as a container's seccomp profile: allow clone3, unshare "
                               "and mount in it; `minimal doctor` says more");
}

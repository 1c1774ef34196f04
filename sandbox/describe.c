// What a person reads: the plan of a box for --dry-run, and what the host gives for `minimal doctor`.
#include "base/fd.h"
#include "sandbox/plan.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

// ---- a spec as text ----

static void describe_path(int fd, Buf *out) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path);
    if (len < 0)
        buf_printf(out, "descriptor %d", fd);
    else
        buf_add(out, path, (size_t)len);
}

static void describe_layers(const SandboxSpec *spec, Buf *out) {
    for (size_t i = 0; i < spec->layer_count; i++) {
        buf_add_cstr(out, "layer ");
        describe_path(spec->layers[i].dirfd, out);
        buf_printf(out, "%s%s\n", out->ptr[out->len - 1] == '/' ? "" : "/", spec->layers[i].path);
    }
}

static void describe_skeleton(const SandboxSpec *spec, Buf *out) {
    for (size_t i = 0; i < spec->skeleton_count; i++) {
        const SkeletonEntry *entry = &spec->skeleton[i];
        if (entry->kind == SKELETON_DIR)
            buf_printf(out, "dir %s mode %04o\n", entry->path, (unsigned)entry->mode);
        else if (entry->kind == SKELETON_LINK)
            buf_printf(out, "link %s -> %s\n", entry->path, entry->text);
        else
            buf_printf(out, "file %s mode %04o, %zu bytes\n", entry->path, (unsigned)entry->mode, strlen(entry->text));
    }
}

static void describe_mounts(const SandboxSpec *spec, Buf *out) {
    for (size_t i = 0; i < spec->mount_count; i++) {
        const SandboxMount *mount = &spec->mounts[i];
        buf_printf(out, "mount %s %s, %s%s", mount->path, mount->kind == SANDBOX_MOUNT_TMPFS ? "tmpfs" : "bind",
                   mount->read_only ? "read-only" : "writable", mount->may_exec ? "" : ", noexec");
        if (mount->kind == SANDBOX_MOUNT_BIND) {
            buf_add_cstr(out, ", from ");
            describe_path(mount->source_fd, out);
        } else {
            buf_printf(out, ", mode %04o", (unsigned)mount->mode);
            if (mount->size_bytes)
                buf_printf(out, ", %llu bytes", (unsigned long long)mount->size_bytes);
        }
        buf_add_byte(out, '\n');
    }
}

static void describe_limits(const SandboxLimits *limits, Buf *out) {
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"seconds in all", limits->total_timeout_s},
        {"seconds without output", limits->idle_timeout_s},
        {"processes", limits->processes ? limits->processes : TABLE_PROCESSES},
        {"open files", limits->open_files ? limits->open_files : TABLE_OPEN_FILES},
        {"bytes in a file", limits->file_size_bytes ? limits->file_size_bytes : TABLE_FILE_SIZE_BYTES},
        {"bytes of address space", limits->memory_bytes},
        {"bytes on disk", limits->disk_bytes},
        {"bytes of output", limits->output_bytes ? limits->output_bytes : TABLE_OUTPUT_BYTES},
        {"processors", limits->cpus},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].value)
            buf_printf(out, "limit %s %llu\n", rows[i].name, (unsigned long long)rows[i].value);
}

void sandbox_describe(const SandboxSpec *spec, Buf *out) {
    buf_printf(out, "sandbox version %d\nhost name %s\nuser %u, group %u\nnetwork %s\n", SANDBOX_VERSION, spec->hostname,
               (unsigned)spec->uid, (unsigned)spec->gid,
               spec->network == SANDBOX_NETWORK_NONE ? "none" : "the host's: this wall is down");
    describe_layers(spec, out);
    describe_skeleton(spec, out);
    describe_mounts(spec, out);
    describe_limits(&spec->limits, out);
    for (size_t i = 0; spec->env[i]; i++)
        buf_printf(out, "variable %s\n", spec->env[i]);
    buf_printf(out, "directory %s\ncommand", spec->cwd);
    for (size_t i = 0; spec->argv[i]; i++)
        buf_printf(out, " '%s'", spec->argv[i]);
    buf_add_byte(out, '\n');
}

// ---- the host ----

typedef struct Checks {
    Arena *arena;
    SandboxCheck *items;
    size_t count;
} Checks;

static void add_check(Checks *checks, const char *name, bool needed, bool works, const char *detail, const char *hint) {
    BUG_UNLESS(checks->count < SANDBOX_CHECKS_MAX);
    checks->items[checks->count++] = (SandboxCheck){name, works, needed, arena_str(checks->arena, str_from(detail)),
                                                    works ? STR("") : arena_str(checks->arena, str_from(hint))};
}

// Tries `flags` in a child that does nothing else; 0 or errno.
static int try_namespaces(unsigned long flags) {
    pid_t pid = fork();
    if (pid < 0)
        return errno;
    if (pid == 0)
        _exit(unshare((int)flags) == 0 ? 0 : errno);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

static void check_kernel(Checks *checks) {
    struct utsname name;
    unsigned major = 0, minor = 0;
    uname(&name);
    bool read = sscanf(name.release, "%u.%u", &major, &minor) == 2;
    bool ok = read && (major > 5 || (major == 5 && minor >= 12));
    add_check(checks, "kernel", true, ok, name.release, "Linux 5.12 or later is needed");
}

static void check_identity(Checks *checks, HostIdentity *identity, bool *known_out) {
    Error *error = host_identity(identity);
    *known_out = !error;
    char text[160];
    if (error) {
        add_check(checks, "user", true, false, error_text(error), error_get_hint(error) ? error_get_hint(error) : "");
        error_free(error);
        return;
    }
    snprintf(text, sizeof text, "sandboxes run as host uid %u, gid %u%s", (unsigned)identity->uid,
             (unsigned)identity->gid, identity->mode == HOST_ROOT ? " (never as root)" : "");
    add_check(checks, "user", true, true, text, "");
}

static void check_namespaces(Checks *checks) {
    static const struct {
        const char *name;
        unsigned long flag;
    } rows[] = {{"user namespaces", 0},
                {"mount, pid, ipc, uts, cgroup namespaces",
                 CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP},
                {"net namespaces", CLONE_NEWNET},
                {"time namespaces", 0x80}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int why = try_namespaces(CLONE_NEWUSER | rows[i].flag);
        Error *error = why ? host_namespace_error(why, rows[i].name) : NULL;
        add_check(checks, rows[i].name, true, !why, error ? strerrordesc_np(why) : "can be made",
                  error ? error_get_hint(error) : "");
        error_free(error);
    }
}

// One real box, on a directory of the host: it must fail to execute, and only that.
static void check_box(Checks *checks) {
    static const char *const argv[] = {"/nothing", NULL}, *const env[] = {NULL};
    AUTO_FD int top = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const SandboxLayer layer = {top, "usr"};
    SandboxSpec spec = {.layers = &layer,
                        .layer_count = 1,
                        .argv = argv,
                        .env = env,
                        .cwd = "/",
                        .hostname = "minimal",
                        .uid = TABLE_UID,
                        .gid = TABLE_GID,
                        .stdin_fd = -1,
                        .stdout_fd = -1,
                        .stderr_fd = -1,
                        .log_fd = -1,
                        .limits = {.watched_fd = -1}};
    SandboxResult result;
    Error *error = sandbox_run(&spec, NULL, &result);
    bool ok = error && error_kind(error) == ERROR_NOT_FOUND;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    if (error && !ok)
        error_format(error, &text);
    add_check(checks, "a whole sandbox", true, ok, ok ? "every wall goes up" : buf_cstr(&text),
              "the lines above say what is missing");
    error_free(error);
}

static void check_overlay(Checks *checks) {
    AUTO_BUF Buf text;
    buf_init(&text, 64 * 1024);
    Error *error = fd_read_file(AT_FDCWD, "/proc/filesystems", &text);
    bool ok = !error && str_contains(buf_str(&text), STR("\toverlay\n"));
    error_free(error);
    add_check(checks, "overlayfs", true, ok, ok ? "known to the kernel" : "not in /proc/filesystems",
              "load it: sudo modprobe overlay");
}

static void check_idmap(Checks *checks, const HostIdentity *identity) {
    if (identity->mode != HOST_ROOT) {
        add_check(checks, "idmapped mounts", false, true, "not needed: files already belong to the sandbox's user", "");
        return;
    }
    int userns = -1, tree = -1;
    const char *why = "works on /";
    bool ok = false;
    Error *error = idmap_userns(0, 0, *identity, &userns);
    if (!error) {
        struct mount_attr attr = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns};
        tree = open_tree(AT_FDCWD, "/", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        ok = tree >= 0 && mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0;
        if (!ok)
            why = strerrordesc_np(errno);
    }
    error_free(error);
    fd_close(&tree);
    add_check(checks, "idmapped mounts", false, ok, ok ? why : "refused by the file system of /",
              "as root, keep the store on ext4, xfs, btrfs or tmpfs (--minimal-dir), or run minimal as an ordinary user");
}

static void check_seccomp(Checks *checks) {
    bool ok = syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &(uint32_t){SECCOMP_RET_KILL_PROCESS}) == 0;
    add_check(checks, "system call filters", true, ok, ok ? "seccomp works" : strerrordesc_np(errno),
              "a kernel with CONFIG_SECCOMP_FILTER is needed");
}

static void check_extras(Checks *checks) {
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    char text[64];
    snprintf(text, sizeof text, "ABI %ld; a sandbox stands without it", abi);
    add_check(checks, "landlock", false, abi > 0, abi > 0 ? text : "not in this kernel",
              "nothing to do: a sandbox stands without it");
    bool memory = access("/sys/fs/cgroup/memory/cgroup.procs", W_OK) == 0;
    AUTO_BUF Buf controllers;
    buf_init(&controllers, 4096);
    Error *error = fd_read_file(AT_FDCWD, "/sys/fs/cgroup/cgroup.controllers", &controllers);
    memory |= !error && str_contains(buf_str(&controllers), STR("memory")) &&
              access("/sys/fs/cgroup/cgroup.subtree_control", W_OK) == 0;
    error_free(error);
    add_check(checks, "cgroups", false, memory, memory ? "ours to use, but limits are per process and by watching"
                                                      : "not ours to use",
              "nothing to do: limits are per process and by watching");
}

size_t sandbox_check_host(Arena *arena, SandboxCheck items[SANDBOX_CHECKS_MAX]) {
    Checks checks = {arena, items, 0};
    HostIdentity identity = {0};
    bool known;
    check_kernel(&checks);
    check_identity(&checks, &identity, &known);
    check_namespaces(&checks);
    check_overlay(&checks);
    check_seccomp(&checks);
    if (known)
        check_idmap(&checks, &identity);
    check_extras(&checks);
    if (known)
        check_box(&checks);
    return checks.count;
}

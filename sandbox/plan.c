// From a spec to a plan: every string, option and limit is made here, in the caller's process, where there are memory
// and errors to report with. The invariant: what plan_make accepts, the child can apply without allocating.
#include "sandbox/plan.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

static const char *copy(Arena *arena, const char *text) {
    return arena_str(arena, str_from(text)).ptr;
}

static const char *format(Arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static const char *format(Arena *arena, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    return arena_str(arena, buf_str(&text)).ptr;
}

void plan_keep(Plan *plan, int fd) {
    if (fd < 0)
        return;
    size_t at = 0;
    while (at < plan->keep_count && plan->keep[at] < fd)
        at++;
    if (at < plan->keep_count && plan->keep[at] == fd)
        return;
    BUG_UNLESS(plan->keep_count < ARRAY_LEN(plan->keep));
    memmove(plan->keep + at + 1, plan->keep + at, (plan->keep_count - at) * sizeof *plan->keep);
    plan->keep[at] = fd;
    plan->keep_count++;
}

// ---- paths ----

// Below the root: "/a/b" becomes "a/b". A component "." or ".." would let a mountpoint or a file be elsewhere.
static Error *inside_path(Arena *arena, const char *path, const char **out) {
    if (path[0] != '/' || !path_is_safe_relative(str_from(path + 1)))
        return error_new(ERROR_SANDBOX, "'%s' is not an absolute, clean path inside a sandbox", path);
    *out = copy(arena, path + 1);
    return NULL;
}

static Error *find_source(Arena *arena, HostIdentity identity, int fd, PlanSource *out) {
    char link[64], path[PATH_MAX];
    struct stat st;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t len = readlink(link, path, sizeof path - 1);
    if (len < 0 || fstat(fd, &st) < 0)
        return error_sys(errno, "cannot look at descriptor %d, which a sandbox is to see", fd);
    path[len] = '\0';
    if (path[0] != '/' || len >= PATH_MAX - 1)
        return error_new(ERROR_SANDBOX, "'%s' has no path here, so it cannot be mounted", path);
    *out = (PlanSource){copy(arena, path), st.st_dev, st.st_ino, -1};
    if (identity.mode == HOST_ROOT && !(st.st_uid == identity.uid && st.st_gid == identity.gid))
        TRY_CTX(idmap_userns(st.st_uid, st.st_gid, identity, &out->idmap_fd), "%s", path);
    return NULL;
}

// ---- the parts ----

// mount(2) passes at most a page of options, so layers get names of at most three letters: links in a directory of the
// scratch file system, made by the child. As root they lead to the stores' idmapped mounts beside it.
static void plan_old_overlay(Arena *arena, HostIdentity identity, PlanLayers *layers) {
    AUTO_BUF Buf options;
    buf_init(&options, BUF_NO_LIMIT);
    buf_add_cstr(&options, "lowerdir=../root");
    const char **links = arena_array(arena, layers->layer_count * 2, sizeof *links);
    for (size_t i = 0; i < layers->layer_count; i++) {
        const PlanLayer *layer = &layers->layers[i];
        buf_printf(&options, ":%zx", i);
        links[2 * i] = format(arena, "%zx", i);
        links[2 * i + 1] = identity.mode == HOST_ROOT
                               ? format(arena, "../s%03zu/%s", layer->store, layer->path)
                               : format(arena, "%s/%s", layers->stores[layer->store].path, layer->path);
    }
    layers->old_links = links;
    layers->old_options = arena_str(arena, buf_str(&options)).ptr;
}

Error *plan_make_layers(Arena *arena, HostIdentity identity, const SandboxLayer *layers, size_t count,
                        const PlanLayers **out) {
    if (count > TABLE_LAYERS_MAX)
        return error_hint(error_new(ERROR_LIMIT, "a root of %zu layers; overlayfs takes %d", count, TABLE_LAYERS_MAX),
                          "use fewer packages at once, or merge some into one package");
    PlanLayers *made = arena_zalloc(arena, sizeof *made);
    PlanLayer *items = arena_array(arena, count, sizeof *items);
    PlanSource *stores = arena_array(arena, count, sizeof *stores);
    int *fds = arena_array(arena, count, sizeof *fds);
    for (size_t i = 0; i < count; i++) {
        bool is_dot = strcmp(layers[i].path, ".") == 0;
        if (!is_dot && !path_is_safe_relative(str_from(layers[i].path)))
            return error_new(ERROR_SANDBOX, "layer '%s' is not a clean relative path", layers[i].path);
        size_t store = 0;
        while (store < made->store_count && fds[store] != layers[i].dirfd)
            store++;
        if (store == made->store_count) {
            TRY(find_source(arena, identity, layers[i].dirfd, &stores[store]));
            fds[made->store_count++] = layers[i].dirfd;
        }
        items[i] = (PlanLayer){store, copy(arena, layers[i].path)};
    }
    made->stores = stores;
    made->layers = items;
    made->layer_count = count;
    plan_old_overlay(arena, identity, made);
    *out = made;
    return NULL;
}

static Error *plan_entry(Arena *arena, const SkeletonEntry *entry, PlanEntry *out) {
    out->kind = entry->kind;
    out->mode = entry->mode & 07777;
    TRY(inside_path(arena, entry->path, &out->path));
    out->text = entry->text ? copy(arena, entry->text) : "";
    out->len = strlen(out->text);
    if (entry->kind == SKELETON_LINK && out->len == 0)
        return error_new(ERROR_SANDBOX, "the link '%s' has no target", entry->path);
    return NULL;
}

static Error *plan_skeleton(Arena *arena, const SandboxSpec *spec, Plan *plan) {
    plan->skeleton = arena_array(arena, table_own_skeleton_count + spec->skeleton_count, sizeof *plan->skeleton);
    for (size_t i = 0; i < table_own_skeleton_count; i++)
        TRY(plan_entry(arena, &table_own_skeleton[i], &plan->skeleton[plan->skeleton_count++]));
    for (size_t i = 0; i < spec->skeleton_count; i++)
        TRY(plan_entry(arena, &spec->skeleton[i], &plan->skeleton[plan->skeleton_count++]));
    return NULL;
}

static void add_option(PlanOption *options, const char *key, const char *value) {
    size_t at = 0;
    while (options[at].key)
        at++;
    BUG_UNLESS(at + 1 < PLAN_OPTIONS_MAX);
    options[at] = (PlanOption){key, value};
}

// As root the mounts are made by uid 0, but belong to the box's user.
static void tmpfs_options(Arena *arena, const Plan *plan, mode_t mode, uint64_t size_bytes, PlanOption *options) {
    add_option(options, "mode", format(arena, "%04o", (unsigned)(mode & 07777)));
    add_option(options, "size", format(arena, "%llu", (unsigned long long)size_bytes));
    add_option(options, "nr_inodes", format(arena, "%d", TABLE_TMPFS_INODES));
    if (plan->identity.mode == HOST_ROOT) {
        add_option(options, "uid", format(arena, "%u", (unsigned)plan->identity.uid));
        add_option(options, "gid", format(arena, "%u", (unsigned)plan->identity.gid));
    }
}

static const char *const *copy_strings(Arena *arena, const char *const *from) {
    size_t count = 0;
    while (from && from[count])
        count++;
    const char **out = arena_array(arena, count + 1, sizeof *out);
    for (size_t i = 0; i < count; i++)
        out[i] = copy(arena, from[i]);
    return out;
}

static Error *plan_one_mount(Arena *arena, const SandboxMount *mount, Plan *plan, PlanMount *out) {
    out->kind = mount->kind;
    TRY(inside_path(arena, mount->path, &out->target));
    out->attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (mount->read_only ? MOUNT_ATTR_RDONLY : 0) |
                      (mount->may_exec ? 0 : MOUNT_ATTR_NOEXEC);
    if (mount->kind == SANDBOX_MOUNT_TMPFS) {
        out->mode = mount->mode & 07777;
        if (mount->size_bytes)
            tmpfs_options(arena, plan, mount->mode, mount->size_bytes, out->options);
        out->dirs = copy_strings(arena, mount->dirs);
        for (size_t i = 0; out->dirs[i]; i++)
            if (!path_is_safe_relative(str_from(out->dirs[i])))
                return error_new(ERROR_SANDBOX, "'%s' is not a clean relative path in %s", out->dirs[i], mount->path);
        return NULL;
    }
    return find_source(arena, plan->identity, mount->source_fd, &out->source);
}

static Error *plan_mounts(Arena *arena, const SandboxSpec *spec, Plan *plan) {
    plan->mounts = arena_array(arena, spec->mount_count, sizeof *plan->mounts);
    plan->mount_count = spec->mount_count;
    plan->mount_fds = arena_array(arena, spec->mount_count, sizeof *plan->mount_fds);
    for (size_t i = 0; i < spec->mount_count; i++)
        TRY_CTX(plan_one_mount(arena, &spec->mounts[i], plan, &plan->mounts[i]), "the mount on %s",
                spec->mounts[i].path);
    return NULL;
}

static void plan_limits(const SandboxSpec *spec, Plan *plan) {
    BUG_UNLESS(table_limit_count <= ARRAY_LEN(plan->limits));
    for (size_t i = 0; i < table_limit_count; i++) {
        const LimitRow *row = &table_limits[i];
        rlim_t soft = row->soft, hard = row->hard;
        uint64_t wanted = row->resource == RLIMIT_NPROC    ? spec->limits.processes
                          : row->resource == RLIMIT_NOFILE ? spec->limits.open_files
                          : row->resource == RLIMIT_FSIZE  ? spec->limits.file_size_bytes
                          : row->resource == RLIMIT_AS     ? spec->limits.memory_bytes
                                                           : 0;
        if (wanted)
            soft = hard = wanted;
        struct rlimit now;
        if (getrlimit((__rlimit_resource_t)row->resource, &now) == 0) {
            hard = hard < now.rlim_max ? hard : now.rlim_max;
            soft = soft < hard ? soft : hard;
        }
        plan->limits[i] = (struct rlimit){soft, hard};
    }
}

// As many processors as the job was given, of those that we may use, from a place that moves with every box, so that
// boxes at work at the same time share them out.
static Error *plan_cpus(const SandboxSpec *spec, Plan *plan) {
    static atomic_uint next;
    if (!spec->limits.cpus)
        return NULL;
    cpu_set_t ours;
    if (sched_getaffinity(0, sizeof ours, &ours) < 0)
        return error_sys(errno, "cannot ask which processors we may use");
    unsigned have = (unsigned)CPU_COUNT(&ours), want = spec->limits.cpus < have ? spec->limits.cpus : have;
    unsigned skip = atomic_fetch_add(&next, want) % have;
    CPU_ZERO(&plan->cpus);
    plan->set_cpus = true;
    for (unsigned cpu = 0, left = want; left > 0; cpu = (cpu + 1) % CPU_SETSIZE) {
        if (!CPU_ISSET(cpu, &ours))
            continue;
        if (skip) {
            skip--;
            continue;
        }
        CPU_SET(cpu, &plan->cpus);
        left--;
    }
    return NULL;
}

// argv[0] itself, or one name per directory of the box's own PATH.
static Error *plan_program(Arena *arena, const SandboxSpec *spec, Plan *plan) {
    const char *name = spec->argv[0];
    if (!name || !name[0])
        return error_new(ERROR_INVALID, "there is no command to run in the sandbox");
    VEC(const char *) found = {0};
    if (strchr(name, '/')) {
        vec_push(&found, name);
    } else {
        Str path = STR("/usr/bin:/bin");
        for (size_t i = 0; spec->env[i]; i++)
            if (strncmp(spec->env[i], "PATH=", 5) == 0)
                path = str_from(spec->env[i] + 5);
        Str dir;
        while (str_cut(&path, ':', &dir))
            if (dir.len)
                vec_push(&found, format(arena, "%.*s/%s", STR_ARG(dir), name));
    }
    vec_push(&found, NULL);
    plan->programs = copy_strings(arena, found.items);
    vec_release(&found);
    return NULL;
}

static void plan_strings(Arena *arena, const SandboxSpec *spec, Plan *plan) {
    plan->uid_map = format(arena, "%u %u 1\n", (unsigned)spec->uid, (unsigned)plan->identity.uid);
    plan->gid_map = format(arena, "%u %u 1\n", (unsigned)spec->gid, (unsigned)plan->identity.gid);
    plan->hostname = copy(arena, spec->hostname);
    plan->cwd = copy(arena, spec->cwd);
    plan->argv = (char *const *)(uintptr_t)copy_strings(arena, spec->argv);
    plan->env = (char *const *)(uintptr_t)copy_strings(arena, spec->env);
    struct timespec monotonic = {0}, boot = {0};
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_BOOTTIME, &boot);
    plan->time_offsets = format(arena, "monotonic -%lld 0\nboottime -%lld 0\n", (long long)monotonic.tv_sec,
                                (long long)boot.tv_sec);
}

// A directory of the host as stdin or stdout would be a door: openat(0, "..").
static Error *check_stdio(const Plan *plan) {
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    struct stat st;
    for (int i = 0; i < 3; i++) {
        if (plan->stdio[i] < 0)
            continue;
        if (fstat(plan->stdio[i], &st) < 0)
            return error_sys(errno, "cannot look at the %s that a sandbox is to have", names[i]);
        if (S_ISDIR(st.st_mode) || S_ISBLK(st.st_mode))
            return error_new(ERROR_SANDBOX, "%s is a %s of the host, which a sandbox must not have", names[i],
                             S_ISDIR(st.st_mode) ? "directory" : "block device");
    }
    return NULL;
}

static Error *plan_descriptors(const SandboxSpec *spec, Plan *plan) {
    plan->stdio[0] = spec->stdin_fd;
    plan->stdio[1] = spec->stdout_fd;
    plan->stdio[2] = spec->stderr_fd;
    for (size_t i = 0; i < plan->mount_count; i++)
        if (plan->mounts[i].kind == SANDBOX_MOUNT_BIND)
            plan_keep(plan, plan->mounts[i].source.idmap_fd);
    return check_stdio(plan);
}

Error *plan_make_early(Arena *arena, const SandboxSpec *spec, Plan *plan) {
    *plan = (Plan){.report_fd = -1, .layers_fd = -1};
    TRY(host_identity(&plan->identity));
    plan->own_network = spec->network == SANDBOX_NETWORK_NONE;
    for (size_t i = 0; i < table_namespace_count; i++)
        plan->namespaces |= table_namespaces[i].flag;
    // The time namespace is set before it is entered, that of the network is made by the child, which is the dearest
    // step of all and nobody has to wait for, and the user namespace is entered last when root makes the mounts.
    plan->namespaces &= ~(uint64_t)(CLONE_NEWTIME | CLONE_NEWNET);
    if (plan->identity.mode == HOST_ROOT)
        plan->namespaces &= ~(uint64_t)CLONE_NEWUSER;
    TRY(plan_skeleton(arena, spec, plan));
    TRY(plan_mounts(arena, spec, plan));
    tmpfs_options(arena, plan, 0755, TABLE_TMPFS_DEFAULT_BYTES, plan->scratch_options);
    plan_limits(spec, plan);
    TRY(plan_cpus(spec, plan));
    TRY(plan_program(arena, spec, plan));
    plan_strings(arena, spec, plan);
    TRY(plan_descriptors(spec, plan));
    plan->seccomp = seccomp_program();
    return NULL;
}

Error *plan_make(Arena *arena, const SandboxSpec *spec, Plan *plan) {
    TRY(plan_make_early(arena, spec, plan));
    TRY(plan_make_layers(arena, plan->identity, spec->layers, spec->layer_count, &plan->layers));
    for (size_t i = 0; i < plan->layers->store_count; i++)
        plan_keep(plan, plan->layers->stores[i].idmap_fd);
    return NULL;
}

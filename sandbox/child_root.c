// The root of a box, made of detached mounts that are put where they belong by descriptor. All of it lies on a scratch
// tmpfs over the host's /proc (which is there, and holds nothing that a box is given), in a mount namespace of our own,
// until the pivot:
//   root/ the skeleton, top layer of the overlay    m/ where the new root is mounted    empty/, none: what masks bind
//   p/, d/ where /proc and /dev are made ready      t/ the directories of the spec's tmpfs mounts    shm/
//   l/    short links to layers, for old kernels    s000/, s001/: stores, idmapped, when we are root
// The current directory is the scratch file system from its mounting to the pivot. All that needs no layer is done
// before the layers are waited for.
#include "sandbox/child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { NO_LOG = -1 };
#define ATTRS_NOTHING (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

// A fresh file system of `type`, as a detached mount. Never returns without one.
static int make_filesystem(const Plan *plan, const char *type, const PlanOption *options, uint64_t attributes,
                           ChildStep step, size_t index) {
    int config = fsopen(type, FSOPEN_CLOEXEC);
    if (config < 0)
        child_fail(plan, step, index, NO_LOG);
    for (size_t i = 0; options && options[i].key; i++)
        if (fsconfig(config, FSCONFIG_SET_STRING, options[i].key, options[i].value, 0) < 0)
            child_fail(plan, step, index, config);
    if (fsconfig(config, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        child_fail(plan, step, index, config);
    int mount = fsmount(config, FSMOUNT_CLOEXEC, (unsigned)attributes);
    if (mount < 0)
        child_fail(plan, step, index, config);
    close(config);
    return mount;
}

static void put_mount(const Plan *plan, int mount, const char *target, ChildStep step, size_t index) {
    if (move_mount(mount, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
        child_fail(plan, step, index, NO_LOG);
}

static void make_dir(const Plan *plan, const char *path, ChildStep step, size_t index) {
    if (mkdir(path, 0755) < 0)
        child_fail(plan, step, index, NO_LOG);
}

// Files and directories are made as the box's user, which root then only has to be as far as file systems ask.
static void act_as(const Plan *plan, bool box) {
    if (plan->identity.mode != HOST_ROOT)
        return;
    setfsgid(box ? plan->identity.gid : 0);
    setfsuid(box ? plan->identity.uid : 0);
}

// ---- the skeleton ----

static const struct timespec skeleton_times[2] = {{.tv_sec = TABLE_EPOCH_S}, {.tv_sec = TABLE_EPOCH_S}};

static void make_file(const Plan *plan, int dir, const PlanEntry *entry, size_t index) {
    if (entry->len == 0) {
        // Our own empty files are mountpoints, whose times are never seen.
        bool covered = index < table_own_skeleton_count;
        if (mknodat(dir, entry->path, S_IFREG | entry->mode, 0) < 0 ||
            (!covered && utimensat(dir, entry->path, skeleton_times, AT_SYMLINK_NOFOLLOW) < 0))
            child_fail(plan, STEP_SKELETON, index, NO_LOG);
        return;
    }
    int fd = openat(dir, entry->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, entry->mode);
    if (fd < 0)
        child_fail(plan, STEP_SKELETON, index, NO_LOG);
    if (write(fd, entry->text, entry->len) != (ssize_t)entry->len)
        child_fail(plan, STEP_SKELETON, index, NO_LOG);
    if (futimens(fd, skeleton_times) < 0)
        child_fail(plan, STEP_SKELETON, index, NO_LOG);
    close(fd);
}

static void make_skeleton(const Plan *plan, int dir) {
    for (size_t i = 0; i < plan->skeleton_count; i++) {
        const PlanEntry *entry = &plan->skeleton[i];
        if (entry->kind == SKELETON_FILE) {
            make_file(plan, dir, entry, i);
            continue;
        }
        int done = entry->kind == SKELETON_DIR ? mkdirat(dir, entry->path, entry->mode)
                                               : symlinkat(entry->text, dir, entry->path);
        // A directory may be named twice: by us and by the spec.
        struct stat st;
        bool again = done < 0 && errno == EEXIST && entry->kind == SKELETON_DIR &&
                     fstatat(dir, entry->path, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
        if (done < 0 && !again) {
            errno = errno ? errno : EEXIST;
            child_fail(plan, STEP_SKELETON, i, NO_LOG);
        }
        if (entry->kind == SKELETON_LINK && utimensat(dir, entry->path, skeleton_times, AT_SYMLINK_NOFOLLOW) < 0)
            child_fail(plan, STEP_SKELETON, i, NO_LOG);
    }
    // Directories last: what was made in them has moved their times.
    for (size_t i = plan->skeleton_count; i-- > 0;)
        if (plan->skeleton[i].kind == SKELETON_DIR && utimensat(dir, plan->skeleton[i].path, skeleton_times, 0) < 0)
            child_fail(plan, STEP_SKELETON, i, NO_LOG);
    if (futimens(dir, skeleton_times) < 0)
        child_fail(plan, STEP_SKELETON, 0, NO_LOG);
}

// ---- what the host gives ----

// A detached copy of a mount of the host at the source's path, if it still is the inode that was planned.
static int clone_source(const Plan *plan, const PlanSource *source, ChildStep step, size_t index) {
    unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW;
    int tree = open_tree(AT_FDCWD, source->path, flags);
    // Mounts below it that we may not uncover come along.
    if (tree < 0 && errno == EINVAL)
        tree = open_tree(AT_FDCWD, source->path, flags | AT_RECURSIVE);
    if (tree < 0)
        child_fail(plan, step, index, NO_LOG);
    struct stat st;
    if (fstat(tree, &st) < 0)
        child_fail(plan, step, index, NO_LOG);
    if (st.st_dev != source->dev || st.st_ino != source->ino) {
        errno = ESTALE;
        child_fail(plan, step, index, NO_LOG);
    }
    return tree;
}

// Of a detached tree with all that it brought along, or of one attached mount.
static bool set_attributes(int tree, uint64_t attributes, int idmap_fd, int recursive) {
    struct mount_attr attr = {.attr_set = attributes};
    if (idmap_fd >= 0) {
        attr.attr_set |= MOUNT_ATTR_IDMAP;
        attr.userns_fd = (uint64_t)idmap_fd;
    }
    return mount_setattr(tree, "", (unsigned)(AT_EMPTY_PATH | recursive), &attr, sizeof attr) == 0;
}

static int prepare_source(const Plan *plan, const PlanMount *mount, size_t index) {
    int tree = clone_source(plan, &mount->source, STEP_SOURCE, index);
    if (!set_attributes(tree, mount->attributes, mount->source.idmap_fd, AT_RECURSIVE))
        child_fail(plan, mount->source.idmap_fd >= 0 ? STEP_SOURCE_IDMAP : STEP_MOUNT, index, NO_LOG);
    return tree;
}

// t/0, t/1, ...
static const char *numbered(size_t index) {
    static char path[32] = "t/";
    size_t digits = 1;
    for (size_t rest = index; rest >= 10; rest /= 10)
        digits++;
    path[2 + digits] = '\0';
    for (; digits > 0; digits--, index /= 10)
        path[1 + digits] = (char)('0' + index % 10);
    return path;
}

// With a size of its own it is a file system of its own; else a directory of ours, which has a size for all of them.
static int prepare_tmpfs(const Plan *plan, const PlanMount *mount, size_t index) {
    int fs;
    uint64_t attributes = mount->attributes & ~(uint64_t)MOUNT_ATTR_RDONLY;
    if (mount->options[0].key) {
        fs = make_filesystem(plan, "tmpfs", mount->options, attributes, STEP_MOUNT, index);
    } else {
        act_as(plan, true);
        if (mkdir(numbered(index), mount->mode) < 0)
            child_fail(plan, STEP_MOUNT, index, NO_LOG);
        act_as(plan, false);
        fs = open_tree(AT_FDCWD, numbered(index), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (fs < 0 || !set_attributes(fs, attributes, -1, 0))
            child_fail(plan, STEP_MOUNT, index, NO_LOG);
    }
    act_as(plan, true);
    for (size_t i = 0; mount->dirs[i]; i++)
        if (mkdirat(fs, mount->dirs[i], 0755) < 0)
            child_fail(plan, STEP_MOUNT, index, NO_LOG);
    act_as(plan, false);
    if ((mount->attributes & MOUNT_ATTR_RDONLY) && !set_attributes(fs, MOUNT_ATTR_RDONLY, -1, 0))
        child_fail(plan, STEP_MOUNT, index, NO_LOG);
    return fs;
}

static void prepare_mounts(const Plan *plan) {
    for (size_t i = 0; i < plan->mount_count; i++) {
        const PlanMount *mount = &plan->mounts[i];
        bool is_tmpfs = mount->kind == SANDBOX_MOUNT_TMPFS;
        plan->mount_fds[i] = is_tmpfs ? prepare_tmpfs(plan, mount, i) : prepare_source(plan, mount, i);
    }
}

// Layers were written by packages: a link in one must not send a mount elsewhere.
static void attach_mounts(const Plan *plan, int root) {
    struct open_how how = {.flags = O_PATH | O_CLOEXEC,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    for (size_t i = 0; i < plan->mount_count; i++) {
        int target = (int)syscall(SYS_openat2, root, plan->mounts[i].target, &how, sizeof how);
        if (target < 0)
            child_fail(plan, STEP_MOUNTPOINT, i, NO_LOG);
        if (move_mount(plan->mount_fds[i], "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
            child_fail(plan, STEP_MOUNT, i, NO_LOG);
        close(plan->mount_fds[i]);
        close(target);
    }
}

// ---- the root itself ----

static char store_name[] = "s000";

static void name_store(size_t store) {
    store_name[1] = (char)('0' + store / 100);
    store_name[2] = (char)('0' + store / 10 % 10);
    store_name[3] = (char)('0' + store % 10);
}

// As root: every store idmapped, so that its files belong to the box's user, as they do when that user is the caller.
static void mount_stores(const Plan *plan) {
    for (size_t i = 0; i < plan->layers->store_count; i++) {
        const PlanSource *store = &plan->layers->stores[i];
        int tree = clone_source(plan, store, STEP_STORE, i);
        if (!set_attributes(tree, ATTRS_NOTHING & ~(uint64_t)MOUNT_ATTR_NOEXEC, store->idmap_fd, AT_RECURSIVE))
            child_fail(plan, STEP_STORE_IDMAP, i, NO_LOG);
        name_store(i);
        make_dir(plan, store_name, STEP_STORE, i);
        put_mount(plan, tree, store_name, STEP_STORE, i);
        close(tree);
    }
}

// Makes a store the current directory, so that layers have short names and no name of the host gets into the mount.
static void enter_store(const Plan *plan, int scratch, size_t store) {
    struct stat st;
    const PlanSource *source = &plan->layers->stores[store];
    name_store(store);
    bool as_root = plan->identity.mode == HOST_ROOT;
    if (as_root && fchdir(scratch) < 0)
        child_fail(plan, STEP_STORE, store, NO_LOG);
    if (chdir(as_root ? store_name : source->path) < 0 || stat(".", &st) < 0)
        child_fail(plan, STEP_STORE, store, NO_LOG);
    if (st.st_dev != source->dev || st.st_ino != source->ino) {
        errno = ESTALE;
        child_fail(plan, STEP_STORE, store, NO_LOG);
    }
}

// Returns -1 when this kernel has no lowerdir+ (before 6.8).
static int make_overlay(const Plan *plan, int scratch) {
    int config = fsopen("overlay", FSOPEN_CLOEXEC);
    if (config < 0)
        child_fail(plan, STEP_OVERLAY, 0, NO_LOG);
    // Without trusted attributes: those that mark_covered sets. Layers have none at all.
    if (plan->identity.mode == HOST_USER && fsconfig(config, FSCONFIG_SET_FLAG, "userxattr", NULL, 0) < 0)
        child_fail(plan, STEP_OVERLAY, 0, config);
    if (fsconfig(config, FSCONFIG_SET_STRING, "lowerdir+", "root", 0) < 0) {
        close(config);
        return -1;
    }
    const PlanLayer *layers = plan->layers->layers;
    for (size_t i = 0; i < plan->layers->layer_count; i++) {
        if (i == 0 || layers[i].store != layers[i - 1].store)
            enter_store(plan, scratch, layers[i].store);
        if (fsconfig(config, FSCONFIG_SET_STRING, "lowerdir+", layers[i].path, 0) < 0)
            child_fail(plan, STEP_LAYER, i, config);
    }
    if (fsconfig(config, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        child_fail(plan, STEP_OVERLAY, 0, config);
    int root = fsmount(config, FSMOUNT_CLOEXEC, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (root < 0 || fchdir(scratch) < 0)
        child_fail(plan, STEP_OVERLAY, 0, config);
    close(config);
    return root;
}

static void mount_old_overlay(const Plan *plan, int scratch) {
    make_dir(plan, "l", STEP_SCRATCH, 0);
    if (chdir("l") < 0)
        child_fail(plan, STEP_SCRATCH, 0, NO_LOG);
    const PlanLayers *layers = plan->layers;
    for (size_t i = 0; i < layers->layer_count; i++)
        if (symlink(layers->old_links[2 * i + 1], layers->old_links[2 * i]) < 0)
            child_fail(plan, STEP_LAYER, i, NO_LOG);
    if (mount("overlay", "../m", "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, layers->old_options) < 0 ||
        fchdir(scratch) < 0)
        child_fail(plan, STEP_OVERLAY, 0, NO_LOG);
}

// Mounts the root at m/ and returns a descriptor of it.
static int mount_root(const Plan *plan, int scratch) {
    int root = -1;
    if (plan->identity.mode == HOST_ROOT)
        mount_stores(plan);
    if (plan->layers->layer_count == 0) {
        root = open_tree(AT_FDCWD, "root", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (root < 0 || !set_attributes(root, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, -1, 0))
            child_fail(plan, STEP_OVERLAY, 0, NO_LOG);
    } else if (!plan->old_overlay) {
        root = make_overlay(plan, scratch);
    }
    if (root >= 0) {
        put_mount(plan, root, "m", STEP_OVERLAY, 0);
        return root;
    }
    mount_old_overlay(plan, scratch);
    root = open("m", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        child_fail(plan, STEP_OVERLAY, 0, NO_LOG);
    return root;
}

// ---- /proc and /dev ----

// A bind takes over the flags of the mount that it is made from: so what masks bind is a mount, and read-only.
static void prepare_masks(const Plan *plan) {
    static const char *const names[] = {"empty", "none"};
    for (size_t i = 0; i < 2; i++) {
        int tree = open_tree(AT_FDCWD, names[i], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
        if (tree < 0 || !set_attributes(tree, ATTRS_NOTHING, -1, 0))
            child_fail(plan, STEP_SCRATCH, 0, NO_LOG);
        put_mount(plan, tree, names[i], STEP_SCRATCH, 0);
        close(tree);
    }
}

static void prepare_proc(const Plan *plan) {
    static const PlanOption options[] = {{"hidepid", "invisible"}, {NULL, NULL}};
    int proc = make_filesystem(plan, "proc", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
                               STEP_PROC, 0);
    put_mount(plan, proc, "p", STEP_PROC, 0);
    close(proc);
    char target[64] = "p/";
    for (size_t i = 0; i < table_mask_count; i++) {
        size_t at = 2;
        for (const char *c = table_masks[i].name; *c && at < sizeof target - 1; c++)
            target[at++] = *c;
        target[at] = '\0';
        if (mount(table_masks[i].directory ? "empty" : "none", target, NULL, MS_BIND, NULL) < 0 && errno != ENOENT)
            child_fail(plan, STEP_MASK, i, NO_LOG);
    }
}

static void prepare_device(const Plan *plan, size_t index) {
    const DeviceRow *row = &table_devices[index];
    char source[32] = "/dev/", target[32] = "d/";
    size_t at = 0;
    for (; row->name[at] && at < 16; at++)
        source[5 + at] = target[2 + at] = row->name[at];
    source[5 + at] = target[2 + at] = '\0';
    int tree = open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_SYMLINK_NOFOLLOW);
    struct stat st;
    if (tree < 0 || fstat(tree, &st) < 0)
        child_fail(plan, STEP_DEVICE, index, NO_LOG);
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(row->major, row->minor)) {
        errno = ENODEV;
        child_fail(plan, STEP_DEVICE, index, NO_LOG);
    }
    if (!set_attributes(tree, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, -1, 0))
        child_fail(plan, STEP_DEVICE, index, NO_LOG);
    put_mount(plan, tree, target, STEP_DEVICE, index);
    close(tree);
}

// A directory of the scratch file system, as a mount of its own.
static void bind_directory(const Plan *plan, const char *from, const char *to, uint64_t attributes, ChildStep step) {
    int tree = open_tree(AT_FDCWD, from, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree < 0 || !set_attributes(tree, attributes, -1, 0))
        child_fail(plan, step, 0, NO_LOG);
    put_mount(plan, tree, to, step, 0);
    close(tree);
}

static void prepare_dev(const Plan *plan) {
    bind_directory(plan, "root/dev", "d", ATTRS_NOTHING, STEP_DEVICE);
    for (size_t i = 0; i < table_device_count; i++)
        prepare_device(plan, i);
    static const PlanOption pts_options[] = {{"ptmxmode", "0666"}, {"mode", "0620"}, {NULL, NULL}};
    int pts = make_filesystem(plan, "devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, STEP_PTS, 0);
    put_mount(plan, pts, "d/pts", STEP_PTS, 0);
    close(pts);
    bind_directory(plan, "shm", "d/shm", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, STEP_SHM);
}

static void attach_tree(const Plan *plan, const char *from, const char *to, ChildStep step) {
    if (move_mount(AT_FDCWD, from, AT_FDCWD, to, 0) < 0)
        child_fail(plan, step, 0, NO_LOG);
}

// ---- the whole ----

// What a mount will cover need not be looked for in every layer. That saves time and nothing else, so a kernel that does
// not take the attribute (a tmpfs has those of users since Linux 6.6) is none the worse.
static void mark_covered(const Plan *plan, int skeleton, const char *path) {
    bool as_root = plan->identity.mode == HOST_ROOT;
    int dir = openat(skeleton, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    fsetxattr(dir, as_root ? "trusted.overlay.opaque" : "user.overlay.opaque", "y", 1, 0);
    close(dir);
}

static void make_names(const Plan *plan) {
    static const struct {
        const char *name;
        mode_t mode;
    } dirs[] = {{"root", 0755}, {"m", 0755}, {"empty", 0755}, {"p", 0755}, {"d", 0755}, {"t", 0755}, {"shm", 01777}};
    act_as(plan, true);
    for (size_t i = 0; i < ARRAY_LEN(dirs); i++)
        if (mkdir(dirs[i].name, dirs[i].mode) < 0)
            child_fail(plan, STEP_SCRATCH, 0, NO_LOG);
    if (mknod("none", S_IFREG | 0444, 0) < 0)
        child_fail(plan, STEP_SCRATCH, 0, NO_LOG);
    int skeleton = open("root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (skeleton < 0)
        child_fail(plan, STEP_SCRATCH, 0, NO_LOG);
    make_skeleton(plan, skeleton);
    act_as(plan, false);
    mark_covered(plan, skeleton, "proc");
    mark_covered(plan, skeleton, "dev");
    for (size_t i = 0; i < plan->mount_count; i++)
        mark_covered(plan, skeleton, plan->mounts[i].target);
    close(skeleton);
}

// The new root becomes "/", the old one goes, with all that hangs from it. Then nothing may lie over the root: "/.." would
// lead there.
static void enter_root(const Plan *plan, int root) {
    if (fchdir(root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
        child_fail(plan, STEP_PIVOT, 0, NO_LOG);
    struct statx top, above;
    if (statx(AT_FDCWD, "/", 0, STATX_BASIC_STATS | STATX_MNT_ID, &top) < 0 ||
        statx(AT_FDCWD, "/..", 0, STATX_BASIC_STATS | STATX_MNT_ID, &above) < 0)
        child_fail(plan, STEP_PIVOT, 0, NO_LOG);
    if (top.stx_mnt_id != above.stx_mnt_id || top.stx_ino != above.stx_ino) {
        errno = EBUSY;
        child_fail(plan, STEP_PIVOT, 0, NO_LOG);
    }
}

void child_make_root(const Plan *plan) {
    // Nothing of what follows reaches the host's mount table, nor the other way round.
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        child_fail(plan, STEP_PRIVATE, 0, NO_LOG);
    int scratch = make_filesystem(plan, "tmpfs", plan->scratch_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
                                  STEP_SCRATCH, 0);
    if (move_mount(scratch, "", AT_FDCWD, "/proc", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(scratch) < 0)
        child_fail(plan, STEP_SCRATCH, 0, NO_LOG);
    umask(0);
    make_names(plan);
    prepare_masks(plan);
    prepare_proc(plan);
    prepare_dev(plan);
    prepare_mounts(plan);
    child_wait_for_layers(plan);
    int root = mount_root(plan, scratch);
    attach_tree(plan, "p", "m/proc", STEP_PROC);
    attach_tree(plan, "d", "m/dev", STEP_DEVICE);
    attach_mounts(plan, root);
    enter_root(plan, root);
    close(root);
    close(scratch);
}

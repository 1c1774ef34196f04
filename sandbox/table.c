// The tables of a box, and their printing. Nothing here is decided at run time, so that what is documented is what is.
#include "sandbox/table.h"
#include "sandbox/seccomp.h"

#include <linux/sched.h>
#include <stdio.h>

#define DIR(path, mode) {SKELETON_DIR, path, mode, NULL}
#define LINK(path, target) {SKELETON_LINK, path, 0, target}
#define FILE_(path, text) {SKELETON_FILE, path, 0444, text}

// clang-format off
const NamespaceRow table_namespaces[] = {
    {"user", CLONE_NEWUSER, "uid and gid 1000 are the caller's own, or a fixed unprivileged pair when the host's root calls; no other id exists"},
    {"mount", CLONE_NEWNS, "private; the host's tree is detached before the command starts"},
    {"pid", CLONE_NEWPID, "our init is pid 1, unseen; its end is the end of every process"},
    {"ipc", CLONE_NEWIPC, "no System V object or message queue of the host"},
    {"uts", CLONE_NEWUTS, "the spec's host name; domain name `(none)`"},
    {"cgroup", CLONE_NEWCGROUP, "`/proc/self/cgroup` shows `/`"},
    {"net", CLONE_NEWNET, "`lo` alone, up; not with a task's `network = \"host\"`"},
    {"time", CLONE_NEWTIME, "uptime begins at zero; the wall clock is the host's"},
};
const size_t table_namespace_count = ARRAY_LEN(table_namespaces);

const DeviceRow table_devices[] = {
    {"null", 1, 3}, {"zero", 1, 5}, {"full", 1, 7}, {"random", 1, 8}, {"urandom", 1, 9}, {"tty", 5, 0},
};
const size_t table_device_count = ARRAY_LEN(table_devices);

const SkeletonEntry table_own_skeleton[] = {
    DIR("/dev", 0755),
    FILE_("/dev/null", ""), FILE_("/dev/zero", ""), FILE_("/dev/full", ""), FILE_("/dev/random", ""),
    FILE_("/dev/urandom", ""), FILE_("/dev/tty", ""),
    LINK("/dev/fd", "/proc/self/fd"), LINK("/dev/stdin", "/proc/self/fd/0"), LINK("/dev/stdout", "/proc/self/fd/1"),
    LINK("/dev/stderr", "/proc/self/fd/2"), LINK("/dev/ptmx", "pts/ptmx"),
    DIR("/dev/pts", 0755), DIR("/dev/shm", 0755), DIR("/proc", 0555),
};
const size_t table_own_skeleton_count = ARRAY_LEN(table_own_skeleton);

const LimitRow table_limits[] = {
    {"core file", RLIMIT_CORE, 0, 0, "never a core dump"},
    {"processes", RLIMIT_NPROC, TABLE_PROCESSES, TABLE_PROCESSES, "threads count; of this box alone since Linux 5.14"},
    {"open files", RLIMIT_NOFILE, TABLE_OPEN_FILES, TABLE_OPEN_FILES, ""},
    {"file size", RLIMIT_FSIZE, TABLE_FILE_SIZE_BYTES, TABLE_FILE_SIZE_BYTES, ""},
    {"address space", RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY, "unless the spec sets one"},
    {"stack", RLIMIT_STACK, 8 << 20, RLIM_INFINITY, ""},
    {"locked memory", RLIMIT_MEMLOCK, 64 << 10, 64 << 10, ""},
    {"message queues", RLIMIT_MSGQUEUE, 819200, 819200, ""},
    {"pending signals", RLIMIT_SIGPENDING, 4096, 4096, ""},
    {"nice", RLIMIT_NICE, 0, 0, ""},
    {"real-time priority", RLIMIT_RTPRIO, 0, 0, ""},
    {"cpu time", RLIMIT_CPU, RLIM_INFINITY, RLIM_INFINITY, "the spec's time-outs end a box"},
    {"data segment", RLIMIT_DATA, RLIM_INFINITY, RLIM_INFINITY, ""},
};
const size_t table_limit_count = ARRAY_LEN(table_limits);

// Only what any user of a host may read or write; kmsg, timer_list, irq's files and the like are root's, whom no box has.
const MaskRow table_masks[] = {
    {"sys", true, "the kernel's settings, boot_id, the host's ids"},
    {"acpi", true, "the host's firmware"},
    {"scsi", true, "the host's disks"},
    {"kallsyms", false, "the kernel's addresses"},
    {"kcore", false, "the kernel's memory"},
    {"keys", false, "the host's keyrings"},
    {"key-users", false, "the host's keyrings"},
    {"sysrq-trigger", false, "the kernel's emergency commands"},
};
const size_t table_mask_count = ARRAY_LEN(table_masks);

static const SkeletonEntry base_skeleton[] = {
    DIR("/usr", 0755), DIR("/usr/bin", 0755), DIR("/usr/sbin", 0755), DIR("/usr/lib", 0755),
    LINK("/usr/lib64", "lib"),
    LINK("/bin", "usr/bin"), LINK("/sbin", "usr/sbin"), LINK("/lib", "usr/lib"), LINK("/lib64", "usr/lib"),
    DIR("/etc", 0755),
    FILE_("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nbuild:x:1000:1000:build:/tmp/home:/bin/sh\n"
                         "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n"),
    FILE_("/etc/group", "root:x:0:\nbuild:x:1000:\nnogroup:x:65534:\n"),
    FILE_("/etc/hosts", "127.0.0.1 localhost minimal\n::1 localhost minimal\n"),
    FILE_("/etc/nsswitch.conf", "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: files\n"
                                "protocols: files\nservices: files\nethers: files\nrpc: files\n"),
    DIR("/build", 0755), DIR("/tmp", 0755), DIR("/state", 0755), DIR("/run", 0755),
};

static const char *const base_env[] = {
    "HOME=/tmp/home", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C.UTF-8", "LANG=C.UTF-8", "TZ=UTC",
    "SOURCE_DATE_EPOCH=315619200", "PYTHONHASHSEED=0", "PERL_HASH_SEED=0", "GIT_TERMINAL_PROMPT=0", "IS_SANDBOX=1",
    "XDG_STATE_HOME=/state/state", "XDG_CONFIG_HOME=/state/home", "XDG_DATA_HOME=/state/data",
    "XDG_CACHE_HOME=/state/cache", "XDG_RUNTIME_DIR=/run", NULL,
};
// clang-format on

const SkeletonEntry *sandbox_base_skeleton(size_t *count_out) {
    *count_out = ARRAY_LEN(base_skeleton);
    return base_skeleton;
}

const char *const *sandbox_base_env(void) {
    return base_env;
}

// ---- printing ----

static void print_bytes(Buf *out, uint64_t bytes) {
    if (bytes >= 1 << 30 && bytes % (1 << 30) == 0)
        buf_printf(out, "%llu GiB", (unsigned long long)(bytes >> 30));
    else if (bytes >= 1 << 20 && bytes % (1 << 20) == 0)
        buf_printf(out, "%llu MiB", (unsigned long long)(bytes >> 20));
    else if (bytes >= 1 << 10 && bytes % (1 << 10) == 0)
        buf_printf(out, "%llu KiB", (unsigned long long)(bytes >> 10));
    else
        buf_printf(out, "%llu", (unsigned long long)bytes);
}

static void print_limit(Buf *out, const LimitRow *row, uint64_t value) {
    bool counts = row->resource == RLIMIT_NPROC || row->resource == RLIMIT_NOFILE ||
                  row->resource == RLIMIT_SIGPENDING || row->resource == RLIMIT_NICE || row->resource == RLIMIT_RTPRIO;
    if (value == RLIM_INFINITY)
        buf_add_cstr(out, "none");
    else if (counts)
        buf_printf(out, "%llu", (unsigned long long)value);
    else
        print_bytes(out, value);
}

static void print_escaped(Buf *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\n')
            buf_add_cstr(out, "\\n");
        else
            buf_add_byte(out, *text);
    }
}

static void print_skeleton(Buf *out, const SkeletonEntry *entries, size_t count) {
    static const char *const kinds[] = {"directory", "link", "file"};
    for (size_t i = 0; i < count; i++) {
        const SkeletonEntry *entry = &entries[i];
        buf_printf(out, "| `%s` | %s | ", entry->path, kinds[entry->kind]);
        if (entry->kind != SKELETON_LINK)
            buf_printf(out, "%04o", (unsigned)entry->mode);
        buf_add_cstr(out, " | ");
        if (entry->text && entry->text[0]) {
            buf_add_byte(out, '`');
            print_escaped(out, entry->text);
            buf_add_byte(out, '`');
        }
        buf_add_cstr(out, " |\n");
    }
}

static void print_mounts(Buf *out) {
    buf_add_cstr(out, "\n### Mounts\n\n| path | what | flags |\n|---|---|---|\n"
                      "| `/` | overlay of the skeleton over the spec's layers; the skeleton alone where there are none "
                      "| ro, nosuid, nodev |\n"
                      "| `/proc` | a fresh proc, hidepid=invisible | nosuid, nodev, noexec |\n");
    buf_add_cstr(out, "| `/dev` | its names of the skeleton | ro, nosuid, nodev, noexec |\n"
                      "| `/dev/shm` | tmpfs, mode 1777 | nosuid, nodev, noexec |\n"
                      "| `/dev/pts` | devpts, ptmxmode=0666, mode=0620 | nosuid, noexec |\n");
    for (size_t i = 0; i < table_device_count; i++)
        buf_printf(out, "| `/dev/%s` | the host's device %u:%u, checked by number | ro, nosuid, noexec |\n",
                   table_devices[i].name, table_devices[i].major, table_devices[i].minor);
    for (size_t i = 0; i < table_mask_count; i++)
        buf_printf(out, "| `/proc/%s` | %s: %s | ro, nosuid, nodev, noexec |\n", table_masks[i].name,
                   table_masks[i].directory ? "an empty directory" : "an empty file", table_masks[i].why);
    buf_printf(out,
               "| a spec's tmpfs | without a size of its own it has a part in the box's %llu GiB and %d inodes, as `/dev/shm` "
               "has | nosuid, nodev; noexec unless the spec says exec |\n"
               "| a spec's bind | the directory or file of a descriptor | nosuid, nodev; ro, noexec as the spec says |\n",
               (unsigned long long)(TABLE_TMPFS_DEFAULT_BYTES >> 30), TABLE_TMPFS_INODES);
}

static void print_limits(Buf *out) {
    buf_add_cstr(out, "\n### Limits\n\nA hard limit of the caller's that is lower stays.\n\n"
                      "| limit | soft | hard | |\n|---|---|---|---|\n");
    for (size_t i = 0; i < table_limit_count; i++) {
        buf_printf(out, "| %s | ", table_limits[i].name);
        print_limit(out, &table_limits[i], table_limits[i].soft);
        buf_add_cstr(out, " | ");
        print_limit(out, &table_limits[i], table_limits[i].hard);
        buf_printf(out, " | %s |\n", table_limits[i].note);
    }
    buf_add_cstr(out, "| output read into a log | ");
    print_bytes(out, TABLE_OUTPUT_BYTES);
    buf_add_cstr(out, " | | then the box is ended |\n");
}

void table_print(Buf *out) {
    buf_printf(out, "Sandbox version %d.\n\n### Namespaces\n\n| namespace | effect |\n|---|---|\n", SANDBOX_VERSION);
    for (size_t i = 0; i < table_namespace_count; i++)
        buf_printf(out, "| %s | %s |\n", table_namespaces[i].name, table_namespaces[i].effect);
    print_mounts(out);
    buf_printf(out,
               "\n### Names in the root\n\nAll belong to uid and gid %d; their time is %d (1980-01-02).\n\n"
               "| path | kind | mode | contents |\n|---|---|---|---|\n",
               TABLE_UID, TABLE_EPOCH_S);
    print_skeleton(out, base_skeleton, ARRAY_LEN(base_skeleton));
    print_skeleton(out, table_own_skeleton, table_own_skeleton_count);
    buf_add_cstr(out, "\n### Variables\n\n| variable | value |\n|---|---|\n");
    for (size_t i = 0; base_env[i]; i++) {
        const char *equals = strchr(base_env[i], '=');
        buf_printf(out, "| `%.*s` | `%s` |\n", (int)(equals - base_env[i]), base_env[i], equals + 1);
    }
    print_limits(out);
    buf_add_cstr(out, "\n### Process\n\n| what | value |\n|---|---|\n"
                      "| capabilities | none: effective, permitted, inheritable, ambient, bounding |\n"
                      "| securebits | noroot, no-setuid-fixup, no-ambient-raise, all locked |\n"
                      "| no_new_privs | set |\n| umask | 022 |\n| session | its own, no controlling terminal |\n"
                      "| signals | all default, none blocked |\n| descriptors | 0, 1, 2 |\n"
                      "| stdin | `/dev/null` unless the spec gives one |\n");
    buf_add_cstr(out, "\n### System calls\n\nOn x86_64. A call for another architecture ends the process.\n\n"
                      "| answer | calls |\n|---|---|\n");
    seccomp_print(out);
}

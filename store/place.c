// Whether a directory may hold a store. Invariant: whoever could replace the store, or a directory above it, is the
// caller or root; a store in other hands could be exchanged between two of our looks at it.
#include "store/internal.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/vfs.h>
#include <unistd.h>

// Numbers of statfs(2) and linux/magic.h. FUSE is none of them: some FUSE file systems are local, and those that are
// not are told by their name in mountinfo.
static const struct {
    uint64_t magic;
    const char *name;
} network_fs[] = {
    {0x6969, "NFS"},          {0x517b, "SMB"},        {0xff534d42, "CIFS"},  {0xfe534d42, "SMB2"},
    {0x5346414f, "AFS"},      {0x6b414653, "kAFS"},   {0x73757245, "Coda"},  {0x00c36400, "Ceph"},
    {0x01021997, "9P"},       {0x0bd00bd0, "Lustre"}, {0x47504653, "GPFS"},  {0x7461636f, "OCFS2"},
    {0x01161970, "GFS2"},     {0x19830326, "BeeGFS"}, {0xaad7aaea, "PanFS"}, {0x564c, "NCP"},
    {0x20030528, "OrangeFS"},
};
enum { MAGIC_FUSE = 0x65735546 };

const char *place_network_fs(uint64_t magic) {
    for (size_t i = 0; i < ARRAY_LEN(network_fs); i++)
        if (network_fs[i].magic == magic)
            return network_fs[i].name;
    return NULL;
}

// The file system's name as mountinfo has it (proc(5)), for the mount that holds dirfd: "fuse.sshfs".
static Error *mounted_type(int dirfd, Arena *arena, Str *out) {
    AUTO_BUF Buf text;
    buf_init(&text, 4 * 1024 * 1024);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", dirfd);
    TRY(fd_read_file(AT_FDCWD, path, &text));
    Str rest = buf_str(&text), line, id = STR_NULL;
    while (str_cut(&rest, '\n', &line))
        if (str_starts_with(line, STR("mnt_id:")))
            id = arena_str(arena, str_trim(str_slice(line, 7, line.len)));
    buf_clear(&text);
    TRY(fd_read_file(AT_FDCWD, "/proc/self/mountinfo", &text));
    rest = buf_str(&text);
    while (str_cut(&rest, '\n', &line)) {
        Str word, tail = line;
        if (!str_cut(&tail, ' ', &word) || !str_eq(word, id))
            continue;
        while (str_cut(&tail, ' ', &word))
            if (str_is(word, "-") && str_cut(&tail, ' ', &word)) {
                *out = arena_str(arena, word);
                return NULL;
            }
    }
    *out = STR_NULL;
    return NULL;
}

static const char *network_fuse(int dirfd) {
    static const char *const remote[] = {"fuse.sshfs",     "fuse.s3fs",       "fuse.rclone",    "fuse.gcsfuse",
                                         "fuse.glusterfs", "fuse.davfs2",     "fuse.curlftpfs", "fuse.ceph-fuse",
                                         "fuse.juicefs",   "fuse.gvfsd-fuse", "fuse.moosefs",   "fuse.mfsmount"};
    AUTO_ARENA Arena *arena = arena_new(0);
    Str type = STR_NULL;
    error_free(mounted_type(dirfd, arena, &type));
    for (size_t i = 0; i < ARRAY_LEN(remote); i++)
        if (str_is(type, remote[i]))
            return remote[i];
    return NULL;
}

Error *place_check_fs(int dirfd, const char *path) {
    struct statfs fs;
    if (fstatfs(dirfd, &fs) < 0)
        return error_sys(errno, "cannot tell the file system of %s", path);
    uint64_t magic = (uint32_t)fs.f_type;
    const char *name = magic == MAGIC_FUSE ? network_fuse(dirfd) : place_network_fs(magic);
    if (!name)
        return NULL;
    return error_hint(error_new(ERROR_DENIED,
                                "the store %s is on a network file system (%s), whose locks and renames "
                                "cannot be relied on",
                                path, name),
                      "give a local directory with --minimal-dir; machines share results through a binary cache");
}

enum { ACCOUNTS_MAX_BYTES = 4 << 20 };

// The line of /etc/passwd or /etc/group whose third field is this id, cut at its colons. Read by us: the C library's own
// way loads name services into a program that is to start in half a millisecond. Accounts that are not in the files are
// not found, and their groups count as shared.
static bool find_account(const char *file, uint64_t id, Buf *text, Str fields[4]) {
    Error *error = fd_read_file(AT_FDCWD, file, text);
    Str rest = error ? STR_NULL : buf_str(text), line;
    error_free(error);
    while (str_cut(&rest, '\n', &line)) {
        size_t count = 0;
        uint64_t value;
        while (count < 4 && str_cut(&line, ':', &fields[count]))
            count++;
        if (count == 4 && str_parse_u64(fields[2], &value) && value == id)
            return true;
    }
    return false;
}

static void owner_name(uid_t uid, char *out, size_t size) {
    AUTO_BUF Buf users;
    buf_init(&users, ACCOUNTS_MAX_BYTES);
    Str user[4];
    if (find_account("/etc/passwd", uid, &users, user))
        snprintf(out, size, "%.*s", STR_ARG(user[0]));
    else
        snprintf(out, size, "user %u", uid);
}

// Where every user has a group of their own name (Debian's and Ubuntu's user private groups, whose umask is 002), it is
// as good as the user when nobody else was put into it.
static bool group_is_private(gid_t gid, uid_t owner) {
    AUTO_BUF Buf users;
    AUTO_BUF Buf groups;
    buf_init(&users, ACCOUNTS_MAX_BYTES);
    buf_init(&groups, ACCOUNTS_MAX_BYTES);
    Str user[4], group[4]; // name, password, id; then the user's group, or the group's members
    uint64_t user_gid;
    if (!find_account("/etc/passwd", owner, &users, user) || !find_account("/etc/group", gid, &groups, group))
        return false;
    return str_parse_u64(user[3], &user_gid) && user_gid == gid && str_eq(user[0], group[0]) && group[3].len == 0;
}

// In a user namespace that does not map the owner of a directory, that owner shows as the overflow id: it is somebody
// outside, who for "/" and the like is the host's root. Only there is the id no user's.
static bool owner_is_outside(uid_t uid) {
    AUTO_BUF Buf text;
    buf_init(&text, 4096);
    uint64_t overflow = 0;
    Error *error = fd_read_file(AT_FDCWD, "/proc/sys/kernel/overflowuid", &text);
    bool is_overflow = !error && str_parse_u64(str_trim(buf_str(&text)), &overflow) && overflow == uid;
    error_free(error);
    if (!is_overflow)
        return false;
    buf_clear(&text);
    error = fd_read_file(AT_FDCWD, "/proc/self/uid_map", &text);
    bool maps_all = error || str_contains(buf_str(&text), STR("4294967295"));
    error_free(error);
    return !maps_all;
}

static Error *owned_by_another(const char *path, const char *store, uid_t owner) {
    char name[64];
    owner_name(owner, name, sizeof name);
    Error *error = error_new(ERROR_DENIED, "the store %s cannot be used: %s belongs to %s", store, path, name);
    if (geteuid() == 0)
        return error_hint(error,
                          "root must leave no files in a user's directories: run minimal as %s, without sudo, "
                          "or give --minimal-dir a directory of root's",
                          name);
    return error_hint(error, "use a directory of your own: set HOME or XDG_CACHE_HOME right, or give --minimal-dir");
}

static Error *check_directory(const char *path, const char *store, const struct stat *st, bool is_store) {
    if (!S_ISDIR(st->st_mode))
        return error_new(ERROR_INVALID, "the store %s cannot be used: %s is not a directory", store, path);
    bool is_ours = st->st_uid == geteuid() || (!is_store && (st->st_uid == 0 || owner_is_outside(st->st_uid)));
    if (!is_ours)
        return owned_by_another(path, store, st->st_uid);
    // A group of root's is as good as root. The sticky bit keeps others from renaming what is ours.
    bool group = (st->st_mode & S_IWGRP) && st->st_gid != 0 && !group_is_private(st->st_gid, st->st_uid);
    bool others = group || (st->st_mode & S_IWOTH);
    if (!others || (!is_store && (st->st_mode & S_ISVTX)))
        return NULL;
    Error *error = error_new(ERROR_DENIED, "the store %s cannot be used: others may write to %s (mode %04o)", store,
                             path, (unsigned)(st->st_mode & 07777));
    return error_hint(error, "chmod go-w %s", path);
}

static Error *check_prefix(const char *prefix, const char *store, bool *exists_out) {
    struct stat st;
    *exists_out = stat(prefix, &st) == 0;
    if (*exists_out)
        return check_directory(prefix, store, &st, strcmp(prefix, store) == 0);
    return errno == ENOENT ? NULL : error_sys(errno, "cannot look at %s, where the store is to be", prefix);
}

Error *place_check(const char *path) {
    bool exists;
    TRY(check_prefix("/", path, &exists));
    AUTO_FREE char *prefix = mem_strdup(path);
    for (char *at = prefix + 1; exists; at++) {
        if (*at != '/' && *at != '\0')
            continue;
        char saved = *at;
        *at = '\0';
        TRY(check_prefix(prefix, path, &exists));
        if (saved == '\0')
            break;
        *at = saved;
    }
    return NULL;
}

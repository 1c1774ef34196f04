// The file around a snapshot's body: which program wrote it, for which layer, when, and whether it is whole; and the
// question whether it still holds.
#include "specs/snapshot.h"
#include "base/fd.h"
#include "base/hash.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

typedef struct FileHead {
    char magic[8];
    uint32_t version, head_size;
    uint64_t body_size, body_sum;
    int64_t began_ns; // stamps with a time from here on are racy
    uint64_t program_device, program_inode, program_size;
    int64_t program_mtime_ns, program_ctime_ns;
    uint64_t reserved[2];
} FileHead;

_Static_assert(sizeof(FileHead) % 16 == 0, "the body behind it must be aligned");

static const char magic[8] = "MINSPEC";
enum { SNAPSHOT_VERSION = 1, NS_PER_SECOND = 1000000000 };

// Tells a torn or rotten file from a whole one; eight lanes, so that it runs at the speed of memory.
static uint64_t sum_bytes(const void *bytes, size_t size) {
    enum { LANES = 8 };
    static const uint64_t factor = 0x9E3779B97F4A7C15u;
    uint64_t lanes[LANES] = {size, 1, 2, 3, 4, 5, 6, 7}, words[LANES];
    const char *at = bytes;
    for (; size >= sizeof words; at += sizeof words, size -= sizeof words) {
        memcpy(words, at, sizeof words);
        for (int i = 0; i < LANES; i++) {
            lanes[i] = (lanes[i] ^ words[i]) * factor;
            lanes[i] ^= lanes[i] >> 32;
        }
    }
    uint64_t rest = str_hash((Str){at, size});
    for (int i = 0; i < LANES; i++)
        rest = ((rest ^ lanes[i]) * factor) ^ (rest >> 29);
    return rest;
}

static bool program_stamp(const char *program, FileHead *head) {
    struct stat stat_buf;
    if (stat(program, &stat_buf) < 0)
        return false;
    head->program_device = stat_buf.st_dev;
    head->program_inode = stat_buf.st_ino;
    head->program_size = (uint64_t)stat_buf.st_size;
    head->program_mtime_ns = stat_buf.st_mtim.tv_sec * NS_PER_SECOND + stat_buf.st_mtim.tv_nsec;
    head->program_ctime_ns = stat_buf.st_ctim.tv_sec * NS_PER_SECOND + stat_buf.st_ctim.tv_nsec;
    return true;
}

// A program that was replaced while this one started is told apart by its times alone; those must be older.
static bool same_program(const char *program, const FileHead *head) {
    FileHead now = {0};
    return program_stamp(program, &now) && now.program_device == head->program_device &&
           now.program_inode == head->program_inode && now.program_size == head->program_size &&
           now.program_mtime_ns == head->program_mtime_ns && now.program_ctime_ns == head->program_ctime_ns &&
           now.program_mtime_ns < head->began_ns && now.program_ctime_ns < head->began_ns;
}

static Str snapshot_path(const SnapshotKey *key, Arena *arena) {
    Hasher hasher;
    hasher_init(&hasher);
    hasher_add(&hasher, key->layer.ptr, key->layer.len);
    hasher_add(&hasher, "\0", 1);
    Str target = target_text(key->target);
    hasher_add(&hasher, target.ptr, target.len);
    Hash hash = hasher_end(&hasher);
    return arena_printf(arena, "%.*s/%.32s.specs", STR_ARG(key->dir), hash_hex(hash).text);
}

static bool read_exactly(int fd, void *to, size_t size) {
    char *at = to;
    while (size > 0) {
        ssize_t got = read(fd, at, size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

// What another user could have written is not read.
static int open_own_file(const char *path, size_t *size_out) {
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat stat_buf;
    if (fd < 0 || fstat(fd, &stat_buf) < 0 || !S_ISREG(stat_buf.st_mode) || stat_buf.st_uid != geteuid() ||
        (stat_buf.st_mode & 022) != 0 || stat_buf.st_size < (off_t)sizeof(FileHead) ||
        stat_buf.st_size > SNAPSHOT_MAX_BYTES)
        return -1;
    *size_out = (size_t)stat_buf.st_size;
    return fd_take(&fd);
}

static bool head_fits(const FileHead *head, const SnapshotKey *key, size_t file_size) {
    return memcmp(head->magic, magic, sizeof magic) == 0 && head->version == SNAPSHOT_VERSION &&
           head->head_size == sizeof *head && head->body_size == file_size - sizeof *head &&
           same_program(key->program, head);
}

// Part of the stamps, for one thread.
typedef struct StampCheck {
    const Stamp *stamps;
    size_t count;
    int dir;
    int64_t began_ns;
    bool holds;
} StampCheck;

static void *check_stamps(void *context) {
    StampCheck *check = context;
    check->holds = true;
    for (size_t i = 0; i < check->count && check->holds; i++)
        check->holds = stamp_holds(&check->stamps[i], check->dir, check->began_ns);
    return NULL;
}

// Asking for the state of a thousand files is most of what a load costs; two threads ask at once.
static bool stamps_hold(const SnapshotRoot *root, int64_t began_ns) {
    enum { WORTH_A_THREAD = 256 };
    AUTO_FD int dir = open(root->layer.ptr, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return false;
    size_t half = root->stamp_count < WORTH_A_THREAD ? root->stamp_count : root->stamp_count / 2;
    StampCheck first = {.stamps = root->stamps, .count = half, .dir = dir, .began_ns = began_ns};
    StampCheck second = first;
    second.stamps += half;
    second.count = root->stamp_count - half;
    pthread_t thread;
    bool has_thread = second.count > 0 && pthread_create(&thread, NULL, check_stamps, &second) == 0;
    check_stamps(&first);
    if (has_thread)
        pthread_join(thread, NULL);
    else
        check_stamps(&second);
    return first.holds && second.holds;
}

static size_t count_racy(const SnapshotRoot *root, int64_t began_ns) {
    size_t count = 0;
    for (size_t i = 0; i < root->stamp_count; i++)
        count += stamp_is_racy(&root->stamps[i], began_ns);
    return count;
}

static void write_file(const SnapshotKey *key, FileHead *head, const SnapshotRoot *root) {
    AUTO_BUF Buf bytes;
    buf_init(&bytes, SNAPSHOT_MAX_BYTES);
    memcpy(head->magic, magic, sizeof magic);
    head->version = SNAPSHOT_VERSION;
    head->head_size = sizeof *head;
    buf_add(&bytes, head, sizeof *head);
    AUTO_ERROR Error *error = snapshot_encode(root, &bytes);
    if (error)
        return;
    head->body_size = bytes.len - sizeof *head;
    head->body_sum = sum_bytes(bytes.ptr + sizeof *head, head->body_size);
    memcpy(bytes.ptr, head, sizeof *head);

    AUTO_ARENA Arena *scratch = arena_new(0);
    Str path = snapshot_path(key, scratch);
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != sizeof random)
        return;
    Str staged = arena_printf(scratch, "%s.%016llx", path.ptr, (unsigned long long)random);
    error = fd_make_dirs(AT_FDCWD, arena_cstr(scratch, key->dir));
    if (error)
        return;
    AUTO_FD int fd = open(staged.ptr, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return;
    // Not synced: what a power cut leaves behind does not have the right sum.
    error = fd_write_all(fd, bytes.ptr, bytes.len);
    if (error || rename(staged.ptr, path.ptr) < 0)
        unlink(staged.ptr);
}

PackageSet *snapshot_load(const SnapshotKey *key, Arena *arena, size_t *stamp_count_out) {
    if (key->dir.len == 0)
        return NULL;
    size_t size;
    FileHead head;
    int64_t now_ns = stamps_now_ns();
    AUTO_FD int fd = open_own_file(snapshot_path(key, arena).ptr, &size);
    if (fd < 0 || !read_exactly(fd, &head, sizeof head) || !head_fits(&head, key, size))
        return NULL;
    void *body = arena_alloc(arena, head.body_size ? head.body_size : 1);
    if (!read_exactly(fd, body, head.body_size) || sum_bytes(body, head.body_size) != head.body_sum)
        return NULL;
    SnapshotRoot *root = snapshot_decode(body, head.body_size);
    if (!root || !str_eq(root->layer, key->layer) || root->set.target.arch != key->target.arch ||
        root->set.target.os != key->target.os || !stamps_hold(root, head.began_ns))
        return NULL;
    *stamp_count_out = root->stamp_count;
    // All was found as it had been, later than now_ns.
    if (count_racy(root, now_ns) < count_racy(root, head.began_ns)) {
        head.began_ns = now_ns;
        write_file(key, &head, root);
    }
    root->set.arena = arena;
    return &root->set;
}

void snapshot_save(const SnapshotKey *key, const PackageSet *set, const Stamps *stamps) {
    FileHead head = {.began_ns = stamps->began_ns};
    if (key->dir.len == 0 || !program_stamp(key->program, &head))
        return;
    AUTO_ARENA Arena *scratch = arena_new(0);
    SnapshotRoot root = {.set = *set, .layer = key->layer, .stamp_count = stamps->items.count};
    root.stamps = ARENA_ARRAY(scratch, Stamp, root.stamp_count);
    for (size_t i = 0; i < root.stamp_count; i++)
        root.stamps[i] = *stamps->items.items[i];
    write_file(key, &head, &root);
}

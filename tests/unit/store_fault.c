// Faults: a kill, an error or a short transfer at every system call of a commit, one after the other. This program
// defines the calls itself, in front of the C library's; each run is a child with a store of its own.
//
// After a kill: the store opens, nothing that was reported as done is missing, verify finds no damage, and the same
// work done again succeeds. After an error: the same, no descriptor is left open, and success was no lie.
#undef _FORTIFY_SOURCE // its inline definitions would stand in the way of ours
#include "store_helper.h"

#include "store/internal.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>

// ---- the plan ----

enum { OPEN = 1, READ = 2, WRITE = 4, NAME = 8, SYNC = 16, LOCK = 32, LOOK = 64, CLOSE = 128 };
enum { CHANGES = WRITE | NAME | SYNC, EVERYTHING = 255 };

typedef enum FaultKind { FAULT_NONE, FAULT_KILL, FAULT_ONCE, FAULT_FROM_THEN_ON, FAULT_SHORT } FaultKind;

static struct {
    FaultKind kind;
    unsigned groups; // of calls that are counted
    int errno_value;
    bool must_succeed; // an interruption or a short transfer is no failure
    long at;           // from 1
    atomic_long count;
} plan;

// What a power cut could take: what was done since the last sync that covers it. Every violation is a name that could
// outlive the bytes behind it.
static struct {
    bool on;
    bool content;                     // bytes, modes, times and names inside of what is not published yet
    bool objects, records, downloads; // published names
    unsigned published, violations;
} unsynced;

static bool begins(const char *path, const char *prefix) {
    return strncmp(path, prefix, strlen(prefix)) == 0;
}

static void note_change(const char *path) {
    bool is_own = path && (begins(path, "locks") || begins(path, "objects") || begins(path, "records"));
    if (unsynced.on && !is_own)
        unsynced.content = true;
}

static void note_rename(const char *to) {
    if (!unsynced.on)
        return;
    bool object = begins(to, "objects/"), record = begins(to, "records/"), download = begins(to, "downloads/");
    if (!object && !record && !download) {
        unsynced.content = true;
        return;
    }
    unsynced.published++;
    unsynced.violations += unsynced.content || (record && unsynced.objects);
    unsynced.objects |= object;
    unsynced.records |= record;
    unsynced.downloads |= download;
}

// fsync covers one file, or one directory's names: in this work it is used for downloads alone, on the one file that
// was written since the last syncfs.
static void note_sync(bool all) {
    unsynced.content = unsynced.downloads = false;
    if (all)
        unsynced.objects = unsynced.records = false;
}

// With the parent.
typedef struct Shared {
    atomic_uint done; // steps that reported success
    atomic_bool fired;
} Shared;
static Shared *shared;

static long raw(long number, long a, long b, long c, long d, long e) {
    static long (*function)(long, ...);
    if (!function)
        *(void **)&function = dlsym(RTLD_NEXT, "syscall");
    return function(number, a, b, c, d, e, 0L);
}

// Whether the call is to fail, errno set. A short transfer shows in *len (may be NULL).
static bool struck(unsigned groups, size_t *len) {
    if (plan.kind == FAULT_NONE || !(plan.groups & groups) || (plan.kind == FAULT_SHORT && (!len || *len < 2)))
        return false;
    long number = atomic_fetch_add(&plan.count, 1) + 1;
    if (number < plan.at || (number > plan.at && plan.kind != FAULT_FROM_THEN_ON))
        return false;
    atomic_store(&shared->fired, true);
    if (plan.kind == FAULT_KILL)
        raw(SYS_kill, getpid(), SIGKILL, 0, 0, 0);
    if (plan.kind == FAULT_SHORT) {
        *len /= 2;
        return false;
    }
    errno = plan.errno_value;
    return true;
}

// ---- the calls, and what the C library and SQLite make of them ----

#define P(pointer) ((long)(intptr_t)(pointer))
#define FAIL_IF_STRUCK(groups, len)                                                                                    \
    if (struck((groups), (len)))                                                                                       \
    return -1

static int do_open(int dirfd, const char *path, int flags, mode_t mode) {
    FAIL_IF_STRUCK(flags & (O_CREAT | O_TRUNC) ? OPEN | NAME : OPEN, NULL);
    if (flags & (O_CREAT | O_TRUNC))
        note_change(path);
    return (int)raw(SYS_openat, dirfd, P(path), flags, (long)mode, 0);
}

#define OPEN_WITH_MODE(dirfd)                                                                                          \
    va_list ap;                                                                                                        \
    va_start(ap, flags);                                                                                               \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;                                              \
    va_end(ap);                                                                                                        \
    return do_open(dirfd, path, flags, mode)

int open(const char *path, int flags, ...) {
    OPEN_WITH_MODE(AT_FDCWD);
}
int open64(const char *path, int flags, ...) {
    OPEN_WITH_MODE(AT_FDCWD);
}
int openat(int dirfd, const char *path, int flags, ...) {
    OPEN_WITH_MODE(dirfd);
}
int openat64(int dirfd, const char *path, int flags, ...) {
    OPEN_WITH_MODE(dirfd);
}

ssize_t read(int fd, void *bytes, size_t len) {
    FAIL_IF_STRUCK(READ, &len);
    return raw(SYS_read, fd, P(bytes), (long)len, 0, 0);
}
ssize_t pread64(int fd, void *bytes, size_t len, off64_t at) {
    FAIL_IF_STRUCK(READ, NULL);
    return raw(SYS_pread64, fd, P(bytes), (long)len, at, 0);
}
ssize_t write(int fd, const void *bytes, size_t len) {
    FAIL_IF_STRUCK(WRITE, &len);
    note_change(NULL);
    return raw(SYS_write, fd, P(bytes), (long)len, 0, 0);
}
ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t at) {
    FAIL_IF_STRUCK(WRITE, &len);
    note_change(NULL);
    return raw(SYS_pwrite64, fd, P(bytes), (long)len, at, 0);
}
int ftruncate64(int fd, off64_t len) {
    FAIL_IF_STRUCK(WRITE, NULL);
    return (int)raw(SYS_ftruncate, fd, len, 0, 0, 0);
}
int close(int fd) { // closed it is in any case, as close(2) says
    bool fails = struck(CLOSE, NULL);
    int saved = errno, result = (int)raw(SYS_close, fd, 0, 0, 0, 0);
    errno = fails ? saved : errno;
    return fails ? -1 : result;
}

int renameat(int from_dirfd, const char *from, int to_dirfd, const char *to) {
    FAIL_IF_STRUCK(NAME, NULL);
    int result = (int)raw(SYS_renameat2, from_dirfd, P(from), to_dirfd, P(to), 0);
    if (result == 0)
        note_rename(to);
    return result;
}
int mkdirat(int dirfd, const char *path, mode_t mode) {
    FAIL_IF_STRUCK(NAME, NULL);
    int result = (int)raw(SYS_mkdirat, dirfd, P(path), (long)mode, 0, 0);
    if (result == 0)
        note_change(path);
    return result;
}
int mkdir(const char *path, mode_t mode) {
    return mkdirat(AT_FDCWD, path, mode);
}
int unlinkat(int dirfd, const char *path, int flags) {
    FAIL_IF_STRUCK(NAME, NULL);
    return (int)raw(SYS_unlinkat, dirfd, P(path), flags, 0, 0);
}
int unlink(const char *path) {
    return unlinkat(AT_FDCWD, path, 0);
}
int symlinkat(const char *target, int dirfd, const char *path) {
    FAIL_IF_STRUCK(NAME, NULL);
    note_change(path);
    return (int)raw(SYS_symlinkat, P(target), dirfd, P(path), 0, 0);
}
int fchmod(int fd, mode_t mode) {
    FAIL_IF_STRUCK(NAME, NULL);
    note_change(NULL);
    return (int)raw(SYS_fchmod, fd, (long)mode, 0, 0, 0);
}
int fchmodat(int dirfd, const char *path, mode_t mode, int flags) {
    FAIL_IF_STRUCK(NAME, NULL);
    (void)flags; // the store passes none
    note_change(path);
    return (int)raw(SYS_fchmodat, dirfd, P(path), (long)mode, 0, 0);
}
int utimensat(int dirfd, const char *path, const struct timespec times[2], int flags) {
    FAIL_IF_STRUCK(NAME, NULL);
    note_change(NULL);
    return (int)raw(SYS_utimensat, dirfd, P(path), P(times), flags, 0);
}
int futimens(int fd, const struct timespec times[2]) {
    FAIL_IF_STRUCK(NAME, NULL);
    note_change(NULL);
    return (int)raw(SYS_utimensat, fd, 0, P(times), 0, 0);
}

int fsync(int fd) {
    FAIL_IF_STRUCK(SYNC, NULL);
    note_sync(false);
    return (int)raw(SYS_fsync, fd, 0, 0, 0, 0);
}
int fdatasync(int fd) {
    FAIL_IF_STRUCK(SYNC, NULL);
    note_sync(false);
    return (int)raw(SYS_fdatasync, fd, 0, 0, 0, 0);
}
int syncfs(int fd) {
    FAIL_IF_STRUCK(SYNC, NULL);
    note_sync(true);
    return (int)raw(SYS_syncfs, fd, 0, 0, 0, 0);
}
int flock(int fd, int operation) {
    FAIL_IF_STRUCK(LOCK, NULL);
    return (int)raw(SYS_flock, fd, operation, 0, 0, 0);
}
int fstat(int fd, struct stat *st) {
    FAIL_IF_STRUCK(LOOK, NULL);
    return (int)raw(SYS_newfstatat, fd, P(""), P(st), AT_EMPTY_PATH, 0);
}
int fstatat(int dirfd, const char *path, struct stat *st, int flags) {
    FAIL_IF_STRUCK(LOOK, NULL);
    return (int)raw(SYS_newfstatat, dirfd, P(path), P(st), flags, 0);
}
long syscall(long number, ...) { // openat2, by which foreign trees are read
    va_list ap;
    va_start(ap, number);
    long a = va_arg(ap, long), b = va_arg(ap, long), c = va_arg(ap, long), d = va_arg(ap, long);
    va_end(ap);
    if (number == SYS_openat2)
        FAIL_IF_STRUCK(OPEN, NULL);
    return raw(number, a, b, c, d, 0);
}

// ---- the work ----

typedef enum Step {
    COPIED = 1,
    OWNED = 2,
    DOWNLOADED = 4,
    RECORDED = 8,
    LOCKED = 16,
    COUNTED = 32,
    ALL_STEPS = 63
} Step;

static Hash copied_hash, owned_hash;

static void make_inputs(const Fixture *fixture) {
    ok(fd_remove_tree(fixture->dirfd, "copied"));
    ok(fd_remove_tree(fixture->dirfd, "owned"));
    write_file(fixture, "copied/bin/tool", "#!/bin/sh\n", 0755);
    write_file(fixture, "copied/share/text", "text", 0644);
    assert_int_equal(symlinkat("tool", fixture->dirfd, "copied/bin/alias"), 0);
    write_file(fixture, "owned/lib/one", "1", 0644);
    write_file(fixture, "owned/lib/two", "22", 0755);
    int many = getenv("LONG") && strcmp(getenv("LONG"), "1") == 0 ? 40 : 0; // enough for several threads
    for (int i = 0; i < many; i++)
        write_file(fixture, arena_printf(fixture->arena, "owned/many/%d", i).ptr, "many", 0644);
}

static Error *take(Store *store, const Fixture *fixture, const char *name, bool owned, Hash *out) {
    AUTO_FD int fd = -1;
    Tree tree;
    TRY(fd_open(fixture->dirfd, name, O_RDONLY | O_DIRECTORY, 0, &fd));
    TRY(store_add_tree(store, fd, owned, NULL, NULL, fixture->arena, &tree));
    *out = tree.hash;
    return NULL;
}

static Error *download(Store *store) {
    AUTO_STAGING Staging *staging = NULL;
    AUTO_FD int fd = -1;
    TRY(staging_new(store, &staging));
    TRY(fd_open(staging_dirfd(staging), "file", O_WRONLY | O_CREAT, 0600, &fd));
    TRY(fd_write_all(fd, "hello", 5));
    return store_add_download(store, staging, "file", hash_bytes(STR("hello")));
}

static Error *record(Store *store, Hash copied, Hash owned) {
    RecordOutput outputs[2] = {{STR("copied"), copied, 14, 3}, {STR("owned"), owned, 3, 2}};
    Record result = {.package = STR("jq"),
                     .version = STR("1"),
                     .spec_key = hash_bytes(STR("spec")),
                     .build_key = hash_bytes(STR("build")),
                     .outputs = outputs,
                     .output_count = 2,
                     .tool_version = STR("test")};
    return store_put_record(store, &result);
}

static Error *lock(Store *store) {
    AUTO_FD int fd = -1;
    return store_lock_key(store, hash_bytes(STR("build")), NULL, &fd, NULL);
}

#define STEP(step, expr)                                                                                               \
    do {                                                                                                               \
        TRY(expr);                                                                                                     \
        atomic_fetch_or(&shared->done, (step));                                                                        \
    } while (0)

static Error *work(const Fixture *fixture) {
    AUTO_STORE Store *store = NULL;
    Hash copied, owned;
    StoreInfo info;
    TRY(store_open(&(StoreOptions){.path = arena_printf(fixture->arena, "%s/store", fixture->path).ptr}, &store));
    STEP(LOCKED, lock(store));
    STEP(COPIED, take(store, fixture, "copied", false, &copied));
    STEP(OWNED, take(store, fixture, "owned", true, &owned));
    STEP(DOWNLOADED, download(store));
    STEP(RECORDED, record(store, copied, owned));
    STEP(COUNTED, store_info(store, &info));
    return NULL;
}

// ---- what must hold afterwards ----

static void note_line(void *context, const char *line) {
    buf_add_cstr(context, line);
    buf_add_byte(context, '\n');
}

static void assert_sound(Fixture *fixture, unsigned done) {
    open_store(fixture);
    Record result;
    AUTO_FD int fd = -1;
    bool found;
    ok(store_get_record(fixture->store, RECORD_SPEC_KEY, hash_bytes(STR("spec")), fixture->arena, &result, &found));
    if (found) { // a record leads to whole trees, whenever it was that the program died
        assert_true(hash_eq(result.outputs[0].tree, copied_hash) && hash_eq(result.outputs[1].tree, owned_hash));
        done |= COPIED | OWNED;
    }
    assert_true(found || !(done & RECORDED));
    assert_true(is_present(fixture, copied_hash) || !(done & COPIED));
    assert_true(is_present(fixture, owned_hash) || !(done & OWNED));
    ok(store_open_download(fixture->store, hash_bytes(STR("hello")), &fd));
    assert_true(fd >= 0 || !(done & DOWNLOADED));
    AUTO_BUF Buf lines;
    VerifyReport report;
    buf_init(&lines, BUF_NO_LIMIT);
    ok(store_verify(fixture->store, NULL, note_line, &lines, &report));
    assert_string_equal(buf_cstr(&lines), "");
    store_close(fixture->store);
    fixture->store = NULL;
}

static void assert_nothing_staged(const Fixture *fixture) {
    int fd;
    ok(fd_open(fixture->dirfd, "store/staging", O_RDONLY | O_DIRECTORY, 0, &fd));
    AUTO_DIR DIR *dir = fdopendir(fd);
    for (struct dirent *entry; (entry = readdir(dir));)
        if (entry->d_name[0] != '.')
            fail_msg("staging/%s is left", entry->d_name);
}

static unsigned count_fds(void) {
    AUTO_DIR DIR *dir = opendir("/proc/self/fd");
    unsigned count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count++;
    return count;
}

static void run_again(Fixture *fixture) {
    make_inputs(fixture);
    ok(work(fixture));
    assert_sound(fixture, ALL_STEPS);
    assert_nothing_staged(fixture);
}

static void set_plan(FaultKind kind, unsigned groups, int errno_value, long at) {
    plan.groups = groups;
    plan.errno_value = errno_value;
    plan.must_succeed = kind == FAULT_SHORT || errno_value == EINTR;
    plan.at = at;
    atomic_store(&plan.count, 0);
    atomic_store(&shared->done, 0);
    atomic_store(&shared->fired, false);
    plan.kind = kind;
}

static Fixture *fresh(void) {
    void *state = NULL;
    if (set_up(&state) != 0 || !state)
        abort();
    Fixture *fixture = state;
    store_close(fixture->store);
    fixture->store = NULL;
    ok(fd_remove_tree(fixture->dirfd, "store"));
    make_inputs(fixture);
    return fixture;
}

// A child may fail its assertions only by its status.
enum { CHILD_OK = 0, CHILD_LEAKED = 3, CHILD_LIED = 4, CHILD_GAVE_UP = 5 };

static int child_with_errors(const Fixture *fixture) {
    unsigned before = count_fds();
    Error *error = work(fixture);
    plan.kind = FAULT_NONE;
    bool lied = !error && atomic_load(&shared->done) != ALL_STEPS;
    bool gave_up = error && plan.must_succeed;
    error_free(error);
    if (gave_up)
        return CHILD_GAVE_UP;
    if (count_fds() != before)
        return CHILD_LEAKED;
    return lied ? CHILD_LIED : CHILD_OK;
}

// False when the fault's place lies behind the end of the work.
static bool one_fault(FaultKind kind, unsigned groups, int errno_value, long at) {
    Fixture *fixture = fresh();
    set_plan(FAULT_NONE, groups, errno_value, at);
    pid_t child = fork();
    if (child == 0) {
        set_plan(kind, groups, errno_value, at);
        _exit(child_with_errors(fixture));
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    bool fired = atomic_load(&shared->fired);
    bool expected = kind == FAULT_KILL && fired ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL : status == 0;
    if (!expected)
        fail_msg("fault %d, errno %d, at call %ld: status %x", (int)kind, errno_value, at, status);
    assert_sound(fixture, atomic_load(&shared->done));
    run_again(fixture);
    void *state = fixture;
    tear_down(&state);
    return fired;
}

static void sweep(FaultKind kind, unsigned groups, int errno_value, long at_least) {
    long at = 1;
    while (one_fault(kind, groups, errno_value, at))
        at++;
    assert_true(at > at_least); // the calls are met at all
}

// ---- tests ----

static int prepare(void **state) {
    (void)state;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -1;
    // Where syncing costs nothing, thousands of runs cost little.
    if (access("/dev/shm", W_OK) == 0 && setenv("STORE_TEST_BASE", "/dev/shm", 0) < 0)
        return -1;
    Fixture *fixture = fresh();
    open_store(fixture);
    ok(take(fixture->store, fixture, "copied", false, &copied_hash));
    ok(take(fixture->store, fixture, "owned", false, &owned_hash));
    void *held = fixture;
    return tear_down(&held);
}

static void a_kill_at_every_change(void **state) {
    (void)state;
    sweep(FAULT_KILL, CHANGES, 0, 80);
}
static void an_io_error_at_every_call(void **state) {
    (void)state;
    sweep(FAULT_ONCE, EVERYTHING, EIO, 200);
}
static void a_disk_that_fills_up_at_every_change(void **state) {
    (void)state;
    sweep(FAULT_FROM_THEN_ON, WRITE | NAME | SYNC, ENOSPC, 80);
}
static void no_descriptors_at_every_open(void **state) {
    (void)state;
    sweep(FAULT_ONCE, OPEN, EMFILE, 30);
    sweep(FAULT_FROM_THEN_ON, OPEN, ENFILE, 30);
}
static void an_interruption_at_every_slow_call(void **state) {
    (void)state;
    sweep(FAULT_ONCE, OPEN | READ | WRITE | LOCK, EINTR, 60);
}
static void a_short_transfer_at_every_one(void **state) {
    (void)state;
    sweep(FAULT_SHORT, READ | WRITE, 0, 30);
}
static void no_locks(void **state) {
    (void)state;
    Fixture *fixture = fresh();
    set_plan(FAULT_FROM_THEN_ON, LOCK, ENOLCK, 1);
    Error *error = work(fixture);
    plan.kind = FAULT_NONE;
    assert_fails(fixture, error, ERROR_SYSTEM,
                 "cannot lock format: No locks available\nhint: the store's file system must support flock(2): give a "
                 "local directory, --minimal-dir");
    void *held = fixture;
    tear_down(&held);
}

// A name that a power cut leaves must lead to bytes that it leaves too, and what was reported as done must stay.
static void names_never_outlive_their_bytes(void **state) {
    (void)state;
    Fixture *fixture = fresh();
    memset(&unsynced, 0, sizeof unsynced);
    unsynced.on = true;
    Error *error = work(fixture);
    unsynced.on = false;
    ok(error);
    assert_int_equal(unsynced.published, 5); // two objects, a download, a record under two keys
    assert_int_equal(unsynced.violations, 0);
    assert_false(unsynced.records || unsynced.downloads);
    void *held = fixture;
    tear_down(&held);
}

static const struct CMUnitTest store_fault[] = {
    cmocka_unit_test(a_kill_at_every_change),
    cmocka_unit_test(an_io_error_at_every_call),
    cmocka_unit_test(a_disk_that_fills_up_at_every_change),
    cmocka_unit_test(no_descriptors_at_every_open),
    cmocka_unit_test(an_interruption_at_every_slow_call),
    cmocka_unit_test(a_short_transfer_at_every_one),
    cmocka_unit_test(no_locks),
    cmocka_unit_test(names_never_outlive_their_bytes),
};

int main(void) {
    return cmocka_run_group_tests(store_fault, prepare, NULL);
}

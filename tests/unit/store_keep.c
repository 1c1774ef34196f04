// The house around trees and records: where a store may be, staging, locks, downloads, verify, collection, the index.
#include "store_helper.h"

#include "base/cancel.h"
#include "store/internal.h"

#include <grp.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <sys/file.h>

static Hash hash_byte(uint8_t byte) {
    Hash hash;
    memset(hash.bytes, byte, sizeof hash.bytes);
    return hash;
}

// ---- where a store may be ----

static Error *try_open(const Fixture *fixture, const char *name) {
    Store *store = NULL;
    const char *path = arena_printf(fixture->arena, "%s/%s", fixture->path, name).ptr;
    Error *error = store_open(&(StoreOptions){.path = path}, &store);
    store_close(store);
    return error;
}

static void is_made_private(void **state) {
    const Fixture *fixture = *state;
    mode_t before = umask(0);
    ok(try_open(fixture, "a/b/c"));
    umask(before);
    assert_int_equal(stat_of(fixture, "a").st_mode & 07777, 0700);
    assert_int_equal(stat_of(fixture, "a/b/c").st_mode & 07777, 0700);
    ok(try_open(fixture, "a/b/c"));
}

static void refuses_a_place_that_others_may_write_to(void **state) {
    const Fixture *fixture = *state;
    ok(fd_make_dirs(fixture->dirfd, "open/inner"));
    assert_int_equal(fchmodat(fixture->dirfd, "open", 0757, 0), 0);
    assert_fails(fixture, try_open(fixture, "open/inner/store"), ERROR_DENIED,
                 "the store @/open/inner/store cannot be used: others may write to @/open (mode 0757)\n"
                 "hint: chmod go-w @/open");
    assert_false(exists(fixture, "open/inner/store"));
    // With the sticky bit, as /tmp has it, what is ours in there stays ours; the store itself may not be so.
    assert_int_equal(fchmodat(fixture->dirfd, "open", 01777, 0), 0);
    ok(try_open(fixture, "open/inner/store"));
    assert_int_equal(fchmodat(fixture->dirfd, "open/inner/store", 01777, 0), 0);
    assert_fails(fixture, try_open(fixture, "open/inner/store"), ERROR_DENIED,
                 "the store @/open/inner/store cannot be used: others may write to @/open/inner/store (mode 1777)\n"
                 "hint: chmod go-w @/open/inner/store");
}

// The group of a user's own name is the user; any other may have members.
static void a_private_group_may_write(void **state) {
    const Fixture *fixture = *state;
    ok(try_open(fixture, "grouped"));
    assert_int_equal(fchmodat(fixture->dirfd, "grouped", 0770, 0), 0);
    const struct passwd *user = getpwuid(geteuid());
    const struct group *group = user ? getgrgid(getegid()) : NULL;
    if (geteuid() == 0 || (group && strcmp(user->pw_name, group->gr_name) == 0 && !group->gr_mem[0]))
        ok(try_open(fixture, "grouped"));
    if (geteuid() == 0)
        assert_int_equal(fchownat(fixture->dirfd, "grouped", 0, 65534, 0), 0);
    if (geteuid() == 0 || (group && strcmp(user->pw_name, group->gr_name) != 0))
        assert_fails(fixture, try_open(fixture, "grouped"), ERROR_DENIED,
                     "the store @/grouped cannot be used: others may write to @/grouped (mode 0770)\n"
                     "hint: chmod go-w @/grouped");
}

static void refuses_another_users_place(void **state) {
    const Fixture *fixture = *state;
    ok(fd_make_dirs(fixture->dirfd, "theirs"));
    if (geteuid() != 0) { // root's own directory; its parents are fine, itself it may not be
        Store *store = NULL;
        AUTO_ERROR Error *error = store_open(&(StoreOptions){.path = "/usr"}, &store);
        assert_non_null(error);
        assert_int_equal(error_kind(error), ERROR_DENIED);
        assert_string_equal(error_text(error), "the store /usr cannot be used: /usr belongs to root");
        return;
    }
    assert_int_equal(fchownat(fixture->dirfd, "theirs", 12345, 12345, 0), 0);
    assert_fails(fixture, try_open(fixture, "theirs/store"), ERROR_DENIED,
                 "the store @/theirs/store cannot be used: @/theirs belongs to user 12345\n"
                 "hint: root must leave no files in a user's directories: run minimal as user 12345, without sudo, or "
                 "give --minimal-dir a directory of root's");
    assert_false(exists(fixture, "theirs/store"));
    // Nor by way of a link.
    assert_int_equal(symlinkat("theirs", fixture->dirfd, "link"), 0);
    assert_fails(fixture, try_open(fixture, "link"), ERROR_DENIED,
                 "the store @/link cannot be used: @/link belongs to user 12345\n"
                 "hint: root must leave no files in a user's directories: run minimal as user 12345, without sudo, or "
                 "give --minimal-dir a directory of root's");
}

static void refuses_what_is_no_store(void **state) {
    const Fixture *fixture = *state;
    write_file(fixture, "file", "", 0644);
    assert_fails(fixture, try_open(fixture, "file"), ERROR_INVALID,
                 "the store @/file cannot be used: @/file is not a directory");
    write_file(fixture, "other/format", "something\n", 0644);
    assert_int_equal(fchmodat(fixture->dirfd, "other", 0700, 0), 0);
    assert_fails(fixture, try_open(fixture, "other"), ERROR_INVALID,
                 "@/other is no store of minimal: its file 'format' says something else");
    write_file(fixture, "other/format", "minimal store 2\n", 0644);
    assert_fails(fixture, try_open(fixture, "other"), ERROR_INVALID,
                 "the store @/other has the format 'minimal store 2', and this minimal knows 'minimal store 1'\n"
                 "hint: use the newer minimal that made it, or another store with --minimal-dir");
    write_file(fixture, "other/format", "", 0644);
    ok(try_open(fixture, "other"));
}

static void knows_network_file_systems(void **state) {
    (void)state;
    assert_string_equal(place_network_fs(0x6969), "NFS");
    assert_string_equal(place_network_fs(0xff534d42), "CIFS");
    assert_null(place_network_fs(0xef53));     // ext4
    assert_null(place_network_fs(0x01021994)); // tmpfs
    assert_null(place_network_fs(0x9123683e)); // btrfs
}

// ---- staging ----

static size_t count_in(const Fixture *fixture, const char *path) {
    int fd;
    ok(fd_open(fixture->dirfd, path, O_RDONLY | O_DIRECTORY, 0, &fd));
    AUTO_DIR DIR *dir = fdopendir(fd);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    return count;
}

static void staging_goes_with_its_owner(void **state) {
    Fixture *fixture = *state;
    Staging *staging;
    ok(staging_new(fixture->store, &staging));
    AUTO_FD int fd = -1;
    ok(fd_open(staging_dirfd(staging), "file", O_WRONLY | O_CREAT, 0600, &fd));
    assert_int_equal(access(staging_path(staging), W_OK), 0);
    const char *path = arena_cstr(fixture->arena, str_from(staging_path(staging)));
    staging_free(staging);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(count_in(fixture, "store/staging"), 1);
    store_close(fixture->store);
    assert_int_equal(count_in(fixture, "store/staging"), 0);
    open_store(fixture);
}

static void kept_directories_stay(void **state) {
    const Fixture *fixture = *state;
    for (int round = 0; round < 2; round++) {
        AUTO_STAGING Staging *staging = NULL;
        AUTO_FD int fd = -1;
        Str path;
        char name[32];
        snprintf(name, sizeof name, "round%d", round);
        ok(staging_new(fixture->store, &staging));
        ok(fd_open(staging_dirfd(staging), name, O_WRONLY | O_CREAT, 0600, &fd));
        ok(staging_keep(staging, "jq", fixture->arena, &path));
        assert_string_equal(path.ptr, arena_printf(fixture->arena, "%s/store/kept/jq", fixture->path).ptr);
    }
    assert_true(exists(fixture, "store/kept/jq/round1"));
    assert_false(exists(fixture, "store/kept/jq/round0"));
}

// A process that was killed leaves its staging; one that lives keeps it, however often others come by.
static void only_the_dead_are_swept(void **state) {
    Fixture *fixture = *state;
    AUTO_STAGING Staging *living = NULL;
    ok(staging_new(fixture->store, &living));
    pid_t child = fork();
    if (child == 0) {
        Staging *mine;
        open_store(fixture);
        ok(staging_new(fixture->store, &mine));
        raise(SIGKILL);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(count_in(fixture, "store/staging"), 2);
    child = fork();
    if (child == 0) {
        Staging *mine;
        open_store(fixture);
        ok(staging_new(fixture->store, &mine));
        _exit(count_in(fixture, "store/staging") == 2 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(access(staging_path(living), F_OK), 0);
}

// ---- locks ----

// Fifty processes want one key: each owner finds itself alone, the first is killed while it holds the lock, and every
// other gets its turn.
static void one_owner_at_a_time(void **state) {
    Fixture *fixture = *state;
    enum { PROCESSES = 50 };
    pid_t children[PROCESSES];
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        int fd, mark;
        open_store(fixture);
        ok(store_lock_key(fixture->store, hash_byte(7), NULL, &fd, NULL));
        mark = openat(fixture->dirfd, "owner", O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
        if (mark < 0)
            _exit(1); // somebody else is in here
        usleep(500);
        unlinkat(fixture->dirfd, "owner", 0);
        if (i == 0)
            raise(SIGKILL);
        _exit(0);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(i == 0 ? WIFSIGNALED(status) : status == 0);
    }
}

static void a_killed_owner_hands_over(void **state) {
    Fixture *fixture = *state;
    int ready[2];
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        int fd;
        open_store(fixture);
        ok(store_lock_key(fixture->store, hash_byte(7), NULL, &fd, NULL));
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        pause();
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    AUTO_FD int fd = -1, lock = -1;
    ok(lock_file(fixture->store, hash_hex(hash_byte(7)).text, LOCK_EX, false, NULL, &lock, NULL));
    assert_int_equal(lock, -1); // held
    pid_t killer = fork();
    if (killer == 0) {
        usleep(20000);
        kill(child, SIGKILL);
        _exit(0);
    }
    bool waited;
    Cancel cancel;
    ok(cancel_init(&cancel));
    ok(store_lock_key(fixture->store, hash_byte(7), &cancel, &fd, &waited));
    cancel_release(&cancel);
    assert_true(waited);
    assert_int_equal(waitpid(killer, NULL, 0), killer);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);
}

static void *cancel_soon(void *argument) {
    usleep(20000);
    cancel_request(argument);
    return NULL;
}

static void a_wait_can_be_cancelled(void **state) {
    const Fixture *fixture = *state;
    AUTO_FD int held = -1, fd = -1;
    bool waited;
    Cancel cancel;
    pthread_t thread;
    ok(cancel_init(&cancel));
    ok(store_lock_key(fixture->store, hash_byte(9), &cancel, &held, &waited));
    assert_false(waited);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &cancel), 0);
    AUTO_BUF Buf want;
    buf_init(&want, BUF_NO_LIMIT);
    buf_printf(&want, "interrupted while another minimal held the lock %s", hash_hex(hash_byte(9)).text);
    assert_fails(fixture, store_lock_key(fixture->store, hash_byte(9), &cancel, &fd, &waited), ERROR_INTERRUPTED,
                 buf_cstr(&want));
    assert_int_equal(fd, -1);
    pthread_join(thread, NULL);
    cancel_release(&cancel);
    // The thread that still sits in the queue lets go of what it gets.
    fd_close(&held);
    ok(store_lock_key(fixture->store, hash_byte(9), NULL, &fd, NULL));
}

// A lock file that was removed or replaced while held is no longer the one that others meet.
static void a_replaced_lock_file_is_noticed(void **state) {
    Fixture *fixture = *state;
    char path[128];
    snprintf(path, sizeof path, "store/locks/%s", hash_hex(hash_byte(3)).text);
    int held;
    ok(store_lock_key(fixture->store, hash_byte(3), NULL, &held, NULL));
    pid_t child = fork();
    if (child == 0) {
        close(held);
        int fd;
        struct stat mine;
        open_store(fixture);
        ok(store_lock_key(fixture->store, hash_byte(3), NULL, &fd, NULL));
        _exit(fstat(fd, &mine) == 0 && mine.st_ino == stat_of(fixture, path).st_ino ? 0 : 1);
    }
    usleep(20000); // so that the child waits on the old file most of the time; right either way
    assert_int_equal(unlinkat(fixture->dirfd, path, 0), 0);
    write_file(fixture, path, "", 0600);
    close(held);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

// ---- downloads ----

static Error *add_download(const Fixture *fixture, const char *text, Hash want) {
    AUTO_STAGING Staging *staging = NULL;
    AUTO_FD int fd = -1;
    ok(staging_new(fixture->store, &staging));
    ok(fd_open(staging_dirfd(staging), "file", O_WRONLY | O_CREAT, 0600, &fd));
    ok(fd_write_all(fd, text, strlen(text)));
    return store_add_download(fixture->store, staging, "file", want);
}

static bool has_download(const Fixture *fixture, Hash hash) {
    AUTO_FD int fd = -1;
    ok(store_open_download(fixture->store, hash, &fd));
    return fd >= 0;
}

static const char *download_file(const Fixture *fixture, Hash hash) {
    return arena_printf(fixture->arena, "store/downloads/%s", hash_hex(hash).text).ptr;
}

static void downloads_are_found_by_content(void **state) {
    const Fixture *fixture = *state;
    Hash hash = hash_bytes(STR("hello"));
    assert_false(has_download(fixture, hash));
    ok(add_download(fixture, "hello", hash));
    AUTO_FD int fd = -1;
    AUTO_BUF Buf text;
    buf_init(&text, 100);
    ok(store_open_download(fixture->store, hash, &fd));
    ok(fd_read_all(fd, &text));
    assert_string_equal(buf_cstr(&text), "hello");
    assert_int_equal(stat_of(fixture, download_file(fixture, hash)).st_mode & 07777, 0444);
    ok(add_download(fixture, "hello", hash)); // once more is fine
}

static void a_wrong_download_is_refused(void **state) {
    const Fixture *fixture = *state;
    Hash hash = hash_bytes(STR("hello"));
    assert_fails(fixture, add_download(fixture, "hellO", hash), ERROR_MISMATCH,
                 "file has another sha256: want 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824, "
                 "got 04a6f55face2f46be8c23f627d539827615851e10751b63ec59db6d2c706b770");
}

static void a_damaged_download_is_gone(void **state) {
    const Fixture *fixture = *state;
    Hash hash = hash_bytes(STR("hello"));
    const char *path = download_file(fixture, hash);
    ok(add_download(fixture, "hello", hash));
    assert_int_equal(fchmodat(fixture->dirfd, path, 0644, 0), 0);
    write_file(fixture, path, "hellO", 0444);
    assert_false(has_download(fixture, hash));
    assert_false(exists(fixture, path));
    assert_int_equal(symlinkat("/dev/zero", fixture->dirfd, path), 0);
    assert_false(has_download(fixture, hash));
    assert_false(exists(fixture, path));
    ok(add_download(fixture, "hello", hash));
    assert_true(has_download(fixture, hash));
}

// ---- verify, the index, collection ----

static Tree put_package(const Fixture *fixture, const char *name, const Tree *closure) {
    const char *dir = arena_printf(fixture->arena, "in-%s", name).ptr;
    write_file(fixture, arena_printf(fixture->arena, "%s/share/%s", dir, name).ptr, name, 0644);
    write_file(fixture, arena_printf(fixture->arena, "%s/bin/%s", dir, name).ptr, "#!/bin/sh\n", 0755);
    Tree tree = add_tree(fixture, dir, false);
    RecordOutput output = {STR("out"), tree.hash, tree.size_bytes, tree.count};
    RecordReference reference = {STR("lib"), STR("out"), closure ? closure->hash : tree.hash};
    Record record = {.package = str_from(name),
                     .version = STR("1"),
                     .spec_key = hash_bytes(str_from(dir)),
                     .build_key = hash_bytes(str_from(name)),
                     .outputs = &output,
                     .output_count = 1,
                     .references = &reference,
                     .reference_count = closure ? 1 : 0,
                     .tool_version = STR("test")};
    ok(store_put_record(fixture->store, &record));
    return tree;
}

static bool has_record(const Fixture *fixture, const char *name) {
    Record record;
    bool found;
    ok(store_get_record(fixture->store, RECORD_BUILD_KEY, hash_bytes(str_from(name)), fixture->arena, &record, &found));
    return found;
}

static void collect_lines(void *context, const char *line) {
    buf_add_cstr(context, line);
    buf_add_byte(context, '\n');
}

static VerifyReport verify(const Fixture *fixture, Buf *lines) {
    VerifyReport report;
    ok(store_verify(fixture->store, NULL, collect_lines, lines, &report));
    return report;
}

static StoreInfo info(const Fixture *fixture) {
    StoreInfo out;
    ok(store_info(fixture->store, &out));
    return out;
}

static void verify_finds_nothing_in_a_sound_store(void **state) {
    const Fixture *fixture = *state;
    AUTO_BUF Buf lines;
    buf_init(&lines, BUF_NO_LIMIT);
    Tree lib = put_package(fixture, "lib", NULL);
    put_package(fixture, "tool", &lib);
    ok(add_download(fixture, "hello", hash_bytes(STR("hello"))));
    VerifyReport report = verify(fixture, &lines);
    assert_string_equal(buf_cstr(&lines), "");
    assert_int_equal(report.objects, 2);
    assert_int_equal(report.files, 4);
    assert_int_equal(report.file_bytes, 27);
    assert_int_equal(report.records, 4);
    assert_int_equal(report.downloads, 1);
    assert_int_equal(report.damaged_objects + report.dropped_records + report.damaged_downloads + report.strays, 0);
}

// The look by stat does not see bytes that were changed with size and times put back; verify does.
static void verify_finds_changed_bytes(void **state) {
    const Fixture *fixture = *state;
    AUTO_BUF Buf lines;
    buf_init(&lines, BUF_NO_LIMIT);
    Tree lib = put_package(fixture, "lib", NULL), tool = put_package(fixture, "tool", &lib);
    const char *path = inside(fixture, lib.hash, "share/lib");
    struct timespec times[2] = {{315619200, 0}, {315619200, 0}};
    assert_int_equal(fchmodat(fixture->dirfd, path, 0644, 0), 0);
    write_file(fixture, path, "LIB", 0444);
    assert_int_equal(utimensat(fixture->dirfd, path, times, 0), 0);
    assert_true(is_present(fixture, lib.hash));
    VerifyReport report = verify(fixture, &lines);
    assert_int_equal(report.damaged_objects, 1);
    assert_int_equal(report.dropped_records, 2);
    StorePath object = object_path(lib.hash, "");
    AUTO_BUF Buf want;
    buf_init(&want, BUF_NO_LIMIT);
    buf_printf(&want, "%s is damaged and was removed: share/lib is not what it was\n", object.text);
    buf_printf(&want, "%s is damaged and was removed: its output out is gone\n",
               record_path(RECORD_SPEC_KEY, hash_bytes(STR("in-lib"))).text);
    buf_printf(&want, "%s is damaged and was removed: its output out is gone\n",
               record_path(RECORD_BUILD_KEY, hash_bytes(STR("lib"))).text);
    assert_string_equal(buf_cstr(&lines), buf_cstr(&want));
    assert_false(has_record(fixture, "lib"));
    assert_true(has_record(fixture, "tool") && is_present(fixture, tool.hash));
    buf_clear(&lines);
    verify(fixture, &lines);
    assert_string_equal(buf_cstr(&lines), "");
    assert_true(hash_eq(put_package(fixture, "lib", NULL).hash, lib.hash));
    assert_true(is_present(fixture, lib.hash));
}

static void verify_finds(const Fixture *fixture, Hash hash, const char *want) {
    AUTO_BUF Buf lines, line;
    buf_init(&lines, BUF_NO_LIMIT);
    buf_init(&line, BUF_NO_LIMIT);
    assert_int_equal(verify(fixture, &lines).damaged_objects, 1);
    buf_printf(&line, "%s is damaged and was removed: %s\n", object_path(hash, "").text, want);
    assert_true(str_starts_with(buf_str(&lines), buf_str(&line)));
    put_package(fixture, "lib", NULL);
}

static void keep_times(const Fixture *fixture, const char *directory) {
    struct timespec times[2] = {{315619200, 0}, {315619200, 0}};
    assert_int_equal(utimensat(fixture->dirfd, directory, times, 0), 0);
}

static void verify_finds_other_damage(void **state) {
    const Fixture *fixture = *state;
    Hash hash = put_package(fixture, "lib", NULL).hash;
    assert_int_equal(unlinkat(fixture->dirfd, inside(fixture, hash, "share/lib"), 0), 0);
    verify_finds(fixture, hash, "share/lib is missing");
    write_file(fixture, inside(fixture, hash, "share/more"), "", 0444);
    verify_finds(fixture, hash, "share/more does not belong there");
    ok(fd_make_dirs(fixture->dirfd, inside(fixture, hash, "share/dir")));
    keep_times(fixture, inside(fixture, hash, "share"));
    verify_finds(fixture, hash, "there is an empty directory");
    assert_int_equal(fchmodat(fixture->dirfd, inside(fixture, hash, "bin/lib"), 04555, 0), 0);
    verify_finds(fixture, hash, "a mode or a time is not what it was");
    AUTO_BUF Buf want;
    buf_init(&want, BUF_NO_LIMIT);
    buf_printf(&want, "the tree %s is not in the store %s/store", hash_hex(hash).text, fixture->path);
    assert_int_equal(unlinkat(fixture->dirfd, inside(fixture, hash, "../manifest"), 0), 0);
    verify_finds(fixture, hash, buf_cstr(&want));
}

static void verify_leaves_alone_what_is_not_ours(void **state) {
    const Fixture *fixture = *state;
    AUTO_BUF Buf lines;
    buf_init(&lines, BUF_NO_LIMIT);
    write_file(fixture, "store/note.txt", "mine", 0644);
    assert_int_equal(verify(fixture, &lines).strays, 1);
    assert_string_equal(buf_cstr(&lines), "note.txt is none of the store's files; left alone\n");
    assert_true(exists(fixture, "store/note.txt"));
    buf_clear(&lines);
    write_file(fixture, "store/objects/XY", "", 0644);
    assert_int_equal(verify(fixture, &lines).strays, 2);
}

static void verify_finds_a_damaged_download(void **state) {
    const Fixture *fixture = *state;
    AUTO_BUF Buf lines;
    buf_init(&lines, BUF_NO_LIMIT);
    Hash hash = hash_bytes(STR("hello"));
    ok(add_download(fixture, "hello", hash));
    assert_int_equal(fchmodat(fixture->dirfd, download_file(fixture, hash), 0644, 0), 0);
    write_file(fixture, download_file(fixture, hash), "", 0444);
    assert_int_equal(verify(fixture, &lines).damaged_downloads, 1);
    assert_false(exists(fixture, download_file(fixture, hash)));
}

static void verify_can_be_cancelled(void **state) {
    const Fixture *fixture = *state;
    Cancel cancel;
    VerifyReport report;
    put_package(fixture, "lib", NULL);
    ok(cancel_init(&cancel));
    cancel_request(&cancel);
    assert_fails(fixture, store_verify(fixture->store, &cancel, NULL, NULL, &report), ERROR_INTERRUPTED, "interrupted");
    cancel_release(&cancel);
    assert_int_equal(info(fixture).objects, 1);
}

static void assert_indexed(const Fixture *fixture) {
    StoreInfo got = info(fixture);
    assert_int_equal(got.objects, 2);
    assert_int_equal(got.object_files, 4);
    assert_int_equal(got.object_bytes, 27);
    assert_int_equal(got.records, 2);
    assert_int_equal(got.downloads, 1);
    assert_int_equal(got.download_bytes, 5);
    assert_int_equal(got.kept, 0);
}

// Deleted, cut at any length, any byte of it changed, or of another version: it is made anew, and tells the same.
static void the_index_can_be_lost(void **state) {
    const Fixture *fixture = *state;
    Tree lib = put_package(fixture, "lib", NULL);
    put_package(fixture, "tool", &lib);
    ok(add_download(fixture, "hello", hash_bytes(STR("hello"))));
    assert_false(exists(fixture, "store/index.sqlite")); // nothing so far had need of it
    assert_indexed(fixture);
    AUTO_BUF Buf sound;
    buf_init(&sound, BUF_NO_LIMIT);
    ok(fd_read_file(fixture->dirfd, "store/index.sqlite", &sound));
    assert_int_equal(unlinkat(fixture->dirfd, "store/index.sqlite", 0), 0);
    assert_indexed(fixture);
    for (size_t len = 0; len < sound.len; len += 777) {
        AUTO_FD int fd = -1;
        ok(fd_open(fixture->dirfd, "store/index.sqlite", O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd));
        ok(fd_write_all(fd, sound.ptr, len));
        assert_indexed(fixture);
    }
    // The file's header, its schema and the tables' inner structure; a flipped bit in a number stays a number, which
    // is why gc and verify make the index anew before they believe it.
    for (size_t at = 0; at < 100; at += 3) {
        AUTO_FD int fd = -1;
        sound.ptr[at] ^= 0x55;
        ok(fd_open(fixture->dirfd, "store/index.sqlite", O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd));
        ok(fd_write_all(fd, sound.ptr, sound.len));
        sound.ptr[at] ^= 0x55;
        assert_indexed(fixture);
    }
    write_file(fixture, "store/index.sqlite-journal", "not a journal at all", 0600);
    assert_indexed(fixture);
    assert_int_equal(unlinkat(fixture->dirfd, "store/index.sqlite", 0), 0);
    ok(fd_make_dirs(fixture->dirfd, "store/index.sqlite/in/the/way"));
    assert_indexed(fixture);
}

static void the_index_follows_what_is_there(void **state) {
    const Fixture *fixture = *state;
    Tree lib = put_package(fixture, "lib", NULL);
    assert_int_equal(info(fixture).objects, 1);
    put_package(fixture, "tool", &lib);
    ok(add_download(fixture, "hello", hash_bytes(STR("hello"))));
    assert_indexed(fixture);
    ok(fd_remove_tree(fixture->dirfd, "store/objects"));
    StoreInfo got = info(fixture);
    assert_int_equal(got.objects, 0);
    assert_int_equal(got.records, 2);
}

static void make_old(const Fixture *fixture, const char *path) {
    struct timespec times[2] = {{1000000000, 0}, {1000000000, 0}};
    assert_int_equal(utimensat(fixture->dirfd, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

// What a used record names stays, however old; the rest goes with its records.
static void gc_keeps_closures_whole(void **state) {
    const Fixture *fixture = *state;
    AUTO_BUF Buf lines;
    buf_init(&lines, BUF_NO_LIMIT);
    Tree lib = put_package(fixture, "lib", NULL), tool = put_package(fixture, "tool", &lib);
    Tree old = put_package(fixture, "old", &lib);
    Hash download = hash_bytes(STR("hello"));
    ok(add_download(fixture, "hello", download));
    make_old(fixture, inside(fixture, lib.hash, "../manifest"));
    make_old(fixture, inside(fixture, old.hash, "../manifest"));
    make_old(fixture, download_file(fixture, download));
    GcReport report;
    GcOptions options = {.unused_s = 30 * 86400, .dry_run = true};
    ok(store_gc(fixture->store, &options, collect_lines, &lines, &report));
    AUTO_BUF Buf want;
    buf_init(&want, BUF_NO_LIMIT);
    buf_printf(&want, "%s  old 1\n", record_path(RECORD_SPEC_KEY, hash_bytes(STR("in-old"))).text);
    buf_printf(&want, "%s  old 1\n", record_path(RECORD_BUILD_KEY, hash_bytes(STR("old"))).text);
    buf_printf(&want, "%s\n%s\n", object_path(old.hash, "").text, download_path(download).text);
    assert_string_equal(buf_cstr(&lines), buf_cstr(&want));
    assert_true(exists(fixture, inside(fixture, old.hash, "bin/old")));
    options.dry_run = false;
    ok(store_gc(fixture->store, &options, NULL, NULL, &report));
    assert_int_equal(report.objects, 1);
    assert_int_equal(report.records, 2);
    assert_int_equal(report.downloads, 1);
    assert_int_equal(report.freed_bytes, old.size_bytes + 5);
    assert_false(exists(fixture, inside(fixture, old.hash, "..")));
    assert_true(is_present(fixture, lib.hash) && is_present(fixture, tool.hash));
    assert_true(has_record(fixture, "lib") && has_record(fixture, "tool") && !has_record(fixture, "old"));
    buf_clear(&lines);
    verify(fixture, &lines);
    assert_string_equal(buf_cstr(&lines), "");
}

static void use_is_noticed(void **state) {
    const Fixture *fixture = *state;
    Tree lib = put_package(fixture, "lib", NULL);
    const char *manifest = inside(fixture, lib.hash, "../manifest");
    make_old(fixture, manifest);
    assert_true(is_present(fixture, lib.hash));
    assert_true(stat_of(fixture, manifest).st_mtim.tv_sec > 1000000000);
    GcReport report;
    ok(store_gc(fixture->store, &(GcOptions){.unused_s = 3600}, NULL, NULL, &report));
    assert_int_equal(report.objects, 0);
}

static void gc_leaves_a_store_in_use_alone(void **state) {
    Fixture *fixture = *state;
    Store *other = fixture->store;
    GcReport report;
    open_store(fixture);
    assert_fails(fixture, store_gc(fixture->store, &(GcOptions){0}, NULL, NULL, &report), ERROR_CONFLICT,
                 "another minimal is using the store @/store\nhint: try again when it has ended");
    store_close(other);
    ok(store_gc(fixture->store, &(GcOptions){0}, NULL, NULL, &report));
}

static const struct CMUnitTest store_keep[] = {
    STORE_TEST(is_made_private),
    STORE_TEST(refuses_a_place_that_others_may_write_to),
    STORE_TEST(a_private_group_may_write),
    STORE_TEST(refuses_another_users_place),
    STORE_TEST(refuses_what_is_no_store),
    cmocka_unit_test(knows_network_file_systems),
    STORE_TEST(staging_goes_with_its_owner),
    STORE_TEST(kept_directories_stay),
    STORE_TEST(only_the_dead_are_swept),
    STORE_TEST(one_owner_at_a_time),
    STORE_TEST(a_killed_owner_hands_over),
    STORE_TEST(a_wait_can_be_cancelled),
    STORE_TEST(a_replaced_lock_file_is_noticed),
    STORE_TEST(downloads_are_found_by_content),
    STORE_TEST(a_wrong_download_is_refused),
    STORE_TEST(a_damaged_download_is_gone),
    STORE_TEST(verify_finds_nothing_in_a_sound_store),
    STORE_TEST(verify_finds_changed_bytes),
    STORE_TEST(verify_finds_other_damage),
    STORE_TEST(verify_leaves_alone_what_is_not_ours),
    STORE_TEST(verify_finds_a_damaged_download),
    STORE_TEST(verify_can_be_cancelled),
    STORE_TEST(the_index_can_be_lost),
    STORE_TEST(the_index_follows_what_is_there),
    STORE_TEST(gc_keeps_closures_whole),
    STORE_TEST(use_is_noticed),
    STORE_TEST(gc_leaves_a_store_in_use_alone),
    cmocka_unit_test(passes_as_an_ordinary_user),
};

STORE_TESTS_MAIN(store_keep)

// Trees: the manifest's bytes, what an import keeps and what it drops, what it refuses, and how damage is noticed.
#include "store_helper.h"

#include "base/vec.h"
#include "store/tree.h"

#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/xattr.h>

// ---- the manifest ----

// Calculated by a few lines of Python from docs/formats/tree.md.
static const char empty_hash[] = "9ac6690d150d5bbf5a8a469d2c5b37042dc2a03967b0d3e1a8b33dbdf60fcb82";
static const char small_hash[] = "4e19ea4153cbcf84ad4b6e294290c2781a69e60930231efd411ab3e91ca4203b";

static TreeEntry file_entry(const char *path, TreeEntryKind kind, const char *bytes) {
    return (TreeEntry){str_from(path), kind, strlen(bytes), hash_bytes(str_from(bytes)), STR_NULL};
}

static TreeEntry link_entry(const char *path, const char *target) {
    return (TreeEntry){.path = str_from(path), .kind = TREE_LINK, .link_target = str_from(target)};
}

static void small_tree(TreeEntry entries[4]) {
    entries[0] = file_entry("bin/tool", TREE_EXEC, "#!/bin/sh\n");
    entries[1] = link_entry("lib/libx.so", "libx.so.1");
    entries[2] = file_entry("lib/libx.so.1", TREE_FILE, "x\n");
    entries[3] = file_entry("lib64.txt", TREE_FILE, "");
}

static void encodes_as_documented(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_BUF Buf bytes;
    TreeEntry entries[4];
    Tree tree;
    buf_init(&bytes, BUF_NO_LIMIT);
    tree_encode(NULL, 0, &bytes);
    assert_string_equal(hash_hex(hash_bytes(buf_str(&bytes))).text, empty_hash);
    buf_clear(&bytes);
    small_tree(entries);
    tree_encode(entries, 4, &bytes);
    assert_int_equal(bytes.len, 238);
    assert_string_equal(hash_hex(hash_bytes(buf_str(&bytes))).text, small_hash);
    ok(tree_decode(buf_str(&bytes), arena, &tree));
    assert_int_equal(tree.count, 4);
    assert_int_equal(tree.size_bytes, 12);
    assert_true(hash_eq(tree.hash, hash_of(small_hash)));
    assert_true(str_is(tree.entries[1].link_target, "libx.so.1"));
}

static void accepts_no_other_bytes(void **state) {
    (void)state;
    AUTO_BUF Buf bytes;
    TreeEntry entries[4];
    buf_init(&bytes, BUF_NO_LIMIT);
    small_tree(entries);
    tree_encode(entries, 4, &bytes);
    // Cut at every length, one byte more, and every bit of it flipped: an error, or another tree's exact encoding.
    for (size_t len = 0; len < bytes.len; len++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        Tree tree;
        Error *error = tree_decode((Str){bytes.ptr, len}, arena, &tree);
        assert_non_null(error);
        error_free(error);
    }
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        AUTO_BUF Buf again;
        Tree tree;
        buf_init(&again, BUF_NO_LIMIT);
        bytes.ptr[bit / 8] ^= (char)(1 << bit % 8);
        Error *error = tree_decode(buf_str(&bytes), arena, &tree);
        if (!error) {
            tree_encode(tree.entries, tree.count, &again);
            assert_true(str_eq(buf_str(&again), buf_str(&bytes)));
        }
        error_free(error);
        bytes.ptr[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void refuses_entries(const TreeEntry *entries, size_t count, ErrorKind kind, const char *want) {
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_BUF Buf bytes;
    Tree tree;
    buf_init(&bytes, BUF_NO_LIMIT);
    tree_encode(entries, count, &bytes);
    assert_fails(NULL, tree_decode(buf_str(&bytes), arena, &tree), kind, want);
}

static void refuses_trees_that_cannot_be(void **state) {
    (void)state;
    const struct {
        TreeEntry entries[3];
        size_t count;
        const char *want;
    } cases[] = {
        {{file_entry("b", TREE_FILE, ""), file_entry("a", TREE_FILE, "")}, 2, "'a' is out of order"},
        {{file_entry("a", TREE_FILE, ""), file_entry("a", TREE_FILE, "")}, 2, "'a' is out of order"},
        {{file_entry("a", TREE_FILE, ""), file_entry("a.b", TREE_FILE, ""), file_entry("a/b", TREE_FILE, "")},
         3,
         "'a' is a file and a directory"},
        {{link_entry("a", "x"), file_entry("a/b/c", TREE_FILE, "")}, 2, "'a' is a file and a directory"},
        {{file_entry("../a", TREE_FILE, "")}, 1, "'../a' is no path inside a tree"},
        {{file_entry("a/../b", TREE_FILE, "")}, 1, "'a/../b' is no path inside a tree"},
        {{file_entry("/a", TREE_FILE, "")}, 1, "'/a' is no path inside a tree"},
        {{file_entry("a//b", TREE_FILE, "")}, 1, "'a//b' is no path inside a tree"},
        {{file_entry("a/", TREE_FILE, "")}, 1, "'a/' is no path inside a tree"},
        {{file_entry(".", TREE_FILE, "")}, 1, "'.' is no path inside a tree"},
        {{link_entry("a", "")}, 1, "the link a has no valid target"},
        {{{.path = STR("a"), .kind = TREE_LINK, .link_target = STR("x\0y")}}, 1, "the link a has no valid target"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        refuses_entries(cases[i].entries, cases[i].count, ERROR_INVALID, cases[i].want);
}

// `len` bytes of one-letter directories; the caller frees.
static char *path_of_length(size_t len) {
    char *path = mem_alloc(len + 1);
    for (size_t i = 0; i < len; i++)
        path[i] = i % 2 ? '/' : 'd';
    path[len] = '\0';
    if (path[len - 1] == '/')
        path[len - 2] = 'x', path[len - 1] = 'x';
    return path;
}

static void holds_its_caps(void **state) {
    (void)state;
    AUTO_FREE char *longest = path_of_length(TREE_PATH_MAX), *too_long = path_of_length(TREE_PATH_MAX + 1);
    TreeEntry entry = file_entry(longest, TREE_FILE, "");
    ok(tree_check(&entry, 1));
    entry = file_entry(too_long, TREE_FILE, "");
    AUTO_ERROR Error *error = tree_check(&entry, 1);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_LIMIT);
    entry = link_entry("a", longest);
    ok(tree_check(&entry, 1));
    entry = link_entry("a", too_long);
    assert_fails(NULL, tree_check(&entry, 1), ERROR_INVALID, "the link a has no valid target");
    entry = file_entry("a", TREE_FILE, "");
    entry.size_bytes = TREE_SIZE_MAX + 1;
    refuses_entries(&entry, 1, ERROR_LIMIT, "the files of one tree are larger than 64 GiB");
    entry.kind = (TreeEntryKind)3;
    refuses_entries(&entry, 1, ERROR_INVALID, "an entry has the unknown kind 3");
    // A count that the bytes cannot hold asks for no memory.
    AUTO_BUF Buf bytes;
    AUTO_ARENA Arena *arena = arena_new(0);
    Tree tree;
    buf_init(&bytes, BUF_NO_LIMIT);
    tree_encode(NULL, 0, &bytes);
    memset(bytes.ptr + 16, 0xff, 8);
    assert_fails(NULL, tree_decode(buf_str(&bytes), arena, &tree), ERROR_INVALID, "the manifest is cut short");
}

// ---- importing ----

static void make_small(const Fixture *fixture, const char *root) {
    char path[128];
    snprintf(path, sizeof path, "%s/bin/tool", root);
    write_file(fixture, path, "#!/bin/sh\n", 0755);
    snprintf(path, sizeof path, "%s/lib/libx.so.1", root);
    write_file(fixture, path, "x\n", 0640);
    snprintf(path, sizeof path, "%s/lib/libx.so", root);
    assert_int_equal(symlinkat("libx.so.1", fixture->dirfd, path), 0);
    snprintf(path, sizeof path, "%s/lib64.txt", root);
    write_file(fixture, path, "", 0600);
    snprintf(path, sizeof path, "%s/empty/deep", root);
    ok(fd_make_dirs(fixture->dirfd, path));
}

static void assert_normal(const Fixture *fixture, Hash hash, const char *path, mode_t mode) {
    struct stat st = stat_of(fixture, inside(fixture, hash, path));
    assert_int_equal(st.st_mtim.tv_sec, 315619200);
    assert_int_equal(st.st_mtim.tv_nsec, 0);
    if (!S_ISLNK(st.st_mode))
        assert_int_equal(st.st_mode & 07777, mode);
    if (!S_ISDIR(st.st_mode))
        assert_int_equal(st.st_nlink, 1);
}

static void takes_a_tree(void **state) {
    const Fixture *fixture = *state;
    mode_t before = umask(077);
    make_small(fixture, "in");
    Tree tree = add_tree(fixture, "in", false);
    umask(before);
    assert_string_equal(hash_hex(tree.hash).text, small_hash);
    assert_int_equal(tree.count, 4);
    assert_int_equal(tree.size_bytes, 12);
    assert_normal(fixture, tree.hash, ".", 0755);
    assert_normal(fixture, tree.hash, "bin", 0755);
    assert_normal(fixture, tree.hash, "bin/tool", 0555);
    assert_normal(fixture, tree.hash, "lib/libx.so", 0);
    assert_normal(fixture, tree.hash, "lib/libx.so.1", 0444);
    assert_normal(fixture, tree.hash, "lib64.txt", 0444);
    assert_false(exists(fixture, inside(fixture, tree.hash, "empty")));
    assert_true(exists(fixture, "in/bin/tool"));
    assert_true(is_present(fixture, tree.hash));
    Tree again;
    ok(store_read_tree(fixture->store, tree.hash, fixture->arena, &again));
    assert_int_equal(again.count, 4);
    assert_true(str_is(again.entries[0].path, "bin/tool") && again.entries[0].kind == TREE_EXEC);
}

static void moves_what_it_owns(void **state) {
    const Fixture *fixture = *state;
    make_small(fixture, "in");
    struct stat before = stat_of(fixture, "in/lib/libx.so.1");
    // A second name for one inode: both become files of their own.
    assert_int_equal(linkat(fixture->dirfd, "in/bin/tool", fixture->dirfd, "tool-outside", 0), 0);
    Tree tree = add_tree(fixture, "in", true);
    assert_string_equal(hash_hex(tree.hash).text, small_hash);
    assert_int_equal(stat_of(fixture, inside(fixture, tree.hash, "lib/libx.so.1")).st_ino, before.st_ino);
    assert_false(exists(fixture, "in/lib/libx.so.1"));
    assert_normal(fixture, tree.hash, "bin/tool", 0555);
    assert_int_not_equal(stat_of(fixture, inside(fixture, tree.hash, "bin/tool")).st_ino,
                         stat_of(fixture, "tool-outside").st_ino);
    // Whoever held the other name may still write to it.
    write_file(fixture, "tool-outside", "evil", 0755);
    assert_true(is_present(fixture, tree.hash));
}

static void a_descriptor_kept_open_changes_nothing(void **state) {
    const Fixture *fixture = *state;
    write_file(fixture, "in/a", "before", 0644);
    AUTO_FD int fd = -1;
    ok(fd_open(fixture->dirfd, "in/a", O_RDWR, 0, &fd));
    Tree tree = add_tree(fixture, "in", false);
    assert_int_equal(pwrite(fd, "AFTER!", 6, 0), 6);
    AUTO_BUF Buf text;
    buf_init(&text, 100);
    ok(fd_read_file(fixture->dirfd, inside(fixture, tree.hash, "a"), &text));
    assert_string_equal(buf_cstr(&text), "before");
}

static void drops_what_is_not_identity(void **state) {
    const Fixture *fixture = *state;
    write_file(fixture, "in/a", "a", 06755);
    write_file(fixture, "in/b", "b", 01644);
    AUTO_FD int fd = -1;
    ok(fd_open(fixture->dirfd, "in/b", O_RDONLY, 0, &fd));
    bool has_xattr = fsetxattr(fd, "user.minimal", "x", 1, 0) == 0;
    struct timespec old[2] = {{1, 1}, {4294967296, 5}};
    assert_int_equal(futimens(fd, old), 0);
    Tree copied = add_tree(fixture, "in", false), moved = add_tree(fixture, "in", true);
    assert_true(hash_eq(copied.hash, moved.hash));
    assert_normal(fixture, copied.hash, "a", 0555);
    assert_normal(fixture, copied.hash, "b", 0444);
    write_file(fixture, "plain/a", "a", 0755);
    write_file(fixture, "plain/b", "b", 0644);
    assert_true(hash_eq(add_tree(fixture, "plain", false).hash, copied.hash));
    char value[8];
    const char *path = arena_printf(fixture->arena, "%s/%s", fixture->path, inside(fixture, copied.hash, "b")).ptr;
    assert_true(!has_xattr || (lgetxattr(path, "user.minimal", value, sizeof value) < 0 && errno == ENODATA));
}

// What is moved and has attributes is copied after all.
static void drops_attributes_when_moving(void **state) {
    const Fixture *fixture = *state;
    write_file(fixture, "in/a", "attributes", 0644);
    AUTO_FREE char *source = mem_strdup(arena_printf(fixture->arena, "%s/in/a", fixture->path).ptr);
    if (setxattr(source, "user.minimal", "x", 1, 0) < 0)
        assert_int_equal(errno, EOPNOTSUPP);
    Tree tree = add_tree(fixture, "in", true);
    const char *path = arena_printf(fixture->arena, "%s/%s", fixture->path, inside(fixture, tree.hash, "a")).ptr;
    char names[64];
    ssize_t len = llistxattr(path, names, sizeof names);
    assert_true(len <= 0 || strcmp(names, "security.selinux") == 0);
}

// Root reads all; a user's build may leave what its own user cannot read. Both get the same tree.
static void reads_what_its_owner_locked(void **state) {
    const Fixture *fixture = *state;
    write_file(fixture, "in/d/locked", "locked", 0100);
    assert_int_equal(fchmodat(fixture->dirfd, "in/d", 0, 0), 0);
    Tree tree = add_tree(fixture, "in", false);
    assert_int_equal(tree.count, 1);
    assert_normal(fixture, tree.hash, "d/locked", 0555);
}

static bool only_bin(void *context, Str path) {
    size_t *asked = context;
    ++*asked;
    return str_starts_with(path, STR("bin/"));
}

static void takes_what_the_filter_wants(void **state) {
    const Fixture *fixture = *state;
    make_small(fixture, "in");
    assert_int_equal(mkfifoat(fixture->dirfd, "in/pipe", 0600), 0);
    AUTO_FD int fd = -1;
    Tree tree;
    size_t asked = 0;
    ok(fd_open(fixture->dirfd, "in", O_RDONLY | O_DIRECTORY, 0, &fd));
    ok(store_add_tree(fixture->store, fd, false, only_bin, &asked, fixture->arena, &tree));
    assert_int_equal(asked, 5);
    assert_int_equal(tree.count, 1);
    assert_true(str_is(tree.entries[0].path, "bin/tool"));
}

static void takes_an_empty_tree(void **state) {
    const Fixture *fixture = *state;
    ok(fd_make_dirs(fixture->dirfd, "in/a/b/c"));
    Tree tree = add_tree(fixture, "in", false);
    assert_string_equal(hash_hex(tree.hash).text, empty_hash);
    assert_true(is_present(fixture, tree.hash));
}

// Thousands of files on several threads: the same tree as one by one.
static void takes_many_files(void **state) {
    const Fixture *fixture = *state;
    VEC(TreeEntry) want = {0};
    for (int i = 0; i < 1000; i++) {
        char path[64], text[32];
        snprintf(path, sizeof path, "in/d%03d/f%d", i % 37, i);
        snprintf(text, sizeof text, "file %d", i);
        write_file(fixture, path, text, i % 3 ? 0644 : 0755);
        vec_push(&want,
                 file_entry(arena_cstr(fixture->arena, str_from(path + 3)), i % 3 ? TREE_FILE : TREE_EXEC, text));
    }
    qsort(want.items, want.count, sizeof *want.items, tree_entry_compare);
    AUTO_BUF Buf bytes;
    buf_init(&bytes, BUF_NO_LIMIT);
    tree_encode(want.items, want.count, &bytes);
    vec_release(&want);
    Tree tree = add_tree(fixture, "in", false);
    assert_true(hash_eq(tree.hash, hash_bytes(buf_str(&bytes))));
    assert_true(hash_eq(add_tree(fixture, "in", true).hash, tree.hash));
}

// Deep enough to end a recursion, and longer than one path can be.
static void refuses_what_is_too_deep(void **state) {
    const Fixture *fixture = *state;
    AUTO_FD int fd = -1;
    ok(fd_make_dirs(fixture->dirfd, "in"));
    ok(fd_open(fixture->dirfd, "in", O_RDONLY | O_DIRECTORY, 0, &fd));
    char name[201];
    memset(name, 'n', 200);
    name[200] = '\0';
    for (int i = 0; i < 21; i++) {
        int below = -1;
        assert_int_equal(mkdirat(fd, name, 0755), 0);
        ok(fd_open(fd, name, O_RDONLY | O_DIRECTORY, 0, &below));
        fd_close(&fd);
        fd = below;
    }
    AUTO_FD int root = -1;
    Tree tree;
    ok(fd_open(fixture->dirfd, "in", O_RDONLY | O_DIRECTORY, 0, &root));
    assert_fails(fixture, store_add_tree(fixture->store, root, false, NULL, NULL, fixture->arena, &tree), ERROR_LIMIT,
                 "a path of more than 4095 bytes: nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...");
}

static void refuses_special(const Fixture *fixture, const char *want) {
    AUTO_FD int fd = -1;
    Tree tree;
    ok(fd_open(fixture->dirfd, "in", O_RDONLY | O_DIRECTORY, 0, &fd));
    assert_fails(fixture, store_add_tree(fixture->store, fd, false, NULL, NULL, fixture->arena, &tree), ERROR_INVALID,
                 want);
    assert_int_equal(unlinkat(fixture->dirfd, "in/dev/x", 0), 0);
}

#define ALONE                                                                                                          \
    ", and a tree holds files, links and directories alone\nhint: remove it, or leave it out of what is to be stored"

static void refuses_devices_and_the_like(void **state) {
    const Fixture *fixture = *state;
    ok(fd_make_dirs(fixture->dirfd, "in/dev"));
    assert_int_equal(mkfifoat(fixture->dirfd, "in/dev/x", 0600), 0);
    refuses_special(fixture, "dev/x is a fifo" ALONE);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/in/dev/x", fixture->path);
    AUTO_FD int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(sock, (struct sockaddr *)&address, sizeof address), 0);
    refuses_special(fixture, "dev/x is a socket" ALONE);
    // Device 0:0 needs no privilege (overlayfs uses it as whiteout).
    if (mknodat(fixture->dirfd, "in/dev/x", S_IFCHR | 0600, makedev(0, 0)) == 0)
        refuses_special(fixture, "dev/x is a character device" ALONE);
    if (geteuid() == 0 && mknodat(fixture->dirfd, "in/dev/x", S_IFBLK | 0600, makedev(7, 250)) == 0)
        refuses_special(fixture, "dev/x is a block device" ALONE);
}

// ---- damage ----

static void unlock(const Fixture *fixture, const char *path) {
    assert_int_equal(fchmodat(fixture->dirfd, path, 0755, 0), 0);
}

static Tree take_small(const Fixture *fixture) {
    make_small(fixture, "small");
    Tree tree = add_tree(fixture, "small", false);
    assert_true(is_present(fixture, tree.hash));
    return tree;
}

static void after_damage_it_is_absent_and_comes_back(const Fixture *fixture, Hash hash) {
    assert_false(is_present(fixture, hash));
    assert_true(hash_eq(add_tree(fixture, "small", false).hash, hash));
    assert_true(is_present(fixture, hash));
}

static void notices_a_deleted_file(void **state) {
    const Fixture *fixture = *state;
    Hash hash = take_small(fixture).hash;
    assert_int_equal(unlinkat(fixture->dirfd, inside(fixture, hash, "lib/libx.so"), 0), 0);
    after_damage_it_is_absent_and_comes_back(fixture, hash);
}

static void notices_a_truncated_file(void **state) {
    const Fixture *fixture = *state;
    Hash hash = take_small(fixture).hash;
    const char *path = inside(fixture, hash, "bin/tool");
    struct timespec times[2] = {{315619200, 0}, {315619200, 0}};
    unlock(fixture, path);
    write_file(fixture, path, "", 0555);
    assert_int_equal(utimensat(fixture->dirfd, path, times, 0), 0);
    after_damage_it_is_absent_and_comes_back(fixture, hash);
}

static void notices_bytes_written_to_a_file(void **state) {
    const Fixture *fixture = *state;
    Hash hash = take_small(fixture).hash;
    const char *path = inside(fixture, hash, "lib/libx.so.1");
    unlock(fixture, path);
    write_file(fixture, path, "y\n", 0444);
    after_damage_it_is_absent_and_comes_back(fixture, hash);
}

static void notices_a_file_too_many(void **state) {
    const Fixture *fixture = *state;
    Hash hash = take_small(fixture).hash;
    write_file(fixture, inside(fixture, hash, "lib/more"), "", 0444);
    after_damage_it_is_absent_and_comes_back(fixture, hash);
}

static void notices_another_mode(void **state) {
    const Fixture *fixture = *state;
    Hash hash = take_small(fixture).hash;
    unlock(fixture, inside(fixture, hash, "lib64.txt"));
    after_damage_it_is_absent_and_comes_back(fixture, hash);
}

static void notices_a_directory_replaced_by_a_link(void **state) {
    const Fixture *fixture = *state;
    Hash hash = take_small(fixture).hash;
    const char *path = inside(fixture, hash, "bin");
    assert_int_equal(renameat(fixture->dirfd, path, fixture->dirfd, "elsewhere"), 0);
    AUTO_FREE char *target = mem_strdup(arena_printf(fixture->arena, "%s/elsewhere", fixture->path).ptr);
    assert_int_equal(symlinkat(target, fixture->dirfd, path), 0);
    after_damage_it_is_absent_and_comes_back(fixture, hash);
}

static void notices_a_damaged_manifest(void **state) {
    const Fixture *fixture = *state;
    Hash hash = take_small(fixture).hash;
    const char *path = inside(fixture, hash, "../manifest");
    unlock(fixture, path);
    write_file(fixture, path, "minimal tree 1\n", 0444);
    Tree tree;
    AUTO_ERROR Error *error = store_read_tree(fixture->store, hash, fixture->arena, &tree);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_MISMATCH);
    after_damage_it_is_absent_and_comes_back(fixture, hash);
}

static void an_absent_tree_is_not_found(void **state) {
    const Fixture *fixture = *state;
    Tree tree;
    assert_false(is_present(fixture, hash_of(small_hash)));
    assert_fails(fixture, store_read_tree(fixture->store, hash_of(small_hash), fixture->arena, &tree), ERROR_NOT_FOUND,
                 "the tree 4e19ea4153cbcf84ad4b6e294290c2781a69e60930231efd411ab3e91ca4203b is not in the store "
                 "@/store");
}

static const struct CMUnitTest store_tree[] = {
    cmocka_unit_test(encodes_as_documented),
    cmocka_unit_test(accepts_no_other_bytes),
    cmocka_unit_test(refuses_trees_that_cannot_be),
    cmocka_unit_test(holds_its_caps),
    STORE_TEST(takes_a_tree),
    STORE_TEST(moves_what_it_owns),
    STORE_TEST(a_descriptor_kept_open_changes_nothing),
    STORE_TEST(drops_what_is_not_identity),
    STORE_TEST(drops_attributes_when_moving),
    STORE_TEST(reads_what_its_owner_locked),
    STORE_TEST(takes_what_the_filter_wants),
    STORE_TEST(takes_an_empty_tree),
    STORE_TEST(takes_many_files),
    STORE_TEST(refuses_what_is_too_deep),
    STORE_TEST(refuses_devices_and_the_like),
    STORE_TEST(notices_a_deleted_file),
    STORE_TEST(notices_a_truncated_file),
    STORE_TEST(notices_bytes_written_to_a_file),
    STORE_TEST(notices_a_file_too_many),
    STORE_TEST(notices_another_mode),
    STORE_TEST(notices_a_directory_replaced_by_a_link),
    STORE_TEST(notices_a_damaged_manifest),
    STORE_TEST(an_absent_tree_is_not_found),
    cmocka_unit_test(passes_as_an_ordinary_user),
};

STORE_TESTS_MAIN(store_tree)

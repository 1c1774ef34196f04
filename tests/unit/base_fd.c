// Descriptors and trees: whole writes, replacing a file, removing what something hostile left, hashes.
#include "base/fd.h"
#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char root_path[] = "/tmp/minimal-base-fd.XXXXXX";
static int root = -1;

static void ok(Error *error) {
    if (error)
        fail_msg("%s", error_text(error));
}

static void assert_fails(Error *error, const char *want) {
    AUTO_ERROR Error *held = error;
    AUTO_BUF Buf text;
    assert_non_null(held);
    buf_init(&text, BUF_NO_LIMIT);
    error_format(held, &text);
    assert_string_equal(buf_cstr(&text), want);
}

static int set_up(void **state) {
    (void)state;
    return mkdtemp(root_path) && (root = open(root_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0 ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    fd_close(&root);
    ok(fd_remove_tree(AT_FDCWD, root_path));
    return access(root_path, F_OK) == 0 ? -1 : 0;
}

static void write_file(const char *path, const char *text) {
    AUTO_FD int fd = -1;
    ok(fd_open(root, path, O_WRONLY | O_CREAT | O_TRUNC, 0644, &fd));
    ok(fd_write_all(fd, text, strlen(text)));
}

static void replaces_a_file_whole(void **state) {
    (void)state;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    write_file("config", "old");
    ok(fd_replace_file(root, "config", STR("new"), 0600));
    ok(fd_read_file(root, "config", &text));
    assert_string_equal(buf_cstr(&text), "new");
    AUTO_ERROR Error *absent = fd_replace_file(root, "no/config", STR("x"), 0600);
    assert_int_equal(error_errno(absent), ENOENT);
}

static void reading_keeps_the_cap(void **state) {
    (void)state;
    AUTO_BUF Buf text;
    write_file("ten", "0123456789");
    buf_init(&text, 10);
    ok(fd_read_file(root, "ten", &text));
    assert_int_equal(text.len, 10);
    AUTO_BUF Buf small;
    buf_init(&small, 9);
    assert_fails(fd_read_file(root, "ten", &small), "ten: larger than the limit of 9 bytes");
    AUTO_BUF Buf none;
    buf_init(&none, 9);
    assert_fails(fd_read_file(root, "absent", &none), "cannot open absent: No such file or directory");
}

static void opens_beneath_only(void **state) {
    (void)state;
    int fd;
    write_file("plain", "x");
    assert_int_equal(symlinkat("plain", root, "link"), 0);
    ok(fd_open_beneath(root, "plain", O_RDONLY, &fd));
    close(fd);
    assert_fails(fd_open_beneath(root, "link", O_RDONLY, &fd),
                 "cannot open link without following links: Too many levels of symbolic links");
    assert_fails(fd_open_beneath(root, "../etc", O_RDONLY, &fd),
                 "cannot open ../etc without following links: Invalid cross-device link");
    assert_fails(fd_open_beneath(root, "/etc", O_RDONLY, &fd),
                 "cannot open /etc without following links: Invalid cross-device link");
}

static void makes_directories(void **state) {
    (void)state;
    ok(fd_make_dirs(root, "a/b/c"));
    ok(fd_make_dirs(root, "a/b/c"));
    assert_int_equal(faccessat(root, "a/b/c", F_OK, 0), 0);
    write_file("file", "");
    assert_fails(fd_make_dirs(root, "file/x"), "cannot make the directory file/x: Not a directory");
}

static void removes_locked_and_deep_trees(void **state) {
    (void)state;
    AUTO_BUF Buf path;
    buf_init(&path, BUF_NO_LIMIT);
    buf_add_cstr(&path, "deep");
    for (int i = 0; i < 500; i++)
        buf_add_cstr(&path, "/d");
    ok(fd_make_dirs(root, buf_cstr(&path)));
    ok(fd_make_dirs(root, "deep/locked/inner"));
    write_file("deep/locked/inner/file", "x");
    write_file("kept", "kept");
    assert_int_equal(symlinkat("../kept", root, "deep/link"), 0);
    assert_int_equal(fchmodat(root, "deep/locked/inner", 0500, 0), 0);
    assert_int_equal(fchmodat(root, "deep/locked", 0000, 0), 0);
    ok(fd_remove_tree(root, "deep"));
    assert_int_equal(faccessat(root, "deep", F_OK, AT_SYMLINK_NOFOLLOW), -1);
    assert_int_equal(faccessat(root, "kept", F_OK, 0), 0);
    ok(fd_remove_tree(root, "deep"));
}

// Deeper than any stack of descriptors, as a hostile build would leave it.
static void removes_what_is_deeper_than_descriptors_last(void **state) {
    (void)state;
    ok(fd_make_dirs(root, "abyss/.moved-up-0"));
    write_file("abyss/.moved-up-1", "in the way");
    int at = openat(root, "abyss", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (int i = 0; i < 5000; i++) {
        assert_int_equal(mkdirat(at, "d", 0700), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (i % 100 == 63)
            assert_int_equal(fchmod(at, 0500), 0);
        close(at);
        at = next;
    }
    close(at);
    ok(fd_remove_tree(root, "abyss"));
    assert_int_equal(faccessat(root, "abyss", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

static void removing_a_link_leaves_its_target(void **state) {
    (void)state;
    ok(fd_make_dirs(root, "target/inner"));
    assert_int_equal(symlinkat("target", root, "to-target"), 0);
    ok(fd_remove_tree(root, "to-target"));
    assert_int_equal(faccessat(root, "target/inner", F_OK, 0), 0);
}

static void copies(void **state) {
    (void)state;
    AUTO_FD int in = -1;
    AUTO_FD int out = -1;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    write_file("from", "some text");
    ok(fd_open(root, "from", O_RDONLY, 0, &in));
    ok(fd_open(root, "to", O_WRONLY | O_CREAT, 0600, &out));
    ok(fd_copy(in, out));
    ok(fd_read_file(root, "to", &text));
    assert_string_equal(buf_cstr(&text), "some text");
}

static void passes_descriptors(void **state) {
    (void)state;
    int pair[2], sent[2], got[2];
    char bytes[16];
    size_t len, count;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(pipe2(sent, O_CLOEXEC), 0);
    ok(fd_send(pair[0], STR("hello"), sent, 2));
    ok(fd_receive(pair[1], bytes, sizeof bytes, &len, got, 2, &count));
    assert_int_equal(len, 5);
    assert_int_equal(count, 2);
    assert_true(fcntl(got[0], F_GETFD) & FD_CLOEXEC);
    ok(fd_send(pair[0], STR("hello"), sent, 2));
    assert_fails(fd_receive(pair[1], bytes, sizeof bytes, &len, got, 1, &count),
                 "a helper process sent more than was asked for");
    close(pair[0]);
    ok(fd_receive(pair[1], bytes, sizeof bytes, &len, got, 2, &count));
    assert_int_equal(len, 0);
}

static void hashes_known_texts(void **state) {
    (void)state;
    AUTO_FD int fd = -1;
    Hash hash, parsed;
    uint64_t size;
    assert_string_equal(hash_hex(hash_bytes(STR(""))).text,
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_string_equal(hash_hex(hash_bytes(STR("abc"))).text,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    write_file("abc", "abc");
    ok(fd_open(root, "abc", O_RDONLY, 0, &fd));
    ok(hash_fd(fd, &hash, &size));
    assert_true(hash_eq(hash, hash_bytes(STR("abc"))) && size == 3);
    assert_true(hash_parse(STR("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"), &parsed));
    assert_true(hash_eq(hash, parsed));
    assert_false(hash_parse(STR("ba78"), &parsed));
    assert_false(hash_parse(STR("ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), &parsed));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces_a_file_whole),
        cmocka_unit_test(reading_keeps_the_cap),
        cmocka_unit_test(opens_beneath_only),
        cmocka_unit_test(makes_directories),
        cmocka_unit_test(removes_locked_and_deep_trees),
        cmocka_unit_test(removes_what_is_deeper_than_descriptors_last),
        cmocka_unit_test(removing_a_link_leaves_its_target),
        cmocka_unit_test(copies),
        cmocka_unit_test(passes_descriptors),
        cmocka_unit_test(hashes_known_texts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

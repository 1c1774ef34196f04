// What the tests of the store share: a store in a directory of its own, files to put into it, and running the whole
// program a second time as an ordinary user when it was started by root.
#ifndef TESTS_UNIT_STORE_HELPER_H
#define TESTS_UNIT_STORE_HELPER_H

#include "base/fd.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct Fixture {
    char path[64]; // of the test's directory
    int dirfd;
    Store *store; // in <path>/store
    Arena *arena;
} Fixture;

static inline void ok(Error *error) {
    if (!error)
        return;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    fail_msg("%s", buf_cstr(&text));
}

// The test's directory and the store's may stand in the message as @.
static inline void assert_fails(const Fixture *fixture, Error *error, ErrorKind kind, const char *want) {
    AUTO_ERROR Error *held = error;
    AUTO_BUF Buf text, short_text;
    assert_non_null(held);
    buf_init(&text, BUF_NO_LIMIT);
    buf_init(&short_text, BUF_NO_LIMIT);
    error_format(held, &text);
    const char *at = buf_cstr(&text);
    for (const char *hit; fixture && (hit = strstr(at, fixture->path)); at = hit + strlen(fixture->path)) {
        buf_add(&short_text, at, (size_t)(hit - at));
        buf_add_cstr(&short_text, "@");
    }
    buf_add_cstr(&short_text, at);
    assert_string_equal(buf_cstr(&short_text), want);
    assert_int_equal(error_kind(held), kind);
}

static inline void open_store(Fixture *fixture) {
    char path[96];
    snprintf(path, sizeof path, "%s/store", fixture->path);
    ok(store_open(&(StoreOptions){.path = path}, &fixture->store));
}

static inline int set_up(void **state) {
    Fixture *fixture = mem_zalloc(sizeof *fixture);
    const char *base = getenv("STORE_TEST_BASE");
    snprintf(fixture->path, sizeof fixture->path, "%s/minimal-store.XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(fixture->path))
        return -1;
    ok(fd_open(AT_FDCWD, fixture->path, O_RDONLY | O_DIRECTORY, 0, &fixture->dirfd));
    fixture->arena = arena_new(0);
    open_store(fixture);
    *state = fixture;
    return 0;
}

static inline int tear_down(void **state) {
    Fixture *fixture = *state;
    store_close(fixture->store);
    fd_close(&fixture->dirfd);
    ok(fd_remove_tree(AT_FDCWD, fixture->path));
    arena_free(fixture->arena);
    free(fixture);
    return 0;
}

static inline void write_file(const Fixture *fixture, const char *path, const char *text, mode_t mode) {
    AUTO_FREE char *copy = mem_strdup(path);
    char *slash = strrchr(copy, '/');
    if (slash) {
        *slash = '\0';
        ok(fd_make_dirs(fixture->dirfd, copy));
    }
    AUTO_FD int fd = -1;
    ok(fd_open(fixture->dirfd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600, &fd));
    ok(fd_write_all(fd, text, strlen(text)));
    assert_int_equal(fchmod(fd, mode), 0);
}

static inline Tree add_tree(const Fixture *fixture, const char *path, bool owned) {
    AUTO_FD int fd = -1;
    Tree tree;
    ok(fd_open(fixture->dirfd, path, O_RDONLY | O_DIRECTORY, 0, &fd));
    ok(store_add_tree(fixture->store, fd, owned, NULL, NULL, fixture->arena, &tree));
    return tree;
}

static inline bool is_present(const Fixture *fixture, Hash hash) {
    bool present;
    ok(store_check_tree(fixture->store, hash, &present));
    return present;
}

// A file of the object, relative to the test's directory, in the arena.
static inline const char *inside(const Fixture *fixture, Hash hash, const char *path) {
    Str tree = store_tree_path(fixture->arena, hash);
    return arena_printf(fixture->arena, "store/%.*s/%s", STR_ARG(tree), path).ptr;
}

static inline struct stat stat_of(const Fixture *fixture, const char *path) {
    struct stat st;
    if (fstatat(fixture->dirfd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
        fail_msg("%s: %s", path, strerror(errno));
    return st;
}

static inline bool exists(const Fixture *fixture, const char *path) {
    return faccessat(fixture->dirfd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static inline Hash hash_of(const char *hex) {
    Hash hash;
    assert_true(hash_parse(str_from(hex), &hash));
    return hash;
}

// As root: everything once more in a child that has given root away; its output shows when it fails.
static inline void passes_as_an_ordinary_user(void **state) {
    (void)state;
    char log_path[] = "/tmp/minimal-store-user.XXXXXX";
    AUTO_FD int log = mkstemp(log_path), self = open("/proc/self/exe", O_RDONLY);
    assert_true(log >= 0 && self >= 0);
    unlink(log_path);
    pid_t child = fork();
    if (child == 0) {
        enum { NOBODY = 65534 };
        char name[] = "store-test", *const argv[] = {name, NULL};
        if (dup2(log, 1) < 0 || dup2(log, 2) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
            setresuid(NOBODY, NOBODY, NOBODY) < 0 || setenv("HOME", "/nonexistent", 1) < 0)
            _exit(99);
        fexecve(self, argv, environ);
        _exit(98);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (status != 0) {
        AUTO_BUF Buf text;
        buf_init(&text, BUF_NO_LIMIT);
        assert_int_equal(lseek(log, 0, SEEK_SET), 0);
        ok(fd_read_all(log, &text));
        fail_msg("status %d:\n%s", status, buf_cstr(&text));
    }
}

// `tests` ends with passes_as_an_ordinary_user, which runs for root alone.
#define STORE_TESTS_MAIN(tests)                                                                                        \
    int main(void) {                                                                                                   \
        return _cmocka_run_group_tests(#tests, tests, ARRAY_LEN(tests) - (geteuid() != 0), NULL, NULL);                \
    }
#define STORE_TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

#endif

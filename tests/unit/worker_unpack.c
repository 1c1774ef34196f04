// What only shows inside the process: a zip's times do not depend on where the host lives, and work stops when nobody
// waits for it. What archives become, and which are refused, is tests/net/test_unpack.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/worker/unpack.h"

#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

// One file "f" of one byte, of 2001-09-09 01:46:40 in a time zone that a zip does not tell.
static const char zip[] =
    "\x50\x4b\x03\x04\x14\x00\x00\x00\x00\x00\xd4\x0d\x29\x2b\x83\x16\xdc\x8c\x01\x00\x00\x00\x01\x00\x00"
    "\x00\x01\x00\x00\x00\x66\x78\x50\x4b\x01\x02\x14\x03\x14\x00\x00\x00\x00\x00\xd4\x0d\x29\x2b\x83\x16"
    "\xdc\x8c\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xa4\x81\x00"
    "\x00\x00\x00\x66\x50\x4b\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00\x2f\x00\x00\x00\x20\x00\x00\x00\x00"
    "\x00";

static char root[512];
static int rootfd;

static int set_up(void **state) {
    (void)state;
    snprintf(root, sizeof root, "%s/unpack.XXXXXX", getenv("TEST_DIR") ? getenv("TEST_DIR") : "/tmp");
    if (!mkdtemp(root))
        return -1;
    rootfd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return rootfd < 0 ? -1 : 0;
}

static int tear_down(void **state) {
    (void)state;
    close(rootfd);
    Error *error = fd_remove_tree(AT_FDCWD, root);
    error_free(error);
    return 0;
}

static Error *unpack(UnpackAlive alive, uint64_t *entries, uint64_t *bytes) {
    AUTO_FD int archive = memfd_create("archive", MFD_CLOEXEC);
    TRY(fd_write_all(archive, zip, sizeof zip - 1));
    const WorkerUnpack request = {.size_max = 1000, .entries_max = 10};
    const UnpackJob job = {.archive_fd = archive, .dirfd = rootfd, .request = &request, .alive = alive};
    return unpack_run(&job, entries, bytes);
}

static void times_of_a_zip_are_utc(void **state) {
    (void)state;
    setenv("TZ", "EST5", 1);
    tzset();
    unpack_prepare();
    uint64_t entries, bytes;
    Error *error = unpack(NULL, &entries, &bytes);
    assert_null(error);
    assert_int_equal(entries, 1);
    assert_int_equal(bytes, 1);
    struct stat st;
    assert_int_equal(fstatat(rootfd, "f", &st, 0), 0);
    assert_int_equal(st.st_mtim.tv_sec, 1000000000);
}

static bool nobody_waits(void *context, uint64_t done) {
    (void)context;
    (void)done;
    return false;
}

static void work_that_nobody_waits_for_stops(void **state) {
    (void)state;
    uint64_t entries, bytes;
    AUTO_ERROR Error *error = unpack(nobody_waits, &entries, &bytes);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_INTERRUPTED);
    assert_int_equal(faccessat(rootfd, "f", F_OK, 0), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(times_of_a_zip_are_utc, set_up, tear_down),
        cmocka_unit_test_setup_teardown(work_that_nobody_waits_for_stops, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

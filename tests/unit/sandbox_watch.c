// The watch over a box's disk: what counts, what does not, and what a hostile tree can do to it.
#include "tests/sandbox/box.h"

#include "sandbox/watch.h"

static int open_case(const char *name) {
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/%s", case_dir, name);
    CHECK(mkdir(path, 0755) == 0, "%s", path);
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static void fill(int dir, const char *name, size_t kib) {
    static char block[1024];
    memset(block, 'x', sizeof block);
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(fd >= 0, "%s", name);
    for (size_t i = 0; i < kib; i++)
        CHECK(write(fd, block, sizeof block) == sizeof block, "write");
    CHECK(fsync(fd) == 0, "fsync"); // blocks are counted once they are given out
    close(fd);
}

// A walk that is due.
static bool over(int dir, uint64_t limit) {
    DiskWatch watch;
    watch_init(&watch, dir, limit, 0);
    return watch_exceeded(&watch, UINT64_MAX, NULL);
}

static void bytes_are_counted_at_any_depth(void) {
    int dir = open_case("tree");
    CHECK(mkdirat(dir, "a", 0755) == 0 && mkdirat(dir, "a/b", 0755) == 0, "mkdir");
    fill(dir, "a/b/file", 512);
    fill(dir, "other", 512);
    CHECK(!over(dir, 4 << 20), "under the limit");
    CHECK(over(dir, 900 << 10), "over the limit");
}

static void holes_and_other_names_are_free(void) {
    int dir = open_case("tree");
    fill(dir, "file", 512);
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "link%d", i);
        CHECK(linkat(dir, "file", dir, name, 0) == 0, "link");
    }
    int fd = openat(dir, "sparse", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    CHECK(ftruncate(fd, INT64_C(1) << 30) == 0, "ftruncate");
    CHECK(!over(dir, 1 << 20), "links or holes count");
    CHECK(over(dir, 400 << 10), "the file does not count");
}

static void links_are_not_followed(void) {
    int dir = open_case("tree"), outside = open_case("outside");
    fill(outside, "file", 2048);
    CHECK(symlinkat("../outside", dir, "out") == 0 && symlinkat(".", dir, "loop") == 0 &&
              symlinkat("/", dir, "root") == 0, "symlink");
    CHECK(!over(dir, 1 << 20), "a link was followed");
}

static void what_cannot_be_read_does_no_harm(void) {
    int dir = open_case("tree");
    CHECK(mkdirat(dir, "locked", 0) == 0 && mkfifoat(dir, "fifo", 0644) == 0, "mkdir");
    fill(dir, "file", 64);
    CHECK(!over(dir, 1 << 20), "under the limit");
    CHECK(fchmodat(dir, "locked", 0700, 0) == 0, "chmod");
}

static void too_deep_is_over(void) {
    int dir = open_case("tree"), at = dup(dir);
    for (int i = 0; i < WATCH_DEPTH_MAX - 1; i++) {
        CHECK(mkdirat(at, "d", 0755) == 0, "mkdir");
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    CHECK(!over(dir, 64 << 20), "as deep as may be");
    CHECK(mkdirat(at, "d", 0755) == 0, "mkdir");
    CHECK(over(dir, 64 << 20), "deeper");
}

static void walks_are_rare(void) {
    DiskWatch watch;
    int dir = open_case("tree");
    watch_init(&watch, dir, 1 << 10, 1000);
    fill(dir, "file", 64);
    // Nothing is due, and the file system has no less room to speak of: no walk, although it would find too much.
    watch.free_bytes = 0;
    CHECK(!watch_exceeded(&watch, 2000, NULL), "it walked");
    watch.free_bytes = UINT64_MAX; // it has shrunk
    CHECK(watch_exceeded(&watch, 2000, NULL), "it did not walk");
    CHECK(watch.next_walk_ns > 2000, "no pause");
    watch_init(&watch, dir, 0, 0);
    CHECK(!watch_exceeded(&watch, UINT64_MAX, NULL), "no limit");
}

static void a_walk_stops_when_cancelled(void) {
    Cancel cancel;
    DiskWatch watch;
    int dir = open_case("tree");
    CHECK(!cancel_init(&cancel), "cancel");
    fill(dir, "file", 64);
    cancel_request(&cancel);
    watch_init(&watch, dir, 1 << 10, 0);
    CHECK(!watch_exceeded(&watch, UINT64_MAX, &cancel), "it walked");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOX_CASE(bytes_are_counted_at_any_depth),
        BOX_CASE(holes_and_other_names_are_free),
        BOX_CASE(links_are_not_followed),
        BOX_CASE(what_cannot_be_read_does_no_harm),
        BOX_CASE(too_deep_is_over),
        BOX_CASE(walks_are_rare),
        BOX_CASE(a_walk_stops_when_cancelled),
    };
    box_prepare();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    box_clean();
    return failed;
}

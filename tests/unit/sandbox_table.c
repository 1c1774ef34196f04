// docs/sandbox.md says what a box is; between its markers it must be what the tables say, byte for byte. And the plan
// as text, for --dry-run. `sandbox_table --print` writes the tables, for putting them into the page.
#include "base/fd.h"
#include "sandbox/table.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void read_doc(const char *name, Buf *out) {
    const char *source = getenv("SRC");
    AUTO_BUF Buf path;
    buf_init(&path, 4096);
    buf_printf(&path, "%s/%s", source ? source : ".", name);
    Error *error = fd_read_file(AT_FDCWD, buf_cstr(&path), out);
    assert_null(error);
}

static void the_page_is_what_the_tables_say(void **state) {
    (void)state;
#if !defined(__x86_64__)
    skip(); // the page has x86_64's system calls
#endif
    AUTO_BUF Buf page, tables;
    buf_init(&page, 1 << 20);
    buf_init(&tables, 1 << 20);
    read_doc("docs/sandbox.md", &page);
    table_print(&tables);
    const char *begin = strstr(buf_cstr(&page), "<!-- tables: begin -->\n");
    assert_non_null(begin);
    begin += strlen("<!-- tables: begin -->\n");
    const char *end = strstr(begin, "<!-- tables: end -->\n");
    assert_non_null(end);
    if ((size_t)(end - begin) != tables.len || memcmp(begin, tables.ptr, tables.len) != 0) {
        size_t at = 0;
        while (at < tables.len && begin + at < end && begin[at] == tables.ptr[at])
            at++;
        fail_msg("docs/sandbox.md differs from sandbox/table.c at: %.80s", begin + at);
    }
}

static void tables_name_nothing_twice(void **state) {
    (void)state;
    size_t base_count;
    const SkeletonEntry *base = sandbox_base_skeleton(&base_count);
    for (size_t i = 0; i < base_count; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(base[i].path, base[k].path);
    for (size_t i = 0; i < base_count; i++)
        for (size_t k = 0; k < table_own_skeleton_count; k++)
            assert_string_not_equal(base[i].path, table_own_skeleton[k].path);
    // Each device and each mount of our own has its mountpoint in the skeleton.
    for (size_t d = 0; d < table_device_count; d++) {
        bool found = false;
        for (size_t k = 0; k < table_own_skeleton_count; k++)
            found |= strncmp(table_own_skeleton[k].path, "/dev/", 5) == 0 &&
                     strcmp(table_own_skeleton[k].path + 5, table_devices[d].name) == 0;
        assert_true(found);
    }
    const char *const *env = sandbox_base_env();
    for (size_t i = 0; env[i]; i++) {
        assert_non_null(strchr(env[i], '='));
        for (size_t k = 0; k < i; k++)
            assert_true(strncmp(env[i], env[k], (size_t)(strchr(env[i], '=') - env[i]) + 1) != 0);
    }
}

static void a_plan_reads_line_by_line(void **state) {
    (void)state;
    AUTO_FD int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    const SandboxLayer layers[] = {{root, "usr"}};
    const SkeletonEntry skeleton[] = {{SKELETON_DIR, "/etc", 0755, NULL},
                                      {SKELETON_LINK, "/bin", 0, "usr/bin"},
                                      {SKELETON_FILE, "/etc/hosts", 0444, "127.0.0.1 localhost\n"}};
    const SandboxMount mounts[] = {
        {.kind = SANDBOX_MOUNT_TMPFS, .path = "/tmp", .source_fd = -1, .may_exec = true, .mode = 01777},
        {.kind = SANDBOX_MOUNT_BIND, .path = "/build", .source_fd = root, .read_only = true}};
    static const char *const argv[] = {"sh", "-c", "make all", NULL}, *const env[] = {"A=1", "B=two words", NULL};
    SandboxSpec spec = {.layers = layers,
                        .layer_count = 1,
                        .skeleton = skeleton,
                        .skeleton_count = 3,
                        .mounts = mounts,
                        .mount_count = 2,
                        .argv = argv,
                        .env = env,
                        .cwd = "/build",
                        .hostname = "minimal",
                        .uid = 1000,
                        .gid = 1000,
                        .limits = {.total_timeout_s = 60, .cpus = 2, .watched_fd = -1}};
    AUTO_BUF Buf text;
    buf_init(&text, 1 << 16);
    sandbox_describe(&spec, &text);
    assert_string_equal(buf_cstr(&text), "sandbox version 1\n"
                                         "host name minimal\n"
                                         "user 1000, group 1000\n"
                                         "network none\n"
                                         "layer /usr\n"
                                         "dir /etc mode 0755\n"
                                         "link /bin -> usr/bin\n"
                                         "file /etc/hosts mode 0444, 20 bytes\n"
                                         "mount /tmp tmpfs, writable, mode 1777\n"
                                         "mount /build bind, read-only, noexec, from /\n"
                                         "limit seconds in all 60\n"
                                         "limit processes 4096\n"
                                         "limit open files 4096\n"
                                         "limit bytes in a file 34359738368\n"
                                         "limit bytes of output 1073741824\n"
                                         "limit processors 2\n"
                                         "variable A=1\n"
                                         "variable B=two words\n"
                                         "directory /build\n"
                                         "command 'sh' '-c' 'make all'\n");
    buf_clear(&text);
    spec.network = SANDBOX_NETWORK_HOST;
    sandbox_describe(&spec, &text);
    assert_non_null(strstr(buf_cstr(&text), "\nnetwork the host's: this wall is down\n"));
}

static void ends_have_the_shells_codes(void **state) {
    (void)state;
    const struct {
        SandboxResult result;
        int code;
    } cases[] = {{{.end = SANDBOX_EXITED, .code = 0}, 0},      {{.end = SANDBOX_EXITED, .code = 42}, 42},
                 {{.end = SANDBOX_SIGNALLED, .code = 9}, 137}, {{.end = SANDBOX_TOTAL_TIMEOUT}, 124},
                 {{.end = SANDBOX_IDLE_TIMEOUT}, 124},         {{.end = SANDBOX_CANCELLED}, 130},
                 {{.end = SANDBOX_DISK_LIMIT}, 1},             {{.end = SANDBOX_OUTPUT_LIMIT}, 1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(sandbox_exit_code(&cases[i].result), cases[i].code);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        AUTO_BUF Buf tables;
        buf_init(&tables, 1 << 20);
        table_print(&tables);
        fputs(buf_cstr(&tables), stdout);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_what_the_tables_say),
        cmocka_unit_test(tables_name_nothing_twice),
        cmocka_unit_test(a_plan_reads_line_by_line),
        cmocka_unit_test(ends_have_the_shells_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

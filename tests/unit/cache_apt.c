// apt's sources as the host has them: both formats, what is switched off, what is no mirror of Debian.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/apt.h"

#include "base/buf.h"
#include "base/fd.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static Arena *arena;

static int set_up(void **state) {
    (void)state;
    arena = arena_new(0);
    return 0;
}
static int tear_down(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

typedef void (*Parser)(Arena *, Str, Str, AptBases *, AptBases *);

// "base base | list list"
static void expect(Parser parse, const char *name, const char *text, const char *want) {
    AptBases bases = {0}, lists = {0};
    parse(arena, str_from(text), str_from(name), &bases, &lists);
    AUTO_BUF Buf got;
    buf_init(&got, BUF_NO_LIMIT);
    for (size_t i = 0; i < bases.count; i++)
        buf_printf(&got, "%s%.*s", i ? " " : "", STR_ARG(bases.items[i]));
    for (size_t i = 0; i < lists.count; i++)
        buf_printf(&got, "%s%.*s", i ? " " : " | ", STR_ARG(lists.items[i]));
    assert_string_equal(buf_cstr(&got), want);
    vec_release(&bases);
    vec_release(&lists);
}

static void one_line_style(void **state) {
    (void)state;
    expect(apt_parse_list, "debian", "deb http://deb.example/debian bookworm main\n", "http://deb.example/debian");
    expect(apt_parse_list, "debian", "  deb\thttps://a.example/x/debian/  bookworm main", "https://a.example/x/debian");
    expect(
        apt_parse_list, "debian",
        "deb http://a.example/debian s main\ndeb-src http://a.example/debian s main\ndeb http://b.example/debian s\n",
        "http://a.example/debian http://b.example/debian");
    expect(apt_parse_list, "debian-security",
           "deb http://a.example/debian s main\ndeb http://a.example/debian-security s main\n",
           "http://a.example/debian-security");
    expect(apt_parse_list, "debian", "deb [ arch=amd64 signed-by=/x y ] http://a.example/debian s\n",
           "http://a.example/debian");
    expect(apt_parse_list, "debian", "deb [arch=amd64] file:/srv/debian s\ndeb file:///srv2/debian s\n",
           "file:///srv/debian file:///srv2/debian");
    expect(apt_parse_list, "debian", "deb mirror+file:/etc/apt/mirrors/debian.list s main\n",
           " | /etc/apt/mirrors/debian.list");
}

static void one_line_style_that_is_passed_over(void **state) {
    (void)state;
    expect(apt_parse_list, "debian", "# deb http://a.example/debian s main\n#deb http://a.example/debian\n", "");
    expect(apt_parse_list, "debian", "deb # http://a.example/debian\n", "");
    expect(apt_parse_list, "debian", "rpm http://a.example/debian s\n", "");
    expect(apt_parse_list, "debian", "deb\ndeb [\ndeb [ arch=x\ndeb [x]\n", "");
    expect(apt_parse_list, "debian",
           "deb cdrom:[Debian]/debian s\ndeb ftp://a.example/debian s\ndeb tor+http://x/debian s\n", "");
    expect(apt_parse_list, "debian", "deb http://a.example/notdebian s\ndeb http://a.example/ubuntu s\ndeb debian s\n",
           "");
    expect(apt_parse_list, "debian", "", "");
    expect(apt_parse_list, "debian", "deb mirror+file:relative s\n", "");
    expect(apt_parse_list, "debian", "deb http://a.example/\xc3\xa9/debian s\n", "");
}

static void deb822_style(void **state) {
    (void)state;
    expect(
        apt_parse_sources, "debian",
        "Types: deb\n# a comment\nURIs: http://a.example/debian\nSuites: s\n\nTypes: deb\nuris:http://b.example/debian "
        "http://b.example/debian-security\n",
        "http://a.example/debian http://b.example/debian");
    expect(apt_parse_sources, "debian",
           "URIs:\n http://a.example/debian\n# in between\n\thttps://b.example/debian/\nSuites: s\n x\n",
           "http://a.example/debian https://b.example/debian");
    expect(apt_parse_sources, "debian", "URIs: http://a.example/debian\r\n\r\nURIs: http://b.example/debian\r\n",
           "http://a.example/debian http://b.example/debian");
    expect(apt_parse_sources, "debian", "URIs: mirror+file:///etc/apt/mirrors/debian.list\n",
           " | /etc/apt/mirrors/debian.list");
}

static void deb822_style_that_is_passed_over(void **state) {
    (void)state;
    expect(apt_parse_sources, "debian", "Enabled: no\nURIs: http://a.example/debian\n", "");
    expect(apt_parse_sources, "debian",
           "URIs: http://a.example/debian\nEnabled: false\n\nURIs: http://b.example/debian\nEnabled: yes\n",
           "http://b.example/debian");
    expect(apt_parse_sources, "debian", " http://a.example/debian\n", "");
    expect(apt_parse_sources, "debian", "Signed-By:\n -----BEGIN\n http://a.example/debian\nURIs\n", "");
    expect(apt_parse_sources, "debian", ":\n: http://a.example/debian\n", "");
}

static void mirror_lists(void **state) {
    (void)state;
    AptBases bases = {0};
    apt_parse_mirror_list(
        arena, STR("# c\nhttps://a.example/debian priority:1\n\nhttp://b.example/other\nhttp://c.example/debian"),
        STR("debian"), &bases);
    assert_int_equal(bases.count, 2);
    assert_string_equal(bases.items[0].ptr, "https://a.example/debian");
    assert_string_equal(bases.items[1].ptr, "http://c.example/debian");
    vec_release(&bases);
}

static void not_more_than_32(void **state) {
    (void)state;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (int i = 0; i < 100; i++)
        buf_printf(&text, "deb http://h%d.example/debian s\n", i);
    AptBases bases = {0};
    apt_parse_list(arena, buf_str(&text), STR("debian"), &bases, NULL);
    assert_int_equal(bases.count, 32);
    vec_release(&bases);
}

static void put(const char *root, const char *name, const char *text) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void all_files_together(void **state) {
    (void)state;
    char root[512], path[600], text[1024];
    snprintf(root, sizeof root, "%s/apt.XXXXXX", getenv("TEST_DIR") ? getenv("TEST_DIR") : "/tmp");
    assert_non_null(mkdtemp(root));
    snprintf(path, sizeof path, "%s/sources.list.d", root);
    assert_int_equal(mkdir(path, 0755), 0);
    put(root, "sources.list", "deb http://a.example/debian s\n");
    put(root, "sources.list.d/z.list", "deb http://z.example/debian s\n");
    put(root, "sources.list.d/b.sources", "URIs: http://b.example/debian\n");
    put(root, "sources.list.d/b.sources.save", "URIs: http://no.example/debian\n");
    snprintf(text, sizeof text, "deb mirror+file:%s/list s\n", root);
    put(root, "sources.list.d/m.list", text);
    put(root, "list", "http://m.example/debian\n");
    snprintf(path, sizeof path, "%s/sources.list.d/p.list", root);
    assert_int_equal(mkfifo(path, 0644), 0); // must not be waited for
    StrSlice bases = apt_bases(arena, root, STR("debian"));
    assert_int_equal(bases.count, 4);
    assert_string_equal(bases.items[0].ptr, "http://a.example/debian");
    assert_string_equal(bases.items[1].ptr, "http://b.example/debian");
    assert_string_equal(bases.items[2].ptr, "http://z.example/debian");
    assert_string_equal(bases.items[3].ptr, "http://m.example/debian");
    assert_int_equal(apt_bases(arena, "/nonexistent", STR("debian")).count, 0);
    Error *error = fd_remove_tree(AT_FDCWD, root);
    assert_null(error);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_line_style),     TEST(one_line_style_that_is_passed_over), TEST(deb822_style),
        TEST(mirror_lists),       TEST(deb822_style_that_is_passed_over),   TEST(not_more_than_32),
        TEST(all_files_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

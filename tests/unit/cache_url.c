// URLs as text: what each scheme becomes on the wire, what is refused, and that nothing shown holds a secret.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/url.h"

#include "base/buf.h"

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

static Url parsed(const char *text) {
    Url url;
    Error *error = url_parse(arena, str_from(text), &url);
    if (error)
        fail_msg("%s: %s", text, error_text(error));
    return url;
}

#define assert_str(s, want) assert_string_equal(arena_cstr(arena, s), want)

static void refused(const char *text, const char *want) {
    Url url;
    AUTO_ERROR Error *error = url_parse(arena, str_from(text), &url);
    assert_non_null(error);
    assert_string_equal(error_text(error), want);
    assert_non_null(url.shown.ptr);
}

static void http(void **state) {
    (void)state;
    assert_int_equal(parsed("HTTP://h.example/a").scheme, URL_HTTP);
    assert_str(parsed("HTTP://h.example/a").fetch, "http://h.example/a");
    assert_str(parsed("https://h.example").fetch, "https://h.example/");
    assert_str(parsed("https://h.example?q=1").fetch, "https://h.example/?q=1");
    assert_str(parsed("https://h.example:8443/a/b+c~d?x=y&z=%41#part").fetch,
               "https://h.example:8443/a/b+c~d?x=y&z=%41");
    assert_str(parsed("https://h.example/a b\"<>\\^`{|}%zz%4").fetch,
               "https://h.example/a%20b%22%3C%3E%5C%5E%60%7B%7C%7D%25zz%254");
    assert_str(parsed("https://h.example/\xc3\xa9").fetch, "https://h.example/%C3%A9");
    assert_str(parsed("https://[2001:db8::1]:80/x").fetch, "https://[2001:db8::1]:80/x");
}

static void no_line_ends_reach_a_server(void **state) {
    (void)state;
    assert_str(parsed("http://h.example/a\r\nHost: evil").fetch, "http://h.example/a%0D%0AHost:%20evil");
    refused("http://h.example\r\nX: y/", "bad URL: its host is none");
    refused("http://h ex/", "bad URL: its host is none");
}

static void secrets(void **state) {
    (void)state;
    Url url = parsed("https://me:p%40ss%3A@h.example/x?token=abc");
    assert_str(url.secret, "me:p@ss:");
    assert_str(url.fetch, "https://h.example/x?token=abc");
    assert_str(url.shown, "https://h.example/x?...");
    assert_str(parsed("https://a@b@h.example/x@y").secret, "a@b");
    assert_str(parsed("https://a@b@h.example/x@y").shown, "https://h.example/x@y");
    assert_int_equal(parsed("https://h.example/x").secret.len, 0);
    refused("https://me:%0@h.example/", "bad URL: its user and password have a broken escape");
    refused("https://me:%00@h.example/", "bad URL: its user and password have a broken escape");
    assert_str(url_show(arena, STR("nonsense://u:p@h?q")), "nonsense://h?...");
    assert_str(url_show(arena, STR("http://h/\x1b[2J\n")), "http://h/?[2J?");
}

static void hosts(void **state) {
    (void)state;
    refused("http:///x", "bad URL: its host is none");
    refused("https://", "bad URL: its host is none");
    refused("https://user@/x", "bad URL: its host is none");
    refused("https://:80/x", "bad URL: its host is none");
    refused("https://a%2fb/x", "bad URL: its host is none");
}

static void files(void **state) {
    (void)state;
    assert_str(parsed("file:///srv/a%20b%25.tar").path, "/srv/a b%.tar");
    assert_str(parsed("file://localhost/srv/x").path, "/srv/x");
    const char *absolute = "bad URL: a file is named by its absolute path, as in file:///srv/mirror/x.tar.gz";
    refused("file://srv/x", absolute);
    refused("file://", absolute);
    refused("file://localhostile/x", absolute);
    refused("file:///a%00b", "bad URL: a broken escape (\"%\" itself is %25)");
    refused("file:///a%b", "bad URL: a broken escape (\"%\" itself is %25)");
}

static void google_storage(void **state) {
    (void)state;
    assert_int_equal(parsed("gs://bucket/a/b.tar.gz").scheme, URL_GS);
    assert_str(parsed("gs://my-bucket/a/b+c~1 x?.tar.gz").fetch,
               "https://storage.googleapis.com/my-bucket/a/b%2Bc~1%20x%3F.tar.gz");
    const char *form = "bad URL: it has the form gs://BUCKET/OBJECT";
    refused("gs://bucket", form);
    refused("gs://bucket/", form);
    refused("gs:///object", form);
    refused("gs://a@b/object", form);
}

static void mirrors(void **state) {
    (void)state;
    Url url = parsed("mirror://debian/pool/main/g/gcc-12/gcc-12_12.2.0-14+deb12u1~x_amd64.deb");
    assert_str(url.mirror, "debian");
    assert_str(url_join(arena, STR("http://m.example/debian//"), url.path),
               "http://m.example/debian/pool/main/g/gcc-12/gcc-12_12.2.0-14%2Bdeb12u1~x_amd64.deb");
    assert_str(url_join(arena, STR("https://m.example"), STR("a%2Bb:c")), "https://m.example/a%2Bb%3Ac");
    const char *form = "bad URL: it has the form mirror://NAME/PATH";
    refused("mirror://debian", form);
    refused("mirror://debian/", form);
    refused("mirror:///x", form);
    const char *components = "bad URL: its path has an empty, \".\" or \"..\" component";
    refused("mirror://debian/../x", components);
    refused("mirror://debian/a//b", components);
    refused("mirror://debian/./b", components);
}

static void other_schemes(void **state) {
    (void)state;
    const char *unknown = "bad URL: its scheme is not understood";
    refused("", unknown);
    refused("x", unknown);
    refused("ftp://h/x", unknown);
    refused("git://h/x", unknown);
    refused("http:/h/x", unknown);
    refused("/srv/x", unknown);
    refused(" https://h/x", unknown);
}

static void overlong(void **state) {
    (void)state;
    char text[URL_MAX];
    memset(text, 'a', sizeof text);
    memcpy(text, "https://h/", 10);
    text[URL_MAX / 3] = '\0';
    assert_int_equal(parsed(text).fetch.len, URL_MAX / 3);
    text[URL_MAX / 3] = 'a';
    text[URL_MAX / 3 + 1] = '\0';
    refused(text, "a URL longer than 2730 bytes");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(http),     TEST(no_line_ends_reach_a_server),
        TEST(secrets),  TEST(hosts),
        TEST(files),    TEST(google_storage),
        TEST(mirrors),  TEST(other_schemes),
        TEST(overlong),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

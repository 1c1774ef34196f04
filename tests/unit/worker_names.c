// Names out of archives as text: what each becomes, and what is refused.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/worker/names.h"
#include "cache/worker/sniff.h"

#include <stdio.h>

static const NameRules none = {0};
static const NameRules deb = {.deb = true};

static NameRules strip(const char *prefix) {
    return (NameRules){.has_strip_prefix = true, .strip_prefix = str_from(prefix)};
}

static void becomes(NameRules rules, const char *raw, const char *want) {
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    bool outside;
    Error *error = name_resolve(&rules, str_from(raw), true, &out, &outside);
    if (error)
        fail_msg("%s: %s", raw, error_text(error));
    assert_string_equal(outside ? "(outside)" : buf_cstr(&out), want);
}

static void refused(NameRules rules, const char *raw, bool is_directory, const char *want) {
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    bool outside;
    AUTO_ERROR Error *error = name_resolve(&rules, str_from(raw), is_directory, &out, &outside);
    assert_non_null(error);
    assert_string_equal(error_text(error), want);
}

static void cleaning(void **state) {
    (void)state;
    becomes(none, "a", "a");
    becomes(none, "./a//b/./c/", "a/b/c");
    becomes(none, "./", "");
    becomes(none, ".", "");
    becomes(none, "...", "...");
    becomes(none, "a/..b/c..", "a/..b/c..");
    refused(none, "", true, "an entry has an empty name");
    refused(none, "/", true, "entry \"/\" is an absolute path");
    refused(none, "a/../b", true, "entry \"a/../b\" has \"..\" in its path");
    refused(none, "./..", true, "entry \"./..\" has \"..\" in its path");
}

static void stripping(void **state) {
    (void)state;
    becomes(strip("p"), "p/a", "a");
    becomes(strip("p"), "p", "");
    becomes(strip("p"), "pa/a", "(outside)");
    becomes(strip("p"), "./p/a", "(outside)");
    becomes(strip("./p"), "./p/a", "a");
    becomes(strip("./p"), "p/a", "(outside)");
    becomes(strip("p/q/"), "p/q/r/s", "r/s");
    becomes(strip("p//./q"), "p/q/r", "r");
    becomes(strip("p/q"), "p", "(outside)");
    becomes(strip("."), "./a", "a");
    becomes(strip("."), "a", "(outside)");
    becomes(strip(""), "a", "a");
    NameRules bad = strip("a/../b");
    AUTO_ERROR Error *error = name_check_rules(&bad);
    assert_string_equal(error_text(error), "strip_prefix \"a/../b\" is not a relative path without \"..\"");
}

static void moving_below_usr(void **state) {
    (void)state;
    becomes(deb, "./bin/x", "usr/bin/x");
    becomes(deb, "./sbin", "usr/sbin");
    becomes(deb, "lib/a", "usr/lib/a");
    becomes(deb, "lib64/ld.so", "usr/lib/ld.so");
    becomes(deb, "lib32/a", "lib32/a");
    becomes(deb, "usr/lib64/a", "usr/lib64/a");
    becomes(deb, "binary/a", "binary/a");
    becomes(none, "bin/x", "bin/x");
    refused(deb, "bin", false, "entry \"bin\" stands where a directory that moves below usr must be");
    char name[NAME_PATH_MAX + 1];
    memset(name, 'a', sizeof name - 1);
    for (size_t i = 0; i < sizeof name - 1; i += 200)
        name[i] = '/';
    memcpy(name, "bin", 3);
    name[3] = '/';
    name[sizeof name - 1] = '\0';
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    bool outside;
    AUTO_ERROR Error *error = name_resolve(&deb, str_from(name), false, &out, &outside);
    assert_non_null(error);
    assert_non_null(strstr(error_text(error), "has a name longer than 4095 bytes"));
}

static void climbing(void **state) {
    (void)state;
    assert_false(name_link_climbs(STR("a"), STR("b")));
    assert_false(name_link_climbs(STR("d/a"), STR("../b")));
    assert_false(name_link_climbs(STR("a"), STR("b/../c")));
    assert_false(name_link_climbs(STR("a"), STR("/etc/passwd")));
    assert_false(name_link_climbs(STR("a"), STR("./././.")));
    assert_true(name_link_climbs(STR("a"), STR("..")));
    assert_true(name_link_climbs(STR("a"), STR("b/../../c")));
    assert_true(name_link_climbs(STR("d/a"), STR("../../b")));
    assert_true(name_link_climbs(STR("d/a"), STR("..//../b")));
}

static void showing(void **state) {
    (void)state;
    assert_string_equal(name_show(STR("a\n\x1b\x7f\xff")).text, "a\\x0a\\x1b\\x7f\\xff");
    char long_name[1000];
    memset(long_name, '\n', sizeof long_name);
    NameShown shown = name_show((Str){long_name, sizeof long_name});
    assert_true(strlen(shown.text) < sizeof shown.text);
    assert_string_equal(shown.text + strlen(shown.text) - 3, "...");
}

static void sniffing(void **state) {
    (void)state;
    const char *name;
    assert_int_equal(sniff(STR(""), &name), SNIFF_EMPTY);
    assert_int_equal(sniff(STR("PK\3\4"), &name), SNIFF_ZIP);
    assert_int_equal(sniff(STR("!<arch>\n"), &name), SNIFF_AR);
    assert_int_equal(sniff(STR("!<arch>"), &name), SNIFF_STREAM);
    assert_int_equal(sniff(STR("7z\xbc\xaf\x27\x1c"), &name), SNIFF_REFUSED);
    assert_string_equal(name, "7-Zip");
    // A tar whose first file has an unlucky name is a tar.
    char tar[512] = "070701";
    assert_int_equal(sniff((Str){tar, sizeof tar}, &name), SNIFF_REFUSED);
    memcpy(tar + 257, "ustar", 5);
    assert_int_equal(sniff((Str){tar, sizeof tar}, &name), SNIFF_STREAM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleaning), cmocka_unit_test(stripping), cmocka_unit_test(moving_below_usr),
        cmocka_unit_test(climbing), cmocka_unit_test(showing),   cmocka_unit_test(sniffing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

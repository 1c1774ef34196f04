// Field by field: what must change a key does, what must not does not. The same for the encoding's framing: fields that
// could run into each other do not. The keys themselves are held by tests/plan/test_keys.
#include "builder/identity.h"
#include "tests/unit/plan_fixture.h"

static const char base[] = "package app\n source app.tar.gz bytes extract\n local build.sh text\n build tool:one\n"
                           " run lib\n cmd ./build.sh one\n arg a 1\n outputs bin=usr/bin/* lib:so=usr/lib/*\n"
                           "package tool\n prebuilt\n outputs one two\n"
                           "package lib\n prebuilt\n outputs so\n"
                           "package certs\n certificates\n prebuilt\n"
                           "request app\n";

typedef struct Both {
    Hash spec, build;
} Both;

// Keys of the package called app, after `change` (may be NULL) was done to it.
static Both keys_of(PlanFixture *fixture) {
    Graph *graph;
    AUTO_ERROR Error *error = fixture_graph(fixture, &graph);
    if (error)
        fail_msg("%s", error_text(error));
    const SpecKeys *keys = spec_keys_new(fixture->arena, graph);
    PackageIndex app = fixture->requests[0].package;
    RootTree trees[] = {{.package = STR("tool"), .tree = hash_bytes(STR("tool"))},
                        {.package = STR("lib"), .tree = hash_bytes(STR("lib"))}};
    return (Both){spec_key(keys, slot_last(graph, app)),
                  build_key(&fixture->set.packages[app], trees, ARRAY_LEN(trees))};
}

static Both keys_of_text(const char *text) {
    AUTO_ARENA Arena *arena = arena_new(0);
    return keys_of(fixture_read(arena, str_from(text)));
}

// The base with the first `from` replaced by `to`.
static Both keys_of_edit(const char *from, const char *to) {
    AUTO_ARENA Arena *arena = arena_new(0);
    const char *at = strstr(base, from);
    if (!at)
        fail_msg("the base does not hold '%s'", from);
    Str text = arena_printf(arena, "%.*s%s%s", (int)(at - base), base, to, at + strlen(from));
    return keys_of(fixture_read(arena, text));
}

typedef enum Effect { NONE = 0, SPEC = 1, BUILD = 2, BOTH = 3 } Effect;

static const struct {
    const char *from, *to;
    Effect effect;
} edits[] = {
    // own fields
    {"package app\n", "package app\n rename application\n", BOTH},
    {"app.tar.gz", "other.tar.gz", BOTH},
    {"bytes", "other-bytes", BOTH},
    {"bytes extract", "bytes", BOTH},
    {"bytes extract", "bytes extract strip=app", BOTH},
    {"bytes extract", "bytes extract strip=", BOTH},
    {"build.sh text", "build.sh other-text", BOTH},
    {"build.sh text", "configure text", BOTH},
    {"build.sh text", "build.sh text x", BOTH},
    {"cmd ./build.sh one", "cmd ./build.sh two", BOTH},
    {"cmd ./build.sh one", "cmd ./build.sh one two", BOTH},
    {"cmd ./build.sh one", "cmd ./build.sh\n cmd one", BOTH},
    {"cmd ./build.sh one", "cmd ./build.shone", BOTH},
    {"arg a 1", "arg a 2", BOTH},
    {"arg a 1", "arg b 1", BOTH},
    {" arg a 1\n", "", BOTH},
    {"bin=usr/bin/*", "bins=usr/bin/*", BOTH},
    {"bin=usr/bin/*", "bin=usr/bin/**", BOTH},
    {"bin=usr/bin/*", "lib:bin=usr/bin/*", BOTH},
    {"bin=usr/bin/*", "bin=?usr/bin/*", BOTH},
    {"bin=usr/bin/*", "bin=!usr/bin/*", BOTH},
    {"bin=usr/bin/*", "bin=+usr/bin/*", BOTH},
    {" lib:so=usr/lib/*", "", BOTH},
    {"package app\n", "package app\n prebuilt\n", BOTH},
    {"package app\n", "package app\n arm64\n", BOTH},
    {"package app\n", "package app\n dns\n", BOTH},
    {"package app\n", "package app\n internet\n", BOTH},
    {"package app\n", "package app\n allow dns\n", BOTH},
    {"package app\n", "package app\n prefer tool\n", BOTH},
    {"package app\n", "package app\n prefer nothing\n", BOTH},
    {" source app.tar.gz bytes extract\n local build.sh text\n",
     " local build.sh text\n source app.tar.gz bytes extract\n", BOTH},
    // edges
    {"tool:one", "tool:two", SPEC},
    {"tool:one", "tool:one+two", SPEC},
    {"tool:one", "tool", SPEC},
    {"tool:one", "tool:", SPEC},
    {" build tool:one\n", "", SPEC},
    {" build tool:one\n run lib\n", " build lib\n run tool:one\n", SPEC},
    {"tool:one", "tool:one lib", SPEC},
    {"tool:one", "lib tool:one", SPEC},
    // what a dependency is
    {"package tool\n", "package tool\n source x y\n", SPEC},
    {"package lib\n", "package lib\n run tool\n", SPEC},
    {"package lib\n", "package lib\n internet\n", SPEC},
    // nothing
    {"bytes extract", "bytes extract url=https://example.org/app.tar.gz", NONE},
    {"package app\n", "package app\n version 1.2.3\n", NONE},
    {"package app\n", "# a comment\n\npackage app\n", NONE},
    {"package app\n", "package app\n test tool lib\n", NONE},
    {"package app\n", "package app\n breaker tool\n", NONE},            // on no cycle
    {"package app\n", "package other\n prebuilt\npackage app\n", NONE}, // another place in the set
    {"package certs\n", "package certs\n source x y\n", NONE},          // not needed
    {"package certs\n", "package more-certs\n certificates\n prebuilt\npackage certs\n", NONE},
    {"package tool\n", "package tool\n version 9\n", NONE},
};

static void test_edits(void **state) {
    (void)state;
    Both before = keys_of_text(base);
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        Both after = keys_of_edit(edits[i].from, edits[i].to);
        unsigned effect =
            (hash_eq(before.spec, after.spec) ? 0 : SPEC) | (hash_eq(before.build, after.build) ? 0 : BUILD);
        if (effect != edits[i].effect)
            fail_msg("'%s' for '%s': effect %u, not %u", edits[i].to, edits[i].from, effect, (unsigned)edits[i].effect);
    }
}

// No two of all edits that change a key give the same one.
static void test_no_two_alike(void **state) {
    (void)state;
    Hash seen[ARRAY_LEN(edits)];
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
        if (edits[i].effect == NONE)
            continue;
        Hash key = keys_of_edit(edits[i].from, edits[i].to).spec;
        for (size_t s = 0; s < count; s++)
            if (hash_eq(seen[s], key))
                fail_msg("edit %zu has the key of another", i);
        seen[count++] = key;
    }
}

// Fields of the structs that a fixture cannot write.
static void test_what_is_in_no_key(void **state) {
    (void)state;
    Both before = keys_of_text(base);
    AUTO_ARENA Arena *arena = arena_new(0);
    PlanFixture *fixture = fixture_read(arena, str_from(base));
    Package *app = &fixture->set.packages[fixture->requests[0].package];
    Input *source = (Input *)(uintptr_t)&app->inputs[0], *local = (Input *)(uintptr_t)&app->inputs[1];
    assert_int_equal(source->kind, INPUT_SOURCE);
    assert_int_equal(local->kind, INPUT_LOCAL);
    Str mirror = STR("https://mirror.example.org/x");
    source->source.mirrors = (StrSlice){&mirror, 1};
    source->source.path = STR("/elsewhere/x");
    source->span = (SourceSpan){.file = STR("moved.ncl"), .line = 99};
    local->local.path = STR("/elsewhere/build.sh");
    Attr attr = {STR("description"), STR("\"x\"")};
    app->attrs = &attr;
    app->attr_count = 1;
    app->cost = 7;
    app->layer = 3;
    app->dir = STR("/elsewhere");
    app->span = source->span;
    app->not_redistributable = true;
    Both after = keys_of(fixture);
    assert_true(hash_eq(before.spec, after.spec));
    assert_true(hash_eq(before.build, after.build));
}

static void test_build_keys(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    PlanFixture *fixture = fixture_read(arena, STR("package app\n cmd x\n prefer b\nrequest app\n"));
    const Package *app = &fixture->set.packages[0];
    Hash one = hash_bytes(STR("1")), two = hash_bytes(STR("2"));
    RootTree trees[] = {{.package = STR("a"), .output = STR("x"), .tree = one},
                        {.package = STR("c"), .output = STR("y"), .tree = two}};
    Hash key = build_key(app, trees, 2);
    assert_false(hash_eq(key, build_key(app, trees, 1)));
    assert_false(hash_eq(key, build_key(app, NULL, 0)));
    RootTree swapped[] = {trees[1], trees[0]};
    assert_false(hash_eq(key, build_key(app, swapped, 2))); // order is what decides conflicts
    trees[0].output = STR("renamed");
    trees[0].package = STR("d");
    trees[0].step = 5;
    assert_true(hash_eq(key, build_key(app, trees, 2))); // bytes are what a build sees
    trees[0].package = STR("b");
    assert_false(hash_eq(key, build_key(app, trees, 2))); // unless `prefer` speaks of the name
}

// A member's change, an inner edge's, a breaker's: every member has another key; what is below has not.
static void test_components(void **state) {
    (void)state;
    static const char cycle[] = "package a\n build b\n cmd x\n outputs o p\n breaker a0\n"
                                "package b\n build a:o\n run below\n cmd x\n"
                                "package a0\n prebuilt\n source s t\n outputs o p\n"
                                "package below\n prebuilt\nrequest a b below\n";
    static const char *const changes[][2] = {
        {"package a\n", "package a\n arg x y\n"},
        {"package b\n", "package b\n arg x y\n"},
        {"build a:o", "build a:p"},
        {"build a:o", "build a"},
        {"source s t", "source s u"},
        {"package a0\n prebuilt\n", "package a0\n prebuilt\n run below\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        const char *at = strstr(cycle, changes[i][0]);
        assert_non_null(at);
        Str changed =
            arena_printf(arena, "%.*s%s%s", (int)(at - cycle), cycle, changes[i][1], at + strlen(changes[i][0]));
        PlanFixture *fixtures[2] = {fixture_read(arena, str_from(cycle)), fixture_read(arena, changed)};
        Hash keys[2][3][3];
        for (size_t f = 0; f < 2; f++) {
            Graph *graph;
            assert_null(fixture_graph(fixtures[f], &graph));
            const SpecKeys *all = spec_keys_new(arena, graph);
            for (size_t p = 0; p < 3; p++)
                for (uint8_t stage = 0; stage < 3; stage++)
                    keys[f][p][stage] = spec_key(all, (Slot){fixtures[f]->requests[p].package, stage});
        }
        for (size_t p = 0; p < 2; p++)
            for (size_t stage = 0; stage < 3; stage++)
                assert_false(hash_eq(keys[0][p][stage], keys[1][p][stage]));
        assert_true(hash_eq(keys[0][2][STAGE_ONLY], keys[1][2][STAGE_ONLY]));
        assert_false(hash_eq(keys[0][0][1], keys[0][0][2])); // the stage is in the key
        assert_false(hash_eq(keys[0][0][1], keys[0][1][1])); // and so is the name
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edits),
        cmocka_unit_test(test_no_two_alike),
        cmocka_unit_test(test_what_is_in_no_key),
        cmocka_unit_test(test_build_keys),
        cmocka_unit_test(test_components),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

// Records: their text, what is refused, and that anything wrong with one is a miss.
#include "store_helper.h"

#include "store/record.h"

static Hash hash_byte(uint8_t byte) {
    Hash hash;
    memset(hash.bytes, byte, sizeof hash.bytes);
    return hash;
}

static const RecordOutput outputs[] = {
    {.name = {"bin", sizeof "bin" - 1}, .size_bytes = 10, .file_count = 1},
    {.name = {"lib dir", sizeof "lib dir" - 1}, .size_bytes = 0, .file_count = 0},
};
static const RecordReference references[] = {
    {.package = {"glibc", sizeof "glibc" - 1}, .output = {"lib", sizeof "lib" - 1}},
    {.package = {"oniguruma", sizeof "oniguruma" - 1}, .output = {"lib", sizeof "lib" - 1}},
};

static Record sample(void) {
    return (Record){.package = STR("jq"),
                    .version = STR("1.7.1\n%\x7f\xc3\xa9"),
                    .spec_key = hash_byte(0x11),
                    .build_key = hash_byte(0xab),
                    .outputs = outputs,
                    .output_count = 2,
                    .references = references,
                    .reference_count = 2,
                    .built_at_s = 1700000000,
                    .build_ms = 12345,
                    .tool_version = STR("minimal 0.1"),
                    .network_used = true};
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
// The checksum is sha256sum's of the lines above it.
static const char sample_text[] = "minimal record 1\n"
                                  "package jq\n"
                                  "version 1.7.1%0a%25%7f\xc3\xa9\n"
                                  "spec-key 1111111111111111111111111111111111111111111111111111111111111111\n"
                                  "build-key abababababababababababababababababababababababababababababababab\n"
                                  "built-at 1700000000\n"
                                  "build-ms 12345\n"
                                  "tool minimal%200.1\n"
                                  "network yes\n"
                                  "wall-down no\n"
                                  "output bin " ZEROS " 10 1\n"
                                  "output lib%20dir " ZEROS " 0 0\n"
                                  "reference glibc lib " ZEROS "\n"
                                  "reference oniguruma lib " ZEROS "\n"
                                  "sha256 cf8169be47e2ab2d24607704ae986e4a382f6613e3346ab668b28aa2446bf0bf\n";

static void is_written_as_documented(void **state) {
    (void)state;
    AUTO_BUF Buf text;
    AUTO_ARENA Arena *arena = arena_new(0);
    buf_init(&text, RECORD_BYTES_MAX);
    Record record = sample(), back;
    ok(record_encode(&record, &text));
    assert_string_equal(buf_cstr(&text), sample_text);
    ok(record_decode(buf_str(&text), arena, &back));
    assert_true(str_eq(back.version, record.version) && str_is(back.tool_version, "minimal 0.1"));
    assert_true(hash_eq(back.build_key, record.build_key) && hash_eq(back.spec_key, record.spec_key));
    assert_true(back.network_used && !back.wall_down && back.build_ms == 12345 && back.built_at_s == 1700000000);
    assert_int_equal(back.output_count, 2);
    assert_true(str_is(back.outputs[1].name, "lib dir") && back.outputs[0].size_bytes == 10);
    assert_int_equal(back.reference_count, 2);
    assert_true(str_is(back.references[1].package, "oniguruma"));
}

// Nothing but exactly these bytes is this record: every cut and every flipped bit is refused.
static void accepts_no_other_text(void **state) {
    (void)state;
    char bytes[sizeof sample_text];
    memcpy(bytes, sample_text, sizeof bytes);
    size_t len = sizeof bytes - 1;
    for (size_t cut = 0; cut < len; cut++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        Record record;
        Error *error = record_decode((Str){bytes, cut}, arena, &record);
        assert_non_null(error);
        error_free(error);
    }
    for (size_t bit = 0; bit < len * 8; bit++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        Record record;
        bytes[bit / 8] ^= (char)(1 << bit % 8);
        Error *error = record_decode((Str){bytes, len}, arena, &record);
        if (!error)
            fail_msg("bit %zu may be flipped", bit);
        error_free(error);
        bytes[bit / 8] ^= (char)(1 << bit % 8);
    }
}

static void refuses_what_cannot_be_a_record(void **state) {
    (void)state;
    const RecordOutput unsorted[] = {{.name = STR("b")}, {.name = STR("a")}};
    const RecordOutput twice[] = {{.name = STR("a")}, {.name = STR("a")}};
    const RecordReference twice_named[] = {{.package = STR("a"), .output = STR("x")},
                                           {.package = STR("a"), .output = STR("x")}};
    const RecordReference unsorted_named[] = {{.package = STR("b"), .output = STR("x")},
                                              {.package = STR("a"), .output = STR("y")}};
    AUTO_BUF Buf text;
    buf_init(&text, RECORD_BYTES_MAX);
    Record record = sample();
    record.outputs = unsorted;
    assert_fails(NULL, record_encode(&record, &text), ERROR_INVALID, "a record's outputs are out of order");
    record.outputs = twice;
    assert_fails(NULL, record_encode(&record, &text), ERROR_INVALID, "a record's outputs are out of order");
    record = sample();
    record.references = twice_named;
    assert_fails(NULL, record_encode(&record, &text), ERROR_INVALID, "a record's references are out of order");
    record.references = unsorted_named;
    assert_fails(NULL, record_encode(&record, &text), ERROR_INVALID, "a record's references are out of order");
    record = sample();
    record.package = STR("");
    assert_fails(NULL, record_encode(&record, &text), ERROR_INVALID, "a record's package is empty");
    char name[RECORD_NAME_MAX + 1];
    memset(name, 'n', sizeof name);
    record.package = (Str){name, RECORD_NAME_MAX};
    ok(record_encode(&record, &text));
    record.package = (Str){name, RECORD_NAME_MAX + 1};
    assert_fails(NULL, record_encode(&record, &text), ERROR_LIMIT, "a record's package is longer than 1024 bytes");
}

// ---- in a store ----

static Record stored(const Fixture *fixture, RecordOutput *output) {
    write_file(fixture, "in/bin/jq", "jq", 0755);
    Tree tree = add_tree(fixture, "in", false);
    *output = (RecordOutput){STR("bin"), tree.hash, tree.size_bytes, tree.count};
    Record record = sample();
    record.outputs = output;
    record.output_count = 1;
    return record;
}

static bool find(const Fixture *fixture, RecordKeyKind kind, Hash key) {
    Record record;
    bool found;
    ok(store_get_record(fixture->store, kind, key, fixture->arena, &record, &found));
    return found;
}

static const char *file_of(const Fixture *fixture, const char *kind, Hash key) {
    HashHex hex = hash_hex(key);
    return arena_printf(fixture->arena, "store/records/%s/%.2s/%s", kind, hex.text, hex.text + 2).ptr;
}

static void is_found_under_both_keys(void **state) {
    const Fixture *fixture = *state;
    RecordOutput output;
    Record record = stored(fixture, &output), back;
    bool found;
    assert_false(find(fixture, RECORD_SPEC_KEY, record.spec_key));
    ok(store_put_record(fixture->store, &record));
    ok(store_get_record(fixture->store, RECORD_BUILD_KEY, record.build_key, fixture->arena, &back, &found));
    assert_true(found && str_is(back.package, "jq") && hash_eq(back.outputs[0].tree, output.tree));
    assert_true(find(fixture, RECORD_SPEC_KEY, record.spec_key));
    assert_false(find(fixture, RECORD_SPEC_KEY, record.build_key));
    // The second result of a key replaces the first.
    record.build_ms = 5;
    ok(store_put_record(fixture->store, &record));
    ok(store_get_record(fixture->store, RECORD_SPEC_KEY, record.spec_key, fixture->arena, &back, &found));
    assert_true(found && back.build_ms == 5);
}

static void needs_its_outputs(void **state) {
    const Fixture *fixture = *state;
    Record record = sample();
    assert_fails(fixture, store_put_record(fixture->store, &record), ERROR_NOT_FOUND,
                 "the output bin of jq is to be recorded, but its tree " ZEROS " is not in the store @/store");
    assert_false(find(fixture, RECORD_SPEC_KEY, record.spec_key));
}

static void anything_wrong_is_a_miss(void **state) {
    const Fixture *fixture = *state;
    RecordOutput output;
    Record record = stored(fixture, &output);
    const char *spec = file_of(fixture, "spec", record.spec_key);
    ok(store_put_record(fixture->store, &record));
    write_file(fixture, spec, sample_text + 1, 0644);
    assert_false(find(fixture, RECORD_SPEC_KEY, record.spec_key));
    write_file(fixture, spec, "", 0644);
    assert_false(find(fixture, RECORD_SPEC_KEY, record.spec_key));
    assert_int_equal(unlinkat(fixture->dirfd, spec, 0), 0);
    assert_int_equal(symlinkat("/dev/zero", fixture->dirfd, spec), 0);
    assert_false(find(fixture, RECORD_SPEC_KEY, record.spec_key));
    assert_int_equal(unlinkat(fixture->dirfd, spec, 0), 0);
    assert_int_equal(mkfifoat(fixture->dirfd, spec, 0600), 0);
    assert_false(find(fixture, RECORD_SPEC_KEY, record.spec_key));
    assert_true(find(fixture, RECORD_BUILD_KEY, record.build_key));
    ok(store_put_record(fixture->store, &record));
    assert_true(find(fixture, RECORD_SPEC_KEY, record.spec_key));
}

// A record that was copied to another name does not speak for that key.
static void speaks_for_its_own_key_alone(void **state) {
    const Fixture *fixture = *state;
    RecordOutput output;
    Record record = stored(fixture, &output);
    ok(store_put_record(fixture->store, &record));
    AUTO_BUF Buf text;
    buf_init(&text, RECORD_BYTES_MAX);
    ok(fd_read_file(fixture->dirfd, file_of(fixture, "spec", record.spec_key), &text));
    write_file(fixture, file_of(fixture, "spec", hash_byte(0x22)), buf_cstr(&text), 0644);
    assert_false(find(fixture, RECORD_SPEC_KEY, hash_byte(0x22)));
}

static const struct CMUnitTest store_record[] = {
    cmocka_unit_test(is_written_as_documented),
    cmocka_unit_test(accepts_no_other_text),
    cmocka_unit_test(refuses_what_cannot_be_a_record),
    STORE_TEST(is_found_under_both_keys),
    STORE_TEST(needs_its_outputs),
    STORE_TEST(anything_wrong_is_a_miss),
    STORE_TEST(speaks_for_its_own_key_alone),
    cmocka_unit_test(passes_as_an_ordinary_user),
};

STORE_TESTS_MAIN(store_record)

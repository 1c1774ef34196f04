// What a key's result is, as a small text file. Invariant: one record has exactly one text; decode builds the record,
// encodes it again and accepts only equal bytes, so no second spelling can slip in.
#include "store/record.h"

#include "base/fd.h"
#include "store/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static const char magic[] = "minimal record 1\n";

// ---- text ----

static bool needs_escape(unsigned char c) {
    return c <= ' ' || c == '%' || c == 0x7f;
}

// So that a name is one word of a line.
static void add_word(Buf *out, Str word) {
    for (size_t i = 0; i < word.len; i++) {
        unsigned char c = (unsigned char)word.ptr[i];
        if (needs_escape(c))
            buf_printf(out, "%%%02x", c);
        else
            buf_add_byte(out, (char)c);
    }
}

static Error *check_name(Str name, const char *what) {
    if (name.len == 0)
        return error_new(ERROR_INVALID, "a record's %s is empty", what);
    if (name.len > RECORD_NAME_MAX)
        return error_new(ERROR_LIMIT, "a record's %s is longer than %d bytes", what, RECORD_NAME_MAX);
    return NULL;
}

static Error *check_record(const Record *record) {
    TRY(check_name(record->package, "package"));
    if (record->version.len > RECORD_NAME_MAX || record->tool_version.len > RECORD_NAME_MAX)
        return error_new(ERROR_LIMIT, "a record's version is longer than %d bytes", RECORD_NAME_MAX);
    if (record->output_count > RECORD_ITEMS_MAX || record->reference_count > RECORD_ITEMS_MAX - record->output_count)
        return error_new(ERROR_LIMIT, "a record with more than %d outputs and references", RECORD_ITEMS_MAX);
    for (size_t i = 0; i < record->output_count; i++) {
        TRY(check_name(record->outputs[i].name, "output"));
        if (i > 0 && str_compare(record->outputs[i - 1].name, record->outputs[i].name) >= 0)
            return error_new(ERROR_INVALID, "a record's outputs are out of order");
    }
    for (size_t i = 0; i < record->reference_count; i++) {
        const RecordReference *now = &record->references[i];
        TRY(check_name(now->package, "reference"));
        TRY(check_name(now->output, "reference's output"));
        int order = i == 0 ? -1 : str_compare(now[-1].package, now->package);
        if (order > 0 || (order == 0 && str_compare(now[-1].output, now->output) >= 0))
            return error_new(ERROR_INVALID, "a record's references are out of order");
    }
    return NULL;
}

static void add_line(Buf *out, const char *field, Str word) {
    buf_printf(out, "%s ", field);
    add_word(out, word);
    buf_add_byte(out, '\n');
}

Error *record_encode(const Record *record, Buf *out) {
    TRY(check_record(record));
    size_t from = out->len;
    buf_add_cstr(out, magic);
    add_line(out, "package", record->package);
    add_line(out, "version", record->version);
    buf_printf(out, "spec-key %s\n", hash_hex(record->spec_key).text);
    buf_printf(out, "build-key %s\n", hash_hex(record->build_key).text);
    buf_printf(out, "built-at %" PRIu64 "\n", record->built_at_s);
    buf_printf(out, "build-ms %" PRIu64 "\n", record->build_ms);
    add_line(out, "tool", record->tool_version);
    buf_printf(out, "network %s\n", record->network_used ? "yes" : "no");
    buf_printf(out, "wall-down %s\n", record->wall_down ? "yes" : "no");
    for (size_t i = 0; i < record->output_count; i++) {
        const RecordOutput *output = &record->outputs[i];
        buf_add_cstr(out, "output ");
        add_word(out, output->name);
        buf_printf(out, " %s %" PRIu64 " %" PRIu64 "\n", hash_hex(output->tree).text, output->size_bytes,
                   output->file_count);
    }
    for (size_t i = 0; i < record->reference_count; i++) {
        const RecordReference *reference = &record->references[i];
        buf_add_cstr(out, "reference ");
        add_word(out, reference->package);
        buf_add_byte(out, ' ');
        add_word(out, reference->output);
        buf_printf(out, " %s\n", hash_hex(reference->tree).text);
    }
    if (!out->overflow)
        buf_printf(out, "sha256 %s\n", hash_hex(hash_bytes((Str){out->ptr + from, out->len - from})).text);
    return out->overflow ? error_new(ERROR_LIMIT, "a record of more than %zu bytes", out->max) : NULL;
}

// ---- and back ----

typedef struct Parser {
    Str rest;
    Arena *arena;
    bool wrong;
} Parser;

static int hex_digit(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static Str parse_word(Parser *parser, char end) {
    Str word;
    const char *at = parser->rest.len ? memchr(parser->rest.ptr, end, parser->rest.len) : NULL;
    if (parser->wrong || !at) {
        parser->wrong = true;
        return STR_NULL;
    }
    word = (Str){parser->rest.ptr, (size_t)(at - parser->rest.ptr)};
    parser->rest = str_slice(parser->rest, word.len + 1, parser->rest.len);
    return word;
}

static Str parse_name(Parser *parser, char end) {
    Str word = parse_word(parser, end);
    char *name = arena_alloc(parser->arena, word.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < word.len; i++) {
        if (word.ptr[i] != '%') {
            name[len++] = word.ptr[i];
            continue;
        }
        int high = i + 2 < word.len ? hex_digit(word.ptr[i + 1]) : -1;
        int low = i + 2 < word.len ? hex_digit(word.ptr[i + 2]) : -1;
        if (high < 0 || low < 0) {
            parser->wrong = true;
            return STR_NULL;
        }
        name[len++] = (char)(high << 4 | low);
        i += 2;
    }
    name[len] = '\0';
    return (Str){name, len};
}

static void parse_field(Parser *parser, const char *field) {
    if (!str_is(parse_word(parser, ' '), field))
        parser->wrong = true;
}

static Hash parse_hash(Parser *parser, char end) {
    Hash hash = {{0}};
    if (!hash_parse(parse_word(parser, end), &hash))
        parser->wrong = true;
    return hash;
}

static uint64_t parse_number(Parser *parser, char end) {
    uint64_t number = 0;
    if (!str_parse_u64(parse_word(parser, end), &number))
        parser->wrong = true;
    return number;
}

static bool parse_flag(Parser *parser) {
    return str_is(parse_word(parser, '\n'), "yes"); // anything else but "no" is caught by the comparison at the end
}

static void parse_head(Parser *parser, Record *out) {
    parse_field(parser, "package");
    out->package = parse_name(parser, '\n');
    parse_field(parser, "version");
    out->version = parse_name(parser, '\n');
    parse_field(parser, "spec-key");
    out->spec_key = parse_hash(parser, '\n');
    parse_field(parser, "build-key");
    out->build_key = parse_hash(parser, '\n');
    parse_field(parser, "built-at");
    out->built_at_s = parse_number(parser, '\n');
    parse_field(parser, "build-ms");
    out->build_ms = parse_number(parser, '\n');
    parse_field(parser, "tool");
    out->tool_version = parse_name(parser, '\n');
    parse_field(parser, "network");
    out->network_used = parse_flag(parser);
    parse_field(parser, "wall-down");
    out->wall_down = parse_flag(parser);
}

// How many of the following lines begin with `field`; never more than the cap, and one more where there are.
static size_t count_lines(const Parser *parser, Str field) {
    Str rest = parser->rest, line;
    size_t count = 0;
    while (!parser->wrong && count <= RECORD_ITEMS_MAX && str_cut(&rest, '\n', &line) && str_starts_with(line, field))
        count++;
    return count;
}

static void parse_lists(Parser *parser, Record *out) {
    out->output_count = count_lines(parser, STR("output "));
    RecordOutput *outputs = ARENA_ARRAY(parser->arena, RecordOutput, out->output_count);
    for (size_t i = 0; i < out->output_count && !parser->wrong; i++) {
        parse_field(parser, "output");
        outputs[i].name = parse_name(parser, ' ');
        outputs[i].tree = parse_hash(parser, ' ');
        outputs[i].size_bytes = parse_number(parser, ' ');
        outputs[i].file_count = parse_number(parser, '\n');
    }
    out->outputs = outputs;
    out->reference_count = count_lines(parser, STR("reference "));
    RecordReference *references = ARENA_ARRAY(parser->arena, RecordReference, out->reference_count);
    for (size_t i = 0; i < out->reference_count && !parser->wrong; i++) {
        parse_field(parser, "reference");
        references[i].package = parse_name(parser, ' ');
        references[i].output = parse_name(parser, ' ');
        references[i].tree = parse_hash(parser, '\n');
    }
    out->references = references;
}

Error *record_decode(Str bytes, Arena *arena, Record *out) {
    enum { CHECKSUM_LINE = sizeof "sha256 \n" - 1 + HASH_HEX_LEN };
    if (bytes.len > RECORD_BYTES_MAX)
        return error_new(ERROR_LIMIT, "a record of more than %d bytes", RECORD_BYTES_MAX);
    if (!str_starts_with(bytes, str_from(magic)) || bytes.len < sizeof magic - 1 + CHECKSUM_LINE)
        return error_new(ERROR_INVALID, "not a record of version 1");
    Parser parser = {str_slice(bytes, sizeof magic - 1, bytes.len), arena, false};
    memset(out, 0, sizeof *out);
    parse_head(&parser, out);
    parse_lists(&parser, out);
    if (parser.wrong || parser.rest.len != CHECKSUM_LINE)
        return error_new(ERROR_INVALID, "the record is damaged: a line is missing or has another form");
    AUTO_BUF Buf again;
    buf_init(&again, RECORD_BYTES_MAX);
    TRY_CTX(record_encode(out, &again), "the record is damaged");
    if (!str_eq(buf_str(&again), bytes))
        return error_new(ERROR_INVALID, "the record is damaged: its checksum or its form is wrong");
    return NULL;
}

// ---- files ----

static Error *output_is_there(const Store *store, const Record *record, const RecordOutput *output) {
    if (faccessat(store->dirfd, object_path(output->tree, "/manifest").text, F_OK, 0) == 0)
        return NULL;
    if (errno == ENOENT)
        return error_new(ERROR_NOT_FOUND,
                         "the output %.*s of %.*s is to be recorded, but its tree %s is not in the "
                         "store %s",
                         STR_ARG(output->name), STR_ARG(record->package), hash_hex(output->tree).text, store->path);
    return error_sys(errno, "cannot look for the tree %s", hash_hex(output->tree).text);
}

static Error *stage_record(const Staging *staging, const char *name, const Buf *text) {
    AUTO_FD int fd = -1;
    TRY(fd_open(staging_dirfd(staging), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0644, &fd));
    TRY_CTX(fd_write_all(fd, text->ptr, text->len), "%s/%s", staging_path(staging), name);
    if (close(fd_take(&fd)) < 0)
        return error_sys(errno, "cannot write %s/%s", staging_path(staging), name);
    return NULL;
}

// The first sync makes durable what the record names and the record's own bytes; the second the names of all.
Error *store_put_record(Store *store, const Record *record) {
    for (size_t i = 0; i < record->output_count; i++)
        TRY(output_is_there(store, record, &record->outputs[i]));
    AUTO_BUF Buf text;
    buf_init(&text, RECORD_BYTES_MAX);
    TRY_CTX(record_encode(record, &text), "the result of %.*s", STR_ARG(record->package));
    AUTO_STAGING Staging *staging = NULL;
    TRY(staging_new(store, &staging));
    TRY(stage_record(staging, "build", &text));
    TRY(stage_record(staging, "spec", &text));
    TRY(store_sync(store));
    int dirfd = staging_dirfd(staging);
    TRY(store_publish(store, dirfd, "build", record_path(RECORD_BUILD_KEY, record->build_key).text));
    TRY(store_publish(store, dirfd, "spec", record_path(RECORD_SPEC_KEY, record->spec_key).text));
    return store_sync(store);
}

static bool names_key(const Record *record, RecordKeyKind kind, Hash key) {
    return hash_eq(kind == RECORD_SPEC_KEY ? record->spec_key : record->build_key, key);
}

Error *record_read(const Store *store, RecordKeyKind kind, Hash key, Arena *arena, Record *out) {
    StorePath path = record_path(kind, key);
    AUTO_FD int fd = -1;
    TRY(fd_open(store->dirfd, path.text, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0, &fd));
    AUTO_BUF Buf bytes;
    buf_init(&bytes, RECORD_BYTES_MAX);
    TRY_CTX(fd_read_all(fd, &bytes), "%s/%s", store->path, path.text);
    TRY_CTX(record_decode(buf_str(&bytes), arena, out), "%s/%s", store->path, path.text);
    if (!names_key(out, kind, key))
        return error_new(ERROR_INVALID, "%s/%s is the record of another key", store->path, path.text);
    return NULL;
}

Error *store_get_record(Store *store, RecordKeyKind kind, Hash key, Arena *arena, Record *out, bool *found_out) {
    Error *error = record_read(store, kind, key, arena, out);
    *found_out = !error;
    int number = error_errno(error);
    bool is_miss = error && (error_kind(error) != ERROR_SYSTEM || number == ENOENT || number == ENOTDIR ||
                             number == ELOOP || number == EISDIR || number == EIO);
    if (!is_miss)
        return error;
    error_free(error);
    return NULL;
}

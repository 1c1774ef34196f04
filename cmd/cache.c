// minimal cache: looking after the store by hand. Every sub-verb opens the store, does one thing, and says what it did.
#include "base/fd.h"
#include "base/json.h"
#include "builder/paths.h"
#include "cmd/cmd.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

#define COUNT "%" PRIu64

static Error *open_store(const Globals *globals, Store **out) {
    Paths paths;
    TRY(paths_resolve(globals->arena, globals->minimal_dir, &paths));
    return store_open(&(StoreOptions){.path = paths.store}, out);
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

typedef struct Size {
    char text[32];
} Size;

static Size size_text(uint64_t bytes) {
    static const char *const units[] = {"KiB", "MiB", "GiB", "TiB"};
    Size size;
    double value = (double)bytes / 1024;
    size_t unit = 0;
    for (; value >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
        value /= 1024;
    if (bytes < 1024)
        snprintf(size.text, sizeof size.text, "%u bytes", (unsigned)bytes);
    else
        snprintf(size.text, sizeof size.text, "%.1f %s", value, units[unit]);
    return size;
}

// ---- what programs read ----

typedef struct Number {
    const char *name;
    uint64_t value;
} Number;

static void add_numbers(JsonWriter *writer, const Number *numbers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        json_key(writer, numbers[i].name);
        json_integer(writer, (int64_t)numbers[i].value);
    }
}

static void begin_json(JsonWriter *writer, Buf *out, const char *schema) {
    buf_init(out, BUF_NO_LIMIT);
    json_begin(writer, out, true);
    json_open_object(writer);
    json_key(writer, "schema");
    json_cstring(writer, schema);
}

static void end_json(JsonWriter *writer, Buf *out) {
    json_close_object(writer);
    puts(buf_cstr(out));
}

// ---- notes: lines of a person's report, or the items of a list for programs ----

typedef struct Notes {
    JsonWriter *json; // NULL: print them
} Notes;

static void take_note(void *context, const char *line) {
    Notes *notes = context;
    if (notes->json)
        json_cstring(notes->json, line);
    else
        puts(line);
}

// ---- verify ----

static void print_verify(const VerifyReport *report) {
    Size size = size_text(report->file_bytes);
    printf("looked at " COUNT " object%s (" COUNT " file%s, %s), " COUNT " record%s, " COUNT " download%s: ",
           report->objects, plural(report->objects), report->files, plural(report->files), size.text, report->records,
           plural(report->records), report->downloads, plural(report->downloads));
    uint64_t removed = report->damaged_objects + report->dropped_records + report->damaged_downloads;
    if (removed == 0)
        puts("all is well");
    else
        printf("removed " COUNT " object%s, " COUNT " record%s, " COUNT " download%s; the next build makes anew what "
               "it needs\n",
               report->damaged_objects, plural(report->damaged_objects), report->dropped_records,
               plural(report->dropped_records), report->damaged_downloads, plural(report->damaged_downloads));
}

static Error *cache_verify(Globals *globals, Store *store, int *exit_out) {
    VerifyReport report;
    JsonWriter writer;
    AUTO_BUF Buf json;
    begin_json(&writer, &json, "minimal.cache.verify.1");
    json_key(&writer, "findings");
    json_open_array(&writer);
    Notes notes = {globals->json ? &writer : NULL};
    TRY(store_verify(store, globals->cancel, take_note, &notes, &report));
    json_close_array(&writer);
    bool is_sound = report.damaged_objects + report.dropped_records + report.damaged_downloads == 0;
    *exit_out = is_sound ? EXIT_OK : EXIT_FAILED;
    if (!globals->json) {
        print_verify(&report);
        return NULL;
    }
    const Number numbers[] = {{"objects", report.objects},
                              {"files", report.files},
                              {"file_bytes", report.file_bytes},
                              {"records", report.records},
                              {"downloads", report.downloads},
                              {"damaged_objects", report.damaged_objects},
                              {"dropped_records", report.dropped_records},
                              {"damaged_downloads", report.damaged_downloads},
                              {"strays", report.strays}};
    add_numbers(&writer, numbers, ARRAY_LEN(numbers));
    end_json(&writer, &json);
    return NULL;
}

// ---- info ----

static Error *cache_info(Globals *globals, Store *store, int *exit_out) {
    StoreInfo info;
    TRY(store_info(store, &info));
    *exit_out = EXIT_OK;
    if (!globals->json) {
        printf("store      %s\n", store_path(store));
        printf("objects    " COUNT " (" COUNT " file%s, %s)\n", info.objects, info.object_files,
               plural(info.object_files), size_text(info.object_bytes).text);
        printf("records    " COUNT "\n", info.records);
        printf("downloads  " COUNT " (%s)\n", info.downloads, size_text(info.download_bytes).text);
        printf("kept       " COUNT "\n", info.kept);
        return NULL;
    }
    AUTO_BUF Buf json;
    JsonWriter writer;
    begin_json(&writer, &json, "minimal.cache.info.1");
    json_key(&writer, "store");
    json_cstring(&writer, store_path(store));
    const Number numbers[] = {
        {"objects", info.objects}, {"object_files", info.object_files}, {"object_bytes", info.object_bytes},
        {"records", info.records}, {"downloads", info.downloads},       {"download_bytes", info.download_bytes},
        {"kept", info.kept}};
    add_numbers(&writer, numbers, ARRAY_LEN(numbers));
    end_json(&writer, &json);
    return NULL;
}

// ---- add ----

static Error *stage_file(const char *path, const Staging *staging, Hash *hash_out) {
    AUTO_FD int in = -1, out = -1;
    TRY(fd_open(AT_FDCWD, path, O_RDONLY | O_NOCTTY, 0, &in));
    TRY(fd_open(staging_dirfd(staging), "file", O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600, &out));
    TRY_CTX(fd_copy(in, out), "%s", path);
    if (lseek(out, 0, SEEK_SET) < 0)
        return error_sys(errno, "cannot read the copy of %s", path);
    TRY_CTX(hash_fd(out, hash_out, NULL), "%s", path);
    return NULL;
}

static Error *cache_add(Globals *globals, Store *store, const char *path) {
    AUTO_STAGING Staging *staging = NULL;
    Hash hash;
    TRY(staging_new(store, &staging));
    TRY(stage_file(path, staging, &hash));
    TRY_CTX(store_add_download(store, staging, "file", hash), "cannot keep %s", path);
    if (!globals->json) {
        printf("%s  %s\n", hash_hex(hash).text, path);
        return NULL;
    }
    AUTO_BUF Buf json;
    JsonWriter writer;
    begin_json(&writer, &json, "minimal.cache.add.1");
    json_key(&writer, "path");
    json_cstring(&writer, path);
    json_key(&writer, "sha256");
    json_cstring(&writer, hash_hex(hash).text);
    end_json(&writer, &json);
    return NULL;
}

static Error *cache_add_all(Globals *globals, Store *store, int argc, char **argv, int *exit_out) {
    for (int i = 2; i < argc; i++) {
        TRY(cancel_check(globals->cancel));
        TRY(cache_add(globals, store, argv[i]));
    }
    *exit_out = EXIT_OK;
    return NULL;
}

// ---- gc ----

static Error *cache_gc(Globals *globals, Store *store, bool dry_run, int *exit_out) {
    enum { UNUSED_DAYS = 30, DAY_S = 24 * 60 * 60 };
    GcReport report;
    JsonWriter writer;
    AUTO_BUF Buf json;
    begin_json(&writer, &json, "minimal.cache.gc.1");
    json_key(&writer, "removed");
    json_open_array(&writer);
    Notes notes = {globals->json ? &writer : NULL};
    GcOptions options = {.unused_s = (uint64_t)UNUSED_DAYS * DAY_S, .dry_run = dry_run};
    TRY(store_gc(store, &options, take_note, &notes, &report));
    json_close_array(&writer);
    *exit_out = EXIT_OK;
    if (!globals->json) {
        printf("%s " COUNT " object%s, " COUNT " record%s, " COUNT " download%s, " COUNT " kept build%s: %s that "
               "nothing used for %d days\n",
               dry_run ? "would remove" : "removed", report.objects, plural(report.objects), report.records,
               plural(report.records), report.downloads, plural(report.downloads), report.kept, plural(report.kept),
               size_text(report.freed_bytes).text, UNUSED_DAYS);
        return NULL;
    }
    json_key(&writer, "dry_run");
    json_bool(&writer, dry_run);
    const Number numbers[] = {{"objects", report.objects},
                              {"records", report.records},
                              {"downloads", report.downloads},
                              {"kept", report.kept},
                              {"freed_bytes", report.freed_bytes}};
    add_numbers(&writer, numbers, ARRAY_LEN(numbers));
    end_json(&writer, &json);
    return NULL;
}

// ---- the verb ----

static Error *unknown_word(const char *word) {
    static const Str names[] = {{"verify", 6}, {"info", 4}, {"add", 3}, {"gc", 2}};
    Str nearest = str_nearest(str_from(word), names, ARRAY_LEN(names));
    Error *error = error_new(ERROR_USAGE, "'%s' is nothing that `minimal cache` does", word);
    if (nearest.ptr)
        return error_hint(error, "did you mean `minimal cache %.*s`?", STR_ARG(nearest));
    return error_hint(error, "it does verify, info, add FILE... and gc");
}

Error *cmd_cache(Globals *globals, int argc, char **argv, int *exit_out) {
    bool dry_run = false;
    const Option options[] = {{.name = "--dry-run", .flag = &dry_run}};
    TRY(cmd_options(globals, options, ARRAY_LEN(options), false, &argc, argv));
    if (argc < 2)
        return error_hint(error_new(ERROR_USAGE, "`minimal cache` needs to know what to do"),
                          "it does verify, info, add FILE... and gc");
    const char *word = argv[1];
    bool is_add = strcmp(word, "add") == 0, is_gc = strcmp(word, "gc") == 0;
    if (!is_add && !is_gc && strcmp(word, "verify") != 0 && strcmp(word, "info") != 0)
        return unknown_word(word);
    if (dry_run && !is_gc)
        return error_new(ERROR_USAGE, "--dry-run goes with `minimal cache gc`, not with %s", word);
    if (is_add && argc < 3)
        return error_new(ERROR_USAGE, "`minimal cache add` needs a file");
    if (!is_add && argc > 2)
        return error_new(ERROR_USAGE, "`minimal cache %s` takes no '%s'", word, argv[2]);
    AUTO_STORE Store *store = NULL;
    TRY(open_store(globals, &store));
    if (is_add)
        return cache_add_all(globals, store, argc, argv, exit_out);
    if (is_gc)
        return cache_gc(globals, store, dry_run, exit_out);
    if (strcmp(word, "verify") == 0)
        return cache_verify(globals, store, exit_out);
    return cache_info(globals, store, exit_out);
}

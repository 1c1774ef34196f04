// Reads config.toml. As in minimal.toml a key that nobody knows is an error: a limit with a misspelt name would be none.
#include "cmd/settings.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/toml.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum { TIME_MAX_S = 366 * 24 * 3600, DISK_MAX_MIB = 1 << 30 };

typedef struct Reader {
    Arena *arena;
    Str file, text;
} Reader;

static Error *at(const Reader *reader, uint32_t line, uint32_t column, Error *error) {
    return error_at(error, (SourceSpan){.file = reader->file, .line = line, .column = column, .source = reader->text});
}

static Error *expect(const Reader *reader, const TomlValue *value, TomlType type, const char *name) {
    if (value->type == type)
        return NULL;
    return at(reader, value->line, value->column,
              error_new(ERROR_INVALID, "%s must be %s, not %s", name, toml_type_name(type), toml_type_name(value->type)));
}

static Error *unknown(const Reader *reader, const TomlEntry *entry, const char *where, const Str *names, size_t count) {
    Str nearest = str_nearest(entry->key, names, count);
    Error *error = at(reader, entry->line, entry->column,
                      error_new(ERROR_INVALID, "%s has no '%.*s'", where, STR_ARG(entry->key)));
    return nearest.ptr ? error_hint(error, "did you mean '%.*s'?", STR_ARG(nearest)) : error;
}

// ---- [limits] ----

static Error *read_limits(const Reader *reader, const TomlValue *table, BoxLimits *out) {
    static const Str names[] = {{"idle_timeout_s", 14}, {"total_timeout_s", 15}, {"disk_mib", 8}};
    static const int64_t most[] = {TIME_MAX_S, TIME_MAX_S, DISK_MAX_MIB};
    int64_t values[ARRAY_LEN(names)] = {0};
    TRY(expect(reader, table, TOML_TABLE, "[limits]"));
    for (size_t i = 0; i < table->count; i++) {
        const TomlEntry *entry = &table->entries[i];
        size_t which = 0;
        while (which < ARRAY_LEN(names) && !str_eq(entry->key, names[which]))
            which++;
        if (which == ARRAY_LEN(names))
            return unknown(reader, entry, "[limits]", names, ARRAY_LEN(names));
        TRY(expect(reader, entry->value, TOML_INTEGER, names[which].ptr));
        values[which] = entry->value->integer;
        if (values[which] < 1 || values[which] > most[which])
            return at(reader, entry->value->line, entry->value->column,
                      error_new(ERROR_INVALID, "%s must be from 1 to %lld", names[which].ptr, (long long)most[which]));
    }
    *out = (BoxLimits){.idle_timeout_s = (uint32_t)values[0],
                       .total_timeout_s = (uint32_t)values[1],
                       .disk_bytes = (uint64_t)values[2] << 20};
    return NULL;
}

// ---- [mirrors] ----

static Error *read_mirror(const Reader *reader, const TomlEntry *entry, Mirror *out) {
    const TomlValue *array = entry->value;
    TRY(expect(reader, array, TOML_ARRAY, "a mirror"));
    Str *bases = ARENA_ARRAY(reader->arena, Str, array->count);
    for (size_t i = 0; i < array->count; i++) {
        TRY(expect(reader, array->items[i], TOML_STRING, "each base of a mirror"));
        bases[i] = array->items[i]->text;
        if (!str_starts_with(bases[i], STR("https://")) && !str_starts_with(bases[i], STR("http://")) &&
            !str_starts_with(bases[i], STR("file://")))
            return at(reader, array->items[i]->line, array->items[i]->column,
                      error_new(ERROR_INVALID, "a mirror is an http, https or file URL, not '%.*s'", STR_ARG(bases[i])));
    }
    *out = (Mirror){entry->key, {bases, array->count}};
    return NULL;
}

static Error *read_mirrors(const Reader *reader, const TomlValue *table, Settings *out) {
    TRY(expect(reader, table, TOML_TABLE, "[mirrors]"));
    Mirror *mirrors = ARENA_ARRAY(reader->arena, Mirror, table->count);
    for (size_t i = 0; i < table->count; i++)
        TRY(read_mirror(reader, &table->entries[i], &mirrors[i]));
    out->mirrors = mirrors;
    out->mirror_count = table->count;
    return NULL;
}

// ---- the file ----

static const char *settings_path(Arena *arena) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/')
        return path_join(arena, str_from(config), STR("minimal/config.toml")).ptr;
    if (home && home[0] == '/')
        return path_join(arena, str_from(home), STR(".config/minimal/config.toml")).ptr;
    return NULL;
}

static Error *read_text(Arena *arena, const char *path, bool *found_out, Str *out) {
    AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    *found_out = fd >= 0 || (errno != ENOENT && errno != ENOTDIR);
    if (!*found_out)
        return NULL;
    if (fd < 0)
        return error_sys(errno, "cannot read %s", path);
    AUTO_BUF Buf text;
    buf_init(&text, TOML_SIZE_MAX);
    TRY_CTX(fd_read_all(fd, &text), "cannot read %s", path);
    *out = arena_str(arena, buf_str(&text));
    return NULL;
}

Error *settings_read(Arena *arena, Settings *out) {
    static const Str names[] = {{"limits", 6}, {"mirrors", 7}};
    *out = (Settings){0};
    const char *path = settings_path(arena);
    bool found = false;
    Str text;
    if (path)
        TRY(read_text(arena, path, &found, &text));
    if (!found)
        return NULL;
    Reader reader = {.arena = arena, .file = str_from(path), .text = text};
    TomlValue *root;
    TRY(toml_parse(arena, reader.file, text, &root));
    for (size_t i = 0; i < root->count; i++) {
        const TomlEntry *entry = &root->entries[i];
        if (str_is(entry->key, "limits"))
            TRY(read_limits(&reader, entry->value, &out->limits));
        else if (str_is(entry->key, "mirrors"))
            TRY(read_mirrors(&reader, entry->value, out));
        else
            return unknown(&reader, entry, "config.toml", names, ARRAY_LEN(names));
    }
    return NULL;
}

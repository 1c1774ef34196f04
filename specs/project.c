// Reads minimal.toml. A key that nobody knows is an error and not a warning: a misspelt `upstream` would otherwise
// build something else than what was meant.
#include "specs/project.h"
#include "base/path.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_file(Arena *arena, Str dir, const char *name) {
    struct stat stat_buf;
    return stat(path_join(arena, dir, str_from(name)).ptr, &stat_buf) == 0 && !S_ISDIR(stat_buf.st_mode);
}

static bool is_directory(Arena *arena, Str dir, const char *name) {
    struct stat stat_buf;
    return stat(path_join(arena, dir, str_from(name)).ptr, &stat_buf) == 0 && S_ISDIR(stat_buf.st_mode);
}

static Error *both_files(Str dir) {
    return error_hint(error_new(ERROR_CONFLICT, "%.*s has both minimal.toml and .minimal/minimal.toml", STR_ARG(dir)),
                      "remove one of them");
}

Error *project_find(Arena *arena, Str start, Str home, Str *dir_out) {
    for (Str dir = start;; dir = path_dir(dir)) {
        if (dir.len != start.len && str_eq(dir, home))
            break;
        bool plain = is_file(arena, dir, "minimal.toml"), hidden = is_file(arena, dir, ".minimal/minimal.toml");
        if (plain && hidden)
            return both_files(dir);
        if (plain || hidden) {
            *dir_out = hidden ? path_join(arena, dir, STR(".minimal")) : arena_str(arena, dir);
            return NULL;
        }
        if (str_is(dir, "/"))
            break;
    }
    if (is_directory(arena, start, "packages")) {
        *dir_out = arena_str(arena, start);
        return NULL;
    }
    return error_hint(error_new(ERROR_NOT_FOUND, "there is no minimal.toml in %.*s, nor above it", STR_ARG(start)),
                      "an empty minimal.toml makes a directory a layer; -C DIR works in another one");
}

// ---- reading ----

typedef struct Reader {
    Arena *arena;
    Str file, text;
    Project *project;
} Reader;

static SourceSpan span_at(const Reader *reader, uint32_t line, uint32_t column) {
    return (SourceSpan){.file = reader->file, .line = line, .column = column, .source = reader->text};
}

static SourceSpan value_span(const Reader *reader, const TomlValue *value) {
    return span_at(reader, value->line, value->column);
}

static SourceSpan entry_span(const Reader *reader, const TomlEntry *entry) {
    return span_at(reader, entry->line, entry->column);
}

static Error *expect(const Reader *reader, const TomlValue *value, TomlType type, const char *name) {
    if (value->type == type)
        return NULL;
    return error_at(
        error_new(ERROR_INVALID, "%s must be %s, not %s", name, toml_type_name(type), toml_type_name(value->type)),
        value_span(reader, value));
}

static Error *only_keys(const Reader *reader, const TomlValue *table, const char *where, const char *const *names,
                        size_t count) {
    for (size_t i = 0; i < table->count; i++) {
        bool known = false;
        for (size_t j = 0; j < count; j++)
            known = known || str_is(table->entries[i].key, names[j]);
        if (known)
            continue;
        Str *all = ARENA_ARRAY(reader->arena, Str, count);
        for (size_t j = 0; j < count; j++)
            all[j] = str_from(names[j]);
        Str nearest = str_nearest(table->entries[i].key, all, count);
        Error *error = error_at(error_new(ERROR_INVALID, "%s has no '%.*s'", where, STR_ARG(table->entries[i].key)),
                                entry_span(reader, &table->entries[i]));
        return nearest.ptr ? error_hint(error, "did you mean '%.*s'?", STR_ARG(nearest)) : error;
    }
    return NULL;
}

// The value under either name; both at once is an error.
static Error *either(const Reader *reader, const TomlValue *table, const char *name, const char *alias,
                     TomlValue **out) {
    TomlValue *first = toml_get(table, name), *second = toml_get(table, alias);
    if (first && second)
        return error_at(error_new(ERROR_INVALID, "'%s' and '%s' are two names for one thing: keep one", name, alias),
                        value_span(reader, second));
    *out = first ? first : second;
    return NULL;
}

static Error *string_items(const Reader *reader, const TomlValue *array, const char *name, StrSlice *out) {
    TRY(expect(reader, array, TOML_ARRAY, name));
    Str *items = ARENA_ARRAY(reader->arena, Str, array->count);
    for (size_t i = 0; i < array->count; i++) {
        TRY(expect(reader, array->items[i], TOML_STRING, "each item"));
        items[i] = array->items[i]->text;
    }
    *out = (StrSlice){items, array->count};
    return NULL;
}

// ---- [stdlib] ----

// Three numbers with dots between them.
static bool parse_version(Str text, uint64_t out[3]) {
    Str rest = text, part;
    size_t count = 0;
    while (str_cut(&rest, '.', &part))
        if (count == 3 || !str_parse_u64(part, &out[count++]))
            return false;
    return count == 3;
}

static Error *read_stdlib(const Reader *reader, const TomlValue *table) {
    static const char *const keys[] = {"minimum_version", "min_version"};
    TRY(expect(reader, table, TOML_TABLE, "[stdlib]"));
    TRY(only_keys(reader, table, "[stdlib]", keys, ARRAY_LEN(keys)));
    TomlValue *wanted;
    TRY(either(reader, table, keys[0], keys[1], &wanted));
    if (!wanted)
        return NULL;
    TRY(expect(reader, wanted, TOML_STRING, "minimum_version"));
    uint64_t minimum[3], ours[3];
    BUG_UNLESS(parse_version(STR(MINIMAL_VERSION), ours));
    if (!parse_version(wanted->text, minimum))
        return error_at(
            error_new(ERROR_INVALID, "'%.*s' is no version: three numbers are, as in \"0.1.0\"", STR_ARG(wanted->text)),
            value_span(reader, wanted));
    for (int i = 0; i < 3; i++) {
        if (minimum[i] < ours[i])
            break;
        if (minimum[i] > ours[i])
            return error_hint(
                error_at(error_new(ERROR_INVALID, "the layer needs minimal %.*s or newer; this is " MINIMAL_VERSION,
                                   STR_ARG(wanted->text)),
                         value_span(reader, wanted)),
                "update minimal");
    }
    return NULL;
}

// ---- [mirrors] ----

static Error *read_mirrors(const Reader *reader, const TomlValue *table) {
    TRY(expect(reader, table, TOML_TABLE, "[mirrors]"));
    Mirror *mirrors = ARENA_ARRAY(reader->arena, Mirror, table->count);
    for (size_t i = 0; i < table->count; i++) {
        const TomlEntry *entry = &table->entries[i];
        mirrors[i].name = entry->key;
        TRY(string_items(reader, entry->value, "a mirror", &mirrors[i].bases));
        for (size_t j = 0; j < mirrors[i].bases.count; j++) {
            Str base = mirrors[i].bases.items[j];
            if (!str_starts_with(base, STR("https://")) && !str_starts_with(base, STR("http://")) &&
                !str_starts_with(base, STR("file://")))
                return error_at(
                    error_new(ERROR_INVALID, "a mirror is an http, https or file URL, not '%.*s'", STR_ARG(base)),
                    value_span(reader, entry->value->items[j]));
        }
    }
    reader->project->mirrors = mirrors;
    reader->project->mirror_count = table->count;
    return NULL;
}

// ---- [params] ----

static bool same_word(Str text, const char *word) {
    return text.len == strlen(word) && strncasecmp(text.ptr, word, text.len) == 0;
}

// "[a, b, "c d"]": the strings that are allowed.
static bool parse_choices(Reader *reader, Str text, StrSlice *out) {
    text = str_trim(text);
    if (text.len < 2 || text.ptr[0] != '[' || text.ptr[text.len - 1] != ']')
        return false;
    Str rest = str_slice(text, 1, text.len - 1), part;
    VEC(Str) items = {0};
    bool valid = true;
    while (str_cut(&rest, ',', &part)) {
        part = str_trim(part);
        if (part.len >= 2 && part.ptr[0] == '"' && part.ptr[part.len - 1] == '"')
            part = str_slice(part, 1, part.len - 1);
        valid = valid && part.len > 0 && str_find_byte(part, '"') < 0;
        vec_push(&items, part);
    }
    *out = (StrSlice){arena_dup(reader->arena, items.items, items.count * sizeof(Str)), items.count};
    vec_release(&items);
    return valid;
}

static Error *read_param_type(Reader *reader, const TomlValue *type, Param *param) {
    if (!type)
        return NULL; // a string
    if (type->type == TOML_ARRAY)
        return string_items(reader, type, "type", &param->choices);
    TRY(expect(reader, type, TOML_STRING, "type"));
    if (same_word(type->text, "string"))
        param->type = PARAM_STRING;
    else if (same_word(type->text, "number"))
        param->type = PARAM_NUMBER;
    else if (same_word(type->text, "bool") || same_word(type->text, "boolean"))
        param->type = PARAM_BOOL;
    else if (same_word(type->text, "array string"))
        param->type = PARAM_STRINGS;
    else if (!parse_choices(reader, type->text, &param->choices))
        return error_hint(error_at(error_new(ERROR_INVALID, "'%.*s' is no type of a parameter", STR_ARG(type->text)),
                                   value_span(reader, type)),
                          "types are string, number, bool, Array string and \"[one, of, these]\"");
    return NULL;
}

// A number as Nickel reads it too: digits, a fraction, an exponent, a sign.
static bool is_number(Str text) {
    size_t i = 0, digits = 0;
    if (i < text.len && text.ptr[i] == '-')
        i++;
    for (; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
        digits++;
    if (i < text.len && text.ptr[i] == '.' && digits)
        for (i++, digits = 0; i < text.len && text.ptr[i] >= '0' && text.ptr[i] <= '9'; i++)
            digits++;
    return i == text.len && digits > 0;
}

static bool take_number(Reader *reader, const TomlValue *value, Param *param) {
    if (value->type == TOML_INTEGER)
        param->text = arena_printf(reader->arena, "%lld", (long long)value->integer);
    else if (value->type == TOML_FLOAT)
        param->text = arena_printf(reader->arena, "%.17g", value->number);
    else
        param->text = str_trim(value->text);
    return (value->type == TOML_INTEGER || value->type == TOML_FLOAT || value->type == TOML_STRING) &&
           is_number(param->text);
}

static bool take_bool(const TomlValue *value, Param *param) {
    param->boolean = value->type == TOML_BOOL ? value->boolean : str_is(value->text, "true");
    return value->type == TOML_BOOL ||
           (value->type == TOML_STRING && (str_is(value->text, "true") || str_is(value->text, "false")));
}

static bool is_choice(const Param *param, Str text) {
    for (size_t i = 0; i < param->choices.count; i++)
        if (str_eq(param->choices.items[i], text))
            return true;
    return param->choices.count == 0;
}

static Error *take_param_value(Reader *reader, const TomlValue *value, Param *param) {
    static const char *const wanted[] = {"a string", "a number", "true or false", "an array of strings"};
    bool fits = false;
    switch (param->type) {
    case PARAM_STRING:
        param->text = value->text;
        fits = value->type == TOML_STRING;
        if (fits && !is_choice(param, value->text))
            return error_at(error_new(ERROR_INVALID, "'%.*s' is none of the choices for the parameter '%.*s'",
                                      STR_ARG(value->text), STR_ARG(param->name)),
                            value_span(reader, value));
        break;
    case PARAM_NUMBER:
        fits = take_number(reader, value, param);
        break;
    case PARAM_BOOL:
        fits = take_bool(value, param);
        break;
    case PARAM_STRINGS:
        return string_items(reader, value, "the value", &param->items);
    }
    if (fits)
        return NULL;
    return error_at(
        error_new(ERROR_INVALID, "the parameter '%.*s' must be %s", STR_ARG(param->name), wanted[param->type]),
        value_span(reader, value));
}

static Error *read_param(Reader *reader, const TomlEntry *entry, Param *param) {
    static const char *const keys[] = {"type", "default", "help"};
    param->name = entry->key;
    const TomlValue *spec = entry->value, *preset = NULL;
    if (spec->type == TOML_TABLE) {
        TRY(only_keys(reader, spec, "a parameter", keys, ARRAY_LEN(keys)));
        TRY(read_param_type(reader, toml_get(spec, "type"), param));
        preset = toml_get(spec, "default");
    }
    if (!preset)
        return error_hint(
            error_at(error_new(ERROR_INVALID, "the parameter '%.*s' has no default", STR_ARG(param->name)),
                     entry_span(reader, entry)),
            "%.*s = { type = \"string\", default = \"...\" }", STR_ARG(param->name));
    return take_param_value(reader, preset, param);
}

static Error *read_params(Reader *reader, const TomlValue *table) {
    TRY(expect(reader, table, TOML_TABLE, "[params]"));
    Param *items = ARENA_ARRAY(reader->arena, Param, table->count);
    for (size_t i = 0; i < table->count; i++)
        TRY(read_param(reader, &table->entries[i], &items[i]));
    reader->project->params = (Params){items, table->count};
    return NULL;
}

Error *project_params(Arena *arena, const Project *project, const LayerLink *link, Str file, Params *out) {
    *out =
        (Params){arena_dup(arena, project->params.items, project->params.count * sizeof(Param)), project->params.count};
    Reader reader = {.arena = arena, .file = file, .text = link->span.source};
    for (size_t i = 0; link->params && i < link->params->count; i++) {
        const TomlEntry *entry = &link->params->entries[i];
        Param *found = NULL;
        for (size_t j = 0; j < out->count; j++)
            if (str_eq(out->items[j].name, entry->key))
                found = &out->items[j];
        if (!found)
            return error_at(error_new(ERROR_INVALID, "the layer %.*s has no parameter '%.*s'", STR_ARG(project->dir),
                                      STR_ARG(entry->key)),
                            entry_span(&reader, entry));
        TRY(take_param_value(&reader, entry->value, found));
    }
    return NULL;
}

// ---- [upstream] ----

static Error *read_link(Reader *reader, const TomlValue *table, const char *where, LayerLink *out) {
    const TomlValue *dir = toml_get(table, "dir");
    out->span = value_span(reader, table);
    if (!dir && toml_get(table, "repo"))
        return error_hint(
            error_at(error_new(ERROR_INVALID, "%s names a git repository; layers are directories here", where),
                     value_span(reader, toml_get(table, "repo"))),
            "clone the repository, and write `dir = \"PATH\"` instead of repo, branch and locked_commit");
    if (!dir)
        return error_at(error_new(ERROR_INVALID, "%s needs a `dir`", where), out->span);
    TRY(expect(reader, dir, TOML_STRING, "dir"));
    if (dir->text.len == 0)
        return error_at(error_new(ERROR_INVALID, "dir is empty"), value_span(reader, dir));
    out->span = value_span(reader, dir);
    out->dir = path_clean(reader->arena, path_join(reader->arena, reader->project->dir, dir->text));
    return NULL;
}

static Error *read_sideloads(Reader *reader, const TomlValue *array) {
    static const char *const keys[] = {"dir", "repo", "branch", "locked_commit", "params"};
    TRY(expect(reader, array, TOML_ARRAY, "sideloads"));
    LayerLink *links = ARENA_ARRAY(reader->arena, LayerLink, array->count);
    for (size_t i = 0; i < array->count; i++) {
        TRY(expect(reader, array->items[i], TOML_TABLE, "a sideload"));
        TRY(only_keys(reader, array->items[i], "a sideload", keys, ARRAY_LEN(keys)));
        TRY(read_link(reader, array->items[i], "a sideload", &links[i]));
        links[i].params = toml_get(array->items[i], "params");
        if (links[i].params)
            TRY(expect(reader, links[i].params, TOML_TABLE, "params"));
    }
    reader->project->sideloads = links;
    reader->project->sideload_count = array->count;
    return NULL;
}

static Error *read_upstream(Reader *reader, const TomlValue *table) {
    static const char *const keys[] = {"dir", "repo", "branch", "locked_commit", "sideload", "sideloads"};
    TRY(expect(reader, table, TOML_TABLE, "[upstream]"));
    TRY(only_keys(reader, table, "[upstream]", keys, ARRAY_LEN(keys)));
    TomlValue *sideloads;
    TRY(either(reader, table, "sideloads", "sideload", &sideloads));
    if (sideloads)
        TRY(read_sideloads(reader, sideloads));
    if (sideloads && !toml_get(table, "dir") && !toml_get(table, "repo"))
        return NULL; // sideloads on no upstream
    reader->project->has_upstream = true;
    return read_link(reader, table, "[upstream]", &reader->project->upstream);
}

// ---- the file ----

static Error *read_sections(Reader *reader, const TomlValue *root) {
    static const char *const keys[] = {"upstream", "base",    "params", "mirrors", "legacy", "stdlib", // read here
                                       "defaults", "default", "stack",  "harness", "tasks",  "profiles",
                                       "outputs",  "session", "cache"};
    TRY(only_keys(reader, root, "minimal.toml", keys, ARRAY_LEN(keys)));
    TomlValue *upstream;
    const TomlValue *legacy = toml_get(root, "legacy"), *stdlib = toml_get(root, "stdlib");
    const TomlValue *mirrors = toml_get(root, "mirrors"), *params = toml_get(root, "params");
    TRY(either(reader, root, "upstream", "base", &upstream));
    if (stdlib)
        TRY(read_stdlib(reader, stdlib));
    if (legacy)
        TRY(expect(reader, legacy, TOML_BOOL, "legacy"));
    reader->project->legacy = legacy && legacy->boolean;
    if (mirrors)
        TRY(read_mirrors(reader, mirrors));
    if (params)
        TRY(read_params(reader, params));
    return upstream ? read_upstream(reader, upstream) : NULL;
}

Error *project_read(Stamps *stamps, Arena *arena, Str dir, Project *out) {
    *out = (Project){.dir = dir, .file = STR("")};
    Str file = path_clean(arena, path_join(arena, dir, STR("minimal.toml"))), text;
    const Stamp *stamp;
    TRY(stamps_file(stamps, file, arena, &stamp, &text));
    if (!stamp)
        return NULL;
    out->file = file;
    TomlValue *root;
    TRY(toml_parse(arena, file, text, &root));
    Reader reader = {.arena = arena, .file = file, .text = text, .project = out};
    return read_sections(&reader, root);
}

// Files: found, read and parsed at most once each, by clean path. A file's value is one shared thunk, so that files may
// import each other in circles as long as no value needs itself.
#include "base/fd.h"
#include "base/map.h"
#include "base/path.h"
#include "specs/lang/data.h"
#include "specs/lang/eval.h"
#include "specs/lang/parse.h"
#include "specs/lang/scope.h"
#include "specs/lang/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { MAX_FILES = UINT16_MAX, CHAIN_MAX = 8 };

// ---- the host's files ----

static Error *read_host_file(Arena *arena, Str path, Str *out) {
    AUTO_FD int fd = open(arena_cstr(arena, path), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        ErrorKind kind = errno == ENOENT || errno == ENOTDIR ? ERROR_NOT_FOUND : ERROR_SYSTEM;
        return kind == ERROR_NOT_FOUND ? error_new(kind, "no file %.*s", STR_ARG(path))
                                       : error_sys(errno, "open %.*s", STR_ARG(path));
    }
    struct stat st;
    if (fstat(fd, &st))
        return error_sys(errno, "stat %.*s", STR_ARG(path));
    if (!S_ISREG(st.st_mode))
        return error_new(ERROR_NOT_FOUND, "%.*s is not a regular file", STR_ARG(path));
    if (st.st_size > SOURCE_MAX_BYTES)
        return error_new(ERROR_LIMIT, "%.*s is larger than %d MiB", STR_ARG(path), SOURCE_MAX_BYTES / (1024 * 1024));
    char *text = arena_alloc(arena, (size_t)st.st_size + 1);
    size_t have = 0;
    while (have < (size_t)st.st_size) {
        ssize_t n = read(fd, text + have, (size_t)st.st_size - have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_sys(errno, "read %.*s", STR_ARG(path));
        if (n == 0)
            break;
        have += (size_t)n;
    }
    text[have] = '\0';
    *out = (Str){text, have};
    return NULL;
}

static Error *load(Lang *lang, Str path, Str *out) {
    if (lang->loader.load)
        return lang->loader.load(lang->loader.context, path, out);
    return read_host_file(lang->arena, path, out);
}

// ---- the table of files ----

static Error *add_file(Lang *lang, Str key, Str path, Str dir, Str text, uint8_t format, const AstNode *import,
                       LoadedFile **out) {
    if (lang->file_count == MAX_FILES)
        return error_new(ERROR_LIMIT, "more than %d files in one evaluation", MAX_FILES);
    if (lang->file_count == lang->file_cap) {
        lang->file_cap = lang->file_cap ? lang->file_cap * 2 : 64;
        lang->files = mem_realloc(lang->files, lang->file_cap, sizeof(LoadedFile *));
    }
    LoadedFile *file = ARENA_NEW(lang->arena, LoadedFile);
    file->source = (SourceFile){.path = path, .text = text, .index = (uint16_t)lang->file_count};
    file->dir = dir;
    file->format = format;
    file->import = import;
    file->value = value_new(lang, THUNK_FILE, NULL);
    file->value->file = (uint32_t)lang->file_count;
    lang->files[lang->file_count++] = file;
    lang->source_bytes += text.len;
    map_put(lang->file_index, key, file);
    *out = file;
    return NULL;
}

// The same file may be imported as two formats, which are two values.
static Str file_key(Lang *lang, Str path, uint8_t format) {
    static const char letters[] = {'?', 'n', 'j', 'y', 't', 'x'};
    char *key = arena_alloc(lang->arena, path.len + 2);
    key[0] = letters[format];
    key[1] = ':';
    memcpy(key + 2, path.ptr, path.len);
    return (Str){key, path.len + 2};
}

static uint8_t format_of(Str path, uint8_t asked) {
    if (asked != IMPORT_BY_EXTENSION)
        return asked;
    if (str_ends_with(path, STR(".json")))
        return IMPORT_JSON;
    if (str_ends_with(path, STR(".yaml")) || str_ends_with(path, STR(".yml")))
        return IMPORT_YAML;
    if (str_ends_with(path, STR(".toml")))
        return IMPORT_TOML;
    return str_ends_with(path, STR(".txt")) ? IMPORT_TEXT : IMPORT_NICKEL;
}

// *out NULL when there is no such file.
static Error *open_file(Lang *lang, Str path, uint8_t format, const AstNode *import, LoadedFile **out) {
    format = format_of(path, format);
    Str key = file_key(lang, path, format), text;
    *out = map_get(lang->file_index, key);
    if (*out)
        return NULL;
    Error *error = load(lang, path, &text);
    if (error && error_kind(error) == ERROR_NOT_FOUND) {
        error_free(error);
        return NULL;
    }
    TRY(error);
    return add_file(lang, key, path, path_dir(path), text, format, import, out);
}

static Error *open_module(Lang *lang, Str name, const AstNode *import, LoadedFile **out) {
    for (size_t i = 0; i < lang->module_count; i++) {
        const LangModule *module = &lang->modules[i];
        if (!str_eq(module->name, name))
            continue;
        Str key = arena_printf(lang->arena, "<built-in>/%.*s", STR_ARG(name));
        *out = map_get(lang->file_index, key);
        if (*out)
            return NULL;
        return add_file(lang, key, key, STR_NULL, module->text, IMPORT_NICKEL, import, out);
    }
    *out = NULL;
    return NULL;
}

// ---- finding what an import names ----

enum { NEAR_NAMES_MAX = 4096 };

// The nearest name in a directory of the host; STR_NULL when there is none. For messages alone.
static Str nearest_in_dir(Lang *lang, Str dir, Str wanted) {
    AUTO_DIR DIR *stream = opendir(arena_cstr(lang->arena, dir));
    Str *names = ARENA_ARRAY(lang->arena, Str, NEAR_NAMES_MAX);
    size_t count = 0;
    for (struct dirent *entry; stream && count < NEAR_NAMES_MAX && (entry = readdir(stream));)
        if (entry->d_name[0] != '.')
            names[count++] = arena_str(lang->arena, str_from(entry->d_name));
    return str_nearest(wanted, names, count);
}

// What was probably meant by a path that leads nowhere: its first component that is not there, put right.
static Str nearest_path(Lang *lang, Str dir, Str path) {
    Str rest = path, part, done = STR("");
    Str at = dir;
    while (str_cut(&rest, '/', &part)) {
        Str next = path_clean(lang->arena, path_join(lang->arena, at, part));
        struct stat st;
        if (stat(arena_cstr(lang->arena, next), &st)) {
            Str near = nearest_in_dir(lang, at, part);
            return near.ptr ? arena_printf(lang->arena, "%.*s%.*s%s%.*s", STR_ARG(done), STR_ARG(near),
                                           rest.ptr ? "/" : "", STR_ARG(rest))
                            : STR_NULL;
        }
        done = arena_printf(lang->arena, "%.*s%.*s/", STR_ARG(done), STR_ARG(part));
        at = next;
    }
    return STR_NULL;
}

static Error *not_found(Lang *lang, const AstNode *node, Str path, Str dir) {
    AUTO_BUF Buf looked;
    buf_init(&looked, 64 * 1024);
    if (dir.ptr)
        buf_printf(&looked, "%.*s", STR_ARG(dir));
    for (size_t i = 0; i < lang->import_paths.count; i++)
        buf_printf(&looked, "%s%.*s", looked.len ? ", " : "", STR_ARG(lang->import_paths.items[i]));
    buf_printf(&looked, "%sthe built-in modules", looked.len ? ", " : "");
    Error *error =
        eval_error(lang, node, "could not find import `%.*s` (looked in %s)", STR_ARG(path), buf_cstr(&looked));
    Str *names = ARENA_ARRAY(lang->arena, Str, lang->module_count + 1);
    size_t count = 0;
    for (size_t i = 0; i < lang->module_count; i++)
        names[count++] = lang->modules[i].name;
    Str nearest = str_nearest(path, names, count);
    if (!nearest.ptr && dir.ptr && path.len && path.ptr[0] != '/')
        nearest = nearest_path(lang, dir, path);
    return nearest.ptr ? error_hint(error, "did you mean `%.*s`?", STR_ARG(nearest)) : error;
}

// "imported at a.ncl:1:5, imported at b.ncl:2:3" for what cannot even be read.
static Error *with_chain(Lang *lang, Error *error, const AstNode *import) {
    AUTO_BUF Buf chain;
    buf_init(&chain, 64 * 1024);
    if (!error_span(error, NULL) && import)
        error = error_at(error, node_span(lang, import));
    for (int i = 0; import && i < CHAIN_MAX; i++) {
        Str place = place_text(lang, import);
        buf_printf(&chain, "%simported at %.*s", i ? ", " : "", STR_ARG(place));
        import = import->file < lang->file_count ? lang->files[import->file]->import : NULL;
    }
    return chain.len ? error_wrap(error, "%s", buf_cstr(&chain)) : error;
}

static Error *find_import(Lang *lang, const AstNode *node, LoadedFile **out) {
    Str path = node->import.path;
    Str dir = lang->files[node->file]->dir;
    *out = NULL;
    if (dir.ptr || (path.len && path.ptr[0] == '/'))
        TRY(open_file(lang, path_clean(lang->arena, path_join(lang->arena, dir.ptr ? dir : STR("."), path)),
                      node->import.format, node, out));
    for (size_t i = 0; !*out && i < lang->import_paths.count; i++)
        TRY(open_file(lang, path_clean(lang->arena, path_join(lang->arena, lang->import_paths.items[i], path)),
                      node->import.format, node, out));
    if (!*out)
        TRY(open_module(lang, path, node, out));
    return *out ? NULL : not_found(lang, node, path, dir);
}

Error *import_value(Lang *lang, const AstNode *node, Value **out) {
    LoadedFile *file = NULL;
    Error *error = find_import(lang, node, &file);
    if (error)
        return with_chain(lang, error, lang->files[node->file]->import);
    *out = file->value;
    return NULL;
}

Error *import_path(Lang *lang, Str path, const AstNode *site, uint8_t format, Value **out) {
    LoadedFile *file = NULL;
    Str clean = path_clean(lang->arena, path);
    TRY(open_file(lang, clean, format, site, &file));
    if (!file)
        return error_new(ERROR_NOT_FOUND, "no file %.*s", STR_ARG(clean));
    *out = file->value;
    return NULL;
}

Error *import_text(Lang *lang, Str path, Str text, Value **out) {
    LoadedFile *file = NULL;
    Str clean = path_clean(lang->arena, path);
    TRY(add_file(lang, file_key(lang, clean, IMPORT_NICKEL), clean, path_dir(clean), arena_str(lang->arena, text),
                 IMPORT_NICKEL, NULL, &file));
    *out = file->value;
    return NULL;
}

// ---- from text to value ----

typedef struct ReadCall {
    Lang *lang;
    LoadedFile *file;
    Value *value; // of data
} ReadCall;

static Error *parse_program(Lang *lang, LoadedFile *file) {
    if (file->root)
        return NULL;
    TRY(lang_reserve(lang, file->source.text.len, PARSE_MEMORY_FACTOR, file->import));
    TRY(parse_file(lang->arena, lang->symbols, &file->source, &file->root));
    Error *error = scope_resolve(lang, file);
    if (error)
        file->root = NULL;
    return error;
}

static Error *read_file(void *argument) {
    ReadCall *call = argument;
    TRY(source_check(&call->file->source));
    if (call->file->format == IMPORT_NICKEL)
        return parse_program(call->lang, call->file);
    return data_parse(call->lang, call->file, &call->value);
}

// Parsing is recursive up to its own limit, for which an evaluation that is already deep has no room: so it always
// starts on a fresh segment.
Error *force_file(Lang *lang, uint32_t index, Value **out) {
    LoadedFile *file = lang->files[index];
    ReadCall call = {.lang = lang, .file = file};
    Error *error = on_fresh_stack(lang, read_file, &call);
    if (error)
        return with_chain(lang, error, file->import);
    *out = call.value;
    if (file->format != IMPORT_NICKEL)
        return NULL;
    return eval(lang, file->root, frame_new(lang, NULL, file->frame_size), out);
}

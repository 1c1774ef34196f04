// Sources and Locals: the files that a build starts from. A file of the layer is read and hashed here, relative to
// the file in which its name is written, and never outside of the layer.
#include "base/path.h"
#include "specs/decode_private.h"

#include <sys/stat.h>

static const char *const schemes[] = {"http", "https", "file", "gs", "mirror"};

// The last component of a URL's path, or "" when that is no file name.
static Str url_file_name(Str url) {
    for (size_t i = 0; i < url.len; i++)
        if (url.ptr[i] == '?' || url.ptr[i] == '#')
            url.len = i;
    ptrdiff_t colon = str_find_byte(url, ':');
    Str rest = str_slice(url, (size_t)(colon + 1), url.len);
    if (!str_starts_with(rest, STR("//")))
        return STR("");
    rest = str_slice(rest, 2, rest.len);
    if (str_find_byte(rest, '/') < 0)
        return STR("");
    Str name = path_base(rest);
    return path_is_safe_relative(name) ? name : STR("");
}

static Error *check_url(Decoder *decoder, Str url, Where at) {
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f)
            return decode_error(decoder, ERROR_INVALID, at, "a URL must not hold blanks or control characters");
    ptrdiff_t colon = str_find_byte(url, ':');
    Str scheme = colon < 0 ? STR("") : str_slice(url, 0, (size_t)colon);
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        known = known || str_is(scheme, schemes[i]);
    if (!known)
        return decode_error(decoder, ERROR_INVALID, at,
                            "'%.*s' is no URL that can be fetched: http, https, file, gs or mirror", STR_ARG(url));
    if (url_file_name(url).len == 0)
        return decode_error(decoder, ERROR_INVALID, at, "the URL '%.*s' does not end in a file name", STR_ARG(url));
    return NULL;
}

// The path of the layer's file that a field names, as the interpreter's loader takes it.
static Error *file_path(Decoder *decoder, Value *record, Str *path_out, Where *at_out) {
    Value *value;
    Str file;
    TRY(decode_field(decoder, record, "file", &value));
    decode_enter(decoder, STR("file"));
    Where at = where_field(record, "file");
    TRY(decode_string_value(decoder, value, at, &file));
    Str written_in = decode_place(decoder, where_value(value)).file;
    if (file.len == 0 || file.ptr[0] == '/')
        return decode_error(decoder, ERROR_INVALID, at, "must be a path relative to the spec, not '%.*s'",
                            STR_ARG(file));
    Arena *arena = decoder->builder->arena;
    Str path = path_clean(arena, path_join(arena, path_dir(written_in), file));
    if (!path_is_within(path_clean(arena, path_join(arena, decoder->specs->root, path)), decoder->specs->dir))
        return decode_error(decoder, ERROR_INVALID, at, "'%.*s' lies outside of the layer", STR_ARG(file));
    decode_leave(decoder);
    *path_out = path;
    *at_out = at;
    return NULL;
}

static Error *read_file(Decoder *decoder, Value *record, Local *out) {
    Str path;
    Where at;
    TRY(file_path(decoder, record, &path, &at));
    const Stamp *stamp;
    decode_enter(decoder, STR("file"));
    Error *error = stamps_file(decoder->builder->stamps, path, NULL, &stamp, NULL);
    if (error)
        return error_at(decode_wrap(decoder, error), decode_place(decoder, at));
    if (!stamp)
        return decode_error(decoder, ERROR_NOT_FOUND, at, "there is no file '%.*s'", STR_ARG(path));
    decode_leave(decoder);
    Arena *arena = decoder->builder->arena;
    out->path = path_clean(arena, path_join(arena, decoder->specs->root, path));
    out->name = path_base(out->path);
    out->sha256 = stamp->content;
    out->is_exec = (stamp->mode & 0111) != 0;
    return NULL;
}

Error *decode_local(Decoder *decoder, Value *value, Where at, Local *out) {
    static const char *const fields[] = {"ty", "file"};
    TRY(decode_only(decoder, value, fields, ARRAY_LEN(fields), "a Local"));
    Value *file;
    TRY(decode_field(decoder, value, "file", &file));
    if (!file)
        return decode_error(decoder, ERROR_INVALID, at, "a Local needs a `file`");
    return read_file(decoder, value, out);
}

static Error *decode_remote(Decoder *decoder, Value *value, Where at, Source *out) {
    bool has_sha256;
    Str sha256 = STR("");
    TRY(decode_string(decoder, value, "sha256", &has_sha256, &sha256));
    Where url_at = where_field(value, "url");
    decode_enter(decoder, STR("url"));
    TRY(check_url(decoder, out->url, url_at));
    decode_leave(decoder);
    if (!has_sha256)
        return decode_error(decoder, ERROR_INVALID, at, "a Source with a `url` needs a `sha256`");
    decode_enter(decoder, STR("sha256"));
    if (!hash_parse(sha256, &out->sha256))
        return decode_error(decoder, ERROR_INVALID, where_field(value, "sha256"),
                            "must be a SHA-256, 64 hexadecimal digits, not '%.*s'", STR_ARG(sha256));
    decode_leave(decoder);
    out->name = arena_str(decoder->builder->arena, url_file_name(out->url));
    TRY(decode_strings(decoder, value, "mirrors", &out->mirrors));
    decode_enter(decoder, STR("mirrors"));
    for (size_t i = 0; i < out->mirrors.count; i++) {
        decode_enter_item(decoder, i);
        TRY(check_url(decoder, out->mirrors.items[i], where_field(value, "mirrors")));
        decode_leave(decoder);
    }
    decode_leave(decoder);
    return NULL;
}

Error *decode_source(Decoder *decoder, Value *value, Where at, Source *out) {
    static const char *const fields[] = {"ty", "url", "sha256", "mirrors", "file", "extract", "strip_prefix"};
    *out = (Source){.url = STR(""), .path = STR(""), .strip_prefix = STR("")};
    TRY(decode_only(decoder, value, fields, ARRAY_LEN(fields), "a Source"));
    TRY(decode_bool(decoder, value, "extract", &out->extract));
    TRY(decode_string(decoder, value, "strip_prefix", &out->has_strip_prefix, &out->strip_prefix));
    Value *file;
    bool has_url;
    TRY(decode_field(decoder, value, "file", &file));
    TRY(decode_string(decoder, value, "url", &has_url, &out->url));
    if (has_url == (file != NULL))
        return decode_error(decoder, ERROR_INVALID, at, "a Source needs a `url` with a `sha256`, or a `file`%s",
                            has_url ? ", not both" : "");
    if (has_url)
        return decode_remote(decoder, value, at, out);
    Local local;
    TRY(read_file(decoder, value, &local));
    out->path = local.path;
    out->name = local.name;
    out->sha256 = local.sha256;
    return NULL;
}

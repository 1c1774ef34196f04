// Text in, text out. What leaves here as `fetch` holds no byte that would end a request line or a header, and what
// leaves as `shown` holds no secret.
#include "cache/url.h"

#include "base/buf.h"
#include "base/path.h"

static const struct {
    const char *prefix;
    UrlScheme scheme;
} schemes[] = {
    {"http://", URL_HTTP}, {"https://", URL_HTTPS}, {"file://", URL_FILE}, {"gs://", URL_GS}, {"mirror://", URL_MIRROR},
};

static unsigned char lower(unsigned char c) {
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : c;
}

static bool has_scheme(Str text, const char *prefix) {
    size_t len = strlen(prefix);
    if (text.len < len)
        return false;
    for (size_t i = 0; i < len; i++)
        if (lower((unsigned char)text.ptr[i]) != (unsigned char)prefix[i])
            return false;
    return true;
}

static int hex_digit(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool is_escape(Str s, size_t at) {
    return s.ptr[at] == '%' && s.len - at > 2 && hex_digit(s.ptr[at + 1]) >= 0 && hex_digit(s.ptr[at + 2]) >= 0;
}

// RFC 3986: unreserved, and what a path may hold besides.
static bool may_stand(unsigned char c, bool strict) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~/", c)))
        return true;
    return !strict && c && strchr("!$&'()*+,;=:@?", c);
}

Str url_escape_path(Arena *arena, Str path, bool strict) {
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    for (size_t i = 0; i < path.len; i++) {
        unsigned char c = (unsigned char)path.ptr[i];
        if (may_stand(c, strict) || is_escape(path, i))
            buf_add_byte(&out, (char)c);
        else
            buf_printf(&out, "%%%02X", c);
    }
    return arena_str(arena, buf_str(&out));
}

// %XX -> the byte; false for one that is cut short or NUL.
static bool unescape(Arena *arena, Str text, Str *out) {
    char *to = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\0')
            return false;
        if (text.ptr[i] != '%') {
            to[len++] = text.ptr[i];
            continue;
        }
        if (!is_escape(text, i))
            return false;
        int byte = hex_digit(text.ptr[i + 1]) * 16 + hex_digit(text.ptr[i + 2]);
        if (byte == 0)
            return false;
        to[len++] = (char)byte;
        i += 2;
    }
    to[len] = '\0';
    *out = (Str){to, len};
    return true;
}

Str url_show(Arena *arena, Str text) {
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    ptrdiff_t query = str_find_byte(text, '?');
    Str rest = query < 0 ? text : str_slice(text, 0, (size_t)query);
    for (size_t i = 0; i + 2 < rest.len; i++) {
        if (memcmp(rest.ptr + i, "://", 3) != 0)
            continue;
        Str after = str_slice(rest, i + 3, rest.len);
        ptrdiff_t slash = str_find_byte(after, '/');
        Str authority = slash < 0 ? after : str_slice(after, 0, (size_t)slash);
        ptrdiff_t at = str_rfind_byte(authority, '@');
        buf_add_str(&out, str_slice(rest, 0, i + 3));
        rest = at < 0 ? after : str_slice(after, (size_t)at + 1, after.len);
        break;
    }
    buf_add_str(&out, rest);
    for (size_t i = 0; i < out.len; i++)
        if ((unsigned char)out.ptr[i] < 0x20 || out.ptr[i] == 0x7f)
            out.ptr[i] = '?';
    if (query >= 0)
        buf_add_cstr(&out, "?...");
    return arena_str(arena, buf_str(&out));
}

static Error *bad(const char *why) {
    return error_new(ERROR_INVALID, "bad URL: %s", why);
}

static bool host_is_fine(Str host) {
    for (size_t i = 0; i < host.len; i++) {
        unsigned char c = (unsigned char)host.ptr[i];
        bool name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!name && !(c && strchr("-._:[]", c)))
            return false;
    }
    return host.len > 0 && host.ptr[0] != ':';
}

static Error *parse_http(Arena *arena, Str rest, Url *out) {
    ptrdiff_t fragment = str_find_byte(rest, '#');
    if (fragment >= 0)
        rest = str_slice(rest, 0, (size_t)fragment);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    Str authority = str_slice(rest, 0, end), path = str_slice(rest, end, rest.len);
    ptrdiff_t at = str_rfind_byte(authority, '@');
    out->secret = (Str){"", 0};
    if (at >= 0 && !unescape(arena, str_slice(authority, 0, (size_t)at), &out->secret))
        return bad("its user and password have a broken escape");
    Str host = at < 0 ? authority : str_slice(authority, (size_t)at + 1, authority.len);
    if (!host_is_fine(host))
        return bad("its host is none");
    Str escaped = url_escape_path(arena, path, false);
    const char *slash = path.len == 0 || path.ptr[0] == '?' ? "/" : "";
    out->fetch = arena_printf(arena, "%s://%.*s%s%.*s", out->scheme == URL_HTTPS ? "https" : "http", STR_ARG(host),
                              slash, STR_ARG(escaped));
    return NULL;
}

static Error *parse_file(Arena *arena, Str rest, Url *out) {
    if (str_starts_with(rest, STR("localhost/")))
        rest = str_slice(rest, 9, rest.len);
    if (rest.len == 0 || rest.ptr[0] != '/')
        return bad("a file is named by its absolute path, as in file:///srv/mirror/x.tar.gz");
    return unescape(arena, rest, &out->path) ? NULL : bad("a broken escape (\"%\" itself is %25)");
}

// "bucket/object": each object has a plain address on the storage service's public interface.
static Error *parse_gs(Arena *arena, Str rest, Url *out) {
    Str bucket, object = rest;
    if (!str_cut(&object, '/', &bucket) || bucket.len == 0 || object.len == 0 || !host_is_fine(bucket))
        return bad("it has the form gs://BUCKET/OBJECT");
    Str escaped = url_escape_path(arena, object, true);
    out->secret = (Str){"", 0};
    out->fetch = arena_printf(arena, "https://storage.googleapis.com/%.*s/%.*s", STR_ARG(bucket), STR_ARG(escaped));
    return NULL;
}

static Error *parse_mirror(Str rest, Url *out) {
    out->path = rest;
    if (!str_cut(&out->path, '/', &out->mirror) || out->mirror.len == 0 || out->path.len == 0)
        return bad("it has the form mirror://NAME/PATH");
    if (!path_is_safe_relative(out->path))
        return bad("its path has an empty, \".\" or \"..\" component");
    return NULL;
}

Error *url_parse(Arena *arena, Str text, Url *out) {
    *out = (Url){.shown = url_show(arena, text)};
    if (text.len > URL_MAX / 3) // so that it fits when every byte is escaped
        return error_new(ERROR_LIMIT, "a URL longer than %d bytes", URL_MAX / 3);
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (!has_scheme(text, schemes[i].prefix))
            continue;
        out->scheme = schemes[i].scheme;
        Str rest = str_slice(text, strlen(schemes[i].prefix), text.len);
        switch (out->scheme) {
        case URL_HTTP:
        case URL_HTTPS:
            return parse_http(arena, rest, out);
        case URL_FILE:
            return parse_file(arena, rest, out);
        case URL_GS:
            return parse_gs(arena, rest, out);
        case URL_MIRROR:
            return parse_mirror(rest, out);
        }
    }
    return error_hint(bad("its scheme is not understood"), "the schemes are https, http, file, gs and mirror");
}

Str url_join(Arena *arena, Str base, Str path) {
    while (base.len && base.ptr[base.len - 1] == '/')
        base.len--;
    Str escaped = url_escape_path(arena, path, true);
    return arena_printf(arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(escaped));
}

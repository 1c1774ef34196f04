// Every rule about what an archive's names may be stands in this file, and is pure text: whoever holds a path that came
// out of here holds one that names something below the root, as far as text can tell. The writer does not rely on it.
#include "cache/worker/names.h"

#include <stdio.h>

NameShown name_show(Str name) {
    NameShown shown;
    size_t at = 0;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (at > 200) {
            memcpy(shown.text + at, "...", 3);
            at += 3;
            break;
        }
        if (c >= 0x20 && c != 0x7f && c < 0x80)
            shown.text[at++] = (char)c;
        else
            at += (size_t)snprintf(shown.text + at, sizeof shown.text - at, "\\x%02x", c);
    }
    shown.text[at] = '\0';
    return shown;
}

static Error *name_error(Str raw, const char *why) {
    return error_new(ERROR_INVALID, "entry \"%s\" %s", name_show(raw).text, why);
}

// Drops ".", doubled and trailing slashes; *dotted_out: it began with "./" (or was "."), which strip_prefix tells
// apart.
static Error *clean(Str raw, Buf *out, bool *dotted_out) {
    buf_clear(out);
    *dotted_out = str_is(raw, ".") || str_starts_with(raw, STR("./"));
    if (raw.len == 0)
        return error_new(ERROR_INVALID, "an entry has an empty name");
    if (raw.ptr[0] == '/')
        return name_error(raw, "is an absolute path");
    if (raw.len > NAME_PATH_MAX)
        return name_error(raw, "has a name longer than 4095 bytes");
    unsigned depth = 0;
    Str rest = raw, part;
    while (str_cut(&rest, '/', &part)) {
        if (part.len == 0 || str_is(part, "."))
            continue;
        if (str_is(part, ".."))
            return name_error(raw, "has \"..\" in its path");
        if (part.len > NAME_COMPONENT_MAX)
            return name_error(raw, "has a component longer than 255 bytes");
        if (++depth > NAME_DEPTH_MAX)
            return name_error(raw, "is more than 255 directories deep");
        if (out->len)
            buf_add_byte(out, '/');
        buf_add_str(out, part);
    }
    return NULL;
}

Error *name_check_rules(const NameRules *rules) {
    if (!rules->has_strip_prefix || rules->strip_prefix.len == 0)
        return NULL;
    AUTO_BUF Buf prefix;
    buf_init(&prefix, BUF_NO_LIMIT);
    bool dotted;
    Error *error = clean(rules->strip_prefix, &prefix, &dotted);
    if (error) {
        error_free(error);
        return error_new(ERROR_INVALID, "strip_prefix \"%s\" is not a relative path without \"..\"",
                         name_show(rules->strip_prefix).text);
    }
    return NULL;
}

// Takes the strip prefix off the clean path in `path`; false when it is not there.
static bool strip(const NameRules *rules, bool dotted, Buf *path) {
    if (!rules->has_strip_prefix || rules->strip_prefix.len == 0)
        return true;
    AUTO_BUF Buf prefix;
    buf_init(&prefix, BUF_NO_LIMIT);
    bool prefix_dotted;
    Error *error = clean(rules->strip_prefix, &prefix, &prefix_dotted);
    if (error) {
        error_free(error);
        return false;
    }
    Str whole = buf_str(path), head = buf_str(&prefix);
    if (dotted != prefix_dotted || !str_starts_with(whole, head))
        return false;
    if (head.len == 0 || whole.len == head.len) {
        if (head.len)
            buf_clear(path);
        return true;
    }
    if (whole.ptr[head.len] != '/')
        return false;
    size_t left = whole.len - head.len - 1;
    memmove(path->ptr, path->ptr + head.len + 1, left);
    path->len = left;
    path->ptr[left] = '\0';
    return true;
}

// Debian's packages of before the merge of /bin and /usr/bin still hold both (upstream: usrmerge).
static Error *move_below_usr(Str raw, bool is_directory, Buf *path) {
    static const struct {
        const char *from, *to;
    } moves[] = {{"bin", "usr/bin"}, {"sbin", "usr/sbin"}, {"lib", "usr/lib"}, {"lib64", "usr/lib"}};
    Str whole = buf_str(path);
    ptrdiff_t slash = str_find_byte(whole, '/');
    Str first = slash < 0 ? whole : str_slice(whole, 0, (size_t)slash);
    for (size_t i = 0; i < ARRAY_LEN(moves); i++) {
        if (!str_is(first, moves[i].from))
            continue;
        if (slash < 0 && !is_directory)
            return name_error(raw, "stands where a directory that moves below usr must be");
        AUTO_BUF Buf moved;
        buf_init(&moved, BUF_NO_LIMIT);
        buf_add_cstr(&moved, moves[i].to);
        buf_add_str(&moved, str_slice(whole, first.len, whole.len));
        if (moved.len > NAME_PATH_MAX)
            return name_error(raw, "has a name longer than 4095 bytes");
        buf_clear(path);
        buf_add_str(path, buf_str(&moved));
        return NULL;
    }
    return NULL;
}

Error *name_resolve(const NameRules *rules, Str raw, bool is_directory, Buf *out, bool *outside_out) {
    bool dotted;
    *outside_out = false;
    TRY(clean(raw, out, &dotted));
    if (!strip(rules, dotted, out)) {
        *outside_out = true;
        return NULL;
    }
    return rules->deb && out->len ? move_below_usr(raw, is_directory, out) : NULL;
}

bool name_link_climbs(Str link_path, Str target) {
    if (target.len && target.ptr[0] == '/')
        return false;
    size_t depth = 0;
    for (size_t i = 0; i < link_path.len; i++)
        depth += link_path.ptr[i] == '/';
    Str rest = target, part;
    while (str_cut(&rest, '/', &part)) {
        if (part.len == 0 || str_is(part, "."))
            continue;
        if (!str_is(part, ".."))
            depth++;
        else if (depth-- == 0)
            return true;
    }
    return false;
}

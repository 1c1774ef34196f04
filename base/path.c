#include "base/path.h"

#include "base/vec.h"

Str path_join(Arena *arena, Str a, Str b) {
    if (a.len == 0 || (b.len && b.ptr[0] == '/'))
        return arena_str(arena, b);
    if (b.len == 0)
        return arena_str(arena, a);
    size_t gap = a.ptr[a.len - 1] != '/';
    char *text = arena_alloc(arena, a.len + gap + b.len + 1);
    memcpy(text, a.ptr, a.len);
    if (gap)
        text[a.len] = '/';
    memcpy(text + a.len + gap, b.ptr, b.len);
    text[a.len + gap + b.len] = '\0';
    return (Str){text, a.len + gap + b.len};
}

Str path_clean(Arena *arena, Str path) {
    bool absolute = path.len && path.ptr[0] == '/';
    VEC(Str) parts = {0};
    Str rest = path, part;
    while (str_cut(&rest, '/', &part)) {
        if (part.len == 0 || str_is(part, "."))
            continue;
        bool can_pop = parts.count && !str_is(vec_last(&parts), "..");
        if (str_is(part, "..") && can_pop)
            parts.count--;
        else if (!str_is(part, "..") || !absolute)
            vec_push(&parts, part);
    }
    char *text = arena_alloc(arena, path.len + 2);
    size_t len = 0;
    for (size_t i = 0; i < parts.count; i++) {
        if (absolute || i)
            text[len++] = '/';
        memcpy(text + len, parts.items[i].ptr, parts.items[i].len);
        len += parts.items[i].len;
    }
    if (len == 0)
        text[len++] = absolute ? '/' : '.';
    text[len] = '\0';
    vec_release(&parts);
    return (Str){text, len};
}

Str path_dir(Str path) {
    ptrdiff_t slash = str_rfind_byte(path, '/');
    if (slash < 0)
        return STR(".");
    return slash == 0 ? STR("/") : str_slice(path, 0, (size_t)slash);
}

Str path_base(Str path) {
    ptrdiff_t slash = str_rfind_byte(path, '/');
    return slash < 0 ? path : str_slice(path, (size_t)slash + 1, path.len);
}

bool path_is_safe_relative(Str path) {
    if (path.len == 0 || path.ptr[0] == '/' || str_find_byte(path, '\0') >= 0)
        return false;
    Str rest = path, part;
    while (str_cut(&rest, '/', &part))
        if (part.len == 0 || part.len > 255 || str_is(part, ".") || str_is(part, ".."))
            return false;
    return true;
}

bool path_is_within(Str path, Str dir) {
    if (str_is(dir, "/"))
        return path.len && path.ptr[0] == '/';
    return str_starts_with(path, dir) && (path.len == dir.len || path.ptr[dir.len] == '/');
}

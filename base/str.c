#include "base/str.h"

int str_compare(Str a, Str b) {
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

int str_compare_qsort(const void *a, const void *b) {
    return str_compare(*(const Str *)a, *(const Str *)b);
}

bool str_starts_with(Str s, Str prefix) {
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

bool str_ends_with(Str s, Str suffix) {
    return s.len >= suffix.len &&
           (suffix.len == 0 || memcmp(s.ptr + s.len - suffix.len, suffix.ptr, suffix.len) == 0);
}

ptrdiff_t str_find_byte(Str s, char byte) {
    const char *hit = s.len ? memchr(s.ptr, byte, s.len) : NULL;
    return hit ? hit - s.ptr : -1;
}

ptrdiff_t str_rfind_byte(Str s, char byte) {
    const char *hit = s.len ? memrchr(s.ptr, byte, s.len) : NULL;
    return hit ? hit - s.ptr : -1;
}

bool str_contains(Str s, Str part) {
    return part.len == 0 || (s.len >= part.len && memmem(s.ptr, s.len, part.ptr, part.len) != NULL);
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

Str str_trim(Str s) {
    while (s.len && is_blank(s.ptr[0]))
        s = (Str){s.ptr + 1, s.len - 1};
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

bool str_cut(Str *rest, char sep, Str *part_out) {
    if (!rest->ptr)
        return false;
    ptrdiff_t at = str_find_byte(*rest, sep);
    if (at < 0) {
        *part_out = *rest;
        *rest = STR_NULL;
        return true;
    }
    *part_out = str_slice(*rest, 0, (size_t)at);
    *rest = str_slice(*rest, (size_t)at + 1, rest->len);
    return true;
}

bool str_parse_u64(Str s, uint64_t *out) {
    uint64_t value = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10u, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

// FNV-1a, 64 bits. For tables inside one process, never for identity.
uint64_t str_hash(Str s) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < s.len; i++) {
        hash ^= (unsigned char)s.ptr[i];
        hash *= 1099511628211u;
    }
    return hash ^ (hash >> 29);
}

enum { DISTANCE_MAX_LEN = 64 };

static unsigned min3(unsigned a, unsigned b, unsigned c) {
    unsigned least = a < b ? a : b;
    return least < c ? least : c;
}

// Optimal string alignment distance, with three rolling rows.
unsigned str_distance(Str a, Str b) {
    if (a.len > DISTANCE_MAX_LEN || b.len > DISTANCE_MAX_LEN)
        return (unsigned)(a.len > b.len ? a.len : b.len);
    unsigned rows[3][DISTANCE_MAX_LEN + 1];
    unsigned *older = rows[0], *old = rows[1], *now = rows[2];
    for (size_t j = 0; j <= b.len; j++)
        old[j] = (unsigned)j;
    for (size_t i = 1; i <= a.len; i++) {
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned replace = old[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            now[j] = min3(old[j] + 1, now[j - 1] + 1, replace);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1] &&
                older[j - 2] + 1 < now[j])
                now[j] = older[j - 2] + 1;
        }
        unsigned *spare = older;
        older = old;
        old = now;
        now = spare;
    }
    return old[b.len];
}

Str str_nearest(Str wanted, const Str *names, size_t count) {
    Str best = STR_NULL;
    unsigned best_distance = wanted.len <= 3 ? 1 : (wanted.len <= 8 ? 2 : 3);
    for (size_t i = 0; i < count; i++) {
        unsigned distance = str_distance(wanted, names[i]);
        if (distance <= best_distance && (best.ptr == NULL || distance < best_distance)) {
            best = names[i];
            best_distance = distance;
        }
    }
    return best;
}

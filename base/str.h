// Str: a view of bytes, by value. It owns nothing and need not end with NUL; whoever hands one out says how long it lives.
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct Str {
    const char *ptr;
    size_t len;
} Str;

// An array of Str, by value; owns nothing.
typedef struct StrSlice {
    const Str *items;
    size_t count;
} StrSlice;

#define STR(literal) ((Str){("" literal), sizeof(literal) - 1})
// The same for the initialiser of a static object.
#define STR_INIT(literal) {("" literal), sizeof(literal) - 1}
#define STR_NULL ((Str){NULL, 0})
// For printf: printf("%.*s", STR_ARG(s))
#define STR_ARG(s) ((int)(s).len), ((s).ptr ? (s).ptr : "")

static inline Str str_from(const char *text) {
    return (Str){text, text ? strlen(text) : 0};
}
static inline bool str_eq(Str a, Str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
static inline bool str_is(Str a, const char *text) {
    return str_eq(a, str_from(text));
}
static inline Str str_slice(Str s, size_t from, size_t to) {
    return (Str){s.ptr + from, to - from};
}

// Byte order, as memcmp; a prefix sorts first.
int str_compare(Str a, Str b);
// The same for qsort() over Str.
int str_compare_qsort(const void *a, const void *b);
bool str_starts_with(Str s, Str prefix);
bool str_ends_with(Str s, Str suffix);
// Offset of the first byte, or -1.
ptrdiff_t str_find_byte(Str s, char byte);
ptrdiff_t str_rfind_byte(Str s, char byte);
bool str_contains(Str s, Str part);
Str str_trim(Str s);
// Cuts *rest at the first sep; returns what stood before it, *rest becomes what stands behind it.
// Returns false when *rest is at its end (ptr NULL).
bool str_cut(Str *rest, char sep, Str *part_out);
// Decimal, digits alone; false on anything else or above UINT64_MAX.
bool str_parse_u64(Str s, uint64_t *out);
uint64_t str_hash(Str s);
// Number of edits (insert, delete, replace, swap) between two names of at most 64 bytes; for "did you mean".
unsigned str_distance(Str a, Str b);
// The nearest name when it is close enough to be a slip of the keyboard, else STR_NULL.
Str str_nearest(Str wanted, const Str *names, size_t count);

#endif

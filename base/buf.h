// Buf: growable bytes with a ceiling. The ceiling is the caller's promise about what the outside may make us hold.
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdint.h>

typedef struct Buf {
    char *ptr; // NUL-terminated once anything was added
    size_t len, cap, max;
    bool overflow; // an append was refused because it would pass max; contents stay as they were before it
} Buf;

#define BUF_NO_LIMIT SIZE_MAX

void buf_init(Buf *buf, size_t max_bytes);
void buf_release(Buf *buf); // frees, and leaves an empty Buf of the same ceiling
#define AUTO_BUF __attribute__((cleanup(buf_release)))
void buf_clear(Buf *buf);

void buf_add(Buf *buf, const void *bytes, size_t len);
void buf_add_str(Buf *buf, Str s);
void buf_add_cstr(Buf *buf, const char *text);
void buf_add_byte(Buf *buf, char byte);
void buf_printf(Buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(Buf *buf, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
// Little-endian integers, and a length-framed string (u64 length, bytes): the encoding of everything that is hashed.
void buf_add_u8(Buf *buf, uint8_t v);
void buf_add_u32(Buf *buf, uint32_t v);
void buf_add_u64(Buf *buf, uint64_t v);
void buf_add_framed(Buf *buf, Str s);
// Makes room for len more bytes and returns where to write them; the caller then adds to buf->len. NULL past max.
char *buf_reserve(Buf *buf, size_t len);

Str buf_str(const Buf *buf);        // a view, until the next change
char *buf_take(Buf *buf);           // the caller owns the NUL-terminated bytes (free()); buf becomes empty
const char *buf_cstr(const Buf *buf); // never NULL

#endif

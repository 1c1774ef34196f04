#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

void buf_init(Buf *buf, size_t max_bytes) {
    *buf = (Buf){.max = max_bytes};
}

void buf_release(Buf *buf) {
    free(buf->ptr);
    *buf = (Buf){.max = buf->max};
}

void buf_clear(Buf *buf) {
    buf->len = 0;
    buf->overflow = false;
    if (buf->ptr)
        buf->ptr[0] = '\0';
}

char *buf_reserve(Buf *buf, size_t len) {
    if (len > buf->max || buf->len > buf->max - len || len > SIZE_MAX / 2 - buf->len) {
        buf->overflow = true;
        return NULL;
    }
    size_t need = buf->len + len + 1;
    if (need > buf->cap) {
        size_t cap = buf->cap ? buf->cap : 64;
        while (cap < need)
            cap *= 2;
        buf->ptr = mem_realloc(buf->ptr, cap, 1);
        buf->cap = cap;
    }
    return buf->ptr + buf->len;
}

void buf_add(Buf *buf, const void *bytes, size_t len) {
    char *to = buf_reserve(buf, len);
    if (!to)
        return;
    if (len)
        memcpy(to, bytes, len);
    buf->len += len;
    buf->ptr[buf->len] = '\0';
}

void buf_add_str(Buf *buf, Str s) {
    buf_add(buf, s.ptr, s.len);
}

void buf_add_cstr(Buf *buf, const char *text) {
    buf_add(buf, text, strlen(text));
}

void buf_add_byte(Buf *buf, char byte) {
    buf_add(buf, &byte, 1);
}

void buf_vprintf(Buf *buf, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    BUG_UNLESS(len >= 0);
    char *to = buf_reserve(buf, (size_t)len);
    if (to) {
        vsnprintf(to, (size_t)len + 1, fmt, again);
        buf->len += (size_t)len;
    }
    va_end(again);
}

void buf_printf(Buf *buf, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(buf, fmt, ap);
    va_end(ap);
}

void buf_add_u8(Buf *buf, uint8_t v) {
    buf_add(buf, &v, 1);
}

void buf_add_u32(Buf *buf, uint32_t v) {
    unsigned char bytes[4];
    for (int i = 0; i < 4; i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    buf_add(buf, bytes, sizeof bytes);
}

void buf_add_u64(Buf *buf, uint64_t v) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(v >> (8 * i));
    buf_add(buf, bytes, sizeof bytes);
}

void buf_add_framed(Buf *buf, Str s) {
    buf_add_u64(buf, s.len);
    buf_add_str(buf, s);
}

Str buf_str(const Buf *buf) {
    return (Str){buf->ptr ? buf->ptr : "", buf->len};
}

char *buf_take(Buf *buf) {
    char *ptr = buf->ptr ? buf->ptr : mem_zalloc(1);
    *buf = (Buf){.max = buf->max};
    return ptr;
}

const char *buf_cstr(const Buf *buf) {
    return buf->ptr ? buf->ptr : "";
}

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void out_of_memory(size_t size) {
    fprintf(stderr, "minimal: out of memory (%zu bytes)\n", size);
    abort();
}

void *mem_alloc(size_t size) {
    void *ptr = malloc(size ? size : 1);
    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *mem_zalloc(size_t size) {
    void *ptr = calloc(1, size ? size : 1);
    if (!ptr)
        out_of_memory(size);
    return ptr;
}

void *mem_realloc(void *ptr, size_t count, size_t item_size) {
    size_t size;
    if (__builtin_mul_overflow(count, item_size, &size))
        out_of_memory(count);
    void *grown = realloc(ptr, size ? size : 1);
    if (!grown)
        out_of_memory(size);
    return grown;
}

void *mem_dup(const void *ptr, size_t size) {
    void *copy = mem_alloc(size);
    if (size)
        memcpy(copy, ptr, size);
    return copy;
}

char *mem_strdup(const char *text) {
    return mem_dup(text, strlen(text) + 1);
}

void bug(const char *file, int line, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "minimal: internal error at %s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputs("\nThis is a defect of minimal itself; nothing that was stored is affected.\n", stderr);
    va_end(ap);
    abort();
}

void mem_free_cleanup(void *ptr_to_ptr) {
    free(*(void **)ptr_to_ptr);
}

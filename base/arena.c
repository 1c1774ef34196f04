// Arenas grow by doubling chunks up to the size of a huge page. From there on chunks are huge pages where the kernel gives
// them: a page fault for each 4 KiB costs more than all else that evaluating a large registry does.
#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { ARENA_ALIGN = 16, ARENA_FIRST_CHUNK = 16 * 1024, ARENA_MAX_CHUNK = 2 * 1024 * 1024, HUGE_PAGE = 2 * 1024 * 1024 };

typedef struct Chunk {
    struct Chunk *next;
    size_t size; // of the bytes behind this header
} Chunk;

struct Arena {
    Chunk *chunks; // newest first
    char *at, *end;
    size_t used, budget, next_chunk;
};

Arena *arena_new(size_t budget_bytes) {
    Arena *arena = mem_zalloc(sizeof *arena);
    arena->budget = budget_bytes ? budget_bytes : SIZE_MAX;
    arena->next_chunk = ARENA_FIRST_CHUNK;
    return arena;
}

void arena_free(Arena *arena) {
    if (!arena)
        return;
    for (Chunk *chunk = arena->chunks; chunk;) {
        Chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    free(arena);
}

void arena_cleanup(Arena **arena) {
    arena_free(*arena);
}

static Chunk *chunk_new(size_t header, size_t size) {
    if (size > SIZE_MAX / 2)
        return mem_alloc(size); // says that there is no such memory
    if (header + size < HUGE_PAGE / 2)
        return mem_alloc(header + size);
    size_t whole = (header + size + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
    void *chunk = aligned_alloc(HUGE_PAGE, whole);
    if (!chunk)
        return mem_alloc(header + size);
    madvise(chunk, whole, MADV_HUGEPAGE); // a wish: without it the same memory comes in small pages
    return chunk;
}

static void arena_grow(Arena *arena, size_t need) {
    size_t header = (sizeof(Chunk) + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    size_t size = need > arena->next_chunk ? need : arena->next_chunk;
    // A chunk of the largest size fills its huge page exactly.
    if (size == ARENA_MAX_CHUNK && need <= size - header)
        size -= header;
    Chunk *chunk = chunk_new(header, size);
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->at = (char *)chunk + header;
    arena->end = arena->at + size;
    if (arena->next_chunk < ARENA_MAX_CHUNK)
        arena->next_chunk *= 2;
}

void *arena_try_alloc(Arena *arena, size_t size) {
    if (size > SIZE_MAX - ARENA_ALIGN)
        return NULL;
    size_t rounded = size ? (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1) : ARENA_ALIGN;
    if (rounded > arena->budget - arena->used)
        return NULL;
    if (rounded > (size_t)(arena->end - arena->at))
        arena_grow(arena, rounded);
    void *ptr = arena->at;
    arena->at += rounded;
    arena->used += rounded;
    return ptr;
}

void *arena_alloc(Arena *arena, size_t size) {
    void *ptr = arena_try_alloc(arena, size);
    if (!ptr)
        BUG("arena budget of %zu bytes spent by a caller that does not check it", arena->budget);
    return ptr;
}

void *arena_zalloc(Arena *arena, size_t size) {
    return memset(arena_alloc(arena, size), 0, size);
}

void *arena_array(Arena *arena, size_t count, size_t item_size) {
    size_t size;
    if (__builtin_mul_overflow(count, item_size, &size))
        BUG("arena array of %zu items is too large", count);
    return arena_zalloc(arena, size);
}

void *arena_dup(Arena *arena, const void *ptr, size_t size) {
    void *copy = arena_alloc(arena, size);
    if (size)
        memcpy(copy, ptr, size);
    return copy;
}

char *arena_cstr(Arena *arena, Str s) {
    char *copy = arena_alloc(arena, s.len + 1);
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

Str arena_str(Arena *arena, Str s) {
    return (Str){arena_cstr(arena, s), s.len};
}

Str arena_vprintf(Arena *arena, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    BUG_UNLESS(len >= 0);
    char *text = arena_alloc(arena, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return (Str){text, (size_t)len};
}

Str arena_printf(Arena *arena, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    Str text = arena_vprintf(arena, fmt, ap);
    va_end(ap);
    return text;
}

size_t arena_used_bytes(const Arena *arena) {
    return arena->used;
}

size_t arena_left_bytes(const Arena *arena) {
    return arena->budget - arena->used;
}

// Arena: memory with one lifetime, freed whole. One per evaluation, per plan, per job.
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/mem.h"
#include "base/str.h"

#include <stdarg.h>

typedef struct Arena Arena;

// budget_bytes 0 means no limit. An arena with a budget hands out NULL from arena_try_alloc when it is spent.
Arena *arena_new(size_t budget_bytes) __attribute__((returns_nonnull));
void arena_free(Arena *arena); // NULL is fine
void arena_cleanup(Arena **arena);
#define AUTO_ARENA __attribute__((cleanup(arena_cleanup)))

// 16-byte aligned. arena_alloc aborts where arena_try_alloc returns NULL. arena_zalloc is zero-filled.
void *arena_try_alloc(Arena *arena, size_t size);
void *arena_alloc(Arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_zalloc(Arena *arena, size_t size) __attribute__((returns_nonnull));
void *arena_array(Arena *arena, size_t count, size_t item_size) __attribute__((returns_nonnull)); // zero-filled
void *arena_dup(Arena *arena, const void *ptr, size_t size) __attribute__((returns_nonnull));

// Copies; each is also NUL-terminated (the NUL is not counted in len).
Str arena_str(Arena *arena, Str s);
char *arena_cstr(Arena *arena, Str s) __attribute__((returns_nonnull));
Str arena_printf(Arena *arena, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
Str arena_vprintf(Arena *arena, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));

size_t arena_used_bytes(const Arena *arena);
size_t arena_left_bytes(const Arena *arena); // of the budget; SIZE_MAX at most

#define ARENA_NEW(arena, Type) ((Type *)arena_zalloc((arena), sizeof(Type)))
#define ARENA_ARRAY(arena, Type, count) ((Type *)arena_array((arena), (count), sizeof(Type)))

#endif

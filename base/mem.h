// Heap memory that is never NULL, and scope-bound release of it.
//
// Running out of memory ends the program: nothing sensible can be done with a half-built plan, and everything sized
// by the outside is checked against a cap before it is asked for here.
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

// Each returns memory for free(); size 0 gives a valid pointer. They abort when memory is out or a size overflows.
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *ptr, size_t count, size_t item_size) __attribute__((returns_nonnull));
void *mem_dup(const void *ptr, size_t size) __attribute__((malloc, returns_nonnull));
char *mem_strdup(const char *text) __attribute__((malloc, returns_nonnull));

// Ends the program: an invariant of ours is broken. Never for bad input.
_Noreturn void bug(const char *file, int line, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define BUG(...) bug(__FILE__, __LINE__, __VA_ARGS__)
#define BUG_UNLESS(cond) ((cond) ? (void)0 : BUG("broken invariant: %s", #cond))

void mem_free_cleanup(void *ptr_to_ptr);
#define AUTO_FREE __attribute__((cleanup(mem_free_cleanup)))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK __attribute__((warn_unused_result))

#endif

// Room for recursion that does not depend on the caller's stack: when little is left, the next call runs on a fresh
// segment of memory, and deeper ones on further segments, up to a limit. So evaluation can be written as plain
// recursive functions, and no program, however deep, can run off the end of a stack.
#ifndef SPECS_LANG_STACK_H
#define SPECS_LANG_STACK_H

#include "base/error.h"

#include <stdint.h>

typedef struct StackSegments {
    char *limit;  // calls must leave the current segment below this address; NULL: not entered yet
    void **items; // mapped segments, in order of use
    size_t count, cap, used;
} StackSegments;

enum {
    STACK_SEGMENT_BYTES = 16 * 1024 * 1024,
    STACK_MAX_SEGMENTS = 16,         // of address space; touched pages only are memory
    STACK_CALLER_BYTES = 64 * 1024,  // what may be used of the caller's own stack
    STACK_RESERVE_BYTES = 32 * 1024, // left for leaf functions at the end of a segment
};

typedef Error *(*StackFn)(void *argument);

// Around every entry from outside: remembers how far the caller's stack may be used. Returns the limit to restore.
char *stack_enter(StackSegments *stack);
void stack_leave(StackSegments *stack, char *previous);
void stack_release(StackSegments *stack);

static inline bool stack_is_low(const StackSegments *stack) {
    return (char *)__builtin_frame_address(0) < stack->limit;
}
// Runs fn(argument) on the next segment; ERROR_LIMIT when all are used.
MUST_CHECK Error *stack_call(StackSegments *stack, StackFn fn, void *argument);

#endif

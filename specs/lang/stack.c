// Why not one explicit stack of continuations: every native that forces a value would have to be cut into states. Here
// only the place of the stack is ours, which costs nothing until a program is deep. A guard page ends each segment.
//
// Invariant: `used` segments are in use, innermost last; `limit` belongs to the innermost.
#include "specs/lang/stack.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

typedef struct Switch {
    ucontext_t outer, inner;
    StackFn fn;
    void *argument;
    Error *result;
} Switch;

char *stack_enter(StackSegments *stack) {
    char *previous = stack->limit;
    if (!previous)
        stack->limit = (char *)__builtin_frame_address(0) - STACK_CALLER_BYTES;
    return previous;
}

void stack_leave(StackSegments *stack, char *previous) {
    stack->limit = previous;
}

void stack_release(StackSegments *stack) {
    for (size_t i = 0; i < stack->count; i++)
        munmap(stack->items[i], STACK_SEGMENT_BYTES);
    free(stack->items);
    *stack = (StackSegments){0};
}

// makecontext passes ints only, so the pointer travels in two halves.
static void run(unsigned high, unsigned low) {
    Switch *s = (Switch *)(((uintptr_t)high << 32) | (uintptr_t)low);
    s->result = s->fn(s->argument);
}

static Error *next_segment(StackSegments *stack, void **out) {
    if (stack->used == STACK_MAX_SEGMENTS)
        return error_new(ERROR_LIMIT, "evaluation is nested too deeply (%d MiB of stack used)",
                         STACK_MAX_SEGMENTS * (STACK_SEGMENT_BYTES / (1024 * 1024)));
    if (stack->used == stack->count) {
        void *memory = mmap(NULL, STACK_SEGMENT_BYTES, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED || mprotect(memory, 4096, PROT_NONE))
            return error_sys(errno, "no memory for a deeper stack");
        if (stack->count == stack->cap) {
            stack->cap = stack->cap ? stack->cap * 2 : 8;
            stack->items = mem_realloc(stack->items, stack->cap, sizeof *stack->items);
        }
        stack->items[stack->count++] = memory;
    }
    *out = stack->items[stack->used];
    return NULL;
}

Error *stack_call(StackSegments *stack, StackFn fn, void *argument) {
    void *memory = NULL;
    TRY(next_segment(stack, &memory));
    Switch s = {.fn = fn, .argument = argument};
    if (getcontext(&s.inner))
        return error_sys(errno, "getcontext");
    s.inner.uc_stack.ss_sp = memory;
    s.inner.uc_stack.ss_size = STACK_SEGMENT_BYTES;
    s.inner.uc_link = &s.outer;
    uintptr_t at = (uintptr_t)&s;
    // The prototype of makecontext's callback takes no arguments; the cast is what its manual page prescribes.
    void (*entry)(void) = (void (*)(void))(uintptr_t)run;
    makecontext(&s.inner, entry, 2, (unsigned)(at >> 32), (unsigned)(at & 0xffffffffu));
    char *previous = stack->limit;
    stack->limit = (char *)memory + STACK_RESERVE_BYTES;
    stack->used++;
#if defined(__SANITIZE_THREAD__)
    void *outer = __tsan_get_current_fiber();
    void *fiber = __tsan_create_fiber(0);
    __tsan_switch_to_fiber(fiber, 0);
#endif
    int failed = swapcontext(&s.outer, &s.inner);
#if defined(__SANITIZE_THREAD__)
    __tsan_switch_to_fiber(outer, 0);
    __tsan_destroy_fiber(fiber);
#endif
    stack->used--;
    stack->limit = previous;
    return failed ? error_sys(errno, "swapcontext") : s.result;
}

// Cancel: one request to stop, seen by every thread that works for a run: as a flag, and as a descriptor for poll(2).
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include "base/error.h"

#include <stdatomic.h>

typedef struct Cancel {
    atomic_bool requested;
    int fd; // readable once requested
} Cancel;

MUST_CHECK Error *cancel_init(Cancel *cancel);
void cancel_release(Cancel *cancel);
void cancel_request(Cancel *cancel); // async-signal-safe
static inline bool cancel_requested(const Cancel *cancel) {
    return cancel && atomic_load_explicit(&cancel->requested, memory_order_relaxed);
}
// ERROR_INTERRUPTED once requested, else NULL.
MUST_CHECK Error *cancel_check(const Cancel *cancel);

#endif

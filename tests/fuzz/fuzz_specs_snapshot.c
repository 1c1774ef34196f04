// Any bytes as the body of a snapshot. What is accepted is walked to its ends, by encoding it again.
#include "specs/snapshot.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    void *copy = aligned_alloc(16, (size + 31) & ~(size_t)15);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    SnapshotRoot *root = snapshot_decode(copy, size);
    AUTO_BUF Buf again;
    buf_init(&again, SNAPSHOT_MAX_BYTES);
    if (root)
        error_free(snapshot_encode(root, &again));
    free(copy);
    return 0;
}

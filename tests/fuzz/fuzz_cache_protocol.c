// What a lying worker can send: the parser of answers (and of requests, which has the same reader). An answer that is
// accepted is written again as it came.
#include "cache/protocol.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str message = {(const char *)data, size};
    AUTO_BUF Buf again;
    buf_init(&again, PROTOCOL_MESSAGE_MAX);
    WorkerAnswer answer;
    if (protocol_read_answer(message, &answer)) {
        protocol_add_answer(&again, &answer);
        BUG_UNLESS(str_eq(message, buf_str(&again)));
    }
    WorkerRequest request;
    if (protocol_read_request(message, &request)) {
        protocol_add_request(&again, &request);
        BUG_UNLESS(str_eq(message, buf_str(&again)));
    }
    return 0;
}

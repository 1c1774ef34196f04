// A record: what is accepted is exactly what would be written for it. Each input is tried as it is, and with the right
// checksum behind it, which no mutation would find.
#include "store/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_text(Str text) {
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_BUF Buf again;
    buf_init(&again, RECORD_BYTES_MAX);
    Record record;
    AUTO_ERROR Error *error = record_decode(text, arena, &record);
    if (error)
        return;
    AUTO_ERROR Error *second = record_encode(&record, &again);
    BUG_UNLESS(!second && str_eq(buf_str(&again), text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str text = {(const char *)data, size};
    try_text(text);
    AUTO_BUF Buf sealed;
    buf_init(&sealed, BUF_NO_LIMIT);
    buf_add_str(&sealed, text);
    buf_printf(&sealed, "sha256 %s\n", hash_hex(hash_bytes(text)).text);
    try_text(buf_str(&sealed));
    return 0;
}

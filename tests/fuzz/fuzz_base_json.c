// The JSON reader: whatever it takes, the writer must be able to write back and the reader to read again.
#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_ARENA Arena *arena = arena_new(0);
    const JsonValue *value;
    AUTO_ERROR Error *error = json_parse(arena, STR("input"), (Str){(const char *)data, size}, 10000, &value);
    if (error || value->type != JSON_STRING)
        return 0;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    json_add_string(&text, value->text);
    const JsonValue *again;
    AUTO_ERROR Error *second = json_parse(arena, STR("again"), buf_str(&text), 0, &again);
    BUG_UNLESS(!second && str_eq(again->text, value->text));
    return 0;
}

// The TOML reader: no text may crash it, and every value must lie inside the text at the place that it claims.
#include "base/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const TomlValue *value, size_t size, unsigned depth) {
    BUG_UNLESS(value->start <= value->end && value->end <= size && depth <= 3 * TOML_DEPTH_MAX);
    for (size_t i = 0; value->type == TOML_ARRAY && i < value->count; i++)
        check(value->items[i], size, depth + 1);
    for (size_t i = 0; value->type == TOML_TABLE && i < value->count; i++) {
        const TomlEntry *entry = &value->entries[i];
        BUG_UNLESS(entry->key_start < entry->key_end && entry->key_end <= size);
        BUG_UNLESS(toml_find(value, entry->key) == entry);
        check(entry->value, size, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_ARENA Arena *arena = arena_new(0);
    TomlValue *root;
    AUTO_ERROR Error *error = toml_parse(arena, STR("input"), (Str){(const char *)data, size}, &root);
    if (!error)
        check(root, size, 0);
    return 0;
}

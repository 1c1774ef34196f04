// Any text: parsing ends, within its memory, and every node of the tree lies inside the text and its parent's reach.
#include "specs/lang/parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_ARENA Arena *arena = arena_new(512 * 1024 * 1024);
    Symbols *symbols = symbols_new(arena);
    SourceFile file = {.path = STR("fuzz.ncl"), .text = arena_str(arena, (Str){(const char *)data, size})};
    size_t before = arena_used_bytes(arena);
    AstNode *root = NULL;
    Error *error = parse_file(arena, symbols, &file, &root);
    if (!error && (!root || root->start > root->end || root->end > size))
        abort();
    if (arena_used_bytes(arena) - before > (size + 64) * PARSE_MEMORY_FACTOR)
        abort();
    error_free(error);
    symbols_free(symbols);
    return 0;
}

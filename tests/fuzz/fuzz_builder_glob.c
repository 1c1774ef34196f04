// A glob and a path, the first line of the input and the rest: compiling and matching end, within bounds.
#include "builder/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    Str text = {(const char *)data, size};
    ptrdiff_t end = str_find_byte(text, '\n');
    if (end < 0)
        return 0;
    AUTO_ARENA Arena *arena = arena_new(0);
    const Glob *glob;
    Error *error = glob_compile(arena, str_slice(text, 0, (size_t)end), &glob);
    if (!error)
        (void)glob_match(glob, str_slice(text, (size_t)end + 1, size));
    error_free(error);
    return 0;
}

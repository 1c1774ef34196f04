// apt's source files, in all three forms: whatever they hold, few bases come out, each of them a URL that ends as it
// should.
#include "cache/apt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const AptBases *bases, Str name) {
    BUG_UNLESS(bases->count <= 32);
    for (size_t i = 0; i < bases->count; i++)
        BUG_UNLESS(str_ends_with(bases->items[i], name) && str_contains(bases->items[i], STR("://")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Str text = {(const char *)data, size}, name = STR("debian");
    AptBases bases = {0}, lists = {0};
    apt_parse_list(arena, text, name, &bases, &lists);
    apt_parse_sources(arena, text, name, &bases, &lists);
    apt_parse_mirror_list(arena, text, name, &bases);
    check(&bases, name);
    vec_release(&bases);
    vec_release(&lists);
    return 0;
}

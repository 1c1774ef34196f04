// URLs of a spec or a configuration: what goes to a server holds no byte that ends a line, what is shown no secret.
#include "cache/url.h"

#include "base/error.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(Str s) {
    for (size_t i = 0; i < s.len; i++)
        BUG_UNLESS((unsigned char)s.ptr[i] > 0x20 && (unsigned char)s.ptr[i] < 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Url url;
    Error *error = url_parse(arena, (Str){(const char *)data, size}, &url);
    error_free(error);
    for (size_t i = 0; i < url.shown.len; i++)
        BUG_UNLESS((unsigned char)url.shown.ptr[i] >= 0x20 && url.shown.ptr[i] != 0x7f);
    if (error)
        return 0;
    check_line(url.fetch);
    BUG_UNLESS(url.fetch.len <= URL_MAX + 64);
    if (url.scheme == URL_MIRROR)
        check_line(url_join(arena, STR("https://h"), url.path));
    if (url.scheme == URL_FILE)
        BUG_UNLESS(url.path.len > 0 && url.path.ptr[0] == '/' && str_find_byte(url.path, '\0') < 0);
    return 0;
}

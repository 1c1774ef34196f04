// Shared by the two halves of the TOML reader: toml.c (structure) and toml_scalar.c (strings, numbers, dates).
#ifndef BASE_TOML_INTERNAL_H
#define BASE_TOML_INTERNAL_H

#include "base/toml.h"

typedef struct TomlReader {
    Arena *arena;
    Str file, text;
    size_t at, line_start;
    uint32_t line;
    size_t values;
    unsigned depth;
} TomlReader;

// The byte `ahead` of the current one, or -1 behind the end.
static inline int toml_peek(const TomlReader *reader, size_t ahead) {
    return ahead < reader->text.len - reader->at ? (unsigned char)reader->text.ptr[reader->at + ahead] : -1;
}
uint32_t toml_column(const TomlReader *reader);
Error *toml_fail(const TomlReader *reader, ErrorKind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4), returns_nonnull));
// At a line break: steps over it and returns true. A lone CR is none.
bool toml_take_newline(TomlReader *reader);

// At a quote: a string of any of the four kinds. `single_line` refuses the multi-line ones (keys).
MUST_CHECK Error *toml_read_string(TomlReader *reader, bool single_line, Str *out);
// At anything that is no string, array or inline table.
MUST_CHECK Error *toml_read_word(TomlReader *reader, TomlValue *out);

#endif

// TOML 1.0.0 (https://toml.io/en/v1.0.0): a strict reader that keeps where everything stands, so that a file can be
// edited in place without losing comments or layout.
#ifndef BASE_TOML_H
#define BASE_TOML_H

#include "base/arena.h"
#include "base/error.h"

typedef enum TomlType {
    TOML_STRING,
    TOML_INTEGER,
    TOML_FLOAT,
    TOML_BOOL,
    TOML_OFFSET_DATETIME,
    TOML_LOCAL_DATETIME,
    TOML_LOCAL_DATE,
    TOML_LOCAL_TIME,
    TOML_ARRAY,
    TOML_TABLE,
} TomlType;

// How a table or array came to be; what may still be added to it follows from that.
typedef enum TomlOrigin {
    TOML_BY_VALUE,  // a scalar, an inline table, or an array in brackets: complete as it stands
    TOML_BY_HEADER, // [a]
    TOML_IMPLICIT,  // the `a` of [a.b], not defined itself so far
    TOML_BY_DOTS,   // the `a` of a.b = 1
    TOML_BY_DOUBLE_HEADER, // the array of [[a]]
} TomlOrigin;

typedef struct TomlValue TomlValue;

typedef struct TomlEntry {
    Str key;                   // decoded
    TomlValue *value;
    size_t key_start, key_end; // bytes in the text, of the whole (dotted) key as written
    uint32_t line, column;     // of the key
} TomlEntry;

struct TomlValue {
    TomlType type;
    TomlOrigin origin;
    uint32_t line, column; // of the value; of the header for a table that has one
    size_t start, end;     // bytes in the text: the value; or from a header's bracket to the end of its section's last line
    Str text;              // of a string: decoded; of a date or time: as written
    int64_t integer;
    double number;
    bool boolean;
    TomlValue **items; // of an array
    TomlEntry *entries; // of a table, in order of the text
    size_t count, cap;
    uint32_t *slots; // of a table: index by key, private
    size_t slot_count;
};

enum { TOML_SIZE_MAX = 16 << 20, TOML_DEPTH_MAX = 100, TOML_VALUES_MAX = 1000000 };

// The whole text as its root table, in arena; text and file must live as long. ERROR_INVALID with file, line, column and
// caret on anything that is not TOML 1.0; ERROR_LIMIT beyond the caps above.
MUST_CHECK Error *toml_parse(Arena *arena, Str file, Str text, TomlValue **out);

// NULL when absent or when table is no table.
TomlValue *toml_get(const TomlValue *table, const char *key);
const TomlEntry *toml_find(const TomlValue *table, Str key);
const char *toml_type_name(TomlType type); // "a string", "an integer", ...

#endif

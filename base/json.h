// JSON (RFC 8259): a writer over Buf, and a strict reader with caps.
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

// ---- writing ----

// Appends a string literal with its quotes. Bytes that are no UTF-8 become U+FFFD.
void json_add_string(Buf *out, Str text);

enum { JSON_DEPTH_MAX = 128 };

// Writes commas, newlines and indentation by itself. Misuse (a key in an array, more than JSON_DEPTH_MAX levels) is a
// BUG. `compact` writes no white space at all but a space behind ':' and ','.
typedef struct JsonWriter {
    Buf *out;
    bool compact;
    unsigned depth;
    bool has_items[JSON_DEPTH_MAX];
    bool after_key;
} JsonWriter;

void json_begin(JsonWriter *writer, Buf *out, bool compact);
void json_open_object(JsonWriter *writer);
void json_close_object(JsonWriter *writer);
void json_open_array(JsonWriter *writer);
void json_close_array(JsonWriter *writer);
void json_key(JsonWriter *writer, const char *key);
void json_key_str(JsonWriter *writer, Str key);
void json_string(JsonWriter *writer, Str value);
void json_cstring(JsonWriter *writer, const char *value);
void json_integer(JsonWriter *writer, int64_t value);
void json_bool(JsonWriter *writer, bool value);
void json_null(JsonWriter *writer);
// A value that is JSON text already.
void json_raw(JsonWriter *writer, Str text);

// ---- reading ----

typedef enum JsonType { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } JsonType;

typedef struct JsonValue JsonValue;
typedef struct JsonMember {
    Str key;
    const JsonValue *value;
} JsonMember;

struct JsonValue {
    JsonType type;
    uint32_t line, column; // where it begins
    bool boolean;
    double number;
    Str text;                  // of a string: decoded; of a number: as written
    const JsonValue *items;    // of an array
    const JsonMember *members; // of an object, in order; keys are unique
    size_t count;
};

// The whole text as one value, in arena. ERROR_INVALID with line and column on anything that RFC 8259 does not allow,
// on a repeated key, and on invalid UTF-8; ERROR_LIMIT beyond JSON_DEPTH_MAX levels or items_max values (0: 1 million).
MUST_CHECK Error *json_parse(Arena *arena, Str file, Str text, size_t items_max, const JsonValue **out);
// NULL when absent or when value is no object.
const JsonValue *json_member(const JsonValue *value, const char *key);

#endif

// What the files of the decoder share: the state of one layer's decoding, and typed access to fields.
#ifndef SPECS_DECODE_PRIVATE_H
#define SPECS_DECODE_PRIVATE_H

#include "specs/decode.h"

enum { DECODE_MAX_DEPTH = 64 }; // of a field path, and so of nesting in what is read

typedef struct Step { // of the path to what is being read: a field, or an element when `field` is empty
    Str field;
    size_t index;
} Step;

typedef struct Slot {
    Value *value; // of the package, forced
    Package package;
} Slot;

typedef struct Decoder {
    SetBuilder *builder;
    const LayerSpecs *specs;
    Lang *lang;
    uint32_t layer;
    PackageIndex base; // of the first package of this layer
    VEC(Slot) slots;   // work list: those from `done` on are still to be read
    size_t done;
    Map identities;    // of records to slot + 1
    Str name;          // of the package or harness that is being read; "" before it is known
    SourceSpan place;  // of it
    Step path[DECODE_MAX_DEPTH];
    size_t depth;
} Decoder;

// ---- decode_fields.c ----

// Goes one step deeper; ends with decode_leave. An error may return in between: decoding ends there.
void decode_enter(Decoder *decoder, Str field);
void decode_enter_item(Decoder *decoder, size_t index);
void decode_leave(Decoder *decoder);
// "outputs.bins.glob: <text>", at the place; at the package's own place when that is unknown.
Error *decode_error(const Decoder *decoder, ErrorKind kind, SourceSpan at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull));
// The same in front of an error of the interpreter.
Error *decode_wrap(const Decoder *decoder, Error *cause) __attribute__((returns_nonnull));
#define DECODE_TRY(decoder, expr)                                                                                      \
    do {                                                                                                               \
        Error *decode_error_ = (expr);                                                                                 \
        if (__builtin_expect(decode_error_ != NULL, 0))                                                                \
            return decode_wrap((decoder), decode_error_);                                                              \
    } while (0)

// A place without the text of the file, its name in the builder's arena: fit to be kept.
SourceSpan decode_span(Decoder *decoder, SourceSpan span);
SourceSpan decode_field_span(const Value *record, const char *name);

// A field of a forced record, forced; NULL when absent.
MUST_CHECK Error *decode_field(Decoder *decoder, Value *record, const char *name, Value **out);
// The value must be of that type; else an error such as "must be a string, is a number".
MUST_CHECK Error *decode_expect(Decoder *decoder, const Value *value, LangType type, SourceSpan at);
MUST_CHECK Error *decode_string_value(Decoder *decoder, Value *value, SourceSpan at, Str *out);
// Typed fields. Absent ones leave *out as it is, and return false in *found (which may be NULL).
MUST_CHECK Error *decode_string(Decoder *decoder, Value *record, const char *name, bool *found, Str *out);
MUST_CHECK Error *decode_bool(Decoder *decoder, Value *record, const char *name, bool *out);
MUST_CHECK Error *decode_strings(Decoder *decoder, Value *record, const char *name, StrSlice *out);
// Each name of the record must be one of those; else an error with the nearest.
MUST_CHECK Error *decode_only(Decoder *decoder, Value *record, const char *const *names, size_t count,
                              const char *what);
// The `ty` of a value that must be a record with one: "Builder", "Source", ...
MUST_CHECK Error *decode_kind(Decoder *decoder, Value *value, SourceSpan at, const char *expected, Str *out);

// Iterates over the elements of an array field.
typedef struct ItemReader {
    Value *array; // NULL: the field is absent
    size_t count, at;
    SourceSpan place; // of the array
} ItemReader;
MUST_CHECK Error *decode_items(Decoder *decoder, Value *record, const char *name, ItemReader *out);
// Enters the element (decode_leave ends it). *at_out: of the element where it was written in this array, else the array's place.
MUST_CHECK Error *decode_next(Decoder *decoder, ItemReader *reader, Value **out, SourceSpan *at_out);

// ---- decode_files.c ----

MUST_CHECK Error *decode_source(Decoder *decoder, Value *value, SourceSpan at, Source *out);
MUST_CHECK Error *decode_local(Decoder *decoder, Value *value, SourceSpan at, Local *out);

// ---- decode_facts.c: commands, outputs, needs, attributes ----

// From `cmd` or `cmds`; at most one may be there.
MUST_CHECK Error *decode_commands(Decoder *decoder, Value *record, Commands *out);
MUST_CHECK Error *decode_build_args(Decoder *decoder, Value *record, NamedValues *out);
MUST_CHECK Error *decode_outputs(Decoder *decoder, Value *record, Package *package);
MUST_CHECK Error *decode_needs(Decoder *decoder, Value *record, Needs *out);
MUST_CHECK Error *decode_attrs(Decoder *decoder, Value *record, Package *package);

// ---- decode_json.c ----

// A value as canonical JSON: sorted keys, no spaces. A tag is a string; a tag with an argument is {"arg":..,"tag":..}.
MUST_CHECK Error *decode_json(Decoder *decoder, Value *value, SourceSpan at, Buf *out);

#endif

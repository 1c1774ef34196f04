// What the files of the decoder share: the state of one layer's decoding, and typed access to fields.
#ifndef SPECS_DECODE_PRIVATE_H
#define SPECS_DECODE_PRIVATE_H

#include "specs/decode.h"

enum { DECODE_MAX_DEPTH = 64 }; // of a field path, and so of nesting in what is read

typedef struct Step { // of the path to what is being read: a field, or an element when `field` is empty
    Str field;
    size_t index;
} Step;

// Where something was written, worked out only when it is asked for: finding line and column costs a pass over the
// text.
typedef struct Where {
    const Value *record; // with `field`: the place of that field in the record
    Str field;
    const Value *item; // the place of this value, if it lies within that field
    const SourceSpan *known;
} Where;

static inline Where where_field(const Value *record, const char *field) {
    return (Where){.record = record, .field = str_from(field)};
}
static inline Where where_named(const Value *record, Str field) {
    return (Where){.record = record, .field = field};
}
static inline Where where_span(const SourceSpan *span) {
    return (Where){.known = span};
}
static inline Where where_value(const Value *value) {
    return (Where){.item = value};
}

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
    Map identities;   // of records to slot + 1
    Str name;         // of the package or harness that is being read; "" before it is known
    SourceSpan place; // of it
    Step path[DECODE_MAX_DEPTH];
    size_t depth;
    Where last_field; // whose place is `last_span`: the elements of one array ask for the same again and again
    SourceSpan last_span;
    Str last_file, kept_file; // the interpreter's name of a file, and ours
} Decoder;

// ---- decode_fields.c ----

// Goes one step deeper; ends with decode_leave. An error may return in between: decoding ends there.
void decode_enter(Decoder *decoder, Str field);
void decode_enter_item(Decoder *decoder, size_t index);
void decode_leave(Decoder *decoder);
// "outputs.bins.glob: <text>", at the place; at the package's own place when that is unknown.
Error *decode_error(const Decoder *decoder, ErrorKind kind, Where at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5), returns_nonnull));
// The same in front of an error of the interpreter.
Error *decode_wrap(const Decoder *decoder, Error *cause) __attribute__((returns_nonnull));
#define DECODE_TRY(decoder, expr)                                                                                      \
    do {                                                                                                               \
        Error *decode_error_ = (expr);                                                                                 \
        if (__builtin_expect(decode_error_ != NULL, 0))                                                                \
            return decode_wrap((decoder), decode_error_);                                                              \
    } while (0)

// A place whose file name is in the builder's arena. It may be kept, but `source` must be dropped with the Lang.
SourceSpan decode_span(Decoder *decoder, Where where);
// The place as it is; that of the package where the value has none.
SourceSpan decode_place(const Decoder *decoder, Where where);

// A field of a forced record, forced; NULL when absent.
MUST_CHECK Error *decode_field(Decoder *decoder, Value *record, const char *name, Value **out);
// The value must be of that type; else an error such as "must be a string, is a number".
MUST_CHECK Error *decode_expect(Decoder *decoder, const Value *value, LangType type, Where at);
MUST_CHECK Error *decode_string_value(Decoder *decoder, Value *value, Where at, Str *out);
// Typed fields. Absent ones leave *out as it is, and return false in *found (which may be NULL).
MUST_CHECK Error *decode_string(Decoder *decoder, Value *record, const char *name, bool *found, Str *out);
MUST_CHECK Error *decode_bool(Decoder *decoder, Value *record, const char *name, bool *out);
MUST_CHECK Error *decode_strings(Decoder *decoder, Value *record, const char *name, StrSlice *out);
// Each name of the record must be one of those; else an error with the nearest.
MUST_CHECK Error *decode_only(Decoder *decoder, Value *record, const char *const *names, size_t count,
                              const char *what);
// The `ty` of a value that must be a record with one: "Builder", "Source", ...
MUST_CHECK Error *decode_kind(Decoder *decoder, Value *value, Where at, const char *expected, Str *out);

// Iterates over the elements of an array field.
typedef struct ItemReader {
    Value *array; // NULL: the field is absent
    size_t count, at;
    Where place; // of the array
} ItemReader;
MUST_CHECK Error *decode_items(Decoder *decoder, Value *record, const char *name, ItemReader *out);
// Enters the element (decode_leave ends it). *at_out: of the element if it is written in this array, else the array.
MUST_CHECK Error *decode_next(Decoder *decoder, ItemReader *reader, Value **out, Where *at_out);

// ---- decode_files.c ----

MUST_CHECK Error *decode_source(Decoder *decoder, Value *value, Where at, Source *out);
MUST_CHECK Error *decode_local(Decoder *decoder, Value *value, Where at, Local *out);

// ---- decode_facts.c: commands, outputs, needs, attributes ----

// From `cmd` or `cmds`; at most one may be there.
MUST_CHECK Error *decode_commands(Decoder *decoder, Value *record, Commands *out);
MUST_CHECK Error *decode_build_args(Decoder *decoder, Value *record, NamedValues *out);
MUST_CHECK Error *decode_outputs(Decoder *decoder, Value *record, Package *package);
MUST_CHECK Error *decode_needs(Decoder *decoder, Value *record, Needs *out);
MUST_CHECK Error *decode_attrs(Decoder *decoder, Value *record, Package *package);

// ---- decode_json.c ----

// A value as canonical JSON: sorted keys, no spaces. A tag is a string; a tag with an argument is {"arg":..,"tag":..}.
MUST_CHECK Error *decode_json(Decoder *decoder, Value *value, Where at, Buf *out);

#endif

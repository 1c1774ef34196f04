// The interpreter as its users see it: load files, force values, look into them, export them.
//
// Nickel, as its manual describes it (docs/language.md says what of it). Evaluation is lazy: a Value is forced to its
// outermost constructor only when asked, and each file is evaluated at most once. All memory belongs to the Lang.
#ifndef SPECS_LANG_LANG_H
#define SPECS_LANG_LANG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

typedef struct Lang Lang;
typedef struct Value Value; // a thunk or a value; opaque here

typedef enum LangType {
    LANG_NULL,
    LANG_BOOL,
    LANG_NUMBER,
    LANG_STRING,
    LANG_ENUM, // tag, perhaps with an argument
    LANG_ARRAY,
    LANG_RECORD,
    LANG_FUNCTION,
    LANG_OTHER, // types, contracts, labels, sealed values
} LangType;

// How files are found and read. The default reads the host's files. Tells the caller every file and every directory
// that was consulted, found or not, so that what depends on them can be noticed later.
typedef struct LangLoader {
    void *context;
    // Contents of the file (they must live as long as the Lang; NUL-terminated), or ERROR_NOT_FOUND.
    Error *(*load)(void *context, Str path, Str *contents_out);
} LangLoader;

typedef struct LangModule { // a file that is part of the program: import "minimal.ncl"
    Str name;
    Str text;
} LangModule;

typedef struct LangOptions {
    size_t memory_budget_bytes; // 0: 1 GiB
    uint64_t step_budget;       // 0: 200 million
    LangLoader loader;          // load NULL: the host's files
    const LangModule *modules;  // found after a file relative to the importing one
    size_t module_count;
    StrSlice import_paths;
    void (*trace)(void *context, Str text); // what std.trace is given; NULL: it goes nowhere
    void *trace_context;
} LangOptions;

MUST_CHECK Error *lang_new(const LangOptions *options, Lang **out);
void lang_free(Lang *lang);
void lang_cleanup(Lang **lang);
#define AUTO_LANG __attribute__((cleanup(lang_cleanup)))
Arena *lang_arena(Lang *lang);

// A variable that every file sees (the initial environment). Before the first import.
void lang_define(Lang *lang, Str name, Value *value);

// The value of a file, or of a program text that claims to be the file `path`. Not forced.
MUST_CHECK Error *lang_import(Lang *lang, Str path, Value **out);
MUST_CHECK Error *lang_program(Lang *lang, Str path, Str text, Value **out);

// Makers, for what the host injects.
Value *lang_make_null(Lang *lang);
Value *lang_make_bool(Lang *lang, bool value);
Value *lang_make_string(Lang *lang, Str value);
Value *lang_make_enum(Lang *lang, Str tag);
Value *lang_make_array(Lang *lang, Value *const *items, size_t count);
Value *lang_make_record(Lang *lang, const Str *names, Value *const *values, size_t count);

// To its outermost constructor, contracts applied. Afterwards lang_type and the getters are valid for it.
MUST_CHECK Error *lang_force(Lang *lang, Value *value);
LangType lang_type(const Value *value);         // of a forced value
const char *lang_type_name(const Value *value); // for messages: "a record", "a string"
bool lang_get_bool(const Value *value);
Str lang_get_string(const Value *value);      // LANG_STRING
Str lang_get_tag(const Value *value);         // LANG_ENUM
Value *lang_get_argument(const Value *value); // LANG_ENUM; NULL for a bare tag
// LANG_NUMBER: false when it is not a whole number that fits.
bool lang_get_integer(const Value *value, int64_t *out);
double lang_get_number(const Value *value);
size_t lang_array_count(const Value *value); // LANG_ARRAY
// Forced element, its contracts applied.
MUST_CHECK Error *lang_array_item(Lang *lang, Value *array, size_t index, Value **out);
// Forced field with its contracts applied; *out is NULL when the field is absent, or optional without a value. A
// field that is declared but has no value is an error ("missing definition").
MUST_CHECK Error *lang_record_field(Lang *lang, Value *record, Str name, Value **out);
// Names of the fields that have a value or must have one, sorted; the array lives in the Lang's arena.
MUST_CHECK Error *lang_record_names(Lang *lang, Value *record, StrSlice *out);

// Where the value was written: the literal for a constructor, the expression otherwise.
SourceSpan lang_span(const Lang *lang, const Value *value);
// Where a field of a forced record is defined (its value if it has one); a span of line 0 when absent.
SourceSpan lang_field_span(const Lang *lang, const Value *record, Str name);
// The record literal, in its environment, that a forced record came from: the same for two values exactly if they
// are the same literal evaluated in the same environment, however many contracts went over them since.
const void *lang_record_identity(const Value *record);

// Deeply forced, as Nickel exports: sorted keys, two-space indent unless compact.
MUST_CHECK Error *lang_export_json(Lang *lang, Value *value, bool compact, Buf *out);
// The field at a path such as `a.b."c d"`, forced.
MUST_CHECK Error *lang_field_path(Lang *lang, Value *value, Str path, Value **out);

typedef struct LangStats {
    size_t files, source_bytes, memory_bytes;
    uint64_t steps;
} LangStats;
LangStats lang_stats(const Lang *lang);

#endif

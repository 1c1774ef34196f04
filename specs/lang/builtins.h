// Tables of natives, one per module of std, and what their functions share.
#ifndef SPECS_LANG_BUILTINS_H
#define SPECS_LANG_BUILTINS_H

#include "specs/lang/eval.h"
#include "specs/lang/operators.h"

typedef struct NativeTable {
    const Native *items;
    size_t count;
} NativeTable;

extern const NativeTable array_natives, array_more_natives, contract_natives, core_natives, function_natives,
    number_natives, record_natives, string_natives, regex_natives, primop_natives;

// "contract broken by the caller of `std.x`: ...", at the call.
Error *caller_error(Lang *lang, const char *fmt, ...) __attribute__((format(printf, 2, 3), returns_nonnull));
// Argument as an index or count: a whole number from 0 up to max.
MUST_CHECK Error *native_index(Lang *lang, const Value *value, size_t max, const char *what, size_t *out);
// Calls with one or two arguments; *out is forced.
MUST_CHECK Error *call1(Lang *lang, Value *function, Value *a, Value **out);
MUST_CHECK Error *call2(Lang *lang, Value *function, Value *a, Value *b, Value **out);
// A call whose result must be a Bool, or 'Lesser, 'Equal, 'Greater.
MUST_CHECK Error *call_bool(Lang *lang, Value *function, Value *a, bool *out);
MUST_CHECK Error *call_order(Lang *lang, Value *function, Value *a, Value *b, int *out);
Value *value_int(Lang *lang, int64_t n);
Value *value_order(Lang *lang, int order);
Value *value_text(Lang *lang, Str s); // not copied
// 'Error {message = ...}
Value *value_error(Lang *lang, Str message);
// The custom contract with this function; and the one that calls `native` with `collected`, label and value.
Value *value_custom(Lang *lang, Value *function);
Value *value_custom_of(Lang *lang, const Native *native, Value *collected);
MUST_CHECK Error *new_items(Lang *lang, size_t count, Value ***out);

#endif

// Exact rationals, always reduced. Those whose numerator and denominator fit into 64 bits are kept in place; longer
// ones, up to NAT_RESULT_LIMBS, live in an arena. What is longer still is refused, never rounded.
#ifndef SPECS_LANG_NUMBER_H
#define SPECS_LANG_NUMBER_H

#include "base/arena.h"
#include "base/buf.h"

typedef struct BigNumber BigNumber;

typedef struct Number {
    union {
        int64_t num;
        const BigNumber *big; // when den is 0
    };
    int64_t den;
} Number;

static inline Number number_of(int64_t n) {
    return (Number){.num = n, .den = 1};
}
static inline bool number_is_small(Number n) {
    return n.den != 0;
}
// Whole, however long.
bool number_is_whole(Number n);
int number_sign(Number n); // -1, 0, 1

// Digits as Nickel writes them (12, .5, 1e-3, 0xff, 0o7, 0b1), perhaps with '-' in front. False when it is no number,
// or one that is too long.
bool number_parse(Arena *arena, Str text, Number *out);
// The simplest fraction that reads back as this double; false for infinities and NaN.
bool number_from_double(Arena *arena, double d, Number *out);
double number_to_double(Number n);

// Each is false when the result is too long (or the divisor is zero).
bool number_add(Arena *arena, Number a, Number b, Number *out);
bool number_sub(Arena *arena, Number a, Number b, Number *out);
bool number_mul(Arena *arena, Number a, Number b, Number *out);
bool number_div(Arena *arena, Number a, Number b, Number *out);
bool number_mod(Arena *arena, Number a, Number b, Number *out); // truncated: the sign of a
bool number_pow(Arena *arena, Number base, int64_t exponent, Number *out);
bool number_truncate(Arena *arena, Number n, Number *out); // towards zero
Number number_negate(Arena *arena, Number n);
int number_compare(Number a, Number b); // -1, 0, 1
bool number_equal(Number a, Number b);
// How much more than one step an operation on these two is worth: 0 unless one of them is long.
uint64_t number_cost(Number a, Number b);

// Decimal when that ends, else 16 significant digits.
void number_format(Number n, Buf *out);

#endif

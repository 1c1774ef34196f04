// Exact rationals: a numerator and a denominator of 64 bits, always reduced, the denominator positive. What does not
// fit is refused, never rounded.
#ifndef SPECS_LANG_NUMBER_H
#define SPECS_LANG_NUMBER_H

#include "base/buf.h"
#include "base/str.h"

typedef struct Number {
    int64_t num, den;
} Number;

// Digits as Nickel writes them (12, .5, 1e-3, 0xff, 0o7, 0b1), perhaps with '-' in front. False when it is no number,
// or one that does not fit.
bool number_parse(Str text, Number *out);
// The simplest fraction that reads back as this double; false for infinities, NaN and what does not fit.
bool number_from_double(double d, Number *out);
double number_to_double(Number n);

// Each is false when the result does not fit (or the divisor is zero).
bool number_add(Number a, Number b, Number *out);
bool number_sub(Number a, Number b, Number *out);
bool number_mul(Number a, Number b, Number *out);
bool number_div(Number a, Number b, Number *out);
bool number_mod(Number a, Number b, Number *out); // truncated: the sign of a
bool number_pow(Number base, int64_t exponent, Number *out);
int number_compare(Number a, Number b); // -1, 0, 1

// Decimal when that ends, else 16 significant digits.
void number_format(Number n, Buf *out);

#endif

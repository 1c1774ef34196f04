// Natural numbers of bounded length: the arithmetic behind rationals that outgrow 64 bits. Least significant limb
// first, no leading zeros, so zero has no limbs.
#ifndef SPECS_LANG_NAT_H
#define SPECS_LANG_NAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    NAT_RESULT_LIMBS = 128,                   // what may be kept: 4,096 bits, some 1,200 digits
    NAT_MAX_LIMBS = 2 * NAT_RESULT_LIMBS + 4, // room for a product of two such, and a carry
};

typedef struct Nat {
    uint32_t len;
    uint32_t limb[NAT_MAX_LIMBS];
} Nat;

void nat_from_u64(uint64_t value, Nat *out);
bool nat_to_u64(const Nat *n, uint64_t *out); // false when it does not fit
int nat_compare(const Nat *a, const Nat *b);
// The caller sees to it that results fit: operands of at most NAT_RESULT_LIMBS for products, products for sums.
// out may be an operand, except of nat_mul and nat_divide.
void nat_add(const Nat *a, const Nat *b, Nat *out);
void nat_subtract(const Nat *a, const Nat *b, Nat *out); // a >= b
void nat_mul(const Nat *a, const Nat *b, Nat *out);
void nat_divide(const Nat *a, const Nat *b, Nat *quotient, Nat *remainder); // b > 0; Knuth, TAOCP 4.3.1 D
void nat_gcd(const Nat *a, const Nat *b, Nat *out);
size_t nat_bits(const Nat *n);
// False when the result would be too long.
bool nat_shift_left(Nat *n, size_t bits);
// n * factor + addend, in place; false when too long.
bool nat_scale(Nat *n, uint32_t factor, uint32_t addend);
// n / divisor in place; returns the remainder.
uint32_t nat_divide_small(Nat *n, uint32_t divisor);

#endif

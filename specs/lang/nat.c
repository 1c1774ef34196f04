// Schoolbook algorithms: the numbers are short, and a program that computes with long ones pays by the step.
#include "specs/lang/nat.h"

#include <string.h>

static void trim(Nat *n) {
    while (n->len && n->limb[n->len - 1] == 0)
        n->len--;
}

static void copy(const Nat *from, Nat *to) {
    to->len = from->len;
    memmove(to->limb, from->limb, from->len * sizeof from->limb[0]);
}

void nat_from_u64(uint64_t value, Nat *out) {
    out->len = 2;
    out->limb[0] = (uint32_t)value;
    out->limb[1] = (uint32_t)(value >> 32);
    trim(out);
}

bool nat_to_u64(const Nat *n, uint64_t *out) {
    *out = (n->len > 0 ? n->limb[0] : 0) | (uint64_t)(n->len > 1 ? n->limb[1] : 0) << 32;
    return n->len <= 2;
}

int nat_compare(const Nat *a, const Nat *b) {
    if (a->len != b->len)
        return a->len < b->len ? -1 : 1;
    for (uint32_t i = a->len; i-- > 0;)
        if (a->limb[i] != b->limb[i])
            return a->limb[i] < b->limb[i] ? -1 : 1;
    return 0;
}

void nat_add(const Nat *a, const Nat *b, Nat *out) {
    uint32_t len = a->len > b->len ? a->len : b->len;
    uint64_t carry = 0;
    for (uint32_t i = 0; i < len; i++) {
        carry += (uint64_t)(i < a->len ? a->limb[i] : 0) + (i < b->len ? b->limb[i] : 0);
        out->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    out->limb[len] = (uint32_t)carry;
    out->len = len + 1;
    trim(out);
}

void nat_subtract(const Nat *a, const Nat *b, Nat *out) {
    int64_t borrow = 0;
    uint32_t len = a->len;
    for (uint32_t i = 0; i < len; i++) {
        borrow += (int64_t)a->limb[i] - (i < b->len ? b->limb[i] : 0);
        out->limb[i] = (uint32_t)borrow;
        borrow >>= 32;
    }
    out->len = len;
    trim(out);
}

void nat_mul(const Nat *a, const Nat *b, Nat *out) {
    memset(out->limb, 0, (a->len + b->len + 1) * sizeof out->limb[0]);
    for (uint32_t i = 0; i < a->len; i++) {
        uint64_t carry = 0;
        for (uint32_t k = 0; k < b->len; k++) {
            carry += (uint64_t)a->limb[i] * b->limb[k] + out->limb[i + k];
            out->limb[i + k] = (uint32_t)carry;
            carry >>= 32;
        }
        out->limb[i + b->len] = (uint32_t)carry;
    }
    out->len = a->len + b->len;
    trim(out);
}

uint32_t nat_divide_small(Nat *n, uint32_t divisor) {
    uint64_t rest = 0;
    for (uint32_t i = n->len; i-- > 0;) {
        rest = rest << 32 | n->limb[i];
        n->limb[i] = (uint32_t)(rest / divisor);
        rest %= divisor;
    }
    trim(n);
    return (uint32_t)rest;
}

size_t nat_bits(const Nat *n) {
    return n->len ? (size_t)n->len * 32 - (size_t)__builtin_clz(n->limb[n->len - 1]) : 0;
}

bool nat_shift_left(Nat *n, size_t bits) {
    size_t limbs = bits / 32, rest = bits % 32;
    if (n->len == 0)
        return true;
    if (n->len + limbs + 1 > NAT_MAX_LIMBS)
        return false;
    n->limb[n->len] = 0;
    for (size_t i = n->len + 1; i-- > 0;) {
        uint64_t wide = (uint64_t)n->limb[i] << 32 | (i > 0 ? n->limb[i - 1] : 0);
        n->limb[i + limbs] = (uint32_t)(wide << rest >> 32);
    }
    memset(n->limb, 0, limbs * sizeof n->limb[0]);
    n->len += (uint32_t)limbs + 1;
    trim(n);
    return true;
}

static void shift_right(Nat *n, unsigned bits) { // bits < 32
    for (uint32_t i = 0; i < n->len && bits; i++) {
        uint64_t wide = (uint64_t)(i + 1 < n->len ? n->limb[i + 1] : 0) << 32 | n->limb[i];
        n->limb[i] = (uint32_t)(wide >> bits);
    }
    trim(n);
}

bool nat_scale(Nat *n, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (uint32_t i = 0; i < n->len; i++) {
        carry += (uint64_t)n->limb[i] * factor;
        n->limb[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry) {
        if (n->len == NAT_MAX_LIMBS)
            return false;
        n->limb[n->len++] = (uint32_t)carry;
    }
    trim(n);
    return true;
}

// Takes digit times divisor off the limbs of rest from `at` up; returns whether it was too much.
static bool take_digit(Nat *rest, const Nat *divisor, uint32_t at, uint64_t digit) {
    uint64_t carry = 0;
    int64_t borrow = 0;
    for (uint32_t i = 0; i < divisor->len; i++) {
        carry += digit * divisor->limb[i];
        borrow += (int64_t)rest->limb[at + i] - (int64_t)(uint32_t)carry;
        rest->limb[at + i] = (uint32_t)borrow;
        borrow >>= 32;
        carry >>= 32;
    }
    borrow += (int64_t)rest->limb[at + divisor->len] - (int64_t)carry;
    rest->limb[at + divisor->len] = (uint32_t)borrow;
    return borrow < 0;
}

static void give_back(Nat *rest, const Nat *divisor, uint32_t at) {
    uint64_t carry = 0;
    for (uint32_t i = 0; i < divisor->len; i++) {
        carry += (uint64_t)rest->limb[at + i] + divisor->limb[i];
        rest->limb[at + i] = (uint32_t)carry;
        carry >>= 32;
    }
    rest->limb[at + divisor->len] += (uint32_t)carry;
}

void nat_divide(const Nat *a, const Nat *b, Nat *quotient, Nat *remainder) {
    copy(a, remainder);
    quotient->len = 0;
    if (nat_compare(a, b) < 0)
        return;
    if (b->len == 1) {
        copy(a, quotient);
        nat_from_u64(nat_divide_small(quotient, b->limb[0]), remainder);
        return;
    }
    Nat divisor;
    unsigned shift = (unsigned)__builtin_clz(b->limb[b->len - 1]);
    copy(b, &divisor);
    (void)nat_shift_left(&divisor, shift);
    (void)nat_shift_left(remainder, shift);
    uint32_t n = divisor.len, m = a->len - n;
    for (uint32_t i = remainder->len; i <= a->len; i++)
        remainder->limb[i] = 0;
    for (uint32_t at = m + 1; at-- > 0;) {
        uint64_t top = (uint64_t)remainder->limb[at + n] << 32 | remainder->limb[at + n - 1];
        uint64_t digit = top / divisor.limb[n - 1], rest = top % divisor.limb[n - 1];
        while (digit >> 32 ||
               (rest >> 32 == 0 && digit * divisor.limb[n - 2] > (rest << 32 | remainder->limb[at + n - 2]))) {
            digit--;
            rest += divisor.limb[n - 1];
            if (rest >> 32)
                break;
        }
        if (take_digit(remainder, &divisor, at, digit)) {
            digit--;
            give_back(remainder, &divisor, at);
        }
        quotient->limb[at] = (uint32_t)digit;
    }
    quotient->len = m + 1;
    trim(quotient);
    remainder->len = n;
    trim(remainder);
    shift_right(remainder, shift);
}

void nat_gcd(const Nat *a, const Nat *b, Nat *out) {
    Nat left, right, quotient, rest;
    copy(a, &left);
    copy(b, &right);
    while (right.len) {
        nat_divide(&left, &right, &quotient, &rest);
        copy(&right, &left);
        copy(&rest, &right);
    }
    copy(&left, out);
}

// Sums and products are tried in 128 bits first; what does not reduce to 64 over 64 goes through nat.c.
#include "specs/lang/number.h"
#include "specs/lang/nat.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

__extension__ typedef __int128 Wide;
__extension__ typedef unsigned __int128 UWide;

struct BigNumber {
    bool negative;
    uint32_t num_len, den_len;
    uint32_t limbs[]; // of the numerator, then of the denominator
};

// A number taken apart, to compute with.
typedef struct Parts {
    bool negative;
    Nat num, den;
} Parts;

// ---- small ----

static Wide wide_gcd(Wide a, Wide b) {
    while (b) {
        Wide t = a % b;
        a = b;
        b = t;
    }
    return a < 0 ? -a : a;
}

static bool fits(Wide v) {
    return v <= INT64_MAX && v >= -INT64_MAX;
}

// False when the result is not small. den > 0.
static bool reduce_small(Wide num, Wide den, Number *out) {
    if (den != 1) {
        Wide g = wide_gcd(num, den);
        if (g > 1) {
            num /= g;
            den /= g;
        }
    }
    if (!fits(num) || !fits(den))
        return false;
    *out = (Number){.num = (int64_t)num, .den = (int64_t)den};
    return true;
}

// ---- long ----

static void nat_from_limbs(const uint32_t *limbs, uint32_t len, Nat *out) {
    out->len = len;
    memcpy(out->limb, limbs, len * sizeof *limbs);
}

static void take_apart(Number n, Parts *out) {
    if (number_is_small(n)) {
        out->negative = n.num < 0;
        nat_from_u64(n.num < 0 ? 0 - (uint64_t)n.num : (uint64_t)n.num, &out->num);
        nat_from_u64((uint64_t)n.den, &out->den);
        return;
    }
    out->negative = n.big->negative;
    nat_from_limbs(n.big->limbs, n.big->num_len, &out->num);
    nat_from_limbs(n.big->limbs + n.big->num_len, n.big->den_len, &out->den);
}

// Reduces parts in place; small again where it can be.
static bool put_together(Arena *arena, Parts *parts, Number *out) {
    Nat common, quotient, rest;
    uint64_t num = 0, den = 0;
    nat_gcd(&parts->num, &parts->den, &common);
    if (common.len > 1 || (common.len == 1 && common.limb[0] != 1)) {
        nat_divide(&parts->num, &common, &quotient, &rest);
        parts->num = quotient;
        nat_divide(&parts->den, &common, &quotient, &rest);
        parts->den = quotient;
    }
    if (nat_to_u64(&parts->num, &num) && nat_to_u64(&parts->den, &den) && num <= INT64_MAX && den <= INT64_MAX) {
        *out = (Number){.num = parts->negative ? -(int64_t)num : (int64_t)num, .den = (int64_t)den};
        return true;
    }
    uint32_t limbs = parts->num.len + parts->den.len;
    if (parts->num.len > NAT_RESULT_LIMBS || parts->den.len > NAT_RESULT_LIMBS)
        return false;
    BigNumber *big = arena_alloc(arena, sizeof *big + limbs * sizeof big->limbs[0]);
    *big = (BigNumber){.negative = parts->negative, .num_len = parts->num.len, .den_len = parts->den.len};
    memcpy(big->limbs, parts->num.limb, parts->num.len * sizeof big->limbs[0]);
    memcpy(big->limbs + parts->num.len, parts->den.limb, parts->den.len * sizeof big->limbs[0]);
    *out = (Number){.big = big, .den = 0};
    return true;
}

static bool add_long(Arena *arena, Number a, Number b, Number *out) {
    Parts left, right;
    Nat product;
    take_apart(a, &left);
    take_apart(b, &right);
    nat_mul(&left.num, &right.den, &product);
    left.num = product;
    nat_mul(&right.num, &left.den, &product);
    right.num = product;
    nat_mul(&left.den, &right.den, &product);
    left.den = product;
    if (left.negative == right.negative) {
        nat_add(&left.num, &right.num, &left.num);
    } else if (nat_compare(&left.num, &right.num) >= 0) {
        nat_subtract(&left.num, &right.num, &left.num);
    } else {
        nat_subtract(&right.num, &left.num, &left.num);
        left.negative = right.negative;
    }
    return put_together(arena, &left, out);
}

static bool mul_long(Arena *arena, Number a, Number b, bool divide, Number *out) {
    Parts left, right;
    Nat product;
    take_apart(a, &left);
    take_apart(b, &right);
    nat_mul(&left.num, divide ? &right.den : &right.num, &product);
    left.num = product;
    nat_mul(&left.den, divide ? &right.num : &right.den, &product);
    left.den = product;
    left.negative = left.negative != right.negative;
    return put_together(arena, &left, out);
}

// ---- both ----

bool number_is_whole(Number n) {
    if (number_is_small(n))
        return n.den == 1;
    return n.big->den_len == 1 && n.big->limbs[n.big->num_len] == 1;
}

int number_sign(Number n) {
    if (number_is_small(n))
        return n.num < 0 ? -1 : n.num > 0;
    return n.big->negative ? -1 : 1;
}

bool number_add(Arena *arena, Number a, Number b, Number *out) {
    Wide left, right, num;
    if (number_is_small(a) && number_is_small(b) && !__builtin_mul_overflow((Wide)a.num, b.den, &left) &&
        !__builtin_mul_overflow((Wide)b.num, a.den, &right) && !__builtin_add_overflow(left, right, &num) &&
        reduce_small(num, (Wide)a.den * b.den, out))
        return true;
    return add_long(arena, a, b, out);
}

Number number_negate(Arena *arena, Number n) {
    if (number_is_small(n))
        return (Number){.num = -n.num, .den = n.den};
    uint32_t limbs = n.big->num_len + n.big->den_len;
    BigNumber *copy = arena_dup(arena, n.big, sizeof *copy + limbs * sizeof copy->limbs[0]);
    copy->negative = !copy->negative;
    return (Number){.big = copy, .den = 0};
}

bool number_sub(Arena *arena, Number a, Number b, Number *out) {
    return number_add(arena, a, number_negate(arena, b), out);
}

bool number_mul(Arena *arena, Number a, Number b, Number *out) {
    if (number_is_small(a) && number_is_small(b) && reduce_small((Wide)a.num * b.num, (Wide)a.den * b.den, out))
        return true;
    return mul_long(arena, a, b, false, out);
}

bool number_div(Arena *arena, Number a, Number b, Number *out) {
    if (number_sign(b) == 0)
        return false;
    if (number_is_small(a) && number_is_small(b)) {
        Wide num = (Wide)a.num * b.den, den = (Wide)a.den * b.num;
        if (reduce_small(den < 0 ? -num : num, den < 0 ? -den : den, out))
            return true;
    }
    return mul_long(arena, a, b, true, out);
}

bool number_truncate(Arena *arena, Number n, Number *out) {
    if (number_is_small(n)) {
        *out = number_of(n.num / n.den);
        return true;
    }
    Parts parts;
    Nat quotient, rest;
    take_apart(n, &parts);
    nat_divide(&parts.num, &parts.den, &quotient, &rest);
    parts.num = quotient;
    nat_from_u64(1, &parts.den);
    return put_together(arena, &parts, out);
}

bool number_mod(Arena *arena, Number a, Number b, Number *out) {
    Number ratio, whole, product;
    return number_div(arena, a, b, &ratio) && number_truncate(arena, ratio, &whole) &&
           number_mul(arena, whole, b, &product) && number_sub(arena, a, product, out);
}

bool number_pow(Arena *arena, Number base, int64_t exponent, Number *out) {
    Number result = number_of(1);
    if (exponent < 0 && !number_div(arena, result, base, &base))
        return false;
    uint64_t left = exponent < 0 ? 0 - (uint64_t)exponent : (uint64_t)exponent;
    if (number_is_small(base) && base.den == 1 && base.num >= -1 && base.num <= 1) {
        bool odd = left % 2;
        *out = left == 0 ? result : base.num == -1 && !odd ? result : base;
        return true;
    }
    while (left > 0) {
        if (left & 1 && !number_mul(arena, result, base, &result))
            return false;
        left >>= 1;
        if (left && !number_mul(arena, base, base, &base))
            return false;
    }
    *out = result;
    return true;
}

int number_compare(Number a, Number b) {
    if (number_is_small(a) && number_is_small(b)) {
        Wide left = (Wide)a.num * b.den, right = (Wide)b.num * a.den;
        return left < right ? -1 : left > right;
    }
    Parts left, right;
    Nat p, q;
    take_apart(a, &left);
    take_apart(b, &right);
    if (left.negative != right.negative)
        return left.negative ? -1 : 1;
    nat_mul(&left.num, &right.den, &p);
    nat_mul(&right.num, &left.den, &q);
    return left.negative ? nat_compare(&q, &p) : nat_compare(&p, &q);
}

bool number_equal(Number a, Number b) {
    if (number_is_small(a) && number_is_small(b))
        return a.num == b.num && a.den == b.den;
    return number_is_small(a) == number_is_small(b) && number_compare(a, b) == 0;
}

static uint64_t limbs_of(Number n) {
    return number_is_small(n) ? 2 : n.big->num_len + n.big->den_len;
}

// Reducing takes a number of divisions that grows with the length, each as long as the operands.
uint64_t number_cost(Number a, Number b) {
    if (number_is_small(a) && number_is_small(b))
        return 0;
    uint64_t limbs = limbs_of(a) + limbs_of(b);
    return limbs * limbs / 4;
}

// ---- doubles ----

double number_to_double(Number n) {
    if (number_is_small(n) && n.den == 1)
        return (double)n.num;
    Parts parts;
    Nat quotient, rest;
    take_apart(n, &parts);
    if (parts.num.len == 0)
        return 0;
    // 64 bits of quotient or a few more, and a mark for what is left: enough to round once, correctly.
    long shift = 66 - ((long)nat_bits(&parts.num) - (long)nat_bits(&parts.den));
    if (!nat_shift_left(shift > 0 ? &parts.num : &parts.den, (size_t)(shift > 0 ? shift : -shift)))
        return parts.negative ? -HUGE_VAL : HUGE_VAL;
    nat_divide(&parts.num, &parts.den, &quotient, &rest);
    UWide bits = 0;
    for (uint32_t i = quotient.len; i-- > 0;)
        bits = bits << 32 | quotient.limb[i];
    bits |= rest.len != 0;
    double d = ldexp((double)bits, (int)-shift);
    return parts.negative ? -d : d;
}

// The double itself, exactly: its mantissa times a power of two.
static bool dyadic(Arena *arena, double d, Number *out) {
    int exponent = 0;
    double mantissa = ldexp(frexp(d, &exponent), 53);
    Number power;
    return number_pow(arena, number_of(2), exponent - 53, &power) &&
           number_mul(arena, number_of((int64_t)mantissa), power, out);
}

// By continued fractions: the first convergent that reads back as the same double.
static bool simplest(double d, Number *out) {
    bool negative = d < 0;
    double wanted = fabs(d);
    long double rest = (long double)wanted;
    Wide p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    for (int i = 0; i < 64 && rest < 9.2e18L; i++) {
        long double whole = floorl(rest);
        Wide p2 = (Wide)whole * p1 + p0, q2 = (Wide)whole * q1 + q0;
        if (!fits(p2) || !fits(q2))
            return false;
        p0 = p1, q0 = q1, p1 = p2, q1 = q2;
        Number candidate = {.num = (int64_t)p1, .den = (int64_t)q1};
        if (number_to_double(candidate) == wanted) {
            out->num = negative ? -candidate.num : candidate.num;
            out->den = candidate.den;
            return true;
        }
        rest = 1 / (rest - whole);
    }
    return false;
}

bool number_from_double(Arena *arena, double d, Number *out) {
    if (!isfinite(d))
        return false;
    if (d == floor(d) && fabs(d) < 9.2e18) {
        *out = number_of((int64_t)d);
        return true;
    }
    return simplest(d, out) || dyadic(arena, d, out);
}

// ---- text ----

static bool parse_radix(Arena *arena, Str text, uint32_t radix, Number *out) {
    Parts parts = {.negative = false};
    nat_from_u64(1, &parts.den);
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        uint32_t digit = c >= '0' && c <= '9'   ? (uint32_t)(c - '0')
                         : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (uint32_t)(c - 'A' + 10)
                                                : 99;
        if (digit >= radix || parts.num.len > NAT_RESULT_LIMBS || !nat_scale(&parts.num, radix, digit))
            return false;
    }
    return text.len > 0 && put_together(arena, &parts, out);
}

// The exponent behind e or E; false when it is none, or beyond anything that could fit.
static bool parse_exponent(Str text, long *out) {
    char copy[12];
    char *end = NULL;
    if (text.len == 0 || text.len >= sizeof copy)
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    *out = strtol(copy, &end, 10);
    return *end == '\0' && end != copy;
}

static bool parse_decimal(Arena *arena, Str text, Number *out) {
    Parts parts = {.negative = false};
    long exponent = 0, places = 0;
    size_t i = 0, seen = 0;
    bool point = false;
    nat_from_u64(1, &parts.den);
    for (; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        if (text.ptr[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || parts.num.len > NAT_RESULT_LIMBS ||
            !nat_scale(&parts.num, 10, (uint32_t)(text.ptr[i] - '0')))
            return false;
        places += point;
        seen++;
    }
    if (seen == 0 || (i < text.len && !parse_exponent(str_slice(text, i + 1, text.len), &exponent)))
        return false;
    exponent -= places;
    if (parts.num.len == 0) {
        *out = number_of(0);
        return true;
    }
    if (exponent > 2000 || exponent < -2000)
        return false;
    for (long k = 0; k < labs(exponent); k++)
        if (!nat_scale(exponent > 0 ? &parts.num : &parts.den, 10, 0))
            return false;
    return put_together(arena, &parts, out);
}

bool number_parse(Arena *arena, Str text, Number *out) {
    bool negative = text.len && text.ptr[0] == '-';
    if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'))
        text = str_slice(text, 1, text.len);
    bool ok;
    if (text.len > 2 && text.ptr[0] == '0' && (text.ptr[1] == 'x' || text.ptr[1] == 'o' || text.ptr[1] == 'b'))
        ok = parse_radix(arena, str_slice(text, 2, text.len),
                         text.ptr[1] == 'x'   ? 16
                         : text.ptr[1] == 'o' ? 8
                                              : 2,
                         out);
    else
        ok = parse_decimal(arena, text, out);
    if (ok && negative)
        *out = number_negate(arena, *out);
    return ok;
}

static void format_nat(Nat *n, Buf *out) {
    char digits[NAT_MAX_LIMBS * 10 + 10];
    size_t at = sizeof digits;
    do {
        uint32_t group = nat_divide_small(n, 1000000000);
        for (int i = 0; i < 9; i++, group /= 10)
            digits[--at] = (char)('0' + group % 10);
    } while (n->len);
    while (at + 1 < sizeof digits && digits[at] == '0')
        at++;
    buf_add(out, digits + at, sizeof digits - at);
}

static void format_small_fraction(Number n, Buf *out) {
    int64_t rest = n.den, twos = 0, fives = 0;
    for (; rest % 2 == 0; rest /= 2)
        twos++;
    for (; rest % 5 == 0; rest /= 5)
        fives++;
    if (rest != 1 || twos > 30 || fives > 30) {
        buf_printf(out, "%.16g", number_to_double(n));
        return;
    }
    UWide left = (UWide)(n.num < 0 ? -(Wide)n.num : n.num), den = (UWide)n.den;
    buf_printf(out, "%s%llu.", n.num < 0 ? "-" : "", (unsigned long long)(left / den));
    for (left %= den; left; left %= den) {
        left *= 10;
        buf_add_byte(out, (char)('0' + (int)(left / den)));
    }
}

void number_format(Number n, Buf *out) {
    if (number_is_small(n) && n.den == 1) {
        buf_printf(out, "%lld", (long long)n.num);
    } else if (number_is_small(n)) {
        format_small_fraction(n, out);
    } else if (number_is_whole(n)) {
        Parts parts;
        take_apart(n, &parts);
        if (parts.negative)
            buf_add_byte(out, '-');
        format_nat(&parts.num, out);
    } else {
        buf_printf(out, "%.16g", number_to_double(n));
    }
}

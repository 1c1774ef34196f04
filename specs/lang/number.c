// Intermediates are 128 bits wide; a result that does not reduce to 64 over 64 is refused.
#include "specs/lang/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

__extension__ typedef __int128 Wide;

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

static bool reduce(Wide num, Wide den, Number *out) {
    if (den == 0)
        return false;
    if (den < 0) {
        num = -num;
        den = -den;
    }
    if (den != 1) {
        Wide g = wide_gcd(num, den);
        if (g > 1) {
            num /= g;
            den /= g;
        }
    }
    if (!fits(num) || !fits(den))
        return false;
    *out = (Number){(int64_t)num, (int64_t)den};
    return true;
}

bool number_add(Number a, Number b, Number *out) {
    Wide left, right, num;
    if (__builtin_mul_overflow((Wide)a.num, b.den, &left) || __builtin_mul_overflow((Wide)b.num, a.den, &right) ||
        __builtin_add_overflow(left, right, &num))
        return false;
    return reduce(num, (Wide)a.den * b.den, out);
}

bool number_sub(Number a, Number b, Number *out) {
    return number_add(a, (Number){-b.num, b.den}, out);
}

bool number_mul(Number a, Number b, Number *out) {
    return reduce((Wide)a.num * b.num, (Wide)a.den * b.den, out);
}

bool number_div(Number a, Number b, Number *out) {
    return b.num != 0 && reduce((Wide)a.num * b.den, (Wide)a.den * b.num, out);
}

bool number_mod(Number a, Number b, Number *out) {
    if (b.num == 0)
        return false;
    Wide left = (Wide)a.num * b.den, right = (Wide)b.num * a.den;
    return reduce(left % right, (Wide)a.den * b.den, out);
}

bool number_pow(Number base, int64_t exponent, Number *out) {
    Number result = {1, 1};
    if (exponent < 0) {
        if (base.num == 0 || !number_div(result, base, &base))
            return false;
        exponent = -exponent;
    }
    if (base.den == 1 && (base.num == 0 || base.num == 1)) {
        *out = exponent == 0 ? result : base;
        return true;
    }
    if (base.den == 1 && base.num == -1) {
        *out = exponent % 2 ? base : result;
        return true;
    }
    while (exponent > 0) {
        if (exponent & 1 && !number_mul(result, base, &result))
            return false;
        exponent >>= 1;
        if (exponent && !number_mul(base, base, &base))
            return false;
    }
    *out = result;
    return true;
}

int number_compare(Number a, Number b) {
    Wide left = (Wide)a.num * b.den, right = (Wide)b.num * a.den;
    return left < right ? -1 : left > right;
}

double number_to_double(Number n) {
    return n.den == 1 ? (double)n.num : (double)((long double)n.num / (long double)n.den);
}

// By continued fractions: the first convergent that reads back as the same double.
bool number_from_double(double d, Number *out) {
    if (!isfinite(d) || fabs(d) >= 9.2e18)
        return false;
    if (d == floor(d)) {
        *out = (Number){(int64_t)d, 1};
        return true;
    }
    bool negative = d < 0;
    long double rest = negative ? -(long double)d : (long double)d;
    double wanted = negative ? -d : d;
    Wide p0 = 0, q0 = 1, p1 = 1, q1 = 0;
    for (int i = 0; i < 64; i++) {
        long double whole = floorl(rest);
        Wide p2 = (Wide)whole * p1 + p0, q2 = (Wide)whole * q1 + q0;
        if (!fits(p2) || !fits(q2))
            return false;
        p0 = p1, q0 = q1, p1 = p2, q1 = q2;
        Number candidate = {(int64_t)p1, (int64_t)q1};
        if (number_to_double(candidate) == wanted || rest - whole == 0) {
            *out = (Number){negative ? -candidate.num : candidate.num, candidate.den};
            return true;
        }
        rest = 1 / (rest - whole);
    }
    return false;
}

static bool parse_radix(Str text, unsigned radix, Number *out) {
    Wide value = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : 99;
        if (digit >= radix)
            return false;
        value = value * radix + digit;
        if (!fits(value))
            return false;
    }
    return text.len > 0 && reduce(value, 1, out);
}

// Multiplies or divides by ten, exponent times.
static bool scale(Number *n, long exponent) {
    if (n->num == 0)
        return true;
    Number power;
    if (exponent > 40 || exponent < -40 ||
        !number_pow((Number){10, 1},
                    exponent > 18    ? 18
                    : exponent < -18 ? -18
                                     : exponent,
                    &power))
        return false;
    long left = exponent > 18 ? exponent - 18 : exponent < -18 ? exponent + 18 : 0;
    return number_mul(*n, power, n) && (left == 0 || scale(n, left));
}

static bool parse_decimal(Str text, Number *out) {
    Wide digits = 0;
    long exponent = 0;
    size_t i = 0, seen = 0;
    bool point = false;
    for (; i < text.len && text.ptr[i] != 'e' && text.ptr[i] != 'E'; i++) {
        if (text.ptr[i] == '.') {
            if (point)
                return false;
            point = true;
            continue;
        }
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || digits > ((Wide)1 << 120))
            return false;
        digits = digits * 10 + (text.ptr[i] - '0');
        exponent -= point;
        seen++;
    }
    if (seen == 0)
        return false;
    while (digits && digits % 10 == 0) {
        digits /= 10;
        exponent++;
    }
    if (i < text.len) {
        char *end = NULL;
        char copy[24];
        if (text.len - i - 1 == 0 || text.len - i - 1 >= sizeof copy)
            return false;
        memcpy(copy, text.ptr + i + 1, text.len - i - 1);
        copy[text.len - i - 1] = '\0';
        exponent += strtol(copy, &end, 10);
        if (*end)
            return false;
    }
    Number n;
    if (!reduce(digits, 1, &n) || !scale(&n, exponent))
        return false;
    *out = n;
    return true;
}

bool number_parse(Str text, Number *out) {
    bool negative = text.len && text.ptr[0] == '-';
    if (text.len && (text.ptr[0] == '-' || text.ptr[0] == '+'))
        text = str_slice(text, 1, text.len);
    bool ok;
    if (text.len > 2 && text.ptr[0] == '0' && (text.ptr[1] == 'x' || text.ptr[1] == 'o' || text.ptr[1] == 'b'))
        ok = parse_radix(str_slice(text, 2, text.len), text.ptr[1] == 'x' ? 16 : text.ptr[1] == 'o' ? 8 : 2, out);
    else
        ok = parse_decimal(text, out);
    if (ok && negative)
        out->num = -out->num;
    return ok;
}

void number_format(Number n, Buf *out) {
    if (n.den == 1) {
        buf_printf(out, "%lld", (long long)n.num);
        return;
    }
    int64_t rest = n.den, twos = 0, fives = 0;
    for (; rest % 2 == 0; rest /= 2)
        twos++;
    for (; rest % 5 == 0; rest /= 5)
        fives++;
    int64_t places = twos > fives ? twos : fives;
    if (rest != 1 || places > 30) {
        buf_printf(out, "%.16g", number_to_double(n));
        return;
    }
    __extension__ unsigned __int128 left = (unsigned __int128)(n.num < 0 ? -(Wide)n.num : n.num);
    __extension__ unsigned __int128 den = (unsigned __int128)n.den;
    buf_printf(out, "%s%llu.", n.num < 0 ? "-" : "", (unsigned long long)(left / den));
    for (left %= den; left; left %= den) {
        left *= 10;
        buf_add_byte(out, (char)('0' + (int)(left / den)));
    }
}

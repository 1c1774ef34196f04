// std.number: exact where the result is rational, through doubles (and back to the simplest fraction) where it is not.
#include "specs/lang/builtins.h"

#include <math.h>

static Error *exact(Lang *lang, bool ok, Number n, Value **out) {
    if (!ok)
        return caller_error(lang, "the result is too large or too precise: numerator and denominator have 64 bits");
    *out = value_number(lang, n.num, n.den, NULL);
    return NULL;
}

static Error *from_double(Lang *lang, double d, Value **out) {
    Number n = {0, 1};
    if (isnan(d) || isinf(d))
        return caller_error(lang, "the result is %s", isnan(d) ? "undefined" : "infinite");
    return exact(lang, number_from_double(d, &n), n, out);
}

static double real(const Value *value) {
    return number_to_double(value_get_number(value));
}

static Error *number_is_integer(Lang *lang, Value **args, Value **out) {
    *out = value_bool(lang, args[0]->number.den == 1);
    return NULL;
}

static Error *number_compare_native(Lang *lang, Value **args, Value **out) {
    *out = value_order(lang, number_compare(value_get_number(args[0]), value_get_number(args[1])));
    return NULL;
}

static Error *number_min(Lang *lang, Value **args, Value **out) {
    (void)lang;
    *out = number_compare(value_get_number(args[0]), value_get_number(args[1])) <= 0 ? args[0] : args[1];
    return NULL;
}

static Error *number_max(Lang *lang, Value **args, Value **out) {
    (void)lang;
    *out = number_compare(value_get_number(args[0]), value_get_number(args[1])) >= 0 ? args[0] : args[1];
    return NULL;
}

static int64_t floor_of(Number n) {
    return n.num / n.den - (n.num % n.den < 0);
}

static Error *number_floor(Lang *lang, Value **args, Value **out) {
    *out = value_int(lang, floor_of(value_get_number(args[0])));
    return NULL;
}

static Error *number_ceil(Lang *lang, Value **args, Value **out) {
    Number n = value_get_number(args[0]);
    *out = value_int(lang, floor_of(n) + (n.den != 1));
    return NULL;
}

static Error *number_truncate(Lang *lang, Value **args, Value **out) {
    *out = value_int(lang, args[0]->number.num / args[0]->number.den);
    return NULL;
}

static Error *number_fract(Lang *lang, Value **args, Value **out) {
    Number n = value_get_number(args[0]);
    *out = value_number(lang, n.num % n.den, n.num % n.den ? n.den : 1, NULL);
    return NULL;
}

static Error *number_abs(Lang *lang, Value **args, Value **out) {
    Number n = value_get_number(args[0]);
    *out = n.num < 0 ? value_number(lang, -n.num, n.den, NULL) : args[0];
    return NULL;
}

static Error *number_pow_native(Lang *lang, Value **args, Value **out) {
    Number base = value_get_number(args[0]), exponent = value_get_number(args[1]), n = {0, 1};
    if (exponent.den == 1 && base.num == 0 && exponent.num < 0)
        return caller_error(lang, "zero to a negative power is infinite");
    if (exponent.den == 1)
        return exact(lang, number_pow(base, exponent.num, &n), n, out);
    return from_double(lang, pow(number_to_double(base), number_to_double(exponent)), out);
}

static Error *number_log(Lang *lang, Value **args, Value **out) {
    double base = real(args[1]), value = real(args[0]);
    return from_double(lang, base == 2 ? log2(value) : base == 10 ? log10(value) : log(value) / log(base), out);
}

#define FROM_C(name, function)                                                                                         \
    static Error *number_##name(Lang *lang, Value **args, Value **out) {                                               \
        return from_double(lang, function(real(args[0])), out);                                                        \
    }
FROM_C(cos, cos)
FROM_C(sin, sin)
FROM_C(tan, tan)
FROM_C(arccos, acos)
FROM_C(arcsin, asin)
FROM_C(arctan, atan)
FROM_C(sqrt, sqrt)

static Error *number_arctan2(Lang *lang, Value **args, Value **out) {
    return from_double(lang, atan2(real(args[0]), real(args[1])), out);
}

static Error *number_pi(Lang *lang, Value **args, Value **out) {
    (void)args;
    return exact(lang, true, (Number){3141592653589793238, 1000000000000000000}, out);
}

static Error *number_e(Lang *lang, Value **args, Value **out) {
    (void)args;
    return exact(lang, true, (Number){2718281828459045235, 1000000000000000000}, out);
}

// ---- contracts ----

static Error *judge(Lang *lang, Value *value, bool holds, const char *wanted, Value **out) {
    if (holds) {
        *out = value_ok(lang, value);
        return NULL;
    }
    Str brief = value_brief(lang, value);
    *out = value_error(
        lang, arena_printf(lang->arena, "expected %s, got %s (%.*s)", wanted, value_kind_name(value), STR_ARG(brief)));
    return NULL;
}

static bool whole(const Value *value) {
    return value->kind == VALUE_NUMBER && value->number.den == 1;
}

static Error *contract_integer(Lang *lang, Value **args, Value **out) {
    return judge(lang, args[1], whole(args[1]), "a whole number", out);
}

static Error *contract_nat(Lang *lang, Value **args, Value **out) {
    return judge(lang, args[1], whole(args[1]) && args[1]->number.num >= 0, "a whole number that is not negative", out);
}

static Error *contract_pos_nat(Lang *lang, Value **args, Value **out) {
    return judge(lang, args[1], whole(args[1]) && args[1]->number.num > 0, "a positive whole number", out);
}

static Error *contract_non_zero(Lang *lang, Value **args, Value **out) {
    return judge(lang, args[1], args[1]->kind == VALUE_NUMBER && args[1]->number.num != 0, "a Number other than 0",
                 out);
}

static const Native natives[] = {
    {"std.number.is_integer", "n", number_is_integer},
    {"std.number.compare", "nn", number_compare_native},
    {"std.number.min", "nn", number_min},
    {"std.number.max", "nn", number_max},
    {"std.number.floor", "n", number_floor},
    {"std.number.ceil", "n", number_ceil},
    {"std.number.abs", "n", number_abs},
    {"std.number.fract", "n", number_fract},
    {"std.number.truncate", "n", number_truncate},
    {"std.number.pow", "nn", number_pow_native},
    {"std.number.log", "nn", number_log},
    {"std.number.cos", "n", number_cos},
    {"std.number.sin", "n", number_sin},
    {"std.number.tan", "n", number_tan},
    {"std.number.arccos", "n", number_arccos},
    {"std.number.arcsin", "n", number_arcsin},
    {"std.number.arctan", "n", number_arctan},
    {"std.number.arctan2", "nn", number_arctan2},
    {"std.number.sqrt", "n", number_sqrt},
    {"std.number.pi", "", number_pi},
    {"std.number.e", "", number_e},
    {"std.number.Integer", "lv", contract_integer},
    {"std.number.Nat", "lv", contract_nat},
    {"std.number.PosNat", "lv", contract_pos_nat},
    {"std.number.NonZero", "lv", contract_non_zero},
};
const NativeTable number_natives = {natives, ARRAY_LEN(natives)};

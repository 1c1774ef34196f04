// std.number: exact where the result is rational, through doubles (and back to the simplest fraction) where it is not.
#include "specs/lang/builtins.h"

#include <math.h>

static Error *exact(Lang *lang, bool ok, Number n, Value **out) {
    if (!ok)
        return caller_error(lang,
                            "the result is too large or too precise: numerator and denominator may have 4,096 bits");
    *out = value_number(lang, n, NULL);
    return NULL;
}

static Error *from_double(Lang *lang, double d, Value **out) {
    Number n = number_of(0);
    if (isnan(d) || isinf(d))
        return caller_error(lang, "the result is %s", isnan(d) ? "undefined" : "infinite");
    return exact(lang, number_from_double(lang->arena, d, &n), n, out);
}

static double real(const Value *value) {
    return number_to_double(value->number);
}

static Error *number_is_integer(Lang *lang, Value **args, Value **out) {
    *out = value_bool(lang, number_is_whole(args[0]->number));
    return NULL;
}

static Error *number_compare_native(Lang *lang, Value **args, Value **out) {
    *out = value_order(lang, number_compare(args[0]->number, args[1]->number));
    return NULL;
}

static Error *number_min(Lang *lang, Value **args, Value **out) {
    (void)lang;
    *out = number_compare(args[0]->number, args[1]->number) <= 0 ? args[0] : args[1];
    return NULL;
}

static Error *number_max(Lang *lang, Value **args, Value **out) {
    (void)lang;
    *out = number_compare(args[0]->number, args[1]->number) >= 0 ? args[0] : args[1];
    return NULL;
}

// Truncated, and one off where the number lies on the other side of it.
static Error *round_to(Lang *lang, Number n, int side, Value **out) {
    Number whole = number_of(0);
    bool ok = number_truncate(lang->arena, n, &whole);
    if (ok && side && number_compare(n, whole) == side)
        ok = number_add(lang->arena, whole, number_of(side), &whole);
    return exact(lang, ok, whole, out);
}

static Error *number_floor(Lang *lang, Value **args, Value **out) {
    return round_to(lang, args[0]->number, -1, out);
}

static Error *number_ceil(Lang *lang, Value **args, Value **out) {
    return round_to(lang, args[0]->number, 1, out);
}

static Error *number_truncate_native(Lang *lang, Value **args, Value **out) {
    return round_to(lang, args[0]->number, 0, out);
}

static Error *number_fract(Lang *lang, Value **args, Value **out) {
    Number n = number_of(0);
    return exact(lang, number_mod(lang->arena, args[0]->number, number_of(1), &n), n, out);
}

static Error *number_abs(Lang *lang, Value **args, Value **out) {
    Number n = args[0]->number;
    *out = number_sign(n) < 0 ? value_number(lang, number_negate(lang->arena, n), NULL) : args[0];
    return NULL;
}

static Error *number_pow_native(Lang *lang, Value **args, Value **out) {
    Number base = args[0]->number, exponent = args[1]->number, n = number_of(0);
    if (exponent.den == 1 && number_sign(base) == 0 && exponent.num < 0)
        return caller_error(lang, "zero to a negative power is infinite");
    lang->steps += 16 * number_cost(base, base);
    if (exponent.den == 1)
        return exact(lang, number_pow(lang->arena, base, exponent.num, &n), n, out);
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
    return exact(lang, true, (Number){.num = 3141592653589793238, .den = 1000000000000000000}, out);
}

static Error *number_e(Lang *lang, Value **args, Value **out) {
    (void)args;
    return exact(lang, true, (Number){.num = 2718281828459045235, .den = 1000000000000000000}, out);
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
    return value->kind == VALUE_NUMBER && number_is_whole(value->number);
}

static Error *contract_integer(Lang *lang, Value **args, Value **out) {
    return judge(lang, args[1], whole(args[1]), "a whole number", out);
}

static Error *contract_nat(Lang *lang, Value **args, Value **out) {
    return judge(lang, args[1], whole(args[1]) && number_sign(args[1]->number) >= 0,
                 "a whole number that is not negative", out);
}

static Error *contract_pos_nat(Lang *lang, Value **args, Value **out) {
    return judge(lang, args[1], whole(args[1]) && number_sign(args[1]->number) > 0, "a positive whole number", out);
}

static Error *contract_non_zero(Lang *lang, Value **args, Value **out) {
    return judge(lang, args[1], args[1]->kind == VALUE_NUMBER && number_sign(args[1]->number) != 0,
                 "a Number other than 0", out);
}

static const Native natives[] = {
    {"std.number.is_integer", "N", number_is_integer},
    {"std.number.compare", "NN", number_compare_native},
    {"std.number.min", "NN", number_min},
    {"std.number.max", "NN", number_max},
    {"std.number.floor", "N", number_floor},
    {"std.number.ceil", "N", number_ceil},
    {"std.number.abs", "N", number_abs},
    {"std.number.fract", "N", number_fract},
    {"std.number.truncate", "N", number_truncate_native},
    {"std.number.pow", "NN", number_pow_native},
    {"std.number.log", "NN", number_log},
    {"std.number.cos", "N", number_cos},
    {"std.number.sin", "N", number_sin},
    {"std.number.tan", "N", number_tan},
    {"std.number.arccos", "N", number_arccos},
    {"std.number.arcsin", "N", number_arcsin},
    {"std.number.arctan", "N", number_arctan},
    {"std.number.arctan2", "NN", number_arctan2},
    {"std.number.sqrt", "N", number_sqrt},
    {"std.number.pi", "", number_pi},
    {"std.number.e", "", number_e},
    {"std.number.Integer", "lv", contract_integer},
    {"std.number.Nat", "lv", contract_nat},
    {"std.number.PosNat", "lv", contract_pos_nat},
    {"std.number.NonZero", "lv", contract_non_zero},
};
const NativeTable number_natives = {natives, ARRAY_LEN(natives)};

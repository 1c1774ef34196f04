// std.string, without what needs regular expressions. A character is a code point with the marks that combine with it.
#include "base/utf8.h"
#include "specs/lang/builtins.h"
#include "specs/lang/grapheme.h"

static Error *string_length(Lang *lang, Value **args, Value **out) {
    int64_t count = 0;
    for (size_t at = 0; at < args[0]->string.len; count++)
        at = grapheme_end(args[0]->string, at);
    *out = value_int(lang, count);
    return NULL;
}

static Error *string_characters(Lang *lang, Value **args, Value **out) {
    Str text = args[0]->string;
    size_t count = 0;
    Value **items = NULL;
    TRY(lang_reserve(lang, text.len, sizeof(Value) + sizeof(Value *), lang->site));
    TRY(new_items(lang, text.len, &items));
    for (size_t at = 0; at < text.len;) {
        size_t end = grapheme_end(text, at);
        items[count++] = value_text(lang, str_slice(text, at, end));
        at = end;
    }
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

static Error *string_join(Lang *lang, Value **args, Value **out) {
    AUTO_BUF Buf text;
    buf_init(&text, lang->memory_budget);
    for (size_t i = 0; i < args[1]->array.count; i++) {
        Value *item = args[1]->array.items[i];
        TRY(force(lang, item));
        if (item->kind != VALUE_STRING)
            return caller_error(lang, "element %zu must be a String, this is %s", i, value_kind_name(item));
        if (i)
            buf_add_str(&text, args[0]->string);
        buf_add_str(&text, item->string);
    }
    TRY(lang_reserve(lang, text.overflow ? SIZE_MAX : text.len, 1, lang->site));
    *out = value_text(lang, arena_str(lang->arena, buf_str(&text)));
    return NULL;
}

// Where `part` stands in text from `at` on, at a border of characters; SIZE_MAX when nowhere.
static size_t find_part(Str text, Str part, size_t at) {
    while (at + part.len <= text.len) {
        const char *found = memmem(text.ptr + at, text.len - at, part.ptr, part.len);
        if (!found)
            return SIZE_MAX;
        size_t start = (size_t)(found - text.ptr);
        if (grapheme_border(text, start) && grapheme_border(text, start + part.len))
            return start;
        at = start + 1;
    }
    return SIZE_MAX;
}

static Error *string_split(Lang *lang, Value **args, Value **out) {
    Str text = args[1]->string, separator = args[0]->string;
    if (separator.len == 0)
        return string_characters(lang, &args[1], out);
    size_t count = 1, i = 0, from = 0;
    for (size_t at = 0; (at = find_part(text, separator, at)) != SIZE_MAX; count++)
        at += separator.len;
    Value **items = NULL;
    TRY(lang_reserve(lang, count, sizeof(Value) + sizeof(Value *), lang->site));
    TRY(new_items(lang, count, &items));
    for (size_t at = 0; (at = find_part(text, separator, at)) != SIZE_MAX; from = at) {
        items[i++] = value_text(lang, str_slice(text, from, at));
        at += separator.len;
    }
    if (from < text.len) // a separator at the very end starts no other piece
        items[i++] = value_text(lang, str_slice(text, from, text.len));
    *out = value_array(lang, items, i, NULL);
    return NULL;
}

static bool is_space(uint32_t c) {
    return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static Error *string_trim(Lang *lang, Value **args, Value **out) {
    Str text = args[0]->string;
    size_t from = 0, end = 0;
    bool seen = false;
    for (size_t at = 0; at < text.len;) {
        uint32_t c = 0;
        size_t len = grapheme_decode(text, at, &c);
        if (!is_space(c)) {
            from = seen ? from : at;
            end = at + len;
            seen = true;
        }
        at += len;
    }
    *out = seen ? value_text(lang, str_slice(text, from, end)) : lang->empty_string;
    return NULL;
}

static Error *string_contains(Lang *lang, Value **args, Value **out) {
    bool found = args[0]->string.len == 0 || find_part(args[1]->string, args[0]->string, 0) != SIZE_MAX;
    *out = value_bool(lang, found);
    return NULL;
}

static Error *string_compare(Lang *lang, Value **args, Value **out) {
    *out = value_order(lang, str_compare(args[0]->string, args[1]->string));
    return NULL;
}

static Error *string_replace(Lang *lang, Value **args, Value **out) {
    AUTO_BUF Buf result;
    Str text = args[2]->string, part = args[0]->string;
    size_t from = 0;
    buf_init(&result, lang->memory_budget);
    if (part.len == 0) {
        for (size_t at = 0; at < text.len;) {
            size_t end = grapheme_end(text, at);
            buf_add_str(&result, args[1]->string);
            buf_add_str(&result, str_slice(text, at, end));
            at = end;
        }
        buf_add_str(&result, args[1]->string);
    } else {
        for (size_t at = 0; (at = find_part(text, part, at)) != SIZE_MAX; from = at) {
            buf_add_str(&result, str_slice(text, from, at));
            buf_add_str(&result, args[1]->string);
            at += part.len;
        }
        buf_add(&result, text.ptr + from, text.len - from);
    }
    TRY(lang_reserve(lang, result.overflow ? SIZE_MAX : result.len, 1, lang->site));
    *out = value_text(lang, arena_str(lang->arena, buf_str(&result)));
    return NULL;
}

static Error *string_substring(Lang *lang, Value **args, Value **out) {
    Str text = args[2]->string;
    size_t start = 0, end = 0, count = 0, from = 0, to = 0, at = 0;
    TRY(native_index(lang, args[1], text.len, "the end of the substring", &end));
    TRY(native_index(lang, args[0], end, "the start of the substring", &start));
    for (;; count++) {
        if (count == start)
            from = at;
        if (count == end)
            to = at;
        if (count == end || at >= text.len)
            break;
        at = grapheme_end(text, at);
    }
    if (count < end)
        return caller_error(lang, "the end of the substring is %zu, but the String has %zu characters", end, count);
    *out = value_text(lang, (Str){text.ptr + from, to - from});
    return NULL;
}

// ASCII and the two-byte letters whose cases lie at a fixed distance (Latin-1, Greek, Cyrillic); others stay.
static uint32_t change_case(uint32_t c, bool upper) {
    if (upper) {
        if ((c >= 'a' && c <= 'z') || (c >= 0xe0 && c <= 0xfe && c != 0xf7) ||
            (c >= 0x3b1 && c <= 0x3c9 && c != 0x3c2) || (c >= 0x430 && c <= 0x44f))
            return c - 32;
        return c >= 0x450 && c <= 0x45f ? c - 80 : c;
    }
    if ((c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7) || (c >= 0x391 && c <= 0x3a9 && c != 0x3a2) ||
        (c >= 0x410 && c <= 0x42f))
        return c + 32;
    return c >= 0x400 && c <= 0x40f ? c + 80 : c;
}

static Error *map_case(Lang *lang, Str text, bool upper, Value **out) {
    AUTO_BUF Buf result;
    buf_init(&result, lang->memory_budget);
    for (size_t at = 0; at < text.len;) {
        uint32_t c = 0;
        size_t len = grapheme_decode(text, at, &c);
        uint32_t changed = change_case(c, upper);
        if (c == 0xdf && upper)
            buf_add_cstr(&result, "SS");
        else if (changed == c)
            buf_add_str(&result, str_slice(text, at, at + len));
        else if (changed < 0x80)
            buf_add_byte(&result, (char)changed);
        else {
            buf_add_byte(&result, (char)(0xc0 | changed >> 6));
            buf_add_byte(&result, (char)(0x80 | (changed & 0x3f)));
        }
        at += len;
    }
    *out = value_text(lang, arena_str(lang->arena, buf_str(&result)));
    return NULL;
}

static Error *string_uppercase(Lang *lang, Value **args, Value **out) {
    return map_case(lang, args[0]->string, true, out);
}

static Error *string_lowercase(Lang *lang, Value **args, Value **out) {
    return map_case(lang, args[0]->string, false, out);
}

// ---- base64 (RFC 4648) ----

typedef struct Base64 {
    const char *alphabet;
    bool pad;
} Base64;

static Error *base64_variant(Lang *lang, const Value *variant, Base64 *out) {
    static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    static const char url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    Str name = name_text(lang, variant->symbol);
    if (str_is(name, "Standard") || str_is(name, "NoPad"))
        *out = (Base64){standard, str_is(name, "Standard")};
    else if (str_is(name, "UrlSafe") || str_is(name, "UrlSafeNoPad"))
        *out = (Base64){url, str_is(name, "UrlSafe")};
    else
        return caller_error(lang, "the variant must be 'Standard, 'NoPad, 'UrlSafe or 'UrlSafeNoPad");
    return NULL;
}

static Error *string_base64_encode(Lang *lang, Value **args, Value **out) {
    AUTO_BUF Buf result;
    Base64 variant;
    Str text = args[1]->string;
    buf_init(&result, lang->memory_budget);
    TRY(base64_variant(lang, args[0], &variant));
    for (size_t i = 0; i < text.len; i += 3) {
        size_t have = text.len - i < 3 ? text.len - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < have ? (unsigned char)text.ptr[i + k] : 0u);
        for (size_t k = 0; k < 4; k++) {
            if (k <= have)
                buf_add_byte(&result, variant.alphabet[bits >> (18 - 6 * k) & 63]);
            else if (variant.pad)
                buf_add_byte(&result, '=');
        }
    }
    *out = value_text(lang, arena_str(lang->arena, buf_str(&result)));
    return NULL;
}

static Error *string_base64_decode(Lang *lang, Value **args, Value **out) {
    AUTO_BUF Buf result;
    Base64 variant;
    Str text = args[1]->string;
    uint32_t bits = 0;
    unsigned have = 0;
    buf_init(&result, lang->memory_budget);
    TRY(base64_variant(lang, args[0], &variant));
    if (variant.pad && text.len % 4)
        return caller_error(lang, "invalid base64: the padding is missing");
    for (int i = 0; variant.pad && i < 2 && text.len && text.ptr[text.len - 1] == '='; i++)
        text.len--;
    if (text.len % 4 == 1)
        return caller_error(lang, "invalid base64: one digit is left over");
    for (size_t i = 0; i < text.len; i++) {
        const char *digit = text.ptr[i] ? strchr(variant.alphabet, text.ptr[i]) : NULL;
        if (!digit)
            return caller_error(lang, "invalid base64: no such digit (at byte %zu)", i);
        bits = bits << 6 | (uint32_t)(digit - variant.alphabet);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_byte(&result, (char)(bits >> have & 0xff));
        }
    }
    if (!utf8_is_valid(buf_str(&result)))
        return caller_error(lang, "the decoded bytes are not UTF-8 text");
    *out = value_text(lang, arena_str(lang->arena, buf_str(&result)));
    return NULL;
}

// ---- conversions ----

static Error *string_from(Lang *lang, Value **args, Value **out) {
    Str text;
    Error *error = value_to_text(lang, args[0], lang->site, &text);
    if (error) {
        error_free(error);
        return caller_error(lang, "%s cannot be turned into a String", value_kind_name(args[0]));
    }
    *out = value_text(lang, text);
    return NULL;
}

static Error *string_from_enum(Lang *lang, Value **args, Value **out) {
    if (args[0]->argument)
        return caller_error(lang, "the tag must have no argument");
    return string_from(lang, args, out);
}

static Error *string_to_number(Lang *lang, Value **args, Value **out) {
    Number n;
    if (!number_parse(lang->arena, args[0]->string, &n))
        return caller_error(lang, "`%.*s` is not a Number", STR_ARG(args[0]->string));
    *out = value_number(lang, n, NULL);
    return NULL;
}

static Error *string_to_bool(Lang *lang, Value **args, Value **out) {
    bool yes = str_is(args[0]->string, "true");
    if (!yes && !str_is(args[0]->string, "false"))
        return caller_error(lang, "`%.*s` is neither \"true\" nor \"false\"", STR_ARG(args[0]->string));
    *out = value_bool(lang, yes);
    return NULL;
}

static Error *string_to_enum(Lang *lang, Value **args, Value **out) {
    *out = value_enum(lang, symbol_intern(lang->symbols, args[0]->string), NULL, NULL);
    return NULL;
}

// ---- contracts ----

static Error *judge(Lang *lang, Value *value, bool holds, const char *wanted, Value **out) {
    Str brief = value_brief(lang, value);
    *out = holds ? value_ok(lang, value)
                 : value_error(lang, arena_printf(lang->arena, "expected %s, got %s (%.*s)", wanted,
                                                  value_kind_name(value), STR_ARG(brief)));
    return NULL;
}

static Error *contract_bool_literal(Lang *lang, Value **args, Value **out) {
    bool holds = args[1]->kind == VALUE_STRING && (str_is(args[1]->string, "true") || str_is(args[1]->string, "false"));
    return judge(lang, args[1], holds, "\"true\" or \"false\"", out);
}

static Error *contract_number_literal(Lang *lang, Value **args, Value **out) {
    Number n;
    return judge(lang, args[1], args[1]->kind == VALUE_STRING && number_parse(lang->arena, args[1]->string, &n),
                 "a String that is a number", out);
}

static Error *contract_character(Lang *lang, Value **args, Value **out) {
    const Value *value = args[1];
    bool holds =
        value->kind == VALUE_STRING && value->string.len && grapheme_end(value->string, 0) == value->string.len;
    return judge(lang, args[1], holds, "a String of one character", out);
}

static Error *contract_stringable(Lang *lang, Value **args, Value **out) {
    const Value *value = args[1];
    bool holds = value->kind == VALUE_STRING || value->kind == VALUE_NUMBER || value->kind == VALUE_BOOL ||
                 value->kind == VALUE_NULL || (value->kind == VALUE_ENUM && !value->argument);
    return judge(lang, args[1], holds, "something that can be turned into a String", out);
}

static Error *contract_non_empty(Lang *lang, Value **args, Value **out) {
    return judge(lang, args[1], args[1]->kind == VALUE_STRING && args[1]->string.len, "a String that is not empty",
                 out);
}

static const Native natives[] = {
    {"std.string.join", "sa", string_join},
    {"std.string.split", "ss", string_split},
    {"std.string.trim", "s", string_trim},
    {"std.string.characters", "s", string_characters},
    {"std.string.uppercase", "s", string_uppercase},
    {"std.string.lowercase", "s", string_lowercase},
    {"std.string.contains", "ss", string_contains},
    {"std.string.compare", "ss", string_compare},
    {"std.string.replace", "sss", string_replace},
    {"std.string.length", "s", string_length},
    {"std.string.substring", "nns", string_substring},
    {"std.string.base64_encode", "es", string_base64_encode},
    {"std.string.base64_decode", "es", string_base64_decode},
    {"std.string.from", "v", string_from},
    {"std.string.from_number", "N", string_from},
    {"std.string.from_enum", "e", string_from_enum},
    {"std.string.from_bool", "b", string_from},
    {"std.string.to_number", "s", string_to_number},
    {"std.string.to_bool", "s", string_to_bool},
    {"std.string.to_enum", "s", string_to_enum},
    {"std.string.BoolLiteral", "lv", contract_bool_literal},
    {"std.string.NumberLiteral", "lv", contract_number_literal},
    {"std.string.Character", "lv", contract_character},
    {"std.string.Stringable", "lv", contract_stringable},
    {"std.string.NonEmpty", "lv", contract_non_empty},
};
const NativeTable string_natives = {natives, ARRAY_LEN(natives)};

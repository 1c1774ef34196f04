// Regular expressions, through pcre2 with limits on time and memory, so that no pattern can hang an evaluation. The
// dialect promised is the common part of Rust's regex syntax and Perl's: what has no linear-time meaning (look-around,
// back-references) is refused.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/map.h"
#include "specs/lang/builtins.h"
#include "specs/lang/grapheme.h"

#include <stdlib.h>

enum {
    REGEX_STEPS = 500,
    REGEX_MAX_BYTES = 64 * 1024,
    REGEX_MATCH_LIMIT = 1000000,
    REGEX_HEAP_KIB = 32 * 1024,
    REGEX_DEPTH_LIMIT = 10000
};

typedef struct Regex {
    pcre2_code *code;
    pcre2_match_data *match;
} Regex;

struct RegexCache {
    Map by_pattern;
    pcre2_match_context *context;
};

void regex_release(Lang *lang) {
    struct RegexCache *cache = lang->regexes;
    if (!cache)
        return;
    for (size_t i = 0; i < cache->by_pattern.count; i++) {
        Regex *regex = cache->by_pattern.entries[i].value;
        pcre2_match_data_free(regex->match);
        pcre2_code_free(regex->code);
    }
    map_release(&cache->by_pattern);
    pcre2_match_context_free(cache->context);
    free(cache);
    lang->regexes = NULL;
}

static struct RegexCache *regex_cache(Lang *lang) {
    if (!lang->regexes) {
        lang->regexes = mem_zalloc(sizeof *lang->regexes);
        lang->regexes->context = pcre2_match_context_create(NULL);
        BUG_UNLESS(lang->regexes->context != NULL);
        pcre2_set_match_limit(lang->regexes->context, REGEX_MATCH_LIMIT);
        pcre2_set_heap_limit(lang->regexes->context, REGEX_HEAP_KIB);
        pcre2_set_depth_limit(lang->regexes->context, REGEX_DEPTH_LIMIT);
    }
    return lang->regexes;
}

// What Rust's regular expressions do not have, and Perl's do.
static const char *foreign_syntax(Str pattern) {
    bool in_class = false;
    for (size_t i = 0; i + 1 < pattern.len; i++) {
        char c = pattern.ptr[i], next = pattern.ptr[i + 1];
        if (c == '\\') {
            if (!in_class && next >= '1' && next <= '9')
                return "a back-reference";
            if (next == 'K' || next == 'G' || next == 'R' || next == 'X')
                return "an escape that is not of the regex syntax";
            i++;
        } else if (in_class && c == next && (c == '&' || c == '-' || c == '~')) {
            return "an operation on character classes";
        } else if (!in_class && next == '+' && (c == '*' || c == '+' || c == '?' || c == '}')) {
            return "a possessive quantifier";
        } else if (c == '[') {
            in_class = true;
        } else if (c == ']') {
            in_class = false;
        } else if (!in_class && c == '(' && next == '?' && i + 2 < pattern.len) {
            char kind = pattern.ptr[i + 2], after = i + 3 < pattern.len ? pattern.ptr[i + 3] : 0;
            if (kind == '=' || kind == '!' || (kind == '<' && (after == '=' || after == '!')))
                return "look-around";
            if (kind == '>' || kind == '|' || kind == '&' || kind == 'R' || kind == '(' || kind == '+' || kind == '#')
                return "a group that is not of the regex syntax";
        }
    }
    return NULL;
}

static Error *compile(Lang *lang, Str pattern, Regex **out) {
    struct RegexCache *cache = regex_cache(lang);
    *out = map_get(&cache->by_pattern, pattern);
    if (*out)
        return NULL;
    if (pattern.len > REGEX_MAX_BYTES)
        return caller_error(lang, "the regular expression is longer than %d KiB", REGEX_MAX_BYTES / 1024);
    const char *foreign = foreign_syntax(pattern);
    if (foreign)
        return caller_error(lang, "invalid regular expression `%.*s`: %s is not supported", STR_ARG(pattern), foreign);
    int code = 0;
    PCRE2_SIZE at = 0;
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                                         PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    if (!compiled) {
        PCRE2_UCHAR text[256] = "";
        pcre2_get_error_message(code, text, sizeof text);
        return caller_error(lang, "invalid regular expression `%.*s`: %s (at byte %zu)", STR_ARG(pattern),
                            (const char *)text, (size_t)at);
    }
    Regex *regex = ARENA_NEW(lang->arena, Regex);
    regex->code = compiled;
    regex->match = pcre2_match_data_create_from_pattern(compiled, NULL);
    BUG_UNLESS(regex->match != NULL);
    map_put(&cache->by_pattern, arena_str(lang->arena, pattern), regex);
    *out = regex;
    return NULL;
}

// Number of groups with the whole, or 0 for no match. The places are in the match data of regex.
static Error *match_once(Lang *lang, Regex *regex, Str text, size_t start, int *groups_out) {
    lang->steps += REGEX_STEPS;
    uint32_t options = start ? PCRE2_NO_UTF_CHECK : 0;
    int n = pcre2_match(regex->code, (PCRE2_SPTR)(text.ptr ? text.ptr : ""), text.len, start, options, regex->match,
                        regex_cache(lang)->context);
    *groups_out = n > 0 ? n : 0;
    if (n >= 0 || n == PCRE2_ERROR_NOMATCH)
        return NULL;
    if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_HEAPLIMIT || n == PCRE2_ERROR_DEPTHLIMIT)
        return error_at(error_new(ERROR_LIMIT, "a regular expression takes too long on a text of %zu bytes", text.len),
                        node_span(lang, lang->site));
    return caller_error(lang, "a regular expression cannot be matched (pcre2 error %d)", n);
}

// Where to look next: behind the match, or one character on when it was empty.
static size_t next_start(Str text, size_t from, size_t to) {
    if (to > from)
        return to;
    to++;
    while (to < text.len && ((unsigned char)text.ptr[to] & 0xc0) == 0x80)
        to++;
    return to;
}

// The same, passing over matches that begin or end within a character (a grapheme cluster).
static Error *match_at(Lang *lang, Regex *regex, Str text, size_t start, int *groups_out) {
    for (;;) {
        TRY(match_once(lang, regex, text, start, groups_out));
        if (!*groups_out)
            return NULL;
        const PCRE2_SIZE *places = pcre2_get_ovector_pointer(regex->match);
        if (grapheme_border(text, places[0]) && grapheme_border(text, places[1]))
            return NULL;
        start = next_start(text, places[0], places[0]);
        *groups_out = 0;
        if (start > text.len)
            return NULL;
        TRY(charge_step(lang, lang->site));
    }
}

static Error *string_is_match(Lang *lang, Value **args, Value **out) {
    Regex *regex = NULL;
    int groups = 0;
    TRY(compile(lang, args[0]->string, &regex));
    TRY(match_at(lang, regex, args[1]->string, 0, &groups));
    *out = value_bool(lang, groups > 0);
    return NULL;
}

// Number of characters in front of a byte.
static int64_t character_index(Str text, size_t byte) {
    int64_t count = 0;
    for (size_t at = 0; at < byte; count++)
        at = grapheme_end(text, at);
    return count;
}

static Error *match_value(Lang *lang, Regex *regex, Str text, int groups, Value **out) {
    Symbol names[] = {lang->sym_matched, lang->sym_index, lang->sym_groups};
    if (groups == 0) {
        Value *none[] = {lang->empty_string, value_int(lang, -1), lang->empty_array};
        *out = record_make(lang, names, none, 3, NULL);
        return NULL;
    }
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(regex->match);
    uint32_t all = pcre2_get_ovector_count(regex->match);
    Value **items = NULL;
    TRY(new_items(lang, all, &items));
    for (uint32_t i = 1; i < all; i++) {
        bool set = (int)i < groups && places[2 * i] != PCRE2_UNSET;
        items[i - 1] = set ? value_text(lang, str_slice(text, places[2 * i], places[2 * i + 1])) : lang->empty_string;
    }
    Value *values[] = {value_text(lang, str_slice(text, places[0], places[1])),
                       value_int(lang, character_index(text, places[0])), value_array(lang, items, all - 1, NULL)};
    *out = record_make(lang, names, values, 3, NULL);
    return NULL;
}

static Error *string_find(Lang *lang, Value **args, Value **out) {
    Regex *regex = NULL;
    int groups = 0;
    TRY(compile(lang, args[0]->string, &regex));
    TRY(match_at(lang, regex, args[1]->string, 0, &groups));
    return match_value(lang, regex, args[1]->string, groups, out);
}

static Error *string_find_all(Lang *lang, Value **args, Value **out) {
    Regex *regex = NULL;
    Str text = args[1]->string;
    size_t count = 0, cap = 16;
    Value **items = NULL;
    TRY(compile(lang, args[0]->string, &regex));
    TRY(new_items(lang, cap, &items));
    for (size_t at = 0; at <= text.len;) {
        int groups = 0;
        TRY(charge_step(lang, lang->site));
        TRY(match_at(lang, regex, text, at, &groups));
        if (!groups)
            break;
        if (count == cap) {
            Value **more = NULL;
            TRY(new_items(lang, cap * 2, &more));
            memcpy(more, items, cap * sizeof *items);
            items = more;
            cap *= 2;
        }
        const PCRE2_SIZE *places = pcre2_get_ovector_pointer(regex->match);
        at = next_start(text, places[0], places[1]);
        TRY(match_value(lang, regex, text, groups, &items[count++]));
    }
    *out = value_array(lang, items, count, NULL);
    return NULL;
}

// $1, ${1} and ${name} stand for groups, $$ for a dollar.
static void add_replacement(Buf *out, Str with, Str text, const Regex *regex, int groups) {
    const PCRE2_SIZE *places = pcre2_get_ovector_pointer(regex->match);
    for (size_t i = 0; i < with.len; i++) {
        if (with.ptr[i] != '$' || i + 1 == with.len) {
            buf_add_byte(out, with.ptr[i]);
            continue;
        }
        size_t at = i + 1;
        bool braces = with.ptr[at] == '{';
        if (with.ptr[at] == '$') {
            buf_add_byte(out, '$');
            i = at;
            continue;
        }
        at += braces;
        size_t digits = at;
        int group = 0;
        for (; at < with.len && with.ptr[at] >= '0' && with.ptr[at] <= '9' && at - digits < 4; at++)
            group = group * 10 + (with.ptr[at] - '0');
        if (at == digits || (braces && (at == with.len || with.ptr[at] != '}'))) {
            buf_add_byte(out, '$');
            continue;
        }
        i = braces ? at : at - 1;
        if (group < groups && places[2 * group] != PCRE2_UNSET)
            buf_add_str(out, str_slice(text, places[2 * group], places[2 * group + 1]));
    }
}

static Error *string_replace_regex(Lang *lang, Value **args, Value **out) {
    AUTO_BUF Buf result;
    Regex *regex = NULL;
    Str text = args[2]->string;
    size_t copied = 0;
    buf_init(&result, lang->memory_budget);
    TRY(compile(lang, args[0]->string, &regex));
    for (size_t at = 0; at <= text.len;) {
        int groups = 0;
        TRY(charge_step(lang, lang->site));
        TRY(match_at(lang, regex, text, at, &groups));
        if (!groups)
            break;
        const PCRE2_SIZE *places = pcre2_get_ovector_pointer(regex->match);
        buf_add_str(&result, str_slice(text, copied, places[0]));
        add_replacement(&result, args[1]->string, text, regex, groups);
        copied = places[1];
        at = next_start(text, places[0], places[1]);
    }
    buf_add_str(&result, str_slice(text, copied, text.len));
    TRY(lang_reserve(lang, result.overflow ? SIZE_MAX : result.len, 1, lang->site));
    *out = value_text(lang, arena_str(lang->arena, buf_str(&result)));
    return NULL;
}

static Error *matches_contract(Lang *lang, Value **args, Value **out) {
    Value *pair[] = {args[0], args[2]}, *matched = NULL;
    if (args[2]->kind != VALUE_STRING) {
        *out = value_error(lang, arena_printf(lang->arena, "expected a String, got %s", value_kind_name(args[2])));
        return NULL;
    }
    TRY(string_is_match(lang, pair, &matched));
    *out = matched->boolean ? value_ok(lang, args[2])
                            : value_error(lang, arena_printf(lang->arena, "the String does not match `%.*s`",
                                                             STR_ARG(args[0]->string)));
    return NULL;
}

static Error *fields_match_contract(Lang *lang, Value **args, Value **out) {
    if (args[2]->kind != VALUE_RECORD) {
        *out = value_error(lang, arena_printf(lang->arena, "expected a record, got %s", value_kind_name(args[2])));
        return NULL;
    }
    const Record *record = args[2]->record;
    for (uint32_t i = 0; i < record->count; i++) {
        Value *pair[] = {args[0], value_text(lang, name_text(lang, record->fields[i].name))}, *matched = NULL;
        if (field_is_absent(&record->fields[i]))
            continue;
        TRY(string_is_match(lang, pair, &matched));
        if (matched->boolean)
            continue;
        *out = value_error(lang, arena_printf(lang->arena, "the field name `%.*s` does not match `%.*s`",
                                              STR_ARG(pair[1]->string), STR_ARG(args[0]->string)));
        return NULL;
    }
    *out = value_ok(lang, args[2]);
    return NULL;
}

static Error *string_matches(Lang *lang, Value **args, Value **out) {
    static const Native native = {"std.string.Matches", "s.v", matches_contract};
    *out = value_custom_of(lang, &native, args[0]);
    return NULL;
}

static Error *record_fields_match(Lang *lang, Value **args, Value **out) {
    static const Native native = {"std.record.FieldsMatch", "s.v", fields_match_contract};
    *out = value_custom_of(lang, &native, args[0]);
    return NULL;
}

static const Native natives[] = {
    {"std.string.is_match", "ss", string_is_match}, {"std.string.find", "ss", string_find},
    {"std.string.find_all", "ss", string_find_all}, {"std.string.replace_regex", "sss", string_replace_regex},
    {"std.string.Matches", "s", string_matches},    {"std.record.FieldsMatch", "s", record_fields_match},
};
const NativeTable regex_natives = {natives, ARRAY_LEN(natives)};

// TOML's strings, numbers, booleans, dates and times. Each is read from the text as it stands; nothing is accepted that
// the grammar does not name, since what one tool takes and the next refuses is worse than an error.
#include "base/toml_internal.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

// ---- strings ----

static Error *read_code_point(TomlReader *reader, unsigned digits, Buf *out) {
    uint32_t point = 0;
    for (unsigned i = 0; i < digits; i++) {
        int c = toml_peek(reader, 0);
        uint32_t digit;
        if (c >= '0' && c <= '9')
            digit = (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            digit = (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return toml_fail(reader, ERROR_INVALID, "\\%c needs %u hexadecimal digits", digits == 4 ? 'u' : 'U', digits);
        point = point << 4 | digit;
        reader->at++;
    }
    if (point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF))
        return toml_fail(reader, ERROR_INVALID, "the escape names no character");
    utf8_add(out, point);
    return NULL;
}

// Behind a backslash at the end of a line of a multi-line string: all white space up to the next character goes.
static Error *skip_line_ending(TomlReader *reader) {
    while (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t')
        reader->at++;
    if (!toml_take_newline(reader))
        return toml_fail(reader, ERROR_INVALID, "unknown escape in a string");
    do {
        while (toml_peek(reader, 0) == ' ' || toml_peek(reader, 0) == '\t')
            reader->at++;
    } while (toml_take_newline(reader));
    return NULL;
}

static Error *read_escape(TomlReader *reader, bool multi_line, Buf *out) {
    static const char names[] = "btnfr\"\\", values[] = "\b\t\n\f\r\"\\";
    reader->at++; // the backslash
    int c = toml_peek(reader, 0);
    const char *hit = c > 0 ? strchr(names, c) : NULL;
    if (hit) {
        reader->at++;
        buf_add_byte(out, values[hit - names]);
        return NULL;
    }
    if (c == 'u' || c == 'U') {
        reader->at++;
        return read_code_point(reader, c == 'u' ? 4 : 8, out);
    }
    if (multi_line && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
        return skip_line_ending(reader);
    return toml_fail(reader, ERROR_INVALID, "unknown escape in a string");
}

// One character of a string that is no quote and no escape.
static Error *read_plain(TomlReader *reader, bool multi_line, Buf *out) {
    int c = toml_peek(reader, 0);
    uint32_t point;
    if (c < 0)
        return toml_fail(reader, ERROR_INVALID, "the text ends inside a string");
    if (c == '\n' || c == '\r') {
        if (multi_line && toml_take_newline(reader)) {
            buf_add_byte(out, '\n');
            return NULL;
        }
        return toml_fail(reader, ERROR_INVALID, multi_line ? "a carriage return stands alone" : "the line ends inside a string");
    }
    if ((c < 0x20 && c != '\t') || c == 0x7f)
        return toml_fail(reader, ERROR_INVALID, "a control character in a string must be escaped");
    size_t size = utf8_decode(str_slice(reader->text, reader->at, reader->text.len), &point);
    buf_add(out, reader->text.ptr + reader->at, size); // the whole text was checked to be UTF-8
    reader->at += size;
    return NULL;
}

// At a quote inside a multi-line string: true when the string ends here; quotes that belong to it are taken.
static Error *read_closing(TomlReader *reader, int quote, Buf *out, bool *ended_out) {
    size_t quotes = 0;
    while (toml_peek(reader, quotes) == quote && quotes < 6)
        quotes++;
    *ended_out = quotes >= 3;
    size_t own = quotes >= 3 ? quotes - 3 : quotes;
    if (own > 2)
        return toml_fail(reader, ERROR_INVALID, "more than five quotes in a row");
    for (size_t i = 0; i < own; i++)
        buf_add_byte(out, (char)quote);
    reader->at += quotes;
    return NULL;
}

Error *toml_read_string(TomlReader *reader, bool single_line, Str *out) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    int quote = toml_peek(reader, 0);
    bool multi_line = toml_peek(reader, 1) == quote && toml_peek(reader, 2) == quote;
    if (multi_line && single_line)
        return toml_fail(reader, ERROR_INVALID, "a key cannot be a multi-line string");
    reader->at += multi_line ? 3 : 1;
    if (multi_line)
        toml_take_newline(reader);
    for (bool ended = false; !ended;) {
        int c = toml_peek(reader, 0);
        if (c == quote && multi_line) {
            TRY(read_closing(reader, quote, &text, &ended));
        } else if (c == quote) {
            reader->at++;
            ended = true;
        } else if (c == '\\' && quote == '"') {
            TRY(read_escape(reader, multi_line, &text));
        } else {
            TRY(read_plain(reader, multi_line, &text));
        }
    }
    *out = arena_str(reader->arena, buf_str(&text));
    return NULL;
}

// ---- dates and times ----

static bool take_digits(Str *rest, size_t count, unsigned *out) {
    unsigned value = 0;
    if (rest->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (rest->ptr[i] < '0' || rest->ptr[i] > '9')
            return false;
        value = value * 10 + (unsigned)(rest->ptr[i] - '0');
    }
    *rest = str_slice(*rest, count, rest->len);
    *out = value;
    return true;
}

static bool take_byte(Str *rest, char byte) {
    if (rest->len == 0 || rest->ptr[0] != byte)
        return false;
    *rest = str_slice(*rest, 1, rest->len);
    return true;
}

static bool take_date(Str *rest) {
    static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned year, month, day;
    if (!take_digits(rest, 4, &year) || !take_byte(rest, '-') || !take_digits(rest, 2, &month) ||
        !take_byte(rest, '-') || !take_digits(rest, 2, &day))
        return false;
    if (month < 1 || month > 12 || day < 1)
        return false;
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return day <= days[month - 1] + (unsigned)(leap && month == 2);
}

static bool take_time(Str *rest) {
    unsigned hour, minute, second, digit;
    if (!take_digits(rest, 2, &hour) || !take_byte(rest, ':') || !take_digits(rest, 2, &minute) ||
        !take_byte(rest, ':') || !take_digits(rest, 2, &second))
        return false;
    if (hour > 23 || minute > 59 || second > 60)
        return false;
    if (take_byte(rest, '.')) {
        if (!take_digits(rest, 1, &digit))
            return false;
        while (take_digits(rest, 1, &digit)) {
        }
    }
    return true;
}

static bool take_offset(Str *rest) {
    unsigned hour, minute;
    if (take_byte(rest, 'Z') || take_byte(rest, 'z'))
        return true;
    if (!take_byte(rest, '+') && !take_byte(rest, '-'))
        return false;
    return take_digits(rest, 2, &hour) && take_byte(rest, ':') && take_digits(rest, 2, &minute) && hour <= 23 &&
           minute <= 59;
}

static bool parse_date_or_time(Str text, TomlType *type_out) {
    Str rest = text;
    if (text.len > 2 && text.ptr[2] == ':') {
        *type_out = TOML_LOCAL_TIME;
        return take_time(&rest) && rest.len == 0;
    }
    if (!take_date(&rest))
        return false;
    *type_out = TOML_LOCAL_DATE;
    if (rest.len == 0)
        return true;
    if (!take_byte(&rest, 'T') && !take_byte(&rest, 't') && !take_byte(&rest, ' '))
        return false;
    *type_out = TOML_LOCAL_DATETIME;
    if (!take_time(&rest))
        return false;
    if (rest.len == 0)
        return true;
    *type_out = TOML_OFFSET_DATETIME;
    return take_offset(&rest) && rest.len == 0;
}

static bool looks_like_date_or_time(Str text) {
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    return (digits == 4 && text.len > 4 && text.ptr[4] == '-') || (digits == 2 && text.len > 2 && text.ptr[2] == ':');
}

// ---- numbers ----

static bool is_digit_of(int base, char c) {
    if (base == 16)
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
    return c >= '0' && c < '0' + base;
}

// Digits with single underscores between them, copied without those. False when malformed.
static bool strip_underscores(Str digits, int base, Buf *out) {
    bool after_digit = false;
    for (size_t i = 0; i < digits.len; i++) {
        char c = digits.ptr[i];
        if (c == '_' && (!after_digit || i + 1 == digits.len))
            return false;
        if (c != '_' && !is_digit_of(base, c))
            return false;
        after_digit = c != '_';
        if (after_digit)
            buf_add_byte(out, c);
    }
    return digits.len > 0;
}

static Error *malformed(const TomlReader *reader, Str text) {
    return toml_fail(reader, ERROR_INVALID, "'%.*s' is no TOML value", STR_ARG(text));
}

static Error *read_integer(const TomlReader *reader, Str text, TomlValue *out) {
    AUTO_BUF Buf digits;
    buf_init(&digits, BUF_NO_LIMIT);
    Str body = text;
    int base = 10;
    if (text.len > 2 && text.ptr[0] == '0' && text.ptr[1] != '_' && (text.ptr[1] < '0' || text.ptr[1] > '9')) {
        base = text.ptr[1] == 'x' ? 16 : text.ptr[1] == 'o' ? 8 : text.ptr[1] == 'b' ? 2 : 0;
        body = str_slice(text, 2, text.len);
    } else if (text.ptr[0] == '+' || text.ptr[0] == '-') {
        buf_add_byte(&digits, text.ptr[0]);
        body = str_slice(text, 1, text.len);
    }
    if (base == 0 || !strip_underscores(body, base, &digits))
        return malformed(reader, text);
    if (base == 10 && body.len > 1 && body.ptr[0] == '0')
        return toml_fail(reader, ERROR_INVALID, "a number does not begin with 0");
    errno = 0;
    out->type = TOML_INTEGER;
    out->integer = strtoll(buf_cstr(&digits), NULL, base);
    if (errno == ERANGE)
        return toml_fail(reader, ERROR_INVALID, "%.*s does not fit into 64 bits", STR_ARG(text));
    return NULL;
}

static Error *read_float(const TomlReader *reader, Str text, TomlValue *out) {
    AUTO_BUF Buf plain;
    buf_init(&plain, BUF_NO_LIMIT);
    Str rest = text;
    if (rest.len && (rest.ptr[0] == '+' || rest.ptr[0] == '-')) {
        buf_add_byte(&plain, rest.ptr[0]);
        rest = str_slice(rest, 1, rest.len);
    }
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '.' && (rest.ptr[end] | 0x20) != 'e')
        end++;
    Str whole = str_slice(rest, 0, end);
    if (!strip_underscores(whole, 10, &plain) || (whole.len > 1 && whole.ptr[0] == '0'))
        return malformed(reader, text);
    rest = str_slice(rest, end, rest.len);
    if (rest.len && rest.ptr[0] == '.') {
        for (end = 1; end < rest.len && (rest.ptr[end] | 0x20) != 'e';)
            end++;
        buf_add_byte(&plain, '.');
        if (!strip_underscores(str_slice(rest, 1, end), 10, &plain))
            return malformed(reader, text);
        rest = str_slice(rest, end, rest.len);
    }
    if (rest.len) { // at the e
        buf_add_byte(&plain, 'e');
        rest = str_slice(rest, 1, rest.len);
        if (rest.len && (rest.ptr[0] == '+' || rest.ptr[0] == '-')) {
            buf_add_byte(&plain, rest.ptr[0]);
            rest = str_slice(rest, 1, rest.len);
        }
        if (!strip_underscores(rest, 10, &plain))
            return malformed(reader, text);
    }
    out->type = TOML_FLOAT;
    out->number = strtod(buf_cstr(&plain), NULL);
    return NULL;
}

static bool read_name(Str text, TomlValue *out) {
    static const struct {
        const char *word;
        TomlType type;
        double number;
        bool boolean;
    } names[] = {
        {"true", TOML_BOOL, 0, true},          {"false", TOML_BOOL, 0, false},        {"inf", TOML_FLOAT, (double)INFINITY, false},
        {"+inf", TOML_FLOAT, (double)INFINITY, false}, {"-inf", TOML_FLOAT, -(double)INFINITY, false}, {"nan", TOML_FLOAT, (double)NAN, false},
        {"+nan", TOML_FLOAT, (double)NAN, false},      {"-nan", TOML_FLOAT, (double)NAN, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (!str_is(text, names[i].word))
            continue;
        out->type = names[i].type;
        out->number = names[i].number;
        out->boolean = names[i].boolean;
        return true;
    }
    return false;
}

// The characters that numbers, dates and names are made of.
static bool is_word_byte(int c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '+' ||
           c == '-' || c == '.' || c == ':';
}

static size_t word_length(const TomlReader *reader, size_t from) {
    size_t len = from;
    while (is_word_byte(toml_peek(reader, len)))
        len++;
    return len;
}

Error *toml_read_word(TomlReader *reader, TomlValue *out) {
    size_t len = word_length(reader, 0);
    Str text = str_slice(reader->text, reader->at, reader->at + len);
    if (len == 0)
        return toml_fail(reader, ERROR_INVALID, toml_peek(reader, 0) < 0 ? "the text ends where a value was expected" : "a value was expected");
    if (looks_like_date_or_time(text)) {
        // A date and a time may be parted by one space.
        bool spaced = len == 10 && toml_peek(reader, len) == ' ' && toml_peek(reader, len + 1) >= '0' && toml_peek(reader, len + 1) <= '9';
        if (spaced)
            text = str_slice(reader->text, reader->at, reader->at + word_length(reader, len + 1));
        if (!parse_date_or_time(text, &out->type))
            return toml_fail(reader, ERROR_INVALID, "'%.*s' is no date or time", STR_ARG(text));
        out->text = text;
    } else if (!read_name(text, out)) {
        bool prefixed = text.len > 1 && text.ptr[0] == '0' && strchr("xob", text.ptr[1]);
        bool is_float = !prefixed && (str_find_byte(text, '.') >= 0 || str_find_byte(text, 'e') >= 0 || str_find_byte(text, 'E') >= 0);
        if (is_float)
            TRY(read_float(reader, text, out));
        else
            TRY(read_integer(reader, text, out));
    }
    reader->at += text.len;
    return NULL;
}

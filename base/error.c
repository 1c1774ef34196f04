#include "base/error.h"
#include "base/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ERROR_EXCERPT_MAX = 200, ERROR_CHAIN_MAX = 64, ERROR_TEXT_MAX = 1 << 20 };

struct Error {
    ErrorKind kind;
    int errno_value;
    char *text;
    char *hint;
    char *excerpt;
    SourceSpan span; // file points into `file`
    char *file;
    Error *cause;
};

static const char *const kind_names[ERROR_KIND_COUNT] = {
    [ERROR_INVALID] = "invalid",         [ERROR_NOT_FOUND] = "not-found",
    [ERROR_MISMATCH] = "mismatch",       [ERROR_CONFLICT] = "conflict",
    [ERROR_DENIED] = "denied",           [ERROR_NETWORK] = "network",
    [ERROR_BUILD_FAILED] = "build-failed", [ERROR_TIMEOUT] = "timeout",
    [ERROR_LIMIT] = "limit",             [ERROR_INTERRUPTED] = "interrupted",
    [ERROR_SANDBOX] = "sandbox",         [ERROR_USAGE] = "usage",
    [ERROR_SYSTEM] = "system",
};

static __attribute__((format(printf, 1, 0))) char *format_text(const char *fmt, va_list ap) {
    Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_vprintf(&text, fmt, ap);
    return buf_take(&text);
}

Error *error_new(ErrorKind kind, const char *fmt, ...) {
    Error *error = mem_zalloc(sizeof *error);
    error->kind = kind;
    va_list ap;
    va_start(ap, fmt);
    error->text = format_text(fmt, ap);
    va_end(ap);
    return error;
}

Error *error_sys(int errno_value, const char *fmt, ...) {
    Error *error = mem_zalloc(sizeof *error);
    error->kind = ERROR_SYSTEM;
    error->errno_value = errno_value;
    va_list ap;
    va_start(ap, fmt);
    char *text = format_text(fmt, ap);
    va_end(ap);
    Buf whole;
    buf_init(&whole, BUF_NO_LIMIT);
    buf_printf(&whole, "%s: %s", text, strerror(errno_value));
    free(text);
    error->text = buf_take(&whole);
    return error;
}

Error *error_wrap(Error *cause, const char *fmt, ...) {
    Error *error = mem_zalloc(sizeof *error);
    error->kind = cause->kind;
    va_list ap;
    va_start(ap, fmt);
    error->text = format_text(fmt, ap);
    va_end(ap);
    error->cause = cause;
    return error;
}

// The line of `source` that the span begins on; NULL when it is not known.
static char *excerpt_of(SourceSpan span) {
    if (!span.source.ptr || span.line == 0)
        return NULL;
    Str rest = span.source, line = STR_NULL;
    for (uint32_t i = 0; i < span.line; i++)
        if (!str_cut(&rest, '\n', &line))
            return NULL;
    if (line.len > ERROR_EXCERPT_MAX)
        line.len = ERROR_EXCERPT_MAX;
    char *copy = mem_alloc(line.len + 1);
    memcpy(copy, line.ptr, line.len);
    copy[line.len] = '\0';
    return copy;
}

Error *error_at(Error *error, SourceSpan span) {
    free(error->file);
    free(error->excerpt);
    error->excerpt = excerpt_of(span);
    error->file = mem_alloc(span.file.len + 1);
    if (span.file.len)
        memcpy(error->file, span.file.ptr, span.file.len);
    error->file[span.file.len] = '\0';
    error->span = span;
    error->span.file = (Str){error->file, span.file.len};
    error->span.source = STR_NULL;
    return error;
}

Error *error_hint(Error *error, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    free(error->hint);
    error->hint = format_text(fmt, ap);
    va_end(ap);
    return error;
}

static Error *copy_link(const Error *link) {
    Error *copy = mem_alloc(sizeof *copy);
    *copy = *link;
    copy->text = mem_strdup(link->text);
    copy->hint = link->hint ? mem_strdup(link->hint) : NULL;
    copy->excerpt = link->excerpt ? mem_strdup(link->excerpt) : NULL;
    copy->file = link->file ? mem_strdup(link->file) : NULL;
    copy->span.file.ptr = copy->file;
    copy->cause = NULL;
    return copy;
}

Error *error_copy(const Error *error) {
    Error *head = copy_link(error), *last = head;
    while ((error = error->cause))
        last = last->cause = copy_link(error);
    return head;
}

void error_free(Error *error) {
    while (error) {
        Error *cause = error->cause;
        free(error->text);
        free(error->hint);
        free(error->excerpt);
        free(error->file);
        free(error);
        error = cause;
    }
}

void error_cleanup(Error **error) {
    error_free(*error);
}

ErrorKind error_kind(const Error *error) {
    return error->kind;
}

const char *error_kind_name(ErrorKind kind) {
    return kind_names[kind];
}

int error_errno(const Error *error) {
    int value = 0;
    for (; error; error = error->cause)
        if (error->kind == ERROR_SYSTEM && error->errno_value)
            value = error->errno_value;
    return value;
}

const char *error_text(const Error *error) {
    return error->text;
}

const char *error_get_hint(const Error *error) {
    for (; error; error = error->cause)
        if (error->hint)
            return error->hint;
    return NULL;
}

const Error *error_cause(const Error *error) {
    return error->cause;
}

const SourceSpan *error_span(const Error *error, const char **excerpt_out) {
    if (excerpt_out)
        *excerpt_out = error->excerpt;
    return error->file ? &error->span : NULL;
}

// The innermost link that knows a place: the nearest to what is wrong.
static const Error *located(const Error *error) {
    const Error *found = NULL;
    for (; error; error = error->cause)
        if (error->file)
            found = error;
    return found;
}

static void format_excerpt(const Error *at, Buf *out) {
    const SourceSpan *span = &at->span;
    buf_printf(out, "\n%6u | %s\n       | ", span->line, at->excerpt);
    uint32_t column = 1;
    const char *c = at->excerpt;
    for (; *c && column < span->column; c++) {
        if (((unsigned char)*c & 0xC0) == 0x80)
            continue; // inside a UTF-8 sequence
        buf_add_byte(out, *c == '\t' ? '\t' : ' ');
        column++;
    }
    uint32_t width = 1;
    if (span->end_line == span->line && span->end_column > span->column)
        width = span->end_column - span->column;
    for (uint32_t i = 0; i < width && i < ERROR_EXCERPT_MAX; i++)
        buf_add_byte(out, '^');
}

static void format_place(const SourceSpan *span, Buf *out) {
    buf_add_str(out, span->file);
    if (span->line)
        buf_printf(out, ":%u", span->line);
    if (span->line && span->column)
        buf_printf(out, ":%u", span->column);
}

void error_format_line(const Error *error, Buf *out) {
    const Error *at = located(error);
    if (at) {
        format_place(&at->span, out);
        buf_add_cstr(out, ": ");
    }
    for (const Error *link = error; link; link = link->cause) {
        if (link != error)
            buf_add_cstr(out, ": ");
        buf_add_cstr(out, link->text);
    }
}

void error_format(const Error *error, Buf *out) {
    const Error *at = located(error);
    error_format_line(error, out);
    if (at && at->excerpt)
        format_excerpt(at, out);
    const char *hint = error_get_hint(error);
    if (hint)
        buf_printf(out, "\nhint: %s", hint);
}

static void format_json_link(const Error *error, Buf *out) {
    buf_add_cstr(out, "{\"kind\": ");
    json_add_string(out, str_from(kind_names[error->kind]));
    buf_add_cstr(out, ", \"message\": ");
    json_add_string(out, str_from(error->text));
    if (error->file) {
        buf_add_cstr(out, ", \"where\": {\"file\": ");
        json_add_string(out, error->span.file);
        buf_printf(out, ", \"line\": %u, \"column\": %u}", error->span.line, error->span.column);
    }
    if (error->hint) {
        buf_add_cstr(out, ", \"hint\": ");
        json_add_string(out, str_from(error->hint));
    }
}

void error_format_json(const Error *error, Buf *out) {
    unsigned depth = 0;
    buf_add_cstr(out, "{\"error\": ");
    for (const Error *link = error; link; link = link->cause, depth++) {
        if (depth)
            buf_add_cstr(out, ", \"cause\": ");
        format_json_link(link, out);
    }
    for (unsigned i = 0; i <= depth; i++)
        buf_add_byte(out, '}');
}

static void serialise_text(Buf *out, const char *text) {
    buf_add_u8(out, text != NULL);
    if (text)
        buf_add_framed(out, str_from(text));
}

void error_serialise(const Error *error, Buf *out) {
    for (const Error *link = error; link; link = link->cause) {
        buf_add_u8(out, 1);
        buf_add_u8(out, (uint8_t)link->kind);
        buf_add_u32(out, (uint32_t)link->errno_value);
        serialise_text(out, link->text);
        serialise_text(out, link->hint);
    }
    buf_add_u8(out, 0);
}

static bool take_bytes(Str *in, void *to, size_t len) {
    if (in->len < len)
        return false;
    memcpy(to, in->ptr, len);
    *in = (Str){in->ptr + len, in->len - len};
    return true;
}

static bool take_text(Str *in, char **text_out) {
    uint8_t present;
    uint8_t raw[8];
    uint64_t len = 0;
    *text_out = NULL;
    if (!take_bytes(in, &present, 1) || present > 1)
        return false;
    if (!present)
        return true;
    if (!take_bytes(in, raw, sizeof raw))
        return false;
    for (int i = 0; i < 8; i++)
        len |= (uint64_t)raw[i] << (8 * i);
    if (len > in->len || len > ERROR_TEXT_MAX)
        return false;
    *text_out = mem_alloc(len + 1);
    (*text_out)[len] = '\0';
    return take_bytes(in, *text_out, len);
}

// One link; *end_out is set at the closing mark. A link that is cut short is freed and false returned.
static bool take_link(Str *in, Error **link_out, bool *end_out) {
    uint8_t more, kind, raw[4];
    if (!take_bytes(in, &more, 1) || more > 1)
        return false;
    *end_out = !more;
    if (!more)
        return true;
    if (!take_bytes(in, &kind, 1) || kind >= ERROR_KIND_COUNT || !take_bytes(in, raw, sizeof raw))
        return false;
    Error *link = mem_zalloc(sizeof *link);
    link->kind = (ErrorKind)kind;
    link->errno_value = raw[0] | raw[1] << 8 | raw[2] << 16 | (raw[3] & 0x7f) << 24;
    if (!take_text(in, &link->text) || !link->text || !take_text(in, &link->hint)) {
        error_free(link);
        return false;
    }
    *link_out = link;
    return true;
}

Error *error_deserialise(Str bytes) {
    Error *head = NULL, **tail = &head;
    for (int i = 0; i < ERROR_CHAIN_MAX; i++) {
        bool end;
        if (!take_link(&bytes, tail, &end))
            break;
        if (end && head)
            return head;
        if (end)
            break;
        tail = &(*tail)->cause;
    }
    error_free(head);
    return error_new(ERROR_SYSTEM, "a helper process ended without saying why");
}

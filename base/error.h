// Error: what went wrong, where, why, and what to do about it, as a value.
//
// A function that can fail returns Error *; NULL is success; results go out through the last parameter. The caller
// owns the returned error and either hands it up (TRY, TRY_CTX) or frees it. Only cmd/ prints one.
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

typedef enum ErrorKind {
    ERROR_INVALID,      // bad input: a spec, a file, a flag's value
    ERROR_NOT_FOUND,    // a name, file or object that was asked for is not there
    ERROR_MISMATCH,     // bytes are not those that were promised
    ERROR_CONFLICT,     // two things that cannot both be
    ERROR_DENIED,       // refused by a policy, ours or the host's
    ERROR_NETWORK,      // the other side, or the way to it
    ERROR_BUILD_FAILED, // a build's or test's own command failed
    ERROR_TIMEOUT,
    ERROR_LIMIT,       // a cap of ours was reached
    ERROR_INTERRUPTED, // the user, or a signal
    ERROR_SANDBOX,     // a wall could not be raised
    ERROR_USAGE,       // wrong words on the command line
    ERROR_SYSTEM,      // the operating system said no; errno is kept
    ERROR_KIND_COUNT
} ErrorKind;

// A place in a text file. Lines and columns count from 1, columns in characters; 0 means unknown. `end_column` is the
// first column behind the place, on `end_line`. `source` may hold the whole file's text for the excerpt (not owned).
typedef struct SourceSpan {
    Str file;
    uint32_t line, column, end_line, end_column;
    Str source;
} SourceSpan;

typedef struct Error Error;

Error *error_new(ErrorKind kind, const char *fmt, ...) __attribute__((format(printf, 2, 3), returns_nonnull));
// "<text>: <strerror(errno_value)>"; pass errno at the point of failure.
Error *error_sys(int errno_value, const char *fmt, ...) __attribute__((format(printf, 2, 3), returns_nonnull));
// Puts context in front of a cause; keeps the cause's kind. Takes ownership of cause.
Error *error_wrap(Error *cause, const char *fmt, ...) __attribute__((format(printf, 2, 3), returns_nonnull));
// Adds to an error and returns it. The span's file, and the one excerpt line, are copied.
Error *error_at(Error *error, SourceSpan span) __attribute__((returns_nonnull));
Error *error_hint(Error *error, const char *fmt, ...) __attribute__((format(printf, 2, 3), returns_nonnull));
// All of a chain, with its places and hints.
Error *error_copy(const Error *error) __attribute__((returns_nonnull));
void error_free(Error *error); // NULL is fine
void error_cleanup(Error **error);
#define AUTO_ERROR __attribute__((cleanup(error_cleanup)))

ErrorKind error_kind(const Error *error);
const char *error_kind_name(ErrorKind kind); // "invalid", "not-found", ...; stable, part of --json
int error_errno(const Error *error);         // of the innermost ERROR_SYSTEM, else 0
const char *error_text(const Error *error);  // this link of the chain alone
const char *error_get_hint(const Error *error); // NULL when there is none; the outermost one of the chain
const Error *error_cause(const Error *error);   // NULL at the end
// Where in a text; NULL when unknown. excerpt_out (may be NULL): the source line, or NULL.
const SourceSpan *error_span(const Error *error, const char **excerpt_out);

// The whole chain for a person: "text: cause: cause", the place in front, an excerpt with a caret, the hint last.
void error_format(const Error *error, Buf *out);
// The first line of that: the place and the chain.
void error_format_line(const Error *error, Buf *out);
// The same as one JSON object (no newline).
void error_format_json(const Error *error, Buf *out);
// For a close-on-exec pipe between our own processes: framed bytes, and back. A text that is no such thing yields an
// ERROR_SYSTEM saying so.
void error_serialise(const Error *error, Buf *out);
Error *error_deserialise(Str bytes);

// The only two macros in the tree that return.
#define TRY(expr)                                                                                                      \
    do {                                                                                                               \
        Error *try_error_ = (expr);                                                                                    \
        if (__builtin_expect(try_error_ != NULL, 0))                                                                   \
            return try_error_;                                                                                         \
    } while (0)
#define TRY_CTX(expr, ...)                                                                                             \
    do {                                                                                                               \
        Error *try_error_ = (expr);                                                                                    \
        if (__builtin_expect(try_error_ != NULL, 0))                                                                   \
            return error_wrap(try_error_, __VA_ARGS__);                                                                \
    } while (0)

#endif

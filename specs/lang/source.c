// Offsets are kept everywhere and turned into lines only when a person is going to read them, so no table of lines is
// ever built for the hundreds of files that have no error.
#include "specs/lang/source.h"

#include "base/utf8.h"

Error *source_check(const SourceFile *file) {
    if (file->text.len > SOURCE_MAX_BYTES)
        return error_at(error_new(ERROR_LIMIT, "a source file of %zu bytes is over the limit of %d MiB", file->text.len,
                                  SOURCE_MAX_BYTES / (1024 * 1024)),
                        (SourceSpan){.file = file->path});
    size_t bad = utf8_valid_len(file->text);
    if (bad == file->text.len)
        return NULL;
    SourceSpan span = source_span(file, (uint32_t)bad, (uint32_t)bad + 1);
    span.source = STR_NULL; // the line cannot be shown
    return error_at(error_new(ERROR_INVALID, "the file is not valid UTF-8: byte 0x%02x at offset %zu",
                              (unsigned char)file->text.ptr[bad], bad),
                    span);
}

typedef struct Position {
    uint32_t line, column;
} Position;

// The position of an offset, counted on from a known one before it.
static Position position_from(Str text, Position at, uint32_t from, uint32_t offset) {
    if (offset > text.len)
        offset = (uint32_t)text.len;
    const char *start = text.ptr + from, *line = start, *end = text.ptr + offset;
    for (const char *c = start; c < end && (c = memchr(c, '\n', (size_t)(end - c))); line = ++c)
        at.line++;
    if (line > start)
        at.column = 1;
    for (const char *c = line; c < end; c++)
        at.column += ((unsigned char)*c & 0xC0) != 0x80;
    return at;
}

SourceSpan source_span(const SourceFile *file, uint32_t start, uint32_t end) {
    Position first = {1, 1};
    Position from = position_from(file->text, first, 0, start);
    Position to = end >= start && start <= file->text.len ? position_from(file->text, from, start, end)
                                                          : position_from(file->text, first, 0, end);
    return (SourceSpan){file->path, from.line, from.column, to.line, to.column, file->text};
}

uint32_t source_line(const SourceFile *file, uint32_t offset) {
    return position_from(file->text, (Position){1, 1}, 0, offset).line;
}

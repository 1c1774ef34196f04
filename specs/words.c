// Splits command strings of specs. No word is ever longer than the text, so one buffer of that size holds them all.
#include "specs/words.h"

typedef struct Splitter {
    Str text;
    size_t at;
    char *out;    // where the next byte of a word goes
    bool in_word; // also for '' and "", which are empty words
} Splitter;

static bool is_separator(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void put(Splitter *s, char c) {
    *s->out++ = c;
}

static Error *take_single_quoted(Splitter *s) {
    Str rest = str_slice(s->text, s->at, s->text.len);
    ptrdiff_t end = str_find_byte(rest, '\'');
    if (end < 0)
        return error_new(ERROR_INVALID, "a ' is not closed in the command `%.*s`", STR_ARG(s->text));
    for (ptrdiff_t i = 0; i < end; i++)
        put(s, rest.ptr[i]);
    s->at += (size_t)end + 1;
    return NULL;
}

static Error *take_backslash(Splitter *s, bool in_double_quotes) {
    if (s->at == s->text.len)
        return error_new(ERROR_INVALID, "a \\ has nothing behind it in the command `%.*s`", STR_ARG(s->text));
    char c = s->text.ptr[s->at++];
    if (c == '\n')
        return NULL;
    if (in_double_quotes && c != '$' && c != '`' && c != '"' && c != '\\')
        put(s, '\\');
    put(s, c);
    s->in_word = true;
    return NULL;
}

static Error *take_double_quoted(Splitter *s) {
    while (s->at < s->text.len) {
        char c = s->text.ptr[s->at++];
        if (c == '"')
            return NULL;
        if (c == '\\')
            TRY(take_backslash(s, true));
        else
            put(s, c);
    }
    return error_new(ERROR_INVALID, "a \" is not closed in the command `%.*s`", STR_ARG(s->text));
}

static void skip_comment(Splitter *s) {
    while (s->at < s->text.len && s->text.ptr[s->at] != '\n')
        s->at++;
}

static Error *take_byte(Splitter *s, char c) {
    if (c == '\\')
        return take_backslash(s, false);
    s->in_word = true;
    if (c == '\'')
        return take_single_quoted(s);
    if (c == '"')
        return take_double_quoted(s);
    put(s, c);
    return NULL;
}

// One pass; with items NULL it only counts.
static Error *split(Splitter *s, Str *items, size_t *count_out) {
    size_t count = 0;
    char *start = s->out;
    while (s->at < s->text.len || s->in_word) {
        char c = s->at < s->text.len ? s->text.ptr[s->at++] : ' ';
        if (c == '#' && !s->in_word) {
            skip_comment(s);
        } else if (!is_separator(c)) {
            TRY(take_byte(s, c));
        } else if (s->in_word) {
            if (items)
                items[count] = (Str){start, (size_t)(s->out - start)};
            count++;
            put(s, '\0');
            start = s->out;
            s->in_word = false;
        }
    }
    *count_out = count;
    return NULL;
}

Error *words_split(Arena *arena, Str text, StrSlice *out) {
    // Each word needs a NUL, which takes the place of its separator, or of the end.
    char *bytes = arena_alloc(arena, text.len + 2);
    size_t count;
    Splitter counting = {.text = text, .out = bytes};
    TRY(split(&counting, NULL, &count));
    Str *items = ARENA_ARRAY(arena, Str, count);
    Splitter filling = {.text = text, .out = bytes};
    TRY(split(&filling, items, &count));
    *out = (StrSlice){items, count};
    return NULL;
}

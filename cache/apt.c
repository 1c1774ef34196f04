// A small reader of apt's two source formats, for one question: where does this host get Debian from. It is a hint
// about which server is near, never a statement about bytes: those are pinned.
#include "cache/apt.h"

#include "base/fd.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum { APT_FILES_MAX = 64, APT_FILE_BYTES_MAX = 256 * 1024, APT_BASES_MAX = 32 };

static bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\v';
}

// The next word of *rest; false at its end.
static bool next_word(Str *rest, Str *word_out) {
    size_t from = 0;
    while (from < rest->len && is_space(rest->ptr[from]))
        from++;
    size_t to = from;
    while (to < rest->len && !is_space(rest->ptr[to]))
        to++;
    *word_out = str_slice(*rest, from, to);
    *rest = str_slice(*rest, to, rest->len);
    return word_out->len > 0;
}

static bool add_once(Arena *arena, AptBases *out, Str text) {
    for (size_t i = 0; i < out->count; i++)
        if (str_eq(out->items[i], text))
            return true;
    if (out->count >= APT_BASES_MAX)
        return false;
    vec_push(out, arena_str(arena, text));
    return true;
}

static bool is_text(Str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= 0x20 || (unsigned char)s.ptr[i] >= 0x7f)
            return false;
    return true;
}

static void take_uri(Arena *arena, Str uri, Str name, AptBases *out, AptBases *lists) {
    if (!is_text(uri))
        return;
    static const char *const list_prefixes[] = {"mirror+file://", "mirror+file:"};
    for (size_t i = 0; lists && i < ARRAY_LEN(list_prefixes); i++) {
        Str prefix = str_from(list_prefixes[i]);
        if (!str_starts_with(uri, prefix))
            continue;
        Str path = str_slice(uri, prefix.len, uri.len);
        if (path.len && path.ptr[0] == '/')
            add_once(arena, lists, path);
        return;
    }
    if (!str_starts_with(uri, STR("http://")) && !str_starts_with(uri, STR("https://")) &&
        !str_starts_with(uri, STR("file:/")))
        return;
    while (uri.len && uri.ptr[uri.len - 1] == '/')
        uri.len--;
    if (str_ends_with(uri, name) && uri.len > name.len && uri.ptr[uri.len - name.len - 1] == '/')
        // apt also writes file:/path
        add_once(arena, out,
                 str_starts_with(uri, STR("file:/")) && !str_starts_with(uri, STR("file://"))
                     ? arena_printf(arena, "file://%.*s", STR_ARG(str_slice(uri, 5, uri.len)))
                     : uri);
}

void apt_parse_list(Arena *arena, Str text, Str name, AptBases *out, AptBases *lists) {
    Str line;
    while (str_cut(&text, '\n', &line)) {
        ptrdiff_t comment = str_find_byte(line, '#');
        if (comment >= 0)
            line.len = (size_t)comment;
        Str word;
        if (!next_word(&line, &word) || (!str_is(word, "deb") && !str_is(word, "deb-src")))
            continue;
        if (!next_word(&line, &word))
            continue;
        if (word.ptr[0] == '[') { // options, which may hold spaces
            while (word.ptr[word.len - 1] != ']' && next_word(&line, &word))
                continue;
            if (!next_word(&line, &word))
                continue;
        }
        take_uri(arena, word, name, out, lists);
    }
}

typedef struct Stanza {
    Buf uris;
    bool disabled, in_uris;
} Stanza;

static void end_stanza(Arena *arena, Stanza *stanza, Str name, AptBases *out, AptBases *lists) {
    Str rest = buf_str(&stanza->uris), word;
    while (!stanza->disabled && next_word(&rest, &word))
        take_uri(arena, word, name, out, lists);
    buf_clear(&stanza->uris);
    stanza->disabled = stanza->in_uris = false;
}

static bool field_is(Str field, const char *name) {
    if (field.len != strlen(name))
        return false;
    for (size_t i = 0; i < field.len; i++)
        if ((field.ptr[i] | 0x20) != name[i])
            return false;
    return true;
}

static void take_field(Stanza *stanza, Str line) {
    Str field, value = line;
    stanza->in_uris = false;
    if (!str_cut(&value, ':', &field) || !value.ptr)
        return;
    value = str_trim(value);
    if (field_is(field, "uris")) {
        stanza->in_uris = true;
        buf_add_str(&stanza->uris, value);
        buf_add_byte(&stanza->uris, ' ');
    } else if (field_is(field, "enabled"))
        stanza->disabled = str_is(value, "no") || str_is(value, "false") || str_is(value, "0") ||
                           str_is(value, "without") || str_is(value, "off") || str_is(value, "disable");
}

void apt_parse_sources(Arena *arena, Str text, Str name, AptBases *out, AptBases *lists) {
    Stanza stanza = {0};
    buf_init(&stanza.uris, APT_FILE_BYTES_MAX);
    Str line;
    while (str_cut(&text, '\n', &line)) {
        if (line.len && line.ptr[0] == '#')
            continue;
        if (str_trim(line).len == 0)
            end_stanza(arena, &stanza, name, out, lists);
        else if (!is_space(line.ptr[0]))
            take_field(&stanza, line);
        else if (stanza.in_uris) {
            buf_add_str(&stanza.uris, str_trim(line));
            buf_add_byte(&stanza.uris, ' ');
        }
    }
    end_stanza(arena, &stanza, name, out, lists);
    buf_release(&stanza.uris);
}

void apt_parse_mirror_list(Arena *arena, Str text, Str name, AptBases *out) {
    Str line, word;
    while (str_cut(&text, '\n', &line))
        if (next_word(&line, &word) && word.ptr[0] != '#')
            take_uri(arena, word, name, out, NULL);
}

// ---- files ----

// Into `text`; false when there is nothing to read. A pipe in apt's folder must not make us wait.
static bool read_text(int dirfd, const char *path, Buf *text) {
    buf_clear(text);
    AUTO_FD int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    Error *error = fd_read_all(fd, text);
    bool fine = !error;
    error_free(error);
    return fine;
}

static void list_parts(Arena *arena, int dirfd, AptBases *names) {
    int own = openat(dirfd, "sources.list.d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0)
        return;
    AUTO_DIR DIR *dir = fdopendir(own);
    if (!dir) {
        close(own);
        return;
    }
    for (struct dirent *entry; names->count < APT_FILES_MAX && (entry = readdir(dir));) {
        Str file = str_from(entry->d_name);
        if (file.ptr[0] != '.' && (str_ends_with(file, STR(".list")) || str_ends_with(file, STR(".sources"))))
            vec_push(names, arena_printf(arena, "sources.list.d/%s", entry->d_name));
    }
    if (names->count)
        qsort(names->items, names->count, sizeof *names->items, str_compare_qsort);
}

StrSlice apt_bases(Arena *arena, const char *apt_dir, Str name) {
    AptBases bases = {0}, lists = {0}, files = {0};
    AUTO_BUF Buf text;
    buf_init(&text, APT_FILE_BYTES_MAX);
    AUTO_FD int dirfd = open(apt_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dirfd >= 0) {
        list_parts(arena, dirfd, &files);
        if (read_text(dirfd, "sources.list", &text))
            apt_parse_list(arena, buf_str(&text), name, &bases, &lists);
    }
    for (size_t i = 0; i < files.count; i++) {
        if (!read_text(dirfd, files.items[i].ptr, &text))
            continue;
        if (str_ends_with(files.items[i], STR(".list")))
            apt_parse_list(arena, buf_str(&text), name, &bases, &lists);
        else
            apt_parse_sources(arena, buf_str(&text), name, &bases, &lists);
    }
    for (size_t i = 0; i < lists.count; i++)
        if (read_text(AT_FDCWD, lists.items[i].ptr, &text))
            apt_parse_mirror_list(arena, buf_str(&text), name, &bases);
    StrSlice slice = {arena_dup(arena, bases.items, bases.count * sizeof *bases.items), bases.count};
    vec_release(&bases);
    vec_release(&lists);
    vec_release(&files);
    return slice;
}

// A log file that foreign output flows into: bounded on disk, and what is shown of it on a terminal is cleaned first.
// Invariant: `tail` holds the last bytes that were written, whether or not they still went to the file.
#include "builder/buildlog.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { TAIL_BYTES = 32 * 1024 };

struct BuildLog {
    int fd;
    char *path;
    uint64_t written;
    bool cut;         // the limit was reached and said so
    bool in_line;     // the last byte was no newline
    char *tail;       // ring of TAIL_BYTES
    uint64_t tail_at; // bytes that ever went through the ring
};

static Str file_name(Arena *arena, Str package) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+.";
    AUTO_BUF Buf out;
    buf_init(&out, BUF_NO_LIMIT);
    for (size_t i = 0; i < package.len; i++) {
        char byte = package.ptr[i];
        if (byte != '\0' && strchr(plain, byte) && (i > 0 || byte != '.'))
            buf_add_byte(&out, byte);
        else
            buf_printf(&out, "%%%02X", (unsigned char)byte);
    }
    return arena_str(arena, buf_str(&out));
}

typedef struct OldLog {
    char *name;
    struct timespec time;
} OldLog;

static int newest_first(const void *a, const void *b) {
    const OldLog *left = a, *right = b;
    if (left->time.tv_sec != right->time.tv_sec)
        return left->time.tv_sec > right->time.tv_sec ? -1 : 1;
    if (left->time.tv_nsec != right->time.tv_nsec)
        return left->time.tv_nsec > right->time.tv_nsec ? -1 : 1;
    return strcmp(left->name, right->name);
}

// Keeps the newest logs of a directory. What cannot be listed or removed stays: an old log harms nobody.
static void remove_old(int dirfd) {
    int listed = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    AUTO_DIR DIR *dir = listed < 0 ? NULL : fdopendir(listed);
    if (!dir) {
        fd_close(&listed);
        return;
    }
    VEC(OldLog) logs = {0};
    for (struct dirent *entry; (entry = readdir(dir));) {
        struct stat st;
        if (str_ends_with(str_from(entry->d_name), STR(".log")) &&
            fstatat(dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            vec_push(&logs, ((OldLog){mem_strdup(entry->d_name), st.st_mtim}));
    }
    if (logs.count)
        qsort(logs.items, logs.count, sizeof *logs.items, newest_first);
    for (size_t i = 0; i < logs.count; i++) {
        if (i >= BUILDLOG_KEPT)
            unlinkat(dirfd, logs.items[i].name, 0);
        free(logs.items[i].name);
    }
    vec_release(&logs);
}

Error *buildlog_open(const char *logs_dir, Str package, Hash key, BuildLog **out) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Str dir = path_join(arena, str_from(logs_dir), file_name(arena, package));
    TRY_CTX(fd_make_dirs(AT_FDCWD, dir.ptr), "cannot keep build logs");
    AUTO_FD int dirfd = -1, fd = -1;
    TRY(fd_open(AT_FDCWD, dir.ptr, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &dirfd));
    HashHex hex = hash_hex(key);
    Str name = arena_printf(arena, "%.16s.log", hex.text);
    // A new file, so that whoever reads the old one still has it whole.
    if (unlinkat(dirfd, name.ptr, 0) < 0 && errno != ENOENT)
        return error_sys(errno, "cannot replace %s/%s", dir.ptr, name.ptr);
    TRY_CTX(fd_open(dirfd, name.ptr, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW, 0644, &fd),
            "cannot keep a build log in %s", dir.ptr);
    TRY(fd_replace_file(dirfd, "last", name, 0644));
    remove_old(dirfd);
    BuildLog *log = mem_zalloc(sizeof *log);
    log->fd = fd_take(&fd);
    log->path = mem_strdup(path_join(arena, dir, name).ptr);
    log->tail = mem_alloc(TAIL_BYTES);
    *out = log;
    return NULL;
}

void buildlog_close(BuildLog *log) {
    if (!log)
        return;
    fd_close(&log->fd);
    free(log->path);
    free(log->tail);
    free(log);
}

void buildlog_cleanup(BuildLog **log) {
    buildlog_close(*log);
    *log = NULL;
}

const char *buildlog_path(const BuildLog *log) {
    return log->path;
}

// A log that cannot be written (the disk is full) does not end a build: what matters of it is in the tail.
static void write_file(BuildLog *log, const char *bytes, size_t len) {
    if (log->cut)
        return;
    uint64_t room = BUILDLOG_BYTES_MAX - log->written;
    size_t part = len < room ? len : (size_t)room;
    error_free(fd_write_all(log->fd, bytes, part));
    log->written += part;
    if (part == len)
        return;
    static const char notice[] = "\n## the log ends here: it has reached its limit; the build went on\n";
    error_free(fd_write_all(log->fd, notice, sizeof notice - 1));
    log->cut = true;
}

void buildlog_output(void *context, Str bytes) {
    BuildLog *log = context;
    if (bytes.len == 0)
        return;
    write_file(log, bytes.ptr, bytes.len);
    log->in_line = bytes.ptr[bytes.len - 1] != '\n';
    if (bytes.len > TAIL_BYTES) {
        log->tail_at += bytes.len - TAIL_BYTES;
        bytes = str_slice(bytes, bytes.len - TAIL_BYTES, bytes.len);
    }
    for (size_t done = 0; done < bytes.len;) {
        size_t at = (size_t)(log->tail_at % TAIL_BYTES), room = TAIL_BYTES - at;
        size_t part = bytes.len - done < room ? bytes.len - done : room;
        memcpy(log->tail + at, bytes.ptr + done, part);
        log->tail_at += part;
        done += part;
    }
}

void buildlog_note(BuildLog *log, const char *fmt, ...) {
    AUTO_BUF Buf line;
    buf_init(&line, 64 * 1024);
    buf_add_cstr(&line, log->in_line ? "\n## " : "## ");
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&line, fmt, ap);
    va_end(ap);
    buf_add_byte(&line, '\n');
    write_file(log, line.ptr, line.len);
    log->in_line = false;
}

Str buildlog_tail(BuildLog *log, Arena *arena, unsigned lines) {
    AUTO_BUF Buf raw, clean;
    buf_init(&raw, BUF_NO_LIMIT);
    buf_init(&clean, BUF_NO_LIMIT);
    size_t at = (size_t)(log->tail_at % TAIL_BYTES);
    if (log->tail_at > TAIL_BYTES)
        buf_add(&raw, log->tail + at, TAIL_BYTES - at);
    buf_add(&raw, log->tail, at);
    if (raw.len == 0)
        return (Str){"", 0};
    buildlog_sanitise(&clean, buf_str(&raw));
    if (clean.len && clean.ptr[clean.len - 1] != '\n')
        buf_add_byte(&clean, '\n');
    size_t from = clean.len;
    for (unsigned seen = 0; from > 0; from--)
        if (clean.ptr[from - 1] == '\n' && seen++ == lines)
            break;
    return arena_str(arena, str_slice(buf_str(&clean), from, clean.len));
}

Error *buildlog_find(const char *logs_dir, Str package, Arena *arena, const char **path_out) {
    Str dir = path_join(arena, str_from(logs_dir), file_name(arena, package));
    AUTO_BUF Buf name;
    buf_init(&name, 256);
    Error *error = fd_read_file(AT_FDCWD, path_join(arena, dir, STR("last")).ptr, &name);
    Str found = str_trim(buf_str(&name));
    if (!error && path_is_safe_relative(found)) {
        *path_out = path_join(arena, dir, found).ptr;
        if (access(*path_out, R_OK) == 0)
            return NULL;
    }
    error_free(error);
    return error_hint(error_new(ERROR_NOT_FOUND, "no build of '%.*s' has left a log in %s", STR_ARG(package), logs_dir),
                      "a package that was present, or was unpacked as it came, is not built");
}

// ---- cleaning ----

// Length of the escape sequence at the ESC that text begins with (ECMA-48): CSI, OSC and the like, or two bytes.
static size_t escape_length(Str text) {
    if (text.len < 2)
        return text.len;
    size_t at = 2;
    switch (text.ptr[1]) {
    case '[':
        while (at < text.len && (unsigned char)text.ptr[at] >= 0x20 && (unsigned char)text.ptr[at] < 0x40)
            at++;
        return at < text.len ? at + 1 : at;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
        // A string up to BEL or ESC \; it does not go over the end of a line, which an unclosed one would swallow.
        while (at < text.len && text.ptr[at] != '\n') {
            if (text.ptr[at] == '\a')
                return at + 1;
            if (text.ptr[at] == '\033')
                return at + 1 < text.len && text.ptr[at + 1] == '\\' ? at + 2 : at;
            at++;
        }
        return at;
    default:
        while (at < text.len && (unsigned char)text.ptr[at - 1] >= 0x20 && (unsigned char)text.ptr[at - 1] < 0x30)
            at++;
        return at;
    }
}

// Length of the well-formed UTF-8 sequence of a character that shows something (no C1 control, no bidirectional
// override), or 0.
static size_t character_length(Str text) {
    unsigned char first = (unsigned char)text.ptr[0];
    size_t len = first >= 0xf0 && first < 0xf5 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
    if (first >= 0xf5 || len == 0 || len > text.len)
        return 0;
    uint32_t code = first & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)text.ptr[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | ((unsigned char)text.ptr[i] & 0x3f);
    }
    bool too_long = (len == 3 && code < 0x800) || (len == 4 && (code < 0x10000 || code > 0x10ffff));
    bool commands = code < 0xa0 || (code >= 0xd800 && code < 0xe000) || (code >= 0x202a && code <= 0x202e) ||
                    (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f;
    return too_long || commands ? 0 : len;
}

void buildlog_sanitise(Buf *out, Str text) {
    size_t line = out->len; // where the current line began
    for (size_t at = 0; at < text.len;) {
        unsigned char byte = (unsigned char)text.ptr[at];
        Str rest = str_slice(text, at, text.len);
        size_t taken = 1;
        if (byte == '\033') {
            taken = escape_length(rest);
        } else if (byte == '\n') {
            buf_add_byte(out, '\n');
            line = out->len;
        } else if (byte == '\r') {
            if (at + 1 < text.len && text.ptr[at + 1] != '\n' && text.ptr[at + 1] != '\r')
                out->len = line;
        } else if (byte == '\t' || (byte >= 0x20 && byte < 0x7f)) {
            buf_add_byte(out, (char)byte);
        } else if (byte >= 0x80) {
            taken = character_length(rest);
            if (taken)
                buf_add(out, rest.ptr, taken);
            else
                buf_add_byte(out, '?');
            taken = taken ? taken : 1;
        }
        at += taken;
    }
    if (out->ptr)
        out->ptr[out->len] = '\0';
}

// Reads an archive with libarchive, as a reader alone: it gets bytes from our callbacks and gives back names and bytes,
// which go through names.c to tree_writer.c. Layers read from one another (the file, ar, a decompressor, tar), so that
// every decompressed byte passes one place that counts it, and nothing is decompressed twice.
#include "cache/worker/unpack.h"

#include "base/fd.h"
#include "cache/worker/names.h"
#include "cache/worker/sniff.h"
#include "cache/worker/tree_writer.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_STEP = 256 * 1024,
    EXPANDED_FLOOR = 256 * 1024 * 1024, // what a small archive may expand to
    EXPANDED_RATIO = 200,
    TEXT_MAX = 64 * 1024 * 1024,
    BLOCK = 512,
};

typedef struct Layer Layer;
typedef struct Unpack {
    const UnpackJob *job;
    NameRules rules;
    TreeWriter *writer;
    uint64_t entries, entries_max;
    uint64_t expanded, expanded_max; // bytes out of the decompressor, or out of a zip's entries
    Error *error;                    // of a callback, which can tell libarchive only that there is one
} Unpack;

// What a libarchive reader reads from.
struct Layer {
    Unpack *unpack;
    struct archive *from; // NULL: the file
    uint64_t at, size;    // of the file
    char *bytes;
    unsigned char tail[BLOCK]; // the last bytes that were handed up
    size_t tail_len;
    bool counts; // towards `expanded`
    bool ended;
};

static locale_t utf8_locale; // made once, before the worker is confined

void unpack_prepare(void) {
    setenv("TZ", "UTC0", 1); // a zip's times have no zone: libarchive takes the process's
    tzset();
    if (!utf8_locale)
        utf8_locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

// ---- callbacks ----

static int fail(struct archive *archive, Unpack *unpack, Error *error) {
    if (unpack->error)
        error_free(error);
    else
        unpack->error = error;
    archive_set_error(archive, EIO, "the layer below failed");
    return ARCHIVE_FATAL;
}

static Error *reader_error(Unpack *unpack, struct archive *archive) {
    Error *error = unpack->error;
    unpack->error = NULL;
    if (error)
        return error;
    const char *text = archive_error_string(archive);
    int code = archive_errno(archive);
    if (code == ENOMEM)
        return error_new(ERROR_LIMIT, "needs more memory to decompress than the unpacker may use");
    return error_new(ERROR_INVALID, "damaged or truncated archive: %s", text ? name_show(str_from(text)).text : "?");
}

static bool is_unrecognized(const Unpack *unpack, struct archive *archive) {
    const char *text = archive_error_string(archive);
    return !unpack->error && text && strcmp(text, "Unrecognized archive format") == 0;
}

static Error *spend(Unpack *unpack, uint64_t bytes) {
    if (bytes > unpack->expanded_max - unpack->expanded)
        return error_new(ERROR_LIMIT,
                         "expands to more than %llu bytes, %d times its size and more: taken for a decompression bomb",
                         (unsigned long long)unpack->expanded_max, EXPANDED_RATIO);
    unpack->expanded += bytes;
    return NULL;
}

static Error *check_alive(Unpack *unpack) {
    const UnpackJob *job = unpack->job;
    if (job->alive && !job->alive(job->context, tree_writer_size_bytes(unpack->writer)))
        return error_new(ERROR_INTERRUPTED, "interrupted");
    return NULL;
}

static void keep_tail(Layer *layer, const char *bytes, size_t len) {
    if (len >= BLOCK) {
        memcpy(layer->tail, bytes + len - BLOCK, BLOCK);
        layer->tail_len = BLOCK;
        return;
    }
    size_t keep = layer->tail_len < BLOCK - len ? layer->tail_len : BLOCK - len;
    memmove(layer->tail, layer->tail + layer->tail_len - keep, keep);
    memcpy(layer->tail + keep, bytes, len);
    layer->tail_len = keep + len;
}

static la_ssize_t read_file(struct archive *archive, Layer *layer, const void **bytes_out) {
    for (;;) {
        ssize_t got = pread(layer->unpack->job->archive_fd, layer->bytes, READ_STEP, (off_t)layer->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(archive, layer->unpack, error_sys(errno, "cannot read the archive"));
        layer->at += (uint64_t)got;
        *bytes_out = layer->bytes;
        return got;
    }
}

static la_ssize_t read_layer(struct archive *archive, void *context, const void **bytes_out) {
    Layer *layer = context;
    Error *error = check_alive(layer->unpack);
    if (error)
        return fail(archive, layer->unpack, error);
    if (!layer->from)
        return read_file(archive, layer, bytes_out);
    size_t len = 0;
    la_int64_t offset = 0;
    int result = ARCHIVE_EOF;
    while (!layer->ended) { // a block may be empty, which libarchive would take for the end
        result = archive_read_data_block(layer->from, bytes_out, &len, &offset);
        if (result != ARCHIVE_OK || len > 0)
            break;
    }
    if (layer->ended || result == ARCHIVE_EOF) {
        layer->ended = true;
        return 0;
    }
    if (result != ARCHIVE_OK)
        return fail(archive, layer->unpack, reader_error(layer->unpack, layer->from));
    if (layer->counts && (error = spend(layer->unpack, len)))
        return fail(archive, layer->unpack, error);
    keep_tail(layer, *bytes_out, len);
    return (la_ssize_t)len;
}

static la_int64_t skip_file(struct archive *archive, void *context, la_int64_t request) {
    (void)archive;
    Layer *layer = context;
    if (layer->from || request <= 0 || layer->at > layer->size)
        return 0;
    uint64_t left = layer->size - layer->at;
    uint64_t step = (uint64_t)request < left ? (uint64_t)request : left;
    layer->at += step;
    return (la_int64_t)step;
}

static la_int64_t seek_file(struct archive *archive, void *context, la_int64_t offset, int whence) {
    (void)archive;
    Layer *layer = context;
    la_int64_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? (la_int64_t)layer->at : (la_int64_t)layer->size;
    la_int64_t to;
    if (__builtin_add_overflow(base, offset, &to) || to < 0 || to > (la_int64_t)layer->size)
        return ARCHIVE_FATAL;
    layer->at = (uint64_t)to;
    return to;
}

// ---- layers ----

static void layer_release(Layer *layer) {
    free(layer->bytes);
}
static void archive_cleanup(struct archive **archive) {
    archive_read_free(*archive);
}
#define AUTO_READER __attribute__((cleanup(archive_cleanup)))
#define AUTO_LAYER __attribute__((cleanup(layer_release)))

static Layer layer_on_file(Unpack *unpack, uint64_t size) {
    return (Layer){.unpack = unpack, .size = size, .bytes = mem_alloc(READ_STEP)};
}

static struct archive *reader_new(void) {
    struct archive *archive = archive_read_new();
    if (!archive)
        BUG("no memory for a reader");
    return archive;
}

static int reader_open(struct archive *archive, Layer *layer) {
    archive_read_set_callback_data(archive, layer);
    archive_read_set_read_callback(archive, read_layer);
    if (!layer->from) {
        archive_read_set_skip_callback(archive, skip_file);
        archive_read_set_seek_callback(archive, seek_file);
    }
    return archive_read_open1(archive);
}

static Error *enable_filters(struct archive *archive) {
    static int (*const enable[])(struct archive *) = {
        archive_read_support_filter_gzip, archive_read_support_filter_bzip2, archive_read_support_filter_xz,
        archive_read_support_filter_lzma, archive_read_support_filter_zstd,
    };
    // ARCHIVE_WARN means that libarchive would start a program instead.
    for (size_t i = 0; i < ARRAY_LEN(enable); i++)
        if (enable[i](archive) != ARCHIVE_OK)
            return error_new(ERROR_SYSTEM, "this libarchive was built without one of gzip, bzip2, xz, lzma, zstd");
    return archive_read_support_format_raw(archive) == ARCHIVE_OK
               ? NULL
               : error_new(ERROR_SYSTEM, "this libarchive has no raw reader");
}

// Opens a decompressor on `below`; *compressed_out is the compression's name, or NULL for none.
static Error *open_decompressor(Unpack *unpack, struct archive *archive, Layer *below, const char **compressed_out) {
    TRY(enable_filters(archive));
    struct archive_entry *entry;
    if (reader_open(archive, below) != ARCHIVE_OK || archive_read_next_header(archive, &entry) != ARCHIVE_OK)
        return reader_error(unpack, archive);
    int filters = archive_filter_count(archive) - 1; // the last one is "none", the client
    if (filters > 1)
        return error_new(ERROR_INVALID, "is compressed more than once (%s in %s)", archive_filter_name(archive, 0),
                         archive_filter_name(archive, 1));
    *compressed_out = filters == 1 ? archive_filter_name(archive, 0) : NULL;
    return NULL;
}

// ---- entries ----

// In the C locale libarchive hands out a UTF-8 name's own bytes, and warns that it could not convert them: that is what
// is wanted here, as a conversion would also normalise them. Any other warning is about a malformed archive.
static bool header_is_fine(struct archive *archive, int result) {
    if (result == ARCHIVE_OK)
        return true;
    const char *text = archive_error_string(archive);
    return result == ARCHIVE_WARN && text && strstr(text, "converted from UTF-8 to current locale");
}

static Error *write_contents(Unpack *unpack, struct archive *archive, struct archive_entry *entry, Str name) {
    for (;;) {
        const void *bytes;
        size_t len;
        la_int64_t offset;
        int result = archive_read_data_block(archive, &bytes, &len, &offset);
        if (result == ARCHIVE_EOF)
            break;
        if (result != ARCHIVE_OK)
            return error_wrap(reader_error(unpack, archive), "entry \"%s\"", name_show(name).text);
        TRY(check_alive(unpack));
        if (archive_format(archive) == ARCHIVE_FORMAT_ZIP)
            TRY_CTX(spend(unpack, len), "entry \"%s\"", name_show(name).text);
        if (len && offset < 0)
            return error_new(ERROR_INVALID, "entry \"%s\" has bytes before its beginning", name_show(name).text);
        if (len)
            TRY(tree_writer_file_data(unpack->writer, bytes, len, (uint64_t)offset));
    }
    if (!archive_entry_size_is_set(entry))
        return NULL;
    uint64_t promised = (uint64_t)archive_entry_size(entry), written = tree_writer_file_size(unpack->writer);
    if (archive_entry_sparse_count(entry) > 0)
        return tree_writer_file_grow(unpack->writer, promised);
    if (written == promised)
        return NULL;
    return error_new(ERROR_INVALID, "entry \"%s\" has %llu bytes where its header promises %llu", name_show(name).text,
                     (unsigned long long)written, (unsigned long long)promised);
}

static Error *take_symlink(Unpack *unpack, struct archive_entry *entry, Str name, Str path) {
    const char *text = archive_entry_symlink(entry);
    Str target = str_from(text);
    if (target.len == 0 || target.len > NAME_PATH_MAX)
        return error_new(ERROR_INVALID, "entry \"%s\" is a symbolic link with %s target", name_show(name).text,
                         target.len ? "an overlong" : "no readable");
    if (name_link_climbs(path, target))
        return error_new(ERROR_INVALID, "entry \"%s\" is a symbolic link out of the archive's root, to \"%s\"",
                         name_show(name).text, name_show(target).text);
    return tree_writer_symlink(unpack->writer, path, target, archive_entry_mtime(entry));
}

static Error *take_hardlink(Unpack *unpack, struct archive_entry *entry, Str name, Str path, const char *target) {
    if (archive_entry_size_is_set(entry) && archive_entry_size(entry) > 0)
        return error_new(ERROR_INVALID, "entry \"%s\" is a hard link with contents of its own", name_show(name).text);
    AUTO_BUF Buf to;
    buf_init(&to, BUF_NO_LIMIT);
    bool outside;
    TRY_CTX(name_resolve(&unpack->rules, str_from(target), false, &to, &outside), "hard link \"%s\"",
            name_show(name).text);
    if (outside || to.len == 0)
        return error_new(
            ERROR_INVALID, "entry \"%s\" is a hard link to \"%s\", which is outside of strip_prefix \"%s\"",
            name_show(name).text, name_show(str_from(target)).text, name_show(unpack->rules.strip_prefix).text);
    return tree_writer_hardlink(unpack->writer, path, buf_str(&to));
}

static Error *outside_error(const Unpack *unpack, Str name) {
    Error *error = error_new(ERROR_INVALID, "entry \"%s\" is outside of strip_prefix \"%s\"", name_show(name).text,
                             name_show(unpack->rules.strip_prefix).text);
    if (str_starts_with(name, STR("./")) && !str_starts_with(unpack->rules.strip_prefix, STR("./")))
        return error_hint(error, "names in this archive begin with \"./\", which strip_prefix has to say too");
    return error_hint(error,
                      "strip_prefix is the directory that all of the archive is in; leave it out if there is none");
}

static Error *take_file(Unpack *unpack, struct archive *archive, struct archive_entry *entry, Str name, Str path) {
    bool executable = (archive_entry_mode(entry) & 0100) != 0;
    TRY(tree_writer_file_begin(unpack->writer, path, executable, archive_entry_mtime(entry)));
    TRY(write_contents(unpack, archive, entry, name));
    return tree_writer_file_end(unpack->writer);
}

static Error *take_entry(Unpack *unpack, struct archive *archive, struct archive_entry *entry) {
    const char *raw = archive_entry_pathname(entry);
    if (!raw)
        return error_new(ERROR_INVALID, "entry %llu has a name that cannot be read",
                         (unsigned long long)unpack->entries);
    Str name = str_from(raw);
    const char *hardlink = archive_entry_hardlink(entry);
    unsigned type = archive_entry_filetype(entry);
    AUTO_BUF Buf clean;
    buf_init(&clean, BUF_NO_LIMIT);
    bool outside;
    TRY(name_resolve(&unpack->rules, name, !hardlink && type == AE_IFDIR, &clean, &outside));
    if (outside)
        return str_is(name, "pax_global_header") ? NULL : outside_error(unpack, name);
    Str path = buf_str(&clean);
    if (path.len == 0)
        return !hardlink && type == AE_IFDIR
                   ? NULL
                   : error_new(ERROR_INVALID,
                               "entry \"%s\" is no directory, and strip_prefix leaves nothing of its name",
                               name_show(name).text);
    if (hardlink)
        return take_hardlink(unpack, entry, name, path, hardlink);
    if (archive_entry_is_encrypted(entry))
        return error_new(ERROR_INVALID, "entry \"%s\" is encrypted", name_show(name).text);
    if (type == AE_IFREG)
        return take_file(unpack, archive, entry, name, path);
    if (type == AE_IFDIR)
        return tree_writer_directory(unpack->writer, path);
    if (type == AE_IFLNK)
        return take_symlink(unpack, entry, name, path);
    return error_new(ERROR_INVALID, "entry \"%s\" is a %s", name_show(name).text,
                     type == AE_IFCHR || type == AE_IFBLK ? "device"
                     : type == AE_IFIFO                   ? "named pipe"
                     : type == AE_IFSOCK                  ? "socket"
                                                          : "thing of unknown kind");
}

static Error *take_entries(Unpack *unpack, struct archive *archive) {
    for (;;) {
        struct archive_entry *entry;
        int result = archive_read_next_header(archive, &entry);
        if (result == ARCHIVE_EOF)
            return NULL;
        if (!header_is_fine(archive, result))
            return reader_error(unpack, archive);
        if (++unpack->entries > unpack->entries_max)
            return error_new(ERROR_LIMIT, "has more than %llu entries", (unsigned long long)unpack->entries_max);
        TRY(check_alive(unpack));
        TRY(take_entry(unpack, archive, entry));
    }
}

// ---- containers ----

static Error *check_end_mark(const Layer *layer) {
    static const unsigned char zeros[BLOCK];
    if (layer->ended && (layer->tail_len < BLOCK || memcmp(layer->tail, zeros, BLOCK) != 0))
        return error_new(ERROR_INVALID, "damaged or truncated archive: it ends without the end mark of a tar");
    return NULL;
}

// What stands behind the end mark is of no interest, but the compressed stream has to be whole.
static Error *drain(Unpack *unpack, struct archive *archive, Layer *layer) {
    const void *bytes;
    la_ssize_t got;
    while ((got = read_layer(archive, layer, &bytes)) > 0)
        continue;
    return got < 0 ? reader_error(unpack, archive) : NULL;
}

static Error *no_tar_error(const char *compressed) {
    if (compressed)
        return error_new(ERROR_INVALID, "is a single file compressed with %s, not an archive", compressed);
    return error_new(ERROR_INVALID, "is not an archive in a format that is enabled (tar, zip, .deb)");
}

static Error *unpack_tar(Unpack *unpack, Layer *file) {
    AUTO_READER struct archive *decompressor = reader_new();
    const char *compressed = NULL;
    TRY(open_decompressor(unpack, decompressor, file, &compressed));
    Layer layer = {.unpack = unpack, .from = decompressor, .counts = true};
    AUTO_READER struct archive *tar = reader_new();
    archive_read_support_format_tar(tar);
    if (reader_open(tar, &layer) != ARCHIVE_OK)
        return is_unrecognized(unpack, tar) ? no_tar_error(compressed) : reader_error(unpack, tar);
    TRY(take_entries(unpack, tar));
    TRY(check_end_mark(&layer));
    return drain(unpack, tar, &layer);
}

static Error *unpack_zip(Unpack *unpack, Layer *file) {
    AUTO_READER struct archive *zip = reader_new();
    archive_read_support_format_zip_seekable(zip);
    // Names that a zip marks as UTF-8 have no other way out of libarchive than by way of a locale that can say them.
    locale_t before = utf8_locale ? uselocale(utf8_locale) : (locale_t)0;
    Error *error = NULL;
    if (reader_open(zip, file) != ARCHIVE_OK)
        error =
            is_unrecognized(unpack, zip)
                ? error_new(ERROR_INVALID, "damaged or truncated archive: a zip without entries or central directory")
                : reader_error(unpack, zip);
    if (!error)
        error = take_entries(unpack, zip);
    if (utf8_locale)
        uselocale(before);
    return error;
}

static Error *check_deb_version(Unpack *unpack, struct archive *ar) {
    char text[8] = {0};
    la_ssize_t got = archive_read_data(ar, text, sizeof text - 1);
    if (got < 0)
        return reader_error(unpack, ar);
    if (strncmp(text, "2.", 2) != 0)
        return error_new(ERROR_INVALID, "is a Debian package of format \"%s\", not 2.x",
                         name_show((Str){text, strcspn(text, "\n")}).text);
    return NULL;
}

static bool is_data_member(const char *name) {
    static const char *const names[] = {"data.tar",     "data.tar.xz",  "data.tar.gz",
                                        "data.tar.zst", "data.tar.bz2", "data.tar.lzma"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

// deb(5): debian-binary first, then control.tar*, then data.tar*.
static Error *unpack_deb(Unpack *unpack, Layer *file) {
    AUTO_READER struct archive *ar = reader_new();
    archive_read_support_format_ar(ar);
    if (reader_open(ar, file) != ARCHIVE_OK)
        return reader_error(unpack, ar);
    for (unsigned member = 0; member < 16; member++) {
        struct archive_entry *entry;
        int result = archive_read_next_header(ar, &entry);
        if (result == ARCHIVE_EOF)
            return error_new(ERROR_INVALID, "damaged or truncated archive: a Debian package without data.tar");
        const char *name = result == ARCHIVE_OK ? archive_entry_pathname(entry) : NULL;
        if (!name)
            return reader_error(unpack, ar);
        if (member == 0 && strcmp(name, "debian-binary") != 0)
            return error_new(ERROR_INVALID, "is not a Debian package: its first member is \"%s\", not debian-binary",
                             name_show(str_from(name)).text);
        if (member == 0)
            TRY(check_deb_version(unpack, ar));
        if (!is_data_member(name))
            continue;
        Layer data = {.unpack = unpack, .from = ar};
        TRY_CTX(unpack_tar(unpack, &data), "%s", name);
        return NULL;
    }
    return error_new(ERROR_INVALID, "is not a Debian package: no data.tar among its first 16 members");
}

static Error *read_head(int fd, char *bytes, size_t cap, size_t *len_out) {
    size_t len = 0;
    while (len < cap) {
        ssize_t got = pread(fd, bytes + len, cap - len, (off_t)len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_sys(errno, "cannot read the archive");
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *len_out = len;
    return NULL;
}

static Error *choose(Unpack *unpack, uint64_t size) {
    AUTO_FREE char *head = mem_alloc(SNIFF_BYTES);
    size_t len;
    TRY(read_head(unpack->job->archive_fd, head, SNIFF_BYTES, &len));
    const char *name;
    SniffKind kind = sniff((Str){head, len}, &name);
    bool deb = unpack->rules.deb;
    if (kind == SNIFF_EMPTY)
        return error_new(ERROR_INVALID, "is an empty file, not an archive");
    if (kind == SNIFF_REFUSED)
        return error_new(ERROR_INVALID, "is a %s file: format not enabled (tar, zip and .deb are)", name);
    if (kind == SNIFF_AR && !deb)
        return error_new(ERROR_INVALID, "is an ar archive: format not enabled (a Debian package must be named *.deb)");
    if (kind != SNIFF_AR && deb)
        return error_new(ERROR_INVALID, "is not a Debian package");
    AUTO_LAYER Layer file = layer_on_file(unpack, size);
    return deb ? unpack_deb(unpack, &file) : kind == SNIFF_ZIP ? unpack_zip(unpack, &file) : unpack_tar(unpack, &file);
}

Error *unpack_run(const UnpackJob *job, uint64_t *entries_out, uint64_t *size_out) {
    const WorkerUnpack *request = job->request;
    Unpack unpack = {
        .job = job,
        .rules = {.has_strip_prefix = request->has_strip_prefix,
                  .strip_prefix = request->strip_prefix,
                  .deb = request->kind == 1},
        .entries_max = request->entries_max,
    };
    TRY(name_check_rules(&unpack.rules));
    struct stat st;
    if (fstat(job->archive_fd, &st) < 0 || !S_ISREG(st.st_mode))
        return error_new(ERROR_INVALID, "is not a regular file");
    uint64_t size = (uint64_t)st.st_size;
    unpack.expanded_max = size > EXPANDED_FLOOR / EXPANDED_RATIO ? size * EXPANDED_RATIO : EXPANDED_FLOOR;
    unpack.writer = tree_writer_new(
        job->dirfd,
        (TreeWriterLimits){.size_max = request->size_max, .things_max = request->entries_max, .text_max = TEXT_MAX});
    Error *error = choose(&unpack, size);
    if (!error)
        error = tree_writer_finish(unpack.writer);
    *entries_out = unpack.entries;
    *size_out = tree_writer_size_bytes(unpack.writer);
    tree_writer_free(unpack.writer);
    error_free(unpack.error);
    return error;
}

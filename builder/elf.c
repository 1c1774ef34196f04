// A small, bounded reader of ELF files, both classes, both byte orders. It trusts no number that it reads: a table must
// lie inside the file and below a cap before a byte of it is looked at.
#include "builder/elf.h"

#include <elf.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SEGMENTS_MAX = 4096, DYNAMIC_MAX = 16384, HEADER_MAX = 64 };

typedef struct Reader {
    int fd;
    uint64_t size;
    bool is_64bit, big_endian;
    Arena *arena;
} Reader;

typedef struct Segment {
    uint32_t type;
    uint64_t offset, address, file_size;
} Segment;

static Error *read_at(const Reader *reader, uint64_t offset, void *to, size_t len, const char *what) {
    if (len > reader->size || offset > reader->size - len)
        return error_new(ERROR_INVALID, "damaged ELF file: %s lies outside the file", what);
    for (size_t done = 0; done < len;) {
        ssize_t got = pread(reader->fd, (char *)to + done, len - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_sys(errno, "cannot read an ELF file");
        if (got == 0)
            return error_new(ERROR_INVALID, "damaged ELF file: it ends inside %s", what);
        done += (size_t)got;
    }
    return NULL;
}

static uint64_t number(const Reader *reader, const uint8_t *bytes, size_t width) {
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | bytes[reader->big_endian ? i : width - 1 - i];
    return value;
}

// The field of a header that lies at one offset in 32-bit files and another, with another width, in 64-bit ones.
static uint64_t field(const Reader *reader, const uint8_t *header, size_t at32, size_t width32, size_t at64,
                      size_t width64) {
    return reader->is_64bit ? number(reader, header + at64, width64) : number(reader, header + at32, width32);
}

static ElfType type_of(uint64_t e_type) {
    switch (e_type) {
    case ET_REL:
        return ELF_TYPE_RELOCATABLE;
    case ET_EXEC:
        return ELF_TYPE_EXECUTABLE;
    case ET_DYN:
        return ELF_TYPE_SHARED;
    default:
        return ELF_TYPE_OTHER;
    }
}

static Error *read_segments(const Reader *reader, const uint8_t *header, Segment **segments_out, size_t *count_out) {
    uint64_t offset = field(reader, header, 28, 4, 32, 8);
    uint64_t entry_size = field(reader, header, 42, 2, 54, 2), count = field(reader, header, 44, 2, 56, 2);
    size_t want_size = reader->is_64bit ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    *count_out = 0;
    *segments_out = NULL;
    if (count == 0)
        return NULL;
    if (count > SEGMENTS_MAX)
        return error_new(ERROR_LIMIT, "an ELF file with %llu program headers is beyond the limit of %d",
                         (unsigned long long)count, SEGMENTS_MAX);
    if (entry_size != want_size)
        return error_new(ERROR_INVALID, "damaged ELF file: program headers of %llu bytes",
                         (unsigned long long)entry_size);
    AUTO_FREE uint8_t *table = mem_alloc((size_t)count * want_size);
    TRY(read_at(reader, offset, table, (size_t)count * want_size, "the table of program headers"));
    Segment *segments = ARENA_ARRAY(reader->arena, Segment, count);
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = table + i * want_size;
        segments[i].type = (uint32_t)number(reader, at, 4);
        segments[i].offset = field(reader, at, 4, 4, 8, 8);
        segments[i].address = field(reader, at, 8, 4, 16, 8);
        segments[i].file_size = field(reader, at, 16, 4, 32, 8);
    }
    *segments_out = segments;
    *count_out = (size_t)count;
    return NULL;
}

// A NUL-terminated string at a file offset.
static Error *read_string(const Reader *reader, uint64_t offset, const char *what, Str *out) {
    char text[ELF_STRING_MAX];
    if (offset >= reader->size)
        return error_new(ERROR_INVALID, "damaged ELF file: %s lies outside the file", what);
    uint64_t room = reader->size - offset;
    size_t len = room < sizeof text ? (size_t)room : sizeof text;
    TRY(read_at(reader, offset, text, len, what));
    const char *end = memchr(text, '\0', len);
    if (!end)
        return error_new(ERROR_INVALID, "damaged ELF file: %s has no end within %d bytes", what, ELF_STRING_MAX);
    *out = arena_str(reader->arena, (Str){text, (size_t)(end - text)});
    return NULL;
}

static bool address_to_offset(const Segment *segments, size_t count, uint64_t address, uint64_t *offset_out) {
    for (size_t i = 0; i < count; i++) {
        const Segment *segment = &segments[i];
        if (segment->type != PT_LOAD || address < segment->address || address - segment->address >= segment->file_size)
            continue;
        return !__builtin_add_overflow(segment->offset, address - segment->address, offset_out);
    }
    return false;
}

// What the dynamic section says, before names are looked up in its string table.
typedef struct Dynamic {
    bool has_strings, has_soname, has_rpath, has_runpath;
    uint64_t strings, soname, rpath, runpath; // an address, then offsets into the table
    uint64_t needed[ELF_NEEDED_MAX];
    size_t needed_count;
} Dynamic;

static Error *take_entry(Dynamic *dynamic, uint64_t tag, uint64_t value, bool *end_out) {
    switch (tag) {
    case DT_NULL:
        *end_out = true;
        break;
    case DT_STRTAB:
        dynamic->has_strings = true;
        dynamic->strings = value;
        break;
    case DT_SONAME:
        dynamic->has_soname = true;
        dynamic->soname = value;
        break;
    case DT_RPATH:
        dynamic->has_rpath = true;
        dynamic->rpath = value;
        break;
    case DT_RUNPATH:
        dynamic->has_runpath = true;
        dynamic->runpath = value;
        break;
    case DT_NEEDED:
        if (dynamic->needed_count == ELF_NEEDED_MAX)
            return error_new(ERROR_LIMIT, "an ELF file that needs more than %d libraries", ELF_NEEDED_MAX);
        dynamic->needed[dynamic->needed_count++] = value;
        break;
    default:
        break;
    }
    return NULL;
}

static Error *read_dynamic(const Reader *reader, const Segment *segment, Dynamic *dynamic) {
    size_t width = reader->is_64bit ? 8 : 4, entry_size = 2 * width;
    uint64_t count = segment->file_size / entry_size;
    if (count > DYNAMIC_MAX)
        return error_new(ERROR_LIMIT, "an ELF file with %llu dynamic entries is beyond the limit of %d",
                         (unsigned long long)count, DYNAMIC_MAX);
    AUTO_FREE uint8_t *table = mem_alloc((size_t)count * entry_size);
    TRY(read_at(reader, segment->offset, table, (size_t)count * entry_size, "the dynamic section"));
    bool end = false;
    for (size_t i = 0; i < count && !end; i++) {
        const uint8_t *at = table + i * entry_size;
        TRY(take_entry(dynamic, number(reader, at, width), number(reader, at + width, width), &end));
    }
    return NULL;
}

static Error *read_name(const Reader *reader, uint64_t strings, uint64_t at, const char *what, Str *out) {
    uint64_t offset;
    if (__builtin_add_overflow(strings, at, &offset))
        return error_new(ERROR_INVALID, "damaged ELF file: %s lies outside the file", what);
    return read_string(reader, offset, what, out);
}

static Error *read_names(const Reader *reader, const Dynamic *dynamic, const Segment *segments, size_t count,
                         Elf *out) {
    if (dynamic->needed_count == 0 && !dynamic->has_soname && !dynamic->has_rpath && !dynamic->has_runpath)
        return NULL;
    uint64_t strings;
    if (!dynamic->has_strings || !address_to_offset(segments, count, dynamic->strings, &strings))
        return error_new(ERROR_INVALID, "damaged ELF file: its dynamic section has no table of strings");
    Str *needed = ARENA_ARRAY(reader->arena, Str, dynamic->needed_count);
    for (size_t i = 0; i < dynamic->needed_count; i++)
        TRY(read_name(reader, strings, dynamic->needed[i], "the name of a needed library", &needed[i]));
    out->needed = (StrSlice){needed, dynamic->needed_count};
    if (dynamic->has_soname)
        TRY(read_name(reader, strings, dynamic->soname, "its soname", &out->soname));
    if (dynamic->has_rpath)
        TRY(read_name(reader, strings, dynamic->rpath, "its rpath", &out->rpath));
    if (dynamic->has_runpath)
        TRY(read_name(reader, strings, dynamic->runpath, "its runpath", &out->runpath));
    return NULL;
}

static Error *read_contents(Reader *reader, const uint8_t *header, Elf *out) {
    Segment *segments;
    size_t count;
    TRY(read_segments(reader, header, &segments, &count));
    AUTO_FREE Dynamic *dynamic = mem_zalloc(sizeof *dynamic);
    for (size_t i = 0; i < count; i++) {
        if (segments[i].type == PT_INTERP)
            TRY(read_string(reader, segments[i].offset, "its interpreter's name", &out->interpreter));
        // A file of debugging symbols alone keeps the program header of what was cut out, with no bytes behind it.
        if (segments[i].type == PT_DYNAMIC && segments[i].file_size > 0)
            TRY(read_dynamic(reader, &segments[i], dynamic));
    }
    return read_names(reader, dynamic, segments, count, out);
}

Error *elf_read(int fd, Arena *arena, bool *is_elf_out, Elf *out) {
    *out = (Elf){0};
    *is_elf_out = false;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_sys(errno, "cannot look at a file");
    Reader reader = {.fd = fd, .size = (uint64_t)st.st_size, .arena = arena};
    uint8_t header[HEADER_MAX] = {0};
    if (reader.size < SELFMAG)
        return NULL;
    TRY(read_at(&reader, 0, header, SELFMAG, "its first bytes"));
    if (memcmp(header, ELFMAG, SELFMAG) != 0)
        return NULL;
    *is_elf_out = true;
    size_t want = reader.size < sizeof header ? (size_t)reader.size : sizeof header;
    TRY(read_at(&reader, 0, header, want, "its header"));
    uint8_t class = header[EI_CLASS], data = header[EI_DATA];
    if ((class != ELFCLASS32 && class != ELFCLASS64) || (data != ELFDATA2LSB && data != ELFDATA2MSB))
        return error_new(ERROR_INVALID, "damaged ELF file: class %u, byte order %u", class, data);
    reader.is_64bit = out->is_64bit = class == ELFCLASS64;
    reader.big_endian = data == ELFDATA2MSB;
    if (want < (reader.is_64bit ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr)))
        return error_new(ERROR_INVALID, "damaged ELF file: it ends inside its header");
    out->type = type_of(number(&reader, header + 16, 2));
    out->machine = (uint16_t)number(&reader, header + 18, 2);
    return read_contents(&reader, header, out);
}

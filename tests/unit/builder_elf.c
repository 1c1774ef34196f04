// ELF files made byte by byte here: what is read of a sound one, in both classes and byte orders, and that a damaged
// one is an error that says what is wrong with it.
#include "base/fd.h"
#include "builder/elf.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { FILE_SIZE = 1024, TABLE_AT = 64, INTERP_AT = 400, STRINGS_AT = 448, DYNAMIC_AT = 560, BASE = 0x1000 };

typedef struct Made {
    uint8_t bytes[FILE_SIZE];
    bool is_64bit, big_endian;
} Made;

static void put(Made *made, size_t at, size_t width, uint64_t value) {
    for (size_t i = 0; i < width; i++)
        made->bytes[at + (made->big_endian ? width - 1 - i : i)] = (uint8_t)(value >> (8 * i));
}

static void put_segment(Made *made, size_t index, uint32_t type, uint64_t offset, uint64_t address, uint64_t size) {
    size_t at = TABLE_AT + index * (made->is_64bit ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
    put(made, at, 4, type);
    put(made, at + (made->is_64bit ? 8 : 4), made->is_64bit ? 8 : 4, offset);
    put(made, at + (made->is_64bit ? 16 : 8), made->is_64bit ? 8 : 4, address);
    put(made, at + (made->is_64bit ? 32 : 16), made->is_64bit ? 8 : 4, size);
}

static void put_dynamic(Made *made, size_t index, uint64_t tag, uint64_t value) {
    size_t width = made->is_64bit ? 8 : 4;
    put(made, DYNAMIC_AT + index * 2 * width, width, tag);
    put(made, DYNAMIC_AT + index * 2 * width + width, width, value);
}

static const char strings[] = "\0libc.so.6\0libonig.so.5\0libme.so.1\0$ORIGIN/../lib\0/opt/lib";
enum { LIBC = 1, ONIG = 11, ME = 24, RUNPATH = 35, RPATH = 50 };

static Made make_elf(bool is_64bit, bool big_endian) {
    Made made = {.is_64bit = is_64bit, .big_endian = big_endian};
    memcpy(made.bytes, ELFMAG, SELFMAG);
    made.bytes[EI_CLASS] = is_64bit ? ELFCLASS64 : ELFCLASS32;
    made.bytes[EI_DATA] = big_endian ? ELFDATA2MSB : ELFDATA2LSB;
    put(&made, 16, 2, ET_DYN);
    put(&made, 18, 2, is_64bit ? EM_X86_64 : EM_PPC);
    put(&made, is_64bit ? 32 : 28, is_64bit ? 8 : 4, TABLE_AT);
    put(&made, is_64bit ? 54 : 42, 2, is_64bit ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
    put(&made, is_64bit ? 56 : 44, 2, 3);
    put_segment(&made, 0, PT_LOAD, 0, BASE, FILE_SIZE);
    put_segment(&made, 1, PT_INTERP, INTERP_AT, BASE + INTERP_AT, 16);
    put_segment(&made, 2, PT_DYNAMIC, DYNAMIC_AT, BASE + DYNAMIC_AT, 8 * (is_64bit ? 16 : 8));
    memcpy(made.bytes + INTERP_AT, "/lib64/ld.so.2", 15);
    memcpy(made.bytes + STRINGS_AT, strings, sizeof strings);
    put_dynamic(&made, 0, DT_NEEDED, ONIG);
    put_dynamic(&made, 1, DT_NEEDED, LIBC);
    put_dynamic(&made, 2, DT_SONAME, ME);
    put_dynamic(&made, 3, DT_RUNPATH, RUNPATH);
    put_dynamic(&made, 4, DT_RPATH, RPATH);
    put_dynamic(&made, 5, DT_STRTAB, BASE + STRINGS_AT);
    put_dynamic(&made, 6, DT_NULL, 0);
    put_dynamic(&made, 7, DT_NEEDED, 0xffff); // behind the end: not looked at
    return made;
}

static Error *read_bytes(const void *bytes, size_t len, Arena *arena, bool *is_elf, Elf *out) {
    AUTO_FD int fd = memfd_create("elf", MFD_CLOEXEC);
    assert_true(fd >= 0);
    assert_null(fd_write_all(fd, bytes, len));
    return elf_read(fd, arena, is_elf, out);
}

static void assert_str(Str got, const char *want) {
    if (!str_is(got, want))
        fail_msg("got '%.*s', want '%s'", STR_ARG(got), want);
}

static void check_sound(bool is_64bit, bool big_endian) {
    AUTO_ARENA Arena *arena = arena_new(0);
    Made made = make_elf(is_64bit, big_endian);
    bool is_elf;
    Elf elf;
    assert_null(read_bytes(made.bytes, sizeof made.bytes, arena, &is_elf, &elf));
    assert_true(is_elf);
    assert_int_equal(elf.type, ELF_TYPE_SHARED);
    assert_int_equal(elf.machine, is_64bit ? EM_X86_64 : EM_PPC);
    assert_true(elf.is_64bit == is_64bit);
    assert_str(elf.interpreter, "/lib64/ld.so.2");
    assert_str(elf.soname, "libme.so.1");
    assert_str(elf.runpath, "$ORIGIN/../lib");
    assert_str(elf.rpath, "/opt/lib");
    assert_int_equal(elf.needed.count, 2);
    assert_str(elf.needed.items[0], "libonig.so.5");
    assert_str(elf.needed.items[1], "libc.so.6");
}

static void test_sound_files(void **state) {
    (void)state;
    check_sound(true, false);
    check_sound(true, true);
    check_sound(false, false);
    check_sound(false, true);
}

static void test_objects_without_segments(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    Made made = make_elf(true, false);
    put(&made, 16, 2, ET_REL);
    put(&made, 56, 2, 0);
    bool is_elf;
    Elf elf;
    assert_null(read_bytes(made.bytes, sizeof(Elf64_Ehdr), arena, &is_elf, &elf));
    assert_true(is_elf);
    assert_int_equal(elf.type, ELF_TYPE_RELOCATABLE);
    assert_int_equal(elf.needed.count, 0);
}

static void test_other_files_are_not_elf(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "\x7f"
                                        "EL",
                                        "#!/bin/sh\n", "!<arch>\n",
                                        "x\x7f"
                                        "ELF"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        bool is_elf = true;
        Elf elf;
        assert_null(read_bytes(texts[i], strlen(texts[i]), arena, &is_elf, &elf));
        assert_false(is_elf);
    }
}

typedef struct Damage {
    size_t at, width;
    uint64_t value;
    size_t file_size;
    ErrorKind kind;
    const char *message;
} Damage;

#define PHDR(index) (TABLE_AT + (index) * sizeof(Elf64_Phdr))
#define DYN(index) (DYNAMIC_AT + (index)*16)

static const Damage damages[] = {
    {EI_CLASS, 1, 3, FILE_SIZE, ERROR_INVALID, "damaged ELF file: class 3, byte order 1"},
    {EI_DATA, 1, 0, FILE_SIZE, ERROR_INVALID, "damaged ELF file: class 2, byte order 0"},
    {16, 2, ET_DYN, 4, ERROR_INVALID, "damaged ELF file: class 0, byte order 0"},
    {16, 2, ET_DYN, 40, ERROR_INVALID, "damaged ELF file: it ends inside its header"},
    {32, 8, UINT64_MAX, FILE_SIZE, ERROR_INVALID,
     "damaged ELF file: the table of program headers lies outside the file"},
    {32, 8, FILE_SIZE - 8, FILE_SIZE, ERROR_INVALID,
     "damaged ELF file: the table of program headers lies outside the file"},
    {54, 2, 8, FILE_SIZE, ERROR_INVALID, "damaged ELF file: program headers of 8 bytes"},
    {56, 2, 0xffff, FILE_SIZE, ERROR_LIMIT, "an ELF file with 65535 program headers is beyond the limit of 4096"},
    {PHDR(1) + 8, 8, FILE_SIZE, FILE_SIZE, ERROR_INVALID,
     "damaged ELF file: its interpreter's name lies outside the file"},
    {PHDR(2) + 8, 8, UINT64_MAX - 4, FILE_SIZE, ERROR_INVALID,
     "damaged ELF file: the dynamic section lies outside the file"},
    {PHDR(2) + 32, 8, 1ull << 40, FILE_SIZE, ERROR_LIMIT,
     "an ELF file with 68719476736 dynamic entries is beyond the limit of 16384"},
    {DYN(5) + 8, 8, 0x10, FILE_SIZE, ERROR_INVALID, "damaged ELF file: its dynamic section has no table of strings"},
    {DYN(5), 8, DT_DEBUG, FILE_SIZE, ERROR_INVALID, "damaged ELF file: its dynamic section has no table of strings"},
    {DYN(0) + 8, 8, UINT64_MAX, FILE_SIZE, ERROR_INVALID,
     "damaged ELF file: the name of a needed library lies outside the file"},
    {DYN(2) + 8, 8, FILE_SIZE, FILE_SIZE, ERROR_INVALID, "damaged ELF file: its soname lies outside the file"},
    {DYN(3) + 8, 8, FILE_SIZE, FILE_SIZE, ERROR_INVALID, "damaged ELF file: its runpath lies outside the file"},
    {DYN(4) + 8, 8, FILE_SIZE, FILE_SIZE, ERROR_INVALID, "damaged ELF file: its rpath lies outside the file"},
    {PHDR(0), 4, PT_NOTE, FILE_SIZE, ERROR_INVALID, "damaged ELF file: its dynamic section has no table of strings"},
};

static void test_damaged_files(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        AUTO_ARENA Arena *arena = arena_new(0);
        Made made = make_elf(true, false);
        put(&made, damages[i].at, damages[i].width, damages[i].value);
        if (damages[i].file_size == 4)
            memset(made.bytes + 4, 0, sizeof made.bytes - 4);
        bool is_elf;
        Elf elf;
        AUTO_ERROR Error *error = read_bytes(made.bytes, damages[i].file_size, arena, &is_elf, &elf);
        assert_non_null(error);
        assert_string_equal(error_text(error), damages[i].message);
        assert_int_equal(error_kind(error), damages[i].kind);
        assert_true(is_elf);
    }
}

static void test_a_name_without_end(void **state) {
    (void)state;
    AUTO_ARENA Arena *arena = arena_new(0);
    Made made = make_elf(true, false);
    memset(made.bytes + STRINGS_AT, 'a', DYNAMIC_AT - STRINGS_AT);
    memset(made.bytes + FILE_SIZE - 200, 'a', 200);
    put(&made, DYN(0) + 8, 8, FILE_SIZE - 200 - STRINGS_AT);
    bool is_elf;
    Elf elf;
    AUTO_ERROR Error *error = read_bytes(made.bytes, sizeof made.bytes, arena, &is_elf, &elf);
    assert_non_null(error);
    assert_string_equal(error_text(error),
                        "damaged ELF file: the name of a needed library has no end within 4096 bytes");
}

static void test_too_many_libraries(void **state) {
    (void)state;
    enum { COUNT = ELF_NEEDED_MAX + 1, SIZE = 64 + 56 + COUNT * 16 };
    AUTO_ARENA Arena *arena = arena_new(0);
    AUTO_FREE uint8_t *bytes = mem_zalloc(SIZE);
    Made made = make_elf(true, false);
    put(&made, 56, 2, 1);
    put_segment(&made, 0, PT_DYNAMIC, 64 + 56, 0, COUNT * 16);
    memcpy(bytes, made.bytes, 64 + 56);
    for (size_t i = 0; i < COUNT; i++)
        bytes[64 + 56 + i * 16] = DT_NEEDED;
    bool is_elf;
    Elf elf;
    AUTO_ERROR Error *error = read_bytes(bytes, SIZE, arena, &is_elf, &elf);
    assert_non_null(error);
    assert_string_equal(error_text(error), "an ELF file that needs more than 1024 libraries");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_files),
        cmocka_unit_test(test_objects_without_segments),
        cmocka_unit_test(test_other_files_are_not_elf),
        cmocka_unit_test(test_damaged_files),
        cmocka_unit_test(test_a_name_without_end),
        cmocka_unit_test(test_too_many_libraries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

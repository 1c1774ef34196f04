// Small ELF files for tests: a 64-bit little-endian header, and what ld.so reads of a dynamic object.
#ifndef TESTS_UNIT_ELF_MAKER_H
#define TESTS_UNIT_ELF_MAKER_H

#include "base/buf.h"

#include <elf.h>

typedef struct ElfMaker {
    uint16_t type, machine;
    const char *const *needed; // NULL-terminated, or NULL
    const char *runpath;       // or NULL
} ElfMaker;

static inline void make_elf(const ElfMaker *maker, Buf *out) {
    enum { DYNAMIC_MAX = 16 };
    Elf64_Dyn dynamic[DYNAMIC_MAX] = {0};
    AUTO_BUF Buf strings;
    buf_init(&strings, BUF_NO_LIMIT);
    buf_add_byte(&strings, '\0');
    size_t count = 0;
    for (size_t i = 0; maker->needed && maker->needed[i]; i++) {
        dynamic[count++] = (Elf64_Dyn){DT_NEEDED, {strings.len}};
        buf_add(&strings, maker->needed[i], strlen(maker->needed[i]) + 1);
    }
    if (maker->runpath) {
        dynamic[count++] = (Elf64_Dyn){DT_RUNPATH, {strings.len}};
        buf_add(&strings, maker->runpath, strlen(maker->runpath) + 1);
    }
    Elf64_Off dynamic_at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr), strings_at = dynamic_at + sizeof dynamic;
    dynamic[count++] = (Elf64_Dyn){DT_STRTAB, {strings_at}};
    Elf64_Ehdr header = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                         .e_type = maker->type,
                         .e_machine = maker->machine,
                         .e_phoff = sizeof header,
                         .e_phentsize = sizeof(Elf64_Phdr),
                         .e_phnum = 2};
    Elf64_Phdr segments[2] = {
        {.p_type = PT_LOAD, .p_filesz = strings_at + strings.len},
        {.p_type = PT_DYNAMIC, .p_offset = dynamic_at, .p_vaddr = dynamic_at, .p_filesz = sizeof dynamic}};
    buf_add(out, &header, sizeof header);
    buf_add(out, segments, sizeof segments);
    buf_add(out, dynamic, sizeof dynamic);
    buf_add_str(out, buf_str(&strings));
}

#endif

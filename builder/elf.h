// What an ELF object says of itself: for which machine it is, and what it needs at run time. Nothing is executed.
//
// Foreign bytes: every offset and count is checked against the file and against caps. Sources: elf(5), the System V
// gABI chapters 4 and 5, ld.so(8).
#ifndef BUILDER_ELF_H
#define BUILDER_ELF_H

#include "base/arena.h"
#include "base/error.h"

enum { ELF_NEEDED_MAX = 1024, ELF_STRING_MAX = 4096 };

typedef enum ElfType { ELF_TYPE_OTHER, ELF_TYPE_RELOCATABLE, ELF_TYPE_EXECUTABLE, ELF_TYPE_SHARED } ElfType;

typedef struct Elf {
    ElfType type;     // a position-independent executable is SHARED with an interpreter
    uint16_t machine; // EM_X86_64, EM_AARCH64, ...
    bool is_64bit;
    Str interpreter; // PT_INTERP, or ""
    Str soname;      // DT_SONAME, or ""
    Str rpath;       // DT_RPATH, or ""; without effect where there is a runpath
    Str runpath;     // DT_RUNPATH, or ""
    StrSlice needed; // DT_NEEDED, in order
} Elf;

// *is_elf_out is false when the file does not begin with the ELF magic; then *out is zero. ERROR_INVALID when it does
// but contradicts itself. Reads by pread(2); fd's offset does not matter. Strings live in the arena.
MUST_CHECK Error *elf_read(int fd, Arena *arena, bool *is_elf_out, Elf *out);

#endif

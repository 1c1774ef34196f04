// Any bytes as an ELF file.
#include "base/fd.h"
#include "builder/elf.h"

#include <stdlib.h>
#include <sys/mman.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_FD int fd = memfd_create("elf", MFD_CLOEXEC);
    if (fd < 0)
        abort();
    error_free(fd_write_all(fd, data, size));
    AUTO_ARENA Arena *arena = arena_new(0);
    bool is_elf;
    Elf elf;
    error_free(elf_read(fd, arena, &is_elf, &elf));
    return 0;
}

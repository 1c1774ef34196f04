// The system calls that a box may make, as a table, and the classic BPF program made from it.
//
// Sources: seccomp(2), linux/filter.h, syscalls(2). The program is made once per process, by one pass over the table;
// allowed numbers cost nothing afterwards, the kernel keeps a bitmap of them.
#ifndef SANDBOX_SECCOMP_H
#define SANDBOX_SECCOMP_H

#include "base/buf.h"

#include <linux/filter.h>
#include <stdint.h>

typedef enum SyscallVerdict {
    SYSCALL_ALLOW,
    SYSCALL_DENY,    // EPERM: known, and shut
    SYSCALL_ABSENT,  // ENOSYS: as an older kernel would say, so that a library takes its older way
    SYSCALL_NOTSUP,  // EOPNOTSUPP: as a file system without extended attributes
    SYSCALL_MODE,    // allowed unless the mode in `arg` has a set-id bit
    SYSCALL_OPEN,    // the same for open(2), where the mode counts only when a file may be made; flags in `arg`, mode next
    SYSCALL_MKNOD,   // the same, and no device; mode in `arg`
    SYSCALL_NEWNS,   // allowed unless the flags in `arg` ask for a new namespace
    SYSCALL_IOCTL,   // allowed but for TIOCSTI, TIOCLINUX, TIOCSETD
    SYSCALL_SOCKET,  // unix, inet, inet6 without raw, and netlink's route family
    SYSCALL_SOCKETPAIR, // unix alone
    SYSCALL_PERSONALITY, // the default, no address randomisation, and the query
    SYSCALL_VERDICT_COUNT
} SyscallVerdict;

typedef struct SyscallRow {
    const char *name;
    int number;
    SyscallVerdict verdict;
    uint8_t arg; // which argument holds what the verdict looks at
} SyscallRow;

extern const SyscallRow seccomp_rows[]; // in no order
extern const size_t seccomp_row_count;

enum { SECCOMP_PROGRAM_MAX = 4096, SECCOMP_NUMBER_MAX = 1024 };

typedef struct SeccompProgram {
    struct sock_filter *code; // lives as long as the process
    unsigned short length;
} SeccompProgram;

// The program, made at the first call; safe from any thread.
const SeccompProgram *seccomp_program(void);
// One line per verdict with its names, sorted, for docs/sandbox.md.
void seccomp_print(Buf *out);

#endif

// From the table of system calls to a program of the kernel's classic BPF: the architecture first, then a binary
// search over runs of numbers with one answer, a leaf per run. The program is made back to front, so that every jump
// knows how far it goes. Made by hand rather than by libseccomp because each box pays for checking and compiling it in
// the kernel: this one has about 260 instructions, one comparison per call has over 1,000.
#include "sandbox/seccomp.h"
#include "base/vec.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "sandbox/seccomp.c knows x86_64 and aarch64"
#endif

#define SET_ID_BITS (S_ISUID | S_ISGID)
#define O_TMPFILE_BIT 020000000 // O_TMPFILE without O_DIRECTORY
#define NEW_NAMESPACES                                                                                                 \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | 0x80)

#define ALLOW_CODE SECCOMP_RET_ALLOW
#define DENY_CODE (SECCOMP_RET_ERRNO | EPERM)
#define ABSENT_CODE (SECCOMP_RET_ERRNO | ENOSYS)
#define NOTSUP_CODE (SECCOMP_RET_ERRNO | EOPNOTSUPP)
#define FAMILY_CODE (SECCOMP_RET_ERRNO | EAFNOSUPPORT)

enum { LEAF_MAX = 32, RUNS_MAX = SECCOMP_NUMBER_MAX };

// A leaf: instructions in order, that end in a return on every way.
typedef struct Leaf {
    struct sock_filter code[LEAF_MAX];
    unsigned count;
} Leaf;

static void add(Leaf *leaf, unsigned code, unsigned jt, unsigned jf, uint32_t k) {
    BUG_UNLESS(leaf->count < LEAF_MAX && jt < 256 && jf < 256);
    leaf->code[leaf->count++] = (struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, k};
}

static void add_load(Leaf *leaf, unsigned offset) {
    add(leaf, BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
}

// The low half of an argument. Every argument that is looked at is an int or a mode_t for the kernel, which ignores the
// high half; looking at it would open a way around.
static void add_load_arg(Leaf *leaf, unsigned arg) {
    add_load(leaf, (unsigned)(offsetof(struct seccomp_data, args) + arg * sizeof(uint64_t)));
}

static void add_return(Leaf *leaf, uint32_t action) {
    add(leaf, BPF_RET | BPF_K, 0, 0, action);
}

// When the accumulator equals k: return action.
static void add_return_if_equal(Leaf *leaf, uint32_t k, uint32_t action) {
    add(leaf, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, k);
    add_return(leaf, action);
}

static void add_return_if_any(Leaf *leaf, uint32_t bits, uint32_t action) {
    add(leaf, BPF_JMP | BPF_JSET | BPF_K, 0, 1, bits);
    add_return(leaf, action);
}

static void leaf_open(Leaf *leaf, unsigned arg) {
    add_load_arg(leaf, arg);
    add(leaf, BPF_JMP | BPF_JSET | BPF_K, 1, 0, O_CREAT | O_TMPFILE_BIT);
    add_return(leaf, ALLOW_CODE);
    add_load_arg(leaf, arg + 1);
    add_return_if_any(leaf, SET_ID_BITS, DENY_CODE);
    add_return(leaf, ALLOW_CODE);
}

static void leaf_mknod(Leaf *leaf, unsigned arg) {
    add_load_arg(leaf, arg);
    add_return_if_any(leaf, SET_ID_BITS, DENY_CODE);
    add(leaf, BPF_ALU | BPF_AND | BPF_K, 0, 0, S_IFMT);
    add_return_if_equal(leaf, S_IFCHR, DENY_CODE);
    add_return_if_equal(leaf, S_IFBLK, DENY_CODE);
    add_return(leaf, ALLOW_CODE);
}

static void leaf_socket(Leaf *leaf) {
    add_load_arg(leaf, 0);
    add_return_if_equal(leaf, AF_UNIX, ALLOW_CODE);
    // Any other: four instructions on, at inet and inet6.
    add(leaf, BPF_JMP | BPF_JEQ | BPF_K, 0, 4, AF_NETLINK);
    add_load_arg(leaf, 2);
    add_return_if_equal(leaf, NETLINK_ROUTE, ALLOW_CODE);
    add_return(leaf, FAMILY_CODE);
    add(leaf, BPF_JMP | BPF_JEQ | BPF_K, 2, 0, AF_INET);
    add(leaf, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, AF_INET6);
    add_return(leaf, FAMILY_CODE);
    add_load_arg(leaf, 1);
    add(leaf, BPF_ALU | BPF_AND | BPF_K, 0, 0, 0xf); // without SOCK_CLOEXEC and SOCK_NONBLOCK
    add_return_if_equal(leaf, SOCK_STREAM, ALLOW_CODE);
    add_return_if_equal(leaf, SOCK_DGRAM, ALLOW_CODE);
    add_return(leaf, DENY_CODE);
}

static void leaf_make(Leaf *leaf, SyscallVerdict verdict, unsigned arg) {
    leaf->count = 0;
    switch (verdict) {
    case SYSCALL_ALLOW:
        add_return(leaf, ALLOW_CODE);
        return;
    case SYSCALL_DENY:
        add_return(leaf, DENY_CODE);
        return;
    case SYSCALL_NOTSUP:
        add_return(leaf, NOTSUP_CODE);
        return;
    case SYSCALL_MODE:
        add_load_arg(leaf, arg);
        add_return_if_any(leaf, SET_ID_BITS, DENY_CODE);
        add_return(leaf, ALLOW_CODE);
        return;
    case SYSCALL_OPEN:
        leaf_open(leaf, arg);
        return;
    case SYSCALL_MKNOD:
        leaf_mknod(leaf, arg);
        return;
    case SYSCALL_NEWNS:
        add_load_arg(leaf, arg);
        add_return_if_any(leaf, NEW_NAMESPACES, DENY_CODE);
        add_return(leaf, ALLOW_CODE);
        return;
    case SYSCALL_IOCTL:
        add_load_arg(leaf, arg);
        add_return_if_equal(leaf, TIOCSTI, DENY_CODE);
        add_return_if_equal(leaf, TIOCLINUX, DENY_CODE);
        add_return_if_equal(leaf, TIOCSETD, DENY_CODE);
        add_return(leaf, ALLOW_CODE);
        return;
    case SYSCALL_SOCKET:
        leaf_socket(leaf);
        return;
    case SYSCALL_SOCKETPAIR:
        add_load_arg(leaf, 0);
        add_return_if_equal(leaf, AF_UNIX, ALLOW_CODE);
        add_return(leaf, FAMILY_CODE);
        return;
    case SYSCALL_PERSONALITY:
        add_load_arg(leaf, 0);
        add_return_if_equal(leaf, PER_LINUX, ALLOW_CODE);
        add_return_if_equal(leaf, ADDR_NO_RANDOMIZE, ALLOW_CODE);
        add_return_if_equal(leaf, 0xffffffff, ALLOW_CODE);
        add_return(leaf, DENY_CODE);
        return;
    case SYSCALL_ABSENT:
    case SYSCALL_VERDICT_COUNT:
        break;
    }
    add_return(leaf, ABSENT_CODE);
}

// Numbers from `first` up to the next run's are answered alike.
typedef struct Run {
    uint32_t first;
    SyscallVerdict verdict;
    unsigned arg;
} Run;

static unsigned runs_make(Run *runs) {
    SyscallVerdict verdicts[SECCOMP_NUMBER_MAX];
    unsigned args[SECCOMP_NUMBER_MAX] = {0};
    for (unsigned i = 0; i < SECCOMP_NUMBER_MAX; i++)
        verdicts[i] = SYSCALL_ABSENT;
    for (size_t i = 0; i < seccomp_row_count; i++) {
        const SyscallRow *row = &seccomp_rows[i];
        BUG_UNLESS(row->number >= 0 && row->number < SECCOMP_NUMBER_MAX - 1);
        verdicts[row->number] = row->verdict;
        args[row->number] = row->arg;
    }
    unsigned count = 0;
    for (unsigned i = 0; i < SECCOMP_NUMBER_MAX; i++)
        if (i == 0 || verdicts[i] != verdicts[i - 1] || args[i] != args[i - 1])
            runs[count++] = (Run){i, verdicts[i], args[i]};
    return count; // the last one is open upwards: ENOSYS also for x32's numbers
}

typedef struct Writer {
    struct sock_filter code[SECCOMP_PROGRAM_MAX]; // filled from the end
    unsigned start;
} Writer;

static void put(Writer *writer, struct sock_filter instruction) {
    BUG_UNLESS(writer->start > 0);
    writer->code[--writer->start] = instruction;
}

static void put_leaf(Writer *writer, const Leaf *leaf) {
    for (unsigned i = leaf->count; i-- > 0;)
        put(writer, leaf->code[i]);
}

// The depth is log2 of RUNS_MAX at most.
static void put_search(Writer *writer, const Run *runs, unsigned from, unsigned to) {
    if (to - from == 1) {
        Leaf leaf;
        leaf_make(&leaf, runs[from].verdict, runs[from].arg);
        put_leaf(writer, &leaf);
        return;
    }
    unsigned middle = from + (to - from) / 2;
    put_search(writer, runs, middle, to);
    unsigned right = writer->start;
    put_search(writer, runs, from, middle);
    unsigned skip = right - writer->start;
    if (skip < 256) {
        put(writer, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, runs[middle].first, (uint8_t)skip, 0));
        return;
    }
    put(writer, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, skip));
    put(writer, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, runs[middle].first, 0, 1));
}

static void program_make(SeccompProgram *program) {
    Writer *writer = mem_alloc(sizeof *writer);
    writer->start = SECCOMP_PROGRAM_MAX;
    Run *runs = mem_alloc(RUNS_MAX * sizeof *runs);
    put_search(writer, runs, 0, runs_make(runs));
    Leaf head = {.count = 0};
    add_load(&head, offsetof(struct seccomp_data, arch));
    add(&head, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, NATIVE_ARCH);
    add_return(&head, SECCOMP_RET_KILL_PROCESS);
    add_load(&head, offsetof(struct seccomp_data, nr));
    put_leaf(writer, &head);
    unsigned count = SECCOMP_PROGRAM_MAX - writer->start;
    program->code = mem_dup(writer->code + writer->start, count * sizeof *writer->code);
    program->length = (unsigned short)count;
    free(runs);
    free(writer);
}

static SeccompProgram the_program;
static pthread_once_t the_program_once = PTHREAD_ONCE_INIT;

static void make_the_program(void) {
    program_make(&the_program);
}

const SeccompProgram *seccomp_program(void) {
    pthread_once(&the_program_once, make_the_program);
    return &the_program;
}

static const char *const verdict_texts[SYSCALL_VERDICT_COUNT] = {
    [SYSCALL_ALLOW] = "allowed",
    [SYSCALL_DENY] = "EPERM",
    [SYSCALL_ABSENT] = "ENOSYS",
    [SYSCALL_NOTSUP] = "EOPNOTSUPP",
    [SYSCALL_MODE] = "allowed; EPERM when the mode has a set-id bit",
    [SYSCALL_OPEN] = "allowed; EPERM when it would make a file with a set-id bit",
    [SYSCALL_MKNOD] = "allowed; EPERM for devices and set-id bits",
    [SYSCALL_NEWNS] = "allowed; EPERM when a new namespace is asked for",
    [SYSCALL_IOCTL] = "allowed; EPERM for TIOCSTI, TIOCLINUX, TIOCSETD",
    [SYSCALL_SOCKET] = "unix, and inet and inet6 as stream or dgram, and netlink's route family; else EPERM or EAFNOSUPPORT",
    [SYSCALL_SOCKETPAIR] = "unix alone; else EAFNOSUPPORT",
    [SYSCALL_PERSONALITY] = "the default, ADDR_NO_RANDOMIZE and the query; else EPERM",
};

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void seccomp_print(Buf *out) {
    const char **names = mem_alloc(seccomp_row_count * sizeof *names);
    for (SyscallVerdict verdict = 0; verdict < SYSCALL_VERDICT_COUNT; verdict++) {
        size_t count = 0;
        for (size_t i = 0; i < seccomp_row_count; i++)
            if (seccomp_rows[i].verdict == verdict)
                names[count++] = seccomp_rows[i].name;
        qsort(names, count, sizeof *names, compare_names);
        buf_printf(out, "| %s |", verdict_texts[verdict]);
        for (size_t i = 0; i < count; i++)
            buf_printf(out, "%s`%s`", i ? ", " : " ", names[i]);
        buf_add_cstr(out, " |\n");
    }
    buf_add_cstr(out, "| ENOSYS | every other number |\n");
    free((void *)names);
}

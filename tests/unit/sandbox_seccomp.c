// The filter's program, run here instruction by instruction for every number: what it answers must be what the table
// says, for each argument that the table looks at.
#include "sandbox/seccomp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cmocka.h>

#if defined(__x86_64__)
#define NATIVE AUDIT_ARCH_X86_64
#define FOREIGN AUDIT_ARCH_I386
#else
#define NATIVE AUDIT_ARCH_AARCH64
#define FOREIGN AUDIT_ARCH_ARM
#endif

#define ALLOWED SECCOMP_RET_ALLOW
#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))

// The subset of classic BPF that the kernel's seccomp takes and the program uses.
static uint32_t simulate(struct seccomp_data data) {
    const SeccompProgram *program = seccomp_program();
    uint32_t a = 0;
    for (unsigned pc = 0, steps = 0; pc < program->length && steps < 100000; steps++) {
        const struct sock_filter *i = &program->code[pc++];
        switch (i->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(i->k + 4 <= sizeof data && i->k % 4 == 0);
            memcpy(&a, (const char *)&data + i->k, 4);
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            pc += a == i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            pc += a >= i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            pc += a & i->k ? i->jt : i->jf;
            break;
        case BPF_JMP | BPF_JA:
            pc += i->k;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= i->k;
            break;
        case BPF_RET | BPF_K:
            return i->k;
        default:
            fail_msg("instruction %u has code %#x", pc - 1, i->code);
        }
    }
    fail_msg("the program does not return");
    return 0;
}

static uint32_t answer(long number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3) {
    return simulate((struct seccomp_data){.nr = (int)number, .arch = NATIVE, .args = {a0, a1, a2, a3}});
}

static uint32_t answer_at(const SyscallRow *row, uint64_t value) {
    uint64_t args[7] = {0};
    args[row->arg] = value;
    return answer(row->number, args[0], args[1], args[2], args[3]);
}

static void numbers_are_answered_as_the_table_says(void **state) {
    (void)state;
    for (int number = 0; number < 2000; number++) {
        const SyscallRow *found = NULL;
        for (size_t i = 0; i < seccomp_row_count; i++)
            if (seccomp_rows[i].number == number) {
                assert_null(found); // no number stands there twice
                found = &seccomp_rows[i];
            }
        uint32_t got = answer(number, 0, 0, 0, 0);
        if (!found || found->verdict == SYSCALL_ABSENT)
            assert_int_equal(got, ERRNO(ENOSYS));
        else if (found->verdict == SYSCALL_DENY)
            assert_int_equal(got, ERRNO(EPERM));
        else if (found->verdict == SYSCALL_NOTSUP)
            assert_int_equal(got, ERRNO(EOPNOTSUPP));
        else if (found->verdict == SYSCALL_SOCKET || found->verdict == SYSCALL_SOCKETPAIR)
            assert_int_equal(got, ERRNO(EAFNOSUPPORT)); // family 0
        else
            assert_int_equal(got, ALLOWED);
    }
    assert_int_equal(answer(-1, 0, 0, 0, 0), ERRNO(ENOSYS));
    assert_int_equal(answer(0x40000000 + SYS_read, 0, 0, 0, 0), ERRNO(ENOSYS)); // x32
}

static void another_architecture_ends_the_process(void **state) {
    (void)state;
    for (int number = 0; number < 600; number++) {
        struct seccomp_data data = {.nr = number, .arch = FOREIGN};
        assert_int_equal(simulate(data), SECCOMP_RET_KILL_PROCESS);
    }
}

static void modes_with_set_id_bits_are_refused(void **state) {
    (void)state;
    unsigned seen = 0;
    for (size_t i = 0; i < seccomp_row_count; i++) {
        const SyscallRow *row = &seccomp_rows[i];
        if (row->verdict != SYSCALL_MODE && row->verdict != SYSCALL_MKNOD)
            continue;
        seen++;
        assert_int_equal(answer_at(row, 0755), ALLOWED);
        assert_int_equal(answer_at(row, 01777), ALLOWED);
        assert_int_equal(answer_at(row, 04755), ERRNO(EPERM));
        assert_int_equal(answer_at(row, 02755), ERRNO(EPERM));
        assert_int_equal(answer_at(row, UINT64_C(0xffff000000000000) | 04755), ERRNO(EPERM));
    }
    assert_true(seen >= 6);
}

static void open_looks_at_the_mode_only_when_it_makes_a_file(void **state) {
    (void)state;
    for (size_t i = 0; i < seccomp_row_count; i++) {
        const SyscallRow *row = &seccomp_rows[i];
        if (row->verdict != SYSCALL_OPEN)
            continue;
        uint64_t args[4] = {0};
        const struct {
            uint64_t flags, mode;
            uint32_t want;
        } cases[] = {{O_RDONLY, 06777, ALLOWED},
                     {O_WRONLY | O_CREAT, 0644, ALLOWED},
                     {O_WRONLY | O_CREAT, 04755, ERRNO(EPERM)},
                     {O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 02755, ERRNO(EPERM)},
                     {O_RDONLY | O_DIRECTORY, 06777, ALLOWED},
                     {O_RDWR | O_TMPFILE, 04755, ERRNO(EPERM)},
                     {O_RDWR | O_TMPFILE, 0600, ALLOWED}};
        for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
            args[row->arg] = cases[c].flags;
            args[row->arg + 1] = cases[c].mode;
            assert_int_equal(answer(row->number, args[0], args[1], args[2], args[3]), cases[c].want);
        }
    }
}

static void devices_are_refused(void **state) {
    (void)state;
    assert_int_equal(answer(SYS_mknodat, 0, 0, S_IFCHR | 0600, 0), ERRNO(EPERM)); // also overlayfs' whiteouts
    assert_int_equal(answer(SYS_mknodat, 0, 0, S_IFBLK | 0600, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_mknodat, 0, 0, S_IFIFO | 0600, 0), ALLOWED);
    assert_int_equal(answer(SYS_mknodat, 0, 0, S_IFREG | 0600, 0), ALLOWED);
}

static void namespaces_are_refused(void **state) {
    (void)state;
    static const uint64_t flags[] = {CLONE_NEWNS,   CLONE_NEWUTS, CLONE_NEWIPC,    CLONE_NEWUSER,
                                     CLONE_NEWPID,  CLONE_NEWNET, CLONE_NEWCGROUP};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        assert_int_equal(answer(SYS_clone, flags[i] | 17, 0, 0, 0), ERRNO(EPERM));
        assert_int_equal(answer(SYS_unshare, flags[i], 0, 0, 0), ERRNO(EPERM));
    }
    assert_int_equal(answer(SYS_unshare, 0x80, 0, 0, 0), ERRNO(EPERM)); // CLONE_NEWTIME
    assert_int_equal(answer(SYS_clone, CLONE_VM | CLONE_VFORK | 17, 0, 0, 0), ALLOWED);
    assert_int_equal(answer(SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, 0, 0, 0),
                     ALLOWED);
    assert_int_equal(answer(SYS_unshare, CLONE_FILES, 0, 0, 0), ALLOWED);
}

static void terminals_cannot_be_typed_into(void **state) {
    (void)state;
    assert_int_equal(answer(SYS_ioctl, 0, TIOCSTI, 0, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_ioctl, 0, UINT64_C(0x100000000) | TIOCSTI, 0, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_ioctl, 0, TIOCLINUX, 0, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_ioctl, 0, UINT64_C(0x700000000) | TIOCLINUX, 0, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_ioctl, 0, TIOCSETD, 0, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_ioctl, 0, TCGETS, 0, 0), ALLOWED);
    assert_int_equal(answer(SYS_ioctl, 0, TIOCGWINSZ, 0, 0), ALLOWED);
}

static void socket_families(void **state) {
    (void)state;
    assert_int_equal(answer(SYS_socket, AF_UNIX, SOCK_STREAM, 0, 0), ALLOWED);
    assert_int_equal(answer(SYS_socket, AF_UNIX, SOCK_SEQPACKET, 0, 0), ALLOWED);
    assert_int_equal(answer(SYS_socket, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0), ALLOWED);
    assert_int_equal(answer(SYS_socket, AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0, 0), ALLOWED);
    assert_int_equal(answer(SYS_socket, AF_INET, SOCK_RAW, 1, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_socket, AF_INET6, SOCK_RAW | SOCK_CLOEXEC, 58, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_socket, AF_INET, SOCK_PACKET, 0, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_socket, AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE, 0), ALLOWED);
    assert_int_equal(answer(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER, 0), ERRNO(EAFNOSUPPORT));
    assert_int_equal(answer(SYS_socket, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT, 0), ERRNO(EAFNOSUPPORT));
    for (unsigned family = 0; family < 64; family++) {
        bool known = family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK;
        if (!known)
            assert_int_equal(answer(SYS_socket, family, SOCK_STREAM, 0, 0), ERRNO(EAFNOSUPPORT));
        if (family != AF_UNIX)
            assert_int_equal(answer(SYS_socketpair, family, SOCK_STREAM, 0, 0), ERRNO(EAFNOSUPPORT));
    }
    assert_int_equal(answer(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, 0), ALLOWED);
}

static void personalities(void **state) {
    (void)state;
    assert_int_equal(answer(SYS_personality, 0, 0, 0, 0), ALLOWED);
    assert_int_equal(answer(SYS_personality, 0xffffffff, 0, 0, 0), ALLOWED);
    assert_int_equal(answer(SYS_personality, ADDR_NO_RANDOMIZE, 0, 0, 0), ALLOWED);
    assert_int_equal(answer(SYS_personality, READ_IMPLIES_EXEC, 0, 0, 0), ERRNO(EPERM));
    assert_int_equal(answer(SYS_personality, PER_LINUX32, 0, 0, 0), ERRNO(EPERM));
}

// What each box pays for: a program twice as long would show in the benchmark first.
static void the_program_is_short(void **state) {
    (void)state;
    assert_in_range(seccomp_program()->length, 50, 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_answered_as_the_table_says),
        cmocka_unit_test(another_architecture_ends_the_process),
        cmocka_unit_test(modes_with_set_id_bits_are_refused),
        cmocka_unit_test(open_looks_at_the_mode_only_when_it_makes_a_file),
        cmocka_unit_test(devices_are_refused),
        cmocka_unit_test(namespaces_are_refused),
        cmocka_unit_test(terminals_cannot_be_typed_into),
        cmocka_unit_test(socket_families),
        cmocka_unit_test(personalities),
        cmocka_unit_test(the_program_is_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

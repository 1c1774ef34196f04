// Times whole commands, in turn (A B C A B C ...), so that a noisy machine is noisy for all of them alike. Prints, per
// command: median and minimum wall time from spawn to exit, user + system time, and the ratio to the first command.
//
//     interleave ROUNDS NAME COMMAND [NAME COMMAND ...]     COMMAND is split at spaces; output goes to /dev/null
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

enum { ROUNDS_MAX = 10000, COMMANDS_MAX = 32, WORDS_MAX = 256 };

typedef struct Command {
    const char *name;
    char *words[WORDS_MAX];
    double wall_ms[ROUNDS_MAX], cpu_ms[ROUNDS_MAX];
} Command;

static Command commands[COMMANDS_MAX];

static void die(const char *what) {
    fprintf(stderr, "interleave: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void split(Command *command, char *text) {
    size_t count = 0;
    for (char *save = NULL, *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
        if (count < WORDS_MAX - 1)
            command->words[count++] = word;
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double tv_ms(struct timeval t) {
    return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

static void run(Command *command, int round) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    double start = now_ms();
    errno = posix_spawnp(&pid, command->words[0], &actions, NULL, command->words, environ);
    if (errno)
        die(command->words[0]);
    int status;
    struct rusage usage;
    if (wait4(pid, &status, 0, &usage) < 0)
        die("wait");
    if (round >= 0) {
        command->wall_ms[round] = now_ms() - start;
        command->cpu_ms[round] = tv_ms(usage.ru_utime) + tv_ms(usage.ru_stime);
    }
    posix_spawn_file_actions_destroy(&actions);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "interleave: %s ended with status %d\n", command->name, status);
        exit(1);
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    int rounds = argc > 3 ? atoi(argv[1]) : 0;
    int count = (argc - 2) / 2;
    if (rounds < 1 || rounds > ROUNDS_MAX || count > COMMANDS_MAX || argc % 2 != 0) {
        fputs("usage: interleave ROUNDS NAME COMMAND [NAME COMMAND ...]\n", stderr);
        return 2;
    }
    for (int i = 0; i < count; i++) {
        commands[i].name = argv[2 + 2 * i];
        split(&commands[i], argv[3 + 2 * i]);
    }
    for (int round = -1; round < rounds; round++)
        for (int i = 0; i < count; i++)
            run(&commands[i], round);
    double first = 0;
    printf("%-34s %10s %10s %10s %8s\n", "", "median ms", "min ms", "cpu ms", "ratio");
    for (int i = 0; i < count; i++) {
        qsort(commands[i].wall_ms, (size_t)rounds, sizeof(double), compare);
        qsort(commands[i].cpu_ms, (size_t)rounds, sizeof(double), compare);
        double median = commands[i].wall_ms[rounds / 2];
        if (i == 0)
            first = median;
        printf("%-34s %10.3f %10.3f %10.3f %8.2f\n", commands[i].name, median, commands[i].wall_ms[0],
               commands[i].cpu_ms[rounds / 2], median / first);
    }
    return 0;
}

// The only program in the boxes of tests/cli: one static binary with a word for each thing that a build can do right or
// wrong. It needs nothing around it, so these tests need no package of any distribution.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int say(const char *what) {
    fprintf(stderr, "tool: %s: %s\n", what, strerror(errno));
    return 1;
}

// The directories above a path.
static void make_parents(const char *path) {
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(copy, 0755);
        *slash = '/';
    }
}

static int write_text(const char *path, const char *text, const char *mode) {
    make_parents(path);
    FILE *file = fopen(path, mode);
    if (!file || fputs(text, file) < 0 || fclose(file) != 0)
        return say(path);
    return 0;
}

static int copy_to(const char *from, FILE *out) {
    char bytes[65536];
    size_t got;
    FILE *in = fopen(from, "r");
    if (!in)
        return say(from);
    while ((got = fread(bytes, 1, sizeof bytes, in)) > 0)
        if (fwrite(bytes, 1, got, out) != got)
            return say("copy");
    fclose(in);
    return fflush(out) == 0 ? 0 : say("copy");
}

static int copy(const char *from, const char *to) {
    make_parents(to);
    FILE *out = fopen(to, "w");
    if (!out || copy_to(from, out) != 0 || fchmod(fileno(out), 0755) != 0 || fclose(out) != 0)
        return say(to);
    return 0;
}

static int sleep_for(const char *seconds) {
    double want = atof(seconds);
    struct timespec left = {(time_t)want, (long)((want - (double)(time_t)want) * 1e9)};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
    return 0;
}

// A child in a session of its own that would outlive us, if anything could.
static int leave_behind(const char *seconds) {
    pid_t pid = fork();
    if (pid < 0)
        return say("fork");
    if (pid == 0) {
        setsid();
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        exit(sleep_for(seconds));
    }
    return 0;
}

static int fork_without_end(void) {
    unsigned long count = 0;
    for (;;) {
        pid_t pid = fork();
        if (pid < 0) {
            fprintf(stderr, "tool: fork %lu: %s\n", count, strerror(errno));
            return 3;
        }
        if (pid == 0) {
            pause();
            exit(0);
        }
        count++;
    }
}

static int fill(const char *path) {
    static char bytes[1 << 20];
    memset(bytes, 'x', sizeof bytes);
    int fd = open(path, O_WRONLY | O_CREAT, 0644);
    if (fd < 0)
        return say(path);
    for (;;)
        if (write(fd, bytes, sizeof bytes) < 0)
            return say(path);
}

static int chatter(void) {
    for (;;) {
        puts("still here");
        fflush(stdout);
        sleep_for("0.1");
    }
}

static int is(const char *word, const char *name, int argc, int want) {
    return strcmp(word, name) == 0 && argc == want + 2;
}

int main(int argc, char **argv) {
    const char *word = argc > 1 ? argv[1] : "";
    signal(SIGPIPE, SIG_DFL);
    if (is(word, "write", argc, 2))
        return write_text(argv[2], argv[3], "w");
    if (is(word, "append", argc, 2))
        return write_text(argv[2], argv[3], "a");
    if (is(word, "copy", argc, 2))
        return copy(argv[2], argv[3]);
    if (is(word, "cat", argc, 1))
        return copy_to(argv[2], stdout);
    if (is(word, "print", argc, 1))
        return puts(argv[2]) < 0;
    if (is(word, "link", argc, 2)) {
        make_parents(argv[3]);
        return symlink(argv[2], argv[3]) == 0 ? 0 : say(argv[3]);
    }
    if (is(word, "fifo", argc, 1)) {
        make_parents(argv[2]);
        return mkfifo(argv[2], 0644) == 0 ? 0 : say(argv[2]);
    }
    if (is(word, "mkdir", argc, 1)) {
        make_parents(argv[2]);
        return mkdir(argv[2], 0755) == 0 ? 0 : say(argv[2]);
    }
    if (is(word, "rename", argc, 2))
        return rename(argv[2], argv[3]) == 0 ? 0 : say(argv[3]);
    if (is(word, "absent", argc, 1))
        return access(argv[2], F_OK) != 0 ? 0 : 1;
    if (is(word, "exit", argc, 1))
        return atoi(argv[2]);
    if (is(word, "kill", argc, 1))
        return kill(getpid(), atoi(argv[2])) == 0 ? sleep_for("60") : say("kill");
    if (is(word, "sleep", argc, 1))
        return sleep_for(argv[2]);
    if (is(word, "leave-behind", argc, 1))
        return leave_behind(argv[2]);
    if (is(word, "fork", argc, 0))
        return fork_without_end();
    if (is(word, "fill", argc, 1))
        return fill(argv[2]);
    if (is(word, "chatter", argc, 0))
        return chatter();
    if (strcmp(word, "spin") == 0)
        for (;;)
            ;
    fprintf(stderr, "tool: '%s' is not one of my words, or has the wrong number of words behind it\n", word);
    return 2;
}

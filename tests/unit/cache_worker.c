// The parent against workers that die, lie, flood, hang or speak another version (docs/worker.md, What the parent
// believes). Started under the worker's name, this program is such a worker: the request's URL says how it misbehaves.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "cache/fetch.h"
#include "cache/worker_client.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// ---- the worker that cannot be trusted ----

static void say(const WorkerAnswer *answer) {
    Buf out;
    buf_init(&out, 1 << 20);
    protocol_add_answer(&out, answer);
    if (send(WORKER_FD_SOCKET, out.ptr, out.len, MSG_NOSIGNAL) < 0)
        _exit(9);
    buf_release(&out);
}

static void say_bytes(const char *bytes, size_t len) {
    if (send(WORKER_FD_SOCKET, bytes, len, MSG_NOSIGNAL) < 0)
        _exit(9);
}

static const WorkerAnswer head = {.type = MESSAGE_HEAD};
static const WorkerAnswer progress = {.type = MESSAGE_PROGRESS};

static void say_failed(ErrorKind kind, uint32_t number, const char *text, const char *hint) {
    say(&(WorkerAnswer){
        .type = MESSAGE_FAILED, .kind = kind, .errno_value = number, .text = str_from(text), .hint = str_from(hint)});
}

static void sleep_ms(long ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void lie(const char *how) {
    if (strcmp(how, "size") == 0) {
        say(&head);
        say(&(WorkerAnswer){.type = MESSAGE_DONE, .a = 12345});
    } else if (strcmp(how, "early") == 0)
        say(&(WorkerAnswer){.type = MESSAGE_DONE});
    else if (strcmp(how, "heads") == 0) {
        say(&head);
        say(&head);
    } else if (strcmp(how, "offset") == 0)
        say(&(WorkerAnswer){.type = MESSAGE_HEAD, .a = 77});
    else if (strcmp(how, "garbage") == 0)
        say_bytes("MWK1 garbage", 12);
    else if (strcmp(how, "version") == 0)
        say_bytes("MWK1\2\0\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 23);
    else if (strcmp(how, "surplus") == 0)
        say_bytes("MWK1\1\0\x12\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0z", 24);
    else if (strcmp(how, "large") == 0) {
        char *bytes = mem_zalloc(PROTOCOL_MESSAGE_MAX + 1);
        say_bytes(bytes, PROTOCOL_MESSAGE_MAX + 1);
    } else if (strcmp(how, "flood") == 0)
        for (;;)
            say(&progress);
    else if (strcmp(how, "interrupted") == 0)
        say_failed(ERROR_INTERRUPTED, 0, "the user wants to stop", NULL);
    else if (strcmp(how, "escape") == 0)
        say_failed(ERROR_NETWORK, 0, "\x1b]0;owned\x07 done\nhint: run rm", "\x1b[2Jclean");
    else if (strcmp(how, "full") == 0)
        say_failed(ERROR_SYSTEM, ENOSPC, "cannot write \"x\": No space left on device", NULL);
}

static void misbehave(const char *how) {
    lie(how);
    if (strcmp(how, "die") == 0)
        signal(SIGSEGV, SIG_DFL), raise(SIGSEGV); // also where a sanitizer has a handler
    else if (strcmp(how, "leave") == 0)
        _exit(7);
    else if (strcmp(how, "close") == 0)
        close(WORKER_FD_SOCKET);
    else if (strcmp(how, "alive") == 0) // says that it lives, and does nothing
        for (;; sleep_ms(100))
            say(&progress);
    else if (strcmp(how, "descriptors") == 0) {
        Error *error = fd_send(WORKER_FD_SOCKET, STR("MWK1 with descriptors"), (int[]){WORKER_FD_FILE}, 1);
        error_free(error);
    } else if (strcmp(how, "look") == 0) { // what was I given?
        char text[64];
        int count = 0;
        for (int fd = 0; fd < 1024; fd++)
            count += fcntl(fd, F_GETFD) >= 0;
        snprintf(text, sizeof text, "descriptors %d, environment %s, session %s", count, environ[0] ? "full" : "empty",
                 getsid(0) == getpid() ? "own" : "shared");
        say_failed(ERROR_INVALID, 0, text, NULL);
    }
    for (;;)
        sleep_ms(1000);
}

static int worker_main(void) {
    char bytes[PROTOCOL_MESSAGE_MAX], how[64] = "";
    ssize_t got = recv(WORKER_FD_SOCKET, bytes, sizeof bytes, 0);
    WorkerRequest request;
    if (got <= 0 || !protocol_read_request((Str){bytes, (size_t)got}, &request))
        return 3;
    Str from = request.type == MESSAGE_FETCH ? request.fetch.url : request.unpack.strip_prefix;
    ptrdiff_t slash = str_rfind_byte(from, '/');
    snprintf(how, sizeof how, "%.*s", STR_ARG(str_slice(from, (size_t)(slash + 1), from.len)));
    misbehave(how);
    return 0;
}

// ---- the tests ----

static char root[512], self[512];
static Store *store;

static void must(Error *error) {
    if (!error)
        return;
    Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    error_free(error);
    fail_msg("%s", buf_cstr(&text));
}

static int set_up(void **state) {
    (void)state;
    const char *dir = getenv("TEST_DIR");
    snprintf(root, sizeof root, "%s/worker.XXXXXX", dir ? dir : "/tmp");
    if (!mkdtemp(root) || readlink("/proc/self/exe", self, sizeof self - 1) <= 0)
        return -1;
    char path[600];
    snprintf(path, sizeof path, "%s/store", root);
    must(store_open(&(StoreOptions){.path = path}, &store));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    store_close(store);
    Error *error = fd_remove_tree(AT_FDCWD, root);
    error_free(error);
    return 0;
}

static Error *fetch_from(const char *how, Cancel *cancel) {
    char url[128];
    snprintf(url, sizeof url, "http://h.example/%s", how);
    Str item = str_from(url);
    const FetchOptions options = {.worker_path = self, .attempts = 1, .stall_timeout_s = 1};
    int fd = -1;
    return fetch_source(store, &options, &(FetchRequest){.urls = {&item, 1}, .sha256 = hash_bytes(STR("x"))}, cancel,
                        &fd, NULL);
}

static Error *unpack_with(const char *how, Cancel *cancel) {
    const FetchOptions options = {.worker_path = self, .stall_timeout_s = 1};
    int archive = open("/dev/null", O_RDONLY | O_CLOEXEC), into = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    UnpackResult result;
    Error *error = unpack_archive(&options,
                                  &(UnpackRequest){.archive_fd = archive,
                                                   .name = STR("a.tar"),
                                                   .has_strip_prefix = true,
                                                   .strip_prefix = str_from(how),
                                                   .into_dirfd = into},
                                  cancel, &result);
    close(archive);
    close(into);
    return error;
}

static void no_children(void) {
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void expect(Error *error, ErrorKind kind, const char *want) {
    assert_non_null(error);
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    assert_string_equal(buf_cstr(&text), want);
    assert_int_equal(error_kind(error), kind);
    error_free(error);
    no_children();
}

#define HANDED "\nhint: a file with this sha256 can be handed in: minimal cache add FILE"
#define TOGETHER "\nhint: install minimal and minimal-worker together; if they are, please report this"

static void dying(void **state) {
    (void)state;
    expect(fetch_from("die", NULL), ERROR_SYSTEM,
           "cannot fetch http://h.example/die: minimal-worker died of signal 11 (Segmentation fault)" HANDED);
    expect(fetch_from("leave", NULL), ERROR_SYSTEM,
           "cannot fetch http://h.example/leave: minimal-worker ended with code 7 without an answer" HANDED);
    expect(unpack_with("die", NULL), ERROR_SYSTEM,
           "cannot unpack a.tar: minimal-worker died of signal 11 (Segmentation fault)");
}

static void closing_without_dying(void **state) {
    (void)state;
    Error *error = fetch_from("close", NULL);
    assert_non_null(error);
    assert_non_null(strstr(error_text(error), "minimal-worker died of signal 9 (Killed)"));
    error_free(error);
    no_children();
}

static void expect_broken(const char *how, const char *what) {
    char want[512];
    snprintf(want, sizeof want, "cannot fetch http://h.example/%s: minimal-worker broke its protocol: %s%s", how, what,
             strncmp(what, "it wrote", 8) == 0 || strncmp(what, "it resumed", 10) == 0 ? HANDED : TOGETHER);
    expect(fetch_from(how, NULL), ERROR_SYSTEM, want);
}

static void lying(void **state) {
    (void)state;
    expect_broken("size", "it wrote another size than it says");
    expect_broken("offset", "it resumed at a place of its own");
    expect_broken("early", "an answer out of order");
    expect_broken("heads", "an answer out of order");
    expect_broken("garbage", "what it sent is no answer");
    expect_broken("version", "what it sent is no answer");
    expect_broken("surplus", "what it sent is no answer");
    expect_broken("descriptors", "what it sent is no answer");
    expect_broken("large", "an answer of more than 32 KiB");
    expect(unpack_with("heads", NULL), ERROR_SYSTEM,
           "cannot unpack a.tar: minimal-worker broke its protocol: an answer out of order" TOGETHER);
}

static void flooding(void **state) {
    (void)state;
    expect_broken("flood", "it floods");
}

static void hanging(void **state) {
    (void)state;
    expect(fetch_from("hang", NULL), ERROR_TIMEOUT,
           "cannot fetch http://h.example/hang: minimal-worker gave no sign of life for 6 s, and was killed" HANDED);
}

static void hanging_unpacker(void **state) {
    (void)state;
    expect(unpack_with("hang", NULL), ERROR_TIMEOUT,
           "cannot unpack a.tar: minimal-worker gave no sign of life for 4 s, and was killed");
}

static void living_without_working(void **state) {
    (void)state;
    expect(fetch_from("alive", NULL), ERROR_TIMEOUT, "cannot fetch http://h.example/alive: no byte for 12 s" HANDED);
}

static void an_error_that_is_not_the_workers_to_give(void **state) {
    (void)state;
    expect(fetch_from("interrupted", NULL), ERROR_SYSTEM,
           "cannot fetch http://h.example/interrupted: the user wants to stop" HANDED);
}

static void words_that_a_terminal_would_obey(void **state) {
    (void)state;
    expect(fetch_from("escape", NULL), ERROR_NETWORK,
           "cannot fetch http://h.example/escape: ?]0;owned? done hint: run rm\nhint: ?[2Jclean");
}

static void a_reason_of_the_system_is_kept(void **state) {
    (void)state;
    Error *error = unpack_with("full", NULL);
    assert_int_equal(error_errno(error), ENOSPC);
    expect(error, ERROR_SYSTEM, "cannot unpack a.tar: cannot write \"x\": No space left on device");
}

static void what_a_worker_is_given(void **state) {
    (void)state;
    int leak = open("/dev/null", O_RDONLY); // not close-on-exec, as another library's might be
    assert_true(leak >= 0);
    setenv("SECRET", "canary", 1);
    expect(fetch_from("look", NULL), ERROR_INVALID,
           "cannot fetch http://h.example/look: descriptors 5, environment empty, session own" HANDED);
    expect(unpack_with("look", NULL), ERROR_INVALID,
           "cannot unpack a.tar: descriptors 6, environment empty, session own");
    close(leak);
}

static void *request_soon(void *cancel) {
    sleep_ms(300);
    cancel_request(cancel);
    return NULL;
}

static void stopping(void **state) {
    (void)state;
    for (int unpack = 0; unpack < 2; unpack++) {
        Cancel cancel;
        pthread_t thread;
        must(cancel_init(&cancel));
        assert_int_equal(pthread_create(&thread, NULL, request_soon, &cancel), 0);
        expect(unpack ? unpack_with("hang", &cancel) : fetch_from("hang", &cancel), ERROR_INTERRUPTED, "interrupted");
        pthread_join(thread, NULL);
        cancel_release(&cancel);
    }
}

static void *one_of_many(void *failures) {
    Error *error = unpack_with("look", NULL);
    if (!error || strcmp(error_text(error), "cannot unpack a.tar") != 0)
        __atomic_add_fetch((int *)failures, 1, __ATOMIC_RELAXED);
    error_free(error);
    return NULL;
}

static void side_by_side(void **state) {
    (void)state;
    pthread_t threads[16];
    int failures = 0;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, one_of_many, &failures), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
    no_children();
}

static void a_strip_prefix_with_nul(void **state) {
    (void)state;
    const FetchOptions options = {.worker_path = self};
    UnpackResult result;
    expect(unpack_archive(&options,
                          &(UnpackRequest){.name = STR("a.tar"), .has_strip_prefix = true, .strip_prefix = STR("a\0b")},
                          NULL, &result),
           ERROR_INVALID, "strip_prefix of a.tar is no path");
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(int argc, char **argv) {
    if (argc > 0 && strcmp(argv[0], "minimal-worker") == 0)
        return worker_main();
    const struct CMUnitTest tests[] = {
        TEST(dying),
        TEST(closing_without_dying),
        TEST(lying),
        TEST(flooding),
        TEST(hanging),
        TEST(hanging_unpacker),
        TEST(living_without_working),
        TEST(an_error_that_is_not_the_workers_to_give),
        TEST(words_that_a_terminal_would_obey),
        TEST(a_reason_of_the_system_is_kept),
        TEST(what_a_worker_is_given),
        TEST(stopping),
        TEST(side_by_side),
        TEST(a_strip_prefix_with_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

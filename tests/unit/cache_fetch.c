// fetch_source without a network: the store first, files, mirrors, offline, what errors say. With arguments this
// program is the driver of tests/net, which brings servers and archives:
//     cache_fetch fetch STORE SHA256 [name=value...] URL...
//     cache_fetch unpack ARCHIVE INTO [name=value...]
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "cache/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

// ---- the driver ----

static Cancel driver_cancel;
static void on_term(int number) {
    (void)number;
    cancel_request(&driver_cancel);
}

static unsigned progress_calls;
static FetchProgress progress_first, progress_last; // the first with bytes in it
static void on_progress(void *context, FetchProgress progress) {
    (void)context;
    progress_calls++;
    progress_last = progress;
    if (progress_first.done_bytes == 0)
        progress_first = progress;
}

// The value of "name=value", or NULL.
static const char *option(int argc, char **argv, const char *name) {
    size_t len = strlen(name);
    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=')
            return argv[i] + len + 1;
    return NULL;
}
static uint64_t number_option(int argc, char **argv, const char *name) {
    const char *text = option(argc, argv, name);
    return text ? strtoull(text, NULL, 10) : 0;
}

static int driver_end(Error *error) {
    if (!error)
        return 0;
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    printf("error %s errno=%d: %s\n", error_kind_name(error_kind(error)), error_errno(error), buf_cstr(&text));
    error_free(error);
    return 1;
}

static const char *worker_path(void) {
    static char path[4096];
    const char *build = getenv("BUILD");
    snprintf(path, sizeof path, "%s/minimal-worker", build ? build : "build");
    return path;
}

static Error *drive_fetch(int argc, char **argv) {
    FetchMirror mirror = {0};
    Str urls[16], bases[16];
    FetchOptions options = {
        .worker_path = option(argc, argv, "worker") ? option(argc, argv, "worker") : worker_path(),
        .offline = number_option(argc, argv, "offline") != 0,
        .attempts = (uint32_t)number_option(argc, argv, "attempts"),
        .stall_timeout_s = (uint32_t)number_option(argc, argv, "stall"),
        .size_max_bytes = number_option(argc, argv, "size"),
        .ca_file = option(argc, argv, "ca"),
        .proxy = option(argc, argv, "proxy"),
        .apt_dir = option(argc, argv, "apt"),
        .mirrors = &mirror,
    };
    FetchRequest request = {.urls = {urls, 0}, .on_progress = on_progress};
    for (int i = 4; i < argc; i++) {
        const char *equals = strchr(argv[i], '=');
        const char *colon = strstr(argv[i], "://");
        if (colon && (!equals || colon < equals) && request.urls.count < 16)
            urls[request.urls.count++] = str_from(argv[i]);
        if (strncmp(argv[i], "base=", 5) == 0)
            bases[mirror.bases.count++] = str_from(argv[i] + 5);
    }
    mirror.bases.items = bases;
    if (option(argc, argv, "mirror")) {
        mirror.name = str_from(option(argc, argv, "mirror"));
        options.mirror_count = 1;
    }
    if (!hash_parse(str_from(argv[3]), &request.sha256))
        return error_new(ERROR_USAGE, "bad sha256");
    AUTO_STORE Store *store = NULL;
    TRY(store_open(&(StoreOptions){.path = argv[2]}, &store));
    AUTO_FD int fd = -1;
    bool downloaded = false;
    TRY(fetch_source(store, &options, &request, &driver_cancel, &fd, &downloaded));
    Hash got;
    uint64_t size;
    TRY(hash_fd(fd, &got, &size));
    if (!hash_eq(got, request.sha256))
        return error_new(ERROR_MISMATCH, "DRIVER: bytes that were handed out are others");
    printf("ok downloaded=%d size=%llu progress=%u first=%llu/%llu last=%llu/%llu\n", downloaded,
           (unsigned long long)size, progress_calls, (unsigned long long)progress_first.done_bytes,
           (unsigned long long)progress_first.total_bytes, (unsigned long long)progress_last.done_bytes,
           (unsigned long long)progress_last.total_bytes);
    return NULL;
}

static Error *drive_unpack(int argc, char **argv) {
    AUTO_FD int archive = -1, into = -1;
    TRY(fd_open(AT_FDCWD, argv[2], O_RDONLY, 0, &archive));
    TRY(fd_open(AT_FDCWD, argv[3], O_RDONLY | O_DIRECTORY, 0, &into));
    FetchOptions options = {
        .worker_path = option(argc, argv, "worker") ? option(argc, argv, "worker") : worker_path(),
        .stall_timeout_s = (uint32_t)number_option(argc, argv, "stall"),
    };
    UnpackRequest request = {
        .archive_fd = archive,
        .name = str_from(strrchr(argv[2], '/') ? strrchr(argv[2], '/') + 1 : argv[2]),
        .into_dirfd = into,
        .has_strip_prefix = option(argc, argv, "strip") != NULL,
        .strip_prefix = str_from(option(argc, argv, "strip")),
        .size_max_bytes = number_option(argc, argv, "size"),
        .entries_max = number_option(argc, argv, "entries"),
    };
    request.kind = unpack_kind_of(request.name);
    UnpackResult result;
    TRY(unpack_archive(&options, &request, &driver_cancel, &result));
    printf("ok entries=%llu size=%llu\n", (unsigned long long)result.entries, (unsigned long long)result.size_bytes);
    return NULL;
}

static int driver(int argc, char **argv) {
    Error *error = cancel_init(&driver_cancel);
    signal(SIGTERM, on_term);
    if (!error && argc > 3 && strcmp(argv[1], "fetch") == 0)
        error = drive_fetch(argc, argv);
    else if (!error && argc > 3 && strcmp(argv[1], "unpack") == 0)
        error = drive_unpack(argc, argv);
    else if (!error)
        error = error_new(ERROR_USAGE, "cache_fetch fetch|unpack ...");
    int code = driver_end(error);
    cancel_release(&driver_cancel);
    return code;
}

// ---- tests ----

static char root[512];
static Store *store;
static const char content[] = "the bytes of a source\n";

static void must(Error *error) {
    if (!error)
        return;
    Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    error_format(error, &text);
    error_free(error);
    fail_msg("%s", buf_cstr(&text));
}

// Frees the error after comparing its whole text, in which "$" stands for the test's directory.
static void expect_error(Error *error, ErrorKind kind, const char *want) {
    assert_non_null(error);
    AUTO_BUF Buf text, full;
    buf_init(&text, BUF_NO_LIMIT);
    buf_init(&full, BUF_NO_LIMIT);
    error_format(error, &text);
    for (const char *at = want; *at; at++)
        if (*at == '$')
            buf_add_cstr(&full, root);
        else
            buf_add_byte(&full, *at);
    assert_string_equal(buf_cstr(&text), buf_cstr(&full));
    assert_int_equal(error_kind(error), kind);
    error_free(error);
}

static char *in_root(const char *name) {
    static char path[4][1024];
    static unsigned turn;
    char *to = path[turn++ % 4];
    snprintf(to, 1024, "%s/%s", root, name);
    return to;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(in_root(name), "wb");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int set_up(void **state) {
    (void)state;
    const char *dir = getenv("TEST_DIR");
    snprintf(root, sizeof root, "%s/fetch.XXXXXX", dir ? dir : "/tmp");
    if (!mkdtemp(root))
        return -1;
    must(store_open(&(StoreOptions){.path = in_root("store")}, &store));
    write_file("source", content);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    store_close(store);
    store = NULL;
    Error *error = fd_remove_tree(AT_FDCWD, root);
    error_free(error);
    return 0;
}

static Hash content_hash(void) {
    return hash_bytes(str_from(content));
}

// No transfer can succeed in these tests: there is no worker.
static const FetchOptions no_network = {.worker_path = "/nonexistent/minimal-worker", .apt_dir = "/nonexistent"};

static Error *fetch_with(const FetchOptions *options, Hash sha256, const char *url, bool *downloaded) {
    Str item = str_from(url);
    int fd = -1;
    Error *error =
        fetch_source(store, options, &(FetchRequest){.urls = {&item, 1}, .sha256 = sha256}, NULL, &fd, downloaded);
    if (error) {
        assert_int_equal(fd, -1);
        return error;
    }
    char bytes[64] = "";
    assert_int_equal(read(fd, bytes, sizeof bytes), sizeof content - 1);
    assert_string_equal(bytes, content);
    assert_int_equal(write(fd, "x", 1), -1); // read-only
    close(fd);
    return NULL;
}

static void a_file_is_taken_once(void **state) {
    (void)state;
    char url[1200];
    bool downloaded = false;
    snprintf(url, sizeof url, "file://%s", in_root("source"));
    must(fetch_with(&no_network, content_hash(), url, &downloaded));
    assert_true(downloaded);
    assert_int_equal(unlink(in_root("source")), 0);
    must(fetch_with(&no_network, content_hash(), url, &downloaded));
    assert_false(downloaded);
    // What counts is the hash, whatever the URL.
    must(fetch_with(&no_network, content_hash(), "https://elsewhere.example/x", &downloaded));
    assert_false(downloaded);
}

static void a_file_with_escapes(void **state) {
    (void)state;
    char url[1200];
    write_file("a b%+~", content);
    snprintf(url, sizeof url, "file://localhost%s/a%%20b%%25+~", root);
    must(fetch_with(&no_network, content_hash(), url, NULL));
}

static void wrong_file_says_want_and_got(void **state) {
    (void)state;
    char url[1200];
    snprintf(url, sizeof url, "file://%s", in_root("source"));
    expect_error(fetch_with(&no_network, hash_bytes(STR("other")), url, NULL), ERROR_MISMATCH,
                 "cannot fetch file://$/source: content has another sha256: want "
                 "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, got "
                 "99af35e99a8ac57084071db0a6b9a2652a07ab8d18eae2d96660fa14e80b2648\n"
                 "hint: the file was changed where it comes from, or the spec pins another one; compare with what its "
                 "authors publish before changing the pin");
}

static void what_is_no_file_is_refused(void **state) {
    (void)state;
    char url[1200];
    assert_int_equal(mkfifo(in_root("pipe"), 0600), 0); // must not be waited for
    snprintf(url, sizeof url, "file://%s", in_root("pipe"));
    expect_error(fetch_with(&no_network, content_hash(), url, NULL), ERROR_INVALID,
                 "cannot fetch file://$/pipe: $/pipe is no regular file\n"
                 "hint: a file with this sha256 can be handed in: minimal cache add FILE");
    snprintf(url, sizeof url, "file://%s", in_root("nothing"));
    expect_error(fetch_with(&no_network, content_hash(), url, NULL), ERROR_SYSTEM,
                 "cannot fetch file://$/nothing: cannot open $/nothing: No such file or directory\n"
                 "hint: a file with this sha256 can be handed in: minimal cache add FILE");
    FetchOptions small = no_network;
    small.size_max_bytes = 5;
    snprintf(url, sizeof url, "file://%s", in_root("source"));
    expect_error(fetch_with(&small, content_hash(), url, NULL), ERROR_LIMIT,
                 "cannot fetch file://$/source: larger than the limit of 5 bytes\n"
                 "hint: a file with this sha256 can be handed in: minimal cache add FILE");
}

static void offline_names_what_is_missing(void **state) {
    (void)state;
    FetchOptions offline = no_network;
    offline.offline = true;
    expect_error(
        fetch_with(&offline, hash_bytes(STR("other")), "https://user:secret@h.example/x.tar?key=1", NULL),
        ERROR_NOT_FOUND,
        "https://h.example/x.tar?... (sha256 d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa) "
        "is not in the store, and --offline forbids to fetch it\n"
        "hint: run once without --offline, or hand the file in: minimal cache add FILE");
    // A file needs no network.
    char url[1200];
    snprintf(url, sizeof url, "file://%s", in_root("source"));
    must(fetch_with(&offline, content_hash(), url, NULL));
}

static void mirrors_come_in_order(void **state) {
    (void)state;
    assert_int_equal(mkdir(in_root("m"), 0755), 0);
    assert_int_equal(mkdir(in_root("m/pool"), 0755), 0);
    write_file("m/pool/x_1+2~3.deb", content);
    char absent[1200], present[1200];
    snprintf(absent, sizeof absent, "file://%s", in_root("nothing"));
    snprintf(present, sizeof present, "file://%s/", in_root("m"));
    Str bases[] = {str_from(absent), str_from(present)};
    FetchMirror mirror = {STR("own"), {bases, 2}};
    FetchOptions options = no_network;
    options.mirrors = &mirror;
    options.mirror_count = 1;
    must(fetch_with(&options, content_hash(), "mirror://own/pool/x_1+2~3.deb", NULL));
    expect_error(fetch_with(&options, hash_bytes(STR("other")), "mirror://own/pool/y", NULL), ERROR_SYSTEM,
                 "cannot fetch sha256 d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa from any of 2 "
                 "places: file://$/nothing/pool/y: cannot open $/nothing/pool/y: No such file or directory; "
                 "file://$/m/pool/y: cannot open $/m/pool/y: No such file or directory\n"
                 "hint: a file with this sha256 can be handed in: minimal cache add FILE");
}

static void an_unknown_mirror_says_where_to_declare_it(void **state) {
    (void)state;
    expect_error(
        fetch_with(&no_network, content_hash(), "mirror://nowhere/x", NULL), ERROR_NOT_FOUND,
        "cannot fetch mirror://nowhere/x: no mirror named \"nowhere\" is declared\n"
        "hint: declare it in the layer's minimal.toml or in ~/.config/minimal/config.toml: [mirrors] nowhere = "
        "[\"https://HOST/PATH\"]");
    expect_error(fetch_with(&no_network, content_hash(), "mirror://debian/x", NULL), ERROR_NOT_FOUND,
                 "cannot fetch mirror://debian/x: no mirror named \"debian\" is declared, and this host's apt sources "
                 "name none either\n"
                 "hint: declare it in the layer's minimal.toml or in ~/.config/minimal/config.toml: [mirrors] debian = "
                 "[\"https://HOST/PATH\"]");
    Str base = STR("mirror://own/y");
    FetchMirror mirror = {STR("own"), {&base, 1}};
    FetchOptions options = no_network;
    options.mirrors = &mirror;
    options.mirror_count = 1;
    expect_error(fetch_with(&options, content_hash(), "mirror://own/x", NULL), ERROR_INVALID,
                 "cannot fetch mirror://own/y: a base of a mirror cannot be a mirror:// URL\n"
                 "hint: a file with this sha256 can be handed in: minimal cache add FILE");
}

static void the_hosts_apt_sources_are_mirrors_of_debian(void **state) {
    (void)state;
    assert_int_equal(mkdir(in_root("apt"), 0755), 0);
    assert_int_equal(mkdir(in_root("debian"), 0755), 0);
    char text[2400], apt[1200];
    snprintf(text, sizeof text, "deb [arch=amd64] file:%s/debian bookworm main\n", root);
    write_file("apt/sources.list", text);
    write_file("debian/x", content);
    snprintf(apt, sizeof apt, "%s", in_root("apt"));
    FetchOptions options = no_network;
    options.apt_dir = apt;
    must(fetch_with(&options, content_hash(), "mirror://debian/x", NULL));
}

static void an_unknown_scheme_is_named(void **state) {
    (void)state;
    expect_error(fetch_with(&no_network, content_hash(), "ftp://h.example/x", NULL), ERROR_INVALID,
                 "cannot fetch ftp://h.example/x: bad URL: its scheme is not understood\n"
                 "hint: the schemes are https, http, file, gs and mirror");
}

static void a_missing_worker_is_named(void **state) {
    (void)state;
    expect_error(
        fetch_with(&no_network, content_hash(), "http://h.example/x", NULL), ERROR_SYSTEM,
        "cannot fetch http://h.example/x: cannot start /nonexistent/minimal-worker: No such file or directory\n"
        "hint: minimal-worker is installed together with minimal");
}

static void no_url_at_all(void **state) {
    (void)state;
    int fd = -1;
    expect_error(fetch_source(store, &no_network, &(FetchRequest){.sha256 = hash_bytes(STR("other"))}, NULL, &fd, NULL),
                 ERROR_INVALID,
                 "a source (sha256 d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa) without a URL");
}

typedef struct Racer {
    const char *url;
    bool downloaded, failed;
} Racer;

static void *race(void *argument) {
    Racer *racer = argument;
    Str item = str_from(racer->url);
    int fd = -1;
    Error *error = fetch_source(store, &no_network, &(FetchRequest){.urls = {&item, 1}, .sha256 = content_hash()}, NULL,
                                &fd, &racer->downloaded);
    racer->failed = error != NULL;
    error_free(error);
    fd_close(&fd);
    return NULL;
}

static void many_threads_fetch_once(void **state) {
    (void)state;
    char url[1200];
    snprintf(url, sizeof url, "file://%s", in_root("source"));
    pthread_t threads[8];
    Racer racers[8];
    unsigned downloads = 0;
    for (int i = 0; i < 8; i++) {
        racers[i] = (Racer){.url = url};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_false(racers[i].failed);
        downloads += racers[i].downloaded;
    }
    assert_int_equal(downloads, 1);
}

static void a_cancelled_fetch_says_so(void **state) {
    (void)state;
    Cancel cancel;
    must(cancel_init(&cancel));
    cancel_request(&cancel);
    Str item = STR("http://h.example/x");
    int fd = -1;
    Error *error = fetch_source(store, &no_network, &(FetchRequest){.urls = {&item, 1}, .sha256 = content_hash()},
                                &cancel, &fd, NULL);
    assert_non_null(error);
    assert_int_equal(error_kind(error), ERROR_INTERRUPTED);
    error_free(error);
    cancel_release(&cancel);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(int argc, char **argv) {
    if (argc > 1)
        return driver(argc, argv);
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_taken_once),
        TEST(a_file_with_escapes),
        TEST(wrong_file_says_want_and_got),
        TEST(what_is_no_file_is_refused),
        TEST(offline_names_what_is_missing),
        TEST(mirrors_come_in_order),
        TEST(an_unknown_mirror_says_where_to_declare_it),
        TEST(the_hosts_apt_sources_are_mirrors_of_debian),
        TEST(an_unknown_scheme_is_named),
        TEST(a_missing_worker_is_named),
        TEST(no_url_at_all),
        TEST(many_threads_fetch_once),
        TEST(a_cancelled_fetch_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

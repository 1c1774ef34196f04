// From a list of URLs and a hash to a verified file in the download store. Invariant: bytes leave here only through
// store_open_download, which hashes them by the descriptor that it hands out; where they came from decides nothing.
#include "cache/fetch.h"

#include "base/fd.h"
#include "base/vec.h"
#include "cache/apt.h"
#include "cache/transfer.h"
#include "cache/url.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PARTIAL_KEEP_S = 7 * 24 * 3600, CANDIDATES_MAX = 64 };
static const char staged_name[] = "content"; // appears in the store's message when the hash is wrong

typedef VEC(Url) Urls;

typedef struct Fetch {
    Store *store;
    const FetchOptions *options;
    const FetchRequest *request;
    Cancel *cancel;
    Arena *arena;
    Urls urls;
    Buf failures; // "URL: why; URL: why"
    unsigned failure_count;
    ErrorKind kind; // of the failure that says most
    Str skipped;    // the first URL that was left out because of --offline
    char *hint;     // the first that a failure had, owned
} Fetch;

// Takes the error; remembers it for the message that is given when no URL worked.
static void note_failure(Fetch *fetch, Str shown, Error *error) {
    AUTO_BUF Buf text;
    buf_init(&text, BUF_NO_LIMIT);
    for (const Error *link = error; link; link = error_cause(link))
        buf_printf(&text, "%s%s", link == error ? "" : ": ", error_text(link));
    if (fetch->failure_count)
        buf_add_cstr(&fetch->failures, "; ");
    buf_printf(&fetch->failures, "%.*s: %s", STR_ARG(shown), buf_cstr(&text));
    ErrorKind kind = error_kind(error);
    if (fetch->failure_count == 0 || kind == ERROR_MISMATCH ||
        (fetch->kind == ERROR_NOT_FOUND && kind != ERROR_NOT_FOUND))
        fetch->kind = fetch->kind == ERROR_MISMATCH ? ERROR_MISMATCH : kind;
    fetch->failure_count++;
    if (!fetch->hint && error_get_hint(error))
        fetch->hint = mem_strdup(error_get_hint(error));
    error_free(error);
}

// ---- which URLs ----

static void add_url(Fetch *fetch, Url url) {
    if (fetch->urls.count < CANDIDATES_MAX)
        vec_push(&fetch->urls, url);
}

static Error *add_base(Fetch *fetch, Str base, Str path) {
    Url url;
    Str joined = url_join(fetch->arena, base, path);
    TRY(url_parse(fetch->arena, joined, &url));
    if (url.scheme == URL_MIRROR)
        return error_new(ERROR_INVALID, "a base of a mirror cannot be a mirror:// URL");
    add_url(fetch, url);
    return NULL;
}

static void add_bases(Fetch *fetch, StrSlice bases, Str path) {
    for (size_t i = 0; i < bases.count; i++) {
        Error *error = add_base(fetch, bases.items[i], path);
        if (error)
            note_failure(fetch, url_show(fetch->arena, bases.items[i]), error);
    }
}

static Error *expand_mirror(Fetch *fetch, const Url *url) {
    size_t before = fetch->urls.count + fetch->failure_count;
    const FetchOptions *options = fetch->options;
    for (size_t i = 0; i < options->mirror_count; i++)
        if (str_eq(options->mirrors[i].name, url->mirror))
            add_bases(fetch, options->mirrors[i].bases, url->path);
    bool debian = str_is(url->mirror, "debian") || str_is(url->mirror, "debian-security");
    if (debian)
        add_bases(fetch, apt_bases(fetch->arena, options->apt_dir ? options->apt_dir : "/etc/apt", url->mirror),
                  url->path);
    if (fetch->urls.count + fetch->failure_count > before)
        return NULL;
    Error *error = error_new(ERROR_NOT_FOUND, "no mirror named \"%.*s\" is declared%s", STR_ARG(url->mirror),
                             debian ? ", and this host's apt sources name none either" : "");
    return error_hint(error,
                      "declare it in the layer's minimal.toml or in ~/.config/minimal/config.toml: "
                      "[mirrors] %.*s = [\"https://HOST/PATH\"]",
                      STR_ARG(url->mirror));
}

static void expand_urls(Fetch *fetch) {
    for (size_t i = 0; i < fetch->request->urls.count; i++) {
        Url url;
        Error *error = url_parse(fetch->arena, fetch->request->urls.items[i], &url);
        if (!error && url.scheme == URL_MIRROR)
            error = expand_mirror(fetch, &url);
        else if (!error)
            add_url(fetch, url);
        if (error)
            note_failure(fetch, url_show(fetch->arena, fetch->request->urls.items[i]), error);
    }
}

// ---- partial downloads ----

typedef struct Partial {
    int dirfd, fd;
    HashHex name;
} Partial;

static void partial_release(Partial *partial) {
    fd_close(&partial->fd);
    fd_close(&partial->dirfd);
}
#define AUTO_PARTIAL __attribute__((cleanup(partial_release)))

// Nobody comes back for one after a week. Whoever works on one has just written to it.
static void sweep_partials(int dirfd) {
    int own = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (own < 0)
        return;
    AUTO_DIR DIR *dir = fdopendir(own);
    if (!dir) {
        close(own);
        return;
    }
    time_t oldest = time(NULL) - PARTIAL_KEEP_S;
    for (struct dirent *entry; (entry = readdir(dir));) {
        Hash hash;
        struct stat st;
        if (hash_parse(str_from(entry->d_name), &hash) &&
            fstatat(dirfd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime < oldest)
            unlinkat(dirfd, entry->d_name, 0);
    }
}

static Error *partial_open_file(Partial *partial) {
    TRY(fd_open(partial->dirfd, partial->name.text, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600,
                &partial->fd));
    struct stat st;
    if (fstat(partial->fd, &st) < 0 || !S_ISREG(st.st_mode))
        return error_new(ERROR_INVALID, "partial/%s in the store is no file", partial->name.text);
    return NULL;
}

static Error *partial_open(Fetch *fetch, Partial *partial) {
    if (mkdirat(store_dirfd(fetch->store), "partial", 0700) < 0 && errno != EEXIST)
        return error_sys(errno, "cannot make the directory %s/partial", store_path(fetch->store));
    TRY(fd_open(store_dirfd(fetch->store), "partial", O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, &partial->dirfd));
    sweep_partials(partial->dirfd);
    partial->name = hash_hex(fetch->request->sha256);
    return partial_open_file(partial);
}

// Hands the file to the store, which believes its hash alone. The writable descriptor is closed before.
static Error *publish_partial(Fetch *fetch, Partial *partial) {
    AUTO_STAGING Staging *staging = NULL;
    TRY(staging_new(fetch->store, &staging));
    fd_close(&partial->fd);
    if (renameat(partial->dirfd, partial->name.text, staging_dirfd(staging), staged_name) < 0)
        return error_sys(errno, "cannot move a download within the store");
    return store_add_download(fetch->store, staging, staged_name, fetch->request->sha256);
}

// ---- one URL ----

static Error *from_network(Fetch *fetch, const Url *url) {
    AUTO_PARTIAL Partial partial = {.dirfd = -1, .fd = -1};
    TRY(partial_open(fetch, &partial));
    for (;;) {
        Transfer transfer = {
            .options = fetch->options,
            .url = url,
            .fd = partial.fd,
            .on_progress = fetch->request->on_progress,
            .context = fetch->request->context,
            .cancel = fetch->cancel,
        };
        bool resumed;
        TRY(transfer_run(&transfer, &resumed));
        Error *error = publish_partial(fetch, &partial);
        // Two versions may have been glued together: once more, from the beginning.
        if (!error || error_kind(error) != ERROR_MISMATCH || !resumed)
            return error;
        error_free(error);
        TRY(partial_open_file(&partial));
    }
}

static Error *from_file(Fetch *fetch, const Url *url) {
    AUTO_FD int from = -1, to = -1;
    AUTO_STAGING Staging *staging = NULL;
    struct stat st;
    uint64_t max = fetch->options->size_max_bytes ? fetch->options->size_max_bytes : 8ull << 30;
    TRY(fd_open(AT_FDCWD, url->path.ptr, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, &from));
    if (fstat(from, &st) < 0 || !S_ISREG(st.st_mode))
        return error_new(ERROR_INVALID, "%s is no regular file", url->path.ptr);
    if ((uint64_t)st.st_size > max)
        return error_new(ERROR_LIMIT, "larger than the limit of %llu bytes", (unsigned long long)max);
    TRY(staging_new(fetch->store, &staging));
    TRY(fd_open(staging_dirfd(staging), staged_name, O_WRONLY | O_CREAT | O_EXCL, 0600, &to));
    TRY(fd_copy(from, to));
    fd_close(&to);
    return store_add_download(fetch->store, staging, staged_name, fetch->request->sha256);
}

static Error *try_urls(Fetch *fetch, bool *done_out) {
    for (size_t i = 0; i < fetch->urls.count && !*done_out; i++) {
        const Url *url = &fetch->urls.items[i];
        if (fetch->options->offline && url->scheme != URL_FILE) {
            if (!fetch->skipped.ptr)
                fetch->skipped = url->shown;
            continue;
        }
        Error *error = url->scheme == URL_FILE ? from_file(fetch, url) : from_network(fetch, url);
        if (error && error_kind(error) == ERROR_INTERRUPTED)
            return error;
        if (error)
            note_failure(fetch, url->shown, error);
        *done_out = !error;
    }
    return NULL;
}

static Error *no_url_worked(Fetch *fetch) {
    HashHex hex = hash_hex(fetch->request->sha256);
    if (fetch->skipped.ptr) {
        Error *error =
            error_new(ERROR_NOT_FOUND, "%.*s (sha256 %s) is not in the store, and --offline forbids to fetch it%s%s",
                      STR_ARG(fetch->skipped), hex.text, fetch->failure_count ? "; " : "", buf_cstr(&fetch->failures));
        return error_hint(error, "run once without --offline, or hand the file in: minimal cache add FILE");
    }
    if (fetch->failure_count == 0)
        return error_new(ERROR_INVALID, "a source (sha256 %s) without a URL", hex.text);
    Error *error = fetch->failure_count == 1
                       ? error_new(fetch->kind, "cannot fetch %s", buf_cstr(&fetch->failures))
                       : error_new(fetch->kind, "cannot fetch sha256 %s from any of %u places: %s", hex.text,
                                   fetch->failure_count, buf_cstr(&fetch->failures));
    if (fetch->hint)
        return error_hint(error, "%s", fetch->hint);
    if (fetch->kind == ERROR_MISMATCH)
        return error_hint(error, "the file was changed where it comes from, or the spec pins another one; "
                                 "compare with what its authors publish before changing the pin");
    return error_hint(error, "a file with this sha256 can be handed in: minimal cache add FILE");
}

static Error *fetch_locked(Fetch *fetch, int *fd_out) {
    bool done = false;
    expand_urls(fetch);
    TRY(try_urls(fetch, &done));
    if (!done)
        return no_url_worked(fetch);
    TRY(store_open_download(fetch->store, fetch->request->sha256, fd_out));
    if (*fd_out < 0)
        return error_new(ERROR_MISMATCH, "a download vanished from the store right after it was put there");
    return NULL;
}

Error *fetch_source(Store *store, const FetchOptions *options, const FetchRequest *request, Cancel *cancel, int *fd_out,
                    bool *downloaded_out) {
    *fd_out = -1;
    if (downloaded_out)
        *downloaded_out = false;
    TRY(store_open_download(store, request->sha256, fd_out));
    if (*fd_out >= 0)
        return NULL;
    AUTO_FD int lock = -1;
    TRY(store_lock_key(store, request->sha256, cancel, &lock, NULL));
    TRY(store_open_download(store, request->sha256, fd_out)); // whoever had the lock may have fetched it
    if (*fd_out >= 0)
        return NULL;
    AUTO_ARENA Arena *arena = arena_new(0);
    Fetch fetch = {.store = store, .options = options, .request = request, .cancel = cancel, .arena = arena};
    buf_init(&fetch.failures, BUF_NO_LIMIT);
    Error *error = fetch_locked(&fetch, fd_out);
    vec_release(&fetch.urls);
    buf_release(&fetch.failures);
    free(fetch.hint);
    if (!error && downloaded_out)
        *downloaded_out = true;
    return error;
}

// libcurl, held to one transfer: we follow redirects ourselves, so that each hop passes our rules, and write the bytes
// ourselves, so that nothing but a good answer's body reaches the descriptor, beginning where it should.
#include "cache/worker/http.h"

#include "base/fd.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

enum {
    REDIRECTS_MAX = 5,
    HEADERS_MAX = 64 * 1024,
    RETRY_AFTER_MAX_S = 3600,
    SPEED_MIN = 100, // bytes a second
};

typedef struct Transfer {
    const WorkerFetch *request;
    const char *ca_file;
    int file_fd;
    Session *session;
    WorkerAnswer *how;
    char *url;    // of this hop; from curl_url_get
    bool trusted; // user and password may go to this hop: it has the first one's scheme, host and port
    // One hop's answer.
    long status;
    size_t header_bytes;
    char validator[PROTOCOL_VALIDATOR_MAX + 1]; // a strong ETag, else Last-Modified
    bool has_etag;
    bool has_range;
    uint64_t range_from, range_total; // of Content-Range; total 0: unknown
    uint64_t length;                  // Content-Length; 0: unknown
    Buf location;                     // of a redirect, as it was sent
    bool begun;                       // the body's first byte has its place
    uint64_t offset;                  // next byte of the file
    Error *error;                     // of a callback
} Transfer;

static Error *refuse(Transfer *transfer, uint8_t flags, Error *error) {
    transfer->how->flags = flags;
    return error;
}

// ---- URLs ----

static void url_cleanup(CURLU **url) {
    curl_url_cleanup(*url);
}
static void text_cleanup(char **text) {
    curl_free(*text);
}
#define AUTO_URL __attribute__((cleanup(url_cleanup)))
#define AUTO_TEXT __attribute__((cleanup(text_cleanup)))

static char *url_part(CURLU *url, CURLUPart part) {
    char *text = NULL;
    return curl_url_get(url, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK ? text : NULL;
}

static bool url_parts_equal(CURLU *a, CURLU *b, CURLUPart part) {
    AUTO_TEXT char *left = url_part(a, part);
    AUTO_TEXT char *right = url_part(b, part);
    return left && right && strcasecmp(left, right) == 0;
}

static bool same_origin(CURLU *a, CURLU *b) {
    return url_parts_equal(a, b, CURLUPART_SCHEME) && url_parts_equal(a, b, CURLUPART_HOST) &&
           url_parts_equal(a, b, CURLUPART_PORT);
}

static bool scheme_is(CURLU *url, const char *scheme) {
    AUTO_TEXT char *text = url_part(url, CURLUPART_SCHEME);
    return text && strcasecmp(text, scheme) == 0;
}

// Where to, for a message: no user, no query (it may be a signature that grants access).
static void add_shown_url(Buf *out, CURLU *url) {
    AUTO_TEXT char *scheme = url_part(url, CURLUPART_SCHEME);
    AUTO_TEXT char *host = url_part(url, CURLUPART_HOST);
    AUTO_TEXT char *path = url_part(url, CURLUPART_PATH);
    buf_printf(out, "%s://%s%s", scheme ? scheme : "?", host ? host : "", path ? path : "");
}

static Error *parse_url(const char *text, CURLU **out) {
    CURLU *url = curl_url();
    if (!url)
        return error_new(ERROR_SYSTEM, "no memory for a URL");
    *out = url;
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER);
    return code == CURLUE_OK ? NULL : error_new(ERROR_INVALID, "bad URL: %s", curl_url_strerror(code));
}

// ---- headers ----

static Str header_value(Str line) {
    ptrdiff_t colon = str_find_byte(line, ':');
    return colon < 0 ? STR_NULL : str_trim(str_slice(line, (size_t)colon + 1, line.len));
}

static bool header_is(Str line, const char *name) {
    size_t len = strlen(name);
    return line.len > len && line.ptr[len] == ':' && strncasecmp(line.ptr, name, len) == 0;
}

static void take_validator(Transfer *transfer, Str value, bool is_etag) {
    bool weak = is_etag && (value.len < 2 || value.ptr[0] != '"');
    if (weak || value.len > PROTOCOL_VALIDATOR_MAX || (transfer->has_etag && !is_etag))
        return;
    for (size_t i = 0; i < value.len; i++)
        if ((unsigned char)value.ptr[i] < 0x20)
            return;
    memcpy(transfer->validator, value.ptr, value.len);
    transfer->validator[value.len] = '\0';
    transfer->has_etag = is_etag;
}

// RFC 9110, 14.4: "bytes 100-199/1000", the last part perhaps "*".
static void take_content_range(Transfer *transfer, Str value) {
    Str rest = value, unit, from, to;
    uint64_t last;
    transfer->has_range = false;
    if (!str_cut(&rest, ' ', &unit) || unit.len != 5 || strncasecmp(unit.ptr, "bytes", 5) != 0)
        return;
    if (!str_cut(&rest, '-', &from) || !str_cut(&rest, '/', &to) || !rest.ptr)
        return;
    if (!str_parse_u64(from, &transfer->range_from) || !str_parse_u64(to, &last) || last < transfer->range_from)
        return;
    if (!str_parse_u64(rest, &transfer->range_total) && !str_is(rest, "*"))
        return;
    transfer->has_range = true;
}

static void begin_answer(Transfer *transfer) {
    transfer->validator[0] = '\0';
    transfer->has_etag = transfer->has_range = false;
    transfer->length = transfer->range_total = 0;
    transfer->how->retry_after_s = 0;
    buf_clear(&transfer->location);
}

static void take_location(Transfer *transfer, Str value) {
    buf_clear(&transfer->location);
    if (str_find_byte(value, '\0') < 0)
        buf_add_str(&transfer->location, value);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *context) {
    Transfer *transfer = context;
    size_t len = size * count;
    transfer->header_bytes += len;
    if (transfer->header_bytes > HEADERS_MAX) {
        if (!transfer->error)
            transfer->error = error_new(ERROR_LIMIT, "the server sent more than %d bytes of headers", HEADERS_MAX);
        return 0;
    }
    Str line = {bytes, len};
    uint64_t number;
    if (str_starts_with(line, STR("HTTP/")))
        begin_answer(transfer);
    else if (header_is(line, "ETag"))
        take_validator(transfer, header_value(line), true);
    else if (header_is(line, "Last-Modified"))
        take_validator(transfer, header_value(line), false);
    else if (header_is(line, "Location"))
        take_location(transfer, header_value(line));
    else if (header_is(line, "Content-Range"))
        take_content_range(transfer, header_value(line));
    else if (header_is(line, "Content-Length") && str_parse_u64(header_value(line), &number))
        transfer->length = number;
    else if (header_is(line, "Retry-After") && str_parse_u64(header_value(line), &number))
        transfer->how->retry_after_s = (uint32_t)(number < RETRY_AFTER_MAX_S ? number : RETRY_AFTER_MAX_S);
    return len;
}

// ---- the body ----

static Error *too_large(const Transfer *transfer) {
    return error_new(ERROR_LIMIT, "larger than the limit of %llu bytes",
                     (unsigned long long)transfer->request->size_max);
}

// Decides where the body begins, once its headers are known, and tells the parent.
static Error *begin_body(Transfer *transfer) {
    const WorkerFetch *request = transfer->request;
    transfer->begun = true;
    transfer->offset = 0;
    uint64_t total = transfer->length;
    if (transfer->status == 206) {
        if (!transfer->has_range || transfer->range_from != request->resume_from || request->resume_from == 0)
            return refuse(transfer, FAILED_AGAIN | FAILED_RESTART,
                          error_new(ERROR_NETWORK, "the server sent another part than it was asked for"));
        transfer->offset = request->resume_from;
        total = transfer->range_total;
    }
    if (total > request->size_max)
        return refuse(transfer, 0, too_large(transfer));
    if (ftruncate(transfer->file_fd, (off_t)transfer->offset) < 0)
        return error_sys(errno, "cannot write the download");
    WorkerAnswer head = {
        .type = MESSAGE_HEAD, .a = transfer->offset, .b = total, .validator = str_from(transfer->validator)};
    if (!session_answer(transfer->session, &head))
        return error_new(ERROR_INTERRUPTED, "nobody waits for this download");
    return NULL;
}

static Error *write_body(Transfer *transfer, const char *bytes, size_t len) {
    if (!transfer->begun)
        TRY(begin_body(transfer));
    if (len > transfer->request->size_max - transfer->offset)
        return refuse(transfer, 0, too_large(transfer));
    while (len > 0) {
        ssize_t done = pwrite(transfer->file_fd, bytes, len, (off_t)transfer->offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_sys(errno, "cannot write the download");
        bytes += done;
        len -= (size_t)done;
        transfer->offset += (uint64_t)done;
    }
    return NULL;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
    Transfer *transfer = context;
    size_t len = size * count;
    if (transfer->status != 200 && transfer->status != 206)
        return 0; // an error page or a redirect's text: not worth its bytes; the status says what happened
    if (!transfer->error)
        transfer->error = write_body(transfer, bytes, len);
    return transfer->error ? 0 : len;
}

// libcurl knows the status before it hands out the first byte of a body.
static size_t on_body_with_status(char *bytes, size_t size, size_t count, void *context) {
    CURL *easy = context;
    Transfer *transfer = NULL;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &transfer->status);
    return on_body(bytes, size, count, transfer);
}

// ---- one hop ----

static curl_socket_t on_socket(void *context, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)context;
    (void)purpose;
    if (address->family != AF_INET && address->family != AF_INET6)
        return CURL_SOCKET_BAD;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

typedef struct Options {
    CURL *easy;
    CURLcode code; // the first that was not OK
} Options;

static void set_long(Options *options, CURLoption option, long value) {
    if (options->code == CURLE_OK)
        options->code = curl_easy_setopt(options->easy, option, value);
}
static void set_text(Options *options, CURLoption option, const char *value) {
    if (options->code == CURLE_OK)
        options->code = curl_easy_setopt(options->easy, option, value);
}

static CURLcode set_rules(Transfer *transfer, CURL *easy) {
    const WorkerFetch *request = transfer->request;
    long stall_s = request->stall_s ? (long)request->stall_s : 30;
    Options options = {easy, CURLE_OK};
    set_text(&options, CURLOPT_PROTOCOLS_STR, "http,https");
    set_long(&options, CURLOPT_FOLLOWLOCATION, 0);
    set_long(&options, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_long(&options, CURLOPT_HTTP_CONTENT_DECODING, 0);
    set_long(&options, CURLOPT_HTTP_TRANSFER_DECODING, 1);
    set_long(&options, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_long(&options, CURLOPT_SSL_VERIFYPEER, 1);
    set_long(&options, CURLOPT_SSL_VERIFYHOST, 2);
    set_text(&options, CURLOPT_CAINFO, *transfer->ca_file ? transfer->ca_file : NULL);
    set_text(&options, CURLOPT_CAPATH, NULL);
    set_long(&options, CURLOPT_NETRC, CURL_NETRC_IGNORED);
    set_text(&options, CURLOPT_PROXY, request->proxy.len ? request->proxy.ptr : "");
    set_text(&options, CURLOPT_NOPROXY, "");
    set_long(&options, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
    set_long(&options, CURLOPT_UNRESTRICTED_AUTH, 0);
    set_long(&options, CURLOPT_NOSIGNAL, 1);
    set_long(&options, CURLOPT_CONNECTTIMEOUT, stall_s);
    set_long(&options, CURLOPT_LOW_SPEED_LIMIT, SPEED_MIN);
    set_long(&options, CURLOPT_LOW_SPEED_TIME, stall_s);
    set_text(&options, CURLOPT_USERAGENT, "minimal/" MINIMAL_VERSION);
    set_text(&options, CURLOPT_URL, transfer->url);
    if (transfer->trusted && request->secret.len) {
        set_text(&options, CURLOPT_USERPWD, request->secret.ptr);
        set_long(&options, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    }
    if (options.code == CURLE_OK)
        options.code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    if (options.code == CURLE_OK)
        options.code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    if (options.code == CURLE_OK)
        options.code = curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    if (options.code == CURLE_OK)
        options.code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body_with_status);
    if (options.code == CURLE_OK)
        options.code = curl_easy_setopt(easy, CURLOPT_WRITEDATA, easy);
    if (options.code == CURLE_OK)
        options.code = curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    return options.code;
}

static CURLcode set_range(const WorkerFetch *request, CURL *easy, struct curl_slist **headers) {
    if (request->resume_from == 0)
        return CURLE_OK;
    AUTO_BUF Buf line;
    buf_init(&line, BUF_NO_LIMIT);
    buf_printf(&line, "Range: bytes=%llu-", (unsigned long long)request->resume_from);
    struct curl_slist *list = curl_slist_append(NULL, buf_cstr(&line));
    if (list && request->validator.len) {
        *headers = list;
        buf_clear(&line);
        buf_printf(&line, "If-Range: %.*s", STR_ARG(request->validator));
        list = curl_slist_append(list, buf_cstr(&line));
    }
    if (!list)
        return CURLE_OUT_OF_MEMORY;
    *headers = list;
    return curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
}

// Drives one transfer to its end; the parent's death, and its wish for signs of life, are seen in between.
static CURLcode drive(Transfer *transfer, CURLM *multi) {
    struct curl_waitfd parent = {.fd = (curl_socket_t)transfer->session->sock, .events = CURL_WAIT_POLLIN};
    for (int running = 1;;) {
        CURLMcode code = curl_multi_perform(multi, &running);
        if (code != CURLM_OK)
            return CURLE_FAILED_INIT;
        if (!running)
            break;
        if (!session_progress(transfer->session, transfer->offset, 0) ||
            curl_multi_poll(multi, &parent, 1, 200, NULL) != CURLM_OK || (parent.revents & CURL_WAIT_POLLIN))
            return CURLE_ABORTED_BY_CALLBACK; // nothing ever comes on the socket but its end
    }
    int left;
    CURLMsg *message = curl_multi_info_read(multi, &left);
    return message ? message->data.result : CURLE_FAILED_INIT;
}

static bool may_help_again(CURLcode code) {
    switch ((int)code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_AGAIN:
        return true;
    default:
        return false;
    }
}

static Error *curl_error(Transfer *transfer, CURLcode code, const char *detail) {
    Error *error = transfer->error;
    transfer->error = NULL;
    if (error)
        return error;
    transfer->how->flags = may_help_again(code) ? FAILED_AGAIN : 0;
    const char *text = *detail ? detail : curl_easy_strerror(code);
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_new(ERROR_INTERRUPTED, "nobody waits for this download");
    if (code == CURLE_OPERATION_TIMEDOUT)
        return error_new(ERROR_TIMEOUT, "next to nothing was received for %u s", transfer->request->stall_s);
    if (code == CURLE_PEER_FAILED_VERIFICATION && !*transfer->ca_file)
        return error_new(ERROR_DENIED, "no certificates to verify the server with: install ca-certificates");
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        return error_new(ERROR_DENIED, "the server's certificate does not verify: %s", text);
    return error_new(ERROR_NETWORK, "%s", text);
}

static bool status_redirects(long status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

static Error *status_error(Transfer *transfer) {
    long status = transfer->status;
    bool again = status == 408 || status == 425 || status == 429 || (status >= 500 && status <= 599);
    transfer->how->http_status = (uint16_t)(status > 0 && status < 1000 ? status : 0);
    if (status == 416)
        return refuse(transfer, FAILED_AGAIN | FAILED_RESTART,
                      error_new(ERROR_NETWORK, "the server has nothing after what was received before"));
    return refuse(transfer, again ? FAILED_AGAIN : 0,
                  error_new(status == 404 || status == 410 ? ERROR_NOT_FOUND : ERROR_NETWORK,
                            "the server answered %ld%s", status,
                            status == 404   ? " (not found)"
                            : status == 403 ? " (forbidden)"
                            : status == 401 ? " (unauthorised)"
                            : status == 429 ? " (too many requests)"
                                            : ""));
}

// The next hop, if our rules allow it. What Location says may be relative to where we are (RFC 9110, 10.2.2).
static Error *follow(Transfer *transfer) {
    if (transfer->location.overflow)
        return error_new(ERROR_LIMIT, "redirected to a URL longer than %d bytes", PROTOCOL_URL_MAX);
    if (transfer->location.len == 0)
        return error_new(ERROR_NETWORK, "the server answered %ld without saying where to", transfer->status);
    AUTO_URL CURLU *from_url = NULL;
    AUTO_URL CURLU *to_url = NULL;
    AUTO_BUF Buf shown;
    buf_init(&shown, BUF_NO_LIMIT);
    TRY(parse_url(transfer->url, &from_url));
    TRY(parse_url(transfer->url, &to_url));
    CURLUcode code = curl_url_set(to_url, CURLUPART_URL, buf_cstr(&transfer->location),
                                  CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE);
    if (code != CURLUE_OK)
        return error_new(ERROR_NETWORK, "redirected to a bad URL: %s", curl_url_strerror(code));
    add_shown_url(&shown, to_url);
    bool secure = scheme_is(to_url, "https");
    if (!secure && !scheme_is(to_url, "http"))
        return error_new(ERROR_DENIED, "refused to follow a redirect to %s: only http and https are followed",
                         buf_cstr(&shown));
    if (!secure && scheme_is(from_url, "https"))
        return error_new(ERROR_DENIED, "refused to follow a redirect from https down to %s", buf_cstr(&shown));
    transfer->trusted = transfer->trusted && same_origin(from_url, to_url);
    char *next = NULL;
    if (curl_url_get(to_url, CURLUPART_URL, &next, 0) != CURLUE_OK)
        return error_new(ERROR_NETWORK, "redirected to a bad URL");
    curl_free(transfer->url);
    transfer->url = next;
    return NULL;
}

static Error *finish_hop(Transfer *transfer, CURL *easy, CURLcode code, const char *detail, bool *more_out) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->status = status;
    if (transfer->error || (code != CURLE_OK && code != CURLE_WRITE_ERROR))
        return curl_error(transfer, code, detail);
    if (status_redirects(status)) {
        *more_out = true;
        return follow(transfer);
    }
    if (status != 200 && status != 206)
        return status_error(transfer);
    if (code != CURLE_OK)
        return curl_error(transfer, code, detail);
    return transfer->begun ? NULL : begin_body(transfer); // an empty file
}

static Error *one_hop(Transfer *transfer, CURLM *multi, bool *more_out) {
    CURL *easy = curl_easy_init();
    if (!easy)
        return error_new(ERROR_SYSTEM, "no memory for a transfer");
    char detail[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = NULL;
    transfer->header_bytes = 0;
    transfer->status = 0;
    *more_out = false;
    CURLcode code = set_rules(transfer, easy);
    if (code == CURLE_OK)
        code = curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, detail);
    if (code == CURLE_OK)
        code = set_range(transfer->request, easy, &headers);
    if (code == CURLE_OK && curl_multi_add_handle(multi, easy) != CURLM_OK)
        code = CURLE_FAILED_INIT;
    if (code == CURLE_OK)
        code = drive(transfer, multi);
    Error *error = finish_hop(transfer, easy, code, detail, more_out);
    curl_multi_remove_handle(multi, easy);
    curl_easy_cleanup(easy);
    curl_slist_free_all(headers);
    return error;
}

// ---- the transfer ----

Error *http_prepare(const WorkerFetch *request, const char **ca_file_out) {
    static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                          "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
    *ca_file_out = request->ca_file.len ? request->ca_file.ptr : "";
    for (size_t i = 0; i < ARRAY_LEN(bundles) && !**ca_file_out; i++)
        if (access(bundles[i], R_OK) == 0)
            *ca_file_out = bundles[i];
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return error_new(ERROR_SYSTEM, "cannot initialise libcurl");
    return NULL;
}

Error *http_fetch(const WorkerFetch *request, const char *ca_file, int file_fd, Session *session, WorkerAnswer *how_out,
                  uint64_t *size_out) {
    Transfer transfer = {.request = request,
                         .ca_file = ca_file,
                         .file_fd = file_fd,
                         .session = session,
                         .how = how_out,
                         .trusted = true,
                         .offset = request->resume_from};
    buf_init(&transfer.location, PROTOCOL_URL_MAX);
    AUTO_URL CURLU *first = NULL;
    TRY(parse_url(request->url.ptr, &first));
    if (!scheme_is(first, "http") && !scheme_is(first, "https"))
        return error_new(ERROR_DENIED, "only http and https are fetched");
    if (curl_url_get(first, CURLUPART_URL, &transfer.url, 0) != CURLUE_OK)
        return error_new(ERROR_INVALID, "bad URL");
    CURLM *multi = curl_multi_init();
    if (!multi)
        return error_new(ERROR_SYSTEM, "no memory for a transfer");
    Error *error = NULL;
    bool more = true;
    for (unsigned hop = 0; !error && more; hop++) {
        if (hop > REDIRECTS_MAX)
            error = error_new(ERROR_NETWORK, "more than %d redirects", REDIRECTS_MAX);
        else
            error = one_hop(&transfer, multi, &more);
    }
    curl_multi_cleanup(multi);
    curl_free(transfer.url);
    buf_release(&transfer.location);
    error_free(transfer.error);
    *size_out = transfer.offset;
    return error;
}

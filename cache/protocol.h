// What minimal and minimal-worker say to each other (docs/worker.md): one request, then answers, one message per
// packet.
//
// Both programs include this and nothing else of each other, so all of it is inline. A decoder never reads past the
// message, accepts one encoding for each value, and hands out views into the message it was given.
#ifndef CACHE_PROTOCOL_H
#define CACHE_PROTOCOL_H

#include "base/buf.h"
#include "base/error.h"

#define PROTOCOL_MAGIC 0x314b574du // "MWK1"
enum {
    PROTOCOL_VERSION = 1,
    PROTOCOL_MESSAGE_MAX = 32 * 1024,
    PROTOCOL_URL_MAX = 8192,
    PROTOCOL_SECRET_MAX = 1024,
    PROTOCOL_PROXY_MAX = 1024,
    PROTOCOL_PATH_MAX = 4096,
    PROTOCOL_VALIDATOR_MAX = 512,
    PROTOCOL_TEXT_MAX = 4096,
    PROTOCOL_HINT_MAX = 1024,
};
// Descriptors that the worker starts with, besides 0, 1 and 2.
enum { WORKER_FD_SOCKET = 3, WORKER_FD_FILE = 4, WORKER_FD_DIR = 5 };

typedef enum MessageType {
    MESSAGE_FETCH = 1,
    MESSAGE_UNPACK = 2,
    MESSAGE_HEAD = 16,
    MESSAGE_PROGRESS = 17,
    MESSAGE_DONE = 18,
    MESSAGE_FAILED = 19,
} MessageType;

enum { FAILED_AGAIN = 1, FAILED_RESTART = 2 }; // flags of MESSAGE_FAILED

typedef struct WorkerFetch {
    Str url, secret, proxy, ca_file, validator;
    uint64_t resume_from, size_max;
    uint32_t stall_s;
} WorkerFetch;

typedef struct WorkerUnpack {
    uint8_t kind; // 0 tar or zip, 1 deb
    bool has_strip_prefix;
    Str strip_prefix;
    uint64_t size_max, entries_max;
} WorkerUnpack;

typedef struct WorkerRequest {
    MessageType type; // MESSAGE_FETCH or MESSAGE_UNPACK
    WorkerFetch fetch;
    WorkerUnpack unpack;
} WorkerRequest;

typedef struct WorkerAnswer {
    MessageType type;
    uint64_t a, b;  // head: offset, total; progress: done, total; done: see docs/worker.md
    Str validator;  // of head
    ErrorKind kind; // of failed, and what follows
    uint32_t errno_value;
    uint8_t flags;
    uint16_t http_status;
    uint32_t retry_after_s;
    Str text, hint;
} WorkerAnswer;

// ---- writing ----

static inline void protocol_begin(Buf *out, MessageType type) {
    buf_clear(out);
    buf_add_u32(out, PROTOCOL_MAGIC);
    buf_add_u8(out, PROTOCOL_VERSION & 0xff);
    buf_add_u8(out, PROTOCOL_VERSION >> 8);
    buf_add_u8(out, (uint8_t)type);
}

static inline void protocol_add_str(Buf *out, Str s) {
    buf_add_u32(out, (uint32_t)s.len);
    buf_add_str(out, s);
}

static inline Str protocol_cut(Str s, size_t max) {
    return s.len > max ? str_slice(s, 0, max) : s;
}

static inline void protocol_add_request(Buf *out, const WorkerRequest *request) {
    protocol_begin(out, request->type);
    if (request->type == MESSAGE_FETCH) {
        const WorkerFetch *fetch = &request->fetch;
        protocol_add_str(out, fetch->url);
        protocol_add_str(out, fetch->secret);
        protocol_add_str(out, fetch->proxy);
        protocol_add_str(out, fetch->ca_file);
        protocol_add_str(out, fetch->validator);
        buf_add_u64(out, fetch->resume_from);
        buf_add_u64(out, fetch->size_max);
        buf_add_u32(out, fetch->stall_s);
        return;
    }
    const WorkerUnpack *unpack = &request->unpack;
    buf_add_u8(out, unpack->kind);
    buf_add_u8(out, unpack->has_strip_prefix);
    protocol_add_str(out, unpack->strip_prefix);
    buf_add_u64(out, unpack->size_max);
    buf_add_u64(out, unpack->entries_max);
}

static inline void protocol_add_answer(Buf *out, const WorkerAnswer *answer) {
    protocol_begin(out, answer->type);
    if (answer->type == MESSAGE_FAILED) {
        buf_add_u8(out, (uint8_t)answer->kind);
        buf_add_u32(out, answer->errno_value);
        buf_add_u8(out, answer->flags);
        buf_add_u8(out, (uint8_t)(answer->http_status & 0xff));
        buf_add_u8(out, (uint8_t)(answer->http_status >> 8));
        buf_add_u32(out, answer->retry_after_s);
        protocol_add_str(out, protocol_cut(answer->text, PROTOCOL_TEXT_MAX));
        protocol_add_str(out, protocol_cut(answer->hint, PROTOCOL_HINT_MAX));
        return;
    }
    buf_add_u64(out, answer->a);
    buf_add_u64(out, answer->b);
    if (answer->type == MESSAGE_HEAD)
        protocol_add_str(out, answer->validator);
}

// ---- reading ----

typedef struct ProtocolReader {
    const unsigned char *at, *end;
    bool bad; // something was missing or out of range; what was read since is zero
} ProtocolReader;

static inline uint64_t protocol_take(ProtocolReader *in, unsigned size) {
    uint64_t value = 0;
    if (in->bad || (size_t)(in->end - in->at) < size) {
        in->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)in->at[i] << (8 * i);
    in->at += size;
    return value;
}

static inline bool protocol_take_bool(ProtocolReader *in) {
    uint64_t value = protocol_take(in, 1);
    in->bad = in->bad || value > 1;
    return value == 1;
}

// A string that goes into a C string somewhere: no NUL inside.
static inline Str protocol_take_str(ProtocolReader *in, size_t max) {
    uint64_t len = protocol_take(in, 4);
    if (in->bad || len > max || len > (size_t)(in->end - in->at) || (len && memchr(in->at, 0, len))) {
        in->bad = true;
        return STR_NULL;
    }
    Str s = {(const char *)in->at, len};
    in->at += len;
    return s;
}

static inline ProtocolReader protocol_open(Str message, MessageType *type_out) {
    ProtocolReader in = {(const unsigned char *)message.ptr, NULL, message.ptr == NULL};
    in.end = in.bad ? in.at : in.at + message.len;
    in.bad = in.bad || message.len > PROTOCOL_MESSAGE_MAX;
    if (protocol_take(&in, 4) != PROTOCOL_MAGIC || protocol_take(&in, 2) != PROTOCOL_VERSION)
        in.bad = true;
    *type_out = (MessageType)protocol_take(&in, 1);
    return in;
}

// False when the message is no request of this version.
static inline bool protocol_read_request(Str message, WorkerRequest *out) {
    *out = (WorkerRequest){0};
    ProtocolReader in = protocol_open(message, &out->type);
    if (out->type == MESSAGE_FETCH) {
        WorkerFetch *fetch = &out->fetch;
        fetch->url = protocol_take_str(&in, PROTOCOL_URL_MAX);
        fetch->secret = protocol_take_str(&in, PROTOCOL_SECRET_MAX);
        fetch->proxy = protocol_take_str(&in, PROTOCOL_PROXY_MAX);
        fetch->ca_file = protocol_take_str(&in, PROTOCOL_PATH_MAX);
        fetch->validator = protocol_take_str(&in, PROTOCOL_VALIDATOR_MAX);
        fetch->resume_from = protocol_take(&in, 8);
        fetch->size_max = protocol_take(&in, 8);
        fetch->stall_s = (uint32_t)protocol_take(&in, 4);
    } else if (out->type == MESSAGE_UNPACK) {
        WorkerUnpack *unpack = &out->unpack;
        unpack->kind = (uint8_t)protocol_take_bool(&in);
        unpack->has_strip_prefix = protocol_take_bool(&in);
        unpack->strip_prefix = protocol_take_str(&in, PROTOCOL_PATH_MAX);
        unpack->size_max = protocol_take(&in, 8);
        unpack->entries_max = protocol_take(&in, 8);
    } else
        return false;
    return !in.bad && in.at == in.end;
}

// False when the message is no answer of this version.
static inline bool protocol_read_answer(Str message, WorkerAnswer *out) {
    *out = (WorkerAnswer){0};
    ProtocolReader in = protocol_open(message, &out->type);
    if (out->type == MESSAGE_FAILED) {
        uint64_t kind = protocol_take(&in, 1);
        in.bad = in.bad || kind >= ERROR_KIND_COUNT;
        out->kind = in.bad ? ERROR_SYSTEM : (ErrorKind)kind;
        out->errno_value = (uint32_t)protocol_take(&in, 4);
        out->flags = (uint8_t)protocol_take(&in, 1);
        out->http_status = (uint16_t)protocol_take(&in, 2);
        out->retry_after_s = (uint32_t)protocol_take(&in, 4);
        out->text = protocol_take_str(&in, PROTOCOL_TEXT_MAX);
        out->hint = protocol_take_str(&in, PROTOCOL_HINT_MAX);
        in.bad = in.bad || out->errno_value > 4095 || out->flags > (FAILED_AGAIN | FAILED_RESTART);
    } else if (out->type == MESSAGE_HEAD || out->type == MESSAGE_PROGRESS || out->type == MESSAGE_DONE) {
        out->a = protocol_take(&in, 8);
        out->b = protocol_take(&in, 8);
        if (out->type == MESSAGE_HEAD)
            out->validator = protocol_take_str(&in, PROTOCOL_VALIDATOR_MAX);
    } else
        return false;
    return !in.bad && in.at == in.end;
}

#endif

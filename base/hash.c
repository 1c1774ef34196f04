#include "base/hash.h"

#include <errno.h>
#include <nettle/sha2.h>
#include <unistd.h>

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(((Hasher *)0)->state), "Hasher is too small");

static struct sha256_ctx *context(Hasher *hasher) {
    return (struct sha256_ctx *)(void *)hasher->state;
}

void hasher_init(Hasher *hasher) {
    sha256_init(context(hasher));
}

void hasher_add(Hasher *hasher, const void *bytes, size_t len) {
    sha256_update(context(hasher), len, bytes);
}

Hash hasher_end(Hasher *hasher) {
    Hash hash;
    sha256_digest(context(hasher), HASH_SIZE, hash.bytes);
    return hash;
}

Hash hash_bytes(Str bytes) {
    Hasher hasher;
    hasher_init(&hasher);
    hasher_add(&hasher, bytes.ptr, bytes.len);
    return hasher_end(&hasher);
}

Error *hash_fd(int fd, Hash *hash_out, uint64_t *size_out) {
    enum { STEP = 64 * 1024 };
    unsigned char bytes[STEP];
    Hasher hasher;
    uint64_t size = 0;
    hasher_init(&hasher);
    for (;;) {
        ssize_t got = read(fd, bytes, sizeof bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_sys(errno, "cannot read");
        if (got == 0)
            break;
        hasher_add(&hasher, bytes, (size_t)got);
        size += (uint64_t)got;
    }
    *hash_out = hasher_end(&hasher);
    if (size_out)
        *size_out = size;
    return NULL;
}

bool hash_eq(Hash a, Hash b) {
    return memcmp(a.bytes, b.bytes, HASH_SIZE) == 0;
}

int hash_compare(Hash a, Hash b) {
    return memcmp(a.bytes, b.bytes, HASH_SIZE);
}

HashHex hash_hex(Hash hash) {
    static const char digits[] = "0123456789abcdef";
    HashHex hex;
    for (size_t i = 0; i < HASH_SIZE; i++) {
        hex.text[2 * i] = digits[hash.bytes[i] >> 4];
        hex.text[2 * i + 1] = digits[hash.bytes[i] & 15];
    }
    hex.text[HASH_HEX_LEN] = '\0';
    return hex;
}

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool hash_parse(Str hex, Hash *out) {
    if (hex.len != HASH_HEX_LEN)
        return false;
    for (size_t i = 0; i < HASH_SIZE; i++) {
        int high = hex_value(hex.ptr[2 * i]), low = hex_value(hex.ptr[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out->bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

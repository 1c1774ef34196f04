// SHA-256 (FIPS 180-4): the only hash that decides identity. Nettle computes it: the smallest library with the
// processor's own instructions, so that a start pays next to nothing for it.
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/error.h"

enum { HASH_SIZE = 32, HASH_HEX_LEN = 64 };

typedef struct Hash {
    uint8_t bytes[HASH_SIZE];
} Hash;

typedef struct Hasher {
    _Alignas(8) unsigned char state[128]; // nettle's struct sha256_ctx, checked to fit in hash.c
} Hasher;

void hasher_init(Hasher *hasher);
void hasher_add(Hasher *hasher, const void *bytes, size_t len);
Hash hasher_end(Hasher *hasher);

Hash hash_bytes(Str bytes);
// The rest of fd from its current offset; *size_out (may be NULL) is the number of bytes read.
MUST_CHECK Error *hash_fd(int fd, Hash *hash_out, uint64_t *size_out);

bool hash_eq(Hash a, Hash b);
int hash_compare(Hash a, Hash b);
// Lower-case hex, NUL-terminated.
typedef struct HashHex {
    char text[HASH_HEX_LEN + 1];
} HashHex;
HashHex hash_hex(Hash hash);
// 64 hex digits in either case; false on anything else.
bool hash_parse(Str hex, Hash *out);

#endif

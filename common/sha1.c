#include "common/sha1.h"

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define BLOCK 64

static inline uint32_t rotate(uint32_t word, int bits)
{
    return word << bits | word >> (32 - bits);
}

/* The five variables rotate by name instead of by assignment. */
#define ROUND(a, b, c, d, e, choice, constant, word)                                                                   \
    do {                                                                                                               \
        (e) += rotate(a, 5) + (choice) + (constant) + (word);                                                          \
        (b) = rotate(b, 30);                                                                                           \
    } while (0)
#define FIVE(a, b, c, d, e, FUNCTION, constant, t)                                                                     \
    do {                                                                                                               \
        ROUND(a, b, c, d, e, FUNCTION(b, c, d), constant, w[t]);                                                       \
        ROUND(e, a, b, c, d, FUNCTION(a, b, c), constant, w[(t) + 1]);                                                 \
        ROUND(d, e, a, b, c, FUNCTION(e, a, b), constant, w[(t) + 2]);                                                 \
        ROUND(c, d, e, a, b, FUNCTION(d, e, a), constant, w[(t) + 3]);                                                 \
        ROUND(b, c, d, e, a, FUNCTION(c, d, e), constant, w[(t) + 4]);                                                 \
    } while (0)

#define CHOOSE(x, y, z)   ((z) ^ ((x) & ((y) ^ (z))))
#define PARITY(x, y, z)   ((x) ^ (y) ^ (z))
#define MAJORITY(x, y, z) (((x) & (y)) | ((z) & ((x) | (y))))

static void mix(uint32_t state[5], const unsigned char block[BLOCK])
{
    uint32_t w[80], a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    memcpy(w, block, BLOCK);
    for (int t = 0; t < 16; t++)
        w[t] = be32toh(w[t]);
    for (int t = 16; t < 80; t++)
        w[t] = rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
    for (int t = 0; t < 20; t += 5)
        FIVE(a, b, c, d, e, CHOOSE, 0x5a827999, t);
    for (int t = 20; t < 40; t += 5)
        FIVE(a, b, c, d, e, PARITY, 0x6ed9eba1, t);
    for (int t = 40; t < 60; t += 5)
        FIVE(a, b, c, d, e, MAJORITY, 0x8f1bbcdc, t);
    for (int t = 60; t < 80; t += 5)
        FIVE(a, b, c, d, e, PARITY, 0xca62c1d6, t);
    state[0] += a;
    state[1] += b;
    state[2] += c;
    state[3] += d;
    state[4] += e;
}

struct sha1 {
    uint32_t state[5];
    unsigned char block[BLOCK];
    size_t used; /* of the block */
};

static void add(struct sha1 *sum, struct span bytes)
{
    while (bytes.length > 0) {
        const size_t room = BLOCK - sum->used, some = bytes.length < room ? bytes.length : room;
        memcpy(sum->block + sum->used, bytes.at, some);
        bytes = span_from(bytes, some);
        sum->used += some;
        if (sum->used < BLOCK)
            return;
        mix(sum->state, sum->block);
        sum->used = 0;
    }
}

void sha1(struct span first, struct span second, unsigned char digest[SHA1_BYTES])
{
    struct sha1 sum = {.state = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
    const uint64_t bits = htobe64(8 * (uint64_t)(first.length + second.length));
    add(&sum, first);
    add(&sum, second);
    sum.block[sum.used++] = 0x80;
    if (sum.used > BLOCK - sizeof(bits)) {
        memset(sum.block + sum.used, 0, BLOCK - sum.used);
        mix(sum.state, sum.block);
        sum.used = 0;
    }
    memset(sum.block + sum.used, 0, BLOCK - sizeof(bits) - sum.used);
    memcpy(sum.block + BLOCK - sizeof(bits), &bits, sizeof(bits));
    mix(sum.state, sum.block);
    for (int i = 0; i < 5; i++) {
        const uint32_t word = htobe32(sum.state[i]);
        memcpy(digest + 4 * i, &word, sizeof(word));
    }
}

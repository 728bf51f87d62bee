/* sha1: SHA-1 (FIPS 180-4) of a short text, by OpenSSL, for name-based UUIDs. libuuid's takes three times as long, and
 * each command has one. SHA-1 protects nothing here. */
#ifndef COMMON_SHA1_H
#define COMMON_SHA1_H

#include <stddef.h>

#define SHA1_BYTES 20
#define SHA1_BLOCK 64
/* What a text takes with the standard's padding: a bit, and its length in 8 bytes. */
#define SHA1_PADDED(length) (((length) + 1 + 8 + SHA1_BLOCK - 1) / SHA1_BLOCK * SHA1_BLOCK)

/* The digest of the first `length` bytes of `text`, which has room for SHA1_PADDED(length): the padding is written
 * behind them. */
void sha1(char *text, size_t length, unsigned char digest[SHA1_BYTES]);

#endif

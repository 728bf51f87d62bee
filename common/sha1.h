/* sha1: SHA-1 (FIPS 180-4) of a short text, by OpenSSL, for name-based UUIDs. libuuid's takes three times as long, and
 * each command has one. SHA-1 protects nothing here. */
#ifndef COMMON_SHA1_H
#define COMMON_SHA1_H

#include "common/span.h"

#define SHA1_BYTES 20

/* The digest of `first` followed by `second`, as if they were one text. */
void sha1(struct span first, struct span second, unsigned char digest[SHA1_BYTES]);

#endif

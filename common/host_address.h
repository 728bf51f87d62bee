/* host_address: IPv4 and IPv6 addresses as text. */
#ifndef COMMON_HOST_ADDRESS_H
#define COMMON_HOST_ADDRESS_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

#define IPV6_GROUPS     8
#define IPV6_TEXT_BYTES 45 /* the longest form: six groups of four digits, and the decimal tail */

/* True for four decimal numbers of 0 to 255 without leading zeros (RFC 3986, §3.2.2, dec-octet). */
bool ipv4_is_valid(struct span text);

/* Reads an IPv6 address (RFC 4291, §2.2): groups of one to four hexadecimal digits, one "::" for one or more zero
 * groups, and possibly an IPv4 address in place of the last two groups. No zone, no prefix length. */
MUST_CHECK bool ipv6_read(struct span text, uint16_t groups[IPV6_GROUPS]);

/* Writes the address by RFC 5952 and returns its length, at most IPV6_TEXT_BYTES. No NUL. */
size_t ipv6_write(const uint16_t groups[IPV6_GROUPS], char *text);

#endif

/* host: the domain of an email address or the host of a URL, checked and normalized.
 *
 * ASCII names are checked and lowered here. Names with other letters, and labels that begin with xn--, go through
 * libidn2, which allocates; nothing else here does. */
#ifndef COMMON_HOST_H
#define COMMON_HOST_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

#define HOST_NAME_BYTES  253 /* longest name as text: RFC 1035's 255 octets without the root's and one length octet */
#define HOST_LABEL_BYTES 63  /* RFC 1035, §2.3.4 */

enum host_fault {
    HOST_OK,
    HOST_EMPTY,        /* nothing there */
    HOST_EMPTY_LABEL,  /* a dot at an end, or two in a row */
    HOST_CHARACTER,    /* something other than letters, digits and hyphens between the dots */
    HOST_HYPHEN,       /* a label begins or ends with a hyphen */
    HOST_LABEL_LENGTH, /* a label is longer than 63 bytes */
    HOST_NAME_LENGTH,  /* the name is longer than 253 bytes */
    HOST_INVISIBLE,    /* a label holds, or decodes to, an invisible character: see host.invisible */
    HOST_IDN,          /* a label is not valid under IDNA 2008, or its xn-- form belongs to no valid label */
    HOST_NUMBER,       /* the last label is a number, and the whole is not an IPv4 address */
    HOST_IPV6          /* the text in brackets is not an IPv6 address */
};

/* A normalized host, as a copy. */
struct host {
    char text[HOST_NAME_BYTES + 1];
    size_t length;
    unsigned labels;    /* of a name; 0 for an address */
    uint32_t invisible; /* with HOST_INVISIBLE: the first invisible code point */
};

/* Reads a host name: labels of ASCII letters, digits and inner hyphens (RFC 952, RFC 1123, "STD3"), or of Unicode
 * letters under IDNA 2008 (RFC 5890 to 5894) with UTS #46's non-transitional mapping. The mapping lowers case,
 * composes (NFC) and takes U+3002, U+FF0E and U+FF61 for dots. *host gets the name in lower case, with A-labels
 * (xn--) for Unicode labels. An A-label, given or made, must belong to a label that could be registered: it decodes,
 * every character is allowed in its context (RFC 5892), and it encodes back to itself. If one label is written from
 * right to left, every label follows RFC 5893's rule. An ASCII label with another -- in positions 3 and 4 passes.
 * The last label is not a number (digits only, or 0x and hexadecimal digits), so that no reader takes the name for
 * an address. A dot at the end is refused.
 *
 * U+1E9E becomes U+00DF, as in UTS #46 since Unicode 15.1; libidn2 has the older mapping to "ss", which is another
 * name. Characters that UTS #46 drops (Default_Ignorable_Code_Point, UAX #44) are HOST_INVISIBLE. So are U+200C and
 * U+200D, except where RFC 5892's appendix A allows them: there they distinguish names.
 *
 * Unless the result is HOST_OK, only `invisible` of *host is specified, and only with HOST_INVISIBLE. */
MUST_CHECK enum host_fault host_read_name(struct span text, struct host *host);

/* Reads the host of a URL (RFC 3986, §3.2.2): an IPv6 address in brackets, without zone; an IPv4 address, four
 * decimal numbers of 0 to 255 without leading zeros; or a name as above. One dot, the root's, may follow a name and
 * is kept, since it changes the query of a resolver. IPv6 is written by RFC 5952: lower case, no leading zeros, "::"
 * for the longest run of two or more zero groups (the first of equals), an IPv4-mapped address with its decimal
 * tail. */
MUST_CHECK enum host_fault host_read(struct span text, struct host *host);

/* What is wrong, as a predicate for messages: "is longer than 253 bytes". Static. */
const char *host_fault_text(enum host_fault fault);

#endif

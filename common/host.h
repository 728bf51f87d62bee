/* host: what may stand behind the @ of an email address or in a URL, and how it should be written.
 *
 * Names of ASCII letters are judged and lowered by hand. Names with other letters, and labels that begin with xn--, go
 * through libidn2, which allocates; nothing else here does. */
#ifndef COMMON_HOST_H
#define COMMON_HOST_H

#include <stdint.h>

#include "common/span.h"

#define HOST_NAME_BYTES  253 /* longest name as text: RFC 1035's 255 octets without the root's and a length's */
#define HOST_LABEL_BYTES 63  /* RFC 1035, §2.3.4 */

enum host_fault {
    HOST_OK,
    HOST_EMPTY,        /* nothing there */
    HOST_EMPTY_LABEL,  /* a dot at an end, or two in a row */
    HOST_CHARACTER,    /* something else than letters, digits and hyphens between the dots */
    HOST_HYPHEN,       /* a label begins or ends with a hyphen */
    HOST_LABEL_LENGTH, /* a label is longer than 63 bytes */
    HOST_NAME_LENGTH,  /* the name is longer than 253 bytes */
    HOST_INVISIBLE,    /* a label holds, or decodes to, a character that is not shown: see host.invisible */
    HOST_IDN,          /* a label is not valid under IDNA 2008, or its xn-- form is not that of any valid label */
    HOST_NUMBER,       /* the last label is a number, and the whole is not an IPv4 address */
    HOST_IPV6          /* brackets around something that is not an IPv6 address */
};

/* A host as it should be written, its own copy. */
struct host {
    char text[HOST_NAME_BYTES + 1];
    size_t length;
    unsigned labels;    /* of a name; 0 for an address */
    uint32_t invisible; /* with HOST_INVISIBLE: the first code point that is not shown */
};

/* Reads a host name: labels of ASCII letters, digits and inner hyphens (RFC 952, RFC 1123, "STD3"), or of Unicode
 * letters under IDNA 2008 (RFC 5890 to 5894) by way of UTS #46's non-transitional mapping, which lowers case, composes
 * (NFC) and takes U+3002, U+FF0E and U+FF61 for dots. *host holds the name in lower case, A-labels (xn--) for the
 * Unicode ones. An A-label, given or made, must be that of a label that could be registered: it decodes, every
 * character is allowed in its context (RFC 5892), and it encodes back to itself. In a name with a label written from
 * right to left, every label follows RFC 5893's rule. An ASCII label with another -- in places 3 and 4 passes. The last
 * label is no number (digits only, or 0x and hexadecimal digits), so that nothing takes the name for an address. No dot
 * at the end.
 *
 * U+1E9E is U+00DF, as in UTS #46 since Unicode 15.1; libidn2 has the older mapping, to "ss", which is another name.
 * What UTS #46 drops, a character of Default_Ignorable_Code_Point (UAX #44), is HOST_INVISIBLE. U+200C and U+200D are
 * so too, but where RFC 5892's appendix A lets them stand: there they tell one name from another.
 *
 * Of *host only `invisible`, with HOST_INVISIBLE, is specified unless HOST_OK is returned. */
enum host_fault host_read_name(struct span text, struct host *host);

/* Reads the host of a URL (RFC 3986, §3.2.2): an IPv6 address in brackets, without zone; an IPv4 address, four decimal
 * numbers of 0 to 255 without leading zeros; or a name as above, after which one dot, the root's, may stand and is
 * kept, since it changes what a resolver asks for. IPv6 is written by RFC 5952: lower case, no leading zeros, the
 * longest (of equals the first) run of two zero groups or more as "::", an IPv4-mapped address with its decimal tail.
 */
enum host_fault host_read(struct span text, struct host *host);

/* What is wrong, for messages, to follow a subject: "is longer than 253 bytes". Static. */
const char *host_fault_text(enum host_fault fault);

#endif

/* url: normalizes absolute http and https URLs.
 *
 * It is stricter than a browser: a browser repairs a URL, and a repair is a guess, so such a URL is refused. A URL
 * that may be written in several ways (RFC 3986, §6.2.2 and §6.2.3) is written in the WHATWG URL standard's way, but
 * every byte that RFC 3986 does not allow is percent-encoded. */
#ifndef COMMON_URL_H
#define COMMON_URL_H

#include "common/arena.h"
#include "common/host.h"
#include "common/must_check.h"
#include "common/span.h"

#define URL_BYTES       2048 /* longest normalized URL */
#define URL_INPUT_BYTES 8192 /* longest input: dot segments and Unicode host names may make it shorter */

enum url_fault_code {
    URL_OK,
    URL_INPUT_LENGTH, /* longer than URL_INPUT_BYTES */
    URL_LENGTH,       /* longer than URL_BYTES after normalization */
    URL_CONTROL,      /* holds a control character */
    URL_OUTER_SPACE,  /* White_Space before or after it */
    URL_NO_SCHEME,    /* does not begin with a scheme and a colon */
    URL_SCHEME,       /* a scheme other than http and https */
    URL_SLASHES,      /* no two slashes after the scheme, or more than two */
    URL_BACKSLASH,    /* a backslash in host or path, which browsers take for a slash */
    URL_CREDENTIALS,  /* an @ in the authority, with or without a name before it */
    URL_PORT,         /* not a decimal number up to 65535 */
    URL_HOST          /* see `host` */
};

struct url_fault {
    enum url_fault_code code;
    enum host_fault host; /* the reason, if the code is URL_HOST */
    uint32_t invisible;   /* with HOST_INVISIBLE: the code point */
};

/* Reads `text`, which is valid UTF-8. Returns true with *normal, the normalized URL, which is `text` itself if
 * nothing changes and is otherwise in the arena; or false with *fault filled. Normalization is idempotent.
 *
 * - Scheme and host become lower case; host_read writes the host. Percent-encoding in a host is refused.
 * - A port loses leading zeros; an empty port and the scheme's default (80, 443) are removed.
 * - An empty path becomes "/". The segments "." and ".." are resolved, also when their dots are written %2e; empty
 *   segments stay.
 * - "%" and two hexadecimal digits stay unchanged; another "%" becomes "%25". Bytes that RFC 3986 does not allow in
 *   path, query or fragment, and all bytes beyond ASCII, become "%" and two upper-case digits.
 * - An empty query ("?") or fragment ("#") stays: it is not the same as none. */
MUST_CHECK bool url_normalize(struct span text, struct arena *arena, struct span *normal, struct url_fault *fault);

#endif

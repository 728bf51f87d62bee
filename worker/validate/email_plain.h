/* email_plain: recognizes addresses that are normal already, in one pass and without a call. */
#ifndef WORKER_VALIDATE_EMAIL_PLAIN_H
#define WORKER_VALIDATE_EMAIL_PLAIN_H

#include "common/span.h"

#define LOCAL_PART_BYTES 64 /* RFC 5321, §4.5.3.1.1 */

/* RFC 5322's atext. */
extern const bool email_atom_bytes[256];

/* True if `text` is an address that email_normalize (field.h) accepts and keeps as it is: before the @ atoms with
 * single dots between them, after it lower-case letters and digits with single dots and hyphens between them, in two
 * labels or more, of which the last begins with a letter. Most addresses are. False says nothing: the address may have
 * capitals or other letters in its domain, white space around it, or be long, and still be valid. */
bool email_is_plain(struct span text);

#endif

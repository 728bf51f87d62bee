/* quote: a value as it may stand in a message: in double quotes, short, on one line. */
#ifndef WORKER_QUOTE_H
#define WORKER_QUOTE_H

#include "common/arena.h"
#include "common/span.h"

#define QUOTE_BYTES 64                    /* of a value, at most */
#define QUOTE_SIZE  (QUOTE_BYTES * 6 + 6) /* with every byte a \u escape, the quotes, "..." and a final NUL */

/* At most QUOTE_BYTES bytes of `value`, cut at a character and ended by "..." if cut, controls as \u escapes, in double
 * quotes. Bytes that are not UTF-8 come out as U+FFFD. */
void quote_write(struct span value, char quote[QUOTE_SIZE]);

/* The same in the arena. */
const char *quote_new(struct span value, struct arena *arena);

/* True if `bytes` are UTF-8 (RFC 3629). */
bool text_is_utf8(struct span bytes);

#endif

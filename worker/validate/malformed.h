/* malformed: what a value that is not JSON is, and what would be right. */
#ifndef WORKER_VALIDATE_MALFORMED_H
#define WORKER_VALIDATE_MALFORMED_H

#include "common/json.h"

/* The message for `value`, as it came, which json_parse refused with *fault; in the arena or static. It tells the byte,
 * and names byte-order marks, what begins like a binary or another text format, and the usual slips of hand-made JSON.
 */
struct span malformed_message(struct span value, const struct json_fault *fault, struct arena *arena);

#endif

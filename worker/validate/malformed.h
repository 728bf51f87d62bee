/* malformed: messages for values that are not JSON: what they are, and what would be right. */
#ifndef WORKER_VALIDATE_MALFORMED_H
#define WORKER_VALIDATE_MALFORMED_H

#include "common/json.h"

/* The message for `value`, unchanged bytes that json_parse refused with *fault; in the arena or static. It gives the
 * byte position, and names byte-order marks, beginnings of binary and other text formats, and the usual slips of
 * hand-made JSON. */
struct span malformed_message(struct span value, const struct json_fault *fault, struct arena *arena);

#endif

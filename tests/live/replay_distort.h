/* replay_distort: replies as another version of the program may have written them. */
#ifndef TESTS_LIVE_REPLAY_DISTORT_H
#define TESTS_LIVE_REPLAY_DISTORT_H

#include <stdint.h>

/* The reply with another value or other errors, or accepted and rejected exchanged, as `index` chooses. `topic` may be
 * NULL; otherwise its source is the command at the same place of that topic. New. */
char *reply_distorted(const char *reply, uint64_t index, const char *topic);

#endif

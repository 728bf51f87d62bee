/* replay_reply: the recorded replies of a planned history, from what `client-intake validate` decides of each command.
 */
#ifndef TESTS_LIVE_REPLAY_REPLY_H
#define TESTS_LIVE_REPLAY_REPLY_H

#include "tests/live/replay_plan.h"
#include "tests/live/replay_sink.h"

struct replier;

struct replier *replier_new(const struct plan *plan, struct sink *sink, const char *command_topic);

/* Sends the replies to a command that stands at this offset. `decided` is the line of `validate`, or NULL. */
void replier_answer(struct replier *replier, uint64_t index, const struct planned *planned, int64_t offset,
                    const char *decided);

/* Sends the late ones. */
void replier_close(struct replier *replier);

#endif

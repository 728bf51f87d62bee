/* misnumbered_batch: tells whether the messages of a batch of the log are in their places, and finds the end of a batch
 * that has messages with wrong offsets (worker/source/source_misnumbered.c tells how that can be, and does the same for
 * the group). It reads single batches of the log again, by a consumer of its own. */
#ifndef WORKER_REPLAY_MISNUMBERED_BATCH_H
#define WORKER_REPLAY_MISNUMBERED_BATCH_H

#include "worker/kafka/log_mark.h"
#include "worker/replay/batch_search.h"
#include "worker/replay/history_client.h"
#include "worker/source/batch_reader.h"
#include "worker/source/parse_probe.h"

struct misnumbered_batch {
    const struct config *config;
    const char *topic;
    struct history_client *client; /* borrowed, to ask where the log begins and ends */
    struct batch_reader *reader;   /* NULL: to be opened */
    struct parse_probe *probe;     /* NULL: to be opened */
    int32_t partition;
    struct batch_search search;
    struct log_mark last; /* of the batch that is searched */
};

/* Prepares an unused one. `config`, `topic` and `client` must outlive it. */
void misnumbered_batch_init(struct misnumbered_batch *batch, const struct config *config, const char *topic,
                            struct history_client *client);
void misnumbered_batch_close(struct misnumbered_batch *batch);

/* Turns to another topic, which must outlive it. */
void misnumbered_batch_turn(struct misnumbered_batch *batch, const char *topic);

/* Is the message in its place: does the log, read again at its offset, have it there? One that was deleted meanwhile
 * counts as in its place. */
enum message_place { MESSAGE_UNKNOWN, MESSAGE_IN_PLACE, MESSAGE_MISPLACED };
MUST_CHECK enum message_place misnumbered_batch_find(struct misnumbered_batch *batch, int32_t partition,
                                                     const struct log_mark *mark);

/* The same, and is the last message of its batch in its place? So a batch that begins with right offsets and ends with
 * wrong ones is misplaced. */
MUST_CHECK enum message_place misnumbered_batch_verify(struct misnumbered_batch *batch, int32_t partition,
                                                       const struct log_mark *mark);

/* Begins the search for the end of the batch that has the offset `from`; it ends at `limit`. */
void misnumbered_batch_begin(struct misnumbered_batch *batch, int32_t partition, int64_t from, int64_t limit);

/* Takes one step of the search, which takes some milliseconds. */
MUST_CHECK enum batch_finding misnumbered_batch_step(struct misnumbered_batch *batch);

#endif

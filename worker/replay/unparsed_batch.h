/* unparsed_batch: finds messages that librdkafka cannot parse, of which it tells nobody (worker/source/parse_probe.h).
 * A reader that has had no sign of life for a while looks at the place where it is. (source_unparsed.c does the same
 * for the group.) */
#ifndef WORKER_REPLAY_UNPARSED_BATCH_H
#define WORKER_REPLAY_UNPARSED_BATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/source/parse_range.h"

struct unparsed_batch {
    struct parse_probe *probe; /* opened by the first look */
    const struct config *config;
    const char *topic;
    int32_t partition;
    int64_t from, passed;     /* where the last look was, and how far it came, so that the next one there goes on */
    struct parse_range range; /* of the last look that found some */
    int64_t looked_ms;        /* when the last look ended that found nothing; 0: the last one found some */
    int64_t found_ms;         /* when the last look found some; 0: never */
};

/* Prepares an unused one. `config` and `topic` must outlive it. */
void unparsed_batch_init(struct unparsed_batch *batch, const struct config *config, const char *topic);
void unparsed_batch_close(struct unparsed_batch *batch);

/* Turns to another topic. What is known of the one before is forgotten: its places are none of the other. */
void unparsed_batch_turn(struct unparsed_batch *batch, const char *topic);

/* True if it is time for a look: `heard_ms` was the last sign of life. */
MUST_CHECK bool unparsed_batch_is_due(const struct unparsed_batch *batch, int64_t heard_ms);

/* True if there is no message at `offset` that librdkafka can parse, nor at those behind it up to range.first, and that
 * one cannot be parsed. Takes up to two seconds, and the next look at the place goes on. */
MUST_CHECK bool unparsed_batch_look(struct unparsed_batch *batch, int32_t partition, int64_t offset);

/* Takes a step of the search for the end of the range. True once range.behind is it. Takes up to a second, or as long
 * as a batch takes to decompress. */
MUST_CHECK bool unparsed_batch_step(struct unparsed_batch *batch);

#endif

/* rebuild_waits: tells in the log what a reading of the record topic waits for, while it lasts. */
#ifndef WORKER_INDEX_REBUILD_WAITS_H
#define WORKER_INDEX_REBUILD_WAITS_H

#include "common/log.h"
#include "worker/kafka/topic_reader.h"

struct rebuild_waits {
    const char *topic;        /* borrowed */
    struct log_fault held_up; /* by an open transaction */
    struct log_fault still;   /* nothing comes of the topic */
};

struct rebuild_waits rebuild_waits_begin(const char *topic);

/* Call after each message, and while none comes. */
void rebuild_waits_look(struct rebuild_waits *waits, const struct topic_reader *reader);

/* The reading has ended, in whatever way. */
void rebuild_waits_end(struct rebuild_waits *waits);

#endif

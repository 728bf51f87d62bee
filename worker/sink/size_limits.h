/* size_limits: the message sizes that topics have refused. Each try of a transaction reports few of the messages that
 * are too large, so without this knowledge a batch with many of them would take many tries.
 *
 * If a topic has refused a size lately, a reply begins in a smaller form. The size is forgotten after a minute, since
 * the topic's limit may have been raised. During the present batch, a message of a refused size counts as refused
 * itself. */
#ifndef WORKER_SINK_SIZE_LIMITS_H
#define WORKER_SINK_SIZE_LIMITS_H

#include <stdint.h>

#include "common/span.h"

#define SIZE_LIMITS_TOPICS  16    /* known at once; the oldest is replaced */
#define SIZE_LIMITS_KEEP_MS 60000 /* after the first refusal */
#define TOPIC_NAME_BYTES    250   /* Kafka's 249 characters, and a zero */

struct size_limits {
    struct size_limit {
        char topic[TOPIC_NAME_BYTES]; /* "": not in use */
        size_t refused_bytes;         /* the smallest message that the topic has refused */
        size_t batch_bytes;           /* the same since size_limits_begin_batch; SIZE_MAX: none */
        int64_t learned_ms;
    } topics[SIZE_LIMITS_TOPICS];
};

/* A batch begins. */
void size_limits_begin_batch(struct size_limits *limits);

/* The topic has refused a message of `bytes` bytes. `now_ms` comes from a monotonic clock. */
void size_limits_learn(struct size_limits *limits, const char *topic, size_t bytes, int64_t now_ms);

/* The smallest message that the topic has refused lately; SIZE_MAX: none. */
size_t size_limits_get(const struct size_limits *limits, const char *topic, int64_t now_ms);

/* The smallest message that the topic has refused since the batch began; SIZE_MAX: none. */
size_t size_limits_in_batch(const struct size_limits *limits, const char *topic);

/* True if nothing was ever learned. */
bool size_limits_is_empty(const struct size_limits *limits);

#endif

/* topic_table: the reply topics that exist, by name, built from a cluster's answers. Pure.
 *
 * An answer may come from a broker that has just started and knows little yet. So if an answer lacks a known topic, or
 * a leader of one of its partitions, the topic is kept for a moment. Its replies then wait, as all others do during a
 * broker's restart, and are not sent elsewhere. */
#ifndef WORKER_SINK_TOPIC_TABLE_H
#define WORKER_SINK_TOPIC_TABLE_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/kafka/marker_limits.h"
#include "worker/sink/trials.h"

#define TOPIC_GONE_MS       2000  /* how long a topic is kept that answers lack */
#define TOPIC_LEADERLESS_MS 10000 /* how long a topic is kept while one of its partitions has no leader */

/* What is known of a topic's settings. Zero: nothing. */
struct topic_settings {
    int64_t asked_ms;          /* when they were last asked for, answered or not; 0: never */
    bool is_wanted;            /* a command has named the topic since then */
    struct marker_limit limit; /* by the last answer, what may refuse the end of a transaction */
};

struct topic_entry {
    char *name;
    int32_t partitions;            /* 0: the topic cannot be used */
    int64_t doubted_ms;            /* since when answers lack the topic or a leader; 0: they lack neither */
    struct topic_standing any;     /* whether the topic accepts replies */
    struct topic_standing keyless; /* whether the topic accepts replies without a key */
    struct topic_settings settings;
};

struct topic_table {
    struct topic_entry *entries; /* sorted by name after topic_table_settle */
    size_t count, capacity;
};

/* An empty table with room for `capacity` topics of an answer and all topics of an older table. False when out of
 * memory.
 */
MUST_CHECK bool topic_table_open(struct topic_table *table, size_t capacity, const struct topic_table *older);
void topic_table_close(struct topic_table *table);

/* Adds a topic of the answer. `partitions` is 0 if one of them has no leader. False when out of memory. */
MUST_CHECK bool topic_table_add(struct topic_table *table, const char *name, int32_t partitions);

/* Call when the answer is complete. Moves what `older` knows besides into the table, and empties `older`. True if a
 * topic is doubtful, so the cluster should be asked again soon. Times are CLOCK_MONOTONIC. */
MUST_CHECK bool topic_table_settle(struct topic_table *table, struct topic_table *older, int64_t now_ms);

/* The entry, or NULL. topic_table_settle must have been called. */
struct topic_entry *topic_table_find(const struct topic_table *table, struct span name);

#endif

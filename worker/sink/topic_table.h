/* topic_table: the reply topics that there are, by name, as a cluster's answers tell it. Pure.
 *
 * An answer may be given by a broker that has just started and knows little yet. So a topic that was there stays for a
 * moment when an answer lacks it, or a leader of one of its partitions: replies for it wait then, as all others do
 * while a broker is restarted, and are not sent elsewhere. */
#ifndef WORKER_SINK_TOPIC_TABLE_H
#define WORKER_SINK_TOPIC_TABLE_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

#define TOPIC_GONE_MS       2000  /* it stays so long when answers lack it */
#define TOPIC_LEADERLESS_MS 10000 /* and so long when a partition has no leader */

struct topic_entry {
    char *name;
    int32_t partitions;       /* 0: it cannot be used */
    int64_t doubted_ms;       /* since when answers lack it or a leader; 0: they do not */
    int64_t shunned_until_ms; /* it did not take a reply; 0, or in the past: it may be used */
    int64_t keyed_until_ms;   /* it did not take a reply without a key; 0, or in the past: it may */
};

struct topic_table {
    struct topic_entry *entries; /* once settled, sorted by name */
    size_t count, capacity;
};

/* An empty table with room for `capacity` topics of an answer and all of an older table. False when out of memory. */
MUST_CHECK bool topic_table_open(struct topic_table *table, size_t capacity, const struct topic_table *older);
void topic_table_close(struct topic_table *table);

/* A topic of the answer; partitions 0: one of them has no leader. False when out of memory. */
MUST_CHECK bool topic_table_add(struct topic_table *table, const char *name, int32_t partitions);

/* The answer is complete: takes over from `older`, which is emptied, what is known besides. True if a topic is in
 * doubt, so that the cluster should be asked again soon. Times are CLOCK_MONOTONIC. */
MUST_CHECK bool topic_table_settle(struct topic_table *table, struct topic_table *older, int64_t now_ms);

/* The entry, or NULL. Of a settled table. */
struct topic_entry *topic_table_find(const struct topic_table *table, struct span name);

#endif

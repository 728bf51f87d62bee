/* redis_record_topic: which record topic the index in a Redis database comes from. A whole rebuild removes the clients
 * that its own record topic does not have. So the index carries the name of its record topic (RECORD_TOPIC_KEY), and a
 * program with another record topic neither claims nor rebuilds there.
 *
 * The name alone counts: topics of one name in two Kafka clusters are not told apart. */
#ifndef WORKER_REDIS_REDIS_RECORD_TOPIC_H
#define WORKER_REDIS_REDIS_RECORD_TOPIC_H

#include <hiredis/hiredis.h>
#include <stddef.h>

#include "worker/redis/redis_keys.h"

#define RECORD_TOPIC_LENGTH 249                                   /* Kafka's longest name of a topic */
#define RECORD_TOPIC_READ   "GETRANGE " RECORD_TOPIC_KEY " 0 249" /* for redisCommand; one byte more than the longest */

/* Room for the text of redis_record_topic_compare with the longest names. */
#define RECORD_TOPIC_TEXT_BYTES 768

enum record_topic_finding {
    RECORD_TOPIC_OURS,
    RECORD_TOPIC_NONE, /* no name yet (empty, or written by an earlier version), or what cannot be the name of a topic
                        */
    RECORD_TOPIC_OTHER
};

/* Compares the reply to RECORD_TOPIC_READ with our record topic. `text` becomes "", or, for RECORD_TOPIC_OTHER, whose
 * the database is and what to do about it. */
enum record_topic_finding redis_record_topic_compare(const redisReply *reply, const char *ours,
                                                     char text[RECORD_TOPIC_TEXT_BYTES]);

#endif

/* reply_address: the reply topic and partition that a command's headers request. Pure; reply_topics.h answers
 * whether such a topic exists, and how many partitions it has.
 *
 * The headers that name a topic or a partition, in this order: Spring for Apache Kafka and NestJS, our own,
 * SmallRye. The first one with a value that is not empty counts, even if it cannot be used: its sender would not
 * find a reply in a second choice, any more than in the default topic. */
#ifndef WORKER_VALIDATE_REPLY_ADDRESS_H
#define WORKER_VALIDATE_REPLY_ADDRESS_H

#include "worker/config/config.h"
#include "worker/model/batch.h"

struct reply_address reply_address(const struct item *item, const struct config *config);

/* The partition that the address names in a topic with this many partitions; or -1, if it names none that exists.
 * Four ASCII digits are a number above 800 million as big-endian bytes, so only one of the encodings names an
 * existing partition. */
int32_t reply_address_partition(const struct reply_address *address, int32_t partitions);

/* True if the address names a partition, whether it exists or not. */
bool reply_address_names_partition(const struct reply_address *address);

/* True if a command may name this topic: it is replies.topic, or replies.allowed has the name or a pattern that
 * matches it. A pattern matches the whole name, `*` any characters. No pattern matches topics with another role, or
 * names that begin with `__`. */
bool reply_topic_is_allowed(const struct config *config, struct span name);

/* Kafka's rule: 1 to 249 of A-Z a-z 0-9 . _ - and neither "." nor "..". */
bool reply_topic_is_legal(struct span name);

#endif

/* reply_address: where a command asks its reply to go, read from its headers. Pure; whether such a topic exists, and
 * how many partitions it has, is another question (reply_topics.h).
 *
 * Headers by which a topic or a partition is named, in this order: of Spring for Apache Kafka and NestJS, our own, of
 * SmallRye. The first that is there with a value that is not empty counts, even if what it names cannot be used: a
 * reply that goes to the second choice would be as lost to its reader as one in the default topic. */
#ifndef WORKER_VALIDATE_REPLY_ADDRESS_H
#define WORKER_VALIDATE_REPLY_ADDRESS_H

#include "worker/config/config.h"
#include "worker/model/batch.h"

struct reply_address {
    enum reply_absence absence; /* REPLY_ASKED_NOTHING, REPLY_ILLEGAL_NAME or REPLY_NOT_ALLOWED: the default topic;
                                   REPLY_AS_ASKED: `topic` */
    struct span topic;          /* in the message; at == NULL unless the reply is to go there */
    /* The partition that the command names, as the number that each encoding gives; -1: none. The topic's number of
     * partitions decides between them. */
    int64_t big_endian; /* of four bytes */
    int64_t decimal;    /* of 1 to 10 digits */
};

struct reply_address reply_address(const struct item *item, const struct config *config);

/* The partition that the address names in a topic of so many; or -1, if it names none that the topic has. Four ASCII
 * digits are a number above 800 million as big-endian bytes, so both encodings are told apart by what exists. */
int32_t reply_address_partition(const struct reply_address *address, int32_t partitions);

/* True if the address names a partition, whether it exists or not. */
bool reply_address_names_partition(const struct reply_address *address);

/* True if a command may name this topic: it is replies.topic, or replies.allowed has the name or a pattern that matches
 * it. A pattern matches the whole name, `*` any characters; topics with another role and names that begin with `__` are
 * matched by none. */
bool reply_topic_is_allowed(const struct config *config, struct span name);

/* Kafka's rule: 1 to 249 of A-Z a-z 0-9 . _ - and neither "." nor "..". */
bool reply_topic_is_legal(struct span name);

#endif

/* proxy_kafka: as much of Kafka's protocol as it takes to tell what a request is and which answer belongs to it.
 *
 * Either way the stream consists of frames: 4 bytes of length; then, of a request, its api key (2), version (2) and
 * correlation id (4); of an answer, its correlation id (4). */
#ifndef TESTS_FAULTS_PROXY_KAFKA_H
#define TESTS_FAULTS_PROXY_KAFKA_H

#include <stddef.h>
#include <stdint.h>

#include "tests/faults/proxy_rules.h"

#define REQUEST_HEAD 12
#define ANSWER_HEAD  8

#define REQUESTS_UNDER_WAY 1024 /* more than any client has */

/* The kinds of the requests of one connection, by correlation id. */
struct requests {
    struct {
        int32_t correlation;
        int api_key;
    } sent[REQUESTS_UNDER_WAY];
};

/* How far one direction of a connection has come in its frames. */
struct frames {
    unsigned char head[REQUEST_HEAD];
    size_t head_length;
    uint32_t left; /* bytes of the present frame behind its head */
    struct frame_rule rule;
};

/* Takes bytes of a frame, to which this rule applies. */
typedef void frames_taker(void *context, const struct frame_rule *rule, const unsigned char *bytes, size_t length);

/* Passes on all bytes but those of a head that is not whole yet. */
void frames_feed(struct frames *frames, struct requests *requests, struct rules *rules, enum direction direction,
                 const unsigned char *bytes, size_t length, frames_taker *taker, void *context);

#endif

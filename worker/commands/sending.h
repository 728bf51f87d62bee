/* sending: enqueues commands and prints their replies, for `client-intake send`. */
#ifndef WORKER_COMMANDS_SENDING_H
#define WORKER_COMMANDS_SENDING_H

#include "common/must_check.h"
#include "worker/config/config.h"

struct sending_request {
    int input;               /* a descriptor: one command a line */
    const char *input_name;  /* for people */
    const char *reply_topic; /* NULL: replies.topic, and no command names a topic */
    bool ordered;            /* replies are printed in the order of the input */
    bool no_wait;            /* replies are not read */
    bool json;               /* what has no reply is a row of standard output, too */
    int64_t rate;            /* commands a second; 0: no limit */
    int64_t timeout_ms;      /* how long replies are awaited after the last command */
};

struct sending_counts {
    int64_t sent;       /* stored by Kafka */
    int64_t unsent;     /* refused by Kafka or librdkafka, too long, or not confirmed; each is named on standard error.
                           When the input is not read to its end, for want of replies or because of a signal, its next line
                           counts, too */
    int64_t answered;   /* of those that were sent */
    int64_t rejected;   /* of those that were answered */
    bool input_failed;  /* it could not be read to its end, which standard error tells; what was read counts above */
    int64_t unanswered; /* of those that were sent; each is named on standard error, unless no_wait */
};

enum sending_result {
    SENDING_DONE,
    SENDING_FORCED, /* a second signal */
    SENDING_FAILED  /* the reason is in `error` */
};

/* Sends until the input ends or a signal comes, and waits for the replies. Each command gets the header correlation-id
 * and its workspace as its key. */
MUST_CHECK enum sending_result sending_run(const struct config *config, const struct sending_request *request,
                                           struct sending_counts *counts, char *error, size_t error_size);

#endif

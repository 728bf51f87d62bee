/* request: the oracle's command line. */
#ifndef TESTS_LIVE_REQUEST_H
#define TESTS_LIVE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/live/observations.h"

struct request {
    const char *verb, *operand;
    const char *bootstrap, *commands, *replies[REPLY_TOPICS], *records, *dead_letters, *redis, *group, *validated;
    size_t reply_topics, sent;
    int wait_seconds; /* longer than transaction.timeout.ms, after which the broker ends the transaction of a killed
                       * worker */
    bool sent_is_known, all;
};

/* Ends the program with the usage and 64 if the options are not valid. The caller checks the verb and its operand. */
struct request request_read(int count, char **arguments);

void usage_error(void) __attribute__((noreturn));

#endif

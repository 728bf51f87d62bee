/* request: what the oracle's command line asks for. */
#ifndef TESTS_LIVE_REQUEST_H
#define TESTS_LIVE_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

#include "tests/live/observations.h"

struct request {
    const char *verb, *operand;
    const char *bootstrap, *commands, *replies[REPLY_TOPICS], *records, *dead_letters, *redis, *group, *validated;
    size_t reply_topics, sent;
    int patience_seconds; /* longer than transaction.timeout.ms: the broker ends what a killed worker left open */
    bool sent_is_known, all;
};

/* Ends the program with the usage and 64 if the options are not right; whether there is such a verb, and whether it
 * takes an operand, is for the caller to see. */
struct request request_read(int count, char **arguments);

void usage_error(void) __attribute__((noreturn));

#endif

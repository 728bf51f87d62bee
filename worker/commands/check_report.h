/* check_report: what `client-intake check` found, one line each, and the exit code that follows from it. */
#ifndef WORKER_COMMANDS_CHECK_REPORT_H
#define WORKER_COMMANDS_CHECK_REPORT_H

#include <stdbool.h>

enum check_result {
    CHECK_OK,
    CHECK_WARNING,    /* it is reached, and it will hurt: exit code 1 with --strict */
    CHECK_UNKNOWN,    /* the server does not let us ask */
    CHECK_FAULT,      /* the config names something that cannot be used: exit code 78 */
    CHECK_UNAVAILABLE /* it cannot be reached: exit code 69 */
};

struct check_report {
    bool json, strict;
    int code; /* enum command_result, the highest so far */
};

/* Prints one line. `check`: config, kafka, topic, right, redis or tracing. `kind`: a stable name for what was found.
 * `subject`: the topic, the group, the address, the key, or the place in the config that it is about; NULL: none. */
void check_tell(struct check_report *report, const char *check, enum check_result result, const char *kind,
                const char *subject, const char *format, ...) __attribute__((format(printf, 6, 7)));

#endif

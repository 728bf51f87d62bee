/* error_fixture: the worker on embedded brokers, answering commands (error_traffic), ready to meet trouble. In a
 * process of its own; what fails around the worker fails by Check's assertions. */
#ifndef TESTS_ERROR_SCENE_H
#define TESTS_ERROR_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/embedded/fixture.h"

#define ERROR_LIMIT_MS   30000 /* for a command to be answered, and for an error to be met */
#define ERROR_OWN_BROKER 1     /* leads all partitions at first */

/* The topics of the worker, that of the commands first. */
#define ERROR_TOPICS 4
extern const char *const error_topics[ERROR_TOPICS];

/* With so many brokers. The worker is to be started by fixture_start. */
void error_fixture_open(int brokers);

/* Commands that nothing disturbs, one for each partition. */
bool error_fixture_check(char *why, size_t error_size);

void error_fixture_lead(const char *topic, int32_t partition, int32_t broker);

/* Asks the worker to end, if it runs. False if it does not in time. */
bool error_fixture_end(char *why, size_t error_size);

void error_fixture_close(void);

#endif

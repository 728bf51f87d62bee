/* error_traffic: commands that were sent to the worker of the fixture, and what has come of them: each has a reply with
 * the right verdict, the same every time, and a record or a dead letter if that is due. Command n stands in partition
 * n % FIXTURE_PARTITIONS. */
#ifndef TESTS_ERROR_TRAFFIC_H
#define TESTS_ERROR_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>

/* After fixture_open, before the worker can meet an error. */
void traffic_open(void);

/* Sends the next command and returns its number. */
int traffic_send(void);

/* Reads what has come, for at most `limit_ms`, until command `number` and all before it are answered
 * in full. False with what is missing in `why`, also if an answer is wrong. */
bool traffic_await(int number, int limit_ms, char *why, size_t error_size);

/* How many. */
int traffic_sent(void);

/* Command `number` may be refused for its size: then it is too_large, without a record, and its dead letter may be
 * missing. */
void traffic_excuse_size(int number);

/* Reads what has come, for `wait_ms`. */
void traffic_read(int wait_ms);

void traffic_close(void);

#endif

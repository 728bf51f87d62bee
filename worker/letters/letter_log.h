/* letter_log: reads the dead-letter topic by assignment, between its beginning and its end as they were when it was
 * opened. It joins no group and reads committed messages only. Memory does not grow with the topic. */
#ifndef WORKER_LETTERS_LETTER_LOG_H
#define WORKER_LETTERS_LETTER_LOG_H

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/letters/letter_selection.h"
#include "worker/replay/history_reader.h"

struct letter_log;

/* What is fetched ahead of it, and of replies. */
extern const struct history_ahead letter_log_ahead;

/* New; or NULL with the reason in `error`: Kafka does not answer within `wait_ms`, or there is no such topic. */
MUST_CHECK struct letter_log *letter_log_open(const struct config *config, int wait_ms, char *error, size_t error_size);
void letter_log_close(struct letter_log *log); /* NULL is allowed */

/* Moves the ends behind every message that the topic has now, and waits until the open transactions among them have
 * ended. So everything that was committed before this call is read. A signal ends the wait. False with the reason in
 * `error`. */
MUST_CHECK bool letter_log_await_open(struct letter_log *log, char *error, size_t error_size);

/* True if the topic has every partition of the selection; otherwise the reason is in `error`. */
MUST_CHECK bool letter_log_has_partitions(const struct letter_log *log, const struct letter_selection *selection,
                                          char *error, size_t error_size);

/* The number of partitions, and the end of one; 0 for a partition that the topic did not have. */
int32_t letter_log_partitions(const struct letter_log *log);
int64_t letter_log_end(const struct letter_log *log, int32_t partition);

/* Borrowed: the consumer, for queries. */
rd_kafka_t *letter_log_handle(const struct letter_log *log);

/* Takes one message. False ends the reading; that is no failure. */
typedef bool letter_log_take(void *listener, struct letter *letter, rd_kafka_message_t *message);

/* Told of how far letter_log_read_all is: offsets that are done, of all. */
typedef void letter_log_progress(void *listener, int64_t done, int64_t total);

/* Reads offsets `from` to `to` (half-open) of a partition, as far as they are between the beginning and the end. Each
 * message is destroyed after `take`. False with the reason in `error`, or with "" in it when `take` or a signal ended
 * the reading. */
MUST_CHECK bool letter_log_read(struct letter_log *log, int32_t partition, int64_t from, int64_t to,
                                letter_log_take *take, void *listener, char *error, size_t error_size);

/* The same for all of each partition of the selection, one after the other. The rest of the selection is for `take` to
 * look at. `progress` may be NULL. */
MUST_CHECK bool letter_log_read_all(struct letter_log *log, const struct letter_selection *selection,
                                    letter_log_take *take, letter_log_progress *progress, void *listener, char *error,
                                    size_t error_size);

/* True if offsets could not be read any more. Each hole is reported on standard error once. */
bool letter_log_has_holes(const struct letter_log *log);

#endif

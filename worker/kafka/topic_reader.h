/* topic_reader: reads the history of a topic by assignment, from its beginning to its end as it was when the reading
 * began, and then, on request, the messages since then. It joins no group and commits nothing. It reads committed
 * messages only. */
#ifndef WORKER_KAFKA_TOPIC_READER_H
#define WORKER_KAFKA_TOPIC_READER_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/kafka/offsets.h"

struct topic_reader;

/* New, at the beginning of every partition; or NULL with the reason in `error`. A topic that does not exist is
 * empty. A call fails after `wait_ms` without a reply from Kafka. */
MUST_CHECK struct topic_reader *topic_reader_open(const struct config *config, const char *topic, int wait_ms,
                                                  char *error, size_t error_size);

/* The same with a keepalive callback. `keep_going` is called between queries to Kafka, which may take up to
 * `wait_ms` each, while the reader is opened, extended, or waits for open transactions. If it returns false, that
 * call fails, with "" in `error`, or with the reason that keep_going has written there. */
typedef bool topic_keep_going(void *listener);
MUST_CHECK struct topic_reader *topic_reader_open_listening(const struct config *config, const char *topic, int wait_ms,
                                                            topic_keep_going *keep_going, void *listener, char *error,
                                                            size_t error_size);
void topic_reader_close(struct topic_reader *reader);

/* Goes back to the beginning of this reading, which is the last extension if there was one. The end stays. False
 * with the reason in `error`. */
MUST_CHECK bool topic_reader_rewind(struct topic_reader *reader, char *error, size_t error_size);

/* Begins a reading from the previous end to the present end. *grown: there may be messages between them. False with
 * the reason in `error`. */
MUST_CHECK bool topic_reader_extend(struct topic_reader *reader, bool *grown, char *error, size_t error_size);

/* Begins a reading whose end includes open transactions. It starts at the beginning, or at `from` if that is not
 * NULL (a partition that is not in `from` starts at its beginning). The reading lasts until those transactions have
 * ended, so everything that was being committed at the time of this call is read or has been aborted. False with the
 * reason in `error`. */
MUST_CHECK bool topic_reader_await_open(struct topic_reader *reader, const struct offsets *from, char *error,
                                        size_t error_size);

/* Begins a reading from `from` to `to` of the partitions that are in `to`, of no others. What is behind the end that
 * was known when the reader was opened is left out. *there: none of it was deleted at its beginning. False with the
 * reason in `error`. */
MUST_CHECK bool topic_reader_between(struct topic_reader *reader, const struct offsets *from, const struct offsets *to,
                                     bool *there, char *error, size_t error_size);

/* The ends of this reading. Replaces *ends, which the caller owns. */
void topic_reader_ends(const struct topic_reader *reader, struct offsets *ends);

/* Borrowed: a consumer that is not a member of the config's group, for queries. */
rd_kafka_t *topic_reader_handle(const struct topic_reader *reader);

/* The next message, in the order of its partition; several partitions come in any order. TOPIC_MESSAGE: *message
 * must be destroyed with rd_kafka_message_destroy. TOPIC_PAUSE: nothing came for a moment; call again. TOPIC_FAILED:
 * the reason is in `error`, and the reader cannot be used any more: Kafka is silent, or the topic has become shorter
 * since its end was read (it was truncated, or deleted and created again). While open transactions are awaited,
 * silence is not a failure; the ends are then compared every `wait_ms`. */
enum topic_reading { TOPIC_MESSAGE, TOPIC_PAUSE, TOPIC_END, TOPIC_FAILED };
MUST_CHECK enum topic_reading topic_reader_next(struct topic_reader *reader, rd_kafka_message_t **message, char *error,
                                                size_t error_size);

/* While open transactions are awaited: true if the reading of a partition has stood at the beginning of one for `ms`;
 * then *partition and *offset tell where. */
bool topic_reader_is_held_up(const struct topic_reader *reader, int64_t ms, int32_t *partition, int64_t *offset);

/* True if nothing has come for `ms`, and no open transaction is the reason: Kafka is away, or librdkafka cannot parse
 * what comes from *offset of *partition on, of which it tells nobody. *error: what is known of it; valid as long as the
 * reader. */
bool topic_reader_stands_still(const struct topic_reader *reader, int64_t ms, int32_t *partition, int64_t *offset,
                               const char **error);

/* Offsets between the beginning of this reading and its end, and how many of them are done. */
int64_t topic_reader_total(const struct topic_reader *reader);
int64_t topic_reader_done(const struct topic_reader *reader);

#endif

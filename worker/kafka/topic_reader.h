/* topic_reader: a topic's history by assignment, from its beginning to its end as it was when the reading began, and
 * then, if asked, what has come since. It never joins a group, and commits nothing. Only what was committed is read. */
#ifndef WORKER_KAFKA_TOPIC_READER_H
#define WORKER_KAFKA_TOPIC_READER_H

#include <librdkafka/rdkafka.h>

#include "worker/config/config.h"
#include "worker/kafka/offsets.h"

struct topic_reader;

/* New, standing at the beginning of every partition; or NULL with the reason in `error`. A topic that does not exist is
 * empty. Kafka may be silent for `wait_ms` before a call fails. */
struct topic_reader *topic_reader_open(const struct config *config, const char *topic, int wait_ms, char *error,
                                       size_t error_size);

/* The same. `keep_going` is called between questions to Kafka, which may take up to `wait_ms` each, while the reader is
 * opened, extended, or waits for open transactions to be counted. When it returns false, that call fails, with "" in
 * `error`, or with what keep_going has written there. */
typedef bool topic_keep_going(void *listener);
struct topic_reader *topic_reader_open_listening(const struct config *config, const char *topic, int wait_ms,
                                                 topic_keep_going *keep_going, void *listener, char *error,
                                                 size_t error_size);
void topic_reader_close(struct topic_reader *reader);

/* Goes back to where this reading began: since the last extension, if there was one; the end stays. False with the
 * reason in `error`. */
bool topic_reader_rewind(struct topic_reader *reader, char *error, size_t error_size);

/* Goes to the end as it was, and takes the present end as the new one. *grown: there may be something between them.
 * False with the reason in `error`. */
bool topic_reader_extend(struct topic_reader *reader, bool *grown, char *error, size_t error_size);

/* Takes as the end the present end with what open transactions have written, and goes back to the beginning, or to
 * `from` if that is not NULL (a partition that it does not know, or that is not there, begins at its beginning). The
 * reading waits then until those transactions have ended, so that whatever was being committed when this was called is
 * read or has been aborted. False with the reason in `error`. */
bool topic_reader_await_open(struct topic_reader *reader, const struct offsets *from, char *error, size_t error_size);

/* The ends of this reading. *ends is replaced, and the caller's. */
void topic_reader_ends(const struct topic_reader *reader, struct offsets *ends);

/* Borrowed: a consumer that is no member of the config's group, for questions. */
rd_kafka_t *topic_reader_handle(const struct topic_reader *reader);

/* The next message, in the order of its partition; several partitions come in any order. TOPIC_MESSAGE: *message is
 * to be destroyed with rd_kafka_message_destroy. TOPIC_PAUSE: nothing came for a moment; ask again. TOPIC_FAILED: the
 * reason is in `error`, and the reader is of no more use: Kafka is silent, or the topic has become shorter since its
 * end was taken (it was truncated, or deleted and created again). While open transactions are awaited, silence is no
 * failure; the ends are then compared every `wait_ms`. */
enum topic_reading { TOPIC_MESSAGE, TOPIC_PAUSE, TOPIC_END, TOPIC_FAILED };
enum topic_reading topic_reader_next(struct topic_reader *reader, rd_kafka_message_t **message, char *error,
                                     size_t error_size);

/* Offsets between where this reading began and its end, and how many of them are behind us. */
int64_t topic_reader_total(const struct topic_reader *reader);
int64_t topic_reader_done(const struct topic_reader *reader);

#endif

/* letter_producer: the transactional producer of `dead-letters retry`, and what is wrong with it. */
#ifndef WORKER_LETTERS_LETTER_PRODUCER_H
#define WORKER_LETTERS_LETTER_PRODUCER_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "common/span.h"
#include "worker/config/config.h"

/* Told of each message that was delivered or has failed, from within a call of letter_producer. */
typedef void letter_delivered(void *listener, const rd_kafka_message_t *message);

struct letter_producer {
    rd_kafka_t *handle;   /* NULL: not open */
    bool connection_lost; /* since letter_producer_begin */
    bool message_failed;  /* the same: a message was not delivered, so the transaction can only be aborted */
    char fault[512];      /* librdkafka's last error since then; "" if there was none */
    letter_delivered *delivered;
    void *listener;
};

/* Opens it, and ends the transaction of the one before, which is of no more use from now on. Batches of several
 * messages have at most `longest` bytes; 0: what the config says. `delivered` and `listener`
 * must be set, and `producer` must not move until letter_producer_close, which takes an empty one too. False with the
 * reason in `error`. */
MUST_CHECK bool letter_producer_open(struct letter_producer *producer, const struct config *config, int64_t longest,
                                     int wait_ms, char *error, size_t error_size);
void letter_producer_close(struct letter_producer *producer);

/* The longest batch of several messages. */
int64_t letter_producer_batch_bytes(const struct letter_producer *producer);

/* Begins a transaction. False with the reason in `error`. */
MUST_CHECK bool letter_producer_begin(struct letter_producer *producer, char *error, size_t error_size);

/* Sends a copy of the message; `headers` are librdkafka's after a success. `opaque` is its _private when it is
 * delivered. Waits for room in the queue. */
MUST_CHECK rd_kafka_resp_err_t letter_producer_send(struct letter_producer *producer, const char *topic,
                                                    int32_t partition, struct span key, struct span value,
                                                    rd_kafka_headers_t *headers, void *opaque);

/* Waits until every message is delivered or one has failed. After a failure librdkafka keeps messages in its queue, and
 * sends them no more: letter_producer_abort ends them. */
MUST_CHECK rd_kafka_resp_err_t letter_producer_flush(struct letter_producer *producer);

enum letter_commit {
    LETTER_COMMITTED,
    LETTER_NOT_COMMITTED, /* the reason is in `error` */
    LETTER_COMMIT_UNKNOWN /* the same */
};
MUST_CHECK enum letter_commit letter_producer_commit(struct letter_producer *producer, char *error, size_t error_size);

/* Ends the transaction without its messages. The outcome of each is told before this returns. False with the reason in
 * `error`; then the producer is of no more use. */
MUST_CHECK bool letter_producer_abort(struct letter_producer *producer, char *error, size_t error_size);

/* Why librdkafka has failed the transaction, which it may do while messages are still being given to it: then it takes
 * no more of them (RD_KAFKA_RESP_ERR__STATE). Writes the reason to `error`, or nothing if there is no error. */
MUST_CHECK rd_kafka_resp_err_t letter_producer_failure(struct letter_producer *producer, char *error,
                                                       size_t error_size);

/* Writes why the transaction must not be committed. `code` is what failed; no error: the connection was lost. */
void letter_producer_explain(struct letter_producer *producer, rd_kafka_resp_err_t code, char *error,
                             size_t error_size);

#endif

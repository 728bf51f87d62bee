#include "worker/letters/letter_producer.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/stop.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_refusal.h"

#define TRY_MS        1000 /* of one step, so that a second signal ends it */
#define DELIVERY_MS   30000
#define COMMIT_MS     60000
#define QUEUE_WAIT_MS 10
#define FAILURE_MS    50  /* how long a failed message may go unnoticed */
#define ABORT_TRY_MS  200 /* librdkafka removes at the start of each try what came back to its queue during the last */

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
    struct letter_producer *producer = opaque;
    (void)handle;
    /* Without an offset the broker did not confirm it: librdkafka infers it from other messages. */
    if (!message->err && message->offset < 0)
        producer->connection_lost = true;
    if (message->err)
        producer->message_failed = true;
    producer->delivered(producer->listener, message);
}

/* A transaction during which a connection was lost is not committed (worker/sink/sink.c has the reasons). A fatal
 * error, such as that another producer has begun, tells of no connection. */
static void on_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
    struct letter_producer *producer = opaque;
    (void)handle;
    if (code != RD_KAFKA_RESP_ERR__FATAL)
        producer->connection_lost = true;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || producer->fault[0] == '\0')
        snprintf(producer->fault, sizeof(producer->fault), "%s", reason);
}

static bool new_handle(struct letter_producer *producer, const struct config *config, int64_t longest, char *error,
                       size_t error_size)
{
    char id[256], bytes[32];
    const char *prefix = config_kafka(config, config->kafka_producer, "transactional.id");
    snprintf(id, sizeof(id), "%s-dead-letters-retry", prefix && *prefix ? prefix : "client-intake");
    snprintf(bytes, sizeof(bytes), "%lld", (long long)longest);
    /* A topic refuses a request if one of its batches is too long, though each message alone is not. */
    const struct kafka_owned owned[] = {
        {"transactional.id", id}, {"batch.size", longest == 0 ? NULL : bytes}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf_with(config, config->kafka_producer, owned, error, error_size);
    if (!conf)
        return false;
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    producer->handle = kafka_conf_open(conf, RD_KAFKA_PRODUCER, error, error_size);
    return producer->handle != NULL;
}

static bool is_shut_out(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED;
}

/* Ends `failure`. Returns false. */
static bool explain(struct letter_producer *producer, rd_kafka_error_t *failure, char *error, size_t error_size)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    rd_kafka_poll(producer->handle, 0);
    if (is_shut_out(code))
        snprintf(error, error_size, "another retry has begun, or the transaction took too long");
    else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT && producer->fault[0] != '\0')
        snprintf(error, error_size, "%s", producer->fault);
    else
        snprintf(error, error_size, "%s", rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
    return false;
}

/* The broker first ends the transaction of the producer before. */
static bool init_transactions(struct letter_producer *producer, int wait_ms, char *error, size_t error_size)
{
    const int64_t until = clock_now_ms() + wait_ms;
    for (;;) {
        rd_kafka_error_t *failure = rd_kafka_init_transactions(producer->handle, TRY_MS);
        if (!failure)
            return true;
        if (!rd_kafka_error_is_retriable(failure) || clock_now_ms() >= until || stop_is_requested())
            return explain(producer, failure, error, error_size);
        rd_kafka_error_destroy(failure);
    }
}

bool letter_producer_open(struct letter_producer *producer, const struct config *config, int64_t longest, int wait_ms,
                          char *error, size_t error_size)
{
    if (new_handle(producer, config, longest, error, error_size) &&
        init_transactions(producer, wait_ms, error, error_size))
        return true;
    letter_producer_close(producer);
    return false;
}

void letter_producer_close(struct letter_producer *producer)
{
    if (!producer->handle)
        return;
    rd_kafka_purge(producer->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(producer->handle, 0);
    rd_kafka_destroy(producer->handle);
    producer->handle = NULL;
}

int64_t letter_producer_batch_bytes(const struct letter_producer *producer)
{
    char text[32];
    size_t size = sizeof(text);
    const bool is_known =
        rd_kafka_conf_get(rd_kafka_conf(producer->handle), "batch.size", text, &size) == RD_KAFKA_CONF_OK;
    return is_known ? strtoll(text, NULL, 10) : INT64_MAX;
}

bool letter_producer_begin(struct letter_producer *producer, char *error, size_t error_size)
{
    rd_kafka_poll(producer->handle, 0); /* earlier errors do not concern this transaction */
    producer->connection_lost = producer->message_failed = false;
    producer->fault[0] = '\0';
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(producer->handle);
    return !failure || explain(producer, failure, error, error_size);
}

static void *bytes_of(struct span span)
{
    return (void *)(uintptr_t)span.at;
}

rd_kafka_resp_err_t letter_producer_send(struct letter_producer *producer, const char *topic, int32_t partition,
                                         struct span key, struct span value, rd_kafka_headers_t *headers, void *opaque)
{
    for (;;) {
        const rd_kafka_resp_err_t code =
            rd_kafka_producev(producer->handle, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_KEY(bytes_of(key), key.length),
                              RD_KAFKA_V_VALUE(bytes_of(value), value.length), RD_KAFKA_V_HEADERS(headers),
                              RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (kafka_is_longer_than_queue(producer->handle, code))
            return RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || stop_requests() > 1)
            return code;
        rd_kafka_poll(producer->handle, QUEUE_WAIT_MS);
    }
}

rd_kafka_resp_err_t letter_producer_flush(struct letter_producer *producer)
{
    const int64_t until = clock_now_ms() + DELIVERY_MS;
    while (!producer->message_failed) {
        const rd_kafka_resp_err_t code = rd_kafka_flush(producer->handle, FAILURE_MS);
        if (code != RD_KAFKA_RESP_ERR__TIMED_OUT || clock_now_ms() >= until || stop_requests() > 1)
            return code;
    }
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

enum letter_commit letter_producer_commit(struct letter_producer *producer, char *error, size_t error_size)
{
    const int64_t until = clock_now_ms() + COMMIT_MS;
    for (bool is_first = true;; is_first = false) {
        rd_kafka_error_t *failure = rd_kafka_commit_transaction(producer->handle, TRY_MS);
        if (!failure)
            return LETTER_COMMITTED;
        const bool is_retriable = rd_kafka_error_is_retriable(failure);
        const bool is_aborted =
            is_first && (rd_kafka_error_txn_requires_abort(failure) || is_shut_out(rd_kafka_error_code(failure)));
        if (is_retriable && clock_now_ms() < until && stop_requests() < 2) {
            rd_kafka_error_destroy(failure);
            continue;
        }
        explain(producer, failure, error, error_size);
        /* Librdkafka asks again by itself when the connection is lost. An earlier answer may have told success. */
        return is_aborted && !producer->connection_lost ? LETTER_NOT_COMMITTED : LETTER_COMMIT_UNKNOWN;
    }
}

/* A refused attempt to abort may be repeated, unless the error is fatal. */
static bool may_abort_again(const rd_kafka_error_t *failure)
{
    return rd_kafka_error_is_retriable(failure) || rd_kafka_error_txn_requires_abort(failure);
}

bool letter_producer_abort(struct letter_producer *producer, char *error, size_t error_size)
{
    const int64_t until = clock_now_ms() + DELIVERY_MS;
    rd_kafka_error_t *failure = NULL;
    rd_kafka_poll(producer->handle, 0);
    while (!producer->connection_lost && (failure = rd_kafka_abort_transaction(producer->handle, ABORT_TRY_MS))) {
        if (!may_abort_again(failure) || clock_now_ms() >= until || stop_requests() > 1)
            return explain(producer, failure, error, error_size);
        if (!rd_kafka_error_is_retriable(failure))
            clock_sleep(QUEUE_WAIT_MS);
        rd_kafka_error_destroy(failure);
    }
    const rd_kafka_resp_err_t code =
        producer->connection_lost ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_flush(producer->handle, DELIVERY_MS);
    if (!code && !producer->connection_lost)
        return true;
    letter_producer_explain(producer, code, error, error_size);
    return false;
}

rd_kafka_resp_err_t letter_producer_failure(struct letter_producer *producer, char *error, size_t error_size)
{
    /* Librdkafka tells it only as the reason why something else is not possible. */
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(producer->handle);
    const bool is_failed = failure && (rd_kafka_error_txn_requires_abort(failure) || rd_kafka_error_is_fatal(failure));
    const rd_kafka_resp_err_t code = is_failed ? rd_kafka_error_code(failure) : RD_KAFKA_RESP_ERR_NO_ERROR;
    if (is_failed)
        snprintf(error, error_size, "%s", rd_kafka_error_string(failure));
    if (failure)
        rd_kafka_error_destroy(failure);
    return code;
}

void letter_producer_explain(struct letter_producer *producer, rd_kafka_resp_err_t code, char *error, size_t error_size)
{
    char text[512];
    rd_kafka_poll(producer->handle, 0);
    const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(producer->handle, text, sizeof(text));
    if (fatal)
        explain(producer, rd_kafka_error_new(fatal, "%s", text), error, error_size);
    else if (producer->fault[0] != '\0')
        snprintf(error, error_size, "%s", producer->fault);
    else
        snprintf(error, error_size, "%s",
                 code ? rd_kafka_err2str(code) : "the connection to Kafka was lost during the transaction");
}

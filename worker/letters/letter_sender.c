#include "worker/letters/letter_sender.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "common/stop.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_topic.h"

#define TRY_MS        1000 /* of one step, so that a second signal ends it */
#define DELIVERY_MS   30000
#define COMMIT_MS     60000
#define QUEUE_WAIT_MS 10

struct letter_sender {
    const struct config *config;
    rd_kafka_t *producer;
    int32_t partitions;       /* of the command topic */
    bool connection_lost;     /* during the transaction */
    char fault[512];          /* librdkafka's last error; "" if there was none */
    rd_kafka_resp_err_t note; /* the first failure of a note */
};

/* Only the errors of a note concern the sender itself. */
static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    struct letter_sender *sender = opaque;
    struct letter_command *command = message->_private;
    (void)producer;
    /* Without an offset the broker did not confirm it: librdkafka infers it from other messages. */
    if (!message->err && message->offset < 0)
        sender->connection_lost = true;
    if (!command) {
        if (message->err && !sender->note)
            sender->note = message->err;
        return;
    }
    command->code = message->err;
    command->to.partition = message->partition;
    command->to.offset = message->offset;
}

/* A transaction during which a connection was lost is not committed (worker/sink/sink.c has the reasons). */
static void on_error(rd_kafka_t *producer, int code, const char *reason, void *opaque)
{
    struct letter_sender *sender = opaque;
    (void)producer;
    sender->connection_lost = true;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || sender->fault[0] == '\0')
        snprintf(sender->fault, sizeof(sender->fault), "%s", reason);
}

/* ---- Opening ---- */

static bool new_producer(struct letter_sender *sender, char *error, size_t error_size)
{
    char id[256];
    const struct config *config = sender->config;
    const char *prefix = config_kafka(config, config->kafka_producer, "transactional.id");
    rd_kafka_conf_t *conf = kafka_conf_new(config, config->kafka_producer, error, error_size);
    if (!conf)
        return false;
    snprintf(id, sizeof(id), "%s-dead-letters-retry", prefix && *prefix ? prefix : "client-intake");
    rd_kafka_conf_set_opaque(conf, sender);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (kafka_conf_set(conf, "transactional.id", id, error, error_size))
        sender->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, error_size);
    if (!sender->producer)
        rd_kafka_conf_destroy(conf); /* rd_kafka_new takes ownership only on success */
    return sender->producer != NULL;
}

static bool is_fenced(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__FENCED || code == RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH ||
           code == RD_KAFKA_RESP_ERR_PRODUCER_FENCED;
}

/* Ends `failure`. Returns false. */
static bool explain(struct letter_sender *sender, rd_kafka_error_t *failure, char *error, size_t error_size)
{
    const rd_kafka_resp_err_t code = rd_kafka_error_code(failure);
    rd_kafka_poll(sender->producer, 0);
    if (is_fenced(code))
        snprintf(error, error_size, "another retry has begun, or the transaction took too long");
    else if (code == RD_KAFKA_RESP_ERR__TIMED_OUT && sender->fault[0] != '\0')
        snprintf(error, error_size, "%s", sender->fault);
    else
        snprintf(error, error_size, "%s", rd_kafka_error_string(failure));
    rd_kafka_error_destroy(failure);
    return false;
}

/* The broker first ends the transaction of the producer before. */
static bool init_transactions(struct letter_sender *sender, int wait_ms, char *error, size_t error_size)
{
    const int64_t until = clock_now_ms() + wait_ms;
    for (;;) {
        rd_kafka_error_t *failure = rd_kafka_init_transactions(sender->producer, TRY_MS);
        if (!failure)
            return true;
        if (!rd_kafka_error_is_retriable(failure) || clock_now_ms() >= until || stop_is_requested())
            return explain(sender, failure, error, error_size);
        rd_kafka_error_destroy(failure);
    }
}

static bool find_topic(struct letter_sender *sender, int wait_ms, char *error, size_t error_size)
{
    const char *topic = sender->config->commands.topic;
    sender->partitions = kafka_topic_partitions(sender->producer, topic, wait_ms, error, error_size);
    if (sender->partitions == 0)
        snprintf(error, error_size, "the topic %s does not exist", topic);
    return sender->partitions > 0;
}

struct letter_sender *letter_sender_open(const struct config *config, int wait_ms, char *error, size_t error_size)
{
    struct letter_sender *sender = calloc(1, sizeof(*sender));
    if (!sender) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    sender->config = config;
    if (new_producer(sender, error, error_size) && init_transactions(sender, wait_ms, error, error_size) &&
        find_topic(sender, wait_ms, error, error_size))
        return sender;
    letter_sender_close(sender);
    return NULL;
}

void letter_sender_close(struct letter_sender *sender)
{
    if (!sender)
        return;
    if (sender->producer) {
        rd_kafka_purge(sender->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_poll(sender->producer, 0);
        rd_kafka_destroy(sender->producer);
    }
    free(sender);
}

/* ---- Messages ---- */

static void *bytes_of(struct span span)
{
    return (void *)(uintptr_t)span.at;
}

/* The message's headers are librdkafka's after a success. Waits for room in the queue. */
static rd_kafka_resp_err_t produce(struct letter_sender *sender, const char *topic, int32_t partition, struct span key,
                                   struct span value, rd_kafka_headers_t *headers, void *opaque)
{
    for (;;) {
        const rd_kafka_resp_err_t code =
            rd_kafka_producev(sender->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                              RD_KAFKA_V_KEY(bytes_of(key), key.length),
                              RD_KAFKA_V_VALUE(bytes_of(value), value.length), RD_KAFKA_V_HEADERS(headers),
                              RD_KAFKA_V_OPAQUE(opaque), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL || stop_requests() > 1)
            return code;
        rd_kafka_poll(sender->producer, QUEUE_WAIT_MS);
    }
}

static rd_kafka_resp_err_t produce_command(struct letter_sender *sender, struct letter_command *command)
{
    const char *topic = sender->config->commands.topic;
    const int32_t partition = command->partition < sender->partitions ? command->partition : RD_KAFKA_PARTITION_UA;
    snprintf(command->to.topic, sizeof(command->to.topic), "%s", topic);
    command->code = RD_KAFKA_RESP_ERR__IN_PROGRESS;
    const rd_kafka_resp_err_t code =
        produce(sender, topic, partition, command->key, command->value, command->headers, command);
    if (code)
        command->code = code;
    else
        command->headers = NULL;
    return code;
}

/* A note stands in the partition of its letter, so it is not deleted before the letter. */
static rd_kafka_resp_err_t produce_note(struct letter_sender *sender, const struct letter_command *command)
{
    char place[48], to[LETTER_POSITION_SIZE];
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    snprintf(place, sizeof(place), "%d/%lld", (int)command->letter.partition, (long long)command->letter.offset);
    letter_position_write(&command->to, to);
    rd_kafka_resp_err_t code = rd_kafka_header_add(headers, "dlq-retried", -1, place, -1);
    if (!code)
        code = rd_kafka_header_add(headers, "dlq-retried-to", -1, to, -1);
    if (!code)
        code = produce(sender, sender->config->dead_letters.topic, command->letter.partition, SPAN_NONE, SPAN_NONE,
                       headers, NULL);
    if (code)
        rd_kafka_headers_destroy(headers);
    return code;
}

/* ---- The transaction ---- */

/* Waits until every message is delivered or has failed. */
static rd_kafka_resp_err_t flush(struct letter_sender *sender)
{
    const int64_t until = clock_now_ms() + DELIVERY_MS;
    for (;;) {
        const rd_kafka_resp_err_t code = rd_kafka_flush(sender->producer, TRY_MS);
        if (code != RD_KAFKA_RESP_ERR__TIMED_OUT || clock_now_ms() >= until || stop_requests() > 1)
            return code;
    }
}

static enum letter_sending fail(struct letter_sender *sender, rd_kafka_resp_err_t code, char *error, size_t error_size)
{
    rd_kafka_poll(sender->producer, 0);
    char text[512];
    const rd_kafka_resp_err_t fatal = rd_kafka_fatal_error(sender->producer, text, sizeof(text));
    if (fatal)
        explain(sender, rd_kafka_error_new(fatal, "%s", text), error, error_size);
    else if (sender->fault[0] != '\0')
        snprintf(error, error_size, "%s", sender->fault);
    else
        snprintf(error, error_size, "%s",
                 code ? rd_kafka_err2str(code) : "the connection to Kafka was lost during the transaction");
    return LETTERS_FAILED;
}

static enum letter_sending send_commands(struct letter_sender *sender, struct letter_command *commands, size_t count,
                                         char *error, size_t error_size)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count && !code; i++)
        code = produce_command(sender, &commands[i]);
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return LETTERS_TOO_LARGE;
    if (!code)
        code = flush(sender);
    for (size_t i = 0; i < count && !code; i++)
        code = commands[i].code;
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return LETTERS_TOO_LARGE;
    return code || sender->connection_lost ? fail(sender, code, error, error_size) : LETTERS_SENT;
}

static enum letter_sending send_notes(struct letter_sender *sender, const struct letter_command *commands, size_t count,
                                      char *error, size_t error_size)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    sender->note = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count && !code; i++)
        code = produce_note(sender, &commands[i]);
    if (!code)
        code = flush(sender);
    if (!code)
        code = sender->note;
    rd_kafka_poll(sender->producer, 0);
    return code || sender->connection_lost ? fail(sender, code, error, error_size) : LETTERS_SENT;
}

static enum letter_sending commit(struct letter_sender *sender, char *error, size_t error_size)
{
    const int64_t until = clock_now_ms() + COMMIT_MS;
    for (bool is_first = true;; is_first = false) {
        rd_kafka_error_t *failure = rd_kafka_commit_transaction(sender->producer, TRY_MS);
        if (!failure)
            return LETTERS_SENT;
        const bool is_retriable = rd_kafka_error_is_retriable(failure);
        const bool is_aborted =
            is_first && (rd_kafka_error_txn_requires_abort(failure) || is_fenced(rd_kafka_error_code(failure)));
        if (is_retriable && clock_now_ms() < until && stop_requests() < 2) {
            rd_kafka_error_destroy(failure);
            continue;
        }
        explain(sender, failure, error, error_size);
        return is_aborted ? LETTERS_FAILED : LETTERS_UNCERTAIN;
    }
}

enum letter_sending letter_sender_send(struct letter_sender *sender, struct letter_command *commands, size_t count,
                                       char *error, size_t error_size)
{
    rd_kafka_poll(sender->producer, 0); /* earlier errors do not concern this transaction */
    sender->connection_lost = false;
    sender->fault[0] = '\0';
    rd_kafka_error_t *failure = rd_kafka_begin_transaction(sender->producer);
    if (failure) {
        explain(sender, failure, error, error_size);
        return LETTERS_FAILED;
    }
    failpoint(FAILPOINT_RETRY_BEGUN);
    enum letter_sending result = send_commands(sender, commands, count, error, error_size);
    if (result == LETTERS_SENT) {
        failpoint(FAILPOINT_RETRY_SENT);
        result = send_notes(sender, commands, count, error, error_size);
    }
    if (result == LETTERS_SENT) {
        failpoint(FAILPOINT_RETRY_NOTED);
        result = commit(sender, error, error_size);
    }
    if (result == LETTERS_SENT)
        failpoint(FAILPOINT_RETRY_COMMITTED);
    return result;
}

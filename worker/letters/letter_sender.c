#include "worker/letters/letter_sender.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/failpoint.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/letters/letter_producer.h"

struct letter_sender {
    const struct config *config;
    struct letter_producer producer;
    int32_t partitions;       /* of the command topic */
    rd_kafka_resp_err_t note; /* the first failure of a note of the transaction */
    bool may_skip;            /* sequence numbers may be missing since a command was too large */
};

static void on_delivered(void *listener, const rd_kafka_message_t *message)
{
    struct letter_sender *sender = listener;
    struct letter_command *command = message->_private; /* NULL: a note */
    if (!command) {
        if (message->err && !sender->note)
            sender->note = message->err;
        return;
    }
    command->code = message->err;
    command->to.partition = message->partition;
    command->to.offset = message->offset;
}

static bool find_topic(struct letter_sender *sender, int wait_ms, char *error, size_t error_size)
{
    const char *topic = sender->config->commands.topic;
    sender->partitions = kafka_topic_partitions(sender->producer.handle, topic, wait_ms, error, error_size);
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
    sender->producer.delivered = on_delivered;
    sender->producer.listener = sender;
    if (letter_producer_open(&sender->producer, config, wait_ms, error, error_size) &&
        find_topic(sender, wait_ms, error, error_size))
        return sender;
    letter_sender_close(sender);
    return NULL;
}

void letter_sender_close(struct letter_sender *sender)
{
    if (!sender)
        return;
    letter_producer_close(&sender->producer);
    free(sender);
}

/* ---- Messages ---- */

static rd_kafka_resp_err_t send_command(struct letter_sender *sender, struct letter_command *command)
{
    const char *topic = sender->config->commands.topic;
    const int32_t partition = command->partition < sender->partitions ? command->partition : RD_KAFKA_PARTITION_UA;
    snprintf(command->to.topic, sizeof(command->to.topic), "%s", topic);
    command->code = RD_KAFKA_RESP_ERR__IN_PROGRESS;
    const rd_kafka_resp_err_t code = letter_producer_send(&sender->producer, topic, partition, command->key,
                                                          command->value, command->headers, command);
    if (code)
        command->code = code;
    else
        command->headers = NULL;
    return code;
}

/* A note stands in the partition of its letter, so it is not deleted before the letter. */
static rd_kafka_resp_err_t send_note(struct letter_sender *sender, const struct letter_command *command)
{
    char place[48], to[LETTER_POSITION_SIZE];
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    snprintf(place, sizeof(place), "%d/%lld", (int)command->letter.partition, (long long)command->letter.offset);
    letter_position_write(&command->to, to);
    rd_kafka_resp_err_t code = rd_kafka_header_add(headers, "dlq-retried", -1, place, -1);
    if (!code)
        code = rd_kafka_header_add(headers, "dlq-retried-to", -1, to, -1);
    if (!code)
        code = letter_producer_send(&sender->producer, sender->config->dead_letters.topic, command->letter.partition,
                                    SPAN_NONE, SPAN_NONE, headers, NULL);
    if (code)
        rd_kafka_headers_destroy(headers);
    return code;
}

/* ---- The transaction ---- */

/* `code` is what failed; no error: nothing did. */
static enum letter_sending judge(struct letter_sender *sender, rd_kafka_resp_err_t code, char *error, size_t error_size)
{
    if (!code && !sender->producer.connection_lost)
        return LETTERS_SENT;
    letter_producer_explain(&sender->producer, code, error, error_size);
    return LETTERS_FAILED;
}

static bool is_purged(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
           code == RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;
}

/* The first failure; that a command is too large comes before what follows from it. */
static rd_kafka_resp_err_t failure_of(const struct letter_command *commands, size_t count)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count; i++) {
        if (commands[i].code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
            return commands[i].code;
        if (!code)
            code = commands[i].code;
    }
    return code;
}

/* If a topic refuses a request as too large, librdkafka does not use its sequence numbers again. The broker misses them
 * in a later transaction. When that has been aborted, librdkafka begins with another epoch, with numbers from 0 on. */
static enum letter_sending undo(struct letter_sender *sender, bool is_too_large, char *error, size_t error_size)
{
    if (!letter_producer_abort(&sender->producer, error, error_size))
        return LETTERS_FAILED;
    sender->may_skip = is_too_large;
    return is_too_large ? LETTERS_TOO_LARGE : LETTERS_REPEAT;
}

static enum letter_sending send_commands(struct letter_sender *sender, struct letter_command *commands, size_t count,
                                         char *error, size_t error_size)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count && !code; i++)
        code = send_command(sender, &commands[i]);
    if (!code)
        code = letter_producer_flush(&sender->producer);
    if (!code)
        code = failure_of(commands, count);
    if (code == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return undo(sender, true, error, error_size);
    if (is_purged(code) && sender->may_skip && !sender->producer.connection_lost)
        return undo(sender, false, error, error_size);
    return judge(sender, code, error, error_size);
}

static enum letter_sending send_notes(struct letter_sender *sender, const struct letter_command *commands, size_t count,
                                      char *error, size_t error_size)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    sender->note = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count && !code; i++)
        code = send_note(sender, &commands[i]);
    if (!code)
        code = letter_producer_flush(&sender->producer);
    if (!code)
        code = sender->note;
    return judge(sender, code, error, error_size);
}

static enum letter_sending commit(struct letter_sender *sender, char *error, size_t error_size)
{
    switch (letter_producer_commit(&sender->producer, error, error_size)) {
    case LETTER_COMMITTED:
        return LETTERS_SENT;
    case LETTER_NOT_COMMITTED:
        return LETTERS_FAILED;
    case LETTER_COMMIT_UNKNOWN:
        break;
    }
    return LETTERS_UNCERTAIN;
}

enum letter_sending letter_sender_send(struct letter_sender *sender, struct letter_command *commands, size_t count,
                                       char *error, size_t error_size)
{
    if (!letter_producer_begin(&sender->producer, error, error_size))
        return LETTERS_FAILED;
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

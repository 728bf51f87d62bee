#include "worker/letters/letter_sender.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/kafka/kafka_refusal.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/letters/letter_producer.h"

/* How often in a row a transaction may be repeated. */
#define REPEATS_MOST    5
#define REPEAT_PAUSE_MS 100 /* from the second repetition on */

struct letter_sender {
    const struct config *config;
    struct letter_producer producer;
    int32_t partitions;       /* of the command topic */
    rd_kafka_resp_err_t note; /* the first failure of a note of the transaction */
    int repeats;              /* transactions in a row that are to be repeated */
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
        snprintf(error, error_size, "the topic %s does not exist; client-intake topics create creates it", topic);
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
    if (letter_producer_open(&sender->producer, config, 0, wait_ms, error, error_size) &&
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

bool letter_sender_bound(struct letter_sender *sender, int64_t longest, int wait_ms, char *error, size_t error_size)
{
    if (longest == 0 || letter_producer_batch_bytes(&sender->producer) <= longest)
        return true;
    letter_producer_close(&sender->producer);
    return letter_producer_open(&sender->producer, sender->config, longest, wait_ms, error, error_size);
}

/* ---- Messages ---- */

static rd_kafka_resp_err_t send_command(struct letter_sender *sender, struct letter_command *command)
{
    const char *topic = sender->config->commands.topic;
    const int32_t partition = command->partition < sender->partitions ? command->partition : RD_KAFKA_PARTITION_UA;
    snprintf(command->to.topic, sizeof(command->to.topic), "%s", topic);
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

/* Whether `code` only tells that another message has failed before. */
static bool is_consequence(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__PURGE_QUEUE || code == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT ||
           code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__IN_PROGRESS;
}

/* The first failure of `commands`, of which `code` is one. That a command is too large comes before all others, and a
 * cause before its consequences. */
static rd_kafka_resp_err_t failure_of(const struct letter_command *commands, size_t count, rd_kafka_resp_err_t code)
{
    for (size_t i = 0; i < count; i++) {
        if (kafka_is_too_large(commands[i].code))
            return commands[i].code;
        if (!code || (is_consequence(code) && commands[i].code))
            code = commands[i].code;
    }
    return code;
}

/* Whether another try may end better. What has run out of time has been tried for long. */
static bool may_repeat(const struct letter_sender *sender, rd_kafka_resp_err_t code)
{
    return code != RD_KAFKA_RESP_ERR__MSG_TIMED_OUT && code != RD_KAFKA_RESP_ERR__TIMED_OUT &&
           sender->repeats < REPEATS_MOST;
}

/* Aborts the transaction, of which `code` has failed. The broker's answers come while commands are still being given to
 * librdkafka, and in any order with what follows from them. So what has failed is known only when every message has
 * ended. If a topic refuses a request as too large, librdkafka does not use its sequence numbers again, and the broker
 * misses them in a later transaction. When that has been aborted, librdkafka begins with another epoch, with numbers
 * from 0 on. */
static enum letter_sending undo(struct letter_sender *sender, const struct letter_command *commands, size_t count,
                                rd_kafka_resp_err_t code, char *error, size_t error_size)
{
    char reason[512] = "";
    const rd_kafka_resp_err_t failure = letter_producer_failure(&sender->producer, reason, sizeof(reason));
    if (is_consequence(code) && failure)
        code = failure;
    if (!letter_producer_abort(&sender->producer, error, error_size)) {
        /* If no partition could be added to the transaction, the broker knows of none to abort. */
        if (reason[0] != '\0' &&
            rd_kafka_fatal_error(sender->producer.handle, NULL, 0) == RD_KAFKA_RESP_ERR_INVALID_TXN_STATE)
            snprintf(error, error_size, "%s", reason);
        return sender->producer.connection_lost && !rd_kafka_fatal_error(sender->producer.handle, NULL, 0)
                   ? LETTERS_LOST
                   : LETTERS_FAILED;
    }
    code = failure_of(commands, count, code);
    if (kafka_is_too_large(code) && !sender->note) {
        sender->repeats = 0;
        return LETTERS_TOO_LARGE;
    }
    if (may_repeat(sender, code)) {
        if (sender->repeats++ > 0)
            clock_sleep(REPEAT_PAUSE_MS);
        return LETTERS_REPEAT;
    }
    snprintf(error, error_size, "%s", reason[0] != '\0' ? reason : rd_kafka_err2str(code));
    return LETTERS_FAILED;
}

/* `code` is what failed; no error: nothing did. */
static enum letter_sending judge(struct letter_sender *sender, const struct letter_command *commands, size_t count,
                                 rd_kafka_resp_err_t code, char *error, size_t error_size)
{
    if (!code && !sender->producer.connection_lost)
        return LETTERS_SENT;
    if (!sender->producer.connection_lost && !rd_kafka_fatal_error(sender->producer.handle, NULL, 0))
        return undo(sender, commands, count, code, error, error_size);
    letter_producer_explain(&sender->producer, code, error, error_size);
    return rd_kafka_fatal_error(sender->producer.handle, NULL, 0) ? LETTERS_FAILED : LETTERS_LOST;
}

static enum letter_sending send_commands(struct letter_sender *sender, struct letter_command *commands, size_t count,
                                         char *error, size_t error_size)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count; i++)
        commands[i].code = RD_KAFKA_RESP_ERR__IN_PROGRESS;
    sender->note = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count && !code; i++)
        code = send_command(sender, &commands[i]);
    if (!code)
        code = letter_producer_flush(&sender->producer);
    if (!code)
        code = failure_of(commands, count, code);
    return judge(sender, commands, count, code, error, error_size);
}

static enum letter_sending send_notes(struct letter_sender *sender, const struct letter_command *commands, size_t count,
                                      char *error, size_t error_size)
{
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < count && !code; i++)
        code = send_note(sender, &commands[i]);
    if (!code)
        code = letter_producer_flush(&sender->producer);
    if (!code)
        code = sender->note;
    return judge(sender, commands, count, code, error, error_size);
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
    return rd_kafka_fatal_error(sender->producer.handle, NULL, 0) ? LETTERS_UNCERTAIN : LETTERS_UNANSWERED;
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
    if (result == LETTERS_SENT) {
        sender->repeats = 0;
        failpoint(FAILPOINT_RETRY_COMMITTED);
    }
    return result;
}

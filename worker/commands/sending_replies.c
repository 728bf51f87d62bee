#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/commands/sending_internal.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/message_headers.h"
#include "worker/replay/outcome.h"

#define LOOK_MS      5000 /* between requests for new partitions of the reply topic while replies are missing */
#define LOOK_WAIT_MS 1000 /* for one of them; nothing else happens meanwhile, and Kafka may be away */

/* ---- Partitions ---- */

/* Assigns the first `count` partitions: those of *from at these offsets, and new ones from their beginning. */
static bool assign(struct sending *sending, const struct offsets *from, int32_t count, char *error, size_t error_size)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++) {
        const int64_t offset = offsets_get(from, i);
        rd_kafka_topic_partition_list_add(list, sending->reply_topic, i)->offset = offset == OFFSET_NONE ? 0 : offset;
    }
    const bool ok = history_client_assign(&sending->consumer, list, error, error_size);
    rd_kafka_topic_partition_list_destroy(list);
    sending->partitions = ok ? count : sending->partitions;
    return ok;
}

bool sending_open_consumer(struct sending *sending, char *error, size_t error_size)
{
    static const struct history_client_settings settings = {"read_committed", "earliest", "1048576", 0};
    struct offsets *begins = &sending->begins;
    if (!history_client_open(&sending->consumer, sending->config, &settings, error, error_size))
        return false;
    const int32_t count =
        kafka_topic_partitions(sending->consumer.handle, sending->reply_topic, KAFKA_CLIENT_WAIT_MS, error, error_size);
    if (count == 0)
        snprintf(error, error_size,
                 "the reply topic %s does not exist; client-intake topics create --set replies.topic=%s creates it",
                 sending->reply_topic, sending->reply_topic);
    return count > 0 &&
           offsets_of_known_ends(begins, sending->consumer.handle, sending->reply_topic, count, KAFKA_CLIENT_WAIT_MS,
                                 error, error_size) &&
           assign(sending, begins, count, error, error_size);
}

/* Partitions that are assigned go on where they are; one without a message so far has no position, and begins again. */
void sending_look_for_partitions(struct sending *sending)
{
    char error[512];
    struct offsets positions = {0};
    if (clock_now_ms() - sending->looked_ms < LOOK_MS)
        return;
    const int32_t count =
        kafka_topic_partitions(sending->consumer.handle, sending->reply_topic, LOOK_WAIT_MS, error, sizeof(error));
    sending->looked_ms = clock_now_ms();
    rd_kafka_topic_partition_list_t *list = NULL;
    if (count <= sending->partitions ||
        rd_kafka_assignment(sending->consumer.handle, &list) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    if (rd_kafka_position(sending->consumer.handle, list) == RD_KAFKA_RESP_ERR_NO_ERROR) {
        for (int i = 0; i < list->cnt; i++) {
            const int32_t partition = list->elems[i].partition;
            const int64_t position = list->elems[i].offset;
            offsets_set(&positions, partition, position >= 0 ? position : offsets_get(&sending->begins, partition));
        }
        if (!assign(sending, &positions, count, error, sizeof(error))) {
            sending_clear_progress(sending);
            fprintf(stderr, "client-intake send: new partitions of %s: %s\n", sending->reply_topic, error);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    offsets_free(&positions);
}

/* ---- Printing ---- */

static bool print_reply(struct span reply)
{
    return fwrite(reply.at, 1, reply.length, stdout) == reply.length && putchar('\n') != EOF;
}

bool sending_print_ready(struct sending *sending)
{
    struct sent_command *command;
    while ((command = send_window_take(&sending->window))) {
        if (command->reply && !print_reply(span_of(command->reply, command->length)))
            return sending_fail_output(sending);
        send_window_drop(&sending->window);
    }
    return true;
}

bool sending_print_rest(struct sending *sending)
{
    for (int64_t number = sending->window.first; number < sending->window.next; number++) {
        const struct sent_command *command = send_window_find(&sending->window, number);
        if (command->state == SENT_ANSWERED && !print_reply(span_of(command->reply, command->length)))
            return sending_fail_output(sending);
    }
    return true;
}

/* ---- Replies ---- */

static struct sent_command *find_by_correlation(const struct sending *sending, struct span id)
{
    char text[64], *end;
    if (id.length <= RUN_ID_LENGTH + 1 || id.length >= sizeof(text) ||
        !span_begins_with(id, span_of(sending->run_id, RUN_ID_LENGTH)))
        return NULL;
    memcpy(text, id.at, id.length);
    text[id.length] = '\0';
    const int64_t number = strtoll(text + RUN_ID_LENGTH + 1, &end, 10);
    return *end == '\0' ? send_window_find(&sending->window, number) : NULL;
}

/* Whether the reply is to a command of our topic; then its place there is in *reply. A minimal reply echoes nothing,
 * but names its source. */
static bool read_source(struct sending *sending, struct early_reply *reply)
{
    struct reply_content content;
    batch_reset(&sending->batch);
    if (reply->length > EARLY_REPLY_BYTES ||
        !reply_content_read(span_of(reply->bytes, reply->length), sending->parser, &sending->batch.arena, &content) ||
        !span_equal(content.topic, span_of_text(sending->config->commands.topic)))
        return false;
    reply->partition = content.partition;
    reply->offset = content.offset;
    return true;
}

/* `command` has this reply. False if standard output or memory fails. */
static bool answer(struct sending *sending, struct sent_command *command, struct span reply, bool is_rejection)
{
    /* In at-least-once delivery a command may be answered twice. */
    if (command->state != SENT_QUEUED && command->state != SENT_STORED && command->state != SENT_UNCONFIRMED)
        return true;
    /* A reply may be here before the producer tells that its command is stored. */
    if (command->state != SENT_STORED) {
        sending->counts->sent++;
        sending->last_sent_ms = clock_now_ms();
    }
    sending->counts->answered++;
    if (is_rejection)
        sending->counts->rejected++;
    if (!sending->request->ordered) {
        command->state = SENT_DONE;
        return print_reply(reply) ? sending_print_ready(sending) : sending_fail_output(sending);
    }
    return send_window_keep(&sending->window, command, reply) ? sending_print_ready(sending)
                                                              : sending_fail_memory(sending);
}

/* A reply without correlation. It waits if the producer has not yet told the places of all commands. */
static bool take_minimal(struct sending *sending, struct early_reply *reply)
{
    if (!reply->bytes || !read_source(sending, reply))
        return true;
    rd_kafka_poll(sending->producer, 0);
    struct sent_command *command = send_window_at(&sending->window, reply->partition, reply->offset);
    if (command)
        return answer(sending, command, span_of(reply->bytes, reply->length), reply->is_rejection);
    if (rd_kafka_outq_len(sending->producer) == 0)
        return true;
    return early_replies_add(&sending->early, reply) || sending_fail_memory(sending);
}

bool sending_take_early(struct sending *sending)
{
    for (size_t i = 0; i < sending->early.count;) {
        const struct early_reply *reply = &sending->early.items[i];
        struct sent_command *command = send_window_at(&sending->window, reply->partition, reply->offset);
        if (command && !answer(sending, command, span_of(reply->bytes, reply->length), reply->is_rejection))
            return false;
        if (command)
            early_replies_remove(&sending->early, i);
        else
            i++;
    }
    if (rd_kafka_outq_len(sending->producer) == 0)
        early_replies_clear(&sending->early);
    return true;
}

static bool take_reply(struct sending *sending, const rd_kafka_message_t *message)
{
    struct span correlation, type;
    struct early_reply reply = {.is_rejection = message_header_last(message, "ce_type", &type) &&
                                                span_equal(type, SPAN("client.rejected")),
                                .bytes = message->payload,
                                .length = message->payload ? message->len : 0};
    if (!message_header_last(message, "correlation-id", &correlation) || !correlation.at)
        return take_minimal(sending, &reply);
    struct sent_command *command = find_by_correlation(sending, correlation);
    return !command || answer(sending, command, span_of(reply.bytes, reply.length), reply.is_rejection);
}

bool sending_take_replies(struct sending *sending, int wait_ms, bool *moved)
{
    rd_kafka_message_t *message;
    for (int i = 0; i < BURST && (message = rd_kafka_consumer_poll(sending->consumer.handle, wait_ms)); i++) {
        const bool ok = message->err || take_reply(sending, message);
        if (message->err && message->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
            history_client_note(&sending->consumer, message);
        else
            history_client_hear(&sending->consumer);
        *moved = *moved || !message->err;
        rd_kafka_message_destroy(message);
        if (!ok)
            return false;
        wait_ms = 0;
    }
    return true;
}

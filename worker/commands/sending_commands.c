#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/stop.h"
#include "worker/commands/sending_internal.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_refusal.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/validate/decode.h"

#define REST_MS 1000 /* how long the next line is looked for that a signal left unsent */

/* ---- Opening ---- */

bool sending_choose_run_id(struct sending *sending, char *error, size_t error_size)
{
    unsigned char random[RUN_ID_LENGTH / 2];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        snprintf(error, error_size, "no random number: %s", strerror(errno));
        return false;
    }
    for (size_t i = 0; i < sizeof(random); i++)
        sprintf(sending->run_id + 2 * i, "%02x", random[i]);
    return true;
}

static void on_producer_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
    struct sending *sending = opaque;
    (void)handle;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || sending->fault[0] == '\0')
        snprintf(sending->fault, sizeof(sending->fault), "%s", reason);
}

/* True if a message that failed was on its way. A broker's error is a refusal, apart from two. */
static bool may_be_stored(const rd_kafka_message_t *message)
{
    const bool is_refused = message->err > RD_KAFKA_RESP_ERR_NO_ERROR &&
                            message->err != RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT &&
                            message->err != RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND;
    return !is_refused && rd_kafka_message_status(message) != RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
}

/* Without an offset no broker has confirmed the message. Librdkafka infers that it is stored if a later one of its
 * partition is, since the broker would miss the sequence numbers between. But a broker takes any number from a producer
 * that it does not know. So if it refuses the first request of all and takes the second one, which was on its way, then
 * the commands of the first are not stored. */
static void take_unconfirmed(struct sending *sending, struct sent_command *command)
{
    command->state = sending->request->no_wait ? SENT_FAILED : SENT_UNCONFIRMED;
    if (sending->request->no_wait)
        sending_name_unconfirmed(sending, command->line, sending_unconfirmed);
}

static void on_delivery(rd_kafka_t *handle, const rd_kafka_message_t *message, void *opaque)
{
    struct sending *sending = opaque;
    struct sent_command *command = send_window_find(&sending->window, (int64_t)(intptr_t)message->_private);
    (void)handle;
    if (!command || command->state != SENT_QUEUED) /* its reply was here sooner */
        return;
    if (message->err) {
        const char *reason = rd_kafka_err2str(message->err);
        if (may_be_stored(message))
            sending_name_unconfirmed(sending, command->line, reason);
        else
            sending_name_unsent(sending, command->line, reason);
        command->state = SENT_FAILED;
        return;
    }
    sending->last_sent_ms = clock_now_ms();
    if (message->offset < 0) {
        take_unconfirmed(sending, command);
        return;
    }
    sending->counts->sent++;
    command->partition = message->partition;
    command->offset = message->offset;
    command->state = sending->request->no_wait ? SENT_DONE : SENT_STORED;
}

bool sending_open_producer(struct sending *sending, char *error, size_t error_size)
{
    static const struct kafka_owned owned[] = {{"enable.idempotence", "true"}, {"acks", "all"}, {NULL, NULL}};
    rd_kafka_conf_t *conf = kafka_conf_with(sending->config, sending->config->kafka_producer, owned, error, error_size);
    if (!conf)
        return false;
    rd_kafka_conf_set_opaque(conf, sending);
    rd_kafka_conf_set_error_cb(conf, on_producer_error);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    sending->producer = kafka_conf_open(conf, RD_KAFKA_PRODUCER, error, error_size);
    return sending->producer != NULL;
}

bool sending_find_command_topic(const struct sending *sending, char *error, size_t error_size)
{
    const char *topic = sending->config->commands.topic;
    const int32_t count = kafka_topic_partitions(sending->producer, topic, KAFKA_CLIENT_WAIT_MS, error, error_size);
    if (count == 0)
        snprintf(error, error_size, "the command topic %s does not exist; client-intake topics create creates it",
                 topic);
    return count > 0;
}

/* ---- Sending ---- */

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.length; i++)
        if (line.at[i] != ' ' && line.at[i] != '\t' && line.at[i] != '\r')
            return false;
    return true;
}

/* The command's workspace, as the worker will find it; at == NULL if there is none. */
static struct span workspace_of(struct sending *sending, struct span line)
{
    batch_reset(&sending->batch);
    struct item *item = &sending->batch.items[0];
    *item = (struct item){.from = {.topic = sending->config->commands.topic}, .value = line};
    decode_item(item, sending->config, sending->parser, &sending->batch.arena);
    return item->workspace;
}

/* The code of a failure that passes by itself is RD_KAFKA_RESP_ERR__QUEUE_FULL. */
static rd_kafka_resp_err_t produce(struct sending *sending, struct span line, int64_t number)
{
    char id[64];
    const struct span workspace = workspace_of(sending, line);
    const int length = snprintf(id, sizeof(id), "%s-%lld", sending->run_id, (long long)number);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    rd_kafka_resp_err_t code = rd_kafka_header_add(headers, "correlation-id", -1, id, length);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR && sending->request->reply_topic)
        code = rd_kafka_header_add(headers, "reply-topic", -1, sending->request->reply_topic, -1);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = rd_kafka_producev(sending->producer, RD_KAFKA_V_TOPIC(sending->config->commands.topic),
                                 RD_KAFKA_V_KEY(workspace.at, workspace.length),
                                 RD_KAFKA_V_VALUE((void *)(uintptr_t)line.at, line.length), RD_KAFKA_V_HEADERS(headers),
                                 RD_KAFKA_V_OPAQUE((void *)(intptr_t)number), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                                 RD_KAFKA_V_END);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_headers_destroy(headers);
    return kafka_is_longer_than_queue(sending->producer, code) ? RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE : code;
}

static bool may_send(struct sending *sending)
{
    if (send_window_is_full(&sending->window) || rd_kafka_outq_len(sending->producer) >= SEND_WINDOW)
        return false;
    return rate_left(&sending->rate, clock_now_ms()) > 0;
}

/* Sends a line. It is lost only with its name on standard error. */
static void send_line(struct sending *sending, const struct line *line)
{
    struct span text = line->text;
    if (line->too_long) {
        sending_name_unsent(sending, line->number, "it is longer than 16 MiB");
        return;
    }
    if (is_blank(text))
        return;
    if (text.length > 0 && text.at[text.length - 1] == '\r')
        text.length--;
    const int64_t number = send_window_add(&sending->window, line->number, text.length);
    rd_kafka_resp_err_t code;
    while ((code = produce(sending, text, number)) == RD_KAFKA_RESP_ERR__QUEUE_FULL && stop_requests() < 2)
        rd_kafka_poll(sending->producer, IDLE_WAIT_MS);
    rate_take(&sending->rate, 1);
    sending->last_sent_ms = clock_now_ms();
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    sending_name_unsent(sending, line->number, rd_kafka_err2str(code));
    send_window_find(&sending->window, number)->state = SENT_FAILED;
}

/* ---- The input ---- */

static bool input_is_there(const struct sending *sending)
{
    struct pollfd input = {.fd = sending->request->input, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

/* An input that cannot be read any more has ended. */
static void end_input(struct sending *sending)
{
    const int reason = errno;
    sending_clear_progress(sending);
    fprintf(stderr, "client-intake send: %s: %s; nothing behind line %lld was sent\n", sending->request->input_name,
            strerror(reason), (long long)sending->lines.number);
    sending->counts->input_failed = sending->input_ended = true;
}

void sending_send_lines(struct sending *sending, bool *moved)
{
    struct line line;
    for (int i = 0; i < BURST && may_send(sending); i++) {
        if (lines_next(&sending->lines, &line)) {
            send_line(sending, &line);
            *moved = true;
        } else if (lines_are_done(&sending->lines)) {
            sending->input_ended = true;
            return;
        } else if (!input_is_there(sending)) {
            return;
        } else if (lines_fill(&sending->lines) != 0) {
            end_input(sending);
            return;
        }
    }
}

/* The next line that would be sent. False if none is there. An input may have blank lines, or one line, without end:
 * after a while its next line stands for the rest. */
static bool find_rest(struct sending *sending, struct line *line)
{
    const int64_t until_ms = clock_now_ms() + REST_MS;
    while (clock_now_ms() < until_ms) {
        if (lines_next(&sending->lines, line)) {
            if (line->too_long || !is_blank(line->text))
                return true;
        } else if (lines_are_done(&sending->lines) || !input_is_there(sending) || lines_fill(&sending->lines) != 0) {
            return false;
        }
    }
    *line = (struct line){.number = sending->lines.number + (sending->lines.skipping ? 1 : 0)}; /* behind a named one */
    return true;
}

void sending_name_rest(struct sending *sending)
{
    struct line line;
    if (!sending->input_ended && find_rest(sending, &line))
        sending_name_unsent(sending, line.number,
                            stop_is_requested()
                                ? "nor was any line behind it, since a signal ended the sending"
                                : "nor was any line behind it, since replies to the commands before it did not come");
}

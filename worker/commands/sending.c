#include "worker/commands/sending.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/lines.h"
#include "common/rate.h"
#include "common/stop.h"
#include "worker/commands/early_replies.h"
#include "worker/commands/send_window.h"
#include "worker/definitions/json_line.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/offsets.h"
#include "worker/replay/history_client.h"
#include "worker/replay/outcome.h"
#include "worker/validate/decode.h"

#define LINE_BYTES      ((size_t)16 << 20)
#define BUFFER_BYTES    (2 * LINE_BYTES)
#define RUN_ID_LENGTH   16
#define IDLE_WAIT_MS    20
#define LOOK_MS         5000 /* how often the reply topic is asked for new partitions while replies are missing */
#define SHOWN_MS        200
#define LAST_REPORTS_MS 1000
#define BURST_LINES     256
#define REST_MS         1000 /* how long the next line is looked for that a signal left unsent */

struct sending {
    const struct config *config;
    const struct sending_request *request;
    struct sending_counts *counts;
    const char *reply_topic;
    char run_id[RUN_ID_LENGTH + 1]; /* begins every correlation-id of this run */
    rd_kafka_t *producer;
    char fault[512]; /* the producer's last error */
    struct history_client consumer;
    int32_t partitions;    /* of the reply topic, that are assigned */
    struct offsets begins; /* where they ended before the first command */
    struct lines lines;
    bool input_ended, output_failed;
    struct send_window window;
    struct early_replies early;
    struct batch batch; /* of one item, to find a command's workspace */
    struct json_parser *parser;
    int64_t begin_ms, last_sent_ms, looked_ms, shown_ms; /* CLOCK_MONOTONIC */
    struct rate rate;                                    /* of commands from the input */
    bool is_shown;                                       /* the progress; shown_ms is 0 while the line is empty */
    char *error;                                         /* why the run has failed */
    size_t error_size;
};

/* The run has failed with errno. Returns false. */
static bool fail(struct sending *sending, const char *subject)
{
    snprintf(sending->error, sending->error_size, "%s: %s", subject, strerror(errno));
    return false;
}

static bool fail_memory(struct sending *sending)
{
    snprintf(sending->error, sending->error_size, "out of memory");
    return false;
}

static bool fail_output(struct sending *sending)
{
    sending->output_failed = true;
    return fail(sending, "standard output");
}

/* ---- Opening ---- */

static void on_producer_error(rd_kafka_t *handle, int code, const char *reason, void *opaque)
{
    struct sending *sending = opaque;
    (void)handle;
    if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || sending->fault[0] == '\0')
        snprintf(sending->fault, sizeof(sending->fault), "%s", reason);
}

/* A row for a command without a reply. `reason` and `source` may be NULL, which leaves them out. */
static void print_row(const struct sending *sending, int64_t line, const char *result, const char *reason,
                      json_t *source)
{
    if (sending->request->json)
        json_line_print(json_line_pack("{s:I, s:s, s:o*, s:o*}", "line", (json_int_t)line + 1, "result", result,
                                       "reason", reason ? json_line_text(reason) : NULL, "source", source));
    else
        json_decref(source);
}

/* Makes room for another line on standard error. The progress is shown again below it. */
static void clear_progress(struct sending *sending)
{
    if (sending->is_shown && sending->shown_ms > 0)
        fputs("\r\033[K", stderr);
    sending->shown_ms = 0;
}

static void name_unsent(struct sending *sending, int64_t line, const char *reason)
{
    sending->counts->unsent++;
    clear_progress(sending);
    fprintf(stderr, "client-intake send: line %lld was not sent: %s\n", (long long)line + 1, reason);
    print_row(sending, line, "unsent", reason, NULL);
}

static void name_unconfirmed(struct sending *sending, int64_t line, const char *reason)
{
    sending->counts->unsent++;
    clear_progress(sending);
    fprintf(stderr, "client-intake send: line %lld is not confirmed, Kafka may have it or not: %s\n",
            (long long)line + 1, reason);
    print_row(sending, line, "unconfirmed", reason, NULL);
}

static const char unconfirmed[] = "the broker has not confirmed it";

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
        name_unconfirmed(sending, command->line, unconfirmed);
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
            name_unconfirmed(sending, command->line, reason);
        else
            name_unsent(sending, command->line, reason);
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

/* Idempotent: what a broker that went away has stored already is not stored again. */
static bool open_producer(struct sending *sending, char *error, size_t error_size)
{
    rd_kafka_conf_t *conf = kafka_conf_new(sending->config, sending->config->kafka_producer, error, error_size);
    if (!conf)
        return false;
    rd_kafka_conf_set_opaque(conf, sending);
    rd_kafka_conf_set_error_cb(conf, on_producer_error);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (kafka_conf_set(conf, "enable.idempotence", "true", error, error_size) &&
        kafka_conf_set(conf, "acks", "all", error, error_size))
        sending->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, error_size);
    if (!sending->producer)
        rd_kafka_conf_destroy(conf); /* rd_kafka_new takes ownership only on success */
    return sending->producer != NULL;
}

/* Assigns the partitions from `next` on: those of *from, and new ones from their beginning. */
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

static bool open_consumer(struct sending *sending, char *error, size_t error_size)
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

/* One fault of the command topic is reported here, and not for each line. */
static bool find_command_topic(const struct sending *sending, char *error, size_t error_size)
{
    const char *topic = sending->config->commands.topic;
    const int32_t count = kafka_topic_partitions(sending->producer, topic, KAFKA_CLIENT_WAIT_MS, error, error_size);
    if (count == 0)
        snprintf(error, error_size, "the command topic %s does not exist; client-intake topics create creates it",
                 topic);
    return count > 0;
}

static bool choose_run_id(struct sending *sending, char *error, size_t error_size)
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

static bool sending_open(struct sending *sending, char *error, size_t error_size)
{
    const size_t longest = LINE_BYTES > (size_t)sending->config->limits.command_bytes
                               ? LINE_BYTES
                               : (size_t)sending->config->limits.command_bytes;
    if (!choose_run_id(sending, error, error_size) || !open_producer(sending, error, error_size) ||
        !find_command_topic(sending, error, error_size) ||
        (!sending->request->no_wait && !open_consumer(sending, error, error_size)))
        return false;
    sending->parser = json_parser_new(longest);
    if (sending->parser && send_window_open(&sending->window) == 0 &&
        batch_open(&sending->batch, 1, longest, longest) == 0 &&
        lines_open(&sending->lines, sending->request->input, BUFFER_BYTES, LINE_BYTES) == 0)
        return true;
    snprintf(error, error_size, "out of memory");
    return false;
}

static void sending_close(struct sending *sending)
{
    /* A reply may overtake Kafka's report of its command, and librdkafka warns about a command without a report. The
     * replies are printed already, so nothing depends on the result. */
    if (sending->producer && stop_requests() < 2)
        (void)rd_kafka_flush(sending->producer, LAST_REPORTS_MS);
    if (sending->producer)
        rd_kafka_destroy(sending->producer);
    history_client_close(&sending->consumer);
    offsets_free(&sending->begins);
    lines_close(&sending->lines);
    batch_close(&sending->batch);
    if (sending->parser)
        json_parser_free(sending->parser);
    send_window_close(&sending->window);
    early_replies_clear(&sending->early);
}

/* ---- Commands ---- */

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
    return code;
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
        name_unsent(sending, line->number, "it is longer than 16 MiB");
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
    name_unsent(sending, line->number, rd_kafka_err2str(code));
    send_window_find(&sending->window, number)->state = SENT_FAILED;
}

static bool input_is_there(const struct sending *sending)
{
    struct pollfd input = {.fd = sending->request->input, .events = POLLIN};
    return poll(&input, 1, 0) > 0;
}

/* An input that cannot be read any more has ended. */
static void end_input(struct sending *sending)
{
    const int reason = errno;
    clear_progress(sending);
    fprintf(stderr, "client-intake send: %s: %s; nothing behind line %lld was sent\n", sending->request->input_name,
            strerror(reason), (long long)sending->lines.number);
    sending->counts->input_failed = sending->input_ended = true;
}

/* Sends some lines, as far as they are there. *moved: it did. */
static void send_lines(struct sending *sending, bool *moved)
{
    struct line line;
    for (int i = 0; i < BURST_LINES && may_send(sending); i++) {
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

/* ---- Replies ---- */

static bool print_reply(struct span reply)
{
    return fwrite(reply.at, 1, reply.length, stdout) == reply.length && putchar('\n') != EOF;
}

static struct span last_header(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return SPAN_NONE;
    return span_of(value, size);
}

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

/* False if standard output fails. */
static bool print_ready(struct sending *sending)
{
    struct sent_command *command;
    while ((command = send_window_take(&sending->window))) {
        if (command->reply && !print_reply(span_of(command->reply, command->length)))
            return fail_output(sending);
        send_window_drop(&sending->window);
    }
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
        return print_reply(reply) ? print_ready(sending) : fail_output(sending);
    }
    return send_window_keep(&sending->window, command, reply) ? print_ready(sending) : fail_memory(sending);
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
    return early_replies_add(&sending->early, reply) || fail_memory(sending);
}

/* Looks for the commands of replies that were early. */
static bool take_early(struct sending *sending)
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
    const struct span correlation = last_header(message, "correlation-id");
    struct early_reply reply = {.is_rejection = span_equal(last_header(message, "ce_type"), SPAN("client.rejected")),
                                .bytes = message->payload,
                                .length = message->payload ? message->len : 0};
    if (!correlation.at)
        return take_minimal(sending, &reply);
    struct sent_command *command = find_by_correlation(sending, correlation);
    return !command || answer(sending, command, span_of(reply.bytes, reply.length), reply.is_rejection);
}

/* Takes the replies that are there, waiting up to `wait_ms` for the first. *moved: there was one. */
static bool take_replies(struct sending *sending, int wait_ms, bool *moved)
{
    rd_kafka_message_t *message;
    for (int i = 0; i < BURST_LINES && (message = rd_kafka_consumer_poll(sending->consumer.handle, wait_ms)); i++) {
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

/* Partitions that were added to the reply topic are read from their beginning. The others go on where they are; one
 * without a message so far has no position, and begins again. A failure is tried again. */
static void look_for_partitions(struct sending *sending)
{
    char error[512];
    struct offsets positions = {0};
    const int64_t now = clock_now_ms();
    if (now - sending->looked_ms < LOOK_MS)
        return;
    sending->looked_ms = now;
    const int32_t count = kafka_topic_partitions(sending->consumer.handle, sending->reply_topic, KAFKA_CLIENT_WAIT_MS,
                                                 error, sizeof(error));
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
            clear_progress(sending);
            fprintf(stderr, "client-intake send: new partitions of %s: %s\n", sending->reply_topic, error);
        }
    }
    rd_kafka_topic_partition_list_destroy(list);
    offsets_free(&positions);
}

/* ---- The whole ---- */

static void show(struct sending *sending, bool is_last)
{
    const int64_t now = clock_now_ms();
    if (!sending->is_shown || (!is_last && now - sending->shown_ms < SHOWN_MS))
        return;
    sending->shown_ms = now;
    const double seconds = (double)(now - sending->begin_ms + 1) / 1000;
    const struct sending_counts *counts = sending->counts;
    fprintf(stderr, "\r%lld sent, %lld answered, %lld rejected, %.0f/s\033[K%s", (long long)counts->sent,
            (long long)counts->answered, (long long)counts->rejected,
            (double)(sending->request->no_wait ? counts->sent : counts->answered) / seconds, is_last ? "\n" : "");
    sending->is_shown = !is_last;
}

static void name_unanswered(struct sending *sending)
{
    for (int64_t number = sending->window.first; number < sending->window.next; number++) {
        const struct sent_command *command = send_window_find(&sending->window, number);
        if (command->state == SENT_STORED) {
            sending->counts->unanswered++;
            fprintf(stderr, "client-intake send: line %lld has no reply: %s/%d/%lld\n", (long long)command->line + 1,
                    sending->config->commands.topic, (int)command->partition, (long long)command->offset);
            print_row(sending, command->line, "unanswered", NULL,
                      json_line_pack("{s:s, s:i, s:I}", "topic", sending->config->commands.topic, "partition",
                                     (int)command->partition, "offset", (json_int_t)command->offset));
        } else if (command->state == SENT_UNCONFIRMED) {
            name_unconfirmed(sending, command->line, unconfirmed);
        } else if (command->state == SENT_QUEUED) {
            name_unconfirmed(sending, command->line, sending->fault[0] ? sending->fault : "the program was stopped");
        }
    }
    if (sending->counts->unanswered > 0 && sending->consumer.fault[0])
        fprintf(stderr, "client-intake send: the last error when replies were read from %s: %s\n", sending->reply_topic,
                sending->consumer.fault);
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

/* The input was not read to its end, since the window is full of commands without a reply, or because of a signal. */
static void name_rest(struct sending *sending)
{
    struct line line;
    if (!sending->input_ended && find_rest(sending, &line))
        name_unsent(sending, line.number,
                    stop_is_requested()
                        ? "nor was any line behind it, since a signal ended the sending"
                        : "nor was any line behind it, since replies to the commands before it did not come");
}

/* Replies to later commands that wait for a missing one. */
static bool print_rest(struct sending *sending)
{
    for (int64_t number = sending->window.first; number < sending->window.next; number++) {
        const struct sent_command *command = send_window_find(&sending->window, number);
        if (command->state == SENT_ANSWERED && !print_reply(span_of(command->reply, command->length)))
            return fail_output(sending);
    }
    return true;
}

static bool is_done(const struct sending *sending)
{
    if (stop_requests() > 1)
        return true;
    const bool ended = sending->input_ended || stop_is_requested();
    if (ended && send_window_is_empty(&sending->window))
        return true;
    /* librdkafka tells of each message what became of it. */
    if (rd_kafka_outq_len(sending->producer) > 0 || (!ended && !send_window_is_full(&sending->window)))
        return false;
    return clock_now_ms() - sending->last_sent_ms >= sending->request->timeout_ms;
}

/* False if the run has failed. */
static bool step(struct sending *sending)
{
    bool moved = false;
    if (!sending->input_ended && !stop_is_requested())
        send_lines(sending, &moved);
    const int wait_ms = moved ? 0 : IDLE_WAIT_MS;
    if (sending->request->no_wait) {
        rd_kafka_poll(sending->producer, wait_ms);
        show(sending, false);
        return print_ready(sending);
    }
    rd_kafka_poll(sending->producer, 0);
    if (!take_early(sending) || !take_replies(sending, wait_ms, &moved) || !print_ready(sending))
        return false;
    if (!moved) {
        if (fflush(stdout) != 0) /* so that a pipe gets each reply at once */
            return fail_output(sending);
        look_for_partitions(sending);
    }
    show(sending, false);
    return true;
}

enum sending_result sending_run(const struct config *config, const struct sending_request *request,
                                struct sending_counts *counts, char *error, size_t error_size)
{
    struct sending sending = {
        .config = config,
        .request = request,
        .counts = counts,
        .rate = RATE_OF(request->rate),
        .reply_topic = request->reply_topic ? request->reply_topic : config->replies.topic,
        .is_shown = isatty(STDERR_FILENO) && (request->no_wait || !isatty(STDOUT_FILENO)),
        .error = error,
        .error_size = error_size,
    };
    *counts = (struct sending_counts){0};
    bool ok = sending_open(&sending, error, error_size);
    if (ok) {
        sending.begin_ms = sending.last_sent_ms = sending.looked_ms = clock_now_ms();
        while (ok && !is_done(&sending))
            ok = step(&sending);
        show(&sending, true);
        ok = ok && print_rest(&sending);
        /* Where replies could not be printed it is not known which are missing. */
        if (!sending.output_failed)
            name_unanswered(&sending);
        if (ok)
            name_rest(&sending);
    }
    sending_close(&sending);
    if (!ok)
        return SENDING_FAILED;
    return stop_requests() > 1 ? SENDING_FORCED : SENDING_DONE;
}

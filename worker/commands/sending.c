#include "worker/commands/sending.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/stop.h"
#include "worker/commands/sending_internal.h"

#define LINE_BYTES      ((size_t)16 << 20)
#define BUFFER_BYTES    (2 * LINE_BYTES)
#define LAST_REPORTS_MS 1000

bool sending_fail(struct sending *sending, const char *subject)
{
    snprintf(sending->error, sending->error_size, "%s: %s", subject, strerror(errno));
    return false;
}

bool sending_fail_memory(struct sending *sending)
{
    snprintf(sending->error, sending->error_size, "out of memory");
    return false;
}

bool sending_fail_output(struct sending *sending)
{
    sending->output_failed = true;
    return sending_fail(sending, "standard output");
}

static bool sending_open(struct sending *sending, char *error, size_t error_size)
{
    const size_t longest = LINE_BYTES > (size_t)sending->config->limits.command_bytes
                               ? LINE_BYTES
                               : (size_t)sending->config->limits.command_bytes;
    if (!sending_choose_run_id(sending, error, error_size) || !sending_open_producer(sending, error, error_size) ||
        !sending_find_command_topic(sending, error, error_size) ||
        (!sending->request->no_wait && !sending_open_consumer(sending, error, error_size)))
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
        sending_send_lines(sending, &moved);
    const int wait_ms = moved ? 0 : IDLE_WAIT_MS;
    if (sending->request->no_wait) {
        rd_kafka_poll(sending->producer, wait_ms);
        sending_show(sending, false);
        return sending_print_ready(sending);
    }
    rd_kafka_poll(sending->producer, 0);
    if (!sending_take_early(sending) || !sending_take_replies(sending, wait_ms, &moved) ||
        !sending_print_ready(sending))
        return false;
    if (!moved) {
        if (fflush(stdout) != 0) /* so that a pipe gets each reply at once */
            return sending_fail_output(sending);
        sending_look_for_partitions(sending);
    }
    sending_show(sending, false);
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
        sending_show(&sending, true);
        ok = ok && sending_print_rest(&sending);
        /* Where replies could not be printed it is not known which are missing. */
        if (!sending.output_failed)
            sending_name_unanswered(&sending);
        if (ok)
            sending_name_rest(&sending);
    }
    sending_close(&sending);
    if (!ok)
        return SENDING_FAILED;
    return stop_requests() > 1 ? SENDING_FORCED : SENDING_DONE;
}

/* sending_internal: what the files of `sending` share. No other file includes it. */
#ifndef WORKER_COMMANDS_SENDING_INTERNAL_H
#define WORKER_COMMANDS_SENDING_INTERNAL_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/json.h"
#include "common/lines.h"
#include "common/must_check.h"
#include "common/rate.h"
#include "worker/commands/early_replies.h"
#include "worker/commands/send_window.h"
#include "worker/commands/sending.h"
#include "worker/kafka/offsets.h"
#include "worker/model/batch.h"
#include "worker/replay/history_client.h"

#define RUN_ID_LENGTH 16
#define IDLE_WAIT_MS  20  /* for Kafka, while there is nothing to send and no reply to print */
#define BURST         256 /* so many lines are sent, and so many replies are taken, before it is the other's turn */

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

/* The run has failed: the reason is in `error`. They return false. */
bool sending_fail(struct sending *sending, const char *subject); /* with errno */
bool sending_fail_memory(struct sending *sending);
bool sending_fail_output(struct sending *sending); /* with errno of standard output */

/* ---- sending_report.c: the progress, and commands without a reply, by their lines ---- */

/* Why a command is not confirmed whose place no broker has told. */
extern const char sending_unconfirmed[];

/* Shows the progress on a terminal, SHOWN_MS after the last time at the earliest, or for good. */
void sending_show(struct sending *sending, bool is_last);

/* Makes room for another line on standard error. The progress is shown again below it. */
void sending_clear_progress(struct sending *sending);

/* Each names a line of the input, from 0, which counts as unsent from now on. */
void sending_name_unsent(struct sending *sending, int64_t line, const char *reason);
void sending_name_unconfirmed(struct sending *sending, int64_t line, const char *reason);

/* At the end of the run: names all commands in the window that have no reply. */
void sending_name_unanswered(struct sending *sending);

/* ---- sending_commands.c: from the input to Kafka ---- */

MUST_CHECK bool sending_choose_run_id(struct sending *sending, char *error, size_t error_size);

/* Idempotent: what a broker that went away has stored already is not stored again. False with the reason in `error`. */
MUST_CHECK bool sending_open_producer(struct sending *sending, char *error, size_t error_size);

/* True if the command topic exists. So its fault is reported here, and not for each line. */
MUST_CHECK bool sending_find_command_topic(const struct sending *sending, char *error, size_t error_size);

/* Sends some lines, as far as they are there and the window and the rate allow. *moved: it did. */
void sending_send_lines(struct sending *sending, bool *moved);

/* Names the next line if the input was not read to its end, since the window is full of commands without a reply, or
 * because of a signal. */
void sending_name_rest(struct sending *sending);

/* ---- sending_replies.c: from the reply topic to standard output ---- */

/* Reads the reply topic from its present end. False with the reason in `error`. */
MUST_CHECK bool sending_open_consumer(struct sending *sending, char *error, size_t error_size);

/* Takes the replies that are there, waiting up to `wait_ms` for the first. *moved: there was one. False if the run has
 * failed. */
MUST_CHECK bool sending_take_replies(struct sending *sending, int wait_ms, bool *moved);

/* Looks for the commands of replies that were early. False if the run has failed. */
MUST_CHECK bool sending_take_early(struct sending *sending);

/* Prints what can be printed in the order of the input, and drops finished commands. False if standard output fails. */
MUST_CHECK bool sending_print_ready(struct sending *sending);

/* At the end of the run: prints replies to later commands that wait for a missing one. False if standard output fails.
 */
MUST_CHECK bool sending_print_rest(struct sending *sending);

/* Every LOOK_MS: partitions that were added to the reply topic are read from their beginning. A failure is tried again.
 */
void sending_look_for_partitions(struct sending *sending);

#endif

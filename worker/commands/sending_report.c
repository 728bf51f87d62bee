#include <stdio.h>

#include "common/clock.h"
#include "worker/commands/sending_internal.h"
#include "worker/definitions/json_line.h"

#define SHOWN_MS 200

const char sending_unconfirmed[] = "the broker has not confirmed it";

void sending_show(struct sending *sending, bool is_last)
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

void sending_clear_progress(struct sending *sending)
{
    if (sending->is_shown && sending->shown_ms > 0)
        fputs("\r\033[K", stderr);
    sending->shown_ms = 0;
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

void sending_name_unsent(struct sending *sending, int64_t line, const char *reason)
{
    sending->counts->unsent++;
    sending_clear_progress(sending);
    fprintf(stderr, "client-intake send: line %lld was not sent: %s\n", (long long)line + 1, reason);
    print_row(sending, line, "unsent", reason, NULL);
}

void sending_name_unconfirmed(struct sending *sending, int64_t line, const char *reason)
{
    sending->counts->unsent++;
    sending_clear_progress(sending);
    fprintf(stderr, "client-intake send: line %lld is not confirmed, Kafka may have it or not: %s\n",
            (long long)line + 1, reason);
    print_row(sending, line, "unconfirmed", reason, NULL);
}

void sending_name_unanswered(struct sending *sending)
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
            sending_name_unconfirmed(sending, command->line, sending_unconfirmed);
        } else if (command->state == SENT_QUEUED) {
            sending_name_unconfirmed(sending, command->line,
                                     sending->fault[0] ? sending->fault : "the program was stopped");
        }
    }
    if (sending->counts->unanswered > 0 && sending->consumer.fault[0])
        fprintf(stderr, "client-intake send: the last error when replies were read from %s: %s\n", sending->reply_topic,
                sending->consumer.fault);
}

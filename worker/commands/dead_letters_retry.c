/* dead-letters retry: prints what letter_retrying does, or would do. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/stop.h"
#include "worker/commands/command_dead_letters.h"
#include "worker/definitions/json_line.h"
#include "worker/kafka/kafka_client.h"
#include "worker/letters/letter_retrying.h"

#define VALUE_BYTES ((size_t)100 << 20) /* of --value: more than kafka.producer.message.max.bytes */

struct printing {
    const struct config *config;
    bool json;
};

static const char *const fates[] = {[FATE_WOULD_SEND] = "would_send", [FATE_SENT] = "sent", [FATE_REFUSED] = "refused"};

static void print_json(const struct letter_verdict *verdict)
{
    const struct letter_command *command = verdict->command;
    const bool is_sent = verdict->fate == FATE_SENT;
    char to[LETTER_POSITION_SIZE];
    if (is_sent)
        letter_position_write(&command->to, to);
    json_line_print(json_line_pack("{s:i, s:I, s:s, s:s?, s:s?, s:o, s:s?}", "partition", (int)verdict->place.partition,
                                   "offset", (json_int_t)verdict->place.offset, "result", fates[verdict->fate],
                                   "reason", verdict->reason, "to", is_sent ? to : NULL, "retries",
                                   command ? json_integer(command->retries) : json_null(), "commandId",
                                   command && command->is_named ? command->id : NULL));
}

static void print_text(const struct printing *printing, const struct letter_verdict *verdict)
{
    const struct letter_command *command = verdict->command;
    char to[LETTER_POSITION_SIZE];
    printf("%d/%lld: ", (int)verdict->place.partition, (long long)verdict->place.offset);
    if (verdict->fate == FATE_REFUSED) {
        printf("refused: %s\n", verdict->reason);
        return;
    }
    letter_position_write(&command->to, to);
    printf("%s %s, retry %lld of %lld", verdict->fate == FATE_SENT ? "sent to" : "would be sent to",
           verdict->fate == FATE_SENT ? to : printing->config->commands.topic, (long long)command->retries,
           (long long)printing->config->dead_letters.retries);
    if (command->is_named)
        printf(", with the command id %s", command->id);
    putchar('\n');
}

static void tell(void *listener, const struct letter_verdict *verdict)
{
    const struct printing *printing = listener;
    if (printing->json)
        print_json(verdict);
    else
        print_text(printing, verdict);
}

static void print_summary(const struct dead_letters_request *request, const struct retrying_counts *counts)
{
    if (request->json) {
        json_line_print(json_line_pack("{s:b, s:I, s:I, s:I}", "applied", (int)request->apply, "letters",
                                       (json_int_t)counts->sent, "refused", (json_int_t)counts->refused, "passedOver",
                                       (json_int_t)counts->passed_over));
        return;
    }
    printf("%lld %s, %lld refused", (long long)counts->sent, request->apply ? "sent" : "would be sent",
           (long long)counts->refused);
    if (counts->passed_over > 0)
        printf(", %lld passed over since they were retried before (--again takes them)",
               (long long)counts->passed_over);
    printf("%s\n", request->apply || counts->sent == 0 ? "" : "; --apply sends them");
}

/* What a retry that has failed has left behind. */
static const char *rest_of(const struct dead_letters_request *request, const struct retrying_counts *counts)
{
    if (!request->apply)
        return "";
    if (counts->sent == 0)
        return "; nothing was sent";
    if (request->place_count > 0 || request->again)
        return "; what is told as sent was sent, and nothing else";
    return "; what is told as sent was sent, and the same retry sends the rest";
}

static int explain(enum retrying_result result, const char *error, const struct dead_letters_request *request,
                   const struct retrying_counts *counts)
{
    switch (result) {
    case RETRYING_FAILED:
        fprintf(stderr, "client-intake dead-letters: %s%s\n", error, rest_of(request, counts));
        return COMMAND_UNAVAILABLE;
    case RETRYING_UNCERTAIN:
        fprintf(stderr,
                "client-intake dead-letters: %s: it is not known whether the last letters were sent; list shows it "
                "once Kafka is back\n",
                error);
        return COMMAND_UNAVAILABLE;
    case RETRYING_STOPPED:
        fprintf(stderr, "client-intake dead-letters: stopped; the rest was not sent\n");
        return COMMAND_FORCED;
    case RETRYING_DONE:
        break;
    }
    if (counts->has_holes)
        return COMMAND_INCOMPLETE;
    return counts->refused > 0 ? COMMAND_NEGATIVE : COMMAND_OK;
}

static char *read_value(const char *path, size_t *length)
{
    if (strcmp(path, "-") == 0)
        return file_read_descriptor(STDIN_FILENO, VALUE_BYTES, length);
    return file_read(path, VALUE_BYTES, length);
}

int dead_letters_retry(const struct dead_letters_request *request, const struct config *config)
{
    char error[1024], *bytes = NULL;
    struct span mended = SPAN_NONE;
    struct retrying_counts counts;
    struct printing printing = {config, request->json};
    if (request->value_path && !(bytes = read_value(request->value_path, &mended.length))) {
        fprintf(stderr, "client-intake dead-letters: %s: %s\n", request->value_path, strerror(errno));
        return COMMAND_UNAVAILABLE;
    }
    if (bytes && mended.length == 0) {
        fprintf(stderr, "client-intake dead-letters: %s is empty, must be the mended command\n", request->value_path);
        free(bytes);
        return COMMAND_UNAVAILABLE;
    }
    mended.at = bytes;
    const struct retrying_request retrying = {
        .named = request->place_count > 0 ? request->places : NULL,
        .named_count = request->place_count,
        .selection = request->selection,
        .again = request->again,
        .mended = bytes ? &mended : NULL,
        .apply = request->apply,
        .rate = request->rate,
        .wait_ms = KAFKA_CLIENT_WAIT_MS,
        .tell = tell,
        .listener = &printing,
    };
    if (request->apply)
        stop_on_signals();
    const enum retrying_result result = letter_retrying_run(config, &retrying, &counts, error, sizeof(error));
    print_summary(request, &counts);
    free(bytes);
    return explain(result, error, request, &counts);
}

/* oracle: checks a run of the daemon by its results in Kafka and in Redis. See request.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/live/agreement.h"
#include "tests/live/observations.h"
#include "tests/live/report.h"
#include "tests/live/request.h"
#include "tests/live/state.h"
#include "tests/live/verdicts.h"

static void replies_open(struct observations *observations, const struct request *request)
{
    observations->reply_topics = request->reply_topics;
    for (size_t i = 0; i < request->reply_topics; i++)
        history_open(&observations->replies[i], request->bootstrap, request->replies[i]);
}

/* Reads and keeps a topic that is open. */
static void keep_whole(struct history *history, const struct request *request)
{
    if (!history_keep(history, request->wait_seconds))
        violation(CHECK_SETTLED, NO_COMMAND, "%s cannot be read to its end", history->topic);
}

static size_t replies_seen(const struct observations *observations)
{
    size_t count = 0;
    for (size_t i = 0; i < observations->reply_topics; i++)
        count += observations->replies[i].seen;
    return count;
}

static void only_count(const struct message *message, void *context)
{
    (void)message;
    (void)context;
}

static int await(struct observations *observations, const struct request *request)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    int seconds = atoi(request->operand);
    replies_open(observations, request);
    for (time_t deadline = time(NULL) + seconds; time(NULL) <= deadline; nanosleep(&pause, NULL)) {
        for (size_t i = 0; i < observations->reply_topics; i++)
            history_read(&observations->replies[i], 1, only_count, NULL);
        if (replies_seen(observations) >= request->sent)
            return 0;
    }
    printf("%zu replies after %d s, of %zu\n", replies_seen(observations), seconds, request->sent);
    return 1;
}

static void print_count(const struct observations *observations)
{
    printf("%zu commands, %zu replies, %zu records, %zu dead letters\n", observations->commands.seen,
           replies_seen(observations), observations->records.seen, observations->dead_letters.seen);
}

static int count(struct observations *observations, const struct request *request)
{
    history_open(&observations->commands, request->bootstrap, request->commands);
    history_open(&observations->records, request->bootstrap, request->records);
    history_open(&observations->dead_letters, request->bootstrap, request->dead_letters);
    replies_open(observations, request);
    struct history *histories[] = {&observations->commands, &observations->records, &observations->dead_letters};
    bool read = true;
    for (size_t i = 0; i < sizeof(histories) / sizeof(histories[0]); i++)
        read = history_read(histories[i], request->wait_seconds, only_count, NULL) && read;
    for (size_t i = 0; i < observations->reply_topics; i++)
        read = history_read(&observations->replies[i], request->wait_seconds, only_count, NULL) && read;
    print_count(observations);
    return read ? 0 : 1;
}

/* A longer value need not be parsed; its hash shows whether a dead letter has the same one. */
static void commands_keep(struct observations *observations, const struct request *request)
{
    history_open(&observations->commands, request->bootstrap, request->commands);
    history_open(&observations->dead_letters, request->bootstrap, request->dead_letters);
    observations->commands.long_value = observations->dead_letters.long_value = LONGEST_COMMAND;
    observations->commands.marks = request->validated ? agreement_is_comparable : NULL;
    keep_whole(&observations->commands, request);
    keep_whole(&observations->dead_letters, request);
    report_begin(observations->commands.count);
}

static void records_keep(struct observations *observations, const struct request *request)
{
    history_open(&observations->records, request->bootstrap, request->records);
    keep_whole(&observations->records, request);
}

static void agreement_read(struct observations *observations, const struct request *request)
{
    observations->agreement = agreement_open(&observations->commands, request->validated);
    if (!observations->agreement) {
        fprintf(stderr, "%s: %s\n", request->validated, strerror(errno));
        exit(69);
    }
}

static void leave_out(const struct request *request)
{
    if (!request->sent_is_known)
        report_leave_out(CHECK_SENT);
    if (!request->group) {
        report_leave_out(CHECK_REPLY_LOST);
        report_leave_out(CHECK_COMMITTED);
    }
    if (!request->validated)
        report_leave_out(CHECK_VALIDATED);
}

static void check_everything(struct observations *observations, const struct request *request)
{
    leave_out(request);
    commands_keep(observations, request);
    records_keep(observations, request);
    replies_open(observations, request);
    if (request->group)
        observations_read_committed(observations, request->bootstrap, request->group, request->wait_seconds);
    if (request->validated)
        agreement_read(observations, request);
    if (request->sent_is_known && observations->commands.count != request->sent)
        violation(CHECK_SENT, NO_COMMAND, "%zu were sent, %zu are there", request->sent, observations->commands.count);
    check_records(observations);
    check_replies(observations, request->wait_seconds);
    check_announcements(observations);
    check_dead_letters(observations);
    check_redis(observations);
    if (observations->agreement)
        agreement_close(observations->agreement);
}

static int judge(struct observations *observations, const struct request *request)
{
    check_everything(observations, request);
    print_count(observations);
    return report_print() == 0 ? 0 : 1;
}

static int verdicts(struct observations *observations, const struct request *request)
{
    report_be_quiet();
    check_everything(observations, request);
    return outcomes_print(observations, request->all);
}

/* Converts the result of writing a file to an exit status. */
static int written(int result, const char *path)
{
    if (result == 0)
        return 0;
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return 69;
}

static int lines(struct observations *observations, const struct request *request)
{
    history_open(&observations->commands, request->bootstrap, request->commands);
    observations->commands.marks = agreement_is_comparable;
    keep_whole(&observations->commands, request);
    return written(agreement_write_lines(&observations->commands, request->operand), request->operand);
}

static void write_value(const struct message *message, void *file)
{
    if (!message->value.at)
        return;
    fwrite(message->value.at, 1, message->value.length, file);
    fputc('\n', file);
}

static int replies(struct observations *observations, const struct request *request)
{
    FILE *file = fopen(request->operand, "w");
    replies_open(observations, request);
    for (size_t i = 0; file && i < observations->reply_topics; i++)
        if (!history_read(&observations->replies[i], request->wait_seconds, write_value, file))
            fprintf(stderr, "%s cannot be read to its end\n", observations->replies[i].topic);
    return written(file ? fclose(file) : -1, request->operand);
}

static int state(struct observations *observations, const struct request *request)
{
    records_keep(observations, request);
    return written(state_write(observations, request->operand), request->operand);
}

static int words(struct observations *observations, const struct request *request)
{
    (void)observations;
    (void)request;
    report_print_words();
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct observations *observations, const struct request *request);
    bool has_operand;
} verbs[] = {{"await", await, true},  {"judge", judge, false}, {"verdicts", verdicts, false},
             {"count", count, false}, {"lines", lines, true},  {"replies", replies, true},
             {"state", state, true},  {"words", words, false}};

int main(int argument_count, char **arguments)
{
    struct request request = request_read(argument_count, arguments);
    struct observations observations = {.redis_socket = request.redis};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(request.verb, verbs[i].name) != 0 || verbs[i].has_operand != !!request.operand)
            continue;
        int status = verbs[i].run(&observations, &request);
        observations_free(&observations);
        return status;
    }
    usage_error();
}

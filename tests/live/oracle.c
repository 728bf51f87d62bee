/* oracle: judges a run of the daemon by what it left in Kafka and in Redis. See request.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/live/agreement.h"
#include "tests/live/evidence.h"
#include "tests/live/report.h"
#include "tests/live/request.h"
#include "tests/live/state.h"
#include "tests/live/verdicts.h"

static void replies_open(struct evidence *evidence, const struct request *request)
{
    evidence->reply_topics = request->reply_topics;
    for (size_t i = 0; i < request->reply_topics; i++)
        history_open(&evidence->replies[i], request->bootstrap, request->replies[i]);
}

/* Reads and keeps a topic that is open. */
static void keep_whole(struct history *history, const struct request *request)
{
    if (!history_keep(history, request->patience_seconds))
        breach(CHECK_SETTLED, NO_COMMAND, "%s cannot be read to its end", history->topic);
}

static size_t replies_seen(const struct evidence *evidence)
{
    size_t count = 0;
    for (size_t i = 0; i < evidence->reply_topics; i++)
        count += evidence->replies[i].seen;
    return count;
}

static void only_count(const struct message *message, void *context)
{
    (void)message;
    (void)context;
}

static int await(struct evidence *evidence, const struct request *request)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    int seconds = atoi(request->operand);
    replies_open(evidence, request);
    for (time_t deadline = time(NULL) + seconds; time(NULL) <= deadline; nanosleep(&pause, NULL)) {
        for (size_t i = 0; i < evidence->reply_topics; i++)
            history_read(&evidence->replies[i], 1, only_count, NULL);
        if (replies_seen(evidence) >= request->sent)
            return 0;
    }
    printf("%zu replies after %d s, of %zu\n", replies_seen(evidence), seconds, request->sent);
    return 1;
}

static void print_count(const struct evidence *evidence)
{
    printf("%zu commands, %zu replies, %zu records, %zu dead letters\n", evidence->commands.seen,
           replies_seen(evidence), evidence->records.seen, evidence->dead_letters.seen);
}

static int count(struct evidence *evidence, const struct request *request)
{
    history_open(&evidence->commands, request->bootstrap, request->commands);
    history_open(&evidence->records, request->bootstrap, request->records);
    history_open(&evidence->dead_letters, request->bootstrap, request->dead_letters);
    replies_open(evidence, request);
    struct history *histories[] = {&evidence->commands, &evidence->records, &evidence->dead_letters};
    bool read = true;
    for (size_t i = 0; i < sizeof(histories) / sizeof(histories[0]); i++)
        read = history_read(histories[i], request->patience_seconds, only_count, NULL) && read;
    for (size_t i = 0; i < evidence->reply_topics; i++)
        read = history_read(&evidence->replies[i], request->patience_seconds, only_count, NULL) && read;
    print_count(evidence);
    return read ? 0 : 1;
}

/* Nobody has to read a longer value than that; its hash tells whether a dead letter has the same one. */
static void commands_keep(struct evidence *evidence, const struct request *request)
{
    history_open(&evidence->commands, request->bootstrap, request->commands);
    history_open(&evidence->dead_letters, request->bootstrap, request->dead_letters);
    evidence->commands.long_value = evidence->dead_letters.long_value = LONGEST_COMMAND;
    evidence->commands.marks = request->validated ? agreement_is_comparable : NULL;
    keep_whole(&evidence->commands, request);
    keep_whole(&evidence->dead_letters, request);
    report_begin(evidence->commands.count);
}

static void records_keep(struct evidence *evidence, const struct request *request)
{
    history_open(&evidence->records, request->bootstrap, request->records);
    keep_whole(&evidence->records, request);
}

static void agreement_read(struct evidence *evidence, const struct request *request)
{
    evidence->agreement = agreement_open(&evidence->commands, request->validated);
    if (!evidence->agreement) {
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

static void judge_everything(struct evidence *evidence, const struct request *request)
{
    leave_out(request);
    commands_keep(evidence, request);
    records_keep(evidence, request);
    replies_open(evidence, request);
    if (request->group)
        evidence_read_committed(evidence, request->bootstrap, request->group, request->patience_seconds);
    if (request->validated)
        agreement_read(evidence, request);
    if (request->sent_is_known && evidence->commands.count != request->sent)
        breach(CHECK_SENT, NO_COMMAND, "%zu were sent, %zu are there", request->sent, evidence->commands.count);
    judge_records(evidence);
    judge_replies(evidence, request->patience_seconds);
    judge_announcements(evidence);
    judge_dead_letters(evidence);
    judge_redis(evidence);
    if (evidence->agreement)
        agreement_close(evidence->agreement);
}

static int judge(struct evidence *evidence, const struct request *request)
{
    judge_everything(evidence, request);
    print_count(evidence);
    return report_print() == 0 ? 0 : 1;
}

static int verdicts(struct evidence *evidence, const struct request *request)
{
    report_be_quiet();
    judge_everything(evidence, request);
    return verdicts_print(evidence, request->all);
}

/* What came of writing a file, as an exit status. */
static int written(int result, const char *path)
{
    if (result == 0)
        return 0;
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return 69;
}

static int lines(struct evidence *evidence, const struct request *request)
{
    history_open(&evidence->commands, request->bootstrap, request->commands);
    evidence->commands.marks = agreement_is_comparable;
    keep_whole(&evidence->commands, request);
    return written(agreement_write_lines(&evidence->commands, request->operand), request->operand);
}

static int state(struct evidence *evidence, const struct request *request)
{
    records_keep(evidence, request);
    return written(state_write(evidence, request->operand), request->operand);
}

static int words(struct evidence *evidence, const struct request *request)
{
    (void)evidence;
    (void)request;
    report_print_words();
    return 0;
}

static const struct {
    const char *name;
    int (*run)(struct evidence *evidence, const struct request *request);
    bool has_operand;
} verbs[] = {{"await", await, true}, {"judge", judge, false}, {"verdicts", verdicts, false}, {"count", count, false},
             {"lines", lines, true}, {"state", state, true},  {"words", words, false}};

int main(int argument_count, char **arguments)
{
    struct request request = request_read(argument_count, arguments);
    struct evidence evidence = {.redis_socket = request.redis};
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(request.verb, verbs[i].name) != 0 || verbs[i].has_operand != !!request.operand)
            continue;
        int status = verbs[i].run(&evidence, &request);
        evidence_free(&evidence);
        return status;
    }
    usage_error();
}

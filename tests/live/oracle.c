/* oracle: judges a run of the daemon by what it left in Kafka and in Redis. See `usage`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/live/agree.h"
#include "tests/live/evidence.h"
#include "tests/live/report.h"

#define CATCH_UP_SECONDS 60 /* longer than transaction.timeout.ms: the broker ends what a killed worker left open */

static const char usage[] =
    "oracle await SECONDS OPTIONS   wait until all that were sent have a reply; 1 if that takes longer\n"
    "oracle judge OPTIONS           check everything; ends with \"N passed, N failed\"; 1 if something is wrong\n"
    "oracle count OPTIONS           print how many commands and replies there are\n"
    "oracle lines FILE OPTIONS      write the commands that `client-intake validate` can judge, as lines\n"
    "oracle agree FILE OPTIONS      compare what it printed with the replies; ends with \"N passed, N failed\"\n"
    "\n"
    "  --bootstrap ADDRESS --commands TOPIC --replies TOPIC [--replies TOPIC ...] --records TOPIC\n"
    "  --dead-letters TOPIC --redis SOCKET [--sent COUNT]\n"
    "The first --replies is the default reply topic, the others are those that commands may name.\n";

struct request {
    const char *bootstrap, *commands, *replies[REPLY_TOPICS], *records, *dead_letters, *redis;
    size_t reply_topics, sent;
};

static void usage_error(void)
{
    fputs(usage, stderr);
    exit(64);
}

static struct request request_read(int count, char **arguments)
{
    static const struct option options[] = {
        {"bootstrap", required_argument, NULL, 'b'},    {"commands", required_argument, NULL, 'c'},
        {"replies", required_argument, NULL, 'r'},      {"records", required_argument, NULL, 's'},
        {"dead-letters", required_argument, NULL, 'd'}, {"redis", required_argument, NULL, 'i'},
        {"sent", required_argument, NULL, 'n'},         {0},
    };
    struct request request = {0};
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'b':
            request.bootstrap = optarg;
            break;
        case 'c':
            request.commands = optarg;
            break;
        case 's':
            request.records = optarg;
            break;
        case 'd':
            request.dead_letters = optarg;
            break;
        case 'i':
            request.redis = optarg;
            break;
        case 'n':
            request.sent = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            if (request.reply_topics == REPLY_TOPICS)
                usage_error();
            request.replies[request.reply_topics++] = optarg;
            break;
        default:
            usage_error();
        }
    }
    if (!request.bootstrap || !request.commands || !request.reply_topics || !request.records || !request.dead_letters ||
        !request.redis)
        usage_error();
    return request;
}

static void evidence_open(struct evidence *evidence, const struct request *request)
{
    *evidence = (struct evidence){.reply_topics = request->reply_topics, .redis_socket = request->redis};
    history_open(&evidence->commands, request->bootstrap, request->commands);
    history_open(&evidence->records, request->bootstrap, request->records);
    history_open(&evidence->dead_letters, request->bootstrap, request->dead_letters);
    for (size_t i = 0; i < request->reply_topics; i++)
        history_open(&evidence->replies[i], request->bootstrap, request->replies[i]);
}

static void evidence_close(struct evidence *evidence)
{
    evidence_free(evidence);
    history_close(&evidence->commands);
    history_close(&evidence->records);
    history_close(&evidence->dead_letters);
    for (size_t i = 0; i < evidence->reply_topics; i++)
        history_close(&evidence->replies[i]);
}

static void read_whole(struct history *history)
{
    if (!history_catch_up(history, CATCH_UP_SECONDS))
        breach(CHECK_SETTLED, "%s cannot be read to its end", history->topic);
    history_sort(history);
}

static size_t replies_seen(const struct evidence *evidence)
{
    size_t count = 0;
    for (size_t i = 0; i < evidence->reply_topics; i++)
        count += evidence->replies[i].count;
    return count;
}

static int await(struct evidence *evidence, size_t sent, int seconds)
{
    const struct timespec pause = {.tv_nsec = 100000000};
    for (time_t deadline = time(NULL) + seconds; time(NULL) <= deadline; nanosleep(&pause, NULL)) {
        for (size_t i = 0; i < evidence->reply_topics; i++)
            history_catch_up(&evidence->replies[i], 1);
        if (replies_seen(evidence) >= sent)
            return 0;
    }
    printf("%zu replies after %d s, of %zu\n", replies_seen(evidence), seconds, sent);
    return 1;
}

static void read_everything(struct evidence *evidence)
{
    read_whole(&evidence->commands);
    for (size_t i = 0; i < evidence->reply_topics; i++)
        read_whole(&evidence->replies[i]);
    read_whole(&evidence->records);
    read_whole(&evidence->dead_letters);
}

static int count(struct evidence *evidence)
{
    read_everything(evidence);
    printf("%zu commands, %zu replies, %zu records, %zu dead letters\n", evidence->commands.count,
           replies_seen(evidence), evidence->records.count, evidence->dead_letters.count);
    return 0;
}

static int judge(struct evidence *evidence, size_t sent)
{
    count(evidence);
    if (evidence->commands.count != sent)
        breach(CHECK_SENT, "%zu were sent, %zu are there", sent, evidence->commands.count);
    judge_replies(evidence);
    judge_records(evidence);
    judge_outcomes(evidence);
    judge_dead_letters(evidence);
    judge_redis(evidence);
    return report_print() == 0 ? 0 : 1;
}

static int lines(struct evidence *evidence, const char *path)
{
    read_whole(&evidence->commands);
    if (agree_write_lines(evidence, path) == 0)
        return 0;
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return 69;
}

static int agree(struct evidence *evidence, const char *path)
{
    read_everything(evidence);
    judge_replies(evidence);
    return agree_compare(evidence, path);
}

int main(int argument_count, char **arguments)
{
    if (argument_count < 2)
        usage_error();
    const char *verb = arguments[1];
    bool has_operand = strcmp(verb, "await") == 0 || strcmp(verb, "lines") == 0 || strcmp(verb, "agree") == 0;
    int skipped = has_operand ? 2 : 1;
    if (argument_count <= skipped)
        usage_error();
    const char *operand = arguments[skipped];
    struct request request = request_read(argument_count - skipped, arguments + skipped);
    struct evidence evidence;
    evidence_open(&evidence, &request);
    int status = 64;
    if (strcmp(verb, "await") == 0)
        status = await(&evidence, request.sent, atoi(operand));
    else if (strcmp(verb, "judge") == 0)
        status = judge(&evidence, request.sent);
    else if (strcmp(verb, "count") == 0)
        status = count(&evidence);
    else if (strcmp(verb, "lines") == 0)
        status = lines(&evidence, operand);
    else if (strcmp(verb, "agree") == 0)
        status = agree(&evidence, operand);
    else
        fputs(usage, stderr);
    evidence_close(&evidence);
    return status;
}

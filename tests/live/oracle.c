/* oracle: judges a run of the daemon by what it left in Kafka and in Redis. See `usage`. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/live/agreement.h"
#include "tests/live/evidence.h"
#include "tests/live/report.h"
#include "tests/live/state.h"
#include "tests/live/verdicts.h"

static const char usage[] =
    "oracle await SECONDS OPTIONS   wait until all that were sent have a reply; 1 if that takes longer\n"
    "oracle judge OPTIONS           check everything; ends with \"N passed, N failed\"; 1 if something is wrong\n"
    "oracle verdicts OPTIONS        the same, but print a line for each command that is not fine: its place, its id,\n"
    "                               and a word for each check that it breaches; --all: for every command\n"
    "oracle count OPTIONS           print how many commands and replies there are\n"
    "oracle lines FILE OPTIONS      write the commands that `client-intake validate` can judge, as lines\n"
    "oracle state FILE OPTIONS      write what is in Redis and in the record topic, to compare runs by; see state.h\n"
    "oracle words                   print the words of all checks\n"
    "\n"
    "  --bootstrap ADDRESS --commands TOPIC --replies TOPIC [--replies TOPIC ...] --records TOPIC\n"
    "  --dead-letters TOPIC --redis SOCKET\n"
    "The first --replies is the default reply topic, the others are those that commands may name.\n"
    "  --sent COUNT         how many commands there have to be\n"
    "  --group GROUP        the daemon's consumer group, which shows what was committed\n"
    "  --validated FILE     what `validate` said about the lines\n"
    "  --patience SECONDS   how long a transaction may be open (60)\n"
    "Checks for which an option is missing are left out, and the report says so.\n";

struct request {
    const char *verb, *operand;
    const char *bootstrap, *commands, *replies[REPLY_TOPICS], *records, *dead_letters, *redis, *group, *validated;
    size_t reply_topics, sent;
    int patience_seconds; /* longer than transaction.timeout.ms: the broker ends what a killed worker left open */
    bool sent_is_known, all;
};

static void usage_error(void)
{
    fputs(usage, stderr);
    exit(64);
}

/* Where an option's text goes; NULL for those that are no text. */
static const char **request_text(struct request *request, int option)
{
    switch (option) {
    case 'b':
        return &request->bootstrap;
    case 'c':
        return &request->commands;
    case 's':
        return &request->records;
    case 'd':
        return &request->dead_letters;
    case 'i':
        return &request->redis;
    case 'g':
        return &request->group;
    case 'v':
        return &request->validated;
    default:
        return NULL;
    }
}

static void request_option(struct request *request, int option)
{
    const char **text = request_text(request, option);
    if (text) {
        *text = optarg;
    } else if (option == 'n') {
        request->sent = strtoull(optarg, NULL, 10);
        request->sent_is_known = true;
    } else if (option == 'p') {
        request->patience_seconds = atoi(optarg);
    } else if (option == 'a') {
        request->all = true;
    } else if (option == 'r' && request->reply_topics < REPLY_TOPICS) {
        request->replies[request->reply_topics++] = optarg;
    } else {
        usage_error();
    }
}

static struct request request_read(int count, char **arguments)
{
    static const struct option options[] = {
        {"bootstrap", required_argument, NULL, 'b'},
        {"commands", required_argument, NULL, 'c'},
        {"replies", required_argument, NULL, 'r'},
        {"records", required_argument, NULL, 's'},
        {"dead-letters", required_argument, NULL, 'd'},
        {"redis", required_argument, NULL, 'i'},
        {"sent", required_argument, NULL, 'n'},
        {"group", required_argument, NULL, 'g'},
        {"validated", required_argument, NULL, 'v'},
        {"patience", required_argument, NULL, 'p'},
        {"all", no_argument, NULL, 'a'},
        {0},
    };
    struct request request = {.patience_seconds = 60};
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;)
        request_option(&request, option);
    if (optind < count)
        request.verb = arguments[optind++];
    if (optind < count)
        request.operand = arguments[optind++];
    bool is_whole = request.bootstrap && request.commands && request.reply_topics && request.records &&
                    request.dead_letters && request.redis;
    if (!request.verb || optind < count || (!is_whole && strcmp(request.verb, "words") != 0))
        usage_error();
    return request;
}

static void replies_open(struct evidence *evidence, const struct request *request)
{
    evidence->reply_topics = request->reply_topics;
    for (size_t i = 0; i < request->reply_topics; i++)
        history_open(&evidence->replies[i], request->bootstrap, request->replies[i]);
}

static void keep_whole(struct history *history, const struct request *request, const char *topic, size_t long_value)
{
    history_open(history, request->bootstrap, topic);
    history->long_value = long_value;
    if (!history_keep(history, request->patience_seconds))
        breach(CHECK_SETTLED, NO_COMMAND, "%s cannot be read to its end", topic);
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

/* `validate` gets values whole, whatever their length; for all else the hash of a long one does. */
static void commands_keep(struct evidence *evidence, const struct request *request)
{
    size_t long_value = request->validated ? SIZE_MAX : LONGEST_COMMAND;
    keep_whole(&evidence->commands, request, request->commands, long_value);
    keep_whole(&evidence->dead_letters, request, request->dead_letters, long_value);
    report_begin(evidence->commands.count);
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
    keep_whole(&evidence->records, request, request->records, SIZE_MAX);
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
    keep_whole(&evidence->commands, request, request->commands, SIZE_MAX);
    return written(agreement_write_lines(&evidence->commands, request->operand), request->operand);
}

static int state(struct evidence *evidence, const struct request *request)
{
    keep_whole(&evidence->records, request, request->records, SIZE_MAX);
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

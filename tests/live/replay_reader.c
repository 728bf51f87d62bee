/* replay_reader: shows what worker/replay makes of a real command topic: the ranges, and what is read of them. It also
 * writes transactions, for the suite that compares. See `usage`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "worker/config/config.h"
#include "worker/kafka/kafka_conf.h"
#include "worker/replay/history_reader.h"
#include "worker/replay/replay_range.h"

#define WAIT_MS        15000
#define MOST_SELECTED  16
#define TRANSACTION_MS 60000
#define MARKER_TRIES   600
#define MARKER_WAIT_NS 100000000

static const char usage[] =
    "replay_reader CONFIG range FROM TO [PARTITION ...]   a line for each: partition first stable high from to lost "
    "open,\n"
    "                                                     then the timestamps at first, from and to\n"
    "replay_reader CONFIG read FROM TO [PARTITION ...]    a line for each: partition, offsets that were read, holes, "
    "end\n"
    "replay_reader CONFIG read-slowly FROM TO [...]       the same; says \"begun\" after a message, and awaits a line\n"
    "replay_reader CONFIG read-chunks FROM TO [...]       the same in ranges of 7 offsets, as if they were one\n"
    "replay_reader CONFIG speed FROM TO                   prints messages a second, messages, CPU seconds, and how "
    "often\n"
    "                                                     nothing came for a moment\n"
    "replay_reader CONFIG work FROM TO                    the same with a millisecond of work for each message\n"
    "replay_reader CONFIG transact PARTITION COUNT BYTES commit|abort|hold\n"
    "                                                     sends messages in a transaction; \"hold\" says \"open\", and "
    "ends\n"
    "                                                     it, aborted, when a line or the end of the input comes\n"
    "replay_reader CONFIG stamp PARTITION MS ...          sends a message for each timestamp\n"
    "replay_reader CONFIG groups                          the groups that Kafka knows\n"
    "Exit status: 0; 1 no such partition or topic; 64 usage; 69 Kafka is away.\n";

static char error[512];

static void give_up(const char *what)
{
    fprintf(stderr, "replay_reader: %s: %s\n", what, error);
    exit(69);
}

static void check(rd_kafka_resp_err_t code, const char *what)
{
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    snprintf(error, sizeof(error), "%s", rd_kafka_err2str(code));
    give_up(what);
}

static void await_line(const char *word)
{
    char line[16];
    puts(word);
    fflush(stdout);
    if (!fgets(line, sizeof(line), stdin))
        fprintf(stderr, "replay_reader: the input has ended\n");
}

/* ---- reading ---- */

/* Offsets of messages that follow each other are printed as FIRST-LAST. */
struct run {
    int64_t first, next; /* next == first: none */
};

static void end_run(struct run *run)
{
    if (run->next == run->first + 1)
        printf(" %lld", (long long)run->first);
    else if (run->next > run->first)
        printf(" %lld-%lld", (long long)run->first, (long long)run->next - 1);
    run->first = run->next = 0;
}

static void take_message(struct run *run, int64_t offset)
{
    if (offset != run->next || run->next == run->first) {
        end_run(run);
        run->first = offset;
    }
    run->next = offset + 1;
}

static const char *reason_of(const struct history_hole *hole)
{
    switch (hole->reason) {
    case HOLE_DELETED:
        return "deleted";
    case HOLE_REPLACED:
        return "replaced";
    case HOLE_UNREADABLE:
        return "unreadable";
    case HOLE_MISNUMBERED:
        return "misnumbered";
    case HOLE_OPEN: /* the reader finds none */
        break;
    }
    return "";
}

static void read_part(struct history_reader *reader, int32_t partition, int64_t from, int64_t to, struct run *run,
                      bool *awaits)
{
    struct history_hole hole;
    rd_kafka_message_t *message;
    enum history_reading reading;
    if (!history_reader_begin(reader, partition, from, to, error, sizeof(error)))
        give_up("begin");
    while ((reading = history_reader_next(reader, &message, &hole, error, sizeof(error))) != HISTORY_END) {
        if (reading == HISTORY_FAILED)
            give_up("read");
        if (reading == HISTORY_HOLE) {
            end_run(run);
            printf(" hole:%lld-%lld:%s", (long long)hole.from, (long long)hole.to - 1, reason_of(&hole));
        }
        if (reading != HISTORY_MESSAGE)
            continue;
        take_message(run, message->offset);
        rd_kafka_message_destroy(message);
        if (*awaits)
            await_line("begun");
        *awaits = false;
    }
}

static void read_ranges(struct history_reader *reader, const struct replay_ranges *ranges, int64_t chunk, bool awaits)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        const struct replay_range *range = &ranges->items[i];
        struct run run = {0};
        printf("%d:", (int)range->partition);
        for (int64_t from = range->from, to; from < range->to; from = to) {
            to = range->to - from < chunk ? range->to : from + chunk;
            read_part(reader, range->partition, from, to, &run, &awaits);
        }
        end_run(&run);
        printf(" end:%lld\n", (long long)range->to);
    }
}

static void measure(struct history_reader *reader, const struct replay_ranges *ranges, int work_ms)
{
    struct rusage used;
    int64_t messages = 0, pauses = 0;
    double begin = clock_now_seconds();
    for (uint32_t i = 0; i < ranges->count; i++) {
        const struct replay_range *range = &ranges->items[i];
        struct history_hole hole;
        rd_kafka_message_t *message;
        enum history_reading reading;
        if (!history_reader_begin(reader, range->partition, range->from, range->to, error, sizeof(error)))
            give_up("begin");
        while ((reading = history_reader_next(reader, &message, &hole, error, sizeof(error))) != HISTORY_END) {
            if (reading == HISTORY_FAILED)
                give_up("read");
            pauses += reading == HISTORY_PAUSE && messages > 0;
            if (reading != HISTORY_MESSAGE)
                continue;
            messages++;
            rd_kafka_message_destroy(message);
            if (work_ms > 0)
                clock_sleep(work_ms);
        }
    }
    double seconds = clock_now_seconds() - begin;
    getrusage(RUSAGE_SELF, &used);
    printf("%.0f %lld %.2f %lld\n", (double)messages / seconds, (long long)messages,
           (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
               (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6,
           (long long)pauses);
}

static void print_ranges(const struct replay_ranges *ranges)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        const struct replay_range *range = &ranges->items[i];
        printf("%d %lld %lld %lld %lld %lld %lld %lld %lld %lld %lld\n", (int)range->partition, (long long)range->first,
               (long long)range->stable, (long long)range->high, (long long)range->from, (long long)range->to,
               (long long)range->lost, (long long)range->open, (long long)range->first_ms, (long long)range->from_ms,
               (long long)range->to_ms);
    }
}

static int use_history(const struct config *config, int count, char **arguments)
{
    struct replay_bound from, to;
    struct replay_ranges ranges;
    int32_t partitions[MOST_SELECTED];
    uint32_t selected = 0;
    const char *verb = arguments[0];
    if (count < 3 || count - 3 > MOST_SELECTED || !replay_bound_read(arguments[1], &from) ||
        !replay_bound_read(arguments[2], &to)) {
        fputs(usage, stderr);
        return 64;
    }
    for (int i = 3; i < count; i++)
        partitions[selected++] = atoi(arguments[i]);
    struct history_reader *reader = history_reader_open(config, config->commands.topic, WAIT_MS, error, sizeof(error));
    if (!reader)
        give_up("open");
    enum range_result result = replay_ranges_resolve(&ranges, history_reader_handle(reader), config, from, to,
                                                     partitions, selected, WAIT_MS, error, sizeof(error));
    if (result == RANGES_UNAVAILABLE)
        give_up("resolve");
    if (result == RANGES_NO_PARTITION) {
        fprintf(stderr, "replay_reader: %s\n", error);
    } else {
        if (strcmp(verb, "range") == 0)
            print_ranges(&ranges);
        else if (strcmp(verb, "speed") == 0 || strcmp(verb, "work") == 0)
            measure(reader, &ranges, strcmp(verb, "work") == 0);
        else
            read_ranges(reader, &ranges, strcmp(verb, "read-chunks") == 0 ? 7 : INT64_MAX,
                        strcmp(verb, "read-slowly") == 0);
        replay_ranges_free(&ranges);
    }
    history_reader_close(reader);
    return result == RANGES_NO_PARTITION;
}

/* ---- writing ---- */

static void expect(rd_kafka_error_t *fault, const char *what)
{
    if (!fault)
        return;
    snprintf(error, sizeof(error), "%s", rd_kafka_error_string(fault));
    give_up(what);
}

static void send_all(rd_kafka_t *producer, const char *topic, int32_t partition, int count, size_t bytes)
{
    char *value = malloc(bytes);
    if (!value)
        abort();
    memset(value, '{', bytes);
    for (int i = 0; i < count; i++) {
        rd_kafka_resp_err_t code;
        while ((code = rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                         RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE(value, bytes),
                                         RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(producer, 100);
        check(code, "send");
    }
    free(value);
    check(rd_kafka_flush(producer, TRANSACTION_MS), "flush");
}

/* A broker that does not lead a new topic's partition yet. */
static bool is_not_ready(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION || code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
}

/* Where the log ends for a reader of the isolation level. */
static int64_t partition_end(const struct config *config, int32_t partition, const char *isolation)
{
    int64_t low, high;
    rd_kafka_conf_t *conf = kafka_conf_new(config, NULL, error, sizeof(error));
    if (!conf || !kafka_conf_set(conf, "isolation.level", isolation, error, sizeof(error)))
        give_up("configure");
    rd_kafka_t *reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
    if (!reader)
        give_up("open");
    rd_kafka_resp_err_t code;
    for (int tries = 0; (code = rd_kafka_query_watermark_offsets(reader, config->commands.topic, partition, &low, &high,
                                                                 WAIT_MS)) != RD_KAFKA_RESP_ERR_NO_ERROR &&
                        is_not_ready(code) && tries < MARKER_TRIES;
         tries++)
        nanosleep(&(struct timespec){.tv_nsec = MARKER_WAIT_NS}, NULL);
    check(code, "query");
    rd_kafka_destroy(reader);
    return high;
}

/* The coordinator confirms the end of a transaction before the marker stands in the partition. */
static void await_marker(const struct config *config, int32_t partition, int64_t marker)
{
    for (int tries = 0; partition_end(config, partition, "read_committed") <= marker; tries++) {
        if (tries == MARKER_TRIES)
            give_up("the marker does not come");
        nanosleep(&(struct timespec){.tv_nsec = MARKER_WAIT_NS}, NULL);
    }
}

static int transact(const struct config *config, int32_t partition, int count, size_t bytes, const char *outcome)
{
    char id[64];
    rd_kafka_conf_t *conf = kafka_conf_new(config, NULL, error, sizeof(error));
    snprintf(id, sizeof(id), "replay-reader-%d-%s", (int)partition, outcome);
    if (!conf || !kafka_conf_set(conf, "transactional.id", id, error, sizeof(error)) ||
        !kafka_conf_set(conf, "transaction.timeout.ms", "600000", error, sizeof(error)))
        give_up("configure");
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    if (!producer)
        give_up("open");
    expect(rd_kafka_init_transactions(producer, TRANSACTION_MS), "init");
    expect(rd_kafka_begin_transaction(producer), "begin");
    int64_t marker = partition_end(config, partition, "read_uncommitted") + count;
    send_all(producer, config->commands.topic, partition, count, bytes);
    if (strcmp(outcome, "hold") == 0)
        await_line("open");
    if (strcmp(outcome, "commit") == 0)
        expect(rd_kafka_commit_transaction(producer, TRANSACTION_MS), "commit");
    else
        expect(rd_kafka_abort_transaction(producer, TRANSACTION_MS), "abort");
    await_marker(config, partition, marker);
    rd_kafka_destroy(producer);
    return 0;
}

static int stamp(const struct config *config, int32_t partition, char **times, int count)
{
    rd_kafka_conf_t *conf = kafka_conf_new(config, NULL, error, sizeof(error));
    rd_kafka_t *producer = conf ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error)) : NULL;
    if (!producer)
        give_up("open");
    for (int i = 0; i < count; i++)
        check(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(config->commands.topic), RD_KAFKA_V_PARTITION(partition),
                                RD_KAFKA_V_VALUE("{}", 2), RD_KAFKA_V_TIMESTAMP(atoll(times[i])), RD_KAFKA_V_END),
              "send");
    check(rd_kafka_flush(producer, TRANSACTION_MS), "flush");
    rd_kafka_destroy(producer);
    return 0;
}

static int print_groups(const struct config *config)
{
    const struct rd_kafka_group_list *list;
    rd_kafka_conf_t *conf = kafka_conf_new(config, NULL, error, sizeof(error));
    rd_kafka_t *client = conf ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error)) : NULL;
    if (!client)
        give_up("open");
    check(rd_kafka_list_groups(client, NULL, &list, WAIT_MS), "groups");
    for (int i = 0; i < list->group_cnt; i++)
        puts(list->groups[i].group);
    rd_kafka_group_list_destroy(list);
    rd_kafka_destroy(client);
    return 0;
}

int main(int count, char **arguments)
{
    struct config *config = count > 2 ? config_read(&(struct config_sources){.path = arguments[1]}) : NULL;
    int status = 64;
    if (!config) {
        fputs(usage, stderr);
        return status;
    }
    log_set_level(LOG_LEVEL_WARNING);
    const char *verb = arguments[2];
    if (strcmp(verb, "transact") == 0 && count == 7)
        status =
            transact(config, atoi(arguments[3]), atoi(arguments[4]), strtoul(arguments[5], NULL, 10), arguments[6]);
    else if (strcmp(verb, "stamp") == 0 && count > 4)
        status = stamp(config, atoi(arguments[3]), arguments + 4, count - 4);
    else if (strcmp(verb, "groups") == 0)
        status = print_groups(config);
    else
        status = use_history(config, count - 2, arguments + 2);
    config_free(config);
    return status;
}

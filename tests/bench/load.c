/* load: topics, commands and measurements for the benchmark of a worker.
 *
 *   load topic   --bootstrap A --topic T [--partitions N]
 *                creates a topic unless it exists
 *   load fill    --bootstrap A --topic T --count N [--partitions N] [--workspaces N] [--run NAME]
 *                creates the topic and produces N commands as fast as possible, keyed by workspace
 *   load watch   --bootstrap A --topic T --group G --pid P [--every N] [--wait SECONDS]
 *                waits until the group's committed offsets reach the end of the topic; prints a line per N
 *                commands, and at the end the rate, process P's CPU per command and its memory
 *   load probe   --bootstrap A --topic T --replies T --count N [--run NAME]
 *                measures the latency of one command at a time through the running worker
 *   load definitions
 *                prints the definitions for which the commands are valid */
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/client.h"
#include "tests/bench/example.h"
#include "tests/bench/measure.h"
#include "tests/bench/probe.h"

#define WATCH_MS 50

struct options {
    const char *bootstrap, *topic, *group, *replies, *run;
    int64_t count, partitions, workspaces, pid, every, wait_s;
};

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    (void)producer;
    (void)opaque;
    client_expect("delivery", message->err);
}

static void topic(const struct options *options)
{
    rd_kafka_t *client = client_new(RD_KAFKA_PRODUCER, options->bootstrap, NULL, NULL, NULL);

    topic_create(client, options->topic, (int)options->partitions);
    rd_kafka_destroy(client);
}

static void fill(const struct options *options)
{
    const struct setting settings[] = {{"linger.ms", "20"},
                                       {"queue.buffering.max.messages", "200000"},
                                       {"queue.buffering.max.kbytes", "262144"},
                                       {NULL, NULL}};
    rd_kafka_t *producer = client_new(RD_KAFKA_PRODUCER, options->bootstrap, settings, NULL, delivered);
    char key[EXAMPLE_BYTES], command[EXAMPLE_BYTES];

    topic_create(producer, options->topic, (int)options->partitions);
    const int64_t begin = clock_ns();
    for (int64_t number = 0; number < options->count; number++) {
        const int64_t workspace = number % options->workspaces;
        const size_t key_length = example_workspace(key, workspace);
        const size_t length = example_command(command, options->run, number, workspace);
        rd_kafka_resp_err_t error;
        while ((error = rd_kafka_producev(
                    producer, RD_KAFKA_V_TOPIC(options->topic), RD_KAFKA_V_KEY(key, key_length),
                    RD_KAFKA_V_VALUE(command, length), RD_KAFKA_V_PARTITION((int32_t)(workspace % options->partitions)),
                    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END)) == RD_KAFKA_RESP_ERR__QUEUE_FULL)
            rd_kafka_poll(producer, 10);
        client_expect("produce", error);
    }
    client_expect("flush", rd_kafka_flush(producer, 120000));
    printf("{\"name\":\"fill\",\"commands\":%" PRId64 ",\"per_s\":%.0f}\n", options->count,
           (double)options->count * 1e9 / (double)(clock_ns() - begin));
    rd_kafka_destroy(producer);
}

/* Commands before the group's committed offsets. */
static int64_t committed(rd_kafka_t *client, rd_kafka_topic_partition_list_t *partitions)
{
    int64_t sum = 0;

    if (rd_kafka_committed(client, partitions, 10000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return -1;
    for (int index = 0; index < partitions->cnt; index++)
        if (partitions->elems[index].offset > 0)
            sum += partitions->elems[index].offset;
    return sum;
}

static void watch(const struct options *options)
{
    /* A read_uncommitted consumer need not wait for the end of the worker's open transaction. */
    const struct setting settings[] = {
        {"group.id", options->group}, {"isolation.level", "read_uncommitted"}, {NULL, NULL}};
    rd_kafka_t *client = client_new(RD_KAFKA_CONSUMER, options->bootstrap, settings, NULL, NULL);
    const int count = topic_partitions(client, options->topic);
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(count);
    const pid_t pid = (pid_t)options->pid;
    int64_t end = 0, begin_ns = 0, begin_at = 0, step_ns = 0, step_at = 0, last = 0, moved_ns = clock_ns();

    for (int partition = 0; partition < count; partition++) {
        end += topic_end(client, options->topic, partition);
        rd_kafka_topic_partition_list_add(partitions, options->topic, partition);
    }
    for (int64_t now = 0; now < end;) {
        nanosleep(&(struct timespec){.tv_nsec = WATCH_MS * 1000000}, NULL);
        now = committed(client, partitions);
        const int64_t now_ns = clock_ns();
        if (now > last) {
            if (last == 0) {
                begin_ns = step_ns = now_ns;
                begin_at = step_at = now;
            }
            last = now;
            moved_ns = now_ns;
        } else if (now_ns - moved_ns > options->wait_s * INT64_C(1000000000)) {
            fail("no progress for %" PRId64 " s, %" PRId64 " of %" PRId64 " commands done", options->wait_s, last, end);
        }
        if (now < end && cpu_us_of(pid) < 0)
            fail("process %d is gone, %" PRId64 " of %" PRId64 " commands done", (int)pid, last, end);
        if (options->every > 0 && now > step_at && (now - step_at >= options->every || now >= end)) {
            printf("{\"name\":\"progress\",\"commands\":%" PRId64 ",\"per_s\":%.0f,\"rss_mb\":%.1f}\n", now,
                   (double)(now - step_at) * 1e9 / (double)(now_ns - step_ns), memory_of(pid));
            fflush(stdout);
            step_at = now;
            step_ns = now_ns;
        }
    }
    const double seconds = (double)(clock_ns() - begin_ns) / 1e9;
    printf("{\"name\":\"drain\",\"commands\":%" PRId64 ",\"per_s\":%.0f,\"cpu_us\":%.2f,\"rss_mb\":%.0f}\n", end,
           seconds > 0 ? (double)(end - begin_at) / seconds : 0, cpu_us_of(pid) / (double)end, memory_peak_of(pid));
    rd_kafka_topic_partition_list_destroy(partitions);
    client_expect("close", rd_kafka_consumer_close(client));
    rd_kafka_destroy(client);
}

static void latency(const struct options *options)
{
    double *milliseconds = calloc((size_t)options->count, sizeof(*milliseconds));
    const struct probe probe = {.bootstrap = options->bootstrap,
                                .commands = options->topic,
                                .replies = options->replies,
                                .run = options->run,
                                .count = (int)options->count};

    if (milliseconds == NULL)
        fail("out of memory");
    probe_run(&probe, milliseconds);
    const double median = quantile(milliseconds, (size_t)options->count, 0.5);
    printf("{\"name\":\"probe\",\"ms\":%.3f,\"p99_ms\":%.3f,\"count\":%" PRId64 "}\n", median,
           quantile(milliseconds, (size_t)options->count, 0.99), options->count);
    free(milliseconds);
}

static void definitions(const struct options *options)
{
    (void)options;
    puts(example_definitions);
}

enum { NEEDS_KAFKA = 1, NEEDS_COUNT = 2, NEEDS_GROUP = 4, NEEDS_REPLIES = 8 };

static const struct {
    const char *name;
    void (*run)(const struct options *options);
    unsigned needs;
} actions[] = {
    {"topic", topic, NEEDS_KAFKA},
    {"fill", fill, NEEDS_KAFKA | NEEDS_COUNT},
    {"watch", watch, NEEDS_KAFKA | NEEDS_GROUP},
    {"probe", latency, NEEDS_KAFKA | NEEDS_COUNT | NEEDS_REPLIES},
    {"definitions", definitions, 0},
};

static void usage(void)
{
    fputs("usage: load topic|fill|watch|probe|definitions --bootstrap A --topic T ...\n", stderr);
    exit(64);
}

static void options_read(struct options *options, int count, char **arguments)
{
    enum { BOOTSTRAP = 256, TOPIC, GROUP, REPLIES, RUN, COUNT, PARTITIONS, WORKSPACES, PID, EVERY, WAIT };
    const struct option known[] = {{"bootstrap", required_argument, NULL, BOOTSTRAP},
                                   {"topic", required_argument, NULL, TOPIC},
                                   {"group", required_argument, NULL, GROUP},
                                   {"replies", required_argument, NULL, REPLIES},
                                   {"run", required_argument, NULL, RUN},
                                   {"count", required_argument, NULL, COUNT},
                                   {"partitions", required_argument, NULL, PARTITIONS},
                                   {"workspaces", required_argument, NULL, WORKSPACES},
                                   {"pid", required_argument, NULL, PID},
                                   {"every", required_argument, NULL, EVERY},
                                   {"wait", required_argument, NULL, WAIT},
                                   {NULL, 0, NULL, 0}};
    *options = (struct options){.run = "load", .partitions = 4, .workspaces = 16, .wait_s = 60};
    for (int option; (option = getopt_long(count, arguments, "", known, NULL)) != -1;) {
        switch (option) {
        case BOOTSTRAP:
            options->bootstrap = optarg;
            break;
        case TOPIC:
            options->topic = optarg;
            break;
        case GROUP:
            options->group = optarg;
            break;
        case REPLIES:
            options->replies = optarg;
            break;
        case RUN:
            options->run = optarg;
            break;
        case COUNT:
            options->count = number_of(optarg, 1);
            break;
        case PARTITIONS:
            options->partitions = number_of(optarg, 1);
            break;
        case WORKSPACES:
            options->workspaces = number_of(optarg, 1);
            break;
        case PID:
            options->pid = number_of(optarg, 1);
            break;
        case EVERY:
            options->every = number_of(optarg, 1);
            break;
        case WAIT:
            options->wait_s = number_of(optarg, 1);
            break;
        default:
            usage();
        }
    }
}

int main(int count, char **arguments)
{
    struct options options;

    options_read(&options, count, arguments);
    if (optind + 1 != count)
        usage();
    for (size_t index = 0; index < sizeof(actions) / sizeof(actions[0]); index++) {
        if (strcmp(arguments[optind], actions[index].name) != 0)
            continue;
        const unsigned needs = actions[index].needs;
        if (((needs & NEEDS_KAFKA) != 0 && (options.bootstrap == NULL || options.topic == NULL)) ||
            ((needs & NEEDS_COUNT) != 0 && options.count == 0) ||
            ((needs & NEEDS_GROUP) != 0 && (options.group == NULL || options.pid == 0)) ||
            ((needs & NEEDS_REPLIES) != 0 && options.replies == NULL))
            usage();
        actions[index].run(&options);
        return 0;
    }
    usage();
}

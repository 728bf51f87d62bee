/* produce: sends commands of the mixture to a topic. See `usage`. */
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/quick_client.h"
#include "tests/live/commands.h"

#define BURSTS_PER_SECOND 10

static const char usage[] =
    "produce --bootstrap ADDRESS --topic TOPIC --partitions COUNT --count COUNT [--first INDEX] [--rate PER_SECOND]\n"
    "        [--seed NUMBER] [--workspaces COUNT] [--reply-topic TOPIC] [--no-races]\n"
    "Sends `count` commands from number `first` (0) on, each with its outcome in a header \"expect\", and\n"
    "waits until Kafka has them, through an outage of up to five minutes. --rate 0, the default: as fast as possible.\n"
    "TERM ends it early. Prints the number of sent commands.\n"
    "--no-races: no commands whose outcome depends on the faster of two partitions, so that two runs over the same\n"
    "topic have the same result.\n";

struct request {
    struct command_mixture mixture;
    const char *bootstrap, *topic;
    uint64_t first, count, rate;
};

static unsigned long failed;
static volatile sig_atomic_t stopped;

static void stop(int signal)
{
    (void)signal;
    stopped = 1;
}

static void usage_error(void)
{
    fputs(usage, stderr);
    exit(64);
}

static struct request request_read(int count, char **arguments)
{
    static const struct option options[] = {
        {"bootstrap", required_argument, NULL, 'b'},
        {"topic", required_argument, NULL, 't'},
        {"partitions", required_argument, NULL, 'p'},
        {"count", required_argument, NULL, 'c'},
        {"first", required_argument, NULL, 'f'},
        {"rate", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 's'},
        {"workspaces", required_argument, NULL, 'w'},
        {"reply-topic", required_argument, NULL, 'a'},
        {"no-races", no_argument, NULL, 'o'},
        {0},
    };
    struct request request = {.mixture = {.seed = 1, .workspaces = 16}};
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'b':
            request.bootstrap = optarg;
            break;
        case 't':
            request.topic = optarg;
            break;
        case 'p':
            request.mixture.partitions = atoi(optarg);
            break;
        case 'c':
            request.count = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            request.first = strtoull(optarg, NULL, 10);
            break;
        case 'r':
            request.rate = strtoull(optarg, NULL, 10);
            break;
        case 's':
            request.mixture.seed = strtoull(optarg, NULL, 10);
            break;
        case 'w':
            request.mixture.workspaces = (unsigned)atoi(optarg);
            break;
        case 'a':
            request.mixture.reply_topic = optarg;
            break;
        case 'o':
            request.mixture.without_races = true;
            break;
        default:
            usage_error();
        }
    }
    if (!request.bootstrap || !request.topic || request.mixture.partitions < 1 || request.mixture.workspaces < 1)
        usage_error();
    return request;
}

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *unused)
{
    (void)producer;
    (void)unused;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && failed++ == 0)
        fprintf(stderr, "not delivered: %s\n", rd_kafka_err2str(message->err));
}

static rd_kafka_t *producer_new(const char *bootstrap)
{
    /* One request at a time: with more, librdkafka 2.0.2 can lose count of its sequence numbers when a broker stops. */
    static const char *const settings[][2] = {{"enable.idempotence", "true"},
                                              {"message.timeout.ms", "300000"},
                                              {"max.in.flight", "1"},
                                              {"partitioner", "murmur2_random"},
                                              {"linger.ms", "5"},
                                              {"reconnect.backoff.max.ms", "500"},
                                              {"log_level", "2"}};
    char error[256];
    rd_kafka_conf_t *configuration = quick_client_conf();
    rd_kafka_conf_set_dr_msg_cb(configuration, delivered);
    rd_kafka_conf_res_t result = rd_kafka_conf_set(configuration, "bootstrap.servers", bootstrap, error, sizeof(error));
    for (size_t i = 0; result == RD_KAFKA_CONF_OK && i < sizeof(settings) / sizeof(settings[0]); i++)
        result = rd_kafka_conf_set(configuration, settings[i][0], settings[i][1], error, sizeof(error));
    rd_kafka_t *producer =
        result == RD_KAFKA_CONF_OK ? rd_kafka_new(RD_KAFKA_PRODUCER, configuration, error, sizeof(error)) : NULL;
    if (!producer) {
        fprintf(stderr, "%s\n", error);
        exit(69);
    }
    return producer;
}

static void send_command(rd_kafka_t *producer, const char *topic, const struct command *command)
{
    for (;;) {
        rd_kafka_headers_t *headers = rd_kafka_headers_new(command->header_count);
        for (size_t i = 0; i < command->header_count; i++)
            rd_kafka_header_add(headers, command->headers[i].name, -1, command->headers[i].value,
                                (ssize_t)command->headers[i].length);
        rd_kafka_resp_err_t code = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_PARTITION(command->partition < 0 ? RD_KAFKA_PARTITION_UA : command->partition),
            RD_KAFKA_V_KEY(command->key[0] ? command->key : NULL, strlen(command->key)),
            RD_KAFKA_V_VALUE(command->tombstone ? NULL : (void *)(uintptr_t)command->value, command->length),
            RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        rd_kafka_headers_destroy(headers);
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            fprintf(stderr, "%s: %s\n", topic, rd_kafka_err2str(code));
            exit(69);
        }
        rd_kafka_poll(producer, 50);
    }
}

/* Keeps to `rate` commands per second since `start`, some at a time: each request, and each transaction of the daemon,
 * costs Kafka processor time. */
static void wait_turn(rd_kafka_t *producer, const struct timespec *start, uint64_t sent, uint64_t rate)
{
    struct timespec now;
    rd_kafka_poll(producer, 0);
    if (rate == 0 || (rate >= BURSTS_PER_SECOND && sent % (rate / BURSTS_PER_SECOND) != 0))
        return;
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        int64_t elapsed_ms = (now.tv_sec - start->tv_sec) * 1000 + (now.tv_nsec - start->tv_nsec) / 1000000;
        if ((int64_t)(sent * 1000 / rate) <= elapsed_ms)
            return;
        rd_kafka_poll(producer, 5);
    }
}

int main(int argument_count, char **arguments)
{
    struct request request = request_read(argument_count, arguments);
    struct command *command = malloc(sizeof(*command));
    rd_kafka_t *producer = producer_new(request.bootstrap);
    struct timespec start;
    signal(SIGTERM, stop);
    clock_gettime(CLOCK_MONOTONIC, &start);
    uint64_t sent = 0;
    for (; sent < request.count && !stopped; sent++) {
        wait_turn(producer, &start, sent, request.rate);
        command_make(&request.mixture, request.first + sent, command);
        send_command(producer, request.topic, command);
    }
    rd_kafka_resp_err_t code = rd_kafka_flush(producer, 300000);
    rd_kafka_destroy(producer);
    free(command);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || failed > 0) {
        fprintf(stderr, "%lu of %llu commands were not delivered\n", failed, (unsigned long long)sent);
        return 69;
    }
    printf("%llu\n", (unsigned long long)sent);
    return 0;
}

#include "tests/faults/error_traffic.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "tests/embedded/fixture.h"
#include "tests/lib/quick_client.h"

#define MOST_COMMANDS 4096

/* In turn: a client, a rejection, a dead letter, and the client before the last once more. */
enum kind { KIND_CREATED, KIND_INVALID, KIND_BROKEN, KIND_DUPLICATE, KINDS };

static const char *const verdicts[] = {"created", "validation_failed", "malformed_json", "created"};

struct command {
    char *reply; /* the first that came; any other must be equal */
    bool recorded, dead;
    bool may_be_too_large;
};

static struct traffic {
    rd_kafka_t *reader;
    rd_kafka_queue_t *queue;
    rd_kafka_topic_t *topics[3]; /* replies, records, dead letters */
    struct command commands[MOST_COMMANDS];
    int sent;
    int whole;       /* all before this one are answered in full */
    char fault[256]; /* the first wrong answer */
} traffic;

/* Without a group, and from an offset that needs not be asked for, so that it does not meet errors that are meant for
 * the worker. */
void traffic_open(void)
{
    static const char *const names[] = {"clients.replies", "clients.records", "clients.dead-letters"};
    char why[256];
    rd_kafka_conf_t *conf = quick_client_conf();
    rd_kafka_conf_set(conf, "bootstrap.servers", fixture.broker.address, NULL, 0);
    rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", NULL, 0);
    rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
    traffic.reader = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    ck_assert_msg(traffic.reader != NULL, "%s", why);
    traffic.queue = rd_kafka_queue_new(traffic.reader);
    for (size_t i = 0; i < 3; i++) {
        traffic.topics[i] = rd_kafka_topic_new(traffic.reader, names[i], NULL);
        for (int32_t partition = 0; partition < FIXTURE_PARTITIONS; partition++)
            ck_assert_int_eq(rd_kafka_consume_start_queue(traffic.topics[i], partition, 0, traffic.queue), 0);
    }
}

int traffic_send(void)
{
    int number = traffic.sent++;
    int32_t partition = number % FIXTURE_PARTITIONS;
    ck_assert_int_lt(number, MOST_COMMANDS);
    switch ((enum kind)(number % KINDS)) {
    case KIND_INVALID:
        fixture_send(partition, SPAN("acme"), SPAN("{\"workspaceId\":\"acme\",\"email\":\"none\"}"), NULL);
        break;
    case KIND_BROKEN:
        fixture_send(partition, SPAN("acme"), SPAN("{\"workspaceId\":"), NULL);
        break;
    case KIND_DUPLICATE:
        fixture_send_valid(partition, number - KIND_DUPLICATE);
        break;
    default:
        fixture_send_valid(partition, number);
    }
    return number;
}

int traffic_sent(void)
{
    return traffic.sent;
}

void traffic_excuse_size(int number)
{
    traffic.commands[number].may_be_too_large = true;
}

static void traffic_blame(int number, const char *what, const char *text)
{
    if (!traffic.fault[0])
        snprintf(traffic.fault, sizeof(traffic.fault), "command %d: %s %.150s", number, what, text);
}

static void traffic_take_reply(const rd_kafka_message_t *message)
{
    int32_t partition;
    int64_t offset;
    reply_source(message, &partition, &offset);
    int number = (int)offset * FIXTURE_PARTITIONS + partition;
    if (number < 0 || number >= traffic.sent) {
        traffic_blame(number, "was not sent, but has", "a reply");
        return;
    }
    struct command *command = &traffic.commands[number];
    const char *verdict = reply_verdict(message);
    bool refused = command->may_be_too_large && strcmp(verdict, "too_large") == 0;
    if (strcmp(verdict, verdicts[number % KINDS]) != 0 && !refused)
        traffic_blame(number, "has the verdict", verdict);
    char *reply = strndup(message->payload, message->len);
    if (command->reply && strcmp(command->reply, reply) != 0 && !command->may_be_too_large)
        traffic_blame(number, "has two replies that differ, the second is", reply);
    if (command->reply)
        free(reply);
    else
        command->reply = reply;
}

static struct command *command_at(long partition, long offset)
{
    long number = offset * FIXTURE_PARTITIONS + partition;
    return number >= 0 && number < traffic.sent ? &traffic.commands[number] : NULL;
}

static void traffic_take_record(const rd_kafka_message_t *message)
{
    char source[256];
    long partition, offset;
    struct span value = message_header(message, "source");
    snprintf(source, sizeof(source), "%.*s", (int)value.length, value.at ? value.at : "");
    struct command *command =
        sscanf(source, "clients.commands/%ld/%ld", &partition, &offset) == 2 ? command_at(partition, offset) : NULL;
    if (command)
        command->recorded = true;
    else
        traffic_blame(-1, "a record comes from", source);
}

static void traffic_take_dead_letter(const rd_kafka_message_t *message)
{
    struct span partition = message_header(message, "dlq-partition"), offset = message_header(message, "dlq-offset");
    struct command *command = NULL;
    if (partition.at && offset.at)
        command = command_at(strtol(partition.at, NULL, 10), strtol(offset.at, NULL, 10));
    if (command)
        command->dead = true;
    else
        traffic_blame(-1, "a dead letter without", "its source");
}

static void traffic_poll(int wait_ms)
{
    rd_kafka_message_t *message = rd_kafka_consume_queue(traffic.queue, wait_ms);
    if (message && !message->err) {
        if (message->rkt == traffic.topics[0])
            traffic_take_reply(message);
        else if (message->rkt == traffic.topics[1])
            traffic_take_record(message);
        else
            traffic_take_dead_letter(message);
    }
    if (message)
        rd_kafka_message_destroy(message);
}

void traffic_read(int wait_ms)
{
    int64_t limit = clock_now_ms() + wait_ms;
    for (int64_t now = clock_now_ms(); now < limit; now = clock_now_ms())
        traffic_poll((int)(limit - now));
}

/* What is missing of a command's answer; NULL if nothing. */
static const char *command_lacks(int number)
{
    const struct command *command = &traffic.commands[number];
    if (!command->reply)
        return "reply";
    if (number % KINDS == KIND_CREATED && !command->recorded && !command->may_be_too_large)
        return "record";
    if (number % KINDS == KIND_BROKEN && !command->dead && !command->may_be_too_large)
        return "dead letter";
    return NULL;
}

/* The first command up to `number` whose answer is not whole; -1 if there is none. */
static int traffic_first_open(int number)
{
    for (int i = traffic.whole; i <= number; i++)
        if (command_lacks(i))
            return i;
    traffic.whole = number + 1;
    return -1;
}

bool traffic_await(int number, int limit_ms, char *why, size_t error_size)
{
    int64_t limit = clock_now_ms() + limit_ms;
    int open;
    while ((open = traffic_first_open(number)) >= 0 && !traffic.fault[0] && clock_now_ms() < limit)
        traffic_poll(50);
    if (traffic.fault[0])
        snprintf(why, error_size, "%s", traffic.fault);
    else if (open >= 0)
        snprintf(why, error_size, "command %d has no %s within %d ms", open, command_lacks(open), limit_ms);
    return !traffic.fault[0] && open < 0;
}

void traffic_close(void)
{
    for (size_t i = 0; i < 3; i++) {
        for (int32_t partition = 0; partition < FIXTURE_PARTITIONS; partition++)
            rd_kafka_consume_stop(traffic.topics[i], partition);
        rd_kafka_topic_destroy(traffic.topics[i]);
    }
    rd_kafka_queue_destroy(traffic.queue);
    rd_kafka_destroy(traffic.reader);
    for (int i = 0; i < traffic.sent; i++)
        free(traffic.commands[i].reply);
}

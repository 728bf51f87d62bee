/* poison: sends commands that are hard to take, each with a header "expect" for the oracle. See `usage`. */
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/quick_client.h"

#define TEXT_BYTES 60000 /* of one text field; the most is 65,535 code points */

static const char usage[] =
    "poison --bootstrap ADDRESS --topic TOPIC --partition NUMBER --kind KIND --expect OUTCOME\n"
    "       [--bytes COUNT (100)] [--count COUNT (1)] [--first NUMBER (0)] [--compress CODEC]\n"
    "Sends `count` commands of about (padded, garbage: of exactly) `bytes` bytes, and waits until Kafka has them.\n"
    "  garbage     nothing that anybody can read\n"
    "  padded      a good command and white space\n"
    "  text        a good command with as many long texts as it takes, fields t0, t1, ... of the workspace \"big\"\n"
    "  elements    an array of elements, each of them wrong\n"
    "  members     members, none of them known\n"
    "  names       the same with short names, so that a small command has many\n"
    "  conflict    the command id of the text number 0 and another body\n"
    "  duplicate   the text number 0 again\n"
    "  again       the text of that number again\n"
    "  successor   a small good command with the email of the text of that number\n"
    "  nothing     no value, and no header either: `expect` goes unsaid\n";

struct request {
    const char *bootstrap, *topic, *kind, *expect, *compress;
    int32_t partition;
    size_t bytes;
    uint64_t count, first;
};

struct value {
    char *at;
    size_t length, capacity;
};

static unsigned long failed;

static void usage_error(void)
{
    fputs(usage, stderr);
    exit(64);
}

static struct request request_read(int count, char **arguments)
{
    static const struct option options[] = {
        {"bootstrap", required_argument, NULL, 'b'}, {"topic", required_argument, NULL, 't'},
        {"partition", required_argument, NULL, 'p'}, {"kind", required_argument, NULL, 'k'},
        {"expect", required_argument, NULL, 'e'},    {"bytes", required_argument, NULL, 's'},
        {"count", required_argument, NULL, 'c'},     {"first", required_argument, NULL, 'f'},
        {"compress", required_argument, NULL, 'z'},  {0},
    };
    struct request request = {.compress = "none", .partition = -1, .bytes = 100, .count = 1};
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'b':
            request.bootstrap = optarg;
            break;
        case 't':
            request.topic = optarg;
            break;
        case 'p':
            request.partition = atoi(optarg);
            break;
        case 'k':
            request.kind = optarg;
            break;
        case 'e':
            request.expect = optarg;
            break;
        case 's':
            request.bytes = strtoull(optarg, NULL, 10);
            break;
        case 'c':
            request.count = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            request.first = strtoull(optarg, NULL, 10);
            break;
        case 'z':
            request.compress = optarg;
            break;
        default:
            usage_error();
        }
    }
    if (!request.bootstrap || !request.topic || !request.kind || !request.expect || request.partition < 0)
        usage_error();
    return request;
}

/* ---- values ---- */

static struct value value_new(size_t bytes)
{
    size_t capacity = bytes + 2 * TEXT_BYTES;
    char *at = malloc(capacity);
    if (!at) {
        fputs("poison: out of memory\n", stderr);
        exit(69);
    }
    return (struct value){.at = at, .capacity = capacity};
}

static void append(struct value *value, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    value->length += (size_t)vsnprintf(value->at + value->length, value->capacity - value->length, format, arguments);
    va_end(arguments);
    if (value->length >= value->capacity)
        abort();
}

static void fill(struct value *value, char with, size_t up_to)
{
    if (up_to > value->length) {
        memset(value->at + value->length, with, up_to - value->length);
        value->length = up_to;
    }
}

static void append_person(struct value *value, const char *kind, unsigned long long number)
{
    append(value,
           "{\"commandId\":\"%s-%llu\",\"workspaceId\":\"big\",\"givenName\":\"Ada\",\"familyName\":\"Lovelace\","
           "\"email\":\"%s.%llu@example.com\"",
           kind, number, kind, number);
}

static void make_garbage(struct value *value, uint64_t number, size_t bytes)
{
    uint64_t state = number * 0x9e3779b97f4a7c15u + 1;
    while (value->length < bytes) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        value->at[value->length++] = (char)(state >> 32);
    }
    if (bytes > 0)
        value->at[0] = '\x01';
}

static void make_text(struct value *value, uint64_t number, size_t bytes)
{
    append_person(value, "text", number);
    append(value, ",\"customFields\":{");
    for (unsigned field = 0; value->length < bytes; field++) {
        append(value, "%s\"t%u\":\"", field ? "," : "", field);
        size_t room = bytes - value->length;
        fill(value, 'x', value->length + (room < TEXT_BYTES ? room : TEXT_BYTES));
        append(value, "\"");
    }
    append(value, "}}");
}

static void make_repeated(struct value *value, const char *kind, uint64_t number, size_t bytes)
{
    append_person(value, kind, number);
    bool elements = strcmp(kind, "elements") == 0, short_names = strcmp(kind, "names") == 0;
    if (elements)
        append(value, ",\"customFields\":{\"services\":[1");
    for (unsigned long long i = 0; value->length < bytes; i++) {
        if (elements)
            append(value, ",1");
        else if (short_names)
            append(value, ",\"%llx\":1", i);
        else
            append(value, ",\"\\u0001\\u0001\\u0001%llu\":1", i);
    }
    append(value, elements ? "]}}" : "}");
}

static struct value value_made(const struct request *request, uint64_t number)
{
    struct value value = value_new(request->bytes);
    const char *kind = request->kind;
    if (strcmp(kind, "garbage") == 0) {
        make_garbage(&value, number, request->bytes);
    } else if (strcmp(kind, "padded") == 0) {
        append_person(&value, kind, number);
        fill(&value, ' ', request->bytes - 1);
        append(&value, "}");
    } else if (strcmp(kind, "text") == 0 || strcmp(kind, "again") == 0) {
        make_text(&value, number, request->bytes);
    } else if (strcmp(kind, "duplicate") == 0) {
        make_text(&value, 0, request->bytes);
    } else if (strcmp(kind, "successor") == 0) {
        append(&value,
               "{\"commandId\":\"successor-%llu\",\"workspaceId\":\"big\",\"givenName\":\"Ada\","
               "\"familyName\":\"Byron\",\"email\":\"text.%llu@example.com\"}",
               (unsigned long long)number, (unsigned long long)number);
    } else if (strcmp(kind, "conflict") == 0) {
        append(&value, "{\"commandId\":\"text-0\",\"workspaceId\":\"big\",\"givenName\":%llu}",
               (unsigned long long)number);
    } else if (strcmp(kind, "elements") == 0 || strcmp(kind, "members") == 0 || strcmp(kind, "names") == 0) {
        make_repeated(&value, kind, number, request->bytes);
    } else {
        usage_error();
    }
    return value;
}

/* ---- sending ---- */

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *unused)
{
    (void)producer;
    (void)unused;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && failed++ == 0)
        fprintf(stderr, "poison: not delivered: %s\n", rd_kafka_err2str(message->err));
}

static rd_kafka_t *producer_new(const struct request *request)
{
    const char *const settings[][2] = {{"bootstrap.servers", request->bootstrap}, {"enable.idempotence", "true"},
                                       {"message.max.bytes", "200000000"},        {"linger.ms", "5"},
                                       {"compression.codec", request->compress},  {"log_level", "2"}};
    char why[256];
    rd_kafka_conf_t *conf = quick_client_conf();
    rd_kafka_conf_res_t result = RD_KAFKA_CONF_OK;
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    for (size_t i = 0; result == RD_KAFKA_CONF_OK && i < sizeof(settings) / sizeof(settings[0]); i++)
        result = rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof(why));
    rd_kafka_t *producer = result == RD_KAFKA_CONF_OK ? rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why)) : NULL;
    if (!producer) {
        fprintf(stderr, "poison: %s\n", why);
        exit(69);
    }
    return producer;
}

/* Without a value no header is sent either. */
static rd_kafka_resp_err_t produce(rd_kafka_t *producer, const struct request *request, const struct value *value)
{
    if (!value)
        return rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(request->topic), RD_KAFKA_V_PARTITION(request->partition),
                                 RD_KAFKA_V_END);
    return rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(request->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_PARTITION(request->partition), RD_KAFKA_V_VALUE(value->at, value->length),
                             RD_KAFKA_V_HEADER("expect", request->expect, -1), RD_KAFKA_V_END);
}

static void send_value(rd_kafka_t *producer, const struct request *request, const struct value *value)
{
    for (;;) {
        rd_kafka_resp_err_t code = produce(producer, request, value);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        if (code != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            fprintf(stderr, "poison: %s: %s\n", request->topic, rd_kafka_err2str(code));
            exit(69);
        }
        rd_kafka_poll(producer, 50);
    }
    rd_kafka_poll(producer, 0);
}

int main(int argument_count, char **arguments)
{
    struct request request = request_read(argument_count, arguments);
    rd_kafka_t *producer = producer_new(&request);
    const bool has_value = strcmp(request.kind, "nothing") != 0;
    for (uint64_t i = 0; i < request.count && !has_value; i++)
        send_value(producer, &request, NULL);
    for (uint64_t i = 0; i < request.count && has_value; i++) {
        struct value value = value_made(&request, request.first + i);
        send_value(producer, &request, &value);
        free(value.at);
    }
    rd_kafka_resp_err_t code = rd_kafka_flush(producer, 120000);
    rd_kafka_destroy(producer);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && failed == 0 ? 0 : 69;
}

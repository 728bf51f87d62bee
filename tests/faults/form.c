/* form: sends messages of a given form and tells what replies they got. See `usage`. */
#include <getopt.h>
#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/lib/quick_client.h"

#define ANSWERS 20000 /* positions asked for at once */
#define ADDED   32    /* headers named on the command line */
#define UNSENT  4     /* messages in librdkafka's queue; each may have a hundred thousand headers */

static const char usage[] =
    "form send --bootstrap ADDRESS --topic TOPIC --partition NUMBER [--count COUNT (1)] [--first NUMBER (0)]\n"
    "     [--compress CODEC] [--timestamp MS] [--key BYTES|none] [--key-text TEXT] [--value KIND[:BYTES] (good)]\n"
    "     [--value-text TEXT] [--headers COUNT:NAME_BYTES:VALUE_BYTES] [--header NAME=VALUE] [--long-header "
    "NAME=BYTES] [--null-header "
    "NAME]\n"
    "Sends messages and prints \"partition offset\" of each. VALUE_BYTES of -1 are null values. Values:\n"
    "  good      a command that is created; with BYTES, white space makes it so long\n"
    "  client    a command whose client is about so long (fields t0, t1, ... of the workspace \"big\")\n"
    "  invalid   a command with one unknown member; with BYTES, as many as make it so long\n"
    "  null, empty, garbage, nested, avro, gzip, latin1: what they say\n"
    "form replies --bootstrap ADDRESS --seconds SECONDS --topic TOPIC ...\n"
    "Reads \"partition offset wait|look\" of commands and waits until all of those to be waited for are answered. "
    "Prints\n"
    "the same with the reply: verdict, bytes of key, echo and list of errors (- without), whose id it bears, ce_time.\n"
    "Exit status: 0; 1 if one was not answered in time; 64 usage; 69 if Kafka refuses or is away.\n";

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "form: %s: %s\n", what, why);
    exit(69);
}

static void usage_error(void)
{
    fputs(usage, stderr);
    exit(64);
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
        give_up(name, why);
}

static rd_kafka_t *client_new(rd_kafka_type_t type, rd_kafka_conf_t *conf, const char *bootstrap)
{
    char why[256];
    set(conf, "bootstrap.servers", bootstrap);
    set(conf, "log_level", "2");
    rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof(why));
    if (!client)
        give_up(bootstrap, why);
    return client;
}

/* ---- sending ---- */

struct form {
    const char *bootstrap, *topic, *compress, *key_text, *value, *value_text;
    int32_t partition;
    unsigned long long count, first;
    long key_bytes; /* -1: none */
    long header_count, header_name, header_value;
    int64_t timestamp;
    bool has_timestamp;
    struct added {
        const char *name;
        const char *value; /* NULL: see bytes */
        long bytes;        /* -1: a null value */
    } added[ADDED];
    size_t added_count;
};

static void *fill_new(size_t bytes, char with)
{
    char *at = malloc(bytes + 1);
    if (!at)
        give_up("memory", "there is none");
    memset(at, with, bytes);
    at[bytes] = '\0';
    return at;
}

static void add_named(struct form *form, char *text, bool is_long, bool is_null)
{
    char *value = strchr(text, '=');
    if (form->added_count == ADDED || (!value && !is_null))
        usage_error();
    if (value)
        *value++ = '\0';
    form->added[form->added_count++] = (struct added){text, is_long || is_null ? NULL : value,
                                                      is_null   ? -1
                                                      : is_long ? atol(value)
                                                                : 0};
}

static struct form form_read(int count, char **arguments)
{
    static const struct option options[] = {
        {"bootstrap", required_argument, NULL, 'b'},   {"topic", required_argument, NULL, 't'},
        {"partition", required_argument, NULL, 'p'},   {"count", required_argument, NULL, 'c'},
        {"first", required_argument, NULL, 'f'},       {"compress", required_argument, NULL, 'z'},
        {"timestamp", required_argument, NULL, 'T'},   {"key", required_argument, NULL, 'k'},
        {"key-text", required_argument, NULL, 'K'},    {"value", required_argument, NULL, 'v'},
        {"value-text", required_argument, NULL, 'V'},  {"headers", required_argument, NULL, 'H'},
        {"header", required_argument, NULL, 'h'},      {"long-header", required_argument, NULL, 'l'},
        {"null-header", required_argument, NULL, 'n'}, {0},
    };
    struct form form = {.compress = "none", .partition = -1, .count = 1, .key_text = "ws-1", .value = "good"};
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        switch (option) {
        case 'b':
            form.bootstrap = optarg;
            break;
        case 't':
            form.topic = optarg;
            break;
        case 'p':
            form.partition = atoi(optarg);
            break;
        case 'c':
            form.count = strtoull(optarg, NULL, 10);
            break;
        case 'f':
            form.first = strtoull(optarg, NULL, 10);
            break;
        case 'z':
            form.compress = optarg;
            break;
        case 'T':
            form.timestamp = strtoll(optarg, NULL, 10), form.has_timestamp = true;
            break;
        case 'k':
            form.key_text = NULL, form.key_bytes = strcmp(optarg, "none") == 0 ? -1 : atol(optarg);
            break;
        case 'K':
            form.key_text = optarg;
            break;
        case 'v':
            form.value = optarg;
            break;
        case 'V':
            form.value_text = optarg;
            break;
        case 'H':
            if (sscanf(optarg, "%ld:%ld:%ld", &form.header_count, &form.header_name, &form.header_value) != 3)
                usage_error();
            break;
        case 'h':
            add_named(&form, optarg, false, false);
            break;
        case 'l':
            add_named(&form, optarg, true, false);
            break;
        case 'n':
            add_named(&form, optarg, false, true);
            break;
        default:
            usage_error();
        }
    }
    if (!form.bootstrap || !form.topic || form.partition < 0)
        usage_error();
    return form;
}

static rd_kafka_headers_t *headers_made(const struct form *form)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    char *name = fill_new((size_t)form->header_name, 'n');
    char *value = form->header_value < 0 ? NULL : fill_new((size_t)form->header_value, 'v');
    for (long i = 0; i < form->header_count; i++)
        rd_kafka_header_add(headers, name, form->header_name, value, value ? form->header_value : 0);
    for (size_t i = 0; i < form->added_count; i++) {
        const struct added *added = &form->added[i];
        char *made = !added->value && added->bytes >= 0 ? fill_new((size_t)added->bytes, 'v') : NULL;
        const char *at = added->value ? added->value : made;
        rd_kafka_header_add(headers, added->name, -1, at, at ? (ssize_t)strlen(at) : 0);
        free(made);
    }
    free(name);
    free(value);
    return headers;
}

struct text {
    char *at; /* NULL: a null value */
    size_t length;
};

static struct text person(const char *workspace, unsigned long long number, const char *more)
{
    struct text text;
    FILE *out = open_memstream(&text.at, &text.length);
    if (!out)
        give_up("memory", "there is none");
    fprintf(out,
            "{\"commandId\":\"form-%llu\",\"workspaceId\":\"%s\",\"givenName\":\"Ada\",\"familyName\":\"Lovelace\","
            "\"email\":\"form.%llu@example.com\"%s",
            number, workspace, number, more);
    fclose(out);
    return text;
}

/* The text with `more` behind it, which is freed. */
static struct text joined(struct text text, struct text more)
{
    text.at = realloc(text.at, text.length + more.length + 1);
    if (!text.at)
        give_up("memory", "there is none");
    memcpy(text.at + text.length, more.at, more.length + 1);
    text.length += more.length;
    free(more.at);
    return text;
}

static struct text literal(const char *at, size_t length)
{
    struct text text = {fill_new(length, 0), length};
    memcpy(text.at, at, length);
    return text;
}

static struct text unknown_members(size_t up_to)
{
    struct text text;
    FILE *out = open_memstream(&text.at, &text.length);
    long written = 0;
    for (unsigned i = 0; out && (i == 0 || (size_t)written < up_to); i++)
        written += fprintf(out, ",\"nobody-%u\":1", i);
    if (!out || fclose(out) != 0)
        give_up("memory", "there is none");
    return text;
}

static struct text value_made(const struct form *form, unsigned long long number)
{
    char kind[32];
    if (form->value_text)
        return literal(form->value_text, strlen(form->value_text));
    const char *colon = strchr(form->value, ':');
    size_t bytes = colon ? strtoull(colon + 1, NULL, 10) : 0;
    snprintf(kind, sizeof(kind), "%.*s", (int)strcspn(form->value, ":"), form->value);
    if (strcmp(kind, "good") == 0) {
        struct text text = person("ws-1", number, "");
        size_t padding = bytes > text.length + 1 ? bytes - text.length - 1 : 0;
        return joined(joined(text, (struct text){fill_new(padding, ' '), padding}), literal("}", 1));
    }
    if (strcmp(kind, "invalid") == 0)
        return joined(joined(person("ws-1", number, ""), unknown_members(bytes)), literal("}", 1));
    if (strcmp(kind, "client") == 0) {
        struct text text = person("big", number, ",\"customFields\":{");
        for (unsigned field = 0; text.length < bytes; field++) {
            char head[32];
            size_t part = bytes - text.length < 60000 ? bytes - text.length : 60000;
            int length = snprintf(head, sizeof(head), "%s\"t%u\":\"", field ? "," : "", field);
            text = joined(joined(text, literal(head, (size_t)length)), (struct text){fill_new(part, 'x'), part});
            text = joined(text, literal("\"", 1));
        }
        return joined(text, literal("}}", 2));
    }
    if (strcmp(kind, "null") == 0)
        return (struct text){NULL, 0};
    if (strcmp(kind, "empty") == 0)
        return literal("", 0);
    if (strcmp(kind, "garbage") == 0)
        return (struct text){fill_new(bytes, '\x01'), bytes};
    if (strcmp(kind, "nested") == 0)
        return (struct text){fill_new(bytes, '['), bytes};
    if (strcmp(kind, "avro") == 0)
        return literal("\0\0\0\0\x07\x02\x06"
                       "Ada",
                       10);
    if (strcmp(kind, "gzip") == 0)
        return literal("\x1f\x8b\x08\0\0\0\0\0", 8);
    if (strcmp(kind, "latin1") == 0)
        return literal("{\"givenName\":\"Andr\xe9\"}", 20);
    usage_error();
    return (struct text){0};
}

static unsigned long undelivered, refused;

static void delivered(rd_kafka_t *producer, const rd_kafka_message_t *message, void *unused)
{
    (void)producer;
    (void)unused;
    undelivered--;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fprintf(stderr, "form: not delivered: %s\n", rd_kafka_err2str(message->err));
        refused++;
        return;
    }
    printf("%d %lld\n", (int)message->partition, (long long)message->offset);
}

static int form_send(int count, char **arguments)
{
    struct form form = form_read(count, arguments);
    rd_kafka_conf_t *conf = quick_client_conf();
    set(conf, "enable.idempotence", "true");
    set(conf, "message.max.bytes", "30000000");
    set(conf, "linger.ms", "5");
    set(conf, "compression.codec", form.compress);
    rd_kafka_conf_set_dr_msg_cb(conf, delivered);
    rd_kafka_t *producer = client_new(RD_KAFKA_PRODUCER, conf, form.bootstrap);
    size_t key_length = form.key_text ? strlen(form.key_text) : form.key_bytes < 0 ? 0 : (size_t)form.key_bytes;
    char *key = form.key_text ? strdup(form.key_text) : fill_new(key_length, 'k');
    bool has_key = form.key_text || form.key_bytes >= 0;
    for (unsigned long long i = 0; i < form.count; i++) {
        struct text value = value_made(&form, form.first + i);
        /* 0 stands for the present time. */
        rd_kafka_resp_err_t code = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(form.topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
            RD_KAFKA_V_PARTITION(form.partition), RD_KAFKA_V_KEY(has_key ? key : NULL, key_length),
            RD_KAFKA_V_VALUE(value.at, value.length), RD_KAFKA_V_TIMESTAMP(form.has_timestamp ? form.timestamp : 0),
            RD_KAFKA_V_HEADERS(headers_made(&form)), RD_KAFKA_V_END);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
            give_up(form.topic, rd_kafka_err2str(code));
        undelivered++;
        free(value.at);
        while (undelivered >= UNSENT)
            rd_kafka_poll(producer, 50);
    }
    rd_kafka_resp_err_t code = rd_kafka_flush(producer, 60000);
    rd_kafka_destroy(producer);
    free(key);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR && refused == 0 ? 0 : 69;
}

/* ---- replies ---- */

static struct answer {
    int32_t partition;
    int64_t offset;
    bool is_waited_for;
    unsigned count; /* of replies */
    char text[512]; /* of the first */
} answers[ANSWERS];
static size_t answer_count;

static void answers_read(void)
{
    char how[8];
    int partition;
    long long offset;
    while (scanf("%d %lld %7s", &partition, &offset, how) == 3 && answer_count < ANSWERS)
        answers[answer_count++] =
            (struct answer){.partition = partition, .offset = offset, .is_waited_for = strcmp(how, "wait") == 0};
}

static const char *header_text(const rd_kafka_message_t *message, const char *name, size_t *length)
{
    rd_kafka_headers_t *headers;
    const void *value;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, length) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return NULL;
    return value ? value : "";
}

static void print_size(FILE *out, const char *name, bool is_there, size_t size)
{
    if (is_there)
        fprintf(out, " %s=%zu", name, size);
    else
        fprintf(out, " %s=-", name);
}

/* Notes whose reply it is. */
static void answer_note(const rd_kafka_message_t *message)
{
    json_t *reply = json_loadb(message->payload, message->len, 0, NULL);
    const json_t *source = json_object_get(reply, "source"), *error = json_object_get(reply, "error");
    int64_t partition = json_integer_value(json_object_get(source, "partition"));
    int64_t offset = json_integer_value(json_object_get(source, "offset"));
    for (size_t i = 0; i < answer_count; i++) {
        struct answer *answer = &answers[i];
        if (!reply || answer->partition != partition || answer->offset != offset || answer->count++ > 0)
            continue;
        const char *id = json_string_value(json_object_get(reply, "commandId"));
        size_t echo = 0, time = 0;
        bool has_echo = header_text(message, "correlation-id", &echo) != NULL;
        const char *when = header_text(message, "ce_time", &time);
        FILE *out = fmemopen(answer->text, sizeof(answer->text), "w");
        if (!out)
            give_up("memory", "there is none");
        fputs(error ? json_string_value(json_object_get(error, "code")) : "created", out);
        print_size(out, "key", message->key != NULL, message->key_len);
        print_size(out, "echo", has_echo, echo);
        const json_t *errors = json_object_get(error, "errors");
        print_size(out, "errors", errors != NULL, json_array_size(errors));
        fprintf(out, " id=%s time=%.*s", strchr(id, '/') ? "position" : id, (int)time, when ? when : "");
        fclose(out);
    }
    json_decref(reply);
}

static bool answers_are_complete(void)
{
    for (size_t i = 0; i < answer_count; i++)
        if (answers[i].is_waited_for && answers[i].count == 0)
            return false;
    return true;
}

static int64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void assign_all(rd_kafka_t *consumer, char *const *topics, size_t count)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (size_t i = 0; i < count; i++) {
        const struct rd_kafka_metadata *metadata;
        rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer, topics[i], NULL);
        rd_kafka_resp_err_t code = rd_kafka_metadata(consumer, 0, topic, &metadata, 10000);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topic_cnt != 1)
            give_up(topics[i], rd_kafka_err2str(code));
        for (int partition = 0; partition < metadata->topics[0].partition_cnt; partition++)
            rd_kafka_topic_partition_list_add(list, topics[i], partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
        rd_kafka_metadata_destroy(metadata);
        rd_kafka_topic_destroy(topic);
    }
    rd_kafka_resp_err_t code = rd_kafka_assign(consumer, list);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        give_up("assigning", rd_kafka_err2str(code));
    rd_kafka_topic_partition_list_destroy(list);
}

static int form_replies(int count, char **arguments)
{
    static const struct option options[] = {{"bootstrap", required_argument, NULL, 'b'},
                                            {"seconds", required_argument, NULL, 's'},
                                            {"topic", required_argument, NULL, 't'},
                                            {0}};
    char *topics[ADDED];
    const char *bootstrap = NULL;
    size_t topic_count = 0;
    int64_t seconds = 30;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        if (option == 'b')
            bootstrap = optarg;
        else if (option == 's')
            seconds = atoll(optarg);
        else if (option == 't' && topic_count < ADDED)
            topics[topic_count++] = optarg;
        else
            usage_error();
    }
    if (!bootstrap || topic_count == 0)
        usage_error();
    answers_read();
    rd_kafka_conf_t *conf = quick_client_conf();
    set(conf, "group.id", "form");
    set(conf, "isolation.level", "read_committed");
    set(conf, "enable.auto.commit", "false");
    set(conf, "fetch.wait.max.ms", "50");
    set(conf, "message.max.bytes", "30000000");
    set(conf, "receive.message.max.bytes", "100000000");
    rd_kafka_t *consumer = client_new(RD_KAFKA_CONSUMER, conf, bootstrap);
    rd_kafka_poll_set_consumer(consumer);
    assign_all(consumer, topics, topic_count);
    for (int64_t until_ms = now_ms() + seconds * 1000; !answers_are_complete() && now_ms() < until_ms;) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        if (message && message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
            answer_note(message);
        if (message)
            rd_kafka_message_destroy(message);
    }
    for (size_t i = 0; i < answer_count; i++)
        printf("%d %lld %s%s\n", (int)answers[i].partition, (long long)answers[i].offset,
               answers[i].count ? answers[i].text : "none", answers[i].count > 1 ? " twice" : "");
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    return answers_are_complete() ? 0 : 1;
}

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[1], "send") == 0)
        return form_send(count - 1, arguments + 1);
    if (count > 1 && strcmp(arguments[1], "replies") == 0)
        return form_replies(count - 1, arguments + 1);
    usage_error();
}

/* tamper: copies a topic, or the offsets of a group, with a fault in it, to test the oracle. See `usage`. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/history.h"
#include "tests/live/tamper_client.h"

static const char usage[] =
    "tamper --bootstrap ADDRESS --from TOPIC --to TOPIC [WHICH] [FAULT ...]\n"
    "Creates the topic TO with the same number of partitions, and copies all committed messages of FROM.\n"
    "Selects the replies, records or dead letters to change, and prints each as \"position of its command TAB "
    "value\":\n"
    "  --where TEXT        the first whose value contains this text\n"
    "  --header NAME=TEXT  the first with this text in this header\n"
    "  --count COUNT       this many of them, instead of one\n"
    "The faults:\n"
    "  --drop | --twice | --late             not copied, copied twice, copied as the last of the partition\n"
    "  --away TOPIC | --astray               copied to another topic; to the next partition\n"
    "  --key TEXT | --replace TEXT --by TEXT another key, another text for the first such text in the value\n"
    "  --without NAME | --with NAME=TEXT     without a header, with an additional header\n"
    "  --open                                copied again, in a transaction that stays open\n"
    "\n"
    "tamper --bootstrap ADDRESS --from TOPIC --group GROUP --to GROUP --offset PARTITION/OFFSET\n"
    "Commits the group's offsets for another group, except for this one.\n";

struct request {
    const char *bootstrap, *from, *to, *where, *header, *away, *key, *replace, *by, *without, *with, *group, *offset;
    int count, drop, twice, late, astray, open;
};

static struct request request_read(int count, char **arguments)
{
    static struct request request = {.count = 1};
    static const char **const texts[] = {&request.bootstrap, &request.from,    &request.to,   &request.where,
                                         &request.header,    &request.away,    &request.key,  &request.replace,
                                         &request.by,        &request.without, &request.with, &request.group,
                                         &request.offset};
    static const struct option options[] = {
        {"bootstrap", required_argument, NULL, 0}, {"from", required_argument, NULL, 1},
        {"to", required_argument, NULL, 2},        {"where", required_argument, NULL, 3},
        {"header", required_argument, NULL, 4},    {"away", required_argument, NULL, 5},
        {"key", required_argument, NULL, 6},       {"replace", required_argument, NULL, 7},
        {"by", required_argument, NULL, 8},        {"without", required_argument, NULL, 9},
        {"with", required_argument, NULL, 10},     {"group", required_argument, NULL, 11},
        {"offset", required_argument, NULL, 12},   {"count", required_argument, NULL, 'c'},
        {"drop", no_argument, &request.drop, 1},   {"twice", no_argument, &request.twice, 1},
        {"late", no_argument, &request.late, 1},   {"astray", no_argument, &request.astray, 1},
        {"open", no_argument, &request.open, 1},   {0},
    };
    for (int option, index = 0; (option = getopt_long(count, arguments, "", options, &index)) != -1;) {
        if (option == '?') {
            fputs(usage, stderr);
            exit(64);
        }
        if (option == 'c')
            request.count = atoi(optarg);
        else if (!options[index].flag)
            *texts[option] = optarg;
    }
    if (!request.bootstrap || !request.from || !request.to || (request.replace && !request.by) ||
        !request.group != !request.offset) {
        fputs(usage, stderr);
        exit(64);
    }
    return request;
}

static bool is_wanted(const struct request *request, const struct message *message)
{
    if (request->where && (!message->value.at ||
                           !memmem(message->value.at, message->value.length, request->where, strlen(request->where))))
        return false;
    if (request->header) {
        const char *equals = strchr(request->header, '=');
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(equals - request->header), request->header);
        struct bytes value = message_header(message, name);
        return value.at && memmem(value.at, value.length, equals + 1, strlen(equals + 1));
    }
    return request->where;
}

static rd_kafka_headers_t *headers_of(const struct request *request, const struct message *message, bool is_faulty)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new((size_t)message->header_count + 1);
    const char *name;
    struct bytes value;
    for (size_t position = 0; message_next_header(message, &position, &name, &value);)
        if (!is_faulty || !request->without || strcmp(request->without, name) != 0)
            rd_kafka_header_add(headers, name, -1, value.at, (ssize_t)value.length);
    if (is_faulty && request->with) {
        const char *equals = strchr(request->with, '=');
        rd_kafka_header_add(headers, request->with, equals - request->with, equals + 1, -1);
    }
    return headers;
}

/* The value with its text replaced. New. */
static char *value_of(const struct request *request, const struct message *message, size_t *length)
{
    const char *at = message->value.at, *found = NULL;
    *length = message->value.length;
    if (request->replace)
        found = memmem(at, *length, request->replace, strlen(request->replace));
    if (request->replace && !found)
        give_up("--replace", "the value does not hold that text");
    if (!found)
        return at ? memcpy(malloc(*length + 1), at, *length) : NULL;
    size_t before = (size_t)(found - at), old = strlen(request->replace), new = strlen(request->by);
    char *value = malloc(*length + new + 1);
    memcpy(value, at, before);
    memcpy(value + before, request->by, new);
    memcpy(value + before + new, found + old, *length - before - old);
    *length += new - old;
    return value;
}

static void send_message(rd_kafka_t *producer, const char *topic, int32_t partition, struct bytes key,
                         struct bytes value, rd_kafka_headers_t *headers)
{
    expect_fine(topic, rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_PARTITION(partition),
                                         RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(key.at, key.length),
                                         RD_KAFKA_V_VALUE((void *)(uintptr_t)value.at, value.length),
                                         RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END));
}

static void send_faulty(rd_kafka_t *producer, const struct request *request, const struct history *history,
                        const struct message *message)
{
    size_t length;
    char *value = value_of(request, message, &length);
    struct bytes key = message->key;
    if (request->key)
        key = (struct bytes){request->key, strlen(request->key)};
    send_message(producer, request->away ? request->away : request->to,
                 request->astray ? (message->partition + 1) % history->partitions : message->partition, key,
                 (struct bytes){value, length}, headers_of(request, message, true));
    free(value);
}

static void send_untouched(rd_kafka_t *producer, const struct request *request, const struct message *message)
{
    send_message(producer, request->to, message->partition, message->key, message->value,
                 headers_of(request, message, false));
}

/* Ends the program without closing the producer, which would end its transaction. */
static void leave_open(const struct request *request, const struct message *message)
{
    rd_kafka_t *producer = producer_new(request->bootstrap, request->to);
    rd_kafka_error_t *error = rd_kafka_init_transactions(producer, REQUEST_MS);
    if (!error)
        error = rd_kafka_begin_transaction(producer);
    if (error)
        give_up(request->to, rd_kafka_error_string(error));
    send_untouched(producer, request, message);
    expect_fine(request->to, rd_kafka_flush(producer, REQUEST_MS));
    fflush(stdout);
    _Exit(0);
}

static void print_source(const struct message *message)
{
    static const char *const headers[] = {"ce_id", "source", "dlq-topic", "dlq-partition", "dlq-offset"};
    const char *slash = "";
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct bytes header = message_header(message, headers[i]);
        if (header.at) {
            printf("%s%.*s", slash, (int)header.length, header.at);
            slash = "/";
        }
    }
    printf("\t%.*s\n", (int)message->value.length, message->value.at ? message->value.at : "");
}

static void copy_topic(const struct request *request, struct history *history)
{
    rd_kafka_t *producer = producer_new(request->bootstrap, NULL);
    const struct message **faulty = calloc((size_t)request->count, sizeof(faulty[0]));
    int found = 0;
    topic_make(producer, request->to, history->partitions);
    for (size_t i = 0; i < history->count; i++) {
        const struct message *message = history->messages[i];
        if (found == request->count || !is_wanted(request, message)) {
            send_untouched(producer, request, message);
            continue;
        }
        print_source(message);
        faulty[found++] = message;
        if (!request->drop && !request->late)
            send_faulty(producer, request, history, message);
    }
    for (int i = 0; i < found; i++)
        if (request->late || request->twice)
            send_faulty(producer, request, history, faulty[i]);
    expect_fine(request->to, rd_kafka_flush(producer, REQUEST_MS));
    rd_kafka_destroy(producer);
    if (found < request->count && (request->where || request->header))
        give_up(request->from, "too few such messages");
    if (request->open)
        leave_open(request, faulty[0]);
    free(faulty);
}

static void copy_offsets(const struct request *request, int32_t partitions)
{
    rd_kafka_t *from = consumer_new(request->bootstrap, request->group);
    rd_kafka_t *to = consumer_new(request->bootstrap, request->to);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int32_t partition = 0; partition < partitions; partition++)
        rd_kafka_topic_partition_list_add(list, request->from, partition);
    expect_fine(request->group, rd_kafka_committed(from, list, REQUEST_MS));
    int partition;
    long long offset;
    if (sscanf(request->offset, "%d/%lld", &partition, &offset) != 2 || partition < 0 || partition >= list->cnt)
        give_up("--offset", request->offset);
    list->elems[partition].offset = offset;
    expect_fine(request->to, rd_kafka_commit(to, list, 0));
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(from);
    rd_kafka_destroy(to);
}

int main(int argument_count, char **arguments)
{
    struct request request = request_read(argument_count, arguments);
    struct history history;
    history_open(&history, request.bootstrap, request.from);
    if (request.group) {
        copy_offsets(&request, history.partitions);
    } else {
        if (!history_keep(&history, REQUEST_MS / 1000))
            give_up(request.from, "cannot be read");
        copy_topic(&request, &history);
    }
    history_close(&history);
    return 0;
}

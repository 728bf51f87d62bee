/* replay_dump: prints a topic for replay_oracle, as JSON lines in kcat's form. See `usage`. */
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/history.h"

static const char usage[] =
    "replay_dump --bootstrap ADDRESS --topic TOPIC [--all] [--wait SECONDS]\n"
    "Prints a line for each partition: topic, partition, first (offset), stable (the last stable offset), high (the "
    "high\n"
    "watermark); then a line for each message that a read_committed reader sees: topic, partition, offset, ts, key,\n"
    "headers, payload. Bytes that are no UTF-8 are {\"hex\": \"...\"}.\n"
    "  --all           then also the messages of aborted and open transactions, with \"committed\": false, without "
    "bytes\n"
    "  --wait SECONDS  for the end of an open transaction (1)\n";

struct places {
    int64_t *offsets[HISTORY_PARTITIONS];
    size_t count[HISTORY_PARTITIONS], capacity[HISTORY_PARTITIONS];
    size_t next[HISTORY_PARTITIONS]; /* of the second reading */
};

static void places_add(struct places *places, int32_t partition, int64_t offset)
{
    if (places->count[partition] == places->capacity[partition]) {
        places->capacity[partition] = places->capacity[partition] ? 2 * places->capacity[partition] : 1024;
        places->offsets[partition] =
            realloc(places->offsets[partition], places->capacity[partition] * sizeof(places->offsets[partition][0]));
        if (!places->offsets[partition])
            abort();
    }
    places->offsets[partition][places->count[partition]++] = offset;
}

static json_t *bytes_json(struct bytes bytes)
{
    static const char digits[] = "0123456789abcdef";
    if (!bytes.at)
        return json_null();
    json_t *text = json_stringn(bytes.at, bytes.length);
    if (text)
        return text;
    char *hex = malloc(2 * bytes.length + 1);
    for (size_t i = 0; i < bytes.length; i++) {
        hex[2 * i] = digits[(unsigned char)bytes.at[i] >> 4];
        hex[2 * i + 1] = digits[(unsigned char)bytes.at[i] & 15];
    }
    text = json_pack("{s:s#}", "hex", hex, (int)(2 * bytes.length));
    free(hex);
    return text;
}

static void print_line(json_t *line)
{
    json_dumpf(line, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(line);
}

static json_t *place_json(const struct message *message)
{
    return json_pack("{s:s, s:i, s:I, s:I}", "topic", message->topic, "partition", (int)message->partition, "offset",
                     (json_int_t)message->offset, "ts", (json_int_t)message->timestamp);
}

static void print_committed(const struct message *message, void *context)
{
    const char *name;
    struct bytes value;
    json_t *line = place_json(message), *headers = json_array();
    for (size_t position = 0; message_next_header(message, &position, &name, &value);) {
        json_array_append_new(headers, bytes_json((struct bytes){name, strlen(name)}));
        json_array_append_new(headers, bytes_json(value));
    }
    json_object_set_new(line, "headers", headers);
    json_object_set_new(line, "key", bytes_json(message->key));
    json_object_set_new(line, "payload", bytes_json(message->value));
    print_line(line);
    places_add(context, message->partition, message->offset);
}

/* Messages of a partition come in order in both readings. */
static void print_uncommitted(const struct message *message, void *context)
{
    struct places *places = context;
    int32_t partition = message->partition;
    size_t *next = &places->next[partition];
    while (*next < places->count[partition] && places->offsets[partition][*next] < message->offset)
        ++*next;
    if (*next < places->count[partition] && places->offsets[partition][*next] == message->offset)
        return;
    json_t *line = place_json(message);
    json_object_set_new(line, "committed", json_false());
    print_line(line);
}

static void print_partitions(const struct history *history)
{
    for (int32_t partition = 0; partition < history->partitions; partition++) {
        int64_t first, high;
        rd_kafka_resp_err_t code =
            rd_kafka_query_watermark_offsets(history->observer, history->topic, partition, &first, &high, 60000);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            fprintf(stderr, "%s/%d: %s\n", history->topic, partition, rd_kafka_err2str(code));
            exit(69);
        }
        print_line(json_pack("{s:s, s:i, s:I, s:I, s:I}", "topic", history->topic, "partition", (int)partition, "first",
                             (json_int_t)first, "stable", (json_int_t)history->reached[partition], "high",
                             (json_int_t)high));
    }
}

int main(int count, char **arguments)
{
    static const struct option options[] = {{"bootstrap", required_argument, NULL, 'b'},
                                            {"topic", required_argument, NULL, 't'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"wait", required_argument, NULL, 'w'},
                                            {0}};
    const char *bootstrap = NULL, *topic = NULL;
    bool all = false;
    int seconds = 1;
    for (int option; (option = getopt_long(count, arguments, "", options, NULL)) != -1;) {
        if (option == 'b')
            bootstrap = optarg;
        else if (option == 't')
            topic = optarg;
        else if (option == 'a')
            all = true;
        else if (option == 'w')
            seconds = atoi(optarg);
        else
            topic = bootstrap = NULL;
    }
    if (!bootstrap || !topic) {
        fputs(usage, stderr);
        return 64;
    }
    struct history history;
    struct places places = {0};
    history_open(&history, bootstrap, topic);
    history_read(&history, seconds, print_committed, &places);
    print_partitions(&history);
    history_close(&history);
    if (all) {
        history_open_isolated(&history, bootstrap, topic, "read_uncommitted");
        if (!history_read(&history, 60, print_uncommitted, &places))
            return 69;
        history_close(&history);
    }
    for (int partition = 0; partition < HISTORY_PARTITIONS; partition++)
        free(places.offsets[partition]);
    return fflush(stdout) == 0 ? 0 : 69;
}

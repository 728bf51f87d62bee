#include "worker/letters/letter_command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/quote.h"
#include "worker/config/config_kafka.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/message_headers.h"
#include "worker/validate/decode.h"

#define VALUE_BYTES ((size_t)1 << 20) /* the first room for a value */

struct letter_maker {
    const struct config *config;
    struct config wide; /* the same, but a value of any length is decoded */
    size_t longest;     /* the room for a value */
    int64_t most;       /* bytes of a command that the topic takes; 0: not known */
    struct batch batch; /* of one item */
    struct json_parser *parser;
};

static void room_close(struct letter_maker *maker)
{
    batch_close(&maker->batch);
    if (maker->parser)
        json_parser_free(maker->parser);
    maker->parser = NULL;
}

/* Room to decode a value of this length. False when out of memory. */
static bool room_open(struct letter_maker *maker, size_t length)
{
    if (maker->parser)
        room_close(maker);
    maker->longest = length > VALUE_BYTES ? length : VALUE_BYTES;
    if (batch_open(&maker->batch, 1, maker->longest, maker->longest) != 0)
        return false;
    maker->parser = json_parser_new(maker->longest);
    if (!maker->parser)
        batch_close(&maker->batch);
    return maker->parser != NULL;
}

struct letter_maker *letter_maker_new(const struct config *config)
{
    struct letter_maker *maker = calloc(1, sizeof(*maker));
    if (!maker)
        return NULL;
    maker->config = config;
    maker->wide = *config;
    maker->wide.limits.command_bytes = INT32_MAX;
    if (room_open(maker, VALUE_BYTES))
        return maker;
    free(maker);
    return NULL;
}

void letter_maker_free(struct letter_maker *maker)
{
    if (!maker)
        return;
    room_close(maker);
    free(maker);
}

int64_t letter_maker_find_limit(struct letter_maker *maker, rd_kafka_t *client, int wait_ms)
{
    const struct config *config = maker->config;
    const char *compression = config_kafka(config, config->kafka_producer, kafka_setting_name("compression.type"));
    maker->most = compression && strcmp(compression, "none") != 0
                      ? 0
                      : kafka_topic_longest(client, config->commands.topic, wait_ms);
    return maker->most;
}

void letter_command_free(struct letter_command *command)
{
    if (command->headers)
        rd_kafka_headers_destroy(command->headers);
    free(command->bytes);
    *command = (struct letter_command){0};
}

/* ---- Whether ---- */

static bool may_be_sent(const struct config *config, const struct letter *letter, char reason[LETTER_REASON_SIZE])
{
    char quote[QUOTE_SIZE];
    if (letter->kind == LETTER_NOTE)
        snprintf(reason, LETTER_REASON_SIZE, "it is not a letter, but the note that a letter was retried");
    else if (!letter->headers_are_read)
        snprintf(reason, LETTER_REASON_SIZE, "its headers cannot be read");
    else if (letter->source.topic[0] == '\0')
        snprintf(reason, LETTER_REASON_SIZE,
                 "its headers dlq-topic, dlq-partition and dlq-offset do not say where it came from");
    else if (strcmp(letter->source.topic, config->commands.topic) != 0)
        snprintf(reason, LETTER_REASON_SIZE, "it is a letter of %s, not of %s", letter->source.topic,
                 config->commands.topic);
    else if (letter->lost.at) {
        quote_write_name(letter->lost, quote);
        snprintf(reason, LETTER_REASON_SIZE,
                 "it is not the whole command, it lacks: %s; the command may still be at %s/%d/%lld", quote,
                 letter->source.topic, (int)letter->source.partition, (long long)letter->source.offset);
    } else if (letter->retries == LETTER_RETRIES_UNKNOWN)
        snprintf(reason, LETTER_REASON_SIZE, "its header dlq-retries is not a number");
    else if (letter->retries >= config->dead_letters.retries)
        snprintf(reason, LETTER_REASON_SIZE, "it was retried %lld times, dead_letters.retries allows %lld",
                 (long long)letter->retries, (long long)config->dead_letters.retries);
    else
        return true;
    return false;
}

/* ---- Headers and id ---- */

/* Ends the program when out of memory. */
static void add_header(rd_kafka_headers_t *headers, struct span name, struct span value)
{
    if (rd_kafka_header_add(headers, name.at, (ssize_t)name.length, value.at, value.at ? (ssize_t)value.length : 0) !=
        RD_KAFKA_RESP_ERR_NO_ERROR)
        abort();
}

static rd_kafka_headers_t *own_headers(rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers, *own = rd_kafka_headers_new(8);
    const char *name_text;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return own;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name_text, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        const struct span name = message_header_name(name_text, value);
        if (!letter_owns_header(name))
            add_header(own, name, span_of(value, value ? size : 0));
    }
    return own;
}

/* True if the value names the command, well or not. The worker will find the same. */
static bool value_names_id(struct letter_maker *maker, const struct letter *letter, struct span value)
{
    struct item *item = &maker->batch.items[0];
    if (value.length > maker->longest && !room_open(maker, value.length))
        abort();
    const struct header content_type = {SPAN("content-type"), letter->content_type};
    batch_reset(&maker->batch);
    *item = (struct item){.from = {letter->source.topic, letter->source.partition, letter->source.offset, 0},
                          .key = letter->key,
                          .value = value,
                          .headers = &content_type,
                          .header_count = 1};
    decode_item(item, &maker->wide, maker->parser, &maker->batch.arena);
    return item->command_id_fault.code != ERROR_NONE || !span_equal(item->command_id, item->position);
}

/* ---- How long ---- */

#define BATCH_HEADER_BYTES 61

/* The length of a length as Kafka writes it: in groups of seven bits, after it was doubled. -1 takes one byte. */
static size_t length_bytes(size_t length)
{
    size_t bytes = 1;
    for (size_t rest = length << 1; rest > 127; rest >>= 7)
        bytes++;
    return bytes;
}

static size_t bytes_of(struct span span)
{
    return length_bytes(span.length) + span.length;
}

/* Of a batch that has this command alone, without compression. */
static size_t batch_bytes(const struct letter_command *command)
{
    const char *name;
    const void *value;
    size_t size, count = 0, record = 3; /* attributes, and differences of time and offset, which are 0 */
    record += bytes_of(command->key) + bytes_of(command->value);
    for (; !rd_kafka_header_get_all(command->headers, count, &name, &value, &size); count++)
        record += bytes_of(message_header_name(name, value)) + bytes_of(span_of(value, value ? size : 0));
    record += length_bytes(count);
    return BATCH_HEADER_BYTES + length_bytes(record) + record;
}

static bool fits(const struct letter_maker *maker, const struct letter_command *command,
                 char reason[LETTER_REASON_SIZE])
{
    const size_t bytes = batch_bytes(command);
    if (maker->most == 0 || bytes <= (size_t)maker->most)
        return true;
    snprintf(reason, LETTER_REASON_SIZE,
             "it would have %zu bytes, and the topic takes at most %lld, its max.message.bytes", bytes,
             (long long)maker->most);
    return false;
}

/* ---- The command ---- */

static struct span copy(char *to, struct span from)
{
    if (!from.at)
        return SPAN_NONE;
    memcpy(to, from.at, from.length);
    return span_of(to, from.length);
}

bool letter_command_make(struct letter_maker *maker, const struct letter *letter, rd_kafka_message_t *message,
                         const struct span *mended, struct letter_command *command, char reason[LETTER_REASON_SIZE])
{
    const struct span value = mended ? *mended : letter->value;
    char retries[24];
    if (!may_be_sent(maker->config, letter, reason))
        return false;
    *command = (struct letter_command){
        .letter = letter->place,
        .bytes = malloc(letter->key.length + value.length + 1),
        .headers = own_headers(message),
        .partition = letter->key.at ? RD_KAFKA_PARTITION_UA : letter->source.partition,
        .retries = letter->retries + 1,
        .is_named = !letter->names_id && !value_names_id(maker, letter, value),
        .size = letter->outer_bytes + value.length,
    };
    if (!command->bytes)
        abort();
    command->key = copy(command->bytes, letter->key);
    command->value = copy(command->bytes + letter->key.length, value);
    if (command->is_named) {
        letter_position_write(&letter->source, command->id);
        add_header(command->headers, SPAN("command-id"), span_of_text(command->id));
    }
    snprintf(retries, sizeof(retries), "%lld", (long long)command->retries);
    add_header(command->headers, SPAN("dlq-retries"), span_of_text(retries));
    if (fits(maker, command, reason))
        return true;
    letter_command_free(command);
    return false;
}

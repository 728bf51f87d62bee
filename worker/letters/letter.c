#include "worker/letters/letter.h"

#include <stdio.h>
#include <string.h>

#include "common/timestamp.h"
#include "worker/config/config_table.h"
#include "worker/kafka/message_headers.h"

#define HEAP_OF_HEADER 64 /* what librdkafka allocates for a header beside its bytes */
#define RETRIES_MOST   1000000000

/* ---- Numbers, places and positions ---- */

/* Only digits, without a sign, and no more than `most`. */
static bool read_number(struct span text, int64_t most, int64_t *number)
{
    if (text.length == 0 || text.length > 19)
        return false;
    *number = 0;
    for (size_t i = 0; i < text.length; i++) {
        const int digit = text.at[i] - '0';
        if (digit < 0 || digit > 9 || *number > (most - digit) / 10)
            return false;
        *number = *number * 10 + digit;
    }
    return true;
}

/* Splits at the last slash. */
static bool split(struct span text, struct span *before, struct span *after)
{
    for (size_t i = text.length; i-- > 0;) {
        if (text.at[i] != '/')
            continue;
        *before = span_of(text.at, i);
        *after = span_from(text, i + 1);
        return true;
    }
    return false;
}

static bool read_topic(struct span text, char topic[LETTER_TOPIC_SIZE])
{
    if (!text.at || text.length >= LETTER_TOPIC_SIZE || memchr(text.at, '\0', text.length))
        return false;
    memcpy(topic, text.at, text.length);
    topic[text.length] = '\0';
    if (!config_rule_topic(topic))
        return true;
    topic[0] = '\0';
    return false;
}

bool letter_place_read(struct span text, struct letter_place *place)
{
    struct span partition, offset;
    int64_t number;
    if (!split(text, &partition, &offset) || !read_number(partition, INT32_MAX, &number) ||
        !read_number(offset, INT64_MAX, &place->offset))
        return false;
    place->partition = (int32_t)number;
    return true;
}

bool letter_position_read(struct span text, struct letter_position *position)
{
    struct span topic, offset, rest, partition;
    int64_t number;
    position->topic[0] = '\0';
    if (!split(text, &rest, &offset) || !split(rest, &topic, &partition) ||
        !read_number(partition, INT32_MAX, &number) || !read_number(offset, INT64_MAX, &position->offset))
        return false;
    position->partition = (int32_t)number;
    return read_topic(topic, position->topic);
}

void letter_position_write(const struct letter_position *position, char text[LETTER_POSITION_SIZE])
{
    snprintf(text, LETTER_POSITION_SIZE, "%s/%d/%lld", position->topic, (int)position->partition,
             (long long)position->offset);
}

int letter_place_order(const void *a, const void *b)
{
    const struct letter_place *one = a, *other = b;
    if (one->partition != other->partition)
        return one->partition < other->partition ? -1 : 1;
    return (one->offset > other->offset) - (one->offset < other->offset);
}

int64_t letter_offset_behind(struct letter_place place)
{
    return place.offset < INT64_MAX ? place.offset + 1 : INT64_MAX;
}

/* ---- Headers ---- */

/* The last value of each header that matters. */
struct found {
    struct span topic, partition, offset, code, message, lost, retries, retried, retried_to;
    struct span command_id, event_id, content_type;
};

bool letter_owns_header(struct span name)
{
    return span_begins_with(name, SPAN("dlq-"));
}

static struct span *place_of(struct found *found, struct span name)
{
    const struct {
        struct span name, *place;
    } known[] = {
        {SPAN("dlq-topic"), &found->topic},
        {SPAN("dlq-partition"), &found->partition},
        {SPAN("dlq-offset"), &found->offset},
        {SPAN("dlq-code"), &found->code},
        {SPAN("dlq-message"), &found->message},
        {SPAN("dlq-lost"), &found->lost},
        {SPAN("dlq-retries"), &found->retries},
        {SPAN("dlq-retried"), &found->retried},
        {SPAN("dlq-retried-to"), &found->retried_to},
        {SPAN("command-id"), &found->command_id},
        {SPAN("ce_id"), &found->event_id},
        {SPAN("content-type"), &found->content_type},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (span_equal(known[i].name, name))
            return known[i].place;
    return NULL;
}

/* False if they cannot be parsed. A command may have had headers of these names, too: the daemon's are the last ones.
 * It does not always add dlq-lost, so that counts only behind dlq-topic. */
static bool find_headers(rd_kafka_message_t *message, struct found *found, size_t *bytes)
{
    rd_kafka_headers_t *headers;
    const char *name_text;
    const void *value;
    size_t size;
    const rd_kafka_resp_err_t code = rd_kafka_message_headers(message, &headers);
    if (code == RD_KAFKA_RESP_ERR__NOENT)
        return true;
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name_text, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
         i++) {
        const struct span name = message_header_name(name_text, value);
        *bytes += name.length + (value ? size : 0) + HEAP_OF_HEADER;
        struct span *place = place_of(found, name);
        if (!place)
            continue;
        *place = span_of(value, value ? size : 0);
        if (place == &found->topic)
            found->lost = SPAN_NONE;
    }
    return true;
}

static void read_source(struct letter *letter, const struct found *found)
{
    int64_t partition;
    letter->source = (struct letter_position){0};
    if (!read_number(found->partition, INT32_MAX, &partition) ||
        !read_number(found->offset, INT64_MAX, &letter->source.offset) ||
        !read_topic(found->topic, letter->source.topic))
        return;
    letter->source.partition = (int32_t)partition;
}

void letter_read(struct letter *letter, rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    struct found found = {0};
    *letter = (struct letter){
        .place = {message->partition, message->offset},
        .time_ms = time_of_message(rd_kafka_message_timestamp(message, &type)),
        .key = span_of(message->key, message->key ? message->key_len : 0),
        .value = span_of(message->payload, message->payload ? message->len : 0),
    };
    letter->outer_bytes = letter->key.length;
    letter->headers_are_read = find_headers(message, &found, &letter->outer_bytes);
    if (!letter->headers_are_read)
        return;
    if (found.retried.at && !found.topic.at) {
        letter->kind = LETTER_NOTE;
        letter->is_valid = letter_place_read(found.retried, &letter->of) &&
                           letter->of.partition == letter->place.partition && letter->of.offset < letter->place.offset;
        if (!letter_position_read(found.retried_to, &letter->to))
            letter->to.topic[0] = '\0';
        return;
    }
    letter->code = found.code;
    letter->message = found.message;
    letter->lost = found.lost;
    read_source(letter, &found);
    if (found.retries.at && !read_number(found.retries, RETRIES_MOST, &letter->retries))
        letter->retries = LETTER_RETRIES_UNKNOWN;
    letter->content_type = found.content_type;
    letter->names_id = found.command_id.at || found.event_id.at;
}

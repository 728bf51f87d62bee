/* Whether exactly the commands that nobody can read are dead letters, untouched. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/evidence.h"
#include "tests/live/report.h"

static bool is_dead(const struct answer *answer)
{
    return strcmp(answer->outcome, "malformed_json") == 0 || strcmp(answer->outcome, "too_large") == 0;
}

/* Index of the command whose place the dlq- headers tell, or -1. */
static long dead_letter_source(const struct history *commands, const rd_kafka_message_t *letter)
{
    struct bytes partition = message_header(letter, "dlq-partition"), offset = message_header(letter, "dlq-offset");
    char digits[2][32];
    if (!bytes_are(message_header(letter, "dlq-topic"), commands->topic) || !partition.at || !offset.at)
        return -1;
    snprintf(digits[0], sizeof(digits[0]), "%.*s", (int)partition.length, partition.at);
    snprintf(digits[1], sizeof(digits[1]), "%.*s", (int)offset.length, offset.at);
    return history_find(commands, atoll(digits[0]), atoll(digits[1]));
}

static size_t header_count(const rd_kafka_message_t *message)
{
    rd_kafka_headers_t *headers;
    return rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR ? rd_kafka_header_cnt(headers) : 0;
}

/* True if the message's header at `index` exists and is this one. */
static bool header_is(const rd_kafka_message_t *message, size_t index, const char *name, struct bytes value)
{
    rd_kafka_headers_t *headers;
    const char *own_name;
    const void *at;
    size_t length;
    return rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           rd_kafka_header_get_all(headers, index, &own_name, &at, &length) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           strcmp(own_name, name) == 0 && bytes_equal((struct bytes){at, length}, value);
}

static bool same_headers(const rd_kafka_message_t *command, const rd_kafka_message_t *letter)
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *at;
    size_t length, count = header_count(command);
    if (count > 0 && rd_kafka_message_headers(command, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return false;
    for (size_t i = 0; i < count; i++)
        if (rd_kafka_header_get_all(headers, i, &name, &at, &length) != RD_KAFKA_RESP_ERR_NO_ERROR ||
            !header_is(letter, i, name, (struct bytes){at, length}))
            return false;
    return header_count(letter) == count + 6;
}

static void judge_letter(const rd_kafka_message_t *command, const struct answer *answer,
                         const rd_kafka_message_t *letter)
{
    char timestamp[32];
    rd_kafka_timestamp_type_t type;
    snprintf(timestamp, sizeof(timestamp), "%lld", (long long)rd_kafka_message_timestamp(command, &type));
    if (!bytes_equal(message_key(command), message_key(letter)) ||
        !bytes_equal(message_value(command), message_value(letter)) || !same_headers(command, letter))
        breach(CHECK_DEAD_LETTER_EACH, "%s is not %s byte for byte", place(letter), place(command));
    if (!bytes_are(message_header(letter, "dlq-code"), answer->outcome) ||
        !bytes_are(message_header(letter, "dlq-timestamp"), timestamp) || !message_header(letter, "dlq-message").length)
        breach(CHECK_DEAD_LETTER_EACH, "%s: dlq-code, dlq-timestamp or dlq-message", place(letter));
}

void judge_dead_letters(const struct evidence *evidence)
{
    const struct history *commands = &evidence->commands, *letters = &evidence->dead_letters;
    unsigned char *seen = calloc(commands->count + 1, 1);
    for (size_t i = 0; i < letters->count; i++) {
        const rd_kafka_message_t *letter = letters->messages[i];
        long index = dead_letter_source(commands, letter);
        if (index < 0 || !is_dead(&evidence->answers[index])) {
            breach(CHECK_DEAD_LETTER_KNOWN, "%s", place(letter));
            continue;
        }
        if (seen[index]++)
            breach(CHECK_DEAD_LETTER_EACH, "%s is one twice", place(commands->messages[index]));
        judge_letter(commands->messages[index], &evidence->answers[index], letter);
    }
    for (size_t i = 0; i < commands->count; i++)
        if (is_dead(&evidence->answers[i]) && !seen[i])
            breach(CHECK_DEAD_LETTER_EACH, "%s is none", place(commands->messages[i]));
    free(seen);
}

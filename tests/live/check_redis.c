/* Checks that Redis is the fold of the record topic: all of it, and no other client or email. Definitions and the
 * daemon's own keys are not checked. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/observations.h"
#include "tests/live/redis_reader.h"
#include "tests/live/report.h"

static bool begins_with(struct bytes bytes, const char *text, size_t length)
{
    return bytes.length >= length && memcmp(bytes.at, text, length) == 0;
}

static void check_stored(const struct record *record, struct bytes stored, struct bytes owner)
{
    struct bytes value = record->message->value;
    char line[1024];
    size_t length = (size_t)snprintf(line, sizeof(line), "%s %s\n", record->source, record->hash);
    if (!stored.at)
        violation(CHECK_REDIS_RECORD, record->command, "%s is not there", place(record->message));
    else if (!begins_with(stored, line, length) || stored.length != length + value.length ||
             memcmp(stored.at + length, value.at, value.length) != 0)
        violation(CHECK_REDIS_BYTES, record->command, "%s differs", place(record->message));
    if (!bytes_are(owner, record->client_id))
        violation(CHECK_REDIS_EMAIL, record->command, "the email of %s is not that client's", place(record->message));
}

static void check_slice(const struct observations *observations, struct redis_reader *redis, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        const struct record *record = &observations->records_by_key[i];
        redis_reader_get(redis, CLIENT_KEYS "{%s}:%s", record->workspace, record->client_id);
        redis_reader_get(redis, EMAIL_KEYS "{%s}:%s", record->workspace, record->email);
    }
    for (size_t i = from; i < to; i++) {
        redisReply *stored = redis_reader_answer(redis), *owner = redis_reader_answer(redis);
        if (observations_is_last_of_client(observations, &observations->records_by_key[i]))
            check_stored(&observations->records_by_key[i], redis_reader_bytes(stored), redis_reader_bytes(owner));
        freeReplyObject(stored);
        freeReplyObject(owner);
    }
}

/* True if no record accounts for this key: client:{workspace}:id or client-email:{workspace}:email. */
static bool is_other(const char *key, const void *context)
{
    const struct observations *observations = context;
    const char *colon = strchr(key, ':'), *end = strstr(key, "}:");
    char workspace[256];
    if (colon[1] != '{' || !end || (size_t)(end - colon) > sizeof(workspace))
        return true;
    snprintf(workspace, sizeof(workspace), "%.*s", (int)(end - colon - 2), colon + 2);
    if (strncmp(key, EMAIL_KEYS, strlen(EMAIL_KEYS)) == 0)
        return !observations_record_of_email(observations, workspace, end + 2);
    return !observations_record(observations, workspace, end + 2);
}

void check_redis(const struct observations *observations)
{
    struct redis_reader redis;
    redis_reader_open(&redis, observations->redis_socket);
    for (size_t from = 0; from < observations->records.count; from += REDIS_PIPELINE) {
        size_t to = from + REDIS_PIPELINE;
        check_slice(observations, &redis, from, to < observations->records.count ? to : observations->records.count);
    }
    struct redis_keys others = {0};
    redis_keys_read(&others, &redis, is_other, observations);
    for (size_t i = 0; i < others.count; i++)
        violation(CHECK_REDIS_OTHER, NO_COMMAND, "%s", others.names[i]);
    redis_keys_free(&others);
    redis_reader_close(&redis);
}

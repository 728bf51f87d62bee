#include "tests/live/state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/live/redis_reader.h"

static void write_bytes(FILE *file, struct bytes bytes)
{
    if (!bytes.at)
        fputs("\\0", file);
    for (size_t i = 0; i < bytes.length; i++) {
        if (bytes.at[i] == '\n')
            fputs("\\n", file);
        else if (bytes.at[i] == '\\')
            fputs("\\\\", file);
        else
            putc_unlocked(bytes.at[i], file);
    }
}

static void write_redis_slice(FILE *file, struct redis_reader *redis, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        redis_reader_get(redis, "%s", names[i]);
    for (size_t i = 0; i < count; i++) {
        redisReply *answer = redis_reader_answer(redis);
        fprintf(file, "redis %s ", names[i]);
        write_bytes(file, redis_reader_bytes(answer));
        fputc('\n', file);
        freeReplyObject(answer);
    }
}

static void write_redis(FILE *file, const char *socket)
{
    struct redis_reader redis;
    redis_reader_open(&redis, socket);
    struct redis_keys keys = {0};
    redis_keys_read(&keys, &redis, NULL, NULL);
    for (size_t from = 0; from < keys.count; from += REDIS_PIPELINE) {
        size_t left = keys.count - from;
        write_redis_slice(file, &redis, keys.names + from, left < REDIS_PIPELINE ? left : REDIS_PIPELINE);
    }
    redis_keys_free(&keys);
    redis_reader_close(&redis);
}

/* A client's messages are all in one partition, and the last one counts; a tombstone removes the client. */
static int compare_records(const void *one, const void *other)
{
    const struct message *a = *(struct message *const *)one, *b = *(struct message *const *)other;
    size_t shorter = a->key.length < b->key.length ? a->key.length : b->key.length;
    int order = shorter ? memcmp(a->key.at, b->key.at, shorter) : 0;
    if (order == 0)
        order = (a->key.length > b->key.length) - (a->key.length < b->key.length);
    return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static void write_record(FILE *file, const struct message *record)
{
    static const char *const headers[] = {"command-id", "command-hash", "source"};
    fputs("record ", file);
    write_bytes(file, record->key);
    fputc(' ', file);
    write_bytes(file, record->value);
    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        fprintf(file, " %s=", headers[i]);
        write_bytes(file, message_header(record, headers[i]));
    }
    fputc('\n', file);
}

int state_write(struct observations *observations, const char *path)
{
    struct history *records = &observations->records;
    FILE *file = fopen(path, "w");
    if (!file)
        return -1;
    write_redis(file, observations->redis_socket);
    if (records->count > 0)
        qsort(records->messages, records->count, sizeof(records->messages[0]), compare_records);
    for (size_t i = 0; i < records->count; i++) {
        const struct message *record = records->messages[i];
        bool is_last = i + 1 == records->count || !bytes_equal(record->key, records->messages[i + 1]->key);
        if (is_last && record->value.at)
            write_record(file, record);
    }
    return fclose(file) == 0 ? 0 : -1;
}

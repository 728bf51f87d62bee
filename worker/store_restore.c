#include "worker/store_restore.h"

#include "worker/record.h"
#include "worker/store_parts.h"

/* A message of the record topic, taken apart. */
struct restored {
    struct span workspace, id, source, hash, record;
};

static struct span header_of(const rd_kafka_message_t *message, const char *name)
{
    rd_kafka_headers_t *headers;
    const void *value;
    size_t size;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return SPAN_NONE;
    return span_of(value, value ? size : 0);
}

/* False if it is none of ours. A message without a value says that its client was removed. */
static bool restored_parse(const rd_kafka_message_t *message, struct restored *restored)
{
    const char *slash = message->key ? memchr(message->key, '/', message->key_len) : NULL;
    if (!slash)
        return false;
    struct span key = span_of(message->key, message->key_len);
    *restored = (struct restored){.workspace = span_of(key.at, (size_t)(slash - key.at)),
                                  .id = span_from(key, (size_t)(slash - key.at) + 1),
                                  .source = header_of(message, "source"),
                                  .hash = header_of(message, "command-hash"),
                                  .record = span_of(message->payload, message->payload ? message->len : 0)};
    return restored->id.length == CLIENT_ID_LENGTH &&
           (!restored->record.at || (restored->source.at && restored->hash.length == HASH_LENGTH));
}

static void write_client(struct redis_pipeline *pipeline, const struct restored *restored, struct span email)
{
    pipeline_command(pipeline, 5);
    pipeline_parts(pipeline, SPAN("MSET"));
    pipeline_parts(pipeline, CLIENT_KEY(restored->workspace, restored->id));
    pipeline_parts(pipeline, restored->source, SPAN(" "), restored->hash, SPAN("\n"), restored->record);
    pipeline_parts(pipeline, EMAIL_KEY(restored->workspace, email));
    pipeline_parts(pipeline, restored->id);
}

static void write_remove(struct redis_pipeline *pipeline, const struct restored *restored, struct span email)
{
    pipeline_command(pipeline, email.at ? 3 : 2);
    pipeline_parts(pipeline, SPAN("DEL"));
    pipeline_parts(pipeline, CLIENT_KEY(restored->workspace, restored->id));
    if (email.at)
        pipeline_parts(pipeline, EMAIL_KEY(restored->workspace, email));
}

static bool get(struct restore *restore, const struct span *key, size_t parts, struct span *value)
{
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, restore->store->connection, restore->scratch);
    pipeline_command(&pipeline, 2);
    pipeline_parts(&pipeline, SPAN("GET"));
    pipeline_argument(&pipeline, key, parts);
    return pipeline_send(&pipeline) ? store_read(restore->store, &pipeline, restore->scratch, value)
                                    : store_fail(restore->store, "sending failed");
}

/* The email that the client in Redis has, at == NULL if there is none or another client has it. */
static bool find_email(struct restore *restore, const struct restored *restored, struct span *email)
{
    struct arena *scratch = restore->scratch;
    struct span value = SPAN_NONE, owner = SPAN_NONE;
    *email = SPAN_NONE;
    if (!get(restore, (const struct span[]){CLIENT_KEY(restored->workspace, restored->id)}, 4, &value))
        return false;
    if (value.at)
        *email = record_email(value, scratch);
    if (!email->at)
        return true;
    if (!get(restore, (const struct span[]){EMAIL_KEY(restored->workspace, *email)}, 4, &owner))
        return false;
    if (!owner.at || !span_equal(owner, restored->id))
        *email = SPAN_NONE;
    return true;
}

/* Removes one client: rare, and so alone. */
static bool remove_client(struct restore *restore, const struct restored *restored)
{
    struct span email;
    struct redis_pipeline pipeline;
    if (!find_email(restore, restored, &email))
        return false;
    pipeline_open(&pipeline, restore->store->connection, restore->scratch);
    write_remove(&pipeline, restored, email);
    restore->removed++;
    return store_carry_out(restore->store, &pipeline);
}

/* Writes messages of the chunk from *next on, up to one that removes a client, which it carries out, too. */
static bool write_some(struct restore *restore, size_t *next)
{
    struct arena *scratch = restore->scratch;
    struct span *emails = arena_alloc(scratch, restore->count * sizeof(*emails));
    struct restored *clients = arena_alloc(scratch, restore->count * sizeof(*clients));
    size_t count = 0;
    bool removes = false;
    while (*next < restore->count && !removes) {
        struct restored *restored = &clients[count];
        bool ours = restored_parse(restore->messages[(*next)++], restored);
        removes = ours && !restored->record.at;
        if (!ours || removes) {
            restore->passed_over += !ours;
            continue;
        }
        emails[count] = record_email(restored->record, scratch);
        restore->passed_over += !emails[count].at;
        count += emails[count].at != NULL;
    }
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, restore->store->connection, scratch);
    for (size_t i = 0; i < count; i++)
        write_client(&pipeline, &clients[i], emails[i]);
    restore->clients += count;
    return store_carry_out(restore->store, &pipeline) && (!removes || remove_client(restore, &clients[count]));
}

bool restore_add(struct restore *restore, rd_kafka_message_t *message)
{
    restore->messages[restore->count++] = message;
    restore->bytes += message->len;
    return restore->count == RESTORE_MESSAGES || restore->bytes >= RESTORE_BYTES;
}

void restore_clear(struct restore *restore)
{
    for (size_t i = 0; i < restore->count; i++)
        rd_kafka_message_destroy(restore->messages[i]);
    restore->count = restore->bytes = 0;
}

bool restore_write(struct restore *restore)
{
    size_t mark = restore->scratch->used, next = 0;
    bool fine = restore->store->connection != NULL;
    while (fine && next < restore->count) {
        fine = write_some(restore, &next);
        arena_reset(restore->scratch, mark);
    }
    restore_clear(restore);
    return fine;
}

/* definitions list and history: the definitions in Redis now, and all versions in the topic. */
#include <stdlib.h>
#include <string.h>

#include "common/timestamp.h"
#include "worker/commands/command_definitions.h"
#include "worker/definitions/definitions_history.h"
#include "worker/definitions/definitions_print.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/kafka/kafka_client.h"
#include "worker/kafka/topic_reader.h"
#include "worker/model/batch.h"

/* One line of either. */
struct row {
    char workspace[WORKSPACE_ID_CHARACTERS + 1];
    int64_t time_ms;
    int32_t partition;
    int64_t offset;
    struct definitions_summary summary;
};

struct rows {
    struct row *items;
    size_t count, capacity;
};

static struct row *rows_add(struct rows *rows)
{
    if (rows->count == rows->capacity) {
        rows->capacity = rows->capacity ? rows->capacity * 2 : 256;
        rows->items = realloc(rows->items, rows->capacity * sizeof(*rows->items));
        if (!rows->items)
            abort();
    }
    struct row *row = &rows->items[rows->count++];
    *row = (struct row){0};
    return row;
}

/* ---- list ---- */

static bool list_take(void *listener, struct span workspace, struct span json, char *error, size_t error_size)
{
    struct rows *rows = listener;
    (void)error;
    (void)error_size;
    if (!json.at)
        return true;
    struct row *row = rows_add(rows);
    memcpy(row->workspace, workspace.at, workspace.length);
    row->summary = definitions_summarize(json);
    return true;
}

static int by_workspace(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->workspace, ((const struct row *)b)->workspace);
}

static void list_print(struct rows *rows, bool as_json)
{
    if (rows->count > 0)
        qsort(rows->items, rows->count, sizeof(*rows->items), by_workspace);
    if (!as_json)
        printf("%-32s %-8s %s\n", "workspace", "fields", "version");
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        if (i > 0 && strcmp(row->workspace, row[-1].workspace) == 0)
            continue; /* SCAN may give a key twice */
        char text[FIELDS_TEXT_SIZE];
        if (as_json) {
            definitions_print_summary_json(json_line_pack("{s:o}", "workspaceId", json_line_text(row->workspace)),
                                           &row->summary);
        } else {
            definitions_fields_text(&row->summary, text);
            printf("%-32s %-8s %.*s\n", row->workspace, text, HASH_LENGTH, row->summary.version);
        }
    }
}

int definitions_list(const struct definitions_request *request, const struct config *config)
{
    char error[512];
    struct rows rows = {0};
    struct definitions_redis *redis = definitions_redis_open(config, error, sizeof(error));
    bool ok = redis && definitions_redis_scan(redis, list_take, &rows, error, sizeof(error));
    if (ok)
        list_print(&rows, request->json);
    definitions_redis_close(redis);
    free(rows.items);
    return ok ? COMMAND_OK : definitions_complain(COMMAND_UNAVAILABLE, "Redis", error);
}

/* ---- history ---- */

static void history_take(struct rows *rows, const rd_kafka_message_t *message)
{
    rd_kafka_timestamp_type_t type;
    struct row *row = rows_add(rows);
    row->time_ms = rd_kafka_message_timestamp(message, &type);
    row->partition = message->partition;
    row->offset = message->offset;
    row->summary = definitions_summarize(span_of(message->payload, message->len));
}

static bool history_read(struct topic_reader *reader, struct span workspace, struct rows *rows, char *error,
                         size_t error_size)
{
    rd_kafka_message_t *message;
    enum topic_reading reading;
    while ((reading = topic_reader_next(reader, &message, error, error_size)) != TOPIC_END) {
        if (reading == TOPIC_FAILED)
            return false;
        if (reading == TOPIC_PAUSE)
            continue;
        if (span_equal(definitions_history_workspace(message), workspace))
            history_take(rows, message);
        rd_kafka_message_destroy(message);
    }
    return true;
}

/* Within a partition the order of offsets counts, whatever the writers' clocks say. */
static int by_time(const void *a, const void *b)
{
    const struct row *left = a, *right = b;
    if (left->partition == right->partition)
        return left->offset < right->offset ? -1 : 1;
    if (left->time_ms != right->time_ms)
        return left->time_ms < right->time_ms ? -1 : 1;
    return left->partition < right->partition ? -1 : 1;
}

static void history_print(struct rows *rows, const char *topic, bool as_json)
{
    qsort(rows->items, rows->count, sizeof(*rows->items), by_time);
    if (!as_json)
        printf("%-*s %-8s %-*s %s\n", TIME_LENGTH, "time", "fields", HASH_LENGTH, "version", "source");
    for (size_t i = 0; i < rows->count; i++) {
        const struct row *row = &rows->items[i];
        char time[TIME_LENGTH], text[FIELDS_TEXT_SIZE];
        time_text(row->time_ms, time);
        if (as_json) {
            json_t *source = json_line_pack("{s:s, s:i, s:I}", "topic", topic, "partition", (int)row->partition,
                                            "offset", (json_int_t)row->offset);
            definitions_print_summary_json(
                json_line_pack("{s:s%, s:o}", "time", time, (size_t)TIME_LENGTH, "source", source), &row->summary);
        } else {
            definitions_fields_text(&row->summary, text);
            printf("%.*s %-8s %-*.*s %s/%d/%lld\n", TIME_LENGTH, time, text, HASH_LENGTH, HASH_LENGTH,
                   row->summary.version, topic, (int)row->partition, (long long)row->offset);
        }
    }
}

int definitions_history_of(const struct definitions_request *request, const struct config *config)
{
    char error[512];
    struct rows rows = {0};
    const char *topic = config->definitions.topic;
    struct topic_reader *reader = topic_reader_open(config, topic, KAFKA_CLIENT_WAIT_MS, error, sizeof(error));
    int result = COMMAND_OK;
    if (!reader || !history_read(reader, span_of_text(request->workspace), &rows, error, sizeof(error)))
        result = definitions_complain(COMMAND_UNAVAILABLE, "Kafka", error);
    else if (rows.count == 0)
        result = definitions_complain(COMMAND_NEGATIVE, request->workspace,
                                      "the topic has no definitions of this workspace");
    else
        history_print(&rows, topic, request->json);
    topic_reader_close(reader);
    free(rows.items);
    return result;
}

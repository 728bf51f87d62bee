/* A part rebuild looks for claims that were withdrawn.
 *
 * A claim may be withdrawn before its command is committed: its client did not fit (index_release.c), or an earlier
 * command has displaced it (index_displace.c). An older state of Redis, such as that of a replica that is promoted, may
 * be from the moment between. In it the claim counts as committed, since its command is, so it would always keep id and
 * email, and no record would ever come for it.
 *
 * In that state the partition is claimed beyond its checkpoint, and only commands between the two can have such claims:
 * those of one batch, as a rule. So these commands are read once more. If Redis has a client that came from one of
 * them, and the record topic has had no message of it since the checkpoint, or if a command cannot be read, then all is
 * rebuilt. The claim is not removed at once: it may be one that a replay makes right now (index_replay.h), which
 * notices another epoch, but not the loss of a claim. */
#include <stdlib.h>

#include "worker/index/index_rebuild_internal.h"
#include "worker/kafka/message_headers.h"
#include "worker/validate/decode.h"

#define CHUNK         1000
#define COMMANDS_MOST 100000 /* more, and the whole rebuild takes no longer */

/* A client that the command would have. */
struct suspect {
    int32_t partition;
    int64_t offset;
    char workspace[WORKSPACE_ID_CHARACTERS], id[CLIENT_ID_LENGTH];
    size_t workspace_length;
};

struct withdrawal {
    struct rebuild *rebuild;
    struct topic_reader *commands;
    struct json_parser *parser;
    size_t count;
    struct suspect list[CHUNK];
};

static struct span workspace_of(const struct suspect *suspect)
{
    return span_of(suspect->workspace, suspect->workspace_length);
}

static struct span id_of(const struct suspect *suspect)
{
    return span_of(suspect->id, CLIENT_ID_LENGTH);
}

/* All of the record topic is needed. Always false. */
static bool contradict(struct withdrawal *withdrawal, const char *reason)
{
    withdrawal->rebuild->restore.contradicted = true;
    return rebuild_fail(withdrawal->rebuild, reason);
}

/* ---- which clients ---- */

/* Whether the client was made from the command, and the record topic has had no message of it. */
static bool is_withdrawn(const struct withdrawal *withdrawal, const struct suspect *suspect, struct span line)
{
    const struct rebuild *rebuild = withdrawal->rebuild;
    struct stored_client stored;
    int64_t partition, offset;
    if (!line.at || !stored_client_parse(line, &stored) ||
        !source_parse(stored.source, span_of_text(rebuild->index->config->commands.topic), &partition, &offset) ||
        partition != suspect->partition || offset != suspect->offset)
        return false;
    struct span key =
        arena_format(rebuild->scratch, "%.*s/%.*s", SPAN_FORMAT(workspace_of(suspect)), SPAN_FORMAT(id_of(suspect)));
    return record_places_fate(rebuild->restore.places, key) == FATE_UNKNOWN;
}

/* Looks at the clients of the list, and empties it. */
static bool look_at_clients(struct withdrawal *withdrawal)
{
    struct rebuild *rebuild = withdrawal->rebuild;
    struct index *index = rebuild->index;
    const size_t mark = rebuild->scratch->used;
    struct redis_pipeline pipeline;
    if (withdrawal->count == 0)
        return true;
    bool ok = index->connection != NULL, found = false;
    if (ok) {
        pipeline_open(&pipeline, index->connection, rebuild->scratch);
        for (size_t i = 0; i < withdrawal->count; i++)
            pipeline_read_parts(&pipeline, STORED_LINE_BYTES,
                                CLIENT_KEY(workspace_of(&withdrawal->list[i]), id_of(&withdrawal->list[i])));
        ok = pipeline_send(&pipeline) || index_fail(index, "sending failed");
    }
    for (size_t i = 0; i < withdrawal->count && ok; i++) {
        struct span line;
        ok = index_read(index, &pipeline, rebuild->scratch, &line);
        found = ok && (found || is_withdrawn(withdrawal, &withdrawal->list[i], line));
    }
    arena_reset(rebuild->scratch, mark);
    withdrawal->count = 0;
    if (!ok)
        return rebuild_fail(rebuild, "no connection to Redis, or another loss of data");
    return !found || contradict(withdrawal, "Redis has a claim that was withdrawn later");
}

/* ---- which commands ---- */

/* One without a workspace or an id has no claim. */
static void note_command(struct withdrawal *withdrawal, rd_kafka_message_t *message)
{
    const struct config *config = withdrawal->rebuild->index->config;
    struct arena *scratch = withdrawal->rebuild->scratch;
    const size_t mark = scratch->used;
    struct item item;
    message_item_take(&item, config->commands.topic, message, (size_t)config->limits.command_bytes, scratch);
    decode_item(&item, config, withdrawal->parser, scratch);
    if (item.has_identity && item.workspace.length <= WORKSPACE_ID_CHARACTERS) {
        struct suspect *suspect = &withdrawal->list[withdrawal->count++];
        suspect->partition = message->partition;
        suspect->offset = message->offset;
        suspect->workspace_length = item.workspace.length;
        memcpy(suspect->workspace, item.workspace.at, item.workspace.length);
        memcpy(suspect->id, item.client_id, CLIENT_ID_LENGTH);
    }
    arena_reset(scratch, mark);
}

static bool read_commands(struct withdrawal *withdrawal)
{
    struct rebuild *rebuild = withdrawal->rebuild;
    char error[ERROR_TEXT_BYTES];
    for (;;) {
        rd_kafka_message_t *message;
        const enum topic_reading reading = topic_reader_next(withdrawal->commands, &message, error, sizeof(error));
        if (reading == TOPIC_FAILED)
            return contradict(withdrawal, "commands that were claimed cannot be read");
        if (reading == TOPIC_MESSAGE) {
            note_command(withdrawal, message);
            rd_kafka_message_destroy(message);
        }
        if ((withdrawal->count == CHUNK || reading == TOPIC_END) && !look_at_clients(withdrawal))
            return false;
        if (reading == TOPIC_END)
            return true;
        if (!rebuild_go_on(rebuild))
            return false;
    }
}

static bool open_commands(struct withdrawal *withdrawal)
{
    struct rebuild *rebuild = withdrawal->rebuild;
    const struct config *config = rebuild->index->config;
    const struct audit_gap *gap = rebuild->gap;
    char error[ERROR_TEXT_BYTES];
    bool is_there = false;
    withdrawal->parser = decode_parser_new((size_t)config->limits.command_bytes);
    if (!withdrawal->parser)
        return rebuild_fail(rebuild, "out of memory");
    withdrawal->commands = topic_reader_open_listening(config, config->commands.topic, REBUILD_KAFKA_WAIT_MS,
                                                       rebuild_go_on, rebuild, rebuild->error, rebuild->error_size);
    if (!withdrawal->commands)
        return false;
    if (!topic_reader_between(withdrawal->commands, &gap->claims_from, &gap->claims_to, &is_there, error,
                              sizeof(error)))
        return rebuild_fail(rebuild, error);
    return is_there || contradict(withdrawal, "commands that were claimed were deleted");
}

static int64_t count_commands(const struct audit_gap *gap)
{
    int64_t count = 0;
    for (int32_t i = 0; i < gap->claims_to.count; i++)
        if (gap->claims_to.at[i] != OFFSET_NONE)
            count += gap->claims_to.at[i] - offsets_get(&gap->claims_from, i);
    return count;
}

bool rebuild_find_withdrawn(struct rebuild *rebuild)
{
    const int64_t count = rebuild->gap ? count_commands(rebuild->gap) : 0;
    if (count == 0)
        return true;
    struct withdrawal *withdrawal = calloc(1, sizeof(*withdrawal));
    if (!withdrawal)
        return rebuild_fail(rebuild, "out of memory");
    withdrawal->rebuild = rebuild;
    bool ok = count <= COMMANDS_MOST ? open_commands(withdrawal) && read_commands(withdrawal)
                                     : contradict(withdrawal, "too many commands were claimed");
    topic_reader_close(withdrawal->commands);
    json_parser_free(withdrawal->parser);
    free(withdrawal);
    return ok;
}

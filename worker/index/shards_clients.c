#include "worker/index/shards_clients.h"

#include "worker/index/index_internal.h"
#include "worker/index/shards_placement.h"
#include "worker/index/shards_restore_internal.h"
#include "worker/validate/record.h"

/* Of sources: a greater one could not be read back from a checkpoint. */
#define GREATEST_OFFSET INT64_C(99999999999999999)

bool shards_clients_open(struct shards_clients *clients, struct shards_restore *restore, const struct config *config,
                         int32_t partitions, struct arena *scratch)
{
    clients->restore = restore;
    clients->scratch = scratch;
    clients->command_topic = config->commands.topic;
    clients->partitions = partitions;
    clients->places = record_places_new();
    return clients->places != NULL;
}

static void clear(struct shards_clients *clients)
{
    for (uint32_t i = 0; i < clients->count; i++)
        rd_kafka_message_destroy(clients->messages[i]);
    clients->count = 0;
    clients->bytes = clients->span = 0;
}

void shards_clients_close(struct shards_clients *clients)
{
    clear(clients);
    record_places_free(clients->places);
    offsets_free(&clients->highest);
    clients->places = NULL;
}

/* ---- messages ---- */

static bool is_of_a_slot(const struct shards_clients *clients, const struct restored *restored)
{
    return shards_restore_has(clients->restore, redis_slot_of(restored->workspace));
}

/* What is in the record topic was committed, even if the group's offsets say otherwise. */
static void note_source(struct shards_clients *clients, struct span source)
{
    int64_t partition, offset;
    if (source.at && source_parse(source, span_of_text(clients->command_topic), &partition, &offset) &&
        partition < clients->partitions && offset < GREATEST_OFFSET)
        offsets_raise(&clients->highest, (int32_t)partition, offset + 1);
}

bool shards_clients_note(struct shards_clients *clients, const rd_kafka_message_t *message)
{
    struct restored restored;
    const size_t mark = clients->scratch->used;
    const bool ours = restored_parse(message, &restored) &&
                      (!restored.record.at || record_email(restored.record, clients->scratch).at);
    arena_reset(clients->scratch, mark);
    if (!ours) {
        clients->passed_over++;
        return true;
    }
    note_source(clients, restored.source);
    return !is_of_a_slot(clients, &restored) ||
           record_places_note(clients->places, restored.key, &restored.place, !restored.record.at);
}

bool shards_clients_add(struct shards_clients *clients, rd_kafka_message_t *message)
{
    struct restored *restored = &clients->chunk[clients->count];
    if (clients->count > 0)
        clients->span += message->len;
    if (restored_parse(message, restored) && is_of_a_slot(clients, restored) &&
        record_places_is_last(clients->places, restored->key, &restored->place)) {
        clients->messages[clients->count++] = message;
        clients->bytes += message->len;
    } else {
        rd_kafka_message_destroy(message);
    }
    return clients->count == SHARDS_CHUNK_MESSAGES || clients->bytes >= SHARDS_CHUNK_BYTES ||
           clients->span >= SHARDS_CHUNK_SPAN;
}

struct span shards_client_key(const struct shards_clients *clients, struct span workspace, struct span id)
{
    return SHARDS_TEXT(clients->scratch, CLIENT_KEY(workspace, id));
}

struct span shards_email_key(const struct shards_clients *clients, struct span workspace, struct span email)
{
    return SHARDS_TEXT(clients->scratch, EMAIL_KEY(workspace, email));
}

/* ---- a chunk ---- */

/* The messages that are not settled and whose slots have not left; with `living` without tombstones. */
static uint32_t place(struct shards_clients *clients, bool living, struct shards_placement *placed)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < clients->count; i++) {
        const struct restored *restored = &clients->chunk[i];
        const unsigned slot = redis_slot_of(restored->workspace);
        uint16_t node;
        if (!restored->settled && (restored->email.at || (!living && !restored->record.at)) &&
            shards_restore_has(clients->restore, slot) && shards_restore_node(clients->restore, slot, &node))
            placed[count++] = (struct shards_placement){node, (uint16_t)slot, i};
    }
    shards_placements_sort(placed, count);
    return count;
}

static void mark_settled(struct shards_clients *clients, struct restored *restored)
{
    restored->settled = true;
    if (restored->record.at)
        record_places_write(clients->places, restored->key);
    *(restored->record.at ? &clients->written : &clients->removed) += 1;
}

/* Clients of one slot, in one call. */
struct call {
    uint16_t node;
    unsigned slot;
    const struct shards_placement *placed;
    uint32_t count;
    struct slot_restore restore;
    struct slot_client *made;
};

static void make_call(struct shards_clients *clients, struct call *call)
{
    call->restore = shards_restore_slot(clients->restore, call->slot);
    call->made = arena_alloc(clients->scratch, call->count * sizeof(*call->made));
    for (uint32_t i = 0; i < call->count; i++) {
        const struct restored *restored = &clients->chunk[call->placed[i].number];
        const struct span parts[] = {RESTORED_VALUE(restored)};
        struct span *value = arena_alloc(clients->scratch, sizeof(parts));
        memcpy(value, parts, sizeof(parts));
        call->made[i] = (struct slot_client){shards_client_key(clients, restored->workspace, restored->id),
                                             shards_email_key(clients, restored->workspace, restored->email), value,
                                             sizeof(parts) / sizeof(parts[0])};
    }
}

static void take_call(struct shards_clients *clients, struct cluster_pipelines *pipelines, const struct call *call)
{
    bool was_there[SHARDS_CHUNK_MESSAGES] = {false};
    enum script_end end;
    struct script_failure failure;
    redisReply *answer = shards_answer(clients->restore->shards, pipelines, call->node, call->slot, &end, &failure);
    if (answer)
        end = slot_restore_take_written(clients->scratch, answer, was_there, call->count, &failure);
    freeReplyObject(answer);
    if (end != SCRIPT_DONE)
        shards_restore_leave(clients->restore, call->slot);
    for (uint32_t i = 0; i < call->count && end == SCRIPT_DONE; i++) {
        if (was_there[i])
            continue;
        clients->writes++;
        mark_settled(clients, &clients->chunk[call->placed[i].number]);
    }
}

/* Writes clients of which Redis has neither id nor email: nearly all, after a loss. */
static void write_absent(struct shards_clients *clients)
{
    struct shards_placement *placed = arena_alloc(clients->scratch, clients->count * sizeof(*placed));
    struct call *calls = arena_alloc(clients->scratch, clients->count * sizeof(*calls));
    struct cluster_pipelines pipelines;
    const uint32_t count = place(clients, true, placed);
    uint32_t made = 0;
    for (uint32_t from = 0, to; from < count; from = to) {
        to = shards_placements_slot_end(placed, count, from);
        calls[made] = (struct call){placed[from].node, placed[from].slot, placed + from, to - from, {.key = {0}}, NULL};
        make_call(clients, &calls[made++]);
    }
    if (made == 0 || !cluster_pipelines_open(&pipelines, clients->restore->shards->cluster, clients->scratch))
        return;
    for (uint32_t i = 0; i < made; i++)
        slot_restore_send_write(cluster_pipelines_to(&pipelines, calls[i].node), &calls[i].restore, calls[i].made,
                                calls[i].count, NULL, 0, SCRIPT_BY_NAME);
    cluster_pipelines_send(&pipelines);
    for (uint32_t i = 0; i < made; i++)
        take_call(clients, &pipelines, &calls[i]);
    cluster_pipelines_close(&pipelines);
}

/* The next answer, of which the text lives as long as *reply. False if the slot has left. */
static bool next_value(struct shards_clients *clients, struct cluster_pipelines *pipelines,
                       const struct shards_placement *placed, redisReply **reply, struct span *value)
{
    enum script_end end;
    struct script_failure failure;
    *reply = shards_answer(clients->restore->shards, pipelines, placed->node, placed->slot, &end, &failure);
    if (*reply && index_reply_span(*reply, value))
        return true;
    shards_restore_leave(clients->restore, placed->slot);
    return false;
}

/* Settles a message with which Redis agrees already. */
static void compare(struct shards_clients *clients, struct cluster_pipelines *pipelines,
                    const struct shards_placement *placed)
{
    struct restored *restored = &clients->chunk[placed->number];
    struct span stored = SPAN_NONE, owner = SPAN_NONE;
    redisReply *client, *email = NULL;
    bool ok = next_value(clients, pipelines, placed, &client, &stored);
    if (restored->record.at)
        ok &= next_value(clients, pipelines, placed, &email, &owner);
    const bool agrees = restored->record.at
                            ? stored.at && restored_is(restored, stored) && owner.at && span_equal(owner, restored->id)
                            : !stored.at;
    if (ok && agrees)
        mark_settled(clients, restored);
    freeReplyObject(client);
    freeReplyObject(email);
}

static void find_present(struct shards_clients *clients)
{
    struct shards_placement *placed = arena_alloc(clients->scratch, clients->count * sizeof(*placed));
    struct cluster_pipelines pipelines;
    const uint32_t count = place(clients, false, placed);
    if (count == 0 || !cluster_pipelines_open(&pipelines, clients->restore->shards->cluster, clients->scratch))
        return;
    for (uint32_t i = 0; i < count; i++) {
        const struct restored *restored = &clients->chunk[placed[i].number];
        struct redis_pipeline *pipeline = cluster_pipelines_to(&pipelines, placed[i].node);
        pipeline_read_parts(pipeline, restored_bytes(restored), CLIENT_KEY(restored->workspace, restored->id));
        if (restored->record.at)
            pipeline_read_parts(pipeline, CLIENT_ID_LENGTH, EMAIL_KEY(restored->workspace, restored->email));
    }
    cluster_pipelines_send(&pipelines);
    for (uint32_t i = 0; i < count; i++)
        compare(clients, &pipelines, &placed[i]);
    cluster_pipelines_close(&pipelines);
}

void shards_clients_write(struct shards_clients *clients)
{
    const size_t mark = clients->scratch->used;
    for (uint32_t i = 0; i < clients->count; i++)
        if (clients->chunk[i].record.at)
            clients->chunk[i].email = record_email(clients->chunk[i].record, clients->scratch);
    if (clients->count > 0) {
        write_absent(clients);
        find_present(clients);
    }
    for (uint32_t i = 0; i < clients->count; i++) {
        struct restored *restored = &clients->chunk[i];
        if (restored->settled || (restored->record.at && !restored->email.at) || !is_of_a_slot(clients, restored))
            continue;
        const size_t settle_mark = clients->scratch->used;
        shards_clients_settle(clients, restored);
        arena_reset(clients->scratch, settle_mark);
        if (is_of_a_slot(clients, restored))
            mark_settled(clients, restored);
    }
    arena_reset(clients->scratch, mark);
    clear(clients);
}

/* Settles one client that Redis has in another version, or whose email another client has. This is rare, so it is done
 * for one client at a time. index_restore_settle.c does it on one server, where others write meanwhile. */
#include "worker/index/index_internal.h"
#include "worker/index/shards_clients.h"
#include "worker/index/shards_restore_internal.h"
#include "worker/validate/record.h"

#define CHANGES_MOST 4

/* The changes to make in Redis for a client. */
struct plan {
    struct slot_change changes[CHANGES_MOST];
    uint32_t count;
    bool shared; /* it has the email of another living client */
};

static void add(struct plan *plan, struct span key, struct span value)
{
    plan->changes[plan->count++] = (struct slot_change){key, value};
}

/* Reads the first `most` bytes of a key of the slot, and one more if it is longer, into the scratch arena. False if the
 * slot has left. */
static bool get(struct shards_clients *clients, unsigned slot, size_t most, struct span key, struct span *value)
{
    struct cluster_pipelines pipelines;
    enum script_end end;
    struct script_failure failure;
    uint16_t node;
    *value = SPAN_NONE;
    if (!shards_restore_node(clients->restore, slot, &node) ||
        !cluster_pipelines_open(&pipelines, clients->restore->shards->cluster, clients->scratch))
        return false;
    pipeline_read_parts(cluster_pipelines_to(&pipelines, node), most, key);
    cluster_pipelines_send(&pipelines);
    redisReply *reply = shards_answer(clients->restore->shards, &pipelines, node, slot, &end, &failure);
    const bool ok = reply && index_reply_span(reply, value);
    if (ok && value->at)
        *value = arena_copy(clients->scratch, *value);
    freeReplyObject(reply);
    cluster_pipelines_close(&pipelines);
    if (!ok)
        shards_restore_leave(clients->restore, slot);
    return ok;
}

bool shards_clients_change(struct shards_clients *clients, unsigned slot, const struct slot_change *changes,
                           uint32_t count)
{
    struct cluster_pipelines pipelines;
    enum script_end end;
    struct script_failure failure;
    uint16_t node;
    bool none[1];
    const struct slot_restore restore = shards_restore_slot(clients->restore, slot);
    if (!shards_restore_node(clients->restore, slot, &node) ||
        !cluster_pipelines_open(&pipelines, clients->restore->shards->cluster, clients->scratch))
        return false;
    slot_restore_send_write(cluster_pipelines_to(&pipelines, node), &restore, NULL, 0, changes, count, SCRIPT_BY_NAME);
    cluster_pipelines_send(&pipelines);
    redisReply *reply = shards_answer(clients->restore->shards, &pipelines, node, slot, &end, &failure);
    if (reply)
        end = slot_restore_take_written(clients->scratch, reply, none, 0, &failure);
    freeReplyObject(reply);
    cluster_pipelines_close(&pipelines);
    if (end != SCRIPT_DONE)
        shards_restore_leave(clients->restore, slot);
    else
        clients->writes += count;
    return end == SCRIPT_DONE;
}

/* True if the other client in Redis really exists, and has the email. Its last message was written already, or comes
 * later in this reading, and then meets this client. */
static bool rival_lives(struct shards_clients *clients, const struct restored *restored, struct span rival_id,
                        struct span value, struct stored_client *rival)
{
    if (!value.at || !stored_client_parse(value, rival))
        return false;
    const struct span email = record_email(rival->record, clients->scratch);
    if (!email.at || !span_equal(email, restored->email))
        return false;
    const struct span key = SHARDS_TEXT(clients->scratch, restored->workspace, SPAN("/"), rival_id);
    return record_places_fate(clients->places, key) == FATE_WRITTEN;
}

static bool plan_email(struct shards_clients *clients, unsigned slot, const struct restored *restored,
                       struct plan *plan)
{
    const struct span key = shards_email_key(clients, restored->workspace, restored->email);
    struct span owner, value;
    struct stored_client rival;
    if (!get(clients, slot, CLIENT_ID_LENGTH, key, &owner))
        return false;
    if (owner.at && span_equal(owner, restored->id))
        return true;
    if (owner.at && owner.length == CLIENT_ID_LENGTH) {
        if (!get(clients, slot, CLIENT_HEAD_BYTES, shards_client_key(clients, restored->workspace, owner), &value))
            return false;
        plan->shared = rival_lives(clients, restored, owner, value, &rival);
        if (plan->shared && !restored_has_right_to_email(restored, owner, &rival))
            return true;
    }
    add(plan, key, restored->id);
    return true;
}

/* Plans to free the client's former email, if that leads to the client. */
static bool plan_freed(struct shards_clients *clients, unsigned slot, const struct restored *restored,
                       struct span stored, struct plan *plan)
{
    const struct span former = record_email(stored, clients->scratch);
    struct span owner;
    if (!former.at || (restored->email.at && span_equal(former, restored->email)))
        return true;
    const struct span key = shards_email_key(clients, restored->workspace, former);
    if (!get(clients, slot, CLIENT_ID_LENGTH, key, &owner))
        return false;
    if (owner.at && span_equal(owner, restored->id))
        add(plan, key, SPAN_NONE);
    return true;
}

static bool make_plan(struct shards_clients *clients, unsigned slot, const struct restored *restored, struct plan *plan)
{
    const struct span key = shards_client_key(clients, restored->workspace, restored->id);
    struct span stored;
    if (!get(clients, slot, CLIENT_HEAD_BYTES + restored_bytes(restored), key, &stored))
        return false;
    const bool same = restored->record.at && stored.at && restored_is(restored, stored);
    if (stored.at && !same && !plan_freed(clients, slot, restored, stored, plan))
        return false;
    if (!restored->record.at)
        add(plan, key, SPAN_NONE);
    else if (!same)
        add(plan, key, SHARDS_TEXT(clients->scratch, RESTORED_VALUE(restored)));
    return !restored->record.at || plan_email(clients, slot, restored, plan);
}

static void say_shared(const struct shards_clients *clients, const struct restored *restored)
{
    if (clients->shared_emails > 1)
        return;
    log_warning("two living clients have one email; the one that was created later keeps it",
                LOG_SPAN("workspace", restored->workspace), LOG_SPAN("client", restored->id),
                LOG_TEXT("topic", clients->restore->shards->config->records.topic),
                LOG_INTEGER("partition", restored->place.partition), LOG_INTEGER("offset", restored->place.offset));
}

void shards_clients_settle(struct shards_clients *clients, struct restored *restored)
{
    const unsigned slot = redis_slot_of(restored->workspace);
    struct plan plan = {.count = 0};
    if (!make_plan(clients, slot, restored, &plan) ||
        (plan.count > 0 && !shards_clients_change(clients, slot, plan.changes, plan.count)) || !plan.shared)
        return;
    clients->shared_emails++;
    say_shared(clients, restored);
}

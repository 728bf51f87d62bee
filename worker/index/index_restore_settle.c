/* Settles one client that Redis has in another version, or whose email another client has. This is rare, so it is done
 * for one client at a time: every key is watched before it is read, so that no claim of another worker can come
 * between. */
#include "worker/index/index_restore_internal.h"
#include "worker/validate/record.h"

#define TRIES 100 /* keys that change more often are written by a program that does not stop */

/* The changes to make in Redis for a client. */
struct plan {
    bool set_client, set_email, delete_client;
    struct span freed; /* a former email of the client that still leads to it; at == NULL: none */
    bool shared;       /* it has the email of another living client */
};

enum attempt {
    ATTEMPT_DONE,
    ATTEMPT_AGAIN, /* a watched key has changed */
    ATTEMPT_FAILED
};

/* Watches a key, and reads the first `most` bytes of it, and one more if it is longer, into the arena. */
static bool watch_get(struct restore *restore, size_t most, const struct span *key, size_t parts, struct span *value)
{
    struct index *index = restore->index;
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, restore->scratch);
    pipeline_command(&pipeline, 2);
    pipeline_parts(&pipeline, SPAN("WATCH"));
    pipeline_argument(&pipeline, key, parts);
    pipeline_read(&pipeline, most, key, parts);
    if (!pipeline_send(&pipeline))
        return index_fail(index, "sending failed");
    return index_answer_status(index, &pipeline) && index_read(index, &pipeline, restore->scratch, value);
}

#define WATCH_GET(restore, value, most, ...)                                                                           \
    watch_get((restore), (most), (const struct span[]){__VA_ARGS__},                                                   \
              sizeof((const struct span[]){__VA_ARGS__}) / sizeof(struct span), (value))

/* Whether the command of a client in Redis is committed. */
enum standing {
    STANDING_COMMITTED, /* its command was committed before the reading began, so the topic has its record */
    STANDING_CLAIM,     /* its command is not known to be committed: a worker may be about to commit it */
    STANDING_UNSURE     /* it was committed, but the group's offset was set back to before it */
};

static enum standing standing_of(const struct restore *restore, struct span value)
{
    struct stored_client stored;
    int64_t partition, offset;
    if (restore->whole || !stored_client_parse(value, &stored) ||
        !source_parse(stored.source, span_of_text(restore->index->config->commands.topic), &partition, &offset) ||
        partition > INT32_MAX)
        return STANDING_COMMITTED;
    if (offset < offsets_get(restore->committed, (int32_t)partition))
        return STANDING_COMMITTED;
    bool was_committed = offset < offsets_get(&restore->highest, (int32_t)partition) ||
                         offset < offsets_get(&restore->index->committed, (int32_t)partition);
    return was_committed ? STANDING_UNSURE : STANDING_CLAIM;
}

static bool contradict(struct restore *restore)
{
    restore->contradicted = true;
    return false;
}

/* ---- two living clients with one email ---- */

/* True if the other client in Redis really exists and has the email. */
static bool rival_lives(struct restore *restore, const struct restored *restored, struct span rival_id,
                        struct span value, struct stored_client *rival)
{
    if (!value.at || !stored_client_parse(value, rival) ||
        !span_equal(record_email(rival->record, restore->scratch), restored->email))
        return false;
    struct arena *scratch = restore->scratch;
    struct span key = arena_format(scratch, "%.*s/%.*s", SPAN_FORMAT(restored->workspace), SPAN_FORMAT(rival_id));
    enum record_fate fate = record_places_fate(restore->places, key);
    return fate == FATE_WRITTEN || (fate == FATE_UNKNOWN && !restore->whole);
}

static bool plan_email(struct restore *restore, const struct restored *restored, struct span owner, struct plan *plan)
{
    struct span value = SPAN_NONE;
    struct stored_client rival;
    if (owner.at && span_equal(owner, restored->id))
        return true;
    plan->set_email = true;
    if (!owner.at)
        return true;
    if (!WATCH_GET(restore, &value, CLIENT_HEAD_BYTES, CLIENT_KEY(restored->workspace, owner)))
        return false;
    if (value.at && standing_of(restore, value) != STANDING_COMMITTED)
        return contradict(restore);
    if (!rival_lives(restore, restored, owner, value, &rival))
        return true;
    plan->shared = true;
    plan->set_email = restored_has_right_to_email(restored, owner, &rival);
    return true;
}

/* ---- the plan ---- */

/* Plans to free the client's former email, if that leads to the client. */
static bool plan_freed(struct restore *restore, const struct restored *restored, struct span stored, struct plan *plan)
{
    struct span former = record_email(stored, restore->scratch), owner = SPAN_NONE;
    if (!former.at || span_equal(former, restored->email))
        return true;
    if (!WATCH_GET(restore, &owner, CLIENT_ID_LENGTH, EMAIL_KEY(restored->workspace, former)))
        return false;
    if (!owner.at || !span_equal(owner, restored->id))
        return true;
    plan->freed = former;
    return !restore->has_losers || contradict(restore);
}

static bool make_plan(struct restore *restore, const struct restored *restored, struct plan *plan)
{
    struct span stored = SPAN_NONE, owner = SPAN_NONE;
    *plan = (struct plan){0};
    if (!WATCH_GET(restore, &stored, CLIENT_HEAD_BYTES + restored_bytes(restored),
                   CLIENT_KEY(restored->workspace, restored->id)))
        return false;
    bool same = restored->record.at && stored.at && restored_is(restored, stored);
    if (stored.at && !same) {
        enum standing standing = standing_of(restore, stored);
        if (standing == STANDING_UNSURE)
            return contradict(restore);
        if (standing == STANDING_CLAIM)
            return true; /* made after the message; its record will come later */
        if (!plan_freed(restore, restored, stored, plan))
            return false;
    }
    plan->delete_client = !restored->record.at && stored.at;
    plan->set_client = restored->record.at && !same;
    return !restored->record.at ||
           (WATCH_GET(restore, &owner, CLIENT_ID_LENGTH, EMAIL_KEY(restored->workspace, restored->email)) &&
            plan_email(restore, restored, owner, plan));
}

static void write_delete(struct redis_pipeline *pipeline, const struct span *key, size_t parts)
{
    pipeline_command(pipeline, 2);
    pipeline_parts(pipeline, SPAN("DEL"));
    pipeline_argument(pipeline, key, parts);
}

static size_t write_plan(struct redis_pipeline *pipeline, const struct restored *restored, const struct plan *plan,
                         bool marks_shared)
{
    uint32_t before = pipeline->count;
    if (plan->freed.at)
        write_delete(pipeline, (const struct span[]){EMAIL_KEY(restored->workspace, plan->freed)}, 4);
    if (plan->delete_client)
        write_delete(pipeline, (const struct span[]){CLIENT_KEY(restored->workspace, restored->id)}, 4);
    if (plan->set_client) {
        pipeline_command(pipeline, 3);
        pipeline_parts(pipeline, SPAN("SET"));
        pipeline_parts(pipeline, CLIENT_KEY(restored->workspace, restored->id));
        pipeline_parts(pipeline, RESTORED_VALUE(restored));
    }
    if (plan->set_email) {
        pipeline_command(pipeline, 3);
        pipeline_parts(pipeline, SPAN("SET"));
        pipeline_parts(pipeline, EMAIL_KEY(restored->workspace, restored->email));
        pipeline_parts(pipeline, restored->id);
    }
    if (marks_shared)
        index_write_set(pipeline, SPAN(SHARED_EMAILS_KEY), SPAN("1"));
    return pipeline->count - before;
}

static enum attempt carry_out(struct restore *restore, const struct restored *restored, const struct plan *plan)
{
    bool marks_shared = plan->shared && !restore->shared;
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, restore->index->connection, restore->scratch);
    index_write_word(&pipeline, SPAN("MULTI"));
    size_t count = write_plan(&pipeline, restored, plan, marks_shared);
    redisReply *executed = restore_execute(restore, &pipeline, count);
    if (!executed)
        return restore->index->connection ? ATTEMPT_AGAIN : ATTEMPT_FAILED;
    freeReplyObject(executed);
    restore->writes += count;
    restore->shared = restore->shared || plan->shared;
    return ATTEMPT_DONE;
}

static void say_shared(const struct restore *restore, const struct restored *restored)
{
    if (restore->shared_emails > 1)
        return;
    log_warning("two living clients have one email; the one that was created later keeps it",
                LOG_SPAN("workspace", restored->workspace), LOG_SPAN("client", restored->id),
                LOG_TEXT("topic", restore->index->config->records.topic),
                LOG_INTEGER("partition", restored->place.partition), LOG_INTEGER("offset", restored->place.offset));
}

static enum attempt attempt(struct restore *restore, struct restored *restored)
{
    struct plan plan;
    if (!rebuild_lock_watch(restore->lock, restore->scratch) || !make_plan(restore, restored, &plan))
        return ATTEMPT_FAILED;
    enum attempt result = carry_out(restore, restored, &plan);
    if (result != ATTEMPT_DONE)
        return result;
    restore_mark(restore, restored);
    if (plan.shared) {
        restore->shared_emails++;
        say_shared(restore, restored);
    }
    return ATTEMPT_DONE;
}

bool restore_settle(struct restore *restore, struct restored *restored)
{
    enum attempt result = ATTEMPT_AGAIN;
    size_t mark = restore->scratch->used;
    for (int tries = 0; tries < TRIES && result == ATTEMPT_AGAIN; tries++) {
        result = attempt(restore, restored);
        arena_reset(restore->scratch, mark);
    }
    return result == ATTEMPT_DONE ||
           (result == ATTEMPT_AGAIN && index_fail(restore->index, "the keys of a client keep changing"));
}

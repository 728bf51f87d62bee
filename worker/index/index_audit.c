#include "worker/index/index_audit.h"

#include <assert.h>
#include <string.h>

#include "worker/index/index_internal.h"

void audit_gap_free(struct audit_gap *gap)
{
    offsets_free(&gap->records);
    offsets_free(&gap->definitions);
    offsets_free(&gap->ahead);
    offsets_free(&gap->claimed);
    offsets_free(&gap->definitions_read);
    offsets_free(&gap->nonces);
    offsets_free(&gap->claims_from);
    offsets_free(&gap->claims_to);
    *gap = (struct audit_gap){0};
}

/* The replies that an audit reads. */
struct answers {
    redisReply *epoch, *definitions, *record_topic;
    redisReply **checkpoints; /* of the partitions 0 to count - 1; in the scratch arena */
    redisReply **claimed;     /* the same */
    int32_t count;
};

static void answers_free(struct answers *answers)
{
    freeReplyObject(answers->epoch);
    freeReplyObject(answers->definitions);
    freeReplyObject(answers->record_topic);
    for (int32_t i = 0; i < answers->count; i++) {
        freeReplyObject(answers->checkpoints[i]);
        freeReplyObject(answers->claimed[i]);
    }
}

/* Reads the next answer. False after index_fail. */
static bool take(struct index *index, struct redis_pipeline *pipeline, redisReply **reply)
{
    char error[ERROR_TEXT_BYTES];
    *reply = pipeline_answer(pipeline, error, sizeof(error));
    return *reply || index_fail(index, error);
}

/* False after index_fail. The caller frees *answers in any case. */
static bool ask(struct index *index, struct arena *scratch, struct answers *answers)
{
    char error[ERROR_TEXT_BYTES];
    struct span *places = arena_alloc(scratch, (size_t)answers->count * sizeof(*places));
    for (int32_t i = 0; i < answers->count; i++)
        places[i] = index_place(index, i, scratch);
    struct redis_pipeline pipeline;
    pipeline_open(&pipeline, index->connection, scratch);
    redis_epoch_ask(&pipeline);
    pipeline_read_parts(&pipeline, OFFSETS_BYTES, SPAN(DEFINITIONS_READ_KEY));
    pipeline_read_parts(&pipeline, RECORD_TOPIC_LENGTH, SPAN(RECORD_TOPIC_KEY));
    for (int32_t i = 0; i < answers->count; i++) {
        pipeline_read_parts(&pipeline, OFFSETS_BYTES, CHECKPOINT_KEY(places[i]));
        pipeline_read_parts(&pipeline, CLAIMED_BYTES, CLAIMED_KEY(places[i]));
    }
    index_write_ask_replication(&pipeline);
    if (!pipeline_send(&pipeline))
        return index_fail(index, "sending failed");
    bool ok = take(index, &pipeline, &answers->epoch) && take(index, &pipeline, &answers->definitions) &&
              take(index, &pipeline, &answers->record_topic);
    for (int32_t i = 0; i < answers->count && ok; i++)
        ok = take(index, &pipeline, &answers->checkpoints[i]) && take(index, &pipeline, &answers->claimed[i]);
    if (!ok)
        return false;
    redisReply *replication_id = pipeline_answer(&pipeline, error, sizeof(error));
    ok = replication_id || !index->connection->err || index_fail(index, error);
    if (ok)
        index_read_replication_id(replication_id, index->replication_id);
    freeReplyObject(replication_id);
    return ok;
}

void index_widen_gap(bool *behind, struct offsets *from, struct offsets *since)
{
    if (*behind) {
        offsets_lower_all(from, since);
    } else {
        *from = *since;
        *since = (struct offsets){0};
    }
    *behind = true;
}

void index_widen_records(struct audit_gap *gap, const struct checkpoint *checkpoint, struct offsets *record_ends)
{
    if (checkpoint->time_ms > 0 && (gap->since_ms == 0 || checkpoint->time_ms < gap->since_ms))
        gap->since_ms = checkpoint->time_ms;
    index_widen_gap(&gap->records_behind, &gap->records, record_ends);
}

/* Claims from behind `settled` on are not committed. A worker may be about to do that, or to come to their commands. At
 * the repeated progress, `before` was claimed before the end of the log was asked for. */
static void compare_claimed(struct index *index, const redisReply *reply, int32_t partition, int64_t settled,
                            const struct kafka_progress *progress, struct audit_gap *gap)
{
    int64_t claimed = index_read_claimed(reply), before = offsets_get(&progress->claimed, partition);
    int64_t end = offsets_get(&progress->command_ends, partition);
    offsets_set(&index->claimed, partition, claimed);
    if (claimed <= 0 || claimed <= settled)
        return;
    if (!progress->is_repeated)
        offsets_set(&gap->claimed, partition, claimed);
    else
        gap->log_is_cut = gap->log_is_cut || (end != OFFSET_NONE && before > settled && end < before);
}

static void note_claims(struct index *index, int32_t partition, int64_t next, int64_t committed, struct audit_gap *gap)
{
    const int64_t claimed = offsets_get(&index->claimed, partition);
    const int64_t from = next > 0 ? next : 0, to = claimed < committed ? claimed : committed;
    if (from >= to)
        return;
    offsets_set(&gap->claims_from, partition, from);
    offsets_set(&gap->claims_to, partition, to);
}

/* One partition's checkpoint. A missing one is behind from offset 0 on. */
static void compare_checkpoint(struct index *index, const redisReply *reply, const redisReply *claimed,
                               int32_t partition, const struct kafka_progress *progress, struct audit_gap *gap)
{
    int64_t committed = progress->committed.at[partition], nonce = offsets_get(&progress->nonces, partition);
    struct span text;
    struct offsets record_ends = {0};
    struct checkpoint checkpoint = CHECKPOINT_NONE;
    if (index_reply_span(reply, &text) && text.at && !checkpoint_parse(text, &checkpoint, &record_ends))
        checkpoint = CHECKPOINT_NONE;
    struct checkpoint head = checkpoint_head(text);
    if (!index->replay)
        index_know_checkpoint(index, partition, &head);
    offsets_raise(&index->committed, partition, committed);
    offsets_raise(&index->committed, partition, checkpoint.highest);
    const int64_t settled = checkpoint.next > committed ? checkpoint.next : committed;
    compare_claimed(index, claimed, partition, settled, progress, gap);
    index_note_settled(index, partition, settled, offsets_get(&index->claimed, partition));
    const struct group_progress group = {committed, nonce, progress->is_repeated,
                                         offsets_get(&progress->checkpoints, partition)};
    const struct checkpoint_finding finding = checkpoint_compare(&checkpoint, &group);
    if (finding.is_ahead)
        offsets_set(&gap->ahead, partition, checkpoint.next);
    gap->offsets_gone = gap->offsets_gone || finding.offset_is_gone;
    gap->offsets_set = gap->offsets_set || finding.offset_is_set;
    offsets_set(&gap->nonces, partition, nonce);
    if (finding.is_behind) {
        index_widen_records(gap, &checkpoint, &record_ends);
        note_claims(index, partition, checkpoint.next, committed, gap);
    }
    offsets_free(&record_ends);
}

/* True if an offset is beyond the end of its partition. */
static bool is_beyond(const struct offsets *offsets, const struct offsets *ends)
{
    for (int32_t i = 0; i < offsets->count && i < ends->count; i++)
        if (ends->at[i] != OFFSET_NONE && offsets->at[i] > ends->at[i])
            return true;
    return false;
}

/* Checks that everything in the definitions topic has been read into Redis. At the repeated progress, what had been
 * read before the ends were asked for cannot be beyond them in the same topic: then nothing of the present one counts
 * as read.
 */
static void compare_definitions(const redisReply *reply, const struct kafka_progress *progress, struct audit_gap *gap)
{
    const struct offsets *ends = &progress->definition_ends;
    struct span text;
    struct offsets read = {0};
    bool behind = false;
    if (index_reply_span(reply, &text) && text.at && !offsets_parse(text, &read))
        read = (struct offsets){0};
    if (!progress->is_repeated && is_beyond(&read, ends))
        offsets_raise_all(&gap->definitions_read, &read);
    if (is_beyond(&progress->definitions_read, ends) && is_beyond(&read, ends))
        for (int32_t i = 0; i < read.count; i++)
            offsets_set(&read, i, 0);
    for (int32_t i = 0; i < ends->count; i++)
        behind = behind || (ends->at[i] > 0 && offsets_get(&read, i) < ends->at[i]);
    if (behind)
        index_widen_gap(&gap->definitions_behind, &gap->definitions, &read);
    offsets_free(&read);
}

/* True if the epoch that was found is not trusted, so a rebuild is needed. Without an epoch it is needed anyway. */
static bool is_distrusted(struct index *index)
{
    if (index->distrust == DISTRUST_NEXT) {
        index->distrust = index->epoch.known ? DISTRUST_EPOCH : DISTRUST_NONE;
        memcpy(index->distrusted, index->epoch.mark, EPOCH_LENGTH);
    }
    return index->distrust == DISTRUST_EPOCH && memcmp(index->distrusted, index->epoch.mark, EPOCH_LENGTH) == 0;
}

enum audit_result index_audit(struct index *index, const struct kafka_progress *progress, struct arena *scratch,
                              struct audit_gap *gap)
{
    size_t mark = scratch->used;
    struct answers answers = {.count = progress->committed.count};
    if (index->shards)
        return index_cluster_audit(index, progress, scratch, gap);
    audit_gap_free(gap);
    if (!index->connection)
        return AUDIT_FAILED;
    answers.checkpoints = arena_alloc(scratch, (size_t)answers.count * sizeof(redisReply *));
    memset(answers.checkpoints, 0, (size_t)answers.count * sizeof(redisReply *));
    answers.claimed = arena_alloc(scratch, (size_t)answers.count * sizeof(redisReply *));
    memset(answers.claimed, 0, (size_t)answers.count * sizeof(redisReply *));
    bool ok = ask(index, scratch, &answers), is_foreign = false;
    if (ok) {
        is_foreign = index_note_record_topic(index, answers.record_topic) == RECORD_TOPIC_OTHER;
        redis_epoch_adopt(&index->epoch, answers.epoch);
        index_forget_checkpoints(index);
        offsets_free(&index->claimed);
        own_claims_free(&index->own);
        compare_definitions(answers.definitions, progress, gap);
        for (int32_t i = 0; i < answers.count; i++)
            compare_checkpoint(index, answers.checkpoints[i], answers.claimed[i], i, progress, gap);
    }
    answers_free(&answers);
    arena_reset(scratch, mark);
    ok = ok && (!index->replay || index_replay_compare(index, scratch, gap));
    if (!ok)
        return AUDIT_FAILED;
    if (is_foreign)
        return AUDIT_FOREIGN;
    bool is_damaged = index->damaged.known && memcmp(&index->damaged, &index->epoch, sizeof(index->epoch)) == 0;
    bool distrusted = is_distrusted(index);
    if (!index->epoch.known || is_damaged || distrusted)
        return AUDIT_LOST;
    if (gap->ahead.count + gap->claimed.count + gap->definitions_read.count > 0 && !progress->is_repeated)
        return AUDIT_AHEAD;
    if (gap->offsets_gone || gap->offsets_set || gap->log_is_cut)
        return AUDIT_LOST;
    if (gap->records_behind || gap->definitions_behind)
        return AUDIT_BEHIND;
    /* Ends beyond the present ones belong to an earlier topic of that name. */
    offsets_free(&index->record_ends);
    offsets_raise_all(&index->record_ends, &progress->record_ends);
    return AUDIT_FINE;
}

/* Redis belongs to our record topic from now on, if to none yet. False after index_fail, or if it belongs to another.
 */
static bool name_record_topic(struct index *index)
{
    const char *topic = index->config->records.topic;
    redisReply *named = index_ask(index, "SET " RECORD_TOPIC_KEY " %s NX", topic);
    redisReply *found = named ? index_ask(index, RECORD_TOPIC_READ) : NULL;
    enum record_topic_finding finding = found ? index_note_record_topic(index, found) : RECORD_TOPIC_OTHER;
    freeReplyObject(named);
    freeReplyObject(found);
    if (finding != RECORD_TOPIC_NONE)
        return finding == RECORD_TOPIC_OURS;
    /* The key holds something else. */
    redisReply *replaced = index_ask(index, "SET " RECORD_TOPIC_KEY " %s", topic);
    freeReplyObject(replaced);
    return replaced != NULL;
}

bool index_take(struct index *index, const int32_t *partitions, int32_t count, struct arena *scratch)
{
    if (index->shards)
        return index_cluster_take(index);
    if (!index->connection || !index->epoch.known || !name_record_topic(index))
        return false;
    if (!(index->replay ? index_replay_raise(index, scratch)
                        : index_own(index, partitions, count, scratch) &&
                              index_look_at_claimed(index, partitions, count, scratch)))
        return false;
    index->verified = true;
    index->audits++;
    log_fault_end(&index->unverified);
    return true;
}

bool index_trust(struct index *index, int32_t partitions)
{
    char epoch[EPOCH_LENGTH];
    int32_t numbers[64];
    struct arena scratch;
    assert(partitions <= 64);
    if (!index->connection || !redis_epoch_random(epoch) || arena_open(&scratch, 1 << 20) != 0)
        return false;
    for (int32_t i = 0; i < partitions; i++)
        numbers[i] = i;
    freeReplyObject(redisCommand(index->connection, "SET " EPOCH_KEY " %b NX", epoch, sizeof(epoch)));
    redisReply *reply = index->connection->err ? NULL : redisCommand(index->connection, EPOCH_READ);
    if (reply)
        redis_epoch_adopt(&index->epoch, reply);
    freeReplyObject(reply);
    redisReply *replication_id = index->connection->err ? NULL : redisCommand(index->connection, "INFO replication");
    index_read_replication_id(replication_id, index->replication_id);
    freeReplyObject(replication_id);
    bool taken = reply && index_look_at_checkpoints(index, partitions, &scratch) &&
                 index_take(index, numbers, partitions, &scratch);
    arena_close(&scratch);
    return taken;
}

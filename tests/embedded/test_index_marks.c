/* The marks that the index leaves in Redis: nothing is claimed on data that were lost, nor by a worker whose partitions
 * have another owner, whenever that happens; and what an audit makes of them. */
#include "tests/embedded/index_stage.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "worker/index/index_audit.h"

/* A command on the second connection, at a point of the index's work. */
static enum failpoint when;
static const char *what;
static unsigned claim_runs;

void failpoint(enum failpoint point)
{
    claim_runs += point == FAILPOINT_BEFORE_CLAIM;
    if (!what || point != when)
        return;
    freeReplyObject(redisCommand(aside, what));
    what = NULL;
}

static void interfere(const char *command)
{
    redisReply *reply = redisCommand(aside, command);
    ck_assert_msg(reply && reply->type != REDIS_REPLY_ERROR, "%s: %s", command, reply ? reply->str : aside->errstr);
    freeReplyObject(reply);
}

static void interfere_at(enum failpoint point, const char *command)
{
    when = point;
    what = command;
}

static void put_valid(int64_t offset, const char *id, const char *email)
{
    put(&(struct command){0, offset, id, id, email});
}

/* The claim of one valid command, in a batch of its own. */
static bool claims(int64_t offset, const char *id)
{
    char email[64];
    snprintf(email, sizeof(email), "%s@example.com", id);
    batch_reset(&batch);
    put_valid(offset, id, arena_format(&batch.arena, "%s%c", email, '\0').at);
    return index_claim(the_index, &batch);
}

static bool exists(const char *pattern)
{
    redisReply *keys = redisCommand(aside, "KEYS %s", pattern);
    bool some = keys->elements > 0;
    freeReplyObject(keys);
    return some;
}

static bool holds(const char *key, const char *value)
{
    redisReply *reply = redisCommand(aside, "GET %s", key);
    bool same = reply->type == REDIS_REPLY_STRING && strcmp(reply->str, value) == 0;
    freeReplyObject(reply);
    return same;
}

/* The partition has a checkpoint of this head and these offsets, and of the present time. */
static bool has_checkpoint(int32_t partition, const char *head, const char *record_ends)
{
    redisReply *reply = redisCommand(aside, "GET client-intake:checkpoint:clients.commands/%d", (int)partition);
    size_t length = strlen(head);
    bool same =
        reply->type == REDIS_REPLY_STRING && strncmp(reply->str, head, length) == 0 && reply->str[length] == ',';
    char *end = NULL;
    same = same && llabs(strtoll(reply->str + length + 1, &end, 10) - clock_wall_ms()) < 60000;
    same = same && *end == ' ' && strcmp(end + 1, record_ends) == 0;
    freeReplyObject(reply);
    return same;
}

static enum audit_result audit_nonces(const char *committed_text, const char *nonces, const char *definitions_text,
                                      const char *before, const char *from);

static void expect_nothing_claimed(void)
{
    ck_assert(!index_is_verified(the_index));
    ck_assert(!exists("client:*") && !exists("client-email:*"));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
}

/* ---- claims ---- */

START_TEST(a_store_that_was_not_audited_claims_nothing)
{
    index_mark_stale(the_index);
    ck_assert(!claims(1, "x"));
    expect_nothing_claimed();
}
END_TEST

/* Each way in which data are lost or replaced on a connection that stays, at each moment at which it can happen. */
static const char *const losses[] = {"FLUSHALL", "FLUSHDB ASYNC", "SWAPDB 0 1", "DEL client-intake:epoch",
                                     "SET client-intake:epoch 0123456789abcdef0123456789abcdef"};
static const enum failpoint moments[] = {FAILPOINT_BEFORE_FENCE, FAILPOINT_BEFORE_CLAIM};

START_TEST(nothing_is_claimed_after_a_loss)
{
    size_t loss = (size_t)_i / 2;
    interfere_at(moments[_i % 2], losses[loss]);
    ck_assert(!claims(1, "x"));
    ck_assert(!claims(1, "x"));
    expect_nothing_claimed();
}
END_TEST

START_TEST(a_loss_behind_the_claims_voids_what_was_looked_up)
{
    ck_assert(claims(1, "x"));
    interfere_at(FAILPOINT_AFTER_CLAIM, "FLUSHALL");
    batch_reset(&batch);
    put_valid(2, "x", "other@example.com");
    ck_assert(!index_claim(the_index, &batch));
    expect_nothing_claimed();
}
END_TEST

START_TEST(nothing_is_claimed_for_the_partition_of_another)
{
    interfere_at(moments[_i], "SET client-intake:owner:clients.commands/0 somebody");
    ck_assert(!claims(1, "x"));
    ck_assert(!claims(1, "x"));
    expect_nothing_claimed();
}
END_TEST

START_TEST(others_may_own_other_partitions)
{
    interfere("SET client-intake:owner:clients.commands/1 somebody");
    ck_assert(claims(1, "x"));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
}
END_TEST

START_TEST(nothing_is_displaced_after_a_loss)
{
    ck_assert(claims(5, "x")); /* this worker's own future */
    interfere_at(FAILPOINT_IN_DISPLACEMENT, "FLUSHALL");
    ck_assert(!claims(1, "x"));
    expect_nothing_claimed();
}
END_TEST

/* ---- displacements ---- */

#define LOG_EVENT "an uncommitted later claim was displaced"

/* How often a displacement is logged while the batch is claimed. */
static unsigned displacements_logged(void)
{
    char line[1024];
    unsigned found = 0;
    FILE *file = tmpfile();
    int kept = dup(STDERR_FILENO);
    ck_assert(file && kept >= 0 && dup2(fileno(file), STDERR_FILENO) >= 0);
    log_set_level(LOG_LEVEL_INFO);
    bool claimed = index_claim(the_index, &batch);
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    rewind(file);
    while (fgets(line, sizeof(line), file))
        found += strstr(line, LOG_EVENT) != NULL;
    fclose(file);
    ck_assert(claimed);
    return found;
}

/* Both of the first two want what the last one, their future, has, and the first gets it; or Redis refuses the only
 * one's first try. */
START_TEST(a_displacement_is_logged_once_it_has_happened)
{
    batch_reset(&batch);
    put_valid(5, "z", "x@example.com");
    ck_assert(index_claim(the_index, &batch));
    batch_reset(&batch);
    put_valid(3, "x", "x@example.com");
    if (_i == 0)
        put_valid(4, "y", "x@example.com");
    put_valid(5, "z", "x@example.com");
    if (_i == 1)
        interfere_at(FAILPOINT_IN_DISPLACEMENT, "PEXPIRE client-email:{acme}:x@example.com 100000");
    ck_assert_uint_eq(displacements_logged(), 1);
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
    for (uint32_t i = 1; i < batch.count; i++)
        ck_assert_int_eq(batch.items[i].error, ERROR_EMAIL_TAKEN);
}
END_TEST

#define MANY          5000
#define DISPLACEMENTS 2000

/* The commands of even offset were refused in an earlier run, those of odd offset were claimed then. */
static void put_many(bool again)
{
    static struct span ids[MANY], emails[MANY];
    batch_reset(&batch);
    for (int i = 0; i < MANY; i++) {
        int pair = i < 2 * DISPLACEMENTS ? i / 2 : i;
        ids[i] = arena_format(&batch.arena, "c%d-%c", i, '\0');
        emails[i] = arena_format(&batch.arena, "e%d@example.com%c", pair, '\0');
        bool valid = again || i % 2 == 1;
        put(&(struct command){0, i, ids[i].at, "a", valid ? emails[i].at : NULL});
    }
}

#define TURN_MS 500 /* the worker turns more often */
static unsigned patience_calls;
static bool keeps_going(void *patient)
{
    patience_calls++;
    return *(bool *)patient;
}

START_TEST(many_displacements_take_few_runs_and_let_the_worker_turn)
{
    bool patient = true;
    batch_close(&batch);
    ck_assert_int_eq(batch_open(&batch, MANY, 16 << 20, 1 << 16), 0);
    put_many(false);
    ck_assert(index_claim(the_index, &batch));
    index_set_keep_going(the_index, keeps_going, &patient);
    put_many(true);
    claim_runs = 0;
    const int64_t began = clock_now_ms();
    ck_assert(index_claim(the_index, &batch));
    ck_assert_uint_le(claim_runs, 3);
    ck_assert_uint_ge(patience_calls, clock_now_ms() - began < 2 * TURN_MS ? 1 : 2);
    for (int i = 0; i < 2 * DISPLACEMENTS; i += 2) {
        ck_assert_int_eq(batch.items[i].outcome, OUTCOME_CREATED);
        ck_assert_int_eq(batch.items[i + 1].error, ERROR_EMAIL_TAKEN);
    }
}
END_TEST

START_TEST(displacements_end_when_the_worker_is_to_end)
{
    bool patient = false;
    ck_assert(claims(5, "x"));
    index_set_keep_going(the_index, keeps_going, &patient);
    batch_reset(&batch);
    put_valid(3, "y", "x@example.com");
    ck_assert(!index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
    ck_assert(index_is_verified(the_index));
    patient = true;
    ck_assert(index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
}
END_TEST

START_TEST(a_batch_that_asks_nothing_of_redis_is_decided_without_it)
{
    batch_reset(&batch);
    put(&(struct command){0, 1, "x", "x", NULL});
    batch.items[0].has_identity = false;
    interfere("FLUSHALL");
    ck_assert(index_claim(the_index, &batch));
    ck_assert(!index_confirm(the_index, &batch)); /* but it must not be committed */
}
END_TEST

/* ---- before and after the commit ---- */

START_TEST(outcomes_stand_if_nothing_happened)
{
    ck_assert(claims(1, "x"));
    ck_assert(index_confirm(the_index, &batch));
}
END_TEST

static const char *const harms[] = {"FLUSHALL", "SWAPDB 0 1", "CLIENT KILL TYPE normal SKIPME yes",
                                    "SET client-intake:owner:clients.commands/0 somebody"};

START_TEST(outcomes_do_not_stand_after_a_loss)
{
    ck_assert(claims(1, "x"));
    interfere(harms[_i]);
    ck_assert(!index_confirm(the_index, &batch));
    ck_assert(!index_is_verified(the_index));
}
END_TEST

START_TEST(outcomes_of_before_an_audit_do_not_stand)
{
    ck_assert(claims(1, "x"));
    index_mark_stale(the_index);
    ck_assert(index_trust(the_index, 8));
    ck_assert(!index_confirm(the_index, &batch));
}
END_TEST

START_TEST(a_checkpoint_tells_how_far_each_partition_is)
{
    struct offsets record_ends = {0};
    offsets_set(&record_ends, 2, 40);
    batch_reset(&batch);
    put(&(struct command){0, 7, "x", "x", "x@example.com"});
    put(&(struct command){3, 90, "y", "y", "y@example.com"});
    put(&(struct command){0, 9, "z", "z", NULL});
    batch.items[2].custody = CUSTODY_REVOKED;
    ck_assert(index_claim(the_index, &batch) && index_confirm(the_index, &batch));
    index_checkpoint(the_index, &batch, &record_ends, 77);
    ck_assert(has_checkpoint(0, "8,8,77", "-,-,40"));
    ck_assert(has_checkpoint(3, "91,91,77", "-,-,40"));
    ck_assert(index_is_verified(the_index));
    offsets_free(&record_ends);
}
END_TEST

/* Records in front of the end that was known are of another log. */
static const int64_t replaced_ends[] = {41, 7};

START_TEST(a_record_topic_that_was_replaced_is_not_trusted)
{
    struct offsets record_ends = {0};
    const int64_t ends[] = {40, 41, replaced_ends[_i]};
    for (int i = 0; i < 3; i++) {
        ck_assert(claims(i, i == 0 ? "x" : i == 1 ? "y" : "z") && index_confirm(the_index, &batch));
        offsets_set(&record_ends, 1, ends[i]);
        index_checkpoint(the_index, &batch, &record_ends, 77);
        ck_assert_int_eq(index_is_verified(the_index), i < 2);
    }
    ck_assert(has_checkpoint(0, "2,2,77", "-,41"));
    ck_assert_int_eq(audit_nonces("3", "77", "", "", NULL), AUDIT_LOST);
    offsets_free(&record_ends);
}
END_TEST

/* The ends are those of the transaction before: for a batch without commands there is none. */
START_TEST(a_batch_of_which_nothing_is_ours_tells_nothing_of_the_record_topic)
{
    struct offsets record_ends = {0};
    ck_assert(claims(0, "x") && index_confirm(the_index, &batch));
    offsets_set(&record_ends, 1, 40);
    index_checkpoint(the_index, &batch, &record_ends, 77);
    ck_assert(claims(1, "y") && index_confirm(the_index, &batch));
    batch.items[0].custody = CUSTODY_REVOKED;
    index_checkpoint(the_index, &batch, &record_ends, 77);
    ck_assert(index_is_verified(the_index));
    ck_assert(has_checkpoint(0, "1,1,77", "-,40"));
    offsets_free(&record_ends);
}
END_TEST

START_TEST(no_checkpoint_is_written_for_the_partition_of_another)
{
    struct offsets record_ends = {0};
    ck_assert(claims(1, "x") && index_confirm(the_index, &batch));
    interfere("SET client-intake:owner:clients.commands/0 somebody");
    index_checkpoint(the_index, &batch, &record_ends, 77);
    ck_assert(!exists("client-intake:checkpoint:*"));
    ck_assert(!index_is_verified(the_index));
}
END_TEST

/* ---- another state of Redis under the same epoch ---- */

#define CLAIMED_0    "client-intake:claimed:clients.commands/0"
#define CHECKPOINT_0 "client-intake:checkpoint:clients.commands/0"
#define RAISE_0      "SETRANGE " CHECKPOINT_0 " 2 9" /* its highest offset */

/* Claims and commits one command of a partition. */
static void answer(int32_t partition, int64_t offset, const char *id)
{
    struct offsets record_ends = {0};
    batch_reset(&batch);
    put(&(struct command){partition, offset, id, id, arena_format(&batch.arena, "%s@example.com%c", id, '\0').at});
    ck_assert(index_claim(the_index, &batch) && index_confirm(the_index, &batch));
    index_checkpoint(the_index, &batch, &record_ends, 77 + offset);
    ck_assert(index_is_verified(the_index));
}

static void copy_to_database_1(void)
{
    redisReply *keys = redisCommand(aside, "KEYS *");
    for (size_t i = 0; i < keys->elements; i++) {
        redisReply *value = redisCommand(aside, "GET %s", keys->element[i]->str);
        ck_assert_int_eq(value->type, REDIS_REPLY_STRING);
        interfere("SELECT 1");
        freeReplyObject(redisCommand(aside, "SET %s %b", keys->element[i]->str, value->str, (size_t)value->len));
        interfere("SELECT 0");
        freeReplyObject(value);
    }
    freeReplyObject(keys);
}

START_TEST(nothing_is_claimed_on_a_checkpoint_that_is_not_ours)
{
    answer(0, 1, "w");
    interfere_at(moments[_i % 2], _i < 2 ? RAISE_0 : "DEL " CHECKPOINT_0);
    ck_assert(!claims(2, "x"));
    ck_assert(!claims(2, "x"));
    ck_assert(!index_is_verified(the_index) && !exists("client-email:{acme}:x*"));
}
END_TEST

/* The second time the commands of another partition meet the copy, whose own checkpoint is the same in both. */
START_TEST(an_older_copy_with_the_same_epoch_is_noticed)
{
    answer(3, 1, "v");
    answer(0, 1, "w");
    copy_to_database_1();
    answer(_i == 0 ? 0 : 3, 2, "x");
    interfere("SWAPDB 0 1");
    batch_reset(&batch);
    put(&(struct command){0, 3, "y", "y", "x@example.com"});
    ck_assert(!index_claim(the_index, &batch));
    ck_assert(!index_is_verified(the_index) && !exists("client-email:{acme}:x*"));
}
END_TEST

START_TEST(an_older_copy_is_noticed_before_a_commit)
{
    answer(0, 1, "w");
    copy_to_database_1();
    answer(0, 2, "x");
    ck_assert(claims(3, "y"));
    interfere("SWAPDB 0 1");
    ck_assert(!index_confirm(the_index, &batch));
    ck_assert(!index_is_verified(the_index));
}
END_TEST

static const char *const other_checkpoints[] = {RAISE_0, "SET " CHECKPOINT_0 " nonsense", "DEL " CHECKPOINT_0,
                                                "LPUSH " CHECKPOINT_0 " 1"};

START_TEST(a_checkpoint_that_another_has_changed_is_not_written_over)
{
    struct offsets record_ends = {0};
    answer(0, 1, "w");
    ck_assert(claims(2, "x") && index_confirm(the_index, &batch));
    interfere(RAISE_0);
    index_checkpoint(the_index, &batch, &record_ends, 78);
    ck_assert(has_checkpoint(0, "2,9,78", "") && !index_is_verified(the_index));
}
END_TEST

/* ---- audits ---- */

/* `from`: the gap in the records, "" for none; `before`: the checkpoints that were ahead of the progress before;
 * `nonces`: of what is committed. */
static enum audit_result audit_nonces(const char *committed_text, const char *nonces, const char *definitions_text,
                                      const char *before, const char *from)
{
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    ck_assert(offsets_parse(span_of_text(committed_text), &progress.committed));
    ck_assert(offsets_parse(span_of_text(nonces), &progress.nonces));
    ck_assert(offsets_parse(span_of_text(definitions_text), &progress.definition_ends));
    ck_assert(offsets_parse(SPAN("100,100"), &progress.record_ends));
    ck_assert(offsets_parse(span_of_text(before), &progress.checkpoints));
    progress.is_repeated = progress.checkpoints.count > 0;
    batch_reset(&batch);
    enum audit_result result = index_audit(the_index, &progress, &batch.arena, &gap);
    struct span text = offsets_text(&gap.records, &batch.arena);
    if (from)
        ck_assert_msg(span_equal(text, span_of_text(from)), "from %.*s", SPAN_FORMAT(text));
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
    return result;
}

static enum audit_result audit_again(const char *committed_text, const char *definitions_text, const char *before,
                                     const char *from)
{
    return audit_nonces(committed_text, "", definitions_text, before, from);
}

static enum audit_result audit(const char *committed_text, const char *definitions_text, const char *from)
{
    return audit_again(committed_text, definitions_text, "", from);
}

START_TEST(an_audit_compares_every_checkpoint_with_what_is_committed)
{
    static const struct {
        const char *what, *first, *second, *committed;
        enum audit_result result;
        const char *from;
    } rows[] = {
        {"nothing was ever committed", NULL, NULL, "-,-", AUDIT_FINE, ""},
        {"the beginning was committed", NULL, NULL, "0,-", AUDIT_FINE, ""},
        {"all are up to date", "5,5,77 7,8", "9,9,77 7,8", "5,9", AUDIT_FINE, ""},
        {"one was ahead once", "5,6,77 7,8", "9,20,77 7,8", "5,9", AUDIT_FINE, ""},
        {"one is ahead", "6,6,77 7,8", "9,20,77 9,9", "5,9", AUDIT_AHEAD, "7,8"},
        {"one is ahead, one behind", "6,6,77 7,8", "8,8,77 5,9", "5,9", AUDIT_AHEAD, "5,8"},
        {"the group's offset is gone", "6,6,77 7,8", NULL, "-,-", AUDIT_AHEAD, "7,8"},
        {"one was lowered to the beginning", "0,6,77 7,8", NULL, "-,-", AUDIT_FINE, ""},
        {"one is behind", "4,4,77 7,8", "9,9,77 9,9", "5,9", AUDIT_BEHIND, "7,8"},
        {"both are behind", "4,4,77 7,8", "8,8,77 5,9", "5,9", AUDIT_BEHIND, "5,8"},
        {"behind, and knows nothing of a partition", "4,4,77 7,-", NULL, "5,-", AUDIT_BEHIND, "7,-"},
        {"behind, and knows of fewer partitions", "4,4,77 7,8", "8,8,77 5", "5,9", AUDIT_BEHIND, "5,-"},
        {"one is missing", "5,5,77 7,8", NULL, "5,9", AUDIT_BEHIND, ""},
        {"one is missing, one behind", "4,4,77 7,8", NULL, "5,9", AUDIT_BEHIND, "-,-"},
        {"one is of another form", "5,5,77 7,8", "nonsense", "5,9", AUDIT_BEHIND, ""},
        {"one has no offset", "5,5,77 7,8", "-,9,77 7,8", "5,9", AUDIT_BEHIND, ""},
        {"one has been higher than ever", "5,5,77 7,8", "9,8,77 7,8", "5,9", AUDIT_BEHIND, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *const texts[] = {rows[i].first, rows[i].second};
        for (size_t partition = 0; partition < 2; partition++) {
            freeReplyObject(redisCommand(aside, "DEL client-intake:checkpoint:clients.commands/%d", (int)partition));
            if (texts[partition])
                freeReplyObject(redisCommand(aside, "SET client-intake:checkpoint:clients.commands/%d %s",
                                             (int)partition, texts[partition]));
        }
        ck_assert_msg(audit_nonces(rows[i].committed, "77,77", "", "", rows[i].from) == rows[i].result, "%s",
                      rows[i].what);
    }
}
END_TEST

/* A worker that commits has a higher offset at the second progress; a group whose offsets went back does not. */
START_TEST(a_checkpoint_is_ahead_if_the_group_is_still_behind_it_when_asked_again)
{
    static const struct {
        const char *what, *before, *checkpoint, *committed;
        enum audit_result result;
        const char *from;
    } rows[] = {
        {"the group has it now", "6", "6,6 7,8", "6", AUDIT_FINE, ""},
        {"another worker goes on", "6", "9,9 7,8", "6", AUDIT_FINE, ""},
        {"another partition's worker goes on", "-,6", "9,9 7,8", "6", AUDIT_FINE, ""},
        {"it was lowered meanwhile", "6", "4,6 7,8", "4", AUDIT_FINE, ""},
        {"the group was set back", "6", "6,6 7,8", "5", AUDIT_BEHIND, "7,8"},
        {"the group's offset is gone", "6", "6,6 7,8", "-", AUDIT_LOST, "7,8"},
        {"no record is known to be there", "6", "6,6 ", "5", AUDIT_BEHIND, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        freeReplyObject(redisCommand(aside, "SET client-intake:checkpoint:clients.commands/0 %s", rows[i].checkpoint));
        ck_assert_msg(audit_again(rows[i].committed, "", rows[i].before, rows[i].from) == rows[i].result, "%s",
                      rows[i].what);
    }
}
END_TEST

static enum audit_result audit_claimed(const char *checkpoint, const char *claimed, const char *before, const char *end)
{
    struct kafka_progress progress = {.is_repeated = before != NULL};
    struct audit_gap gap = {0};
    freeReplyObject(redisCommand(aside, "SET " CHECKPOINT_0 " %s", checkpoint));
    freeReplyObject(redisCommand(aside, "SET " CLAIMED_0 " %s", claimed));
    ck_assert(offsets_parse(SPAN("5"), &progress.committed));
    ck_assert(offsets_parse(SPAN("77"), &progress.nonces));
    ck_assert(offsets_parse(span_of_text(before ? before : ""), &progress.claimed));
    ck_assert(offsets_parse(span_of_text(end), &progress.command_ends));
    batch_reset(&batch);
    enum audit_result result = index_audit(the_index, &progress, &batch.arena, &gap);
    ck_assert(result != AUDIT_AHEAD || offsets_get(&gap.claimed, 0) > 5);
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
    return result;
}

/* Nobody comes to commands that were claimed and are not in the log any more. */
START_TEST(a_log_that_ends_before_claimed_commands_has_redis_rebuilt)
{
    static const struct {
        const char *what, *checkpoint, *claimed, *before, *end;
        enum audit_result result;
    } rows[] = {
        {"all is committed", "5,5,77 7,8", "5", NULL, "", AUDIT_FINE},
        {"a worker may be before its commit", "5,5,77 7,8", "7", NULL, "", AUDIT_AHEAD},
        {"the log has the commands", "5,5,77 7,8", "7", "7", "7", AUDIT_FINE},
        {"a worker has claimed more meanwhile", "5,5,77 7,8", "9", "7", "7", AUDIT_FINE},
        {"a worker has begun meanwhile", "5,5,77 7,8", "9", "-", "-", AUDIT_FINE},
        {"the log does not have all of them", "5,5,77 7,8", "7", "7", "6", AUDIT_LOST},
        {"the log is a new one", "5,5,77 7,8", "7", "7", "0", AUDIT_LOST},
        {"its end is not known", "5,5,77 7,8", "7", "7", "-", AUDIT_FINE},
        {"they were committed meanwhile", "7,7,78 7,8", "7", "7", "0", AUDIT_FINE},
        {"the key holds something else", "5,5,77 7,8", "nonsense", NULL, "", AUDIT_FINE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        ck_assert_msg(audit_claimed(rows[i].checkpoint, rows[i].claimed, rows[i].before, rows[i].end) == rows[i].result,
                      "%s", rows[i].what);
}
END_TEST

START_TEST(how_far_a_partition_is_claimed_is_written_with_the_claims)
{
    batch_reset(&batch);
    put(&(struct command){0, 7, "x", "x", "x@example.com"});
    put(&(struct command){3, 90, "y", "y", "y@example.com"});
    put(&(struct command){0, 9, "z", "z", NULL});
    put(&(struct command){0, 8, "z", "z", "x@example.com"}); /* not claimed, since the email is taken */
    ck_assert(index_claim(the_index, &batch));
    ck_assert(holds(CLAIMED_0, "9") && holds("client-intake:claimed:clients.commands/3", "91"));
    ck_assert(claims(5, "w")); /* a later command stays claimed */
    ck_assert(holds(CLAIMED_0, "9"));
}
END_TEST

/* An old file may have a checkpoint at the very offset to which the group was set back. */
START_TEST(a_checkpoint_of_another_commit_tells_nothing)
{
    static const struct {
        const char *what, *checkpoint, *nonces;
        enum audit_result result;
        const char *from;
    } rows[] = {
        {"the same commit", "6,6,77 7,8", "77", AUDIT_FINE, ""},
        {"another one at the same offset", "6,6,77 7,8", "78", AUDIT_BEHIND, "7,8"},
        {"the group's offset was set by a tool", "6,9,77 7,8", "-", AUDIT_BEHIND, "7,8"},
        {"the checkpoint is of an older version", "6,6 7,8", "78", AUDIT_BEHIND, "7,8"},
        {"both are of an older version", "6,6 7,8", "-", AUDIT_FINE, ""},
        {"the group's offset is behind a later commit", "5,5,77 7,8", "78", AUDIT_BEHIND, "7,8"},
        {"the group's offset was set forward by a tool", "5,5,77 7,8", "-", AUDIT_LOST, NULL},
        {"or before the partition's first commit", "0,0 ", "-", AUDIT_LOST, NULL},
        {"an older version is between its commit and its checkpoint", "5,5 7,8", "-", AUDIT_LOST, NULL},
        {"a nonce of another form", "6,6,- 7,8", "77", AUDIT_BEHIND, ""},
        {"a time", "6,6,77,1764000000000 7,8", "77", AUDIT_FINE, ""},
        {"a time, and another commit", "6,6,77,1764000000000 7,8", "78", AUDIT_BEHIND, "7,8"},
        {"a time of another form", "6,6,77,0 7,8", "77", AUDIT_BEHIND, ""},
        {"too many numbers", "6,6,77,1,1 7,8", "77", AUDIT_BEHIND, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        freeReplyObject(redisCommand(aside, "SET client-intake:checkpoint:clients.commands/0 %s", rows[i].checkpoint));
        ck_assert_msg(audit_nonces("6", rows[i].nonces, "", "", rows[i].from) == rows[i].result, "%s", rows[i].what);
    }
}
END_TEST

/* What had been read before the ends were asked for again, and what has been read now. */
START_TEST(definitions_of_a_topic_that_was_created_again_are_all_read)
{
    static const struct {
        const char *what, *before, *now, *ends;
        enum audit_result result;
    } rows[] = {{"a worker has read more", "", "3,6", "3,5", AUDIT_FINE},
                {"and the topic has it now", "3,5", "3,5", "3,5", AUDIT_FINE},
                {"another topic", "3,5", "3,5", "0,1", AUDIT_BEHIND},
                {"another topic, which has nothing", "3,5", "3,5", "0,0", AUDIT_FINE},
                {"another topic, which was read meanwhile", "3,5", "0,1", "0,1", AUDIT_FINE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct kafka_progress progress = {.is_repeated = true};
        struct audit_gap gap = {0};
        ck_assert(offsets_parse(SPAN("-"), &progress.committed));
        ck_assert(offsets_parse(span_of_text(rows[i].before), &progress.definitions_read));
        ck_assert(offsets_parse(span_of_text(rows[i].ends), &progress.definition_ends));
        freeReplyObject(redisCommand(aside, "SET client-intake:definitions %s", rows[i].now));
        batch_reset(&batch);
        ck_assert_msg(index_audit(the_index, &progress, &batch.arena, &gap) == rows[i].result, "%s", rows[i].what);
        struct span from = offsets_text(&gap.definitions, &batch.arena);
        ck_assert(rows[i].result != AUDIT_BEHIND || span_equal(from, SPAN("0,0")));
        kafka_progress_free(&progress);
        audit_gap_free(&gap);
    }
}
END_TEST

START_TEST(an_audit_compares_what_was_read_of_the_definitions)
{
    ck_assert_int_eq(audit("-", "-,0", ""), AUDIT_FINE);
    ck_assert_int_eq(audit("-", "3", ""), AUDIT_BEHIND);
    interfere("SET client-intake:definitions 3,5");
    ck_assert_int_eq(audit("-", "3,5", ""), AUDIT_FINE);
    ck_assert_int_eq(audit("-", "3,4", ""),
                     AUDIT_AHEAD); /* a worker may have read more since the ends were asked for */
    ck_assert_int_eq(audit("-", "3,6", ""), AUDIT_BEHIND);
    ck_assert_int_eq(audit("-", "3,5,1", ""), AUDIT_BEHIND);
    interfere("SET client-intake:definitions nonsense");
    ck_assert_int_eq(audit("-", "3,5", ""), AUDIT_BEHIND);
}
END_TEST

/* The highest offset that was ever committed outlives offsets that are set back, and a topic that is created again. */
START_TEST(a_later_command_that_was_committed_is_no_future)
{
    ck_assert(claims(9, "x"));
    interfere("DEL " CLAIMED_0);
    freeReplyObject(redisCommand(aside, "SET client-intake:checkpoint:clients.commands/0 %s", "3,10 7,8"));
    ck_assert_int_eq(audit("3", "", ""), AUDIT_FINE);
    ck_assert(index_take(the_index, (const int32_t[]){0}, 1, &batch.arena));
    batch_reset(&batch);
    put_valid(4, "y", "x@example.com");
    put_valid(5, "x", "x@example.com");
    ck_assert(index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].error, ERROR_EMAIL_TAKEN);
    ck_assert_int_eq(batch.items[1].outcome, OUTCOME_DUPLICATE);
    ck_assert(index_confirm(the_index, &batch));
    struct offsets record_ends = {0};
    index_checkpoint(the_index, &batch, &record_ends, 77);
    ck_assert(has_checkpoint(0, "6,10,77", "100,100"));
}
END_TEST

/* In a topic that was created again, or whose offsets were set back, offsets that were committed come once more. */
START_TEST(a_later_command_of_the_same_batch_was_not_committed)
{
    ck_assert(claims(9, "z"));
    interfere("DEL " CLAIMED_0);
    freeReplyObject(redisCommand(aside, "SET client-intake:checkpoint:clients.commands/0 %s", "3,10 7,8"));
    ck_assert_int_eq(audit("3", "", ""), AUDIT_FINE);
    ck_assert(index_take(the_index, (const int32_t[]){0}, 1, &batch.arena));
    batch_reset(&batch);
    put_valid(4, "x", "z@example.com");
    put_valid(5, "x", "x@example.com");
    for (int runs = 0; runs < 2; runs++) {
        ck_assert(index_claim(the_index, &batch));
        ck_assert_int_eq(batch.items[0].error, ERROR_EMAIL_TAKEN);
        ck_assert_int_eq(batch.items[1].outcome, OUTCOME_CREATED);
        for (uint32_t i = 0; i < batch.count; i++) {
            batch.items[i].outcome = OUTCOME_UNDECIDED;
            batch.items[i].error = ERROR_NONE;
        }
    }
}
END_TEST

START_TEST(a_server_that_takes_no_writes_confirms_nothing)
{
    ck_assert(claims(1, "x"));
    interfere("REPLICAOF 127.0.0.1 1"); /* no server is there, so its data stay */
    ck_assert(!index_confirm(the_index, &batch));
    ck_assert(!index_is_verified(the_index));
}
END_TEST

START_TEST(a_server_that_became_the_master_anew_is_audited)
{
    ck_assert(claims(1, "x"));
    interfere("REPLICAOF 127.0.0.1 1");
    interfere("REPLICAOF NO ONE");
    ck_assert(!claims(2, "y"));
    ck_assert(!index_is_verified(the_index));
}
END_TEST

START_TEST(without_an_epoch_everything_may_be_lost)
{
    interfere("DEL client-intake:epoch");
    ck_assert_int_eq(audit("-,-", "", NULL), AUDIT_LOST);
}
END_TEST

START_TEST(an_epoch_that_is_distrusted_stays_so_until_there_is_another)
{
    redisReply *epoch = redisCommand(aside, "GET client-intake:epoch");
    index_distrust(the_index);
    ck_assert(!claims(1, "x"));
    ck_assert_int_eq(audit("-,-", "", NULL), AUDIT_LOST);
    interfere("DEL client-intake:epoch");
    ck_assert_int_eq(audit("-,-", "", NULL), AUDIT_LOST);
    freeReplyObject(redisCommand(aside, "SET client-intake:epoch %s", epoch->str));
    ck_assert_int_eq(audit("-,-", "", NULL), AUDIT_LOST);
    interfere("SET client-intake:epoch 0123456789abcdef0123456789abcdef");
    ck_assert_int_eq(audit("-,-", "", NULL), AUDIT_FINE);
    freeReplyObject(epoch);
}
END_TEST

START_TEST(without_an_epoch_there_is_nothing_to_distrust)
{
    interfere("DEL client-intake:epoch");
    index_distrust(the_index);
    ck_assert_int_eq(audit("-,-", "", NULL), AUDIT_LOST);
    interfere("SET client-intake:epoch 0123456789abcdef0123456789abcdef");
    ck_assert_int_eq(audit("-,-", "", NULL), AUDIT_FINE);
}
END_TEST

/* An audit takes the checkpoint as it is, whatever it is, if the group has committed nothing that it lacks. */
START_TEST(after_an_audit_another_checkpoint_is_known)
{
    answer(0, 1, "w");
    if (_i == 3)
        interfere("DEL " CHECKPOINT_0);
    interfere(other_checkpoints[_i]);
    interfere("DEL " CLAIMED_0);
    ck_assert(!claims(2, "x"));
    ck_assert_int_eq(audit_nonces(_i == 0 ? "2" : "-", _i == 0 ? "78" : "-", "", "", ""), AUDIT_FINE);
    ck_assert(index_take(the_index, (const int32_t[]){0}, 1, &batch.arena));
    ck_assert(claims(2, "x"));
    ck_assert(index_confirm(the_index, &batch));
}
END_TEST

START_TEST(another_epoch_is_taken_over_if_nothing_is_missing)
{
    interfere("SET client-intake:epoch 0123456789abcdef0123456789abcdef");
    ck_assert(!claims(1, "x"));
    ck_assert_int_eq(audit("-,-", "", NULL), AUDIT_FINE);
    ck_assert(index_take(the_index, (const int32_t[]){0}, 1, &batch.arena));
    ck_assert(claims(1, "x"));
}
END_TEST

START_TEST(an_audit_needs_a_connection)
{
    interfere("CLIENT KILL TYPE normal SKIPME yes");
    ck_assert_int_eq(audit("5", "", NULL), AUDIT_FAILED);
    ck_assert(index_connect(the_index));
    ck_assert_int_eq(audit("-", "", NULL), AUDIT_FINE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index_marks");
    TCase *tcase = tcase_create("marks");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, redis_open, redis_close);
    tcase_add_test(tcase, a_store_that_was_not_audited_claims_nothing);
    tcase_add_loop_test(tcase, nothing_is_claimed_after_a_loss, 0, 2 * sizeof(losses) / sizeof(losses[0]));
    tcase_add_test(tcase, a_loss_behind_the_claims_voids_what_was_looked_up);
    tcase_add_loop_test(tcase, nothing_is_claimed_for_the_partition_of_another, 0, 2);
    tcase_add_test(tcase, others_may_own_other_partitions);
    tcase_add_test(tcase, nothing_is_displaced_after_a_loss);
    tcase_add_loop_test(tcase, a_displacement_is_logged_once_it_has_happened, 0, 2);
    tcase_add_test(tcase, many_displacements_take_few_runs_and_let_the_worker_turn);
    tcase_add_test(tcase, displacements_end_when_the_worker_is_to_end);
    tcase_add_test(tcase, a_batch_that_asks_nothing_of_redis_is_decided_without_it);
    tcase_add_test(tcase, outcomes_stand_if_nothing_happened);
    tcase_add_loop_test(tcase, outcomes_do_not_stand_after_a_loss, 0, sizeof(harms) / sizeof(harms[0]));
    tcase_add_test(tcase, outcomes_of_before_an_audit_do_not_stand);
    tcase_add_test(tcase, a_checkpoint_tells_how_far_each_partition_is);
    tcase_add_test(tcase, a_batch_of_which_nothing_is_ours_tells_nothing_of_the_record_topic);
    tcase_add_loop_test(tcase, a_record_topic_that_was_replaced_is_not_trusted, 0,
                        sizeof(replaced_ends) / sizeof(replaced_ends[0]));
    tcase_add_test(tcase, no_checkpoint_is_written_for_the_partition_of_another);
    tcase_add_loop_test(tcase, nothing_is_claimed_on_a_checkpoint_that_is_not_ours, 0, 4);
    tcase_add_loop_test(tcase, an_older_copy_with_the_same_epoch_is_noticed, 0, 2);
    tcase_add_test(tcase, an_older_copy_is_noticed_before_a_commit);
    tcase_add_test(tcase, a_checkpoint_that_another_has_changed_is_not_written_over);
    tcase_add_loop_test(tcase, after_an_audit_another_checkpoint_is_known, 0,
                        sizeof(other_checkpoints) / sizeof(other_checkpoints[0]));
    tcase_add_test(tcase, an_audit_compares_every_checkpoint_with_what_is_committed);
    tcase_add_test(tcase, a_checkpoint_is_ahead_if_the_group_is_still_behind_it_when_asked_again);
    tcase_add_test(tcase, a_checkpoint_of_another_commit_tells_nothing);
    tcase_add_test(tcase, a_log_that_ends_before_claimed_commands_has_redis_rebuilt);
    tcase_add_test(tcase, how_far_a_partition_is_claimed_is_written_with_the_claims);
    tcase_add_test(tcase, definitions_of_a_topic_that_was_created_again_are_all_read);
    tcase_add_test(tcase, an_audit_compares_what_was_read_of_the_definitions);
    tcase_add_test(tcase, a_later_command_that_was_committed_is_no_future);
    tcase_add_test(tcase, a_later_command_of_the_same_batch_was_not_committed);
    tcase_add_test(tcase, a_server_that_takes_no_writes_confirms_nothing);
    tcase_add_test(tcase, a_server_that_became_the_master_anew_is_audited);
    tcase_add_test(tcase, without_an_epoch_everything_may_be_lost);
    tcase_add_test(tcase, an_epoch_that_is_distrusted_stays_so_until_there_is_another);
    tcase_add_test(tcase, without_an_epoch_there_is_nothing_to_distrust);
    tcase_add_test(tcase, another_epoch_is_taken_over_if_nothing_is_missing);
    tcase_add_test(tcase, an_audit_needs_a_connection);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

/* Audits: what the marks in Redis tell, compared with what the group has committed and the topics hold. */
#include "tests/embedded/marks_stage.h"
#include "worker/index/index_audit.h"

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

/* ---- checkpoints ---- */

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

static const char *const other_checkpoints[] = {RAISE_0, "SET " CHECKPOINT_0 " nonsense", "DEL " CHECKPOINT_0,
                                                "LPUSH " CHECKPOINT_0 " 1"};

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

/* ---- what was claimed ---- */

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

/* ---- definitions ---- */

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

/* ---- epochs ---- */

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
    Suite *suite = suite_create("index_audits");
    TCase *checkpoints = add_case(suite, "checkpoints");
    tcase_add_test(checkpoints, an_audit_compares_every_checkpoint_with_what_is_committed);
    tcase_add_test(checkpoints, a_checkpoint_is_ahead_if_the_group_is_still_behind_it_when_asked_again);
    tcase_add_test(checkpoints, a_checkpoint_of_another_commit_tells_nothing);
    tcase_add_loop_test(checkpoints, a_record_topic_that_was_replaced_is_not_trusted, 0,
                        sizeof(replaced_ends) / sizeof(replaced_ends[0]));
    tcase_add_loop_test(checkpoints, after_an_audit_another_checkpoint_is_known, 0,
                        sizeof(other_checkpoints) / sizeof(other_checkpoints[0]));
    TCase *claimed = add_case(suite, "claimed");
    tcase_add_test(claimed, a_log_that_ends_before_claimed_commands_has_redis_rebuilt);
    tcase_add_test(claimed, a_later_command_that_was_committed_is_no_future);
    tcase_add_test(claimed, a_later_command_of_the_same_batch_was_not_committed);
    TCase *definitions = add_case(suite, "definitions");
    tcase_add_test(definitions, definitions_of_a_topic_that_was_created_again_are_all_read);
    tcase_add_test(definitions, an_audit_compares_what_was_read_of_the_definitions);
    TCase *epochs = add_case(suite, "epochs");
    tcase_add_test(epochs, without_an_epoch_everything_may_be_lost);
    tcase_add_test(epochs, an_epoch_that_is_distrusted_stays_so_until_there_is_another);
    tcase_add_test(epochs, without_an_epoch_there_is_nothing_to_distrust);
    tcase_add_test(epochs, another_epoch_is_taken_over_if_nothing_is_missing);
    tcase_add_test(epochs, an_audit_needs_a_connection);
    return side_by_side(suite, (const char *const[]){"checkpoints", "claimed", "definitions", "epochs", NULL});
}

/* The marks that the index leaves in Redis: nothing is claimed on data that were lost, nor by a worker whose partitions
 * have another owner, whenever that happens; nor is it committed then. */
#include "tests/embedded/marks_stage.h"

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

/* ---- before the commit ---- */

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

/* ---- checkpoints ---- */

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

int main(void)
{
    Suite *suite = suite_create("index_marks");
    TCase *claims_case = add_case(suite, "claims");
    tcase_add_test(claims_case, a_store_that_was_not_audited_claims_nothing);
    tcase_add_loop_test(claims_case, nothing_is_claimed_after_a_loss, 0, 2 * sizeof(losses) / sizeof(losses[0]));
    tcase_add_test(claims_case, a_loss_behind_the_claims_voids_what_was_looked_up);
    tcase_add_loop_test(claims_case, nothing_is_claimed_for_the_partition_of_another, 0, 2);
    tcase_add_test(claims_case, others_may_own_other_partitions);
    tcase_add_test(claims_case, how_far_a_partition_is_claimed_is_written_with_the_claims);
    TCase *commit = add_case(suite, "commit");
    tcase_add_test(commit, a_batch_that_asks_nothing_of_redis_is_decided_without_it);
    tcase_add_test(commit, outcomes_stand_if_nothing_happened);
    tcase_add_loop_test(commit, outcomes_do_not_stand_after_a_loss, 0, sizeof(harms) / sizeof(harms[0]));
    tcase_add_test(commit, outcomes_of_before_an_audit_do_not_stand);
    tcase_add_test(commit, a_server_that_takes_no_writes_confirms_nothing);
    tcase_add_test(commit, a_server_that_became_the_master_anew_is_audited);
    TCase *checkpoints = add_case(suite, "checkpoints");
    tcase_add_test(checkpoints, a_checkpoint_tells_how_far_each_partition_is);
    tcase_add_test(checkpoints, a_batch_of_which_nothing_is_ours_tells_nothing_of_the_record_topic);
    tcase_add_test(checkpoints, no_checkpoint_is_written_for_the_partition_of_another);
    tcase_add_loop_test(checkpoints, nothing_is_claimed_on_a_checkpoint_that_is_not_ours, 0, 4);
    tcase_add_loop_test(checkpoints, an_older_copy_with_the_same_epoch_is_noticed, 0, 2);
    tcase_add_test(checkpoints, an_older_copy_is_noticed_before_a_commit);
    tcase_add_test(checkpoints, a_checkpoint_that_another_has_changed_is_not_written_over);
    return side_by_side(suite, (const char *const[]){"claims", "commit", "checkpoints", NULL});
}

/* Claims of later commands that were not committed, though offsets behind them were: they must not keep an email from
 * an earlier command. */
#include "tests/embedded/marks_stage.h"
#include "worker/index/index_audit.h"

/* Another process has claimed the email of `x` for the command at offset 5, and there is this checkpoint. The audit
 * that follows finds all of Redis there. */
static void take_over(const char *checkpoint, const char *claimed, const char *committed)
{
    struct kafka_progress progress = {.is_repeated = true};
    struct audit_gap gap = {0};
    ck_assert(claims(5, "x"));
    freeReplyObject(redisCommand(aside, "SET " CHECKPOINT_0 " %s", checkpoint));
    freeReplyObject(redisCommand(aside, claimed ? "SET " CLAIMED_0 " %s" : "DEL " CLAIMED_0, claimed));
    ck_assert(offsets_parse(span_of_text(committed), &progress.committed));
    ck_assert(offsets_parse(SPAN("77"), &progress.nonces));
    batch_reset(&batch);
    ck_assert_int_eq(index_audit(the_index, &progress, &batch.arena, &gap), AUDIT_FINE);
    ck_assert(index_take(the_index, (const int32_t[]){0}, 1, &batch.arena));
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
}

static void expect_a_rebuild(void)
{
    struct kafka_progress progress = {.is_repeated = true};
    struct audit_gap gap = {0};
    ck_assert(!index_is_verified(the_index));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
    ck_assert(offsets_parse(SPAN("2"), &progress.committed));
    ck_assert_int_eq(index_audit(the_index, &progress, &batch.arena, &gap), AUDIT_LOST);
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
}

static const struct {
    const char *what, *checkpoint, *claimed, *committed;
    enum { TAKEN, CREATED, REBUILT } result;
} rows[] = {
    {"nothing behind it was committed", "2,2,77 7", "6", "2", CREATED},
    {"a replay has committed what is behind it", "2,9,77 7", "6", "2", REBUILT},
    {"so it has, and the group has no offset", "0,9 7", "6", "-", REBUILT},
    {"the daemon had claimed more", "2,9,77 7", "8", "2", REBUILT},
    {"the daemon had not claimed so far", "2,9,77 7", "5", "2", TAKEN},
    {"or nothing", "2,9,77 7", NULL, "2", TAKEN},
    {"the group has committed it", "6,9,77 7", "6", "6", TAKEN},
    {"it had, and its offset was set back", "2,9,77 7", NULL, "2", TAKEN},
};
#define ROWS (int)(sizeof(rows) / sizeof(rows[0]))

START_TEST(a_later_claim_counts_only_if_it_is_sure_to_be_committed)
{
    take_over(rows[_i].checkpoint, rows[_i].claimed, rows[_i].committed);
    batch_reset(&batch);
    put_valid(3, "y", "x@example.com");
    ck_assert_msg(index_claim(the_index, &batch) == (rows[_i].result != REBUILT), "%s", rows[_i].what);
    if (rows[_i].result == REBUILT)
        expect_a_rebuild();
    else if (rows[_i].result == TAKEN)
        ck_assert_msg(batch.items[0].error == ERROR_EMAIL_TAKEN, "%s", rows[_i].what);
    else
        ck_assert_msg(batch.items[0].outcome == OUTCOME_CREATED, "%s", rows[_i].what);
}
END_TEST

/* The same client, by another body. */
START_TEST(a_later_claim_of_the_id_counts_only_if_it_is_sure_to_be_committed)
{
    take_over(rows[_i].checkpoint, rows[_i].claimed, rows[_i].committed);
    batch_reset(&batch);
    put(&(struct command){0, 3, "x", "another", "y@example.com"});
    ck_assert_msg(index_claim(the_index, &batch) == (rows[_i].result != REBUILT), "%s", rows[_i].what);
    if (rows[_i].result == REBUILT)
        expect_a_rebuild();
    else if (rows[_i].result == TAKEN)
        ck_assert_msg(batch.items[0].error == ERROR_COMMAND_ID_CONFLICT, "%s", rows[_i].what);
    else
        ck_assert_msg(batch.items[0].outcome == OUTCOME_CREATED, "%s", rows[_i].what);
}
END_TEST

/* A replay has committed up to offset 9. This worker claims for two commands, puts off the later one, and judges the
 * earlier one again, which has become valid. */
START_TEST(a_claim_of_a_command_that_was_put_off_is_not_taken_for_a_committed_one)
{
    take_over("2,9,77 7", NULL, "2");
    batch_reset(&batch);
    put(&(struct command){0, 6, "y", "y", NULL});
    put_valid(7, "z", "z@example.com");
    ck_assert(index_claim(the_index, &batch));
    batch_reset(&batch);
    put_valid(6, "y", "z@example.com");
    ck_assert(!index_claim(the_index, &batch));
    expect_a_rebuild();
}
END_TEST

/* The batch knows its own claims, so none of this is needed. */
START_TEST(a_later_claim_of_the_same_batch_gives_way)
{
    take_over("2,9,77 7", NULL, "2");
    batch_reset(&batch);
    put(&(struct command){0, 6, "y", "y", NULL});
    put_valid(7, "z", "z@example.com");
    ck_assert(index_claim(the_index, &batch));
    batch.count = 0;
    put_valid(6, "y", "z@example.com");
    put_valid(7, "z", "z@example.com");
    batch.items[1].claimed = true;
    ck_assert(index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
    ck_assert_int_eq(batch.items[1].error, ERROR_EMAIL_TAKEN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index_unsure");
    TCase *unsure = add_case(suite, "unsure");
    tcase_add_loop_test(unsure, a_later_claim_counts_only_if_it_is_sure_to_be_committed, 0, ROWS);
    tcase_add_loop_test(unsure, a_later_claim_of_the_id_counts_only_if_it_is_sure_to_be_committed, 0, ROWS);
    tcase_add_test(unsure, a_claim_of_a_command_that_was_put_off_is_not_taken_for_a_committed_one);
    tcase_add_test(unsure, a_later_claim_of_the_same_batch_gives_way);
    return side_by_side(suite, (const char *const[]){"unsure", NULL});
}

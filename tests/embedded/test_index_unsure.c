/* Claims of later commands that were not committed, though offsets behind them were: they must not keep an email from
 * an earlier command. */
#include "tests/embedded/marks_stage.h"
#include "worker/index/index_audit.h"

/* Redis as an audit finds it. `claimed`: NULL: none. */
static void set_marks(const char *checkpoint, const char *claimed)
{
    freeReplyObject(redisCommand(aside, "SET " CHECKPOINT_0 " %s", checkpoint));
    freeReplyObject(redisCommand(aside, claimed ? "SET " CLAIMED_0 " %s" : "DEL " CLAIMED_0, claimed));
}

/* An audit, which finds all of Redis there. */
static void audit_all(const char *committed)
{
    struct kafka_progress progress = {.is_repeated = true};
    struct audit_gap gap = {0};
    ck_assert(offsets_parse(span_of_text(committed), &progress.committed));
    ck_assert(offsets_parse(SPAN("77"), &progress.nonces));
    batch_reset(&batch);
    ck_assert_int_eq(index_audit(the_index, &progress, &batch.arena, &gap), AUDIT_FINE);
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
}

static void take(void)
{
    ck_assert(index_take(the_index, (const int32_t[]){0}, 1, &batch.arena));
}

/* Another process has claimed the email of `x` for the command at offset 5, and there is this checkpoint. */
static void take_over(const char *checkpoint, const char *claimed, const char *committed)
{
    ck_assert(claims(5, "x"));
    set_marks(checkpoint, claimed);
    audit_all(committed);
    take();
}

/* The index finds Redis lost. */
static void expect_distrust(void)
{
    struct kafka_progress progress = {.is_repeated = true};
    struct audit_gap gap = {0};
    ck_assert(!index_is_verified(the_index));
    ck_assert(offsets_parse(SPAN("2"), &progress.committed));
    ck_assert_int_eq(index_audit(the_index, &progress, &batch.arena, &gap), AUDIT_LOST);
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
}

static void expect_a_rebuild(void)
{
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
    expect_distrust();
}

/* Redis as a rebuild leaves it that finds every client in the record topic. */
static void rebuild(void)
{
    set_marks("2,9,77 7", NULL);
    interfere("SET client-intake:epoch 0123456789abcdef0123456789abcdef");
    audit_all("2");
    take();
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
 * earlier one again, which has become valid. It knows what it has claimed, so no rebuild is needed. */
START_TEST(a_claim_of_a_command_that_was_put_off_gives_way)
{
    take_over("2,9,77 7", NULL, "2");
    batch_reset(&batch);
    put(&(struct command){0, 6, "y", "y", NULL});
    put_valid(7, "z", "z@example.com");
    ck_assert(index_claim(the_index, &batch));
    batch_reset(&batch);
    put_valid(6, "y", "z@example.com");
    ck_assert(index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
    ck_assert(!exists("client:{acme}:z*"));
}
END_TEST

/* Its commit counts, and so does that of another log's client from the offset of a claim. */
START_TEST(a_claim_that_was_committed_since_does_not_give_way)
{
    take_over("2,9,77 7", NULL, "2");
    answer(0, 6, "z");
    batch_reset(&batch);
    put_valid(3, "y", "z@example.com");
    ck_assert(index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].error, ERROR_EMAIL_TAKEN);
}
END_TEST

START_TEST(a_committed_client_from_the_offset_of_a_claim_does_not_give_way)
{
    take_over("2,9,77 7", NULL, "2");
    batch_reset(&batch);
    put_valid(5, "z", "z@example.com");
    ck_assert(index_claim(the_index, &batch) && batch.items[0].outcome == OUTCOME_CREATED);
    batch_reset(&batch);
    put_valid(3, "y", "x@example.com");
    ck_assert(index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].error, ERROR_EMAIL_TAKEN);
}
END_TEST

/* The commands are answered again, and the client of the one at offset 5 is committed. Whatever makes the batch start
 * again after its claims, the earlier command that wants its email meets a committed client. */
START_TEST(a_committed_client_in_the_range_of_the_batch_is_sure)
{
    take_over("2,9,77 7", NULL, "2");
    for (int runs = 0; runs < 3; runs++) {
        batch_reset(&batch);
        put_valid(2, "w", "w@example.com");
        put_valid(3, "y", "x@example.com");
        put_valid(5, "x", "x@example.com");
        put_valid(8, "z", "z@example.com");
        ck_assert_msg(index_claim(the_index, &batch), "run %d", runs);
        ck_assert_int_eq(batch.items[1].error, ERROR_EMAIL_TAKEN);
        ck_assert_int_eq(batch.items[2].outcome, OUTCOME_CREATED);
    }
}
END_TEST

/* Rebuilt, Redis has no claims but those that are made since. */
START_TEST(one_rebuild_is_enough)
{
    take_over("2,9,77 7", "8", "2");
    batch_reset(&batch);
    put_valid(3, "y", "x@example.com");
    ck_assert(!index_claim(the_index, &batch));
    expect_a_rebuild();
    rebuild();
    for (int runs = 0; runs < 3; runs++) {
        batch_reset(&batch);
        put_valid(3, "y", "x@example.com");
        put_valid(4, "v", "x@example.com");
        put_valid(8, "z", "z@example.com");
        ck_assert_msg(index_claim(the_index, &batch), "run %d", runs);
        ck_assert_int_eq(batch.items[0].error, ERROR_EMAIL_TAKEN);
        ck_assert_int_eq(batch.items[1].error, ERROR_EMAIL_TAKEN);
    }
}
END_TEST

/* A client that does not fit any more, and was not claimed by this worker: one rebuild serves for all of them, and a
 * claim that was put off needs none. */
START_TEST(one_rebuild_is_enough_for_clients_that_do_not_fit)
{
    take_over("2,9,77 7", NULL, "2");
    batch_reset(&batch);
    put_valid(7, "z", "z@example.com");
    ck_assert(index_claim(the_index, &batch));
    batch_reset(&batch);
    put(&(struct command){0, 7, "z", "z", NULL});
    batch.items[0].record_form = FORM_NONE;
    ck_assert(index_claim(the_index, &batch));
    ck_assert(!exists("client:{acme}:z*"));
    for (int runs = 0; runs < 3; runs++) {
        batch_reset(&batch);
        put(&(struct command){0, 5, "x", "x", NULL});
        batch.items[0].record_form = FORM_NONE;
        ck_assert_int_eq(index_claim(the_index, &batch), runs > 0);
        ck_assert(exists("client:{acme}:x*"));
        ck_assert_int_eq(batch.items[0].record_form, runs > 0 ? FORM_FULL : FORM_NONE);
        if (runs > 0)
            continue;
        expect_distrust();
        rebuild();
    }
}
END_TEST

/* The owner before claims between the audit and the fencing token. */
START_TEST(a_claim_that_comes_after_the_audit_is_noticed)
{
    ck_assert(claims(5, "x"));
    set_marks("2,9,77 7", NULL);
    audit_all("2");
    interfere("SET " CLAIMED_0 " 6");
    take();
    batch_reset(&batch);
    put_valid(3, "y", "x@example.com");
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
    tcase_add_test(unsure, a_claim_of_a_command_that_was_put_off_gives_way);
    tcase_add_test(unsure, a_claim_that_was_committed_since_does_not_give_way);
    tcase_add_test(unsure, a_committed_client_from_the_offset_of_a_claim_does_not_give_way);
    tcase_add_test(unsure, a_committed_client_in_the_range_of_the_batch_is_sure);
    tcase_add_test(unsure, one_rebuild_is_enough);
    tcase_add_test(unsure, one_rebuild_is_enough_for_clients_that_do_not_fit);
    tcase_add_test(unsure, a_claim_that_comes_after_the_audit_is_noticed);
    tcase_add_test(unsure, a_later_claim_of_the_same_batch_gives_way);
    return side_by_side(suite, (const char *const[]){"unsure", NULL});
}

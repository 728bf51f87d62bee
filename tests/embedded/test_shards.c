/* The index on a cluster of three real masters: commands are claimed by slot, the claims are confirmed, and released if
 * a client does not fit. */
#include "tests/embedded/shards_stage.h"

/* ---- one worker ---- */

START_TEST(empty_cluster_is_restored_and_decides)
{
    unsigned taken;
    ck_assert(look(shards));
    look_until_all_are_there(shards);
    ck_assert_uint_eq(count_of(shards, TRUST_UNKNOWN), REDIS_SLOTS);
    ck_assert_int_eq(state_of(shards), TO_DO);
    take(shards, 0);
    ck_assert_int_eq(audit(shards, false), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), REDIS_SLOTS);
    ck_assert_int_eq(state_of(shards), TO_DO);
    fill(0, 0, 1);
    ck_assert(!shards_claim(shards, &batch));
    ck_assert_uint_eq(restore(shards, &taken), REDIS_SLOTS);
    ck_assert_uint_eq(taken, REDIS_SLOTS);
    ck_assert_int_eq(audit(shards, false), SHARDS_FINE);
    ck_assert_int_eq(state_of(shards), SETTLED);
    run_batch(shards, 0, 0, 900);
    /* Another worker finds everything in its place. */
    look_until_all_are_there(others);
    take(others, 1);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    run_batch(others, 1, 0, 90);
    run_batch(shards, 0, 900, 90);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    ck_assert_uint_eq(count_of(shards, TRUST_SOUND), REDIS_SLOTS);
    ck_assert_uint_eq(scratch.used, 0);
}
END_TEST

START_TEST(claims_are_found_again)
{
    get_ready(shards, 0);
    fill(0, 0, 9);
    ck_assert(shards_claim(shards, &batch));
    batch_reset_for_retry(&batch); /* as after a transaction that was aborted */
    fill(0, 0, 9);
    ck_assert(shards_claim(shards, &batch));
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(batch.items[i].outcome, OUTCOME_CREATED);
    batch_reset(&batch);
    put(0, 9, workspaces[0], "0-0@example.com"); /* taken */
    put(0, 10, workspaces[1], "0-0@example.com");
    put(0, 11, workspaces[1], NULL);
    put(0, 12, workspaces[2], "0-0@example.com");
    batch_begin(&batch);
    ck_assert(shards_claim(shards, &batch));
    ck_assert_int_eq(batch.items[0].error, ERROR_EMAIL_TAKEN);
    ck_assert_int_eq(batch.items[1].outcome, OUTCOME_CREATED);
    ck_assert_int_eq(batch.items[2].error, ERROR_VALIDATION_FAILED);
    ck_assert_int_eq(batch.items[3].outcome, OUTCOME_CREATED);
    ck_assert(shards_confirm(shards, &batch));
}
END_TEST

static bool exists(const char *workspace, const char *kind, const char *name)
{
    char text[128];
    snprintf(text, sizeof(text), "%s:{%s}:%s", kind, workspace, name);
    for (size_t i = 0; i < MASTERS; i++)
        if (strcmp(cluster_ask(i, "EXISTS %s", text), "1") == 0)
            return true;
    return false;
}

#define CLIENT_0 "client", "00000000-0000-0000-0000-000000000000"
#define EMAIL_0  "client-email", "0-0@example.com"

/* As the sink leaves a command whose record was refused. */
static void refuse_first(void)
{
    item_reject(&batch.items[0], ERROR_TOO_LARGE, SPAN("too large"));
    batch.items[0].record_form = FORM_NONE;
}

START_TEST(claim_of_a_client_that_does_not_fit_is_released)
{
    get_ready(shards, 0);
    for (int i = 0; i < 2; i++) {
        fill(0, 0, 3);
        ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
        ck_assert(exists(workspaces[0], CLIENT_0) && exists(workspaces[0], EMAIL_0));
        if (i == 1) /* the email is another's by now */
            cluster_ask(0, "SET client-email:{%s}:0-0@example.com 99999999-0000-0000-0000-000000000000", workspaces[0]);
        fill(0, 0, 3);
        batch.items[0].claimed = true;
        refuse_first();
        ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
        ck_assert(!exists(workspaces[0], CLIENT_0));
        ck_assert_int_eq(exists(workspaces[0], EMAIL_0), i == 1);
        ck_assert_int_eq(batch.items[0].error, ERROR_TOO_LARGE);
    }
}
END_TEST

START_TEST(client_that_does_not_fit_and_may_be_committed_has_its_slot_restored)
{
    unsigned taken;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 3);
    fill(0, 0, 3); /* the group's offsets were set back */
    refuse_first();
    ck_assert(!shards_claim(shards, &batch));
    ck_assert(batch.items[0].settled);
    ck_assert(exists(workspaces[0], CLIENT_0));
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), 1);
    ck_assert_uint_eq(restore(shards, &taken), 1);
    ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
    ck_assert_int_eq(batch.items[0].record_form, FORM_FULL);
}
END_TEST

START_TEST(claims_that_may_be_too_many_void_all_slots)
{
    unsigned taken;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    shards_distrust(shards);
    ck_assert_int_eq(state_of(shards), TO_DO);
    fill(0, 9, 9);
    ck_assert(!shards_claim(shards, &batch));
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(restore(shards, &taken), REDIS_SLOTS);
    run_batch(shards, 0, 9, 9);
}
END_TEST

/* ---- two workers ---- */

START_TEST(worker_that_lost_its_partition_commits_nothing)
{
    get_ready(shards, 0);
    fill(0, 0, 9);
    ck_assert(shards_claim(shards, &batch));
    get_ready(others, 0); /* it was assigned the partition, and nobody has been in these slots since */
    ck_assert(!shards_confirm(shards, &batch));
    fill(0, 0, 9);
    ck_assert(shards_claim(others, &batch));
    ck_assert(shards_confirm(others, &batch));
    fill(0, 9, 9);
    ck_assert(!shards_claim(shards, &batch)); /* it has no term any more */
    ck_assert_int_eq(state_of(shards), TO_DO);
    take(shards, 0);
    ck_assert_int_eq(state_of(shards), TO_DO); /* what the group has committed is yet to be asked for */
    ck_assert_int_eq(audit(shards, true), SHARDS_FINE);
    ck_assert_int_eq(state_of(shards), SETTLED);
    ck_assert(shards_claim(shards, &batch));
    fill(0, 18, 9);
    ck_assert(!shards_claim(others, &batch));
    ck_assert_int_eq(state_of(others), TO_DO);
    shards_give_up(others);
    ck_assert_int_eq(state_of(others), SETTLED); /* it has nothing to do with partitions */
}
END_TEST

/* ---- command logs that were replaced ---- */

/* A worker claims commands up to 18, of which 9 are committed, and is gone. Another one takes the partition. */
static void leave_claims(int64_t end)
{
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    fill(0, 9, 9);
    ck_assert(shards_claim(shards, &batch));
    offsets_set(&progress.command_ends, 0, end);
    look_until_all_are_there(others);
}

static const char *mark_of(void)
{
    const unsigned slot = redis_slot_of(SPAN(TOPIC "/0"));
    return cluster_ask(slot < 5461 ? 0 : slot < 10923 ? 1 : 2, "GET client-intake:{" TOPIC "/0}:claimed");
}

START_TEST(claims_of_a_log_that_is_long_enough_stay)
{
    leave_claims(18);
    take(others, 0);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    ck_assert_str_eq(mark_of(), "18");
    run_batch(others, 0, 9, 9);
}
END_TEST

START_TEST(claims_beyond_the_end_of_the_log_void_all_slots_once)
{
    unsigned taken;
    leave_claims(17);
    take(others, 1); /* who does not have the partition does not care */
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    take(others, 0);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_UNKNOWN), REDIS_SLOTS);
    ck_assert_int_eq(audit(others, false), SHARDS_LOST);
    ck_assert_uint_eq(count_of(others, TRUST_LOST), REDIS_SLOTS);
    ck_assert_str_eq(mark_of(), "18");
    ck_assert_uint_eq(restore(others, &taken), REDIS_SLOTS);
    fill(0, 9, 9);
    ck_assert(!shards_claim(others, &batch)); /* before the mark is lower */
    ck_assert_int_eq(state_of(others), TO_DO);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    ck_assert_str_eq(mark_of(), "9");
    ck_assert_int_eq(state_of(others), SETTLED);
    run_batch(others, 0, 9, 9);
    ck_assert_str_eq(mark_of(), "18");
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
}
END_TEST

/* ---- elections ---- */

static bool all_know_epoch(unsigned long epoch)
{
    bool know = true;
    for (size_t i = 0; i < MASTERS; i++) {
        const char *found = strstr(cluster_ask(i, "CLUSTER INFO"), "cluster_current_epoch:");
        know &= found && strtoul(strchr(found, ':') + 1, NULL, 10) >= epoch;
    }
    return know;
}

START_TEST(nothing_is_committed_behind_an_election)
{
    unsigned long epoch = 0;
    get_ready(shards, 0);
    fill(0, 0, 3);
    ck_assert(shards_claim(shards, &batch));
    for (size_t i = 0; i < 2 && epoch == 0; i++) /* who has the highest one keeps it */
        (void)sscanf(cluster_ask(i, "CLUSTER BUMPEPOCH"), "BUMPED %lu", &epoch);
    ck_assert_uint_gt(epoch, 0);
    cluster_await(all_know_epoch(epoch));
    ck_assert(!shards_confirm(shards, &batch));
    ck_assert_str_eq(shards_error(shards), "a master may have been replaced");
    clock_sleep(CLUSTER_LOOK_MS);
    ck_assert(look(shards));
    ck_assert_msg(shards_confirm(shards, &batch), "%s", shards_error(shards)); /* nobody was */
    run_batch(shards, 0, 0, 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shards");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_unchecked_fixture(all, open_all, close_all);
    tcase_add_checked_fixture(all, begin_case, NULL);
    tcase_add_test(all, empty_cluster_is_restored_and_decides);
    tcase_add_test(all, claims_are_found_again);
    tcase_add_test(all, claim_of_a_client_that_does_not_fit_is_released);
    tcase_add_test(all, client_that_does_not_fit_and_may_be_committed_has_its_slot_restored);
    tcase_add_test(all, worker_that_lost_its_partition_commits_nothing);
    tcase_add_test(all, claims_of_a_log_that_is_long_enough_stay);
    tcase_add_test(all, claims_beyond_the_end_of_the_log_void_all_slots_once);
    tcase_add_test(all, claims_that_may_be_too_many_void_all_slots);
    tcase_add_test(all, nothing_is_committed_behind_an_election);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

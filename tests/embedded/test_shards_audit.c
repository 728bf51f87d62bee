/* The index on a cluster of three real masters: the audit of checkpoints, slots that are restored, and masters that
 * lose what they had. */
#include "tests/embedded/shards_stage.h"

/* ---- the audit ---- */

START_TEST(worker_that_killed_itself_before_its_checkpoint_leaves_one_behind)
{
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    fill(0, 9, 9);
    ck_assert(shards_claim(shards, &batch));
    ck_assert(shards_confirm(shards, &batch));
    offsets_set(&progress.committed, 0, 18);
    offsets_set(&progress.nonces, 0, 77);
    look_until_all_are_there(others);
    take(others, 0);
    ck_assert_int_eq(audit(others, false), SHARDS_BEHIND);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), 0);
    offsets_set(&progress.record_ends, 0, 18);
    /* It comes after all: nobody else's term is in a slot. */
    shards_checkpoint(shards, &batch, &progress.record_ends, 77);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
}
END_TEST

/* A worker is killed behind its commit, which had the nonce 77. */
START_TEST(commit_that_was_announced_leaves_nothing_behind)
{
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    fill(0, 9, 1); /* one shard is touched, all are told */
    ck_assert(shards_claim(shards, &batch));
    batch.nonce = 77;
    ck_assert(shards_confirm(shards, &batch));
    offsets_set(&progress.committed, 0, 10);
    /* Another commit of that offset, or none that is known: nothing is proved. */
    offsets_set(&progress.nonces, 0, 78);
    look_until_all_are_there(others);
    take(others, 1);
    ck_assert_int_eq(audit(others, false), SHARDS_BEHIND);
    offsets_set(&progress.nonces, 0, 77);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    run_batch(shards, 0, 10, 9);
}
END_TEST

START_TEST(commit_that_was_announced_and_lost_is_behind_in_its_shard)
{
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    fill(0, 9, 9);
    ck_assert(shards_claim(shards, &batch));
    batch.nonce = 77;
    ck_assert(shards_confirm(shards, &batch));
    offsets_set(&progress.committed, 0, 18);
    offsets_set(&progress.nonces, 0, 77);
    /* As a file that lost its end: the fences are there, and the checkpoint before. */
    cluster_ask(1, "EVAL %s 0", "for _, k in ipairs(redis.call('KEYS', '*}:announced:*')) do redis.call('DEL', k) end");
    look_until_all_are_there(others);
    take(others, 1);
    ck_assert_int_eq(audit(others, false), SHARDS_BEHIND);
    ck_assert_int_eq(audit(others, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(others, TRUST_LOST), 5462);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS - 5462);
}
END_TEST

START_TEST(records_in_front_of_the_known_end_void_all_slots)
{
    unsigned taken;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    run_batch(shards, 0, 9, 9);
    fill(0, 18, 9);
    ck_assert(shards_claim(shards, &batch));
    ck_assert(shards_confirm(shards, &batch));
    offsets_set(&progress.record_ends, 0, -9); /* so the batch ends at 0 */
    commit(shards, 0, 27, 1018);
    ck_assert_uint_eq(count_of(shards, TRUST_SOUND), 0);
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), REDIS_SLOTS);
    ck_assert_uint_eq(restore(shards, &taken), REDIS_SLOTS);
    run_batch(shards, 0, 27, 9);
    ck_assert_uint_eq(count_of(shards, TRUST_SOUND), REDIS_SLOTS);
}
END_TEST

START_TEST(slot_of_another_record_topic_is_left_alone)
{
    unsigned taken;
    const unsigned slot = redis_slot_of(span_of_text(workspaces[1]));
    get_ready(shards, 0);
    ck_assert_ptr_null(shards_foreign(shards));
    cluster_ask(1, "HSET client-intake:{%s}:fence records some.other.topic", redis_slot_tag(slot).at);
    look_until_all_are_there(others);
    take(others, 0);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_FOREIGN), 1);
    ck_assert_str_eq(shards_foreign(others), "some.other.topic");
    ck_assert_int_eq(state_of(others), TO_WAIT);
    ck_assert_uint_eq(restore(others, &taken), 0);
    fill(0, 0, 3);
    ck_assert(shards_may_decide(others, &batch.items[0]));
    ck_assert(!shards_may_decide(others, &batch.items[1]));
    cluster_ask(1, "HDEL client-intake:{%s}:fence records", redis_slot_tag(slot).at);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_ptr_null(shards_foreign(others));
    ck_assert_int_eq(state_of(others), SETTLED);
}
END_TEST

START_TEST(two_workers_do_not_restore_one_slot)
{
    unsigned taken;
    look_until_all_are_there(shards);
    look_until_all_are_there(others);
    take(shards, 0);
    take(others, 1);
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_int_eq(audit(others, true), SHARDS_LOST);
    struct shards_restore *restoration = shards_restore_new(shards, &scratch);
    ck_assert_uint_eq(shards_restore_begin(restoration), REDIS_SLOTS);
    ck_assert_uint_eq(restore(others, &taken), 0);
    ck_assert_uint_eq(taken, 0);
    ck_assert_int_eq(audit(others, true), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_BUSY), REDIS_SLOTS);
    ck_assert_int_eq(state_of(others), TO_WAIT);
    const struct shards_progress at = {&progress.committed, &progress.nonces, &progress.record_ends, NULL, 1};
    ck_assert_uint_eq(shards_restore_end(restoration, &at), REDIS_SLOTS);
    shards_restore_free(restoration);
    ck_assert_int_eq(audit(others, true), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
}
END_TEST

/* ---- losses ---- */

START_TEST(flushed_master_voids_its_slots_only)
{
    unsigned taken;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 90);
    fill(0, 90, 9);
    ck_assert(shards_claim(shards, &batch));
    ck_assert_str_eq(cluster_ask(1, "FLUSHALL"), "OK");
    ck_assert(!shards_confirm(shards, &batch));
    /* The slots of which a script was refused are not known; the others are when they are asked. */
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    const unsigned lost = count_of(shards, TRUST_LOST);
    ck_assert_uint_ge(lost, 1);
    ck_assert_uint_eq(restore(shards, &taken), lost);
    fill(0, 90, 9);
    ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
    ck_assert_msg(shards_confirm(shards, &batch), "%s", shards_error(shards));
}
END_TEST

START_TEST(master_that_comes_back_empty_is_restored)
{
    unsigned taken;
    const char *why;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 90);
    cluster_kill(1);
    fill(0, 90, 9);
    ck_assert(!shards_claim(shards, &batch));
    ck_assert(look(shards));
    /* Slots of the others go on. */
    ck_assert(!shards_may_decide(shards, &batch.items[1]));
    ck_assert(shards_may_decide(shards, &batch.items[0]));
    ck_assert(shards_may_decide(shards, &batch.items[2]));
    fill(0, 90, 1);
    ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
    ck_assert_msg(shards_confirm(shards, &batch), "%s", shards_error(shards));
    commit(shards, 0, 91, 91);
    ck_assert_uint_eq(shards_there(shards, &why), 2);
    ck_assert_ptr_nonnull(why);
    ck_assert_int_eq(state_of(shards), SETTLED); /* there is nothing to do but to look */
    cluster_start(1);
    cluster_await(cluster_is_whole());
    look_until_all_are_there(shards);
    ck_assert_uint_eq(shards_there(shards, &why), 3);
    ck_assert_ptr_null(why);
    ck_assert_int_eq(state_of(shards), TO_DO);
    ck_assert_int_eq(audit(shards, false), SHARDS_BEHIND);
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), 5462);
    ck_assert_uint_eq(restore(shards, &taken), 5462);
    ck_assert_int_eq(audit(shards, false), SHARDS_FINE);
    /* Its checkpoints are there again, so nobody has it restored. */
    look_until_all_are_there(others);
    take(others, 1);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    run_batch(shards, 0, 91, 9);
}
END_TEST

/* Whether the first master has the workspace, and the others send clients there. */
static bool all_know_owner(const char *workspace)
{
    char place[32];
    bool know = strncmp(cluster_ask(0, "GET {%s}", workspace), "MOVED", 5) != 0;
    snprintf(place, sizeof(place), ":%d", cluster_masters[0].port);
    for (size_t i = 1; i < MASTERS; i++) {
        const char *answer = cluster_ask(i, "GET {%s}", workspace);
        know &= strncmp(answer, "MOVED", 5) == 0 && strstr(answer, place);
    }
    return know;
}

START_TEST(slot_that_moves_is_restored)
{
    unsigned taken;
    const unsigned slot = redis_slot_of(span_of_text(workspaces[0]));
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    cluster_ask(1, "CLUSTER SETSLOT %u IMPORTING %s", slot, cluster_masters[0].id);
    cluster_ask(0, "CLUSTER SETSLOT %u MIGRATING %s", slot, cluster_masters[1].id);
    fill(0, 9, 1);
    ck_assert(!shards_claim(shards, &batch)); /* ASK: its keys are not there */
    ck_assert_int_eq(slot_book_trust(shards_book(shards), slot), TRUST_UNKNOWN);
    for (size_t i = 0; i < MASTERS; i++) {
        const size_t order[] = {1, 0, 2};
        cluster_ask(order[i], "CLUSTER SETSLOT %u NODE %s", slot, cluster_masters[1].id);
    }
    const int64_t until_ms = clock_now_ms() + CLUSTER_LIMIT;
    while (slot_book_connection(shards_book(shards), slot) != slot_book_connection(shards_book(shards), 6000)) {
        ck_assert_int_lt(clock_now_ms(), until_ms);
        ck_assert(look(shards));
        clock_sleep(20);
    }
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), 1);
    ck_assert_uint_eq(count_of(shards, TRUST_SOUND), REDIS_SLOTS - 1);
    ck_assert_uint_eq(restore(shards, &taken), 1);
    ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
    ck_assert_msg(shards_confirm(shards, &batch), "%s", shards_error(shards));
    /* Back, for the other tests. As an import, so its epoch is the highest, and no master believes an earlier one. */
    for (size_t i = 0; i < MASTERS; i++)
        cluster_ask(i, "FLUSHALL");
    cluster_ask(0, "CLUSTER SETSLOT %u IMPORTING %s", slot, cluster_masters[1].id);
    cluster_ask(1, "CLUSTER SETSLOT %u MIGRATING %s", slot, cluster_masters[0].id);
    for (size_t i = 0; i < MASTERS; i++)
        cluster_ask(i, "CLUSTER SETSLOT %u NODE %s", slot, cluster_masters[0].id);
    cluster_await(all_know_owner(workspaces[0]));
}
END_TEST

static bool is_master(size_t number)
{
    return strstr(cluster_ask(number, "INFO replication"), "role:master") != NULL;
}

START_TEST(replica_that_takes_over_is_restored)
{
    unsigned taken;
    get_ready(shards, 0);
    cluster_add_replica(1);
    run_batch(shards, 0, 0, 90);
    ck_assert_str_eq(cluster_ask(1, "WAIT 1 5000"), "1");
    kill(cluster_masters[REPLICA].process, SIGSTOP);
    cluster_ask(1, "CLIENT KILL TYPE replica"); /* or it would read what waits in the connection when it wakes up */
    run_batch(shards, 0, 90, 9);                /* what the replica will not have */
    fill(0, 99, 9);
    ck_assert(shards_claim(shards, &batch));
    cluster_kill(1);
    kill(cluster_masters[REPLICA].process, SIGCONT);
    ck_assert(!shards_confirm(shards, &batch));
    cluster_await(is_master(REPLICA));
    look_until_all_are_there(shards);
    fill(0, 99, 9);
    ck_assert(!shards_may_decide(shards, &batch.items[1]));
    ck_assert(shards_may_decide(shards, &batch.items[0]));
    /* It has the epochs, but the stamp of another master, and its checkpoint is behind. */
    ck_assert_int_eq(audit(shards, false), SHARDS_BEHIND);
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), 5462);
    ck_assert_uint_eq(restore(shards, &taken), 5462);
    run_batch(shards, 0, 99, 9);
    look_until_all_are_there(others);
    take(others, 1);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    run_batch(others, 1, 0, 9);
    /* The old master comes back as a replica: nothing changes. */
    cluster_start(1);
    cluster_await(!is_master(1));
    ck_assert(look(shards));
    run_batch(shards, 0, 108, 9);
}
END_TEST

/* An operator deletes the group's offsets while a worker runs that knows all shards to be complete. */
START_TEST(offsets_that_are_gone_void_all_slots_once)
{
    unsigned taken;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    offsets_set(&progress.committed, 0, OFFSET_NONE);
    offsets_set(&progress.nonces, 0, OFFSET_NONE);
    ck_assert_int_eq(audit(shards, true), SHARDS_FINE); /* no slot is known any more */
    ck_assert_uint_eq(count_of(shards, TRUST_UNKNOWN), REDIS_SLOTS);
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(restore(shards, &taken), REDIS_SLOTS);
    for (int i = 0; i < 2; i++) { /* its checkpoints are where the group is */
        ck_assert_int_eq(audit(shards, false), SHARDS_FINE);
        ck_assert_uint_eq(count_of(shards, TRUST_SOUND), REDIS_SLOTS);
    }
    run_batch(shards, 0, 9, 9);
}
END_TEST

/* ---- behind index.h ---- */

static enum audit_result audit_index(struct index *index)
{
    struct audit_gap gap = {0};
    enum audit_result result = index_audit(index, &progress, &scratch, &gap);
    if (result == AUDIT_AHEAD) {
        /* Claims that are not committed, of a command topic that is long enough. */
        kafka_progress_repeat(&progress, &gap);
        result = index_audit(index, &progress, &scratch, &gap);
    }
    progress.is_repeated = false;
    audit_gap_free(&gap);
    return result;
}

/* As a worker leaves the fence that was killed in the midst of a restoration, or whose slot has moved meanwhile. */
START_TEST(slots_whose_restoration_was_left_are_tried_to_be_taken)
{
    const int32_t partition = 0;
    struct index *index = index_open(config);
    get_ready(shards, 0);
    ck_assert_ptr_nonnull(index);
    cluster_await(index_connect(index));
    cluster_await(index_connect(index) && index_prepare(index, &partition, 1, &scratch));
    ck_assert_int_eq(audit_index(index), AUDIT_FINE);
    ck_assert(index_take(index, &partition, 1, &scratch));
    ck_assert(index_is_verified(index));
    const struct span tag = redis_slot_tag(redis_slot_of(span_of_text(workspaces[0])));
    cluster_ask(0, "HDEL client-intake:{%s}:fence epoch", tag.at);
    cluster_ask(0, "HSET client-intake:{%s}:fence restorer 0123456789abcdef0123456789abcdef until 1", tag.at);
    fill(0, 0, 9);
    ck_assert(index_may_decide(index, &batch.items[0]));
    ck_assert(!index_claim(index, &batch));
    ck_assert(!index_may_decide(index, &batch.items[0]));
    ck_assert(index_may_decide(index, &batch.items[1]));
    ck_assert_int_eq(audit_index(index), AUDIT_LOST); /* that is found out by trying */
    ck_assert_int_eq(audit_index(index), AUDIT_FINE); /* and not all the time, since the others go on */
    ck_assert(index_take(index, &partition, 1, &scratch));
    ck_assert(index_is_verified(index));
    cluster_await(audit_index(index) == AUDIT_LOST);
    index_close(index);
}
END_TEST

/* ---- replicas as witnesses ---- */

static size_t replicas_known(void)
{
    clock_sleep(100);
    ck_assert(look(shards));
    return redis_cluster_map(shards_cluster(shards))->replica_count;
}

static bool may_decide_all(void)
{
    bool may = true;
    clock_sleep(100);
    ck_assert(look(shards));
    for (uint32_t i = 0; i < batch.count; i++)
        may &= shards_may_decide(shards, &batch.items[i]);
    return may;
}

START_TEST(master_whose_replica_is_silent_is_not_confirmed)
{
    get_ready(shards, 0);
    cluster_add_replica(1);
    cluster_await(replicas_known() == 1);
    run_batch(shards, 0, 0, 9);
    fill(0, 9, 9);
    ck_assert(shards_claim(shards, &batch));
    kill(cluster_masters[REPLICA].process, SIGSTOP);
    ck_assert(!shards_confirm(shards, &batch)); /* it may be the master by now */
    ck_assert_ptr_nonnull(strstr(shards_error(shards), "replica 127.0.0.1:"));
    for (uint32_t i = 0; i < batch.count; i++)
        ck_assert_int_eq(shards_may_decide(shards, &batch.items[i]), i % MASTERS != 1);
    batch_reset(&batch); /* the others go on */
    put(0, 9, workspaces[0], "a@example.com");
    put(0, 10, workspaces[2], "b@example.com");
    batch_begin(&batch);
    ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
    ck_assert_msg(shards_confirm(shards, &batch), "%s", shards_error(shards));
    kill(cluster_masters[REPLICA].process, SIGCONT);
    fill(0, 9, 9);
    cluster_await(may_decide_all());
    run_batch(shards, 0, 9, 9);
    /* One that the cluster counts as failed is not waited for. */
    kill(cluster_masters[REPLICA].process, SIGSTOP);
    fill(0, 18, 9);
    cluster_await(!may_decide_all());
    cluster_await(may_decide_all());
    ck_assert_uint_eq(redis_cluster_map(shards_cluster(shards))->replica_count, 0);
    run_batch(shards, 0, 18, 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shards_audit");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_unchecked_fixture(all, open_all, close_all);
    tcase_add_checked_fixture(all, begin_case, NULL);
    tcase_add_test(all, worker_that_killed_itself_before_its_checkpoint_leaves_one_behind);
    tcase_add_test(all, commit_that_was_announced_leaves_nothing_behind);
    tcase_add_test(all, commit_that_was_announced_and_lost_is_behind_in_its_shard);
    tcase_add_test(all, records_in_front_of_the_known_end_void_all_slots);
    tcase_add_test(all, two_workers_do_not_restore_one_slot);
    tcase_add_test(all, slot_of_another_record_topic_is_left_alone);
    tcase_add_test(all, offsets_that_are_gone_void_all_slots_once);
    tcase_add_test(all, slots_whose_restoration_was_left_are_tried_to_be_taken);
    tcase_add_test(all, flushed_master_voids_its_slots_only);
    tcase_add_test(all, slot_that_moves_is_restored);
    tcase_add_test(all, master_that_comes_back_empty_is_restored);
    suite_add_tcase(suite, all);
    TCase *failover = tcase_create("failover"); /* afterwards the masters are others */
    tcase_set_timeout(failover, 120);
    tcase_add_unchecked_fixture(failover, open_all, close_all);
    tcase_add_checked_fixture(failover, begin_case, NULL);
    tcase_add_test(failover, replica_that_takes_over_is_restored);
    suite_add_tcase(suite, failover);
    TCase *witnesses = tcase_create("witnesses"); /* it leaves a fourth node */
    tcase_set_timeout(witnesses, 120);
    tcase_add_unchecked_fixture(witnesses, open_all, close_all);
    tcase_add_checked_fixture(witnesses, begin_case, NULL);
    tcase_add_test(witnesses, master_whose_replica_is_silent_is_not_confirmed);
    suite_add_tcase(suite, witnesses);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

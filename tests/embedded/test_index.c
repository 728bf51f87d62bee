/* The index of clients in a real Redis: who gets an id and an email, told as the runs of a worker that may crash. */
#include "tests/embedded/index_stage.h"

static const char *verdict(uint32_t index)
{
    const struct item *item = &batch.items[index];
    switch (item->outcome) {
    case OUTCOME_CREATED:
        return "created";
    case OUTCOME_DUPLICATE:
        return "duplicate";
    case OUTCOME_REJECTED:
        return error_row(item->error)->code;
    default:
        return "undecided";
    }
}

/* One batch of a worker: its commands, and their expected verdicts. */
#define RUN(...)                                                                                                       \
    run((const struct command[]){__VA_ARGS__}, sizeof((const struct command[]){__VA_ARGS__}) / sizeof(struct command))
#define EXPECT(...)                                                                                                    \
    expect((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void run(const struct command *commands, size_t count)
{
    batch_reset(&batch);
    for (size_t i = 0; i < count; i++)
        put(&commands[i]);
    ck_assert(index_claim(the_index, &batch));
}

static void expect(const char *const *verdicts, size_t count)
{
    ck_assert_uint_eq(count, batch.count);
    for (uint32_t i = 0; i < count; i++)
        ck_assert_msg(strcmp(verdict(i), verdicts[i]) == 0, "command %u: %s, not %s", i, verdict(i), verdicts[i]);
}

static void expect_email(const char *email, const char *owner)
{
    redisReply *reply = redisCommand(aside, "GET client-email:{acme}:%s", email);
    if (owner) {
        ck_assert_int_eq(reply->type, REDIS_REPLY_STRING);
        ck_assert_int_eq(strncmp(reply->str, owner, strlen(owner)), 0);
    } else {
        ck_assert_int_eq(reply->type, REDIS_REPLY_NIL);
    }
    freeReplyObject(reply);
}

START_TEST(a_new_id_and_email_are_created_together)
{
    RUN({0, 1, "x", "a", "x@example.com"});
    EXPECT("created");
    redisReply *reply = redisCommand(aside, "GET client:{acme}:x00000000000000000000000000000000000");
    ck_assert_str_eq(reply->str, TOPIC "/0/1 a0000000000000000000000000000000\n"
                                       "{\"id\":\"x\",\"body\":\"a\",\"source\":1,\"email\":\"x@example.com\"}");
    freeReplyObject(reply);
    expect_email("x@example.com", "x");
}
END_TEST

START_TEST(the_same_bytes_again_are_a_duplicate_with_the_stored_record)
{
    RUN({0, 1, "x", "a", "x@example.com"});
    RUN({0, 2, "x", "a", "x@example.com"}, {1, 7, "x", "a", "x@example.com"});
    EXPECT("duplicate", "duplicate");
    ck_assert_ptr_nonnull(memmem(batch.items[0].record.at, batch.items[0].record.length, "\"source\":1", 10));
}
END_TEST

START_TEST(another_body_under_the_id_is_a_conflict_even_if_it_is_not_valid)
{
    RUN({0, 1, "x", "a", "x@example.com"});
    RUN({0, 2, "x", "b", "other@example.com"}, {0, 3, "x", "c", NULL});
    EXPECT("command_id_conflict", "command_id_conflict");
    expect_email("other@example.com", NULL);
}
END_TEST

START_TEST(the_same_bytes_are_a_duplicate_even_if_they_are_no_longer_valid)
{
    RUN({0, 1, "x", "a", "x@example.com"});
    RUN({0, 2, "x", "a", NULL});
    EXPECT("duplicate");
}
END_TEST

START_TEST(an_email_is_given_once)
{
    RUN({0, 1, "x", "a", "x@example.com"}, {0, 2, "y", "b", "x@example.com"});
    EXPECT("created", "email_taken");
    ck_assert_int_eq(strncmp(batch.items[1].existing_client_id.at, "x", 1), 0);
    RUN({1, 2, "z", "c", "x@example.com"});
    EXPECT("email_taken");
}
END_TEST

START_TEST(a_refused_command_that_comes_again_is_judged_afresh)
{
    RUN({0, 1, "x", "a", NULL});
    EXPECT("validation_failed");
    RUN({0, 2, "x", "b", "x@example.com"});
    EXPECT("created");
}
END_TEST

START_TEST(a_batch_that_is_run_again_after_a_crash_has_the_same_outcome)
{
    for (int runs = 0; runs < 3; runs++) {
        RUN({0, 1, "x", "a", "x@example.com"}, {0, 2, "x", "a", "x@example.com"}, {0, 3, "y", "b", "x@example.com"},
            {0, 4, "y", "c", NULL}, {0, 5, "y", "d", "y@example.com"});
        EXPECT("created", "duplicate", "email_taken", "validation_failed", "created");
    }
}
END_TEST

START_TEST(a_second_run_takes_the_stored_outcome_over_a_fresh_verdict)
{
    RUN({0, 1, "x", "a", "x@example.com"});
    RUN({0, 1, "x", "a", NULL});
    EXPECT("created");
    ck_assert_ptr_nonnull(memmem(batch.items[0].record.at, batch.items[0].record.length, "x@example.com", 13));
}
END_TEST

/* ---- this worker's own future: claims of a run that crashed, seen by an earlier command that is now accepted ---- */

START_TEST(a_refusal_stands_beside_its_own_future)
{
    RUN({0, 5, "x", "a", "x@example.com"});
    RUN({0, 3, "x", "a", NULL}, {0, 4, "x", "b", NULL}, {0, 5, "x", "a", "x@example.com"});
    EXPECT("validation_failed", "validation_failed", "created");
}
END_TEST

START_TEST(an_id_of_its_own_future_is_taken_over)
{
    RUN({0, 5, "x", "b", "later@example.com"});
    RUN({0, 3, "x", "a", "x@example.com"}, {0, 5, "x", "b", "later@example.com"});
    EXPECT("created", "command_id_conflict");
    expect_email("x@example.com", "x");
    expect_email("later@example.com", NULL);
}
END_TEST

START_TEST(an_email_of_its_own_future_is_taken_over)
{
    RUN({0, 5, "y", "b", "x@example.com"}, {0, 6, "z", "c", "z@example.com"});
    RUN({0, 3, "x", "a", "x@example.com"}, {0, 5, "y", "b", "x@example.com"}, {0, 6, "z", "c", "z@example.com"});
    EXPECT("created", "email_taken", "created");
    expect_email("x@example.com", "x");
    redisReply *reply = redisCommand(aside, "EXISTS client:{acme}:y00000000000000000000000000000000000");
    ck_assert_int_eq(reply->integer, 0);
    freeReplyObject(reply);
}
END_TEST

/* The offsets were set back below what was committed, so that the offset of the new claim does not show that it is not
 * committed. */
START_TEST(a_claim_that_took_over_is_not_committed_to_earlier_commands)
{
    const struct offsets none = {0};
    RUN({0, 1, "z", "z", "z@example.com"}, {0, 9, "w", "w", "w@example.com"});
    ck_assert(index_confirm(the_index, &batch));
    index_checkpoint(the_index, &batch, &none, 1);
    RUN({0, 12, "x", "c", "x@example.com"});
    RUN({0, 3, "x", "a", "z@example.com"}, {0, 4, "x", "b", "x@example.com"});
    EXPECT("email_taken", "created");
}
END_TEST

START_TEST(the_future_of_another_partition_counts)
{
    RUN({1, 5, "x", "b", "x@example.com"});
    RUN({0, 3, "x", "a", "y@example.com"}, {0, 4, "y", "c", "x@example.com"});
    EXPECT("command_id_conflict", "email_taken");
}
END_TEST

START_TEST(an_email_without_its_client_does_not_stop_the_partition)
{
    RUN({0, 1, "x", "a", "x@example.com"});
    freeReplyObject(redisCommand(aside, "DEL client:{acme}:x00000000000000000000000000000000000"));
    RUN({0, 2, "x", "b", "x@example.com"}, {0, 3, "y", "c", "x@example.com"});
    EXPECT("created", "email_taken");
}
END_TEST

/* ---- a client that does not fit into its topic ---- */

/* Evaluates the batch again: its first command is refused, as check does with item->record_form. */
static void run_refused(const struct command *commands, size_t count)
{
    batch_reset(&batch);
    for (size_t i = 0; i < count; i++)
        put(&commands[i]);
    batch.items[0].record_form = FORM_NONE;
    item_reject(&batch.items[0], ERROR_TOO_LARGE, SPAN("too large"));
    ck_assert(index_claim(the_index, &batch));
}

START_TEST(a_refused_client_gives_its_id_and_email_back)
{
    const struct command commands[] = {{0, 1, "x", "a", "x@example.com"}, {0, 2, "y", "b", "x@example.com"}};
    RUN({0, 1, "x", "a", "x@example.com"}, {0, 2, "y", "b", "x@example.com"});
    EXPECT("created", "email_taken");
    run_refused(commands, 2);
    EXPECT("too_large", "created");
    expect_email("x@example.com", "y");
    redisReply *reply = redisCommand(aside, "EXISTS client:{acme}:x00000000000000000000000000000000000");
    ck_assert_int_eq(reply->integer, 0);
    freeReplyObject(reply);
}
END_TEST

START_TEST(a_refused_reply_to_a_duplicate_leaves_the_client_alone)
{
    const struct command commands[] = {{0, 2, "x", "a", "x@example.com"}};
    RUN({0, 1, "x", "a", "x@example.com"});
    run_refused(commands, 1);
    EXPECT("too_large");
    expect_email("x@example.com", "x");
}
END_TEST

/* ---- faults ---- */

/* Another program has made the client longer than one that comes from the command's bytes. */
START_TEST(a_client_of_any_size_is_answered)
{
    RUN({0, 1, "x", "a", "x@example.com"});
    freeReplyObject(redisCommand(aside, "SETRANGE client:{acme}:x00000000000000000000000000000000000 99999999 x"));
    RUN({0, 2, "x", "a", "x@example.com"}, {0, 3, "y", "b", "x@example.com"}, {0, 4, "x", "c", "z@example.com"});
    EXPECT("command_id_conflict", "email_taken", "command_id_conflict");
    run_refused((const struct command[]){{0, 1, "x", "a", "x@example.com"}}, 1);
    EXPECT("too_large");
}
END_TEST

START_TEST(a_killed_connection_is_run_again)
{
    freeReplyObject(redisCommand(aside, "CLIENT KILL TYPE normal SKIPME yes"));
    batch_reset(&batch);
    put(&(struct command){0, 1, "x", "a", "x@example.com"});
    ck_assert(!index_claim(the_index, &batch));
    ck_assert_uint_eq(index_retries(the_index), 1);
    ck_assert(index_connect(the_index) && index_trust(the_index, 8));
    ck_assert(index_claim(the_index, &batch));
    EXPECT("created");
}
END_TEST

START_TEST(a_full_redis_is_waited_for)
{
    freeReplyObject(redisCommand(aside, "CONFIG SET maxmemory 1"));
    batch_reset(&batch);
    put(&(struct command){0, 1, "x", "a", "x@example.com"});
    ck_assert(!index_claim(the_index, &batch));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
    freeReplyObject(redisCommand(aside, "CONFIG SET maxmemory 0"));
    ck_assert(index_connect(the_index) && index_trust(the_index, 8));
    ck_assert(index_claim(the_index, &batch));
    EXPECT("created");
}
END_TEST

START_TEST(definitions_count_from_the_next_batch_on)
{
    struct definitions_cache *cache = definitions_cache_new(10, NULL);
    uint32_t known;
    for (int i = 0; i < 3; i++) {
        batch_reset(&batch);
        put(&(struct command){0, i, "x", "a", "x@example.com"});
        ck_assert(index_definitions(the_index, cache, &batch, &known));
        if (i == 0)
            ck_assert_ptr_null(batch.items[0].definitions);
        else
            ck_assert_uint_eq(batch.items[0].definitions->count, (uint32_t)i);
        const char *json = i == 0 ? "[{\"key\":\"a\",\"type\":\"text\"}]"
                                  : "[{\"key\":\"a\",\"type\":\"text\"},{\"key\":\"b\",\"type\":\"text\"}]";
        freeReplyObject(redisCommand(aside, "SET custom-fields:{acme} %s", json));
    }
    freeReplyObject(redisCommand(aside, "SET custom-fields:{acme} nonsense"));
    batch_reset(&batch);
    put(&(struct command){0, 9, "x", "a", "x@example.com"});
    ck_assert(index_definitions(the_index, cache, &batch, &known));
    ck_assert_ptr_null(batch.items[0].definitions);
    ck_assert(batch.items[0].definitions_broken);
    definitions_cache_free(cache);
}
END_TEST

START_TEST(the_cache_holds_no_more_workspaces_than_it_may)
{
    struct definitions_cache *cache = definitions_cache_new(2, NULL);
    definitions_cache_begin(cache, NULL, 0);
    static const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < 3; i++)
        ck_assert(definitions_cache_put(cache, definitions_cache_entry(cache, span_of_text(names[i])),
                                        SPAN("[{\"key\":\"k\",\"type\":\"text\"}]"), TTL_ENDLESS));
    ck_assert(definitions_cache_entry(cache, SPAN("a"))->fresh);
    definitions_cache_begin(cache, NULL, 0);
    ck_assert_ptr_nonnull(definitions_cache_entry(cache, SPAN("a"))->definitions);
    ck_assert_ptr_nonnull(definitions_cache_entry(cache, SPAN("c"))->definitions);
    ck_assert_ptr_null(definitions_cache_entry(cache, SPAN("b"))->definitions);
    definitions_cache_free(cache);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("the_index");
    TCase *tcase = tcase_create("claims");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, redis_open, redis_close);
    tcase_add_test(tcase, a_new_id_and_email_are_created_together);
    tcase_add_test(tcase, the_same_bytes_again_are_a_duplicate_with_the_stored_record);
    tcase_add_test(tcase, another_body_under_the_id_is_a_conflict_even_if_it_is_not_valid);
    tcase_add_test(tcase, the_same_bytes_are_a_duplicate_even_if_they_are_no_longer_valid);
    tcase_add_test(tcase, an_email_is_given_once);
    tcase_add_test(tcase, a_refused_command_that_comes_again_is_judged_afresh);
    tcase_add_test(tcase, a_batch_that_is_run_again_after_a_crash_has_the_same_outcome);
    tcase_add_test(tcase, a_second_run_takes_the_stored_outcome_over_a_fresh_verdict);
    tcase_add_test(tcase, a_refusal_stands_beside_its_own_future);
    tcase_add_test(tcase, an_id_of_its_own_future_is_taken_over);
    tcase_add_test(tcase, an_email_of_its_own_future_is_taken_over);
    tcase_add_test(tcase, a_claim_that_took_over_is_not_committed_to_earlier_commands);
    tcase_add_test(tcase, the_future_of_another_partition_counts);
    tcase_add_test(tcase, an_email_without_its_client_does_not_stop_the_partition);
    tcase_add_test(tcase, a_refused_client_gives_its_id_and_email_back);
    tcase_add_test(tcase, a_refused_reply_to_a_duplicate_leaves_the_client_alone);
    tcase_add_test(tcase, a_client_of_any_size_is_answered);
    tcase_add_test(tcase, a_killed_connection_is_run_again);
    tcase_add_test(tcase, a_full_redis_is_waited_for);
    tcase_add_test(tcase, definitions_count_from_the_next_batch_on);
    tcase_add_test(tcase, the_cache_holds_no_more_workspaces_than_it_may);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

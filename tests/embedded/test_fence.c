/* Fences and terms in a real Redis: what is confirmed, what is written under a fence, and that terms rise. */
#include "tests/embedded/decision_stage.h"

#include "worker/index/term.h"

static struct redis_pipeline pipeline;

static void open_pipeline(void)
{
    batch_reset(&batch);
    pipeline_open(&pipeline, deciding, &batch.arena);
}

static void set_field(const char *field, const char *text)
{
    freeReplyObject(redisCommand(deciding, "HSET " FENCE " %s %s", field, text));
}

static const struct fence fence = {{FENCE, sizeof(FENCE) - 1}, {EPOCH, 32}, {SHARD, sizeof(SHARD) - 1}, parts, 2};

static void touch(void)
{
    set_field("term:" TOPIC "/0", terms[0]);
    set_field("term:" TOPIC "/1", terms[1]);
}

static enum script_end confirm(void)
{
    open_pipeline();
    fence_send_confirm(&pipeline, &fence, SCRIPT_BY_TEXT);
    ck_assert(pipeline_send(&pipeline));
    return fence_receive(&pipeline, &failure);
}

START_TEST(claims_stand_while_all_terms_are_ours)
{
    touch();
    ck_assert_int_eq(confirm(), SCRIPT_DONE);
    redisReply *reply = redisCommand(deciding, "HLEN " FENCE);
    ck_assert_int_eq(reply->integer, 4);
    freeReplyObject(reply);
}
END_TEST

START_TEST(claims_do_not_stand_with_any_other_term)
{
    static const char *const others[] = {"8 " NONCE, "6 " NONCE, "7 other", ""};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        touch();
        set_field("term:" TOPIC "/1", others[i]);
        ck_assert_int_eq(confirm(), SCRIPT_STALE);
        ck_assert(span_equal(failure.what, SPAN("term:" TOPIC "/1")));
    }
    touch();
    freeReplyObject(redisCommand(deciding, "HDEL " FENCE " term:" TOPIC "/0"));
    ck_assert_int_eq(confirm(), SCRIPT_STALE);
}
END_TEST

START_TEST(claims_do_not_stand_in_other_data)
{
    touch();
    set_field("epoch", "other");
    ck_assert_int_eq(confirm(), SCRIPT_STALE);
    set_field("epoch", EPOCH);
    set_field("shard", "other");
    ck_assert_int_eq(confirm(), SCRIPT_STALE);
    freeReplyObject(redisCommand(deciding, "FLUSHALL"));
    ck_assert_int_eq(confirm(), SCRIPT_STALE);
}
END_TEST

START_TEST(claims_are_not_confirmed_by_a_server_that_takes_no_writes)
{
    touch();
    freeReplyObject(redisCommand(deciding, "REPLICAOF 127.0.0.1 1"));
    ck_assert_int_eq(confirm(), SCRIPT_FAILED);
}
END_TEST

static enum script_end write_checkpoints(void)
{
    const struct span keys[] = {SPAN("{0}:a"), SPAN("{0}:b")}, values[] = {SPAN("1,1 0"), SPAN("2,2 0")};
    open_pipeline();
    fence_send_checkpoints(&pipeline, &fence, keys, values, 2, SCRIPT_BY_TEXT);
    ck_assert(pipeline_send(&pipeline));
    return fence_receive(&pipeline, &failure);
}

static void expect_text(const char *key, const char *text)
{
    redisReply *reply = redisCommand(deciding, "GET %s", key);
    ck_assert_str_eq(reply->str ? reply->str : "nothing", text);
    freeReplyObject(reply);
}

START_TEST(checkpoints_are_written_under_the_fence)
{
    ck_assert_int_eq(write_checkpoints(), SCRIPT_DONE);
    expect_text("{0}:a", "1,1 0");
    expect_text("{0}:b", "2,2 0");
    ck_assert_int_eq(confirm(), SCRIPT_DONE); /* the terms were raised */
}
END_TEST

START_TEST(checkpoints_are_not_written_behind_another_owner)
{
    set_field("term:" TOPIC "/1", "8 " NONCE);
    ck_assert_int_eq(write_checkpoints(), SCRIPT_STALE);
    expect_text("{0}:a", "nothing");
}
END_TEST

/* ---- terms ---- */

#define PLACE   SPAN(TOPIC "/0")
#define TERM_OF "client-intake:{" TOPIC "/0}:term"
#define OTHER   "ffffffffffffffffffffffffffffffff"

static struct term take(struct span refused, const char nonce[EPOCH_LENGTH])
{
    struct term term;
    open_pipeline();
    term_send_take(&pipeline, PLACE, refused, nonce, SCRIPT_BY_TEXT);
    ck_assert(pipeline_send(&pipeline));
    ck_assert_int_eq(term_receive(&pipeline, &term, &failure), SCRIPT_DONE);
    expect_text(TERM_OF, term.text);
    return term;
}

static enum script_end ask_term(const struct term *term)
{
    open_pipeline();
    term_send_ask(&pipeline, PLACE);
    ck_assert(pipeline_send(&pipeline));
    return term_receive_same(&pipeline, term, &failure);
}

START_TEST(terms_rise)
{
    int64_t last = 0;
    for (int i = 0; i < 100; i++) {
        const struct term term = take(SPAN_NONE, NONCE);
        ck_assert_int_gt(atoll(term.text), last);
        ck_assert_str_eq(strchr(term.text, ' ') + 1, NONCE);
        last = atoll(term.text);
    }
}
END_TEST

START_TEST(terms_rise_although_the_last_ones_are_lost)
{
    const struct term before = take(SPAN_NONE, NONCE);
    freeReplyObject(redisCommand(deciding, "DEL " TERM_OF));
    const struct term behind = take(SPAN_NONE, OTHER);
    ck_assert_int_gt(atoll(behind.text), atoll(before.text));
}
END_TEST

START_TEST(terms_rise_although_the_clock_is_set_back)
{
    freeReplyObject(redisCommand(deciding, "SET " TERM_OF " %s", "8000000000000000 " NONCE));
    ck_assert_str_eq(take(SPAN_NONE, OTHER).text, "8000000000000001 " OTHER);
    ck_assert_str_eq(take(SPAN("8000000000000009 x"), OTHER).text, "8000000000000010 " OTHER);
}
END_TEST

START_TEST(what_is_no_term_does_not_count)
{
    static const char *const texts[] = {"x", "", "9000000000000000", "9000000000000000 ?", "-5 " NONCE};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        freeReplyObject(redisCommand(deciding, "SET " TERM_OF " %s", texts[i]));
        ck_assert_int_lt(atoll(take(SPAN("damaged"), NONCE).text), INT64_C(8000000000000000));
    }
    freeReplyObject(redisCommand(deciding, "DEL " TERM_OF));
    freeReplyObject(redisCommand(deciding, "RPUSH " TERM_OF " x"));
    take(SPAN_NONE, NONCE);
}
END_TEST

START_TEST(term_is_ours_until_another_is_taken)
{
    const struct term ours = take(SPAN_NONE, NONCE);
    ck_assert_int_eq(ask_term(&ours), SCRIPT_DONE);
    take(SPAN_NONE, OTHER);
    ck_assert_int_eq(ask_term(&ours), SCRIPT_STALE);
    freeReplyObject(redisCommand(deciding, "DEL " TERM_OF));
    ck_assert_int_eq(ask_term(&ours), SCRIPT_STALE);
    freeReplyObject(redisCommand(deciding, "RPUSH " TERM_OF " x"));
    ck_assert_int_eq(ask_term(&ours), SCRIPT_STALE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fence");
    TCase *tcase = tcase_create("fence");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, decision_open, decision_close);
    tcase_add_test(tcase, claims_stand_while_all_terms_are_ours);
    tcase_add_test(tcase, claims_do_not_stand_with_any_other_term);
    tcase_add_test(tcase, claims_do_not_stand_in_other_data);
    tcase_add_test(tcase, claims_are_not_confirmed_by_a_server_that_takes_no_writes);
    tcase_add_test(tcase, checkpoints_are_written_under_the_fence);
    tcase_add_test(tcase, checkpoints_are_not_written_behind_another_owner);
    tcase_add_test(tcase, terms_rise);
    tcase_add_test(tcase, terms_rise_although_the_last_ones_are_lost);
    tcase_add_test(tcase, terms_rise_although_the_clock_is_set_back);
    tcase_add_test(tcase, what_is_no_term_does_not_count);
    tcase_add_test(tcase, term_is_ours_until_another_is_taken);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

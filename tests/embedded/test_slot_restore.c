/* The restoration of a slot in a real Redis: who may begin, that nothing is decided meanwhile, what is written, and
 * that a worker that has slept for too long is refused. */
#include "tests/embedded/decision_stage.h"

#include "worker/index/slot_restore.h"

#define RECORDS SPAN("clients.records")
#define MINE    SPAN("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
#define AGAIN   SPAN("aaaaaaaaaaaaaaaacccccccccccccccc")
#define OTHERS  SPAN("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb")
#define NEXT    "fedcba9876543210fedcba9876543210"
#define ADA     "client:{acme}:00000000-0000-0000-0000-00000000000a"
#define ADAS_ID "00000000-0000-0000-0000-00000000000a"
#define BOB     "client:{acme}:00000000-0000-0000-0000-00000000000b"
#define BOBS_ID "00000000-0000-0000-0000-00000000000b"
#define EMAIL_1 "client-email:{acme}:1@example.com"
#define EMAIL_2 "client-email:{acme}:2@example.com"

static struct redis_pipeline pipeline;
static redisReply *answer;

static void open_pipeline(void)
{
    batch_reset(&batch);
    pipeline_open(&pipeline, deciding, &batch.arena);
}

static void take_answer(void)
{
    char error[256];
    freeReplyObject(answer);
    ck_assert(pipeline_send(&pipeline));
    answer = pipeline_reply(&pipeline, error, sizeof(error));
    ck_assert_msg(answer, "%s", error);
}

static void close_answer(void)
{
    freeReplyObject(answer);
    answer = NULL;
    decision_close();
}

static struct slot_restore restore_of(struct span token, struct span before)
{
    return (struct slot_restore){SPAN(FENCE), token, RECORDS, before};
}

/* -1: it was not carried out. */
static int begin(struct span token, struct span before)
{
    const struct slot_restore restore = restore_of(token, before);
    enum slot_begun begun;
    open_pipeline();
    slot_restore_send_begin(&pipeline, &restore, SCRIPT_BY_TEXT);
    take_answer();
    const enum script_end end = slot_restore_take_begun(&batch.arena, answer, &begun, &failure);
    return end == SCRIPT_DONE ? (int)begun : -1;
}

static const struct span ada_value[] = {{"clients.commands/0/1 ", 21}, {"hash\n{}", 7}}, bob_value[] = {{"bob", 3}};
static const struct slot_client ada = {{ADA, sizeof(ADA) - 1}, {EMAIL_1, sizeof(EMAIL_1) - 1}, ada_value, 2},
                                bob = {{BOB, sizeof(BOB) - 1}, {EMAIL_2, sizeof(EMAIL_2) - 1}, bob_value, 1};
static bool was_there[2];

static enum script_end write_clients(struct span token, const struct slot_client *clients, uint32_t client_count,
                                     const struct slot_change *changes, uint32_t change_count)
{
    const struct slot_restore restore = restore_of(token, SPAN_NONE);
    open_pipeline();
    slot_restore_send_write(&pipeline, &restore, clients, client_count, changes, change_count, SCRIPT_BY_TEXT);
    take_answer();
    return slot_restore_take_written(&batch.arena, answer, was_there, client_count, &failure);
}

static enum script_end end(struct span token)
{
    const struct slot_restore restore = restore_of(token, SPAN_NONE);
    open_pipeline();
    slot_restore_send_end(&pipeline, &restore, SPAN(NEXT), SPAN("shard-2"), SCRIPT_BY_TEXT);
    take_answer();
    return slot_restore_take_ended(&batch.arena, answer, &failure);
}

static enum script_end confirm(struct span epoch, struct span shard)
{
    const struct fence fence = {SPAN(FENCE), epoch, shard, parts, 0};
    open_pipeline();
    fence_send_confirm(&pipeline, &fence, SCRIPT_BY_TEXT);
    ck_assert(pipeline_send(&pipeline));
    return fence_receive(&pipeline, &failure);
}

static void expect_key(const char *key, const char *text)
{
    redisReply *reply = redisCommand(deciding, "GET %s", key);
    ck_assert_str_eq(reply->str ? reply->str : "nothing", text);
    freeReplyObject(reply);
}

static void expect_field(const char *field, const char *text)
{
    redisReply *reply = redisCommand(deciding, "HGET " FENCE " %s", field);
    ck_assert_str_eq(reply->str ? reply->str : "nothing", text);
    freeReplyObject(reply);
}

static void set_field(const char *field, const char *text)
{
    freeReplyObject(redisCommand(deciding, "HSET " FENCE " %s %s", field, text));
}

START_TEST(slot_is_restored)
{
    ck_assert_int_eq(confirm(SPAN(EPOCH), SPAN(SHARD)), SCRIPT_DONE);
    ck_assert_int_eq(begin(MINE, SPAN(EPOCH)), SLOT_BEGUN);
    ck_assert_int_eq(confirm(SPAN(EPOCH), SPAN(SHARD)), SCRIPT_STALE); /* nobody decides */
    ck_assert_int_eq(write_clients(MINE, (const struct slot_client[]){ada, bob}, 2, NULL, 0), SCRIPT_DONE);
    ck_assert(!was_there[0] && !was_there[1]);
    ck_assert_int_eq(end(MINE), SCRIPT_DONE);
    expect_key(ADA, "clients.commands/0/1 hash\n{}");
    expect_key(EMAIL_1, ADAS_ID);
    expect_key(BOB, "bob");
    expect_key(EMAIL_2, BOBS_ID);
    expect_field("records", "clients.records");
    expect_field("restorer", "nothing");
    expect_field("until", "nothing");
    ck_assert_int_eq(confirm(SPAN(NEXT), SPAN("shard-2")), SCRIPT_DONE);
    ck_assert_int_eq(confirm(SPAN(EPOCH), SPAN("shard-2")), SCRIPT_STALE);
}
END_TEST

START_TEST(what_is_there_stays)
{
    freeReplyObject(redisCommand(deciding, "SET " BOB " before"));
    freeReplyObject(redisCommand(deciding, "RPUSH " EMAIL_1 " x"));
    ck_assert_int_eq(begin(MINE, SPAN(EPOCH)), SLOT_BEGUN);
    ck_assert_int_eq(write_clients(MINE, (const struct slot_client[]){ada, bob}, 2, NULL, 0), SCRIPT_DONE);
    ck_assert(was_there[0] && was_there[1]);
    expect_key(BOB, "before");
    expect_key(ADA, "nothing");
    const struct slot_change changes[] = {
        {SPAN(BOB), SPAN("after")}, {SPAN(EMAIL_1), SPAN_NONE}, {SPAN(EMAIL_2), SPAN(BOBS_ID)}};
    ck_assert_int_eq(write_clients(MINE, NULL, 0, changes, 3), SCRIPT_DONE);
    expect_key(BOB, "after");
    expect_key(EMAIL_1, "nothing");
    expect_key(EMAIL_2, BOBS_ID);
    ck_assert_int_eq(write_clients(MINE, &ada, 1, changes, 1), SCRIPT_DONE); /* both in one call */
    ck_assert(!was_there[0]);
    expect_key(EMAIL_1, ADAS_ID);
}
END_TEST

START_TEST(one_restores_at_a_time)
{
    ck_assert_int_eq(begin(MINE, SPAN(EPOCH)), SLOT_BEGUN);
    ck_assert_int_eq(begin(OTHERS, SPAN(EPOCH)), SLOT_BUSY);
    ck_assert_int_eq(begin(OTHERS, SPAN_NONE), SLOT_BUSY);
    ck_assert_int_eq(begin(MINE, SPAN_NONE), SLOT_BEGUN); /* its answer was lost */
    ck_assert_int_eq(write_clients(OTHERS, &ada, 1, NULL, 0), SCRIPT_STALE);
    ck_assert_int_eq(end(OTHERS), SCRIPT_STALE);
    expect_key(ADA, "nothing");
    ck_assert_int_eq(end(MINE), SCRIPT_DONE);
    ck_assert_int_eq(begin(OTHERS, SPAN(EPOCH)), SLOT_CHANGED);
    ck_assert_int_eq(begin(OTHERS, SPAN_NONE), SLOT_CHANGED);
    ck_assert_int_eq(end(MINE), SCRIPT_STALE);
    ck_assert_int_eq(begin(OTHERS, SPAN(NEXT)), SLOT_BEGUN);
}
END_TEST

START_TEST(worker_takes_a_slot_from_its_own_restoration)
{
    ck_assert_int_eq(begin(MINE, SPAN(EPOCH)), SLOT_BEGUN);
    ck_assert_int_eq(begin(AGAIN, SPAN_NONE), SLOT_BEGUN);
    ck_assert_int_eq(end(MINE), SCRIPT_STALE); /* what was sent before comes too late */
    ck_assert_int_eq(end(AGAIN), SCRIPT_DONE);
}
END_TEST

START_TEST(worker_that_has_died_is_replaced)
{
    /* Its time is over; it is no time; it is too far away to be one. */
    static const char *const untils[] = {"1", "x", "9000000000000000", ""};
    for (size_t i = 0; i < sizeof(untils) / sizeof(untils[0]); i++) {
        freeReplyObject(redisCommand(deciding, "DEL " FENCE));
        ck_assert_int_eq(begin(MINE, SPAN_NONE), SLOT_BEGUN);
        ck_assert_int_eq(begin(OTHERS, SPAN_NONE), SLOT_BUSY);
        set_field("until", untils[i]);
        ck_assert_int_eq(begin(OTHERS, SPAN_NONE), SLOT_BEGUN);
        ck_assert_int_eq(write_clients(MINE, &ada, 1, NULL, 0), SCRIPT_STALE);
        ck_assert(span_equal(failure.text, OTHERS));
    }
}
END_TEST

START_TEST(writing_renews)
{
    ck_assert_int_eq(begin(MINE, SPAN(EPOCH)), SLOT_BEGUN);
    set_field("until", "1");
    ck_assert_int_eq(write_clients(MINE, NULL, 0, NULL, 0), SCRIPT_DONE);
    ck_assert_int_eq(begin(OTHERS, SPAN_NONE), SLOT_BUSY);
}
END_TEST

START_TEST(flushed_slot_ends_its_restoration)
{
    ck_assert_int_eq(begin(MINE, SPAN(EPOCH)), SLOT_BEGUN);
    freeReplyObject(redisCommand(deciding, "FLUSHALL"));
    ck_assert_int_eq(write_clients(MINE, &ada, 1, NULL, 0), SCRIPT_STALE);
    ck_assert_int_eq(end(MINE), SCRIPT_STALE);
    ck_assert_int_eq(begin(MINE, SPAN(EPOCH)), SLOT_BEGUN);
}
END_TEST

START_TEST(slot_of_another_record_topic_is_left_alone)
{
    set_field("records", "others.records");
    ck_assert_int_eq(begin(MINE, SPAN(EPOCH)), SLOT_FOREIGN);
    freeReplyObject(redisCommand(deciding, "HDEL " FENCE " epoch"));
    ck_assert_int_eq(begin(MINE, SPAN_NONE), SLOT_FOREIGN);
    expect_field("restorer", "nothing");
    set_field("records", "clients.records");
    ck_assert_int_eq(begin(MINE, SPAN_NONE), SLOT_BEGUN);
}
END_TEST

START_TEST(fence_of_another_type_is_replaced)
{
    freeReplyObject(redisCommand(deciding, "DEL " FENCE));
    freeReplyObject(redisCommand(deciding, "SET " FENCE " x"));
    ck_assert_int_eq(write_clients(MINE, &ada, 1, NULL, 0), SCRIPT_STALE);
    ck_assert_int_eq(end(MINE), SCRIPT_STALE);
    ck_assert_int_eq(begin(MINE, SPAN_NONE), SLOT_BEGUN);
    ck_assert_int_eq(end(MINE), SCRIPT_DONE);
}
END_TEST

/* ---- checkpoints after a restoration ---- */

static const struct fence whole_fence = {{FENCE, sizeof(FENCE) - 1}, {EPOCH, 32}, {SHARD, sizeof(SHARD) - 1}, parts, 2};

static enum script_end settle(struct span before_a, struct span before_b, uint32_t *changed)
{
    const struct fence_settlement settlements[] = {{SPAN("{0}:a"), before_a, SPAN("1,1 0")},
                                                   {SPAN("{0}:b"), before_b, SPAN("2,2 0")}};
    open_pipeline();
    fence_send_settle(&pipeline, &whole_fence, settlements, 2, SCRIPT_BY_TEXT);
    take_answer();
    return fence_take_settled(&batch.arena, answer, changed, &failure);
}

START_TEST(checkpoints_are_settled_unless_they_were_changed)
{
    uint32_t changed = 7;
    ck_assert_int_eq(settle(SPAN_NONE, SPAN_NONE, &changed), SCRIPT_DONE);
    ck_assert_uint_eq(changed, 0);
    expect_key("{0}:a", "1,1 0");
    freeReplyObject(redisCommand(deciding, "SET {0}:a %s", "9,9 0"));
    freeReplyObject(redisCommand(deciding, "SET {0}:b old"));
    ck_assert_int_eq(settle(SPAN("1,1 0"), SPAN("old"), &changed), SCRIPT_DONE);
    ck_assert_uint_eq(changed, 1);
    expect_key("{0}:a", "9,9 0");
    expect_key("{0}:b", "2,2 0");
    redisReply *reply = redisCommand(deciding, "HLEN " FENCE);
    ck_assert_int_eq(reply->integer, 2); /* no term was raised */
    freeReplyObject(reply);
    set_field("shard", "another");
    ck_assert_int_eq(settle(SPAN_NONE, SPAN("2,2 0"), &changed), SCRIPT_STALE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slot_restore");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_checked_fixture(all, decision_open, close_answer);
    tcase_add_test(all, slot_is_restored);
    tcase_add_test(all, what_is_there_stays);
    tcase_add_test(all, one_restores_at_a_time);
    tcase_add_test(all, worker_takes_a_slot_from_its_own_restoration);
    tcase_add_test(all, worker_that_has_died_is_replaced);
    tcase_add_test(all, writing_renews);
    tcase_add_test(all, flushed_slot_ends_its_restoration);
    tcase_add_test(all, slot_of_another_record_topic_is_left_alone);
    tcase_add_test(all, fence_of_another_type_is_replaced);
    tcase_add_test(all, checkpoints_are_settled_unless_they_were_changed);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

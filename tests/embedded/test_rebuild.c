/* The rebuild of Redis from the record topic: whatever the order in which its partitions are read, the end is the fold
 * of the topic, which this test writes down on its own. Random histories: clients are created, removed and created
 * again, emails are used again, records are rewritten, partitions are added, two clients share an email.
 *
 * REBUILD_SEED=number repeats one history, REBUILD_SEEDS=count says how many are tried; CK_RUN_CASE=whole or part tries
 * nothing else. */
#include <time.h>

#include "tests/embedded/rebuild_stage.h"
#include "tests/embedded/side_by_side.h"
#include "worker/definitions/definitions_history.h"
#include "worker/kafka/topic_reader.h"

#define SEEDS 10

static void ends_of(const struct history *history, int to, const int *places, struct offsets *ends)
{
    for (int i = 0; i < PARTITIONS; i++)
        offsets_set(ends, i, 0);
    for (int i = 0; i < to; i++) {
        int place = places[history->events[i].partition];
        offsets_set(ends, place, offsets_get(ends, place) + 1);
    }
}

/* Redis is empty, or holds an index of an earlier time, or what was never committed: its epoch is gone. */
static void try_whole(uint64_t seed)
{
    struct history history, earlier;
    int places[PARTITIONS];
    random_state = seed * 2654435761u + 1;
    bool lawful = draw(2) == 0;
    invent(&history, lawful);
    shuffle(places);
    open_case(case_name(seed, "whole"), 1 + (int)draw(6));
    ask("FLUSHALL");
    unsigned leftovers = draw(3);
    if (leftovers > 0) {
        earlier = history;
        earlier.count = (int)draw((unsigned)history.count + 1);
        put_index(&earlier);
    }
    if (leftovers > 1)
        ask("MSET client:{acme}:99999999-0000-5000-8000-000000000000 nonsense "
            "client-email:{acme}:e0@example.com 99999999-0000-5000-8000-000000000000 other kept");
    produce(&history, 0, history.count, places);
    audit();
    rebuild(NULL, case_name(seed, "whole"));
    expect_fold(&history, case_name(seed, "whole"));
    if (leftovers > 1)
        ask("GET other");
    close_case();
}

/* Redis is as it was at an earlier time, or already as it is now, and only what came since is read. */
static void try_part(uint64_t seed)
{
    struct history history, earlier;
    struct audit_gap gap = {.records_behind = true};
    int places[PARTITIONS];
    random_state = seed * 2654435761u + 2;
    invent(&history, draw(2) == 0);
    shuffle(places);
    open_case(case_name(seed, "part"), 1 + (int)draw(6));
    ask("FLUSHALL");
    earlier = history;
    earlier.count = (int)draw((unsigned)history.count + 1);
    produce(&history, 0, earlier.count, places);
    audit();
    rebuild(NULL, case_name(seed, "the first part"));
    expect_fold(&earlier, case_name(seed, "the first part"));
    produce(&history, earlier.count, history.count, places);
    audit();
    ends_of(&history, earlier.count, places, &gap.records);
    rebuild(&gap, case_name(seed, "part"));
    expect_fold(&history, case_name(seed, "part"));
    audit();
    rebuild(&gap, case_name(seed, "part, again"));
    expect_fold(&history, case_name(seed, "part, again"));
    audit_gap_free(&gap);
    close_case();
}

/* Of one partition the offset is beyond the end, so of the others the offset is that of another log, too. */
START_TEST(a_part_of_another_record_topic_becomes_a_whole_rebuild)
{
    struct history history = {.events = {{.client = 0, .email = 0, .partition = 1, .source = 500},
                                         {.client = 1, .email = 1, .partition = 2, .source = 501}},
                              .count = 2};
    struct audit_gap gap = {.records_behind = true};
    const int places[PARTITIONS] = {0, 1, 2, 3};
    open_case("other-log", 100);
    ask("FLUSHALL");
    ask("MSET client-intake:epoch 0123456789abcdef0123456789abcdef client-email:{acme}:e3@example.com "
        "99999999-0000-5000-8000-000000000000");
    produce(&history, 0, 2, places);
    audit();
    offsets_set(&gap.records, 1, 2);
    offsets_set(&gap.records, 2, 1);
    rebuild(&gap, "another log");
    expect_fold(&history, "another log");
    audit_gap_free(&gap);
    close_case();
}
END_TEST

static void try_seeds(void try(uint64_t seed))
{
    const char *one = getenv("REBUILD_SEED"), *many = getenv("REBUILD_SEEDS");
    if (one) {
        try(strtoull(one, NULL, 10));
        return;
    }
    unsigned long count = many ? strtoul(many, NULL, 10) : SEEDS;
    uint64_t fresh = (uint64_t)time(NULL);
    for (unsigned long i = 0; i < count; i++)
        try(i);
    printf("REBUILD_SEED=%llu\n", (unsigned long long)fresh);
    try(fresh);
}

START_TEST(a_whole_rebuild_is_the_fold_of_the_topic)
{
    try_seeds(try_whole);
}
END_TEST

START_TEST(a_part_rebuild_ends_as_a_whole_one)
{
    try_seeds(try_part);
}
END_TEST

/* ---- histories that went wrong once ---- */

/* Client 0 (email 0) is removed, client 1 takes its email; all orders of the partitions that they are in. */
START_TEST(the_email_of_a_removed_client_belongs_to_the_one_that_took_it)
{
    for (int order = 0; order < 2; order++) {
        struct history history = {.events = {{.client = 0, .email = 0, .partition = 0, .source = 1},
                                             {.client = 0, .email = -1, .partition = 0, .source = 1},
                                             {.client = 1, .email = 0, .partition = 1, .source = 2}},
                                  .count = 3};
        int places[PARTITIONS] = {order, 1 - order, 2, 3};
        open_case(case_name((uint64_t)order, "reused"), 100);
        ask("FLUSHALL");
        produce(&history, 0, 3, places);
        audit();
        rebuild(NULL, "reused");
        expect_fold(&history, "reused");
        close_case();
    }
}
END_TEST

/* The group's offsets were set back before Redis was lost: the sources of the records tell what was committed. */
START_TEST(what_is_in_the_record_topic_was_committed)
{
    struct history history = {.events = {{.client = 0, .email = 0, .partition = 2, .source = 500}}, .count = 1};
    int places[PARTITIONS] = {0, 1, 2, 3};
    open_case("committed", 100);
    ask("FLUSHALL");
    produce(&history, 0, 1, places);
    audit();
    rebuild(NULL, "committed");
    redisReply *reply = redisCommand(aside, "GET client-intake:checkpoint:clients.commands/0");
    ck_assert_int_eq(reply->type, REDIS_REPLY_STRING);
    ck_assert_msg(strncmp(reply->str, "0,501 ", 6) == 0, "%s", reply->str);
    freeReplyObject(reply);

    /* Another worker, and a command of before, which has not been accepted until now. */
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    struct batch batch;
    struct index *other = index_open(config);
    ck_assert_int_eq(batch_open(&batch, 10, 1 << 20, 1 << 16), 0);
    ck_assert(index_connect(other));
    for (int i = 0; i < PARTITIONS; i++)
        offsets_set(&progress.committed, i, 0);
    ck_assert_int_eq(index_audit(other, &progress, &scratch, &gap), AUDIT_FINE);
    ck_assert(index_take(other, (const int32_t[]){0}, 1, &scratch));
    struct item *item = &batch.items[batch.count++];
    *item = (struct item){.from = {"clients.commands", 0, 10, 0},
                          .position = SPAN("clients.commands/0/10"),
                          .workspace = SPAN("acme"),
                          .command_id = SPAN("x"),
                          .has_identity = true,
                          .email_key = SPAN("e0@example.com"),
                          .record = SPAN("{\"email\":\"e0@example.com\"}")};
    memset(item->client_id, '7', CLIENT_ID_LENGTH);
    memset(item->hash, '7', HASH_LENGTH);
    ck_assert(index_claim(other, &batch));
    ck_assert_int_eq(item->error, ERROR_EMAIL_TAKEN);
    expect_fold(&history, "after the claim");
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
    batch_close(&batch);
    index_close(other);
}
END_TEST

/* An audit as the worker makes it, of a group with this offset in partition 0, and this nonce of its commit. */
static enum audit_result audit_at(int64_t committed, int64_t nonce, struct audit_gap *gap)
{
    struct kafka_progress progress = {0};
    enum audit_result result = AUDIT_AHEAD;
    offsets_set(&progress.committed, 0, committed);
    offsets_set(&progress.nonces, 0, nonce);
    for (int round = 0; round < 2 && result == AUDIT_AHEAD; round++) {
        if (round > 0)
            kafka_progress_repeat(&progress, gap);
        result = index_audit(the_index, &progress, &scratch, gap);
    }
    kafka_progress_free(&progress);
    return result;
}

static bool holds_claimed(const char *value)
{
    redisReply *reply = redisCommand(aside, "GET client-intake:claimed:clients.commands/0");
    const bool same =
        value ? reply->type == REDIS_REPLY_STRING && strcmp(reply->str, value) == 0 : reply->type == REDIS_REPLY_NIL;
    freeReplyObject(reply);
    return same;
}

/* Redis is back from an old file, and the group's offset was set back behind its checkpoint, or to it, or is gone with
 * a topic that was deleted. */
START_TEST(a_loss_shows_although_the_offsets_went_back)
{
    static const struct {
        int64_t committed, nonce;
        const char *checkpoint;
        const char *claimed, *claimed_then; /* what was claimed before the offset of the checkpoint is committed */
    } rows[] = {{50, 78, "50,100,78,", "100", NULL},          {50, 78, "50,100,78,", "101", "101"},
                {0, OFFSET_NONE, "0,100 ", "100", NULL},      {OFFSET_NONE, OFFSET_NONE, "0,100 ", "101", NULL},
                {100, OFFSET_NONE, "100,100 ", "100", "100"}, {100, 78, "100,100,78,", "100", "100"}};
    struct history history = {.events = {{.client = 0, .email = 0, .partition = 0, .source = 99},
                                         {.client = 4, .email = 1, .partition = 0, .source = 10}},
                              .count = 2};
    int places[PARTITIONS] = {0, 1, 2, 3};
    struct audit_gap gap = {0};
    char why[512];
    struct history earlier = history;
    earlier.count = 1;
    open_case(case_name((uint64_t)_i, "ahead"), 100);
    ask("FLUSHALL");
    ask("SET client-intake:epoch 0123456789abcdef0123456789abcdef");
    put_index(&earlier);
    freeReplyObject(redisCommand(aside, "SET client-intake:checkpoint:clients.commands/0 %s", "100,100,77 1"));
    freeReplyObject(redisCommand(aside, "SET client-intake:claimed:clients.commands/0 %s", rows[_i].claimed));
    produce(&history, 0, 2, places);
    /* Nothing tells what an offset that is gone stood for, so all is rebuilt then. */
    bool whole = rows[_i].committed == OFFSET_NONE;
    ck_assert_int_eq(audit_at(rows[_i].committed, rows[_i].nonce, &gap), whole ? AUDIT_LOST : AUDIT_BEHIND);

    struct offsets committed = {0};
    offsets_set(&committed, 0, rows[_i].committed);
    ck_assert_int_eq(
        index_rebuild(the_index, &committed, whole ? NULL : &gap, &scratch, patient, NULL, why, sizeof(why)),
        REBUILD_DONE);
    offsets_free(&committed);
    expect_fold(&history, "ahead");
    redisReply *reply = redisCommand(aside, "GET client-intake:checkpoint:clients.commands/0");
    ck_assert_msg(strncmp(reply->str, rows[_i].checkpoint, strlen(rows[_i].checkpoint)) == 0, "%s", reply->str);
    freeReplyObject(reply);
    ck_assert(holds_claimed(rows[_i].claimed_then));
    ck_assert_int_eq(audit_at(rows[_i].committed, rows[_i].nonce, &gap), AUDIT_FINE);
    audit_gap_free(&gap);
    close_case();
}
END_TEST

/* ---- definitions, which are synced in the same way ---- */

/* The time goes back within the first partition: the last message of each partition counts, not any two messages. */
START_TEST(the_last_definitions_do_not_depend_on_the_order_of_partitions)
{
    static const struct {
        int32_t partition;
        int64_t timestamp_ms;
    } sent[] = {{0, 10000}, {0, 5000}, {1, 7000}};
    static const size_t orders[][3] = {{0, 1, 2}, {0, 2, 1}, {2, 0, 1}};
    rd_kafka_message_t *messages[3] = {NULL}, *message;
    char why[512];
    size_t count = 0;
    enum topic_reading reading;
    open_case("definitions", 100);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(config->records.topic),
                                           RD_KAFKA_V_PARTITION(sent[i].partition), RD_KAFKA_V_KEY("acme", 4),
                                           RD_KAFKA_V_VALUE("[]", 2), RD_KAFKA_V_TIMESTAMP(sent[i].timestamp_ms),
                                           RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(producer, 60000), RD_KAFKA_RESP_ERR_NO_ERROR);
    struct topic_reader *reader = topic_reader_open(config, config->records.topic, 3000, why, sizeof(why));
    ck_assert_msg(reader != NULL, "%s", why);
    while ((reading = topic_reader_next(reader, &message, why, sizeof(why))) != TOPIC_END) {
        ck_assert_int_ne(reading, TOPIC_FAILED);
        if (message)
            messages[message->partition == 1 ? 2 : message->offset] = message;
        count += message != NULL;
    }
    ck_assert_uint_eq(count, 3);
    for (size_t order = 0; order < 3; order++) {
        struct definitions_history *history = definitions_history_new();
        for (size_t i = 0; i < 3; i++)
            definitions_history_note(history, messages[orders[order][i]]);
        ck_assert_msg(definitions_history_is_last(history, messages[2]), "order %zu", order);
        definitions_history_free(history);
    }
    for (size_t i = 0; i < 3; i++)
        rd_kafka_message_destroy(messages[i]);
    topic_reader_close(reader);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rebuild");
    TCase *whole = add_case(suite, "whole");
    tcase_add_test(whole, a_whole_rebuild_is_the_fold_of_the_topic);
    TCase *part = add_case(suite, "part");
    tcase_add_test(part, a_part_rebuild_ends_as_a_whole_one);
    TCase *once = add_case(suite, "wrong once");
    tcase_add_test(once, the_email_of_a_removed_client_belongs_to_the_one_that_took_it);
    tcase_add_test(once, what_is_in_the_record_topic_was_committed);
    tcase_add_test(once, a_part_of_another_record_topic_becomes_a_whole_rebuild);
    tcase_add_loop_test(once, a_loss_shows_although_the_offsets_went_back, 0, 6);
    tcase_add_test(once, the_last_definitions_do_not_depend_on_the_order_of_partitions);
    return side_by_side(suite, (const char *const[]){"whole", "part", "wrong once", NULL});
}

/* A rebuild of Redis that others disturb: keys that hold something else, a log that becomes shorter, another rebuilder,
 * and definitions that are put meanwhile. */
#include <unistd.h>

#include "common/clock.h"
#include "common/failpoint.h"
#include "tests/embedded/rebuild_stage.h"
#include "tests/embedded/side_by_side.h"
#include "tests/lib/quick_client.h"
#include "worker/commands/command.h"
#include "worker/definitions/definitions_sync.h"
#include "worker/index/rebuild_lock.h"
#include "worker/kafka/topic_reader.h"

/* ---- keys of another type, which another hand has put there ---- */

START_TEST(keys_of_another_type_do_not_stop_a_rebuild)
{
    struct history history = {.events = {{.client = 0, .email = 0, .partition = 2, .source = 500},
                                         {.client = 1, .email = 1, .partition = 2, .source = 501}},
                              .count = 2};
    int places[PARTITIONS] = {0, 1, 2, 3};
    char command[128], id[64];
    open_case("types", 100);
    ask("FLUSHALL");
    id_of(1, id);
    snprintf(command, sizeof(command), "HSET client:{acme}:%s a b", id);
    ask(command);
    ask("HSET client-email:{acme}:e0@example.com a b");
    ask("HSET client-email:{acme}:e3@example.com a b");
    ask("HSET client:{acme}:unknown a b");
    produce(&history, 0, history.count, places);
    audit();
    rebuild(NULL, "keys of another type");
    expect_fold(&history, "keys of another type");
}
END_TEST

/* ---- keys that hold something else, each met by a worker that claims ---- */

enum { FOREIGN_KEYS = 9, FOREIGN_CONTENTS = 5, FOREIGN_COMMANDS = 3, FOREIGN_ROUNDS = 8 };

/* Every key that the program reads before a claim stands, and the loss that makes it read the last two. */
static const struct foreign_key {
    const char *key, *before;
} foreign_keys[FOREIGN_KEYS] = {
    {"client:{acme}:00000000-0000-5000-8000-000000000000", NULL},
    {"client-email:{acme}:e0@example.com", NULL},
    {"client-intake:epoch", NULL},
    {"client-intake:owner:clients.commands/0", NULL},
    {"client-intake:checkpoint:clients.commands/0", "DEL client-intake:owner:clients.commands/0"},
    {"client-intake:definitions", "DEL client-intake:owner:clients.commands/0"},
    {"client-intake:shared-emails", "DEL client-intake:checkpoint:clients.commands/0"},
    {"client-intake:nothing", NULL},
    {"client-intake:rebuild", "DEL client-intake:epoch"},
};
/* Another type, a text that does not parse, none, and one that is larger than the worker's memory for a batch. */
static const struct {
    const char *command, *rest;
} foreign_contents[FOREIGN_CONTENTS] = {
    {"HSET", "a b"}, {"LPUSH", "a"}, {"SET", "nonsense"}, {"SETRANGE", "99999999 x"}, {"SETRANGE", "20 x"}};

static void put_item(struct batch *batch, int client, enum outcome outcome)
{
    char id[64];
    struct item *item = &batch->items[batch->count++];
    *item = (struct item){.from = {"clients.commands", 0, 2000, 0},
                          .position = SPAN("clients.commands/0/2000"),
                          .workspace = SPAN("acme"),
                          .command_id = SPAN("x"),
                          .has_identity = true,
                          .email_key = SPAN("e0@example.com"),
                          .record = SPAN("{\"email\":\"e0@example.com\"}")};
    id_of(client, id);
    memcpy(item->client_id, id, CLIENT_ID_LENGTH);
    memcpy(item->hash, hash, HASH_LENGTH);
    if (outcome == OUTCOME_REJECTED)
        item_reject(item, ERROR_VALIDATION_FAILED, SPAN("1 value is not valid"));
}

/* One try of a worker: an audit, if that is due, the rebuild that it asks for, and the claims. */
static bool worker_round(struct batch *batch)
{
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    char why[512];
    bool claimed = false;
    if (!index_connect(the_index))
        return false;
    offsets_set(&progress.committed, 0, 1);
    offsets_set(&progress.nonces, 0, 7);
    progress.is_repeated = true; /* one round is enough: nobody else is there */
    offsets_set(&progress.definition_ends, 0, 1);
    enum rebuild_result rebuilt = REBUILD_DONE;
    enum audit_result result =
        index_is_verified(the_index) ? AUDIT_FINE : index_audit(the_index, &progress, &scratch, &gap);
    if (result == AUDIT_FINE)
        claimed = (index_is_verified(the_index) || index_take(the_index, (const int32_t[]){0}, 1, &scratch)) &&
                  index_claim(the_index, batch) && index_confirm(the_index, batch);
    else if (result == AUDIT_LOST || result == AUDIT_BEHIND)
        rebuilt = index_rebuild(the_index, &progress.committed, result == AUDIT_LOST ? NULL : &gap, &scratch, patient,
                                NULL, why, sizeof(why));
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
    return claimed && rebuilt == REBUILD_DONE;
}

/* A command again, the same when it is not valid any more, or another one with its email. */
static void claim_as_a_worker(int command, const char *what)
{
    static const struct {
        int client;
        enum outcome outcome, wanted;
    } foreign_commands[FOREIGN_COMMANDS] = {{0, OUTCOME_UNDECIDED, OUTCOME_DUPLICATE},
                                            {0, OUTCOME_REJECTED, OUTCOME_DUPLICATE},
                                            {7, OUTCOME_UNDECIDED, OUTCOME_REJECTED}};
    struct batch batch;
    int rounds = 0;
    bool claimed = false;
    ck_assert_int_eq(batch_open(&batch, 10, 1 << 20, 1 << 16), 0);
    for (; rounds < FOREIGN_ROUNDS && !claimed; rounds++) {
        batch_reset(&batch);
        put_item(&batch, foreign_commands[command].client, foreign_commands[command].outcome);
        claimed = worker_round(&batch);
    }
    ck_assert_msg(claimed, "command %d is not answered: %s", command, what);
    ck_assert_msg(batch.items[0].outcome == foreign_commands[command].wanted, "command %d: %s", command, what);
    if (foreign_commands[command].wanted == OUTCOME_REJECTED)
        ck_assert_int_eq(batch.items[0].error, ERROR_EMAIL_TAKEN);
    batch_close(&batch);
}

static void produce_definitions(void)
{
    ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("clients.definitions"), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_KEY("acme", 4), RD_KAFKA_V_VALUE("[]", 2), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

START_TEST(a_key_that_holds_something_else_stops_no_worker_and_changes_no_verdict)
{
    struct history history = {.events = {{.client = 0, .email = 0, .partition = 2, .source = 500},
                                         {.client = 1, .email = 1, .partition = 2, .source = 501}},
                              .count = 2};
    int places[PARTITIONS] = {0, 1, 2, 3};
    const struct foreign_key *row = &foreign_keys[_i];
    char command[128];
    open_case(case_name((uint64_t)_i, "foreign"), 100);
    ask("FLUSHALL");
    produce(&history, 0, history.count, places);
    produce_definitions();
    claim_as_a_worker(0, "before");
    for (int content = 0; content < FOREIGN_CONTENTS; content++) {
        for (int i = 0; i < FOREIGN_COMMANDS; i++) {
            snprintf(command, sizeof(command), "DEL %s", row->key);
            ask(command);
            snprintf(command, sizeof(command), "%s %s %s", foreign_contents[content].command, row->key,
                     foreign_contents[content].rest);
            ask(command);
            if (row->before)
                ask(row->before);
            claim_as_a_worker(i, command);
        }
    }
    ask("DEL client-intake:epoch"); /* what no command met is repaired by a rebuild */
    claim_as_a_worker(0, "after");
    expect_fold(&history, row->key);
}
END_TEST

/* A first start: the record topic does not exist before the first client. Then Redis is all that there is, and only
 * what is not a client of ours is removed. */
START_TEST(a_key_that_holds_something_else_stops_no_worker_before_there_is_a_record_topic)
{
    struct history history = {.events = {{.client = 5, .email = 3, .partition = 1, .source = 400}}, .count = 1};
    struct batch batch;
    bool claimed = false;
    open_case("first", 100);
    struct config with_topic = *config;
    with_topic.records.topic = "nowhere";
    rd_kafka_mock_topic_set_error(broker.cluster, "nowhere", RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
    struct config *of_case = config;
    config = &with_topic;
    index_close(the_index);
    the_index = index_open(config);
    ask("FLUSHALL");
    put_index(&history);
    produce_definitions();
    ask("HSET client:{acme}:00000000-0000-5000-8000-000000000000 a b");
    ask("SET client-email:{acme}:e0@example.com nonsense");
    ask("SET client-intake:epoch 0123456789abcdef0123456789abcdef");
    ask("SET client-intake:checkpoint:clients.commands/0 1,1 ");
    ck_assert_int_eq(batch_open(&batch, 10, 1 << 20, 1 << 16), 0);
    for (int rounds = 0; rounds < FOREIGN_ROUNDS && !claimed; rounds++) {
        batch_reset(&batch);
        put_item(&batch, 0, OUTCOME_UNDECIDED);
        claimed = worker_round(&batch);
    }
    ck_assert(claimed);
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
    redisReply *reply = redisCommand(aside, "EXISTS client-email:{acme}:e3@example.com");
    ck_assert_int_eq(reply->integer, 1);
    freeReplyObject(reply);
    batch_close(&batch);
    config = of_case;
}
END_TEST

/* ---- a log that becomes shorter while it is read ---- */

static void produce_some(const char *servers, int count)
{
    char why[512];
    rd_kafka_conf_t *conf = quick_client_conf();
    rd_kafka_conf_set(conf, "bootstrap.servers", servers, NULL, 0);
    rd_kafka_t *sender = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(sender != NULL, "%s", why);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(rd_kafka_producev(sender, RD_KAFKA_V_TOPIC(config->records.topic), RD_KAFKA_V_PARTITION(0),
                                           RD_KAFKA_V_VALUE("{}", 2), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(sender, 60000), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_destroy(sender);
}

/* What the reader awaits never comes, as from an open transaction. Meanwhile the topic is, for new questions, the one
 * of another cluster: the log after an unclean election, or a topic that was deleted and created again. */
static const struct {
    int partitions, messages;
    enum topic_reading reading;
} later_logs[] = {{PARTITIONS, 3, TOPIC_PAUSE},
                  {PARTITIONS, 2, TOPIC_FAILED},
                  {PARTITIONS, 0, TOPIC_FAILED},
                  {PARTITIONS - 1, 3, TOPIC_FAILED}};

START_TEST(an_end_that_cannot_be_reached_any_more_is_not_awaited)
{
    enum { FETCH = 1, WAIT_MS = 300, SOME_PAUSES = 30, MANY_PAUSES = 600 };
    char why[512] = "", servers[256];
    struct embedded_broker later;
    rd_kafka_message_t *message;
    open_case("shorter", 100);
    produce_some(broker.address, 3);
    ck_assert(embedded_broker_start(&later, 1, why, sizeof(why)));
    ck_assert(embedded_broker_topic(&later, config->records.topic, later_logs[_i].partitions));
    if (later_logs[_i].messages > 0)
        produce_some(later.address, later_logs[_i].messages);
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", later.address);
    struct config *elsewhere =
        config_read(&(struct config_sources){.path = NULL, .settings = (const char *[]){servers, NULL}});
    ck_assert_ptr_nonnull(elsewhere);

    struct config moving = *config;
    for (int i = 0; i < 1000; i++)
        rd_kafka_mock_push_request_errors(broker.cluster, FETCH, 1, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION);
    struct topic_reader *reader = topic_reader_open(&moving, config->records.topic, WAIT_MS, why, sizeof(why));
    ck_assert_msg(reader != NULL, "%s", why);
    ck_assert_msg(topic_reader_await_open(reader, NULL, why, sizeof(why)), "%s", why);
    moving = *elsewhere;
    enum topic_reading reading = TOPIC_PAUSE;
    int most = later_logs[_i].reading == TOPIC_PAUSE ? SOME_PAUSES : MANY_PAUSES;
    for (int i = 0; i < most && reading == TOPIC_PAUSE; i++)
        reading = topic_reader_next(reader, &message, why, sizeof(why));
    ck_assert_int_eq(reading, later_logs[_i].reading);
    ck_assert(reading != TOPIC_FAILED || strstr(why, config->records.topic) != NULL);
    topic_reader_close(reader);
    config_free(elsewhere);
    embedded_broker_stop(&later);
}
END_TEST

/* The lock lives for half a minute, and a query for each partition would take longer than that. */
START_TEST(a_thousand_partitions_on_a_slow_broker_do_not_outlive_the_lock)
{
    enum { MANY = 1000, SLOW_MS = 200 };
    static char name[] = "wide";
    static char value[] = "{\"id\":\"00000001-0000-5000-8000-000000000000\"}";
    char why[512] = "";
    struct offsets committed = {0};
    open_case("narrow", 100);
    ck_assert(embedded_broker_topic(&broker, "wide", MANY));
    struct config wide = *config;
    wide.records.topic = name;
    ask("FLUSHALL");
    index_close(the_index);
    the_index = index_open(&wide);
    ck_assert(index_connect(the_index));
    ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC("wide"), RD_KAFKA_V_PARTITION(MANY - 1),
                                       RD_KAFKA_V_KEY("acme/one", 8), RD_KAFKA_V_VALUE(value, sizeof(value) - 1),
                                       RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(producer, 60000), RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_mock_broker_set_rtt(broker.cluster, 1, SLOW_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    audit();
    const int64_t began_ms = clock_now_ms();
    ck_assert_msg(index_rebuild(the_index, &committed, NULL, &scratch, patient, NULL, why, sizeof(why)) == REBUILD_DONE,
                  "%s", why);
    ck_assert_int_lt(clock_now_ms() - began_ms, REBUILD_LOCK_LIFE_MS);
    rd_kafka_mock_broker_set_rtt(broker.cluster, 1, 0);
    index_close(the_index);
    the_index = NULL;
    offsets_free(&committed);
}
END_TEST

/* ---- a rebuilder that was taken for dead ---- */

static enum failpoint when;
static const char *what;
static void (*meanwhile)(void);

void failpoint(enum failpoint point)
{
    void (*happens)(void) = meanwhile;
    if (happens && point == when) {
        meanwhile = NULL;
        happens();
    }
    if (!what || point != when)
        return;
    const char *command = what;
    what = NULL;
    ask(command);
}

static const struct {
    enum failpoint when;
    const char *what;
} takeovers[] = {
    {FAILPOINT_REBUILD_BEGUN, "SET client-intake:rebuild another"},
    {FAILPOINT_REBUILD_HALF, "SET client-intake:rebuild another"},
    {FAILPOINT_REBUILD_BEFORE_END, "SET client-intake:rebuild another"},
    {FAILPOINT_REBUILD_BEFORE_END, "DEL client-intake:rebuild"},
    {FAILPOINT_REBUILD_BEFORE_END, "FLUSHALL"},
};

static void expect_failure(const struct audit_gap *gap)
{
    char why[512];
    struct offsets committed = {0};
    for (int i = 0; i < PARTITIONS; i++)
        offsets_set(&committed, i, 1000);
    ck_assert_int_eq(index_rebuild(the_index, &committed, gap, &scratch, patient, NULL, why, sizeof(why)),
                     REBUILD_FAILED);
    offsets_free(&committed);
}

static bool exists(const char *pattern)
{
    redisReply *keys = redisCommand(aside, "KEYS %s", pattern);
    bool some = keys->elements > 0;
    freeReplyObject(keys);
    return some;
}

START_TEST(a_rebuilder_that_lost_its_lock_writes_no_marks)
{
    struct history history = {.events = {{.client = 0, .email = 0, .partition = 2, .source = 500}}, .count = 1};
    struct audit_gap gap = {.records_behind = true, .definitions_behind = true};
    int places[PARTITIONS] = {0, 1, 2, 3};
    bool whole = _i % 2 == 0;
    open_case("lost", 100);
    ask("FLUSHALL");
    if (!whole)
        ask("SET client-intake:epoch 0123456789abcdef0123456789abcdef");
    produce(&history, 0, 1, places);
    audit();
    when = takeovers[_i / 2].when;
    what = takeovers[_i / 2].what;
    if (!whole && when == FAILPOINT_REBUILD_BEGUN)
        return;
    expect_failure(whole ? NULL : &gap);
    ck_assert_ptr_null(what);
    ck_assert(!exists("client-intake:checkpoint:*"));
    ck_assert(!exists("client-intake:definitions"));
    ck_assert(!whole || !exists("client-intake:epoch"));
    if (when == FAILPOINT_REBUILD_BEGUN)
        ck_assert(!exists("client:{*")); /* nor clients */
}
END_TEST

/* Nor does a part that another loss, or another server, came between. */
static const char *const losses[] = {"DEL client-intake:epoch", "SET client-intake:epoch another"};

START_TEST(a_part_writes_no_marks_on_other_data)
{
    struct audit_gap gap = {.records_behind = true, .definitions_behind = true};
    open_case("other", 100);
    ask("FLUSHALL");
    ask("SET client-intake:epoch 0123456789abcdef0123456789abcdef");
    audit();
    when = FAILPOINT_REBUILD_BEFORE_END;
    what = losses[_i];
    expect_failure(&gap);
    ck_assert(!exists("client-intake:checkpoint:*"));
    ck_assert(!exists("client-intake:definitions"));
}
END_TEST

/* ---- a sync that stalls between what it has read and what it writes ---- */

#define OLDER "[{\"key\":\"older\",\"type\":\"text\"}]"
#define NEWER "[{\"key\":\"newer\",\"type\":\"text\"}]"

static bool has_stalled;

static void append_definitions(const char *value)
{
    ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(config->definitions.topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("acme", 4),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value ? strlen(value) : 0),
                                       RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

static void put_definitions(const char *value)
{
    append_definitions(value);
    freeReplyObject(value ? redisCommand(aside, "SET custom-fields:{acme} %s", value)
                          : redisCommand(aside, "DEL custom-fields:{acme}"));
    has_stalled = true;
}

static void newer_are_put(void)
{
    put_definitions(NEWER);
}

static void they_are_removed(void)
{
    put_definitions(NULL);
}

/* Redis is flushed as well, so that all that is left of the newer ones is their message. */
static void newer_are_put_and_lost(void)
{
    put_definitions(NEWER);
    ask("FLUSHALL");
}

/* The process ends after the write that the stall was before. */
static bool until_the_stall(void *listener, int64_t done, int64_t total)
{
    (void)listener, (void)done, (void)total;
    return !has_stalled;
}

static const struct {
    enum definitions_sync_mode mode;
    bool has_others; /* Redis holds definitions that are in no topic */
    void (*meanwhile)(void);
    const char *unwanted; /* what Redis must not hold then; NULL: anything */
} stalls[] = {
    {SYNC_ALL, false, newer_are_put, OLDER},
    {SYNC_ALL, true, newer_are_put, OLDER},
    {SYNC_ALL, true, they_are_removed, NULL},
    {SYNC_MISSING, false, they_are_removed, NULL},
    {SYNC_SINCE, true, newer_are_put, OLDER},
    {SYNC_SINCE, true, they_are_removed, NULL},
    {SYNC_MISSING, false, newer_are_put_and_lost, OLDER},
    {SYNC_ALL, false, newer_are_put_and_lost, OLDER},
};

START_TEST(a_sync_that_stalled_writes_nothing_older_than_the_topic)
{
    char why[512], topic[64];
    struct definitions_sync_result result;
    struct offsets range = {0};
    open_case(case_name((uint64_t)_i, "stall"), 100);
    snprintf(topic, sizeof(topic), "definitions.%d", _i);
    ck_assert(embedded_broker_topic(&broker, topic, 1));
    struct config with_topic = *config;
    with_topic.definitions.topic = topic;
    struct config *of_case = config;
    config = &with_topic;
    ask("FLUSHALL");
    put_definitions(OLDER);
    ask(stalls[_i].has_others ? "SET custom-fields:{acme} []" : "FLUSHALL");
    has_stalled = false;
    when = FAILPOINT_REBUILD_DEFINITIONS;
    meanwhile = stalls[_i].meanwhile;
    (void)!definitions_sync(config, stalls[_i].mode, &range, until_the_stall, NULL, &result, why, sizeof(why));
    ck_assert(has_stalled);
    redisReply *reply = redisCommand(aside, "GET custom-fields:{acme}");
    const char *found = reply->type == REDIS_REPLY_STRING ? reply->str : NULL;
    ck_assert_msg(!found || (stalls[_i].unwanted && strcmp(found, stalls[_i].unwanted) != 0), "Redis holds %s", found);
    freeReplyObject(reply);

    /* One that is not interrupted ends with what the topic says. */
    ck_assert_msg(definitions_sync(config, SYNC_ALL, NULL, NULL, NULL, &result, why, sizeof(why)), "%s", why);
    reply = redisCommand(aside, "GET custom-fields:{acme}");
    if (stalls[_i].unwanted)
        ck_assert_str_eq(reply->str, NEWER);
    else
        ck_assert_int_eq(reply->type, REDIS_REPLY_NIL);
    freeReplyObject(reply);
    offsets_free(&range);
    config = of_case;
}
END_TEST

/* Another writer puts what Redis still has from before, and dies behind its message. A program that compares Redis with
 * the topic finds nothing to do, until the put that stalled writes: so that one has to look again. */
static void newer_are_appended(void)
{
    append_definitions(NEWER);
    has_stalled = true;
}

START_TEST(a_put_that_stalled_ends_with_the_last_of_the_topic)
{
    char path[] = "/tmp/client-intake-put-XXXXXX", topic[] = "definitions.put";
    const int file = mkstemp(path);
    ck_assert_int_eq(write(file, OLDER, strlen(OLDER)), strlen(OLDER));
    close(file);
    open_case("put", 100);
    ck_assert(embedded_broker_topic(&broker, topic, 1));
    struct config with_topic = *config;
    with_topic.definitions.topic = topic;
    struct config *of_case = config;
    config = &with_topic;
    put_definitions(NEWER);
    has_stalled = false;
    when = FAILPOINT_PUT_READ;
    meanwhile = newer_are_appended;
    ck_assert_int_eq(command_definitions(4, (char *[]){"definitions", "put", "acme", path, NULL}, config), COMMAND_OK);
    ck_assert(has_stalled);
    redisReply *reply = redisCommand(aside, "GET custom-fields:{acme}");
    ck_assert_str_eq(reply->str, NEWER);
    freeReplyObject(reply);
    unlink(path);
    config = of_case;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rebuild, disturbed");
    TCase *foreign = add_case(suite, "foreign keys");
    tcase_add_test(foreign, keys_of_another_type_do_not_stop_a_rebuild);
    for (int third = 0; third < 3; third++) {
        static const char *const names[] = {"some foreign keys", "more foreign keys", "other foreign keys"};
        tcase_add_loop_test(add_case(suite, names[third]),
                            a_key_that_holds_something_else_stops_no_worker_and_changes_no_verdict,
                            FOREIGN_KEYS * third / 3, FOREIGN_KEYS * (third + 1) / 3);
    }
    tcase_add_test(foreign, a_key_that_holds_something_else_stops_no_worker_before_there_is_a_record_topic);
    TCase *shorter = add_case(suite, "shorter");
    tcase_add_loop_test(shorter, an_end_that_cannot_be_reached_any_more_is_not_awaited, 0,
                        sizeof(later_logs) / sizeof(later_logs[0]));
    TCase *slow = add_case(suite, "slow");
    tcase_add_test(slow, a_thousand_partitions_on_a_slow_broker_do_not_outlive_the_lock);
    TCase *takeover = add_case(suite, "takeover");
    tcase_add_loop_test(takeover, a_rebuilder_that_lost_its_lock_writes_no_marks, 0,
                        2 * sizeof(takeovers) / sizeof(takeovers[0]));
    TCase *parts = add_case(suite, "parts");
    tcase_add_loop_test(parts, a_part_writes_no_marks_on_other_data, 0, 2);
    TCase *stalled = add_case(suite, "stalled");
    tcase_add_loop_test(stalled, a_sync_that_stalled_writes_nothing_older_than_the_topic, 0,
                        sizeof(stalls) / sizeof(stalls[0]));
    tcase_add_test(stalled, a_put_that_stalled_ends_with_the_last_of_the_topic);
    return side_by_side(suite, (const char *const[]){"foreign keys", "some foreign keys", "more foreign keys",
                                                     "other foreign keys", "shorter", "slow", "takeover", "parts",
                                                     "stalled", NULL});
}

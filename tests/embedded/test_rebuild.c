/* The rebuild of Redis from the record topic: whatever the order in which its partitions are read, the end is the fold
 * of the topic, which this test writes down on its own. Random histories: clients are created, removed and created
 * again, emails are used again, records are rewritten, partitions are added, two clients share an email.
 *
 * REBUILD_SEED=number repeats one history, REBUILD_SEEDS=count says how many are tried; CK_RUN_CASE=whole or part tries
 * nothing else. */
#include <check.h>
#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/failpoint.h"
#include "common/folder.h"
#include "common/stop.h"
#include "tests/embedded/side_by_side.h"
#include "worker/commands/embedded_broker.h"
#include "worker/commands/private_redis.h"
#include "worker/definitions/definitions_history.h"
#include "worker/definitions/definitions_sync.h"
#include "worker/index/index_audit.h"
#include "worker/kafka/topic_reader.h"

#define PARTITIONS 4
#define CLIENTS    9
#define EMAILS     4
#define EVENTS     60
#define SEEDS      10
#define RECORD     512
#define LINE       1024

static char folder[512];
static struct embedded_broker broker;
static struct private_redis redis;
static redisContext *aside;
static struct config *config;
static struct index *the_index;
static struct arena scratch;
static rd_kafka_t *producer;

static bool patient(void *listener)
{
    (void)listener;
    return true;
}

/* ---- the fixture ---- */

static void open_all(void)
{
    char why[512];
    stop_on_signals();
    ck_assert(folder_make_temporary("client-intake-rebuild", folder, sizeof(folder)));
    ck_assert_msg(embedded_broker_start(&broker, 1, why, sizeof(why)), "%s", why);
    ck_assert_msg(private_redis_start(&redis, folder, why, sizeof(why)), "%s", why);
    ck_assert(embedded_broker_topic(&broker, "clients.commands", PARTITIONS));
    ck_assert(embedded_broker_topic(&broker, "clients.definitions", 1));
    aside = redisConnectUnix(redis.address + strlen("unix:"));
    ck_assert_int_eq(aside->err, 0);
    ck_assert_int_eq(arena_open(&scratch, 64 << 20), 0);
}

static void close_case(void)
{
    index_close(the_index);
    the_index = NULL;
    config_free(config);
    config = NULL;
    if (producer)
        rd_kafka_destroy(producer);
    producer = NULL;
}

static void close_all(void)
{
    close_case();
    arena_close(&scratch);
    redisFree(aside);
    private_redis_stop(&redis);
    embedded_broker_stop(&broker);
    folder_remove(folder);
}

/* An index and a record topic of its own; messages go out in batches of `at_once`, which decides how the reader gets
 * them mixed. */
static void open_case(const char *name, int at_once)
{
    char servers[256], address[640], topic[256], why[512], batch[16];
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", broker.address);
    snprintf(address, sizeof(address), "redis.address=%s", redis.address);
    snprintf(topic, sizeof(topic), "records.topic=%s", name);
    const char *settings[] = {servers, address, topic, "log.level=error", "kafka.consumer.fetch.wait.max.ms=10", NULL};
    config = config_read(&(struct config_sources){.path = NULL, .settings = settings});
    ck_assert_ptr_nonnull(config);
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert(embedded_broker_topic(&broker, name, PARTITIONS));
    the_index = index_open(config);
    ck_assert(index_connect(the_index));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    snprintf(batch, sizeof(batch), "%d", at_once);
    rd_kafka_conf_set(conf, "bootstrap.servers", broker.address, NULL, 0);
    rd_kafka_conf_set(conf, "batch.num.messages", batch, NULL, 0);
    rd_kafka_conf_set(conf, "linger.ms", "5", NULL, 0);
    rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(producer != NULL, "%s", why);
}

static void ask(const char *command)
{
    redisReply *reply = redisCommand(aside, command);
    ck_assert_msg(reply && reply->type != REDIS_REPLY_ERROR, "%s: %s", command, reply ? reply->str : aside->errstr);
    freeReplyObject(reply);
}

/* ---- a history ---- */

struct event {
    int client;
    int email; /* -1: a tombstone */
    int partition;
    int64_t timestamp_ms;
    int64_t source; /* offset of the command */
    int created;    /* minute of createdAt */
};

struct history {
    struct event events[EVENTS];
    int count;
};

static uint64_t random_state;

static unsigned draw(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % limit);
}

static const struct event *last_of(const struct history *history, int client)
{
    for (int i = history->count - 1; i >= 0; i--)
        if (history->events[i].client == client)
            return &history->events[i];
    return NULL;
}

static bool is_alive_with(const struct history *history, int client, int email)
{
    const struct event *last = last_of(history, client);
    return last && last->email >= 0 && (email < 0 || last->email == email);
}

static bool is_free(const struct history *history, int email)
{
    for (int i = 0; i < CLIENTS; i++)
        if (is_alive_with(history, i, email))
            return false;
    return true;
}

/* `lawful`: as the worker and an owner who removes clients make it. Otherwise records are rewritten, too, and emails
 * shared, as another hand may do. Half way partitions are added, so that a client's later messages may be in another
 * one. */
static void invent(struct history *history, bool lawful)
{
    int homes[2][CLIENTS];
    history->count = 0;
    for (int i = 0; i < CLIENTS; i++) {
        homes[0][i] = (int)draw(PARTITIONS);
        homes[1][i] = draw(3) > 0 ? homes[0][i] : (int)draw(PARTITIONS);
    }
    int wanted = 5 + (int)draw(EVENTS - 5);
    for (int step = 0; step < 20 * EVENTS && history->count < wanted; step++) {
        int client = (int)draw(CLIENTS), email = (int)draw(EMAILS);
        if (is_alive_with(history, client, -1)) {
            if (lawful || draw(2) == 0)
                email = -1;
        } else if (lawful && !is_free(history, email)) {
            continue;
        } else if (draw(12) == 0) {
            email = -1; /* the tombstone of one that is not there */
        }
        history->events[history->count] = (struct event){.client = client,
                                                         .email = email,
                                                         .partition = homes[history->count > wanted / 2][client],
                                                         .timestamp_ms = 1700000000000 + 1000 * history->count,
                                                         .source = history->count,
                                                         .created = (int)draw(8)};
        history->count++;
    }
}

static void id_of(int client, char id[64])
{
    snprintf(id, 64, "%08d-0000-5000-8000-000000000000", client);
}

static void source_of(const struct event *event, char source[64])
{
    snprintf(source, 64, "clients.commands/%d/%lld", event->client % PARTITIONS, (long long)event->source);
}

static void record_of(const struct event *event, char record[RECORD])
{
    char id[64];
    id_of(event->client, id);
    snprintf(
        record, RECORD,
        "{\"id\":\"%s\",\"object\":\"client\",\"createdAt\":\"2026-11-23T06:%02d:00.123Z\",\"email\":\"E%d@example."
        "com\"}",
        id, event->created, event->email);
}

static const char hash[] = "0123456789abcdef0123456789abcdef";

/* `places`: the partitions' numbers, in which the order of reading lies. */
static void produce(const struct history *history, int from, int to, const int *places)
{
    for (int i = from; i < to; i++) {
        const struct event *event = &history->events[i];
        char id[64], key[128], record[RECORD], source[64];
        id_of(event->client, id);
        source_of(event, source);
        record_of(event, record);
        char *value = event->email >= 0 ? record : NULL;
        int length = snprintf(key, sizeof(key), "acme/%s", id);
        rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
        rd_kafka_header_add(headers, "command-hash", -1, hash, -1);
        rd_kafka_header_add(headers, "source", -1, source, -1);
        rd_kafka_resp_err_t code =
            rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(config->records.topic),
                              RD_KAFKA_V_PARTITION(places[event->partition]), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                              RD_KAFKA_V_KEY(key, (size_t)length), RD_KAFKA_V_VALUE(value, value ? strlen(value) : 0),
                              RD_KAFKA_V_TIMESTAMP(event->timestamp_ms), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
        ck_assert_msg(code == RD_KAFKA_RESP_ERR_NO_ERROR, "%s", rd_kafka_err2str(code));
    }
    ck_assert_int_eq(rd_kafka_flush(producer, 60000), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* ---- the fold: what Redis must hold ---- */

struct dump {
    char lines[CLIENTS + EMAILS + 64][LINE]; /* "key value", in order */
    int count;
};

/* Of two living clients with one email the one that was created later has it; then the one of the later command (by
 * partition and offset, as text of equal length sorts); then the greater id. */
static bool is_later(const struct event *a, const struct event *b)
{
    char source_a[64], source_b[64];
    if (a->created != b->created)
        return a->created > b->created;
    source_of(a, source_a);
    source_of(b, source_b);
    if (strlen(source_a) != strlen(source_b))
        return strlen(source_a) > strlen(source_b);
    return strcmp(source_a, source_b) > 0;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void fold(const struct history *history, struct dump *dump)
{
    char id[64], record[RECORD], source[64];
    dump->count = 0;
    for (int i = 0; i < CLIENTS; i++) {
        const struct event *last = last_of(history, i);
        if (!last || last->email < 0)
            continue;
        id_of(i, id);
        source_of(last, source);
        record_of(last, record);
        snprintf(dump->lines[dump->count++], LINE, "client:{acme}:%s %s %s\n%s", id, source, hash, record);
    }
    for (int email = 0; email < EMAILS; email++) {
        const struct event *owner = NULL;
        for (int i = 0; i < CLIENTS; i++) {
            const struct event *last = last_of(history, i);
            if (last && last->email == email && (!owner || is_later(last, owner)))
                owner = last;
        }
        if (!owner)
            continue;
        id_of(owner->client, id);
        snprintf(dump->lines[dump->count++], LINE, "client-email:{acme}:e%d@example.com %s", email, id);
    }
    qsort(dump->lines, (size_t)dump->count, sizeof(dump->lines[0]), compare_lines);
}

static void look_for(const char *pattern, struct dump *dump)
{
    redisReply *keys = redisCommand(aside, "KEYS %s", pattern);
    for (size_t i = 0; i < keys->elements; i++) {
        redisReply *value = redisCommand(aside, "GET %s", keys->element[i]->str);
        ck_assert_int_lt(dump->count, CLIENTS + EMAILS + 64);
        snprintf(dump->lines[dump->count++], LINE, "%s %s", keys->element[i]->str, value->str);
        freeReplyObject(value);
    }
    freeReplyObject(keys);
}

static void look(struct dump *dump)
{
    dump->count = 0;
    look_for("client:{*", dump);
    look_for("client-email:{*", dump);
    qsort(dump->lines, (size_t)dump->count, sizeof(dump->lines[0]), compare_lines);
}

static void tell(const char *title, const struct dump *dump)
{
    printf("%s:\n", title);
    for (int i = 0; i < dump->count; i++)
        printf("    %s\n", dump->lines[i]);
}

static bool same_index(const struct dump *a, const struct dump *b)
{
    bool same = a->count == b->count;
    for (int i = 0; i < a->count && same; i++)
        same = strcmp(a->lines[i], b->lines[i]) == 0;
    return same;
}

static void expect_fold(const struct history *history, const char *what)
{
    struct dump wanted, found;
    fold(history, &wanted);
    look(&found);
    if (same_index(&wanted, &found))
        return;
    for (int i = 0; i < history->count; i++) {
        const struct event *event = &history->events[i];
        printf("    partition %d client %d email %d created %d\n", event->partition, event->client, event->email,
               event->created);
    }
    tell("the fold of the topic", &wanted);
    tell("Redis", &found);
    fflush(stdout);
    ck_abort_msg("Redis is not the fold of the topic: %s", what);
}

/* Sets Redis to what a worker that has come so far has left there. */
static void put_index(const struct history *history)
{
    struct dump index;
    fold(history, &index);
    for (int i = 0; i < index.count; i++) {
        char *space = strchr(index.lines[i], ' ');
        *space = '\0';
        freeReplyObject(redisCommand(aside, "SET %s %s", index.lines[i], space + 1));
    }
}

/* ---- rebuilds ---- */

static void rebuild(const struct audit_gap *gap, const char *what)
{
    char why[512];
    struct offsets committed = {0};
    for (int i = 0; i < PARTITIONS; i++)
        offsets_set(&committed, i, 1000);
    enum rebuild_result result = index_rebuild(the_index, &committed, gap, &scratch, patient, NULL, why, sizeof(why));
    offsets_free(&committed);
    ck_assert_msg(result == REBUILD_DONE, "%s: %s", what, why);
}

static void shuffle(int *places)
{
    for (int i = 0; i < PARTITIONS; i++)
        places[i] = i;
    for (int i = PARTITIONS - 1; i > 0; i--) {
        int other = (int)draw((unsigned)i + 1), kept = places[i];
        places[i] = places[other];
        places[other] = kept;
    }
}

static void ends_of(const struct history *history, int to, const int *places, struct offsets *ends)
{
    for (int i = 0; i < PARTITIONS; i++)
        offsets_set(ends, i, 0);
    for (int i = 0; i < to; i++) {
        int place = places[history->events[i].partition];
        offsets_set(ends, place, offsets_get(ends, place) + 1);
    }
}

/* The audit of the present state, so that the index knows its epoch and its server. */
static void audit(void)
{
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    ck_assert_int_ne(index_audit(the_index, &progress, &scratch, &gap), AUDIT_FAILED);
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
}

static const char *case_name(uint64_t seed, const char *what)
{
    static char name[128];
    snprintf(name, sizeof(name), "%s-%llu", what, (unsigned long long)seed);
    return name;
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
        progress.checkpoints = gap->ahead;
        gap->ahead = (struct offsets){0};
        result = index_audit(the_index, &progress, &scratch, gap);
    }
    kafka_progress_free(&progress);
    return result;
}

/* Redis is back from an old file, and the group's offset was set back behind its checkpoint, or to it, or is gone with
 * a topic that was deleted. */
START_TEST(a_loss_shows_although_the_offsets_went_back)
{
    static const struct {
        int64_t committed, nonce;
        const char *checkpoint;
    } rows[] = {{50, 78, "50,100,78 "},
                {0, OFFSET_NONE, "0,100 "},
                {OFFSET_NONE, OFFSET_NONE, "0,100 "},
                {100, OFFSET_NONE, "100,100 "},
                {100, 78, "100,100,78 "}};
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
    ck_assert_int_eq(audit_at(rows[_i].committed, rows[_i].nonce, &gap), AUDIT_FINE);
    audit_gap_free(&gap);
    close_case();
}
END_TEST

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
    } commands[FOREIGN_COMMANDS] = {{0, OUTCOME_UNDECIDED, OUTCOME_DUPLICATE},
                                    {0, OUTCOME_REJECTED, OUTCOME_DUPLICATE},
                                    {7, OUTCOME_UNDECIDED, OUTCOME_REJECTED}};
    struct batch batch;
    int rounds = 0;
    bool claimed = false;
    ck_assert_int_eq(batch_open(&batch, 10, 1 << 20, 1 << 16), 0);
    for (; rounds < FOREIGN_ROUNDS && !claimed; rounds++) {
        batch_reset(&batch);
        put_item(&batch, commands[command].client, commands[command].outcome);
        claimed = worker_round(&batch);
    }
    ck_assert_msg(claimed, "command %d is not answered: %s", command, what);
    ck_assert_msg(batch.items[0].outcome == commands[command].wanted, "command %d: %s", command, what);
    if (commands[command].wanted == OUTCOME_REJECTED)
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

/* ---- a log that becomes shorter while it is read ---- */

static void produce_some(const char *servers, int count)
{
    char why[512];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
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

static void put_definitions(const char *value)
{
    ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(config->definitions.topic), RD_KAFKA_V_PARTITION(0),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY("acme", 4),
                                       RD_KAFKA_V_VALUE((void *)(uintptr_t)value, value ? strlen(value) : 0),
                                       RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(producer, 10000), RD_KAFKA_RESP_ERR_NO_ERROR);
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

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, open_all, close_all);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("rebuild");
    TCase *whole = add_case(suite, "whole");
    tcase_add_test(whole, a_whole_rebuild_is_the_fold_of_the_topic);
    TCase *part = add_case(suite, "part");
    tcase_add_test(part, a_part_rebuild_ends_as_a_whole_one);
    TCase *once = add_case(suite, "wrong once");
    tcase_add_test(once, the_email_of_a_removed_client_belongs_to_the_one_that_took_it);
    tcase_add_test(once, keys_of_another_type_do_not_stop_a_rebuild);
    tcase_add_test(once, what_is_in_the_record_topic_was_committed);
    tcase_add_loop_test(once, a_loss_shows_although_the_offsets_went_back, 0, 5);
    tcase_add_test(once, the_last_definitions_do_not_depend_on_the_order_of_partitions);
    TCase *foreign = add_case(suite, "foreign keys");
    tcase_add_loop_test(foreign, a_key_that_holds_something_else_stops_no_worker_and_changes_no_verdict, 0,
                        FOREIGN_KEYS);
    tcase_add_test(foreign, a_key_that_holds_something_else_stops_no_worker_before_there_is_a_record_topic);
    TCase *shorter = add_case(suite, "shorter");
    tcase_add_loop_test(shorter, an_end_that_cannot_be_reached_any_more_is_not_awaited, 0,
                        sizeof(later_logs) / sizeof(later_logs[0]));
    TCase *takeover = add_case(suite, "takeover");
    tcase_add_loop_test(takeover, a_rebuilder_that_lost_its_lock_writes_no_marks, 0,
                        2 * sizeof(takeovers) / sizeof(takeovers[0]));
    tcase_add_loop_test(takeover, a_part_writes_no_marks_on_other_data, 0, 2);
    TCase *stalled = add_case(suite, "stalled");
    tcase_add_loop_test(stalled, a_sync_that_stalled_writes_nothing_older_than_the_topic, 0,
                        sizeof(stalls) / sizeof(stalls[0]));
    return side_by_side(suite, (const char *const[]){"whole", "part", "wrong once", "foreign keys", "shorter",
                                                     "takeover", "stalled", NULL});
}

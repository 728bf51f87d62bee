/* rebuild_stage: a broker with a record topic, a private Redis and an index, for the tests of the rebuild of Redis; and
 * histories of clients, with the fold that a rebuild must end in. Each of these tests includes it once. */
#ifndef TESTS_REBUILD_STAGE_H
#define TESTS_REBUILD_STAGE_H

#include <check.h>
#include <hiredis/hiredis.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/folder.h"
#include "common/stop.h"
#include "tests/lib/quick_client.h"
#include "worker/commands/embedded_broker.h"
#include "worker/commands/private_redis.h"
#include "worker/index/index_audit.h"

#define PARTITIONS 4
#define CLIENTS    9
#define EMAILS     4
#define EVENTS     60
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
static const char *workspace = "acme"; /* of the clients */

static inline bool patient(void *listener)
{
    (void)listener;
    return true;
}

/* ---- the fixture ---- */

static inline void open_all(void)
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

static inline void close_case(void)
{
    index_close(the_index);
    the_index = NULL;
    config_free(config);
    config = NULL;
    if (producer)
        rd_kafka_destroy(producer);
    producer = NULL;
}

static inline void close_all(void)
{
    close_case();
    arena_close(&scratch);
    redisFree(aside);
    private_redis_stop(&redis);
    embedded_broker_stop(&broker);
    folder_remove(folder);
}

static inline void ask(const char *command)
{
    redisReply *reply = redisCommand(aside, command);
    ck_assert_msg(reply && reply->type != REDIS_REPLY_ERROR, "%s: %s", command, reply ? reply->str : aside->errstr);
    freeReplyObject(reply);
}

/* An index and a record topic of its own; messages go out in batches of `at_once`, which decides how the reader gets
 * them mixed. */
static inline void open_case(const char *name, int at_once)
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
    ask("DEL client-intake:records");
    the_index = index_open(config);
    ck_assert(index_connect(the_index));
    rd_kafka_conf_t *conf = quick_client_conf();
    snprintf(batch, sizeof(batch), "%d", at_once);
    rd_kafka_conf_set(conf, "bootstrap.servers", broker.address, NULL, 0);
    rd_kafka_conf_set(conf, "batch.num.messages", batch, NULL, 0);
    rd_kafka_conf_set(conf, "linger.ms", "5", NULL, 0);
    rd_kafka_conf_set(conf, "log_level", "2", NULL, 0);
    producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    ck_assert_msg(producer != NULL, "%s", why);
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

static inline const struct event *last_of(const struct history *history, int client)
{
    for (int i = history->count - 1; i >= 0; i--)
        if (history->events[i].client == client)
            return &history->events[i];
    return NULL;
}

static inline void id_of(int client, char id[64])
{
    snprintf(id, 64, "%08d-0000-5000-8000-000000000000", client);
}

static inline void source_of(const struct event *event, char source[64])
{
    snprintf(source, 64, "clients.commands/%d/%lld", event->client % PARTITIONS, (long long)event->source);
}

static inline void record_of(const struct event *event, char record[RECORD])
{
    char id[64];
    id_of(event->client, id);
    snprintf(
        record, RECORD,
        "{\"id\":\"%s\",\"object\":\"client\",\"createdAt\":\"2026-11-23T06:%02d:00.123Z\",\"email\":\"E%d@example."
        "com\"}",
        id, event->created, event->email);
}

/* ---- random histories ---- */

static uint64_t random_state;

static inline unsigned draw(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % limit);
}

static inline bool is_alive_with(const struct history *history, int client, int email)
{
    const struct event *last = last_of(history, client);
    return last && last->email >= 0 && (email < 0 || last->email == email);
}

static inline bool is_free(const struct history *history, int email)
{
    for (int i = 0; i < CLIENTS; i++)
        if (is_alive_with(history, i, email))
            return false;
    return true;
}

/* `lawful`: as the worker and an owner who removes clients make it. Otherwise records are rewritten, too, and emails
 * shared, as another hand may do. Half way partitions are added, so that a client's later messages may be in another
 * one. */
static inline void invent(struct history *history, bool lawful)
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

static inline void shuffle(int *places)
{
    for (int i = 0; i < PARTITIONS; i++)
        places[i] = i;
    for (int i = PARTITIONS - 1; i > 0; i--) {
        int other = (int)draw((unsigned)i + 1), kept = places[i];
        places[i] = places[other];
        places[other] = kept;
    }
}

static const char hash[] = "0123456789abcdef0123456789abcdef";

/* `places`: the partitions' numbers, in which the order of reading lies. */
static inline void produce(const struct history *history, int from, int to, const int *places)
{
    for (int i = from; i < to; i++) {
        const struct event *event = &history->events[i];
        char id[64], key[128], record[RECORD], source[64];
        id_of(event->client, id);
        source_of(event, source);
        record_of(event, record);
        char *value = event->email >= 0 ? record : NULL;
        int length = snprintf(key, sizeof(key), "%s/%s", workspace, id);
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
static inline bool is_later(const struct event *a, const struct event *b)
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

static inline int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static inline void fold(const struct history *history, struct dump *dump)
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
        snprintf(dump->lines[dump->count++], LINE, "client:{%s}:%s %s %s\n%s", workspace, id, source, hash, record);
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
        snprintf(dump->lines[dump->count++], LINE, "client-email:{%s}:e%d@example.com %s", workspace, email, id);
    }
    qsort(dump->lines, (size_t)dump->count, sizeof(dump->lines[0]), compare_lines);
}

static inline void look_for(const char *pattern, struct dump *dump)
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

static inline void look(struct dump *dump)
{
    dump->count = 0;
    look_for("client:{*", dump);
    look_for("client-email:{*", dump);
    qsort(dump->lines, (size_t)dump->count, sizeof(dump->lines[0]), compare_lines);
}

static inline void tell(const char *title, const struct dump *dump)
{
    printf("%s:\n", title);
    for (int i = 0; i < dump->count; i++)
        printf("    %s\n", dump->lines[i]);
}

static inline bool same_index(const struct dump *a, const struct dump *b)
{
    bool same = a->count == b->count;
    for (int i = 0; i < a->count && same; i++)
        same = strcmp(a->lines[i], b->lines[i]) == 0;
    return same;
}

static inline void expect_fold(const struct history *history, const char *what)
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
static inline void put_index(const struct history *history)
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

static inline void rebuild(const struct audit_gap *gap, const char *what)
{
    char why[512];
    struct offsets committed = {0};
    for (int i = 0; i < PARTITIONS; i++)
        offsets_set(&committed, i, 1000);
    enum rebuild_result result = index_rebuild(the_index, &committed, gap, &scratch, patient, NULL, why, sizeof(why));
    offsets_free(&committed);
    ck_assert_msg(result == REBUILD_DONE, "%s: %s", what, why);
}

/* The audit of the present state, so that the index knows its epoch and its server. */
static inline void audit(void)
{
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    ck_assert_int_ne(index_audit(the_index, &progress, &scratch, &gap), AUDIT_FAILED);
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
}

static inline const char *case_name(uint64_t seed, const char *what)
{
    static char name[128];
    snprintf(name, sizeof(name), "%s-%llu", what, (unsigned long long)seed);
    return name;
}

static TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, open_all, close_all);
    suite_add_tcase(suite, tcase);
    return tcase;
}

#endif

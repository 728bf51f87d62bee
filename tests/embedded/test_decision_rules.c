/* The script of decision.h against the rules of claim.h: random histories of workers that crash, of offsets that are
 * set back, and of topics that are made again, over few ids and emails, so that nearly all commands meet each other.
 * After each batch the outcomes and all keys are compared with a model in memory (decision_model.h) and, for a topic of
 * one partition, with index_claim, which runs over a batch until no claim is displaced any more.
 *
 * SEED=number and EPISODES=number in the environment. */
#include "tests/embedded/decision_stage.h"

#include "common/timestamp.h"
#include "tests/embedded/decision_model.h"
#include "tests/lib/quick_check.h"
#include "worker/index/index_internal.h"

#define LOG_COMMANDS 40
#define ROUNDS       40

/* Offsets are compared as texts: their number of digits changes, and doubles do not hold the last two. */
static const int64_t bases[] = {0, 95, 999999985, (INT64_C(1) << 53) - 20, INT64_MAX - LOG_COMMANDS};

static uint64_t random_state;

static uint32_t draw(uint32_t below)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (uint32_t)((random_state * UINT64_C(2685821657736338717)) >> 33) % below;
}

static bool one_in(uint32_t many)
{
    return draw(many) == 0;
}

/* The command topic, and what is known of each partition. */
static struct partition {
    struct {
        uint32_t workspace, id, email, body;
    } log[LOG_COMMANDS];
    int64_t made_ms;   /* of the log; it differs in a topic that was made again */
    int64_t committed; /* the highest offset that was ever committed */
    int64_t term;
    uint32_t next;              /* the index in `log` of the command behind the last committed one */
    bool claimed[LOG_COMMANDS]; /* by this worker, in a batch that it has in hand */
} topic[PARTITIONS];

static int32_t partitions;
/* index_claim has to give the same. It does not always with several partitions, or with half a client: it claims again
 * after a displacement, so a command may get what a later one of another partition has set free, or has made whole. */
static bool beside_index;
static int64_t base;
static struct world model, seen;
static struct batch judged, indexed; /* the same commands, for the model and for index_claim */
static struct {
    uint64_t batches, commands, displaced, damaged, stale, created, duplicates, conflicts, taken;
} tally;

static void log_fill(struct partition *partition)
{
    for (uint32_t i = 0; i < LOG_COMMANDS; i++) {
        partition->log[i].workspace = one_in(4);
        partition->log[i].id = draw(NAMES);
        partition->log[i].email = draw(NAMES);
        partition->log[i].body = draw(2);
    }
    partition->made_ms = INT64_C(1795000000000) + (int64_t)draw(1000000);
    partition->next = 0;
    memset(partition->claimed, 0, sizeof(partition->claimed));
}

/* ---- Redis as the model sees it ---- */

static void write_key(char key[128], size_t workspace, size_t name, bool is_email)
{
    static const char zeros[] = "00000000000000000000000000000000000";
    snprintf(key, 128, is_email ? "client-email:{%s}:%c@example.com" : "client:{%s}:%c%s", workspace_names[workspace],
             (char)('a' + name), zeros);
}

static struct value *value_at(struct world *world, size_t i)
{
    struct value *values = i % 2 ? &world->emails[0][0] : &world->clients[0][0];
    return &values[i / 2];
}

#define KEYS ((size_t)2 * WORKSPACES * NAMES)

static void key_at(char key[128], size_t i)
{
    write_key(key, i / 2 / NAMES, i / 2 % NAMES, i % 2);
}

static void world_read(redisContext *connection, struct world *world)
{
    char key[128];
    for (size_t i = 0; i < KEYS; i++) {
        key_at(key, i);
        redisAppendCommand(connection, "GET %s", key);
    }
    for (size_t i = 0; i < KEYS; i++) {
        redisReply *reply;
        struct value *value = value_at(world, i);
        ck_assert_int_eq(redisGetReply(connection, (void **)&reply), REDIS_OK);
        value->kind = reply->type == REDIS_REPLY_STRING  ? VALUE_TEXT
                      : reply->type == REDIS_REPLY_ERROR ? VALUE_LIST
                                                         : VALUE_NONE;
        if (value->kind == VALUE_TEXT)
            value_set(value, span_of(reply->str, reply->len));
        freeReplyObject(reply);
    }
}

static void expect_world(redisContext *connection, const char *whose)
{
    world_read(connection, &seen);
    for (size_t i = 0; i < KEYS; i++) {
        const struct value *is = value_at(&seen, i), *should = value_at(&model, i);
        char key[128];
        key_at(key, i);
        ck_assert_msg(is->kind == should->kind, "%s: %s is %d, not %d", whose, key, is->kind, should->kind);
        ck_assert_msg(is->kind != VALUE_TEXT ||
                          span_equal(span_of(is->text, is->length), span_of(should->text, should->length)),
                      "%s: %s is \"%.*s\", not \"%.*s\"", whose, key, (int)is->length, is->text, (int)should->length,
                      should->text);
    }
}

/* Another program has removed or damaged a key. */
static void meddle(void)
{
    static const char not_ours[] = "something else";
    const size_t i = draw(KEYS);
    struct value *value = value_at(&model, i);
    char key[128];
    redisContext *const both[] = {deciding, aside};
    const uint32_t how = draw(6);
    key_at(key, i);
    beside_index = beside_index && how != 0 && how != 2 && how != 4;
    switch (how) {
    case 0:
        value->kind = VALUE_NONE;
        break;
    case 1:
        value->kind = VALUE_LIST;
        break;
    case 2:
        value_set(value, span_of("", 0));
        break;
    case 3:
        value_set(value, span_of_text(not_ours));
        break;
    case 4: /* an email of another client */
        if (i % 2 == 0)
            return;
        memset(value->text, '0', CLIENT_ID_LENGTH);
        value->text[0] = (char)('a' + draw(NAMES));
        value->kind = VALUE_TEXT;
        value->length = CLIENT_ID_LENGTH;
        break;
    default: /* a client that is too long */
        if (value->kind != VALUE_TEXT || i % 2)
            return;
        memset(value->text + value->length, ' ', VALUE_BYTES - value->length);
        value->length = VALUE_BYTES;
    }
    for (size_t j = 0; j < 2; j++) {
        freeReplyObject(redisCommand(both[j], "DEL %s", key));
        if (value->kind == VALUE_LIST)
            freeReplyObject(redisCommand(both[j], "RPUSH %s x", key));
        else if (value->kind == VALUE_TEXT)
            freeReplyObject(redisCommand(both[j], "SET %s %b", key, value->text, value->length));
    }
}

/* The client was deleted together with its email, so that not all commands meet one. */
static void forget_client(void)
{
    const size_t workspace = draw(WORKSPACES), name = draw(NAMES);
    struct value *client = &model.clients[workspace][name];
    struct span email =
        client->kind == VALUE_TEXT ? record_email(value_read(client, VALUE_BYTES), &judged.arena) : SPAN_NONE;
    char client_key[128], email_key[128];
    if (!email.at)
        return;
    struct value *owner = &model.emails[workspace][letter_of(email)];
    if (owner->kind != VALUE_TEXT || letter_of(span_of(owner->text, owner->length)) != name)
        return;
    owner->kind = client->kind = VALUE_NONE;
    write_key(client_key, workspace, name, false);
    write_key(email_key, workspace, letter_of(email), true);
    freeReplyObject(redisCommand(deciding, "DEL %s %s", client_key, email_key));
    freeReplyObject(redisCommand(aside, "DEL %s %s", client_key, email_key));
}

/* ---- batches ---- */

/* Other definitions hold in each run: one command in so many is rejected. */
static uint32_t rejected_one_in;

static void add_command(int32_t number, uint32_t index)
{
    const struct partition *partition = &topic[number];
    struct item *item = &batch.items[batch.count++];
    const char id = (char)('a' + partition->log[index].id), email = (char)('a' + partition->log[index].email);
    char made[TIME_LENGTH];
    *item = (struct item){.from = {TOPIC, number, base + index, partition->made_ms + index},
                          .value = SPAN("{}"),
                          .workspace = span_of_text(workspace_names[partition->log[index].workspace]),
                          .has_identity = true,
                          .claimed = partition->claimed[index]};
    item->position = position_text(&item->from, &batch.arena);
    memset(item->client_id, '0', CLIENT_ID_LENGTH);
    item->client_id[0] = id;
    memset(item->hash, '0', HASH_LENGTH);
    item->hash[0] = (char)('0' + partition->log[index].body);
    item->hash[1] = email; /* the email is part of the bytes */
    if (one_in(5)) {       /* other definitions hold in each run */
        item_reject(item, one_in(3) ? ERROR_TOO_LARGE : ERROR_VALIDATION_FAILED, SPAN("not valid"));
        return;
    }
    time_text(item->from.timestamp_ms, made);
    item->email_key = arena_format(&batch.arena, "%c@example.com", email);
    item->record = arena_format(
        &batch.arena, "{\"id\":\"%.*s\",\"object\":\"client\",\"createdAt\":\"%.*s\",\"email\":\"%c@%s.com\"}",
        CLIENT_ID_LENGTH, item->client_id, TIME_LENGTH, made, email, index % 2 ? "example" : "EXAMPLE");
}

static void fill(uint32_t counts[PARTITIONS])
{
    batch_reset(&batch);
    rejected_one_in = one_in(2) ? 2 : 8;
    for (int32_t i = 0; i < partitions; i++) {
        const uint32_t left = LOG_COMMANDS - topic[i].next;
        counts[i] = draw(6);
        counts[i] = counts[i] > left ? left : counts[i];
        for (uint32_t j = 0; j < counts[i]; j++)
            add_command(i, topic[i].next + j);
    }
}

static void copy(struct batch *to)
{
    batch_reset(to);
    to->count = batch.count;
    memcpy(to->items, batch.items, batch.count * sizeof(*batch.items));
}

static void expect_same(const struct batch *other, const char *whose)
{
    for (uint32_t i = 0; i < batch.count; i++) {
        const struct item *is = &batch.items[i], *should = &other->items[i];
        ck_assert_msg(is->outcome == should->outcome && is->error == should->error, "%s: command %u: %d %d, not %d %d",
                      whose, i, is->outcome, is->error, should->outcome, should->error);
        if (is->outcome == OUTCOME_CREATED || is->outcome == OUTCOME_DUPLICATE)
            ck_assert_msg(span_equal(is->record, should->record), "%s: command %u: another client", whose, i);
        if (is->error == ERROR_EMAIL_TAKEN)
            ck_assert_msg(span_equal(is->existing_client_id, should->existing_client_id),
                          "%s: command %u: another owner", whose, i);
    }
}

/* Something in the fence is not ours: nothing is done. */
static void run_stale(struct decision_group group)
{
    static const char other[] = "ffffffffffffffffffffffffffffffff";
    const int32_t partition = batch.items[draw(batch.count)].from.partition;
    const char *field = "epoch";
    char term[80], before[64], higher[64];
    snprintf(before, sizeof(before), "%s", terms[partition]);
    snprintf(term, sizeof(term), "term:%s", places[partition]);
    switch (draw(5)) {
    case 0:
        group.fence.epoch = span_of_text(other);
        break;
    case 1:
        group.fence.shard = SPAN("shard-2");
        field = "shard";
        break;
    case 2:
        snprintf(higher, sizeof(higher), "%lld %s", (long long)topic[partition].term + 1, NONCE);
        freeReplyObject(redisCommand(deciding, "HSET " FENCE " %s %s", term, higher));
        field = term;
        break;
    case 3:
        term_set(partition, topic[partition].term, other);
        freeReplyObject(redisCommand(deciding, "HSET " FENCE " %s %s", term, before));
        field = term;
        break;
    default:
        freeReplyObject(redisCommand(deciding, "RENAME " FENCE " elsewhere"));
    }
    ck_assert_int_eq(decision_run(&batch, &group), SCRIPT_STALE);
    ck_assert_msg(span_equal(failure.what, span_of_text(field)), "%.*s", SPAN_FORMAT(failure.what));
    expect_world(deciding, "stale");
    freeReplyObject(redisCommand(deciding, "RENAME elsewhere " FENCE));
    term_set(partition, topic[partition].term, NONCE);
    if (strcmp(field, term) == 0) {
        redisReply *reply = redisCommand(deciding, "HSET " FENCE " %s %s", term, before);
        freeReplyObject(reply);
    }
    tally.stale++;
}

/* Our terms are in the fence, for the partitions of the batch. */
static void expect_terms(void)
{
    for (uint32_t i = 0; i < batch.count; i++) {
        const int32_t partition = batch.items[i].from.partition;
        if (i > 0 && partition == batch.items[i - 1].from.partition)
            continue;
        redisReply *reply = redisCommand(deciding, "HGET " FENCE " term:%s", places[partition]);
        ck_assert_int_eq(reply->type, REDIS_REPLY_STRING);
        ck_assert_str_eq(reply->str, terms[partition]);
        freeReplyObject(reply);
    }
}

static void count_outcomes(void)
{
    tally.batches++;
    tally.commands += batch.count;
    for (uint32_t i = 0; i < batch.count; i++) {
        tally.created += batch.items[i].outcome == OUTCOME_CREATED;
        tally.duplicates += batch.items[i].outcome == OUTCOME_DUPLICATE;
        tally.conflicts += batch.items[i].error == ERROR_COMMAND_ID_CONFLICT;
        tally.taken += batch.items[i].error == ERROR_EMAIL_TAKEN;
    }
}

/* Commits, crashes, or has the batch in hand for the next round. */
static void end_batch(const uint32_t counts[PARTITIONS])
{
    const bool commits = draw(10) < 6, crashes = one_in(2);
    const struct offsets none = {0};
    if (commits && beside_index) {
        ck_assert(index_confirm(the_index, &indexed));
        index_checkpoint(the_index, &indexed, &none, 1);
    }
    for (uint32_t i = 0; i < batch.count; i++)
        topic[batch.items[i].from.partition].claimed[batch.items[i].from.offset - base] = batch.items[i].claimed;
    for (int32_t i = 0; i < partitions; i++) {
        struct partition *partition = &topic[i];
        if (commits || crashes)
            memset(partition->claimed, 0, sizeof(partition->claimed));
        if (commits)
            partition->next += counts[i];
        if (commits && counts[i] > 0 && base + partition->next > partition->committed)
            partition->committed = base + partition->next;
        parts[i].committed = partition->committed;
        if (partition->next == LOG_COMMANDS || one_in(40))
            log_fill(partition); /* a topic made again */
        else if (commits && one_in(10))
            partition->next -= draw(partition->next + 1); /* offsets set back */
        if (one_in(10))
            term_set(i, ++partition->term, NONCE);
    }
}

/* False if Redis is damaged, which ends the episode. */
static bool round_of_episode(void)
{
    uint32_t counts[PARTITIONS];
    int64_t committed[PARTITIONS];
    for (int32_t i = 0; i < partitions; i++)
        committed[i] = topic[i].committed;
    for (uint32_t i = draw(8); i > 0; i--)
        forget_client();
    if (one_in(60))
        meddle();
    fill(counts);
    if (batch.count == 0)
        return true;
    copy(&judged);
    copy(&indexed);
    const struct decision_group group = decision_group_of(&batch);
    if (one_in(15))
        run_stale(group);
    const enum script_end end = decision_run(&batch, &group);
    const enum model_end should = model_run(&model, &judged, committed);
    ck_assert_msg((end == SCRIPT_DONE) == (should != MODEL_DAMAGED), "ended with %d: %.*s", end,
                  SPAN_FORMAT(failure.what));
    expect_world(deciding, "script");
    if (end != SCRIPT_DONE) {
        ck_assert_int_eq(end, SCRIPT_DAMAGED);
        tally.damaged++;
        ck_assert(!beside_index || !index_claim(the_index, &indexed));
        return false;
    }
    expect_terms();
    expect_same(&judged, "model");
    if (beside_index) {
        /* The rules and the script know the claims of the batch only. What else a worker knows of its own claims is in
         * test_index_unsure.c. */
        own_claims_free(&the_index->own);
        ck_assert(index_claim(the_index, &indexed));
        expect_same(&indexed, "index");
        expect_world(aside, "index");
    }
    tally.displaced += should == MODEL_DISPLACED;
    count_outcomes();
    end_batch(counts);
    return true;
}

static void episode(void)
{
    index_close(the_index);
    freeReplyObject(redisCommand(aside, "FLUSHALL"));
    the_index = index_open(config);
    ck_assert(index_connect(the_index) && index_trust(the_index, PARTITIONS));
    decision_redis_empty();
    memset(&model, 0, sizeof(model));
    partitions = one_in(2) ? 1 : PARTITIONS;
    beside_index = partitions == 1;
    base = bases[draw(sizeof(bases) / sizeof(bases[0]))];
    for (int32_t i = 0; i < PARTITIONS; i++) {
        topic[i].committed = OFFSET_NONE;
        topic[i].term = 7;
        log_fill(&topic[i]);
    }
    for (int i = 0; i < ROUNDS && round_of_episode(); i++)
        ;
}

START_TEST(script_decides_as_the_rules_do)
{
    const char *seed = getenv("SEED"), *many = getenv("EPISODES");
    const int episodes = many ? atoi(many) : 400;
    ck_assert_int_eq(batch_open(&judged, 100, 1 << 20, 1 << 16), 0);
    ck_assert_int_eq(batch_open(&indexed, 100, 1 << 20, 1 << 16), 0);
    for (int i = 0; i < episodes; i++) {
        random_state = UINT64_C(0x9e3779b97f4a7c15) * (uint64_t)(i + 1) + (seed ? strtoull(seed, NULL, 10) : 0);
        episode();
    }
    printf("%llu batches, %llu commands: %llu created, %llu duplicates, %llu conflicts, %llu emails taken; "
           "%llu batches with displacements, %llu damaged, %llu stale\n",
           (unsigned long long)tally.batches, (unsigned long long)tally.commands, (unsigned long long)tally.created,
           (unsigned long long)tally.duplicates, (unsigned long long)tally.conflicts, (unsigned long long)tally.taken,
           (unsigned long long)tally.displaced, (unsigned long long)tally.damaged, (unsigned long long)tally.stale);
    /* The histories meet all of it. */
    ck_assert(tally.created && tally.duplicates && tally.conflicts && tally.taken);
    ck_assert(tally.displaced && tally.damaged && tally.stale);
    batch_close(&judged);
    batch_close(&indexed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decision_rules");
    TCase *tcase = tcase_create("rules");
    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, decision_open, decision_close);
    tcase_add_test(tcase, script_decides_as_the_rules_do);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

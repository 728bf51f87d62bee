/* The script of decision.h in a real Redis: calls and their limits, what voids them, and what damage they report. What
 * is decided is the matter of test_decision_rules.c. */
#include "tests/embedded/decision_stage.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void begin(void)
{
    batch_reset(&batch);
}

static enum script_end decide(void)
{
    const struct decision_group group = decision_group_of(&batch);
    return decision_run(&batch, &group);
}

/* The text that a command returns; valid until the next call. */
static const char *ask(const char *command)
{
    static char text[1024];
    redisReply *reply = redisCommand(deciding, command);
    snprintf(text, sizeof(text), "%s", reply->str ? reply->str : reply->type == REDIS_REPLY_NIL ? "nothing" : "number");
    if (reply->type == REDIS_REPLY_INTEGER)
        snprintf(text, sizeof(text), "%lld", reply->integer);
    freeReplyObject(reply);
    return text;
}

#define CLIENT(id) "client:{acme}:" id "00000000000000000000000000000000000"

/* How often Redis has carried out a command since the last time. */
static long long calls_of(const char *command)
{
    char name[64];
    snprintf(name, sizeof(name), "cmdstat_%s:calls=", command);
    redisReply *reply = redisCommand(deciding, "INFO commandstats");
    const char *found = strstr(reply->str, name);
    long long calls = found ? atoll(found + strlen(name)) : 0;
    freeReplyObject(reply);
    freeReplyObject(redisCommand(deciding, "CONFIG RESETSTAT"));
    return calls;
}

START_TEST(script_is_called_by_its_name_once_redis_has_it)
{
    begin();
    put(&(struct command){0, 1, "x", "a", "x@example.com"});
    const struct decision_group group = decision_group_of(&batch);
    ck_assert_int_eq(decision_try(&batch, &group, SCRIPT_BY_NAME), SCRIPT_UNLOADED);
    ck_assert_int_eq(decision_try(&batch, &group, SCRIPT_BY_TEXT), SCRIPT_DONE);
    ck_assert_int_eq(answers[0].how, DECISION_WON);
    ck_assert_int_eq(decision_try(&batch, &group, SCRIPT_BY_NAME), SCRIPT_DONE);
    ck_assert_int_eq(answers[0].how, DECISION_FOUND);
    decision_settle(&batch, &group, answers);
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_CREATED);
}
END_TEST

START_TEST(scripts_have_the_names_that_redis_gives_them)
{
    for (enum index_script script = 0; script < INDEX_SCRIPTS; script++) {
        const struct span text = index_script_text(script), name = index_script_name(script);
        redisReply *reply = redisCommand(deciding, "SCRIPT LOAD %b", text.at, text.length);
        ck_assert_int_eq(reply->type, REDIS_REPLY_STRING);
        ck_assert(span_equal(span_of(reply->str, reply->len), name));
        freeReplyObject(reply);
    }
}
END_TEST

/* Commands `first` and on, whose ids and emails differ; more than the batch of the stage holds. */
static struct batch many;

static void put_many(uint32_t count, size_t record_bytes)
{
    char *record = malloc(record_bytes + 1);
    ck_assert_int_eq(batch_open(&many, count, 64 << 20, 1 << 16), 0);
    memset(record, 'r', record_bytes);
    for (uint32_t i = 0; i < count; i++) {
        struct item *item = &many.items[many.count++];
        *item = (struct item){.from = {TOPIC, 0, i, 0}, .workspace = SPAN("acme"), .has_identity = true};
        item->position = position_text(&item->from, &many.arena);
        memset(item->client_id, '0', CLIENT_ID_LENGTH);
        const struct span id = arena_format(&many.arena, "%06u", i);
        memcpy(item->client_id, id.at, id.length);
        memset(item->hash, 'a', HASH_LENGTH);
        item->email_key = arena_format(&many.arena, "%u@example.com", i);
        item->record = arena_copy(&many.arena, span_of(record, record_bytes));
    }
    free(record);
}

static enum script_end decide_many(void)
{
    const struct decision_group group = decision_group_of(&many);
    return decision_run(&many, &group);
}

START_TEST(call_has_a_limited_number_of_commands)
{
    put_many(2 * DECISION_COMMANDS + 1, 100);
    const uint32_t last = many.count - 1;
    many.items[last].email_key = many.items[0].email_key;
    many.items[DECISION_COMMANDS].email_key = many.items[DECISION_COMMANDS - 1].email_key;
    ck_assert_int_eq(decide_many(), SCRIPT_DONE);
    ck_assert_int_eq(calls_of("eval"), 3);
    for (uint32_t i = 0; i < many.count; i++)
        ck_assert_int_eq(many.items[i].outcome,
                         i == last || i == DECISION_COMMANDS ? OUTCOME_REJECTED : OUTCOME_CREATED);
    ck_assert(span_equal(many.items[last].existing_client_id, span_of(many.items[0].client_id, CLIENT_ID_LENGTH)));
    batch_close(&many);
}
END_TEST

START_TEST(call_has_a_limited_number_of_bytes)
{
    put_many(6, DECISION_BYTES / 2 - 100);
    ck_assert_int_eq(decide_many(), SCRIPT_DONE);
    ck_assert_int_eq(calls_of("eval"), 3);
    batch_close(&many);
    put_many(2, DECISION_BYTES + 1);
    many.items[0].client_id[0] = many.items[1].client_id[0] = 'b';
    many.items[0].email_key = SPAN("b");
    many.items[1].email_key = SPAN("c");
    ck_assert_int_eq(decide_many(), SCRIPT_DONE);
    ck_assert_int_eq(calls_of("evalsha"), 2);
    ck_assert_int_eq(many.items[1].outcome, OUTCOME_CREATED);
    batch_close(&many);
}
END_TEST

/* Behind a call that was not carried out, a later one may have been. The claims that it made are found again, and do
 * not stand against the commands before them. */
START_TEST(group_that_was_carried_out_in_part_is_decided_as_if_it_had_not)
{
    put_many(DECISION_COMMANDS + 1, 100);
    const uint32_t last = DECISION_COMMANDS;
    many.items[last].email_key = many.items[0].email_key;
    parts[0].committed = 1000; /* in an earlier topic */
    struct decision_group group = decision_group_of(&many);
    group.items = &group_items[last];
    group.item_count = 1;
    ck_assert_int_eq(decision_try(&many, &group, SCRIPT_BY_TEXT), SCRIPT_DONE);
    ck_assert_int_eq(answers[0].how, DECISION_WON);
    ck_assert_int_eq(decide_many(), SCRIPT_DONE);
    ck_assert_int_eq(answers[0].how, DECISION_DISPLACED);
    ck_assert_int_eq(many.items[0].outcome, OUTCOME_CREATED);
    ck_assert_int_eq(many.items[last].error, ERROR_EMAIL_TAKEN);
    batch_close(&many);
}
END_TEST

static void damage_many(uint32_t item)
{
    freeReplyObject(
        redisCommand(deciding, "SET client:{acme}:%b x", many.items[item].client_id, (size_t)CLIENT_ID_LENGTH));
}

START_TEST(claims_of_a_group_that_is_void_are_known_as_ours)
{
    put_many(2 * DECISION_COMMANDS + 1, 100);
    damage_many(DECISION_COMMANDS);
    damage_many(2 * DECISION_COMMANDS);
    ck_assert_int_eq(decide_many(), SCRIPT_DAMAGED);
    ck_assert_uint_eq(failure.item, DECISION_COMMANDS); /* the first failure is told */
    for (uint32_t i = 0; i < many.count; i++)
        ck_assert_int_eq(many.items[i].claimed, i < DECISION_COMMANDS);
    batch_close(&many);
}
END_TEST

/* The largest offset there is, and its neighbour, which a double does not tell from it. */
START_TEST(offsets_are_told_apart_to_the_last_digit)
{
    begin();
    put(&(struct command){0, INT64_MAX, "x", "a", "x@example.com"});
    ck_assert_int_eq(decide(), SCRIPT_DONE);
    begin();
    put(&(struct command){0, INT64_MAX - 1, "y", "b", "x@example.com"});
    put(&(struct command){0, INT64_MAX, "x", "a", "x@example.com"});
    parts[0].committed = INT64_MAX;
    ck_assert_int_eq(decide(), SCRIPT_DONE);
    ck_assert_int_eq(answers[0].how, DECISION_DISPLACED);
    ck_assert_int_eq(batch.items[1].error, ERROR_EMAIL_TAKEN);
    begin();
    put(&(struct command){0, INT64_MAX - 2, "z", "c", "x@example.com"});
    ck_assert_int_eq(decide(), SCRIPT_DONE); /* INT64_MAX - 1 is committed */
    ck_assert_int_eq(batch.items[0].error, ERROR_EMAIL_TAKEN);
}
END_TEST

START_TEST(rejected_command_that_asks_for_nothing_raises_the_term)
{
    begin();
    put(&(struct command){2, 1, "x", "a", NULL});
    batch.items[0].error = ERROR_TOO_LARGE;
    ck_assert_int_eq(decide(), SCRIPT_DONE);
    ck_assert_str_eq(ask("HGET " FENCE " term:" TOPIC "/2"), terms[2]);
    ck_assert_str_eq(ask("HGET " FENCE " term:" TOPIC "/0"), "nothing");
}
END_TEST

/* ---- the fence ---- */

static void expect_stale(const char *field, const char *text)
{
    begin();
    put(&(struct command){0, 1, "x", "a", "x@example.com"});
    ck_assert_int_eq(decide(), SCRIPT_STALE);
    ck_assert_msg(span_equal(failure.what, span_of_text(field)), "%.*s", SPAN_FORMAT(failure.what));
    ck_assert_msg(span_equal(failure.text, span_of_text(text)), "%.*s", SPAN_FORMAT(failure.text));
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
    ck_assert_str_eq(ask("EXISTS " CLIENT("x")), "0");
}

START_TEST(nothing_is_done_without_the_epoch)
{
    ask("DEL " FENCE);
    expect_stale("epoch", "");
    ask("HSET " FENCE " epoch other");
    expect_stale("epoch", "other");
    ask("SET " FENCE " text");
    expect_stale("epoch", "");
}
END_TEST

START_TEST(nothing_is_done_on_another_shard)
{
    ask("HSET " FENCE " shard shard-2");
    expect_stale("shard", "shard-2");
    ask("HDEL " FENCE " shard");
    expect_stale("shard", "");
}
END_TEST

START_TEST(nothing_is_done_with_a_lower_term_or_one_of_another)
{
    static const struct {
        int64_t ours;
        const char *stored;
    } cases[] = {{7, "8 " NONCE},
                 {7, "7 ffffffffffffffffffffffffffffffff"},
                 {99, "100 " NONCE},
                 {INT64_C(8999999999999998), "8999999999999999 " NONCE}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        term_set(0, cases[i].ours, NONCE);
        freeReplyObject(redisCommand(deciding, "HSET " FENCE " term:" TOPIC "/0 %s", cases[i].stored));
        expect_stale("term:" TOPIC "/0", cases[i].stored);
    }
}
END_TEST

START_TEST(lower_term_is_raised_and_a_damaged_one_too)
{
    static const char *const stored[] = {"6 " NONCE, "no number", "", "8 ?", "9000000000000000 " NONCE};
    for (size_t i = 0; i < sizeof(stored) / sizeof(stored[0]); i++) {
        freeReplyObject(redisCommand(deciding, "HSET " FENCE " term:" TOPIC "/0 %s", stored[i]));
        begin();
        put(&(struct command){0, 1, "x", "a", "x@example.com"});
        ck_assert_int_eq(decide(), SCRIPT_DONE);
        ck_assert_str_eq(ask("HGET " FENCE " term:" TOPIC "/0"), terms[0]);
    }
}
END_TEST

/* ---- what Redis refuses ---- */

static void expect_failed(const char *error)
{
    begin();
    term_set(0, 8, NONCE);
    put(&(struct command){0, 1, "x", "a", "x@example.com"});
    const struct decision_group group = decision_group_of(&batch);
    ck_assert_int_eq(decision_try(&batch, &group, SCRIPT_BY_TEXT), SCRIPT_FAILED);
    ck_assert_msg(memmem(failure.what.at, failure.what.length, error, strlen(error)), "%.*s",
                  SPAN_FORMAT(failure.what));
    ck_assert_str_eq(ask("EXISTS " CLIENT("x")), "0");
    ck_assert_str_eq(ask("HGET " FENCE " term:" TOPIC "/0"), "nothing");
}

START_TEST(full_redis_does_nothing)
{
    ask("CONFIG SET maxmemory 1");
    expect_failed("OOM");
    ask("CONFIG SET maxmemory 0");
    ck_assert_int_eq(decide(), SCRIPT_DONE);
}
END_TEST

START_TEST(replica_does_nothing)
{
    ask("REPLICAOF 127.0.0.1 1");
    expect_failed("READONLY");
}
END_TEST

START_TEST(master_with_too_few_replicas_does_nothing)
{
    ask("CONFIG SET min-replicas-to-write 1");
    expect_failed("NOREPLICAS");
}
END_TEST

/* ---- damage ---- */

/* The command at offset 2 meets the damage, the one before it is decided. */
static void expect_damaged(const char *meddle, const char *what)
{
    decision_redis_empty();
    begin();
    put(&(struct command){0, 0, "x", "a", "x@example.com"});
    ck_assert_int_eq(decide(), SCRIPT_DONE);
    ask(meddle);
    begin();
    put(&(struct command){0, 1, "w", "w", "w@example.com"});
    put(&(struct command){0, 2, "y", "b", NULL});
    batch.items[1].error = ERROR_TOO_LARGE; /* has no step: the number of an item in a call counts steps */
    put(&(struct command){0, 3, "x", "b", "x@example.com"});
    put(&(struct command){0, 4, "z", "z", "z@example.com"});
    ck_assert_int_eq(decide(), SCRIPT_DAMAGED);
    ck_assert_msg(span_equal(failure.what, span_of_text(what)), "%.*s", SPAN_FORMAT(failure.what));
    ck_assert_uint_eq(failure.item, 2);
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
    ck_assert_str_eq(ask("EXISTS " CLIENT("w")), "1");
    ck_assert_str_eq(ask("EXISTS " CLIENT("z")), "0");
}

START_TEST(damage_is_told)
{
    expect_damaged("EVAL redis.call('DEL',KEYS[1])return(redis.call('RPUSH',KEYS[1],'x')) 1 " CLIENT("x"),
                   "the key of a client has another type");
    expect_damaged("SET " CLIENT("x") " x", "the key of a client holds something else");
    expect_damaged("EVAL redis.call('DEL',KEYS[1])return(redis.call('RPUSH',KEYS[1],'x')) 1 "
                   "client-email:{acme}:x@example.com",
                   "the key of an email has another type");
    expect_damaged("SET client-email:{acme}:x@example.com x", "the key of an email holds something else");
}
END_TEST

/* A displaced client whose email belongs to another: that stays. */
START_TEST(email_of_another_stays_when_a_client_is_displaced)
{
    begin();
    put(&(struct command){0, 5, "x", "a", "theirs@example.com"});
    ck_assert_int_eq(decide(), SCRIPT_DONE);
    ask("SET client-email:{acme}:theirs@example.com y00000000000000000000000000000000000");
    begin();
    put(&(struct command){0, 3, "x", "b", "x@example.com"});
    ck_assert_int_eq(decide(), SCRIPT_DONE);
    ck_assert_int_eq(answers[0].how, DECISION_DISPLACED);
    ck_assert_str_eq(ask("GET client-email:{acme}:theirs@example.com"), "y00000000000000000000000000000000000");
}
END_TEST

/* ---- answers that no script gives, and a slot that is elsewhere ---- */

/* Reads this in place of Redis' answer to the command that the batch has. */
static enum script_end receive(const char *text)
{
    int ends[2];
    struct redis_pipeline pipeline;
    begin();
    put(&(struct command){0, 1, "x", "a", "x@example.com"});
    const struct decision_group group = decision_group_of(&batch);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    redisContext *context = redisConnectFd(ends[0]);
    ck_assert_int_eq(write(ends[1], text, strlen(text)), (ssize_t)strlen(text));
    shutdown(ends[1], SHUT_WR);
    pipeline_open(&pipeline, context, &batch.arena);
    decision_send(&pipeline, &batch, &group, SCRIPT_BY_NAME);
    ck_assert(pipeline_send(&pipeline));
    const enum script_end end = decision_receive(&pipeline, &batch, &group, answers, &failure);
    ck_assert_int_eq(batch.items[0].outcome, OUTCOME_UNDECIDED);
    redisFree(context);
    close(ends[1]);
    return end;
}

START_TEST(slot_that_is_elsewhere_is_told)
{
    static const char *const moved[] = {"-MOVED 7 127.0.0.1:7001\r\n", "-ASK 7 127.0.0.1:7001\r\n",
                                        "-TRYAGAIN Multiple keys request during rehashing of slot\r\n",
                                        "-CLUSTERDOWN Hash slot not served\r\n",
                                        "-ERR Script attempted to access a non local key in a cluster node\r\n"};
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++)
        ck_assert_int_eq(receive(moved[i]), SCRIPT_MOVED);
}
END_TEST

START_TEST(answer_of_another_form_is_no_decision)
{
    static const char *const texts[] = {"", "*1\r\n", "*0\r\n", ":1\r\n", "+OK\r\n", "$7\r\nDECIDED\r\n",
                                        "*1\r\n$4\r\nELSE\r\n", "*2\r\n$7\r\nDECIDED\r\n:1\r\n",
                                        /* a number that no command has, a finding that decides nothing, a client that
                                         * is none, no such word, an owner that has no id */
                                        "*6\r\n$7\r\nDECIDED\r\n:2\r\n$5\r\nFOUND\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n",
                                        "*6\r\n$7\r\nDECIDED\r\n:1\r\n$5\r\nFOUND\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n",
                                        "*6\r\n$7\r\nDECIDED\r\n:1\r\n$5\r\nFOUND\r\n$1\r\nx\r\n$0\r\n\r\n$0\r\n\r\n",
                                        "*6\r\n$7\r\nDECIDED\r\n:1\r\n$4\r\nLOST\r\n$0\r\n\r\n$0\r\n\r\n$0\r\n\r\n",
                                        "*6\r\n$7\r\nDECIDED\r\n:1\r\n$5\r\nFOUND\r\n$0\r\n\r\n$1\r\ny\r\n$0\r\n\r\n",
                                        "*3\r\n$7\r\nDAMAGED\r\n:9\r\n$1\r\nx\r\n", "*1\r\n$7\r\nDAMAGED\r\n"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ck_assert_msg(receive(texts[i]) == SCRIPT_FAILED, "case %zu", i);
}
END_TEST

/* ---- a node of a cluster: every key is in the slot of the fence, also those that the script finds ---- */

/* A port that nobody has now, as text. */
static void find_port(char text[8])
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    const int end = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(end, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(end, (struct sockaddr *)&address, &size), 0);
    snprintf(text, 8, "%u", (unsigned)ntohs(address.sin_port));
    close(end);
}

static pid_t node_start(const char *address)
{
    char port[8], bus[8];
    find_port(port);
    find_port(bus);
    const pid_t node = fork();
    if (node == 0) {
        execlp("redis-server", "redis-server", "--port", port, "--cluster-port", bus, "--bind", "127.0.0.1",
               "--unixsocket", address, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no", "--save",
               "", "--dir", decision_folder, "--logfile", "node.log", NULL);
        _exit(127);
    }
    return node;
}

static bool node_connect(const char *address)
{
    for (int i = 0; i < 500; i++) {
        redisContext *context = redisConnectUnix(address);
        if (!context->err) {
            deciding = context;
            return true;
        }
        redisFree(context);
        usleep(20000);
    }
    return false;
}

START_TEST(node_of_a_cluster_decides_what_is_in_its_slots)
{
    char address[600];
    redisContext *single = deciding;
    snprintf(address, sizeof(address), "%s/node.sock", decision_folder);
    const pid_t node = node_start(address);
    ck_assert(node > 0 && node_connect(address));
    begin();
    put(&(struct command){0, 5, "x", "b", "later@example.com"});
    struct decision_group group = decision_group_of(&batch);
    group.fence.key = SPAN("client-intake:{acme}:fence");
    ck_assert_int_eq(decision_run(&batch, &group), SCRIPT_MOVED); /* it has no slots */
    ck_assert_str_eq(ask("CLUSTER ADDSLOTSRANGE 0 16383"), "OK");
    for (int i = 0; i < 500 && strcmp(ask("HSET client-intake:{acme}:fence epoch " EPOCH " shard " SHARD), "2") != 0;
         i++)
        usleep(20000);
    ck_assert_int_eq(decision_run(&batch, &group), SCRIPT_DONE);
    begin();
    put(&(struct command){0, 3, "x", "a", "x@example.com"});
    put(&(struct command){0, 4, "y", "c", "x@example.com"});
    put(&(struct command){0, 5, "x", "b", "later@example.com"});
    group = decision_group_of(&batch);
    group.fence.key = SPAN("client-intake:{acme}:fence");
    ck_assert_int_eq(decision_run(&batch, &group), SCRIPT_DONE);
    ck_assert_int_eq(answers[0].how, DECISION_DISPLACED);
    ck_assert_int_eq(batch.items[1].error, ERROR_EMAIL_TAKEN);
    ck_assert_int_eq(batch.items[2].error, ERROR_COMMAND_ID_CONFLICT);
    ck_assert_str_eq(ask("EXISTS client-email:{acme}:later@example.com"), "0");
    redisFree(deciding);
    deciding = single;
    kill(node, SIGKILL);
    waitpid(node, NULL, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decision");
    TCase *tcase = tcase_create("decision");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, decision_open, decision_close);
    tcase_add_test(tcase, script_is_called_by_its_name_once_redis_has_it);
    tcase_add_test(tcase, scripts_have_the_names_that_redis_gives_them);
    tcase_add_test(tcase, call_has_a_limited_number_of_commands);
    tcase_add_test(tcase, call_has_a_limited_number_of_bytes);
    tcase_add_test(tcase, group_that_was_carried_out_in_part_is_decided_as_if_it_had_not);
    tcase_add_test(tcase, claims_of_a_group_that_is_void_are_known_as_ours);
    tcase_add_test(tcase, offsets_are_told_apart_to_the_last_digit);
    tcase_add_test(tcase, rejected_command_that_asks_for_nothing_raises_the_term);
    tcase_add_test(tcase, nothing_is_done_without_the_epoch);
    tcase_add_test(tcase, nothing_is_done_on_another_shard);
    tcase_add_test(tcase, nothing_is_done_with_a_lower_term_or_one_of_another);
    tcase_add_test(tcase, lower_term_is_raised_and_a_damaged_one_too);
    tcase_add_test(tcase, full_redis_does_nothing);
    tcase_add_test(tcase, replica_does_nothing);
    tcase_add_test(tcase, master_with_too_few_replicas_does_nothing);
    tcase_add_test(tcase, damage_is_told);
    tcase_add_test(tcase, email_of_another_stays_when_a_client_is_displaced);
    tcase_add_test(tcase, slot_that_is_elsewhere_is_told);
    tcase_add_test(tcase, answer_of_another_form_is_no_decision);
    tcase_add_test(tcase, node_of_a_cluster_decides_what_is_in_its_slots);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

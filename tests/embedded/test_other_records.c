/* Two installations with record topics of their own, by mistake on one Redis database. A rebuild by the one would
 * remove the clients of the other, and free their emails. So the index carries the name of its record topic. */
#include "common/failpoint.h"
#include "tests/embedded/rebuild_stage.h"
#include "tests/embedded/side_by_side.h"

#define KEY "client-intake:records"

enum { ROUNDS = 6 };

static const struct history history = {.events = {{.client = 0, .email = 0, .partition = 2, .source = 500},
                                                  {.client = 1, .email = 1, .partition = 2, .source = 501}},
                                       .count = 2};
static const int in_order[PARTITIONS] = {0, 1, 2, 3};

/* ---- two installations ---- */

static struct index *ours, *theirs;
static struct config *our_config, *their_config;

/* Our record topic has the history. Theirs is empty. Redis is empty, too. */
static void open_both(const char *name)
{
    char theirs_name[128];
    snprintf(theirs_name, sizeof(theirs_name), "%s-theirs", name);
    open_case(theirs_name, 100);
    theirs = the_index, their_config = config;
    rd_kafka_destroy(producer);
    open_case(name, 100);
    ours = the_index, our_config = config;
    produce(&history, 0, history.count, in_order);
    ask("FLUSHALL");
}

static void be(struct index *index, struct config *its_config)
{
    the_index = index, config = its_config;
}

static void be_us(void)
{
    be(ours, our_config);
}

static void be_them(void)
{
    be(theirs, their_config);
}

static void close_both(void)
{
    be_us();
    index_close(theirs);
    config_free(their_config);
    close_case();
}

/* One try of a worker: an audit, the rebuild that it asks for, or a claim of the email of client 0. */
static bool worker_round(enum outcome *outcome)
{
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    struct batch batch;
    char why[512];
    bool claimed = false;
    if (!index_connect(the_index))
        return false;
    offsets_set(&progress.committed, 0, 1);
    offsets_set(&progress.nonces, 0, 7);
    progress.is_repeated = true; /* one round is enough: nobody else is there */
    ck_assert_int_eq(batch_open(&batch, 10, 1 << 20, 1 << 16), 0);
    enum audit_result result =
        index_is_verified(the_index) ? AUDIT_FINE : index_audit(the_index, &progress, &scratch, &gap);
    if (result == AUDIT_FINE) {
        struct item *item = &batch.items[batch.count++];
        *item = (struct item){.from = {"clients.commands", 0, 2000, 0},
                              .position = SPAN("clients.commands/0/2000"),
                              .workspace = SPAN("acme"),
                              .command_id = SPAN("x"),
                              .has_identity = true,
                              .email_key = SPAN("e0@example.com"),
                              .record = SPAN("{\"email\":\"e0@example.com\"}")};
        memcpy(item->client_id, "00000009-0000-5000-8000-000000000000", CLIENT_ID_LENGTH);
        memcpy(item->hash, hash, HASH_LENGTH);
        claimed = (index_is_verified(the_index) || index_take(the_index, (const int32_t[]){0}, 1, &scratch)) &&
                  index_claim(the_index, &batch) && index_confirm(the_index, &batch);
        *outcome = item->outcome;
    } else if (result == AUDIT_LOST || result == AUDIT_BEHIND) {
        enum rebuild_result rebuilt = index_rebuild(the_index, &progress.committed, result == AUDIT_LOST ? NULL : &gap,
                                                    &scratch, patient, NULL, why, sizeof(why));
        ck_assert_int_ne(rebuilt, REBUILD_ENDED);
    }
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
    batch_close(&batch);
    return claimed;
}

/* A worker of ours gets so far that it decides, and the email belongs to the client that has it. */
static void expect_we_go_on(const char *what)
{
    enum outcome outcome = OUTCOME_UNDECIDED;
    bool claimed = false;
    be_us();
    for (int i = 0; i < ROUNDS && !claimed; i++)
        claimed = worker_round(&outcome);
    ck_assert_msg(claimed, "our worker is stopped: %s", what);
    ck_assert_msg(outcome == OUTCOME_REJECTED, "the email is given twice: %s", what);
    expect_fold(&history, what);
}

/* A worker of theirs decides nothing, and removes nothing of ours. */
static void expect_they_stop(const char *what)
{
    enum outcome outcome;
    be_them();
    for (int i = 0; i < ROUNDS; i++)
        ck_assert_msg(!worker_round(&outcome), "their worker decides: %s", what);
    expect_fold(&history, what);
}

static void expect_key(const char *wanted, const char *what)
{
    redisReply *reply = redisCommand(aside, "GET " KEY);
    const char *found = reply->type == REDIS_REPLY_STRING ? reply->str : "nothing";
    ck_assert_msg(strcmp(found, wanted) == 0, "%s: the key holds %s, not %s", what, found, wanted);
    freeReplyObject(reply);
}

/* ---- the guard ---- */

/* What may happen to Redis before a worker of theirs comes. The last two have it rebuild everything. */
static const char *const befores[] = {"PING", "DEL client-intake:checkpoint:clients.commands/0",
                                      "DEL client-intake:epoch", "SET client-intake:epoch other"};

START_TEST(another_record_topic_frees_no_email_and_claims_nothing)
{
    open_both(case_name((uint64_t)_i, "guard"));
    expect_we_go_on("before");
    ask(befores[_i]);
    expect_they_stop(befores[_i]);
    expect_we_go_on(befores[_i]);
    close_both();
}
END_TEST

START_TEST(whose_the_database_is_and_what_to_do_about_it_is_said)
{
    open_both("said");
    expect_we_go_on("before");
    be_them();
    enum outcome outcome;
    ck_assert_ptr_null(index_foreign(the_index));
    worker_round(&outcome);
    const char *text = index_foreign(the_index);
    ck_assert_ptr_nonnull(text);
    ck_assert_msg(strstr(text, "record topic said, not to said-theirs") != NULL, "%s", text);
    ck_assert_msg(strstr(text, "redis.database") != NULL && strstr(text, "delete " KEY) != NULL, "%s", text);

    /* The topic was renamed, and the operator follows the advice. */
    ask("DEL " KEY " client-intake:epoch");
    bool claimed = false;
    for (int i = 0; i < ROUNDS && !claimed; i++)
        claimed = worker_round(&outcome);
    ck_assert(claimed);
    ck_assert_ptr_null(index_foreign(the_index));
    expect_key("said-theirs", "renamed");
    be_us();
    index_mark_stale(the_index);
    for (int i = 0; i < ROUNDS; i++)
        ck_assert(!worker_round(&outcome));
    ck_assert_ptr_nonnull(index_foreign(the_index));
    close_both();
}
END_TEST

/* ---- what must stop nobody ---- */

/* The index of an earlier version has no name; other programs may have written anything there. */
static const char *const without_a_name[] = {"DEL " KEY, "HSET " KEY " a b", "SET " KEY " \"\"",
                                             "SETRANGE " KEY " 300 x", "SETRANGE " KEY " 99999999 x"};

START_TEST(an_index_without_a_name_is_taken_over)
{
    const char *before = without_a_name[_i];
    open_both(case_name((uint64_t)_i, "nameless"));
    expect_we_go_on("before");
    ask("DEL " KEY);
    ask(before);
    index_mark_stale(ours);
    expect_we_go_on(before);
    expect_key(our_config->records.topic, before);
    expect_they_stop(before);
    close_both();
}
END_TEST

START_TEST(a_loss_of_everything_loses_the_name_too)
{
    open_both("loss");
    expect_we_go_on("before");
    ask("FLUSHALL");
    expect_we_go_on("flushed");
    expect_key("loss", "flushed");
    close_both();
}
END_TEST

/* ---- a worker that dies in a rebuild: its lock expires ---- */

static enum failpoint dies_at;
static bool dies;

void failpoint(enum failpoint point)
{
    if (!dies || point != dies_at)
        return;
    dies = false;
    ask("DEL client-intake:rebuild");
}

static const enum failpoint places_to_die[] = {FAILPOINT_REBUILD_BEGUN, FAILPOINT_REBUILD_HALF,
                                               FAILPOINT_REBUILD_BEFORE_END};

START_TEST(a_worker_that_died_in_a_rebuild_comes_back_and_no_other_takes_its_place)
{
    enum outcome outcome;
    open_both(case_name((uint64_t)_i, "died"));
    be_us();
    dies_at = places_to_die[_i];
    dies = true;
    for (int i = 0; i < ROUNDS && dies; i++)
        ck_assert(!worker_round(&outcome));
    ck_assert(!dies);
    be_them();
    for (int i = 0; i < ROUNDS; i++)
        ck_assert(!worker_round(&outcome));
    index_close(ours); /* the process starts again */
    ours = index_open(our_config);
    expect_we_go_on("after the restart");
    expect_they_stop("after the restart");
    close_both();
}
END_TEST

/* Both have found an empty Redis. One of them is first, and dies half way or ends. */
START_TEST(of_two_on_an_empty_database_the_first_has_it)
{
    enum outcome outcome;
    struct kafka_progress progress = {0};
    struct audit_gap gap = {0};
    char why[512];
    open_both(case_name((uint64_t)_i, "both"));
    be_them();
    ck_assert_int_eq(index_audit(the_index, &progress, &scratch, &gap), AUDIT_LOST);
    be_us();
    dies_at = FAILPOINT_REBUILD_HALF;
    dies = _i == 0;
    worker_round(&outcome);
    be_them();
    offsets_set(&progress.committed, 0, 1);
    ck_assert_int_ne(index_rebuild(the_index, &progress.committed, NULL, &scratch, patient, NULL, why, sizeof(why)),
                     REBUILD_DONE);
    expect_key(our_config->records.topic, "the first");
    expect_we_go_on("the first");
    expect_they_stop("the second");
    kafka_progress_free(&progress);
    audit_gap_free(&gap);
    close_both();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("other records");
    TCase *guard = add_case(suite, "guard");
    tcase_add_loop_test(guard, another_record_topic_frees_no_email_and_claims_nothing, 0,
                        sizeof(befores) / sizeof(befores[0]));
    tcase_add_test(guard, whose_the_database_is_and_what_to_do_about_it_is_said);
    TCase *nameless = add_case(suite, "nameless");
    tcase_add_loop_test(nameless, an_index_without_a_name_is_taken_over, 0,
                        sizeof(without_a_name) / sizeof(without_a_name[0]));
    tcase_add_test(nameless, a_loss_of_everything_loses_the_name_too);
    TCase *died = add_case(suite, "died");
    tcase_add_loop_test(died, a_worker_that_died_in_a_rebuild_comes_back_and_no_other_takes_its_place, 0,
                        sizeof(places_to_die) / sizeof(places_to_die[0]));
    tcase_add_loop_test(died, of_two_on_an_empty_database_the_first_has_it, 0, 2);
    return side_by_side(suite, (const char *const[]){"guard", "nameless", "died", NULL});
}

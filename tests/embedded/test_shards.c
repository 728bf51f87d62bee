/* The index on a cluster of three real masters: claims by slot, the confirmation, checkpoints, the audit, and slots
 * that are restored. */
#include "tests/embedded/cluster_stage.h"

#include "worker/index/index_internal.h"
#include "worker/index/shards_restore.h"
#include "worker/redis/redis_slot.h"

#define TOPIC      "clients.commands"
#define WORKSPACES 9

static struct config *config;
static struct shards *shards, *others; /* two workers */
static struct batch batch;
static struct arena scratch;
static char error[512];
static struct kafka_progress progress;
static char workspaces[WORKSPACES][16];

static struct shards *open_shards(void)
{
    struct shards *opened = shards_open(config);
    ck_assert_ptr_nonnull(opened);
    return opened;
}

/* Names of workspaces, in turn on the three masters. */
static void find_workspaces(void)
{
    for (int i = 0, n = 0; i < WORKSPACES; n++) {
        snprintf(workspaces[i], sizeof(workspaces[i]), "ws-%d", n);
        const int slot = redis_slot_of(span_of_text(workspaces[i]));
        i += slot >= FIRST_OF(i % MASTERS) && slot <= LAST_OF(i % MASTERS);
    }
}

static void open_all(void)
{
    char address[256];
    signal(SIGPIPE, SIG_IGN); /* as main does */
    cluster_open();
    cluster_address(address, sizeof(address));
    const char *settings[] = {"redis.kind=cluster", "log.level=error", "redis.timeout=2s", address, NULL};
    config = config_read(&(struct config_sources){.settings = settings, .takes_cluster = true});
    ck_assert_ptr_nonnull(config);
    log_set_level(LOG_LEVEL_ERROR);
    ck_assert_int_eq(batch_open(&batch, 2000, 8 << 20, 1 << 16), 0);
    ck_assert_int_eq(arena_open(&scratch, 64 << 20), 0);
    find_workspaces();
    shards = open_shards();
    others = open_shards();
}

static void begin_case(void)
{
    cluster_await(cluster_is_whole());
    for (size_t i = 0; i < MASTERS; i++)
        ck_assert_str_eq(cluster_ask(i, "FLUSHALL"), "OK");
    shards_close(shards);
    shards_close(others);
    shards = open_shards();
    others = open_shards();
    kafka_progress_free(&progress);
    progress = (struct kafka_progress){0};
    for (int32_t i = 0; i < 2; i++) {
        offsets_set(&progress.committed, i, OFFSET_NONE);
        offsets_set(&progress.nonces, i, OFFSET_NONE);
    }
    offsets_set(&progress.record_ends, 0, 0);
    batch_reset(&batch);
}

static void close_all(void)
{
    kafka_progress_free(&progress);
    shards_close(shards);
    shards_close(others);
    batch_close(&batch);
    arena_close(&scratch);
    config_free(config);
    cluster_close();
}

/* ---- what a worker does ---- */

static unsigned count_of(struct shards *worker, enum slot_trust trust)
{
    return slot_book_count(shards_book(worker), 0, trust);
}

static bool look(struct shards *worker)
{
    return shards_look(worker, &scratch, error, sizeof(error));
}

/* Until all masters are there, within a limit. */
static void look_until_all_are_there(struct shards *worker)
{
    unsigned there = 0;
    const int64_t until_ms = clock_now_ms() + CLUSTER_LIMIT;
    while (there < REDIS_SLOTS) {
        ck_assert_int_lt(clock_now_ms(), until_ms);
        there = 0;
        if (look(worker))
            for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
                there += slot_book_connection(shards_book(worker), slot) != 0;
        if (there < REDIS_SLOTS)
            clock_sleep(20);
    }
}

static void take(struct shards *worker, int32_t partition)
{
    int32_t taken;
    shards_take(worker, &partition, 1, &taken, &scratch);
    ck_assert_msg(taken == 1, "%s", shards_error(worker));
}

enum { TO_DO, TO_WAIT, SETTLED };

static int state_of(const struct shards *worker)
{
    bool waits;
    const bool settled = shards_is_settled(worker, &waits);
    return settled ? SETTLED : waits ? TO_WAIT : TO_DO;
}

/* With `insists` it does not wait for checkpoints that are behind. */
static enum shards_finding audit(struct shards *worker, bool insists)
{
    struct audit_gap gap = {0};
    enum shards_finding finding = shards_audit(worker, &progress, &scratch, &gap);
    if (finding == SHARDS_AHEAD) {
        /* Claims that are not committed, of a command topic that is long enough. */
        kafka_progress_repeat(&progress, &gap);
        finding = shards_audit(worker, &progress, &scratch, &gap);
    }
    progress.is_repeated = false;
    audit_gap_free(&gap);
    if (finding != SHARDS_BEHIND || !insists)
        return finding;
    shards_reject(worker);
    return SHARDS_LOST;
}

/* Of a topic without records. Returns how many slots it took, and how many are sound with it. */
static unsigned restore(struct shards *worker, unsigned *taken)
{
    struct shards_restore *restoration = shards_restore_new(worker, &scratch);
    ck_assert_ptr_nonnull(restoration);
    const struct shards_progress at = {&progress.committed, &progress.nonces, &progress.record_ends, NULL,
                                       clock_wall_ms()};
    *taken = shards_restore_begin(restoration);
    shards_restore_renew(restoration);
    const unsigned sound = shards_restore_end(restoration, &at);
    shards_restore_free(restoration);
    return sound;
}

static void get_ready(struct shards *worker, int32_t partition)
{
    unsigned taken;
    look_until_all_are_there(worker);
    take(worker, partition);
    if (audit(worker, true) == SHARDS_LOST)
        (void)restore(worker, &taken);
    ck_assert_msg(count_of(worker, TRUST_SOUND) == REDIS_SLOTS, "%u: %s", count_of(worker, TRUST_SOUND),
                  shards_error(worker));
}

static void put(int32_t partition, int64_t offset, const char *workspace, const char *email)
{
    struct item *item = &batch.items[batch.count++];
    char id[CLIENT_ID_LENGTH + 1];
    snprintf(id, sizeof(id), "00000000-0000-0000-%04d-%012lld", (int)partition, (long long)offset);
    *item = (struct item){.from = {TOPIC, partition, offset, 0},
                          .workspace = span_of_text(workspace),
                          .command_id = SPAN("c"),
                          .has_identity = true};
    item->position = position_text(&item->from, &batch.arena);
    item->record_form = FORM_FULL;
    memcpy(item->client_id, id, CLIENT_ID_LENGTH);
    memset(item->hash, '0', HASH_LENGTH);
    if (!email) {
        item_reject(item, ERROR_VALIDATION_FAILED, SPAN("1 value is not valid"));
        return;
    }
    item->email_key = arena_copy(&batch.arena, span_of_text(email));
    item->record = arena_format(&batch.arena, "{\"id\":\"%s\",\"email\":\"%s\"}", id, email);
}

/* `count` commands from this offset on, over all workspaces, each with an email of its own. */
static void fill(int32_t partition, int64_t from, int count)
{
    batch_reset(&batch);
    for (int i = 0; i < count; i++) {
        char email[64];
        snprintf(email, sizeof(email), "%d-%lld@example.com", (int)partition, (long long)from + i);
        put(partition, from + i, workspaces[i % WORKSPACES], email);
    }
    batch_begin(&batch);
}

static void commit(struct shards *worker, int32_t partition, int64_t next, int64_t nonce)
{
    offsets_set(&progress.committed, partition, next);
    offsets_set(&progress.nonces, partition, nonce);
    offsets_set(&progress.record_ends, 0, progress.record_ends.at[0] + batch.count);
    shards_checkpoint(worker, &batch, &progress.record_ends, nonce);
}

static void run_batch(struct shards *worker, int32_t partition, int64_t from, int count)
{
    fill(partition, from, count);
    ck_assert_msg(shards_claim(worker, &batch), "%s", shards_error(worker));
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(batch.items[i].outcome, OUTCOME_CREATED);
    ck_assert_msg(shards_confirm(worker, &batch), "%s", shards_error(worker));
    commit(worker, partition, from + count, 1000 + from);
}

/* ---- one worker ---- */

START_TEST(empty_cluster_is_restored_and_decides)
{
    unsigned taken;
    ck_assert(look(shards));
    look_until_all_are_there(shards);
    ck_assert_uint_eq(count_of(shards, TRUST_UNKNOWN), REDIS_SLOTS);
    ck_assert_int_eq(state_of(shards), TO_DO);
    take(shards, 0);
    ck_assert_int_eq(audit(shards, false), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), REDIS_SLOTS);
    ck_assert_int_eq(state_of(shards), TO_DO);
    fill(0, 0, 1);
    ck_assert(!shards_claim(shards, &batch));
    ck_assert_uint_eq(restore(shards, &taken), REDIS_SLOTS);
    ck_assert_uint_eq(taken, REDIS_SLOTS);
    ck_assert_int_eq(audit(shards, false), SHARDS_FINE);
    ck_assert_int_eq(state_of(shards), SETTLED);
    run_batch(shards, 0, 0, 900);
    /* Another worker finds everything in its place. */
    look_until_all_are_there(others);
    take(others, 1);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    run_batch(others, 1, 0, 90);
    run_batch(shards, 0, 900, 90);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    ck_assert_uint_eq(count_of(shards, TRUST_SOUND), REDIS_SLOTS);
    ck_assert_uint_eq(scratch.used, 0);
}
END_TEST

START_TEST(claims_are_found_again)
{
    get_ready(shards, 0);
    fill(0, 0, 9);
    ck_assert(shards_claim(shards, &batch));
    batch_reset_for_retry(&batch); /* as after a transaction that was aborted */
    fill(0, 0, 9);
    ck_assert(shards_claim(shards, &batch));
    for (int i = 0; i < 9; i++)
        ck_assert_int_eq(batch.items[i].outcome, OUTCOME_CREATED);
    batch_reset(&batch);
    put(0, 9, workspaces[0], "0-0@example.com"); /* taken */
    put(0, 10, workspaces[1], "0-0@example.com");
    put(0, 11, workspaces[1], NULL);
    put(0, 12, workspaces[2], "0-0@example.com");
    batch_begin(&batch);
    ck_assert(shards_claim(shards, &batch));
    ck_assert_int_eq(batch.items[0].error, ERROR_EMAIL_TAKEN);
    ck_assert_int_eq(batch.items[1].outcome, OUTCOME_CREATED);
    ck_assert_int_eq(batch.items[2].error, ERROR_VALIDATION_FAILED);
    ck_assert_int_eq(batch.items[3].outcome, OUTCOME_CREATED);
    ck_assert(shards_confirm(shards, &batch));
}
END_TEST

static bool exists(const char *workspace, const char *kind, const char *name)
{
    char text[128];
    snprintf(text, sizeof(text), "%s:{%s}:%s", kind, workspace, name);
    for (size_t i = 0; i < MASTERS; i++)
        if (strcmp(cluster_ask(i, "EXISTS %s", text), "1") == 0)
            return true;
    return false;
}

#define CLIENT_0 "client", "00000000-0000-0000-0000-000000000000"
#define EMAIL_0  "client-email", "0-0@example.com"

/* As the sink leaves a command whose record was refused. */
static void refuse_first(void)
{
    item_reject(&batch.items[0], ERROR_TOO_LARGE, SPAN("too large"));
    batch.items[0].record_form = FORM_NONE;
}

START_TEST(claim_of_a_client_that_does_not_fit_is_released)
{
    get_ready(shards, 0);
    for (int i = 0; i < 2; i++) {
        fill(0, 0, 3);
        ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
        ck_assert(exists(workspaces[0], CLIENT_0) && exists(workspaces[0], EMAIL_0));
        if (i == 1) /* the email is another's by now */
            cluster_ask(0, "SET client-email:{%s}:0-0@example.com 99999999-0000-0000-0000-000000000000", workspaces[0]);
        fill(0, 0, 3);
        batch.items[0].claimed = true;
        refuse_first();
        ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
        ck_assert(!exists(workspaces[0], CLIENT_0));
        ck_assert_int_eq(exists(workspaces[0], EMAIL_0), i == 1);
        ck_assert_int_eq(batch.items[0].error, ERROR_TOO_LARGE);
    }
}
END_TEST

START_TEST(client_that_does_not_fit_and_may_be_committed_has_its_slot_restored)
{
    unsigned taken;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 3);
    fill(0, 0, 3); /* the group's offsets were set back */
    refuse_first();
    ck_assert(!shards_claim(shards, &batch));
    ck_assert(batch.items[0].settled);
    ck_assert(exists(workspaces[0], CLIENT_0));
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), 1);
    ck_assert_uint_eq(restore(shards, &taken), 1);
    ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
    ck_assert_int_eq(batch.items[0].record_form, FORM_FULL);
}
END_TEST

/* ---- two workers ---- */

START_TEST(worker_that_lost_its_partition_commits_nothing)
{
    get_ready(shards, 0);
    fill(0, 0, 9);
    ck_assert(shards_claim(shards, &batch));
    get_ready(others, 0); /* it was assigned the partition, and nobody has been in these slots since */
    ck_assert(!shards_confirm(shards, &batch));
    fill(0, 0, 9);
    ck_assert(shards_claim(others, &batch));
    ck_assert(shards_confirm(others, &batch));
    fill(0, 9, 9);
    ck_assert(!shards_claim(shards, &batch)); /* it has no term any more */
    ck_assert_int_eq(state_of(shards), TO_DO);
    take(shards, 0);
    ck_assert_int_eq(state_of(shards), TO_DO); /* what the group has committed is yet to be asked for */
    ck_assert_int_eq(audit(shards, true), SHARDS_FINE);
    ck_assert_int_eq(state_of(shards), SETTLED);
    ck_assert(shards_claim(shards, &batch));
    fill(0, 18, 9);
    ck_assert(!shards_claim(others, &batch));
    ck_assert_int_eq(state_of(others), TO_DO);
    shards_give_up(others);
    ck_assert_int_eq(state_of(others), SETTLED); /* it has nothing to do with partitions */
}
END_TEST

START_TEST(worker_that_killed_itself_before_its_checkpoint_leaves_one_behind)
{
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    fill(0, 9, 9);
    ck_assert(shards_claim(shards, &batch));
    ck_assert(shards_confirm(shards, &batch));
    offsets_set(&progress.committed, 0, 18);
    offsets_set(&progress.nonces, 0, 77);
    look_until_all_are_there(others);
    take(others, 0);
    ck_assert_int_eq(audit(others, false), SHARDS_BEHIND);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), 0);
    offsets_set(&progress.record_ends, 0, 18);
    /* It comes after all: nobody else's term is in a slot. */
    shards_checkpoint(shards, &batch, &progress.record_ends, 77);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
}
END_TEST

/* ---- logs that were replaced ---- */

START_TEST(records_in_front_of_the_known_end_void_all_slots)
{
    unsigned taken;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    run_batch(shards, 0, 9, 9);
    fill(0, 18, 9);
    ck_assert(shards_claim(shards, &batch));
    ck_assert(shards_confirm(shards, &batch));
    offsets_set(&progress.record_ends, 0, -9); /* so the batch ends at 0 */
    commit(shards, 0, 27, 1018);
    ck_assert_uint_eq(count_of(shards, TRUST_SOUND), 0);
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), REDIS_SLOTS);
    ck_assert_uint_eq(restore(shards, &taken), REDIS_SLOTS);
    run_batch(shards, 0, 27, 9);
    ck_assert_uint_eq(count_of(shards, TRUST_SOUND), REDIS_SLOTS);
}
END_TEST

/* A worker claims commands up to 18, of which 9 are committed, and is gone. Another one takes the partition. */
static void leave_claims(int64_t end)
{
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    fill(0, 9, 9);
    ck_assert(shards_claim(shards, &batch));
    offsets_set(&progress.command_ends, 0, end);
    look_until_all_are_there(others);
}

static const char *mark_of(void)
{
    const unsigned slot = redis_slot_of(SPAN(TOPIC "/0"));
    return cluster_ask(slot < 5461 ? 0 : slot < 10923 ? 1 : 2, "GET client-intake:{" TOPIC "/0}:claimed");
}

START_TEST(claims_of_a_log_that_is_long_enough_stay)
{
    leave_claims(18);
    take(others, 0);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    ck_assert_str_eq(mark_of(), "18");
    run_batch(others, 0, 9, 9);
}
END_TEST

START_TEST(claims_beyond_the_end_of_the_log_void_all_slots_once)
{
    unsigned taken;
    leave_claims(17);
    take(others, 1); /* who does not have the partition does not care */
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    take(others, 0);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_UNKNOWN), REDIS_SLOTS);
    ck_assert_int_eq(audit(others, false), SHARDS_LOST);
    ck_assert_uint_eq(count_of(others, TRUST_LOST), REDIS_SLOTS);
    ck_assert_str_eq(mark_of(), "18");
    ck_assert_uint_eq(restore(others, &taken), REDIS_SLOTS);
    fill(0, 9, 9);
    ck_assert(!shards_claim(others, &batch)); /* before the mark is lower */
    ck_assert_int_eq(state_of(others), TO_DO);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    ck_assert_str_eq(mark_of(), "9");
    ck_assert_int_eq(state_of(others), SETTLED);
    run_batch(others, 0, 9, 9);
    ck_assert_str_eq(mark_of(), "18");
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
}
END_TEST

START_TEST(two_workers_do_not_restore_one_slot)
{
    unsigned taken;
    look_until_all_are_there(shards);
    look_until_all_are_there(others);
    take(shards, 0);
    take(others, 1);
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_int_eq(audit(others, true), SHARDS_LOST);
    struct shards_restore *restoration = shards_restore_new(shards, &scratch);
    ck_assert_uint_eq(shards_restore_begin(restoration), REDIS_SLOTS);
    ck_assert_uint_eq(restore(others, &taken), 0);
    ck_assert_uint_eq(taken, 0);
    ck_assert_int_eq(audit(others, true), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_BUSY), REDIS_SLOTS);
    ck_assert_int_eq(state_of(others), TO_WAIT);
    const struct shards_progress at = {&progress.committed, &progress.nonces, &progress.record_ends, NULL, 1};
    ck_assert_uint_eq(shards_restore_end(restoration, &at), REDIS_SLOTS);
    shards_restore_free(restoration);
    ck_assert_int_eq(audit(others, true), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
}
END_TEST

START_TEST(slot_of_another_record_topic_is_left_alone)
{
    unsigned taken;
    const unsigned slot = redis_slot_of(span_of_text(workspaces[1]));
    get_ready(shards, 0);
    ck_assert_ptr_null(shards_foreign(shards));
    cluster_ask(1, "HSET client-intake:{%s}:fence records some.other.topic", redis_slot_tag(slot).at);
    look_until_all_are_there(others);
    take(others, 0);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_FOREIGN), 1);
    ck_assert_str_eq(shards_foreign(others), "some.other.topic");
    ck_assert_int_eq(state_of(others), TO_WAIT);
    ck_assert_uint_eq(restore(others, &taken), 0);
    fill(0, 0, 3);
    ck_assert(shards_may_decide(others, &batch.items[0]));
    ck_assert(!shards_may_decide(others, &batch.items[1]));
    cluster_ask(1, "HDEL client-intake:{%s}:fence records", redis_slot_tag(slot).at);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_ptr_null(shards_foreign(others));
    ck_assert_int_eq(state_of(others), SETTLED);
}
END_TEST

START_TEST(claims_that_may_be_too_many_void_all_slots)
{
    unsigned taken;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    shards_distrust(shards);
    ck_assert_int_eq(state_of(shards), TO_DO);
    fill(0, 9, 9);
    ck_assert(!shards_claim(shards, &batch));
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(restore(shards, &taken), REDIS_SLOTS);
    run_batch(shards, 0, 9, 9);
}
END_TEST

/* ---- elections ---- */

static bool all_know_epoch(unsigned long epoch)
{
    bool know = true;
    for (size_t i = 0; i < MASTERS; i++) {
        const char *found = strstr(cluster_ask(i, "CLUSTER INFO"), "cluster_current_epoch:");
        know &= found && strtoul(strchr(found, ':') + 1, NULL, 10) >= epoch;
    }
    return know;
}

START_TEST(nothing_is_committed_behind_an_election)
{
    unsigned long epoch = 0;
    get_ready(shards, 0);
    fill(0, 0, 3);
    ck_assert(shards_claim(shards, &batch));
    for (size_t i = 0; i < 2 && epoch == 0; i++) /* who has the highest one keeps it */
        (void)sscanf(cluster_ask(i, "CLUSTER BUMPEPOCH"), "BUMPED %lu", &epoch);
    ck_assert_uint_gt(epoch, 0);
    cluster_await(all_know_epoch(epoch));
    ck_assert(!shards_confirm(shards, &batch));
    ck_assert_str_eq(shards_error(shards), "a master may have been replaced");
    clock_sleep(CLUSTER_LOOK_MS);
    ck_assert(look(shards));
    ck_assert_msg(shards_confirm(shards, &batch), "%s", shards_error(shards)); /* nobody was */
    run_batch(shards, 0, 0, 9);
}
END_TEST

/* ---- losses ---- */

START_TEST(flushed_master_voids_its_slots_only)
{
    unsigned taken;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 90);
    fill(0, 90, 9);
    ck_assert(shards_claim(shards, &batch));
    ck_assert_str_eq(cluster_ask(1, "FLUSHALL"), "OK");
    ck_assert(!shards_confirm(shards, &batch));
    /* The slots of which a script was refused are not known; the others are when they are asked. */
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    const unsigned lost = count_of(shards, TRUST_LOST);
    ck_assert_uint_ge(lost, 1);
    ck_assert_uint_eq(restore(shards, &taken), lost);
    fill(0, 90, 9);
    ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
    ck_assert_msg(shards_confirm(shards, &batch), "%s", shards_error(shards));
}
END_TEST

START_TEST(master_that_comes_back_empty_is_restored)
{
    unsigned taken;
    const char *why;
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 90);
    cluster_kill(1);
    fill(0, 90, 9);
    ck_assert(!shards_claim(shards, &batch));
    ck_assert(look(shards));
    /* Slots of the others go on. */
    ck_assert(!shards_may_decide(shards, &batch.items[1]));
    ck_assert(shards_may_decide(shards, &batch.items[0]));
    ck_assert(shards_may_decide(shards, &batch.items[2]));
    fill(0, 90, 1);
    ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
    ck_assert_msg(shards_confirm(shards, &batch), "%s", shards_error(shards));
    commit(shards, 0, 91, 91);
    ck_assert_uint_eq(shards_there(shards, &why), 2);
    ck_assert_ptr_nonnull(why);
    ck_assert_int_eq(state_of(shards), SETTLED); /* there is nothing to do but to look */
    cluster_start(1);
    cluster_await(cluster_is_whole());
    look_until_all_are_there(shards);
    ck_assert_uint_eq(shards_there(shards, &why), 3);
    ck_assert_ptr_null(why);
    ck_assert_int_eq(state_of(shards), TO_DO);
    ck_assert_int_eq(audit(shards, false), SHARDS_BEHIND);
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), 5462);
    ck_assert_uint_eq(restore(shards, &taken), 5462);
    ck_assert_int_eq(audit(shards, false), SHARDS_FINE);
    /* Its checkpoints are there again, so nobody has it restored. */
    look_until_all_are_there(others);
    take(others, 1);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    run_batch(shards, 0, 91, 9);
}
END_TEST

/* Whether the first master has the workspace, and the others send clients there. */
static bool all_know_owner(const char *workspace)
{
    char place[32];
    bool know = strncmp(cluster_ask(0, "GET {%s}", workspace), "MOVED", 5) != 0;
    snprintf(place, sizeof(place), ":%d", cluster_masters[0].port);
    for (size_t i = 1; i < MASTERS; i++) {
        const char *answer = cluster_ask(i, "GET {%s}", workspace);
        know &= strncmp(answer, "MOVED", 5) == 0 && strstr(answer, place);
    }
    return know;
}

START_TEST(slot_that_moves_is_restored)
{
    unsigned taken;
    const unsigned slot = redis_slot_of(span_of_text(workspaces[0]));
    get_ready(shards, 0);
    run_batch(shards, 0, 0, 9);
    cluster_ask(1, "CLUSTER SETSLOT %u IMPORTING %s", slot, cluster_masters[0].id);
    cluster_ask(0, "CLUSTER SETSLOT %u MIGRATING %s", slot, cluster_masters[1].id);
    fill(0, 9, 1);
    ck_assert(!shards_claim(shards, &batch)); /* ASK: its keys are not there */
    ck_assert_int_eq(slot_book_trust(shards_book(shards), slot), TRUST_UNKNOWN);
    for (size_t i = 0; i < MASTERS; i++) {
        const size_t order[] = {1, 0, 2};
        cluster_ask(order[i], "CLUSTER SETSLOT %u NODE %s", slot, cluster_masters[1].id);
    }
    const int64_t until_ms = clock_now_ms() + CLUSTER_LIMIT;
    while (slot_book_connection(shards_book(shards), slot) != slot_book_connection(shards_book(shards), 6000)) {
        ck_assert_int_lt(clock_now_ms(), until_ms);
        ck_assert(look(shards));
        clock_sleep(20);
    }
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), 1);
    ck_assert_uint_eq(count_of(shards, TRUST_SOUND), REDIS_SLOTS - 1);
    ck_assert_uint_eq(restore(shards, &taken), 1);
    ck_assert_msg(shards_claim(shards, &batch), "%s", shards_error(shards));
    ck_assert_msg(shards_confirm(shards, &batch), "%s", shards_error(shards));
    /* Back, for the other tests. As an import, so its epoch is the highest, and no master believes an earlier one. */
    for (size_t i = 0; i < MASTERS; i++)
        cluster_ask(i, "FLUSHALL");
    cluster_ask(0, "CLUSTER SETSLOT %u IMPORTING %s", slot, cluster_masters[1].id);
    cluster_ask(1, "CLUSTER SETSLOT %u MIGRATING %s", slot, cluster_masters[0].id);
    for (size_t i = 0; i < MASTERS; i++)
        cluster_ask(i, "CLUSTER SETSLOT %u NODE %s", slot, cluster_masters[0].id);
    cluster_await(all_know_owner(workspaces[0]));
}
END_TEST

static bool is_master(size_t number)
{
    return strstr(cluster_ask(number, "INFO replication"), "role:master") != NULL;
}

START_TEST(replica_that_takes_over_is_restored)
{
    unsigned taken;
    get_ready(shards, 0);
    cluster_add_replica(1);
    run_batch(shards, 0, 0, 90);
    ck_assert_str_eq(cluster_ask(1, "WAIT 1 5000"), "1");
    kill(cluster_masters[REPLICA].process, SIGSTOP);
    cluster_ask(1, "CLIENT KILL TYPE replica"); /* or it would read what waits in the connection when it wakes up */
    run_batch(shards, 0, 90, 9);                /* what the replica will not have */
    fill(0, 99, 9);
    ck_assert(shards_claim(shards, &batch));
    cluster_kill(1);
    kill(cluster_masters[REPLICA].process, SIGCONT);
    ck_assert(!shards_confirm(shards, &batch));
    cluster_await(is_master(REPLICA));
    look_until_all_are_there(shards);
    fill(0, 99, 9);
    ck_assert(!shards_may_decide(shards, &batch.items[1]));
    ck_assert(shards_may_decide(shards, &batch.items[0]));
    /* It has the epochs, but the stamp of another master, and its checkpoint is behind. */
    ck_assert_int_eq(audit(shards, false), SHARDS_BEHIND);
    ck_assert_int_eq(audit(shards, true), SHARDS_LOST);
    ck_assert_uint_eq(count_of(shards, TRUST_LOST), 5462);
    ck_assert_uint_eq(restore(shards, &taken), 5462);
    run_batch(shards, 0, 99, 9);
    look_until_all_are_there(others);
    take(others, 1);
    ck_assert_int_eq(audit(others, false), SHARDS_FINE);
    ck_assert_uint_eq(count_of(others, TRUST_SOUND), REDIS_SLOTS);
    run_batch(others, 1, 0, 9);
    /* The old master comes back as a replica: nothing changes. */
    cluster_start(1);
    cluster_await(!is_master(1));
    ck_assert(look(shards));
    run_batch(shards, 0, 108, 9);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shards");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 60);
    tcase_add_unchecked_fixture(all, open_all, close_all);
    tcase_add_checked_fixture(all, begin_case, NULL);
    tcase_add_test(all, empty_cluster_is_restored_and_decides);
    tcase_add_test(all, claims_are_found_again);
    tcase_add_test(all, claim_of_a_client_that_does_not_fit_is_released);
    tcase_add_test(all, client_that_does_not_fit_and_may_be_committed_has_its_slot_restored);
    tcase_add_test(all, worker_that_lost_its_partition_commits_nothing);
    tcase_add_test(all, worker_that_killed_itself_before_its_checkpoint_leaves_one_behind);
    tcase_add_test(all, records_in_front_of_the_known_end_void_all_slots);
    tcase_add_test(all, claims_of_a_log_that_is_long_enough_stay);
    tcase_add_test(all, claims_beyond_the_end_of_the_log_void_all_slots_once);
    tcase_add_test(all, two_workers_do_not_restore_one_slot);
    tcase_add_test(all, slot_of_another_record_topic_is_left_alone);
    tcase_add_test(all, claims_that_may_be_too_many_void_all_slots);
    tcase_add_test(all, nothing_is_committed_behind_an_election);
    tcase_add_test(all, flushed_master_voids_its_slots_only);
    tcase_add_test(all, slot_that_moves_is_restored);
    tcase_add_test(all, master_that_comes_back_empty_is_restored);
    suite_add_tcase(suite, all);
    TCase *failover = tcase_create("failover"); /* afterwards the masters are others */
    tcase_set_timeout(failover, 120);
    tcase_add_unchecked_fixture(failover, open_all, close_all);
    tcase_add_checked_fixture(failover, begin_case, NULL);
    tcase_add_test(failover, replica_that_takes_over_is_restored);
    suite_add_tcase(suite, failover);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

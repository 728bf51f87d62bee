/* shards_stage: two workers with the index on a cluster of three real masters, and what a worker does there, for the
 * tests of the index on a cluster. Each of them includes it once. */
#ifndef TESTS_SHARDS_STAGE_H
#define TESTS_SHARDS_STAGE_H

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
    config = config_read(&(struct config_sources){.settings = settings});
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

#endif

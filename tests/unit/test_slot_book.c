/* What a worker knows of the slots of a cluster: the single changes; and a small cluster in memory, whose masters fail
 * over, come back with old files or empty, are flushed, and give slots to each other, while two workers decide, commit,
 * crash, audit and restore in any order. No command that is committed may have been decided without one that was
 * committed before.
 *
 * SEED=number and EPISODES=number in the environment. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lib/quick_check.h"
#include "worker/index/checkpoint.h"
#include "worker/index/slot_book.h"

#define EPOCH_A "0123456789abcdef0123456789abcdef"
#define EPOCH_B "fedcba9876543210fedcba9876543210"
#define STAMP   SPAN("a 5")
#define TOPIC   SPAN("clients.records")

static struct slot_book *book;
static struct cluster_map map;
static struct slot_master masters[3];

static void book_open(void)
{
    book = slot_book_new();
    ck_assert_ptr_nonnull(book);
    map.count = 3;
    for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
        map.owner[slot] = slot < 9 ? (uint16_t)(slot / 3) : CLUSTER_NO_MASTER;
    for (size_t i = 0; i < map.count; i++)
        masters[i] = (struct slot_master){10 + i, 5 + i};
    slot_book_follow(book, &map, masters);
}

static void book_close(void)
{
    slot_book_free(book);
}

static void read_slot(unsigned slot, const char *epoch, const char *shard, const char *records, bool is_restored)
{
    const struct slot_reading reading = {span_of_text(epoch), span_of_text(shard), span_of_text(records), is_restored};
    slot_book_read(book, slot, &reading, STAMP, TOPIC);
}

static void make_sound(unsigned slot)
{
    read_slot(slot, EPOCH_A, "a 5", "clients.records", false);
    slot_book_vouch(book, slot_book_connection(book, slot));
    ck_assert_int_eq(slot_book_trust(book, slot), TRUST_SOUND);
}

static const struct {
    const char *epoch, *shard, *records;
    bool is_restored;
    enum slot_trust trust;
} readings[] = {
    {EPOCH_A, "a 5", "clients.records", false, TRUST_READ},
    {EPOCH_A, "a 5", "", false, TRUST_READ},
    {EPOCH_A, "a 5", "clients.records", true, TRUST_READ}, /* the end of a restoration takes the lock away */
    {"", "a 5", "clients.records", false, TRUST_LOST},
    {"", "", "", false, TRUST_LOST},
    {"", "a 5", "clients.records", true, TRUST_BUSY},
    {EPOCH_A, "a 4", "clients.records", false, TRUST_LOST},
    {EPOCH_A, "b 5", "clients.records", false, TRUST_LOST},
    {EPOCH_A, "", "clients.records", false, TRUST_LOST},
    {"0123", "a 5", "clients.records", false, TRUST_LOST},
    {EPOCH_A "0", "a 5", "clients.records", false, TRUST_LOST},
    {EPOCH_A, "a 5", "others.records", false, TRUST_FOREIGN},
    {"", "", "others.records", true, TRUST_FOREIGN},
};

START_TEST(fence_tells_of_its_slot)
{
    read_slot(2, readings[_i].epoch, readings[_i].shard, readings[_i].records, readings[_i].is_restored);
    ck_assert_int_eq(slot_book_trust(book, 2), readings[_i].trust);
    ck_assert_uint_eq(slot_book_count(book, 0, readings[_i].trust), 1);
    ck_assert_uint_eq(slot_book_count(book, 10, readings[_i].trust), 1);
    ck_assert_uint_eq(slot_book_count(book, 11, readings[_i].trust), 0);
    ck_assert_uint_eq(slot_book_count(book, 0, TRUST_UNKNOWN), REDIS_SLOTS - 1);
}
END_TEST

START_TEST(checkpoints_decide_for_a_whole_shard)
{
    for (unsigned slot = 0; slot < 6; slot++)
        read_slot(slot, slot == 1 ? "" : EPOCH_A, "a 5", "", false);
    slot_book_vouch(book, 10);
    slot_book_reject(book, 11);
    ck_assert(slot_book_is_complete(book, 10));
    ck_assert(!slot_book_is_complete(book, 11));
    ck_assert(!slot_book_is_complete(book, 0));
    static const enum slot_trust trusts[] = {TRUST_SOUND, TRUST_LOST, TRUST_SOUND, TRUST_LOST, TRUST_LOST, TRUST_LOST};
    for (unsigned slot = 0; slot < 6; slot++)
        ck_assert_int_eq(slot_book_trust(book, slot), trusts[slot]);
    ck_assert(span_equal(slot_book_epoch(book, 0), SPAN(EPOCH_A)));
    ck_assert(span_equal(slot_book_stamp(book, 0), STAMP));
    ck_assert_ptr_null(slot_book_epoch(book, 1).at);
}
END_TEST

START_TEST(what_was_sound_or_lost_is_not_read_again)
{
    make_sound(0);
    read_slot(0, "", "", "", false);
    ck_assert_int_eq(slot_book_trust(book, 0), TRUST_SOUND);
    read_slot(1, "", "", "", false);
    read_slot(1, EPOCH_A, "a 5", "", false);
    ck_assert_int_eq(slot_book_trust(book, 1), TRUST_LOST);
    slot_book_doubt(book, 1);
    make_sound(1);
    read_slot(2, "", "", "", true);
    ck_assert_int_eq(slot_book_trust(book, 2), TRUST_BUSY);
    make_sound(2); /* the other worker has restored it */
}
END_TEST

START_TEST(slot_of_a_complete_shard_is_sound_at_once)
{
    make_sound(0);
    slot_book_doubt(book, 0);
    read_slot(0, EPOCH_B, "a 5", "", false);
    ck_assert_int_eq(slot_book_trust(book, 0), TRUST_SOUND);
    read_slot(1, EPOCH_B, "b 4", "", false); /* it has just come */
    ck_assert_int_eq(slot_book_trust(book, 1), TRUST_LOST);
    masters[0].connection = 20;
    slot_book_follow(book, &map, masters);
    read_slot(0, EPOCH_B, "a 5", "", false);
    ck_assert_int_eq(slot_book_trust(book, 0), TRUST_READ);
}
END_TEST

START_TEST(shard_is_complete_when_all_of_it_is_restored)
{
    for (unsigned slot = 0; slot < 2; slot++)
        read_slot(slot, EPOCH_A, "a 5", "", false);
    slot_book_reject(book, 10);
    slot_book_restored(book, 0, SPAN(EPOCH_B), STAMP);
    slot_book_restored(book, 1, SPAN(EPOCH_B), STAMP);
    ck_assert(!slot_book_is_complete(book, 10)); /* slot 2 was not read */
    read_slot(2, EPOCH_A, "a 5", "", false);
    ck_assert_int_eq(slot_book_trust(book, 2), TRUST_READ);
    slot_book_reject(book, 10);
    slot_book_restored(book, 2, SPAN(EPOCH_B), STAMP);
    ck_assert(slot_book_is_complete(book, 10));
}
END_TEST

START_TEST(restored_slot_is_sound)
{
    read_slot(0, "", "", "", false);
    slot_book_restored(book, 0, SPAN(EPOCH_B), SPAN("a 6"));
    ck_assert_int_eq(slot_book_trust(book, 0), TRUST_SOUND);
    ck_assert(span_equal(slot_book_epoch(book, 0), SPAN(EPOCH_B)));
    ck_assert(span_equal(slot_book_stamp(book, 0), SPAN("a 6")));
}
END_TEST

START_TEST(another_connection_ends_what_is_known)
{
    for (unsigned slot = 0; slot < 9; slot++)
        make_sound(slot);
    map.owner[0] = 1;
    masters[2].connection = 0;
    slot_book_follow(book, &map, masters);
    for (unsigned slot = 0; slot < 9; slot++)
        ck_assert_int_eq(slot_book_trust(book, slot), slot == 0 || slot >= 6 ? TRUST_UNKNOWN : TRUST_SOUND);
    ck_assert_uint_eq(slot_book_connection(book, 0), 11);
    ck_assert_uint_eq(slot_book_connection(book, 8), 0);
    ck_assert_uint_eq(slot_book_connection(book, 9), 0);
}
END_TEST

START_TEST(slot_that_may_have_been_elsewhere_is_not_known)
{
    for (unsigned slot = 0; slot < 9; slot++)
        make_sound(slot);
    ck_assert(slot_book_is_of(book, masters, 3));
    masters[0].config_epoch = 9; /* a slot came; all masters are there */
    ck_assert(slot_book_is_of(book, masters, 3));
    slot_book_follow(book, &map, masters);
    ck_assert_int_eq(slot_book_trust(book, 0), TRUST_SOUND);
    masters[0].config_epoch = 11; /* one came, and another master has failed over */
    masters[1].connection = 20;
    slot_book_follow(book, &map, masters);
    for (unsigned slot = 0; slot < 9; slot++)
        ck_assert_int_eq(slot_book_trust(book, slot), slot < 6 ? TRUST_UNKNOWN : TRUST_SOUND);
    masters[1].connection = 0; /* it does not answer: the others go on while no slot has come to them */
    ck_assert(slot_book_is_of(book, masters, 3));
    masters[0].config_epoch = 12;
    ck_assert(!slot_book_is_of(book, masters, 3));
    masters[0].config_epoch = 11;
    masters[1].connection = 21; /* it answers on another connection */
    ck_assert(!slot_book_is_of(book, masters, 3));
}
END_TEST

START_TEST(epoch_that_is_not_trusted_stays_so)
{
    make_sound(0);
    slot_book_distrust(book, 0);
    ck_assert_int_eq(slot_book_trust(book, 0), TRUST_UNKNOWN);
    for (int i = 0; i < 2; i++) {
        read_slot(0, EPOCH_A, "a 5", "", false);
        ck_assert_int_eq(slot_book_trust(book, 0), TRUST_LOST);
        slot_book_doubt(book, 0);
    }
    read_slot(0, "", "", "", true);
    read_slot(0, EPOCH_A, "a 5", "", false); /* an older copy came back */
    ck_assert_int_eq(slot_book_trust(book, 0), TRUST_LOST);
    slot_book_doubt(book, 0);
    read_slot(0, EPOCH_B, "a 5", "", false);
    ck_assert_int_eq(slot_book_trust(book, 0), TRUST_SOUND);
}
END_TEST

START_TEST(distrust_of_all_waits_for_what_is_not_known)
{
    make_sound(0);
    slot_book_distrust_all(book);
    ck_assert(!slot_book_is_complete(book, 10));
    read_slot(1, EPOCH_A, "a 5", "", false);
    ck_assert_int_eq(slot_book_trust(book, 1), TRUST_LOST);
    read_slot(2, "", "", "", false); /* it has to be restored anyway */
    slot_book_distrust_all(book);
    ck_assert_int_eq(slot_book_trust(book, 2), TRUST_LOST);
    slot_book_doubt(book, 2);
    read_slot(2, EPOCH_A, "a 5", "", false);
    ck_assert_int_eq(slot_book_trust(book, 2), TRUST_READ);
}
END_TEST

START_TEST(stamp_has_shard_and_epoch)
{
    char text[SLOT_STAMP_BYTES];
    const char *shard = "0123456789012345678901234567890123456789";
    ck_assert_uint_eq(slot_stamp_text(shard, UINT64_MAX, text), SLOT_STAMP_BYTES - 3);
    ck_assert_str_eq(text, "0123456789012345678901234567890123456789 18446744073709551615");
}
END_TEST

/* ---- a cluster in memory ---- */

#define SLOTS   6
#define SHARDS  3
#define WORKERS 2 /* each has a partition of its own */
#define CLAIMS  64

static uint64_t random_state;

static unsigned draw(unsigned below)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * UINT64_C(2685821657736338717)) >> 33) % below;
}

static bool one_in(unsigned many)
{
    return draw(many) == 0;
}

/* What stands in a slot. Claims are numbers below CLAIMS. */
struct content {
    unsigned epoch, restorer; /* 0: none */
    char stamp[SLOT_STAMP_BYTES];
    unsigned terms[WORKERS];
    uint64_t claims;
    struct checkpoint checkpoints[SHARDS][WORKERS]; /* by the shard in their names */
};

struct store {
    struct content slots[SLOTS];
};

static struct shard {
    struct store now, older; /* `older` is what its replica, or its file, has */
    uint64_t connection, config_epoch;
} shards[SHARDS];

static uint16_t owners[SLOTS];
static unsigned epochs, restorers;
static uint64_t connections, config_epochs;

/* The record topic and the group. */
static uint64_t records[SLOTS];
static uint64_t seen[SLOTS][CLAIMS]; /* by each claim: what its script has met */
static unsigned claimed[SLOTS];      /* the next number */
static struct group_progress group[WORKERS];
static int64_t nonces;

static struct worker {
    struct slot_book *book;
    struct cluster_map map;
    unsigned term;
    enum { IDLE, CLAIMED, CONFIRMED, COMMITTED } phase;
    unsigned slot, claim;
    unsigned token;               /* of a restoration; 0: none */
    uint16_t shard;               /* that it is about */
    uint64_t connections[SHARDS]; /* at the last look */
    bool taken[SLOTS];
    char stamp[SLOT_STAMP_BYTES];
} workers[WORKERS];

static struct {
    uint64_t commits, losses, moves, restored, refused, vouched, rejected;
} tally;

static void epoch_text(unsigned epoch, char text[EPOCH_LENGTH + 1])
{
    snprintf(text, EPOCH_LENGTH + 1, "%0*u", EPOCH_LENGTH, epoch);
}

static void stamp_of(uint16_t shard, char text[SLOT_STAMP_BYTES])
{
    char id[CLUSTER_ID_LENGTH + 1];
    snprintf(id, sizeof(id), "%0*u", CLUSTER_ID_LENGTH, (unsigned)shard);
    slot_stamp_text(id, shards[shard].config_epoch, text);
}

/* Where a worker's command for the slot arrives; NULL: nowhere, or the node says MOVED or ASK. */
static struct content *reach(const struct worker *worker, unsigned slot)
{
    const uint16_t shard = worker->map.owner[slot];
    if (owners[slot] != shard || slot_book_connection(worker->book, slot) != shards[shard].connection)
        return NULL;
    return &shards[shard].now.slots[slot];
}

static unsigned lowest_of(const struct worker *worker, uint16_t shard)
{
    unsigned slot = 0;
    while (slot < SLOTS && worker->map.owner[slot] != shard)
        slot++;
    return slot;
}

static bool fence_is_held(const struct worker *worker, unsigned slot, const struct content *content)
{
    char epoch[EPOCH_LENGTH + 1];
    if (!content || content->epoch == 0)
        return false;
    epoch_text(content->epoch, epoch);
    return span_equal(slot_book_epoch(worker->book, slot), span_of_text(epoch)) &&
           span_equal(slot_book_stamp(worker->book, slot), span_of_text(content->stamp));
}

/* ---- what workers do ---- */

static void look(struct worker *worker)
{
    struct slot_master found[SHARDS];
    for (uint16_t i = 0; i < SHARDS; i++)
        found[i] = (struct slot_master){shards[i].connection, shards[i].config_epoch};
    for (uint16_t i = 0; i < SHARDS; i++)
        worker->connections[i] = shards[i].connection;
    for (unsigned slot = 0; slot < SLOTS; slot++)
        worker->map.owner[slot] = owners[slot];
    slot_book_follow(worker->book, &worker->map, found);
}

static void commit(struct worker *worker)
{
    const unsigned number = (unsigned)(worker - workers), slot = worker->slot, claim = worker->claim;
    for (unsigned other = 0; other < CLAIMS; other++)
        if (records[slot] >> other & 1)
            ck_assert_msg((seen[slot][claim] >> other & 1) || (seen[slot][other] >> claim & 1),
                          "slot %u: %u and %u were decided without each other", slot, claim, other);
    records[slot] |= UINT64_C(1) << claim;
    group[number].committed = (group[number].committed < 0 ? 0 : group[number].committed) + 1;
    group[number].nonce = ++nonces;
    worker->phase = COMMITTED;
    tally.commits++;
}

/* Who asks for the group's offsets waits for transactions that have come to their commit. */
static void ask_group(void)
{
    for (unsigned i = 0; i < WORKERS; i++)
        if (workers[i].phase == CONFIRMED)
            commit(&workers[i]);
}

static void audit(struct worker *worker, uint16_t shard)
{
    char stamp[SLOT_STAMP_BYTES], epoch[EPOCH_LENGTH + 1];
    const unsigned lowest = lowest_of(worker, shard);
    ask_group();
    if (lowest == SLOTS || slot_book_connection(worker->book, lowest) != shards[shard].connection)
        return;
    stamp_of(shard, stamp);
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        const struct content *content = worker->map.owner[slot] == shard ? reach(worker, slot) : NULL;
        if (!content || one_in(20))
            continue;
        epoch_text(content->epoch, epoch);
        const struct slot_reading reading = {content->epoch ? span_of_text(epoch) : SPAN_NONE,
                                             span_of_text(content->stamp), SPAN(""), content->restorer != 0};
        slot_book_read(worker->book, slot, &reading, span_of_text(stamp), TOPIC);
    }
    const struct content *content = reach(worker, lowest);
    if (slot_book_is_complete(worker->book, shards[shard].connection))
        return;
    bool behind = !content;
    for (unsigned i = 0; i < WORKERS && content; i++)
        behind = behind || checkpoint_compare(&content->checkpoints[shard][i], &group[i]).is_behind;
    if (content && behind)
        slot_book_reject(worker->book, shards[shard].connection);
    else if (content)
        slot_book_vouch(worker->book, shards[shard].connection);
    tally.vouched += !behind;
    tally.rejected += content && behind;
}

/* The slots that the map gives to the shard and that are not sound. */
static void restore_begin(struct worker *worker, uint16_t shard)
{
    worker->token = ++restorers;
    worker->shard = shard;
    stamp_of(shard, worker->stamp);
    for (unsigned slot = 0; slot < SLOTS; slot++) {
        struct content *content = worker->map.owner[slot] == shard ? reach(worker, slot) : NULL;
        char epoch[EPOCH_LENGTH + 1];
        worker->taken[slot] = false;
        if (!content || slot_book_trust(worker->book, slot) != TRUST_LOST)
            continue;
        epoch_text(content->epoch, epoch);
        const struct span read = slot_book_epoch(worker->book, slot);
        if (content->epoch != 0 && !(read.at && span_equal(read, span_of_text(epoch))))
            slot_book_doubt(worker->book, slot);
        else if (content->epoch == 0 && content->restorer != 0 && one_in(2)) /* in half of the cases it is alive */
            slot_book_doubt(worker->book, slot);
        else {
            content->epoch = 0;
            content->restorer = worker->token;
            worker->taken[slot] = true;
        }
    }
}

static void restore_end(struct worker *worker)
{
    const uint16_t shard = worker->shard;
    const unsigned lowest = lowest_of(worker, shard);
    bool whole = false;
    ask_group();
    for (unsigned slot = 0; slot < SLOTS && worker->token; slot++) {
        struct content *content = worker->taken[slot] ? reach(worker, slot) : NULL;
        char epoch[EPOCH_LENGTH + 1];
        if (content && content->restorer == worker->token && content->epoch == 0 && worker->map.owner[slot] == shard) {
            content->claims = records[slot];
            content->epoch = ++epochs;
            content->restorer = 0;
            memcpy(content->stamp, worker->stamp, sizeof(worker->stamp));
            epoch_text(content->epoch, epoch);
            const bool before = slot_book_is_complete(worker->book, shards[shard].connection);
            slot_book_restored(worker->book, slot, span_of_text(epoch), span_of_text(worker->stamp));
            whole |= !before && slot_book_is_complete(worker->book, shards[shard].connection);
            tally.restored++;
        }
    }
    struct content *content = worker->token && whole ? reach(worker, lowest) : NULL;
    for (unsigned i = 0; i < WORKERS && content && fence_is_held(worker, lowest, content); i++)
        content->checkpoints[shard][i] = (struct checkpoint){group[i].committed, group[i].committed, group[i].nonce, 1};
    worker->token = 0;
}

static void decide(struct worker *worker)
{
    const unsigned slot = draw(SLOTS), number = (unsigned)(worker - workers);
    struct content *content = reach(worker, slot);
    if (slot_book_trust(worker->book, slot) != TRUST_SOUND || claimed[slot] == CLAIMS)
        return;
    if (!fence_is_held(worker, slot, content) || content->terms[number] > worker->term) {
        slot_book_doubt(worker->book, slot);
        tally.refused++;
        return;
    }
    content->terms[number] = worker->term;
    worker->slot = slot;
    worker->claim = claimed[slot]++;
    seen[slot][worker->claim] = content->claims;
    content->claims |= UINT64_C(1) << worker->claim;
    worker->phase = CLAIMED;
}

static void confirm(struct worker *worker)
{
    const unsigned slot = worker->slot, number = (unsigned)(worker - workers);
    const struct content *content = reach(worker, slot);
    struct slot_master found[SHARDS];
    /* A connection that was lost does not answer; and of the others one in a while. */
    for (uint16_t i = 0; i < SHARDS; i++)
        found[i] = shards[i].connection == worker->connections[i] && !one_in(20)
                       ? (struct slot_master){shards[i].connection, shards[i].config_epoch}
                       : (struct slot_master){0, 0};
    worker->phase = IDLE;
    if (!slot_book_is_of(worker->book, found, SHARDS))
        look(worker);
    else if (found[worker->map.owner[slot]].connection != 0 && slot_book_trust(worker->book, slot) == TRUST_SOUND &&
             fence_is_held(worker, slot, content) && content->terms[number] == worker->term)
        worker->phase = CONFIRMED;
    else
        slot_book_doubt(worker->book, slot);
}

static void write_checkpoints(struct worker *worker)
{
    const unsigned number = (unsigned)(worker - workers);
    for (uint16_t shard = 0; shard < SHARDS; shard++) {
        const unsigned lowest = lowest_of(worker, shard);
        if (lowest == SLOTS || slot_book_trust(worker->book, lowest) != TRUST_SOUND)
            continue;
        struct content *content = reach(worker, lowest);
        if (!fence_is_held(worker, lowest, content) || !slot_book_is_complete(worker->book, shards[shard].connection))
            continue;
        content->checkpoints[shard][number] =
            (struct checkpoint){group[number].committed, group[number].committed, group[number].nonce, 1};
    }
    worker->phase = IDLE;
}

static void crash(struct worker *worker)
{
    worker->phase = IDLE;
    worker->token = 0;
    slot_book_free(worker->book);
    worker->book = slot_book_new();
    worker->term++;
    look(worker);
}

static void act(struct worker *worker)
{
    if (one_in(40)) {
        crash(worker);
    } else if (one_in(6)) {
        if (worker->phase == IDLE || one_in(4))
            look(worker);
    } else if (worker->token) {
        restore_end(worker);
    } else if (worker->phase == CLAIMED) {
        confirm(worker);
    } else if (worker->phase == CONFIRMED) {
        commit(worker);
    } else if (worker->phase == COMMITTED) {
        write_checkpoints(worker);
    } else if (one_in(3)) {
        const uint16_t shard = (uint16_t)draw(SHARDS);
        audit(worker, shard);
        if (one_in(2))
            restore_begin(worker, shard);
    } else {
        decide(worker);
    }
}

/* ---- what happens to the cluster ---- */

static void fail_over(struct shard *shard)
{
    shard->now = shard->older;
    shard->config_epoch = ++config_epochs;
    shard->connection = ++connections;
}

static void lose(struct shard *shard)
{
    static const struct content empty = {0};
    const unsigned how = draw(4);
    tally.losses++;
    if (how == 0) {
        fail_over(shard);
    } else if (how == 1) { /* started again with an old file */
        shard->now = shard->older;
        shard->connection = ++connections;
    } else { /* started again without one, or flushed */
        for (unsigned slot = 0; slot < SLOTS; slot++) {
            shard->now.slots[slot] = empty;
            for (unsigned i = 0; i < SHARDS * WORKERS; i++)
                shard->now.slots[slot].checkpoints[i / WORKERS][i % WORKERS] = CHECKPOINT_NONE;
        }
        shard->connection = how == 2 ? ++connections : shard->connection;
    }
    if (how >= 2)
        shard->older = shard->now;
}

/* Keys move one by one, the fence among the first. */
static void move(unsigned slot, uint16_t to)
{
    struct shard *target = &shards[to], *source = &shards[owners[slot]];
    struct content *content = &source->now.slots[slot];
    if (target == source)
        return;
    tally.moves++;
    target->now.slots[slot] = *content;
    target->now.slots[slot].claims &= UINT64_C(0x5555555555555555);
    if (one_in(2))
        target->older = target->now;
    target->now.slots[slot].claims = content->claims;
    memset(content, 0, sizeof(*content));
    for (unsigned i = 0; i < SHARDS * WORKERS; i++)
        content->checkpoints[i / WORKERS][i % WORKERS] = CHECKPOINT_NONE;
    owners[slot] = to;
    if (target->config_epoch != config_epochs)
        target->config_epoch = ++config_epochs;
}

/* A slot goes to another shard, loses claims there, and comes back before anybody looks. */
static void visit(unsigned slot, uint16_t to)
{
    const uint16_t home = owners[slot];
    if (home == to)
        return;
    move(slot, to);
    fail_over(&shards[to]);
    move(slot, home);
}

static void happen(void)
{
    struct shard *shard = &shards[draw(SHARDS)];
    if (one_in(3))
        shard->older = shard->now;
    else if (one_in(3))
        lose(shard);
    else if (one_in(2))
        move(draw(SLOTS), (uint16_t)draw(SHARDS));
    else
        visit(draw(SLOTS), (uint16_t)draw(SHARDS));
}

static void begin_episode(void)
{
    memset(shards, 0, sizeof(shards));
    memset(records, 0, sizeof(records));
    memset(claimed, 0, sizeof(claimed));
    for (uint16_t i = 0; i < SHARDS; i++) {
        shards[i].connection = ++connections;
        shards[i].config_epoch = ++config_epochs;
        for (unsigned j = 0; j < SLOTS * SHARDS * WORKERS; j++)
            shards[i].now.slots[j % SLOTS].checkpoints[j / SLOTS % SHARDS][j / SLOTS / SHARDS] = CHECKPOINT_NONE;
        shards[i].older = shards[i].now;
    }
    for (unsigned slot = 0; slot < SLOTS; slot++)
        owners[slot] = (uint16_t)(slot * SHARDS / SLOTS);
    for (unsigned i = 0; i < WORKERS; i++) {
        struct worker *worker = &workers[i];
        *worker = (struct worker){.book = slot_book_new(), .term = 1, .map = {.count = SHARDS}};
        for (unsigned slot = 0; slot < REDIS_SLOTS; slot++)
            worker->map.owner[slot] = CLUSTER_NO_MASTER;
        group[i] = (struct group_progress){OFFSET_NONE, OFFSET_NONE, false, OFFSET_NONE};
        look(worker);
    }
}

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

START_TEST(nothing_is_decided_without_what_was_committed)
{
    const unsigned seed = setting("SEED", 1), count = setting("EPISODES", 300);
    for (unsigned episode = 0; episode < count; episode++) {
        random_state = (uint64_t)seed * 1000003 + episode + 1;
        begin_episode();
        const unsigned calm = 10 + draw(60);
        for (unsigned step = 0; step < 1500; step++) {
            act(&workers[draw(WORKERS)]);
            if (one_in(calm))
                happen();
        }
        for (unsigned i = 0; i < WORKERS; i++)
            slot_book_free(workers[i].book);
    }
    printf(
        "measured: %llu commits, %llu losses, %llu moved slots, %llu restored, %llu refused, %llu shards vouched for, "
        "%llu rejected\n",
        (unsigned long long)tally.commits, (unsigned long long)tally.losses, (unsigned long long)tally.moves,
        (unsigned long long)tally.restored, (unsigned long long)tally.refused, (unsigned long long)tally.vouched,
        (unsigned long long)tally.rejected);
    ck_assert_uint_gt(tally.commits, 20ULL * count);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("slot_book");
    TCase *all = tcase_create("all");
    tcase_set_timeout(all, 300);
    tcase_add_checked_fixture(all, book_open, book_close);
    tcase_add_loop_test(all, fence_tells_of_its_slot, 0, (int)(sizeof(readings) / sizeof(readings[0])));
    tcase_add_test(all, checkpoints_decide_for_a_whole_shard);
    tcase_add_test(all, what_was_sound_or_lost_is_not_read_again);
    tcase_add_test(all, slot_of_a_complete_shard_is_sound_at_once);
    tcase_add_test(all, shard_is_complete_when_all_of_it_is_restored);
    tcase_add_test(all, restored_slot_is_sound);
    tcase_add_test(all, another_connection_ends_what_is_known);
    tcase_add_test(all, slot_that_may_have_been_elsewhere_is_not_known);
    tcase_add_test(all, epoch_that_is_not_trusted_stays_so);
    tcase_add_test(all, distrust_of_all_waits_for_what_is_not_known);
    tcase_add_test(all, stamp_has_shard_and_epoch);
    tcase_add_test(all, nothing_is_decided_without_what_was_committed);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

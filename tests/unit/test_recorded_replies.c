/* recorded_replies: the earliest reply to each command is found, whatever the order of the replies, and however little
 * of them stays in memory. */
#include "tests/lib/quick_check.h"
#include "tests/unit/evaluating.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/resource.h>

#include "common/folder.h"
#include "worker/replay/recorded_replies.h"

#define LARGE   ((size_t)64 << 20)
#define THREADS 4

static char folder[512];
static struct spill *spill;
static struct recorded_replies *replies;

static void open_spill(void)
{
    char error[256] = "";
    ck_assert(folder_make_temporary("client-intake-replies", folder, sizeof(folder)));
    ck_assert_int_eq(setenv("TMPDIR", folder, 1), 0);
    spill = spill_open(error, sizeof(error));
    ck_assert_msg(spill != NULL, "%s", error);
}

static void close_spill(void)
{
    recorded_replies_free(replies);
    spill_close(spill);
    folder_remove(folder);
}

static void open_ranges(struct replay_range *ranges, uint32_t count, size_t pending_bytes)
{
    recorded_replies_free(replies);
    replies = recorded_replies_new(&(struct replay_ranges){ranges, count}, spill, pending_bytes);
    ck_assert_ptr_nonnull(replies);
}

static void open_one(int64_t from, int64_t to, size_t pending_bytes)
{
    open_ranges(&(struct replay_range){.partition = 0, .from = from, .to = to}, 1, pending_bytes);
}

static void add(int32_t partition, const struct recorded_reply *entry, const char *content)
{
    ck_assert_msg(recorded_replies_add(replies, partition, entry, span_of_text(content)), "%s", strerror(errno));
}

static void seal(void)
{
    ck_assert_msg(recorded_replies_seal(replies), "%s", strerror(errno));
}

/* The place in the reply topics of the reply that counts, or -1. */
static int64_t found_at(int32_t partition, int64_t offset)
{
    struct reply_block *block = recorded_replies_block(replies, partition, offset);
    ck_assert_ptr_nonnull(block);
    const struct recorded_reply *found = reply_block_find(block, offset);
    const int64_t at = found ? found->offset : -1;
    if (found)
        ck_assert_int_eq(found->command, offset);
    reply_block_release(block);
    return at;
}

/* ---- Ranges ---- */

/* Partitions 1, 4 and 9; the middle one is empty. */
START_TEST(ranges_are_half_open)
{
    struct replay_range ranges[] = {{.partition = 1, .from = 10, .to = 12},
                                    {.partition = 4, .from = 50, .to = 50},
                                    {.partition = 9, .from = 0, .to = 1},
                                    {.partition = INT32_MAX, .from = INT64_MAX - 2, .to = INT64_MAX}};
    open_ranges(ranges, 4, LARGE);
    ck_assert(!recorded_replies_covers(replies, 1, 9));
    ck_assert(recorded_replies_covers(replies, 1, 10));
    ck_assert(recorded_replies_covers(replies, 1, 11));
    ck_assert(!recorded_replies_covers(replies, 1, 12));
    ck_assert(!recorded_replies_covers(replies, 4, 50));
    ck_assert(!recorded_replies_covers(replies, 4, 49));
    ck_assert(recorded_replies_covers(replies, 9, 0));
    ck_assert(!recorded_replies_covers(replies, 9, 1));
    ck_assert(!recorded_replies_covers(replies, 9, -1));
    ck_assert(recorded_replies_covers(replies, INT32_MAX, INT64_MAX - 1));
    ck_assert(!recorded_replies_covers(replies, INT32_MAX, INT64_MAX));
    static const int32_t others[] = {INT32_MIN, -1, 0, 2, 3, 5, 8, 10, INT32_MAX - 1};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        for (int64_t offset = 0; offset < 60; offset++)
            ck_assert(!recorded_replies_covers(replies, others[i], offset));
}
END_TEST

START_TEST(no_range_covers_nothing)
{
    open_ranges(NULL, 0, LARGE);
    ck_assert(!recorded_replies_covers(replies, 0, 0));
    seal();
}
END_TEST

/* The same offset in two partitions, and gaps between the answered ones. */
START_TEST(each_partition_has_its_own_replies)
{
    struct replay_range ranges[] = {{.partition = 2, .from = 5, .to = 100}, {.partition = 3, .from = 0, .to = 100}};
    open_ranges(ranges, 2, LARGE);
    add(2, &(struct recorded_reply){.command = 7, .offset = 70}, "two");
    add(3, &(struct recorded_reply){.command = 7, .offset = 71}, "three");
    add(3, &(struct recorded_reply){.command = 99, .offset = 72}, "");
    seal();
    ck_assert_int_eq(found_at(2, 7), 70);
    ck_assert_int_eq(found_at(3, 7), 71);
    ck_assert_int_eq(found_at(3, 99), 72);
    ck_assert_int_eq(found_at(2, 99), -1);
    ck_assert_int_eq(found_at(2, 5), -1);
    ck_assert_int_eq(found_at(3, 0), -1);
}
END_TEST

/* ---- Blocks ---- */

static const int64_t froms[] = {0, 1, REPLY_BLOCK - 1, REPLY_BLOCK, REPLY_BLOCK + 1, 7 * (int64_t)REPLY_BLOCK - 1};

/* A range over three borders of blocks, with a reply at either side of each. */
START_TEST(commands_at_the_borders_of_blocks_are_found)
{
    const int64_t from = froms[_i], to = from + 3 * (int64_t)REPLY_BLOCK + 2;
    open_one(from, to, LARGE);
    for (int64_t offset = from; offset < to; offset++) {
        const int64_t inside = offset % REPLY_BLOCK;
        if (inside == 0 || inside == 1 || inside == REPLY_BLOCK - 1 || offset == from || offset == to - 1)
            add(0, &(struct recorded_reply){.command = offset, .offset = 2 * offset}, "x");
    }
    seal();
    struct reply_block *block = NULL;
    for (int64_t offset = from; offset < to; offset++) {
        const int64_t inside = offset % REPLY_BLOCK;
        const bool is_answered =
            inside == 0 || inside == 1 || inside == REPLY_BLOCK - 1 || offset == from || offset == to - 1;
        if (!block || !reply_block_holds(block, offset)) {
            reply_block_release(block);
            block = recorded_replies_block(replies, 0, offset);
            ck_assert_ptr_nonnull(block);
            ck_assert(reply_block_holds(block, offset));
            ck_assert(!reply_block_holds(block, offset - inside - 1));
            ck_assert(reply_block_holds(block, offset - inside));
            ck_assert(reply_block_holds(block, offset - inside + REPLY_BLOCK - 1));
            ck_assert(!reply_block_holds(block, offset - inside + REPLY_BLOCK));
        }
        const struct recorded_reply *found = reply_block_find(block, offset);
        ck_assert_int_eq(found != NULL, is_answered);
        if (found)
            ck_assert_int_eq(found->offset, 2 * offset);
    }
    reply_block_release(block);
}
END_TEST

/* It lives until the last one who has it gives it back. */
START_TEST(a_block_is_shared)
{
    open_one(0, 10, LARGE);
    add(0, &(struct recorded_reply){.command = 3, .offset = 30}, "x");
    seal();
    struct reply_block *block = recorded_replies_block(replies, 0, 3);
    ck_assert_ptr_nonnull(block);
    ck_assert_ptr_eq(reply_block_share(block), block);
    reply_block_release(block);
    ck_assert_int_eq(reply_block_find(block, 3)->offset, 30);
    reply_block_release(block);
    reply_block_release(NULL);
}
END_TEST

/* ---- What is kept of a reply ---- */

START_TEST(all_of_an_entry_comes_back)
{
    struct recorded_reply entry = {.command = 5,
                                   .timestamp_ms = 1795415880123,
                                   .offset = INT64_MAX,
                                   .partition = INT32_MAX,
                                   .topic = UINT16_MAX,
                                   .kind = RECORDED_REJECTED,
                                   .error = ERROR_TOO_LARGE,
                                   .is_whole = true,
                                   .is_refused_client = true,
                                   .names_version = true,
                                   .at = -7,
                                   .length = 999};
    char content[4] = "";
    memset(entry.version, 'f', sizeof(entry.version));
    memset(&entry.digest, 0xa5, sizeof(entry.digest));
    open_one(0, 10, LARGE);
    add(0, &(struct recorded_reply){.command = 4}, "before");
    add(0, &entry, "abc");
    seal();
    struct reply_block *block = recorded_replies_block(replies, 0, 5);
    const struct recorded_reply *found = reply_block_find(block, 5);
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(found->timestamp_ms, entry.timestamp_ms);
    ck_assert_int_eq(found->offset, entry.offset);
    ck_assert_int_eq(found->partition, entry.partition);
    ck_assert_uint_eq(found->topic, entry.topic);
    ck_assert_uint_eq(found->kind, entry.kind);
    ck_assert_uint_eq(found->error, entry.error);
    ck_assert(found->is_whole && found->is_refused_client && found->names_version);
    ck_assert_mem_eq(found->version, entry.version, sizeof(entry.version));
    ck_assert_mem_eq(&found->digest, &entry.digest, sizeof(entry.digest));
    ck_assert_uint_eq(found->length, 3);
    ck_assert(spill_read(spill, found->at, content, 3));
    ck_assert_str_eq(content, "abc");
    reply_block_release(block);
}
END_TEST

/* ---- Presumed replies ---- */

static const struct recorded_reply presumed_early = {
    .command = 3, .timestamp_ms = 1, .offset = 10, .is_presumed = true};
static const struct recorded_reply presumed_later = {
    .command = 3, .timestamp_ms = 2, .offset = 20, .is_presumed = true};
static const struct recorded_reply whole_last = {.command = 3, .timestamp_ms = 3, .offset = 30};

static void expect_found(int64_t at, bool is_presumed)
{
    seal();
    struct reply_block *block = recorded_replies_block(replies, 0, 3);
    ck_assert_ptr_nonnull(block);
    const struct recorded_reply *found = reply_block_find(block, 3);
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(found->offset, at);
    ck_assert_int_eq(found->is_presumed, is_presumed);
    reply_block_release(block);
}

START_TEST(a_single_reply_stays_presumed)
{
    open_one(0, 10, LARGE);
    add(0, &presumed_early, "{");
    expect_found(10, true);
}
END_TEST

/* In each order of their coming. */
START_TEST(of_several_presumed_replies_the_earliest_that_is_one_counts)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    static const struct {
        const char *first, *second;
        int64_t at;
    } cases[] = {{"{}", "{}", 10}, {"{}", "{", 10}, {"{", "{}", 20}, {"{", "{}}", 30}};
    const struct recorded_reply *const entries[] = {&presumed_early, &presumed_later, &whole_last};
    for (size_t order = 0; order < sizeof(orders) / sizeof(orders[0]); order++)
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            const char *const contents[] = {cases[i].first, cases[i].second, "[]"};
            open_one(0, 10, LARGE);
            for (int j = 0; j < 3; j++)
                add(0, entries[orders[order][j]], contents[orders[order][j]]);
            expect_found(cases[i].at, false);
        }
}
END_TEST

/* ---- Several replies to one command ---- */

/* From the earliest to the latest. */
static const struct recorded_reply ordered[] = {
    {.command = 1, .timestamp_ms = -1, .topic = 9, .partition = 9, .offset = 0},
    {.command = 1, .timestamp_ms = 5, .topic = 0, .partition = 8, .offset = 1},
    {.command = 1, .timestamp_ms = 5, .topic = 1, .partition = 0, .offset = 2},
    {.command = 1, .timestamp_ms = 5, .topic = 1, .partition = 1, .offset = 3},
    {.command = 1, .timestamp_ms = 5, .topic = 1, .partition = 1, .offset = 4},
    {.command = 1, .timestamp_ms = 6, .topic = 0, .partition = 0, .offset = 5},
};
#define ORDERED 6
#define ORDERS  720 /* of six replies */

/* Order number `order` of six. */
static void permute(unsigned order, unsigned places[ORDERED])
{
    for (unsigned i = 0; i < ORDERED; i++)
        places[i] = i;
    for (unsigned i = ORDERED; i > 1; order /= i, i--) {
        const unsigned other = order % i, last = places[i - 1];
        places[i - 1] = places[other];
        places[other] = last;
    }
}

/* Of those from number `first` on, in every order, and with an extent for each as well as with one for all. */
START_TEST(the_earliest_reply_counts)
{
    for (unsigned order = 0; order < ORDERS; order++) {
        unsigned places[ORDERED];
        permute(order, places);
        open_one(0, 2, LARGE);
        for (unsigned i = 0; i < ORDERED; i++) {
            if (places[i] < (unsigned)_i)
                continue;
            add(0, &ordered[places[i]], "x");
            if (order % 2 == 1)
                seal();
        }
        seal();
        ck_assert_int_eq(found_at(0, 1), _i);
        ck_assert_int_eq(found_at(0, 0), -1);
    }
}
END_TEST

/* ---- Against a plain fold ---- */

#define PARTITIONS 3
#define OFFSETS    (2 * (int64_t)REPLY_BLOCK + 777)
#define REPLIES    40000

static uint64_t random_next(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static bool is_before(const struct recorded_reply *a, const struct recorded_reply *b)
{
    if (a->timestamp_ms != b->timestamp_ms)
        return a->timestamp_ms < b->timestamp_ms;
    if (a->topic != b->topic)
        return a->topic < b->topic;
    if (a->partition != b->partition)
        return a->partition < b->partition;
    return a->offset < b->offset;
}

static struct recorded_reply random_reply(uint64_t *state)
{
    const int64_t near = (int64_t)(random_next(state) % 500), far = (int64_t)(random_next(state) % OFFSETS);
    return (struct recorded_reply){.command = random_next(state) % 2 ? near : far,
                                   .timestamp_ms = (int64_t)(random_next(state) % 5),
                                   .topic = (uint16_t)(random_next(state) % 3),
                                   .partition = (int32_t)(random_next(state) % 3),
                                   .offset = (int64_t)(random_next(state) >> 20)};
}

/* 0: each new block writes all that waits; the last one: everything waits. */
static const size_t pendings[] = {0, 1, 20000, 100000, LARGE};

static struct recorded_reply *plain; /* by partition and offset */
static bool *is_plain;

static void fill_at_random(uint64_t seed, size_t pending_bytes, int64_t first)
{
    struct replay_range ranges[PARTITIONS];
    for (int32_t i = 0; i < PARTITIONS; i++)
        ranges[i] = (struct replay_range){.partition = 2 * i, .from = first + 100 * i, .to = first + OFFSETS};
    open_ranges(ranges, PARTITIONS, pending_bytes);
    plain = calloc(PARTITIONS * (size_t)OFFSETS, sizeof(*plain));
    is_plain = calloc(PARTITIONS * (size_t)OFFSETS, sizeof(*is_plain));
    ck_assert(plain && is_plain);
    for (int i = 0; i < REPLIES; i++) {
        struct recorded_reply reply = random_reply(&seed);
        const int32_t partition = (int32_t)(random_next(&seed) % PARTITIONS);
        const size_t place = (size_t)partition * (size_t)OFFSETS + (size_t)reply.command;
        reply.command += first;
        if (!recorded_replies_covers(replies, 2 * partition, reply.command))
            continue;
        char content[32];
        snprintf(content, sizeof(content), "%lld", (long long)reply.offset);
        add(2 * partition, &reply, content);
        if (!is_plain[place] || is_before(&reply, &plain[place]))
            plain[place] = reply;
        is_plain[place] = true;
    }
    seal();
}

static void free_plain(void)
{
    free(plain);
    free(is_plain);
}

static void expect_plain(int32_t partition, int64_t first)
{
    struct reply_block *block = NULL;
    for (int64_t i = 100 * partition; i < OFFSETS; i++) {
        const int64_t offset = first + i;
        const size_t place = (size_t)partition * (size_t)OFFSETS + (size_t)i;
        if (!block || !reply_block_holds(block, offset)) {
            reply_block_release(block);
            block = recorded_replies_block(replies, 2 * partition, offset);
            ck_assert_ptr_nonnull(block);
        }
        const struct recorded_reply *found = reply_block_find(block, offset);
        ck_assert_int_eq(found != NULL, is_plain[place]);
        if (!found)
            continue;
        char content[32] = "";
        ck_assert(spill_read(spill, found->at, content, found->length));
        ck_assert_int_eq(found->offset, plain[place].offset);
        ck_assert_int_eq(found->timestamp_ms, plain[place].timestamp_ms);
        ck_assert_int_eq(strtoll(content, NULL, 10), plain[place].offset);
    }
    reply_block_release(block);
}

START_TEST(any_order_and_any_memory_gives_the_same)
{
    for (uint64_t seed = 1; seed <= 3; seed++) {
        const int64_t first = (int64_t)seed * 40000 - 40000;
        fill_at_random(seed * 2654435761u, pendings[_i], first);
        for (int32_t partition = 0; partition < PARTITIONS; partition++)
            expect_plain(partition, first);
        free_plain();
    }
}
END_TEST

/* Many extents of one block, which are full. */
START_TEST(a_block_of_many_replies_is_complete)
{
    open_one(0, 10, pendings[_i]);
    for (int64_t i = 0; i < 1000; i++)
        add(0, &(struct recorded_reply){.command = i % 10, .timestamp_ms = 1000 - i, .offset = i}, "x");
    seal();
    for (int64_t i = 0; i < 10; i++)
        ck_assert_int_eq(found_at(0, i), 990 + i);
}
END_TEST

static void *look_up(void *subject)
{
    const int32_t *partition = subject;
    expect_plain(*partition, 0);
    return NULL;
}

START_TEST(threads_look_up_at_once)
{
    pthread_t threads[THREADS];
    int32_t partitions[THREADS];
    fill_at_random(4711, 20000, 0);
    for (int i = 0; i < THREADS; i++) {
        partitions[i] = i % PARTITIONS;
        ck_assert_int_eq(pthread_create(&threads[i], NULL, look_up, &partitions[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    free_plain();
}
END_TEST

/* ---- A full disk ---- */

/* What was refused is not there, and what came before is; also when more is added all the same. */
START_TEST(a_full_spill_refuses_and_keeps_what_it_has)
{
    static char filler[1 << 20];
    int64_t at, refused = 0;
    struct rlimit limit;
    open_one(0, 1000, LARGE);
    for (int64_t i = 0; i < 100; i++)
        add(0, &(struct recorded_reply){.command = i, .offset = i}, "");
    ck_assert(spill_append(spill, span_of(filler, sizeof(filler) - 10), &at));
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 1;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    for (int64_t i = 100; i < 500; i++) {
        const struct recorded_reply entry = {.command = i, .offset = i};
        errno = 0;
        if (recorded_replies_add(replies, 0, &entry, SPAN("")))
            continue;
        ck_assert_int_eq(errno, EFBIG);
        refused++;
    }
    ck_assert_int_gt(refused, 0);
    ck_assert(!recorded_replies_seal(replies));
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    seal();
    for (int64_t i = 0; i < 500 - refused; i++)
        ck_assert_int_eq(found_at(0, i), i);
    ck_assert_int_eq(found_at(0, 499), -1);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("recorded_replies");
    TCase *tests = tcase_create("all");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, open_spill, close_spill);
    tcase_add_test(tests, ranges_are_half_open);
    tcase_add_test(tests, no_range_covers_nothing);
    tcase_add_test(tests, each_partition_has_its_own_replies);
    tcase_add_loop_test(tests, commands_at_the_borders_of_blocks_are_found, 0, COUNT(froms));
    tcase_add_test(tests, a_block_is_shared);
    tcase_add_test(tests, all_of_an_entry_comes_back);
    tcase_add_test(tests, a_single_reply_stays_presumed);
    tcase_add_test(tests, of_several_presumed_replies_the_earliest_that_is_one_counts);
    tcase_add_loop_test(tests, the_earliest_reply_counts, 0, ORDERED);
    tcase_add_loop_test(tests, any_order_and_any_memory_gives_the_same, 0, COUNT(pendings));
    tcase_add_loop_test(tests, a_block_of_many_replies_is_complete, 0, COUNT(pendings));
    tcase_add_test(tests, threads_look_up_at_once);
    tcase_add_test(tests, a_full_spill_refuses_and_keeps_what_it_has);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

/* What batches take while partitions wait for definitions, or for Redis: the first command of each of these at a time,
 * and those of the other partitions. The source is used directly, as the worker uses it. */
#include <check.h>
#include <stdlib.h>

#include "tests/embedded/source_stage.h"

#define WAITING  0 /* the partition that waits */
#define OTHER    1
#define ROOM     10
#define COMMANDS 30 /* of the partition that waits */
#define LIMIT_MS 60000
#define TRIES    3

static void open_source(void)
{
    open_source_of(ROOM);
}

static uint32_t count_of(int32_t partition)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < batch.count; i++)
        count += batch.items[i].from.partition == partition;
    return count;
}

static enum { LACKS_DEFINITIONS, LACKS_REDIS, REASONS } reason;

/* As the worker does, where the commands of the partition cannot be decided. */
static void end_batch(bool lacks)
{
    for (uint32_t i = 0; i < batch.count && lacks; i++) {
        if (!item_is_ours(&batch.items[i]) || batch.items[i].from.partition != WAITING)
            continue;
        if (reason == LACKS_REDIS)
            source_hold(source, i);
        else
            ck_assert(source_postpone(source, i, LIMIT_MS));
    }
    source_release(source);
}

/* A whole batch of the partition begins to wait. Returns the offset of its first command. *end: behind its last. */
static int64_t begin_wait(int64_t *end)
{
    int64_t first = -1;
    for (*end = 0; first < 0;) {
        for (int i = 0; i < COMMANDS; i++)
            fixture_send_valid(WAITING, (int)(*end)++);
        ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
        for (int64_t next = 0; first < 0 && next < *end;) {
            fill_batch(ROOM);
            next = batch.items[batch.count - 1].from.offset + 1;
            first = batch.count == ROOM ? batch.items[0].from.offset : -1;
            end_batch(first >= 0);
        }
    }
    ck_assert_uint_eq(source_waiting(source), reason == LACKS_DEFINITIONS);
    return first;
}

START_TEST(a_partition_that_waits_takes_one_place_and_others_go_on)
{
    int64_t offset = 0, end;
    reason = _i;
    const int64_t first = begin_wait(&end);
    for (int tries = 0; tries < TRIES;) {
        fixture_send_valid(OTHER, (int)end++);
        do {
            fill_batch(ROOM);
            ck_assert_uint_le(count_of(WAITING), 1);
            if (count_of(WAITING) > 0)
                tries++;
            for (uint32_t i = 0; i < batch.count; i++) {
                const struct position *from = &batch.items[i].from;
                ck_assert_int_eq(from->offset, from->partition == WAITING ? first : offset++);
            }
            end_batch(true);
        } while (count_of(OTHER) > 0);
    }
    ck_assert_int_gt(offset, 0);
}
END_TEST

START_TEST(after_the_wait_the_commands_follow_in_their_order)
{
    reason = _i;
    int64_t end, offset = begin_wait(&end);
    while (offset < end) {
        fill_batch(ROOM);
        for (uint32_t i = 0; i < batch.count; i++)
            ck_assert_int_eq(batch.items[i].from.offset, offset++);
        end_batch(false);
    }
    ck_assert_uint_eq(source_waiting(source), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("waiting");
    TCase *waiting = tcase_create("waiting");
    tcase_add_checked_fixture(waiting, open_source, close_source);
    tcase_add_loop_test(waiting, a_partition_that_waits_takes_one_place_and_others_go_on, 0, REASONS);
    tcase_add_loop_test(waiting, after_the_wait_the_commands_follow_in_their_order, 0, REASONS);
    tcase_set_timeout(waiting, 60);
    suite_add_tcase(suite, waiting);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

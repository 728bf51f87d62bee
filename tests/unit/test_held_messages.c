/* The list of held messages: it tells of each partition what a look through the whole list tells, and takes no longer
 * for it where others have hundreds of thousands of messages. */
#include <check.h>
#include <stdlib.h>

#include "common/clock.h"
#include "worker/source/held_messages.h"
#include "worker/source/source_message.h"

#define PARTITIONS 6
#define STEPS      500
#define LENGTH     64

static uint64_t random_state = 20261127;

static unsigned draw(unsigned limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (unsigned)((random_state >> 11) % limit);
}

/* ---- what a look through the list tells ---- */

static const rd_kafka_message_t *first_of(const struct held_messages *held, int32_t partition)
{
    for (uint32_t i = 0; i < held->count; i++)
        if (held->messages[i].message->partition == partition)
            return held->messages[i].message;
    return NULL;
}

static int64_t last_of(const struct held_messages *held, int32_t partition, int64_t offset)
{
    for (uint32_t i = held->count; i > 0; i--)
        if (held->messages[i - 1].message->partition == partition && held->messages[i - 1].message->offset < offset)
            return held->messages[i - 1].message->offset;
    return -1;
}

static void expect_same(const struct held_messages *held)
{
    for (int32_t partition = 0; partition < PARTITIONS + 1; partition++) {
        const rd_kafka_message_t *first = first_of(held, partition);
        ck_assert_ptr_eq(held_messages_find(held, partition), first);
        ck_assert_int_eq(held_messages_first(held, partition), first ? first->offset : -1);
        for (int64_t offset = 0; offset < LENGTH + 2; offset += 1 + draw(8))
            ck_assert_int_eq(held_messages_last(held, partition, offset), last_of(held, partition, offset));
    }
}

/* ---- random lists ---- */

static void add_some(struct held_messages *held)
{
    for (unsigned i = draw(12); i > 0; i--)
        held_messages_add(held, placeholder_new((int32_t)draw(PARTITIONS), draw(LENGTH)), draw(2) == 0);
}

static bool take_some(void *taker, const struct held_message *held)
{
    if (draw(3) > 0)
        return false;
    (*(unsigned *)taker)++;
    source_message_destroy(held->message);
    return true;
}

static uint32_t count_from(const struct held_messages *held, int32_t partition, int64_t offset)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < held->count; i++)
        count += held->messages[i].message->partition == partition && held->messages[i].message->offset >= offset;
    return count;
}

static void change(struct held_messages *held)
{
    struct held_messages before = {0};
    int32_t partition = (int32_t)draw(PARTITIONS);
    int64_t offset = draw(LENGTH);
    uint32_t count = held->count, dropped = count_from(held, partition, offset);
    unsigned taken = 0;
    switch (draw(4)) {
    case 0:
        add_some(held);
        break;
    case 1:
        add_some(&before);
        count += before.count;
        held_messages_put_before(held, &before);
        ck_assert_uint_eq(held->count, count);
        ck_assert_ptr_null(before.messages);
        break;
    case 2:
        held_messages_drop_from(held, partition, offset);
        ck_assert_uint_eq(held->count, count - dropped);
        ck_assert_uint_eq(count_from(held, partition, offset), 0);
        break;
    default:
        held_messages_offer(held, take_some, &taken);
        ck_assert_uint_eq(held->count, count - taken);
    }
}

START_TEST(it_tells_of_a_partition_what_a_look_through_the_list_tells)
{
    struct held_messages held = {0};
    for (int step = 0; step < STEPS; step++) {
        change(&held);
        expect_same(&held);
    }
    held_messages_drop(&held, 0);
    ck_assert_ptr_null(held_messages_find(&held, 0));
    held_messages_close(&held);
}
END_TEST

/* A look through such a list takes a millisecond. */
START_TEST(it_does_not_look_through_the_list_for_one_partition)
{
    struct held_messages held = {0};
    for (int32_t partition = 0; partition < 400; partition++)
        for (int64_t offset = 0; offset < 500; offset++)
            held_messages_add(&held, placeholder_new(partition, offset), false);
    const int64_t began_ms = clock_now_ms();
    for (int i = 0; i < 100000; i++) {
        const int32_t partition = 390 + i % 20;
        ck_assert_int_eq(held_messages_first(&held, partition), partition < 400 ? 0 : -1);
        ck_assert_int_eq(held_messages_last(&held, partition, 500), partition < 400 ? 499 : -1);
        held_messages_drop_from(&held, partition, 500);
    }
    ck_assert_int_lt(clock_now_ms() - began_ms, 2000);
    ck_assert_uint_eq(held.count, 400 * 500);
    rd_kafka_topic_partition_list_t *partitions = rd_kafka_topic_partition_list_new(400);
    for (int32_t partition = 1; partition < 420; partition++)
        rd_kafka_topic_partition_list_add(partitions, "commands", partition);
    held_messages_drop_all(&held, partitions);
    rd_kafka_topic_partition_list_destroy(partitions);
    ck_assert_uint_eq(held.count, 500);
    ck_assert_int_eq(held_messages_first(&held, 0), 0);
    ck_assert_int_eq(held_messages_first(&held, 1), -1);
    held_messages_close(&held);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("held messages");
    TCase *tcase = tcase_create("held messages");
    tcase_add_test(tcase, it_tells_of_a_partition_what_a_look_through_the_list_tells);
    tcase_add_test(tcase, it_does_not_look_through_the_list_for_one_partition);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

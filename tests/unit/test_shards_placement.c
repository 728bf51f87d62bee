/* The order of commands and messages on a cluster: each slot is in one piece, and in it they are as they came. */
#include <check.h>
#include <stdlib.h>

#include "worker/index/shards_placement.h"

#define NODES         3
#define SLOTS_OF_NODE 4
#define IN_SLOT       5
#define COUNT         (NODES * SLOTS_OF_NODE * IN_SLOT)

static struct shards_placement placements[COUNT];

/* Each slot's come one by one, with those of all others between them. Nodes do not have their slots in one range. */
static void mix(void)
{
    for (uint32_t i = 0; i < COUNT; i++) {
        const uint32_t slot = (i * 7) % (NODES * SLOTS_OF_NODE);
        placements[i] = (struct shards_placement){(uint16_t)(slot % NODES), (uint16_t)(16383 - slot), i};
    }
}

START_TEST(order_is_node_slot_number)
{
    mix();
    shards_placements_sort(placements, COUNT);
    for (uint32_t i = 1; i < COUNT; i++) {
        const struct shards_placement *before = &placements[i - 1], *at = &placements[i];
        ck_assert_uint_le(before->node, at->node);
        if (before->node == at->node)
            ck_assert_uint_le(before->slot, at->slot);
        if (before->slot == at->slot)
            ck_assert_uint_lt(before->number, at->number);
    }
}
END_TEST

START_TEST(each_slot_is_one_piece)
{
    uint32_t pieces = 0;
    mix();
    shards_placements_sort(placements, COUNT);
    for (uint32_t from = 0, to; from < COUNT; from = to, pieces++) {
        to = shards_placements_slot_end(placements, COUNT, from);
        ck_assert_uint_eq(to - from, IN_SLOT);
        for (uint32_t i = from; i < to; i++)
            ck_assert_uint_eq(placements[i].slot, placements[from].slot);
    }
    ck_assert_uint_eq(pieces, NODES * SLOTS_OF_NODE);
}
END_TEST

START_TEST(few_are_in_order)
{
    mix();
    shards_placements_sort(placements, 0);
    shards_placements_sort(placements, 1);
    ck_assert_uint_eq(placements[0].number, 0);
    ck_assert_uint_eq(shards_placements_slot_end(placements, 1, 0), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shards_placement");
    TCase *all = tcase_create("all");
    tcase_add_test(all, order_is_node_slot_number);
    tcase_add_test(all, each_slot_is_one_piece);
    tcase_add_test(all, few_are_in_order);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* batch: what is kept when it is evaluated again. */
#include "tests/unit/evaluating.h"

#include "worker/model/batch.h"

static struct batch batch;
static struct item *item;

static void begin(void)
{
    ck_assert_int_eq(batch_open(&batch, 4, 1000, 1000), 0);
    item = &batch.items[batch.count++];
    *item = (struct item){.outcome = OUTCOME_REJECTED, .error = ERROR_VALIDATION_FAILED};
    batch_begin(&batch);
}

static void end(void)
{
    batch_close(&batch);
}

START_TEST(message_that_has_arrived_is_not_sent_again)
{
    static const enum message_kind kinds[] = {MESSAGE_REPLY, MESSAGE_RECORD, MESSAGE_DEAD_LETTER};
    for (size_t i = 0; i < MESSAGE_KINDS; i++) {
        ck_assert(!item_is_delivered(item, kinds[i]));
        item_confirm(item, kinds[i]);
        for (size_t other = 0; other < MESSAGE_KINDS; other++)
            ck_assert(item_is_delivered(item, kinds[other]) == (other <= i));
    }
}
END_TEST

START_TEST(what_has_arrived_counts_when_the_batch_is_evaluated_again)
{
    item->reply_absence = REPLY_TOPIC_MISSING;
    item_confirm(item, MESSAGE_REPLY);
    item_confirm(item, MESSAGE_DEAD_LETTER);
    batch_reset_for_retry(&batch);
    item->outcome = OUTCOME_REJECTED;
    item->error = ERROR_VALIDATION_FAILED;
    ck_assert(item_is_delivered(item, MESSAGE_REPLY));
    ck_assert(item_is_delivered(item, MESSAGE_DEAD_LETTER));
    ck_assert(!item_is_delivered(item, MESSAGE_RECORD));
    ck_assert_int_eq(item->reply_absence, REPLY_TOPIC_MISSING);
}
END_TEST

START_TEST(reply_with_another_outcome_is_sent_again)
{
    item_confirm(item, MESSAGE_REPLY);
    batch_reset_for_retry(&batch);
    item->outcome = OUTCOME_CREATED;
    ck_assert(!item_is_delivered(item, MESSAGE_REPLY));
    batch_reset_for_retry(&batch);
    item->outcome = OUTCOME_REJECTED;
    item->error = ERROR_EMAIL_TAKEN;
    ck_assert(!item_is_delivered(item, MESSAGE_REPLY));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("batch");
    TCase *tests = tcase_create("batch");
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, message_that_has_arrived_is_not_sent_again);
    tcase_add_test(tests, what_has_arrived_counts_when_the_batch_is_evaluated_again);
    tcase_add_test(tests, reply_with_another_outcome_is_sent_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}

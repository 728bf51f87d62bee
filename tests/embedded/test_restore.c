/* How much a rebuild of the index keeps of the record topic while it reads it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/embedded/fixture.h"
#include "worker/index/index_restore.h"

#define TOPIC    "clients.records"
#define KEY      "acme/0b1ea1b5-b2d9-5a4e-8d0b-0e1f2a3b4c5d"
#define JUNK     10 /* messages that are no clients */
#define ONE_MIB  ((size_t)1 << 20)
#define CAPACITY 16

static void send_record(int32_t partition, struct span key, size_t bytes)
{
    static char value[ONE_MIB];
    ck_assert_int_eq(rd_kafka_producev(fixture.producer, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(partition),
                                       RD_KAFKA_V_KEY(key.at, key.length),
                                       RD_KAFKA_V_VALUE(bytes == 0 ? NULL : value, bytes),
                                       RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                     RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* Adds the messages whose key is `key`. Returns how many. *full: how often the chunk would have to be written. */
static int add(struct restore *restore, rd_kafka_message_t **messages, size_t count, struct span key, int *full)
{
    int added = 0;
    *full = 0;
    for (size_t i = 0; i < count; i++) {
        if (!messages[i] || !span_equal(span_of(messages[i]->key, messages[i]->key_len), key))
            continue;
        added++;
        *full += restore_add(restore, messages[i]);
        messages[i] = NULL;
    }
    return added;
}

/* Each keeps the response of the broker that it came in. */
START_TEST(a_record_does_not_wait_long_for_the_next_one_that_is_to_be_written)
{
    static struct restore restore;
    rd_kafka_message_t *messages[CAPACITY];
    int full;
    fixture_open();
    send_record(0, SPAN(KEY), 0);
    for (int i = 0; i < JUNK; i++)
        send_record(i % FIXTURE_PARTITIONS, SPAN("junk"), ONE_MIB);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    const size_t count = fixture_read_all(TOPIC, messages, CAPACITY);
    ck_assert(restore_open(&restore));
    for (size_t i = 0; i < count; i++) {
        rd_kafka_timestamp_type_t type;
        const struct record_place place = {messages[i]->partition, messages[i]->offset,
                                           rd_kafka_message_timestamp(messages[i], &type)};
        ck_assert(record_places_note(restore.places, span_of(messages[i]->key, messages[i]->key_len), &place, true));
    }
    ck_assert_int_eq(add(&restore, messages, count, SPAN(KEY), &full), 1);
    ck_assert_int_eq(full, 0);
    ck_assert_int_eq(add(&restore, messages, count, SPAN("junk"), &full), JUNK);
    ck_assert_int_eq(full, JUNK - (int)(RESTORE_SPAN / ONE_MIB) + 1);
    restore_close(&restore);
    fixture_forget(messages, 0);
    fixture_close();
}
END_TEST

/* What is passed before anything is kept counts for nothing. */
START_TEST(messages_that_are_passed_over_make_no_chunk)
{
    static struct restore restore;
    rd_kafka_message_t *messages[CAPACITY];
    int full;
    fixture_open();
    for (int i = 0; i < JUNK; i++)
        send_record(i % FIXTURE_PARTITIONS, SPAN("junk"), ONE_MIB);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    const size_t count = fixture_read_all(TOPIC, messages, CAPACITY);
    ck_assert(restore_open(&restore));
    ck_assert_int_eq(add(&restore, messages, count, SPAN("junk"), &full), JUNK);
    ck_assert_int_eq(full, 0);
    restore_close(&restore);
    fixture_forget(messages, 0);
    fixture_close();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("restore");
    TCase *chunks = tcase_create("chunks");
    tcase_add_test(chunks, a_record_does_not_wait_long_for_the_next_one_that_is_to_be_written);
    tcase_add_test(chunks, messages_that_are_passed_over_make_no_chunk);
    tcase_set_timeout(chunks, 60);
    suite_add_tcase(suite, chunks);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

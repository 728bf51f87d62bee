/* What the source keeps of commands that wait for definitions: copies, which keep nothing of librdkafka's, within a
 * limit. What does not fit is read again. The source is used directly, as the worker uses it. */
#include <check.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "tests/embedded/source_stage.h"
#include "worker/kafka/message_headers.h"
#include "worker/source/source_log.h"
#include "worker/source/source_state.h"

#define TOPIC      "many.commands"
#define MANY       32  /* partitions of it */
#define FILLERS    900 /* of each of them, of a kilobyte each */
#define ROOM       10
#define WAITING    0
#define OTHER      1
#define COMMANDS   8
#define LIMIT_MS   60000
#define KEPT_BYTES ((size_t)256 << 10) /* of each partition; a response to a fetch is four times as long */
#define TEXT_BYTES 4096
#define ODD        4

/* What is left of these limits for postponed commands is the last number. */
#define ROOM_FOR_SOME "kafka.consumer.queued.max.messages.kbytes=259966" /* 4 KiB */
#define ROOM_FOR_NONE "kafka.consumer.queued.max.messages.kbytes=259968"

/* The bytes that are allocated in this process, the broker's included. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));
static size_t allocated(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

static void postpone_all(int64_t limit_ms)
{
    for (uint32_t i = 0; i < batch.count; i++)
        if (item_is_ours(&batch.items[i]))
            ck_assert(source_postpone(source, i, limit_ms));
}

static void send_filler(int32_t partition)
{
    static char value[1000];
    memset(value, 'x', sizeof(value));
    while (rd_kafka_producev(fixture.producer, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(partition),
                             RD_KAFKA_V_VALUE(value, sizeof(value)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                             RD_KAFKA_V_END) != RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_poll(fixture.producer, 10);
}

START_TEST(partitions_that_wait_keep_no_response_of_the_broker)
{
    open_broker_with("commands.topic=" TOPIC);
    ck_assert(embedded_broker_topic(&fixture.broker, TOPIC, MANY));
    for (int32_t partition = 0; partition < MANY; partition++)
        for (int i = 0; i < FILLERS; i++)
            send_filler(partition);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    begin_source(ROOM);
    const size_t before = allocated();
    for (const int64_t began = clock_now_ms(); source_waiting(source) < MANY;) {
        ck_assert_int_lt(clock_now_ms() - began, FIXTURE_PATIENCE_MS);
        fill_batch(ROOM);
        postpone_all(LIMIT_MS);
        source_release(source);
    }
    for (int i = 0; i < 20; i++) { /* librdkafka frees what was fetched ahead of paused partitions when it is polled */
        ck_assert_int_eq(source_fill(source, ROOM, 10), 0);
        postpone_all(LIMIT_MS);
        source_release(source);
    }
    const size_t after = allocated();
    ck_assert_uint_eq(source_waiting(source), MANY);
    ck_assert_msg(after < before + MANY * KEPT_BYTES, "%zu partitions keep %zu bytes", (size_t)MANY, after - before);
    close_source();
}
END_TEST

/* Fills a batch with the first `count` commands, all there are. Fewer are put back, as where their log is not known. */
static void fill_whole_batch(uint32_t count)
{
    fill_batch(ROOM);
    while (batch.count < count) {
        for (uint32_t i = 0; i < batch.count; i++)
            batch.items[i].custody = CUSTODY_POSTPONED;
        source_release(source);
        fill_batch(ROOM);
    }
}

/* ---- order ---- */

static void send_all(int32_t partition)
{
    for (int i = 0; i < COMMANDS; i++)
        fixture_send_valid(partition, i);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* No offset is committed while commands before it have no answer, also if nothing is held of them. */
static void check_idle_offsets(int64_t answered)
{
    source->idle_ms = 0;
    rd_kafka_topic_partition_list_t *offsets = source_idle_offsets(source);
    for (int i = 0; offsets && i < offsets->cnt; i++)
        if (offsets->elems[i].partition == WAITING)
            ck_assert_int_le(offsets->elems[i].offset, answered);
    if (offsets)
        rd_kafka_topic_partition_list_destroy(offsets);
}

/* The partition waits from its first command on, until `tries` further batches had that. Then all is answered, once and
 * in order, and meanwhile what comes to the other partition. */
static void follow_in_order(const char *setting, int tries)
{
    int64_t next = 0, other = 0;
    open_broker_with(setting);
    send_all(WAITING);
    begin_source(ROOM);
    fill_whole_batch(COMMANDS);
    source_log(source, WAITING)->end = COMMANDS; /* as if the end was met */
    ck_assert(source_postpone(source, 0, LIMIT_MS));
    source_release(source);
    for (const int64_t began = clock_now_ms(); next < COMMANDS || other < COMMANDS;) {
        bool lacks = false;
        ck_assert_int_lt(clock_now_ms() - began, FIXTURE_PATIENCE_MS);
        ck_assert_int_eq(source_fill(source, ROOM, 10), 0);
        for (uint32_t i = 0; i < batch.count; i++) {
            const struct position *from = &batch.items[i].from;
            if (!item_is_ours(&batch.items[i]))
                continue;
            if (from->partition == WAITING && tries > 0) {
                ck_assert_int_eq(from->offset, 0);
                ck_assert(source_postpone(source, i, LIMIT_MS));
                lacks = true;
                continue;
            }
            ck_assert_int_eq(from->offset, from->partition == WAITING ? next : other);
            next += from->partition == WAITING;
            other += from->partition == OTHER;
        }
        source_release(source);
        check_idle_offsets(next);
        if (lacks && --tries == 0)
            send_all(OTHER);
    }
    ck_assert_uint_eq(source_waiting(source), 0);
    ck_assert_int_eq(source_fill(source, ROOM, 1000), 0);
    ck_assert_uint_eq(batch.count, 0);
    close_source();
}

START_TEST(what_was_kept_follows_in_its_order)
{
    follow_in_order(NULL, 3);
}
END_TEST

START_TEST(what_was_dropped_is_read_again_in_its_order)
{
    follow_in_order(ROOM_FOR_SOME, 3);
}
END_TEST

START_TEST(a_partition_of_which_nothing_is_kept_is_read_again)
{
    follow_in_order(ROOM_FOR_NONE, 2);
}
END_TEST

/* The limit of a wait is that of all commands that had come, dropped or not. */
START_TEST(the_limit_of_a_wait_goes_on_when_commands_were_dropped)
{
    const int64_t limit_ms = 3000;
    bool is_over = false;
    open_broker_with(ROOM_FOR_NONE);
    send_all(WAITING);
    begin_source(ROOM);
    fill_whole_batch(COMMANDS);
    batch.items[0].from.timestamp_ms = 0; /* or the command would be too old for a wait */
    ck_assert(source_postpone(source, 0, limit_ms));
    source_release(source);
    ck_assert_uint_eq(source_waiting(source), 1);
    fill_batch(ROOM); /* after some seconds */
    batch.items[0].from.timestamp_ms = 0;
    is_over = !source_postpone(source, 0, limit_ms);
    ck_assert(is_over);
    source_release(source);
    close_source();
}
END_TEST

/* ---- copies ---- */

struct sight {
    char key[TEXT_BYTES], value[TEXT_BYTES], headers[TEXT_BYTES], known[TEXT_BYTES];
    int64_t timestamp_ms;
    size_t outer_bytes, header_heap, outer_held;
};

static size_t write_span(char *text, const void *at, size_t length)
{
    return (size_t)sprintf(text, at ? "<%zu:%.*s>" : "<null %zu%.*s>", length, (int)length, at ? (const char *)at : "");
}

static struct sight look(const struct item *item)
{
    struct sight sight = {.timestamp_ms = item->from.timestamp_ms,
                          .outer_bytes = item->outer_bytes,
                          .header_heap = item->header_heap,
                          .outer_held = item->outer_held};
    const char *name;
    const void *value;
    size_t size, used = 0, known = 0;
    rd_kafka_headers_t *all = message_headers_all(item);
    write_span(sight.key, item->key.at, item->key.length);
    write_span(sight.value, item->value.at, item->value.length);
    for (size_t i = 0; rd_kafka_header_get_all(all, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const struct span whole = message_header_name(name, value);
        used += write_span(sight.headers + used, whole.at, whole.length);
        used += write_span(sight.headers + used, value, size);
    }
    for (uint32_t i = 0; i < item->header_count; i++)
        known += write_span(sight.known + known, item->headers[i].value.at, item->headers[i].value.length);
    rd_kafka_headers_destroy(all);
    return sight;
}

static void check_same(const struct sight *first, const struct sight *later)
{
    ck_assert_str_eq(first->key, later->key);
    ck_assert_str_eq(first->value, later->value);
    ck_assert_str_eq(first->headers, later->headers);
    ck_assert_str_eq(first->known, later->known);
    ck_assert_int_eq(first->timestamp_ms, later->timestamp_ms);
    ck_assert_uint_eq(first->outer_bytes, later->outer_bytes);
    ck_assert_uint_eq(first->header_heap, later->header_heap);
    ck_assert_uint_eq(first->outer_held, later->outer_held);
}

static void send_odd_commands(void)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(8);
    rd_kafka_header_add(headers, "command-id", -1, "one", 3);
    rd_kafka_header_add(headers, "a\0b", 3, "nul", 3);
    rd_kafka_header_add(headers, "", -1, "", 0);
    rd_kafka_header_add(headers, "null", -1, NULL, 0);
    rd_kafka_header_add(headers, "command-id", -1, "two", 3);
    fixture_send(WAITING, SPAN("key"), SPAN("{}"), headers);
    fixture_send(WAITING, (struct span){0}, SPAN("no key, no headers"), NULL);
    fixture_send(WAITING, SPAN("tombstone"), (struct span){0}, NULL);
    fixture_send(WAITING, SPAN(""), SPAN(""), NULL);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
}

START_TEST(a_copy_is_as_the_message_was)
{
    static struct sight first[ODD];
    open_source_of(ROOM);
    send_odd_commands();
    fill_whole_batch(ODD);
    for (uint32_t i = 0; i < ODD; i++)
        first[i] = look(&batch.items[i]);
    ck_assert_ptr_nonnull(strstr(first[0].headers, "<4:null><null 0>"));
    ck_assert(source_postpone(source, 0, LIMIT_MS));
    source_release(source);
    for (int64_t next = 0; next < ODD;) {
        fill_batch(ROOM);
        for (uint32_t i = 0; i < batch.count; i++, next++) {
            const struct sight later = look(&batch.items[i]);
            ck_assert_int_eq(batch.items[i].from.offset, next);
            check_same(&first[next], &later);
        }
        source_release(source);
    }
    close_source();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("held");
    TCase *held = tcase_create("held");
    tcase_add_test(held, partitions_that_wait_keep_no_response_of_the_broker);
    tcase_add_test(held, what_was_kept_follows_in_its_order);
    tcase_add_test(held, what_was_dropped_is_read_again_in_its_order);
    tcase_add_test(held, a_partition_of_which_nothing_is_kept_is_read_again);
    tcase_add_test(held, the_limit_of_a_wait_goes_on_when_commands_were_dropped);
    tcase_add_test(held, a_copy_is_as_the_message_was);
    tcase_set_timeout(held, 120);
    suite_add_tcase(suite, held);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Ranges of history, and the reader of history, on the embedded broker. What that broker lacks (transactions,
 * compaction, other gaps) is made here: functions of librdkafka are replaced by this program's own, which call the real
 * ones. */
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

#include "common/clock.h"
#include "tests/embedded/fixture.h"
#include "tests/embedded/side_by_side.h"
#include "tests/lib/quick_client.h"
#include "worker/replay/history_reader.h"
#include "worker/replay/replay_range.h"

#define TOPIC   "clients.commands"
#define WAIT_MS 20000

static int assignments;
static struct gap {
    int64_t from, to;
} gaps[2];                        /* messages with these offsets are taken away: as markers and gaps are */
static bool odd_are_missing;      /* so are those with odd offsets: markers of short transactions */
static int readings;              /* of single batches */
static int64_t event_at = -1;     /* in place of the message with this offset comes an event, once */
static rd_kafka_resp_err_t event; /* that event */
static int events;
static int deaf; /* so many calls find nothing */

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    ck_assert_ptr_nonnull(found);
    return found;
}

rd_kafka_resp_err_t rd_kafka_assign(rd_kafka_t *client, const rd_kafka_topic_partition_list_t *partitions)
{
    rd_kafka_resp_err_t (*function)(rd_kafka_t *, const rd_kafka_topic_partition_list_t *) = real("rd_kafka_assign");
    assignments++;
    return function(client, partitions);
}

int rd_kafka_consume_start(rd_kafka_topic_t *topic, int32_t partition, int64_t offset)
{
    int (*function)(rd_kafka_topic_t *, int32_t, int64_t) = real("rd_kafka_consume_start");
    readings++;
    return function(topic, partition, offset);
}

static bool is_in_gap(const rd_kafka_message_t *message)
{
    if (odd_are_missing && !message->err && message->offset % 2 == 1)
        return true;
    for (size_t i = 0; i < sizeof(gaps) / sizeof(gaps[0]) && !message->err; i++)
        if (message->offset >= gaps[i].from && message->offset < gaps[i].to)
            return true;
    return false;
}

ssize_t rd_kafka_consume_batch_queue(rd_kafka_queue_t *queue, int wait_ms, rd_kafka_message_t **messages, size_t size)
{
    ssize_t (*function)(rd_kafka_queue_t *, int, rd_kafka_message_t **, size_t) = real("rd_kafka_consume_batch_queue");
    if (deaf > 0 && deaf--)
        return 0;
    ssize_t count = function(queue, wait_ms, messages, size), left = 0;
    for (ssize_t i = 0; i < count; i++) {
        if (!messages[i]->err && messages[i]->offset == event_at) {
            messages[i]->err = event;
            event_at = -1;
            events++;
        }
        if (is_in_gap(messages[i]))
            rd_kafka_message_destroy(messages[i]);
        else
            messages[left++] = messages[i];
    }
    return left;
}

/* ---- what the tests say ---- */

static struct history_reader *reader;
static char error[512];

static void configure(const char *const *settings)
{
    char servers[256];
    const char *all[16] = {servers, "log.level=warning"};
    size_t count = 2;
    snprintf(servers, sizeof(servers), "kafka.bootstrap.servers=%s", fixture.broker.address);
    for (size_t i = 0; settings && settings[i]; i++)
        all[count++] = settings[i];
    fixture.config = config_read(&(struct config_sources){.settings = all});
    ck_assert_ptr_nonnull(fixture.config);
    log_set_level(fixture.config->log.level);
}

static void open_with(const char *const *settings)
{
    fixture_open();
    configure(settings);
    reader = history_reader_open(fixture.config, TOPIC, WAIT_MS, error, sizeof(error));
    ck_assert_msg(reader != NULL, "%s", error);
}

static void open_reader(void)
{
    open_with(NULL);
}

static void open_reader_of_short_batches(void)
{
    open_with((const char *const[]){"kafka.consumer.fetch.max.bytes=1048576",
                                    "kafka.consumer.receive.message.max.bytes=2000000", NULL});
}

static void close_reader(void)
{
    history_reader_close(reader);
    fixture_close();
}

static void send_some(int32_t partition, int count)
{
    for (int i = 0; i < count; i++)
        fixture_send_valid(partition, i);
}

static struct replay_bound bound(const char *text)
{
    struct replay_bound bound;
    ck_assert_msg(replay_bound_read(text, &bound), "%s", text);
    return bound;
}

static struct replay_ranges resolve(const char *from, const char *to)
{
    struct replay_ranges ranges;
    enum range_result result = replay_ranges_resolve(&ranges, history_reader_handle(reader), fixture.config,
                                                     bound(from), bound(to), NULL, 0, WAIT_MS, error, sizeof(error));
    ck_assert_msg(result == RANGES_RESOLVED, "%s", error);
    ck_assert_uint_eq(ranges.count, FIXTURE_PARTITIONS);
    return ranges;
}

/* Of partition 0, whose log is 0 to 9 in these tests. */
static void expect_range(const char *from, const char *to, int64_t first, int64_t end, bool from_has_time,
                         bool to_has_time)
{
    struct replay_ranges ranges = resolve(from, to);
    const struct replay_range *range = &ranges.items[0];
    ck_assert_int_eq(range->from, first);
    ck_assert_int_eq(range->to, end);
    ck_assert_int_eq(range->from_ms > 0, from_has_time);
    ck_assert_int_eq(range->to_ms > 0, to_has_time);
    ck_assert_int_eq(replay_range_offsets(range), end > first ? end - first : 0);
    ck_assert_int_eq(range->lost, 0);
    ck_assert_int_eq(range->open, 0);
    replay_ranges_free(&ranges);
}

static void begin(int32_t partition, int64_t from, int64_t to)
{
    ck_assert_msg(history_reader_begin(reader, partition, from, to, error, sizeof(error)), "%s", error);
}

static enum history_reading next(rd_kafka_message_t **message, struct history_hole *hole)
{
    enum history_reading reading;
    int64_t limit = clock_now_ms() + FIXTURE_PATIENCE_MS;
    do {
        reading = history_reader_next(reader, message, hole, error, sizeof(error));
        ck_assert_int_lt(clock_now_ms(), limit);
    } while (reading == HISTORY_PAUSE);
    return reading;
}

static void expect_messages(int32_t partition, int64_t from, int64_t to)
{
    rd_kafka_message_t *message;
    struct history_hole hole;
    for (int64_t offset = from; offset < to; offset++) {
        ck_assert_int_eq(history_reader_position(reader), offset);
        enum history_reading reading = next(&message, &hole);
        ck_assert_msg(reading == HISTORY_MESSAGE, "%d at %lld: %s", (int)reading, (long long)offset, error);
        ck_assert_int_eq(message->partition, partition);
        ck_assert_int_eq(message->offset, offset);
        ck_assert_int_gt((int)message->len, 0);
        rd_kafka_message_destroy(message);
    }
}

static void expect_end(int64_t position)
{
    rd_kafka_message_t *message;
    struct history_hole hole;
    enum history_reading reading = next(&message, &hole);
    ck_assert_msg(reading == HISTORY_END, "%d at %lld: %s", (int)reading, (long long)history_reader_position(reader),
                  error);
    ck_assert_int_eq(history_reader_position(reader), position);
}

static void expect_hole(int reason, int32_t partition, int64_t from, int64_t to)
{
    rd_kafka_message_t *message;
    struct history_hole hole;
    enum history_reading reading = next(&message, &hole);
    ck_assert_msg(reading == HISTORY_HOLE, "%d: %s", (int)reading, error);
    ck_assert_int_eq((int)hole.reason, reason);
    ck_assert_int_eq(hole.partition, partition);
    ck_assert_int_eq(hole.from, from);
    ck_assert_int_eq(hole.to, to);
}

/* ---- ranges ---- */

START_TEST(bounds_are_read)
{
    struct replay_bound read;
    ck_assert_int_eq(bound("beginning").kind, BOUND_BEGINNING);
    ck_assert_int_eq(bound("end").kind, BOUND_END);
    ck_assert_int_eq(bound("offset:0").kind, BOUND_OFFSET);
    ck_assert_int_eq(bound("offset:9223372036854775807").value, INT64_MAX);
    ck_assert_int_eq(bound("time:1970-01-01T00:00:01Z").kind, BOUND_TIME);
    ck_assert_int_eq(bound("time:1970-01-01T00:00:01Z").value, 1000);
    ck_assert_int_eq(bound("time:17").value, 17);
    static const char *const wrong[] = {
        "", "start", "offset:", "offset:-1", "offset:1x", "offset:9223372036854775808", "time:", "time:x", "End"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        ck_assert_msg(!replay_bound_read(wrong[i], &read), "%s", wrong[i]);
}
END_TEST

START_TEST(bounds_become_offsets)
{
    send_some(0, 10);
    struct replay_ranges ranges = resolve("beginning", "end");
    const struct replay_range *range = &ranges.items[0], *empty = &ranges.items[1];
    ck_assert_int_eq(range->first, 0);
    ck_assert_int_eq(range->stable, 10);
    ck_assert_int_eq(range->high, 10);
    ck_assert_int_eq(range->first_ms, range->from_ms);
    ck_assert_int_lt(llabs(range->first_ms - clock_wall_ms()), FIXTURE_PATIENCE_MS);
    ck_assert_int_eq(empty->partition, 1);
    ck_assert_int_eq(empty->from, 0);
    ck_assert_int_eq(empty->to, 0);
    ck_assert_int_eq(empty->first_ms, -1);
    ck_assert_int_eq(empty->from_ms, -1);
    ck_assert_int_eq(empty->to_ms, -1);
    replay_ranges_free(&ranges);
    expect_range("beginning", "end", 0, 10, true, false);
    expect_range("offset:2", "offset:5", 2, 5, true, true);
    expect_range("offset:2", "offset:10", 2, 10, true, false);
    expect_range("offset:0", "offset:100", 0, 10, true, false);
    expect_range("offset:10", "end", 10, 10, false, false);
    expect_range("offset:100", "end", 10, 10, false, false);
    expect_range("offset:7", "offset:3", 7, 3, true, true);
}
END_TEST

START_TEST(a_time_behind_the_last_message_stands_for_the_end)
{
    send_some(0, 10);
    expect_range("beginning", "time:2100-01-01T00:00:00Z", 0, 10, true, false);
    expect_range("time:2100-01-01T00:00:00Z", "end", 10, 10, false, false);
}
END_TEST

/* Kafka takes -1 ms for the end and -2 ms for the beginning. */
START_TEST(a_time_before_1970_stands_for_the_beginning)
{
    send_some(0, 10);
    expect_range("time:1969-12-31T23:59:59.999Z", "end", 0, 10, true, false);
    expect_range("beginning", "time:1969-12-31T23:59:59.999Z", 0, 0, true, true);
}
END_TEST

START_TEST(partitions_are_selected)
{
    struct replay_ranges ranges;
    const int32_t chosen[] = {2, 0, 2}, wrong[] = {0, FIXTURE_PARTITIONS}, negative[] = {-1};
    rd_kafka_t *consumer = history_reader_handle(reader);
    ck_assert_int_eq(replay_ranges_resolve(&ranges, consumer, fixture.config, bound("beginning"), bound("end"), chosen,
                                           3, WAIT_MS, error, sizeof(error)),
                     RANGES_RESOLVED);
    ck_assert_uint_eq(ranges.count, 2);
    ck_assert_int_eq(ranges.items[0].partition, 0);
    ck_assert_int_eq(ranges.items[1].partition, 2);
    replay_ranges_free(&ranges);
    ck_assert_int_eq(replay_ranges_resolve(&ranges, consumer, fixture.config, bound("beginning"), bound("end"), wrong,
                                           2, WAIT_MS, error, sizeof(error)),
                     RANGES_NO_PARTITION);
    ck_assert_str_eq(error, "clients.commands has no partition 3; its partitions are 0 to 2");
    ck_assert_int_eq(replay_ranges_resolve(&ranges, consumer, fixture.config, bound("beginning"), bound("end"),
                                           negative, 1, WAIT_MS, error, sizeof(error)),
                     RANGES_NO_PARTITION);
}
END_TEST

START_TEST(a_silent_kafka_is_told)
{
    struct replay_ranges ranges;
    rd_kafka_mock_broker_set_down(fixture.broker.cluster, 1);
    ck_assert_int_eq(replay_ranges_resolve(&ranges, history_reader_handle(reader), fixture.config, bound("beginning"),
                                           bound("end"), NULL, 0, 1000, error, sizeof(error)),
                     RANGES_UNAVAILABLE);
    ck_assert_int_gt((int)strlen(error), 0);
}
END_TEST

/* The times of many partitions come from few assignments, not from one each. */
START_TEST(many_partitions_are_resolved_together)
{
    enum { PARTITIONS = 300 };
    ck_assert(embedded_broker_topic(&fixture.broker, "many", PARTITIONS));
    for (int32_t i = 0; i < PARTITIONS; i++)
        ck_assert_int_eq(rd_kafka_producev(fixture.producer, RD_KAFKA_V_TOPIC("many"), RD_KAFKA_V_PARTITION(i),
                                           RD_KAFKA_V_VALUE("x", 1), RD_KAFKA_V_TIMESTAMP(1000 + i), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(fixture.producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    config_free(fixture.config);
    configure((const char *const[]){"commands.topic=many", NULL});
    struct replay_ranges ranges;
    assignments = 0;
    ck_assert_msg(replay_ranges_resolve(&ranges, history_reader_handle(reader), fixture.config, bound("beginning"),
                                        bound("end"), NULL, 0, WAIT_MS, error, sizeof(error)) == RANGES_RESOLVED,
                  "%s", error);
    ck_assert_uint_eq(ranges.count, PARTITIONS);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        ck_assert_int_eq(ranges.items[i].partition, i);
        ck_assert_int_eq(ranges.items[i].first_ms, 1000 + i);
    }
    ck_assert_int_le(assignments, 12);
    replay_ranges_free(&ranges);
}
END_TEST

/* ---- reading ---- */

START_TEST(a_range_is_read_and_ends)
{
    send_some(0, 10);
    send_some(1, 3);
    begin(0, 0, 10);
    expect_messages(0, 0, 10);
    expect_end(10);
    begin(1, 1, 3);
    expect_messages(1, 1, 3);
    expect_end(3);
    begin(0, 2, 5);
    expect_messages(0, 2, 5);
    expect_end(5);
    expect_end(5);
    begin(0, 2, 5);
    expect_messages(0, 2, 4);
    begin(0, 1, 2);
    expect_messages(0, 1, 2);
    expect_end(2);
    begin(2, 0, 0);
    expect_end(0);
    begin(0, 8, 8);
    expect_end(8);
}
END_TEST

START_TEST(a_range_that_follows_another_needs_no_other_assignment)
{
    send_some(0, 30);
    assignments = 0;
    for (int64_t from = 0; from < 30; from += 10) {
        begin(0, from, from + 10);
        expect_messages(0, from, from + 10);
        expect_end(from + 10);
    }
    ck_assert_int_eq(assignments, 1);
}
END_TEST

/* Aborted messages, markers, and offsets that compaction removed. */
START_TEST(a_range_ends_where_no_message_stands)
{
    send_some(0, 20);
    gaps[0] = (struct gap){5, 12};
    gaps[1] = (struct gap){15, 20};
    begin(0, 0, 10);
    expect_messages(0, 0, 5);
    expect_end(10);
    begin(0, 10, 11); /* it has nothing at all */
    expect_end(11);
    begin(0, 11, 14);
    rd_kafka_message_t *message;
    struct history_hole hole;
    ck_assert_int_eq(next(&message, &hole), HISTORY_MESSAGE);
    ck_assert_int_eq(message->offset, 12);
    rd_kafka_message_destroy(message);
    expect_messages(0, 13, 14);
    expect_end(14);
    begin(0, 14, 20); /* the log ends there, too */
    expect_messages(0, 14, 15);
    expect_end(20);
    begin(0, 16, 18);
    expect_end(18);
}
END_TEST

/* To read a batch again takes some milliseconds, so it is not done for each of many markers. */
START_TEST(a_history_of_short_transactions_is_not_read_twice)
{
    enum { OFFSETS = 1200 };
    rd_kafka_message_t *message;
    struct history_hole hole;
    send_some(0, OFFSETS);
    odd_are_missing = true;
    assignments = readings = 0;
    begin(0, 0, OFFSETS);
    for (int64_t offset = 0; offset < OFFSETS; offset += 2) {
        ck_assert_int_eq(next(&message, &hole), HISTORY_MESSAGE);
        ck_assert_int_eq(message->offset, offset);
        rd_kafka_message_destroy(message);
    }
    expect_end(OFFSETS);
    ck_assert_int_ge(assignments + readings, 2);
    ck_assert_int_le(assignments + readings, 50);
}
END_TEST

/* The embedded broker keeps 5 MiB of a partition. */
static void fill(int32_t partition, int count)
{
    const size_t bytes = 1000000;
    char *value = malloc(bytes);
    ck_assert_ptr_nonnull(value);
    memset(value, ' ', bytes);
    for (int i = 0; i < count; i++)
        fixture_send(partition, SPAN("acme"), span_of(value, bytes), NULL);
    free(value);
}

START_TEST(deleted_offsets_are_a_hole)
{
    fill(0, 12);
    struct replay_ranges ranges = resolve("offset:3", "end");
    int64_t first = ranges.items[0].first;
    ck_assert_int_gt(first, 4);
    ck_assert_int_eq(ranges.items[0].lost, first - 3);
    ck_assert_int_eq(ranges.items[0].from, first);
    replay_ranges_free(&ranges);
    ranges = resolve("offset:1", "offset:4");
    ck_assert_int_eq(ranges.items[0].lost, 3);
    ck_assert_int_eq(replay_range_offsets(&ranges.items[0]), 0);
    replay_ranges_free(&ranges);
    begin(0, 2, 12);
    expect_hole(HOLE_DELETED, 0, 2, first);
    expect_messages(0, first, 12);
    expect_end(12);
    begin(0, 2, 4);
    expect_hole(HOLE_DELETED, 0, 2, 4);
    expect_end(4);
}
END_TEST

START_TEST(a_log_that_became_shorter_is_a_hole)
{
    send_some(0, 10);
    begin(0, 50, 60);
    expect_hole(HOLE_REPLACED, 0, 50, 60);
    expect_end(60);
    begin(0, 8, 60);
    expect_messages(0, 8, 10);
    expect_hole(HOLE_REPLACED, 0, 10, 60);
    expect_end(60);
    begin(0, 8, 9);
    expect_messages(0, 8, 9);
    expect_end(9);
}
END_TEST

/* A leader that was elected a moment ago may tell a fetch of an end that is too early, or refuse an offset. */
static const rd_kafka_resp_err_t false_alarms[] = {RD_KAFKA_RESP_ERR__PARTITION_EOF,
                                                   RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET, RD_KAFKA_RESP_ERR__BAD_MSG,
                                                   RD_KAFKA_RESP_ERR__BAD_COMPRESSION, RD_KAFKA_RESP_ERR_UNKNOWN};

/* An end is told without a message; the others in place of one, which must be read again. */
START_TEST(a_false_alarm_loses_nothing)
{
    send_some(0, 20);
    event = false_alarms[_i];
    event_at = 7;
    begin(0, 0, 20);
    expect_messages(0, 0, event == RD_KAFKA_RESP_ERR__PARTITION_EOF ? 7 : 20);
    if (event == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        rd_kafka_message_t *message;
        struct history_hole hole;
        ck_assert_int_eq(next(&message, &hole), HISTORY_MESSAGE);
        ck_assert_int_eq(message->offset, 8);
        rd_kafka_message_destroy(message);
        expect_messages(0, 9, 20);
    }
    expect_end(20);
    ck_assert_int_eq(events, 1);
}
END_TEST

static void open_impatient_reader(int wait_ms)
{
    history_reader_close(reader);
    reader = history_reader_open(fixture.config, TOPIC, wait_ms, error, sizeof(error));
    ck_assert_msg(reader != NULL, "%s", error);
}

START_TEST(a_silence_ends_the_reading)
{
    open_impatient_reader(2000);
    send_some(0, 10);
    begin(0, 0, 5);
    expect_messages(0, 0, 5);
    rd_kafka_mock_broker_set_down(fixture.broker.cluster, 1);
    begin(1, 0, 5);
    rd_kafka_message_t *message;
    struct history_hole hole;
    ck_assert_int_eq(next(&message, &hole), HISTORY_FAILED);
    ck_assert_int_gt((int)strlen(error), 0);
}
END_TEST

/* As while librdkafka passes the messages of an aborted transaction. The embedded broker returns a message at a time.
 */
START_TEST(a_long_stretch_without_messages_is_no_silence)
{
    open_impatient_reader(3000);
    send_some(0, 16);
    gaps[0] = (struct gap){1, 16};
    begin(0, 0, 1);
    expect_messages(0, 0, 1);
    begin(1, 0, 0);
    rd_kafka_mock_broker_set_rtt(fixture.broker.cluster, 1, 500);
    int64_t since_ms = clock_now_ms();
    begin(0, 1, 16);
    expect_end(16);
    ck_assert_int_gt(clock_now_ms() - since_ms, 6000);
}
END_TEST

/* What the caller does with a message may take its time. */
START_TEST(time_between_calls_is_no_silence)
{
    open_impatient_reader(1000);
    send_some(0, 10);
    begin(0, 0, 10);
    clock_sleep(1500);
    deaf = 4;
    expect_messages(0, 0, 10);
    ck_assert_int_eq(deaf, 0);
    expect_end(10);
}
END_TEST

/* ---- batches that cannot be decompressed ---- */

/* One batch of `count` messages, of more than receive.message.max.bytes. */
static void send_unreadable(int32_t partition, int count)
{
    static const char *const settings[][2] = {{"compression.codec", "zstd"},
                                              {"linger.ms", "20000"}, /* until they are flushed together */
                                              {"batch.size", "30000000"},
                                              {"message.max.bytes", "30000000"}};
    const size_t bytes = 20000000;
    const struct rd_kafka_metadata *metadata;
    rd_kafka_conf_t *conf = quick_client_conf();
    ck_assert_int_eq(rd_kafka_conf_set(conf, "bootstrap.servers", fixture.broker.address, NULL, 0), RD_KAFKA_CONF_OK);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        ck_assert_int_eq(rd_kafka_conf_set(conf, settings[i][0], settings[i][1], NULL, 0), RD_KAFKA_CONF_OK);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
    ck_assert_msg(producer != NULL, "%s", error);
    /* With the partitions known from the beginning, the first message does not travel alone. */
    rd_kafka_topic_t *topic = rd_kafka_topic_new(producer, TOPIC, NULL);
    ck_assert_int_eq(rd_kafka_metadata(producer, 0, topic, &metadata, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_metadata_destroy(metadata);
    char *blanks = malloc(bytes);
    ck_assert_ptr_nonnull(blanks);
    memset(blanks, ' ', bytes);
    for (int i = 1; i <= count; i++)
        ck_assert_int_eq(rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(TOPIC), RD_KAFKA_V_PARTITION(partition),
                                           RD_KAFKA_V_VALUE(blanks, (i == count ? bytes : 2)),
                                           RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END),
                         RD_KAFKA_RESP_ERR_NO_ERROR);
    ck_assert_int_eq(rd_kafka_flush(producer, FIXTURE_PATIENCE_MS), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(producer);
    free(blanks);
}

START_TEST(a_batch_that_cannot_be_decompressed_is_a_hole)
{
    send_some(0, 3);
    send_unreadable(0, 7); /* 3 to 9 */
    send_some(0, 2);
    send_unreadable(0, 1); /* 12, with nothing behind it */
    begin(0, 0, 13);
    expect_messages(0, 0, 3);
    expect_hole(HOLE_UNREADABLE, 0, 3, 10);
    expect_messages(0, 10, 12);
    expect_hole(HOLE_UNREADABLE, 0, 12, 13);
    expect_end(13);
    begin(0, 5, 8); /* inside of it */
    expect_hole(HOLE_UNREADABLE, 0, 5, 8);
    expect_end(8);
    begin(0, 8, 11);
    expect_hole(HOLE_UNREADABLE, 0, 8, 10);
    expect_messages(0, 10, 11);
    expect_end(11);
    struct replay_ranges ranges = resolve("offset:4", "offset:11");
    ck_assert_int_gt(ranges.items[0].first_ms, 0);
    ck_assert_int_eq(ranges.items[0].from_ms, -1);
    ck_assert_int_gt(ranges.items[0].to_ms, 0);
    replay_ranges_free(&ranges);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, void (*open)(void))
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 90);
    tcase_add_checked_fixture(tcase, open, close_reader);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("replay_range");
    TCase *ranges = add_case(suite, "ranges", open_reader);
    tcase_add_test(ranges, bounds_are_read);
    tcase_add_test(ranges, bounds_become_offsets);
    tcase_add_test(ranges, a_time_behind_the_last_message_stands_for_the_end);
    tcase_add_test(ranges, a_time_before_1970_stands_for_the_beginning);
    tcase_add_test(ranges, partitions_are_selected);
    tcase_add_test(ranges, a_silent_kafka_is_told);
    tcase_add_test(ranges, many_partitions_are_resolved_together);
    TCase *reading = add_case(suite, "reading", open_reader);
    tcase_add_test(reading, a_range_is_read_and_ends);
    tcase_add_test(reading, a_range_that_follows_another_needs_no_other_assignment);
    tcase_add_test(reading, a_range_ends_where_no_message_stands);
    tcase_add_test(reading, a_history_of_short_transactions_is_not_read_twice);
    TCase *silence = add_case(suite, "silence", open_reader);
    tcase_add_test(silence, a_silence_ends_the_reading);
    TCase *stretches = add_case(suite, "stretches", open_reader);
    tcase_add_test(stretches, a_long_stretch_without_messages_is_no_silence);
    tcase_add_test(stretches, time_between_calls_is_no_silence);
    TCase *holes = add_case(suite, "holes", open_reader);
    tcase_add_test(holes, deleted_offsets_are_a_hole);
    tcase_add_test(holes, a_log_that_became_shorter_is_a_hole);
    TCase *alarms = add_case(suite, "false alarms", open_reader);
    tcase_add_loop_test(alarms, a_false_alarm_loses_nothing, 0, sizeof(false_alarms) / sizeof(false_alarms[0]));
    TCase *unreadable = add_case(suite, "unreadable", open_reader_of_short_batches);
    tcase_add_test(unreadable, a_batch_that_cannot_be_decompressed_is_a_hole);
    return side_by_side(suite, (const char *const[]){"ranges", "reading", "silence", "stretches", "holes",
                                                     "false alarms", "unreadable", NULL});
}

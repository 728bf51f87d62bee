#include "tests/faults/error_run.h"

#include <check.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "tests/faults/error_fixture.h"
#include "tests/faults/error_traffic.h"
#include "tests/lib/quick_client.h"
#include "worker/kafka/kafka_refusal.h"
#include "worker/model/batch.h"

#define NUDGE_MS         400 /* how long to wait for a request before another command brings it about */
#define METADATA_MS      50  /* between two looks of the worker at the topics */
#define METADATA_HOLD_MS 300

/* Where the worker sends this lane's requests, and the test none. */
static int32_t lane_broker(const struct lane *lane)
{
    return lane->apart ? ERROR_OWN_BROKER + 1 : ERROR_OWN_BROKER;
}

/* Errors of Produce and Fetch would meet the test's own requests, too. */
static void lane_part(const struct lane *lane)
{
    for (size_t i = 0; i < ERROR_TOPICS; i++)
        for (int32_t partition = 0; partition < FIXTURE_PARTITIONS && (i == 0) == (lane->api == API_FETCH); partition++)
            error_fixture_lead(error_topics[i], partition, lane_broker(lane));
}

/* ---- how a transaction ended ---- */

struct ends {
    uint64_t aborted, lost;
    off_t log_size;
};

static uint64_t transactions(enum transaction_result result)
{
    size_t count;
    return metrics_get(workers_metrics(fixture.workers, &count)[0], METRIC_TRANSACTIONS, result);
}

/* Each command is counted once it is committed: that shows what the mock cluster hides, a batch that was sent, aborted
 * and forgotten. */
static bool all_are_counted(char *why, size_t error_size)
{
    int64_t limit = clock_now_ms() + ERROR_LIMIT_MS;
    uint64_t counted;
    do {
        size_t threads;
        const struct metrics *metrics = workers_metrics(fixture.workers, &threads)[0];
        counted = metrics_get(metrics, METRIC_COMMANDS, OUTCOME_CREATED) +
                  metrics_get(metrics, METRIC_COMMANDS, OUTCOME_DUPLICATE) +
                  metrics_get(metrics, METRIC_COMMANDS, OUTCOME_REJECTED);
        if (counted >= (uint64_t)traffic_sent())
            return true;
        traffic_read(1);
    } while (clock_now_ms() < limit);
    snprintf(why, error_size, "%d commands are answered, but only %d committed", traffic_sent(), (int)counted);
    return false;
}

/* Standard error is a file that can be read. */
static struct ends ends_now(void)
{
    return (struct ends){transactions(TRANSACTION_ABORTED), transactions(TRANSACTION_LOST),
                         lseek(STDERR_FILENO, 0, SEEK_END)};
}

static bool log_tells(off_t since, const char *text)
{
    static char log[65536];
    ssize_t size = pread(STDERR_FILENO, log, sizeof(log) - 1, since);
    log[size > 0 ? size : 0] = '\0';
    return strstr(log, text) != NULL;
}

static enum outcome_class class_since(const struct ends *before, const struct lane *lane)
{
    struct ends now = ends_now();
    if (lane->api == API_INIT_PRODUCER_ID) /* happens between transactions */
        return log_tells(before->log_size, "step=\"init transactions\"") ? CLASS_BROKEN : CLASS_RETRIED;
    if (now.lost > before->lost)
        return CLASS_BROKEN;
    return now.aborted > before->aborted ? CLASS_ABORTED : CLASS_RETRIED;
}

static const char *class_text(enum outcome_class class)
{
    return class == CLASS_BROKEN ? "a new producer" : class == CLASS_ABORTED ? "an abort" : "another try";
}

/* ---- a case ---- */

static void case_push(const struct error_case *row)
{
    rd_kafka_mock_cluster_t *cluster = fixture.broker.cluster;
    int32_t broker = lane_broker(row->lane);
    if (row->lane->api == API_METADATA) {
        for (size_t i = 0; i < ERROR_TOPICS; i++)
            rd_kafka_mock_topic_set_error(cluster, error_topics[i], row->code);
        return;
    }
    for (int i = 0; i < row->times; i++)
        ck_assert_int_eq(rd_kafka_mock_broker_push_request_error_rtts(cluster, broker, row->lane->api, 1,
                                                                      (rd_kafka_resp_err_t)row->code, row->delay_ms),
                         0);
    if (row->lane->needs_code)
        ck_assert_int_eq(rd_kafka_mock_broker_push_request_error_rtts(cluster, broker, row->lane->needs_api, 1,
                                                                      (rd_kafka_resp_err_t)row->lane->needs_code, 0),
                         0);
}

static bool case_is_met(const struct error_case *row)
{
    size_t left = 0;
    ck_assert_int_eq(
        rd_kafka_mock_broker_error_stack_cnt(fixture.broker.cluster, lane_broker(row->lane), row->lane->api, &left), 0);
    return left == 0;
}

static int case_send(const struct error_case *row)
{
    int number = traffic_send();
    /* What a broker refuses as too large again and again is refused by the worker, or given up. */
    if (row->lane->api == API_PRODUCE && kafka_is_too_large(row->code))
        traffic_excuse_size(number);
    return number;
}

/* Commands until all errors of the case have been answered to the worker, and all of those commands are answered. */
static bool case_meet(const struct error_case *row, char *why, size_t error_size)
{
    int64_t limit = clock_now_ms() + ERROR_LIMIT_MS;
    if (row->lane->api == API_METADATA) {
        int number = case_send(row);
        traffic_read(METADATA_HOLD_MS);
        for (size_t i = 0; i < ERROR_TOPICS; i++)
            rd_kafka_mock_topic_set_error(fixture.broker.cluster, error_topics[i], RD_KAFKA_RESP_ERR_NO_ERROR);
        return traffic_await(number, ERROR_LIMIT_MS, why, error_size);
    }
    for (;;) {
        if (!traffic_await(case_send(row), ERROR_LIMIT_MS, why, error_size))
            return false;
        for (int64_t nudge = clock_now_ms() + NUDGE_MS; !case_is_met(row) && clock_now_ms() < nudge;)
            traffic_read(10);
        if (case_is_met(row))
            return true;
        if (clock_now_ms() > limit) {
            snprintf(why, error_size, "the worker did not send the request within %d ms", ERROR_LIMIT_MS);
            return false;
        }
    }
}

/* ---- what is done with it ---- */

bool error_run_begin(const struct error_case *row, char *why, size_t error_size)
{
    const struct lane *lane = row->lane;
    const char *settings[8] = {"log.level=info"};
    char refresh[96];
    size_t count = 1;
    if (lane->quick_group) {
        settings[count++] = "kafka.consumer.session.timeout.ms=3500";
        settings[count++] = "kafka.consumer.heartbeat.interval.ms=100";
    }
    if (lane->is_static)
        settings[count++] = "kafka.consumer.group.instance.id=one";
    if (lane->api == API_METADATA) {
        snprintf(refresh, sizeof(refresh), "kafka.topic.metadata.refresh.interval.ms=%d", METADATA_MS);
        settings[count++] = refresh;
    }
    error_fixture_open(lane->apart ? 2 : 1);
    if (lane->moment == MOMENT_START)
        case_push(row);
    fixture_start(lane->exactly_once ? "exactly-once" : "at-least-once", settings);
    if (lane->moment == MOMENT_START)
        return true;
    if (!error_fixture_check(why, error_size))
        return false;
    if (!lane->apart)
        return true;
    lane_part(lane);
    return error_fixture_check(why, error_size);
}

/* The offsets that the worker leaves behind are those of all commands. */
static bool run_is_committed(char *why, size_t error_size)
{
    int64_t total = 0;
    rd_kafka_conf_t *conf = quick_client_conf();
    rd_kafka_conf_set(conf, "bootstrap.servers", fixture.broker.address, NULL, 0);
    rd_kafka_conf_set(conf, "group.id", "client-intake", NULL, 0);
    rd_kafka_t *consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, NULL, 0);
    rd_kafka_topic_partition_list_t *offsets = rd_kafka_topic_partition_list_new(FIXTURE_PARTITIONS);
    rd_kafka_topic_partition_list_add_range(offsets, error_topics[0], 0, FIXTURE_PARTITIONS - 1);
    ck_assert_int_eq(rd_kafka_committed(consumer, offsets, ERROR_LIMIT_MS), 0);
    for (int i = 0; i < offsets->cnt; i++)
        total += offsets->elems[i].offset > 0 ? offsets->elems[i].offset : 0;
    rd_kafka_topic_partition_list_destroy(offsets);
    rd_kafka_destroy(consumer);
    if (total != traffic_sent())
        snprintf(why, error_size, "offsets of %lld commands are committed, of %d", (long long)total, traffic_sent());
    return total == traffic_sent();
}

/* The end is the moment. */
static bool case_at_end(const struct error_case *row, char *why, size_t error_size)
{
    if (!traffic_await(traffic_send(), ERROR_LIMIT_MS, why, error_size) || !error_fixture_end(why, error_size))
        return false;
    if (case_is_met(row))
        return run_is_committed(why, error_size);
    snprintf(why, error_size, "the worker did not send the request");
    return false;
}

static bool case_at_work(const struct error_case *row, char *why, size_t error_size)
{
    struct ends before = ends_now();
    if (!case_meet(row, why, error_size) || !traffic_await(traffic_send(), ERROR_LIMIT_MS, why, error_size) ||
        !all_are_counted(why, error_size))
        return false;
    if (workers_wait(fixture.workers, 0)) {
        snprintf(why, error_size, "the worker ended");
        return false;
    }
    enum outcome_class outcome = class_since(&before, row->lane);
    if (row->outcome == CLASS_ANY || row->outcome == outcome)
        return true;
    snprintf(why, error_size, "expected %s, but there was %s", class_text(row->outcome), class_text(outcome));
    return false;
}

bool error_run_case(const struct error_case *row, char *why, size_t error_size)
{
    if (row->lane->moment != MOMENT_START)
        case_push(row);
    return row->lane->moment == MOMENT_END ? case_at_end(row, why, error_size) : case_at_work(row, why, error_size);
}

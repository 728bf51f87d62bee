#include "worker/source/parse_probe.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/kafka/kafka_log.h"
#include "worker/source/batch_client.h"
#include "worker/source/source_state.h"

#define LOG_LEVEL_OF_DEBUG 7 /* syslog's, as librdkafka has them */
#define FAILURES           2
#define PARSER             "(rd_kafka_msgset_reader_msg_v2:" /* in a line, the function that parses one record */
#define EXPECTED           "expected "
#define ASK_WAIT_MS        300
#define STEP_MS            1

/* What the log lines have told since the reading began. */
struct sight {
    int64_t asked;         /* where the reading began. Lines of an earlier one come before its first fetch */
    int64_t fetched;       /* the offset of the last fetch, or -1 */
    int64_t lowest;        /* of the records before it that the last fetch has brought so far, or -1 */
    int64_t lowest_passed; /* the same of the fetch for `asked`, once librdkafka went on from there; or -1 */
    int failures;          /* of fetches for this offset */
    bool has_failed;       /* the last fetch did */
    /* of the last failure: */
    int64_t lowest_then;
    bool is_cut;
};

struct parse_probe {
    struct batch_client client;
    rd_kafka_queue_t *queue; /* NULL: nothing is read */
    int32_t partition;
    int64_t offset; /* where the reading began */
    struct batch_wake wake;
    int64_t waited_at;    /* the fetched offset when it began */
    pthread_mutex_t turn; /* of the two below, which librdkafka's threads use */
    struct sight sight;
    char fetch_line[320]; /* the part of a line that is about the partition; "": nothing is read */
};

/* ---- what the log lines tell ---- */

static void note_fetch(struct sight *sight, int64_t offset)
{
    if (sight->fetched < 0 && offset != sight->asked)
        return;
    if (offset != sight->fetched)
        sight->failures = 0;
    if (offset != sight->fetched && sight->fetched == sight->asked)
        sight->lowest_passed = sight->lowest;
    sight->fetched = offset;
    sight->lowest = -1;
    sight->has_failed = false;
}

/* A record of a length below -1 wants about 2^64 bytes. One that goes on behind the last byte wants a few. */
static void note_failure(struct sight *sight, const char *text)
{
    const char *expected = strstr(text, EXPECTED);
    if (!expected || sight->fetched < 0 || sight->has_failed)
        return;
    sight->is_cut = strtoull(expected + strlen(EXPECTED), NULL, 10) <= INT64_MAX;
    sight->lowest_then = sight->lowest;
    sight->has_failed = true;
    sight->failures++;
}

static void note_line(struct parse_probe *probe, const char *facility, const char *text)
{
    static const char skip[] = "Skip offset ";
    struct sight *sight = &probe->sight;
    const char *at;
    if (probe->fetch_line[0] == '\0')
        return;
    if (strcmp(facility, "FETCH") == 0 && (at = strstr(text, probe->fetch_line)))
        note_fetch(sight, strtoll(at + strlen(probe->fetch_line), NULL, 10));
    else if (strcmp(facility, "PROTOUFLOW") == 0 && strstr(text, PARSER))
        note_failure(sight, text);
    else if (strcmp(facility, "MSG") == 0 && (at = strstr(text, skip))) {
        const int64_t offset = strtoll(at + strlen(skip), NULL, 10);
        if (sight->lowest < 0 || offset < sight->lowest)
            sight->lowest = offset;
    }
}

/* Librdkafka's threads call it. Lines of debugging go nowhere else. */
static void on_log(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
    if (level < LOG_LEVEL_OF_DEBUG) {
        kafka_log(handle, level, facility, text);
        return;
    }
    struct parse_probe *probe = handle ? rd_kafka_opaque(handle) : NULL;
    if (!probe)
        return;
    pthread_mutex_lock(&probe->turn);
    note_line(probe, facility, text);
    pthread_mutex_unlock(&probe->turn);
}

static void watch(struct parse_probe *probe, bool is_on)
{
    pthread_mutex_lock(&probe->turn);
    probe->sight = (struct sight){.asked = probe->offset, .fetched = -1, .lowest = -1, .lowest_passed = -1};
    probe->fetch_line[0] = '\0';
    if (is_on)
        snprintf(probe->fetch_line, sizeof(probe->fetch_line), "Fetch topic %s [%" PRId32 "] at offset ",
                 probe->client.name, probe->partition);
    pthread_mutex_unlock(&probe->turn);
}

static struct sight seen(struct parse_probe *probe)
{
    pthread_mutex_lock(&probe->turn);
    struct sight sight = probe->sight;
    pthread_mutex_unlock(&probe->turn);
    return sight;
}

/* ---- the client ---- */

struct parse_probe *parse_probe_open(const struct config *config, const char *topic, char *error, size_t error_size)
{
    struct parse_probe *probe = calloc(1, sizeof(*probe));
    if (!probe) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    /* The first fetch returns one batch. Librdkafka doubles its limit with each fetch without a message. */
    const struct batch_client_options options = {.isolation = "read_committed",
                                                 .fetch_bytes = "1",
                                                 .error_backoff_ms = "2",
                                                 .debug = "fetch,msg,protocol",
                                                 .on_log = on_log,
                                                 .opaque = probe};
    pthread_mutex_init(&probe->turn, NULL);
    if (batch_client_open(&probe->client, config, topic, &options, error, error_size))
        return probe;
    pthread_mutex_destroy(&probe->turn);
    free(probe);
    return NULL;
}

void parse_probe_close(struct parse_probe *probe, bool may_destroy)
{
    if (!probe)
        return;
    parse_probe_end(probe);
    batch_client_close(&probe->client, may_destroy);
    if (!may_destroy)
        return; /* the client's threads go on using it */
    pthread_mutex_destroy(&probe->turn);
    free(probe);
}

bool parse_probe_begin(struct parse_probe *probe, int32_t partition, int64_t offset)
{
    parse_probe_end(probe);
    probe->partition = partition;
    probe->offset = offset;
    watch(probe, true);
    probe->queue = batch_client_begin(&probe->client, partition, offset);
    if (!probe->queue)
        watch(probe, false);
    probe->wake = batch_wake_begin();
    probe->waited_at = -1;
    return probe->queue != NULL;
}

void parse_probe_end(struct parse_probe *probe)
{
    if (!probe->queue)
        return;
    watch(probe, false);
    batch_client_end(&probe->client, probe->partition, probe->queue);
    probe->queue = NULL;
}

/* The waiting begins again with each fetch. */
static void wake(struct parse_probe *probe, int64_t fetched)
{
    if (fetched != probe->waited_at)
        probe->wake = batch_wake_begin();
    probe->waited_at = fetched;
    batch_client_wake(&probe->client, probe->partition, &probe->wake);
}

/* The lines about the message that librdkafka has put into the queue are there: they came first. */
static int64_t lowest_before(struct parse_probe *probe)
{
    const struct sight sight = seen(probe);
    return sight.fetched == sight.asked ? sight.lowest : sight.lowest_passed;
}

/* A message or an event in the queue. A marker of a transaction is neither, though it counts in the length. */
static bool take_answer(struct parse_probe *probe, struct parse_finding *finding)
{
    bool is_answered = false;
    for (size_t left = rd_kafka_queue_length(probe->queue); left > 0 && !is_answered; left--) {
        rd_kafka_message_t *message = rd_kafka_consume_queue(probe->queue, 0);
        if (!message)
            continue;
        is_answered = message->err || message->offset >= probe->offset;
        finding->error = message->err;
        if (!message->err && message->offset == probe->offset)
            finding->lowest = lowest_before(probe);
        rd_kafka_message_destroy(message);
    }
    return is_answered;
}

struct parse_finding parse_probe_take(struct parse_probe *probe)
{
    struct parse_finding finding = {.kind = PARSE_PENDING, .offset = -1, .lowest = -1};
    if (!probe->queue)
        return finding;
    rd_kafka_poll(probe->client.handle, 0);
    /* The lines first: what they tell of came behind all messages that were in the queue before. */
    const struct sight sight = seen(probe);
    finding.offset = sight.fetched;
    if (take_answer(probe, &finding)) {
        finding.kind = PARSE_ANSWERED;
        parse_probe_end(probe);
    } else if (sight.failures >= FAILURES && rd_kafka_queue_length(probe->queue) == 0) {
        finding.kind = PARSE_FAILED;
        finding.is_cut = sight.is_cut;
        finding.lowest = sight.lowest_then;
    } else {
        wake(probe, sight.fetched);
    }
    return finding;
}

struct parse_finding parse_probe_look(struct parse_probe *probe, int32_t partition, int64_t offset, int wait_ms)
{
    struct parse_finding finding = {.kind = PARSE_PENDING, .offset = -1, .lowest = -1};
    if (!parse_probe_begin(probe, partition, offset))
        return finding;
    for (int64_t until = clock_now_ms() + wait_ms; finding.kind == PARSE_PENDING && clock_now_ms() < until;) {
        clock_sleep(STEP_MS);
        finding = parse_probe_take(probe);
    }
    parse_probe_end(probe);
    return finding;
}

/* A leader that was elected a moment ago, or a follower that lags, may tell a fetch of an end that is too early. It
 * returns an error to this question until it knows the right one (KIP-207). */
bool parse_probe_is_outside(struct parse_probe *probe, int64_t offset)
{
    int64_t low, high;
    return rd_kafka_query_watermark_offsets(probe->client.handle, probe->client.name, probe->partition, &low, &high,
                                            ASK_WAIT_MS) == RD_KAFKA_RESP_ERR_NO_ERROR &&
           (offset >= high || offset < low);
}

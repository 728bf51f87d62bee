#include "worker/letters/letter_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/stop.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/offsets.h"
#include "worker/replay/history_client.h"
#include "worker/replay/history_reader.h"

#define GAP_OFFSETS 1000 /* it takes longer to begin a new fetch than to pass over so many */

#define OPEN_RETRY_MS 100
#define OPEN_WAIT_MS  120000 /* for open transactions; the daemon's end after 25 s */

/* A fetch begins when almost all of the one before was taken. So there are two fetches in memory at most, however short
 * letters are, or however long their keys and headers. */
const struct history_ahead letter_log_ahead = {.fetch_bytes = "262144", .messages = 16};

struct letter_log {
    const struct config *config;
    int wait_ms;
    struct history_reader *reader;
    int32_t partitions;
    struct offsets starts, ends;
    bool has_holes;
    struct letter_place reached; /* where the reader goes on without a new fetch; partition -1: nowhere */
};

static const char *topic_of(const struct letter_log *log)
{
    return log->config->dead_letters.topic;
}

static bool ask_ends(struct letter_log *log, char *error, size_t error_size)
{
    return offsets_of_known_ends(&log->ends, history_reader_handle(log->reader), topic_of(log), log->partitions,
                                 log->wait_ms, error, error_size);
}

static bool find_edges(struct letter_log *log, char *error, size_t error_size)
{
    rd_kafka_t *consumer = history_reader_handle(log->reader);
    log->partitions = kafka_topic_partitions(consumer, topic_of(log), log->wait_ms, error, error_size);
    if (log->partitions == 0)
        snprintf(error, error_size, "the topic %s does not exist; client-intake topics create creates it",
                 topic_of(log));
    return log->partitions > 0 &&
           offsets_of_starts(&log->starts, consumer, topic_of(log), log->partitions, log->wait_ms, error, error_size) &&
           ask_ends(log, error, error_size);
}

struct letter_log *letter_log_open(const struct config *config, int wait_ms, char *error, size_t error_size)
{
    struct letter_log *log = calloc(1, sizeof(*log));
    if (!log) {
        snprintf(error, error_size, "out of memory");
        return NULL;
    }
    log->config = config;
    log->wait_ms = wait_ms;
    log->reached.partition = -1;
    log->reader = history_reader_open_ahead(config, topic_of(log), &letter_log_ahead, wait_ms, error, error_size);
    if (log->reader && find_edges(log, error, error_size))
        return log;
    letter_log_close(log);
    return NULL;
}

void letter_log_close(struct letter_log *log)
{
    if (!log)
        return;
    history_reader_close(log->reader);
    offsets_free(&log->starts);
    offsets_free(&log->ends);
    free(log);
}

bool letter_log_has_partitions(const struct letter_log *log, const struct letter_selection *selection, char *error,
                               size_t error_size)
{
    for (size_t i = 0; i < selection->partition_count; i++) {
        if (selection->partitions[i] < log->partitions)
            continue;
        snprintf(error, error_size, "%s has no partition %d; its partitions are 0 to %d", topic_of(log),
                 (int)selection->partitions[i], (int)log->partitions - 1);
        return false;
    }
    return true;
}

int32_t letter_log_partitions(const struct letter_log *log)
{
    return log->partitions;
}

int64_t letter_log_end(const struct letter_log *log, int32_t partition)
{
    const int64_t end = offsets_get(&log->ends, partition);
    return end == OFFSET_NONE ? 0 : end;
}

rd_kafka_t *letter_log_handle(const struct letter_log *log)
{
    return history_reader_handle(log->reader);
}

bool letter_log_has_holes(const struct letter_log *log)
{
    return log->has_holes;
}

/* ---- Open transactions ---- */

static bool find_high_watermarks(const struct letter_log *log, struct offsets *high, char *error, size_t error_size)
{
    static const struct history_client_settings settings = {"read_uncommitted", "error", "65536", 0};
    struct history_client observer;
    if (!history_client_open(&observer, log->config, &settings, error, error_size))
        return false;
    const bool ok =
        offsets_of_known_ends(high, observer.handle, topic_of(log), log->partitions, log->wait_ms, error, error_size);
    history_client_close(&observer);
    return ok;
}

/* The first partition whose end is before `high`; -1: none. */
static int32_t find_open(const struct letter_log *log, const struct offsets *high)
{
    for (int32_t i = 0; i < log->partitions; i++)
        if (offsets_get(&log->ends, i) < offsets_get(high, i))
            return i;
    return -1;
}

bool letter_log_await_open(struct letter_log *log, char *error, size_t error_size)
{
    struct offsets high = {0};
    bool ok = find_high_watermarks(log, &high, error, error_size) && ask_ends(log, error, error_size);
    const int64_t until = clock_now_ms() + OPEN_WAIT_MS;
    for (int32_t open; ok && (open = find_open(log, &high)) >= 0;) {
        if (stop_is_requested() || clock_now_ms() >= until) {
            snprintf(error, error_size, "a transaction in partition %d of %s is still open; its notes cannot be read",
                     (int)open, topic_of(log));
            ok = false;
        } else {
            clock_sleep(OPEN_RETRY_MS);
            ok = ask_ends(log, error, error_size);
        }
    }
    offsets_free(&high);
    return ok;
}

/* ---- Reading ---- */

static const char *reason_of(const struct history_hole *hole)
{
    switch (hole->reason) {
    case HOLE_DELETED:
        return "they were deleted while they were read";
    case HOLE_REPLACED:
        return "the topic was replaced while it was read";
    case HOLE_UNREADABLE:
        return "their batch cannot be decompressed or parsed";
    case HOLE_MISNUMBERED:
        return "the producer of their batch gave wrong offsets";
    case HOLE_OPEN:
        break;
    }
    return "a transaction is open";
}

static void report(struct letter_log *log, const struct history_hole *hole)
{
    log->has_holes = true;
    fprintf(stderr, "client-intake dead-letters: %s/%d: offsets %" PRId64 " to %" PRId64 " cannot be read: %s\n",
            topic_of(log), (int)hole->partition, hole->from, hole->to - 1, reason_of(hole));
}

/* A range that is read. */
struct reading {
    letter_log_take *take;
    letter_log_progress *progress; /* may be NULL */
    void *listener;
    int64_t before, total; /* offsets, for `progress`: of the ranges before, and of all */
    int64_t from;          /* of this range */
    int64_t passed_over;   /* messages before this offset are */
};

/* *goes_on: false at the range's end. */
static bool read_one(struct letter_log *log, const struct reading *reading, bool *goes_on, char *error,
                     size_t error_size)
{
    rd_kafka_message_t *message;
    struct history_hole hole;
    struct letter letter;
    switch (history_reader_next(log->reader, &message, &hole, error, error_size)) {
    case HISTORY_MESSAGE:
        letter_read(&letter, message);
        error[0] = '\0';
        const bool taken =
            letter.place.offset < reading->passed_over || reading->take(reading->listener, &letter, message);
        rd_kafka_message_destroy(message);
        return taken;
    case HISTORY_HOLE:
        report(log, &hole);
        return true;
    case HISTORY_PAUSE:
        return true;
    case HISTORY_END:
        *goes_on = false;
        return true;
    case HISTORY_FAILED:
        return false;
    }
    return false;
}

static void tell(const struct letter_log *log, const struct reading *reading)
{
    if (reading->progress)
        reading->progress(reading->listener, reading->before + history_reader_position(log->reader) - reading->from,
                          reading->total);
}

static bool read_range(struct letter_log *log, int32_t partition, int64_t to, const struct reading *reading,
                       char *error, size_t error_size)
{
    bool goes_on = true, ok = history_reader_begin(log->reader, partition, reading->from, to, error, error_size);
    while (ok && goes_on) {
        if (stop_is_requested()) {
            error[0] = '\0';
            return false;
        }
        ok = read_one(log, reading, &goes_on, error, error_size);
        tell(log, reading);
    }
    log->reached = (struct letter_place){ok || error[0] == '\0' ? partition : -1, history_reader_position(log->reader)};
    return ok;
}

/* Nothing is fetched while something else is done. */
static void rest(struct letter_log *log)
{
    char ignored[64];
    const bool is_idle = history_reader_begin(log->reader, -1, 0, 0, ignored, sizeof(ignored));
    (void)is_idle;
    log->reached.partition = -1;
}

bool letter_log_read(struct letter_log *log, int32_t partition, int64_t from, int64_t to, letter_log_take *take,
                     void *listener, char *error, size_t error_size)
{
    const int64_t start = offsets_get(&log->starts, partition), end = offsets_get(&log->ends, partition);
    struct reading reading = {.take = take, .listener = listener, .from = from > start ? from : start};
    to = to < end ? to : end;
    if (partition >= log->partitions || reading.from >= to)
        return true;
    reading.passed_over = reading.from;
    if (partition == log->reached.partition && reading.from > log->reached.offset &&
        reading.from - log->reached.offset <= GAP_OFFSETS)
        reading.from = log->reached.offset;
    return read_range(log, partition, to, &reading, error, error_size);
}

static int64_t offsets_in(const struct letter_log *log, int32_t partition)
{
    const int64_t count = offsets_get(&log->ends, partition) - offsets_get(&log->starts, partition);
    return count > 0 ? count : 0;
}

bool letter_log_read_all(struct letter_log *log, const struct letter_selection *selection, letter_log_take *take,
                         letter_log_progress *progress, void *listener, char *error, size_t error_size)
{
    struct reading reading = {.take = take, .progress = progress, .listener = listener};
    for (int32_t i = 0; i < log->partitions; i++)
        if (letter_selection_has(selection, i))
            reading.total += offsets_in(log, i);
    for (int32_t i = 0; i < log->partitions; i++) {
        const int64_t count = letter_selection_has(selection, i) ? offsets_in(log, i) : 0;
        reading.from = offsets_get(&log->starts, i);
        const bool ok = count == 0 || read_range(log, i, reading.from + count, &reading, error, error_size);
        rest(log);
        if (!ok)
            return false;
        reading.before += count;
    }
    return true;
}

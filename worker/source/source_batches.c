/* Batches of the log are read again, outside the group: to verify offsets (source_jumps.c) and to pass batches with
 * wrong ones (source_misnumbered.c). */
#include "worker/source/source_batches.h"

#include "common/clock.h"
#include "worker/source/batch_reader.h"
#include "worker/source/source_log.h"
#include "worker/source/source_open.h"
#include "worker/source/source_places.h"
#include "worker/source/source_unparsed.h"

#define ASK_WAIT_MS 50
#define STEP_MS     1 /* between looks at the answer */

struct batch_reader *source_batch_reader(struct source *source, enum batch_reader_kind kind)
{
    char error[512];
    if (source->batch_readers[kind])
        return source->batch_readers[kind];
    struct batch_reader *reader =
        batch_reader_open(source->config, source->config->commands.topic, kind, error, sizeof(error));
    if (reader)
        log_fault_end(&source->verifying_fault);
    else
        log_fault_begin(&source->verifying_fault, LOG_LIST(LOG_TEXT("error", error)));
    source->batch_readers[kind] = reader;
    return reader;
}

void source_end_reading(struct source *source, int32_t partition)
{
    for (int kind = BATCH_READER_SINGLE; kind <= BATCH_READER_WIDE; kind++)
        if (source->batch_readers[kind])
            batch_reader_end(source->batch_readers[kind], partition);
}

void source_close_batches(struct source *source)
{
    for (int kind = BATCH_READER_SINGLE; kind <= BATCH_READER_WIDE; kind++) {
        batch_reader_close(source->batch_readers[kind], source_may_destroy(source));
        source->batch_readers[kind] = NULL;
    }
}

enum log_finding source_judge(struct source *source, int32_t partition, const struct log_mark *mark,
                              const struct batch_reading *reading)
{
    switch (reading->error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return log_mark_is_same(mark, &reading->first) ? LOG_SAME : LOG_OTHER;
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return source_compare_watermarks(source, partition, mark->offset, ASK_WAIT_MS);
    case RD_KAFKA_RESP_ERR__BAD_COMPRESSION: /* the command's own batch could be read */
        return LOG_OTHER;
    default:
        return LOG_UNKNOWN;
    }
}

bool source_end_unparsed(struct source *source, int32_t partition, int64_t offset, struct batch_reading *reading)
{
    if (!source_cannot_parse(source, partition, offset))
        return false;
    batch_reader_end(source->batch_readers[BATCH_READER_SINGLE], partition);
    *reading = (struct batch_reading){.error = RD_KAFKA_RESP_ERR__BAD_COMPRESSION};
    return true;
}

bool source_read_batch(struct source *source, int32_t partition, int64_t offset, int wait_ms,
                       struct batch_reading *reading)
{
    struct batch_reader *reader = source_batch_reader(source, BATCH_READER_SINGLE);
    if (!reader)
        return false;
    if (!batch_reader_reads(reader, partition, offset)) {
        if (!batch_reader_begin(reader, partition, offset))
            return false;
        metrics_add(source->metrics, METRIC_OFFSET_PROBES, 0, 1);
    }
    bool is_read = false;
    const int64_t until = clock_now_ms() + kafka_patience_ms(&source->patience, wait_ms);
    while (!is_read && clock_now_ms() < until) {
        is_read = batch_reader_take(reader, partition, reading);
        if (!is_read)
            clock_sleep(STEP_MS);
    }
    return is_read || source_end_unparsed(source, partition, offset, reading);
}

#include "worker/replay/unparsed_batch.h"

#include "common/clock.h"

#define LOOK_MS        2000
#define SEARCH_MS      500
#define SEARCH_LOOK_MS 10000 /* a busy machine takes some seconds to decompress 100 MB */
#define SILENT_MS      2000  /* so long nothing comes before a look, and between looks */
/* Where there was one bad message there may be many, each between good ones. */
#define SUSPECT_FOR_MS    60000
#define SUSPECT_SILENT_MS 300

void unparsed_batch_init(struct unparsed_batch *batch, const struct config *config, const char *topic)
{
    *batch = (struct unparsed_batch){.config = config, .topic = topic, .from = -1, .range = {.first = -1}};
}

void unparsed_batch_close(struct unparsed_batch *batch)
{
    parse_probe_close(batch->probe, true);
    batch->probe = NULL;
}

void unparsed_batch_turn(struct unparsed_batch *batch, const char *topic)
{
    unparsed_batch_close(batch);
    unparsed_batch_init(batch, batch->config, topic);
}

bool unparsed_batch_is_due(const struct unparsed_batch *batch, int64_t heard_ms)
{
    const int64_t now_ms = clock_now_ms();
    const bool is_suspect = batch->found_ms != 0 && now_ms - batch->found_ms < SUSPECT_FOR_MS;
    return now_ms - heard_ms >= (is_suspect ? SUSPECT_SILENT_MS : SILENT_MS) && now_ms - batch->looked_ms >= SILENT_MS;
}

static bool open_probe(struct unparsed_batch *batch)
{
    char error[512];
    if (!batch->probe)
        batch->probe = parse_probe_open(batch->config, batch->topic, error, sizeof(error));
    return batch->probe != NULL;
}

bool unparsed_batch_look(struct unparsed_batch *batch, int32_t partition, int64_t offset)
{
    struct parse_finding finding = {.kind = PARSE_PENDING, .offset = -1};
    if (batch->partition != partition || batch->from != offset)
        batch->passed = offset;
    if (batch->partition != partition)
        batch->range = (struct parse_range){.first = -1, .base = -1};
    batch->partition = partition;
    batch->from = offset;
    if (open_probe(batch))
        finding = parse_probe_look(batch->probe, partition, batch->passed, LOOK_MS);
    batch->looked_ms = clock_now_ms();
    if (finding.kind == PARSE_PENDING && finding.offset > batch->passed)
        batch->passed = finding.offset;
    if (finding.kind == PARSE_FAILED) {
        batch->range = parse_range_of(&finding, &batch->range);
        batch->found_ms = clock_now_ms();
        batch->looked_ms = 0;
    }
    return finding.kind == PARSE_FAILED;
}

bool unparsed_batch_step(struct unparsed_batch *batch)
{
    return open_probe(batch) &&
           parse_range_search(batch->probe, batch->partition, &batch->range, SEARCH_MS, SEARCH_LOOK_MS);
}

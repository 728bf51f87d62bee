/* The metadata of an offset is "replay FROM TO NONCE MISSING WORKSPACES OFFSET TIMESTAMP HASH": the range that the
 * name's first start has found; the nonce of the last commit of a batch, "-" before the first one; how many offsets
 * could not be read; a digest of the workspaces that were selected; and the mark of a command of the log (log_mark.h),
 * offset -1 before the first one. Earlier versions wrote the first four or five words. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "worker/replay/replay_apply_internal.h"

#define METADATA_BYTES   192
#define POSITION_WAIT_MS 2000

struct metadata {
    int64_t from, to, nonce, missing;
    bool is_whole; /* what follows was written, too */
    uint64_t workspaces;
    struct log_mark mark;
};

static size_t write_metadata(const struct metadata *metadata, char text[METADATA_BYTES])
{
    char number[24] = "-";
    if (metadata->nonce > 0)
        snprintf(number, sizeof(number), "%" PRId64, metadata->nonce);
    return (size_t)snprintf(text, METADATA_BYTES,
                            "replay %" PRId64 " %" PRId64 " %s %" PRId64 " %016" PRIx64 " %" PRId64 " %" PRId64
                            " %016" PRIx64,
                            metadata->from, metadata->to, number, metadata->missing, metadata->workspaces,
                            metadata->mark.offset, metadata->mark.timestamp_ms, metadata->mark.hash);
}

/* False without a nonce if the offset has other metadata. */
static bool read_metadata(const rd_kafka_topic_partition_t *place, struct metadata *metadata)
{
    char text[METADATA_BYTES], number[24];
    *metadata = (struct metadata){.nonce = OFFSET_NONE, .mark = LOG_MARK_NONE};
    if (!place->metadata || place->metadata_size >= sizeof(text))
        return false;
    memcpy(text, place->metadata, place->metadata_size);
    text[place->metadata_size] = '\0';
    struct metadata read = *metadata;
    const int words =
        sscanf(text, "replay %" SCNd64 " %" SCNd64 " %23s %" SCNd64 " %" SCNx64 " %" SCNd64 " %" SCNd64 " %" SCNx64,
               &read.from, &read.to, number, &read.missing, &read.workspaces, &read.mark.offset,
               &read.mark.timestamp_ms, &read.mark.hash);
    if (words < 3)
        return false;
    read.is_whole = words == 8;
    if (!read.is_whole)
        read.mark = LOG_MARK_NONE;
    if (number[0] != '-')
        read.nonce = (int64_t)strtoll(number, NULL, 10);
    *metadata = read;
    return true;
}

static rd_kafka_resp_err_t ask(struct apply *apply, rd_kafka_topic_partition_list_t *list, int wait_ms)
{
    rd_kafka_resp_err_t code = rd_kafka_committed(apply->own, list, wait_ms);
    for (int i = 0; i < list->cnt && !code; i++)
        code = list->elems[i].err;
    return code;
}

static void take_position(struct apply *apply, struct apply_range *range, const rd_kafka_topic_partition_t *place)
{
    struct metadata metadata;
    range->position = -1;
    range->nonce = OFFSET_NONE;
    range->scanned = range->from;
    range->mark = LOG_MARK_NONE;
    range->workspaces = apply->workspaces;
    if (place->offset < 0)
        return;
    apply->has_gone_on = true;
    if (read_metadata(place, &metadata)) {
        range->from = metadata.from;
        range->to = metadata.to;
        range->nonce = metadata.nonce;
        range->missing = metadata.missing;
        range->mark = metadata.mark;
        if (metadata.is_whole)
            range->workspaces = metadata.workspaces;
    }
    range->position = range->scanned = place->offset;
    offsets_set(&apply->marks.positions, range->partition, range->position);
    offsets_set(&apply->marks.nonces, range->partition, range->nonce);
}

static bool refuse(struct apply *apply, const char *reason)
{
    apply_end(apply, REPLAY_MISUSED, reason);
    return false;
}

/* Commands of other workspaces before the position were passed over. */
static bool has_workspaces(struct apply *apply, const struct apply_range *range)
{
    char reason[256];
    snprintf(reason, sizeof(reason), "%s was begun with other workspaces; ask for those, or give another name",
             apply->request->name);
    return range->workspaces == apply->workspaces || refuse(apply, reason);
}

/* A topic that was deleted and created again has the same name and offsets, but other commands. */
static bool has_log(struct apply *apply, const struct apply_range *range)
{
    char reason[512];
    if (range->mark.offset < 0)
        return true;
    switch (history_reader_find(apply->reader, range->partition, &range->mark)) {
    case READING_IN_PLACE:
        return true;
    case READING_UNKNOWN:
        log_fault_begin(&apply->fault,
                        LOG_LIST(LOG_TEXT("step", "comparing the log"), LOG_INTEGER("partition", range->partition)));
        return false;
    case READING_MISPLACED:
        break;
    }
    snprintf(reason, sizeof(reason),
             "%s was begun with another log of %s: partition %d no longer has the command that was at offset %" PRId64
             "; give another name",
             apply->request->name, apply->config.commands.topic, (int)range->partition, range->mark.offset);
    return refuse(apply, reason);
}

/* The recorded replies that were read must be those of the range that the name was begun with, or commands would be
 * decided by other definitions. What was deleted meanwhile has no commands. */
static bool is_asked(struct apply *apply, const struct apply_range *range)
{
    char reason[256];
    const bool begins = range->position >= range->asked.from || range->asked.from <= range->asked.first;
    if (range->position < 0 || range->position >= range->to || (begins && range->to <= range->asked.to))
        return true;
    snprintf(reason, sizeof(reason),
             "%s was begun with the range from %" PRId64 " to %" PRId64 " of partition %d, and goes on at %" PRId64
             "; ask for that range, or give another name",
             apply->request->name, range->from, range->to, (int)range->partition, range->position);
    return refuse(apply, reason);
}

/* A bound that changes nothing must not be ignored in silence. */
static void warn_of_range(const struct apply *apply, const struct apply_range *range)
{
    const struct replay_selection *selection = &apply->request->selection;
    const bool begins = selection->from.kind == BOUND_BEGINNING || range->asked.from <= range->asked.first ||
                        range->from == range->asked.from;
    const bool ends = selection->to.kind == BOUND_END || range->to == range->asked.to;
    if (range->position >= 0 && !(begins && ends))
        log_warning("the replay keeps the range that its name was begun with",
                    LOG_TEXT("topic", apply->config.commands.topic), LOG_INTEGER("partition", range->partition),
                    LOG_INTEGER("from", range->from), LOG_INTEGER("to", range->to));
}

bool position_read(struct apply *apply, int wait_ms)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)apply->range_count);
    for (uint32_t i = 0; i < apply->range_count; i++)
        rd_kafka_topic_partition_list_add(list, apply->config.commands.topic, apply->ranges[i].partition);
    const rd_kafka_resp_err_t code = list->cnt > 0 ? ask(apply, list, wait_ms) : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (uint32_t i = 0; i < apply->range_count && !code; i++)
        take_position(apply, &apply->ranges[i], &list->elems[i]);
    rd_kafka_topic_partition_list_destroy(list);
    if (code) {
        log_fault_begin(&apply->fault,
                        LOG_LIST(LOG_TEXT("step", "reading the position"), LOG_TEXT("error", rd_kafka_err2str(code))));
        return false;
    }
    for (uint32_t i = 0; i < apply->range_count; i++) {
        const struct apply_range *range = &apply->ranges[i];
        if (!has_workspaces(apply, range) || !has_log(apply, range))
            return false;
        warn_of_range(apply, range);
        if (!is_asked(apply, range))
            return false;
    }
    return true;
}

static void add(const struct apply *apply, rd_kafka_topic_partition_list_t *list, const struct apply_range *range,
                int64_t offset, int64_t nonce)
{
    char text[METADATA_BYTES];
    rd_kafka_topic_partition_t *place =
        rd_kafka_topic_partition_list_add(list, apply->config.commands.topic, range->partition);
    const struct metadata metadata = {.from = range->from,
                                      .to = range->to,
                                      .nonce = nonce,
                                      .missing = missing_before(apply, range, offset),
                                      .workspaces = apply->workspaces,
                                      .mark = range->mark};
    const size_t length = write_metadata(&metadata, text);
    place->offset = offset;
    place->metadata = malloc(length);
    if (!place->metadata)
        abort();
    memcpy(place->metadata, text, length);
    place->metadata_size = length;
}

rd_kafka_topic_partition_list_t *position_list(const struct apply *apply, const struct apply_range *range,
                                               int64_t offset, int64_t nonce)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    add(apply, list, range, offset, nonce);
    return list;
}

rd_kafka_topic_partition_list_t *position_first(const struct apply *apply)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)apply->range_count);
    for (uint32_t i = 0; i < apply->range_count; i++)
        if (apply->ranges[i].position < 0)
            add(apply, list, &apply->ranges[i], apply->ranges[i].from, OFFSET_NONE);
    if (list->cnt > 0)
        return list;
    rd_kafka_topic_partition_list_destroy(list);
    return NULL;
}

void position_note(struct apply *apply, const rd_kafka_topic_partition_list_t *offsets)
{
    for (int i = 0; i < offsets->cnt; i++) {
        const rd_kafka_topic_partition_t *place = &offsets->elems[i];
        for (uint32_t r = 0; r < apply->range_count; r++) {
            struct apply_range *range = &apply->ranges[r];
            struct metadata metadata;
            if (range->partition != place->partition)
                continue;
            if (read_metadata(place, &metadata))
                missing_note(apply, range, place->offset, metadata.missing);
            range->position = place->offset;
            range->nonce = metadata.nonce;
            offsets_set(&apply->marks.positions, range->partition, range->position);
            offsets_set(&apply->marks.nonces, range->partition, range->nonce);
        }
    }
}

static bool is_our_position(const struct apply *apply, uint32_t index, const rd_kafka_topic_partition_t *place)
{
    const struct apply_range *range = &apply->ranges[index];
    struct metadata metadata;
    const bool is_read = read_metadata(place, &metadata);
    if (place->offset < 0)
        return range->position < 0;
    if (place->offset == range->position && metadata.nonce == range->nonce)
        return true;
    return is_read && index == apply->range && metadata.nonce == apply->nonce && place->offset == feed_batch_end(apply);
}

bool position_is_ours(struct apply *apply, bool *asked)
{
    bool is_ours = true;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)apply->range_count);
    for (uint32_t i = 0; i < apply->range_count; i++)
        rd_kafka_topic_partition_list_add(list, apply->config.commands.topic, apply->ranges[i].partition);
    *asked = list->cnt == 0 || !ask(apply, list, POSITION_WAIT_MS);
    for (uint32_t i = 0; i < apply->range_count && *asked; i++)
        is_ours = is_ours && is_our_position(apply, i, &list->elems[i]);
    rd_kafka_topic_partition_list_destroy(list);
    return is_ours;
}

enum reconcile_result position_compare(struct apply *apply, const struct apply_range *range, int64_t offset,
                                       int64_t nonce, int wait_ms)
{
    struct metadata found;
    enum reconcile_result result = RECONCILE_OPEN;
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(list, apply->config.commands.topic, range->partition);
    if (ask(apply, list, wait_ms))
        result = RECONCILE_FAILED;
    else if (list->elems[0].offset == offset && read_metadata(&list->elems[0], &found) && found.nonce == nonce)
        result = RECONCILE_COMMITTED;
    if (result == RECONCILE_COMMITTED)
        position_note(apply, list);
    rd_kafka_topic_partition_list_destroy(list);
    return result;
}

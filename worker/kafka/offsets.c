#include "worker/kafka/offsets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/log_mark.h"

void offsets_free(struct offsets *offsets)
{
    free(offsets->at);
    *offsets = (struct offsets){0};
}

int64_t offsets_get(const struct offsets *offsets, int32_t partition)
{
    return partition >= 0 && partition < offsets->count ? offsets->at[partition] : OFFSET_NONE;
}

static void offsets_grow(struct offsets *offsets, int32_t count)
{
    if (count <= offsets->count)
        return;
    int64_t *grown = realloc(offsets->at, (size_t)count * sizeof(*grown));
    if (!grown)
        abort();
    offsets->at = grown;
    while (offsets->count < count)
        grown[offsets->count++] = OFFSET_NONE;
}

void offsets_set(struct offsets *offsets, int32_t partition, int64_t offset)
{
    offsets_grow(offsets, partition + 1);
    offsets->at[partition] = offset;
}

void offsets_raise(struct offsets *offsets, int32_t partition, int64_t offset)
{
    if (offsets_get(offsets, partition) < offset)
        offsets_set(offsets, partition, offset);
}

void offsets_raise_all(struct offsets *offsets, const struct offsets *others)
{
    for (int32_t i = 0; i < others->count; i++)
        offsets_raise(offsets, i, others->at[i]);
}

void offsets_lower_all(struct offsets *offsets, const struct offsets *others)
{
    for (int32_t i = 0; i < offsets->count; i++)
        if (offsets_get(others, i) < offsets->at[i])
            offsets->at[i] = offsets_get(others, i);
}

struct span offsets_text(const struct offsets *offsets, struct arena *arena)
{
    struct span text = arena_copy(arena, SPAN(""));
    for (int32_t i = 0; i < offsets->count; i++) {
        char part[32];
        int length = offsets->at[i] == OFFSET_NONE
                         ? snprintf(part, sizeof(part), "%s-", i > 0 ? "," : "")
                         : snprintf(part, sizeof(part), "%s%lld", i > 0 ? "," : "", (long long)offsets->at[i]);
        text.length += arena_copy(arena, span_of(part, (size_t)length)).length;
    }
    return text;
}

/* Reads the number, or '-', at the beginning of *text and removes it. */
static bool take_offset(struct span *text, int64_t *offset)
{
    size_t digits = 0;
    *offset = 0;
    if (text->length > 0 && text->at[0] == '-') {
        *offset = OFFSET_NONE;
        *text = span_from(*text, 1);
        return true;
    }
    for (; digits < text->length && text->at[digits] >= '0' && text->at[digits] <= '9'; digits++) {
        int digit = text->at[digits] - '0';
        if (*offset > (INT64_MAX - digit) / 10)
            return false;
        *offset = *offset * 10 + digit;
    }
    if (digits == 0)
        return false;
    *text = span_from(*text, digits);
    return true;
}

bool offsets_parse(struct span text, struct offsets *offsets)
{
    int64_t offset;
    *offsets = (struct offsets){0};
    while (text.length > 0) {
        if (!take_offset(&text, &offset) || (text.length > 0 && (text.at[0] != ',' || text.length == 1))) {
            offsets_free(offsets);
            return false;
        }
        offsets_set(offsets, offsets->count, offset);
        if (text.length > 0)
            text = span_from(text, 1);
    }
    return true;
}

/* ---- queries to Kafka ---- */

static bool fail(const char *topic, rd_kafka_resp_err_t code, char *error, size_t error_size)
{
    snprintf(error, error_size, "%s: %s", topic, rd_kafka_err2str(code));
    return false;
}

static rd_kafka_topic_partition_list_t *list_new(const char *topic, int32_t count, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(count);
    for (int32_t i = 0; i < count; i++)
        rd_kafka_topic_partition_list_add(list, topic, i)->offset = offset;
    return list;
}

/* Takes the list. `nonces`: as offsets_of_group, or NULL. */
static rd_kafka_resp_err_t take_list(struct offsets *offsets, struct offsets *nonces,
                                     rd_kafka_topic_partition_list_t *list, rd_kafka_resp_err_t code)
{
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const rd_kafka_topic_partition_t *topic_partition = &list->elems[i];
        code = topic_partition->err;
        struct log_mark mark;
        int64_t offset = topic_partition->offset >= 0 ? topic_partition->offset : OFFSET_NONE;
        /* Only transaction markers follow the last answered command. */
        if (log_mark_read(topic_partition->metadata, topic_partition->metadata_size, &mark))
            offset = mark.answered >= 0 ? mark.answered : OFFSET_NONE;
        if (nonces)
            offsets_set(nonces, topic_partition->partition, mark.nonce > 0 ? mark.nonce : OFFSET_NONE);
        offsets_set(offsets, topic_partition->partition, offset);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

/* Time -1 gives the end, -2 the beginning. This takes one request per broker and respects the timeout. The function
 * for watermarks takes one request per partition, and did not respect its timeout before librdkafka 2.3.0. */
static bool ask_edges(struct offsets *offsets, rd_kafka_t *consumer, const char *topic, int32_t count, int64_t edge,
                      int wait_ms, char *error, size_t error_size)
{
    offsets_free(offsets);
    if (count == 0)
        return true;
    rd_kafka_topic_partition_list_t *list = list_new(topic, count, edge);
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(consumer, list, wait_ms);
    code = take_list(offsets, NULL, list, code);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(topic, code, error, error_size);
}

bool offsets_of_starts(struct offsets *offsets, rd_kafka_t *consumer, const char *topic, int32_t count, int wait_ms,
                       char *error, size_t error_size)
{
    return ask_edges(offsets, consumer, topic, count, RD_KAFKA_OFFSET_BEGINNING, wait_ms, error, error_size);
}

bool offsets_of_known_ends(struct offsets *offsets, rd_kafka_t *consumer, const char *topic, int32_t count, int wait_ms,
                           char *error, size_t error_size)
{
    return ask_edges(offsets, consumer, topic, count, RD_KAFKA_OFFSET_END, wait_ms, error, error_size);
}

/* Asks the partitions that have an offset in `wanted`. *failed: the code of one without an answer. */
static rd_kafka_resp_err_t ask_wanted(struct offsets *offsets, rd_kafka_t *consumer, const char *topic,
                                      const struct offsets *wanted, int64_t time_ms, int wait_ms,
                                      rd_kafka_resp_err_t *failed)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(wanted->count);
    offsets_free(offsets);
    *failed = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int32_t i = 0; i < wanted->count; i++)
        if (wanted->at[i] != OFFSET_NONE)
            rd_kafka_topic_partition_list_add(list, topic, i)->offset = time_ms;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(consumer, list, wait_ms);
    for (int i = 0; i < list->cnt && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const rd_kafka_topic_partition_t *place = &list->elems[i];
        if (place->err)
            *failed = place->err;
        else if (place->offset >= 0)
            offsets_set(offsets, place->partition, place->offset);
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code;
}

bool offsets_of_some_ends(struct offsets *offsets, rd_kafka_t *consumer, const char *topic,
                          const struct offsets *wanted, int wait_ms, char *error, size_t error_size)
{
    rd_kafka_resp_err_t failed;
    rd_kafka_resp_err_t code = ask_wanted(offsets, consumer, topic, wanted, RD_KAFKA_OFFSET_END, wait_ms, &failed);
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(topic, code, error, error_size);
}

bool offsets_of_time(struct offsets *offsets, rd_kafka_t *consumer, const char *topic, const struct offsets *wanted,
                     int64_t time_ms, int wait_ms, char *error, size_t error_size)
{
    rd_kafka_resp_err_t failed;
    rd_kafka_resp_err_t code =
        ask_wanted(offsets, consumer, topic, wanted, time_ms > 0 ? time_ms : 0, wait_ms, &failed);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
        code = failed;
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(topic, code, error, error_size);
}

bool offsets_of_ends(struct offsets *offsets, rd_kafka_t *consumer, const char *topic, int wait_ms, char *error,
                     size_t error_size)
{
    int32_t count = kafka_topic_partitions(consumer, topic, wait_ms, error, error_size);
    offsets_free(offsets);
    return count >= 0 && offsets_of_known_ends(offsets, consumer, topic, count, wait_ms, error, error_size);
}

/* Asks several times, with a longer timeout each time: while a consumer does not know its coordinator yet,
 * librdkafka may sleep through the moment in which it learns it, up to the whole timeout. */
static rd_kafka_resp_err_t ask_group(rd_kafka_t *consumer, rd_kafka_topic_partition_list_t *list, int first_ms,
                                     int wait_ms)
{
    for (int slice_ms = first_ms;; slice_ms *= 2) {
        int some_ms = slice_ms < wait_ms ? slice_ms : wait_ms;
        rd_kafka_resp_err_t code = rd_kafka_committed(consumer, list, some_ms);
        wait_ms -= some_ms;
        if (code != RD_KAFKA_RESP_ERR__TIMED_OUT || wait_ms <= 0)
            return code;
    }
}

/* A request for several partitions succeeds only when none of them has a transaction in progress. With many busy
 * workers such a moment may never come. So each partition is asked for separately if the common request gets no
 * reply soon. */
#define TOGETHER_MS 300 /* near Kafka */

/* Twice what an earlier question took, which was one round trip or more, and no more than there is. */
static int together_ms(int64_t asked_ms, int wait_ms)
{
    const int64_t wanted_ms = 2 * (clock_now_ms() - asked_ms),
                  some_ms = wanted_ms > TOGETHER_MS ? wanted_ms : TOGETHER_MS;
    return some_ms < wait_ms ? (int)some_ms : wait_ms;
}

bool offsets_of_group(struct offsets *offsets, struct offsets *nonces, rd_kafka_t *consumer, const char *topic,
                      int wait_ms, char *error, size_t error_size)
{
    return offsets_of_group_listening(offsets, nonces, consumer, topic, wait_ms, NULL, NULL, error, error_size);
}

bool offsets_of_group_listening(struct offsets *offsets, struct offsets *nonces, rd_kafka_t *consumer,
                                const char *topic, int wait_ms, offsets_keep_going *keep_going, void *listener,
                                char *error, size_t error_size)
{
    const int64_t asked_ms = clock_now_ms();
    int32_t count = kafka_topic_partitions(consumer, topic, wait_ms, error, error_size);
    const int some_ms = together_ms(asked_ms, wait_ms);
    offsets_free(offsets);
    offsets_free(nonces);
    if (count <= 0)
        return count == 0;
    rd_kafka_topic_partition_list_t *list = list_new(topic, count, RD_KAFKA_OFFSET_INVALID);
    rd_kafka_resp_err_t code = rd_kafka_committed(consumer, list, some_ms);
    if (code != RD_KAFKA_RESP_ERR__TIMED_OUT) {
        code = take_list(offsets, nonces, list, code);
        return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(topic, code, error, error_size);
    }
    rd_kafka_topic_partition_list_destroy(list);
    code = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int32_t i = 0; i < count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        snprintf(error, error_size, "%s", "");
        if (keep_going && !keep_going(listener))
            return false;
        list = rd_kafka_topic_partition_list_new(1);
        rd_kafka_topic_partition_list_add(list, topic, i);
        code = take_list(offsets, nonces, list, ask_group(consumer, list, some_ms / 3, wait_ms));
    }
    return code == RD_KAFKA_RESP_ERR_NO_ERROR || fail(topic, code, error, error_size);
}

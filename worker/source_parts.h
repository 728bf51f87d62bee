/* source_parts: what the files of the source share among themselves; nobody else includes it. */
#ifndef WORKER_SOURCE_PARTS_H
#define WORKER_SOURCE_PARTS_H

#include "worker/carried.h"
#include "worker/lag.h"
#include "worker/partitions.h"
#include "worker/source.h"

/* What a static member has seen of the group since it came. */
struct ownership {
    bool is_whole;     /* every partition has an owner: nothing more to look after */
    rd_kafka_t *asker; /* NULL: to be opened */
    int64_t look_ms;   /* when it looks next; 0: it has just come */
    int64_t pause_ms;  /* and how long it waited for that */
    int32_t orphans;   /* the partitions that were nobody's when it looked last; -1: that was not known */
};

struct source {
    rd_kafka_t *consumer;
    rd_kafka_t *surveyor; /* asks for the group and never joins it; NULL: to be opened */
    const struct config *config;
    const char *topic;                             /* the config's */
    const char *records_topic, *definitions_topic; /* the config's */
    int64_t session_ms;
    size_t batch_bytes;
    struct batch *batch;
    rd_kafka_message_t **messages; /* by item; what the items' spans point into */
    struct carried carried;        /* the next fill takes them first */
    struct partitions *partitions;
    int64_t filling_ms; /* when the present fill began: one time for all, so that a partition stays in order */
    rd_kafka_consumer_group_metadata_t *group;
    uint64_t assignments;
    int64_t polled_ms; /* when the group was served last */
    int64_t unsure_ms; /* until then it is not certain that our partitions are ours */
    bool was_assigned; /* the first rebalance is over */
    bool was_lost;     /* partitions, at some time, instead of being given back */
    size_t burden; /* of keys and headers since what was fetched ahead was given back last, see source_is_burdened */
    bool stalled;  /* librdkafka may have given up on partitions that it still holds */
    int64_t retaken_ms; /* when such were taken anew, last */
    bool group_changed; /* a rebalance ran since the metadata was read */
    bool holding;
    bool broken;
    bool cut_off;
    struct lag *lag;
    int64_t looked_ms; /* when lags were looked at last */
    struct ownership ownership;
    struct log_fault fault, survey_fault;
};

/* Of the monotonic clock. */
int64_t source_now_ms(void);

void source_log_error(const char *event, rd_kafka_resp_err_t code);

/* Librdkafka's answer. */
rd_kafka_resp_err_t source_subscribe(struct source *source);

/* ---- source_group.c: the group, and the partitions that are ours ---- */

/* Librdkafka's callback, with the source as its opaque. */
void source_on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *partitions,
                         void *opaque);

/* The consumer has been polled: notices when that was not done for long. */
void source_note_poll(struct source *source);

/* Reads the group's metadata anew. */
void source_refresh_group(struct source *source);

/* New, or NULL after the reason was logged. */
rd_kafka_topic_partition_list_t *source_assignment(struct source *source);

/* Takes partitions anew, which are ours, from their committed offsets on: as if they had been assigned just now. */
void source_take_anew(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* Takes those anew that have brought nothing yet. Librdkafka keeps one whose committed offset it could not read,
 * but never reads it; it says that something went wrong, not where. */
void source_retake(struct source *source);

void source_pause(struct source *source, rd_kafka_topic_partition_list_t *partitions);
void source_resume_partitions(struct source *source, rd_kafka_topic_partition_list_t *partitions);

/* ---- source_ownership.c: that every partition has an owner ---- */

/* As a static member that has come back: counts the partitions that the group gave to nobody, and has them shared anew,
 * until there are none. To be called again and again; the batch must be empty. */
void source_watch_ownership(struct source *source);

/* Looks no more, and frees what that took. */
void source_end_watch(struct source *source);

/* ---- source_offsets.c: how far we are ---- */

/* A client that only asks: a member's own connection to the coordinator answers nothing else while the group waits for
 * others to join. The caller destroys it. NULL with the reason in `why`. */
rd_kafka_t *source_asker_new(const struct source *source, char *why, size_t why_size);

/* Shows the lags, now and then, and asks whether a broker answers again after all were gone. */
void source_look_around(struct source *source);

#endif

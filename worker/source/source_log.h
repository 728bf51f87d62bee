/* source_log: detects a replaced log. */
#ifndef WORKER_SOURCE_SOURCE_LOG_H
#define WORKER_SOURCE_SOURCE_LOG_H

#include "worker/source/source_state.h"

/* The result of looking for a command in the log. */
enum log_finding {
    LOG_SAME,        /* the command is in its place, or the topic's retention has deleted it */
    LOG_OTHER,       /* another command is in its place, or none */
    LOG_MISNUMBERED, /* LOG_SAME, but a command of the batch is not in its place */
    LOG_UNKNOWN      /* no answer */
};

struct log_state *source_log(struct source *source, int32_t partition);

/* The partition was assigned or revoked. */
void source_forget_log(struct source *source, int32_t partition);

/* Compares the logs that the batch's commands come from with their marks, unless that was done a moment ago. Items of a
 * replaced log are dropped, and its partition is read from the beginning. */
void source_compare_logs(struct source *source);

/* False while commands of the partition must wait: its committed offset and mark are not known, or the log has not been
 * compared with the mark since the assignment. If the log gives no answer, commands wait some seconds only. */
MUST_CHECK bool source_knows_log(struct source *source, int32_t partition);

/* True if the command at the offset has a reply: the log is the one in which a worker has committed a later offset.
 * Such commands come where librdkafka begins to read in front of the committed offset. False also for some that have
 * one: the mark may be up to a second's commands behind the committed offset. */
MUST_CHECK bool source_is_answered(struct source *source, int32_t partition, int64_t offset);

/* For a command that was taken before. True if the log is the same, so the command is a repetition, or if that was
 * found a moment ago: then source_compare_logs compares once more. False if the partition was reset and is read from
 * another offset. */
bool source_is_repetition(struct source *source, int32_t partition);

void source_close_logs(struct source *source);

#endif

/* source_marks: marks, and what the log's answers mean for them. */
#ifndef WORKER_SOURCE_SOURCE_MARKS_H
#define WORKER_SOURCE_SOURCE_MARKS_H

#include "worker/source/source_log.h"
#include "worker/source/source_state.h"

/* The mark becomes the log's. How far the commands are answered stays as it is. */
void source_renew_mark(struct log_state *log, const struct log_mark *mark);

/* A batch of the log, by which the log can be recognized, gets placeholders. Its mark becomes the log's if there is no
 * other one. It need not be compared first: it tells the log that the placeholders stand for, and if that is replaced
 * before they are answered, the next comparison finds that. */
void source_note_passed(struct source *source, int32_t partition, const struct log_mark *mark);

/* Call when the group was asked: the mark of source_note_passed may have come before. */
void source_adopt_passed(struct log_state *log);

/* What tells the log by its answer for `place`: a command, or RD_KAFKA_RESP_ERR__BAD_COMPRESSION. */
struct log_mark source_mark_of_answer(const struct source *source, const rd_kafka_message_t *message, int64_t place);

/* What the log's answer for the mark's offset says of the log. */
enum log_finding source_compare_answer(struct source *source, const rd_kafka_message_t *message,
                                       const struct log_mark *mark);

/* The same for the partition's own mark. If it has none, the answer is one to source_begin_mark, and becomes the mark.
 */
enum log_finding source_compare_mark(struct source *source, const rd_kafka_message_t *message);

/* For a log without a mark: `next_mark` tells where it is to be read to get one. False if nothing is before what we
 * read, so that no command can be lost there. */
MUST_CHECK bool source_begin_mark(struct source *source, int32_t partition);

/* What was found, after the reading. A log that still has no mark counts as the same. */
enum log_finding source_end_mark(struct source *source, int32_t partition, enum log_finding finding);

/* `next_mark` becomes the partition's last readable command in the batch. False if there is none, or it is the mark. */
MUST_CHECK bool source_find_next_mark(struct source *source, int32_t partition);

/* Reads the commands that the marks, or the next marks, of these partitions refer to. Replaces each partition's offset
 * by its finding. */
void source_read_marks(struct source *source, rd_kafka_topic_partition_list_t *partitions, bool next);

/* Whether the log has this command, and no other one, at its offset. */
enum log_finding source_find(struct source *source, int32_t partition, const struct log_mark *mark);

#endif

/* unusual_kafka: librdkafka with answers that are not the usual ones. A program that is linked with it has functions in
 * place of librdkafka's, which call the real ones and change what these answer as the switches below say. With all
 * switches at 0 they only look on. Each test runs in a process of its own (Check forks), so no switch is set back. */
#ifndef TESTS_UNUSUAL_KAFKA_H
#define TESTS_UNUSUAL_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

/* ---- the assignment and pauses ---- */

/* So many more times it is not told to who has been told since the last poll: as when an audit's end resumes. */
extern atomic_int assignments_to_fail;
extern atomic_int assignment_failures;
extern atomic_bool is_paused;       /* partitions were paused; a test sets it back */
extern atomic_size_t fetched_ahead; /* messages, beside those that are */

/* ---- the commit ---- */

extern atomic_bool commit_is_in_doubt;    /* the next one */
extern atomic_bool another_has_committed; /* the same offsets as we, in the eyes of the group */
extern atomic_int polls_while_commit_waits, retries_of_commit;
extern atomic_int largest_transaction; /* in commands; the topic begins at 0 */
#define SIZES_NOTED 64
extern atomic_int transaction_sizes[SIZES_NOTED]; /* the same of each that was committed; 0: not yet */
extern atomic_int stale_metadata; /* the next ones are of a generation that has ended; below 0: more were asked for */

/* What the group has: of the last committed transaction, or what a test gives it. NULL: nothing. */
extern rd_kafka_topic_partition_list_t *last_committed;

/* ---- the group's marks ---- */

extern atomic_int asked_by_members;
extern atomic_bool group_keeps_marks; /* it answers an audit, but not who asks for the marks alone */
extern atomic_int asked_in_vain;

/* ---- the log ---- */

extern atomic_bool log_is_silent; /* for who reads a command again */
extern atomic_int read_in_vain;
extern atomic_bool end_is_feigned; /* to who reads commands again, in place of each */
extern atomic_int ends_feigned;
extern atomic_int messages_in_first_batch; /* so many messages are waited for */

/* ---- gaps ---- */

extern atomic_int offsets_left;           /* members of the group get only commands at multiples of this; 0: all */
extern atomic_int batch_delay_ms;         /* for who reads a batch again */
extern atomic_bool wide_reader_is_silent; /* as where librdkafka cannot parse what the log has */
extern atomic_bool batch_is_damaged;      /* for the same: its checksum is wrong */

/* ---- reads that fail ---- */

extern atomic_int damage;        /* the error of a damaged read */
extern atomic_int damaged_reads; /* so many reads of the first command cannot be decompressed */
extern atomic_int end_in_batch;  /* after so many reads in a batch that cannot be read; 0: never */

#endif

/* kafka_patience: how long a thread waits for Kafka's answers to its questions.
 *
 * A question has a time that is enough near Kafka. It is short, because the thread does nothing else meanwhile, and a
 * partition without a leader has no answer. Where Kafka is far away or slow, no answer would ever come within that
 * time. So each answer tells how long Kafka takes, and all questions of the thread wait for a few times as long. A
 * question on which everything depends also waits twice as long after each try without an answer.
 *
 * Times are milliseconds of one monotonic clock. Pure. */
#ifndef WORKER_KAFKA_KAFKA_PATIENCE_H
#define WORKER_KAFKA_KAFKA_PATIENCE_H

#include <stdint.h>

#include "common/must_check.h"

/* The longest wait: also how long a thread may take to notice a stop. */
#define KAFKA_PATIENCE_MOST_MS 3000

/* All zero at the start. */
struct kafka_patience {
    int64_t took_ms;   /* what answers took lately */
    int64_t insist_ms; /* what the next question on which everything depends waits at least */
};

/* How long to wait for an answer that near Kafka needs `wait_ms` at most. Never less than `wait_ms`. */
MUST_CHECK int kafka_patience_ms(const struct kafka_patience *patience, int wait_ms);

/* The same for a question on which everything depends: nothing goes on without its answer. */
MUST_CHECK int kafka_patience_insist_ms(const struct kafka_patience *patience, int wait_ms);

/* A question of `asked_ms` was answered at `now_ms`. */
void kafka_patience_answered(struct kafka_patience *patience, int64_t asked_ms, int64_t now_ms);

/* A question on which everything depends had no answer within `waited_ms`. */
void kafka_patience_unanswered(struct kafka_patience *patience, int waited_ms);

#endif

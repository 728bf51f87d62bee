/* letter_outcomes: what came of the commands of letters that were retried. Replies are looked for only if a letter that
 * is asked for was retried, and only from about the time of the first of these retries on. */
#ifndef WORKER_LETTERS_LETTER_OUTCOMES_H
#define WORKER_LETTERS_LETTER_OUTCOMES_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "common/sorted_spill.h"
#include "worker/config/config.h"
#include "worker/letters/letter_notes.h"

/* A reply's timestamp is of another clock than its note's. A reply that is older than the note by more than this is not
 * found. */
#define LETTER_CLOCKS_APART_MS ((int64_t)3600 * 1000)

/* Told of how far the reading of replies is: offsets that are done, of all. */
typedef void letter_outcomes_progress(void *listener, int64_t done, int64_t total);

struct letter_outcomes {
    const struct config *config;
    rd_kafka_t *consumer;               /* for queries */
    int wait_ms;                        /* for each answer of Kafka */
    letter_outcomes_progress *progress; /* may be NULL */
    void *listener;
};

/* Removes the notes of letters that are not in `listed`, which holds struct letter_place in their order and is read
 * here. Then looks for the replies to the commands of the others, in replies.topic and the topics of replies.allowed,
 * as far as these reach now. To be called when all notes are added, if at all. False with the reason in `error`. */
MUST_CHECK bool letter_outcomes_find(const struct letter_outcomes *outcomes, struct letter_notes *notes,
                                     struct sorted_spill *listed, char *error, size_t error_size);

#endif

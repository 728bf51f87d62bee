/* letter_command: the command that a letter becomes again, or the reason why it becomes none. */
#ifndef WORKER_LETTERS_LETTER_COMMAND_H
#define WORKER_LETTERS_LETTER_COMMAND_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/config/config.h"
#include "worker/letters/letter.h"

/* The outcome of the delivery is filled in by letter_sender. */
struct letter_command {
    struct letter_place letter;
    char *bytes;                 /* owned: the key, and then the value */
    struct span key, value;      /* in `bytes`; at == NULL: null */
    rd_kafka_headers_t *headers; /* owned; NULL once librdkafka has them */
    int32_t partition;           /* RD_KAFKA_PARTITION_UA: by the key */
    int64_t retries;             /* what its header dlq-retries says */
    bool is_named;               /* it got the header command-id: `id` */
    char id[LETTER_POSITION_SIZE];
    size_t size; /* of all this in memory, about */

    rd_kafka_resp_err_t code; /* RD_KAFKA_RESP_ERR__IN_PROGRESS until it is known */
    struct letter_position to;
};

void letter_command_free(struct letter_command *command);

/* Makes commands. */
struct letter_maker;

/* New, or NULL when out of memory. */
MUST_CHECK struct letter_maker *letter_maker_new(const struct config *config);
void letter_maker_free(struct letter_maker *maker); /* NULL is allowed */

/* Asks how long a batch of the command topic may be. From now on a command that is longer alone is refused. Returns the
 * length in bytes; or 0 if it is not known (kafka_topic_longest), or if the producer compresses: then no command is. */
int64_t letter_maker_find_limit(struct letter_maker *maker, rd_kafka_t *client, int wait_ms);

#define LETTER_REASON_SIZE 1024

/* The command of the letter in `message`: its key, its headers without those that begin with "dlq-", and its value, or
 * `mended` if that is not NULL. dlq-retries is counted up. The header command-id is added, the letter's source, if
 * neither a header nor the value names the command. A command without a key goes to its source's partition.
 *
 * False if the letter must not be sent, with the reason for people: it is of another topic, was retried too often,
 * lacks a part, or is too long. Ends the program when out of memory. */
MUST_CHECK bool letter_command_make(struct letter_maker *maker, const struct letter *letter,
                                    rd_kafka_message_t *message, const struct span *mended,
                                    struct letter_command *command, char reason[LETTER_REASON_SIZE]);

#endif

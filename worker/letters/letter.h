/* letter: a message of the dead-letter topic, read from its headers. A message is a letter, or the note that a letter
 * was retried. Everything in it may be hostile, so every number and name is checked.
 *
 * The folder worker/letters reads the dead-letter topic and sends letters again. It may use the folders before it in
 * docs/design.md. */
#ifndef WORKER_LETTERS_LETTER_H
#define WORKER_LETTERS_LETTER_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

#define LETTER_TOPIC_SIZE    250                      /* Kafka's longest topic name, and a NUL */
#define LETTER_POSITION_SIZE (LETTER_TOPIC_SIZE + 36) /* "topic/partition/offset" and a NUL */

/* A place in a topic; `topic` is "" where there is none. */
struct letter_position {
    char topic[LETTER_TOPIC_SIZE];
    int32_t partition;
    int64_t offset;
};

/* A place in the dead-letter topic. */
struct letter_place {
    int32_t partition;
    int64_t offset;
};

#define LETTER_RETRIES_UNKNOWN (-1)

struct letter {
    enum letter_kind {
        LETTER_COMMAND, /* a command that could not be read; also any message that is no note */
        LETTER_NOTE     /* says that a letter was retried */
    } kind;
    struct letter_place place;
    int64_t time_ms;        /* its own timestamp */
    struct span key, value; /* at == NULL: null */
    bool headers_are_read;  /* false: librdkafka cannot parse them, and nothing below is known */
    size_t outer_bytes;     /* of key and headers, about as they are held in memory */

    /* Of a letter. */
    struct span code, message, lost; /* dlq-code, dlq-message, dlq-lost; at == NULL: absent */
    struct letter_position source;   /* where the command was; its topic is "" if the letter does not say it well */
    int64_t retries; /* dlq-retries: how often the command was retried before; LETTER_RETRIES_UNKNOWN: no number */
    bool names_id;   /* a header names the command id */
    struct span content_type; /* the header of this name; at == NULL: absent */

    /* Of a note. */
    bool is_valid; /* false: it does not say well which letter it means. A note stands behind its letter, in the same
                      partition. Otherwise a message could keep a letter of the future from being retried */
    struct letter_place of;    /* the letter that was retried */
    struct letter_position to; /* where its command went; its topic is "" if the note does not say it well */
};

/* Reads a message. Its spans point into the message. */
void letter_read(struct letter *letter, rd_kafka_message_t *message);

/* True if a header of this name is about the letter, not about its command. */
bool letter_owns_header(struct span name);

/* The text "partition/offset", and "topic/partition/offset". False if it is none. */
MUST_CHECK bool letter_place_read(struct span text, struct letter_place *place);
MUST_CHECK bool letter_position_read(struct span text, struct letter_position *position);
void letter_position_write(const struct letter_position *position, char text[LETTER_POSITION_SIZE]);

/* The order of places, as for qsort. */
int letter_place_order(const void *a, const void *b);

/* The end of a range that ends with the place. Kafka has no message with the highest offset. */
int64_t letter_offset_behind(struct letter_place place);

#endif

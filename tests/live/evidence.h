/* evidence: everything that the oracle has read, and what it found out about it. */
#ifndef TESTS_LIVE_EVIDENCE_H
#define TESTS_LIVE_EVIDENCE_H

#include <jansson.h>

#include "tests/live/history.h"

#define REPLY_TOPICS 4
#define ID_BYTES     160

/* What was said to one command. */
struct answer {
    size_t count; /* replies that it got; the rest tells of the first */
    const rd_kafka_message_t *reply;
    char outcome[32];         /* "created", "duplicate", or error.code */
    char workspace[ID_BYTES]; /* "" for null */
    char client_id[ID_BYTES]; /* of a created one or a duplicate, else "" */
    char existing_id[ID_BYTES];
};

/* One message of the record topic. */
struct record {
    const rd_kafka_message_t *message;
    char *workspace, *client_id; /* from its key */
    char *email;                 /* in lower case */
    long command;                /* index of its source among the commands, or -1 */
    char source[ID_BYTES], hash[ID_BYTES], command_id[ID_BYTES];
};

struct evidence {
    struct history commands, records, dead_letters;
    struct history replies[REPLY_TOPICS]; /* the first is the default one */
    size_t reply_topics;
    struct answer *answers;        /* by index of the command */
    struct record *records_by_key; /* sorted by workspace, client id, then position; as many as there are records */
    const struct record **records_by_command; /* the same by workspace, command id */
    const char *redis_socket;
};

/* "topic/partition/offset", for messages. Valid until the fourth next call. */
const char *place(const rd_kafka_message_t *message);

/* Each notes its breaches. In this order: the later ones use what the earlier ones found. */
void judge_replies(struct evidence *evidence);
void judge_records(struct evidence *evidence);
void judge_outcomes(const struct evidence *evidence);
void judge_dead_letters(const struct evidence *evidence);
void judge_redis(const struct evidence *evidence);

/* The first record of a client, or NULL. After judge_records. */
const struct record *evidence_record(const struct evidence *evidence, const char *workspace, const char *client_id);

/* The record that a command id of a workspace made, or NULL. After judge_records. */
const struct record *evidence_record_of_command(const struct evidence *evidence, const char *workspace,
                                                const char *command_id);

void evidence_free(struct evidence *evidence);

#endif

/* observations: everything that the oracle has read, and what it found out about it. Commands, records and dead letters
 * are kept; replies, which are the most, are judged as they come. */
#ifndef TESTS_LIVE_OBSERVATIONS_H
#define TESTS_LIVE_OBSERVATIONS_H

#include <jansson.h>

#include "tests/live/history.h"

#define REPLY_TOPICS    4
#define LONGEST_COMMAND 262144 /* limits.command_bytes, by default: nobody has to read what is longer */

/* What was said to one command. The texts are "" where there is none. */
struct answer {
    bool is_given; /* the rest tells of the first reply, if there are several */
    const char *reply_topic;
    int64_t reply_offset;
    int32_t reply_partition;
    const char *outcome;    /* "created", "duplicate", or error.code */
    const char *command_id; /* as the reply states it */
    const char *workspace;  /* "" for null */
    const char *client_id;  /* of a created one or a duplicate */
    const char *existing_id;
};

/* One message of the record topic. */
struct record {
    const struct message *message;
    const char *workspace, *client_id; /* from its key */
    const char *email;                 /* in lower case */
    const char *source, *hash, *command_id;
    long command;    /* index of its source among the commands, or NO_COMMAND */
    bool is_of_time; /* its times are those of that command */
};

struct observations {
    struct history commands, records, dead_letters;
    struct history replies[REPLY_TOPICS]; /* the first is the default one */
    size_t reply_topics;
    struct answer *answers;        /* by index of the command */
    struct record *records_by_key; /* sorted by workspace, client id, then position; as many as there are records */
    const struct record **records_by_command; /* the same by workspace, command id */
    const struct record **records_by_email;   /* the same by workspace, email */
    int64_t committed[HISTORY_PARTITIONS];    /* by partition of the commands: all below it are done */
    const char *redis_socket;
    struct agreement *agreement; /* with what `validate` said, or NULL */
    struct arena arena;          /* of the texts in answers and records */
};

/* Each notes its violations. In this order: the later ones use what the earlier ones found. */
void judge_records(struct observations *observations);
void judge_replies(struct observations *observations, int patience_seconds);
void judge_announcements(const struct observations *observations);
void judge_dead_letters(const struct observations *observations);
void judge_redis(const struct observations *observations);

/* Parts of judge_replies: the first reply to a command, and where a reply stands. */
void judge_outcome(const struct observations *observations, long command, const struct answer *answer,
                   const struct message *reply);
void judge_place(const struct observations *observations, size_t topic, long command, const struct message *reply,
                 const char *workspace);

/* Notes a violation if the group has not passed this command. */
void judge_committed(const struct observations *observations, long command, const struct message *seen);

/* Reads what the group has committed of the command topic, for these two checks. Exits with 69 if that cannot be had.
 */
void evidence_read_committed(struct observations *observations, const char *bootstrap, const char *group,
                             int patience_seconds);

/* The first record of a client, of a command id of a workspace, or of an email; or NULL. After judge_records. */
const struct record *evidence_record(const struct observations *observations, const char *workspace,
                                     const char *client_id);
const struct record *evidence_record_of_command(const struct observations *observations, const char *workspace,
                                                const char *command_id);
const struct record *evidence_record_of_email(const struct observations *observations, const char *workspace,
                                              const char *email);

/* True for the one among the records of a client that counts, if RECORD_ONCE is breached: the last one. */
bool evidence_is_last_of_client(const struct observations *observations, const struct record *record);

void evidence_free(struct observations *observations);

#endif

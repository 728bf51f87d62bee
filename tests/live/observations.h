/* observations: everything that the oracle has read and derived. Commands, records and dead letters are kept;
 * replies, the most numerous, are checked as they are read. */
#ifndef TESTS_LIVE_OBSERVATIONS_H
#define TESTS_LIVE_OBSERVATIONS_H

#include <jansson.h>

#include "tests/live/history.h"

#define REPLY_TOPICS    4
#define LONGEST_COMMAND 262144 /* limits.command_bytes, by default: a longer value need not be parsed */

/* The reply to one command. The texts are "" if absent. */
struct answer {
    bool is_given; /* the rest describes the first reply, if there are several */
    const char *reply_topic;
    int64_t reply_offset;
    int32_t reply_partition;
    const char *outcome;    /* "created", "duplicate", or error.code */
    const char *command_id; /* as in the reply */
    const char *workspace;  /* "" for null */
    const char *client_id;  /* of a created client or a duplicate */
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
    struct agreement *agreement; /* with the replies of `validate`, or NULL */
    struct arena arena;          /* of the texts in answers and records */
};

/* Each reports its violations. They must run in this order: the later ones use results of the earlier ones. */
void check_records(struct observations *observations);
void check_replies(struct observations *observations, int wait_seconds);
void check_announcements(const struct observations *observations);
void check_dead_letters(const struct observations *observations);
void check_redis(const struct observations *observations);

/* Parts of check_replies: the first reply to a command, and the destination of a reply. */
void check_outcome(const struct observations *observations, long command, const struct answer *answer,
                   const struct message *reply);
void check_destination(const struct observations *observations, size_t topic, long command, const struct message *reply,
                       const char *workspace);

/* Reports a violation if the group has not passed this command. */
void check_committed(const struct observations *observations, long command, const struct message *seen);

/* Reads the group's committed offsets of the command topic, for these two checks. On failure exits with 69. */
void observations_read_committed(struct observations *observations, const char *bootstrap, const char *group,
                                 int wait_seconds);

/* The first record of a client, of a command id of a workspace, or of an email; or NULL. To be called after
 * check_records. */
const struct record *observations_record(const struct observations *observations, const char *workspace,
                                         const char *client_id);
const struct record *observations_record_of_command(const struct observations *observations, const char *workspace,
                                                    const char *command_id);
const struct record *observations_record_of_email(const struct observations *observations, const char *workspace,
                                                  const char *email);

/* True for the record of a client that counts if RECORD_ONCE is violated: the last one. */
bool observations_is_last_of_client(const struct observations *observations, const struct record *record);

void observations_free(struct observations *observations);

#endif

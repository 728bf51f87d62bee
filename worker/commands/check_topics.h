/* check_topics: whether the topics of the config are there, and whether their settings fit. */
#ifndef WORKER_COMMANDS_CHECK_TOPICS_H
#define WORKER_COMMANDS_CHECK_TOPICS_H

#include <librdkafka/rdkafka.h>
#include <stdint.h>

#include "common/must_check.h"
#include "worker/commands/check_report.h"
#include "worker/config/config.h"

enum check_role { ROLE_COMMANDS, ROLE_REPLIES, ROLE_RECORDS, ROLE_DEFINITIONS, ROLE_DEAD_LETTERS };

struct checked_topic {
    const char *name; /* of the config */
    enum check_role role;
    bool is_there;             /* it exists, and the user may see it */
    int64_t message_max_bytes; /* max.message.bytes; 0: not known */
    bool is_uncompressed;      /* compression.type is `uncompressed`: no message is longer than that once it is read */
};

struct checked_topics {
    struct checked_topic *items; /* owned; the command topic comes first */
    size_t count;
};

/* The five topics, and those of replies.allowed that are names and no patterns. Ends the program when out of memory. */
MUST_CHECK struct checked_topics checked_topics_of(const struct config *config);
void checked_topics_free(struct checked_topics *topics);

/* Reports topics that are missing or may not be seen, and sets is_there of the others. */
void check_topics_exist(struct check_report *report, const struct config *config, rd_kafka_t *client,
                        struct checked_topics *topics);

/* Reports settings of topics that lose messages or refuse them, and sizes that do not fit the config. */
void check_topic_settings(struct check_report *report, const struct config *config, rd_kafka_t *client,
                          struct checked_topics *topics);

#endif

/* check_sizes: whether the sizes of messages fit together, in the config and in the settings of topics. */
#ifndef WORKER_COMMANDS_CHECK_SIZES_H
#define WORKER_COMMANDS_CHECK_SIZES_H

#include "worker/commands/check_report.h"
#include "worker/commands/check_topics.h"
#include "worker/config/config.h"

/* What a reply or a record has in addition to the values of its command, and what the broker adds to a message. */
#define REPLY_ROOM ((int64_t)16 << 10)

/* Reports sizes of the config that do not fit each other. */
void check_config_sizes(struct check_report *report, const struct config *config);

/* Reports sizes of a topic that do not fit the config, or the command topic. */
void check_topic_sizes(struct check_report *report, const struct config *config, const struct checked_topic *commands,
                       const struct checked_topic *topic);

#endif

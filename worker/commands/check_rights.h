/* check_rights: whether the user of the config has the rights at Kafka that `run` needs. No
 * transaction is begun; only a transactional id that ends with -check is registered.
 *
 * librdkafka 2.3 and later asks the broker for the operations that the user may carry out. An earlier one cannot; with
 * it the partitions are read, and rights to write stay unknown. */
#ifndef WORKER_COMMANDS_CHECK_RIGHTS_H
#define WORKER_COMMANDS_CHECK_RIGHTS_H

#include "worker/commands/check_topics.h"

/* Reports the rights that are missing on the topics that are there, on the group, and on transactional ids. `client`: a
 * consumer. */
void check_rights(struct check_report *report, const struct config *config, rd_kafka_t *client,
                  const struct checked_topics *topics);

#endif

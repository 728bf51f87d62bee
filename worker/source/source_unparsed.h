/* source_unparsed: commands that librdkafka cannot parse, which it does not report. */
#ifndef WORKER_SOURCE_SOURCE_UNPARSED_H
#define WORKER_SOURCE_SOURCE_UNPARSED_H

#include "worker/source/source_state.h"

/* Call before a fill: examines partitions that are silent though their logs have commands, and passes commands that
 * librdkafka cannot parse. Each of them gets a placeholder. */
void source_pass_unparsed(struct source *source);

/* Whether what the log has first at this offset or behind it is a command that librdkafka cannot parse, found by the
 * client that examines silent partitions. Takes up to a second, or longer where Kafka is slow. False also if there is
 * no answer, or the client is in use. */
MUST_CHECK bool source_cannot_parse(struct source *source, int32_t partition, int64_t offset);

void source_close_probe(struct source *source);

#endif

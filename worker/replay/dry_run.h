/* dry_run: decides a history again and reports what would change. It writes nothing, neither to Kafka nor to Redis. */
#ifndef WORKER_REPLAY_DRY_RUN_H
#define WORKER_REPLAY_DRY_RUN_H

#include "common/must_check.h"
#include "worker/replay/replay_definitions.h"
#include "worker/replay/replay_report.h"

/* Which commands. */
struct replay_selection {
    struct replay_bound from, to;
    const int32_t *partitions; /* in any order; NULL: all */
    uint32_t partition_count;
    const struct span *workspaces; /* NULL: all */
    size_t workspace_count;
};

struct dry_run_request {
    struct replay_selection selection;
    struct replay_definitions_request definitions;
    enum replay_output output;
    bool diff;
    uint32_t threads;
    size_t memory_bytes; /* at least DRY_RUN_MEMORY_LEAST */
    int wait_ms;         /* for each answer of Kafka */
};

/* What librdkafka fetches ahead, the pipeline, and the program itself take at most. The rest of the memory is for
 * compiled definitions and for recorded replies on their way to the spill. */
#define REPLAY_MEMORY_FIXED  ((size_t)192 << 20)
#define DRY_RUN_MEMORY_LEAST ((size_t)224 << 20)

/* How many of the wanted threads the memory is enough for: two chunks in work for each, of some MiB. */
uint32_t replay_threads(uint32_t wanted, size_t memory_bytes);

enum dry_run_result {
    DRY_RUN_SAME,         /* all commands are the same */
    DRY_RUN_DIFFERENT,    /* some are not */
    DRY_RUN_NO_PARTITION, /* a partition that was asked for, or the topic, does not exist; the reason is in `error` */
    DRY_RUN_FAILED        /* the reason is in `error` */
};

/* *incomplete: part of what was asked for could not be read, and the report says what. */
MUST_CHECK enum dry_run_result dry_run(const struct config *config, const struct dry_run_request *request,
                                       bool *incomplete, char *error, size_t error_size);

#endif

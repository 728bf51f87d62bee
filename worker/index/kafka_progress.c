/* What an audit asks Kafka (index_audit.h). */
#include "common/log.h"
#include "worker/index/index_audit.h"

/* A partition of the command topic that has no leader must not hold up the others. */
#define ENDS_WAIT_MS 500

/* Between two questions. Always true. */
static bool turn(kafka_progress_turn *between, void *listener)
{
    if (between)
        between(listener);
    return true;
}

bool kafka_progress_ask(struct kafka_progress *progress, rd_kafka_t *observer, const struct config *config, int wait_ms,
                        kafka_progress_turn *between, void *listener, char *error, size_t error_size)
{
    if (progress->claimed.count > 0 &&
        !offsets_of_some_ends(&progress->command_ends, observer, config->commands.topic, &progress->claimed,
                              wait_ms < ENDS_WAIT_MS ? wait_ms : ENDS_WAIT_MS, error, error_size))
        log_debug("the ends of the command topic are not known", LOG_TEXT("error", error));
    /* The ends come first: the offsets that are read after them were committed with all records before these ends. */
    return offsets_of_ends(&progress->definition_ends, observer, config->definitions.topic, wait_ms, error,
                           error_size) &&
           turn(between, listener) &&
           offsets_of_ends(&progress->record_ends, observer, config->records.topic, wait_ms, error, error_size) &&
           turn(between, listener) &&
           offsets_of_group(&progress->committed, &progress->nonces, observer, config->commands.topic, wait_ms, error,
                            error_size);
}

void kafka_progress_free(struct kafka_progress *progress)
{
    offsets_free(&progress->definition_ends);
    offsets_free(&progress->record_ends);
    offsets_free(&progress->committed);
    offsets_free(&progress->nonces);
    offsets_free(&progress->checkpoints);
    offsets_free(&progress->claimed);
    offsets_free(&progress->definitions_read);
    offsets_free(&progress->command_ends);
}

void kafka_progress_repeat(struct kafka_progress *progress, struct audit_gap *gap)
{
    offsets_free(&progress->checkpoints);
    offsets_free(&progress->claimed);
    offsets_free(&progress->definitions_read);
    progress->checkpoints = gap->ahead;
    progress->claimed = gap->claimed;
    progress->definitions_read = gap->definitions_read;
    progress->is_repeated = true;
    gap->ahead = gap->claimed = gap->definitions_read = (struct offsets){0};
}

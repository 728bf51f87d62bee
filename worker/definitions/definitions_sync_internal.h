/* definitions_sync_internal: what the two files of the sync share. */
#ifndef WORKER_DEFINITIONS_DEFINITIONS_SYNC_INTERNAL_H
#define WORKER_DEFINITIONS_DEFINITIONS_SYNC_INTERNAL_H

#include "worker/definitions/definitions_history.h"
#include "worker/definitions/definitions_redis.h"
#include "worker/definitions/definitions_sync.h"
#include "worker/definitions/sync_values.h"
#include "worker/kafka/topic_reader.h"

#define CHUNK_MESSAGES 256

struct sync {
    const struct config *config;
    enum definitions_sync_mode mode;
    definitions_sync_choice *wants; /* NULL: all workspaces */
    definitions_sync_progress *progress;
    void *listener;
    struct definitions_sync_result *result;
    char *error;
    size_t error_size;

    struct topic_reader *reader;
    struct definitions_history *history;
    struct definitions_redis *redis;
    int64_t passes_done, passes; /* of the two over the whole topic */
    struct sync_values values;   /* SYNC_EARLIER: those of the topic */

    struct offsets noted;      /* every message before them is in the history */
    struct topic_reader *tail; /* NULL until the topic has grown beyond `noted` before a write: reads what came */

    /* Messages that are the last of their workspace, as far as is known, and not yet in Redis. */
    rd_kafka_message_t *chunk[CHUNK_MESSAGES];
    size_t chunk_count, chunk_bytes;
    size_t chunk_span; /* bytes that were read since its first message */
};

/* Writes the reason. "" if progress ended the sync: it may have left a reason of its own. Always returns false. */
bool sync_fail(struct sync *sync, const char *server, const char *reason);

/* False if progress ends the sync. */
bool sync_report(struct sync *sync);
bool sync_is_patient(void *sync);

/* How long a question to Kafka may take. */
int sync_wait_ms(enum definitions_sync_mode mode);

/* ---- definitions_sync_write.c ---- */

/* The history has everything before the reader's ends. */
void sync_has_noted(struct sync *sync, const struct topic_reader *reader);

/* Takes the message, which is the last of its workspace as far as is known. Writes the chunk if it is full. */
bool sync_chunk_add(struct sync *sync, rd_kafka_message_t *message);
/* Destroys the message, which is another one. Writes the chunk if it has waited for too many of these. */
bool sync_chunk_pass(struct sync *sync, rd_kafka_message_t *message);

/* Makes Redis agree with the messages of the chunk that are still the last of their workspaces, and forgets them. */
bool sync_chunk_write(struct sync *sync);

void sync_chunk_clear(struct sync *sync);

#endif

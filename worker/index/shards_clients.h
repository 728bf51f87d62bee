/* shards_clients: writes the clients of slots that are being restored (shards_restore.h), from messages of the record
 * topic. The result depends only on the topic's content, not on the order in which its partitions are read, and is that
 * of index_restore.h: the topic is read twice, the first pass notes which message is the last of its key, the second
 * one applies only those; two living clients of one email are told apart by restored_has_right_to_email.
 *
 * Nobody else writes in these slots (slot_restore.h). So clients that are already there in another version are read,
 * and then replaced, without watching any key. What is noted of other slots is nothing: memory depends on the clients
 * of the slots that are restored. */
#ifndef WORKER_INDEX_SHARDS_CLIENTS_H
#define WORKER_INDEX_SHARDS_CLIENTS_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/index/restored.h"
#include "worker/index/shards_restore.h"
#include "worker/index/slot_restore.h"

#define SHARDS_CHUNK_MESSAGES 1000
#define SHARDS_CHUNK_BYTES    ((size_t)4 << 20)
/* Of all messages that are read between the first and the last of a chunk: each of these keeps the response of the
 * broker that it came in. */
#define SHARDS_CHUNK_SPAN ((size_t)8 << 20)

struct shards_clients {
    struct shards_restore *restore;
    struct arena *scratch;
    const char *command_topic;
    int32_t partitions; /* of the command topic, as far as the group knows them */
    struct record_places *places;
    struct offsets highest;                              /* behind the commands that the records come from */
    rd_kafka_message_t *messages[SHARDS_CHUNK_MESSAGES]; /* owned, not yet written */
    struct restored chunk[SHARDS_CHUNK_MESSAGES];        /* of those */
    uint32_t count;
    size_t bytes, span;
    uint64_t written, removed, passed_over, shared_emails;
    uint64_t writes; /* changes of Redis */
};

/* False when out of memory. */
MUST_CHECK bool shards_clients_open(struct shards_clients *clients, struct shards_restore *restore,
                                    const struct config *config, int32_t partitions, struct arena *scratch);
void shards_clients_close(struct shards_clients *clients);

/* First pass. The caller keeps the message. False when out of memory. */
MUST_CHECK bool shards_clients_note(struct shards_clients *clients, const rd_kafka_message_t *message);

/* Second pass. Takes the message. True if shards_clients_write must be called before the next one. */
MUST_CHECK bool shards_clients_add(struct shards_clients *clients, rd_kafka_message_t *message);

/* Makes Redis agree with the messages that were added and are the last of their keys. Slots of which that was not
 * possible leave the restoration. */
void shards_clients_write(struct shards_clients *clients);

/* After the second pass: removes clients that the topic does not have, and emails that do not lead to their client.
 * `go_on` is called between pages. False if it returned false. Slots of a master that does not answer leave the
 * restoration. */
MUST_CHECK bool shards_clients_purge(struct shards_clients *clients, bool go_on(void *listener), void *listener);

/* ---- for the files of the clients ---- */

/* The key of a client, of an email, in the scratch arena. */
struct span shards_client_key(const struct shards_clients *clients, struct span workspace, struct span id);
struct span shards_email_key(const struct shards_clients *clients, struct span workspace, struct span email);

/* Makes Redis agree with one client, whatever Redis holds. */
void shards_clients_settle(struct shards_clients *clients, struct restored *restored);

/* Changes keys of a slot. False if the slot has left. */
MUST_CHECK bool shards_clients_change(struct shards_clients *clients, unsigned slot, const struct slot_change *changes,
                                      uint32_t count);

#endif

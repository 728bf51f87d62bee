/* index_restore: clients from messages of the record topic to Redis, so that the end depends on the topic's content
 * alone, not on the order in which its partitions are read.
 *
 * The range is read twice: restore_note learns which message is the last of its key, restore_add and restore_write
 * carry out only those. So a client is written once, in its last version, and a version that a later message changes or
 * removes never holds an email. What is left to decide is an email that several living clients have, which the worker
 * itself never makes: it belongs to the client that was created later (createdAt); then to the one with the later
 * source, then to the greater id. This is decided by what the clients consist of, so that it is the same whether both
 * are in the range or one was written before.
 *
 * A whole rebuild is alone: there is no epoch, so nothing is claimed meanwhile. Beside a part rebuild other workers
 * claim; a client in Redis whose command the group has not committed is such a claim and is left alone. What a part
 * cannot decide (`contradicted`) the whole topic must. */
#ifndef WORKER_INDEX_INDEX_RESTORE_H
#define WORKER_INDEX_INDEX_RESTORE_H

#include <librdkafka/rdkafka.h>

#include "common/must_check.h"
#include "worker/index/index.h"
#include "worker/index/rebuild_lock.h"
#include "worker/index/record_places.h"

#define RESTORE_MESSAGES 1000
#define RESTORE_BYTES    ((size_t)4 << 20)

/* A message of the record topic, taken apart; its spans are the message's. */
struct restored {
    struct span key, workspace, id, source, hash;
    struct span record; /* at == NULL: a tombstone, the client was removed */
    struct span email;  /* lower case, in the scratch arena while a chunk is written */
    struct record_place place;
    bool settled; /* Redis agrees with it */
};

struct restore {
    struct index *index;
    struct rebuild_lock *lock;
    struct arena *scratch;
    bool whole;
    const struct offsets *committed; /* by the group, of the command topic */
    struct offsets highest;          /* behind the commands that the records come from */
    struct record_places *places;
    rd_kafka_message_t *messages[RESTORE_MESSAGES]; /* owned, not yet written */
    struct restored chunk[RESTORE_MESSAGES];        /* of those */
    size_t count, bytes;
    bool shared;     /* SHARED_EMAILS_KEY is set: Redis has living clients of which another one has the email. An email
                        that becomes free may belong to one of them, which only a whole rebuild finds */
    bool has_losers; /* and was when this reading began: clients without their email, which this reading may not meet */
    bool contradicted;                      /* a call was false because the whole topic is needed */
    uint64_t clients, removed, passed_over; /* carried out so far; messages that are no clients of ours */
    uint64_t shared_emails;                 /* how often two living clients had one email */
    uint64_t writes;                        /* changes of Redis */
};

/* False when out of memory. */
MUST_CHECK bool restore_open(struct restore *restore);
void restore_close(struct restore *restore);

/* Begins a reading, the first one or one of what has come since. */
void restore_begin(struct restore *restore);

/* The messages of the range, for the first time. The message stays the caller's. False when out of memory. */
MUST_CHECK bool restore_note(struct restore *restore, const rd_kafka_message_t *message);

/* For the second time: takes the message. True if the next one needs restore_write before it. */
MUST_CHECK bool restore_add(struct restore *restore, rd_kafka_message_t *message);

/* Makes Redis agree with those that were added and are the last of their keys. False if `contradicted`, if the lock is
 * not ours any more, or after index_fail. */
MUST_CHECK bool restore_write(struct restore *restore);

/* Whether Redis has a client or an email. False after index_fail. */
MUST_CHECK bool restore_finds_index(struct restore *restore, bool *found);

/* After a whole reading: removes clients that the topic does not have, and emails that do not lead to their client.
 * `go_on` is called between pages; false ends it. False as restore_write. */
MUST_CHECK bool restore_purge(struct restore *restore, bool go_on(void *listener), void *listener);

#endif

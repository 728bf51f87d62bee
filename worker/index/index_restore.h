/* index_restore: writes clients from messages of the record topic to Redis. The result depends only on the topic's
 * content, not on the order in which its partitions are read.
 *
 * The range is read twice. restore_note learns which message is the last of its key; restore_add and restore_write
 * apply only those. So a client is written once, in its last version, and a version that a later message changes or
 * removes never holds an email. One question is left: an email that several living clients have. The worker itself
 * never brings this about. It belongs to the client that was created later (createdAt), then to the one with the later
 * source, then to the one with the greater id. All three are parts of the clients, so the answer is the same whether
 * both clients are in the range or one was written before.
 *
 * During a whole rebuild no worker claims, because there is no epoch. During a part rebuild other workers claim: a
 * client in Redis whose command the group has not committed is such a claim, and is left alone. If a part cannot decide
 * (`contradicted`), the whole topic is read. */
#ifndef WORKER_INDEX_INDEX_RESTORE_H
#define WORKER_INDEX_INDEX_RESTORE_H

#include "common/must_check.h"
#include "worker/index/index.h"
#include "worker/index/rebuild_lock.h"
#include "worker/index/record_places.h"
#include "worker/index/restored.h"

#define RESTORE_MESSAGES 1000
#define RESTORE_BYTES    ((size_t)4 << 20)
/* Of all messages that are read between the first and the last of those that are to be written: each of these keeps the
 * response of the broker that it came in. */
#define RESTORE_SPAN ((size_t)8 << 20)

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
    size_t span;     /* bytes that were read since the first of them */
    bool shared;     /* SHARED_EMAILS_KEY is set: Redis has living clients of which another one has the email. An email
                        that becomes free may belong to one of them, which only a whole rebuild finds */
    bool has_losers; /* it was set when this reading began: some clients are without their email */
    bool contradicted;                      /* a call returned false because the whole topic is needed */
    uint64_t clients, removed, passed_over; /* written and removed so far; messages that are no clients of ours */
    uint64_t shared_emails;                 /* how often two living clients had one email */
    uint64_t writes;                        /* changes of Redis */
};

/* False when out of memory. */
MUST_CHECK bool restore_open(struct restore *restore);
void restore_close(struct restore *restore);

/* Begins a reading: the first one, or one of what has come since. */
void restore_begin(struct restore *restore);

/* First pass. The caller keeps the message. False when out of memory. */
MUST_CHECK bool restore_note(struct restore *restore, const rd_kafka_message_t *message);

/* Second pass. Takes the message. True if restore_write must be called before the next one. */
MUST_CHECK bool restore_add(struct restore *restore, rd_kafka_message_t *message);

/* Makes Redis agree with the messages that were added and are the last of their keys. False if `contradicted`, if the
 * lock is no longer ours, or after index_fail. */
MUST_CHECK bool restore_write(struct restore *restore);

/* Whether Redis has a client or an email. False after index_fail. */
MUST_CHECK bool restore_finds_index(struct restore *restore, bool *found);

/* After a whole reading: removes clients that the topic does not have, and emails that do not lead to their client; or
 * only keys that hold something else than the index writes. `go_on` is called between pages; false ends the call. False
 * as restore_write. */
MUST_CHECK bool restore_purge(struct restore *restore, bool only_foreign, bool go_on(void *listener), void *listener);

#endif

/* claim: who owns a client id and an email. Decides from what the index found in Redis, without I/O of its own.
 *
 * A stored client is one line "<source> <command hash>" and then the record. */
#ifndef WORKER_INDEX_CLAIM_H
#define WORKER_INDEX_CLAIM_H

#include "common/must_check.h"
#include "worker/model/batch.h"

struct stored_client {
    struct span source; /* "topic/partition/offset" */
    struct span hash;
    struct span record;
};

/* Parses a stored value; the spans point into `value`. False if the index did not write it. */
MUST_CHECK bool stored_client_parse(struct span value, struct stored_client *stored);

/* The longest source and hash that a stored client may have, and more than its first line takes. */
#define STORED_SOURCE_BYTES 320
#define STORED_LINE_BYTES   511

/* True if a client with this source and hash can be stored, that is, if its first line can be parsed again. */
MUST_CHECK bool stored_client_can_be(struct span source, struct span hash);

/* True if the value, or its first STORED_LINE_BYTES, is a client as the index writes it. */
bool stored_client_is_sound(struct span value);

/* Parses a source of this topic. False if it is of another topic, or of another form. */
MUST_CHECK bool source_parse(struct span source, struct span topic, int64_t *partition, int64_t *offset);

/* True if the same command made the client in a run that did not commit. */
bool claim_is_own(const struct item *item, const struct stored_client *stored);

/* True if `source` is a position in the item's partition after the item; then *offset is its offset. */
bool claim_is_later(const struct item *item, struct span source, int64_t *offset);

/* Whether a client in the index counts: only one that is committed does, or that will be. */
enum claim_standing {
    CLAIM_BY_OFFSET,  /* its offset tells, as below: for the daemon */
    CLAIM_RECORDED,   /* the record topic has it, or the transaction of the present batch will write it */
    CLAIM_UNRECORDED, /* it has no record, and nothing will commit it but this batch */
    CLAIM_FENCED,     /* the same, as long as its partition's owner key holds our name */
    CLAIM_UNKNOWN     /* Kafka or Redis did not answer */
};

/* The clients in the index that may block an item; at == NULL for none. All must live as long as the batch. */
struct claim_finding {
    struct span stored;     /* the client under the item's id */
    struct span owner;      /* the id of the client that has the item's email */
    struct span owner_line; /* the beginning of that client, if it is another one: at least its first line */
    /* The client was claimed by a later command of the same batch. It is not committed, whatever `committed` says: in a
     * topic that was created again, offsets before `committed` come a second time. */
    bool stored_is_uncommitted, owner_is_uncommitted;
    /* The client under the item's id is longer than one that is made from the item's bytes. It was made from others,
     * whatever its hash says, and `stored` is only its beginning. */
    bool stored_is_too_long;
    int64_t committed; /* commands of the item's partition before this offset have been committed at some time */
    enum claim_standing stored_standing, owner_standing; /* CLAIM_BY_OFFSET, unless a replay asks (index_replay.h) */
};

/* True if the finding decides the item: an earlier client has its id, or another client has its email. False if only
 * uncommitted claims of later commands stand against it, which by contract do not count, or keys without their
 * counterparts. The client of a later command that was committed counts: the group's offsets were set back, or the
 * topic was created again, and the client must not lose its id and email. */
bool claim_is_blocked(const struct item *item, const struct claim_finding *finding);

/* Gives the item the outcome that follows from the finding: created, a duplicate, or refused. A valid item must be
 * blocked; a refused one stays refused unless an earlier client of its id says otherwise. */
void claim_apply(struct item *item, const struct claim_finding *finding);

#endif

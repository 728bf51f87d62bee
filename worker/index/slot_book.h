/* slot_book: what a worker knows of the slots of a Redis Cluster: in which of them it may decide. It does no I/O.
 *
 * Glossary
 *
 *   connection  to the master that serves a slot, by its number (cluster_node.h). 0: there is none
 *   stamp       "SHARD EPOCH": the id of a shard, and the configuration epoch of its master. That epoch changes with
 *               each failover, and when a slot comes that was elsewhere: a slot that went to another shard and came
 *               back finds another one, since the other shard has got a higher one, and its own gets one above that
 *   reading     what an audit has read of a slot: its fence (fence.h). The stamp is asked for behind the fences, on
 *               the same connection, so no slot can have come back between the two
 *
 * States of a slot, and what changes them
 *
 *   unknown  at first, when another connection serves it (slot_book_follow), and when a script was refused there
 *            (slot_book_doubt). An audit reads its fence -> read, lost, busy or foreign
 *   read     the fence has an epoch and the stamp of the present, and the shard's checkpoints are yet to be compared.
 *            None of them is behind (slot_book_vouch) -> sound. One is (slot_book_reject) -> lost
 *   sound    commands of its workspaces are decided
 *   lost     anything may be missing or too much. It is restored from the record topic, and then unknown
 *   busy     another worker restores it. It is read again in a while
 *   foreign  it belongs to another record topic. Nothing is written. It is read again in a while
 *
 * A slot that was sound stays sound when its shard gets another stamp on the same connection because another slot has
 * come: its fence still has the earlier one, and this worker expects that. Who has not seen it stay there restores it.
 * Has this worker? Between two looks at the map a slot may have gone elsewhere and come back. It can have lost keys
 * there only if a master failed over or was started again, and then the connection to that master is another one at the
 * second look. So if any connection has changed, the slots of a shard with another epoch than before are unknown. For
 * this a worker looks at the map and at the epochs at least once a second, and asks all masters before it commits: a
 * slot does not go to a master that nobody had heard of, lose keys in a failover there, and come back in that time.
 *
 * Where a node has answered ASK or TRYAGAIN, keys of the slot are on their way, and may come back without the slot, if
 * the move is given up. So the slot's epoch is not trusted any more (slot_book_distrust). It has to be restored behind
 * a move anyway.
 *
 * A lost connection makes all slots of it unknown, also if the same master is back. What is lost with it shows in one
 * of three ways: the fence is gone, the stamp is another one, or a checkpoint is behind. checkpoint.h compares these. A
 * checkpoint proves something for the slots whose fences have the stamp of the present, since it stood in the same
 * stream behind their claims.
 *
 * Is the shard of a connection complete? Its checkpoints are compared once. If none is behind, it is: later losses end
 * the connection, or take fences away. A slot that is read with the stamp of the present is sound at once then, since
 * it was restored here. If one is behind, the shard is complete when all slots that the map gives to it were restored.
 * Until then no checkpoint may be written there, since it would speak for a slot that nobody has read yet. */
#ifndef WORKER_INDEX_SLOT_BOOK_H
#define WORKER_INDEX_SLOT_BOOK_H

#include "common/must_check.h"
#include "worker/redis/cluster_map.h"
#include "worker/redis/redis_epoch.h"

enum slot_trust { TRUST_UNKNOWN, TRUST_READ, TRUST_SOUND, TRUST_LOST, TRUST_BUSY, TRUST_FOREIGN };

#define SLOT_TRUSTS (TRUST_FOREIGN + 1)

/* Room for a stamp, with a NUL. */
#define SLOT_STAMP_BYTES ((size_t)CLUSTER_ID_LENGTH + 24)

/* Writes the stamp; returns its length. */
size_t slot_stamp_text(const char *shard, uint64_t config_epoch, char text[SLOT_STAMP_BYTES]);

/* Of a fence. at == NULL, or empty: the field is missing. */
struct slot_reading {
    struct span epoch, shard;
    struct span records; /* the name of the record topic that it was restored from */
    bool is_restored;    /* another worker restores it now */
};

struct slot_book;

/* New, with all slots unknown; NULL when out of memory. */
MUST_CHECK struct slot_book *slot_book_new(void);
void slot_book_free(struct slot_book *book);

/* A master, as it was found at a look. */
struct slot_master {
    uint64_t connection;   /* 0: it is away */
    uint64_t config_epoch; /* asked for on that connection */
};

/* After each look: slots that another connection serves than before become unknown, and those that may have been
 * elsewhere meanwhile. masters[i] is the map's master i. */
void slot_book_follow(struct slot_book *book, const struct cluster_map *map, const struct slot_master *masters);

/* Whether all slots of the masters that have just answered are where they were at the last look: to be asked before a
 * commit. Either all masters have answered on the same connections, so none of them has lost anything; or one is away,
 * and then those that have answered have their epochs still, so no slot has come to them. It says nothing of the slots
 * of a master that has not answered: nothing of theirs may be committed. */
bool slot_book_is_of(const struct slot_book *book, const struct slot_master *masters, size_t count);

/* What an audit has read of an unknown, busy or foreign slot; one in another state is left as it is. `stamp` is that of
 * the shard, `topic` our record topic. */
void slot_book_read(struct slot_book *book, unsigned slot, const struct slot_reading *reading, struct span stamp,
                    struct span topic);

/* The checkpoints of the connection's shard tell that nothing is missing, so it is complete; or they do not. Not for a
 * shard that is complete already. */
void slot_book_vouch(struct slot_book *book, uint64_t connection);
void slot_book_reject(struct slot_book *book, uint64_t connection);

/* Whether the shard is complete: checkpoints may be written there. */
bool slot_book_is_complete(const struct slot_book *book, uint64_t connection);

/* This worker has restored it, with this epoch, on its present connection: it is sound. If it was the last one of its
 * shard that was not, the shard is complete from now on, and all its checkpoints are to be written. */
void slot_book_restored(struct slot_book *book, unsigned slot, struct span epoch, struct span stamp);

/* A script was refused there: read it again. A lost slot stays lost only until it is read again. */
void slot_book_doubt(struct slot_book *book, unsigned slot);

/* A key there holds what the index never writes; or what stands there may have claims that nobody will commit. The
 * present epoch of the slot, or the next one that is read if it is unknown, is not trusted any more, whatever brings it
 * back. If this is so for all slots, no shard is complete any more. */
void slot_book_distrust(struct slot_book *book, unsigned slot);
void slot_book_distrust_all(struct slot_book *book);

enum slot_trust slot_book_trust(const struct slot_book *book, unsigned slot);
uint64_t slot_book_connection(const struct slot_book *book, unsigned slot);

/* How many slots have this trust; `connection` 0: of all. */
unsigned slot_book_count(const struct slot_book *book, uint64_t connection, enum slot_trust trust);

/* The epoch that was read of the slot, at == NULL if it had none; and the stamp under which it was found sound. They
 * are valid until the slot is read again. */
struct span slot_book_epoch(const struct slot_book *book, unsigned slot);
struct span slot_book_stamp(const struct slot_book *book, unsigned slot);

#endif

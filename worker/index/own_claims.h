/* own_claims: which claims of a worker are not committed, where offsets do not tell it: those before the highest offset
 * of the partition that was ever committed. A worker has the fence of its partitions from one audit to the next, so
 * nobody else can commit such a claim meanwhile. */
#ifndef WORKER_INDEX_OWN_CLAIMS_H
#define WORKER_INDEX_OWN_CLAIMS_H

#include <stddef.h>

#include "common/must_check.h"
#include "worker/index/claim.h"
#include "worker/model/batch.h"

struct own_claim {
    int32_t partition;
    int64_t offset;
    char id[CLIENT_ID_LENGTH];
    char hash[HASH_LENGTH];
};

/* All zero: none. */
struct own_claims {
    struct own_claim *at;
    size_t count, capacity;
    bool sorted; /* by partition and offset, each once */
};

void own_claims_free(struct own_claims *claims);

/* Notes that the item's claim was made. False when out of memory; then it is not noted. */
MUST_CHECK bool own_claims_add(struct own_claims *claims, const struct item *item);

/* The partition's commands before `next` are committed. */
void own_claims_commit(struct own_claims *claims, int32_t partition, int64_t next);

/* True if the client under `id`, which has this offset and hash as its source, is such a claim. */
MUST_CHECK bool own_claims_have(struct own_claims *claims, int32_t partition, int64_t offset, struct span id,
                                struct span hash);

#endif

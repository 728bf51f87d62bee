#include "worker/index/own_claims.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void own_claims_free(struct own_claims *claims)
{
    free(claims->at);
    *claims = (struct own_claims){0};
}

bool own_claims_add(struct own_claims *claims, const struct item *item)
{
    if (claims->count == claims->capacity) {
        const size_t capacity = claims->capacity > 0 ? 2 * claims->capacity : FIRST_CAPACITY;
        struct own_claim *grown = realloc(claims->at, capacity * sizeof(*grown));
        if (!grown)
            return false;
        claims->at = grown;
        claims->capacity = capacity;
    }
    struct own_claim *claim = &claims->at[claims->count++];
    *claim = (struct own_claim){.partition = item->from.partition, .offset = item->from.offset};
    memcpy(claim->id, item->client_id, sizeof(claim->id));
    memcpy(claim->hash, item->hash, sizeof(claim->hash));
    claims->sorted = false;
    return true;
}

void own_claims_commit(struct own_claims *claims, int32_t partition, int64_t next)
{
    size_t kept = 0;
    for (size_t i = 0; i < claims->count; i++)
        if (claims->at[i].partition != partition || claims->at[i].offset >= next)
            claims->at[kept++] = claims->at[i];
    claims->count = kept;
}

static int by_place(const void *one, const void *other)
{
    const struct own_claim *a = one, *b = other;
    if (a->partition != b->partition)
        return a->partition < b->partition ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

/* A claim that was displaced, and then made again, was added twice. */
static void sort(struct own_claims *claims)
{
    size_t kept = 0;
    qsort(claims->at, claims->count, sizeof(*claims->at), by_place);
    for (size_t i = 0; i < claims->count; i++)
        if (kept == 0 || by_place(&claims->at[kept - 1], &claims->at[i]) != 0)
            claims->at[kept++] = claims->at[i];
    claims->count = kept;
    claims->sorted = true;
}

bool own_claims_have(struct own_claims *claims, int32_t partition, int64_t offset, struct span id, struct span hash)
{
    const struct own_claim wanted = {.partition = partition, .offset = offset};
    if (claims->count == 0)
        return false;
    if (!claims->sorted)
        sort(claims);
    const struct own_claim *found = bsearch(&wanted, claims->at, claims->count, sizeof(wanted), by_place);
    return found && span_equal(id, span_of(found->id, sizeof(found->id))) &&
           span_equal(hash, span_of(found->hash, sizeof(found->hash)));
}

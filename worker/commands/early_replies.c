#include "worker/commands/early_replies.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool early_replies_add(struct early_replies *early, const struct early_reply *reply)
{
    assert(reply->length <= EARLY_REPLY_BYTES);
    while (early->count == EARLY_REPLIES || early->bytes + reply->length > EARLY_REPLY_BYTES)
        early_replies_remove(early, 0);
    char *copy = malloc(reply->length + 1);
    if (!copy)
        return false;
    memcpy(copy, reply->bytes, reply->length);
    early->bytes += reply->length;
    early->items[early->count] = *reply;
    early->items[early->count++].bytes = copy;
    return true;
}

void early_replies_remove(struct early_replies *early, size_t index)
{
    free(early->items[index].bytes);
    early->bytes -= early->items[index].length;
    early->count--;
    memmove(&early->items[index], &early->items[index + 1], (early->count - index) * sizeof(*early->items));
}

void early_replies_clear(struct early_replies *early)
{
    while (early->count > 0)
        early_replies_remove(early, early->count - 1);
}

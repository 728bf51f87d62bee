#include "tests/faults/proxy_queue.h"

#include <stdlib.h>
#include <string.h>

void queue_add(struct queue *queue, const unsigned char *bytes, size_t length, int64_t due_ms)
{
    struct piece *piece = malloc(sizeof(*piece) + length);
    if (!piece)
        abort();
    piece->next = NULL;
    piece->length = length;
    piece->sent = 0;
    piece->due_ms = queue->last && queue->last->due_ms > due_ms ? queue->last->due_ms : due_ms;
    if (length > 0)
        memcpy(piece->bytes, bytes, length);
    if (queue->last)
        queue->last->next = piece;
    else
        queue->first = piece;
    queue->last = piece;
    queue->bytes += length;
}

void queue_sent(struct queue *queue, size_t length)
{
    struct piece *piece = queue->first;
    piece->sent += length;
    queue->bytes -= length;
    if (piece->sent < piece->length)
        return;
    queue->first = piece->next;
    if (!queue->first)
        queue->last = NULL;
    free(piece);
}

void queue_clear(struct queue *queue)
{
    while (queue->first)
        queue_sent(queue, queue->first->length - queue->first->sent);
}

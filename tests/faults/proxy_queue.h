/* proxy_queue: bytes under way, each piece with the time before which it must not arrive. */
#ifndef TESTS_FAULTS_PROXY_QUEUE_H
#define TESTS_FAULTS_PROXY_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct piece {
    struct piece *next;
    int64_t due_ms;
    size_t length, sent; /* a length of 0 is the end of the stream */
    unsigned char bytes[];
};

struct queue {
    struct piece *first, *last;
    size_t bytes;
};

/* Copies; a piece is never due before the one in front of it. */
void queue_add(struct queue *queue, const unsigned char *bytes, size_t length, int64_t due_ms);

/* Marks so many bytes of the first piece as sent; a piece that is sent goes, and so does an end of 0 bytes. */
void queue_sent(struct queue *queue, size_t length);

void queue_clear(struct queue *queue);

#endif

/* complaint: the last thing that was wrong with a server, in words, and when. One thread writes it, any thread reads.
 */
#ifndef COMMON_COMPLAINT_H
#define COMMON_COMPLAINT_H

#include <pthread.h>
#include <stdint.h>

#include "common/span.h"

#define COMPLAINT_BYTES 320

struct complaint {
    pthread_mutex_t lock; /* of the rest */
    int64_t began_ms;     /* since 1970, UTC; 0: there was never one */
    int64_t ended_ms;     /* the same; 0: it has not ended */
    char text[COMPLAINT_BYTES];
};

/* What a reader gets. */
struct complaint_view {
    int64_t began_ms, ended_ms;
    char text[COMPLAINT_BYTES];
};

void complaint_open(struct complaint *complaint);
void complaint_close(struct complaint *complaint);

/* Something is wrong from now on. A text that is too long is cut. */
void complaint_begin(struct complaint *complaint, const char *what, struct span detail);

/* It has ended. It stays the last one. */
void complaint_end(struct complaint *complaint);

struct complaint_view complaint_read(struct complaint *complaint);

#endif

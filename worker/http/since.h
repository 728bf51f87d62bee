/* since: when something began that the samples of the last ten minutes tell. */
#ifndef WORKER_HTTP_SINCE_H
#define WORKER_HTTP_SINCE_H

#include "worker/http/status.h"

struct since {
    int64_t wall_ms; /* since 1970, UTC; 0: not known */
    bool or_earlier; /* it holds for as long as there are samples */
};

/* Whether it holds, of the last seconds and of the last minute. */
typedef bool since_holds(const struct status_period *recent, const struct status_period *minute);

/* For what holds now: the time of the first sample since which it has held without a break. */
struct since since_of(const struct status *status, since_holds *holds);

#endif

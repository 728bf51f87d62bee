/* stop: the one flag that ends everything, set by signals or by whoever is done. */
#ifndef COMMON_STOP_H
#define COMMON_STOP_H

#include <stdbool.h>

/* TERM and INT ask for the end, and from now on do nothing else; PIPE is ignored, since hiredis writes with write(). */
void stop_on_signals(void);

void stop_request(void);

/* How often the end was asked for. Twice means: do not finish the work in hand. */
int stop_requests(void);

static inline bool stop_is_requested(void)
{
    return stop_requests() > 0;
}

#endif

/* stop: the flag that ends the program. A signal sets it, or the program itself when its work is done. */
#ifndef COMMON_STOP_H
#define COMMON_STOP_H

#include <stdbool.h>

/* TERM and INT request the end, and from now on have no other effect. PIPE is ignored, since hiredis writes with
 * write(). */
void stop_on_signals(void);

/* HUP requests the end, too: somebody closes the terminal of a program that would leave something behind. */
void stop_on_hangup(void);

void stop_request(void);

/* How many times the end was requested. Two or more: do not finish the work in hand. */
int stop_requests(void);

static inline bool stop_is_requested(void)
{
    return stop_requests() > 0;
}

#endif

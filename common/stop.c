#include "common/stop.h"

#include <signal.h>
#include <stdatomic.h>

static atomic_int requests;

static void on_signal(int number)
{
    (void)number;
    atomic_fetch_add(&requests, 1);
}

void stop_on_signals(void)
{
    struct sigaction ask = {.sa_handler = on_signal};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ask.sa_mask);
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGTERM, &ask, NULL);
    sigaction(SIGINT, &ask, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

void stop_on_hangup(void)
{
    struct sigaction ask = {.sa_handler = on_signal};
    sigemptyset(&ask.sa_mask);
    sigaction(SIGHUP, &ask, NULL);
}

void stop_request(void)
{
    atomic_fetch_add(&requests, 1);
}

int stop_requests(void)
{
    return atomic_load(&requests);
}

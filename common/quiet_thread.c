#include "common/quiet_thread.h"

#include <signal.h>

int quiet_thread_start(pthread_t *thread, void *run(void *argument), void *argument)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, run, argument);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

bool thread_join_until(pthread_t thread, const struct timespec *deadline)
{
    return pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, deadline) == 0;
}

/* quiet_thread: threads that take no signals, which go to the main thread; and joining with a deadline. */
#ifndef COMMON_QUIET_THREAD_H
#define COMMON_QUIET_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "common/must_check.h"

/* As pthread_create: 0, or an errno. */
MUST_CHECK int quiet_thread_start(pthread_t *thread, void *run(void *argument), void *argument);

/* Joins the thread, of any kind. False if it has not ended by `deadline` (CLOCK_MONOTONIC, as the wall clock may be set
 * meanwhile). */
MUST_CHECK bool thread_join_until(pthread_t thread, const struct timespec *deadline);

#endif

/* quiet_thread: threads that take no signals, which go to the main thread. */
#ifndef COMMON_QUIET_THREAD_H
#define COMMON_QUIET_THREAD_H

#include <pthread.h>

#include "common/must_check.h"

/* As pthread_create: 0, or an errno. */
MUST_CHECK int quiet_thread_start(pthread_t *thread, void *run(void *argument), void *argument);

#endif

/* demo_stay: the demo goes on until its user ends it, with its servers, its worker and the page. */
#ifndef WORKER_COMMANDS_DEMO_STAY_H
#define WORKER_COMMANDS_DEMO_STAY_H

#include "worker/config/config.h"

/* Prints the address of the page, which has this port, a command line that sends a command of the workspace to the
 * Kafka servers, and how to stop. Returns once a stop is requested. */
void demo_stay(const struct config *config, int port, const char *servers, const char *workspace);

#endif

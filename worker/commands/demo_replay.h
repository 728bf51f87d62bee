/* demo_replay: the last act of the demo, in which the commands are decided again by changed definitions. */
#ifndef WORKER_COMMANDS_DEMO_REPLAY_H
#define WORKER_COMMANDS_DEMO_REPLAY_H

#include <stdbool.h>

#include "common/must_check.h"
#include "worker/config/config.h"

/* Runs `client-intake replay --diff` over the command topic with definitions-changed.json of the folder as the
 * workspace's definitions, and prints that command line and the report. Does nothing if the folder has no such file.
 * False after the reason was printed. */
MUST_CHECK bool demo_replay(const struct config *config, const char *directory, const char *workspace);

#endif

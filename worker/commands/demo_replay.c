#include "worker/commands/demo_replay.h"

#include <stdio.h>
#include <unistd.h>

#include "worker/commands/command.h"

#define CHANGED_FILE "definitions-changed.json"

bool demo_replay(const struct config *config, const char *directory, const char *workspace)
{
    char path[1024], definitions[1280];
    char *arguments[] = {"replay", "--definitions", definitions, "--diff", NULL};
    const int count = sizeof(arguments) / sizeof(arguments[0]) - 1;
    snprintf(path, sizeof(path), "%s/%s", directory, CHANGED_FILE);
    if (access(path, F_OK) != 0)
        return true;
    snprintf(definitions, sizeof(definitions), "%s=%s", workspace, path);
    printf("\nWhat would other definitions have decided?\n\nclient-intake");
    for (int i = 0; i < count; i++)
        printf(" %s", arguments[i]);
    printf("\n\n");
    fflush(stdout);
    const int result = command_replay(count, arguments, config);
    if (result == COMMAND_OK || result == COMMAND_NEGATIVE)
        printf("\nExit code %d: %s.\n", result,
               result == COMMAND_OK ? "every outcome is the same" : "some outcomes are not the same");
    return result == COMMAND_OK || result == COMMAND_NEGATIVE;
}

#include "worker/commands/definitions_argument.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "worker/commands/command.h"

int definitions_argument_read(struct definitions_argument *argument, const char *name, const char *path)
{
    *argument = (struct definitions_argument){0};
    argument->bytes = file_read(path, SIZE_MAX, &argument->length);
    if (!argument->bytes) {
        fprintf(stderr, "client-intake %s: %s: %s\n", name, path, strerror(errno));
        return COMMAND_UNAVAILABLE;
    }
    struct definitions_fault *faults;
    argument->definitions = definitions_compile(span_of(argument->bytes, argument->length), &faults);
    if (argument->definitions)
        return COMMAND_OK;
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next)
        fprintf(stderr, "%s: %s%s%s\n", path, fault->path, fault->path[0] ? ": " : "", fault->message);
    if (!faults)
        fprintf(stderr, "client-intake %s: out of memory\n", name);
    const int result = faults ? COMMAND_CONFIGURATION : COMMAND_UNAVAILABLE;
    definitions_faults_free(faults);
    definitions_argument_free(argument);
    return result;
}

void definitions_argument_free(struct definitions_argument *argument)
{
    if (argument->definitions)
        definitions_free(argument->definitions);
    free(argument->bytes);
    *argument = (struct definitions_argument){0};
}

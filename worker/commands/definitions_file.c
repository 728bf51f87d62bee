/* A definition set in files: the fields, and separately the options of some of them, in the public API's form. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "worker/commands/command_definitions.h"
#include "worker/definitions/definitions_import.h"
#include "worker/definitions/definitions_print.h"

/* More than any workspace needs, and little enough to be compiled quickly by a worker. */
#define DEFINITIONS_BYTES ((size_t)16 << 20)

/* The bytes of a file, "-" for standard input. New, or NULL with the reason in `error`. */
static char *read_file(const char *path, size_t *length, char *error, size_t error_size)
{
    char *bytes = strcmp(path, "-") == 0 ? file_read_descriptor(STDIN_FILENO, DEFINITIONS_BYTES, length)
                                         : file_read(path, DEFINITIONS_BYTES, length);
    if (!bytes)
        snprintf(error, error_size, "%s", errno == EFBIG ? "longer than 16 MiB" : strerror(errno));
    return bytes;
}

/* The argument KEY=FILE. A key may contain '=', and a file's name rarely does, so the last one counts. Returns the exit
 * code. */
static int add_options(struct definitions_file *file, const char *argument)
{
    char error[256];
    size_t option_length, merged_length;
    const char *path = strrchr(argument, '=') + 1;
    struct span key = span_of(argument, (size_t)(path - argument) - 1);
    char *options = read_file(path, &option_length, error, sizeof(error)), *merged = NULL;
    if (options)
        merged = definitions_import_options(span_of(file->bytes, file->length), key, span_of(options, option_length),
                                            &merged_length, error, sizeof(error));
    const int failure = options ? COMMAND_NEGATIVE : COMMAND_UNAVAILABLE;
    free(options);
    if (!merged)
        return definitions_complain(failure, argument, error);
    free(file->bytes);
    file->bytes = merged;
    file->length = merged_length;
    return COMMAND_OK;
}

static int compile(struct definitions_file *file, const struct definitions_request *request)
{
    struct definitions_fault *faults = NULL;
    file->definitions = definitions_compile(span_of(file->bytes, file->length), &faults);
    if (file->definitions)
        return COMMAND_OK;
    if (!faults)
        return definitions_complain(COMMAND_UNAVAILABLE, request->path, "out of memory");
    definitions_print_faults(request->path, faults, request->json);
    definitions_faults_free(faults);
    return COMMAND_NEGATIVE;
}

int definitions_file_open(struct definitions_file *file, const struct definitions_request *request)
{
    char error[256];
    *file = (struct definitions_file){0};
    file->bytes = read_file(request->path, &file->length, error, sizeof(error));
    if (!file->bytes)
        return definitions_complain(COMMAND_UNAVAILABLE, request->path, error);
    int result = COMMAND_OK;
    for (const struct options_source *source = request->options; source && result == COMMAND_OK; source = source->next)
        result = add_options(file, source->argument);
    if (result == COMMAND_OK)
        result = compile(file, request);
    if (result != COMMAND_OK)
        free(file->bytes);
    return result;
}

void definitions_file_close(struct definitions_file *file)
{
    definitions_free(file->definitions);
    free(file->bytes);
}

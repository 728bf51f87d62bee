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

/* The argument KEY=FILE. A key may contain '=', and a file's name rarely does, so the last one counts. */
static bool add_options(struct definitions_file *file, const char *argument)
{
    char error[256];
    size_t option_length, merged_length;
    const char *path = strrchr(argument, '=') + 1;
    struct span key = span_of(argument, (size_t)(path - argument) - 1);
    char *options = read_file(path, &option_length, error, sizeof(error)), *merged = NULL;
    if (options)
        merged = definitions_import_options(span_of(file->bytes, file->length), key, span_of(options, option_length),
                                            &merged_length, error, sizeof(error));
    free(options);
    if (!merged) {
        definitions_complain(COMMAND_NEGATIVE, argument, error);
        return false;
    }
    free(file->bytes);
    file->bytes = merged;
    file->length = merged_length;
    return true;
}

static bool compile(struct definitions_file *file, const struct definitions_request *request)
{
    struct definitions_fault *faults = NULL;
    file->definitions = definitions_compile(span_of(file->bytes, file->length), &faults);
    if (!file->definitions && !faults)
        definitions_complain(COMMAND_NEGATIVE, request->path, "out of memory");
    else if (!file->definitions)
        definitions_print_faults(request->path, faults, request->json);
    definitions_faults_free(faults);
    return file->definitions != NULL;
}

int definitions_file_open(struct definitions_file *file, const struct definitions_request *request)
{
    char error[256];
    *file = (struct definitions_file){0};
    file->bytes = read_file(request->path, &file->length, error, sizeof(error));
    if (!file->bytes)
        return definitions_complain(COMMAND_NEGATIVE, request->path, error);
    bool ok = true;
    for (const struct options_source *source = request->options; source && ok; source = source->next)
        ok = add_options(file, source->argument);
    if (ok && compile(file, request))
        return COMMAND_OK;
    free(file->bytes);
    return COMMAND_NEGATIVE;
}

void definitions_file_close(struct definitions_file *file)
{
    definitions_free(file->definitions);
    free(file->bytes);
}

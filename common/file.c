#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define FIRST_BYTES 65536

enum reading { READING_FULL, READING_ENDED, READING_FAILED };

/* Reads after *length until `capacity` bytes are there or the file ends. Sets *error on failure. */
static enum reading read_on(int file, char *bytes, size_t capacity, size_t *length, int *error)
{
    while (*length < capacity) {
        ssize_t count = read(file, bytes + *length, capacity - *length);
        if (count == 0)
            return READING_ENDED;
        if (count > 0) {
            *length += (size_t)count;
        } else if (errno != EINTR) {
            *error = errno;
            return READING_FAILED;
        }
    }
    return READING_FULL;
}

/* False with *error set. The buffer grows while it is filled, since the length of a pipe is unknown. */
static bool read_all(int file, size_t limit, char **bytes, size_t *length, int *error)
{
    for (size_t capacity = FIRST_BYTES;; capacity *= 2) {
        char *grown = realloc(*bytes, capacity + 1);
        *error = grown ? 0 : ENOMEM;
        if (!grown)
            return false;
        *bytes = grown;
        enum reading reading = read_on(file, grown, capacity, length, error);
        if (reading != READING_FAILED && *length > limit)
            *error = EFBIG;
        if (*error != 0 || reading == READING_ENDED)
            return *error == 0;
    }
}

char *file_read_descriptor(int file, size_t limit, size_t *length)
{
    char *bytes = NULL;
    int error;
    *length = 0;
    if (read_all(file, limit, &bytes, length, &error)) {
        bytes[*length] = '\0';
        return bytes;
    }
    free(bytes);
    errno = error;
    return NULL;
}

char *file_read(const char *path, size_t limit, size_t *length)
{
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return NULL;
    char *bytes = file_read_descriptor(file, limit, length);
    int error = errno;
    close(file);
    errno = error;
    return bytes;
}

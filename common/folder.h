/* folder: temporary folders that are removed again. */
#ifndef COMMON_FOLDER_H
#define COMMON_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "common/must_check.h"

/* Makes a new folder below TMPDIR (or /tmp), named after `purpose`. Its path goes into `path`. False with errno set. */
MUST_CHECK bool folder_make_temporary(const char *purpose, char *path, size_t path_size);

/* Removes the folder and everything in it, without following links. False, with errno set, if something is left. */
bool folder_remove(const char *path);

#endif

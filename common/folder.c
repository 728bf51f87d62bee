#include "common/folder.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#define OPEN_FOLDERS 16 /* how many folders nftw may hold open at once */

bool folder_make_temporary(const char *purpose, char *path, size_t path_size)
{
    const char *parent = getenv("TMPDIR");
    int length = snprintf(path, path_size, "%s/%s.XXXXXX", parent && *parent ? parent : "/tmp", purpose);
    if (length < 0 || (size_t)length >= path_size) {
        errno = ENAMETOOLONG;
        return false;
    }
    return mkdtemp(path) != NULL;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

bool folder_remove(const char *path)
{
    return nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) == 0;
}

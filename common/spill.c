#include "common/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BUFFER_BYTES ((size_t)1 << 20)

struct spill {
    int file;
    pthread_mutex_t mutex;       /* for the buffer; `written` and `end` change under it */
    atomic_int_fast64_t written; /* bytes that the file has */
    atomic_int_fast64_t end;     /* those and the ones in the buffer */
    char buffer[BUFFER_BYTES];
};

static const char *folder_name(void)
{
    const char *name = getenv("TMPDIR");
    return name && name[0] != '\0' ? name : "/var/tmp";
}

/* Not every file system has O_TMPFILE. */
static int open_file(const char *folder)
{
    int file = open(folder, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (file >= 0)
        return file;
    char *path = NULL;
    if (asprintf(&path, "%s/client-intake-XXXXXX", folder) < 0) {
        errno = ENOMEM;
        return -1;
    }
    file = mkostemp(path, O_CLOEXEC);
    if (file >= 0 && unlink(path) != 0) {
        int reason = errno;
        close(file);
        file = -1;
        errno = reason;
    }
    free(path);
    return file;
}

struct spill *spill_open(char *error, size_t error_size)
{
    const char *folder = folder_name();
    struct spill *spill = malloc(sizeof(*spill));
    int file = spill ? open_file(folder) : -1;
    if (file < 0) {
        snprintf(error, error_size, "a temporary file in %s: %s", folder, strerror(spill ? errno : ENOMEM));
        free(spill);
        return NULL;
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGXFSZ, &ignore, NULL);
    spill->file = file;
    pthread_mutex_init(&spill->mutex, NULL);
    atomic_init(&spill->written, 0);
    atomic_init(&spill->end, 0);
    return spill;
}

void spill_close(struct spill *spill)
{
    if (!spill)
        return;
    close(spill->file);
    pthread_mutex_destroy(&spill->mutex);
    free(spill);
}

/* False with errno set; then the file may have a part of the bytes, which the next call overwrites. */
static bool write_at(int file, struct span bytes, int64_t at)
{
    while (bytes.length > 0) {
        ssize_t some = pwrite(file, bytes.at, bytes.length, at);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0) {
            errno = some < 0 ? errno : EIO;
            return false;
        }
        bytes = span_from(bytes, (size_t)some);
        at += some;
    }
    return true;
}

static bool read_at(int file, int64_t at, char *to, size_t length)
{
    while (length > 0) {
        ssize_t some = pread(file, to, length, at);
        if (some < 0 && errno == EINTR)
            continue;
        if (some <= 0) {
            errno = some < 0 ? errno : EIO;
            return false;
        }
        to += some;
        at += some;
        length -= (size_t)some;
    }
    return true;
}

/* Under the mutex. */
static bool append(struct spill *spill, struct span bytes)
{
    int64_t written = atomic_load(&spill->written), end = atomic_load(&spill->end);
    size_t used = (size_t)(end - written);
    if (bytes.length > BUFFER_BYTES - used) {
        if (!write_at(spill->file, span_of(spill->buffer, used), written))
            return false;
        atomic_store(&spill->written, end);
        used = 0;
    }
    if (bytes.length > BUFFER_BYTES) {
        if (!write_at(spill->file, bytes, end))
            return false;
        atomic_store(&spill->end, end + (int64_t)bytes.length);
        atomic_store(&spill->written, end + (int64_t)bytes.length);
        return true;
    }
    if (bytes.length > 0)
        memcpy(spill->buffer + used, bytes.at, bytes.length);
    atomic_store(&spill->end, end + (int64_t)bytes.length);
    return true;
}

bool spill_append(struct spill *spill, struct span bytes, int64_t *at)
{
    pthread_mutex_lock(&spill->mutex);
    *at = atomic_load(&spill->end);
    bool ok = append(spill, bytes);
    int reason = errno;
    pthread_mutex_unlock(&spill->mutex);
    errno = reason;
    return ok;
}

bool spill_read(struct spill *spill, int64_t at, void *to, size_t length)
{
    int64_t end = atomic_load(&spill->end);
    if (at < 0 || at > end || length > (uint64_t)(end - at)) {
        errno = EINVAL;
        return false;
    }
    if (at + (int64_t)length <= atomic_load(&spill->written))
        return read_at(spill->file, at, to, length);
    pthread_mutex_lock(&spill->mutex);
    int64_t written = atomic_load(&spill->written);
    size_t in_file = at >= written ? 0 : (size_t)(written - at);
    if (in_file < length)
        memcpy((char *)to + in_file, spill->buffer + (at + (int64_t)in_file - written), length - in_file);
    else
        in_file = length;
    pthread_mutex_unlock(&spill->mutex);
    return read_at(spill->file, at, to, in_file);
}

int64_t spill_bytes(const struct spill *spill)
{
    return atomic_load(&spill->end);
}

#include "tests/unit/failing_allocator.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HELD_MOST 65536

/* What the program's object files call in place of malloc, calloc, ... */
void *failing_malloc(size_t size);
void *failing_calloc(size_t count, size_t size);
void *failing_realloc(void *memory, size_t size);
void *failing_reallocarray(void *memory, size_t count, size_t size);
void *failing_aligned_alloc(size_t alignment, size_t size);
char *failing_strdup(const char *text);
char *failing_strndup(const char *text, size_t length);
int failing_vasprintf(char **text, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));
void *failing_mmap(void *at, size_t length, int protection, int flags, int file, off_t offset);
int failing_munmap(void *at, size_t length);
FILE *failing_fopen(const char *path, const char *mode);
FILE *failing_open_memstream(char **text, size_t *length);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool armed;
static size_t fails_at, asked, held_count;
static const void *held[HELD_MOST];

void allocator_arm(size_t n)
{
    pthread_mutex_lock(&lock);
    armed = true;
    fails_at = n;
    asked = held_count = 0;
    pthread_mutex_unlock(&lock);
}

size_t allocator_disarm(void)
{
    pthread_mutex_lock(&lock);
    armed = false;
    size_t count = asked;
    pthread_mutex_unlock(&lock);
    return count;
}

size_t allocator_held(void)
{
    return held_count;
}

/* Counts a call; true if it is the one that fails. */
static bool fails(void)
{
    pthread_mutex_lock(&lock);
    bool now = armed && ++asked == fails_at;
    pthread_mutex_unlock(&lock);
    if (now)
        errno = ENOMEM;
    return now;
}

static void *take(void *memory)
{
    pthread_mutex_lock(&lock);
    if (armed && memory) {
        if (held_count == HELD_MOST)
            abort();
        held[held_count++] = memory;
    }
    pthread_mutex_unlock(&lock);
    return memory;
}

static void give_back(const void *memory)
{
    pthread_mutex_lock(&lock);
    for (size_t i = held_count; memory && i-- > 0;) {
        if (held[i] != memory)
            continue;
        held[i] = held[--held_count];
        break;
    }
    pthread_mutex_unlock(&lock);
}

void *failing_malloc(size_t size)
{
    return fails() ? NULL : take(malloc(size));
}

void *failing_calloc(size_t count, size_t size)
{
    return fails() ? NULL : take(calloc(count, size));
}

void *failing_realloc(void *memory, size_t size)
{
    if (fails())
        return NULL;
    give_back(memory);
    return take(realloc(memory, size));
}

void *failing_reallocarray(void *memory, size_t count, size_t size)
{
    if (fails())
        return NULL;
    give_back(memory);
    return take(reallocarray(memory, count, size));
}

void *failing_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : take(aligned_alloc(alignment, size));
}

char *failing_strdup(const char *text)
{
    return fails() ? NULL : take(strdup(text));
}

char *failing_strndup(const char *text, size_t length)
{
    return fails() ? NULL : take(strndup(text, length));
}

int failing_vasprintf(char **text, const char *format, va_list arguments)
{
    if (fails())
        return -1;
    int length = vasprintf(text, format, arguments);
    if (length >= 0)
        take(*text);
    return length;
}

void failing_free(void *memory)
{
    give_back(memory);
    free(memory);
}

void *failing_mmap(void *at, size_t length, int protection, int flags, int file, off_t offset)
{
    void *memory = fails() ? MAP_FAILED : mmap(at, length, protection, flags, file, offset);
    if (memory != MAP_FAILED)
        take(memory);
    return memory;
}

int failing_munmap(void *at, size_t length)
{
    give_back(at);
    return munmap(at, length);
}

/* Streams take memory, too; they are not accounted for here, since closing them is not seen. */
FILE *failing_fopen(const char *path, const char *mode)
{
    return fails() ? NULL : fopen(path, mode);
}

FILE *failing_open_memstream(char **text, size_t *length)
{
    return fails() ? NULL : open_memstream(text, length);
}

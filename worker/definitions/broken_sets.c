#include "worker/definitions/broken_sets.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <xxhash.h>

#define REMEMBERED 1024

struct broken_set {
    uint64_t workspace, hash;
};

static struct broken_set sets[REMEMBERED];
static atomic_size_t count; /* of those that are used, the first ones */
static size_t oldest;       /* the next one that is replaced once all are used */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Commands name the workspaces. So the hash has a seed, and names that collide cannot be prepared. */
static uint64_t number_of(struct span text)
{
    return XXH3_64bits_withSeed(text.at, text.length, (uintptr_t)sets);
}

/* NULL if the workspace is not remembered. */
static struct broken_set *find(uint64_t workspace)
{
    for (size_t i = 0; i < count; i++)
        if (sets[i].workspace == workspace)
            return &sets[i];
    return NULL;
}

static struct broken_set *add(uint64_t workspace)
{
    struct broken_set *set = &sets[count < REMEMBERED ? count++ : oldest++ % REMEMBERED];
    *set = (struct broken_set){.workspace = workspace};
    return set;
}

bool broken_sets_note(struct span workspace, struct span hash)
{
    const struct broken_set noted = {number_of(workspace), number_of(hash)};
    pthread_mutex_lock(&lock);
    struct broken_set *set = find(noted.workspace);
    const bool is_news = !set || set->hash != noted.hash;
    if (!set)
        set = add(noted.workspace);
    *set = noted;
    pthread_mutex_unlock(&lock);
    return is_news;
}

void broken_sets_mend(struct span workspace)
{
    if (count == 0)
        return;
    pthread_mutex_lock(&lock);
    struct broken_set *set = find(number_of(workspace));
    if (set)
        *set = sets[--count];
    pthread_mutex_unlock(&lock);
}

/* resource: what the HTTP server answers, by path. Nothing here waits for the workers' threads. */
#ifndef WORKER_HTTP_RESOURCE_H
#define WORKER_HTTP_RESOURCE_H

#include <stdio.h>

#include "worker/config/config.h"
#include "worker/http/status_history.h"
#include "worker/http/status_page.h"

/* What resources are made of. Borrowed. */
struct pages {
    const struct config *config;
    struct metrics *const *threads;
    size_t count;
    struct status_history *history;
    int64_t started_ms; /* since 1970, UTC */
    char policy[STATUS_PAGE_POLICY];
};

struct resource {
    const char *path; /* NULL: there is none, so the answer is an error */
    const char *type;
    unsigned (*write)(const struct pages *pages, FILE *out); /* writes the body and returns the status */
};

/* The resource of a path, or the one that tells that there is none. Static. */
const struct resource *resource_find(const char *path);

/* Tells that the method is not allowed. Static. */
const struct resource *resource_not_allowed(void);

#endif

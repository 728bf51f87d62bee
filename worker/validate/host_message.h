/* host_message: messages about a host or a domain: what is wrong, and what would be right. */
#ifndef WORKER_VALIDATE_HOST_MESSAGE_H
#define WORKER_VALIDATE_HOST_MESSAGE_H

#include "common/host.h"
#include "worker/validate/check.h"

enum host_use {
    HOST_OF_EMAIL, /* a name of two labels or more */
    HOST_OF_URL    /* a name, or an address */
};

/* Continues "the domain" or "the host": names the first character or the label that is wrong. `text` is the input
 * that gave `fault`, which is not HOST_OK. In the arena, for "%s". */
const char *host_message(struct check *check, struct span text, enum host_fault fault, enum host_use use);

#endif

/* member: the names of a command's members. */
#ifndef WORKER_MODEL_MEMBER_H
#define WORKER_MODEL_MEMBER_H

#include "worker/model/batch.h"

/* The member called `name`, or MEMBER_UNKNOWN. */
enum member member_find(struct span name);

/* Static. */
struct span member_name(enum member member);

#endif

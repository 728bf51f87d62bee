/* address_members: the names of the members of an address that is an object. */
#ifndef WORKER_VALIDATE_ADDRESS_MEMBERS_H
#define WORKER_VALIDATE_ADDRESS_MEMBERS_H

#include "common/span.h"

/* In output order. */
enum address_part { COUNTRY, REGION, POSTAL_CODE, ADDRESS_LINE_1, ADDRESS_LINE_2, CITY, FULL_ADDRESS, PART_COUNT };

extern const struct span address_part_names[PART_COUNT];

/* PART_COUNT for an unknown name. */
enum address_part address_part_find(struct span name);

#endif

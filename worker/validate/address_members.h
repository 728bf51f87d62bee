/* address_members: the members of an address that is an object. */
#ifndef WORKER_VALIDATE_ADDRESS_MEMBERS_H
#define WORKER_VALIDATE_ADDRESS_MEMBERS_H

#include "common/json.h"

/* In output order. */
enum address_part { COUNTRY, REGION, POSTAL_CODE, ADDRESS_LINE_1, ADDRESS_LINE_2, CITY, FULL_ADDRESS, PART_COUNT };

extern const struct span address_part_names[PART_COUNT];

/* PART_COUNT for an unknown name. */
enum address_part address_part_find(struct span name);

struct address_members {
    uint32_t nodes[PART_COUNT];             /* by part; 0: missing */
    enum address_part in_order[PART_COUNT]; /* as they stand in the object */
    bool any_is_unknown;                    /* then in_order is not to be used */
};

/* Those of the object at `object`. */
struct address_members address_members_of(const struct json_document *document, uint32_t object);

#endif

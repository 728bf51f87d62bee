#include "worker/validate/name_kind.h"

uint8_t name_kind_of(struct span name)
{
    const enum member member = member_find(name);
    if (member != MEMBER_UNKNOWN)
        return (uint8_t)(NAME_KIND_MEMBER + (uint32_t)member);
    const enum address_part part = address_part_find(name);
    return part != PART_COUNT ? (uint8_t)(NAME_KIND_PART + (uint32_t)part) : 0;
}

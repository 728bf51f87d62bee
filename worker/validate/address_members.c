#include "worker/validate/address_members.h"

#include <assert.h>

const struct span address_part_names[PART_COUNT] = {
    [COUNTRY] = SPAN("country"),
    [REGION] = SPAN("region"),
    [POSTAL_CODE] = SPAN("postalCode"),
    [ADDRESS_LINE_1] = SPAN("addressLine1"),
    [ADDRESS_LINE_2] = SPAN("addressLine2"),
    [CITY] = SPAN("city"),
    [FULL_ADDRESS] = SPAN("fullAddress"),
};

static inline enum address_part part_find(struct span name)
{
    switch (name.length) {
    case 4:
        return span_is(name, "city") ? CITY : PART_COUNT;
    case 6:
        return span_is(name, "region") ? REGION : PART_COUNT;
    case 7:
        return span_is(name, "country") ? COUNTRY : PART_COUNT;
    case 10:
        return span_is(name, "postalCode") ? POSTAL_CODE : PART_COUNT;
    case 11:
        return span_is(name, "fullAddress") ? FULL_ADDRESS : PART_COUNT;
    case 12:
        return span_is(name, "addressLine1")   ? ADDRESS_LINE_1
               : span_is(name, "addressLine2") ? ADDRESS_LINE_2
                                               : PART_COUNT;
    default:
        return PART_COUNT;
    }
}

enum address_part address_part_find(struct span name)
{
    return part_find(name);
}

struct address_members address_members_of(const struct json_document *document, uint32_t object)
{
    struct address_members members = {.any_is_unknown = false};
    uint32_t count = 0;
    for (uint32_t i = object + 1; i < document->nodes[object].next; i = document->nodes[i].next) {
        const enum address_part part = part_find(json_name(document, i));
        if (part == PART_COUNT) {
            members.any_is_unknown = true;
        } else {
            assert(count < PART_COUNT); /* the reader refuses a name that comes twice */
            members.nodes[part] = i;
            members.in_order[count++] = part;
        }
    }
    return members;
}

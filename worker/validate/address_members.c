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
    /* Only the two lines have names of the same length. */
    static const unsigned char of_length[] = {
        [7] = COUNTRY + 1,         [6] = REGION + 1, [10] = POSTAL_CODE + 1,
        [12] = ADDRESS_LINE_1 + 1, [4] = CITY + 1,   [11] = FULL_ADDRESS + 1,
    };
    if (name.length >= sizeof(of_length) || of_length[name.length] == 0)
        return PART_COUNT;
    enum address_part part = (enum address_part)(of_length[name.length] - 1);
    if (part == ADDRESS_LINE_1 && name.at[name.length - 1] == '2')
        part = ADDRESS_LINE_2;
    return span_equal(name, address_part_names[part]) ? part : PART_COUNT;
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

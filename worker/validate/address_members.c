#include "worker/validate/address_members.h"

const struct span address_part_names[PART_COUNT] = {
    [COUNTRY] = SPAN("country"),
    [REGION] = SPAN("region"),
    [POSTAL_CODE] = SPAN("postalCode"),
    [ADDRESS_LINE_1] = SPAN("addressLine1"),
    [ADDRESS_LINE_2] = SPAN("addressLine2"),
    [CITY] = SPAN("city"),
    [FULL_ADDRESS] = SPAN("fullAddress"),
};

enum address_part address_part_find(struct span name)
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

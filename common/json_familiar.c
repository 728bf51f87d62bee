#include "common/json_familiar.h"

/* The place of the name that stands at `at`; else a free one; else one whose name is then forgotten. */
static struct familiar_name *place_of(struct familiar_names *familiar, const char *at, uint8_t mix)
{
    for (size_t probe = 0; probe < FAMILIAR_PROBES; probe++) {
        struct familiar_name *const name = &familiar->names[(mix + probe) % FAMILIAR_NAMES];
        if (name->width == 0 || familiar_is_at(name, at))
            return name;
    }
    return &familiar->names[mix];
}

struct familiar_name *familiar_remember(struct familiar_names *familiar, struct familiar_name *last, struct span text,
                                        uint32_t length, uint8_t mix)
{
    if (text.length > BYTE_BLOCK)
        return NULL;
    struct familiar_name *const name = place_of(familiar, text.at, mix);
    last->other = last->next;
    last->next = name;
    if (familiar_is_at(name, text.at))
        return name;
    memcpy(name->text, text.at, BYTE_BLOCK);
    name->rest = (uint16_t)((uint32_t)UINT16_MAX << text.length);
    name->width = (uint8_t)text.length;
    name->length = (uint8_t)length;
    name->kind = familiar->kind_of ? familiar->kind_of(span_of(name->text + 1, length)) : 0;
    name->mark = name_mark_of(mix);
    return name;
}

/* json_familiar: the names of members that came before, each with the two that came behind it last.
 *
 * A program writes its texts with the same members in the same order. So a name is first compared with the one that is
 * expected, and with the other one, in one block: from its first quote to its value, with the colon and the white space
 * between. What differs is read as any name is, and then remembered. All this is only a guess, of which every byte is
 * compared. Part of json.c. */
#ifndef COMMON_JSON_FAMILIAR_H
#define COMMON_JSON_FAMILIAR_H

#include <stdint.h>

#include "common/byte_block.h"
#include "common/json.h"

#define FAMILIAR_NAMES  256
#define FAMILIAR_PROBES 4 /* so many places can have a name */

/* Of a name in a set of names, by a weak hash of 8 bits: two names may have the same one. */
struct name_mark {
    uint8_t byte, bit;
};

struct name_set {
    uint8_t bytes[FAMILIAR_NAMES / 8];
};

struct familiar_name {
    char text[BYTE_BLOCK];       /* as it stands before its value; NUL, which no text has there: no name yet */
    struct familiar_name *next;  /* what came behind it, as was learned last; never NULL */
    struct familiar_name *other; /* the same before; so texts of two kinds take turns without being learned again */
    uint16_t rest;               /* one bit for each byte of `text` that is not part of it */
    uint8_t width;               /* of the text */
    uint8_t length;              /* of the name */
    uint8_t kind;                /* as json_parser_know says; 0 without it */
    struct name_mark mark;
};

struct familiar_names {
    struct familiar_name *last; /* that a text had */
    json_name_kind *kind_of;    /* NULL: names have no kinds */
    struct familiar_name names[FAMILIAR_NAMES];
};

static inline void familiar_open(struct familiar_names *familiar, json_name_kind *kind_of)
{
    familiar->last = familiar->names;
    familiar->kind_of = kind_of;
    for (size_t i = 0; i < FAMILIAR_NAMES; i++)
        familiar->names[i] = (struct familiar_name){.next = familiar->names, .other = familiar->names};
}

/* A weak hash of 8 bits that is quick for any length: of both ends of the name, which may overlap. */
static inline uint8_t familiar_mix(const char *name, uint32_t length)
{
    uint32_t ends[2] = {0, 0};
    if (length >= sizeof(ends[0])) {
        memcpy(&ends[0], name, sizeof(ends[0]));
        memcpy(&ends[1], name + length - sizeof(ends[1]), sizeof(ends[1]));
    } else if (length > 0) {
        ends[0] = (unsigned char)name[0] | (uint32_t)(unsigned char)name[length / 2] << 8;
        ends[1] = (unsigned char)name[length - 1];
    }
    return (uint8_t)((ends[0] + 5 * ends[1] + length) * 0x9e3779b1 >> 24);
}

/* True if `at` is the first quote of this name, and what follows is as it was. A block must be readable there. */
static inline bool familiar_is_at(const struct familiar_name *name, const char *at)
{
    const byte_marks equal = (byte_marks)(byte_block_load(at) == byte_block_load(name->text));
    return (byte_block_mask(equal) | name->rest) == UINT16_MAX;
}

static inline struct name_mark name_mark_of(uint8_t mix)
{
    return (struct name_mark){mix / 8, (uint8_t)(1u << mix % 8)};
}

/* Adds a name. Returns true if the set may have had it before. */
static inline bool name_set_add(struct name_set *set, struct name_mark mark)
{
    const bool may_be_there = set->bytes[mark.byte] & mark.bit;
    set->bytes[mark.byte] |= mark.bit;
    return may_be_there;
}

/* Remembers a name without escapes, which came behind the name `last`, and returns it; NULL if it is too long. `text`
 * is from its first quote to its value. */
struct familiar_name *familiar_remember(struct familiar_names *familiar, struct familiar_name *last, struct span text,
                                        uint32_t length, uint8_t mix);

#endif

/* name_kind: the names of a command's members and of an address' members as numbers, which the parser keeps with each
 * name that it remembers (json_parser_know). */
#ifndef WORKER_VALIDATE_NAME_KIND_H
#define WORKER_VALIDATE_NAME_KIND_H

#include "worker/model/member.h"
#include "worker/validate/address_members.h"

/* Kinds: 0 is another name, then come the members and the parts, in the order of their enums. */
#define NAME_KIND_MEMBER 1
#define NAME_KIND_PART   (NAME_KIND_MEMBER + MEMBER_COUNT)

/* A json_name_kind. */
uint8_t name_kind_of(struct span name);

/* The member that the name of `node` stands for, or MEMBER_UNKNOWN. The parser may know kinds or not. */
static inline enum member name_member(const struct json_document *document, const struct json_node *node)
{
    const uint32_t member = node->name_kind - (uint32_t)NAME_KIND_MEMBER;
    return member < MEMBER_COUNT ? (enum member)member
                                 : member_find(span_of(document->text + node->name_at, node->name_length));
}

/* The same for the part of an address, or PART_COUNT. */
static inline enum address_part name_part(const struct json_document *document, const struct json_node *node)
{
    const uint32_t part = node->name_kind - (uint32_t)NAME_KIND_PART;
    return part < PART_COUNT ? (enum address_part)part
                             : address_part_find(span_of(document->text + node->name_at, node->name_length));
}

#endif

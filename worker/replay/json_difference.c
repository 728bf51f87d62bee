#include "worker/replay/json_difference.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPTH        32
#define LISTED_BYTES ((size_t)4 << 20) /* of all paths; further differences are not listed */
#define NUMBER_BYTES 512               /* of a number that is compared by its value; a longer one by its text */

struct side {
    struct span raw; /* the unchanged text; the document's strings are decoded in place */
    struct json_document document;
};

struct comparing {
    struct side then, now;
    struct arena *arena;
    struct json_difference *first, **end;
    size_t listed_bytes;
    struct step {
        struct span name; /* at == NULL: an element of an array */
        unsigned index;
    } path[DEPTH];
    uint32_t depth; /* of the values that are compared now */
};

static bool parse(struct side *side, struct span text, struct json_parser *parser, struct arena *arena)
{
    struct json_fault fault;
    char *copy = arena_alloc(arena, text.length + JSON_PADDING);
    memcpy(copy, text.at, text.length);
    side->raw = text;
    return json_parse(parser, copy, text.length, DEPTH, arena, &side->document, &fault);
}

/* The value as it stands in the text. A string's position is that of its content, and an escape takes more bytes than
 * what it stands for, so its token is found by its quotes. */
static struct span raw_of(const struct side *side, uint32_t node)
{
    const struct json_node *found = &side->document.nodes[node];
    if (found->type != NODE_STRING)
        return span_of(side->raw.at + found->at, found->length);
    const char *begin = side->raw.at + found->at - 1, *end = begin + 1;
    while (*end != '"')
        end += *end == '\\' ? 2 : 1;
    return span_of(begin, (size_t)(end + 1 - begin));
}

static char *append_name(char *to, struct span name)
{
    for (size_t i = 0; i < name.length; i++) {
        const char byte = name.at[i];
        if (byte != '~' && byte != '/') {
            *to++ = byte;
            continue;
        }
        *to++ = '~';
        *to++ = byte == '~' ? '0' : '1';
    }
    return to;
}

static struct span path_text(struct comparing *comparing)
{
    size_t longest = 0;
    for (uint32_t i = 0; i < comparing->depth; i++)
        longest += 16 + 2 * comparing->path[i].name.length;
    char *text = arena_alloc(comparing->arena, longest), *to = text;
    for (uint32_t i = 0; i < comparing->depth; i++) {
        const struct step *step = &comparing->path[i];
        *to++ = '/';
        to = step->name.at ? append_name(to, step->name) : to + sprintf(to, "%u", step->index);
    }
    return span_of(text, (size_t)(to - text));
}

static void enter(struct comparing *comparing, struct span name, unsigned index)
{
    comparing->path[comparing->depth++] = (struct step){name, index};
}

static void leave(struct comparing *comparing)
{
    comparing->depth--;
}

static void differ(struct comparing *comparing, struct span then, struct span now)
{
    if (comparing->listed_bytes > LISTED_BYTES)
        return;
    struct json_difference *difference = arena_alloc(comparing->arena, sizeof(*difference));
    *difference = (struct json_difference){.path = path_text(comparing), .then = then, .now = now};
    comparing->listed_bytes += sizeof(*difference) + difference->path.length;
    *comparing->end = difference;
    comparing->end = &difference->next;
}

static double number_of(struct span token)
{
    char text[NUMBER_BYTES + 1];
    memcpy(text, token.at, token.length);
    text[token.length] = '\0';
    return strtod(text, NULL);
}

static bool numbers_equal(struct span a, struct span b)
{
    if (span_equal(a, b) || a.length > NUMBER_BYTES || b.length > NUMBER_BYTES)
        return span_equal(a, b);
    const double left = number_of(a), right = number_of(b);
    return left <= right && left >= right;
}

static void values_compare(struct comparing *comparing, uint32_t then, uint32_t now);

/* Two objects that are equal but for some values list their members in one order, so the member at the same place is
 * tried first. */
static void objects_compare(struct comparing *comparing, uint32_t then, uint32_t now)
{
    const struct json_document *left = &comparing->then.document, *right = &comparing->now.document;
    uint32_t beside = now + 1;
    for (uint32_t node = then + 1; node < left->nodes[then].next; node = left->nodes[node].next) {
        const struct span name = json_name(left, node);
        const bool is_beside = beside < right->nodes[now].next && span_equal(json_name(right, beside), name);
        const uint32_t other = is_beside ? beside : json_member(right, now, name);
        if (beside < right->nodes[now].next)
            beside = right->nodes[beside].next;
        enter(comparing, name, 0);
        if (other == 0)
            differ(comparing, raw_of(&comparing->then, node), SPAN_NONE);
        else
            values_compare(comparing, node, other);
        leave(comparing);
    }
    for (uint32_t node = now + 1; node < right->nodes[now].next; node = right->nodes[node].next) {
        const struct span name = json_name(right, node);
        if (json_member(left, then, name) != 0)
            continue;
        enter(comparing, name, 0);
        differ(comparing, SPAN_NONE, raw_of(&comparing->now, node));
        leave(comparing);
    }
}

static void arrays_compare(struct comparing *comparing, uint32_t then, uint32_t now)
{
    const struct json_node *left = comparing->then.document.nodes, *right = comparing->now.document.nodes;
    uint32_t a = then + 1, b = now + 1;
    for (unsigned index = 0; a < left[then].next || b < right[now].next; index++) {
        const bool has_then = a < left[then].next, has_now = b < right[now].next;
        enter(comparing, SPAN_NONE, index);
        if (has_then && has_now)
            values_compare(comparing, a, b);
        else
            differ(comparing, has_then ? raw_of(&comparing->then, a) : SPAN_NONE,
                   has_now ? raw_of(&comparing->now, b) : SPAN_NONE);
        leave(comparing);
        a = has_then ? left[a].next : a;
        b = has_now ? right[b].next : b;
    }
}

static void values_compare(struct comparing *comparing, uint32_t then, uint32_t now)
{
    const struct json_document *left = &comparing->then.document, *right = &comparing->now.document;
    const enum json_type type = left->nodes[then].type;
    bool equal = type == right->nodes[now].type;
    if (equal && type == NODE_OBJECT) {
        objects_compare(comparing, then, now);
        return;
    }
    if (equal && type == NODE_ARRAY) {
        arrays_compare(comparing, then, now);
        return;
    }
    if (equal && type == NODE_NUMBER)
        equal = numbers_equal(json_text(left, then), json_text(right, now));
    else if (equal && type == NODE_STRING)
        equal = span_equal(json_text(left, then), json_text(right, now));
    if (!equal)
        differ(comparing, raw_of(&comparing->then, then), raw_of(&comparing->now, now));
}

bool json_difference_find(struct span then, struct span now, struct json_parser *parser, struct arena *arena,
                          struct json_difference **first)
{
    struct comparing comparing = {.arena = arena};
    comparing.end = &comparing.first;
    *first = NULL;
    if (!parse(&comparing.then, then, parser, arena) || !parse(&comparing.now, now, parser, arena))
        return false;
    values_compare(&comparing, 0, 0);
    *first = comparing.first;
    return true;
}

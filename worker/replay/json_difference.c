#include "worker/replay/json_difference.h"

#include <stdio.h>

#include "common/key_table.h"

#define DEPTH        32
#define LISTED_BYTES ((size_t)4 << 20) /* of all paths; further differences are not listed */
#define FEW_NODES    64                /* of an object whose members are searched one after the other */
#define EXPONENT     1000000000000000  /* a number with a larger one is compared by its text */

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
    if (text.length > 0)
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
    char *text = arena_room(comparing->arena, longest), *to = text;
    for (uint32_t i = 0; i < comparing->depth; i++) {
        const struct step *step = &comparing->path[i];
        *to++ = '/';
        to = step->name.at ? append_name(to, step->name) : to + sprintf(to, "%u", step->index);
    }
    comparing->arena->used += (size_t)(to - text);
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

/* ---- Numbers ---- */

/* A number as 0.DIGITS times ten to the power of `exponent`, without zeros at either end of its digits. */
struct decimal {
    bool is_negative;
    const char *at, *end; /* the digits, perhaps with a point among them; at == end: zero */
    int64_t exponent;
};

/* The exponent's digits, with a sign. Ends beyond EXPONENT. */
static int64_t exponent_of(const char *at, const char *end)
{
    const bool is_negative = at < end && *at == '-';
    int64_t sum = 0;
    for (at += at < end && (*at == '-' || *at == '+'); at < end && sum <= EXPONENT; at++)
        sum = 10 * sum + (*at - '0');
    return is_negative ? -sum : sum;
}

/* False if the exponent is too large. `token` is a JSON number. */
static bool decimal_of(struct span token, struct decimal *decimal)
{
    const char *at = token.at + (token.at[0] == '-'), *const stop = token.at + token.length, *end = at, *point = NULL;
    for (; end < stop && *end != 'e' && *end != 'E'; end++)
        if (*end == '.')
            point = end;
    const int64_t exponent = end < stop ? exponent_of(end + 1, stop) : 0;
    if (!point)
        point = end;
    while (at < end && (*at == '0' || *at == '.'))
        at++;
    while (end > at && (end[-1] == '0' || end[-1] == '.'))
        end--;
    *decimal = (struct decimal){.at = at, .end = end};
    if (at == end)
        return true;
    decimal->is_negative = token.at[0] == '-';
    decimal->exponent = exponent + (point - at) + (at > point);
    return exponent >= -EXPONENT && exponent <= EXPONENT;
}

static bool digits_equal(struct decimal a, struct decimal b)
{
    while (a.at < a.end && b.at < b.end) {
        a.at += *a.at == '.';
        b.at += *b.at == '.';
        if (*a.at++ != *b.at++)
            return false;
    }
    return a.at == a.end && b.at == b.end;
}

static bool numbers_equal(struct span a, struct span b)
{
    struct decimal left, right;
    if (span_equal(a, b))
        return true;
    return decimal_of(a, &left) && decimal_of(b, &right) && left.is_negative == right.is_negative &&
           left.exponent == right.exponent && digits_equal(left, right);
}

/* ---- Values ---- */

static void values_compare(struct comparing *comparing, uint32_t then, uint32_t now);

/* The members of an object by their names. */
struct members {
    const struct json_document *document;
    uint32_t object;
    uint32_t next; /* the member after the one that was found last; two objects mostly have one order */
    /* Of an object with many nodes, once a member was not the next one. */
    uint32_t *nodes; /* NULL: not yet */
    struct key_table table;
};

static void members_index(struct members *members, struct arena *arena)
{
    const struct json_node *nodes = members->document->nodes;
    const uint32_t most = nodes[members->object].next - members->object, slot_count = key_table_slots(most);
    struct span *names = arena_alloc(arena, most * sizeof(*names));
    uint32_t count = 0;
    members->nodes = arena_alloc(arena, most * sizeof(*members->nodes));
    key_table_open(&members->table, names, arena_alloc(arena, slot_count * sizeof(uint32_t)), slot_count,
                   (uintptr_t)arena->base);
    for (uint32_t node = members->object + 1; node < nodes[members->object].next; node = nodes[node].next) {
        names[count] = json_name(members->document, node);
        members->nodes[count] = node;
        if (key_table_add(&members->table, count)) /* the parser allows no name twice */
            count++;
    }
}

/* The member called `name`, or 0. */
static uint32_t members_find(struct members *members, struct span name, struct arena *arena)
{
    const struct json_node *nodes = members->document->nodes;
    const uint32_t end = nodes[members->object].next;
    uint32_t found = 0;
    if (members->next < end && span_equal(json_name(members->document, members->next), name)) {
        found = members->next;
    } else if (end - members->object <= FEW_NODES) {
        found = json_member(members->document, members->object, name);
    } else {
        if (!members->nodes)
            members_index(members, arena);
        const int index = key_table_find(&members->table, name);
        found = index < 0 ? 0 : members->nodes[index];
    }
    if (found != 0)
        members->next = nodes[found].next;
    return found;
}

static void objects_compare(struct comparing *comparing, uint32_t then, uint32_t now)
{
    const struct json_document *left = &comparing->then.document, *right = &comparing->now.document;
    const uint32_t count = right->nodes[now].next - now;
    bool *matched = memset(arena_alloc(comparing->arena, count), 0, count); /* by node, from `now` on */
    struct members members = {.document = right, .object = now, .next = now + 1};
    for (uint32_t node = then + 1; node < left->nodes[then].next; node = left->nodes[node].next) {
        const struct span name = json_name(left, node);
        const uint32_t other = members_find(&members, name, comparing->arena);
        enter(comparing, name, 0);
        if (other == 0) {
            differ(comparing, raw_of(&comparing->then, node), SPAN_NONE);
        } else {
            matched[other - now] = true;
            values_compare(comparing, node, other);
        }
        leave(comparing);
    }
    for (uint32_t node = now + 1; node < right->nodes[now].next; node = right->nodes[node].next) {
        if (matched[node - now])
            continue;
        enter(comparing, json_name(right, node), 0);
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

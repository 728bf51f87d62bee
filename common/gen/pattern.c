#include "common/gen/pattern.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen/catalogue.h"

#define ANY_DIGIT    0x3ff
#define COUNT_LIMIT  20 /* no number is longer */
#define GROUPS_LIMIT 50 /* nesting depth */

/* A part of the automaton. It is entered at `first` and left at the fork `last`, whose `next` is not set yet. */
struct part {
    uint32_t first, last;
};

struct reader {
    struct nodes *nodes;
    const char *at;
    const char *fault; /* NULL until the first one */
    int depth;
};

void nodes_free(struct nodes *nodes)
{
    free(nodes->node);
    *nodes = (struct nodes){0};
}

static uint32_t node_add(struct nodes *nodes, struct node node)
{
    if (nodes->count == nodes->capacity) {
        nodes->capacity = nodes->capacity == 0 ? 1024 : nodes->capacity * 2;
        nodes->node = grow(nodes->node, nodes->capacity, sizeof(*nodes->node));
    }
    nodes->node[nodes->count] = node;
    return nodes->count++;
}

static uint32_t fork_add(struct nodes *nodes, uint32_t next, uint32_t other)
{
    return node_add(nodes, (struct node){NODE_FORK, 0, next, other});
}

static struct part part_empty(struct nodes *nodes)
{
    uint32_t fork = fork_add(nodes, NODE_NONE, NODE_NONE);
    return (struct part){fork, fork};
}

static struct part part_digit(struct nodes *nodes, uint16_t digits)
{
    uint32_t last = fork_add(nodes, NODE_NONE, NODE_NONE);
    return (struct part){node_add(nodes, (struct node){NODE_DIGIT, digits, last, NODE_NONE}), last};
}

static struct part part_chain(struct nodes *nodes, struct part head, struct part tail)
{
    nodes->node[head.last].next = tail.first;
    return (struct part){head.first, tail.last};
}

static struct part part_either(struct nodes *nodes, struct part one, struct part two)
{
    uint32_t last = fork_add(nodes, NODE_NONE, NODE_NONE);
    nodes->node[one.last].next = last;
    nodes->node[two.last].next = last;
    return (struct part){fork_add(nodes, one.first, two.first), last};
}

static struct part read_alternatives(struct reader *reader);

static struct part fail(struct reader *reader, const char *fault)
{
    if (reader->fault == NULL)
        reader->fault = fault;
    return part_empty(reader->nodes);
}

static bool take(struct reader *reader, const char *text)
{
    size_t length = strlen(text);
    if (strncmp(reader->at, text, length) != 0)
        return false;
    reader->at += length;
    return true;
}

static struct part read_class(struct reader *reader)
{
    uint16_t digits = 0;
    while (isdigit((unsigned char)*reader->at)) {
        int low = *reader->at++ - '0', high = low;
        if (reader->at[0] == '-' && isdigit((unsigned char)reader->at[1])) {
            high = reader->at[1] - '0';
            reader->at += 2;
        }
        for (int digit = low; digit <= high; digit++)
            digits |= (uint16_t)(1 << digit);
    }
    if (!take(reader, "]") || digits == 0)
        return fail(reader, "a class that is not of digits");
    return part_digit(reader->nodes, digits);
}

static struct part read_one(struct reader *reader)
{
    if (take(reader, "\\d"))
        return part_digit(reader->nodes, ANY_DIGIT);
    if (take(reader, "["))
        return read_class(reader);
    if (take(reader, "(?:")) {
        if (++reader->depth > GROUPS_LIMIT)
            return fail(reader, "too many groups within groups");
        struct part group = read_alternatives(reader);
        reader->depth--;
        return take(reader, ")") ? group : fail(reader, "a group that does not end");
    }
    if (isdigit((unsigned char)*reader->at))
        return part_digit(reader->nodes, (uint16_t)(1 << (*reader->at++ - '0')));
    return fail(reader, "a sign that is neither digit, \\d, class nor group");
}

static int read_number(struct reader *reader)
{
    int number = 0;
    if (!isdigit((unsigned char)*reader->at))
        return -1;
    while (isdigit((unsigned char)*reader->at) && number <= COUNT_LIMIT)
        number = number * 10 + *reader->at++ - '0';
    return number;
}

static void read_count(struct reader *reader, int *least, int *most)
{
    *least = *most = 1;
    if (take(reader, "?")) {
        *least = 0;
    } else if (take(reader, "{")) {
        *least = *most = read_number(reader);
        if (take(reader, ","))
            *most = read_number(reader);
        if (!take(reader, "}") || *least < 0 || *most < 1 || *most < *least || *most > COUNT_LIMIT)
            fail(reader, "a count that is not understood");
    }
}

/* One digit, class or group with its count. It is read again for every further copy that the count needs. */
static struct part read_counted(struct reader *reader)
{
    const char *begin = reader->at;
    struct part copy = read_one(reader);
    const char *end = reader->at;
    int least, most;
    read_count(reader, &least, &most);
    if (reader->fault != NULL || (least == 1 && most == 1))
        return copy;

    const char *behind = reader->at;
    struct part whole = part_empty(reader->nodes);
    for (int i = 0; i < most; i++) {
        if (i > 0) {
            reader->at = begin;
            copy = read_one(reader);
        }
        if (i >= least)
            copy = part_either(reader->nodes, copy, part_empty(reader->nodes));
        whole = part_chain(reader->nodes, whole, copy);
    }
    if (most > 1 && reader->at != end)
        return fail(reader, "a group that does not read the same twice");
    reader->at = behind;
    return whole;
}

static struct part read_sequence(struct reader *reader)
{
    if (*reader->at == '\0' || *reader->at == '|' || *reader->at == ')')
        return fail(reader, "an alternative of nothing");
    struct part sequence = part_empty(reader->nodes);
    while (reader->fault == NULL && *reader->at != '\0' && *reader->at != '|' && *reader->at != ')')
        sequence = part_chain(reader->nodes, sequence, read_counted(reader));
    return sequence;
}

static struct part read_alternatives(struct reader *reader)
{
    struct part alternatives = read_sequence(reader);
    while (reader->fault == NULL && take(reader, "|"))
        alternatives = part_either(reader->nodes, alternatives, read_sequence(reader));
    return alternatives;
}

uint32_t pattern_add(struct nodes *nodes, const char *text, bool beginning, uint32_t mark, const char **fault)
{
    struct reader reader = {nodes, text, NULL, 0};
    struct part whole = read_alternatives(&reader);
    if (reader.fault == NULL && *reader.at != '\0')
        fail(&reader, "a bracket that was never opened");
    if (reader.fault != NULL) {
        *fault = reader.fault;
        return NODE_NONE;
    }
    uint32_t end = node_add(nodes, (struct node){NODE_MARK, 0, mark, NODE_NONE});
    nodes->node[whole.last].next = end;
    if (beginning) {
        uint32_t rest = node_add(nodes, (struct node){NODE_DIGIT, ANY_DIGIT, whole.last, NODE_NONE});
        nodes->node[whole.last].other = rest;
    }
    return whole.first;
}

#include "common/gen/automaton.h"

#include <stdlib.h>
#include <string.h>

void automaton_open(struct automaton *automaton)
{
    *automaton = (struct automaton){0};
    const struct state dead = {0};
    automaton_number(automaton, &dead);
}

void automaton_close(struct automaton *automaton)
{
    catalogue_free(&automaton->states);
}

uint32_t automaton_count(const struct automaton *automaton)
{
    return automaton->states.count;
}

const struct state *automaton_state(const struct automaton *automaton, uint32_t state)
{
    return catalogue_bytes(&automaton->states, state);
}

uint32_t automaton_number(struct automaton *automaton, const struct state *state)
{
    return catalogue_number(&automaton->states, state, sizeof(*state));
}

/* The subset construction of one calling code. A situation is what some digits lead to: how many digits there were,
 * and the nodes (NODE_DIGIT and NODE_MARK, ascending) at which they can have arrived. */
struct construction {
    struct automaton *automaton;
    const struct code *code;
    uint32_t limit;
    automaton_rule *rule;
    struct catalogue situations;
    uint32_t *states; /* by situation; UINT32_MAX: not known yet */
    uint32_t states_capacity;
    uint32_t *seen; /* by node: the situation in which it was last collected */
    uint32_t collection;
};

struct situation {
    uint32_t length;
    uint32_t count;
    uint32_t nodes[];
};

static void collect(struct construction *construction, struct situation *situation, uint32_t at)
{
    const struct node *nodes = construction->code->nodes.node;
    for (; at != NODE_NONE; at = nodes[at].next) {
        if (construction->seen[at] == construction->collection)
            return;
        construction->seen[at] = construction->collection;
        if (nodes[at].kind != NODE_FORK) {
            situation->nodes[situation->count++] = at;
            return;
        }
        if (nodes[at].other != NODE_NONE)
            collect(construction, situation, nodes[at].other);
    }
}

static int compare_nodes(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return left < right ? -1 : left > right;
}

static struct situation *situation_new(struct construction *construction, uint32_t length)
{
    size_t bytes = sizeof(struct situation) + construction->code->nodes.count * sizeof(uint32_t);
    struct situation *situation = grow(NULL, bytes, 1);
    situation->length = length;
    situation->count = 0;
    construction->collection++;
    return situation;
}

static struct situation *situation_after(struct construction *construction, const struct situation *before, int digit)
{
    const struct node *nodes = construction->code->nodes.node;
    struct situation *after = situation_new(construction, before->length + 1);
    for (uint32_t i = 0; i < before->count; i++)
        if (nodes[before->nodes[i]].kind == NODE_DIGIT && (nodes[before->nodes[i]].digits >> digit & 1) != 0)
            collect(construction, after, nodes[before->nodes[i]].next);
    qsort(after->nodes, after->count, sizeof(after->nodes[0]), compare_nodes);
    return after;
}

static uint32_t situation_verdict(const struct construction *construction, const struct situation *situation)
{
    const struct code *code = construction->code;
    struct findings findings = {0};
    for (uint32_t i = 0; i < situation->count; i++) {
        const struct node *node = &code->nodes.node[situation->nodes[i]];
        if (node->kind != NODE_MARK)
            continue;
        uint32_t territory = node->next / ELEMENT_COUNT, element = node->next % ELEMENT_COUNT;
        uint32_t lengths = code->territories[territory].lengths[element];
        if (element == ELEMENT_LEADING || (lengths >> situation->length & 1) != 0)
            findings.elements[territory] |= 1u << element;
    }
    return construction->rule(code, &findings, situation->length);
}

static uint32_t situation_number(struct construction *construction, const struct situation *situation)
{
    size_t bytes = sizeof(*situation) + situation->count * sizeof(situation->nodes[0]);
    uint32_t number = catalogue_number(&construction->situations, situation, bytes);
    if (number >= construction->states_capacity) {
        uint32_t capacity = number < 512 ? 1024 : number * 2;
        construction->states = grow(construction->states, capacity, sizeof(*construction->states));
        for (uint32_t i = construction->states_capacity; i < capacity; i++)
            construction->states[i] = UINT32_MAX;
        construction->states_capacity = capacity;
    }
    return number;
}

/* The state of a situation. It is numbered after the states of everything that can follow. The recursion is as deep
 * as a number is long. */
static uint32_t state_of(struct construction *construction, const struct situation *situation)
{
    uint32_t number = situation_number(construction, situation);
    if (construction->states[number] != UINT32_MAX)
        return construction->states[number];

    struct state state = {.verdict = situation_verdict(construction, situation)};
    for (int digit = 0; digit < 10 && situation->length < construction->limit; digit++) {
        struct situation *after = situation_after(construction, situation, digit);
        state.next[digit] = state_of(construction, after);
        free(after);
    }
    construction->states[number] = automaton_number(construction->automaton, &state);
    return construction->states[number];
}

uint32_t automaton_add(struct automaton *automaton, const struct code *code, uint32_t limit, automaton_rule *rule)
{
    struct construction construction = {.automaton = automaton, .code = code, .limit = limit, .rule = rule};
    construction.seen = grow(NULL, code->nodes.count, sizeof(*construction.seen));
    memset(construction.seen, 0, code->nodes.count * sizeof(*construction.seen));

    struct situation *begin = situation_new(&construction, 0);
    for (uint32_t i = 0; i < code->begin_count; i++)
        collect(&construction, begin, code->begins[i]);
    qsort(begin->nodes, begin->count, sizeof(begin->nodes[0]), compare_nodes);
    uint32_t state = state_of(&construction, begin);

    free(begin);
    free(construction.seen);
    free(construction.states);
    catalogue_free(&construction.situations);
    return state;
}

/* automaton: deterministic, acyclic and minimal, over decimal digits. States with the same future are one state: a
 * state is numbered by its content, and its successors are numbered before it. */
#ifndef COMMON_GEN_AUTOMATON_H
#define COMMON_GEN_AUTOMATON_H

#include <stdint.h>

#include "common/gen/catalogue.h"
#include "common/gen/numbering_plan.h"

#define STATE_DEAD 0 /* no continuation has a verdict other than 0; all its successors are itself */

struct state {
    uint32_t verdict;
    uint32_t next[10];
};

struct automaton {
    struct catalogue states;
};

void automaton_open(struct automaton *automaton);
void automaton_close(struct automaton *automaton);

uint32_t automaton_count(const struct automaton *automaton);
/* Borrowed until automaton_close. */
const struct state *automaton_state(const struct automaton *automaton, uint32_t state);
/* The number of the state with this content. Its successors are numbered already. */
uint32_t automaton_number(struct automaton *automaton, const struct state *state);

/* What the patterns of a territory say of one number: bit e is set if element e matches, its lengths included. */
struct findings {
    uint32_t elements[TERRITORIES_LIMIT];
};

/* The verdict on a number of `length` national digits. It may be other than 0 only for lengths up to automaton_add's
 * limit. */
typedef uint32_t automaton_rule(const struct code *code, const struct findings *findings, uint32_t length);

/* Adds an automaton for the national numbers of `code` of up to `limit` digits. Returns the initial state. */
uint32_t automaton_add(struct automaton *automaton, const struct code *code, uint32_t limit, automaton_rule *rule);

#endif

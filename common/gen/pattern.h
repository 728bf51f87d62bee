/* pattern: the numbering plan's regular expressions as one nondeterministic automaton over decimal digits.
 *
 * Grammar, and nothing else: digits, \d, classes [1-357-9], groups (?:...), alternatives |, and the counts ? {n} {n,m}
 * behind a digit, class or group. So every language is finite, and no number needs backtracking. */
#ifndef COMMON_GEN_PATTERN_H
#define COMMON_GEN_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#define NODE_NONE UINT32_MAX

enum node_kind {
    NODE_DIGIT, /* takes one of `digits`, then goes to `next` */
    NODE_FORK,  /* goes to `next` and, unless NODE_NONE, to `other`, taking no digit */
    NODE_MARK   /* a pattern matches here; `next` is its mark */
};

struct node {
    enum node_kind kind;
    uint16_t digits; /* bit d: digit d */
    uint32_t next, other;
};

struct nodes {
    struct node *node;
    uint32_t count, capacity;
};

/* An automaton of all zero bytes is empty. */
void nodes_free(struct nodes *nodes);

/* Adds `text` (NUL-terminated); its end gets `mark`. With `beginning`, any digits may follow a match. Returns the
 * initial node; or NODE_NONE, with the error in *fault (static). */
uint32_t pattern_add(struct nodes *nodes, const char *text, bool beginning, uint32_t mark, const char **fault);

#endif

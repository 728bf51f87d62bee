/* numbering_plan: reads the plan's text file. The head of common/data/numbering-plan.txt describes the format. */
#ifndef COMMON_GEN_NUMBERING_PLAN_H
#define COMMON_GEN_NUMBERING_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/gen/pattern.h"

/* The parts of a territory that have patterns. */
enum element {
    ELEMENT_LEADING,
    ELEMENT_GENERAL,
    ELEMENT_FIRST_RANGE, /* this and the following: ranges in use */
    ELEMENT_COUNT = ELEMENT_FIRST_RANGE + 10
};

#define TERRITORIES_LIMIT 32 /* of one calling code; NANP has 25 */
#define NATIONAL_DIGITS   17 /* longest national number that the metadata has */

struct territory {
    char name[4];
    uint32_t general_lengths, local_lengths; /* bit n: n digits */
    uint32_t lengths[ELEMENT_COUNT];         /* the same for each element; 0 if the territory has no such element */
    bool has_leading;
};

struct example {
    char digits[NATIONAL_DIGITS + 1];
    uint32_t territory, line;
};

/* A calling code. The marks of its nodes are territory * ELEMENT_COUNT + element. */
struct code {
    uint32_t number;
    struct territory territories[TERRITORIES_LIMIT];
    uint32_t territory_count;
    struct nodes nodes;
    uint32_t *begins; /* the node at which each pattern begins */
    uint32_t begin_count;
    struct example *examples;
    uint32_t example_count;
};

struct numbering_plan {
    char version[32];
    struct code *codes; /* ascending */
    uint32_t code_count;
};

/* Reads the file. Returns false after printing FILE:LINE: and the error on standard error. */
bool numbering_plan_read(struct numbering_plan *plan, const char *path);
void numbering_plan_free(struct numbering_plan *plan);

#endif

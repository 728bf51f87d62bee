/* phone_plan_compile PLAN OUTPUT: compiles the numbering plan into the tables that common/phone.c walks.
 *
 * The output holds two automata over digits. `fit` takes a whole number, calling code first, from one root for each
 * level. It returns the lengths that a number with this beginning can have. `territory` takes the national digits of
 * a calling code that several countries share, and returns the countries that a number belongs to. The output
 * depends on the plan only, so the same plan gives the same bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen/automaton.h"
#include "common/phone.h"

#define RANGES_MASK (((1u << ELEMENT_COUNT) - 1) & ~((1u << ELEMENT_FIRST_RANGE) - 1))

struct tables {
    struct automaton fit, territory;
    uint32_t roots[PHONE_LEVELS];       /* in `fit`, by level */
    uint32_t *fit_begins[PHONE_LEVELS]; /* in `fit`, by level and calling code: the state after the code */
    uint32_t *territory_begins;         /* the same in `territory`; STATE_DEAD if the code is not shared */
};

static bool is_general(uint32_t elements)
{
    return (elements >> ELEMENT_GENERAL & 1) != 0;
}

/* True if the number is in one of the territory's ranges in use. */
static bool is_in_use(uint32_t elements)
{
    return is_general(elements) && (elements & RANGES_MASK) != 0;
}

static uint32_t digits_of(uint32_t code)
{
    return code < 10 ? 1 : code < 100 ? 2 : 3;
}

/* Bit n: the code's numbers can have n national digits, and stay within PHONE_DIGITS. The lengths of the first
 * territory are those of the whole code. */
static uint32_t lengths_of(const struct code *code)
{
    uint32_t within = (2u << (PHONE_DIGITS - digits_of(code->number))) - 1;
    return code->territories[0].general_lengths & within;
}

static uint32_t verdict_possible(const struct code *code, const struct findings *findings, uint32_t length)
{
    (void)findings;
    return lengths_of(code) >> length & 1;
}

static uint32_t verdict_plan(const struct code *code, const struct findings *findings, uint32_t length)
{
    bool fits = false;
    for (uint32_t t = 0; t < code->territory_count; t++)
        fits |= is_general(findings->elements[t]);
    return fits && verdict_possible(code, findings, length);
}

/* libphonenumber's IsValidNumber. Take the territories in order. The first one whose leading digits match is chosen;
 * a territory without leading digits is chosen if the number is in use there. The number must then be in use in the
 * chosen territory. Numbers that can be dialled only locally are not possible, though libphonenumber calls some of
 * them valid. */
static uint32_t verdict_assigned(const struct code *code, const struct findings *findings, uint32_t length)
{
    for (uint32_t t = 0; t < code->territory_count; t++) {
        uint32_t elements = findings->elements[t];
        bool by_leading = code->territories[t].has_leading && code->territory_count > 1;
        if (by_leading ? (elements >> ELEMENT_LEADING & 1) != 0 : is_in_use(elements))
            return is_in_use(elements) && verdict_possible(code, findings, length);
    }
    return false;
}

static automaton_rule *const rules[PHONE_LEVELS] = {verdict_possible, verdict_plan, verdict_assigned};

/* The set of a number's territories; see phone_countries. */
static uint32_t verdict_territory(const struct code *code, const struct findings *findings, uint32_t length)
{
    uint32_t in_use = 0, leading = 0, general = 0, all = 0;
    for (uint32_t t = 0; t < code->territory_count; t++) {
        uint32_t elements = findings->elements[t];
        all |= 1u << t;
        if (is_in_use(elements))
            in_use |= 1u << t;
        if ((elements >> ELEMENT_LEADING & 1) != 0)
            leading |= 1u << t;
        if (is_general(elements) && !code->territories[t].has_leading)
            general |= 1u << t;
    }
    if (!verdict_possible(code, findings, length))
        return 0;
    return in_use != 0 ? in_use : leading != 0 ? leading : general != 0 ? general : all;
}

static uint32_t longest(const struct code *code)
{
    uint32_t length = 0;
    while (lengths_of(code) >> (length + 1) != 0)
        length++;
    return length;
}

/* The state after the `length` digits of `prefix`. It leads to every calling code with this prefix. */
static uint32_t add_prefix(struct automaton *automaton, const struct numbering_plan *plan, const uint32_t *begins,
                           uint32_t prefix, uint32_t length)
{
    for (uint32_t i = 0; i < plan->code_count; i++)
        if (plan->codes[i].number == prefix)
            return begins[i];
    struct state state = {0};
    for (uint32_t digit = length == 0; digit < 10 && length < 3; digit++)
        state.next[digit] = add_prefix(automaton, plan, begins, prefix * 10 + digit, length + 1);
    return automaton_number(automaton, &state);
}

static void add_codes(struct tables *tables, const struct numbering_plan *plan)
{
    for (int level = 0; level < PHONE_LEVELS; level++) {
        uint32_t *begins = grow(NULL, plan->code_count, sizeof(uint32_t));
        for (uint32_t i = 0; i < plan->code_count; i++)
            begins[i] = automaton_add(&tables->fit, &plan->codes[i], longest(&plan->codes[i]), rules[level]);
        tables->fit_begins[level] = begins;
        tables->roots[level] = add_prefix(&tables->fit, plan, begins, 0, 0);
    }
    tables->territory_begins = grow(NULL, plan->code_count, sizeof(uint32_t));
    for (uint32_t i = 0; i < plan->code_count; i++) {
        const struct code *code = &plan->codes[i];
        tables->territory_begins[i] = STATE_DEAD;
        if (code->territory_count > 1)
            tables->territory_begins[i] = automaton_add(&tables->territory, code, longest(code), verdict_territory);
    }
}

static uint32_t walk(const struct automaton *automaton, uint32_t state, const char *digits)
{
    for (; *digits != '\0'; digits++)
        state = automaton_state(automaton, state)->next[*digits - '0'];
    return automaton_state(automaton, state)->verdict;
}

/* Every example must be in use, in its own territory; otherwise the plan was read wrongly. The exceptions can be
 * dialled only locally, such as Canada's 310-1234. */
static bool check_examples(const struct tables *tables, const struct numbering_plan *plan, const char *path)
{
    bool ok = true;
    for (uint32_t i = 0; i < plan->code_count; i++) {
        const struct code *code = &plan->codes[i];
        for (uint32_t e = 0; e < code->example_count; e++) {
            const struct example *example = &code->examples[e];
            size_t length = strlen(example->digits);
            bool is_local = (code->territories[0].local_lengths >> length & 1) != 0;
            if (is_local || length > PHONE_DIGITS - digits_of(code->number))
                continue;
            uint32_t territories = walk(&tables->territory, tables->territory_begins[i], example->digits);
            bool is_there = code->territory_count == 1 || (territories >> example->territory & 1) != 0;
            if (!is_there || !walk(&tables->fit, tables->fit_begins[PHONE_ASSIGNED][i], example->digits)) {
                fprintf(stderr, "%s:%u: the example is not in use\n", path, example->line);
                ok = false;
            }
        }
    }
    return ok;
}

/* States in the order of a walk's first steps, so that the states that every walk touches are close together. */
struct order {
    uint32_t *states, *places; /* the state at each index, and the index of each state; index 0 is the dead state */
    uint32_t count;
};

static void order_take(struct order *order, uint32_t state)
{
    if (state != STATE_DEAD && order->places[state] == 0) {
        order->places[state] = order->count;
        order->states[order->count++] = state;
    }
}

static struct order order_open(const struct automaton *automaton, const uint32_t *roots, uint32_t root_count)
{
    uint32_t count = automaton_count(automaton);
    struct order order = {grow(NULL, count, sizeof(uint32_t)), grow(NULL, count, sizeof(uint32_t)), 1};
    memset(order.places, 0, count * sizeof(uint32_t));
    order.states[0] = STATE_DEAD;
    for (uint32_t i = 0; i < root_count; i++)
        order_take(&order, roots[i]);
    for (uint32_t at = 1; at < order.count; at++)
        for (int digit = 0; digit < 10; digit++)
            order_take(&order, automaton_state(automaton, order.states[at])->next[digit]);
    return order;
}

static void order_close(struct order *order)
{
    free(order->states);
    free(order->places);
}

static void print_values(FILE *file, const char *type, const char *name, const uint32_t *values, uint32_t count)
{
    fprintf(file, "static const %s %s[%u] = {", type, name, count);
    for (uint32_t i = 0; i < count; i++)
        fprintf(file, "%s%u,", i % 16 == 0 ? "\n    " : " ", values[i]);
    fputs("\n};\n\n", file);
}

static bool print_next(FILE *file, const char *name, const struct automaton *automaton, const struct order *order)
{
    fprintf(file, "static const uint16_t %s[%u][10] = {\n", name, order->count);
    for (uint32_t at = 0; at < order->count; at++) {
        const struct state *state = automaton_state(automaton, order->states[at]);
        for (int digit = 0; digit < 10; digit++)
            fprintf(file, "%s%u", digit == 0 ? "    {" : ", ", order->places[state->next[digit]]);
        fputs("},\n", file);
    }
    fputs("};\n\n", file);
    return order->count <= UINT16_MAX;
}

/* Bit n of a state's `more`: a number ends n digits later. Successors have smaller numbers, so one upward pass is
 * enough. */
static uint32_t *more_of(const struct automaton *automaton)
{
    uint32_t *more = grow(NULL, automaton_count(automaton), sizeof(uint32_t));
    more[STATE_DEAD] = 0;
    for (uint32_t i = 1; i < automaton_count(automaton); i++) {
        const struct state *state = automaton_state(automaton, i);
        more[i] = state->verdict;
        for (int digit = 0; digit < 10; digit++)
            more[i] |= more[state->next[digit]] << 1;
    }
    return more;
}

static bool print_fit(FILE *file, const struct tables *tables)
{
    struct order order = order_open(&tables->fit, tables->roots, PHONE_LEVELS);
    uint32_t *more = more_of(&tables->fit);
    uint32_t *values = grow(NULL, order.count, sizeof(uint32_t));
    for (uint32_t at = 0; at < order.count; at++)
        values[at] = more[order.states[at]];

    bool fits = print_next(file, "fit_next", &tables->fit, &order);
    print_values(file, "uint16_t", "fit_more", values, order.count);
    for (int level = 0; level < PHONE_LEVELS; level++)
        values[level] = order.places[tables->roots[level]];
    print_values(file, "uint16_t", "fit_roots", values, PHONE_LEVELS);

    free(values);
    free(more);
    order_close(&order);
    return fits;
}

static bool print_territory(FILE *file, const struct tables *tables, const struct numbering_plan *plan)
{
    struct order order = order_open(&tables->territory, tables->territory_begins, plan->code_count);
    struct catalogue sets = {0};
    uint32_t *values = grow(NULL, order.count, sizeof(uint32_t));
    for (uint32_t at = 0; at < order.count; at++) {
        uint32_t set = automaton_state(&tables->territory, order.states[at])->verdict;
        values[at] = catalogue_number(&sets, &set, sizeof(set));
    }
    bool fits = print_next(file, "territory_next", &tables->territory, &order) && sets.count <= UINT8_MAX;
    print_values(file, "uint8_t", "territory_set", values, order.count);
    for (uint32_t i = 0; i < sets.count; i++)
        memcpy(&values[i], catalogue_bytes(&sets, i), sizeof(values[i]));
    print_values(file, "uint32_t", "territory_sets", values, sets.count);

    fprintf(file, "static const struct calling_code calling_codes[%u] = {\n", plan->code_count);
    for (uint32_t i = 0; i < plan->code_count; i++) {
        const struct code *code = &plan->codes[i];
        fprintf(file, "    {%u, %u, 0x%x, 0x%x, \"", code->number, order.places[tables->territory_begins[i]],
                lengths_of(code), code->territories[0].local_lengths);
        for (uint32_t t = 0; t < code->territory_count && strcmp(code->territories[t].name, "001") != 0; t++)
            fputs(code->territories[t].name, file);
        fputs("\"},\n", file);
    }
    fputs("};\n", file);

    free(values);
    catalogue_free(&sets);
    order_close(&order);
    return fits;
}

/* Writes to a temporary file first, so that an interrupted build leaves no incomplete output. */
static bool print_tables(const struct tables *tables, const struct numbering_plan *plan, const char *path)
{
    char part[4096];
    if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part)) {
        fprintf(stderr, "%s: the path is too long\n", path);
        return false;
    }
    FILE *file = fopen(part, "w");
    if (file == NULL) {
        perror(part);
        return false;
    }
    fprintf(file, "/* Made by phone_plan_compile from the numbering plan. */\n\n");
    fprintf(file, "#define PHONE_PLAN_VERSION \"%s\"\n\n", plan->version);
    bool fits = print_fit(file, tables) && print_territory(file, tables, plan);
    bool written = !ferror(file);
    written = fclose(file) == 0 && written;
    if (!fits)
        fputs("the plan has outgrown the types of its tables\n", stderr);
    else if (!written || rename(part, path) != 0)
        perror(path);
    else
        return true;
    remove(part);
    return false;
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fputs("usage: phone_plan_compile PLAN OUTPUT\n", stderr);
        return 64;
    }
    struct numbering_plan plan;
    struct tables tables = {0};
    automaton_open(&tables.fit);
    automaton_open(&tables.territory);
    bool ok = numbering_plan_read(&plan, arguments[1]);
    if (ok) {
        add_codes(&tables, &plan);
        ok = check_examples(&tables, &plan, arguments[1]) && print_tables(&tables, &plan, arguments[2]);
    }

    automaton_close(&tables.fit);
    automaton_close(&tables.territory);
    for (int level = 0; level < PHONE_LEVELS; level++)
        free(tables.fit_begins[level]);
    free(tables.territory_begins);
    numbering_plan_free(&plan);
    return ok ? 0 : 1;
}

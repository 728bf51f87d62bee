#include "tests/bench/sizing_spread.h"

#include <math.h>
#include <stdlib.h>

#include "tests/bench/measure.h"
#include "worker/redis/redis_keys.h"

int sizing_spread_master(const struct sizing_spread *spread, unsigned slot)
{
    /* The first slot of master m is m * REDIS_SLOTS / masters, rounded. */
    const int guess = (int)((double)slot * spread->masters / REDIS_SLOTS);
    const double next = round((guess + 1) * (double)REDIS_SLOTS / spread->masters);
    const double first = round(guess * (double)REDIS_SLOTS / spread->masters);
    return slot >= next ? guess + 1 : slot < first ? guess - 1 : guess;
}

static unsigned slot_of(const struct sizing_crowd *crowd, int64_t workspace)
{
    char name[EXAMPLE_BYTES], key[DEFINITIONS_KEY_SIZE];
    const size_t length = sizing_crowd_name(crowd, name, workspace);
    return redis_slot_of(span_of(key, definitions_key_text(span_of(name, length), key)));
}

void sizing_spread_open(struct sizing_spread *spread, const struct sizing_crowd *crowd, int masters, bool exact)
{
    *spread = (struct sizing_spread){.masters = masters,
                                     .clients = calloc((size_t)masters, sizeof(double)),
                                     .workspaces = calloc((size_t)masters, sizeof(double))};
    if (!spread->clients || !spread->workspaces)
        fail("out of memory");
    double *counted = exact ? calloc((size_t)crowd->workspaces, sizeof(double)) : NULL;
    if (exact && !counted)
        fail("out of memory");
    for (int64_t client = 0; exact && client < crowd->clients; client++)
        counted[sizing_crowd_workspace(crowd, client)]++;
    for (int64_t workspace = 0; workspace < crowd->workspaces; workspace++) {
        const unsigned slot = slot_of(crowd, workspace);
        const double share = exact ? counted[workspace] / (double)crowd->clients : sizing_crowd_share(crowd, workspace);
        spread->slots[slot] += share;
        spread->clients[sizing_spread_master(spread, slot)] += share * (double)crowd->clients;
        spread->workspaces[sizing_spread_master(spread, slot)]++;
        spread->largest = fmax(spread->largest, share);
    }
    free(counted);
}

void sizing_spread_close(struct sizing_spread *spread)
{
    free(spread->clients);
    free(spread->workspaces);
}

double sizing_spread_slots(const struct sizing_spread *spread, double commands)
{
    double sum = 0;
    for (int slot = 0; slot < REDIS_SLOTS; slot++)
        sum += 1 - pow(1 - spread->slots[slot], commands);
    return sum;
}

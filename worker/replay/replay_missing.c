/* The offsets that an applied replay could not read. Those before the position are in its metadata, so that the run
 * that ends the work of an interrupted one counts them, too. */
#include <stdlib.h>

#include "worker/replay/replay_apply_internal.h"

void missing_add(struct apply *apply, const struct history_hole *hole)
{
    /* What follows is read again. */
    while (apply->hole_count > 0 && apply->holes[apply->hole_count - 1].from >= hole->from)
        apply->hole_count--;
    struct history_hole *grown = realloc(apply->holes, (apply->hole_count + 1) * sizeof(*grown));
    if (!grown)
        abort();
    apply->holes = grown;
    grown[apply->hole_count++] = *hole;
}

int64_t missing_before(const struct apply *apply, const struct apply_range *range, int64_t offset)
{
    int64_t sum = range->missing;
    for (uint32_t i = 0; i < apply->hole_count; i++) {
        const struct history_hole *hole = &apply->holes[i];
        if (hole->partition == range->partition && hole->from >= range->position && hole->from < offset)
            sum += (hole->to < offset ? hole->to : offset) - hole->from;
    }
    return sum;
}

void missing_note(struct apply *apply, struct apply_range *range, int64_t offset, int64_t missing)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < apply->hole_count; i++)
        if (apply->holes[i].partition == range->partition && apply->holes[i].from >= offset)
            apply->holes[kept++] = apply->holes[i];
    apply->hole_count = kept;
    range->missing = missing;
}

int64_t missing_of_all(const struct apply *apply)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < apply->range_count; i++)
        sum += apply->ranges[i].missing;
    return sum;
}

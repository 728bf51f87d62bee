#include "worker/replay/batch_search.h"

void batch_search_begin(struct batch_search *search, int64_t from, int64_t limit, int confirmations)
{
    *search = (struct batch_search){
        .from = from, .limit = limit, .inside = from - 1, .behind = -1, .confirmations = confirmations};
}

/* The steps double until one leads behind the batch, and then halve. */
static int64_t next_place(const struct batch_search *search)
{
    const int64_t inside = search->inside, behind = search->behind;
    return inside + (behind < 0 ? inside - search->from + 1 : (behind - inside) / 2);
}

enum batch_finding batch_search_step(struct batch_search *search, batch_look *look, void *context)
{
    const bool confirms = search->confirmed < search->confirmations;
    const int64_t offset = confirms ? search->from : next_place(search);
    if (offset >= search->limit && search->behind < 0) {
        search->behind = search->limit;
    } else {
        switch (look(context, offset)) {
        case PLACE_UNKNOWN:
            return BATCH_UNKNOWN;
        case PLACE_INSIDE:
            search->inside = offset;
            search->confirmed += confirms;
            break;
        case PLACE_BEHIND:
            if (confirms)
                return BATCH_NOT;
            search->behind = offset;
        }
    }
    return search->behind == search->inside + 1 ? BATCH_ENDS : BATCH_STEP;
}

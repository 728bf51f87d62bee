#include "worker/validate/evaluate.h"

#include "worker/validate/check.h"
#include "worker/validate/decode.h"
#include "worker/validate/reply.h"

void evaluate_item(const struct evaluation *evaluation, struct item *item, struct arena *arena)
{
    if (item->outcome == OUTCOME_UNDECIDED)
        decode_item(item, evaluation->config, evaluation->parser, arena);
    if (item->workspace.at && item->outcome == OUTCOME_UNDECIDED) {
        item->definitions = evaluation->definitions;
        item->definitions_broken = evaluation->definitions_broken;
    }
    check_item(item, evaluation->config, arena);
    if (item->outcome == OUTCOME_UNDECIDED)
        item->outcome = OUTCOME_CREATED;
    reply_compose(item, arena);
}

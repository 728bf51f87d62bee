#include "worker/validate/judge.h"

#include "worker/validate/check.h"
#include "worker/validate/decode.h"
#include "worker/validate/reply.h"

void judge_item(const struct judge *judge, struct item *item, struct arena *arena)
{
    if (item->outcome == OUTCOME_UNDECIDED)
        decode_item(item, judge->config, judge->parser, arena);
    if (item->workspace.at && item->outcome == OUTCOME_UNDECIDED) {
        item->definitions = judge->definitions;
        item->definitions_broken = judge->definitions_broken;
    }
    check_item(item, judge->config, arena);
    if (item->outcome == OUTCOME_UNDECIDED)
        item->outcome = OUTCOME_CREATED;
    reply_compose(item, arena);
}

#include <stdlib.h>
#include <string.h>

#include "tests/live/replay_judge.h"

static void count(json_t *counts, const char *name)
{
    if (name)
        json_object_set_new(counts, name, json_integer(1 + json_integer_value(json_object_get(counts, name))));
}

struct tally tally_take(struct cases *cases)
{
    struct tally tally = {.then = json_object(), .now = json_object(), .workspaces = json_object()};
    for (size_t i = 0; i < cases->count; i++) {
        struct case_of_replay *item = &cases->items[i];
        struct verdict verdict = case_verdict(cases, item);
        item->kind = verdict.kind;
        tally.classes[verdict.kind]++;
        tally.lacking += verdict.kind == UNKNOWN && item->reply;
        count(tally.then, verdict.then);
        count(tally.now, verdict.now);
        const char *workspace = verdict_workspace(item, &verdict) ?: "";
        if (!json_object_get(tally.workspaces, workspace))
            json_object_set_new(tally.workspaces, workspace,
                                json_pack("{s:{}, s:{s:{}, s:{}}}", "classes", "codes", "then", "now"));
        json_t *row = json_object_get(tally.workspaces, workspace), *codes = json_object_get(row, "codes");
        count(json_object_get(row, "classes"), class_names[verdict.kind]);
        count(json_object_get(codes, "then"), verdict.then);
        count(json_object_get(codes, "now"), verdict.now);
        verdict_free(&verdict);
    }
    return tally;
}

void tally_free(struct tally *tally)
{
    json_decref(tally->then);
    json_decref(tally->now);
    json_decref(tally->workspaces);
}

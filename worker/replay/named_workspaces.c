#include "worker/replay/named_workspaces.h"

#include <stdlib.h>

#include "common/log.h"

bool named_workspaces_open(struct named_workspaces *named, const struct replay_selection *selection,
                           const struct replay_definitions_request *definitions)
{
    *named = (struct named_workspaces){.selection = selection, .definitions = definitions};
    named->occurs = calloc(selection->workspace_count + definitions->override_count + 1, sizeof(*named->occurs));
    return named->occurs != NULL;
}

void named_workspaces_close(struct named_workspaces *named)
{
    free(named->occurs);
    named->occurs = NULL;
}

static size_t count(const struct named_workspaces *named)
{
    return named->selection->workspace_count + named->definitions->override_count;
}

static struct span name_at(const struct named_workspaces *named, size_t index)
{
    const size_t selected = named->selection->workspace_count;
    return index < selected ? named->selection->workspaces[index]
                            : named->definitions->overrides[index - selected].workspace;
}

void named_workspaces_note(struct named_workspaces *named, struct span workspace)
{
    for (size_t i = 0; workspace.length > 0 && i < count(named); i++)
        if (span_equal(name_at(named, i), workspace))
            named->occurs[i] = true;
}

void named_workspaces_warn(const struct named_workspaces *named)
{
    for (size_t i = 0; i < count(named); i++)
        if (!named->occurs[i])
            log_warning("no command that was read has the workspace of this option",
                        LOG_TEXT("option", i < named->selection->workspace_count ? "--workspace" : "--definitions"),
                        LOG_SPAN("workspace", name_at(named, i)));
}

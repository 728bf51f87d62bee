#include "worker/replay/decision.h"

#include "worker/replay/presumed_reply.h"
#include "worker/validate/check.h"
#include "worker/validate/decode.h"

#define NO_ERRORS SPAN("[]")

/* A client of ours takes at most three times the bytes of its command, and errors are bounded. */
size_t decision_parser_bytes(const struct config *config)
{
    return 3 * (size_t)config->limits.command_bytes + 16 * (size_t)VIOLATION_BYTES;
}

static bool is_wanted(const struct decider *decider, const struct item *item)
{
    for (size_t i = 0; i < decider->workspace_count; i++)
        if (item->workspace.at && span_equal(decider->workspaces[i], item->workspace))
            return true;
    return !decider->workspaces;
}

static void check_with(const struct decider *decider, struct item *item, const struct found_definitions *found,
                       struct arena *arena)
{
    if (item->outcome == OUTCOME_UNDECIDED) {
        item->definitions = found->definitions;
        item->definitions_broken = found->finding == LIBRARY_BROKEN;
    }
    check_item(item, decider->config, arena);
    if (item->outcome == OUTCOME_UNDECIDED)
        item->outcome = OUTCOME_CREATED;
}

/* The outcome of such a command depended on other commands, or on a topic's limit, which history does not repeat. */
static bool depends_on_others(const struct recorded_reply *reply)
{
    return reply->kind == RECORDED_DUPLICATE || reply->error == ERROR_EMAIL_TAKEN || reply->is_refused_client;
}

/* A duplicate of a command that created a client was not checked against the definitions of its own time: it counts as
 * rejected now only if it was valid under them. */
static enum decision_result was_valid(const struct decider *decider, const struct item *decoded,
                                      const struct recorded_reply *reply, struct arena *arena, bool *valid)
{
    struct item then = *decoded;
    const struct found_definitions found = replay_definitions_then(decider->definitions, decoded, reply);
    if (found.finding == LIBRARY_FAILED)
        return DECISION_FAILED;
    if (found.finding == LIBRARY_LACKING)
        return DECISION_PASSED;
    check_with(decider, &then, &found, arena);
    *valid = then.outcome == OUTCOME_CREATED;
    replay_definitions_release(&found);
    return DECISION_MADE;
}

static void set_unknown(struct comparison *comparison, const struct recorded_reply *reply)
{
    *comparison =
        (struct comparison){.class = CLASS_UNKNOWN, .is_lacking = reply != NULL, .then = verdict_of_reply(reply)};
}

static void set_same(struct comparison *comparison, const struct recorded_reply *reply)
{
    const uint32_t verdict = verdict_of_reply(reply);
    *comparison = (struct comparison){.class = CLASS_SAME, .then = verdict, .now = verdict};
}

/* `item` is evaluated, `decoded` its state before that. */
static enum decision_result compare_dependent(const struct decider *decider, const struct item *item,
                                              const struct item *decoded, const struct recorded_reply *reply,
                                              struct arena *arena, struct comparison *comparison)
{
    bool valid = true;
    set_same(comparison, reply);
    if (item->outcome == OUTCOME_CREATED)
        return DECISION_MADE;
    if (reply->kind == RECORDED_DUPLICATE) {
        const enum decision_result result = was_valid(decider, decoded, reply, arena, &valid);
        if (result == DECISION_FAILED)
            return result;
        if (result == DECISION_PASSED)
            set_unknown(comparison, reply);
        if (result == DECISION_PASSED || !valid)
            return DECISION_MADE;
    }
    comparison->class = reply->kind == RECORDED_DUPLICATE ? CLASS_NOW_REJECTED : CLASS_ERRORS_CHANGED;
    comparison->now = verdict_of_item(item);
    return error_changes(NO_ERRORS, error_pairs_write(item, arena), decider->parser, arena, &comparison->changes)
               ? DECISION_MADE
               : DECISION_FAILED;
}

static enum decision_result compare(const struct decider *decider, const struct item *item, const struct item *decoded,
                                    const struct recorded_reply *reply, struct arena *arena,
                                    struct comparison *comparison)
{
    if (!reply) {
        set_unknown(comparison, NULL);
        comparison->now = verdict_of_item(item);
        return DECISION_MADE;
    }
    if (depends_on_others(reply))
        return compare_dependent(decider, item, decoded, reply, arena, comparison);
    if (!comparison_make(reply, decider->spill, item, decider->parser, arena, comparison))
        return DECISION_FAILED;
    if (comparison->class == CLASS_SAME)
        comparison->now = comparison->then;
    return DECISION_MADE;
}

/* `item` is as `decoded`. *proven is false if nothing was concluded, since the reply is presumed and not proven by the
 * decision. */
static enum decision_result decide(const struct decider *decider, struct item *item, const struct item *decoded,
                                   const struct recorded_reply *reply, struct arena *arena,
                                   struct comparison *comparison, bool *proven)
{
    *proven = true;
    if (reply && reply->error == ERROR_COMMAND_ID_CONFLICT) {
        set_same(comparison, reply);
        return DECISION_MADE;
    }
    struct found_definitions found = {.finding = LIBRARY_NONE};
    if (item->outcome == OUTCOME_UNDECIDED)
        found = replay_definitions_now(decider->definitions, item, reply);
    if (found.finding == LIBRARY_FAILED)
        return DECISION_FAILED;
    if (found.finding == LIBRARY_LACKING) {
        *proven = !reply || !reply->is_presumed;
        set_unknown(comparison, reply);
        return DECISION_MADE;
    }
    enum decision_result result = DECISION_MADE;
    check_with(decider, item, &found, arena);
    if (!reply || !reply->is_presumed)
        result = compare(decider, item, decoded, reply, arena, comparison);
    else if (item->outcome == OUTCOME_CREATED && comparison_is_same_client(reply, item))
        set_same(comparison, reply);
    else
        *proven = false;
    item->definitions = NULL;
    replay_definitions_release(&found);
    return result;
}

enum decision_result decision_make(const struct decider *decider, struct item *item, const struct recorded_reply *reply,
                                   struct arena *arena, struct comparison *comparison)
{
    bool proven;
    decode_item(item, decider->config, decider->parser, arena);
    if (!is_wanted(decider, item))
        return DECISION_PASSED;
    const struct item decoded = *item;
    const enum decision_result result = decide(decider, item, &decoded, reply, arena, comparison, &proven);
    if (proven)
        return result;
    struct recorded_reply checked = *reply;
    const enum presumed_finding finding = presumed_reply_check(&checked, decider->spill, decider->parser, arena);
    if (finding == PRESUMED_FAILED)
        return DECISION_FAILED;
    *item = decoded;
    return decide(decider, item, &decoded, finding == PRESUMED_RIGHT ? &checked : NULL, arena, comparison, &proven);
}

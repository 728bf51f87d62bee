/* decision_model: what the script has to do, told with the rules of claim.h over a picture of Redis in memory. The
 * commands are decided in their order; a claim that is not blocked gets its keys there and then. Each test includes it
 * once. */
#ifndef TESTS_DECISION_MODEL_H
#define TESTS_DECISION_MODEL_H

#include "worker/index/decision.h"
#include "worker/validate/record.h"

#define WORKSPACES  2
#define NAMES       3 /* of ids, and of emails, in a workspace */
#define VALUE_BYTES 10240

struct value {
    enum { VALUE_NONE, VALUE_TEXT, VALUE_LIST } kind;
    size_t length;
    char text[VALUE_BYTES];
};

struct world {
    struct value clients[WORKSPACES][NAMES], emails[WORKSPACES][NAMES];
};

static const char *const workspace_names[WORKSPACES] = {"acme", "globex"};

static size_t workspace_of(const struct item *item)
{
    return span_equal(item->workspace, span_of_text(workspace_names[1]));
}

/* Ids and emails begin with a letter of their own. */
static size_t letter_of(struct span text)
{
    return (size_t)(text.at[0] - 'a');
}

static struct span item_id(const struct item *item)
{
    return span_of(item->client_id, CLIENT_ID_LENGTH);
}

static void value_set(struct value *value, struct span text)
{
    ck_assert_uint_le(text.length, VALUE_BYTES);
    value->kind = VALUE_TEXT;
    value->length = text.length;
    memcpy(value->text, text.at, text.length);
}

/* The first `most` + 1 bytes; at == NULL if there are none. */
static struct span value_read(const struct value *value, size_t most)
{
    if (value->kind != VALUE_TEXT || value->length == 0)
        return SPAN_NONE;
    return span_of(value->text, value->length > most + 1 ? most + 1 : value->length);
}

static bool client_is_damaged(const struct value *value)
{
    const struct span line = value_read(value, STORED_LINE_BYTES);
    return value->kind == VALUE_LIST || (line.at && !stored_client_is_sound(line));
}

static bool email_is_damaged(const struct value *value)
{
    return value->kind == VALUE_LIST ||
           (value->kind == VALUE_TEXT && value->length > 0 && value->length != CLIENT_ID_LENGTH);
}

static bool is_empty(const struct value *value)
{
    return value->kind == VALUE_TEXT && value->length == 0;
}

/* A command behind the item has made this client in an earlier run of the batch. */
static bool is_made_behind(const struct batch *commands, uint32_t index, struct span line, struct span id)
{
    const struct item *item = &commands->items[index];
    struct stored_client stored;
    int64_t offset;
    if (!line.at || !stored_client_parse(line, &stored) || !claim_is_later(item, stored.source, &offset))
        return false;
    for (uint32_t i = index + 1; i < commands->count; i++) {
        const struct item *later = &commands->items[i];
        if (later->claimed && later->from.partition == item->from.partition && later->from.offset == offset)
            return span_equal(later->workspace, item->workspace) && span_equal(item_id(later), id);
    }
    return false;
}

static void model_set(struct world *world, const struct item *item, struct arena *arena)
{
    const size_t workspace = workspace_of(item);
    value_set(&world->clients[workspace][letter_of(item_id(item))],
              arena_format(arena, "%.*s %.*s\n%.*s", SPAN_FORMAT(item->position), HASH_LENGTH, item->hash,
                           SPAN_FORMAT(item->record)));
    value_set(&world->emails[workspace][letter_of(item->email_key)], item_id(item));
}

/* False if it is damaged. */
static bool model_displace(struct world *world, const struct item *item, const struct claim_finding *finding,
                           struct arena *arena)
{
    const size_t workspace = workspace_of(item);
    struct value *email = &world->emails[workspace][letter_of(item->email_key)], *theirs = NULL;
    if (is_empty(&world->clients[workspace][letter_of(item_id(item))]) || is_empty(email))
        return false;
    struct span their_email = finding->stored.at ? record_email(finding->stored, arena) : SPAN_NONE;
    if (their_email.at)
        theirs = &world->emails[workspace][letter_of(their_email)];
    if (theirs && theirs != email && email_is_damaged(theirs))
        return false;
    if (finding->owner.at && !span_equal(finding->owner, item_id(item)))
        world->clients[workspace][letter_of(finding->owner)].kind = VALUE_NONE;
    if (theirs && theirs->kind == VALUE_TEXT && span_equal(span_of(theirs->text, theirs->length), item_id(item)))
        theirs->kind = VALUE_NONE;
    model_set(world, item, arena);
    return true;
}

enum model_end { MODEL_DONE, MODEL_DAMAGED, MODEL_DISPLACED };

static enum model_end model_claim(struct world *world, struct batch *commands, uint32_t index, int64_t committed)
{
    struct item *item = &commands->items[index];
    const size_t workspace = workspace_of(item);
    const struct value *client = &world->clients[workspace][letter_of(item_id(item))];
    const struct value *email = &world->emails[workspace][letter_of(item->email_key)];
    if (client->kind == VALUE_NONE && email->kind == VALUE_NONE) {
        model_set(world, item, &commands->arena);
        item->outcome = OUTCOME_CREATED;
        return MODEL_DONE;
    }
    if (client_is_damaged(client) || email_is_damaged(email))
        return MODEL_DAMAGED;
    struct claim_finding finding = {.stored = value_read(client, VALUE_BYTES),
                                    .owner = value_read(email, CLIENT_ID_LENGTH),
                                    .committed = committed};
    finding.stored_is_too_long = finding.stored.length > 8192 + 8 * item->value.length;
    if (finding.owner.at && !span_equal(finding.owner, item_id(item))) {
        const struct value *other = &world->clients[workspace][letter_of(finding.owner)];
        if (client_is_damaged(other))
            return MODEL_DAMAGED;
        finding.owner_line = value_read(other, STORED_LINE_BYTES);
    }
    finding.stored_is_uncommitted = is_made_behind(commands, index, finding.stored, item_id(item));
    finding.owner_is_uncommitted = is_made_behind(commands, index, finding.owner_line, finding.owner);
    if (claim_is_blocked(item, &finding)) {
        if (finding.stored.at)
            finding.stored = arena_copy(&commands->arena, finding.stored);
        if (finding.owner.at)
            finding.owner = arena_copy(&commands->arena, finding.owner);
        claim_apply(item, &finding);
        return MODEL_DONE;
    }
    if (!model_displace(world, item, &finding, &commands->arena))
        return MODEL_DAMAGED;
    item->outcome = OUTCOME_CREATED;
    return MODEL_DISPLACED;
}

static enum model_end model_look_up(const struct world *world, struct batch *commands, uint32_t index,
                                    int64_t committed)
{
    struct item *item = &commands->items[index];
    const struct value *client = &world->clients[workspace_of(item)][letter_of(item_id(item))];
    if (client_is_damaged(client))
        return MODEL_DAMAGED;
    struct claim_finding finding = {.stored = value_read(client, VALUE_BYTES), .committed = committed};
    finding.stored_is_too_long = finding.stored.length > 8192 + 8 * item->value.length;
    finding.stored_is_uncommitted = is_made_behind(commands, index, finding.stored, item_id(item));
    if (finding.stored.at)
        finding.stored = arena_copy(&commands->arena, finding.stored);
    claim_apply(item, &finding);
    return MODEL_DONE;
}

/* `committed` is by partition. MODEL_DISPLACED if any claim was displaced. Does not set `claimed`. */
static enum model_end model_run(struct world *world, struct batch *commands, const int64_t *committed)
{
    enum model_end end = MODEL_DONE;
    for (uint32_t i = 0; i < commands->count; i++) {
        const struct item *item = &commands->items[i];
        enum model_end now = MODEL_DONE;
        if (item->outcome == OUTCOME_UNDECIDED)
            now = model_claim(world, commands, i, committed[item->from.partition]);
        else if (item->error == ERROR_VALIDATION_FAILED)
            now = model_look_up(world, commands, i, committed[item->from.partition]);
        if (now == MODEL_DAMAGED)
            return now;
        end = now == MODEL_DISPLACED ? now : end;
    }
    return end;
}

#endif

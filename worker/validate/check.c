#include "worker/validate/check.h"

#include <assert.h>

#include <stdio.h>

#include "common/quote.h"
#include "common/text.h"
#include "worker/validate/client.h"
#include "worker/validate/name_kind.h"
#include "worker/validate/reply.h"
#include "worker/validate/suggest.h"

/* Of a reply: all but a client and the errors; how much longer a text gets as JSON; what stands around an error. */
#define REPLY_FRAME_BYTES     1024
#define REPLY_ESCAPE_BYTES    6
#define REPLY_VIOLATION_BYTES 64

/* The members of a command. */

/* An id that decode found wrong in this member, or one that is not a string even though another source has
 * precedence. */
static void id_evaluate(struct check *check, uint32_t node)
{
    const struct item *item = check->item;
    enum json_type type = item->document.nodes[node].type;
    const struct id_fault *faults[] = {&item->command_id_fault, &item->workspace_fault};
    if (type != NODE_STRING && type != NODE_NULL) {
        check_fail_type(check, "a string", type);
        return;
    }
    for (size_t i = 0; i < 2; i++)
        if (faults[i]->code != ERROR_NONE && faults[i]->node == node)
            check_fail(check, faults[i]->code, "%.*s", SPAN_FORMAT(faults[i]->message));
}

static void text_evaluate(struct check *check, uint32_t node, struct client *client)
{
    (void)client;
    id_evaluate(check, node);
}

static void (*const rules[MEMBER_COUNT])(struct check *check, uint32_t node, struct client *client) = {
    [MEMBER_COMMAND_ID] = text_evaluate,
    [MEMBER_WORKSPACE_ID] = text_evaluate, /* several sources can have it, so it is checked separately */
    [MEMBER_TYPE] = text_evaluate,
    [MEMBER_SEND_INVITE] = client_send_invite_evaluate,
    [MEMBER_GIVEN_NAME] = client_given_name_evaluate,
    [MEMBER_FAMILY_NAME] = client_family_name_evaluate,
    [MEMBER_EMAIL] = client_email_evaluate,
    [MEMBER_COMPANY_ID] = client_company_id_evaluate,
    [MEMBER_COMPANY_IDS] = client_company_ids_evaluate,
    [MEMBER_CUSTOM_FIELDS] = client_custom_fields_evaluate,
};

static void unknown_evaluate(struct check *check, uint32_t node)
{
    const struct span name = json_name(&check->item->document, node);
    if (check->config->validation.unknown_attributes == UNKNOWN_ATTRIBUTES_REJECT)
        check_fail(check, ERROR_UNKNOWN_ATTRIBUTE, "%s is not a member of a create-client command%s",
                   quote_of(check, name), suggest_member(check, name));
}

static void members_evaluate(struct check *check, struct client *client)
{
    const struct item *item = check->item;
    const struct json_node *nodes = item->document.nodes;
    struct check_step *const step = check_enter_members(check);
    for (uint32_t node = item->command + 1; node < nodes[item->command].next; node = nodes[node].next) {
        const enum member member = name_member(&item->document, &nodes[node]);
        step->node = node;
        if (member != MEMBER_UNKNOWN)
            rules[member](check, node, client);
        else
            unknown_evaluate(check, node);
    }
    check_leave(check);
}

static void missing_evaluate(struct check *check)
{
    static const enum member required[] = {MEMBER_GIVEN_NAME, MEMBER_FAMILY_NAME, MEMBER_EMAIL};
    for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
        if (check->item->members[required[i]] != 0)
            continue;
        check_enter(check, member_name(required[i]));
        check_fail_required(check);
        check_leave(check);
    }
    if (check->item->members[MEMBER_CUSTOM_FIELDS] == 0) {
        check_enter(check, member_name(MEMBER_CUSTOM_FIELDS));
        client_custom_fields_missing(check);
        check_leave(check);
    }
}

static void workspace_missing_evaluate(struct check *check, struct span name)
{
    if (!check->item->workspace_missing)
        return;
    check_enter(check, name);
    check_fail(check, ERROR_REQUIRED,
               "must be given by header workspace-id, this member, the message key or the "
               "configuration");
    check_leave(check);
}

static void command_evaluate(struct check *check, struct client *client)
{
    const struct item *item = check->item;
    members_evaluate(check, client);
    if (!item->structured)
        workspace_missing_evaluate(check, member_name(MEMBER_WORKSPACE_ID));
    missing_evaluate(check);
}

/* A CloudEvent. Its other attributes are not checked. */
static void event_evaluate(struct check *check, struct client *client)
{
    static const struct span ids[] = {{"id", 2}, {"type", 4}, {"workspaceid", 11}, {"specversion", 11}};
    const struct item *item = check->item;
    const struct json_node *nodes = item->document.nodes;
    for (uint32_t node = 1; node < nodes[0].next; node = nodes[node].next) {
        struct span name = json_name(&item->document, node);
        check_enter(check, name);
        if (node == item->command)
            command_evaluate(check, client);
        for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
            if (span_equal(name, ids[i]))
                id_evaluate(check, node);
        check_leave(check);
    }
    workspace_missing_evaluate(check, ids[2]);
}

/* An error of an id in a header or the key, which precedes the document. The path is the member that could have had it.
 */
static void header_id_evaluate(struct check *check, const struct id_fault *fault, enum member member,
                               struct span attribute)
{
    if (fault->code == ERROR_NONE || fault->node != 0)
        return;
    check_enter(check, check->item->structured ? attribute : member_name(member));
    check_fail(check, fault->code, "%.*s", SPAN_FORMAT(fault->message));
    check_leave(check);
}

/* The outcome. */

static void decide(const struct check *check, const struct client *client)
{
    struct item *item = check->item;
    if (item->violation_count == 1)
        item_reject(item, ERROR_VALIDATION_FAILED, SPAN("1 value is not valid"));
    else if (item->violation_count > 1)
        item_reject(item, ERROR_VALIDATION_FAILED,
                    arena_format(check->arena, "%u values are not valid", (unsigned)item->violation_count));
    else if (item->definitions_broken)
        item_reject(item, ERROR_DEFINITIONS_MISSING,
                    arena_format(check->arena,
                                 "the custom field definitions of workspace %.*s are not usable, must be mended first; "
                                 "client-intake definitions lint shows why",
                                 SPAN_FORMAT(item->workspace)));
    else if (!item->definitions && client->custom_fields_given)
        item_reject(
            item, ERROR_DEFINITIONS_MISSING,
            arena_format(check->arena,
                         "workspace %.*s has no custom field definitions, must have some before custom fields can be "
                         "given",
                         SPAN_FORMAT(item->workspace)));
}

static void item_evaluate(struct item *item, const struct config *config, struct arena *arena)
{
    struct check check; /* the path's steps are set when they are entered */
    struct client client = {0};
    check.config = config;
    check.item = item;
    check.arena = arena;
    check.depth = 0;
    check.compared = check.cased = 0;
    header_id_evaluate(&check, &item->command_id_fault, MEMBER_COMMAND_ID, SPAN("id"));
    header_id_evaluate(&check, &item->workspace_fault, MEMBER_WORKSPACE_ID, SPAN("workspaceid"));
    if (item->structured)
        event_evaluate(&check, &client);
    else
        command_evaluate(&check, &client);
    assert(check.depth == 0);

    decide(&check, &client);
    if (item->outcome == OUTCOME_REJECTED)
        return;
    item->email_key = text_has_ascii_capitals(client.email) ? text_ascii_lower(client.email, arena) : client.email;
    reply_compose_created(item, &client, arena);
}

/* Of an object; 0: it has none. */
static uint32_t longest_member(const struct json_document *document, uint32_t object)
{
    uint32_t longest = 0;
    for (uint32_t node = object + 1; node < document->nodes[object].next; node = document->nodes[node].next)
        if (longest == 0 || document->nodes[node].length > document->nodes[longest].length)
            longest = node;
    return longest;
}

/* The broker refused the client for its size. Whatever the rules say of the command now, this stands. */
static void refusal_evaluate(struct item *item, struct arena *arena)
{
    char most[64] = "fewer", name[QUOTE_SIZE];
    const struct json_document *document = &item->document;
    uint32_t longest = document->count > 0 ? longest_member(document, item->command) : 0;
    const char *inside = "";
    if (longest > 0 && document->nodes[longest].type == NODE_OBJECT &&
        span_equal(json_name(document, longest), member_name(MEMBER_CUSTOM_FIELDS))) {
        inside = "customFields/";
        longest = longest_member(document, longest);
    }
    if (item->client_most > 0)
        snprintf(most, sizeof(most), "%zu at most", item->client_most);
    quote_write_name(longest > 0 ? json_name(document, longest) : SPAN(""), name);
    item->outcome = OUTCOME_UNDECIDED;
    item_reject(item, ERROR_TOO_LARGE,
                arena_format(arena,
                             "the client does not fit into a message of the topic it would go to, it takes about %zu "
                             "bytes, must take %s; the longest of its values is %s%s with %u bytes",
                             item->client_bytes, most, inside, name,
                             longest > 0 ? (unsigned)document->nodes[longest].length : 0));
}

void check_item(struct item *item, const struct config *config, struct arena *arena)
{
    if (item->outcome != OUTCOME_REJECTED)
        item_evaluate(item, config, arena);
    if (item->record_form == FORM_NONE)
        refusal_evaluate(item, arena);
}

/* About the most that the reply takes of the arena. */
static size_t reply_bytes_most(const struct item *item)
{
    return REPLY_FRAME_BYTES + item->record.length + REPLY_ESCAPE_BYTES * item->violation_bytes +
           item->violation_listed * REPLY_VIOLATION_BYTES;
}

uint32_t check_batch(struct batch *batch, const struct config *config, size_t room)
{
    const size_t before = batch->arena.used;
    size_t replies = 0;
    uint32_t checked = 0;
    for (uint32_t i = 0; i < batch->count; i++) {
        struct item *item = &batch->items[i];
        if (!item_is_ours(item))
            continue;
        if (checked > 0 && batch->arena.used - before + replies > room)
            break;
        check_item(item, config, &batch->arena);
        replies += reply_bytes_most(item);
        checked++;
    }
    return checked;
}

/* givenName, familyName, email, sendInvite. */
#include "worker/validate/client.h"

#include "common/byte_block.h"
#include "common/json_writer.h"
#include "common/text.h"
#include "worker/validate/field.h"

/* Most names are ASCII and need no normalization. `text` is of a document, so that blocks can be read up to its end. */
static bool is_normal_ascii(struct span text)
{
    if (text.length == 0 || text.at[0] == ' ' || text.at[text.length - 1] == ' ')
        return false;
    /* Blocks share a byte, so each pair of spaces is in one. A pair that begins behind the last byte but one is none:
     * that byte is no space. */
    for (size_t at = 0; at + 1 < text.length; at += BYTE_BLOCK - 1) {
        const uint32_t spaces = byte_block_mask((byte_marks)(byte_block_load(text.at + at) == ' '));
        const uint32_t pairs = spaces & spaces >> 1;
        if (pairs != 0 && at + (size_t)__builtin_ctz(pairs) < text.length)
            return false;
    }
    return true;
}

/* Finds a control character other than TAB, LF and CR, which are white space. */
static bool control_found(struct check *check, struct span text)
{
    uint32_t control = text_find_control(text, "\t\n\r");
    if (control == 0)
        return false;
    check_fail(check, ERROR_CONTROL_CHARACTER,
               "must not hold the control character U+%04X, nor any other but TAB and line ends",
               control == UINT32_MAX ? 0 : (unsigned)control);
    return true;
}

static void name_evaluate(struct check *check, uint32_t node, struct span *name)
{
    const struct json_document *document = &check->item->document;
    if (document->nodes[node].type == NODE_NULL) {
        check_fail_required(check);
        return;
    }
    if (document->nodes[node].type != NODE_STRING) {
        check_fail_type(check, "a string", document->nodes[node].type);
        return;
    }
    struct span text = json_text(document, node);
    if (!(document->nodes[node].flags & JSON_ASCII) || !is_normal_ascii(text)) {
        if (control_found(check, text))
            return;
        text = text_collapse_white_space(text_compose(text, check->arena), check->arena);
        if (!text_can_be_seen(text))
            text = SPAN("");
    }
    if (text.length == 0) {
        check_fail_required(check);
        return;
    }
    size_t characters = text.length <= NAME_CHARACTERS ? 0 : text_length(text);
    if (characters > NAME_CHARACTERS)
        check_fail(check, ERROR_TOO_LONG, "must have at most %d characters, not %zu", NAME_CHARACTERS, characters);
    else
        *name = field_string_token(check, document, node, text);
}

void client_given_name_evaluate(struct check *check, uint32_t node, struct client *client)
{
    name_evaluate(check, node, &client->given_name);
}

void client_family_name_evaluate(struct check *check, uint32_t node, struct client *client)
{
    name_evaluate(check, node, &client->family_name);
}

void client_email_evaluate(struct check *check, uint32_t node, struct client *client)
{
    const struct json_document *document = &check->item->document;
    enum json_type type = document->nodes[node].type;
    if (type == NODE_NULL)
        check_fail_required(check);
    else if (type != NODE_STRING)
        check_fail_type(check, "a string", type);
    else if (!value_is_blank(document, node))
        email_normalize(check, json_text(document, node), &client->email);
    else if (!control_found(check, json_text(document, node))) /* U+0085 is white space and a control */
        check_fail_required(check);
}

void client_send_invite_evaluate(struct check *check, uint32_t node, struct client *client)
{
    const struct json_document *document = &check->item->document;
    enum json_type type = document->nodes[node].type;
    if (value_is_absent(document, node))
        return;
    if (type != NODE_TRUE && type != NODE_FALSE)
        check_fail_type(check, "true or false", type);
    else
        client->invited = type == NODE_TRUE;
}

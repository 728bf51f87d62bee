/* companyId and companyIds: opaque ids, kept unchanged. */
#include "worker/validate/client.h"

#include "common/key_table.h"
#include "common/text.h"
#include "worker/validate/field.h"

/* A company id: a string that is not blank and holds no control character. */
static bool company_evaluate(struct check *check, uint32_t node)
{
    const struct json_document *document = &check->item->document;
    if (document->nodes[node].type != NODE_STRING)
        return check_fail_type(check, "a string", document->nodes[node].type);
    struct span text = json_text(document, node);
    if (!(document->nodes[node].flags & JSON_ASCII)) {
        uint32_t control = text_find_control(text, "");
        if (control != 0)
            return check_fail(check, ERROR_CONTROL_CHARACTER,
                              "must not hold the control character U+%04X, nor any other",
                              control == UINT32_MAX ? 0 : (unsigned)control);
    }
    if (text_is_blank(text))
        return check_fail_required(check);
    size_t characters = text.length <= COMPANY_ID_CHARACTERS ? 0 : text_length(text);
    if (characters > COMPANY_ID_CHARACTERS)
        return check_fail(check, ERROR_TOO_LONG, "must have at most %d characters, not %zu", COMPANY_ID_CHARACTERS,
                          characters);
    return true;
}

/* The first of companyIds, if it can be a company id. */
static bool find_head(const struct item *item, struct span *head)
{
    const struct json_document *document = &item->document;
    uint32_t array = item->members[MEMBER_COMPANY_IDS];
    if (array == 0 || document->nodes[array].type != NODE_ARRAY || document->nodes[array].next == array + 1 ||
        document->nodes[array + 1].type != NODE_STRING || value_is_blank(document, array + 1))
        return false;
    *head = json_text(document, array + 1);
    return true;
}

void client_company_id_evaluate(struct check *check, uint32_t node, struct client *client)
{
    const struct json_document *document = &check->item->document;
    if (value_is_absent(document, node) || !company_evaluate(check, node))
        return;
    struct span text = json_text(document, node), head;
    if (find_head(check->item, &head) && !span_equal(text, head))
        check_fail(check, ERROR_COMPANY_CONFLICT, "must be the first of companyIds, %s", quote_of(check, head));
    else
        client->company_id = field_string_token(check, document, node, text);
}

/* Copies the ids, each once. The table's seed differs between processes, so that no sender can prepare a list whose
 * ids all hash to one slot. */
static void collect(struct check *check, uint32_t array, uint32_t count, struct client *client)
{
    const struct json_document *document = &check->item->document;
    struct span *ids = arena_alloc(check->arena, count * sizeof(*ids));
    struct span *tokens = arena_alloc(check->arena, count * sizeof(*tokens));
    uint32_t slots = key_table_slots(count);
    struct key_table seen;
    key_table_open(&seen, ids, arena_alloc(check->arena, slots * sizeof(uint32_t)), slots,
                   (uintptr_t)check->arena->base);
    uint32_t kept = 0;
    for (uint32_t node = array + 1; node < document->nodes[array].next; node = document->nodes[node].next) {
        ids[kept] = json_text(document, node);
        if (key_table_add(&seen, kept)) {
            tokens[kept] = field_string_token(check, document, node, ids[kept]);
            kept++;
        }
    }
    client->company_ids = tokens;
    client->company_count = kept;
}

void client_company_ids_evaluate(struct check *check, uint32_t node, struct client *client)
{
    const struct json_document *document = &check->item->document;
    if (value_is_absent(document, node))
        return;
    if (document->nodes[node].type != NODE_ARRAY) {
        check_fail_type(check, "an array of strings", document->nodes[node].type);
        return;
    }
    bool valid = true;
    uint32_t count = 0;
    for (uint32_t child = node + 1; child < document->nodes[node].next; child = document->nodes[child].next) {
        check_enter_index(check, count++);
        valid &= company_evaluate(check, child);
        check_leave(check);
    }
    if (valid)
        collect(check, node, count, client);
}

#include "worker/validate/decode.h"

#include <assert.h>
#include <strings.h>

#include "common/quote.h"
#include "common/text.h"
#include "worker/validate/malformed.h"
#include "worker/validate/name_kind.h"

#define COMMAND_TYPE SPAN("create-client")

struct decoder {
    struct item *item;
    const struct config *config;
    struct arena *arena;
    /* The members of a CloudEvent in structured mode; 0: missing. */
    uint32_t event_id, event_type, event_workspace, event_data;
};

/* An id or a type, from the first source that has it. */
struct found {
    struct span text;   /* at == NULL: no source has it, or not as text */
    uint32_t node;      /* the member it came from; 0: a header or the key */
    const char *source; /* begins messages: "header ce_id "; "" for a member, which the path names */
    bool is_text;       /* false: a member that is not a string */
};

struct json_parser *decode_parser_new(size_t capacity)
{
    struct json_parser *const parser = json_parser_new(capacity);
    if (parser)
        json_parser_know(parser, name_kind_of);
    return parser;
}

static void refuse_as_malformed(const struct decoder *decoder, struct span message)
{
    item_reject(decoder->item, ERROR_MALFORMED_JSON, message);
}

/* True if the header is there, with a value. */
static bool find_in_header(const struct decoder *decoder, struct span name, const char *source, struct found *found)
{
    const struct header *header = item_header(decoder->item, name);
    if (!header || !header->value.at)
        return false;
    *found = (struct found){.text = header->value, .source = source, .is_text = true};
    return true;
}

static bool find_command_id_in_headers(const struct decoder *decoder, struct found *found)
{
    return find_in_header(decoder, SPAN("command-id"), "header command-id ", found) ||
           find_in_header(decoder, SPAN("ce_id"), "header ce_id ", found);
}

static bool find_workspace_in_headers(const struct decoder *decoder, struct found *found)
{
    return find_in_header(decoder, SPAN("workspace-id"), "header workspace-id ", found) ||
           find_in_header(decoder, SPAN("ce_workspaceid"), "header ce_workspaceid ", found);
}

/* True if the member is there and not null. */
static bool find_in_member(const struct decoder *decoder, uint32_t node, struct found *found)
{
    const struct json_document *document = &decoder->item->document;
    if (node == 0 || document->nodes[node].type == NODE_NULL)
        return false;
    *found = (struct found){.node = node, .source = "", .is_text = document->nodes[node].type == NODE_STRING};
    if (found->is_text)
        found->text = json_text(document, node);
    return true;
}

/* The rules for both ids. */
static bool id_is_text(const struct decoder *decoder, const struct found *found, struct id_fault *fault)
{
    fault->node = found->node;
    if (!found->is_text) {
        fault->code = ERROR_TYPE_MISMATCH; /* check writes the message, as for every member */
        return false;
    }
    if (found->node == 0 && !text_is_utf8(found->text)) {
        fault->code = ERROR_ID_SYNTAX;
        fault->message = arena_format(decoder->arena, "%smust be UTF-8", found->source);
        return false;
    }
    if (text_is_blank(found->text)) {
        fault->code = ERROR_REQUIRED;
        fault->message = arena_format(decoder->arena, "%smust not be blank", found->source);
        return false;
    }
    return true;
}

static bool command_id_is_valid(const struct decoder *decoder, const struct found *found, struct id_fault *fault)
{
    if (!id_is_text(decoder, found, fault))
        return false;
    if (found->text.length <= COMMAND_ID_CHARACTERS && text_is_printable_ascii(found->text))
        return true;
    uint32_t control = text_find_control(found->text, "");
    size_t characters = text_length(found->text);
    if (control != 0)
        fault->message = arena_format(decoder->arena, "%smust not hold the control character U+%04X", found->source,
                                      control == UINT32_MAX ? 0 : (unsigned)control);
    else if (characters > COMMAND_ID_CHARACTERS)
        fault->message = arena_format(decoder->arena, "%smust have at most %d characters, not %zu", found->source,
                                      COMMAND_ID_CHARACTERS, characters);
    else
        return true;
    fault->code = ERROR_ID_SYNTAX;
    return false;
}

static bool workspace_character(char character)
{
    static const bool allowed[256] = {
        ['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['_'] = true, ['.'] = true, ['-'] = true};
    return allowed[(unsigned char)character];
}

static bool workspace_is_valid(const struct decoder *decoder, const struct found *found, struct id_fault *fault)
{
    if (!id_is_text(decoder, found, fault))
        return false;
    bool valid = found->text.length <= WORKSPACE_ID_CHARACTERS;
    for (size_t i = 0; valid && i < found->text.length; i++)
        valid = workspace_character(found->text.at[i]);
    if (valid)
        return true;
    fault->code = ERROR_ID_SYNTAX;
    size_t stray = 0;
    while (stray < found->text.length && workspace_character(found->text.at[stray]))
        stray++;
    char character[CHARACTER_SIZE] = "";
    if (stray < found->text.length)
        character_write(span_from(found->text, stray), character);
    fault->message =
        stray < found->text.length
            ? arena_format(decoder->arena, "%smust have 1 to %d of the characters A-Z a-z 0-9 _ . -, not %s",
                           found->source, WORKSPACE_ID_CHARACTERS, character)
            : arena_format(decoder->arena, "%smust have at most %d characters, not %zu", found->source,
                           WORKSPACE_ID_CHARACTERS, found->text.length);
    return false;
}

/* What follows from the message's place in its topic. */
static void decode_place(struct item *item, struct arena *arena)
{
    item->position = position_text(&item->from, arena);
    time_text(item->from.timestamp_ms, item->time);
}

/* Sets command_id; to the position if no source has a valid one. Returns whether it identifies the command. */
static bool decode_command_id(const struct decoder *decoder)
{
    struct item *item = decoder->item;
    struct found found;
    bool given = find_command_id_in_headers(decoder, &found) || find_in_member(decoder, decoder->event_id, &found) ||
                 find_in_member(decoder, item->members[MEMBER_COMMAND_ID], &found);
    bool valid = given && command_id_is_valid(decoder, &found, &item->command_id_fault);
    item->command_id = valid ? found.text : item->position;
    return valid || !given;
}

static bool find_workspace_outside(const struct decoder *decoder, struct found *found)
{
    const char *configured = decoder->config->commands.workspace;
    *found = (struct found){.is_text = true};
    if (decoder->item->key.at) {
        found->text = decoder->item->key;
        found->source = "the message key, as workspace id, ";
    } else if (configured[0] != '\0') {
        found->text = span_of_text(configured);
        found->source = "commands.workspace ";
    }
    return found->text.at != NULL;
}

/* Sets workspace, if the first source that has one has a valid one. */
static void decode_workspace(const struct decoder *decoder)
{
    struct item *item = decoder->item;
    struct found found;
    bool given =
        find_workspace_in_headers(decoder, &found) || find_in_member(decoder, decoder->event_workspace, &found) ||
        find_in_member(decoder, item->members[MEMBER_WORKSPACE_ID], &found) || find_workspace_outside(decoder, &found);
    item->workspace_missing = !given;
    if (given && workspace_is_valid(decoder, &found, &item->workspace_fault))
        item->workspace = found.text;
}

static void set_client_id(struct item *item, bool command_id_is_good)
{
    item->has_identity = command_id_is_good && item->workspace.at;
    if (item->has_identity)
        client_id_text(item->workspace, item->command_id, item->client_id);
}

/* For a value that cannot be read: uses the headers only, and nothing that the value could contradict. */
static void decode_headers_only(const struct decoder *decoder)
{
    struct item *item = decoder->item;
    struct found found;
    bool has_id =
        find_command_id_in_headers(decoder, &found) && command_id_is_valid(decoder, &found, &item->command_id_fault);
    item->command_id = has_id ? found.text : item->position;
    if (find_workspace_in_headers(decoder, &found) && workspace_is_valid(decoder, &found, &item->workspace_fault))
        item->workspace = found.text;
    set_client_id(item, has_id);
}

static void decode_type(const struct decoder *decoder)
{
    struct found found;
    if (!find_in_header(decoder, SPAN("ce_type"), "header ce_type ", &found) &&
        !find_in_member(decoder, decoder->event_type, &found) &&
        !find_in_member(decoder, decoder->item->members[MEMBER_TYPE], &found))
        return;
    if (!found.is_text)
        item_reject(decoder->item, ERROR_UNSUPPORTED_TYPE, SPAN("the command type must be the string create-client"));
    else if (!span_equal(found.text, COMMAND_TYPE))
        item_reject(decoder->item, ERROR_UNSUPPORTED_TYPE,
                    arena_format(decoder->arena, "the command type %s is not supported, only create-client is",
                                 quote_new(found.text, decoder->arena)));
}

/* True for "application/cloudevents+json", with or without parameters (RFC 9110: in any case). */
static bool is_structured_content_type(struct span value)
{
    static const struct span type = {"application/cloudevents+json", 28};
    if (!value.at || value.length < type.length || strncasecmp(value.at, type.at, type.length) != 0)
        return false;
    struct span rest = span_from(value, type.length);
    return rest.length == 0 || rest.at[0] == ';' || rest.at[0] == ' ' || rest.at[0] == '\t';
}

/* Records the known members of `object`. */
static void find_members(const struct decoder *decoder, uint32_t object)
{
    struct item *item = decoder->item;
    const struct json_node *nodes = item->document.nodes;
    memset(item->members, 0, sizeof(item->members));
    for (uint32_t node = object + 1; node < nodes[object].next; node = nodes[node].next) {
        const enum member member = name_member(&item->document, &nodes[node]);
        if (member != MEMBER_UNKNOWN)
            item->members[member] = node;
        else if (object == 0 && span_equal(json_name(&item->document, node), SPAN("specversion")))
            item->structured = true;
    }
}

static struct span root_message(const struct item *item)
{
    switch (item->document.nodes[0].type) {
    case NODE_ARRAY:
        return SPAN("the value is a JSON array from byte 0 on, must be one JSON object");
    case NODE_STRING:
        return SPAN(
            "the value is a JSON string from byte 0 on, must be a JSON object that is not written into a string");
    default:
        return SPAN("the value is no JSON object from byte 0 on, must be one");
    }
}

/* For a command that is nested one level too deep. The parser accepted it, because it could have been a CloudEvent's
 * data. */
static struct span depth_message(const struct decoder *decoder)
{
    const struct item *item = decoder->item;
    uint32_t depth = 0, at = 0;
    bool is_inside = false;
    for (; at < item->value.length && depth <= CUSTOM_FIELDS_DEPTH; at++) {
        const char byte = item->value.at[at];
        if (byte == '"')
            is_inside = !is_inside;
        else if (is_inside)
            at += byte == '\\';
        else if (byte == '{' || byte == '[')
            depth++;
        else if (byte == '}' || byte == ']')
            depth--;
    }
    const struct json_fault fault = {JSON_DEPTH, at - 1};
    return malformed_message(item->value, &fault, decoder->arena);
}

/* Finds the command in the parsed value, which may be a CloudEvent around it. */
static bool find_command(struct decoder *decoder)
{
    struct item *item = decoder->item;
    const struct json_document *document = &item->document;
    if (document->nodes[0].type != NODE_OBJECT) {
        refuse_as_malformed(decoder, root_message(item));
        return false;
    }
    const struct header *content_type = item_header(item, SPAN("content-type"));
    item->structured = content_type && is_structured_content_type(content_type->value);
    find_members(decoder, 0);
    if (!item->structured) {
        if (document->depth <= CUSTOM_FIELDS_DEPTH)
            return true;
        refuse_as_malformed(decoder, depth_message(decoder));
        return false;
    }
    decoder->event_id = json_member(document, 0, SPAN("id"));
    decoder->event_type = json_member(document, 0, SPAN("type"));
    decoder->event_workspace = json_member(document, 0, SPAN("workspaceid"));
    decoder->event_data = json_member(document, 0, SPAN("data"));
    memset(item->members, 0, sizeof(item->members));
    if (decoder->event_data == 0 || document->nodes[decoder->event_data].type != NODE_OBJECT) {
        refuse_as_malformed(decoder, SPAN("the CloudEvent's data must be a JSON object"));
        return true; /* its envelope still tells who it is */
    }
    item->command = decoder->event_data;
    find_members(decoder, item->command);
    return true;
}

static bool parse_value(const struct decoder *decoder, struct json_parser *parser)
{
    struct item *item = decoder->item;
    if (item->value.length == 0) {
        refuse_as_malformed(decoder, item->value.at ? SPAN("the value is empty, must be a JSON object")
                                                    : SPAN("the value is null, must be a JSON object"));
        return false;
    }
    size_t mark = decoder->arena->used;
    char *text = arena_alloc(decoder->arena, item->value.length + JSON_PADDING);
    memcpy(text, item->value.at, item->value.length);
    struct json_fault fault;
    /* A CloudEvent's envelope is one container more than its command. */
    if (json_parse(parser, text, item->value.length, CUSTOM_FIELDS_DEPTH + 1, decoder->arena, &item->document,
                   &fault)) {
        item->document.original = item->value.at;
        return true;
    }
    arena_reset(decoder->arena, mark);
    refuse_as_malformed(decoder, malformed_message(item->value, &fault, decoder->arena));
    return false;
}

static void refuse_as_too_large(const struct decoder *decoder, struct span message)
{
    item_reject(decoder->item, ERROR_TOO_LARGE, message);
    decode_headers_only(decoder);
}

void decode_too_large(struct item *item, const struct config *config, struct arena *arena)
{
    struct decoder decoder = {.item = item, .config = config, .arena = arena};
    decode_place(item, arena);
    refuse_as_too_large(&decoder, arena_format(arena, "the value has more than the %lld bytes that are allowed",
                                               (long long)config->limits.command_bytes));
}

/* The limits of a message outside of its value. */
static bool decode_outside(const struct decoder *decoder)
{
    const struct item *item = decoder->item;
    long long limit = decoder->config->limits.command_bytes;
    if (item->header_state == MESSAGE_UNREADABLE)
        refuse_as_too_large(
            decoder,
            SPAN("nothing of the command can be read: it was sent in a batch that has wrong offsets or lengths, or is "
                 "too long once it is decompressed"));
    else if (item->header_state == HEADERS_UNREADABLE)
        refuse_as_too_large(decoder, SPAN("the headers cannot be read, there may be 100000 at most"));
    else if (item->outer_bytes > (unsigned long long)limit)
        refuse_as_too_large(decoder, arena_format(decoder->arena,
                                                  "key and headers have %zu bytes together, more than the %lld that "
                                                  "are allowed",
                                                  item->outer_bytes, limit));
    else
        return true;
    return false;
}

void decode_item(struct item *item, const struct config *config, struct json_parser *parser, struct arena *arena)
{
    struct decoder decoder = {.item = item, .config = config, .arena = arena};
    decode_place(item, arena);
    hash_text(item->value, item->hash);
    if (item->value.length > (uint64_t)config->limits.command_bytes) {
        decode_too_large(item, config, arena);
        return;
    }
    if (!decode_outside(&decoder))
        return;
    if (!parse_value(&decoder, parser) || !find_command(&decoder)) {
        decode_headers_only(&decoder);
        return;
    }
    bool command_id_is_good = decode_command_id(&decoder);
    decode_workspace(&decoder);
    set_client_id(item, command_id_is_good);
    decode_type(&decoder);
}

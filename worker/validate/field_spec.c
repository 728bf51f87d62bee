#include "worker/validate/field_spec.h"

#include <math.h>

#include "common/nearest_word.h"
#include "common/quote.h"
#include "common/text.h"
#include "worker/validate/field.h"
#include "worker/validate/malformed.h"

#define JSON_DEPTH_LIMIT 64 /* the public API may put more into a field in the future */

/* Commands name the field or option by its key. */
static bool read_key(struct definitions_reader *reader, uint32_t object, struct span *key)
{
    uint32_t node = reader_member(reader, object, "key");
    enum json_type type = reader_type(reader, node);
    size_t where = reader_enter(reader, SPAN("key"));
    *key = type == NODE_STRING ? json_text(&reader->document, node) : SPAN("");
    bool valid = true;
    uint32_t control;
    if (type == NODE_NULL)
        valid = reader_fault(reader, "is missing, must be a string");
    else if (type != NODE_STRING)
        valid = reader_fault(reader, "must be a string");
    else if (text_is_blank(*key))
        valid = reader_fault(reader, "must not be blank");
    else if (key->length > FIELD_KEY_BYTES)
        valid = reader_fault(reader, "must have at most %d bytes, not %zu", FIELD_KEY_BYTES, key->length);
    else if ((control = text_find_control(*key, "")) != 0)
        valid = reader_fault(reader, "must not hold a control character, but holds U+%04X",
                             control == UINT32_MAX ? 0 : (unsigned)control);
    reader_leave(reader, where);
    return valid;
}

static void fault_twice(struct definitions_reader *reader, struct span key, const char *of)
{
    char quote[QUOTE_SIZE];
    quote_write(key, quote);
    size_t where = reader_enter(reader, SPAN("key"));
    reader_fault(reader, "%s is already the key of another %s, must be one of its own", quote, of);
    reader_leave(reader, where);
}

static struct key_table scratch_table(struct definitions_reader *reader, const struct span *keys, uint32_t count)
{
    struct key_table table;
    uint32_t slots = key_table_slots(count);
    key_table_open(&table, keys, arena_alloc(&reader->scratch, slots * sizeof(uint32_t)), slots, reader->seed);
    return table;
}

static void read_option_list(struct definitions_reader *reader, uint32_t list, struct field_spec *spec)
{
    const struct json_node *nodes = reader->document.nodes;
    uint32_t count = reader_count(reader, list);
    struct span *keys = arena_alloc(&reader->scratch, count * sizeof(*keys));
    struct key_table table = scratch_table(reader, keys, count);
    size_t index = 0;
    for (uint32_t node = list + 1; node < nodes[list].next; node = nodes[node].next) {
        size_t where = reader_enter_index(reader, index++);
        if (reader_type(reader, node) != NODE_OBJECT)
            reader_fault(reader, "must be an object");
        else if (read_key(reader, node, &keys[spec->option_count])) {
            if (key_table_add(&table, spec->option_count))
                spec->option_count++;
            else
                fault_twice(reader, keys[spec->option_count], "option");
        }
        reader_leave(reader, where);
    }
    spec->options = keys;
}

/* The public API may send `null` for an empty list. A multiSelect without the member comes from the API's list
 * without its options, and would refuse every value. */
static void read_options(struct definitions_reader *reader, uint32_t entry, struct field_spec *spec)
{
    uint32_t list = reader_member(reader, entry, "options");
    enum json_type type = reader_type(reader, list);
    bool chooses = spec->type->rules & RULE_SELECTED;
    size_t where = reader_enter(reader, SPAN("options"));
    if (list == 0 && chooses)
        reader_fault(reader, "is missing, must be an array of options");
    else if (type != NODE_NULL && type != NODE_ARRAY)
        reader_fault(reader, "must be an array");
    else if (!chooses && reader_count(reader, list) > 0)
        reader_fault(reader, "must be left out, only a multiSelect has options");
    else if (type == NODE_ARRAY)
        read_option_list(reader, list, spec);
    reader_leave(reader, where);
}

/* Reports the error in the type `name`, with the types that exist. */
static void fault_of_type(struct definitions_reader *reader, const char *wrong, struct span name)
{
    struct choices choices;
    char types[READER_LIST_BYTES];
    choices_open(&choices, name, &reader->compared);
    for (const struct field_type *type = field_types; type->name; type++)
        choices_offer(&choices, span_of_text(type->name), SPAN_NONE);
    reader_fault(reader, "%s%s", wrong, reader_list(reader, &choices, types));
}

static void read_type(struct definitions_reader *reader, uint32_t entry, struct field_spec *spec)
{
    uint32_t node = reader_member(reader, entry, "type");
    enum json_type type = reader_type(reader, node);
    size_t where = reader_enter(reader, SPAN("type"));
    if (type == NODE_NULL) {
        fault_of_type(reader, "is missing", SPAN(""));
    } else if (type != NODE_STRING) {
        reader_fault(reader, "must be a string");
    } else {
        const struct span name = json_text(&reader->document, node);
        char quote[QUOTE_SIZE + sizeof(" is not a type of custom field")];
        spec->type = field_type_find(name);
        if (!spec->type) {
            quote_write(name, quote);
            fault_of_type(reader, strcat(quote, " is not a type of custom field"), name);
        }
    }
    reader_leave(reader, where);
}

/* Fields without an order follow those that have one. */
static void read_order(struct definitions_reader *reader, uint32_t entry, struct field_spec *spec)
{
    uint32_t node = reader_member(reader, entry, "order");
    spec->order = INFINITY;
    if (reader_type(reader, node) == NODE_NULL || reader_number(reader, node, &spec->order))
        return;
    size_t where = reader_enter(reader, SPAN("order"));
    reader_fault(reader, "must be a number");
    reader_leave(reader, where);
}

/* Reads everything except the key. */
static void read_field(struct definitions_reader *reader, uint32_t entry, struct field_spec *spec)
{
    uint32_t name = reader_member(reader, entry, "name");
    spec->name = reader_type(reader, name) == NODE_STRING ? json_text(&reader->document, name) : spec->key;
    read_type(reader, entry, spec);
    read_order(reader, entry, spec);
    if (!spec->type)
        return; /* options and rules mean nothing without it */
    read_options(reader, entry, spec);
    rules_read(reader, reader_member(reader, entry, "rules"), spec->type, spec->option_count, &spec->rules);
}

static bool is_of_company(const struct definitions_reader *reader, uint32_t entry)
{
    if (reader_type(reader, entry) != NODE_OBJECT)
        return false;
    uint32_t node = reader_member(reader, entry, "entityType");
    return reader_type(reader, node) == NODE_STRING && span_equal(json_text(&reader->document, node), SPAN("company"));
}

static void read_list(struct definitions_reader *reader, uint32_t list, struct field_specs *specs)
{
    const struct json_node *nodes = reader->document.nodes;
    uint32_t most = 0;
    for (uint32_t entry = list + 1; entry < nodes[list].next && most < FIELDS_PER_WORKSPACE; entry = nodes[entry].next)
        most++;
    specs->items = arena_alloc(&reader->scratch, most * sizeof(*specs->items));
    struct span *keys = arena_alloc(&reader->scratch, most * sizeof(*keys));
    struct key_table table = scratch_table(reader, keys, most);
    uint32_t index = 0;
    for (uint32_t entry = list + 1; entry < nodes[list].next; entry = nodes[entry].next, index++) {
        if (is_of_company(reader, entry))
            continue;
        if (specs->count == FIELDS_PER_WORKSPACE) {
            reader_fault(reader, "must list at most %d fields", FIELDS_PER_WORKSPACE);
            return;
        }
        size_t where = reader_enter_index(reader, index);
        struct field_spec *spec = &specs->items[specs->count];
        *spec = (struct field_spec){.listed = index};
        if (reader_type(reader, entry) != NODE_OBJECT) {
            reader_fault(reader, "must be an object");
        } else {
            bool has_key = read_key(reader, entry, &spec->key);
            keys[specs->count] = spec->key;
            if (has_key && !key_table_add(&table, specs->count))
                fault_twice(reader, spec->key, "field");
            read_field(reader, entry, spec);
            specs->count++;
        }
        reader_leave(reader, where);
    }
}

static void read_response(struct definitions_reader *reader, struct field_specs *specs)
{
    if (reader->document.nodes[0].type == NODE_ARRAY) {
        read_list(reader, 0, specs);
        return;
    }
    bool is_object = reader->document.nodes[0].type == NODE_OBJECT;
    uint32_t data = is_object ? reader_member(reader, 0, "data") : 0;
    size_t where = reader_enter(reader, SPAN("data"));
    if (reader_type(reader, data) != NODE_ARRAY)
        reader_fault(reader, "must be the array of custom fields");
    else
        read_list(reader, data, specs);
    reader_leave(reader, where);
}

/* Reports where the text stops being JSON, as editors count: from 1, columns in bytes. */
static void fault_of_json(struct definitions_reader *reader, struct span json, const struct json_fault *fault)
{
    uint32_t line = 1, column = 1;
    for (uint32_t i = 0; i < fault->at && i < json.length; i++) {
        column = json.at[i] == '\n' ? 1 : column + 1;
        line += json.at[i] == '\n';
    }
    if (fault->code == JSON_DEPTH) {
        reader_fault(reader, "line %u, column %u: %s, must be at most %d levels deep", line, column,
                     json_fault_text(fault->code), JSON_DEPTH_LIMIT);
        return;
    }
    const struct span message = malformed_message(json, fault, &reader->scratch);
    if (fault->code == JSON_UTF8)
        reader_fault(reader, "%.*s", SPAN_FORMAT(message));
    else
        reader_fault(reader, "line %u, column %u: %.*s", line, column, SPAN_FORMAT(message));
}

bool field_specs_read(struct definitions_reader *reader, struct span json, struct field_specs *specs)
{
    struct json_parser *parser = json_parser_new(json.length);
    if (!parser)
        return false;
    char *text = arena_alloc(&reader->scratch, json.length + JSON_PADDING);
    if (json.length > 0)
        memcpy(text, json.at, json.length);
    struct json_fault fault;
    if (json_parse(parser, text, json.length, JSON_DEPTH_LIMIT, &reader->scratch, &reader->document, &fault))
        read_response(reader, specs);
    else
        fault_of_json(reader, json, &fault);
    json_parser_free(parser);
    return true;
}

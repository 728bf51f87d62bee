/* rules: reads a field's `rules`, and checks that they fit its type and each other. */
#include <math.h>

#include "common/nearest_word.h"
#include "worker/validate/address_country.h"
#include "worker/validate/definitions_reader.h"
#include "worker/validate/field.h"

static bool read_flag(struct definitions_reader *reader, uint32_t node, bool *flag)
{
    enum json_type type = reader_type(reader, node);
    if (type != NODE_TRUE && type != NODE_FALSE)
        return reader_fault(reader, "must be true or false");
    *flag = type == NODE_TRUE;
    return true;
}

static bool read_count(struct definitions_reader *reader, uint32_t node, uint32_t least, uint32_t *count)
{
    double number;
    if (!reader_number(reader, node, &number) || number != floor(number) || number < least || number > UINT32_MAX)
        return reader_fault(reader, "must be a whole number from %u to %u", (unsigned)least, UINT32_MAX);
    *count = (uint32_t)number;
    return true;
}

static bool read_number(struct definitions_reader *reader, uint32_t node, double *number)
{
    return reader_number(reader, node, number) || reader_fault(reader, "must be a number");
}

/* XK is Kosovo's code, which ISO 3166-1 leaves to its users. Telephone numbers have a calling code for it; addresses
 * use ISO 3166-1 only. */
static bool is_country(struct span code, bool of_numbers)
{
    return country_find(code) || (of_numbers && span_equal(code, SPAN("XK")));
}

static bool read_country(struct definitions_reader *reader, uint32_t node, bool of_numbers, uint32_t countries[26])
{
    bool is_text = reader_type(reader, node) == NODE_STRING;
    struct span code = is_text ? json_text(&reader->document, node) : SPAN("");
    if (code.length != 2 || code.at[0] < 'A' || code.at[0] > 'Z' || code.at[1] < 'A' || code.at[1] > 'Z')
        return reader_fault(reader, "must be a country code of two capital letters, like \"US\"");
    if (!is_country(code, of_numbers))
        return reader_fault(reader, "\"%.2s\" is not a country of ISO 3166-1, must be one such as \"%s\"", code.at,
                            country_meant(code) ? country_meant(code) : "US");
    countries[code.at[0] - 'A'] |= UINT32_C(1) << (code.at[1] - 'A');
    return true;
}

static bool read_countries(struct definitions_reader *reader, uint32_t node, bool of_numbers, uint32_t countries[26])
{
    const struct json_node *nodes = reader->document.nodes;
    bool valid = true;
    size_t index = 0;
    if (reader_type(reader, node) != NODE_ARRAY || reader_count(reader, node) == 0)
        return reader_fault(reader, "must be an array of at least one country code");
    for (uint32_t child = node + 1; child < nodes[node].next; child = nodes[child].next) {
        size_t where = reader_enter_index(reader, index++);
        valid &= read_country(reader, child, of_numbers, countries);
        reader_leave(reader, where);
    }
    return valid;
}

static bool read_phone_level(struct definitions_reader *reader, uint32_t node, enum phone_level *level)
{
    static const char *const names[] = {
        [PHONE_POSSIBLE] = "possible", [PHONE_PLAN] = "plan", [PHONE_ASSIGNED] = "assigned"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (reader_type(reader, node) == NODE_STRING &&
            span_equal(json_text(&reader->document, node), span_of_text(names[i]))) {
            *level = (enum phone_level)i;
            return true;
        }
    return reader_fault(reader, "must be \"possible\", \"plan\" or \"assigned\"");
}

static void read_rule(struct definitions_reader *reader, uint32_t node, unsigned allowed, struct rules *rules)
{
    enum rule {
        REQUIRED,
        INTEGER,
        MINIMUM,
        MAXIMUM,
        MIN_LENGTH,
        MAX_LENGTH,
        MIN_SELECTED,
        MAX_SELECTED,
        COUNTRIES,
        PHONE,
        UNKNOWN
    };
    static const struct {
        const char *name;
        unsigned needs; /* the rules that the type must have; 0: any type */
    } table[] = {
        [REQUIRED] = {"required", 0},
        [INTEGER] = {"integer", RULE_RANGE},
        [MINIMUM] = {"minimum", RULE_RANGE},
        [MAXIMUM] = {"maximum", RULE_RANGE},
        [MIN_LENGTH] = {"minLength", RULE_LENGTH},
        [MAX_LENGTH] = {"maxLength", RULE_LENGTH},
        [MIN_SELECTED] = {"minSelected", RULE_SELECTED},
        [MAX_SELECTED] = {"maxSelected", RULE_SELECTED},
        [COUNTRIES] = {"countries", RULE_COUNTRIES},
        [PHONE] = {"phone", RULE_PHONE},
    };
    struct span name = json_name(&reader->document, node);
    unsigned rule = REQUIRED;
    while (rule < UNKNOWN && !span_equal(span_of_text(table[rule].name), name))
        rule++;
    if (rule == UNKNOWN || (table[rule].needs != 0 && !(allowed & table[rule].needs))) {
        struct choices choices;
        char names[READER_LIST_BYTES];
        choices_open(&choices, name, &reader->compared);
        for (unsigned other = REQUIRED; other < UNKNOWN; other++)
            if (table[other].needs == 0 || (allowed & table[other].needs))
                choices_offer(&choices, span_of_text(table[other].name), SPAN_NONE);
        reader_fault(reader, "is not a rule%s%s", rule == UNKNOWN ? "" : " for fields of this type",
                     reader_list(reader, &choices, names));
        return;
    }
    if (reader_type(reader, node) == NODE_NULL)
        return;
    switch ((enum rule)rule) {
    case REQUIRED:
        read_flag(reader, node, &rules->required);
        break;
    case INTEGER:
        read_flag(reader, node, &rules->integer);
        break;
    case MINIMUM:
        rules->has_minimum = read_number(reader, node, &rules->minimum);
        break;
    case MAXIMUM:
        rules->has_maximum = read_number(reader, node, &rules->maximum);
        break;
    case MIN_LENGTH:
        rules->has_min_length = read_count(reader, node, 0, &rules->min_length);
        break;
    case MAX_LENGTH:
        rules->has_max_length = read_count(reader, node, 1, &rules->max_length);
        break;
    case MIN_SELECTED:
        rules->has_min_selected = read_count(reader, node, 0, &rules->min_selected);
        break;
    case MAX_SELECTED:
        rules->has_max_selected = read_count(reader, node, 1, &rules->max_selected);
        break;
    case COUNTRIES:
        rules->has_countries = read_countries(reader, node, allowed & RULE_PHONE, rules->countries);
        break;
    case PHONE:
        rules->has_phone = read_phone_level(reader, node, &rules->phone);
        break;
    case UNKNOWN:
        break;
    }
}

/* Finds rules that no value could satisfy together. */
static void contradictions_find(struct definitions_reader *reader, const struct rules *rules, uint32_t options)
{
    if (rules->has_min_length && rules->has_max_length && rules->min_length > rules->max_length)
        reader_fault(reader, "minLength is greater than maxLength, must be at most that");
    if (rules->has_minimum && rules->has_maximum && rules->minimum > rules->maximum)
        reader_fault(reader, "minimum is greater than maximum, must be at most that");
    else if (rules->integer && rules->has_minimum && rules->has_maximum && ceil(rules->minimum) > floor(rules->maximum))
        reader_fault(reader, "no integer lies between minimum and maximum, must be room for one");
    if (rules->has_min_selected && rules->has_max_selected && rules->min_selected > rules->max_selected)
        reader_fault(reader, "minSelected is greater than maxSelected, must be at most that");
    if (rules->has_min_selected && rules->min_selected > options)
        reader_fault(reader, "minSelected is greater than the number of options, must be at most that");
}

void rules_read(struct definitions_reader *reader, uint32_t object, const struct field_type *type, uint32_t options,
                struct rules *rules)
{
    const struct json_node *nodes = reader->document.nodes;
    *rules = (struct rules){0};
    if (reader_type(reader, object) == NODE_NULL)
        return;
    size_t where = reader_enter(reader, SPAN("rules"));
    if (reader_type(reader, object) != NODE_OBJECT) {
        reader_fault(reader, "must be an object");
    } else {
        for (uint32_t node = object + 1; node < nodes[object].next; node = nodes[node].next) {
            size_t rule = reader_enter(reader, json_name(&reader->document, node));
            read_rule(reader, node, type->rules, rules);
            reader_leave(reader, rule);
        }
        contradictions_find(reader, rules, options);
    }
    reader_leave(reader, where);
}

/* The type address: a string, which is the full address, or an object of up to seven members.
 *
 * The country decides which other members are allowed, so it is checked first, in any position. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#include "common/json_writer.h"
#include "common/text.h"
#include "worker/validate/address_country.h"
#include "worker/validate/address_postal_code.h"
#include "worker/validate/address_region.h"
#include "worker/validate/field.h"
#include "worker/validate/name_kind.h"
#include "worker/validate/suggest.h"

#define FULL_ADDRESS_CHARACTERS 1000 /* code points */
#define PART_CHARACTERS         255

#define LABEL_BYTES 16 /* of the longest label */

/* As JSON, after another member. All of `text` is copied, whatever the length. */
static const struct {
    char text[LABEL_BYTES];
    size_t length;
} part_labels[PART_COUNT] = {
#define LABEL(name)                                                                                                    \
    {                                                                                                                  \
        ",\"" name "\":", sizeof(name) + 3                                                                             \
    }
    [COUNTRY] = LABEL("country"),
    [REGION] = LABEL("region"),
    [POSTAL_CODE] = LABEL("postalCode"),
    [ADDRESS_LINE_1] = LABEL("addressLine1"),
    [ADDRESS_LINE_2] = LABEL("addressLine2"),
    [CITY] = LABEL("city"),
    [FULL_ADDRESS] = LABEL("fullAddress"),
#undef LABEL
};

/* Normalized. */
struct address {
    struct span country;            /* empty if there is none */
    bool may_have_parts;            /* the country's addresses may have parts */
    struct span tokens[PART_COUNT]; /* as JSON strings; at == NULL: absent */
};

/* Nothing but an empty string has the length 0. */
static bool is_absent(const struct json_node *node)
{
    return node->length == 0 || node->type == NODE_NULL;
}

/* Checks any text by the rule of the type text, with at most `limit` code points. */
static bool any_text_holds(struct check *check, const struct json_document *document, uint32_t node, size_t limit,
                           struct span *normal)
{
    if (document->nodes[node].type != NODE_STRING)
        return check_fail_type(check, "a string", document->nodes[node].type);
    struct span text = json_text(document, node);
    if (!(document->nodes[node].flags & JSON_LINES)) {
        const uint32_t control = text_find_control(text, "\t\n\r");
        if (control != 0)
            return check_fail(check, ERROR_CONTROL_CHARACTER,
                              "holds the control character U+%04X, must hold none but TAB and line ends",
                              control == UINT32_MAX ? 0 : control);
        text = text_unify_line_ends(text_compose(text, check->arena), check->arena);
    }
    if (text.length > limit && text_length(text) > limit)
        return check_fail(check, ERROR_TOO_LONG, "is %zu characters long, must be at most %zu", text_length(text),
                          limit);
    *normal = text;
    return true;
}

/* The same, without a call for lines of printable ASCII, as most texts are. */
static inline bool text_holds(struct check *check, const struct json_document *document, uint32_t node, size_t limit,
                              struct span *normal)
{
    const struct json_node *const value = &document->nodes[node];
    if (!(value->flags & JSON_LINES) || value->length > limit)
        return any_text_holds(check, document, node, limit, normal);
    *normal = json_text(document, node);
    return true;
}

static bool full_address_holds(struct check *check, const struct json_document *document, uint32_t node,
                               struct span *token)
{
    const bool is_text = document->nodes[node].type == NODE_STRING;
    if (document->nodes[node].type == NODE_NULL || (is_text && text_is_blank(json_text(document, node))))
        return check_fail(check, ERROR_REQUIRED, "is required, must hold more than white space");
    *token = field_lines_token(document, node, FULL_ADDRESS_CHARACTERS);
    if (token->at)
        return true;
    struct span text;
    if (!text_holds(check, document, node, FULL_ADDRESS_CHARACTERS, &text))
        return false;
    *token = field_string_token(check, document, node, text);
    return true;
}

static bool region_fail(struct check *check, struct span country, struct span text)
{
    struct choices choices;
    if (check->item->violations_full)
        return check_fail(check, ERROR_ADDRESS_REGION, "is no region of the country");
    choices_open(&choices, text_trim(text), &check->compared);
    region_offer(country, &choices);
    return check_fail(check, ERROR_ADDRESS_REGION,
                      "%s is no region of %.*s, must be a state, province or territory by its code or English name%s",
                      quote_of(check, text), SPAN_FORMAT(country),
                      choices_meant(&choices) > 0 ? suggest_choices(check, &choices) : "");
}

static bool region_holds(struct check *check, struct span country, struct span *text)
{
    if (!region_is_listed(country))
        return true;
    const struct span name = region_find(country, *text);
    if (name.length == 0)
        return region_fail(check, country, *text);
    if (!span_equal(*text, name))
        *text = name;
    return true;
}

/* The first character that no postal code contains, and the text from there on; empty if there is none. */
static struct span find_stray(struct span text)
{
    size_t at = 0;
    while (at < text.length &&
           (text.at[at] == ' ' || text.at[at] == '-' || (text.at[at] >= '0' && text.at[at] <= '9') ||
            (text.at[at] >= 'A' && text.at[at] <= 'Z') || (text.at[at] >= 'a' && text.at[at] <= 'z')))
        at++;
    return span_from(text, at);
}

static bool postal_code_fail(struct check *check, struct span country, struct span text)
{
    const struct span stray = find_stray(text_trim(text));
    if (stray.length > 0 && text_is_white_space(text_code_point(stray, 0, &(size_t){0})))
        return check_fail(check, ERROR_ADDRESS_POSTAL_CODE, "%s is no postal code of %.*s, must be like %s",
                          quote_of(check, text), SPAN_FORMAT(country), postal_code_example(country));
    if (stray.length > 0)
        return check_fail(check, ERROR_ADDRESS_POSTAL_CODE, "%s has no place in a postal code of %.*s, must be like %s",
                          character_of(check, stray), SPAN_FORMAT(country), postal_code_example(country));
    return check_fail(check, ERROR_ADDRESS_POSTAL_CODE, "%s is no postal code of %.*s, must be like %s",
                      quote_of(check, text), SPAN_FORMAT(country), postal_code_example(country));
}

static bool postal_code_holds(struct check *check, struct span country, struct span *text)
{
    char form[POSTAL_CODE_BYTES];
    const size_t length = postal_code_normalize(country, *text, form);
    if (length == 0)
        return postal_code_fail(check, country, *text);
    assert(length <= sizeof(form));
    if (!span_equal(*text, span_of(form, length)))
        *text = arena_copy(check->arena, span_of(form, length));
    return true;
}

/* Checks a member other than country and fullAddress. The address' country is valid, or empty. */
static bool part_holds(struct check *check, const struct json_document *document, uint32_t node, enum address_part part,
                       struct address *address)
{
    const struct span country = address->country;
    if (is_absent(&document->nodes[node]))
        return true;
    if (!address->may_have_parts)
        return check_fail(check, ERROR_ADDRESS_PART_NOT_ALLOWED,
                          "is not allowed for %.*s, only for US, CA, AU, GB and NZ; must be part of fullAddress",
                          SPAN_FORMAT(country));
    if (part != REGION && part != POSTAL_CODE) {
        address->tokens[part] = field_lines_token(document, node, PART_CHARACTERS);
        if (address->tokens[part].at)
            return true;
    }
    struct span text;
    if (!text_holds(check, document, node, PART_CHARACTERS, &text) ||
        (part == REGION && !region_holds(check, country, &text)) ||
        (part == POSTAL_CODE && !postal_code_holds(check, country, &text)))
        return false;
    address->tokens[part] = field_string_token(check, document, node, text);
    return true;
}

static bool is_allowed(const struct rules *rules, struct span country)
{
    return rules->countries[country.at[0] - 'A'] & (uint32_t)1 << (country.at[1] - 'A');
}

/* The field's rule `countries`. An address without a country belongs to none of them. */
static bool country_is_allowed(struct check *check, const struct rules *rules, struct span country)
{
    if (!rules->has_countries || (country.length > 0 && is_allowed(rules, country)))
        return true;
    if (country.length == 0)
        return check_fail(check, ERROR_COUNTRY_NOT_ALLOWED, "is missing, the field allows only %s",
                          suggest_countries(check, rules, SPAN(""), ""));
    return check_fail(check, ERROR_COUNTRY_NOT_ALLOWED, "%.*s is not allowed, the field allows only %s",
                      SPAN_FORMAT(country), suggest_countries(check, rules, country, ""));
}

/* The same for a missing country. */
static bool missing_country_is_allowed(struct check *check, const struct rules *rules)
{
    check_enter(check, address_part_names[COUNTRY]);
    const bool holds = country_is_allowed(check, rules, SPAN(""));
    check_leave(check);
    return holds;
}

struct address_members {
    uint32_t nodes[PART_COUNT]; /* by part; 0: missing */
    bool any_is_unknown;
};

static struct address_members members_of(const struct json_document *document, uint32_t object)
{
    struct address_members members = {.any_is_unknown = false};
    const struct json_node *const nodes = document->nodes;
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i].next) {
        const enum address_part part = name_part(document, &nodes[i]);
        if (part == PART_COUNT)
            members.any_is_unknown = true;
        else
            members.nodes[part] = i;
    }
    return members;
}

/* True if fullAddress is the only member: a string becomes such an object. */
static bool is_full_address_alone(const struct json_document *document, const struct address_members *members)
{
    if (members->nodes[COUNTRY] != 0 || members->any_is_unknown)
        return false;
    for (enum address_part part = REGION; part < FULL_ADDRESS; part++)
        if (members->nodes[part] != 0 && !is_absent(&document->nodes[members->nodes[part]]))
            return false;
    return members->nodes[FULL_ADDRESS] != 0;
}

static bool country_fail(struct check *check, struct span text)
{
    const char *const meant = country_meant(text_trim(text));
    return check_fail(check, ERROR_ADDRESS_COUNTRY, "%s is no country, must be an ISO 3166-1 alpha-2 code such as %s",
                      quote_of(check, text), meant ? meant : "US");
}

/* The countries whose addresses may have parts, which most addresses name as here; an empty span for others. */
static struct span country_with_parts(struct span code)
{
    static const struct span countries[] = {SPAN("US"), SPAN("CA"), SPAN("AU"), SPAN("GB"), SPAN("NZ")};
    for (size_t i = 0; i < sizeof(countries) / sizeof(countries[0]); i++)
        if (code.length == 2 && memcmp(code.at, countries[i].at, 2) == 0)
            return countries[i];
    return SPAN("");
}

static struct span country_code(struct span text)
{
    const struct span code = country_with_parts(text);
    if (code.length > 0)
        return code;
    const struct country *found = country_find(text);
    return found ? span_of(found->code, 2) : SPAN("");
}

/* The country of an object, which stays empty if it may be missing. */
static bool country_holds(struct check *check, const struct json_document *document,
                          const struct address_members *members, struct address *address)
{
    const uint32_t node = members->nodes[COUNTRY];
    if (is_full_address_alone(document, members))
        return true;
    if (node == 0 || is_absent(&document->nodes[node]))
        return check_fail(check, ERROR_REQUIRED, "is required, must be an ISO 3166-1 alpha-2 code such as US");
    struct span text = SPAN_NONE;
    if (!text_holds(check, document, node, SIZE_MAX, &text))
        return false;
    if (text_is_blank(text))
        return check_fail(check, ERROR_REQUIRED, "is required, must be an ISO 3166-1 alpha-2 code such as US");
    address->country = country_code(text_trim(text));
    if (address->country.length == 0)
        return country_fail(check, text);
    address->may_have_parts = country_with_parts(address->country).length > 0;
    if (!span_equal(text, address->country))
        text = address->country;
    address->tokens[COUNTRY] = field_string_token(check, document, node, text);
    return true;
}

/* Names that other programs use for the members of an address. */
static const struct other_name other_part_names[] = {
    {"zip", "postalCode"},     {"zipcode", "postalCode"},  {"postcode", "postalCode"},        {"state", "region"},
    {"province", "region"},    {"county", "region"},       {"countrycode", "country"},        {"town", "city"},
    {"locality", "city"},      {"street", "addressLine1"}, {"streetaddress", "addressLine1"}, {"line1", "addressLine1"},
    {"line2", "addressLine2"}, {"address", "fullAddress"}, {"formatted", "fullAddress"},      {NULL, NULL},
};

static bool unknown_fail(struct check *check, struct span name)
{
    struct choices choices;
    if (check->item->violations_full)
        return check_fail(check, ERROR_UNKNOWN_ATTRIBUTE, "is not a member of an address");
    const char *const meant = other_name_find(other_part_names, name);
    if (meant)
        return check_fail(check, ERROR_UNKNOWN_ATTRIBUTE, "%s is not a member of an address; did you mean %s?",
                          quote_of(check, name), meant);
    choices_open(&choices, name, &check->compared);
    for (enum address_part part = COUNTRY; part < PART_COUNT; part++)
        choices_offer(&choices, address_part_names[part], SPAN_NONE);
    return check_fail(check, ERROR_UNKNOWN_ATTRIBUTE, "%s is not a member of an address%s", quote_of(check, name),
                      suggest_choices(check, &choices));
}

/* Checks the members in order. The country is valid already, or empty. */
static bool members_hold(struct check *check, const struct field *field, const struct json_document *document,
                         uint32_t object, const struct address_members *members, struct address *address)
{
    const struct span country = address->country;
    struct check_step *const step = check_enter_members(check);
    bool holds = true;
    const struct json_node *const nodes = document->nodes;
    for (uint32_t i = object + 1; i < nodes[object].next; i = nodes[i].next) {
        const enum address_part part = name_part(document, &nodes[i]);
        step->node = i;
        if (part == PART_COUNT)
            holds = unknown_fail(check, json_name(document, i));
        else if (part == COUNTRY)
            holds &= country_is_allowed(check, &field->rules, country);
        else if (part == FULL_ADDRESS)
            holds &= full_address_holds(check, document, i, &address->tokens[part]);
        else
            holds &= part_holds(check, document, i, part, address);
    }
    check_leave(check);
    if (country.length == 0)
        holds &= missing_country_is_allowed(check, &field->rules);
    if (members->nodes[FULL_ADDRESS] == 0) {
        check_enter(check, address_part_names[FULL_ADDRESS]);
        holds = check_fail(check, ERROR_REQUIRED, "is required, must be the whole address as text");
        check_leave(check);
    }
    return holds;
}

static bool object_holds(struct check *check, const struct field *field, const struct json_document *document,
                         uint32_t object, struct address *address)
{
    const struct address_members members = members_of(document, object);
    check_enter(check, address_part_names[COUNTRY]);
    const bool holds = country_holds(check, document, &members, address);
    check_leave(check);
    return holds && members_hold(check, field, document, object, &members, address);
}

static bool string_holds(struct check *check, const struct field *field, const struct json_document *document,
                         uint32_t node, struct address *address)
{
    return full_address_holds(check, document, node, &address->tokens[FULL_ADDRESS]) &&
           missing_country_is_allowed(check, &field->rules);
}

/* The address has one member at least. */
static struct span address_write(const struct address *address, struct arena *arena)
{
    size_t room = (PART_COUNT + 1) * LABEL_BYTES;
    for (enum address_part part = COUNTRY; part < PART_COUNT; part++)
        room += address->tokens[part].length;
    char *const begin = arena_room(arena, room), *to = begin;
    for (enum address_part part = COUNTRY; part < PART_COUNT; part++) {
        if (!address->tokens[part].at)
            continue;
        memcpy(to, part_labels[part].text, LABEL_BYTES);
        to = span_copy(to + part_labels[part].length, address->tokens[part]);
    }
    *to++ = '}';
    *begin = '{'; /* in place of the first comma */
    assert((size_t)(to - begin) <= room);
    arena->used += (size_t)(to - begin);
    return span_of(begin, (size_t)(to - begin));
}

bool field_address_evaluate(struct check *check, const struct field *field, const struct json_document *document,
                            uint32_t node, struct span *normal)
{
    const enum json_type type = document->nodes[node].type;
    struct address address = {0};
    if (type != NODE_STRING && type != NODE_OBJECT)
        return check_fail_type(check, "an object or a string", type);
    const bool holds = type == NODE_STRING ? string_holds(check, field, document, node, &address)
                                           : object_holds(check, field, document, node, &address);
    if (holds)
        *normal = address_write(&address, check->arena);
    return holds;
}

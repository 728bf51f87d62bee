#include "worker/validate/suggest.h"

#include "common/text.h"
#include "worker/model/member.h"
#include "worker/validate/definitions.h"

/* Names that other programs use for a command's members. */
static const struct other_name member_names[] = {
    {"first", "givenName"},
    {"firstname", "givenName"},
    {"forename", "givenName"},
    {"fname", "givenName"},
    {"given", "givenName"},
    {"last", "familyName"},
    {"lastname", "familyName"},
    {"surname", "familyName"},
    {"lname", "familyName"},
    {"family", "familyName"},
    {"name", "givenName and familyName"},
    {"fullname", "givenName and familyName"},
    {"displayname", "givenName and familyName"},
    {"mail", "email"},
    {"emailaddress", "email"},
    {"company", "companyId"},
    {"organization", "companyId"},
    {"organizationid", "companyId"},
    {"companies", "companyIds"},
    {"id", "commandId"},
    {"requestid", "commandId"},
    {"messageid", "commandId"},
    {"tenant", "workspaceId"},
    {"tenantid", "workspaceId"},
    {"workspace", "workspaceId"},
    {"invite", "sendInvite"},
    {"sendinvitation", "sendInvite"},
    {"fields", "customFields"},
    {"custom", "customFields"},
    {"attributes", "customFields"},
    {NULL, NULL},
};

/* True if the two are equal without case and without the characters between words; `folded` has neither. */
static bool is_folded(struct span written, const char *folded)
{
    for (size_t i = 0; i < written.length; i++) {
        const char byte = written.at[i];
        if (byte == '_' || byte == '-' || byte == ' ' || byte == '.')
            continue;
        if (*folded == '\0' || (byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte) != *folded++)
            return false;
    }
    return *folded == '\0';
}

const char *other_name_find(const struct other_name *table, struct span written)
{
    while (table->other && !is_folded(written, table->other))
        table++;
    return table->name;
}

/* Lists all names, or the nearest. */
static const char *suggest_list(struct check *check, const struct choices *choices)
{
    char names[CHOICES_SIZE];
    if (choices->count == 0)
        return "";
    choices_write(choices, CHOICES_LISTED, ", ", true, names);
    return arena_format(check->arena, ", must be %s%s%c", choices->count > 1 ? "one of " : "", names, '\0').at;
}

const char *suggest_choices(struct check *check, const struct choices *choices)
{
    char names[CHOICES_SIZE];
    if (check->item->violations_full)
        return "";
    const uint32_t meant = choices_meant(choices);
    if (meant == 0)
        return suggest_list(check, choices);
    choices_write(choices, meant, " or ", false, names);
    const char *difference = meant == 1 ? suggest_difference(check, choices->written, choices->nearest[0].name) : "";
    return arena_format(check->arena, "; did you mean %s%s?%c", names, difference, '\0').at;
}

const char *suggest_difference(struct check *check, struct span written, struct span name)
{
    size_t at = 0, size;
    while (at < written.length && at < name.length && written.at[at] == name.at[at])
        at++;
    while (at > 0 && at < written.length && ((unsigned char)written.at[at] & 0xc0) == 0x80)
        at--;
    if (check->item->violations_full || at >= written.length || at >= name.length)
        return "";
    const uint32_t found = text_code_point(written, at, &size), right = text_code_point(name, at, &size);
    const bool is_plain = found < 0x80 && right < 0x80;
    if (is_plain || !character_is_visible(found) || !character_is_visible(right))
        return "";
    return arena_format(check->arena, ", with U+%04X for U+%04X%c", (unsigned)right, (unsigned)found, '\0').at;
}

static struct choices fields_near(struct check *check, struct span key)
{
    struct choices choices;
    const struct definitions *definitions = check->item->definitions;
    choices_open(&choices, key, &check->compared);
    const uint32_t count = definitions ? definitions->count : 0;
    uint32_t offered = 0;
    for (; offered < count && !choices_are_settled(&choices); offered++)
        choices_offer(&choices, definitions->fields[offered].key, definitions->fields[offered].name);
    choices_leave(&choices, count - offered);
    return choices;
}

static struct choices members_near(struct check *check, struct span name)
{
    struct choices choices;
    choices_open(&choices, name, &check->compared);
    for (enum member member = 0; member < MEMBER_COUNT; member++)
        choices_offer(&choices, member_name(member), SPAN_NONE);
    return choices;
}

/* True if the nearest differs from the written name only in case and in the characters between words. */
static bool is_same(const struct choices *choices)
{
    return choices->kept > 0 && choices->nearest[0].distance == 0;
}

const char *suggest_member(struct check *check, struct span name)
{
    if (check->item->violations_full)
        return "";
    const struct choices members = members_near(check, name);
    const char *const meant = other_name_find(member_names, name);
    if (!is_same(&members)) {
        const struct choices fields = fields_near(check, name);
        if (is_same(&fields)) {
            char key[QUOTE_SIZE];
            quote_write_name(fields.nearest[0].name, key);
            return arena_format(check->arena, ", must stand inside customFields, as %s%c", key, '\0').at;
        }
        if (meant)
            return arena_format(check->arena, "; did you mean %s?%c", meant, '\0').at;
    }
    return suggest_choices(check, &members);
}

const char *suggest_field(struct check *check, struct span key)
{
    if (check->item->violations_full)
        return "";
    const struct choices fields = fields_near(check, key);
    if (fields.count == 0)
        return ", which has none";
    const struct choices members = members_near(check, key);
    if (!is_same(&fields) && is_same(&members))
        return arena_format(check->arena, ", must stand beside customFields, as %.*s%c",
                            SPAN_FORMAT(members.nearest[0].name), '\0')
            .at;
    return suggest_choices(check, &fields);
}

const char *suggest_countries(struct check *check, const struct rules *rules, struct span country,
                              const char *neighbours)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char codes[26 * 26][2];
    struct choices choices;
    if (check->item->violations_full)
        return "";
    choices_open(&choices, country, &check->compared);
    for (uint32_t i = 0; i < 26 * 26; i++) {
        if (!(rules->countries[i / 26] >> i % 26 & 1))
            continue;
        codes[i][0] = letters[i / 26];
        codes[i][1] = letters[i % 26];
        bool is_neighbour = false;
        for (const char *one = neighbours; !is_neighbour && *one != '\0'; one += 2)
            is_neighbour = memcmp(one, codes[i], 2) == 0;
        choices_offer(&choices, span_of(codes[i], 2), is_neighbour ? country : SPAN_NONE);
    }
    char names[CHOICES_SIZE];
    choices_write(&choices, CHOICES_LISTED, ", ", true, names);
    return arena_copy(check->arena, span_of(names, strlen(names) + 1)).at;
}

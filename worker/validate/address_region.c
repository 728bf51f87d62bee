#include "worker/validate/address_region.h"

#include <stdint.h>
#include <strings.h>
#include <uninorm.h>

#include "common/text.h"

#define REGION_NAME_BYTES 63 /* of the longest name, with room to spare */

struct region {
    struct span country, code, name;
    bool is_other_name; /* the region's own name is in the other row with this code */
};

/* Spans, so that their lengths, which nearly always differ, are compared first: every address walks this table. */
static const struct region regions[] = {
#define ROW(country, code, name, is_other_name)                                                                        \
    {{country, sizeof(country) - 1}, {code, sizeof(code) - 1}, {name, sizeof(name) - 1}, is_other_name},
#define REGION(country, code, name)     ROW(country, code, name, false)
#define OTHER_NAME(country, code, name) ROW(country, code, name, true)
#include "worker/validate/data/regions.inc"
#undef REGION
#undef OTHER_NAME
#undef ROW
    {{NULL, 0}, {NULL, 0}, {NULL, 0}, false},
};

static bool is_text(struct span text, struct span other)
{
    if (text.length != other.length)
        return false;
    /* First letters distinguish most of the rest without a call. */
    return text.length == 0 ||
           (((text.at[0] ^ other.at[0]) & ~0x20) == 0 && strncasecmp(text.at, other.at, text.length) == 0);
}

static bool is_diacritic(uint32_t code_point)
{
    return code_point >= 0x300 && code_point <= 0x36f;
}

/* The base letter of a composed one; the letter itself if it is not composed; 0 if it consists of more than a letter
 * and diacritics. */
static uint32_t base_letter(uint32_t code_point)
{
    ucs4_t parts[UC_DECOMPOSITION_MAX_LENGTH];
    for (int count; (count = uc_canonical_decomposition(code_point, parts)) > 0; code_point = parts[0])
        for (int i = 1; i < count; i++)
            if (!is_diacritic(parts[i]))
                return 0;
    return code_point;
}

/* `text` without diacritics, with a space for each white space, in `letters`. Empty if a character beyond ASCII is
 * left, or if it is too long for a name. */
static struct span plain_letters(struct span text, char letters[REGION_NAME_BYTES])
{
    size_t length = 0;
    for (size_t at = 0, size; at < text.length; at += size) {
        const uint32_t code_point = text_code_point(text, at, &size);
        if (is_diacritic(code_point))
            continue;
        uint32_t letter = code_point;
        if (code_point <= ' ' || code_point >= 0x80)
            letter = text_is_white_space(code_point) ? ' ' : base_letter(code_point);
        if (letter == 0 || letter >= 0x80 || length == REGION_NAME_BYTES)
            return SPAN("");
        letters[length++] = (char)letter;
    }
    return span_of(letters, length);
}

bool region_is_listed(struct span country)
{
    for (const struct region *region = regions; region->country.at; region++)
        if (is_text(country, region->country))
            return true;
    return false;
}

static struct span own_name(const struct region *found)
{
    if (!found->is_other_name)
        return found->name;
    for (const struct region *region = regions; region->country.at; region++)
        if (!region->is_other_name && span_equal(region->code, found->code) &&
            span_equal(region->country, found->country))
            return region->name;
    return SPAN("");
}

/* Removes the country's code before a region's, as in ISO 3166-2: "US-NY". */
static struct span without_country(struct span text, struct span country)
{
    const bool has_country = text.length > country.length && text.at[country.length] == '-' &&
                             is_text(span_of(text.at, country.length), country);
    return has_country ? span_from(text, country.length + 1) : text;
}

struct span region_find(struct span country, struct span text)
{
    char letters[REGION_NAME_BYTES];
    text = text_trim(text);
    const struct span code = without_country(text, country), name = plain_letters(text, letters);
    for (const struct region *region = regions; region->country.at; region++)
        if ((is_text(code, region->code) || is_text(name, region->name)) && is_text(country, region->country))
            return own_name(region);
    return SPAN("");
}

void region_offer(struct span country, struct choices *choices)
{
    for (const struct region *region = regions; region->country.at; region++)
        if (!region->is_other_name && is_text(country, region->country))
            choices_offer(choices, region->name, SPAN_NONE);
}

#include "worker/validate/address_region.h"

#include <stdint.h>
#include <strings.h>
#include <uninorm.h>

#include "common/byte_block.h"
#include "common/text.h"

#define REGION_CODE_BYTES 3  /* of the longest code; every name is longer */
#define REGION_NAME_BYTES 63 /* of the longest name, with room to spare */

struct region {
    char country[3];
    char code[REGION_CODE_BYTES + 1];
    struct span name;
    bool is_other_name; /* the region's own name is in the other row with this code */
};

static const struct region regions[] = {
#define ROW(country, code, name, is_other_name) {country, code, {name, sizeof(name) - 1}, is_other_name},
#define REGION(country, code, name)             ROW(country, code, name, false)
#define OTHER_NAME(country, code, name)         ROW(country, code, name, true)
#include "worker/validate/data/regions.inc"
#undef REGION
#undef OTHER_NAME
#undef ROW
};
#define REGIONS (sizeof(regions) / sizeof(regions[0]))

/* The lengths and first letters of all names, in blocks: few names have the same two. 0 behind the last. */
#define BLOCKS_BYTES ((REGIONS + BYTE_BLOCK - 1) / BYTE_BLOCK * BYTE_BLOCK)
static const char name_lengths[BLOCKS_BYTES] = {
#define REGION(country, code, name)     sizeof(name) - 1,
#define OTHER_NAME(country, code, name) sizeof(name) - 1,
#include "worker/validate/data/regions.inc"
#undef REGION
#undef OTHER_NAME
};
static const char name_letters[BLOCKS_BYTES] = {
#define REGION(country, code, name)     (name)[0],
#define OTHER_NAME(country, code, name) (name)[0],
#include "worker/validate/data/regions.inc"
#undef REGION
#undef OTHER_NAME
};

/* The lengths are equal. `exact`: in the same case. */
static bool is_name(struct span text, struct span name, bool exact)
{
    return exact ? span_equal(text, name) : strncasecmp(text.at, name.at, name.length) == 0;
}

static bool is_in(const struct region *region, struct span country)
{
    return span_equal(country, span_of(region->country, 2));
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

/* `text` without diacritics, with a space for each white space: itself or in `letters`. Empty if a character beyond
 * ASCII is left, or if it is too long for a name. */
static struct span plain_letters(struct span text, char letters[REGION_NAME_BYTES])
{
    size_t length = 0;
    if (text.length <= REGION_NAME_BYTES && text_is_printable_ascii(text))
        return text;
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
    return span_equal(country, SPAN("US")) || span_equal(country, SPAN("CA")) || span_equal(country, SPAN("AU"));
}

static struct span own_name(const struct region *found)
{
    if (!found->is_other_name)
        return found->name;
    for (size_t i = 0; i < REGIONS; i++)
        if (!regions[i].is_other_name && memcmp(regions[i].code, found->code, sizeof(found->code)) == 0 &&
            memcmp(regions[i].country, found->country, sizeof(found->country)) == 0)
            return regions[i].name;
    return SPAN("");
}

/* Removes the country's code before a region's, as in ISO 3166-2: "US-NY". */
static struct span without_country(struct span text, struct span country)
{
    const bool has_country = text.length > country.length && text.at[country.length] == '-' &&
                             strncasecmp(text.at, country.at, country.length) == 0;
    return has_country ? span_from(text, country.length + 1) : text;
}

static char upper_case(char byte)
{
    return byte >= 'a' && byte <= 'z' ? (char)(byte & ~0x20) : byte;
}

/* The row with this code, which has one to three bytes, or NULL. */
static const struct region *find_by_code(struct span country, struct span code)
{
    char upper[REGION_CODE_BYTES + 1] = "";
    for (size_t i = 0; i < code.length; i++) {
        if (!ascii_is_visible(code.at[i]))
            return NULL;
        upper[i] = upper_case(code.at[i]);
    }
    for (size_t i = 0; i < REGIONS; i++)
        if (memcmp(upper, regions[i].code, sizeof(upper)) == 0 && is_in(&regions[i], country))
            return &regions[i];
    return NULL;
}

static inline const struct region *find_by_name(struct span country, struct span name, bool exact)
{
    const unsigned char length = (unsigned char)name.length, letter = (unsigned char)upper_case(name.at[0]);
    for (size_t block = 0; block < BLOCKS_BYTES; block += BYTE_BLOCK) {
        const byte_block lengths = byte_block_load(name_lengths + block),
                         letters = byte_block_load(name_letters + block);
        uint32_t rows = byte_block_mask((byte_marks)((lengths == length) & (letters == letter)));
        for (; rows != 0; rows &= rows - 1) {
            const struct region *region = &regions[block + (size_t)__builtin_ctz(rows)];
            if (is_name(name, region->name, exact) && is_in(region, country))
                return region;
        }
    }
    return NULL;
}

struct span region_find(struct span country, struct span text)
{
    char letters[REGION_NAME_BYTES];
    const struct region *found = text.length > 0 ? find_by_name(country, text, true) : NULL;
    if (found)
        return own_name(found);
    text = text_trim(text);
    const struct span code = without_country(text, country);
    if (code.length > 0 && code.length <= REGION_CODE_BYTES) {
        found = find_by_code(country, code);
    } else {
        const struct span name = plain_letters(text, letters);
        if (name.length > 0)
            found = find_by_name(country, name, false);
    }
    return found ? own_name(found) : SPAN("");
}

void region_offer(struct span country, struct choices *choices)
{
    for (size_t i = 0; i < REGIONS; i++)
        if (!regions[i].is_other_name && is_in(&regions[i], country))
            choices_offer(choices, regions[i].name, SPAN_NONE);
}

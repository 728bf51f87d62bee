#include "worker/validate/address_country.h"

#include <strings.h>

/* Sorted by code. */
static const struct country countries[] = {
#define COUNTRY(code, name) {code, name},
#include "worker/validate/data/countries.inc"
#undef COUNTRY
};

/* Both letters as one number, in the order of the table. */
static unsigned number_of_code(const char code[2])
{
    return (unsigned)(unsigned char)code[0] << 8 | (unsigned char)code[1];
}

static char upper(char byte)
{
    return byte >= 'a' && byte <= 'z' ? (char)(byte & ~0x20) : byte;
}

const struct country *country_find(struct span code)
{
    if (code.length != 2)
        return NULL;
    const unsigned wanted = number_of_code((const char[]){upper(code.at[0]), upper(code.at[1])});
    size_t first = 0, behind = sizeof(countries) / sizeof(countries[0]);
    while (behind - first > 1) {
        const size_t middle = (first + behind) / 2;
        if (number_of_code(countries[middle].code) <= wanted)
            first = middle;
        else
            behind = middle;
    }
    return number_of_code(countries[first].code) == wanted ? &countries[first] : NULL;
}

static bool is_same(struct span text, const char *name)
{
    return text.length == strlen(name) && strncasecmp(text.at, name, text.length) == 0;
}

const char *country_meant(struct span text)
{
    static const char *const other_codes[][2] = {
        {"UK", "GB"},  {"EL", "GR"},      {"USA", "US"},      {"United States of America", "US"},
        {"GBR", "GB"}, {"England", "GB"}, {"Scotland", "GB"}, {"Great Britain", "GB"},
        {"CAN", "CA"}, {"AUS", "AU"},     {"NZL", "NZ"},      {"DEU", "DE"},
        {"FRA", "FR"}, {"IND", "IN"},
    };
    for (size_t i = 0; i < sizeof(countries) / sizeof(countries[0]); i++)
        if (is_same(text, countries[i].name))
            return countries[i].code;
    for (size_t i = 0; i < sizeof(other_codes) / sizeof(other_codes[0]); i++)
        if (is_same(text, other_codes[i][0]))
            return other_codes[i][1];
    return NULL;
}

#include "worker/validate/address_country.h"

#include <stdlib.h>
#include <strings.h>

/* Sorted by code. */
static const struct country countries[] = {
#define COUNTRY(code, name) {code, name},
#include "worker/validate/data/countries.inc"
#undef COUNTRY
};

static int compare_codes(const void *code, const void *country)
{
    return memcmp(code, ((const struct country *)country)->code, 2);
}

const struct country *country_find(struct span code)
{
    if (code.length != 2)
        return NULL;
    char upper[2];
    for (size_t i = 0; i < 2; i++)
        upper[i] = code.at[i] >= 'a' && code.at[i] <= 'z' ? (char)(code.at[i] & ~0x20) : code.at[i];
    return bsearch(upper, countries, sizeof(countries) / sizeof(countries[0]), sizeof(countries[0]), compare_codes);
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

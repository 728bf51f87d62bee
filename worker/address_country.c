#include "worker/address_country.h"

#include <stdlib.h>

/* Sorted by code. */
static const struct country countries[] = {
#define COUNTRY(code, name) {code, name},
#include "worker/data/countries.inc"
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

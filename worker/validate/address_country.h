/* address_country: the countries of ISO 3166-1. */
#ifndef WORKER_VALIDATE_ADDRESS_COUNTRY_H
#define WORKER_VALIDATE_ADDRESS_COUNTRY_H

#include "common/span.h"

struct country {
    char code[3]; /* alpha-2, upper case */
    const char *name;
};

/* The country of an alpha-2 code in any case, or NULL. Only codes that ISO 3166-1 itself assigns count: no UK, EU,
 * XK. Static. */
const struct country *country_find(struct span code);

/* The code of a country that was written as its name in any case, or as another common code (UK, EL, USA), for
 * messages; or NULL. Static. */
const char *country_meant(struct span text);

#endif

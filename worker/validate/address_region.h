/* address_region: states, provinces and territories of the United States, Canada and Australia. */
#ifndef WORKER_VALIDATE_ADDRESS_REGION_H
#define WORKER_VALIDATE_ADDRESS_REGION_H

#include "common/nearest_word.h"
#include "common/span.h"

/* True for the countries whose regions are a list; elsewhere a region is free text. `country` is an upper-case code. */
bool region_is_listed(struct span country);

/* The English name (ISO 3166-2) of the region that `text` names, or an empty span. `text` may be the region's code
 * ("NY"), the same with its country ("US-NY"), or a name, in any case; a name with or without diacritics ("Québec",
 * "Quebec"). White space around it is ignored, and any White_Space counts as a space. `text` is in NFC. Static. */
struct span region_find(struct span country, struct span text);

/* Offers the names of the country's regions, for a message about an unknown one. */
void region_offer(struct span country, struct choices *choices);

#endif

/* address_postal_code: the postal codes of the five countries whose addresses may have parts. */
#ifndef WORKER_VALIDATE_ADDRESS_POSTAL_CODE_H
#define WORKER_VALIDATE_ADDRESS_POSTAL_CODE_H

#include "common/span.h"

#define POSTAL_CODE_BYTES 10 /* of the longest, a ZIP+4 */

/* Writes the postal code in its one form to `form` and returns its length, or 0 if it is not one of the country's.
 * `country` is an upper-case code of the five.
 *
 * US 10001, 10001-1234
 * CA K1A 0B1      letters in any case, made upper; D, F, I, O, Q, U are not used, W and Z not at the beginning
 * AU 2000
 * GB SW1A 1AA     the same case rule; areas and letters as Royal Mail uses them (PAF Programmers' Guide); GIR 0AA;
 *                 BFPO 61, and the forces' BF1 codes
 * NZ 6011
 *
 * White space around the code is removed. The one inner space of CA and GB may be any White_Space, missing or doubled.
 * Nothing else is repaired. */
size_t postal_code_normalize(struct span country, struct span text, char form[POSTAL_CODE_BYTES]);

/* An example of the country's codes, for messages: "10001 or 10001-1234". Static. */
const char *postal_code_example(struct span country);

#endif

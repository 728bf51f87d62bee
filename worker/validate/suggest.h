/* suggest: the end of a message about a name that is not known: what was probably meant, or what there is. */
#ifndef WORKER_VALIDATE_SUGGEST_H
#define WORKER_VALIDATE_SUGGEST_H

#include "common/nearest_word.h"
#include "worker/validate/check.h"

/* "; did you mean givenName?" or ", must be one of givenName, familyName, ... or 5 others", in the arena. "" if nothing
 * was offered. */
const char *suggest_choices(struct check *check, const struct choices *choices);

/* ", with U+0065 for U+0435" if the first character in which the two differ is beyond ASCII and can be seen: letters of
 * two scripts, and the Unicode forms of one, look alike. Else "". */
const char *suggest_difference(struct check *check, struct span written, struct span name);

/* For the members of a create-client command, by names that other programs give them too. A name of a custom field is
 * told where it belongs. */
const char *suggest_member(struct check *check, struct span name);

/* For the custom fields of the command's workspace, by key or name. A name of a command's member is told where it
 * belongs. */
const char *suggest_field(struct check *check, struct span key);

/* "FR" or "FR, DE or 7 others": the countries that a field's rules allow. `country` is what
 * was found ("" if nothing was); those of `neighbours`, two letters each, are the nearest to it. */
const char *suggest_countries(struct check *check, const struct rules *rules, struct span country,
                              const char *neighbours);

/* A table of other names for what is known: pairs, ended by a row of NULL. Written without case and without what stands
 * between words. */
struct other_name {
    const char *other, *name;
};

/* The name that `written` is another one for, or NULL. */
const char *other_name_find(const struct other_name *table, struct span written);

#endif

/* suggest: the end of a message about an unknown name: what it probably meant, or which names exist. */
#ifndef WORKER_VALIDATE_SUGGEST_H
#define WORKER_VALIDATE_SUGGEST_H

#include "common/nearest_word.h"
#include "worker/validate/check.h"

/* "; did you mean givenName?" or ", must be one of givenName, familyName, ... or 5 others", in the arena. "" if
 * nothing was offered. */
const char *suggest_choices(struct check *check, const struct choices *choices);

/* ", with U+0065 for U+0435" if the first different character is beyond ASCII and visible: letters of two scripts,
 * and the Unicode forms of one letter, look alike. Otherwise "". */
const char *suggest_difference(struct check *check, struct span written, struct span name);

/* For the members of a create-client command, including names that other programs use for them. For a name of a
 * custom field it says where that belongs. */
const char *suggest_member(struct check *check, struct span name);

/* For the custom fields of the command's workspace, by key or name. For a name of a command's member it says where
 * that belongs. */
const char *suggest_field(struct check *check, struct span key);

/* "FR" or "FR, DE or 7 others": the countries that a field's rules allow. `country` is the one that was found ("" if
 * none was); `neighbours`, two letters each, are listed first. */
const char *suggest_countries(struct check *check, const struct rules *rules, struct span country,
                              const char *neighbours);

/* A table of other names: pairs, ended by a row of NULL. Written without case and without the characters between
 * words. */
struct other_name {
    const char *other, *name;
};

/* The name for which `written` is another one, or NULL. */
const char *other_name_find(const struct other_name *table, struct span written);

#endif

/* config_table: every key of the config except librdkafka's own, one row each. The shipped config/client-intake.ini
 * shows the same keys and defaults; a test compares them. */
#ifndef WORKER_CONFIG_CONFIG_TABLE_H
#define WORKER_CONFIG_CONFIG_TABLE_H

#include "common/must_check.h"
#include "worker/config/config.h"

enum config_type {
    CONFIG_TEXT,     /* char *, checked by the row's rule */
    CONFIG_LIST,     /* struct text_list: texts separated by commas, each checked by the row's rule */
    CONFIG_INTEGER,  /* int64_t */
    CONFIG_SIZE,     /* int64_t, bytes: a number alone, or with B, KiB, MiB, GiB */
    CONFIG_DURATION, /* int64_t, milliseconds: a number with ms, s, min, h */
    CONFIG_WORD      /* an enum: one of the row's words */
};

struct config_word {
    const char *name; /* NULL ends the list */
    int value;
};

/* NULL if `text` is valid, otherwise what it must be ("must be ..."). Static. */
typedef const char *config_rule(const char *text);

#define CONFIG_MAY_RELOAD 1 /* takes effect without a restart */
#define CONFIG_SECRET     2 /* never printed */

struct config_row {
    const char *section, *name; /* section NULL ends the table */
    enum config_type type;
    size_t offset;            /* of the member in struct config */
    const char *default_text; /* the default, in the user's notation */
    int64_t minimum, maximum;
    const struct config_word *words;
    config_rule *rule;
    unsigned flags;
};

extern const struct config_row config_rows[];

/* The row, or NULL. */
const struct config_row *config_row_find(const char *section, const char *name);

/* The row of the member at this offset of struct config; there must be one. */
const struct config_row *config_row_at(size_t offset);

/* Rules for texts that are also used outside of the table. */
config_rule config_rule_topic, config_rule_workspace;

/* Splits "HOST:PORT" or "[IPv6]:PORT" into a new host (without brackets) and the port. False if it is not of that form.
 */
MUST_CHECK bool config_split_address(const char *address, char **host, int *port);

#endif

/* config_stage: texts of config files, what they are read as, and what is said of their faults. */
#ifndef TESTS_CONFIG_STAGE_H
#define TESTS_CONFIG_STAGE_H

#include <check.h>
#include <stdio.h>

#include "worker/config/config.h"
#include "worker/config/config_value.h"

/* The beginning of a file with Sentinels. */
#define SENTINEL "[redis]\nkind = sentinel\nmaster = m\n"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The one test case of a suite of this name. Its tests may read config files. */
TCase *config_case(void);

/* Runs it. Takes the case. Returns main's exit status. */
int config_run(TCase *tests, const char *name);

/* A file with the line "open sesame". */
extern char secret_path[64];

/* Takes the faults of a config: writes "PLACE: MESSAGE" to the FILE `listener`, a line each. */
void print_fault(void *listener, const char *place, const char *message);

/* Reads `text` (NULL: no file) with up to two --set. *printed is what print_fault wrote, with "F" for the file's path;
 * to be freed. Returns NULL if the config is refused. */
struct config *read_text(const char *text, const char *first, const char *second, char **printed);

/* The same; fails the test if there is a fault. */
struct config *read_valid(const char *text, const char *first, const char *second);

/* The value of a row in the user's notation, "?" for a word that is not one of the row's. */
void show(const struct config *config, const struct config_row *row, char *text, size_t size);

/* The value of "section.key", Kafka's sections included: "(none)" for a setting of theirs that is not there. */
void value_of(const struct config *config, const char *dotted, char *text, size_t size);

#endif

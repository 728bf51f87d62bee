/* reference: texts that are made of the program's own tables, so that they cannot differ from it. */
#ifndef DOCS_GEN_REFERENCE_H
#define DOCS_GEN_REFERENCE_H

#include <stdio.h>

/* The manual client-intake.ini(5), in mdoc: of the tables of keys, with the comments of the shipped file. Ends the
 * program with 1 and a message if the file lacks a key, its reason or its range. */
void config_manual(FILE *out, const char *shipped_path);

/* Completion for a shell. */
void completion_bash(FILE *out);
void completion_zsh(FILE *out);

/* What a word in capitals in the help stands for, as far as a shell can complete it. */
enum value_kind {
    VALUE_OTHER, /* a number, a name, a time */
    VALUE_FILE,
    VALUE_FOLDER,
    VALUE_SETTING, /* SECTION.KEY=VALUE */
    VALUE_WORDS    /* one of `words`, or more than that */
};

struct value {
    enum value_kind kind;
    const char *words; /* separated by blanks; a word that ends with : goes on */
};

/* The value with this placeholder of the help. */
struct value value_of(const char *placeholder, int length);

#endif

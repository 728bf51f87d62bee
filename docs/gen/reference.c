/* reference: a program of the build machine.
 *
 *   reference manual SHIPPED_INI    client-intake.ini(5)
 *   reference bash                  completion for bash
 *   reference zsh                   completion for zsh
 */
#include "docs/gen/reference.h"

#include <string.h>

struct value value_of(const char *placeholder, int length)
{
    static const struct {
        const char *placeholder;
        struct value value;
    } known[] = {
        {"FILE", {VALUE_FILE, NULL}},
        {"FOLDER", {VALUE_FOLDER, NULL}},
        {"SECTION.KEY=VALUE", {VALUE_SETTING, NULL}},
        {"FORM", {VALUE_WORDS, "text json"}},
        {"BOUND", {VALUE_WORDS, "beginning end offset: time:"}},
        {"WHICH", {VALUE_WORDS, "recorded current"}},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (strlen(known[i].placeholder) == (size_t)length &&
            strncmp(known[i].placeholder, placeholder, (size_t)length) == 0)
            return known[i].value;
    return (struct value){VALUE_OTHER, NULL};
}

int main(int argc, char **argv)
{
    const char *form = argc > 1 ? argv[1] : "";
    if (argc == 3 && strcmp(form, "manual") == 0) {
        config_manual(stdout, argv[2]);
    } else if (argc == 2 && strcmp(form, "bash") == 0) {
        completion_bash(stdout);
    } else if (argc == 2 && strcmp(form, "zsh") == 0) {
        completion_zsh(stdout);
    } else {
        fprintf(stderr, "usage: reference manual SHIPPED_INI | bash | zsh\n");
        return 64;
    }
    return fflush(stdout) != 0 || ferror(stdout) ? 1 : 0;
}

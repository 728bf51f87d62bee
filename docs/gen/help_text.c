#include "docs/gen/help_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_CHARACTERS  "abcdefghijklmnopqrstuvwxyz-"
#define VALUE_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZ=./"

static struct help_entry *entry_of(struct help_list *list, const char *name, size_t length)
{
    for (size_t i = 0; i < list->count; i++) {
        struct help_entry *entry = &list->entries[i];
        if ((size_t)entry->name_length == length && strncmp(entry->name, name, length) == 0)
            return entry;
    }
    if (list->count == HELP_ENTRIES) {
        fprintf(stderr, "docs/gen: HELP_ENTRIES is too small\n");
        exit(1);
    }
    struct help_entry *entry = &list->entries[list->count++];
    *entry = (struct help_entry){.name = name, .name_length = (int)length};
    return entry;
}

static bool begins_line(const char *text, const char *at)
{
    return at >= text + 2 && at[-1] == ' ' && at[-2] == ' ' && (at - 2 == text || at[-3] == '\n');
}

/* The summary, behind the blanks at `at`, if these are two or more. */
static void take_summary(struct help_entry *entry, const char *at)
{
    if (at[0] != ' ' || at[1] != ' ')
        return;
    entry->summary = at + strspn(at, " ");
    entry->summary_length = (int)strcspn(entry->summary, "\n");
}

static void options_in(const char *text, struct help_list *list)
{
    for (const char *at = strstr(text, "-"); at; at = strstr(at, "-")) {
        const size_t length = strspn(at, NAME_CHARACTERS);
        const bool is_option = (at == text || strchr(" [|\n", at[-1])) && length >= 2 &&
                               (at[1] == '-' || length == 2) && at[length - 1] != '-';
        if (!is_option) {
            at += length;
            continue;
        }
        struct help_entry *entry = entry_of(list, at, length);
        const char *behind = at + length;
        if (behind[0] == '=' || behind[0] == ' ') {
            const size_t value_length = strspn(behind + 1, VALUE_CHARACTERS);
            if (value_length > 0 && strchr(" ]\n", behind[1 + value_length])) {
                entry->value = behind + 1;
                entry->value_length = (int)value_length;
                behind += 1 + value_length;
            }
        }
        if (begins_line(text, at))
            take_summary(entry, behind);
        at = behind;
    }
}

void help_options(const char *arguments, const char *details, struct help_list *list)
{
    list->count = 0;
    options_in(arguments, list);
    options_in(details, list);
}

/* The alternatives of `arguments` are separated by | outside of brackets. Returns the end of the one that begins here.
 */
static const char *alternative_end(const char *at)
{
    for (int depth = 0; *at && (*at != '|' || depth > 0); at++)
        depth += *at == '[' ? 1 : *at == ']' ? -1 : 0;
    return at;
}

static const char *find_line(const char *details, const struct help_entry *entry)
{
    for (const char *at = details; (at = strstr(at, "  ")); at++)
        if (begins_line(details, at + 2) && strncmp(at + 2, entry->name, (size_t)entry->name_length) == 0 &&
            at[2 + entry->name_length] == ' ')
            return at + 2 + entry->name_length;
    return NULL;
}

void help_actions(const struct command *command, struct help_list *list)
{
    list->count = 0;
    for (const char *at = command->arguments; *at;) {
        at += strspn(at, " \n|");
        const size_t length = strspn(at, NAME_CHARACTERS);
        if (length > 0 && at[0] != '-') {
            struct help_entry *entry = entry_of(list, at, length);
            const char *line = find_line(command->details, entry);
            if (line)
                take_summary(entry, line);
        }
        at = alternative_end(at);
    }
}

/* Whether FILE stands between these, but not behind an option. */
static bool has_file(const char *from, const char *to)
{
    bool is_option = false; /* of the word before, if it may have a value */
    for (const char *at = from; at < to;) {
        at += strspn(at, " [\n");
        const size_t length = strcspn(at, " []|\n");
        if (at + length > to)
            break;
        if (length == 4 && strncmp(at, "FILE", 4) == 0 && !is_option)
            return true;
        is_option = at[0] == '-' && !strchr("]|", at[length]);
        at += length;
        at += strspn(at, "]|");
    }
    return false;
}

bool help_takes_file(const struct command *command, const struct help_entry *action)
{
    const char *from = action ? action->name : command->arguments;
    return has_file(from, alternative_end(from));
}

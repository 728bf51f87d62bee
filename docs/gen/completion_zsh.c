#include <string.h>

#include "docs/gen/help_text.h"
#include "docs/gen/reference.h"
#include "worker/config/config_kafka.h"
#include "worker/config/config_table.h"

/* A text inside of '...', in which `special` characters get a backslash. */
static void print_quoted(FILE *out, const char *text, int length, const char *special)
{
    for (int i = 0; i < length; i++) {
        if (text[i] == '\'')
            fputs("'\\''", out);
        else
            fprintf(out, "%s%c", strchr(special, text[i]) ? "\\" : "", text[i]);
    }
}

static void print_action(FILE *out, const struct value *value)
{
    switch (value->kind) {
    case VALUE_FILE:
        fputs(":_files", out);
        break;
    case VALUE_FOLDER:
        fputs(":_files -/", out);
        break;
    case VALUE_SETTING:
        fputs(":_client-intake-settings", out);
        break;
    case VALUE_WORDS:
        fputs(":(", out);
        print_quoted(out, value->words, (int)strlen(value->words), ":");
        fputs(")", out);
        break;
    case VALUE_OTHER:
        fputs(": ", out);
        break;
    }
}

/* The specs that _arguments takes. Every option may be repeated. */
static void print_options(FILE *out, const struct help_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct help_entry *entry = &list->entries[i];
        const bool is_long = entry->name_length > 2;
        fprintf(out, " \\\n                '*%.*s%s[", entry->name_length, entry->name,
                entry->value_length == 0 ? ""
                : is_long                ? "="
                                         : "+");
        print_quoted(out, entry->summary, entry->summary_length, "[]\\:");
        fputs("]", out);
        if (entry->value_length > 0) {
            const struct value value = value_of(entry->value, entry->value_length);
            fputs(":", out);
            print_quoted(out, entry->value, entry->value_length, "\\:");
            print_action(out, &value);
        }
        fputs("'", out);
    }
}

static void print_description(FILE *out, const char *name, int name_length, const char *summary, int summary_length)
{
    fprintf(out, " \\\n        '%.*s:", name_length, name);
    print_quoted(out, summary, summary_length, "\\:");
    fputs("'", out);
}

static void print_settings(FILE *out)
{
    fputs("_client-intake-settings() {\n    if ! compset -P 1 '*='; then\n        compadd -S = --", out);
    for (const struct config_row *row = config_rows; row->section; row++)
        fprintf(out, " \\\n            %s.%s", row->section, row->name);
    for (const struct kafka_default *row = kafka_defaults; row->section; row++)
        fprintf(out, " \\\n            %s.%s", row->section, row->name);
    fputs("\n        return\n    fi\n    case ${IPREFIX##--set=} in\n", out);
    for (const struct config_row *row = config_rows; row->section; row++) {
        if (row->type != CONFIG_WORD)
            continue;
        fprintf(out, "        %s.%s=) compadd --", row->section, row->name);
        for (const struct config_word *word = row->words; word->name; word++)
            fprintf(out, " %s", word->name);
        fputs(" ;;\n", out);
    }
    fputs("        *) _message value ;;\n    esac\n}\n\n", out);
}

static void print_arguments(FILE *out, const struct command *command)
{
    struct help_list actions;
    help_actions(command, &actions);
    bool takes_file = actions.count == 0 && help_takes_file(command, NULL);
    if (actions.count > 0) {
        fputs(" \\\n                '1:action:((", out);
        for (size_t i = 0; i < actions.count; i++) {
            const struct help_entry *entry = &actions.entries[i];
            fprintf(out, "%s%.*s\\:\"", i ? " " : "", entry->name_length, entry->name);
            print_quoted(out, entry->summary, entry->summary_length, "\"\\:");
            fputs("\"", out);
            takes_file = takes_file || help_takes_file(command, entry);
        }
        fputs("))'", out);
    }
    if (takes_file)
        fputs(" \\\n                '*:FILE:_files'", out);
}

void completion_zsh(FILE *out)
{
    struct help_list common, options;
    help_options("", command_common_options, &common);
    fputs("#compdef client-intake\n# Completion for client-intake in zsh, made from the program's tables.\n\n", out);
    print_settings(out);
    fputs(
        "_client-intake() {\n    local curcontext=$curcontext state line ret=1\n    local -a commands\n    commands=(",
        out);
    for (const struct command *command = commands; command->name; command++)
        print_description(out, command->name, (int)strlen(command->name), command->summary,
                          (int)strlen(command->summary));
    fputs(")\n    _arguments -C", out);
    print_options(out, &common);
    fputs(" \\\n                '1:command:->command' '*::argument:->argument' && ret=0\n"
          "    case $state in\n        command) _describe -t commands command commands && ret=0 ;;\n"
          "        argument) case $words[1] in\n",
          out);
    for (const struct command *command = commands; command->name; command++) {
        help_options(command->arguments, command->details, &options);
        fprintf(out, "            %s) _arguments", command->name);
        print_options(out, &common);
        print_options(out, &options);
        print_arguments(out, command);
        fputs(" && ret=0 ;;\n", out);
    }
    fputs("        esac ;;\n    esac\n    return ret\n}\n\n_client-intake \"$@\"\n", out);
}

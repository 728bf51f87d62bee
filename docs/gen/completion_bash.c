#include <string.h>

#include "docs/gen/help_text.h"
#include "docs/gen/reference.h"
#include "worker/config/config_kafka.h"
#include "worker/config/config_table.h"

/* What does not depend on the tables. Bash breaks words at = and :, so that `--set a=b` comes in three words. */
static const char begin[] =
    "# Completion for client-intake in bash, made from the program's tables.\n"
    "_client_intake()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD-1]} command= action= file= options i "
    "setting=\n"
    "    COMPREPLY=()\n"
    "    if [[ $word == '=' ]]; then\n"
    "        word=\n"
    "        case \" ${COMP_WORDS[*]:0:COMP_CWORD-1}\" in *' --set' | *' --set =') setting=$option ;; esac\n"
    "    elif [[ $option == '=' && $COMP_CWORD -ge 2 ]]; then\n"
    "        option=${COMP_WORDS[COMP_CWORD-2]}\n"
    "        case \" ${COMP_WORDS[*]:0:COMP_CWORD-2}\" in *' --set' | *' --set =') setting=$option ;; esac\n"
    "    fi\n"
    "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "        case ${COMP_WORDS[i]} in\n"
    "            --config | --set)\n"
    "                i=$((i + 1))\n"
    "                [[ ${COMP_WORDS[i]-} != '=' ]] || i=$((i + 1))\n"
    "                [[ ${COMP_WORDS[i+1]-} != '=' ]] || i=$((i + 2))\n"
    "                ;;\n"
    "            -*) ;;\n"
    "            *) if [[ -z $command ]]; then command=${COMP_WORDS[i]}; elif [[ -z $action ]]; then "
    "action=${COMP_WORDS[i]}; fi ;;\n"
    "        esac\n"
    "    done\n";

static const char end[] = "    if [[ $word == -* ]]; then\n"
                          "        mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$word\")\n"
                          "    elif [[ -n $file ]]; then\n"
                          "        compopt -o filenames\n"
                          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
                          "    fi\n"
                          "}\n"
                          "complete -F _client_intake client-intake\n";

static void print_names(FILE *out, const struct help_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        fprintf(out, "%s%.*s", i ? " " : "", list->entries[i].name_length, list->entries[i].name);
}

static void print_reply(FILE *out, const char *how)
{
    fprintf(out, "mapfile -t COMPREPLY < <(compgen %s -- \"$word\"); return", how);
}

static void print_value(FILE *out, const struct value *value)
{
    switch (value->kind) {
    case VALUE_FILE:
        fputs("compopt -o filenames; ", out);
        print_reply(out, "-f");
        break;
    case VALUE_FOLDER:
        fputs("compopt -o filenames; ", out);
        print_reply(out, "-d");
        break;
    case VALUE_SETTING:
        fputs("compopt -o nospace; ", out);
        print_reply(out, "-S = -W \"$settings\"");
        break;
    case VALUE_WORDS:
        if (strchr(value->words, ':'))
            fputs("compopt -o nospace; ", out);
        fprintf(out, "mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$word\"); return", value->words);
        break;
    case VALUE_OTHER:
        fputs("return", out);
        break;
    }
}

/* The branches of `case "$command $option"`: a value is expected. */
static void print_values(FILE *out, const char *command, const struct help_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct help_entry *entry = &list->entries[i];
        if (entry->value_length == 0)
            continue;
        const struct value value = value_of(entry->value, entry->value_length);
        fprintf(out, "        %s\" %.*s\") ", command, entry->name_length, entry->name);
        print_value(out, &value);
        fputs(" ;;\n", out);
    }
}

static void print_settings(FILE *out)
{
    fputs("    local settings='", out);
    for (const struct config_row *row = config_rows; row->section; row++)
        fprintf(out, "%s.%s ", row->section, row->name);
    for (const struct kafka_default *row = kafka_defaults; row->section; row++)
        fprintf(out, "%s.%s%s", row->section, row->name, row[1].section ? " " : "'\n");
    fputs("    case $setting in\n        '') ;;\n", out);
    for (const struct config_row *row = config_rows; row->section; row++) {
        if (row->type != CONFIG_WORD)
            continue;
        fprintf(out, "        %s.%s) mapfile -t COMPREPLY < <(compgen -W '", row->section, row->name);
        for (const struct config_word *word = row->words; word->name; word++)
            fprintf(out, "%s%s", word == row->words ? "" : " ", word->name);
        fputs("' -- \"$word\"); return ;;\n", out);
    }
    fputs("        *) return ;;\n    esac\n", out);
}

/* The branch of `case $command`: sets `options` and `file`, or completes the action. */
static void print_command(FILE *out, const struct command *command, const struct help_list *options)
{
    struct help_list actions;
    help_actions(command, &actions);
    fprintf(out, "        %s)\n            options+=' ", command->name);
    print_names(out, options);
    fputs("'\n", out);
    if (actions.count == 0 && help_takes_file(command, NULL))
        fputs("            file=yes\n", out);
    if (actions.count > 0) {
        fputs("            case $action in\n                '') [[ $word == -* ]] || { mapfile -t COMPREPLY < "
              "<(compgen -W '",
              out);
        print_names(out, &actions);
        fputs("' -- \"$word\"); return; } ;;\n", out);
        for (size_t i = 0; i < actions.count; i++)
            if (help_takes_file(command, &actions.entries[i]))
                fprintf(out, "                %.*s) file=yes ;;\n", actions.entries[i].name_length,
                        actions.entries[i].name);
        fputs("            esac\n", out);
    }
    fputs("            ;;\n", out);
}

void completion_bash(FILE *out)
{
    struct help_list common, options;
    help_options("", command_common_options, &common);
    fputs(begin, out);
    print_settings(out);
    fputs("    case \"$command $option\" in\n", out);
    print_values(out, "*", &common);
    for (const struct command *command = commands; command->name; command++) {
        help_options(command->arguments, command->details, &options);
        print_values(out, command->name, &options);
    }
    fputs("    esac\n    options='", out);
    print_names(out, &common);
    fputs("'\n    case $command in\n        '') [[ $word == -* ]] || { mapfile -t COMPREPLY < <(compgen -W '", out);
    for (const struct command *command = commands; command->name; command++)
        fprintf(out, "%s%s", command == commands ? "" : " ", command->name);
    fputs("' -- \"$word\"); return; } ;;\n", out);
    for (const struct command *command = commands; command->name; command++) {
        help_options(command->arguments, command->details, &options);
        print_command(out, command, &options);
    }
    fputs("    esac\n", out);
    fputs(end, out);
}

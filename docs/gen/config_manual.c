#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "docs/gen/reference.h"
#include "worker/config/config_kafka.h"
#include "worker/config/config_table.h"

#define COMMENT_SIZE 8192

/* Where the reading of the shipped file is. */
struct page {
    FILE *out;
    const char *path;
    int line;
    char section[64];
    char comment[COMMENT_SIZE]; /* the lines since the last key, without # */
    bool is_in_list;            /* of keys */
    size_t keys;
};

static void fail(const struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

static void fail(const struct page *page, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", page->path, page->line);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void print_char(FILE *out, char c)
{
    if (c == '\\')
        fputs("\\e", out);
    else if (c == '-')
        fputs("\\-", out);
    else if (c == '\'')
        fputs("\\(aq", out);
    else
        fputc(c, out);
}

static void print_text(FILE *out, const char *text)
{
    for (; *text; text++)
        print_char(out, *text);
}

/* A line of prose: what is between backquotes is literal, a sentence begins a line, no line begins with a request. */
static void print_prose(FILE *out, const char *text)
{
    bool is_literal = false;
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (const char *at = text; *at; at++) {
        if (*at == '`') {
            is_literal = !is_literal;
            fputs(is_literal ? "\\fB" : "\\fR", out);
        } else if (*at == ' ' && at > text && strchr(".?!", at[-1]) && at[1] != '.' && at[1] != '\'') {
            fputc('\n', out);
        } else {
            print_char(out, *at);
        }
    }
    fputc('\n', out);
}

/* The comment so far, and forgets it. A line that is indented stays as it is, an empty one begins a paragraph. */
static void print_comment(struct page *page)
{
    bool is_display = false;
    char *rest = page->comment;
    for (char *line; (line = strsep(&rest, "\n")) && (rest || *line);) {
        const bool is_indented = strncmp(line, "  ", 2) == 0;
        if (is_indented && !is_display)
            fputs(".Bd -literal -offset indent\n", page->out);
        else if (!is_indented && is_display)
            fputs(".Ed\n", page->out);
        is_display = is_indented;
        if (is_indented) {
            print_text(page->out, line + 2);
            fputc('\n', page->out);
        } else if (*line) {
            print_prose(page->out, line);
        } else if (rest && *rest && strncmp(rest, "  ", 2) != 0) {
            fputs(".Pp\n", page->out);
        }
    }
    if (is_display)
        fputs(".Ed\n", page->out);
    page->comment[0] = '\0';
}

static void end_list(struct page *page)
{
    if (page->is_in_list)
        fputs(".El\n", page->out);
    page->is_in_list = false;
}

static void begin_section(struct page *page, const char *line)
{
    end_list(page);
    if (page->comment[0])
        fputs(page->keys == 0 ? "" : ".Pp\n", page->out);
    print_comment(page);
    if (page->keys == 0 && !page->section[0])
        fputs(".Pp\nThe keys, by their sections:\n", page->out);
    if (sscanf(line, "[%63[^]]]", page->section) != 1)
        fail(page, "this is no section");
    fprintf(page->out, ".Ss [%s]\n", page->section);
}

/* A number as the config has it, in the largest unit in which it is whole. */
static void number_text(const struct config_row *row, int64_t number, char *text, size_t size)
{
    static const struct unit {
        int64_t factor;
        const char *name;
    } sizes[] = {{(int64_t)1 << 30, " GiB"}, {1 << 20, " MiB"}, {1 << 10, " KiB"}, {1, ""}},
      durations[] = {{3600000, " h"}, {60000, " min"}, {1000, " s"}, {1, " ms"}}, none[] = {{1, ""}};
    const struct unit *unit = row->type == CONFIG_SIZE ? sizes : row->type == CONFIG_DURATION ? durations : none;
    while (number % unit->factor != 0)
        unit++;
    snprintf(text, size, "%lld%s", (long long)(number / unit->factor), unit->name);
}

static void print_range(struct page *page, const struct config_row *row)
{
    char least[32], most[32], range[80];
    number_text(row, row->minimum, least, sizeof(least));
    number_text(row, row->maximum, most, sizeof(most));
    snprintf(range, sizeof(range), "%s to %s", least, most);
    /* A negative number has a meaning of its own, which the comment explains. */
    if (row->minimum >= 0 && !strstr(page->comment, range))
        fail(page, "the comment of %s.%s must have its range, \"%s\"", row->section, row->name, range);
    fputs(row->type == CONFIG_SIZE       ? "a size, "
          : row->type == CONFIG_DURATION ? "a duration, "
                                         : "a number, ",
          page->out);
    print_text(page->out, range);
}

static void print_words(FILE *out, const struct config_word *words)
{
    for (const struct config_word *word = words; word->name; word++) {
        fputs(word == words ? "" : word[1].name ? ", " : " or ", out);
        print_text(out, word->name);
    }
}

static void print_type(struct page *page, const struct config_row *row)
{
    switch (row->type) {
    case CONFIG_TEXT:
        fputs("a text", page->out);
        break;
    case CONFIG_LIST:
        fputs("texts, separated by commas", page->out);
        break;
    case CONFIG_WORD:
        print_words(page->out, row->words);
        break;
    case CONFIG_INTEGER:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        print_range(page, row);
        break;
    }
}

static void print_default(FILE *out, const char *value)
{
    fputs("Default: ", out);
    print_text(out, *value ? value : "empty");
}

static const struct kafka_default *kafka_row(const char *section, const char *name)
{
    const struct kafka_default *row = kafka_defaults;
    while (row->section && (strcmp(row->section, section) != 0 || strcmp(row->name, name) != 0))
        row++;
    return row->section ? row : NULL;
}

static void print_key(struct page *page, char *line)
{
    line[strcspn(line, " =")] = '\0';
    const struct config_row *row = config_row_find(page->section, line);
    const struct kafka_default *kafka = kafka_row(page->section, line);
    if (!row && !kafka)
        fail(page, "the program has no key %s.%s", page->section, line);
    if (!page->is_in_list && !page->comment[0])
        fail(page, "%s.%s has no comment", page->section, line);
    if (!page->is_in_list)
        fputs(".Bl -tag -width Ds\n", page->out);
    page->is_in_list = true;
    page->keys++;
    fputs(".It Li ", page->out);
    print_text(page->out, line);
    fputc('\n', page->out);
    print_default(page->out, row ? row->default_text : kafka->value);
    if (row) {
        fputs("; ", page->out);
        print_type(page, row);
    }
    fprintf(page->out, ".\n%s", row && row->flags & CONFIG_MAY_RELOAD ? "SIGHUP reloads it.\n" : "");
    print_comment(page);
}

static void take_line(struct page *page, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '#') {
        const size_t length = strlen(page->comment);
        snprintf(page->comment + length, COMMENT_SIZE - length, "%s\n", line[1] == ' ' ? line + 2 : line + 1);
    } else if (line[0] == '[') {
        begin_section(page, line);
    } else if (line[0]) {
        print_key(page, line);
    }
}

static size_t table_rows(void)
{
    size_t count = 0;
    for (const struct config_row *row = config_rows; row->section; row++)
        count++;
    for (const struct kafka_default *row = kafka_defaults; row->section; row++)
        count++;
    return count;
}

void config_manual(FILE *out, const char *shipped_path)
{
    char line[1024];
    struct page *page = calloc(1, sizeof(*page));
    FILE *shipped = fopen(shipped_path, "r");
    if (!page || !shipped) {
        fprintf(stderr, "%s cannot be read\n", shipped_path);
        exit(1);
    }
    page->out = out;
    page->path = shipped_path;
    fputs(".Dd $Mdocdate$\n.Dt CLIENT-INTAKE.INI 5\n.Os\n.Sh NAME\n.Nm client-intake.ini\n"
          ".Nd the config of client-intake\n.Sh DESCRIPTION\n",
          out);
    while (fgets(line, sizeof(line), shipped)) {
        page->line++;
        take_line(page, line);
    }
    if (page->keys != table_rows())
        fail(page, "it has %zu keys, the program %zu", page->keys, table_rows());
    end_list(page);
    fputs(".Sh SEE ALSO\n.Xr client-intake 1\n", out);
    fclose(shipped);
    free(page);
}

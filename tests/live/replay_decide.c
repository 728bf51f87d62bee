#include "tests/live/replay_decide.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETS 256

struct ticket {
    const char *code; /* of a command that was not asked */
    size_t line;      /* in the output */
    bool fields_given;
};

struct set {
    char hash[HASH_DIGITS + 1]; /* "" for none */
    bool is_usable;             /* false: none, or `validate` refuses them */
    char definitions[512], lines[512], replies[512];
    FILE *file;
    size_t asked;
    struct ticket *tickets;
    size_t ticket_count, ticket_capacity;
    struct text *answers; /* by line */
};

struct decider {
    const char *program, *config, *folder;
    struct set sets[SETS];
    unsigned set_count;
};

struct decider *decider_new(const char *program, const char *config, const char *folder)
{
    struct decider *decider = calloc(1, sizeof(*decider));
    if (!decider)
        give_up("memory", "none left");
    decider->program = program;
    decider->config = config;
    decider->folder = folder;
    return decider;
}

/* The exit status of `validate`. */
static int validate(const struct decider *decider, const struct set *set, const char *input)
{
    pid_t child = fork();
    if (child == 0) {
        int output = open(set->replies, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (output < 0 || dup2(output, STDOUT_FILENO) < 0)
            _exit(127);
        if (input[0] == '/' && strcmp(input, "/dev/null") == 0)
            dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
        execl(decider->program, decider->program, "validate", "--definitions", set->definitions, input,
              decider->config ? "--config" : NULL, decider->config, (char *)NULL);
        _exit(127);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        give_up(decider->program, "cannot be run");
    return WEXITSTATUS(status);
}

/* The stamp says what the file at `path` was made of. */
static bool is_stamped(const char *path, const char *stamp)
{
    char name[600], line[3 * HASH_DIGITS + 1] = "";
    snprintf(name, sizeof(name), "%s.of", path);
    FILE *file = fopen(name, "r");
    bool same = file && fgets(line, sizeof(line), file) && strcmp(line, stamp) == 0;
    if (file)
        fclose(file);
    return same;
}

static void write_file(const char *path, struct text text)
{
    FILE *file = fopen(path, "w");
    if (!file || fwrite(text.at, 1, text.length, file) != text.length || fclose(file) != 0)
        give_up(path, strerror(errno));
}

/* Whether `validate` can use the definitions. */
static bool is_usable(const struct decider *decider, const struct set *set)
{
    char name[600];
    snprintf(name, sizeof(name), "%s/usable-%s", decider->folder, set->hash);
    FILE *file = fopen(name, "r");
    int known = file ? getc(file) : EOF;
    if (file)
        fclose(file);
    if (known == EOF) {
        known = validate(decider, set, "/dev/null") == 0 ? 'y' : 'n';
        write_file(name, (struct text){known == 'y' ? "y" : "n", 1});
    }
    return known == 'y';
}

unsigned decider_set(struct decider *decider, struct text definitions)
{
    char hash[HASH_DIGITS + 1] = "";
    if (definitions.at)
        hash_digits(definitions, hash);
    for (unsigned i = 0; i < decider->set_count; i++)
        if (strcmp(decider->sets[i].hash, hash) == 0)
            return i;
    if (decider->set_count == SETS)
        give_up("definitions", "too many for replay_oracle");
    struct set *set = &decider->sets[decider->set_count];
    strcpy(set->hash, hash);
    snprintf(set->definitions, sizeof(set->definitions), "%s/set-%u.definitions", decider->folder, decider->set_count);
    snprintf(set->lines, sizeof(set->lines), "%s/set-%u.lines", decider->folder, decider->set_count);
    snprintf(set->replies, sizeof(set->replies), "%s/set-%u.replies", decider->folder, decider->set_count);
    if (definitions.at) {
        write_file(set->definitions, definitions);
        set->is_usable = is_usable(decider, set);
    }
    /* Without usable definitions no custom field is looked at. */
    if (!set->is_usable)
        write_file(set->definitions, (struct text){"[]", 2});
    set->file = fopen(set->lines, "w");
    if (!set->file)
        give_up(set->lines, strerror(errno));
    return decider->set_count++;
}

size_t decider_ask(struct decider *decider, unsigned number, const struct command *command)
{
    struct set *set = &decider->sets[number];
    if (set->ticket_count == set->ticket_capacity) {
        set->ticket_capacity = set->ticket_capacity ? 2 * set->ticket_capacity : 1024;
        set->tickets = realloc(set->tickets, set->ticket_capacity * sizeof(set->tickets[0]));
        if (!set->tickets)
            give_up("memory", "none left");
    }
    struct ticket *ticket = &set->tickets[set->ticket_count];
    *ticket = (struct ticket){.code = command->code, .line = set->asked, .fields_given = command->fields_given};
    if (!command->code) {
        struct text line = set->is_usable ? command->line : command->line_without_fields;
        if (fwrite(line.at, 1, line.length, set->file) != line.length || putc('\n', set->file) == EOF)
            give_up(set->lines, strerror(errno));
        set->asked++;
    }
    return set->ticket_count++;
}

/* The same questions are not asked again by the next run in this folder. */
static void ask_all(const struct decider *decider, const struct set *set)
{
    char stamp[3 * HASH_DIGITS + 1], name[600];
    snprintf(stamp, sizeof(stamp), "%s", set->is_usable ? set->hash : "no definitions");
    hash_digits(file_text(set->lines), stamp + strlen(stamp));
    if (decider->config)
        hash_digits(file_text(decider->config), stamp + strlen(stamp));
    if (is_stamped(set->replies, stamp))
        return;
    snprintf(name, sizeof(name), "%s.of", set->replies);
    remove(name);
    if (validate(decider, set, set->lines) > 1)
        give_up(set->lines, "validate failed");
    write_file(name, (struct text){stamp, strlen(stamp)});
}

static void set_run(const struct decider *decider, struct set *set)
{
    if (fclose(set->file) != 0)
        give_up(set->lines, strerror(errno));
    set->file = NULL;
    ask_all(decider, set);
    struct text rest = file_text(set->replies);
    set->answers = calloc(set->asked + 1, sizeof(set->answers[0]));
    for (size_t i = 0; i < set->asked; i++) {
        const char *end = memchr(rest.at, '\n', rest.length);
        if (!end)
            give_up(set->replies, "has too few lines");
        set->answers[i] = (struct text){rest.at, (size_t)(end - rest.at)};
        rest.length -= (size_t)(end + 1 - rest.at);
        rest.at = end + 1;
    }
    if (rest.length > 0)
        give_up(set->replies, "has too many lines");
}

void decider_run(struct decider *decider)
{
    for (unsigned i = 0; i < decider->set_count; i++)
        set_run(decider, &decider->sets[i]);
}

json_t *decider_answer(const struct decider *decider, unsigned number, size_t at, const char **code)
{
    const struct set *set = &decider->sets[number];
    const struct ticket *ticket = &set->tickets[at];
    *code = ticket->code;
    if (ticket->code)
        return NULL;
    json_t *reply = text_json(set->answers[ticket->line]);
    const json_t *error = json_object_get(reply, "error");
    *code = error ? json_string_value(json_object_get(error, "code")) : "created";
    /* Unusable definitions let no valid command pass, missing ones those without custom fields. */
    if (!error && !set->is_usable && (set->hash[0] || ticket->fields_given))
        *code = "definitions_missing";
    return reply;
}

void decider_free(struct decider *decider)
{
    for (unsigned i = 0; i < decider->set_count; i++) {
        free(decider->sets[i].tickets);
        free(decider->sets[i].answers);
    }
    free(decider);
}

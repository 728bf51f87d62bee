#include "common/gen/numbering_plan.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/gen/catalogue.h"

static const char *const element_names[ELEMENT_COUNT] = {"leading",   "general", "fixed",       "mobile",
                                                         "toll-free", "premium", "shared-cost", "personal",
                                                         "voip",      "pager",   "uan",         "voicemail"};

struct reading {
    struct numbering_plan *plan;
    struct code *code;           /* the one being read, or NULL */
    struct territory *territory; /* its last one, or NULL */
    int element;                 /* the one that the next patterns belong to, or -1 */
    uint32_t line;
};

/* Each line reader gets the text after the line's first word. It returns NULL, or what is wrong. */
typedef const char *line_reader(struct reading *reading, char *rest);

/* Reads numbers separated by spaces. Returns false if there is anything else, or a number over the limit. */
static bool read_lengths(const char *text, uint32_t *lengths)
{
    *lengths = 0;
    while (*text != '\0') {
        char *end;
        unsigned long length = strtoul(text, &end, 10);
        if (!isdigit((unsigned char)*text) || length == 0 || length > NATIONAL_DIGITS || (*end != ' ' && *end != '\0'))
            return false;
        *lengths |= 1u << length;
        text = *end == ' ' ? end + 1 : end;
    }
    return *lengths != 0;
}

static const char *read_version(struct reading *reading, char *rest)
{
    if (reading->plan->version[0] != '\0' || rest[0] == '\0' || strlen(rest) >= sizeof(reading->plan->version) ||
        strspn(rest, "0123456789.") != strlen(rest))
        return "one version, of digits and full stops, is expected";
    strcpy(reading->plan->version, rest);
    return NULL;
}

static const char *read_code(struct reading *reading, char *rest)
{
    struct numbering_plan *plan = reading->plan;
    unsigned long number = strtoul(rest, NULL, 10);
    if (rest[0] < '1' || rest[0] > '9' || strlen(rest) > 3 || strspn(rest, "0123456789") != strlen(rest))
        return "a calling code has one to three digits and does not begin with 0";
    if (plan->code_count > 0 && plan->codes[plan->code_count - 1].number >= number)
        return "calling codes must ascend";
    plan->codes = grow(plan->codes, plan->code_count + 1, sizeof(*plan->codes));
    reading->code = &plan->codes[plan->code_count++];
    *reading->code = (struct code){.number = (uint32_t)number};
    reading->territory = NULL;
    reading->element = -1;
    return NULL;
}

static const char *read_territory(struct reading *reading, char *rest)
{
    struct code *code = reading->code;
    bool is_country = strlen(rest) == 2 && isupper((unsigned char)rest[0]) && isupper((unsigned char)rest[1]);
    if (!is_country && strcmp(rest, "001") != 0)
        return "a territory is two capitals, or 001";
    if (code == NULL || code->territory_count == TERRITORIES_LIMIT)
        return "a territory belongs to a calling code, which has 32 at most";
    reading->territory = &code->territories[code->territory_count++];
    *reading->territory = (struct territory){0};
    strcpy(reading->territory->name, rest);
    reading->element = -1;
    return NULL;
}

static const char *read_general_lengths(struct reading *reading, char *rest)
{
    struct territory *territory = reading->territory;
    if (territory == NULL || territory->general_lengths != 0 || !read_lengths(rest, &territory->general_lengths))
        return "lengths are given once, for a territory";
    return NULL;
}

static const char *read_local_lengths(struct reading *reading, char *rest)
{
    struct territory *territory = reading->territory;
    if (territory == NULL || territory->local_lengths != 0 || !read_lengths(rest, &territory->local_lengths))
        return "local lengths are given once, for a territory";
    return NULL;
}

static const char *read_element(struct reading *reading, char *rest)
{
    struct territory *territory = reading->territory;
    uint32_t *lengths = &territory->lengths[reading->element];
    if (*lengths != 0)
        return "this element occurs twice in its territory";
    if (reading->element >= ELEMENT_FIRST_RANGE)
        return read_lengths(rest, lengths) ? NULL : "a range has the lengths of its numbers";
    if (rest[0] != '\0' || territory->general_lengths == 0)
        return "this element has the territory's lengths, which come before it";
    *lengths = territory->general_lengths;
    territory->has_leading |= reading->element == ELEMENT_LEADING;
    return NULL;
}

static const char *read_pattern(struct reading *reading, char *rest)
{
    struct code *code = reading->code;
    if (reading->element < 0)
        return "a pattern belongs to an element";
    const char *fault = NULL;
    uint32_t mark = (code->territory_count - 1) * ELEMENT_COUNT + (uint32_t)reading->element;
    uint32_t begin = pattern_add(&code->nodes, rest, reading->element == ELEMENT_LEADING, mark, &fault);
    if (begin == NODE_NONE)
        return fault;
    code->begins = grow(code->begins, code->begin_count + 1, sizeof(*code->begins));
    code->begins[code->begin_count++] = begin;
    return NULL;
}

static const char *read_example(struct reading *reading, char *rest)
{
    struct code *code = reading->code;
    if (reading->element < ELEMENT_FIRST_RANGE || rest[0] == '\0' || strlen(rest) > NATIONAL_DIGITS ||
        strspn(rest, "0123456789") != strlen(rest))
        return "an example is of digits and belongs to a range";
    code->examples = grow(code->examples, code->example_count + 1, sizeof(*code->examples));
    struct example *example = &code->examples[code->example_count++];
    *example = (struct example){.territory = code->territory_count - 1, .line = reading->line};
    strcpy(example->digits, rest);
    return NULL;
}

static const char *read_line(struct reading *reading, char *line)
{
    static const struct {
        const char *word;
        line_reader *read;
    } readers[] = {{"version", read_version},
                   {"code", read_code},
                   {"territory", read_territory},
                   {"lengths", read_general_lengths},
                   {"local", read_local_lengths},
                   {"example", read_example},
                   {"=", read_pattern}};

    line[strcspn(line, "\n")] = '\0';
    if (line[0] == '\0' || line[0] == '#')
        return NULL;
    size_t length = strcspn(line, " ");
    char *rest = line[length] == ' ' ? line + length + 1 : line + length;
    line[length] = '\0';

    for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++)
        if (strcmp(line, readers[i].word) == 0)
            return readers[i].read(reading, rest);
    for (int element = 0; element < ELEMENT_COUNT && reading->territory != NULL; element++) {
        if (strcmp(line, element_names[element]) == 0) {
            reading->element = element;
            return read_element(reading, rest);
        }
    }
    return "not an element of the plan, or not in its place";
}

/* True if one calling code is a prefix of another. */
static bool has_ambiguous_code(const struct numbering_plan *plan)
{
    for (uint32_t i = 0; i < plan->code_count; i++)
        for (uint32_t part = plan->codes[i].number / 10; part > 0; part /= 10)
            for (uint32_t other = 0; other < plan->code_count; other++)
                if (plan->codes[other].number == part)
                    return true;
    return false;
}

/* Checks that need the complete plan. */
static const char *whole_fault(const struct numbering_plan *plan)
{
    if (plan->version[0] == '\0' || plan->code_count == 0)
        return "the plan has no version or no calling codes";
    if (has_ambiguous_code(plan))
        return "a calling code is the beginning of another one";
    for (uint32_t i = 0; i < plan->code_count; i++) {
        const struct code *code = &plan->codes[i];
        if (code->territory_count == 0)
            return "a calling code has no territory";
        for (uint32_t t = 0; t < code->territory_count; t++)
            if (code->territories[t].lengths[ELEMENT_GENERAL] == 0)
                return "a territory has no lengths or no general pattern";
    }
    return NULL;
}

bool numbering_plan_read(struct numbering_plan *plan, const char *path)
{
    *plan = (struct numbering_plan){0};
    struct reading reading = {.plan = plan, .element = -1};
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        return false;
    }
    char *line = NULL;
    size_t size = 0;
    const char *fault = NULL;
    while (fault == NULL && getline(&line, &size, file) >= 0) {
        reading.line++;
        fault = read_line(&reading, line);
    }
    if (fault == NULL && ferror(file))
        fault = "the file cannot be read to its end";
    if (fault == NULL)
        fault = whole_fault(plan);
    if (fault != NULL)
        fprintf(stderr, "%s:%u: %s\n", path, reading.line, fault);
    free(line);
    fclose(file);
    return fault == NULL;
}

void numbering_plan_free(struct numbering_plan *plan)
{
    for (uint32_t i = 0; i < plan->code_count; i++) {
        nodes_free(&plan->codes[i].nodes);
        free(plan->codes[i].begins);
        free(plan->codes[i].examples);
    }
    free(plan->codes);
    *plan = (struct numbering_plan){0};
}

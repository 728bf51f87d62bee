#include "worker/config/config_value.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"

#define REFERENCE_FILE_BYTES 65536

struct unit {
    const char *name;
    int64_t factor;
};

/* The largest first: a value is printed in the first unit that divides it. */
static const struct unit size_units[] = {
    {"GiB", (int64_t)1 << 30}, {"MiB", (int64_t)1 << 20}, {"KiB", (int64_t)1 << 10}, {"B", 1}, {NULL, 0}};
static const struct unit duration_units[] = {{"h", 3600000}, {"min", 60000}, {"s", 1000}, {"ms", 1}, {NULL, 0}};
static const struct unit no_units[] = {{NULL, 0}};

static bool refuse(char *error, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool refuse(char *error, size_t size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error, size, format, arguments);
    va_end(arguments);
    return false;
}

/* The content of `path` without its last line end. New; or NULL with the reason in `error`. */
static char *read_reference(const char *path, char *error, size_t error_size)
{
    size_t length;
    char *content = file_read(path, REFERENCE_FILE_BYTES, &length);
    if (!content || memchr(content, '\0', length)) {
        const char *fault = content ? "holds a NUL byte" : errno == EFBIG ? "longer than 64 KiB" : strerror(errno);
        refuse(error, error_size, "${file:%s}: %s", path, fault);
        free(content);
        return NULL;
    }
    if (length > 0 && content[length - 1] == '\n')
        length--;
    if (length > 0 && content[length - 1] == '\r')
        length--;
    content[length] = '\0';
    return content;
}

/* The value of ${reference}. New; or NULL with the reason in `error`. */
static char *resolve(const char *reference, char *error, size_t error_size)
{
    if (strncmp(reference, "file:", 5) == 0)
        return read_reference(reference + 5, error, error_size);
    const char *value = getenv(reference);
    if (!value) {
        refuse(error, error_size, "${%s}: there is no such environment variable", reference);
        return NULL;
    }
    return strdup(value);
}

char *config_value_expand(const char *text, bool *has_reference, char *error, size_t error_size)
{
    char *expanded = NULL;
    size_t size = 0;
    bool holds = true;
    *has_reference = false;
    refuse(error, error_size, "out of memory"); /* if there is no other reason */
    FILE *out = open_memstream(&expanded, &size);
    if (!out)
        return NULL;
    while (*text && holds) {
        if (strncmp(text, "$${", 3) == 0) {
            fputs("${", out);
            text += 3;
            continue;
        }
        if (strncmp(text, "${", 2) != 0) {
            fputc(*text++, out);
            continue;
        }
        *has_reference = true;
        const char *end = strchr(text, '}');
        if (!end || end == text + 2) {
            holds = refuse(error, error_size, "${ without a name and }; write $${ for the characters themselves");
            break;
        }
        char *reference = strndup(text + 2, (size_t)(end - text - 2));
        char *value = reference ? resolve(reference, error, error_size) : NULL;
        holds = value && fputs(value, out) >= 0;
        free(value);
        free(reference);
        text = end + 1;
    }
    if (fclose(out) != 0 || !holds) {
        free(expanded);
        return NULL;
    }
    return expanded;
}

/* A number, white space, a unit. True if it is valid and does not overflow. */
static bool read_amount(const char *text, const struct unit *units, bool needs_unit, int64_t *amount)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || errno == ERANGE || isspace((unsigned char)text[0]) || text[0] == '+')
        return false;
    while (isspace((unsigned char)*end))
        end++;
    int64_t factor = needs_unit ? 0 : 1;
    if (*end) {
        const struct unit *unit = units;
        while (unit->name && strcmp(unit->name, end) != 0)
            unit++;
        if (!unit->name)
            return false;
        factor = unit->factor;
    }
    return factor != 0 && !__builtin_mul_overflow((int64_t)number, factor, amount);
}

static const struct unit *units_of(enum config_type type)
{
    return type == CONFIG_SIZE ? size_units : type == CONFIG_DURATION ? duration_units : no_units;
}

void config_value_print(const struct config_row *row, int64_t value, char *text, size_t size)
{
    const struct unit *unit = units_of(row->type);
    while (unit->name && (value == 0 ? unit->factor != 1 : value % unit->factor != 0))
        unit++;
    if (unit->name)
        snprintf(text, size, "%lld %s", (long long)(value / unit->factor), unit->name);
    else
        snprintf(text, size, "%lld", (long long)value);
}

static bool set_number(int64_t *member, const struct config_row *row, const char *text, const char *shown, char *error,
                       size_t error_size)
{
    static const char *const forms[] = {[CONFIG_INTEGER] = "must be a whole number",
                                        [CONFIG_SIZE] = "must be a size, such as 262144, 256 KiB, 4 MiB or 1 GiB",
                                        [CONFIG_DURATION] =
                                            "must be a duration with its unit, such as 500 ms, 30 s, 5 min or 1 h"};
    int64_t amount;
    if (!read_amount(text, units_of(row->type), row->type == CONFIG_DURATION, &amount))
        return refuse(error, error_size, "%s%s", forms[row->type], shown);
    if (amount < row->minimum || amount > row->maximum) {
        char minimum[32], maximum[32];
        config_value_print(row, row->minimum, minimum, sizeof(minimum));
        config_value_print(row, row->maximum, maximum, sizeof(maximum));
        return refuse(error, error_size, "must be %s to %s%s", minimum, maximum, shown);
    }
    *member = amount;
    return true;
}

static bool set_word(void *member, const struct config_row *row, const char *text, const char *shown, char *error,
                     size_t error_size)
{
    char words[128] = "";
    for (const struct config_word *word = row->words; word->name; word++) {
        if (strcmp(word->name, text) == 0) {
            memcpy(member, &word->value, sizeof(word->value));
            return true;
        }
        size_t length = strlen(words);
        const char *between = word == row->words ? "" : word[1].name ? ", " : " or ";
        snprintf(words + length, sizeof(words) - length, "%s%s", between, word->name);
    }
    return refuse(error, error_size, "must be %s%s", words, shown);
}

static bool set_text(char **member, const struct config_row *row, const char *text, const char *shown, char *error,
                     size_t error_size)
{
    const char *fault = row->rule ? row->rule(text) : NULL;
    if (fault)
        return refuse(error, error_size, "%s%s", fault, shown);
    char *copy = strdup(text);
    if (!copy)
        return refuse(error, error_size, "out of memory");
    free(*member);
    *member = copy;
    return true;
}

static void list_free(struct text_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct text_list){0};
}

/* `text` without outer blanks; cut in place. */
static char *trimmed(char *text)
{
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static bool set_list(struct text_list *member, const struct config_row *row, const char *text, const char *shown,
                     char *error, size_t error_size)
{
    size_t most = 1;
    for (const char *comma = strchr(text, ','); comma; comma = strchr(comma + 1, ','))
        most++;
    struct text_list list = {.items = calloc(most, sizeof(char *))};
    char *copy = strdup(text);
    const char *fault = list.items && copy ? NULL : "out of memory";
    char *rest = fault || *trimmed(copy) == '\0' ? NULL : copy;
    for (char *entry; !fault && (entry = strsep(&rest, ","));) {
        entry = trimmed(entry);
        fault = row->rule(entry);
        list.items[list.count] = strdup(entry);
        if (!list.items[list.count++])
            fault = "out of memory";
    }
    free(copy);
    if (fault) {
        list_free(&list);
        return refuse(error, error_size, "each entry %s%s", fault, shown);
    }
    list_free(member);
    *member = list;
    return true;
}

bool config_value_store(struct config *config, const struct config_row *row, const char *text, bool is_secret,
                        char *error, size_t error_size)
{
    void *member = (char *)config + row->offset;
    char shown[96] = "";
    if (!is_secret && !(row->flags & CONFIG_SECRET))
        snprintf(shown, sizeof(shown), ", not \"%.64s%s\"", text, strlen(text) > 64 ? "..." : "");
    switch (row->type) {
    case CONFIG_TEXT:
        return set_text(member, row, text, shown, error, error_size);
    case CONFIG_LIST:
        return set_list(member, row, text, shown, error, error_size);
    case CONFIG_WORD:
        return set_word(member, row, text, shown, error, error_size);
    case CONFIG_INTEGER:
    case CONFIG_SIZE:
    case CONFIG_DURATION:
        return set_number(member, row, text, shown, error, error_size);
    }
    return refuse(error, error_size, "has no type");
}

void config_value_free(struct config *config, const struct config_row *row)
{
    char *member = (char *)config + row->offset;
    if (row->type == CONFIG_TEXT)
        free(*(char **)(void *)member);
    else if (row->type == CONFIG_LIST)
        list_free((struct text_list *)(void *)member);
}

static bool list_is_same(const struct text_list *one, const struct text_list *other)
{
    bool same = one->count == other->count;
    for (size_t i = 0; same && i < one->count; i++)
        same = strcmp(one->items[i], other->items[i]) == 0;
    return same;
}

size_t config_value_size(const struct config_row *row)
{
    switch (row->type) {
    case CONFIG_TEXT:
    case CONFIG_LIST:
        return 0;
    case CONFIG_WORD:
        return sizeof(int);
    default:
        return sizeof(int64_t);
    }
}

bool config_value_is_same(const struct config_row *row, const struct config *one, const struct config *other)
{
    const void *a = (const char *)one + row->offset, *b = (const char *)other + row->offset;
    switch (row->type) {
    case CONFIG_TEXT:
        return strcmp(*(char *const *)a, *(char *const *)b) == 0;
    case CONFIG_LIST:
        return list_is_same(a, b);
    default:
        return memcmp(a, b, config_value_size(row)) == 0;
    }
}

bool config_size_read(const char *text, int64_t *bytes)
{
    return read_amount(text, size_units, false, bytes);
}

bool config_duration_read(const char *text, int64_t *duration_ms)
{
    return read_amount(text, duration_units, true, duration_ms);
}

#include "worker/config/config_source.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/config/config_table.h"

#define LINE_BYTES         16384
#define ENVIRONMENT_PREFIX "CLIENT_INTAKE_"

/* The longest first: a dotted name belongs to the longest section that is its prefix. */
static const char *const kafka_sections[] = {"kafka.consumer", "kafka.producer", "kafka"};
#define KAFKA_SECTION_COUNT (sizeof(kafka_sections) / sizeof(kafka_sections[0]))

void config_fault(struct config_reading *reading, const char *place, const char *format, ...)
{
    va_list arguments;
    char *message = NULL;
    va_start(arguments, format);
    if (vasprintf(&message, format, arguments) < 0)
        message = NULL;
    va_end(arguments);
    reading->take_fault(reading->listener, place, message ? message : "out of memory");
    free(message);
    reading->faults++;
}

void config_no_memory(struct config_reading *reading)
{
    if (!reading->no_memory)
        config_fault(reading, "config", "out of memory");
    reading->no_memory = true;
}

static void setting_free(struct config_setting *setting)
{
    free(setting->section);
    free(setting->name);
    free(setting->value);
    free(setting->place);
}

static bool make_room(struct config_reading *reading)
{
    if (reading->count < reading->capacity)
        return true;
    size_t capacity = reading->capacity ? 2 * reading->capacity : 64;
    struct config_setting *grown = reallocarray(reading->settings, capacity, sizeof(*grown));
    if (!grown)
        return false;
    reading->settings = grown;
    reading->capacity = capacity;
    return true;
}

/* Takes ownership of `place`, which is NULL when out of memory. */
static void add(struct config_reading *reading, enum config_origin origin, char *place, const char *section,
                const char *name, const char *value)
{
    struct config_setting setting = {strdup(section), strdup(name), strdup(value), place, origin};
    if (setting.section && setting.name && setting.value && setting.place && make_room(reading)) {
        reading->settings[reading->count++] = setting;
        return;
    }
    setting_free(&setting);
    config_no_memory(reading);
}

/* New, or NULL when out of memory. */
static char *place_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

static char *place_of(const char *format, ...)
{
    char *place = NULL;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&place, format, arguments) < 0)
        place = NULL;
    va_end(arguments);
    return place;
}

struct ini_source {
    struct config_reading *reading;
    const char *path;
    FILE *file;
    int line; /* of the text that was read last; the handler is called for this line */
};

static void ini_fault(struct ini_source *source, int line, const char *message)
{
    char *place = place_of("%s:%d", source->path, line);
    config_fault(source->reading, place ? place : source->path, "%s", message);
    free(place);
}

/* inih asks for one line after the other; counting them gives the line number. */
static char *ini_next_line(char *line, int size, void *data)
{
    struct ini_source *source = data;
    for (;;) {
        if (!fgets(line, size, source->file))
            return NULL;
        source->line++;
        if (strchr(line, '\n') || feof(source->file))
            return line;
        ini_fault(source, source->line, "the line is too long; put the value into a file and write ${file:PATH}");
        for (int next = fgetc(source->file); next != EOF && next != '\n';)
            next = fgetc(source->file);
    }
}

static int ini_take(void *data, const char *section, const char *name, const char *value)
{
    struct ini_source *source = data;
    if (!value)
        ini_fault(source, source->line, "expected [section], name = value, or a comment that begins with # or ;");
    else if (section[0] == '\0')
        ini_fault(source, source->line, "stands before the first [section]");
    else
        add(source->reading, CONFIG_FROM_FILE, place_of("%s:%d", source->path, source->line), section, name, value);
    return 1;
}

static void collect_file(struct config_reading *reading, const char *path)
{
    struct ini_source source = {.reading = reading, .path = path, .file = fopen(path, "re")};
    if (!source.file) {
        config_fault(reading, path, "%s", strerror(errno));
        return;
    }
    /* Inline comments would cut a password at " ;", and continued lines would turn an indented key into a value. */
    ini_max_line = LINE_BYTES;
    ini_allow_inline_comments = false;
    ini_allow_multiline = false;
    ini_allow_no_value = true;
    int result = ini_parse_stream(ini_next_line, &source, ini_take, &source);
    if (result > 0)
        ini_fault(&source, result, "a [section] that is not closed");
    if (result < 0 || ferror(source.file))
        config_fault(reading, path, "cannot be read: %s", result == -2 ? strerror(ENOMEM) : strerror(errno));
    fclose(source.file);
}

/* True if `name` is `section`_`key` in capitals, with '_' for '.'. */
static bool is_environment_name(const char *name, const char *section, const char *key)
{
    const char *const parts[] = {section, "_", key};
    for (size_t i = 0; i < 3; i++)
        for (const char *character = parts[i]; *character; character++)
            if (*name++ != (*character == '.' ? '_' : toupper((unsigned char)*character)))
                return false;
    return *name == '\0';
}

/* Kubernetes gives every container variables about its services. Those of a service called client-intake look like
 * ours. */
static bool is_service_variable(const char *name)
{
    return strncmp(name, "SERVICE_", 8) == 0 || strcmp(name, "PORT") == 0 || strncmp(name, "PORT_", 5) == 0;
}

/* A variable's name in the form of a key; NULL when out of memory. */
static char *dotted_of(const char *name)
{
    char *dotted = strdup(name);
    for (char *character = dotted; character && *character; character++)
        *character = *character == '_' ? '.' : (char)tolower((unsigned char)*character);
    return dotted;
}

/* The section of librdkafka's settings that the variable belongs to, or NULL. */
static const char *kafka_section_of(const char *name, const char *dotted)
{
    for (size_t i = 0; i < KAFKA_SECTION_COUNT; i++) {
        size_t length = strlen(kafka_sections[i]);
        if (strlen(name) >= length + 2 && name[length] == '_' && strncmp(dotted, kafka_sections[i], length) == 0)
            return kafka_sections[i];
    }
    return NULL;
}

static void collect_variable(struct config_reading *reading, const char *name, const char *value)
{
    char *place = place_of(ENVIRONMENT_PREFIX "%s", name);
    for (const struct config_row *row = config_rows; row->section; row++) {
        if (is_environment_name(name, row->section, row->name)) {
            add(reading, CONFIG_FROM_ENVIRONMENT, place, row->section, row->name, value);
            return;
        }
    }
    char *dotted = dotted_of(name);
    const char *section = dotted ? kafka_section_of(name, dotted) : NULL;
    if (section) {
        add(reading, CONFIG_FROM_ENVIRONMENT, place, section, dotted + strlen(section) + 1, value);
    } else {
        if (!dotted || !place)
            config_no_memory(reading);
        else if (!is_service_variable(name))
            config_fault(reading, place, "is not the name of a setting");
        free(place);
    }
    free(dotted);
}

static void collect_environment(struct config_reading *reading)
{
    size_t prefix = strlen(ENVIRONMENT_PREFIX);
    for (char **variable = environ; variable && *variable; variable++) {
        const char *equals = strchr(*variable, '=');
        if (!equals || strncmp(*variable, ENVIRONMENT_PREFIX, prefix) != 0)
            continue;
        char *name = strndup(*variable + prefix, (size_t)(equals - *variable) - prefix);
        if (name)
            collect_variable(reading, name, equals + 1);
        else
            config_no_memory(reading);
        free(name);
    }
}

/* Length of the section at the beginning of `dotted`: the longest known one, otherwise up to the last dot. */
static size_t section_length(const char *dotted)
{
    for (size_t i = 0; i < KAFKA_SECTION_COUNT; i++) {
        size_t length = strlen(kafka_sections[i]);
        if (strncmp(dotted, kafka_sections[i], length) == 0 && dotted[length] == '.')
            return length;
    }
    const char *dot = strrchr(dotted, '.');
    return dot ? (size_t)(dot - dotted) : 0;
}

static void collect_option(struct config_reading *reading, const char *option)
{
    const char *equals = strchr(option, '=');
    size_t dotted_length = equals ? (size_t)(equals - option) : strlen(option);
    char *dotted = strndup(option, dotted_length);
    size_t length = dotted ? section_length(dotted) : 0;
    char *place = place_of("--set");
    if (!dotted || !place) {
        config_no_memory(reading);
        free(place);
    } else if (!equals || length == 0 || dotted[length + 1] == '\0') {
        config_fault(reading, place, "%s is not of the form section.key=value", dotted);
        free(place);
    } else {
        dotted[length] = '\0';
        add(reading, CONFIG_FROM_COMMAND_LINE, place, dotted, dotted + length + 1, equals + 1);
    }
    free(dotted);
}

void config_collect(struct config_reading *reading, const struct config_sources *sources)
{
    if (sources->path)
        collect_file(reading, sources->path);
    collect_environment(reading);
    for (const char *const *setting = sources->settings; setting && *setting; setting++)
        collect_option(reading, *setting);
}

void config_reading_close(struct config_reading *reading)
{
    for (size_t i = 0; i < reading->count; i++)
        setting_free(&reading->settings[i]);
    free(reading->settings);
    *reading = (struct config_reading){0};
}

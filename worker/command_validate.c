/* validate: judges commands offline, JSON lines in, replies as JSON lines out. Three steps that take turns: a batch of
 * lines is read, judged, and its replies are written. Memory does not grow with the input. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "worker/command.h"
#include "worker/decode.h"
#include "worker/judge.h"
#include "worker/lines.h"
#include "worker/quote.h"
#include "worker/timestamp.h"

#define BATCH_LINES    512
#define BATCH_BYTES    (1 << 20)
#define SOURCE_BYTES   249 /* of the input's name in replies; as many as a topic's name can have */
#define LINE_END_BYTES 1   /* a CR before the LF */

struct options {
    const char *definitions_path;
    const char *path; /* NULL: standard input */
    int64_t time_ms;
};

struct validation {
    const struct config *config;
    struct judge judge;
    struct lines lines;
    struct batch batch;
    char source[SOURCE_BYTES + 1];
    int64_t time_ms;
    bool any_rejected;
};

/* The options. Returns COMMAND_FINE, or what to exit with. */
static int read_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"definitions", required_argument, NULL, 'd'}, {"time", required_argument, NULL, 't'}, {0}};
    *options = (struct options){0};
    int option;
    optind = 0; /* starts getopt anew */
    opterr = 0;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'd')
            options->definitions_path = optarg;
        else if (option != 't')
            return command_usage(argv[0], "%s is not an option, or lacks its value", argv[optind - 1]);
        else if (!time_read(span_of_text(optarg), &options->time_ms))
            return command_usage(argv[0], "--time %s: must be like 2026-11-23T06:38:00Z, or milliseconds since 1970",
                                 optarg);
    }
    if (!options->definitions_path)
        return command_usage(argv[0], "--definitions FILE is missing");
    if (argc - optind > 1)
        return command_usage(argv[0], "one FILE at most, not %d", argc - optind);
    if (optind < argc && strcmp(argv[optind], "-") != 0)
        options->path = argv[optind];
    return COMMAND_FINE;
}

/* The whole file, to be freed; at == NULL, after the reason was printed, if it cannot be read. */
static struct span file_read(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    char *bytes = NULL;
    size_t length = 0, capacity = 0;
    ssize_t count = -1;
    if (file >= 0 && fstat(file, &status) == 0) {
        capacity = (size_t)status.st_size + 1;
        bytes = malloc(capacity);
        while (bytes && (count = read(file, bytes + length, capacity - length)) > 0) {
            length += (size_t)count;
            if (length < capacity)
                continue;
            char *grown = realloc(bytes, capacity * 2);
            if (!grown)
                break;
            bytes = grown;
            capacity *= 2;
        }
    }
    if (count != 0) {
        fprintf(stderr, "client-intake validate: %s: %s\n", path, strerror(errno));
        free(bytes);
        bytes = NULL;
    }
    if (file >= 0)
        close(file);
    return span_of(bytes, length);
}

/* New, or NULL with *result set, after the reason was printed. */
static struct definitions *read_definitions(const char *path, int *result)
{
    struct span json = file_read(path);
    if (!json.at) {
        *result = COMMAND_UNAVAILABLE;
        return NULL;
    }
    struct definitions_fault *faults;
    struct definitions *definitions = definitions_compile(json, &faults);
    for (const struct definitions_fault *fault = faults; fault; fault = fault->next)
        fprintf(stderr, "%s: %s%s%s\n", path, fault->path, fault->path[0] ? ": " : "", fault->message);
    if (!definitions && !faults)
        fprintf(stderr, "client-intake validate: out of memory\n");
    if (!definitions)
        *result = faults ? COMMAND_CONFIGURATION : COMMAND_UNAVAILABLE;
    definitions_faults_free(faults);
    free((char *)(uintptr_t)json.at);
    return definitions;
}

/* The input's name as replies show it: at most SOURCE_BYTES bytes of it, in UTF-8. */
static void name_source(const char *path, char source[SOURCE_BYTES + 1])
{
    struct span name = span_of_text(path ? path : "stdin");
    if (name.length > SOURCE_BYTES)
        name = span_from(name, name.length - SOURCE_BYTES);
    while (name.length > 0 && ((unsigned char)name.at[0] & 0xc0) == 0x80)
        name = span_from(name, 1);
    memcpy(source, name.at, name.length);
    source[name.length] = '\0';
    if (text_is_utf8(name))
        return;
    for (size_t i = 0; i < name.length; i++)
        if ((unsigned char)source[i] >= 0x80)
            source[i] = '?';
}

static bool is_blank(struct span line)
{
    for (size_t i = 0; i < line.length; i++)
        if (line.at[i] != ' ' && line.at[i] != '\t' && line.at[i] != '\r')
            return false;
    return true;
}

/* Reads: takes lines that the buffer holds into the batch, until either is full. */
static void take_lines(struct validation *validation)
{
    struct batch *batch = &validation->batch;
    struct line line;
    while (batch->count < batch->capacity && lines_next(&validation->lines, &line)) {
        if (!line.too_long && is_blank(line.text))
            continue;
        if (line.text.length > 0 && line.text.at[line.text.length - 1] == '\r')
            line.text.length--;
        struct item *item = &batch->items[batch->count++];
        *item = (struct item){
            .from = {.topic = validation->source, .offset = line.number, .timestamp_ms = validation->time_ms},
            .value = line.text};
        if (line.too_long)
            decode_too_large(item, validation->config, &batch->arena);
    }
}

static void judge_lines(struct validation *validation)
{
    struct batch *batch = &validation->batch;
    for (uint32_t i = 0; i < batch->count; i++) {
        judge_item(&validation->judge, &batch->items[i], &batch->arena);
        validation->any_rejected |= batch->items[i].outcome == OUTCOME_REJECTED;
    }
}

static bool write_replies(const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->count; i++) {
        struct span reply = batch->items[i].reply;
        if (fwrite(reply.at, 1, reply.length, stdout) != reply.length || putchar('\n') == EOF)
            return false;
    }
    return true;
}

/* Returns COMMAND_FINE once the input is done, or COMMAND_UNAVAILABLE after the reason was printed. */
static int validate_all(struct validation *validation, const char *name)
{
    while (!lines_are_done(&validation->lines)) {
        if (lines_fill(&validation->lines) != 0) {
            fprintf(stderr, "client-intake validate: %s: %s\n", name, strerror(errno));
            return COMMAND_UNAVAILABLE;
        }
        do {
            batch_reset(&validation->batch);
            take_lines(validation);
            judge_lines(validation);
            if (!write_replies(&validation->batch))
                break;
        } while (validation->batch.count > 0);
        /* Whoever pipes lines in one by one sees each answer at once. */
        if (ferror(stdout) || fflush(stdout) != 0) {
            fprintf(stderr, "client-intake validate: standard output: %s\n", strerror(errno));
            return COMMAND_UNAVAILABLE;
        }
    }
    return COMMAND_FINE;
}

/* Everything but the input and the definitions. Returns 0, or -1 when out of memory. */
static int validation_open(struct validation *validation, int file)
{
    size_t limit = (size_t)validation->config->limits.command_bytes + LINE_END_BYTES;
    size_t bytes = BATCH_BYTES + limit;
    validation->judge.parser = json_parser_new((size_t)validation->config->limits.command_bytes);
    if (!validation->judge.parser)
        return -1;
    if (lines_open(&validation->lines, file, bytes + 1, limit) != 0)
        return -1;
    return batch_open(&validation->batch, BATCH_LINES, bytes, limit);
}

static void validation_close(struct validation *validation)
{
    batch_close(&validation->batch);
    lines_close(&validation->lines);
    if (validation->judge.parser)
        json_parser_free(validation->judge.parser);
}

static int validate_file(int file, const struct options *options, const struct definitions *definitions,
                         const struct config *config)
{
    struct validation validation = {
        .config = config, .judge = {.config = config, .definitions = definitions}, .time_ms = options->time_ms};
    name_source(options->path, validation.source);
    int result = COMMAND_UNAVAILABLE;
    if (validation_open(&validation, file) != 0)
        fprintf(stderr, "client-intake validate: out of memory\n");
    else
        result = validate_all(&validation, validation.source);
    validation_close(&validation);
    return result == COMMAND_FINE && validation.any_rejected ? COMMAND_NEGATIVE : result;
}

int command_validate(int argc, char **argv, const struct config *config)
{
    struct options options;
    int result = read_options(argc, argv, &options);
    if (result != COMMAND_FINE)
        return result;
    struct definitions *definitions = read_definitions(options.definitions_path, &result);
    if (!definitions)
        return result;
    int file = options.path ? open(options.path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (file < 0) {
        fprintf(stderr, "client-intake validate: %s: %s\n", options.path, strerror(errno));
        result = COMMAND_UNAVAILABLE;
    } else {
        result = validate_file(file, &options, definitions, config);
        if (options.path)
            close(file);
    }
    definitions_free(definitions);
    return result;
}

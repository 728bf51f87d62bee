#include "tests/fuzz/fuzz.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <uninorm.h>

#include "common/json_writer.h"
#include "common/quote.h"
#include "tests/unit/visible.h"
#include "worker/validate/decode.h"

#define INPUT_BYTES       ((size_t)1 << 20)
#define ARENA_BYTES       ((size_t)256 << 20)
#define MEASURED_BYTES    4096
#define NS_PER_KB         4000000
#define MEASUREMENTS      10
#define SOILED_PER_BYTE   32 /* as much as a batch has for a byte of a command, see batch.c */
#define SOILED_BYTES      16384
#define VIOLATIONS_LENGTH (2 * VIOLATION_BYTES)

void fuzz_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("fuzz: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    abort();
}

char *fuzz_copy(struct span text)
{
    char *copy = malloc(text.length > 0 ? text.length : 1);
    if (!copy)
        fuzz_fail("out of memory");
    if (text.length > 0)
        memcpy(copy, text.at, text.length);
    return copy;
}

/* Appends `part` to `to`, with `number` for each 0x02; returns the end. */
static char *expand_part(char *to, struct span part, unsigned number)
{
    for (size_t i = 0; i < part.length; i++) {
        if (part.at[i] == 2)
            to += sprintf(to, "%u", number);
        else
            *to++ = part.at[i];
    }
    return to;
}

struct span fuzz_expand(const uint8_t *data, size_t size)
{
    const struct span whole = span_of((const char *)data, size);
    const char *first = size > 0 ? memchr(whole.at, 1, size) : NULL;
    const char *second = first ? memchr(first + 1, 1, size - (size_t)(first + 1 - whole.at)) : NULL;
    if (!second || size > EXPANDED_BYTES)
        return span_of(fuzz_copy(whole), size);
    const struct span part = span_of(first + 1, (size_t)(second - first - 1));
    const struct span behind = span_of(second + 1, (size_t)(whole.at + size - second - 1));
    /* A part has room for its numbers, each of at most ten digits. */
    char *expanded = malloc(2 * EXPANDED_BYTES + 10 * part.length), *end = expanded;
    if (!expanded)
        fuzz_fail("out of memory");
    memcpy(end, whole.at, (size_t)(first - whole.at));
    end += first - whole.at;
    for (unsigned number = 0; part.length > 0 && (size_t)(end - expanded) + behind.length < EXPANDED_BYTES; number++)
        end = expand_part(end, part, number);
    memcpy(end, behind.at, behind.length);
    end += behind.length;
    const struct span exact = span_of(fuzz_copy(span_of(expanded, (size_t)(end - expanded))), (size_t)(end - expanded));
    free(expanded);
    return exact;
}

struct json_parser *fuzz_parser(void)
{
    static struct json_parser *parser;
    if (!parser)
        parser = decode_parser_new(INPUT_BYTES);
    if (!parser)
        fuzz_fail("out of memory");
    return parser;
}

void fuzz_expect_json(struct span text)
{
    json_error_t error;
    json_t *value = json_loadb(text.at, text.length, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    /* jansson cannot hold whole numbers beyond 64 bits. */
    if (!value && json_error_code(&error) == json_error_numeric_overflow)
        value = json_loadb(text.at, text.length,
                           JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    if (!value)
        fuzz_fail("not JSON: %s: %.*s", error.text, SPAN_FORMAT(text));
    json_decref(value);
}

static void expect_string_composed(const char *at, size_t length)
{
    size_t composed_length;
    uint8_t *composed = u8_normalize(UNINORM_NFC, (const uint8_t *)at, length, NULL, &composed_length);
    if (length > 0 && (!composed || !span_equal(span_of((const char *)composed, composed_length), span_of(at, length))))
        fuzz_fail("not composed: %.*s", (int)length, at);
    if (length > 0 && memchr(at, '\r', length))
        fuzz_fail("a CR is left: %.*s", (int)length, at);
    free(composed);
}

static void expect_composed(const json_t *value)
{
    size_t index;
    const json_t *child;
    const char *name;
    if (json_is_string(value))
        expect_string_composed(json_string_value(value), json_string_length(value));
    json_array_foreach(value, index, child) expect_composed(child);
    json_object_foreach((json_t *)(uintptr_t)value, name, child) expect_composed(child);
}

void fuzz_expect_composed(struct span text)
{
    json_t *value = json_loadb(text.at, text.length, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);
    if (!value)
        fuzz_fail("not JSON: %.*s", SPAN_FORMAT(text));
    expect_composed(value);
    json_decref(value);
}

void fuzz_expect_visible(struct span message)
{
    const uint32_t invisible = text_is_utf8(message) ? invisible_in(message) : 0;
    if (invisible != 0)
        fuzz_fail("U+%04X in a message: %.*s", (unsigned)invisible, SPAN_FORMAT(message));
}

void fuzz_expect_violations(const struct item *item)
{
    uint32_t listed = 0;
    for (const struct violation *one = item->violations; one; one = one->next, listed++) {
        if (one->message.length == 0 || !text_is_utf8(one->message))
            fuzz_fail("a violation's message is empty or not UTF-8");
        fuzz_expect_visible(one->message);
        if (!text_is_utf8(one->path) || (one->path.length > 0 && one->path.at[0] != '/'))
            fuzz_fail("a violation's path is no JSON Pointer");
    }
    if (listed == 0 || listed > 100 || listed != item->violation_listed || listed > item->violation_count)
        fuzz_fail("%u violations are listed of %u", listed, item->violation_count);
}

static int64_t processor_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void fuzz_timed(size_t size, void (*work)(void *subject), void *subject)
{
    if (size < MEASURED_BYTES) {
        work(subject);
        return;
    }
    const int64_t limit = (int64_t)(size / 1024) * NS_PER_KB;
    int64_t best = INT64_MAX;
    for (int i = 0; i < MEASUREMENTS && best > limit; i++) {
        const int64_t begin = processor_ns();
        work(subject);
        const int64_t spent = processor_ns() - begin;
        if (spent < best)
            best = spent;
    }
    if (best > limit)
        fuzz_fail("%zu bytes took %lld us", size, (long long)best / 1000);
}

void fuzz_soil(struct arena *arena, size_t size, int byte)
{
    size_t length = size * SOILED_PER_BYTE + SOILED_BYTES;
    if (length > arena->capacity - arena->used)
        length = arena->capacity - arena->used;
    memset(arena->base + arena->used, byte, length);
}

/* ---- One value by one rule ---- */

struct evaluation {
    const struct field *field;
    struct span json;
    struct arena *arena;
    /* The result. */
    bool passed_over, accepted;
    struct span outcome; /* the normalized value, or the violations as text; in the arena */
};

static struct span violations_text(const struct item *item, struct arena *arena)
{
    char *text = arena_alloc(arena, VIOLATIONS_LENGTH);
    size_t length = 0;
    for (const struct violation *one = item->violations; one; one = one->next)
        length += (size_t)snprintf(text + length, VIOLATIONS_LENGTH - length, "%.*s %s %.*s\n", SPAN_FORMAT(one->path),
                                   error_row(one->code)->code, SPAN_FORMAT(one->message));
    return span_of(text, length);
}

static void evaluate(void *subject)
{
    struct evaluation *evaluation = subject;
    struct arena *arena = evaluation->arena;
    arena_reset(arena, 0);
    /* The parser may write after the text. */
    char *text = malloc(evaluation->json.length + JSON_PADDING);
    if (!text)
        fuzz_fail("out of memory");
    memcpy(text, evaluation->json.at, evaluation->json.length);

    static struct config config; /* the rules of fields need no config */
    struct item item = {0};
    struct check check = {.config = &config, .item = &item, .arena = arena};
    struct json_fault fault;
    evaluation->passed_over =
        !json_parse(fuzz_parser(), text, evaluation->json.length, CUSTOM_FIELDS_DEPTH, arena, &item.document, &fault) ||
        value_is_absent(&item.document, 0) || (evaluation->field->rules.required && value_is_blank(&item.document, 0));
    if (!evaluation->passed_over) {
        struct span normal = SPAN_NONE;
        evaluation->accepted = evaluation->field->type->evaluate(&check, evaluation->field, &item.document, 0, &normal);
        if (evaluation->accepted != (item.violation_count == 0) || check.depth != 0)
            fuzz_fail("the verdict is %d with %u violations", evaluation->accepted, item.violation_count);
        if (!evaluation->accepted)
            fuzz_expect_violations(&item);
        evaluation->outcome = evaluation->accepted ? arena_copy(arena, normal) : violations_text(&item, arena);
    }
    free(text);
}

void fuzz_evaluate(const struct field *field, struct span json)
{
    static struct arena arenas[2];
    if (!arenas[0].base && (arena_open(&arenas[0], ARENA_BYTES) != 0 || arena_open(&arenas[1], ARENA_BYTES) != 0))
        fuzz_fail("out of memory");
    if (json.length > INPUT_BYTES)
        return;
    struct evaluation first = {.field = field, .json = json, .arena = &arenas[0]};
    fuzz_timed(json.length, evaluate, &first);
    if (first.passed_over)
        return;

    struct evaluation again = {.field = field, .json = json, .arena = &arenas[1]};
    arena_reset(&arenas[1], 0);
    fuzz_soil(&arenas[1], json.length, 0xA5);
    evaluate(&again);
    if (again.accepted != first.accepted || !span_equal(again.outcome, first.outcome))
        fuzz_fail("once: %.*s\nagain: %.*s", SPAN_FORMAT(first.outcome), SPAN_FORMAT(again.outcome));
    if (!first.accepted)
        return;

    fuzz_expect_json(first.outcome);
    if (field->type->evaluate == field_text_evaluate || field->type->evaluate == field_address_evaluate)
        fuzz_expect_composed(first.outcome);
    again.json = first.outcome;
    evaluate(&again);
    if (again.passed_over || !again.accepted || !span_equal(again.outcome, first.outcome))
        fuzz_fail("normalized: %.*s\ntwice: %.*s", SPAN_FORMAT(first.outcome), SPAN_FORMAT(again.outcome));
}

void fuzz_evaluate_string(const struct field *field, struct span text)
{
    static struct arena arena;
    if (!arena.base && arena_open(&arena, 8 * INPUT_BYTES) != 0)
        fuzz_fail("out of memory");
    if (text.length > INPUT_BYTES / 8 || !text_is_utf8(text))
        return;
    arena_reset(&arena, 0);
    fuzz_evaluate(field, json_string_of(&arena, text));
}

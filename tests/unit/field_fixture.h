/* field_fixture: the context for tests of field rules. It passes one value to a rule, as check does, and returns the
 * result: the normalized JSON, or the violations as "code" and "/member code", joined by ", ". */
#ifndef TESTS_UNIT_FIELD_FIXTURE_H
#define TESTS_UNIT_FIELD_FIXTURE_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/json_writer.h"
#include "tests/lib/quick_check.h"
#include "worker/validate/field.h"

#define TRIAL_BYTES ((size_t)1 << 20)

struct field_fixture {
    struct arena arena;
    struct json_parser *parser;
    struct item item;
    struct check check;
    struct field field; /* its rules may be set */
};

static inline void field_fixture_open(struct field_fixture *field_fixture, const char *type)
{
    *field_fixture = (struct field_fixture){0};
    ck_assert_int_eq(arena_open(&field_fixture->arena, 64 * TRIAL_BYTES), 0);
    field_fixture->parser = json_parser_new(TRIAL_BYTES);
    ck_assert_ptr_nonnull(field_fixture->parser);
    field_fixture->field.key = SPAN("value");
    field_fixture->field.type = field_type_find(span_of_text(type));
    ck_assert_ptr_nonnull(field_fixture->field.type);
}

static inline void field_fixture_close(struct field_fixture *field_fixture)
{
    json_parser_free(field_fixture->parser);
    arena_close(&field_fixture->arena);
}

/* A C string in the arena that lives until the next evaluation. */
static inline const char *field_fixture_text(struct field_fixture *field_fixture, struct span text)
{
    char *copy = arena_alloc(&field_fixture->arena, text.length + 1);
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    return copy;
}

static inline const char *field_fixture_violations(struct field_fixture *field_fixture)
{
    char *all = arena_alloc(&field_fixture->arena, VIOLATION_BYTES);
    size_t length = 0;
    all[0] = '\0';
    for (const struct violation *one = field_fixture->item.violations; one; one = one->next) {
        ck_assert_uint_gt(one->message.length, 0);
        length += (size_t)snprintf(all + length, VIOLATION_BYTES - length, "%s%.*s%s%s", length > 0 ? ", " : "",
                                   SPAN_FORMAT(one->path), one->path.length > 0 ? " " : "", error_row(one->code)->code);
    }
    return all;
}

/* The result for a value given as JSON text. The path of the value itself is "". */
static inline const char *field_fixture_json(struct field_fixture *field_fixture, struct span json)
{
    char *text = malloc(json.length + JSON_PADDING);
    ck_assert_ptr_nonnull(text);
    memcpy(text, json.at, json.length);
    arena_reset(&field_fixture->arena, 0);
    field_fixture->item = (struct item){0};
    field_fixture->check = (struct check){.item = &field_fixture->item, .arena = &field_fixture->arena};
    struct json_document *document = &field_fixture->item.document;
    struct json_fault fault;
    ck_assert_msg(json_parse(field_fixture->parser, text, json.length, 16, &field_fixture->arena, document, &fault),
                  "not JSON: %.*s", SPAN_FORMAT(json));
    struct span normal = SPAN_NONE;
    const bool accepted =
        field_fixture->field.type->evaluate(&field_fixture->check, &field_fixture->field, document, 0, &normal);
    ck_assert_uint_eq(field_fixture->check.depth, 0);
    ck_assert_msg(accepted == (field_fixture->item.violation_count == 0), "verdict and violations differ: %.*s",
                  SPAN_FORMAT(json));
    const char *outcome =
        accepted ? field_fixture_text(field_fixture, normal) : field_fixture_violations(field_fixture);
    free(text);
    return outcome;
}

/* The result for a string; an accepted one without its quotes and escapes. */
static inline const char *field_fixture_string(struct field_fixture *field_fixture, struct span string)
{
    arena_reset(&field_fixture->arena, 0);
    const struct span token = json_string_of(&field_fixture->arena, string);
    char *json = malloc(token.length);
    ck_assert_ptr_nonnull(json);
    memcpy(json, token.at, token.length);
    const char *outcome = field_fixture_json(field_fixture, span_of(json, token.length));
    free(json);
    if (outcome[0] != '"')
        return outcome;

    struct json_document document;
    struct json_fault fault;
    const size_t length = strlen(outcome);
    char *padded = arena_alloc(&field_fixture->arena, length + JSON_PADDING);
    memcpy(padded, outcome, length);
    ck_assert(json_parse(field_fixture->parser, padded, length, 16, &field_fixture->arena, &document, &fault));
    return field_fixture_text(field_fixture, json_text(&document, 0));
}

/* True if the last evaluation accepted the value. */
static inline bool field_fixture_accepted(const struct field_fixture *field_fixture)
{
    return field_fixture->item.violation_count == 0;
}

/* Changes a text of UTF-8 characters at random: up to three times, it inserts one of `pieces` or removes a
 * character. `seed` makes it repeatable. The result is NUL-terminated and at most `size` bytes long. */
static inline size_t field_fixture_mutate(const char *from, const char *const *pieces, size_t piece_count,
                                          uint64_t *seed, char *to, size_t size)
{
    size_t length = strlen(from);
    ck_assert_uint_lt(length + 64, size);
    memcpy(to, from, length + 1);
    for (unsigned changes = 1 + *seed / 7 % 3; changes > 0; changes--) {
        *seed = *seed * 6364136223846793005u + 1442695040888963407u;
        const char *piece = pieces[(*seed >> 33) % piece_count];
        size_t at = (*seed >> 13) % (length + 1);
        while (at > 0 && ((unsigned char)to[at] & 0xc0) == 0x80)
            at--;
        size_t gone = 0;
        if (at < length && (*seed >> 60) % 2 == 0)
            for (gone = 1; ((unsigned char)to[at + gone] & 0xc0) == 0x80;)
                gone++;
        const size_t piece_length = (*seed >> 61) % 3 == 0 ? 0 : strlen(piece);
        memmove(to + at + piece_length, to + at + gone, length - at - gone + 1);
        memcpy(to + at, piece, piece_length);
        length += piece_length - gone;
    }
    return length;
}

/* Runs the one test case of a program. */
static inline int field_fixture_run(TCase *rules, const char *name)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, rules);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}

#endif

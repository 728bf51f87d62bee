#include "worker/commands/dead_letters_row.h"

#include <stdio.h>

#include "common/timestamp.h"
#include "worker/definitions/json_line.h"
#include "worker/letters/letter_text.h"

#define MESSAGE_BYTES  1024 /* of dlq-message */
#define RETRIES_LISTED 100  /* of one letter */

/* ---- Letters ---- */

static const char *outcome_of(const struct letter_retry *retry)
{
    switch (retry->outcome) {
    case LETTER_CREATED:
        return "created";
    case LETTER_DUPLICATE:
        return "duplicate";
    case LETTER_REJECTED:
        return error_row(retry->error)->code;
    case LETTER_UNANSWERED:
        break;
    }
    return NULL;
}

static json_t *time_json(int64_t time_ms)
{
    char text[TIME_LENGTH];
    time_text(time_ms, text);
    return letter_text_json(span_of(text, TIME_LENGTH), TIME_LENGTH);
}

static json_t *source_json(const struct letter *letter)
{
    if (letter->source.topic[0] == '\0')
        return letter_text_json(SPAN_NONE, 0);
    return json_line_pack("{s:s, s:i, s:I}", "topic", letter->source.topic, "partition", (int)letter->source.partition,
                          "offset", (json_int_t)letter->source.offset);
}

static void add_retry_json(json_t *retried, const struct letter_retry *retry)
{
    char to[LETTER_POSITION_SIZE];
    letter_position_write(&retry->to, to);
    json_t *row = json_line_pack("{s:o, s:s?, s:s?}", "at", time_json(retry->at_ms), "to",
                                 retry->to.topic[0] ? to : NULL, "outcome", outcome_of(retry));
    if (json_array_append_new(retried, row) != 0)
        abort();
}

static void print_json(const struct letter *letter, json_t *retried)
{
    json_line_print(json_line_pack(
        "{s:i, s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "partition", (int)letter->place.partition, "offset",
        (json_int_t)letter->place.offset, "time", time_json(letter->time_ms), "code",
        letter_text_json(letter->code, LETTER_CODE_BYTES), "message", letter_text_json(letter->message, MESSAGE_BYTES),
        "source", source_json(letter), "retries",
        letter->retries == LETTER_RETRIES_UNKNOWN ? json_null() : json_integer(letter->retries), "retried", retried));
}

static void print_text(const struct letter *letter)
{
    char time[TIME_LENGTH], place[48], source[LETTER_POSITION_SIZE] = "-";
    time_text(letter->time_ms, time);
    snprintf(place, sizeof(place), "%d/%lld", (int)letter->place.partition, (long long)letter->place.offset);
    if (letter->source.topic[0] != '\0')
        letter_position_write(&letter->source, source);
    printf("%-8s %.*s ", place, TIME_LENGTH, time);
    letter_text_print(letter->code.length > 0 ? letter->code : SPAN("-"), LETTER_CODE_BYTES, stdout);
    printf(" %s ", source);
    letter_text_print(letter->message.length > 0 ? letter->message : SPAN("-"), MESSAGE_BYTES, stdout);
    if (letter->retries != 0)
        printf(letter->retries > 0 ? " (retry %lld)" : " (dlq-retries is not a number)", (long long)letter->retries);
    putchar('\n');
}

static void print_retry_text(const struct letter_retry *retry)
{
    char time[TIME_LENGTH], to[LETTER_POSITION_SIZE];
    const char *outcome = outcome_of(retry);
    time_text(retry->at_ms, time);
    letter_position_write(&retry->to, to);
    printf("%-8s %.*s retried as %s: %s\n", "", TIME_LENGTH, time, retry->to.topic[0] ? to : "-",
           outcome ? outcome : "no reply");
}

bool dead_letters_print_row(const struct letter *letter, struct letter_notes *notes, bool json)
{
    struct letter_retry retry;
    enum notes_reading reading;
    json_t *retried = json ? json_line_pack("[]") : NULL;
    if (!json)
        print_text(letter);
    for (int count = 0; (reading = letter_notes_next(notes, letter->place, &retry)) == NOTES_RETRY; count++) {
        if (count >= RETRIES_LISTED)
            continue;
        if (json)
            add_retry_json(retried, &retry);
        else
            print_retry_text(&retry);
    }
    if (json)
        print_json(letter, retried);
    return reading == NOTES_END;
}

/* ---- Groups ---- */

static void print_group_json(const struct letter_group *group)
{
    char example[48];
    snprintf(example, sizeof(example), "%d/%lld", (int)group->example.partition, (long long)group->example.offset);
    json_line_print(
        json_line_pack("{s:o, s:o, s:I, s:o, s:o, s:s}", "code", letter_text_json(group->code, LETTER_CODE_BYTES),
                       "cause", letter_text_json(group->cause, LETTER_CAUSE_BYTES), "count", (json_int_t)group->count,
                       "first", time_json(group->first_ms), "last", time_json(group->last_ms), "example", example));
}

static void print_group_text(const struct letter_group *group)
{
    char first[TIME_LENGTH], last[TIME_LENGTH], example[48];
    time_text(group->first_ms, first);
    time_text(group->last_ms, last);
    snprintf(example, sizeof(example), "%d/%lld", (int)group->example.partition, (long long)group->example.offset);
    printf("%8lld %.*s to %.*s, such as %s: ", (long long)group->count, TIME_LENGTH, first, TIME_LENGTH, last, example);
    letter_text_print(group->code.length > 0 ? group->code : SPAN("-"), LETTER_CODE_BYTES, stdout);
    putchar(' ');
    if (group->cause.at)
        letter_text_print(group->cause.length > 0 ? group->cause : SPAN("-"), LETTER_CAUSE_BYTES, stdout);
    else
        printf("further causes, beyond the first %d", LETTER_GROUPS);
    putchar('\n');
}

void dead_letters_print_group(const struct letter_group *group, bool json)
{
    if (json)
        print_group_json(group);
    else
        print_group_text(group);
}

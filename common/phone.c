#include "common/phone.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

struct calling_code {
    uint16_t number;
    uint16_t territory;    /* where its national numbers begin in territory_next; 0 if it is not shared */
    uint32_t lengths;      /* bit n: its numbers can have n national digits */
    uint32_t local;        /* bit n: n digits can be dialled only locally */
    const char *countries; /* two letters each; "" for a code of no country */
};

/* Tables over states. 0 is the dead state, which has no way out.
 *   fit_next[state][digit]        the state after one more digit
 *   fit_more[state]               bit n: a number ends n digits later
 *   fit_roots[level]              the state before the first digit of the calling code
 *   territory_next[state][digit]  the same for the national digits of shared calling codes
 *   territory_set[state]          index in territory_sets, where bit t is the calling code's country t
 *   calling_codes                 ascending */
#include "common/phone_table.h"

static uint32_t step(uint32_t state, char digit)
{
    assert(digit >= '0' && digit <= '9');
    return fit_next[state][digit - '0'];
}

bool phone_has_level(struct span digits, enum phone_level level)
{
    if (digits.length > PHONE_DIGITS)
        return false;
    uint32_t state = fit_roots[level];
    for (size_t i = 0; i < digits.length; i++)
        state = step(state, digits.at[i]);
    return (fit_more[state] & 1) != 0;
}

static int compare_calling_code(const void *number, const void *code)
{
    return (int)*(const unsigned *)number - (int)((const struct calling_code *)code)->number;
}

/* The calling code at the beginning of the digits, and its size, or NULL. No code is a prefix of another one, and
 * none begins with 0. */
static const struct calling_code *calling_code_of(struct span digits, size_t *size)
{
    const struct calling_code *code = NULL;
    unsigned number = 0;
    for (*size = 0; code == NULL && *size < digits.length && *size < 3; ++*size) {
        number = number * 10 + (unsigned)(digits.at[*size] - '0');
        if (number == 0)
            return NULL;
        code = bsearch(&number, calling_codes, sizeof(calling_codes) / sizeof(calling_codes[0]),
                       sizeof(calling_codes[0]), compare_calling_code);
    }
    return code;
}

uint32_t phone_countries(struct span digits, char countries[PHONE_COUNTRIES][3])
{
    size_t size;
    const struct calling_code *code = calling_code_of(digits, &size);
    if (code == NULL || digits.length > PHONE_DIGITS || (code->lengths >> (digits.length - size) & 1) == 0)
        return 0;

    uint32_t state = code->territory, set = 1;
    for (size_t i = size; i < digits.length; i++)
        state = territory_next[state][digits.at[i] - '0'];
    if (code->territory != 0)
        set = territory_sets[territory_set[state]];

    uint32_t count = 0;
    for (const char *country = code->countries; *country != '\0'; country += 2, set >>= 1) {
        if ((set & 1) == 0)
            continue;
        memcpy(countries[count], country, 2);
        countries[count++][2] = '\0';
    }
    return count;
}

const char *phone_neighbours(struct span digits)
{
    size_t size;
    const struct calling_code *code = calling_code_of(digits, &size);
    return code ? code->countries : "";
}

size_t phone_calling_code_size(struct span digits)
{
    size_t size;
    return calling_code_of(digits, &size) ? size : 0;
}

/* Writes the numbers of the bits of `lengths`: "10", "9 or 10", "4 to 8 or 10", "3, 5 or 7". */
static void lengths_text(uint32_t lengths, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int low = 0, high; lengths >> low != 0 && used < size; low = high + 1) {
        high = low;
        if ((lengths >> low & 1) == 0)
            continue;
        while ((lengths >> (high + 1) & 1) != 0)
            high++;
        if (high == low + 1)
            high = low;
        const char *between = used == 0 ? "" : lengths >> (high + 1) == 0 ? " or " : ", ";
        used += (size_t)(high == low ? snprintf(text + used, size - used, "%s%d", between, low)
                                     : snprintf(text + used, size - used, "%s%d to %d", between, low, high));
    }
}

#define NEXT_BYTES sizeof("0, 1, 3, 4, 6, 7 or 9")

/* The digits that can follow a state: "2 to 9". */
static void next_text(uint32_t state, char *text, size_t size)
{
    uint32_t next = 0;
    for (unsigned digit = 0; digit < 10; digit++)
        if (fit_next[state][digit] != 0)
            next |= 1u << digit;
    lengths_text(next, text, size);
}

static enum phone_fault calling_code_fault(struct span digits, char message[PHONE_MESSAGE_BYTES])
{
    uint32_t state = fit_roots[PHONE_POSSIBLE];
    char next[NEXT_BYTES];
    size_t live = 0;
    for (uint32_t after; live < digits.length && (after = step(state, digits.at[live])) != 0; live++)
        state = after;
    next_text(state, next, sizeof(next));
    if (live < digits.length)
        snprintf(message, PHONE_MESSAGE_BYTES, "+%.*s is not a country calling code; after +%.*s must come %s",
                 (int)live + 1, digits.at, (int)live, digits.at, next);
    else if (live == 0)
        snprintf(message, PHONE_MESSAGE_BYTES, "no digit follows the +; the country calling code must");
    else
        snprintf(message, PHONE_MESSAGE_BYTES,
                 "+%.*s is only the beginning of a country calling code; after it must come %s", SPAN_FORMAT(digits),
                 next);
    return PHONE_FAULT_CALLING_CODE;
}

/* How far the national digits of a number match, at one level. */
struct progress {
    bool ended;          /* no number begins with these digits */
    size_t live;         /* this many of them, and no more, are the beginning of a number */
    size_t whole;        /* this many of them, fewer than all, are a number; 0 if none are */
    size_t decided;      /* after this many of them, no number had this length any more */
    uint32_t decided_by; /* the lengths that numbers still had then; 0 if none were left */
};

static struct progress progress_of(struct span national, uint32_t state)
{
    struct progress progress = {.live = national.length};
    bool is_open = true;
    for (size_t i = 0;; i++) {
        uint32_t more = fit_more[state];
        if (is_open && (more >> (national.length - i) & 1) == 0) {
            is_open = false;
            progress.decided = i;
            progress.decided_by = more << i;
        }
        if (more == 0) {
            progress.ended = true;
            progress.live = i - 1;
            return progress;
        }
        if (i == national.length)
            return progress;
        if ((more & 1) != 0)
            progress.whole = i;
        state = step(state, national.at[i]);
    }
}

static void length_message(const struct calling_code *code, struct span digits, size_t size,
                           const struct progress *progress, char message[PHONE_MESSAGE_BYTES])
{
    struct span national = span_from(digits, size);
    char lengths[64], beginning[PHONE_DIGITS + sizeof(" that begin ")] = "", found[24] = "none";
    if (progress->decided_by == 0) {
        snprintf(message, PHONE_MESSAGE_BYTES,
                 "+%.*s is a whole number; this one goes on for %zu digit%s, which must go",
                 (int)(size + progress->whole), digits.at, national.length - progress->whole,
                 national.length - progress->whole == 1 ? "" : "s");
        return;
    }
    lengths_text(progress->decided_by, lengths, sizeof(lengths));
    if (progress->decided > 0)
        snprintf(beginning, sizeof(beginning), " that begin %.*s", (int)progress->decided, national.at);
    if (national.length > 0)
        snprintf(found, sizeof(found), "%zu", national.length);
    snprintf(message, PHONE_MESSAGE_BYTES, "+%u numbers%s have %s digits after +%u; this one has %s", code->number,
             beginning, lengths, code->number, found);
}

/* The first `live` national digits are the beginning of a number; with one more they are not. */
static void area_code_message(const struct calling_code *code, struct span national, uint32_t state, size_t live,
                              char message[PHONE_MESSAGE_BYTES])
{
    char next[NEXT_BYTES];
    for (size_t i = 0; i < live; i++)
        state = step(state, national.at[i]);
    next_text(state, next, sizeof(next));
    snprintf(message, PHONE_MESSAGE_BYTES, "no number in +%u begins %.*s; after +%u%s%.*s must come %s", code->number,
             (int)live + 1, national.at, code->number, live > 0 ? " " : "", (int)live, national.at, next);
}

enum phone_fault phone_fault_of(struct span digits, enum phone_level level, char message[PHONE_MESSAGE_BYTES])
{
    if (phone_has_level(digits, level))
        return PHONE_FAULT_NONE;
    if (digits.length > PHONE_DIGITS) {
        snprintf(message, PHONE_MESSAGE_BYTES, "a number has at most %d digits; this one has %zu", PHONE_DIGITS,
                 digits.length);
        return PHONE_FAULT_LENGTH;
    }
    size_t size;
    const struct calling_code *code = calling_code_of(digits, &size);
    if (code == NULL)
        return calling_code_fault(digits, message);

    struct span national = span_from(digits, size);
    char lengths[64];
    if ((code->local >> national.length & 1) != 0) {
        lengths_text(code->lengths, lengths, sizeof(lengths));
        snprintf(message, PHONE_MESSAGE_BYTES,
                 "+%u numbers have %s digits after +%u; this one has %zu, enough for local calls only", code->number,
                 lengths, code->number, national.length);
        return PHONE_FAULT_LENGTH;
    }
    uint32_t state = fit_roots[level];
    for (size_t i = 0; i < size; i++)
        state = step(state, digits.at[i]);
    struct progress progress = progress_of(national, state);
    if (!progress.ended || progress.whole > 0) {
        length_message(code, digits, size, &progress, message);
        return PHONE_FAULT_LENGTH;
    }
    area_code_message(code, national, state, progress.live, message);
    return PHONE_FAULT_AREA_CODE;
}

const char *phone_plan_version(void)
{
    return PHONE_PLAN_VERSION;
}

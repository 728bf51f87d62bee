#include "common/phone_advice.h"

#include <stdio.h>

#define NUMBER_BYTES 32

/* National prefixes other than the usual 0. A national prefix is dialled before a number inside a country and is not
 * part of the international number (ITU-T E.164). */
static const struct trunk {
    unsigned code;
    const char *prefix;
} trunks[] = {
    {1, "1"}, {7, "8"}, {36, "06"}, {370, "8"}, {375, "80"}, {375, "8"}, {976, "01"}, {976, "02"}, {993, "8"},
};

/* Plans that changed. National digits that began with `was`, and whose number had the length `length` (0: any), now
 * begin with `is`:
 * - 52: the 1 before numbers of mobile phones, and the prefixes 01, 044 and 045, were dropped in August 2019.
 * - 229: all numbers got 01 in front in November 2024.
 * - 39: the 0 of an area code, once a prefix for calls inside the country, has been a part of the number since 1998. */
static const struct renumbering {
    unsigned code;
    size_t length;
    const char *was, *is;
} renumberings[] = {
    {52, 11, "1", ""},   {52, 12, "01", ""}, {52, 13, "044", ""},
    {52, 13, "045", ""}, {229, 8, "", "01"}, {39, 0, "", "0"},
};

/* The proposal so far. */
struct proposal {
    enum phone_level level;
    char number[NUMBER_BYTES];
    const char *was, *is; /* after the calling code: the old digits, and the new ones */
    unsigned count;       /* of different proposals */
};

/* Proposes `code`, `is`, and the national digits from `from` on, if that is a number. */
static void propose(struct proposal *proposal, struct span code, const char *was, const char *is, struct span rest)
{
    char number[NUMBER_BYTES];
    if (code.length + strlen(is) + rest.length > PHONE_DIGITS)
        return;
    const int length = snprintf(number, sizeof(number), "%.*s%s%.*s", SPAN_FORMAT(code), is, SPAN_FORMAT(rest));
    if (!phone_has_level(span_of(number, (size_t)length), proposal->level))
        return;
    if (proposal->count > 0 && strcmp(proposal->number, number) == 0)
        return;
    if (proposal->count++ > 0)
        return;
    memcpy(proposal->number, number, sizeof(number));
    proposal->was = was;
    proposal->is = is;
}

static void propose_without_trunk(struct proposal *proposal, unsigned code, struct span code_digits,
                                  struct span national)
{
    for (size_t i = 0; i < sizeof(trunks) / sizeof(trunks[0]); i++) {
        const struct span prefix = span_of_text(trunks[i].prefix);
        if (trunks[i].code == code && span_begins_with(national, prefix))
            propose(proposal, code_digits, trunks[i].prefix, "", span_from(national, prefix.length));
    }
    if (proposal->count == 0 && span_begins_with(national, SPAN("0")))
        propose(proposal, code_digits, "0", "", span_from(national, 1));
}

static void propose_renumbered(struct proposal *proposal, unsigned code, struct span code_digits, struct span national)
{
    for (size_t i = 0; i < sizeof(renumberings) / sizeof(renumberings[0]); i++) {
        const struct renumbering *one = &renumberings[i];
        const struct span was = span_of_text(one->was);
        if (one->code == code && (one->length == 0 || national.length == one->length) &&
            span_begins_with(national, was))
            propose(proposal, code_digits, one->was, one->is, span_from(national, was.length));
    }
}

/* Inside Argentina, mobile numbers are dialled with 15 after the area code, which has two to four digits; from
 * abroad they are dialled with 9 before it. */
static void propose_argentine(struct proposal *proposal, struct span code_digits, struct span national)
{
    if (national.length == 13 && (national.at[0] == '0' || national.at[0] == '9'))
        national = span_from(national, 1);
    for (size_t area = 2; area <= 4 && national.length == 12; area++) {
        char rest[NUMBER_BYTES];
        if (memcmp(national.at + area, "15", 2) != 0)
            continue;
        snprintf(rest, sizeof(rest), "%.*s%.*s", (int)area, national.at, (int)(national.length - area - 2),
                 national.at + area + 2);
        propose(proposal, code_digits, "15", "9", span_of_text(rest));
    }
}

bool phone_advice(struct span digits, enum phone_level level, char advice[PHONE_MESSAGE_BYTES])
{
    struct proposal proposal = {.level = level < PHONE_PLAN ? PHONE_PLAN : level};
    size_t zeros = 0;
    advice[0] = '\0';
    if (digits.length > PHONE_DIGITS + 3)
        return false;
    /* +0044...: the prefix for calls abroad. */
    while (zeros < digits.length && digits.at[zeros] == '0')
        zeros++;
    if (zeros > 0) {
        propose(&proposal, SPAN(""), "0", "", span_from(digits, zeros));
        if (proposal.count != 1)
            return false;
        snprintf(advice, PHONE_MESSAGE_BYTES, "leave out what stands before the calling code: +%s", proposal.number);
        return true;
    }

    const size_t size = phone_calling_code_size(digits);
    if (size == 0)
        return false;
    const struct span code_digits = span_of(digits.at, size), national = span_from(digits, size);
    unsigned code = 0;
    for (size_t i = 0; i < size; i++)
        code = code * 10 + (unsigned)(digits.at[i] - '0');
    propose_without_trunk(&proposal, code, code_digits, national);
    const bool is_trunk = proposal.count > 0;
    if (!is_trunk)
        propose_renumbered(&proposal, code, code_digits, national);
    if (proposal.count == 0 && code == 54)
        propose_argentine(&proposal, code_digits, national);
    if (proposal.count != 1)
        return false;
    if (is_trunk)
        snprintf(advice, PHONE_MESSAGE_BYTES, "leave out the %s, which is dialled only inside the country: +%s",
                 proposal.was, proposal.number);
    else if (proposal.is[0] == '\0')
        snprintf(advice, PHONE_MESSAGE_BYTES, "leave out the %s after +%u, which is out of use: +%s", proposal.was,
                 code, proposal.number);
    else if (proposal.was[0] == '\0')
        snprintf(advice, PHONE_MESSAGE_BYTES, "numbers of +%u have %s in front: +%s", code, proposal.is,
                 proposal.number);
    else
        snprintf(advice, PHONE_MESSAGE_BYTES, "leave out the %s and put %s after +%u: +%s", proposal.was, proposal.is,
                 code, proposal.number);
    return true;
}

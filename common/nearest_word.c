#include "common/nearest_word.h"

#include <stdio.h>

#include "common/quote.h"

#define NAME_BYTES      128
#define FAR             UINT32_MAX /* a distance that is not worth comparing */
#define CONTAINED_LEAST 3          /* bytes of a name that may be a part of another one */
#define CONTAINED_SHARE 4          /* the other one is at most this many times as long */

struct suggestion suggest_for(const char *name)
{
    size_t third = strlen(name) / 3;
    return (struct suggestion){.name = name, .distance = (third < 2 ? 2 : third) + 1};
}

/* Levenshtein's distance: how many bytes must be inserted, removed or replaced. */
static size_t distance_between(struct span from, struct span to)
{
    size_t line[NAME_BYTES + 1];
    if (from.length > NAME_BYTES || to.length > NAME_BYTES)
        return NAME_BYTES;
    for (size_t column = 0; column <= to.length; column++)
        line[column] = column;
    for (size_t row = 1; row <= from.length; row++) {
        size_t diagonal = line[0];
        line[0] = row;
        for (size_t column = 1; column <= to.length; column++) {
            size_t least = diagonal + (from.at[row - 1] != to.at[column - 1]);
            diagonal = line[column];
            if (diagonal + 1 < least)
                least = diagonal + 1;
            if (line[column - 1] + 1 < least)
                least = line[column - 1] + 1;
            line[column] = least;
        }
    }
    return line[to.length];
}

void suggest_offer(struct suggestion *search, const char *candidate)
{
    size_t distance = distance_between(span_of_text(search->name), span_of_text(candidate));
    if (distance < search->distance) {
        search->found = candidate;
        search->distance = distance;
    }
}

/* ---- Choices ---- */

/* Writes the beginning of the name without case and without the characters between words. */
static struct span fold(struct span name, char folded[CHOICES_BYTES])
{
    size_t length = 0;
    for (size_t i = 0; i < name.length && length < CHOICES_BYTES; i++) {
        const char byte = name.at[i];
        if (byte == '_' || byte == '-' || byte == ' ' || byte == '.')
            continue;
        folded[length++] = byte >= 'A' && byte <= 'Z' ? (char)(byte | 0x20) : byte;
    }
    return span_of(folded, length);
}

static bool contains(struct span whole, struct span part)
{
    return part.length >= CONTAINED_LEAST && part.length * CONTAINED_SHARE >= whole.length &&
           memmem(whole.at, whole.length, part.at, part.length);
}

/* Removes the bytes that both have at their ends: they do not change the distance. */
static void strip_shared(struct span *a, struct span *b)
{
    while (a->length > 0 && b->length > 0 && a->at[0] == b->at[0]) {
        *a = span_from(*a, 1);
        *b = span_from(*b, 1);
    }
    while (a->length > 0 && b->length > 0 && a->at[a->length - 1] == b->at[b->length - 1]) {
        a->length--;
        b->length--;
    }
}

/* 0: equal except for case. 1: one is a part of the other. Otherwise Levenshtein's distance plus one, or FAR if that
 * is more than half of what was written. */
static uint32_t distance_of(struct choices *choices, struct span name)
{
    char folded[CHOICES_BYTES];
    if (*choices->work >= CHOICES_WORK)
        return FAR;
    struct span written = span_of(choices->folded, choices->folded_length), offered = fold(name, folded);
    *choices->work += 1 + written.length + name.length; /* of a name of separators only, nothing is left */
    if (written.length == 0)
        return FAR;
    if (span_equal(written, offered))
        return 0;
    if (contains(written, offered) || contains(offered, written))
        return 1;
    const size_t apart =
        written.length > offered.length ? written.length - offered.length : offered.length - written.length;
    const size_t reach = written.length / 2 < 2 ? 2 : written.length / 2;
    if (apart > reach)
        return FAR;
    strip_shared(&written, &offered);
    *choices->work += written.length * offered.length;
    const size_t distance = distance_between(written, offered);
    return distance > reach ? FAR : (uint32_t)distance + 1;
}

void choices_open(struct choices *choices, struct span written, size_t *work)
{
    choices->written = written;
    choices->folded_length = fold(written, choices->folded).length;
    choices->work = work;
    choices->count = choices->kept = 0;
}

void choices_offer(struct choices *choices, struct span name, struct span alias)
{
    uint32_t distance = distance_of(choices, name);
    if (alias.at && distance > 0) {
        const uint32_t other = distance_of(choices, alias);
        if (other < distance)
            distance = other;
    }
    choices->count++;
    uint32_t place = choices->kept;
    while (place > 0 && choices->nearest[place - 1].distance > distance)
        place--;
    if (place == CHOICES_LISTED)
        return;
    if (choices->kept < CHOICES_LISTED)
        choices->kept++;
    for (uint32_t i = choices->kept - 1; i > place; i--)
        choices->nearest[i] = choices->nearest[i - 1];
    choices->nearest[place] = (struct choice){name, distance};
}

bool choices_are_settled(const struct choices *choices)
{
    return choices->kept == CHOICES_LISTED && *choices->work >= CHOICES_WORK;
}

void choices_leave(struct choices *choices, uint32_t count)
{
    choices->count += count;
}

uint32_t choices_meant(const struct choices *choices)
{
    const size_t length = choices->folded_length;
    const uint32_t mistakes = length <= 3 ? 1 : length < 9 ? 2 : (uint32_t)length / 3;
    if (choices->kept == 0 || length == 0 || choices->nearest[0].distance > mistakes + 1)
        return 0;
    uint32_t meant = 1;
    while (meant < choices->kept && meant < 3 && choices->nearest[meant].distance == choices->nearest[0].distance)
        meant++;
    return choices->nearest[0].distance == 0 ? 1 : meant;
}

/* How many of the nearest a list has room for; at least one if there is any. */
static uint32_t listed_of(const struct choices *choices, uint32_t limit)
{
    uint32_t listed = 0;
    size_t bytes = 0;
    for (; listed < choices->kept && listed < limit; listed++) {
        const size_t length = choices->nearest[listed].name.length;
        bytes += (length < QUOTE_BYTES ? length : QUOTE_BYTES) + 2;
        if (listed > 0 && bytes > CHOICES_LIST_BYTES)
            break;
    }
    return listed;
}

void choices_write(const struct choices *choices, uint32_t limit, const char *last, bool counts_others,
                   char text[CHOICES_SIZE])
{
    const uint32_t listed = listed_of(choices, limit), others = choices->count - listed;
    const bool is_all = others == 0 || !counts_others;
    char *to = text;
    *to = '\0';
    for (uint32_t i = 0; i < listed; i++) {
        if (i > 0)
            to = stpcpy(to, i + 1 == listed && is_all ? last : ", ");
        quote_write_name(choices->nearest[i].name, to);
        to += strlen(to);
    }
    if (!is_all)
        snprintf(to, (size_t)(text + CHOICES_SIZE - to), " or %u other%s", others, others == 1 ? "" : "s");
}

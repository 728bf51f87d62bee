#include "worker/nearest.h"

#include <string.h>

#define NAME_BYTES 128

struct nearest nearest_to(const char *name)
{
    size_t third = strlen(name) / 3;
    return (struct nearest){.name = name, .distance = (third < 2 ? 2 : third) + 1};
}

/* Levenshtein's distance: how many characters must be inserted, removed or replaced. */
static size_t distance_between(const char *from, const char *to)
{
    size_t rows = strlen(from), columns = strlen(to);
    size_t line[NAME_BYTES + 1];
    if (rows > NAME_BYTES || columns > NAME_BYTES)
        return NAME_BYTES;
    for (size_t column = 0; column <= columns; column++)
        line[column] = column;
    for (size_t row = 1; row <= rows; row++) {
        size_t diagonal = line[0];
        line[0] = row;
        for (size_t column = 1; column <= columns; column++) {
            size_t least = diagonal + (from[row - 1] != to[column - 1]);
            diagonal = line[column];
            if (diagonal + 1 < least)
                least = diagonal + 1;
            if (line[column - 1] + 1 < least)
                least = line[column - 1] + 1;
            line[column] = least;
        }
    }
    return line[columns];
}

void nearest_offer(struct nearest *search, const char *candidate)
{
    size_t distance = distance_between(search->name, candidate);
    if (distance < search->distance) {
        search->found = candidate;
        search->distance = distance;
    }
}

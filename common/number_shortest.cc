#include "common/number_shortest.h"

#include <cassert>
#include <charconv>

size_t number_shortest(double value, char text[NUMBER_SHORTEST_BYTES])
{
    std::to_chars_result result =
        std::to_chars(text, text + NUMBER_SHORTEST_BYTES, value, std::chars_format::scientific);
    assert(result.ec == std::errc());
    return static_cast<size_t>(result.ptr - text);
}

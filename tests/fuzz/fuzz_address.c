/* The first byte selects the field's rules, the rest is an address as JSON text: an object or a string. */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct field field = {.key = SPAN("address"), .type = field_type_find(SPAN("address"))};
    field.rules = (struct rules){.required = data[0] & 1, .has_countries = data[0] & 2};
    field.rules.countries['U' - 'A'] = 1u << ('S' - 'A');
    field.rules.countries['G' - 'A'] = 1u << ('B' - 'A');
    const struct span text = fuzz_expand(data + 1, size - 1);
    fuzz_evaluate(&field, text);
    free((char *)(uintptr_t)text.at);
    return 0;
}

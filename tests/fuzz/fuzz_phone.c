/* The first byte selects the field's rules, the rest is the number as a sender writes it. */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct field field = {.key = SPAN("phone"), .type = field_type_find(SPAN("phoneNumber"))};
    field.rules = (struct rules){.required = data[0] & 1,
                                 .has_phone = true,
                                 .phone = (enum phone_level)(data[0] / 2 % 3),
                                 .has_countries = data[0] >= 128};
    field.rules.countries['U' - 'A'] = 1u << ('S' - 'A');
    field.rules.countries['D' - 'A'] = 1u << ('E' - 'A');
    const struct span text = fuzz_expand(data + 1, size - 1);
    fuzz_evaluate_string(&field, text);
    free((char *)(uintptr_t)text.at);
    return 0;
}

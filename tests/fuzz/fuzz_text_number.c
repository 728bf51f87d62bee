/* The first byte selects type and rules, the rest is a text, or a number as a JSON number or as a string. */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

static void evaluate_text(uint8_t choice, struct span text)
{
    struct field field = {.key = SPAN("text"), .type = field_type_find(SPAN("text"))};
    field.rules = (struct rules){.required = choice & 1,
                                 .has_min_length = choice & 2,
                                 .min_length = 3,
                                 .has_max_length = choice & 4,
                                 .max_length = 20};
    fuzz_evaluate_string(&field, text);
}

static void evaluate_number(uint8_t choice, struct span text)
{
    struct field field = {.key = SPAN("number"), .type = field_type_find(SPAN("number"))};
    field.rules = (struct rules){.required = choice & 1,
                                 .integer = choice & 2,
                                 .has_minimum = choice & 4,
                                 .minimum = -1.5,
                                 .has_maximum = choice & 8,
                                 .maximum = 1e21};
    fuzz_evaluate(&field, text);
    fuzz_evaluate_string(&field, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct span text = fuzz_expand(data + 1, size - 1);
    if (data[0] & 16)
        evaluate_text(data[0], text);
    else
        evaluate_number(data[0], text);
    free((char *)(uintptr_t)text.at);
    return 0;
}

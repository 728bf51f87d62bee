/* The first byte selects the field's rules, the rest is the address. */
#include <stdlib.h>

#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct field field = {.key = SPAN("email"), .type = field_type_find(SPAN("email"))};
    field.rules = (struct rules){.required = data[0] & 1, .has_max_length = data[0] & 2, .max_length = 30};
    const struct span text = fuzz_expand(data + 1, size - 1);
    fuzz_evaluate_string(&field, text);
    free((char *)(uintptr_t)text.at);
    return 0;
}

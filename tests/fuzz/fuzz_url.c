/* The first byte selects the field's rules, the rest is the URL. It also goes directly to url_normalize, without
 * JSON text around it that would hide a read beyond its end. */
#include <stdlib.h>

#include "common/quote.h"
#include "common/url.h"
#include "tests/fuzz/fuzz.h"

#define ARENA_BYTES ((size_t)16 << 20)

/* `text` must be of exactly its size. */
static void normalize(struct span text)
{
    static struct arena arena;
    if (!arena.base && arena_open(&arena, ARENA_BYTES) != 0)
        fuzz_fail("out of memory");
    arena_reset(&arena, 0);
    struct span normal, twice;
    struct url_fault fault;
    if (url_normalize(text, &arena, &normal, &fault)) {
        if (normal.length > URL_BYTES)
            fuzz_fail("the URL has %zu bytes", normal.length);
        for (size_t i = 0; i < normal.length; i++)
            if (normal.at[i] <= ' ' || normal.at[i] > '~' || strchr("\"<>\\^`{|}", normal.at[i]))
                fuzz_fail("the URL holds what RFC 3986 does not allow: %.*s", SPAN_FORMAT(normal));
        if (!url_normalize(normal, &arena, &twice, &fault) || !span_equal(normal, twice))
            fuzz_fail("twice is not once: %.*s", SPAN_FORMAT(normal));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct field field = {.key = SPAN("url"), .type = field_type_find(SPAN("url"))};
    field.rules = (struct rules){.required = data[0] & 1, .has_max_length = data[0] & 2, .max_length = 100};
    const struct span text = fuzz_expand(data + 1, size - 1);
    if (text_is_utf8(text))
        normalize(text);
    fuzz_evaluate_string(&field, text);
    free((char *)(uintptr_t)text.at);
    return 0;
}

#include "tests/bench/sizing_memory.h"

#define POINTER        8
#define ENTRY          (3 * POINTER) /* name, value, next */
#define ENTRY_CLUSTER  (2 * POINTER)
#define OBJECT         16 /* what describes a value */
#define EMBEDDED_MOST  44 /* a text up to this length is in one block with what describes it */
#define TABLE_LEAST    4
#define SIZES_OF_GROUP 4 /* sizes between a power of two and the next one */

size_t sizing_block(const struct sizing_layout *layout, size_t bytes)
{
    size_t step = layout->quantum;
    if (bytes <= 8)
        return 8;
    while (step * SIZES_OF_GROUP * 2 < bytes)
        step *= 2;
    return (bytes + step - 1) / step * step;
}

/* The header of a text, and the NUL behind it. */
static size_t text_bytes(size_t length)
{
    const size_t header = length < 32 ? 1 : length < 256 ? 3 : length < 65536 ? 5 : 9;
    return header + length + 1;
}

size_t sizing_key_bytes(const struct sizing_layout *layout, size_t key_length, size_t value_length)
{
    const size_t entry = sizing_block(layout, ENTRY + (layout->is_cluster ? ENTRY_CLUSTER : 0));
    const size_t key = sizing_block(layout, text_bytes(key_length));
    if (value_length <= EMBEDDED_MOST)
        return entry + key + sizing_block(layout, OBJECT + 3 + value_length + 1);
    return entry + key + sizing_block(layout, OBJECT) + sizing_block(layout, text_bytes(value_length));
}

double sizing_table_bytes(double keys)
{
    double places = TABLE_LEAST;
    while (places < keys)
        places *= 2;
    return places * POINTER;
}

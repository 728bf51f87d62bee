#include "worker/letters/letter_selection.h"

bool letter_selection_has(const struct letter_selection *selection, int32_t partition)
{
    for (size_t i = 0; i < selection->partition_count; i++)
        if (selection->partitions[i] == partition)
            return true;
    return !selection->partitions;
}

bool letter_is_selected(const struct letter_selection *selection, const struct letter *letter)
{
    return letter->kind == LETTER_COMMAND && letter_selection_has(selection, letter->place.partition) &&
           letter->time_ms >= selection->since_ms && letter->time_ms < selection->until_ms &&
           (!selection->code || (letter->code.at && span_equal(letter->code, span_of_text(selection->code))));
}

#include "worker/letters/letter_notes.h"

#include <stdlib.h>
#include <string.h>

#include "worker/letters/letter_notes_internal.h"

int note_by_letter(const void *a, const void *b)
{
    const struct note_entry *one = a, *other = b;
    const int order = letter_place_order(&one->of, &other->of);
    return order != 0 ? order : letter_place_order(&one->at, &other->at);
}

struct letter_notes *letter_notes_new(struct spill *spill)
{
    struct letter_notes *notes = calloc(1, sizeof(*notes));
    if (!notes)
        return NULL;
    notes->spill = spill;
    notes->by_letter = sorted_spill_new(spill, sizeof(struct note_entry), NOTE_MEMORY_ENTRIES, note_by_letter);
    if (notes->by_letter)
        return notes;
    free(notes);
    return NULL;
}

void letter_notes_free(struct letter_notes *notes)
{
    if (!notes)
        return;
    sorted_spill_free(notes->by_letter);
    free(notes);
}

static uint16_t number_of_topic(struct letter_notes *notes, const char *topic)
{
    if (topic[0] == '\0')
        return NOTE_NO_TOPIC;
    for (uint16_t i = 0; i < notes->topic_count; i++)
        if (strcmp(notes->topics[i], topic) == 0)
            return i;
    if (notes->topic_count == NOTE_TOPICS)
        return NOTE_NO_TOPIC;
    memcpy(notes->topics[notes->topic_count], topic, strlen(topic) + 1);
    return notes->topic_count++;
}

bool letter_notes_add(struct letter_notes *notes, const struct letter *note)
{
    if (!note->is_valid)
        return true;
    struct note_entry entry;
    memset(&entry, 0, sizeof(entry)); /* its padding is written, too */
    entry.of = note->of;
    entry.at = note->place;
    entry.at_ms = note->time_ms;
    entry.to_offset = note->to.offset;
    entry.to_partition = note->to.partition;
    entry.topic = number_of_topic(notes, note->to.topic);
    return sorted_spill_add(notes->by_letter, &entry);
}

/* ---- Reading ---- */

bool letter_notes_begin(struct letter_notes *notes)
{
    if (!sorted_spill_begin(notes->by_letter))
        return false;
    notes->has_next = sorted_spill_next(notes->by_letter, &notes->next);
    return notes->has_next != SORTED_FAILED;
}

enum notes_reading letter_notes_next(struct letter_notes *notes, struct letter_place place, struct letter_retry *retry)
{
    while (notes->has_next == SORTED_ENTRY && letter_place_order(&notes->next.of, &place) < 0)
        notes->has_next = sorted_spill_next(notes->by_letter, &notes->next);
    if (notes->has_next == SORTED_FAILED)
        return NOTES_FAILED;
    if (notes->has_next == SORTED_END || letter_place_order(&notes->next.of, &place) != 0)
        return NOTES_END;
    const struct note_entry *entry = &notes->next;
    *retry = (struct letter_retry){.at_ms = entry->at_ms,
                                   .to = {.partition = entry->to_partition, .offset = entry->to_offset},
                                   .outcome = entry->outcome,
                                   .error = entry->error};
    if (entry->topic != NOTE_NO_TOPIC)
        memcpy(retry->to.topic, notes->topics[entry->topic], sizeof(retry->to.topic));
    notes->has_next = sorted_spill_next(notes->by_letter, &notes->next);
    return NOTES_RETRY;
}

/* letter_notes_internal: how notes are kept; only letter_notes and letter_outcomes include it. */
#ifndef WORKER_LETTERS_LETTER_NOTES_INTERNAL_H
#define WORKER_LETTERS_LETTER_NOTES_INTERNAL_H

#include "common/sorted_spill.h"
#include "worker/letters/letter_notes.h"

#define NOTE_MEMORY_ENTRIES 8192
/* Topics that notes name. A note that names a further one counts as saying nothing about where its command went. */
#define NOTE_TOPICS   64
#define NOTE_NO_TOPIC UINT16_MAX

struct note_entry {
    struct letter_place of, at; /* the letter, and the note's own place */
    int64_t at_ms, to_offset;
    int32_t to_partition;
    uint16_t topic;
    uint8_t outcome, error;
};

struct letter_notes {
    struct spill *spill;
    struct sorted_spill *by_letter;
    char topics[NOTE_TOPICS][LETTER_TOPIC_SIZE];
    uint16_t topic_count;
    struct note_entry next;
    enum sorted_reading has_next; /* SORTED_ENTRY: `next` was read and not yet returned */
};

/* The order of entries by their letters, for sorted_spill. */
int note_by_letter(const void *a, const void *b);

#endif

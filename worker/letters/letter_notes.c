#include "worker/letters/letter_notes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pipeline.h"
#include "common/sorted_spill.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/offsets.h"
#include "worker/replay/recorded_replies.h"
#include "worker/replay/reply_reading.h"

#define MEMORY_ENTRIES 65536
#define PENDING_BYTES  ((size_t)8 << 20) /* replies that wait for their place in the spill */
/* Topics that notes name. A note that names a further one counts as saying nothing about where its command went. */
#define TOPICS_MOST 64
#define NO_TOPIC    UINT16_MAX
/* A note may name any offset. Outcomes are looked for this far behind the end of a partition at most. */
#define OFFSETS_LOOKED_AT ((int64_t)1 << 31)

struct entry {
    struct letter_place of, at; /* the letter, and the note's own place */
    int64_t at_ms, to_offset;
    int32_t to_partition;
    uint16_t topic;
    uint8_t outcome, error;
};

struct letter_notes {
    struct spill *spill;
    struct sorted_spill *by_letter;
    char topics[TOPICS_MOST][LETTER_TOPIC_SIZE];
    uint16_t topic_count;
    struct entry next;
    enum sorted_reading has_next; /* SORTED_ENTRY: `next` was read and not yet returned */
};

static int by_letter(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    const int order = letter_place_order(&one->of, &other->of);
    return order != 0 ? order : letter_place_order(&one->at, &other->at);
}

static int by_command(const void *a, const void *b)
{
    const struct entry *one = a, *other = b;
    const struct letter_place places[] = {{one->to_partition, one->to_offset}, {other->to_partition, other->to_offset}};
    return letter_place_order(&places[0], &places[1]);
}

struct letter_notes *letter_notes_new(struct spill *spill)
{
    struct letter_notes *notes = calloc(1, sizeof(*notes));
    if (!notes)
        return NULL;
    notes->spill = spill;
    notes->by_letter = sorted_spill_new(spill, sizeof(struct entry), MEMORY_ENTRIES, by_letter);
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
        return NO_TOPIC;
    for (uint16_t i = 0; i < notes->topic_count; i++)
        if (strcmp(notes->topics[i], topic) == 0)
            return i;
    if (notes->topic_count == TOPICS_MOST)
        return NO_TOPIC;
    memcpy(notes->topics[notes->topic_count], topic, strlen(topic) + 1);
    return notes->topic_count++;
}

bool letter_notes_add(struct letter_notes *notes, const struct letter *note)
{
    if (!note->is_valid)
        return true;
    struct entry entry;
    memset(&entry, 0, sizeof(entry)); /* its padding is written, too */
    entry.of = note->of;
    entry.at = note->place;
    entry.at_ms = note->time_ms;
    entry.to_offset = note->to.offset;
    entry.to_partition = note->to.partition;
    entry.topic = number_of_topic(notes, note->to.topic);
    return sorted_spill_add(notes->by_letter, &entry);
}

/* ---- Outcomes ---- */

/* The look-up of all outcomes. */
struct looking {
    struct letter_notes *notes;
    const char *topic;           /* of the commands */
    int32_t partitions;          /* it has; 0: it does not exist */
    struct offsets ends;         /* of these */
    struct replay_range *ranges; /* by partition: the commands that notes name */
    struct recorded_replies *replies;
    struct sorted_spill *by_command, *by_letter;
    struct reply_block *block; /* of the command before; NULL: none */
    int32_t block_partition;
};

static bool fail(char *error, size_t error_size)
{
    snprintf(error, error_size, "the temporary file: %s", strerror(errno));
    return false;
}

static bool is_looked_for(const struct looking *looking, const struct entry *entry)
{
    if (entry->topic == NO_TOPIC || strcmp(looking->notes->topics[entry->topic], looking->topic) != 0 ||
        entry->to_partition >= looking->partitions)
        return false;
    const int64_t end = offsets_get(&looking->ends, entry->to_partition);
    return entry->to_offset < end && entry->to_offset >= end - OFFSETS_LOOKED_AT;
}

static void widen(struct replay_range *range, int64_t offset)
{
    const bool is_first = range->from >= range->to;
    if (is_first || offset < range->from)
        range->from = offset;
    if (is_first || offset >= range->to)
        range->to = offset + 1;
}

/* Sorts the notes by their commands. False with errno set. */
static bool sort_by_command(struct looking *looking)
{
    struct entry entry;
    enum sorted_reading reading = SORTED_FAILED;
    if (!sorted_spill_begin(looking->notes->by_letter))
        return false;
    while ((reading = sorted_spill_next(looking->notes->by_letter, &entry)) == SORTED_ENTRY) {
        if (is_looked_for(looking, &entry))
            widen(&looking->ranges[entry.to_partition], entry.to_offset);
        if (!sorted_spill_add(looking->by_command, &entry))
            return false;
    }
    return reading == SORTED_END && sorted_spill_begin(looking->by_command);
}

/* False with errno set. */
static bool find_outcome(struct looking *looking, struct entry *entry)
{
    if (!is_looked_for(looking, entry))
        return true;
    if (!looking->block || looking->block_partition != entry->to_partition ||
        !reply_block_holds(looking->block, entry->to_offset)) {
        reply_block_release(looking->block);
        looking->block = recorded_replies_block(looking->replies, entry->to_partition, entry->to_offset);
        looking->block_partition = entry->to_partition;
    }
    if (!looking->block)
        return false;
    const struct recorded_reply *reply = reply_block_find(looking->block, entry->to_offset);
    if (!reply)
        return true;
    entry->outcome = reply->kind == RECORDED_REJECTED    ? LETTER_REJECTED
                     : reply->kind == RECORDED_DUPLICATE ? LETTER_DUPLICATE
                                                         : LETTER_CREATED;
    entry->error = reply->error;
    return true;
}

/* Looks up every outcome, and sorts the notes by letter again. False with errno set. */
static bool find_all(struct looking *looking)
{
    struct entry entry;
    enum sorted_reading reading;
    while ((reading = sorted_spill_next(looking->by_command, &entry)) == SORTED_ENTRY)
        if (!find_outcome(looking, &entry) || !sorted_spill_add(looking->by_letter, &entry))
            return false;
    return reading == SORTED_END;
}

static bool look(struct looking *looking, const struct config *config, rd_kafka_t *consumer, int wait_ms, char *error,
                 size_t error_size)
{
    if (!sort_by_command(looking))
        return fail(error, error_size);
    for (int32_t i = 0; i < looking->partitions; i++)
        looking->ranges[i].partition = i;
    const struct replay_ranges ranges = {looking->ranges, (uint32_t)looking->partitions};
    const struct reply_reading reading = {
        .config = config, .consumer = consumer, .threads = pipeline_processors(), .wait_ms = wait_ms};
    looking->replies = recorded_replies_new(&ranges, looking->notes->spill, PENDING_BYTES);
    if (!looking->replies) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    if (!reply_reading_run(&reading, looking->replies, error, error_size))
        return false;
    return find_all(looking) || fail(error, error_size);
}

static bool looking_open(struct looking *looking, rd_kafka_t *consumer, int wait_ms, char *error, size_t error_size)
{
    struct spill *spill = looking->notes->spill;
    looking->partitions = kafka_topic_partitions(consumer, looking->topic, wait_ms, error, error_size);
    if (looking->partitions < 0 || !offsets_of_known_ends(&looking->ends, consumer, looking->topic, looking->partitions,
                                                          wait_ms, error, error_size))
        return false;
    looking->ranges = calloc((size_t)looking->partitions + 1, sizeof(*looking->ranges));
    looking->by_command = sorted_spill_new(spill, sizeof(struct entry), MEMORY_ENTRIES, by_command);
    looking->by_letter = sorted_spill_new(spill, sizeof(struct entry), MEMORY_ENTRIES, by_letter);
    if (looking->ranges && looking->by_command && looking->by_letter)
        return true;
    snprintf(error, error_size, "out of memory");
    return false;
}

static void looking_close(struct looking *looking)
{
    reply_block_release(looking->block);
    recorded_replies_free(looking->replies);
    sorted_spill_free(looking->by_command);
    sorted_spill_free(looking->by_letter);
    offsets_free(&looking->ends);
    free(looking->ranges);
}

bool letter_notes_find_outcomes(struct letter_notes *notes, const struct config *config, rd_kafka_t *consumer,
                                int wait_ms, char *error, size_t error_size)
{
    struct looking looking = {.notes = notes, .topic = config->commands.topic};
    if (sorted_spill_count(notes->by_letter) == 0)
        return true;
    const bool ok = looking_open(&looking, consumer, wait_ms, error, error_size) &&
                    look(&looking, config, consumer, wait_ms, error, error_size);
    if (ok) {
        struct sorted_spill *without = notes->by_letter;
        notes->by_letter = looking.by_letter;
        looking.by_letter = without;
    }
    looking_close(&looking);
    return ok;
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
    const struct entry *entry = &notes->next;
    *retry = (struct letter_retry){.at_ms = entry->at_ms,
                                   .to = {.partition = entry->to_partition, .offset = entry->to_offset},
                                   .outcome = entry->outcome,
                                   .error = entry->error};
    if (entry->topic != NO_TOPIC)
        memcpy(retry->to.topic, notes->topics[entry->topic], sizeof(retry->to.topic));
    notes->has_next = sorted_spill_next(notes->by_letter, &notes->next);
    return NOTES_RETRY;
}

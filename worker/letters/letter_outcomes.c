#include "worker/letters/letter_outcomes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/pipeline.h"
#include "worker/kafka/kafka_topic.h"
#include "worker/kafka/offsets.h"
#include "worker/letters/letter_log.h"
#include "worker/letters/letter_notes_internal.h"
#include "worker/replay/recorded_replies.h"
#include "worker/replay/reply_reading.h"

#define THREADS       2                 /* few, since each has replies in memory */
#define PENDING_BYTES ((size_t)2 << 20) /* replies that wait for their place in the spill */
/* A note may name any offset. Outcomes are looked for this far behind the end of a partition at most. */
#define OFFSETS_LOOKED_AT ((int64_t)1 << 31)

/* The look-up of all outcomes. */
struct looking {
    const struct letter_outcomes *outcomes;
    struct letter_notes *notes;
    struct sorted_spill *listed;
    const char *topic;           /* of the commands */
    int32_t partitions;          /* it has; 0: it does not exist */
    struct offsets ends;         /* of these */
    struct replay_range *ranges; /* by partition: the commands that notes name */
    int64_t first_ms;            /* of the first retry; INT64_MAX: there is none to look for */
    struct recorded_replies *replies;
    struct sorted_spill *by_command, *by_letter;
    struct reply_block *block; /* of the command before; NULL: none */
    int32_t block_partition;
};

static int by_command(const void *a, const void *b)
{
    const struct note_entry *one = a, *other = b;
    const struct letter_place places[] = {{one->to_partition, one->to_offset}, {other->to_partition, other->to_offset}};
    return letter_place_order(&places[0], &places[1]);
}

static bool fail(char *error, size_t error_size)
{
    snprintf(error, error_size, "the temporary file: %s", strerror(errno));
    return false;
}

static bool is_looked_for(const struct looking *looking, const struct note_entry *entry)
{
    if (entry->topic == NOTE_NO_TOPIC || strcmp(looking->notes->topics[entry->topic], looking->topic) != 0 ||
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

/* Moves `place` on to `of` or behind it in the list; *reading: whether there is one. */
static void move_on(struct sorted_spill *listed, const struct letter_place *of, struct letter_place *place,
                    enum sorted_reading *reading)
{
    while (*reading == SORTED_ENTRY && letter_place_order(place, of) < 0)
        *reading = sorted_spill_next(listed, place);
}

/* Sorts the notes of the letters that are listed by their commands. False with errno set. */
static bool sort_by_command(struct looking *looking)
{
    struct note_entry entry;
    struct letter_place place;
    enum sorted_reading reading, place_reading;
    if (!sorted_spill_begin(looking->notes->by_letter) || !sorted_spill_begin(looking->listed))
        return false;
    place_reading = sorted_spill_next(looking->listed, &place);
    while ((reading = sorted_spill_next(looking->notes->by_letter, &entry)) == SORTED_ENTRY) {
        move_on(looking->listed, &entry.of, &place, &place_reading);
        if (place_reading == SORTED_FAILED)
            return false;
        if (place_reading == SORTED_END || letter_place_order(&place, &entry.of) != 0)
            continue;
        if (is_looked_for(looking, &entry)) {
            widen(&looking->ranges[entry.to_partition], entry.to_offset);
            looking->first_ms = entry.at_ms < looking->first_ms ? entry.at_ms : looking->first_ms;
        }
        if (!sorted_spill_add(looking->by_command, &entry))
            return false;
    }
    return reading == SORTED_END && sorted_spill_begin(looking->by_command);
}

/* False with errno set. */
static bool find_outcome(struct looking *looking, struct note_entry *entry)
{
    if (!looking->replies || !is_looked_for(looking, entry))
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
    struct note_entry entry;
    enum sorted_reading reading;
    while ((reading = sorted_spill_next(looking->by_command, &entry)) == SORTED_ENTRY)
        if (!find_outcome(looking, &entry) || !sorted_spill_add(looking->by_letter, &entry))
            return false;
    return reading == SORTED_END;
}

static bool read_replies(struct looking *looking, char *error, size_t error_size)
{
    const struct letter_outcomes *outcomes = looking->outcomes;
    for (int32_t i = 0; i < looking->partitions; i++)
        looking->ranges[i].partition = i;
    const struct replay_ranges ranges = {looking->ranges, (uint32_t)looking->partitions};
    const uint32_t processors = pipeline_processors();
    const struct reply_reading reading = {
        .config = outcomes->config,
        .consumer = outcomes->consumer,
        .threads = processors < THREADS ? processors : THREADS,
        .wait_ms = outcomes->wait_ms,
        .progress = outcomes->progress,
        .listener = outcomes->listener,
        .since_ms = looking->first_ms < LETTER_CLOCKS_APART_MS ? 0 : looking->first_ms - LETTER_CLOCKS_APART_MS,
        .ahead = &letter_log_ahead,
        .without_contents = true,
    };
    looking->replies = recorded_replies_new(&ranges, looking->notes->spill, PENDING_BYTES);
    if (!looking->replies) {
        snprintf(error, error_size, "out of memory");
        return false;
    }
    return reply_reading_run(&reading, looking->replies, error, error_size);
}

static bool look(struct looking *looking, char *error, size_t error_size)
{
    if (!sort_by_command(looking))
        return fail(error, error_size);
    if (looking->first_ms < INT64_MAX && !read_replies(looking, error, error_size))
        return false;
    return find_all(looking) || fail(error, error_size);
}

static bool looking_open(struct looking *looking, char *error, size_t error_size)
{
    const struct letter_outcomes *outcomes = looking->outcomes;
    struct spill *spill = looking->notes->spill;
    looking->partitions =
        kafka_topic_partitions(outcomes->consumer, looking->topic, outcomes->wait_ms, error, error_size);
    if (looking->partitions < 0 || !offsets_of_known_ends(&looking->ends, outcomes->consumer, looking->topic,
                                                          looking->partitions, outcomes->wait_ms, error, error_size))
        return false;
    looking->ranges = calloc((size_t)looking->partitions + 1, sizeof(*looking->ranges));
    looking->by_command = sorted_spill_new(spill, sizeof(struct note_entry), NOTE_MEMORY_ENTRIES, by_command);
    looking->by_letter = sorted_spill_new(spill, sizeof(struct note_entry), NOTE_MEMORY_ENTRIES, note_by_letter);
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

bool letter_outcomes_find(const struct letter_outcomes *outcomes, struct letter_notes *notes,
                          struct sorted_spill *listed, char *error, size_t error_size)
{
    struct looking looking = {.outcomes = outcomes,
                              .notes = notes,
                              .listed = listed,
                              .topic = outcomes->config->commands.topic,
                              .first_ms = INT64_MAX};
    if (sorted_spill_count(notes->by_letter) == 0)
        return true;
    const bool ok = looking_open(&looking, error, error_size) && look(&looking, error, error_size);
    if (ok) {
        struct sorted_spill *before = notes->by_letter;
        notes->by_letter = looking.by_letter;
        looking.by_letter = before;
    }
    looking_close(&looking);
    return ok;
}

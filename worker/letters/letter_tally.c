#include "worker/letters/letter_tally.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t length)
{
    for (const unsigned char *byte = bytes; length > 0; byte++, length--)
        hash = (hash ^ *byte) * 1099511628211u;
    return hash;
}

void letter_tally_add(struct letter_tally *tally, struct letter_place of, const struct letter_position *to)
{
    char text[LETTER_POSITION_SIZE];
    letter_position_write(to, text);
    const uint64_t hash =
        mix(mix(14695981039346656037u, &of.partition, sizeof(of.partition)), &of.offset, sizeof(of.offset));
    tally->sum += mix(hash, text, strlen(text));
    tally->count++;
}

bool letter_tally_equal(const struct letter_tally *one, const struct letter_tally *other)
{
    return one->count == other->count && one->sum == other->sum;
}

static bool take(void *listener, struct letter *letter, rd_kafka_message_t *message)
{
    (void)message;
    if (letter->kind == LETTER_NOTE && letter->is_valid)
        letter_tally_add(listener, letter->of, &letter->to);
    return true;
}

bool letter_tally_read(struct letter_tally *tally, const struct config *config, const struct letter_log *log,
                       int wait_ms, char *error, size_t error_size)
{
    struct letter_log *now = letter_log_open(config, wait_ms, error, error_size);
    bool ok = now && letter_log_await_open(now, error, error_size);
    *tally = (struct letter_tally){0};
    for (int32_t i = 0; ok && i < letter_log_partitions(now); i++)
        ok = letter_log_read(now, i, letter_log_end(log, i), INT64_MAX, take, tally, error, error_size);
    if (ok && letter_log_has_holes(now)) {
        snprintf(error, error_size, "the notes of this retry cannot be read any more");
        ok = false;
    }
    letter_log_close(now);
    return ok;
}

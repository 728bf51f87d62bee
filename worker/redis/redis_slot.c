#include "worker/redis/redis_slot.h"

#include <assert.h>
#include <pthread.h>

#include "common/decimal.h"

/* ---- the slot of a key ---- */

uint16_t redis_crc16(struct span bytes)
{
    /* What four bits do to the remainder: two steps a byte, and half a cache line of table. */
    static const uint16_t steps[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
                                       0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
    uint16_t crc = 0;
    for (size_t i = 0; i < bytes.length; i++) {
        const unsigned byte = (unsigned char)bytes.at[i];
        crc = (uint16_t)(crc << 4) ^ steps[(crc >> 12) ^ (byte >> 4)];
        crc = (uint16_t)(crc << 4) ^ steps[(crc >> 12) ^ (byte & 15)];
    }
    return crc;
}

static struct span hash_tag(struct span key)
{
    const char *open = key.length > 0 ? memchr(key.at, '{', key.length) : NULL;
    if (!open)
        return key;
    const struct span rest = span_from(key, (size_t)(open - key.at) + 1);
    const char *close = rest.length > 0 ? memchr(rest.at, '}', rest.length) : NULL;
    return close && close > rest.at ? span_of(rest.at, (size_t)(close - rest.at)) : key;
}

uint16_t redis_slot_of(struct span key)
{
    return redis_crc16(hash_tag(key)) % REDIS_SLOTS;
}

/* ---- a tag for each slot ---- */

static char tags[REDIS_SLOTS][REDIS_SLOT_TAG_LENGTH + 2];
static pthread_once_t tags_once = PTHREAD_ONCE_INIT;

static void make_tags(void)
{
    unsigned missing = REDIS_SLOTS;
    for (int64_t counter = 0; missing > 0; counter++) {
        char text[DECIMAL_BYTES], *const end = text + sizeof(text), *begin = decimal_before(end, counter);
        const struct span tag = span_of(begin, (size_t)(end - begin));
        char *const place = tags[redis_slot_of(tag)];
        assert(tag.length <= REDIS_SLOT_TAG_LENGTH);
        if (place[0])
            continue;
        span_copy(place, tag);
        missing--;
    }
}

struct span redis_slot_tag(unsigned slot)
{
    assert(slot < REDIS_SLOTS);
    pthread_once(&tags_once, make_tags); /* it cannot fail with a valid once-control */
    return span_of_text(tags[slot]);
}

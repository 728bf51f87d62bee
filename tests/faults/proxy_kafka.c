#include "tests/faults/proxy_kafka.h"

#include <string.h>

static uint32_t number32(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The kind of the frame whose head is whole; -1: an answer to nothing that was seen. */
static int api_key_of(const struct frames *frames, struct requests *requests, enum direction direction)
{
    int32_t correlation = (int32_t)number32(frames->head + (direction == TO_SERVER ? 8 : 4));
    size_t slot = (uint32_t)correlation % REQUESTS_UNDER_WAY;
    if (direction == TO_SERVER) {
        requests->sent[slot].correlation = correlation;
        requests->sent[slot].api_key = frames->head[4] << 8 | frames->head[5];
    }
    return requests->sent[slot].correlation == correlation ? requests->sent[slot].api_key : -1;
}

static void begin_frame(struct frames *frames, struct requests *requests, struct rules *rules, enum direction direction)
{
    const struct frame_rule *rule = rules_meet(rules, direction, api_key_of(frames, requests, direction));
    uint32_t length = number32(frames->head), seen = (uint32_t)frames->head_length - 4;
    frames->rule = rule ? *rule : (struct frame_rule){.action = FRAME_PASS};
    frames->left = length > seen ? length - seen : 0;
}

void frames_feed(struct frames *frames, struct requests *requests, struct rules *rules, enum direction direction,
                 const unsigned char *bytes, size_t length, frames_taker *taker, void *context)
{
    size_t whole = direction == TO_SERVER ? REQUEST_HEAD : ANSWER_HEAD;
    while (length > 0) {
        size_t size;
        if (frames->left > 0) {
            size = frames->left < length ? frames->left : length;
            taker(context, &frames->rule, bytes, size);
            frames->left -= (uint32_t)size;
        } else {
            size = whole - frames->head_length < length ? whole - frames->head_length : length;
            memcpy(frames->head + frames->head_length, bytes, size);
            frames->head_length += size;
            if (frames->head_length == whole) {
                begin_frame(frames, requests, rules, direction);
                taker(context, &frames->rule, frames->head, whole);
                frames->head_length = 0;
            }
        }
        bytes += size;
        length -= size;
    }
}

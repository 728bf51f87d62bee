/* redis_slot: the slots of a Redis Cluster, by the Redis Cluster specification. A key belongs to the slot that is the
 * CRC16 (XMODEM) of its hash tag, or of the whole key if it has none, modulo 16384. It does no I/O.
 *
 * A tag is a short text for a slot: "{TAG}" in the name of a key puts the key there. So keys that are about a slot, and
 * not about a workspace, stand beside what they are about. */
#ifndef WORKER_REDIS_REDIS_SLOT_H
#define WORKER_REDIS_REDIS_SLOT_H

#include <stdint.h>

#include "common/span.h"

#define REDIS_SLOTS 16384

/* CRC16 with the polynomial 0x1021 and no initial value. */
uint16_t redis_crc16(struct span bytes);

/* The slot of a key, below REDIS_SLOTS. The hash tag is what stands between the first { and the first } behind it; an
 * empty one does not count. So a workspace, which has no braces, has the slot of its keys. */
uint16_t redis_slot_of(struct span key);

/* The tag of a slot below REDIS_SLOTS: the lowest counter, in decimal digits, that has this slot. At most
 * REDIS_SLOT_TAG_LENGTH bytes, with a NUL behind them, valid as long as the program runs; always the same, also in
 * later versions, since names of keys are made of it.
 *
 * The first call makes all of them, in 3 ms and 128 KiB; another thread that needs one waits meanwhile. */
struct span redis_slot_tag(unsigned slot);

#define REDIS_SLOT_TAG_LENGTH 6

#endif

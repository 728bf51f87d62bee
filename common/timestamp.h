/* timestamp: points in time as RFC 3339 text, in UTC with milliseconds. */
#ifndef COMMON_TIMESTAMP_H
#define COMMON_TIMESTAMP_H

#include <stdint.h>

#include "common/must_check.h"
#include "common/span.h"

#define TIME_LENGTH  24
#define TIME_LAST_MS INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* "2026-11-23T06:38:00.123Z", 24 bytes. Times outside of the years 0 to 9999 are shown as the nearest one inside. */
void time_text(int64_t since_1970_ms, char text[TIME_LENGTH]);

/* The time for a message's timestamp from Kafka. -1, no timestamp, counts as 0. Times outside of the years 0 to 9999
 * become the nearest one inside, so that time_text shows exactly this time. */
int64_t time_of_message(int64_t timestamp_ms);

/* Reads "2026-11-23T06:38:00Z", with up to three decimals of the second and any offset from UTC (RFC 3339), or a plain
 * number of milliseconds since 1970. Returns false if it is neither. */
MUST_CHECK bool time_read(struct span text, int64_t *since_1970_ms);

#endif

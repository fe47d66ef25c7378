/* timestamp.h - moments as text and back: RFC 3339 and the compact form that
 * segment names carry.  Moments are nanoseconds since 1970-01-01 UTC: 64 bits
 * hold the years 1677 to 2262.  Pure: any thread. */
#ifndef SCHEMA_RECORD_TIMESTAMP_H
#define SCHEMA_RECORD_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#define TIMESTAMP_TEXT_MAX       48
#define TIMESTAMP_COMPACT_LENGTH 16

/* "2026-11-24T07:30:00.123456789Z", without the digits that are zero behind
 * the last millisecond: at least three.  Returns `text` (TIMESTAMP_TEXT_MAX bytes). */
const char *timestamp_format(int64_t unix_ns, char *text);
/* "20261124T073000Z"; what is below a second is cut off. */
const char *timestamp_format_compact(int64_t unix_ns, char *text);
/* Reads the compact form (16 bytes, what follows is not looked at), from 1970 on.
 * ERR_INVALID (port/error.h) else, also for a day that the calendar does not have. */
int timestamp_parse_compact(const char *text, int64_t *unix_ns);
/* A day's first second, counted from 1970 on (before it: negative). ERR_INVALID: the
 * calendar has no such day, or its year is not 0 to 9999. */
int timestamp_of_day(int32_t year, int32_t month, int32_t day, int64_t *second);

#endif

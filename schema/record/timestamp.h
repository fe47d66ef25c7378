/* timestamp.h - formats and parses times: RFC 3339 and the compact form in segment names.  Times
 * are nanoseconds since 1970-01-01 UTC: 64 bits hold the years 1677 to 2262.  Pure: any thread. */
#ifndef SCHEMA_RECORD_TIMESTAMP_H
#define SCHEMA_RECORD_TIMESTAMP_H

#include <stddef.h>
#include <stdint.h>

#define TIMESTAMP_TEXT_MAX       48
#define TIMESTAMP_COMPACT_LENGTH 16

/* "2026-11-24T07:30:00.123456789Z", without trailing zeros but with at least three digits of the
 * second's fraction.  Returns `text`, which has room for TIMESTAMP_TEXT_MAX bytes. */
const char *timestamp_format(int64_t unix_ns, char *text);
/* The same on a clock that is ahead of UTC by offset_s, rounded to whole minutes: "...+01:00". */
const char *timestamp_format_offset(int64_t unix_ns, int32_t offset_s, char *text);
/* "20261124T073000Z", without fractions of a second; otherwise like timestamp_format. */
const char *timestamp_format_compact(int64_t unix_ns, char *text);
/* Parses the compact form (16 bytes; bytes after it are ignored), from 1970 on.  ERR_INVALID
 * otherwise, also for a day that does not exist. */
int timestamp_parse_compact(const char *text, int64_t *unix_ns);
/* The first second of a day in Unix time (negative before 1970).  ERR_INVALID: the day does not
 * exist, or the year is not 0 to 9999. */
int timestamp_of_day(int32_t year, int32_t month, int32_t day, int64_t *second);

#endif

/* time.h - parses the times of --since, --until and conditions, and formats those of tables.
 * Pure. */
#ifndef TOOLS_QUERY_TIME_H
#define TOOLS_QUERY_TIME_H

#include <stdint.h>

#include "writer/clock/zone.h"

/* Rounded down, also for numbers below 0: times before 1970. */
static inline int64_t divide_down(int64_t number, int64_t by) {
    return number / by - (number % by < 0);
}

/* Parses TIME as --since does:
 *
 *   10m  -10m  1h30m  10 minutes ago           before now
 *   now  today  yesterday  monday  mon         the start of that day; the latest Monday
 *   Nov 29  29 Nov 2026  2026-11-29  20261129  without a year: the latest such day
 *   15:00                                      today
 *   1795505400                                 Unix time: seconds, or smaller units by magnitude
 *
 * A time of day may follow a day, and Z, UTC, GMT or an offset such as +02:00 may follow either.
 * Without these it is a time of `zone`: the first one if that time occurs twice, the moment of the
 * change if it is skipped.  Words are read in any case.
 * ERR_INVALID: it is none of these, or outside the years 1677 to 2262. */
#define QUERY_TIME_HINT                                                                            \
    "try 10m, 1h30m, yesterday 15:00, monday, Nov 29, 2026-11-24 15:00 (local) or "                \
    "2026-11-24T07:30:00Z"
int query_time(const char *text, int64_t now_ns, const struct zone *zone, int64_t *unix_ns);

/* Parses an age as query_time does: 10m, 1h30m.  ERR_INVALID. */
int query_age(const char *text, int64_t *age_ns);

/* "2026-11-24T07:30:00Z", or "...+01:00" in a zone; NULL: UTC.  Returns `text`, which has room for
 * TIMESTAMP_TEXT_MAX bytes. */
const char *query_time_text(const struct zone *zone, int64_t time_ns, char *text);

#endif

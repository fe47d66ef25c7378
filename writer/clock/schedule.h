/* schedule.h - times of day in a zone at which something is due, and the moments that they mean.
 *
 * A time that the clock shows twice counts once, the first time; one that the clock skips is due
 * when it skips.  So each time has exactly one moment.  Pure: any thread. */
#ifndef WRITER_CLOCK_SCHEDULE_H
#define WRITER_CLOCK_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "writer/clock/zone.h"

#define SCHEDULE_TIMES_MAX 48

struct schedule {
    uint32_t every_minutes;               /* from each local midnight on; 0: at these: */
    uint32_t count;                       /* 0: never */
    uint16_t minutes[SCHEDULE_TIMES_MAX]; /* of the day, in no order */
    const struct zone *zone;              /* not owned */
};

/* What schedule_parse reads, for error messages. */
#define SCHEDULE_EXPECTED "never, hourly, daily, every 15m, every 6h or at 00:00,12:30"

/* Fills all but the zone.  ERR_INVALID: it is none of SCHEDULE_EXPECTED, or every more than a day.
 * Hourly is every 60 minutes, daily at 00:00. */
int schedule_parse(const char *text, struct schedule *schedule);
static inline bool schedule_never(const struct schedule *schedule) {
    return schedule->every_minutes == 0 && schedule->count == 0;
}

/* The first moment after `after_s` at which it is due, both seconds since 1970 UTC, as in zone.h.
 * INT64_MAX: never. */
int64_t schedule_next(const struct schedule *schedule, int64_t after_s);

#endif

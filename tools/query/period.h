/* period.h - periods of time, as clocks of a zone show them.
 *
 * A period of a day begins at midnight, also where a day has 23 or 25 hours.  In an hour that clocks
 * show twice, periods of up to an hour occur twice; longer ones contain it.  One thread. */
#ifndef TOOLS_QUERY_PERIOD_H
#define TOOLS_QUERY_PERIOD_H

#include <stdbool.h>
#include <stdint.h>

#include "writer/clock/zone.h"

/* All other members zero. */
struct period {
    int64_t every_ns;        /* more than 0 */
    const struct zone *zone; /* NULL: UTC */
    /* The zone's clocks are offset_s before UTC from first_s until just before until_s. */
    int64_t first_s, until_s;
    int32_t offset_s;
    /* The last period began at begin_ns, when clocks showed reading_ns. */
    bool any;
    int64_t reading_ns, begin_ns;
};

/* The time at which the period that contains this time begins. */
int64_t period_begin(struct period *period, int64_t time_ns);

#endif

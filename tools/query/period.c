/* period.c - see period.h. */
#include "tools/query/period.h"

#include "tools/query/time.h"

#define SECOND_NS INT64_C(1000000000)
#define HOUR_NS   (3600 * SECOND_NS)

static int64_t offset_ns(struct period *period, int64_t time_ns) {
    const int64_t unix_s = divide_down(time_ns, SECOND_NS);
    if (unix_s < period->first_s || unix_s >= period->until_s) {
        period->offset_s = zone_offset_s(period->zone, unix_s, &period->until_s);
        period->first_s = unix_s;
    }
    return period->offset_s * SECOND_NS;
}

int64_t period_begin(struct period *period, int64_t time_ns) {
    const int64_t every_ns = period->every_ns;
    if (period->zone == NULL) return divide_down(time_ns, every_ns) * every_ns;
    const int64_t before_ns = offset_ns(period, time_ns);
    const int64_t reading_ns = divide_down(time_ns + before_ns, every_ns) * every_ns;
    if (every_ns <= HOUR_NS) return reading_ns - before_ns;
    if (!period->any || reading_ns != period->reading_ns) {
        period->any = true;
        period->reading_ns = reading_ns;
        period->begin_ns =
            zone_moment_s(period->zone, divide_down(reading_ns, SECOND_NS)) * SECOND_NS;
    }
    return period->begin_ns;
}

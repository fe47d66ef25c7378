/* histogram.h - counts lines per interval of time, for times in any order and range: the intervals
 * start at one second and grow, so that their number stays limited. */
#ifndef TOOLS_RENDER_HISTOGRAM_H
#define TOOLS_RENDER_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define HISTOGRAM_INTERVALS_MAX 1024

struct histogram {
    int64_t width_s; /* of each interval; 0: no time was added */
    int64_t first;   /* the first interval starts at first * width_s, since 1970 */
    uint32_t count;
    uint64_t lines[HISTOGRAM_INTERVALS_MAX];
};

/* The histogram starts as all zero. */
void histogram_add(struct histogram *histogram, int64_t time_ns);
/* Widens the intervals until there are at most count_max, but at least 2. */
void histogram_shrink(struct histogram *histogram, uint32_t count_max);

#endif

/* histogram.h - how many lines each stretch of time holds, for times that come in
 * any order and range: stretches grow, from a second on, so that they stay few. */
#ifndef TOOLS_RENDER_HISTOGRAM_H
#define TOOLS_RENDER_HISTOGRAM_H

#include <stdbool.h>
#include <stdint.h>

#define HISTOGRAM_STRETCHES_MAX 1024

struct histogram {
    int64_t width_s; /* of each stretch; 0: no time was added */
    int64_t first;   /* the first stretch begins at first * width_s, since 1970 */
    uint32_t count;
    uint64_t lines[HISTOGRAM_STRETCHES_MAX];
};

/* Begins as all zero. */
void histogram_add(struct histogram *histogram, int64_t time_ns);
/* Makes stretches longer until there are at most so many, 2 at least. */
void histogram_shrink(struct histogram *histogram, uint32_t count_max);

#endif

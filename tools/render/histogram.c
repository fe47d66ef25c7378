/* histogram.c - see histogram.h. */
#include "tools/render/histogram.h"

#include <string.h>

#include "tools/query/time.h"

#define NS_PER_S 1000000000

/* Each divides the next, so an interval never has to be split; after the last they double. */
static const int32_t widths_s[] = {1,
                                   5,
                                   10,
                                   30,
                                   60,
                                   300,
                                   600,
                                   1800,
                                   3600,
                                   10800,
                                   21600,
                                   43200,
                                   86400,
                                   7 * 86400,
                                   28 * 86400,
                                   364 * 86400,
                                   10 * 364 * 86400};
#define WIDTHS (sizeof widths_s / sizeof *widths_s)

static int64_t next_width(int64_t width_s) {
    for (uint32_t i = 0; i < WIDTHS; i++)
        if (widths_s[i] > width_s) return widths_s[i];
    return width_s * 2;
}

static void widen(struct histogram *h) {
    const int64_t width_s = next_width(h->width_s);
    const int64_t times = width_s / h->width_s;
    const int64_t first = divide_down(h->first, times);
    uint32_t count = 0;
    for (uint32_t i = 0; i < h->count; i++) { /* moves down or stays */
        const uint32_t to = (uint32_t)(divide_down(h->first + i, times) - first);
        const uint64_t lines = h->lines[i];
        if (to >= count) h->lines[to] = 0;
        h->lines[to] += lines;
        count = to + 1;
    }
    h->width_s = width_s;
    h->first = first;
    h->count = count;
}

void histogram_add(struct histogram *h, int64_t time_ns) {
    const int64_t second = divide_down(time_ns, NS_PER_S);
    if (h->count == 0) *h = (struct histogram){.width_s = 1, .first = second, .count = 1};
    int64_t at = divide_down(second, h->width_s);
    /* Ends: two intervals of 2^34 s cover all possible times. */
    while (at - h->first >= HISTOGRAM_INTERVALS_MAX ||
           h->first + h->count - at > HISTOGRAM_INTERVALS_MAX) {
        widen(h);
        at = divide_down(second, h->width_s);
    }
    if (at < h->first) {
        const uint32_t more = (uint32_t)(h->first - at);
        memmove(h->lines + more, h->lines, h->count * sizeof *h->lines);
        memset(h->lines, 0, more * sizeof *h->lines);
        h->first = at;
        h->count += more;
    }
    const uint32_t index = (uint32_t)(at - h->first);
    while (h->count <= index)
        h->lines[h->count++] = 0;
    h->lines[index]++;
}

void histogram_shrink(struct histogram *h, uint32_t count_max) {
    /* Times before and after 1970 need two intervals, however long they are. */
    while (h->count > count_max && h->count > 2)
        widen(h);
}

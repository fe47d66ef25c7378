/* nearby.c - see nearby.h.  If the groups between a time and the period have enough lines, no earlier
 * line is among the last ones before the period. */
#include "tools/query/nearby.h"

#include <stdlib.h>

#include "tools/query/allocate.h"

void nearby_add(struct nearby *nearby, const struct nearby_group *group) {
    if (nearby->count == nearby->room) {
        nearby->room = nearby->room > 0 ? nearby->room * 2 : 256;
        nearby->groups = reallocate(nearby->groups, nearby->room * sizeof *nearby->groups);
    }
    nearby->groups[nearby->count++] = *group;
}

static int compare_min(const void *a, const void *b) {
    const struct nearby_group *x = a, *y = b;
    return x->min_ns < y->min_ns ? -1 : x->min_ns > y->min_ns;
}

static int compare_max(const void *a, const void *b) {
    const struct nearby_group *x = a, *y = b;
    return x->max_ns < y->max_ns ? -1 : x->max_ns > y->max_ns;
}

void nearby_find(struct nearby *nearby, int64_t first_ns, int64_t last_ns, uint64_t before,
                 uint64_t after, int64_t *from_ns, int64_t *to_ns) {
    struct nearby_group *const groups = nearby->groups;
    uint64_t lines = 0;
    *from_ns = before > 0 ? INT64_MIN : first_ns;
    *to_ns = after > 0 ? INT64_MAX : last_ns;
    if (nearby->count > 0) qsort(groups, nearby->count, sizeof *groups, compare_min);
    for (uint32_t i = nearby->count; i-- > 0 && lines < before;) {
        if (groups[i].max_ns >= first_ns) continue;
        lines += groups[i].lines;
        if (lines >= before) *from_ns = groups[i].min_ns;
    }
    lines = 0;
    if (nearby->count > 0) qsort(groups, nearby->count, sizeof *groups, compare_max);
    for (uint32_t i = 0; i < nearby->count && lines < after; i++) {
        if (groups[i].min_ns <= last_ns) continue;
        lines += groups[i].lines;
        if (lines >= after) *to_ns = groups[i].max_ns;
    }
}

void nearby_free(struct nearby *nearby) {
    free(nearby->groups);
    *nearby = (struct nearby){0};
}

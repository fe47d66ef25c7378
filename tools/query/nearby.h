/* nearby.h - which groups of lines can hold the lines just before and after a period, in the order of
 * time, by their times and numbers of lines.  Pure, but for memory (allocate.h). */
#ifndef TOOLS_QUERY_NEARBY_H
#define TOOLS_QUERY_NEARBY_H

#include <stdbool.h>
#include <stdint.h>

struct nearby_group {
    int64_t min_ns, max_ns; /* of its lines */
    uint64_t lines;
};

/* All zero: of no groups. */
struct nearby {
    struct nearby_group *groups;
    uint32_t count, room;
};

/* Leave out groups whose times or lines are not known: they are needed anyway. */
void nearby_add(struct nearby *nearby, const struct nearby_group *group);
/* The last `before` lines before the period [first_ns, last_ns], and the first `after` lines after
 * it, have times of [*from_ns, *to_ns]. */
void nearby_find(struct nearby *nearby, int64_t first_ns, int64_t last_ns, uint64_t before,
                 uint64_t after, int64_t *from_ns, int64_t *to_ns);
void nearby_free(struct nearby *nearby);

#endif

/* top.h - counts how often each value occurs and finds the most frequent ones, in bounded memory
 * for any number of different values.
 *
 * Up to TOP_VALUES_MAX different values are counted exactly.  Beyond that the algorithm
 * Space-Saving (Metwally, Agrawal, El Abbadi 2005) decides which values are kept: a new value takes
 * the place of the least frequent one and inherits its count, so that counts are too high by that
 * much at most.  A second reading then counts the most frequent ones exactly: top_recount.
 *
 * A caller may keep more about each value in an array of its own, at the value's id. */
#ifndef TOOLS_RENDER_TOP_H
#define TOOLS_RENDER_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/query/hash_table.h"

#define TOP_VALUES_MAX      131072
#define TOP_VALUE_BYTES_MAX 256 /* longer values are compared up to this length */

struct top_value {
    uint64_t hash, count;
    uint64_t error;      /* how much of the count is inherited: it is too high by that at most */
    uint32_t id;         /* below the limit of values; kept when values are sorted */
    uint32_t size, room; /* of the text */
    size_t text;         /* texts[text .. text + size) */
    uint32_t place;      /* in the heap */
};

struct top {
    /* Limits, set before anything is added; 0: TOP_VALUES_MAX and TOP_VALUE_BYTES_MAX. */
    uint32_t values_max, bytes_max;
    struct top_value *values;
    uint32_t used, room;
    struct hash_table table; /* of value numbers */
    uint32_t *heap; /* value numbers, the least frequent first; NULL: no value was replaced */
    uint8_t *texts;
    size_t texts_used, texts_room;
    bool closed;     /* by top_recount: no new values */
    uint64_t others; /* records whose value is not among `values` */
    uint64_t bound;  /* any value that is not among `values` occurs at most this often */
};

/* The struct starts as all zero. */
void top_add(struct top *top, const uint8_t *text, size_t size);
/* The same for `count` records at once.  Returns the value's id; *fresh: it was not among the values
 * before, and another value may have had this id.  TOP_NONE: the list is closed, and the value is
 * not in it. */
#define TOP_NONE UINT32_MAX
uint32_t top_add_many(struct top *top, const uint8_t *text, size_t size, uint64_t count,
                      bool *fresh);
/* Has it as many values as it may have?  The next new one takes the place of another one. */
bool top_is_full(const struct top *top);
/* Adds all that was added to `part`, which was never full before its last value.  Counts that are
 * too high have the same bound as if the values had been added one by one. */
void top_join(struct top *top, const struct top *part);
void top_forget(struct top *top); /* all values */
/* Is the value in the list? */
bool top_has(const struct top *top, const uint8_t *text, size_t size);
/* Were there too many values to count all of them?  Then counts may be too high. */
bool top_is_approximate(const struct top *top);
/* Keeps the `count` most frequent values, at least, with a count of 0: if everything is added
 * again, their counts are exact. */
void top_recount(struct top *top, uint32_t count);
/* Sorts by frequency, then by text.  Returns the number of values that occurred; nothing can be
 * added afterwards. */
uint32_t top_sort(struct top *top);
void top_free(struct top *top);

#endif

/* find_set.h - finds the first of several literals in a block of bytes, in one pass whatever their
 * number.  Pure. */
#ifndef TOOLS_QUERY_FIND_SET_H
#define TOOLS_QUERY_FIND_SET_H

#include "tools/query/find.h"

#define NEEDLES_MAX   64 /* in a set that is searched in one pass */
#define PROBE_MAX     3
#define NEEDLE_GROUPS 8

/* All zero: no needles. */
struct needle_set {
    struct needle *needles;
    uint32_t count, room;
    /* Set by needle_set_ready.  Bytes `anchors[i]` to anchors[i] + width of needle i, its rarest
     * ones, are probed.  Bit g of low[k][n] and high[k][n]: byte k of the probe of a needle i with
     * i % NEEDLE_GROUPS = g has the lower, upper half n. */
    size_t *anchors;
    size_t width;
    uint8_t low[PROBE_MAX][16], high[PROBE_MAX][16];
    bool wide; /* with AVX2 */
    /* All needles begin with a backslash: most blocks have none, and are searched for nothing
     * else. */
    bool backslash;
};

/* Copies the bytes, unless the set has the needle.  0 or ERR_NO_MEMORY.  size > 0. */
int needle_set_add(struct needle_set *set, const void *bytes, size_t size, bool ignore_case);
/* After the last needle_set_add, before find_set.  0 or ERR_NO_MEMORY. */
int needle_set_ready(struct needle_set *set);
void needle_set_close(struct needle_set *set);

/* A place where a needle begins.  No other one ends before this place; if needles do not span
 * lines, it is in the first line that has any.  NULL: there is none.  The set is not empty. */
const uint8_t *find_set(const struct needle_set *set, const uint8_t *text, const uint8_t *end);
/* The same without vector instructions, for other CPUs and for tests. */
const uint8_t *find_set_plain(const struct needle_set *set, const uint8_t *text,
                              const uint8_t *end);

#endif

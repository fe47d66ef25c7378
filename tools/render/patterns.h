/* patterns.h - clusters messages by their templates (tools/query/template.h) and keeps of each
 * pattern how often, when and at which levels it occurs.
 *
 * Up to PATTERNS_MAX patterns are counted exactly.  If there are more, templates that differ in one
 * word are joined (see below), and if there are still more, the most frequent ones are kept as top.h
 * does; a second reading then counts these exactly: patterns_recount.
 *
 * At last, templates that differ in one word only are joined if there are more than
 * PATTERNS_JOINED_MIN of them: "user ann left" and many others like it become "user <*> left". */
#ifndef TOOLS_RENDER_PATTERNS_H
#define TOOLS_RENDER_PATTERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "writer/segment/counts.h"

#define PATTERNS_MAX           32768
#define PATTERNS_JOINED_MIN    32
#define PATTERNS_WINDOWS       2
#define PATTERNS_EXAMPLE_BYTES 512 /* longer examples are cut */

/* A message to add. */
struct pattern_message {
    const uint8_t *text;
    size_t size;
    uint8_t level;
    bool timed; /* time_ns is known */
    int64_t time_ns;
    uint32_t window; /* below PATTERNS_WINDOWS: where it is counted */
};

struct pattern {
    uint8_t *text; /* the template */
    uint32_t size;
    uint64_t counts[PATTERNS_WINDOWS];
    uint64_t levels[COUNTS_LEVELS]; /* as in counts.h */
    bool timed;
    int64_t first_ns, last_ns;
    uint8_t *example; /* the first message */
    uint32_t example_size;
    /* Private. */
    uint64_t number;   /* of the first message */
    uint64_t variable; /* bits of the words that were joined */
};

struct patterns;

struct patterns *patterns_open(void);
void patterns_close(struct patterns *patterns);
bool patterns_add(struct patterns *patterns, const struct pattern_message *message);

/* A part: patterns of some messages, for another thread.  It has room for PATTERNS_OF_PART; then
 * patterns_add returns false for a message with another pattern. */
#define PATTERNS_OF_PART 8192
struct patterns *patterns_open_part(void);
/* Adds a part to the whole, as if its messages had been added; the part is empty then. */
void patterns_unite(struct patterns *whole, struct patterns *part);

/* Were there too many patterns to count all of them?  Then counts may be too low. */
bool patterns_are_approximate(const struct patterns *patterns);
/* Keeps at least the `count` most frequent patterns, with a count of 0: if everything is added
 * again, what is known of them is exact. */
void patterns_recount(struct patterns *patterns, uint32_t count);
bool patterns_are_recounted(const struct patterns *patterns);

/* Sorts by frequency in all windows, then by text.  Returns the number of patterns; nothing can be
 * added afterwards. */
uint32_t patterns_sort(struct patterns *patterns);
const struct pattern *patterns_at(const struct patterns *patterns, uint32_t i);
/* Messages added to this window, and those of them whose pattern is not kept. */
uint64_t patterns_total(const struct patterns *patterns, uint32_t window);
uint64_t patterns_others(const struct patterns *patterns, uint32_t window);
/* Any pattern that is not kept occurs at most this often; without a recount, counts may be too low
 * by as much. */
uint64_t patterns_bound(const struct patterns *patterns);

#endif

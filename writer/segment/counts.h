/* counts.h - sums over lines: how many have each level, how many have a time of their own, and the
 * range of these times.  An index keeps them for each group, by the usual rules of
 * schema/record/facts.h; stat prints them.  Pure. */
#ifndef WRITER_SEGMENT_COUNTS_H
#define WRITER_SEGMENT_COUNTS_H

#include <stddef.h>
#include <stdint.h>

enum { COUNTS_LEVELS = 7 }; /* none, then trace to fatal: OpenTelemetry's 24 in fours */

/* All zero: of no lines. */
struct counts {
    uint64_t lines, levels[COUNTS_LEVELS];
    uint64_t timed; /* lines that say a time; the least and the greatest are theirs, else 0 */
    int64_t time_min_ns, time_max_ns;
};

struct facts;
struct facts_rules;

/* One line, without its newline; it may be anything.  Returns what it says in *facts. */
void counts_add_line(struct counts *counts, const struct facts_rules *rules, const uint8_t *line,
                     size_t size, struct facts *facts);
/* One line with these facts; all zero: a line without any. */
void counts_add_facts(struct counts *counts, const struct facts *facts);
/* Whole lines, each ended by a newline. */
void counts_add_lines(struct counts *counts, const struct facts_rules *rules, const uint8_t *lines,
                      size_t size);
void counts_add(struct counts *counts, const struct counts *other);

#endif

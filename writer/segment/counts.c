/* counts.c - see counts.h. */
#include "writer/segment/counts.h"

#include <string.h>

#include "schema/record/facts.h"

static void add_times(struct counts *counts, int64_t min_ns, int64_t max_ns) {
    if (counts->timed == 0 || min_ns < counts->time_min_ns) counts->time_min_ns = min_ns;
    if (counts->timed == 0 || max_ns > counts->time_max_ns) counts->time_max_ns = max_ns;
}

void counts_add_line(struct counts *counts, const struct facts_rules *rules, const uint8_t *line,
                     size_t size, struct facts *facts) {
    *facts = (struct facts){0};
    /* In files of others a line may be anything. */
    if (size > 0 && *line == '{') facts_of_record(line, size, rules, facts);
    counts_add_facts(counts, facts);
}

void counts_add_facts(struct counts *counts, const struct facts *facts) {
    counts->lines++;
    counts->levels[(facts->level + 3u) / 4]++;
    if (!facts->has_time) return;
    add_times(counts, facts->time_ns, facts->time_ns);
    counts->timed++;
}

void counts_add_lines(struct counts *counts, const struct facts_rules *rules, const uint8_t *lines,
                      size_t size) {
    const uint8_t *const end = lines + size;
    while (lines < end) {
        const uint8_t *newline = memchr(lines, '\n', (size_t)(end - lines));
        const size_t length = (size_t)((newline != NULL ? newline : end) - lines);
        struct facts facts;
        counts_add_line(counts, rules, lines, length, &facts);
        lines += length + 1;
    }
}

void counts_add(struct counts *counts, const struct counts *other) {
    if (other->timed > 0) add_times(counts, other->time_min_ns, other->time_max_ns);
    counts->timed += other->timed;
    counts->lines += other->lines;
    for (uint32_t i = 0; i < COUNTS_LEVELS; i++)
        counts->levels[i] += other->levels[i];
}

/* groups.h - uses a segment's index to decide which groups can match: by the tokens of the patterns
 * and the condition (Bloom filters), by time and by level; and which need not be read because only
 * the number of their matches is asked for, and the index knows it. */
#ifndef TOOLS_QUERY_GROUPS_H
#define TOOLS_QUERY_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "tools/query/query.h"
#include "tools/query/selection.h"
#include "writer/index/index.h"

struct groups {
    bool known; /* false: there is no index; read everything */
    struct segment_index index;
    const char *stream; /* that the segment belongs to */
    uint8_t *wanted;    /* one bit per group */
    /* Groups that were wanted, but whose matches the index knows: how many they are (lines), and
     * with settings.tally all of their counts. */
    uint8_t *known_groups;
    struct counts known_counts;
    uint64_t known_bytes; /* size of these lines */
    uint32_t next;        /* groups before this one are done */
};

/* stream: that the segment belongs to.  facts: how times and levels of the segment's records are
 * read.  Never fails: a group that cannot be decided is wanted.  Counts the skipped groups. */
void groups_open(struct groups *groups, struct file *file, const char *stream,
                 const struct query *query, const struct facts_rules *facts,
                 const struct select_settings *settings, struct select_report *report);
void groups_close(struct groups *groups); /* all zero: does nothing */
/* Is this group, with a number below index.count, one of known_groups? */
bool groups_is_known(const struct groups *groups, uint32_t group);
bool groups_any_wanted(const struct groups *groups);

/* The first wanted group that has bytes at or after `offset`; sets *gap if groups were skipped.
 * NULL: there are no more. */
const struct index_group *groups_next(struct groups *groups, uint64_t offset, bool *gap);
/* End of the group that groups_next returned, including its lid. */
uint64_t groups_end(const struct groups *groups);

#endif

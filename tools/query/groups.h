/* groups.h - which parts of a segment need not be read, as far as its index knows: groups of
 * frames without the words that are looked for, of another time, or of lower levels. */
#ifndef TOOLS_QUERY_GROUPS_H
#define TOOLS_QUERY_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "port/files.h"
#include "tools/query/query.h"
#include "tools/query/selection.h"
#include "writer/index/index.h"

struct groups {
    bool known; /* else the segment has no index: all of it is to be read */
    struct segment_index index;
    uint8_t *wanted; /* a bit a group */
    uint32_t next;   /* those before were read or passed over */
};

/* Never fails: what cannot be known is wanted.  Counts what is passed over. */
void groups_open(struct groups *groups, struct file *file, const struct query *query,
                 const struct select_settings *settings, struct select_report *report);
void groups_close(struct groups *groups); /* all zero: nothing happens */
bool groups_any_wanted(const struct groups *groups);

/* The first wanted group that has bytes at or behind `offset`; sets *gap if others were passed
 * over.  NULL: there is none. */
const struct index_group *groups_next(struct groups *groups, uint64_t offset, bool *gap);
/* Where the bytes of the group end that groups_next has given: its lid is among them. */
uint64_t groups_end(const struct groups *groups);

#endif

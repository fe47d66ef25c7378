/* waiting.h - the files and pieces that a search by time has still to read, as a heap: first what
 * can hold the first record.  Pure. */
#ifndef TOOLS_QUERY_WAITING_H
#define TOOLS_QUERY_WAITING_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/query/cut.h"

struct waiting_item {
    int64_t time_ns; /* no record in it comes before this time; if unknown, WAITING_FIRST */
    uint64_t place; /* of those with the same time the first (newest_first: last) one comes first */
    uint32_t file;  /* its number in the list */
    void *open;     /* NULL: the file is not open yet */
    bool rest;      /* the rest of an open file, in pieces that come in their order only */
    struct cut cut; /* otherwise: this piece */
};

struct waiting {
    bool newest_first;
    struct waiting_item *items; /* all zero: none */
    uint32_t count, room;
};

/* Before all known times, and after all. */
#define WAITING_FIRST(newest_first) ((newest_first) ? INT64_MAX : INT64_MIN)
#define WAITING_LAST(newest_first)  ((newest_first) ? INT64_MIN : INT64_MAX)

void waiting_add(struct waiting *waiting, const struct waiting_item *item);
/* NULL: there is none.  Valid until the next call. */
const struct waiting_item *waiting_first(const struct waiting *waiting);
/* Removes the first one; there must be one. */
struct waiting_item waiting_take(struct waiting *waiting);
void waiting_free(struct waiting *waiting);

#endif

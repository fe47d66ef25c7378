/* sorter.h - sorts any number of records by time in bounded memory: SORTER_BYTES, then temporary
 * files (runs.h).  Records leave it as early as the caller knows that none before them will follow.
 * Not for several threads.  Blocking. */
#ifndef TOOLS_QUERY_SORTER_H
#define TOOLS_QUERY_SORTER_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/query/runs.h"

/* Limit of the records in memory and their table; one record may exceed it. */
#define SORTER_BYTES (32u << 20)

/* Receives the records in order, valid during the call.  Return false to stop. */
typedef bool sorter_take(void *context, const struct sorted_record *record);

/* Only records up to this time can still be among those that are wanted. */
struct sorter_limit {
    bool known;
    bool newest_first; /* from this time on */
    int64_t ns;
};
static inline bool sorter_is_beyond(const struct sorter_limit *limit, int64_t time_ns) {
    return limit->known && (limit->newest_first ? time_ns < limit->ns : time_ns > limit->ns);
}

struct sorter_entry {
    struct sorted_record record; /* its text is at `begin` */
    size_t begin;
};

struct sorter {
    bool newest_first;
    uint64_t left; /* records that are still wanted; UINT64_MAX: all */
    sorter_take *take;
    void *context;
    bool ended; /* nothing more is wanted, or runs.status */
    /* Known as soon as there are `left` records in memory. */
    struct sorter_limit limit;
    uint8_t *text;
    size_t text_size, text_room;
    struct sorter_entry *entries;
    uint64_t count, room;
    uint64_t drain_bytes; /* try to pass records on when memory holds this many bytes */
    struct runs runs;
};

/* max: the first records that are wanted. */
void sorter_open(struct sorter *sorter, bool newest_first, uint64_t max, sorter_take *take,
                 void *context);
void sorter_close(struct sorter *sorter);

/* Copies the record.  next_ns: none that is added later comes before this time. */
void sorter_add(struct sorter *sorter, const struct sorted_record *record, int64_t next_ns);
/* True: nothing that can still be added is wanted, if it does not come before next_ns. */
bool sorter_has_enough(const struct sorter *sorter, int64_t next_ns);
/* Passes on everything. 0, or the ERR_ of a temporary file (sorter->runs). */
int sorter_finish(struct sorter *sorter);

#endif

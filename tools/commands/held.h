/* held.h - records of several streams that arrive one after the other, put in order of time: each is
 * held for a limited time, so that earlier ones of slower streams can come before it.  For tail -f
 * --sort.  Pure, but for memory (allocate.h). */
#ifndef TOOLS_COMMANDS_HELD_H
#define TOOLS_COMMANDS_HELD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/query/sorter.h"

/* Limit of the records that are held: beyond it, the first ones are passed on early. */
#define HELD_BYTES_MAX (UINT64_C(64) << 20)

struct held_entry {
    struct sorted_record record; /* its text belongs to the entry */
    int64_t due_ns;
};

struct held {
    int64_t delay_ns; /* the rest begins as all zero */
    struct held_entry *entries;
    uint64_t count, room, bytes;
    bool any;        /* a record was passed on */
    int64_t last_ns; /* the latest time of those */
};

/* Copies the record.  One that is earlier than what was passed on already is due at once. */
void held_add(struct held *held, const struct sorted_record *record, int64_t now_ns);
/* Passes on, in order, every record that is due, and all that come before it. */
void held_pass_on(struct held *held, int64_t now_ns, sorter_take *take, void *context);
/* Records up to this time were printed elsewhere. */
void held_passed(struct held *held, int64_t time_ns);
void held_close(struct held *held);

#endif

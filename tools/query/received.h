/* received.h - when the lines of a segment came in, as far as its lids, its index and its name
 * tell; for those who read frame by frame. */
#ifndef TOOLS_QUERY_RECEIVED_H
#define TOOLS_QUERY_RECEIVED_H

#include <stdint.h>

#include "port/files.h"
#include "writer/index/index.h"
#include "writer/segment/segment_name.h"

struct received_lid {
    uint64_t end; /* it speaks for the frames between the end of the one before and this offset */
    bool known;
    int64_t min_ns, max_ns;
};

/* What stood in the file when it was opened came in before it was last written to. */
struct received_until {
    uint64_t size;
    int64_t most_ns;
};

struct received {
    struct received_lid *lids;
    uint32_t count, room;
    struct segment_index index;  /* all zero: there is none */
    int64_t least_ns;            /* of lines of which nothing else is known */
    struct received_until until; /* the same */
};

/* Reads headers and lids to the present end of the file.  Never fails: what cannot be read is
 * not known. */
void received_open(struct received *received, struct file *file, const struct segment_name *name);
void received_close(struct received *received); /* all zero: nothing happens */
/* Of the lines of the frame at this offset. */
void received_at(const struct received *received, uint64_t offset, int64_t *min_ns,
                 int64_t *max_ns);

/* Of lines of which nobody says when they came in it is known that their file was made at a
 * certain time.  So much before it they may have come: a full disk holds them, and clocks are put
 * back. */
#define RECEIVED_HELD_NS INT64_C(3600000000000)
/* INT64_MIN for a file whose name is no segment's. */
int64_t received_least_ns(const struct segment_name *name);
struct received_until received_until(struct file *file);
/* Of lines that end at this offset: INT64_MAX for what came later. */
static inline int64_t received_most_ns(const struct received_until *until, uint64_t end) {
    return end <= until->size ? until->most_ns : INT64_MAX;
}

#endif

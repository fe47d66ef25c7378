/* received.h - when the lines of a segment were received, from its lids, receipts, index and name;
 * for code that reads frame by frame. */
#ifndef TOOLS_QUERY_RECEIVED_H
#define TOOLS_QUERY_RECEIVED_H

#include <stddef.h>
#include <stdint.h>

#include "port/files.h"
#include "writer/index/index.h"
#include "writer/segment/segment_name.h"

struct received_lid {
    uint64_t end; /* valid for the frames from the end of the previous lid to this offset */
    bool known;
    int64_t min_ns, max_ns;
};

/* The lines of a receipt: those that begin before `end` bytes of all lines of the segment. */
struct received_part {
    uint64_t end;
    int64_t min_ns, max_ns;
};

/* A frame that has receipts: its offset, and how many bytes of lines precede it. */
struct received_frame {
    uint64_t offset, before;
};

/* Everything in the file when it was opened was received before its last modification. */
struct received_until {
    uint64_t size;
    int64_t most_ns;
};

struct received {
    struct received_lid *lids;
    uint32_t count, room;
    struct received_part *parts;
    uint32_t part_count, part_room;
    struct received_frame *frames;
    uint32_t frame_count, frame_room;
    struct segment_index index;  /* all zero: no index */
    int64_t least_ns;            /* for lines about which nothing else is known */
    struct received_until until; /* likewise */
};

/* Reads headers and lids up to the present end of the file.  Never fails: what cannot be read is
 * unknown. */
void received_open(struct received *received, struct file *file, const struct segment_name *name);
void received_close(struct received *received); /* all zero: does nothing */
/* The receive times of the line that begins after `at` bytes of the lines of the frame at this
 * offset.  Returns the bytes of the frame's lines before which other lines begin that have the same
 * times; SIZE_MAX: all. */
size_t received_at(const struct received *received, uint64_t offset, size_t at, int64_t *min_ns,
                   int64_t *max_ns);

/* Lines without a known receive time may have been received this long before their file was
 * created: a full disk delays them, and clocks are set back. */
#define RECEIVED_HELD_NS INT64_C(3600000000000)
/* INT64_MIN if the name is not a segment's. */
int64_t received_least_ns(const struct segment_name *name);
struct received_until received_until(struct file *file);
/* For lines that end at this offset; INT64_MAX for lines written after the file was opened. */
static inline int64_t received_most_ns(const struct received_until *until, uint64_t end) {
    return end <= until->size ? until->most_ns : INT64_MAX;
}

#endif

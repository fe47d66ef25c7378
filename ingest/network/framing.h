/* framing.h - bytes in, whole lines out.
 *
 * Whole lines are copied to a batch; an unfinished line waits in line memory.  A line that grows
 * too long is set aside: its beginning is kept, the rest is skipped, and at its newline it becomes
 * one rejected record.  No clock, no port.  Owner only. */
#ifndef INGEST_NETWORK_FRAMING_H
#define INGEST_NETWORK_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/network/line_memory.h"
#include "writer/live/batch.h"

/* All zero: no unfinished line. */
struct framing {
    struct line_chunk *first, *last;
    uint32_t chunks;                 /* count of first..last */
    uint32_t kept;                   /* bytes in them */
    uint64_t size;                   /* of the unfinished line so far */
    uint32_t set_aside;              /* 0, or the reason why the line is not stored */
    bool ends_in_cr;                 /* its last byte so far */
    bool head_only;                  /* set aside, and nothing more of it is kept */
    struct framing *next, *previous; /* in line_memory.holders[chunks] */
};

struct framing_rules {
    struct line_memory *memory;
    uint32_t line_bytes_max; /* without CR and LF */
};

/* Copies whole lines to the batch and the unfinished line to memory.  Returns how many bytes it
 * took: fewer than size if the batch has no room for the next line; call again with the rest and an
 * empty batch. */
size_t framing_take(struct framing *framing, const struct framing_rules *rules, struct batch *batch,
                    const struct batch_origin *origin, const uint8_t *bytes, size_t size);
/* The connection has ended: the unfinished line is a record.  False: the batch has no room; call
 * again with an empty one. */
bool framing_end(struct framing *framing, const struct framing_rules *rules, struct batch *batch,
                 const struct batch_origin *origin);

/* A datagram: whole lines, the last one ended by the datagram. False: no room. */
bool framing_take_datagram(struct batch *batch, const struct batch_origin *origin,
                           const uint8_t *bytes, size_t size);

#endif

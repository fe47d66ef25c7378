/* partial.h - a record whose end has not been received.
 *
 * Its bytes wait in line memory.  A record that grows too long is set aside: its beginning is kept,
 * the rest is skipped, and at its end it becomes one rejected record.  No clock, no port.  Owner
 * only. */
#ifndef INGEST_PROTOCOL_PARTIAL_H
#define INGEST_PROTOCOL_PARTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/protocol/line_memory.h"
#include "ingest/protocol/sink.h"

/* All zero: no unfinished record. */
struct partial {
    struct line_chunk *first, *last;
    uint32_t chunks;                 /* count of first..last */
    uint32_t kept;                   /* bytes in them */
    uint64_t size;                   /* of the record so far */
    uint32_t set_aside;              /* 0, or the reason why the record is not stored */
    uint8_t last_bytes[2];           /* so far: CR and LF at its end do not count */
    bool head_only;                  /* set aside, and nothing more of it is kept */
    struct partial *next, *previous; /* in line_memory.holders[chunks] */
};

/* Adds these bytes to the record; never fails, but may set it, or a longer one, aside. */
void partial_add(struct partial *partial, const struct sink *sink, const uint8_t *bytes,
                 size_t size);
/* The record and these last bytes of it become a line, or a rejected record.  form SINK_LINE: they
 * contain no newline.  False: no room; nothing has changed. */
bool partial_finish(struct partial *partial, const struct sink *sink, const uint8_t *bytes,
                    size_t size, enum sink_form form);
/* The same for an entry of the forward protocol, whose JSON takes at most json_bytes. */
bool partial_finish_forward(struct partial *partial, const struct sink *sink, const uint8_t *bytes,
                            size_t size, uint64_t json_bytes);
/* The connection has ended: what is unfinished is a record.  False: no room; nothing has changed. */
bool partial_end(struct partial *partial, const struct sink *sink, enum sink_form form);
/* The record and these last bytes of it are rejected for this reason.  False: no room; nothing has
 * changed. */
bool partial_reject(struct partial *partial, const struct sink *sink, const uint8_t *bytes,
                    size_t size, uint32_t reason);
/* Does it end in a whole object, so that only what separates it from the next record is missing?  Looks
 * at brackets only. */
bool partial_is_object(const struct partial *partial);
/* Drops what was added after the first `size` bytes. */
void partial_cut(struct partial *partial, struct line_memory *memory, uint64_t size);
/* Frees its memory; what it held is not counted. */
void partial_forget(struct partial *partial, struct line_memory *memory);

#endif

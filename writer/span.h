/* span.h - what is known of a stretch of lines: how many, when, how serious.
 * And the lid, the small skippable frame in which a live segment says that of the
 * frames before it (FORMAT.md).  Pure: any thread. */
#ifndef WRITER_SPAN_H
#define WRITER_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    uint64_t lines, raw_size;
    /* When they were received; min > max: not known. */
    int64_t received_min_ns, received_max_ns;
    /* When they happened, or were received where a line does not say; min > max: not known. */
    int64_t time_min_ns, time_max_ns;
    uint32_t levels; /* bit l: a line of level l is among them (facts.h; 0: of none) */
};

/* No lines. */
void span_clear(struct span *span);
/* Takes the other's lines in. */
void span_add(struct span *span, const struct span *other);
/* May a line of it have happened (received: been received) between these, both included?
 * True too where the times are not known. */
bool span_overlaps(const struct span *span, bool received, int64_t since_ns, int64_t until_ns);

#define LID_BYTES 64
/* The whole skippable frame. first_line: the segment's number of the span's first line. */
void lid_encode(const struct span *span, uint64_t first_line, uint8_t lid[LID_BYTES]);
/* From a whole skippable frame of FRAME_MAGIC_LID and this size.  ERR_INVALID: of a version
 * that we do not know, or damaged: pass over it. */
int lid_decode(const uint8_t *bytes, size_t size, struct span *span, uint64_t *first_line);

#endif

/* batch_internal.h - between batch_fill.c, batch.c and batch_stamp.c. */
#ifndef WRITER_LIVE_BATCH_INTERNAL_H
#define WRITER_LIVE_BATCH_INTERNAL_H

#include "writer/live/batch.h"
#include "writer/live/stamp.h"
#include "writer/segment/frame.h"

/* Bytes at `raw` for lines: the longest one can be stamped. */
static inline uint32_t batch_capacity(uint32_t raw_max) {
    const uint32_t most = raw_max + STAMP_BYTES_MAX;
    return most < FRAME_RAW_MAX ? most : FRAME_RAW_MAX;
}

/* Adds the stamps to the records that batch_check has left. */
void batch_stamp(struct batch *batch);

#endif

/* samples.h - what an operator is told of lines that a monitored schema would have
 * rejected: in any minute the first of each keyword, and at most SAMPLES_A_MINUTE.  Owner only. */
#ifndef INGEST_PIPELINE_SAMPLES_H
#define INGEST_PIPELINE_SAMPLES_H

#include <stdint.h>

#include "writer/live/batch.h"

#define SAMPLES_A_MINUTE 10

/* All zero: nothing said yet. */
struct samples {
    int64_t minute_ns; /* its beginning */
    uint32_t said;
    uint64_t keywords[SAMPLES_A_MINUTE]; /* their hashes */
};

/* A line on standard error for each sample of the batch that may be told.  total: how many
 * lines were like this since the start. */
void samples_say(struct samples *samples, const struct batch *batch, int64_t now_ns,
                 uint64_t total);

#endif

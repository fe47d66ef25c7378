/* samples.h - reports lines that a monitored schema would have rejected: in any minute the first
 * line of each keyword, and at most SAMPLES_A_MINUTE.  Owner only. */
#ifndef INGEST_PIPELINE_SAMPLES_H
#define INGEST_PIPELINE_SAMPLES_H

#include <stdint.h>

#include "writer/live/batch.h"

#define SAMPLES_A_MINUTE 10

/* All zero: nothing reported yet. */
struct samples {
    int64_t minute_ns; /* its beginning */
    uint32_t count;
    uint64_t keywords[SAMPLES_A_MINUTE]; /* their hashes */
};

/* Says one line for each sample of the batch that may be reported.  total: the number of such lines
 * since the start. */
void samples_say(struct samples *samples, const struct batch *batch, int64_t now_ns,
                 uint64_t total);

#endif

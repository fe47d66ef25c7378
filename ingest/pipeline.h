/* pipeline.h - from the open batch to the streams, in order.
 *
 * Sources fill the open batch.  It is sealed when full, when flush_ms old, or
 * when somebody asks; a worker judges and compresses it; then its frames go to
 * the streams in the order of sealing.  A source that finds no batch is parked
 * and resumed, first come first served, when one is free: a batch always frees
 * itself, so nothing can deadlock.  Owner only. */
#ifndef INGEST_PIPELINE_H
#define INGEST_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/counters.h"
#include "port/port.h"
#include "writer/batch.h"
#include "writer/stream.h"

struct pipeline;
struct rules;

/* Embedded by whoever brings lines. */
struct source {
    /* There may be room now. Returns false if it had to park itself again. */
    bool (*resume)(struct source *source);
    struct source *next_parked;
    bool parked;
};

struct pipeline_options {
    uint32_t line_bytes_max;
    uint32_t batches; /* at least PIPELINE_BATCHES_MIN */
    uint64_t flush_ms;
    struct stream *main, *rejects;
    struct counters *counters;
};

/* One filling, one for each of two workers, one being written. */
#define PIPELINE_BATCHES_MIN 4

/* Quarantine's rate; DESIGN: at most 8 MiB/s. */
#define QUARANTINE_BYTES_PER_SECOND (8u << 20)

int pipeline_create(struct port *port, const struct pipeline_options *options,
                    struct pipeline **pipeline);
/* Nothing in flight: pipeline_busy is false. */
void pipeline_free(struct pipeline *pipeline);

/* What the lines are judged by from now on: those taken so far keep what they came under.  To
 * be called before the first line. */
void pipeline_judge_by(struct pipeline *pipeline, struct rules *rules);
const struct rules *pipeline_rules(const struct pipeline *pipeline); /* in force */
void pipeline_flush_ms(struct pipeline *pipeline, uint64_t flush_ms);

/* Calls add with a batch, and again with a fresh one for as long as it says that it had no room
 * (false): a fresh one has room for a longest line.  False: no batch is free, park; and call it
 * again for the rest. */
bool pipeline_fill(struct pipeline *pipeline, bool (*add)(void *context, struct batch *batch),
                   void *context);
void pipeline_park(struct pipeline *pipeline, struct source *source);
bool pipeline_anyone_parked(const struct pipeline *pipeline);
/* Hands over what there is. */
void pipeline_seal(struct pipeline *pipeline);
/* Batches sealed so far, and how many of them, in that order, have been given to the streams. */
uint64_t pipeline_sealed(const struct pipeline *pipeline);
uint64_t pipeline_appended(const struct pipeline *pipeline);
/* No more lines will come: hands over what there is and stops the flush timer. */
void pipeline_finish(struct pipeline *pipeline);
/* True while a batch is open with lines in it, or anywhere on its way. */
bool pipeline_busy(const struct pipeline *pipeline);

#endif

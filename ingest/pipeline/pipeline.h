/* pipeline.h - from the open batches to the streams, in order.
 *
 * A source belongs to a listener, a listener to a stream, and each stream that is fed has a batch
 * of its own open while there are lines for it.  It is sealed when full, when flush_ms old, or
 * when somebody asks; a worker judges and compresses it; then its frames go to its stream, and to
 * rejects, in the order of sealing.
 *
 * A source that finds no batch is parked and resumed, first come first served among those of its
 * stream, when one is free: a batch always frees itself, so nothing can deadlock.  And each stream
 * finds at least one, whatever the others hold: one whose disk is full does not stop the
 * rest.  Owner only. */
#ifndef INGEST_PIPELINE_PIPELINE_H
#define INGEST_PIPELINE_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/config/config.h"
#include "ingest/pipeline/counters.h"
#include "port/port.h"
#include "writer/live/batch.h"
#include "writer/live/stream.h"

struct pipeline;
struct rules;

/* Embedded by whoever brings lines. */
struct source {
    uint32_t listener; /* its number, which says by the rules in force to which stream it belongs */
    /* There may be room now. Returns false if it had to park itself again. */
    bool (*resume)(struct source *source);
    struct source *next_parked;
    bool parked;
};

struct pipeline_options {
    uint32_t line_bytes_max;
    uint32_t batches; /* pipeline_batches_min at least */
    uint64_t flush_ms;
    struct stream *rejects;
    struct counters *counters;
};

/* One filling, one for each of two workers, one being written. */
#define PIPELINE_BATCHES_MIN 4
/* And one for each stream more that is fed. */
static inline uint32_t pipeline_batches_min(uint32_t streams) {
    return PIPELINE_BATCHES_MIN + (streams > 1 ? streams - 1 : 0);
}

/* Quarantine's rate; DESIGN: at most 8 MiB/s. */
#define QUARANTINE_BYTES_PER_SECOND (8u << 20)

int pipeline_create(struct port *port, const struct pipeline_options *options,
                    struct pipeline **pipeline);
/* Nothing in flight: pipeline_busy is false. */
void pipeline_free(struct pipeline *pipeline);
/* The streams' numbers are 0, 1, ... in the order in which they are added; at most STREAMS_MAX. */
void pipeline_add_stream(struct pipeline *pipeline, struct stream *stream);
/* So many batches from now on, if there are fewer. */
int pipeline_more_batches(struct pipeline *pipeline, uint32_t batches);

/* What the lines are judged by, and which streams they go to, from now on: those taken so far keep
 * what they came under.  To be called before the first line. */
void pipeline_validate_by(struct pipeline *pipeline, struct rules *rules);
/* This listener brings nothing any more: no batch is left for a stream that it alone has fed. */
void pipeline_left(struct pipeline *pipeline, uint32_t listener);
const struct rules *pipeline_rules(const struct pipeline *pipeline); /* in force */
void pipeline_flush_ms(struct pipeline *pipeline, uint64_t flush_ms);

/* Calls add with a batch for the source's stream, and again with a fresh one for as long as it says
 * that it had no room (false): a fresh one has room for a longest line.  False: no batch is free,
 * park; and call it again for the rest. */
bool pipeline_fill(struct pipeline *pipeline, const struct source *source,
                   bool (*add)(void *context, struct batch *batch), void *context);
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

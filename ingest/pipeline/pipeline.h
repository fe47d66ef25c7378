/* pipeline.h - from open batches to the streams, in order.
 *
 * A source belongs to a listener, a listener to a stream, and each stream that receives lines has
 * one open batch.  A batch is sealed when it is full, when it is flush_ms old, or on request; a
 * worker validates and compresses it; then its frames go to its stream, and to rejects, in the
 * order of sealing.  A batch waits for its stream only: rejects has a queue of its own
 * (rejects_queue.h).
 *
 * A source that finds no free batch is parked.  Parked sources of a stream are resumed in order
 * when a batch is free.  Batches never wait for sources, so nothing can deadlock.  Each stream gets
 * at least one batch, whatever the others hold: a stream whose disk is full does not stop the rest.
 * Owner only. */
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

/* Embedded in a connection or a datagram socket. */
struct source {
    uint32_t listener; /* its number: the active rules map it to a stream */
    /* There may be room now.  Returns false if it parked itself again. */
    bool (*resume)(struct source *source);
    struct source *next_parked;
    bool parked;
};

struct pipeline_options {
    uint32_t line_bytes_max;
    uint32_t batches; /* at least pipeline_batches_min */
    uint64_t flush_ms;
    struct stream *rejects;
    struct counters *counters;
};

/* One filling, one for each of two workers, one being written. */
#define PIPELINE_BATCHES_MIN 4
/* And one for each further stream that is fed. */
static inline uint32_t pipeline_batches_min(uint32_t streams) {
    return PIPELINE_BATCHES_MIN + (streams > 1 ? streams - 1 : 0);
}

/* The limit of what goes to quarantine. */
#define QUARANTINE_BYTES_PER_SECOND (8u << 20)

int pipeline_create(struct port *port, const struct pipeline_options *options,
                    struct pipeline **pipeline);
/* Nothing in flight: pipeline_busy is false. */
void pipeline_free(struct pipeline *pipeline);
/* Streams are numbered 0, 1, ... in the order in which they are added; at most STREAMS_MAX. */
void pipeline_add_stream(struct pipeline *pipeline, struct stream *stream);
/* Adds batches up to this number; parked sources use them at once.  ERR_NO_MEMORY: some were
 * added. */
int pipeline_more_batches(struct pipeline *pipeline, uint32_t batches);

/* Sets the rules that lines are validated by and the streams that they go to, from now on; lines
 * received before keep the rules before.  Call it before the first line. */
void pipeline_validate_by(struct pipeline *pipeline, struct rules *rules);
/* This listener has closed: no batch is reserved for a stream that only it has fed. */
void pipeline_left(struct pipeline *pipeline, uint32_t listener);
const struct rules *pipeline_rules(const struct pipeline *pipeline); /* active */
void pipeline_flush_ms(struct pipeline *pipeline, uint64_t flush_ms);

/* Calls add with the open batch of the source's stream, and again with a new one as long as it
 * returns false (no room); a new batch has room for the longest line.  Returns false if no batch is
 * free: park, and call it again for the rest. */
bool pipeline_fill(struct pipeline *pipeline, const struct source *source,
                   bool (*add)(void *context, struct batch *batch), void *context);
void pipeline_park(struct pipeline *pipeline, struct source *source);
/* It waits no more: its resume is not called. */
void pipeline_unpark(struct pipeline *pipeline, struct source *source);
bool pipeline_anyone_parked(const struct pipeline *pipeline);
/* Seals all open batches. */
void pipeline_seal(struct pipeline *pipeline);
/* Batches sealed so far, and how many of them have been appended to their streams, in that
 * order. */
uint64_t pipeline_sealed(const struct pipeline *pipeline);
uint64_t pipeline_appended(const struct pipeline *pipeline);
/* No more lines will come: seals all open batches and stops the flush timer. */
void pipeline_finish(struct pipeline *pipeline);
/* After pipeline_finish: all lines have been appended to their streams, if not stored. */
bool pipeline_all_appended(const struct pipeline *pipeline);
/* True while a batch with lines is open, packed or written. */
bool pipeline_busy(const struct pipeline *pipeline);

#endif

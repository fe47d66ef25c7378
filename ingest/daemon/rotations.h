/* rotations.h - requests to rotate all streams.
 *
 * A request is complete when every record that was in a batch when it came is in a closed segment.
 * That is a position in each stream, so it does not matter how much is appended and closed
 * meanwhile.  It is answered with an error if a segment stays .part, if the disk fails, or when its
 * time is over; the rotation itself continues.  Owner only. */
#ifndef INGEST_DAEMON_ROTATIONS_H
#define INGEST_DAEMON_ROTATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "ingest/daemon/stream_set.h"
#include "ingest/pipeline/pipeline.h"
#include "port/port.h"

/* A request that finds all places taken, or for which nothing was received since the last one, joins
 * the last one and is answered with it: requests that follow each other closely delay no answer. */
#define ROTATIONS_MAX      8
#define ROTATION_ERROR_MAX 256

struct rotation {
    uint64_t request;                  /* the last one that it answers; 0: signals only */
    uint64_t batches;                  /* that must be appended first */
    bool begun;                        /* they are, and the streams were asked */
    struct stream_positions positions; /* to be closed */
    int64_t asked_ns;                  /* the first of its requests */
};

struct rotations {
    /* Set by the caller, the rest zero: */
    struct port *port;
    struct pipeline *pipeline;
    struct stream_set *streams;
    /* Requests with this number and lower ones are over; error: NULL, or why not all is closed: plain
     * text without quotes. */
    void (*answer)(void *context, uint64_t request, const char *error);
    void *context;
    /* Its own: */
    struct rotation all[ROTATIONS_MAX]; /* in order */
    uint32_t count;
};

/* request: a number that rises; 0: no answer is wanted. */
void rotations_add(struct rotations *rotations, uint64_t request);
/* After each wait on the port. */
void rotations_step(struct rotations *rotations);
/* How long until the next request must be answered; -1: none waits. */
int64_t rotations_wait_ns(const struct rotations *rotations);
/* All segments are closed, or given up: lost. */
void rotations_end(struct rotations *rotations, bool lost);

#endif

/* unfold_job.h - unfolds a body on a worker, a piece at a time, and puts the records into the sink.
 *
 * The protocol collects the body and sets session->unfold; the connection has a worker run the job,
 * gives each piece to the protocol's `take` (which calls unfold_job_give), and runs it again until it
 * has ended.  So order, room and acknowledgement are those of any bytes, and the memory is that of one
 * body and one piece.  No clock, no port. */
#ifndef INGEST_PROTOCOL_UNFOLD_JOB_H
#define INGEST_PROTOCOL_UNFOLD_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ingest/protocol/sink.h"
#include "ingest/protocol/unfold.h"

/* A piece ends when it has this many bytes, or this many rejected events. */
#define UNFOLD_PIECE_BYTES   (256u << 10)
#define UNFOLD_PIECE_REJECTS 64

/* An event that is rejected; it takes one byte of the piece. */
struct unfold_reject {
    uint32_t at; /* in the piece */
    struct unfold_event event;
};

struct unfold_job {
    const struct unfold_format *format;
    uint8_t *body;
    size_t size, room; /* of the body; of its memory, without UNFOLD_PADDING */
    /* After unfold_job_begin; the worker's while it runs. */
    struct unfold unfold;
    uint32_t record_max;
    bool begun, ended;
    uint8_t *piece;
    uint32_t piece_size;
    struct unfold_reject rejects[UNFOLD_PIECE_REJECTS];
    uint32_t reject_count;
    /* Of the first event that was rejected here; 0: there is none yet.  If nothing of the body was
     * taken, that is event 1, and `refused` is true. */
    uint64_t events, first_number, first_at;
    const char *first_problem;
    bool refused;
};

/* Bytes that a job takes from unfold_job_begin on, besides its body, for records of this size. */
size_t unfold_job_bytes(const struct unfold_job *job, uint32_t record_max);
/* The body is complete.  False: out of memory. */
bool unfold_job_begin(struct unfold_job *job, uint32_t record_max);
/* Frees the body and all else. */
void unfold_job_end(struct unfold_job *job);

/* Worker: fills the next piece, or ends; the last piece may be empty. */
void unfold_job_run(struct unfold_job *job);
/* Owner: puts bytes of the piece into the sink, as `take` does (protocol.h). */
size_t unfold_job_give(const struct unfold_job *job, const struct sink *sink, const uint8_t *bytes,
                       size_t size);

#endif

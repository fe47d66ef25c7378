/* stream_internal.h - shared by stream.c and live_segment.c only. */
#ifndef WRITER_LIVE_STREAM_INTERNAL_H
#define WRITER_LIVE_STREAM_INTERNAL_H

#include "writer/live/rotation.h"
#include "writer/live/segment.h"
#include "writer/live/stream.h"

enum stream_step {
    STREAM_IDLE,
    STREAM_OPENING,
    STREAM_WRITING,    /* the append, under its cover */
    STREAM_UNCOVERING, /* its true beginning */
    STREAM_CUTTING,    /* what a failed append left is cut off */
    STREAM_WAITING,    /* the disk has failed; trying again soon */
};

/* A segment with an open file: the present one, or one that is being closed. */
struct live_segment {
    struct segment segment;
    struct stream *stream;
    struct live_segment *next; /* in stream->retired, the oldest first */
    struct port_op close_op;   /* the close job, or the wait before it is tried again */
    struct port_op sync_op, sync_timer, watch_timer;
    struct port_op look_op; /* the wait for a look at its name, or the look */
    bool retired, dirty, close_waits;
    enum { SYNC_ENTER, SYNC_FILE } sync_step; /* sync_op's */
    bool looking;                             /* look_op is the look */
    int64_t lid_ns;  /* when the last lid was written, or the file opened */
    int close_error; /* the last one that was reported */
};

struct stream {
    struct port *port;
    struct stream_options options;
    char name[STREAM_NAME_MAX + 1];
    char folder[PATH_BYTES_MAX], state_folder[PATH_BYTES_MAX], state_path[PATH_BYTES_MAX];
    uint64_t last_sequence;
    enum stream_step step;
    struct port_op op; /* of `step` */
    int error;         /* that STREAM_CUTTING cleans up after */
    struct live_segment *present, *retired;
    bool close_running;                 /* one of the retired ones' close jobs */
    struct stream_append *first, *last; /* held; the first may be in flight */
    size_t append_size;                 /* of the first, with its lid and padding */
    struct span append_span;            /* of it and of the lines before it without a lid */
    bool append_lid;                    /* it ends with a lid */
    struct stream_append *rotate_after; /* held: when it is stored, rotate_wanted is set */
    struct rotation rotation;           /* of the present segment */
    bool rotate_wanted, finishing, abandoned;
    int failure;                 /* the last error of the disk; 0: writes succeed */
    int sync_error;              /* of a segment that is to be retired: a pause follows */
    bool failure_reported;       /* reported, and its end not yet */
    int64_t failure_reported_ns; /* 0: never */
    struct stream_counts counts;
};

/* ---- stream.c ---- */

/* Starts the next step, if none is in flight. */
void stream_advance(struct stream *stream);
/* Limits reports of failures to one a minute, even if the disk fails and recovers more often. */
bool stream_may_report(struct stream *stream);
/* How long to wait after this error before trying again. */
int64_t stream_retry_ns(int error);

/* ---- live_segment.c ---- */

/* The stream's next; NULL: no memory. */
struct live_segment *live_segment_create(struct stream *stream);
/* Sets the timer to the next time at which it may have to be rotated. */
void live_segment_watch(struct live_segment *live);
/* It has new lines to be synced. */
void live_segment_written(struct live_segment *live);
/* Hands the present one over to closing. */
void live_segment_retire(struct stream *stream);
/* How many are waiting to be closed.  Those whose closing has failed and will be tried again do not
 * count: a program that keeps a file from being renamed must not keep lines from being written. */
uint32_t live_segments_closing(const struct stream *stream);
/* Closes retired segments whose timers and sync are idle, the oldest first and one at a time: a
 * slow lane full of closing would keep later syncs waiting.  None while the next segment is opened:
 * on a file system that is syncing, creating a file waits, and so would every append. */
void live_segment_close_retired(struct stream *stream);

#endif

/* stream_internal.h - shared by stream.c and live_segment.c only. */
#ifndef WRITER_LIVE_STREAM_INTERNAL_H
#define WRITER_LIVE_STREAM_INTERNAL_H

#include "writer/live/rotation.h"
#include "writer/live/segment.h"
#include "writer/live/stream.h"

enum stream_step {
    STREAM_IDLE,
    STREAM_OPENING,
    STREAM_LOOKING,    /* has another program changed the file since the last append? */
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
    struct waiter *unsynced, *syncing; /* stream_sync's: those that the sync in flight is for */
    uint64_t first_append;   /* the number of its first one in the stream, from 1; 0: none yet */
    int64_t close_failed_ns; /* since when its closing fails; 0: it does not */
    enum { SYNC_ENTER, SYNC_FILE } sync_step; /* sync_op's */
    bool looking;                             /* look_op is the look */
    uint64_t look_size;                       /* the segment's when the look began */
    uint64_t mark;       /* where a complete append begins: the next look reads there */
    uint64_t last_start; /* where the last append begins */
    int64_t appended_ns; /* when it was complete */
    int64_t lid_ns;      /* when the last lid was written, or the file opened */
    int close_error;     /* the last one that was reported */
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
    uint64_t appended;                  /* appends so far: the number of the last */
    size_t append_size;                 /* of the first, with its lid and padding */
    struct span append_span;            /* of it and of the lines before it without a lid */
    bool append_lid;                    /* it ends with a lid */
    struct rotation rotation;           /* of the present segment */
    bool rotate_wanted, finishing, abandoned;
    bool looked;               /* since the last append */
    bool move_wanted;          /* retire the present segment if its next write fails */
    bool hurried;              /* the same for every segment */
    uint32_t tries;            /* failed ones of the present segment, since its last success */
    int64_t tried_ns;          /* the first of them */
    int64_t new_file_ns;       /* an empty failing segment stays until then */
    int64_t new_file_pause_ns; /* between the last two of those */
    int failure;               /* the last error of the disk; 0: writes succeed */
    int sync_error;            /* of a segment that is to be retired: a pause follows */
    bool failure_reported;     /* reported, and its end not yet */
    int64_t failure_reported_ns, move_reported_ns; /* 0: never */
    struct stream_counts counts;
};

/* ---- stream.c ---- */

/* Starts the next step, if none is in flight. */
void stream_advance(struct stream *stream);
/* Limits reports of one kind to one a minute, even if the disk fails and recovers more often.
 * reported_ns: when that kind was reported last. */
bool stream_may_report(const struct stream *stream, int64_t *reported_ns);
/* How long to wait after this error before trying again. */
int64_t stream_retry_ns(int error);

/* ---- live_segment.c ---- */

/* The stream's next; NULL: no memory. */
struct live_segment *live_segment_create(struct stream *stream);
/* Sets the timer to the next time at which it may have to be rotated. */
void live_segment_watch(struct live_segment *live);
/* The waiter's append is its last one so far. */
void live_segment_sync(struct live_segment *live, struct waiter *waiter);
/* It has new lines to be synced. */
void live_segment_written(struct live_segment *live);
/* A look has come back: notes and reports that its file is gone or was shortened. */
void live_segment_looked(struct live_segment *live, int64_t looked);
/* Hands the present one over to closing. */
void live_segment_retire(struct stream *stream);
/* How many are waiting to be closed.  Those whose file is closed already, and whose closing has
 * failed and will be tried again, do not count: a program that keeps a file from being renamed must
 * not keep lines from being written. */
uint32_t live_segments_closing(const struct stream *stream);
/* Closes retired segments whose timers and sync are idle, the oldest first and one at a time: a
 * slow lane full of closing would keep later syncs waiting.  None while the next segment is opened:
 * on a file system that is syncing, creating a file waits, and so would every append. */
void live_segment_close_retired(struct stream *stream);
/* Those whose closing has failed are tried again now. */
void live_segment_retry_closing(struct stream *stream);

#endif

/* stream.h - writes a stream's frames into consecutive segments.
 *
 * Frames are appended in the order given, one write in flight.  A segment is opened for the first
 * append after a rotation, and retired by size (raw or packed), age, idleness, schedule
 * (rotation.h) or request.  While the disk fails, appends are held in order and retried: in the
 * same segment first, then in a new one, because the fault may be of one file (stream.c has the
 * limits).  So only a folder that takes no new file, or a full volume, holds a stream.  Every call
 * and callback: the port's owner.  Never waits. */
#ifndef WRITER_LIVE_STREAM_H
#define WRITER_LIVE_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "port/port.h"
#include "writer/clock/schedule.h"
#include "writer/live/waiters.h"
#include "writer/segment/span.h"

struct stream;

/* What may change while it is open. */
struct stream_sizes {
    uint64_t
        segment_bytes_max; /* raw; the segment is retired before an append that would exceed it */
    uint64_t segment_packed_bytes_max; /* of the file without its index; 0: no limit */
    uint64_t segment_age_ms;           /* since it was opened; 0: no limit */
    uint64_t segment_idle_ms;          /* since the last append; 0: no limit */
    /* Its zone stays until the next stream_resize, or stream_free. */
    struct schedule schedule;
    uint64_t sync_ms; /* after a write, sync no later than this; 0: only at close */
};

struct stream_options {
    const char *directory; /* <dir> */
    const char *name;
    struct stream_sizes sizes;
    uint64_t
        folder_bytes_max;   /* of all closed segments; the oldest are deleted first; 0: no limit */
    uint64_t last_sequence; /* the highest ever used (from recovery) */
    /* A segment has been closed, or given up (stream_abandon).  May be NULL. */
    void (*segment_closed)(void *context);
    void *context; /* of segment_closed */
};

/* How many retired segments may wait to be closed: their files are open, and not all of their lines
 * are synced.  At this limit appends are held until one is closed. */
#define STREAM_CLOSING_MAX 8

/* Room for a lid and padding after an append. */
#define STREAM_SPARE_BYTES (LID_BYTES + 8)

/* Embedded by the caller.  bytes: whole frames, at least FRAME_COVER_BYTES, followed by
 * STREAM_SPARE_BYTES of room; the stream owns them until done is called. */
struct stream_append {
    uint8_t *bytes;
    size_t size;
    uint64_t raw_size, lines;
    struct span span; /* of these lines; all zero: nothing is known of them */
    /* 0: stored.  ERR_CANCELLED: given up by stream_abandon. */
    void (*done)(struct stream_append *append, int result);
    /* The stream's: */
    struct stream_append *next;
    uint8_t cover[8];
    bool rotates; /* the segment is retired after it */
};

struct stream_counts {
    uint64_t bytes_written, segments_opened, segments_closed, write_failures, sync_failures;
    uint64_t segments_suspect; /* left as .part after a failure: the next start recovers them */
    uint64_t segments_indexed; /* small ones, while they were closed */
    uint32_t appends_held;
    bool failing; /* the last write failed */
};

/* recover_stream must have made its folder.  Touches no file. */
int stream_open(struct port *port, const struct stream_options *options, struct stream **stream);
/* From now on, for the present segment too. */
void stream_resize(struct stream *stream, const struct stream_sizes *sizes);
/* An append of more raw bytes makes a segment that is larger than it should be. */
uint64_t stream_segment_bytes_max(const struct stream *stream);
void stream_append(struct stream *stream, struct stream_append *append);
/* To be called from the `done` of an append that was stored.  The waiter is completed when that append
 * is durable, for which a sync begins as soon as possible: at once, or after the one in flight.  An
 * error: it may not be durable, because the sync has failed, or the file is no longer what was
 * written. */
void stream_sync(struct stream *stream, struct waiter *waiter);
/* A held append that no write and no rotation has reached: the caller may still change its bytes,
 * sizes and span, for example to add frames at its end. */
bool stream_may_extend(const struct stream *stream, const struct stream_append *append);
/* Retires the live segment after what was appended so far; the next append opens another.  A
 * failing segment is retired at once.  Returns the number of appends so far. */
uint64_t stream_rotate(struct stream *stream);
/* The first appends that are in closed segments (or were given up, or their segment was left as
 * .part, or deleted): a rotation is complete when this is at least what stream_rotate returned. */
uint64_t stream_closed_appends(const struct stream *stream);
/* The error for which appends are held or a segment is not closed now; 0: none. */
int stream_failure(const struct stream *stream);
/* True while appends are held or a retired segment is not closed. */
bool stream_busy(const struct stream *stream);
/* A stop has begun: a failing segment is retired without further tries. */
void stream_hurry(struct stream *stream);
/* Nothing more will be appended; once all held appends are stored the segment is closed.
 * Wait for !stream_busy, then stream_free. */
void stream_finish(struct stream *stream);
/* Held appends complete with ERR_CANCELLED; closing is tried one last time and then given up. */
void stream_abandon(struct stream *stream);
void stream_free(struct stream *stream);
struct stream_counts stream_counts(const struct stream *stream);
uint64_t stream_segments_closed(const struct stream *stream); /* the same, cheaper */

#endif
